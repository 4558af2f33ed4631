"""Reports of surveys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms

from sensitivity.notes import visible
from sensitivity.reports.sources import describe_atoms, name_settings
from sensitivity.reports.tables import Json, as_json, pick, wrap_text
from sensitivity.survey import Survey
from sensitivity.survey.rows import Table


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
