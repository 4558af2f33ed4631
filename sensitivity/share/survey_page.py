"""A survey as one HTML file: sums, figures, the worst environments, settings and versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.plots import plot_condition, plot_environment, plot_survey
from sensitivity.progress import Progress, telling
from sensitivity.reports.surveys import describe_survey, name_descriptor_of
from sensitivity.reports.tables import Json
from sensitivity.share.document import make_document, markup, paragraph, settings_table, table
from sensitivity.share.modes_page import Layout, Subject, looks_of, make_modes_page
from sensitivity.share.pictures import draw_picture
from sensitivity.share.survey_environments import check_descriptor_of, make_subjects
from sensitivity.survey import Frames, Survey
from sensitivity.survey.properties import LABELS
from sensitivity.survey.summary import AT_CUTOFF, REMEDIES, by, describe_worst
from sensitivity.tolerances import Tolerance

SCATTERED = 100_000
"""Environments up to which the page has a figure with one marker for each."""


def survey_page(
    survey: Survey,
    *,
    frames: Frames | None = None,
    descriptor: Descriptor | None = None,
    heading: str = "Survey of environments",
    file: str = "",
    progress: Progress | None = None,
) -> str:
    """Return a self-contained HTML page, which follows the light or dark mode of the reader.

    Parameters
    ----------
    survey
        Result of ``survey``.
    frames
        The frames of the survey, from which the worst environments are drawn; None leaves the
        drawings out.
    descriptor
        The descriptor of the survey: the worst environments are in 3D, with their softest modes.
        Without it they are drawings.
    heading
        Heading of the page.
    file
        Name of the file of the frames, for the data.
    progress
        Called with a sentence on each environment.

    Raises
    ------
    ValueError
        If the frames or the descriptor are others than those of the survey.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.share.survey_page import survey_page
    >>> molecules = [structures.load("X0")]
    >>> page = survey_page(survey(molecules, DensityCorrelations()), frames=molecules)
    >>> page[:15], "incompleteness" in page, '"http' in page
    ('<!doctype html>', True, False)
    """
    worst, flat = survey.worst(), survey.settings
    environments = [] if frames is None else survey.environments(frames, rows=worst)
    about = [
        f"<h1>{markup(heading)}</h1>",
        paragraph(survey.status),
        paragraph(name_descriptor_of(survey)),
        *map(paragraph, survey.remarks),
    ]
    tables = [
        *_sums(survey),
        *_figures(survey),
        *_worst(survey, environments if descriptor is None else []),
        *_failures(survey),
        *settings_table({**flat, **flat["settings"], **flat.get("versions", {})}),
    ]
    title = f"{heading}: {survey.status}"
    if descriptor is None:
        return make_document(title, [*about, *tables])
    check_descriptor_of(survey, descriptor)
    if not environments:
        return make_document(title, [*about, *tables])
    with telling(progress):
        subjects = list(make_subjects(survey, worst, environments, descriptor))
    report = describe_survey(survey, file, environments=environments)
    layout = _lay_out(about, tables, report=report, subjects=subjects)
    return make_modes_page(title, layout, subjects)


def _lay_out(
    about: Sequence[str], tables: Sequence[str], *, report: Json, subjects: Sequence[Subject]
) -> Layout:
    without = ", without displacements that symmetry hides" if report["settings"]["causes"] else ""
    return Layout(
        above=[*about, "<h2>Worst environments</h2>"],
        below=tables,
        scripts=("survey.js",),
        data={
            "report": report,
            "looks": looks_of(each.data["cause"] for each in subjects),
            "chart": {
                "label": "Worst environments by condition",
                "title": "environment",
                "unit": "smallest/largest singular value",
                "rounding": Tolerance.ROUNDED_CONDITION,
                "level": 0.0,
            },
            "separate": True,
        },
        words={
            "unit": "",
            "labels": {
                **{"subject-label": "Environment", "mode-label": "Mode"},
                **{"chart-title": "Conditions", "value-label": "Condition"},
                "hint": f"Condition: smallest over largest internal singular value{without}.",
            },
        },
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
    yield table(head, rows, numbers=(1, 2))


def _figures(survey: Survey) -> Iterable[str]:
    yield "<h2>Conditions</h2>"
    text = "Environments by species and cause; larger markers stand for more of them"
    yield draw_picture(text, lambda ax: plot_survey(survey, ax=ax), size=(4.6, 3.0))
    if survey.totals.environments <= SCATTERED:
        text = "Condition of each environment against its number of neighbours"
        yield draw_picture(
            text,
            lambda ax: plot_condition(survey, "neighbors", label=LABELS["neighbors"], ax=ax),
            size=(4.6, 3.0),
        )


def _worst(survey: Survey, environments: Sequence[Atoms]) -> Iterable[str]:
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
    yield table(head, rows, numbers=(1, 3))
    if environments:
        yield f'<div class="grid">{"".join(map(_draw, environments))}</div>'


def _remedy(cause: str, gap: float) -> str:
    text = REMEDIES.get(cause, "nothing to do")
    return f"{text}; but {AT_CUTOFF}: compare another cutoff" if gap < Tolerance.FADING else text


def _draw(environment: Atoms) -> str:
    row = environment.info
    text = f"Environment of {row['species']}{row['center']} in frame {row['frame']}"
    size = (2.4, 2.4)
    return draw_picture(
        text, lambda ax: plot_environment(environment, ax=ax), size=size, told=False
    )


def _failures(survey: Survey) -> Iterable[str]:
    failures = survey.failures()
    if len(failures["frame"]):
        columns = (failures[name].tolist() for name in ("frame", "center", "error"))
        yield "<h2>First failures</h2>"
        rows = [(f, "all" if c < 0 else c, error) for f, c, error in zip(*columns, strict=True)]
        yield table(("frame", "center", "problem"), rows, numbers=(0, 1))
