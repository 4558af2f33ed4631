"""A survey as one HTML file: sums, figures, the worst environments, settings and versions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any

from ase import Atoms
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sensitivity.plots import plot_condition, plot_environment, plot_survey
from sensitivity.reports.surveys import name_descriptor_of
from sensitivity.survey import Frames, Survey
from sensitivity.survey.summary import AT_CUTOFF, REMEDIES, by, describe_worst
from sensitivity.tolerances import Tolerance

SCATTERED = 100_000
"""Environments up to which the page has a figure with one marker for each."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #ffffff; --line: #d5d5dc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --paper: #17171b; --line: #3c3c44; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem 0.3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; max-width: 24rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td:last-child:not(.number) { min-width: 11rem; }
figure { margin: 1rem 0; max-width: 40rem; } img { width: 100%; height: auto; }
@media (max-width: 40rem) {
  .many, .many tbody, .many tr, .many td { display: block; max-width: none; }
  .many thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px;
    overflow: hidden; }
  .many tr { border-bottom: 1px solid var(--line); padding: 0.4rem 0; }
  .many td, .many td.number { border: 0; padding: 0.1rem 0; text-align: left; white-space: normal;
    display: grid; grid-template-columns: 8.5rem 1fr; }
  .many td::before { content: attr(data-head); opacity: 0.75; }
}
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 0.5rem; }
.grid figure { margin: 0; }
"""

_COLORS = {False: ("#1b1b1f", "#ffffff"), True: ("#e6e6ea", "#17171b")}
"""Ink and paper of the figures, by darkness: those of the page."""

_FEW = 3  # columns, which fit a narrow screen

Cells = Sequence[object]


def survey_page(survey: Survey, *, frames: Frames | None = None) -> str:
    """Return a self-contained HTML page, which follows the light or dark mode of the reader.

    Parameters
    ----------
    survey
        Result of ``survey``.
    frames
        The frames of the survey, from which the worst environments are drawn; None leaves the
        drawings out.

    Raises
    ------
    ValueError
        If the frames are others than those of the survey.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.share import survey_page
    >>> molecules = [structures.load("X0")]
    >>> page = survey_page(survey(molecules, DensityCorrelations()), frames=molecules)
    >>> page[:15], "incompleteness" in page, '"http' in page
    ('<!doctype html>', True, False)
    """
    title = f"Survey: {survey.status}"
    body = [
        f"<h1>Survey of environments</h1><p>{escape(survey.status)}</p>",
        f"<p>{escape(name_descriptor_of(survey))}</p>",
        *(f"<p>{escape(remark)}</p>" for remark in survey.remarks),
        *_sums(survey),
        *_figures(survey),
        *_worst(survey, frames),
        *_failures(survey),
        *_settings(survey.settings),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _sums(survey: Survey) -> Iterable[str]:
    totals = survey.totals
    yield "<h2>Invisible displacements</h2>"
    if not totals.displacements:
        yield "<p>There are none.</p>"
        return
    rows = [
        (by(cause), number, totals.affected[cause], REMEDIES[cause])
        for cause, number in totals.displacements.items()
    ]
    head = ("invisible", "displacements", "environments", "what to do")
    yield _table(head, rows, numbers=(1, 2))


def _figures(survey: Survey) -> Iterable[str]:
    yield "<h2>Conditions</h2>"
    text = "Environments by species and cause; larger markers stand for more of them"
    yield _figure(text, lambda ax: plot_survey(survey, ax=ax), size=(4.6, 3.0))
    if survey.totals.environments <= SCATTERED:
        text = "Condition of each environment against its number of neighbours"
        yield _figure(text, lambda ax: plot_condition(survey, "neighbors", ax=ax), size=(4.6, 3.0))


def _worst(survey: Survey, frames: Frames | None) -> Iterable[str]:
    worst = survey.worst()
    yield "<h2>Smallest conditions</h2>"
    without = ", without displacements that symmetry hides" if survey.causes else ""
    yield f"<p>Smallest over largest internal singular value{without}.</p>"
    head = ("environment", "condition", "cause", "neighbours", "what to do")
    columns = worst["neighbors"].tolist(), worst["gap"].tolist()
    rows = [
        (place, condition, cause, neighbors, _remedy(cause, gap))
        for (place, condition, cause), neighbors, gap in zip(
            describe_worst(worst), *columns, strict=True
        )
    ]
    yield _table(head, rows, numbers=(1, 3))
    if frames is not None:
        drawn = map(_draw, survey.environments(frames, rows=worst))
        yield f'<div class="grid">{"".join(drawn)}</div>'


def _remedy(cause: str, gap: float) -> str:
    text = REMEDIES.get(cause, "all displacements are visible")
    return f"{text}; but {AT_CUTOFF}: compare another cutoff" if gap < Tolerance.FADING else text


def _draw(environment: Atoms) -> str:
    row = environment.info
    text = f"Environment of {row['species']}{row['center']} in frame {row['frame']}"
    size = (2.4, 2.4)
    return _figure(text, lambda ax: plot_environment(environment, ax=ax), size=size, told=False)


def _failures(survey: Survey) -> Iterable[str]:
    failures = survey.failures()
    if len(failures["frame"]):
        columns = (failures[name].tolist() for name in ("frame", "center", "error"))
        yield "<h2>First failures</h2>"
        rows = [(f, "all" if c < 0 else c, error) for f, c, error in zip(*columns, strict=True)]
        yield _table(("frame", "center", "problem"), rows, numbers=(0, 1))


def _settings(settings: Mapping[str, Any]) -> Iterable[str]:
    yield "<h2>Settings and versions</h2>"
    flat = {**settings, **settings["settings"], **settings.get("versions", {})}
    rows = [
        (name, "not set" if value is None else value)
        for name, value in flat.items()
        if not isinstance(value, Mapping)
    ]
    yield _table(("setting", "value"), rows, numbers=())


def _table(head: Sequence[str], rows: Iterable[Cells], *, numbers: Sequence[int]) -> str:
    """Return a table; its columns are rows on a narrow screen, each below its heading.

    Roles keep it a table for screen readers then.
    """

    def line(cells: Cells, tag: str, role: str) -> str:
        kinds = (' class="number"' if k in numbers else "" for k in range(len(cells)))
        parts = (
            f'<{tag}{kind} role="{role}" data-head="{escape(name)}">{escape(str(cell))}</{tag}>'
            for kind, name, cell in zip(kinds, head, cells, strict=True)
        )
        return f'<tr role="row">{"".join(parts)}</tr>'

    top = f'<thead role="rowgroup">{line(head, "th", "columnheader")}</thead>'
    body = "".join(line(row, "td", "cell") for row in rows)
    kind = ' class="many"' if len(head) > _FEW else ""
    table = f'<table role="table"{kind}>{top}<tbody role="rowgroup">{body}</tbody></table>'
    return f'<div class="wide" tabindex="0">{table}</div>'  # scrolls with the keyboard, too


def _figure(
    text: str, draw: Callable[[Axes], object], *, size: tuple[float, float], told: bool = True
) -> str:
    """Return a figure in light and dark, of which the browser shows one."""
    light, dark = (_address(draw, size=size, dark=dark) for dark in (False, True))
    caption = f"<figcaption>{escape(text)}.</figcaption>" if told else ""
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(text)}"></picture>{caption}</figure>'
    )


def _address(draw: Callable[[Axes], object], *, size: tuple[float, float], dark: bool) -> str:
    ink, paper = _COLORS[dark]
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    papers = "figure.facecolor", "axes.facecolor", "savefig.facecolor"
    look: dict[Any, str] = {**dict.fromkeys(names, ink), **dict.fromkeys(papers, paper)}
    with rc_context({**look, "svg.hashsalt": "survey"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        content = BytesIO()
        figure.savefig(content, format="svg", dpi=200, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
