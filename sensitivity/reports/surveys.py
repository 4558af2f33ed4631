"""Reports of surveys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ase import Atoms

from sensitivity.notes import visible
from sensitivity.reports.sources import describe_atoms, name_settings
from sensitivity.reports.tables import Json, as_json, pick, wrap_text
from sensitivity.survey import Survey
from sensitivity.survey.ranking import INVISIBLE, SPURIOUS, invisible
from sensitivity.survey.rows import Table
from sensitivity.survey.summary import advise, by, describe_worst


def describe_survey(
    survey: Survey, file: str, *, environments: Sequence[Atoms] | None = None
) -> Json:
    """Return sums, worst environments, first failures and settings as an object for JSON.

    ``environments`` are the structures of the worst rows, with their centers first, in Å.
    """
    return {
        "file": file,
        "settings": as_json(dict(survey.settings)),
        **pick(survey, "status", "interrupted", "ending"),
        "totals": as_json(vars(survey.totals)),
        "worst": _rows(survey.worst()),
        "environments": environments and [describe_atoms(each) for each in environments],
        "failures": _rows(survey.failures()),
        "remarks": list(survey.remarks),
        "output": None if survey.output is None else str(survey.output),
    }


def _rows(table: Table) -> list[Json]:
    rows = zip(*(values.tolist() for values in table.values()), strict=True)
    return [as_json(dict(zip(table, row, strict=True))) for row in rows]


def describe_environment(
    row: Table, *, position: int, count: int, causes: Mapping[str, int] | None = None
) -> tuple[str, ...]:
    """Return sentences on an environment, given as a table of one row.

    They state its condition, which is the ``position``-th smallest of ``count``, its invisible
    displacements by cause, and what to do. ``causes`` are the numbers by cause, if a diagnosis
    knows more than the row.
    """
    ((place, condition, _),) = describe_worst(row)
    place, (error,), (gap,) = place[:1].upper() + place[1:], row["error"], row["gap"]
    if error:
        return (f"{place} could not be analysed: {' '.join(error.split()).rstrip('.')}.",)
    known = {cause: int(each[0]) for cause, each in invisible(row).items()}
    if causes is not None:
        known = {cause: causes.get(cause, 0) for cause in INVISIBLE}
    numbers = {cause: number for cause, number in known.items() if number > 0}
    listed = ", ".join(f"{number} {by(cause)}" for cause, number in numbers.items())
    value = f"smallest/largest singular value {condition}, number {position} of {count}"
    if not position:
        none = row["internal"][0] == 0
        value = f"{'there are no' if none else 'symmetry hides all'} internal displacements"
        if any(numbers.get(cause) for cause in SPURIOUS):
            value = "no displacement changes the features to first order"
    first = f"{place}: {value}."
    invisible_ones = f"Invisible displacements: {listed or 'none'}."
    return first, f"{invisible_ones} {advise(numbers, gap)}".rstrip()


def tabulate_survey(survey: Survey, file: str) -> str:
    """Return file and descriptor, and then the summary of a survey."""
    named = wrap_text(name_descriptor_of(survey))
    where = [f"Rows: {visible(str(survey.output))}"] * (survey.output is not None)
    return "\n".join([visible(file), *named, *where, "", survey.summary])


def name_descriptor_of(survey: Survey) -> str:
    """Return name and settings of the descriptor of a survey in one line."""
    facts: dict[str, Any] = {**survey.settings["settings"], "cutoff": survey.settings["cutoff"]}
    order = f", order {facts.pop('order')}" if facts.get("order") else ""
    return f"{survey.settings['descriptor']}{order}: {name_settings(facts)}"
