"""Sentences on a mode: its visibility, its cause, and the displaced structure."""

from __future__ import annotations

import numpy as np

from sensitivity.explorers.parts.state import Reference, Shown, State
from sensitivity.explorers.parts.view import to_markup
from sensitivity.numerics import Array
from sensitivity.plots.palette import COLORS
from sensitivity.reports.sentences import describe_slope, explain_mode, explain_trivial
from sensitivity.spectrum import TRIVIAL, Spectrum

WAITING = "The markers show the previous ones."
"""Sentence on the chart meanwhile."""


def labels(reference: Reference) -> list[str]:
    """Return a label per mode: number, singular value and cause at amplitude zero."""
    zero = reference.spectrum.zero_level
    found = zip(reference.singular_values, reference.causes, strict=True)
    return [
        f"{mode}: {'0' if value <= zero else f'{value:.1e}'}, {cause}"
        for mode, (value, cause) in enumerate(found)
    ]


def kinds(spectrum: Spectrum) -> list[str]:
    """Return the kind of each singular value before its cause is known."""
    return [
        "sensitive" if kind == "internal" and value > spectrum.zero_level else kind
        for kind, value in zip(spectrum.kinds, spectrum.singular_values, strict=True)
    ]


def meaning(reference: Reference, mode: int, *, seeking: bool = False) -> str:
    """Return sentences on a mode, its visibility and the evidence; ``seeking``: not yet known."""
    cause = reference.causes[mode]
    if cause in TRIVIAL:
        return explain_trivial(cause, mode)
    if (diagnosis := reference.diagnosis) is None:
        kind = ": finding the cause …" if seeking else " is internal."
        return f"Mode {mode}{kind} {describe_slope(reference.singular_values[mode])}"
    return explain_mode(diagnosis, mode)


def to_html(state: State, shown: Shown | None, *, seeking: bool = False, arrows: str = "") -> str:
    """Return the sentences for the panel: the mode at amplitude zero, the displaced one, arrows.

    ``arrows`` is the sentence on arrows that do not show the mode.
    """
    cause = state.reference.causes[state.mode]
    color = COLORS[cause]
    mark = f'<span style="color: {color}">&#9632;</span>'
    known = meaning(state.reference, state.mode, seeking=seeking)
    moved = state.amplitude != 0.0 and cause not in TRIVIAL
    first = (
        f"{mark} {to_markup(f'At amplitude 0: {known[0].lower()}{known[1:]}' if moved else known)}"
    )
    where = f"At {state.amplitude:+.2f} Å" if state.amplitude else "At amplitude 0"
    if shown is None:
        second = f"{where}: the singular values are being computed. {WAITING}"
    elif shown.spectrum is None:
        second = f'<b class="sensitivity-trouble">{where}: {to_markup(shown.problem)}</b>'
    elif moved:
        now = _now(shown.spectrum, state.reference.modes[state.mode])
        second = f"{where}: {to_markup(f'{now} {shown.spectrum.status}')}"
    else:
        second = f"{where}: {to_markup(shown.spectrum.status)}"
    lines = [first, second, *([to_markup(arrows)] if arrows else [])]
    return f'<div style="line-height: 1.5">{"<br>".join(lines)}</div>'


def _now(spectrum: Spectrum, mode: Array) -> str:
    """Return a sentence on the visibility of the mode at the displaced structure."""
    parts = np.tensordot(spectrum.modes, mode, axes=2)  # [mode of the displaced structure]
    value = float(np.linalg.norm(spectrum.singular_values * parts))
    seen = "visible" if value > spectrum.zero_level else "invisible"
    change = f"Moving 0.01 Å further changes the features by {0.01 * value:.1e}"
    return f"{change}: the mode is {seen} here."
