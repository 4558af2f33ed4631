"""A diagnosis as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from sensitivity.diagnosis.causes import Cause
from sensitivity.diagnosis.findings import DiagnosedMode, Findings
from sensitivity.diagnosis.summary import summarize
from sensitivity.numerics import Tolerance


def to_html(diagnosis: Findings) -> str:
    """Return the summary, and one row per cause with the evidence for it."""
    rows = [_row(cause, diagnosis.of(cause)) for cause, count in diagnosis.counts.items() if count]
    titles = ("cause", "modes", "relative", "larger basis", "next order", "response")
    head = "".join(f"<th>{title}</th>" for title in (*titles, "distance (Å, root mean square)"))
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<p style="max-width: 50em">{escape(summarize(diagnosis))}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(cause: Cause, modes: tuple[DiagnosedMode, ...]) -> tuple[str, ...]:
    evidence = [mode.evidence for mode in modes]
    return (
        cause,
        str(len(modes)),
        _range(one.relative for one in evidence),
        _range(one.larger_basis for one in evidence),
        _range(one.higher_order for one in evidence),
        _range((one.response for one in evidence), form=".1f"),
        _range(mode.distance for mode in modes),
    )


def _range(values: Iterable[float | None], *, form: str = ".1e") -> str:
    """From the least to the most, or one if they are written alike; nothing if none is known."""
    known = sorted(value for value in values if value is not None)
    ends = [
        "0" if value < Tolerance.EXACT else format(value, form) for value in known[:1] + known[-1:]
    ]
    return " to ".join(dict.fromkeys(ends))
