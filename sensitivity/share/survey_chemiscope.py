"""Environments of a survey for chemiscope, which links a map of properties to structures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensitivity.notes import missing
from sensitivity.reports.surveys import name_descriptor_of
from sensitivity.survey import Frames, Survey
from sensitivity.survey.ranking import conditions, leading_causes
from sensitivity.survey.rows import Table
from sensitivity.survey.sources import find_frames

FLOOR = 1e-16
"""Smallest condition whose logarithm is shown: rounding."""

_COLUMNS = {
    "neighbors": ("", "Number of neighbours within the cutoff"),
    "gap": ("Å", "Distance from the farthest neighbour to the cutoff"),
    "internal": ("", "Number of internal displacements"),
    "rank": ("", "Number of visible internal displacements"),
    "s_max": ("1/Å", "Largest singular value"),
    "s_min": ("1/Å", "Smallest internal singular value"),
    "condition": ("", "Smallest over largest internal singular value"),
    "species": ("", "Species of the center"),
    "group": ("", "Point group of the environment"),
}


def survey_chemiscope(survey: Survey, frames: Frames, *, rows: Table | None = None) -> bytes:
    """Return the JSON of a chemiscope data set, with one environment for each row.

    A map shows the condition against the number of neighbours, with a symbol for the cause; a
    click shows the environment in its structure, at first the worst one. Write the JSON to a file
    that ends in .json, for chemiscope.org or ``chemiscope.load``.

    Parameters
    ----------
    survey
        Result of ``survey``.
    frames
        The frames of the survey.
    rows
        Rows of ``survey.table()`` or ``survey.worst(...)``; None for all. Those without a condition
        are left out.

    Raises
    ------
    ValueError
        If the frames are others than those of the survey, or no row has a condition.
    ModuleNotFoundError
        Without chemiscope, which the extra lab installs.

    Examples
    --------
    >>> import json
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.share import survey_chemiscope
    >>> molecules = [structures.load(name) for name in ("X0", "CH3OH")]
    >>> found = survey(molecules, DensityCorrelations(), causes=False)
    >>> data = json.loads(survey_chemiscope(found, molecules))
    >>> len(data["structures"]), len(data["environments"])
    (2, 11)
    """
    chemiscope = require_chemiscope()
    table = _with_condition(survey.table() if rows is None else rows)
    numbers = np.unique(table["frame"]).tolist()
    found = dict(find_frames(frames, set(numbers), survey.settings))
    places = np.searchsorted(numbers, table["frame"]).tolist()
    cutoff = float(survey.settings["cutoff"])
    data = chemiscope.create_input(
        structures=[found[number] for number in numbers],
        environments=[
            (place, center, cutoff)
            for place, center in zip(places, table["center"].tolist(), strict=True)
        ],
        properties=_properties(table),
        metadata={"name": "Survey of environments", "description": _describe(survey)},
        settings=_settings(shown=int(np.argmin(conditions(table)))),
    )
    return json.dumps(data, allow_nan=False).encode()


def require_chemiscope() -> Any:
    """Return the library; a ModuleNotFoundError names the command that installs it."""
    try:
        import chemiscope
    except ModuleNotFoundError as error:
        raise missing("a chemiscope data set needs", "chemiscope") from error
    return chemiscope


def _with_condition(table: Table) -> Table:
    """Return the rows that have a condition, in the order of frames and centers."""
    order = np.lexsort((table["center"], table["frame"]))
    order = order[~np.isnan(conditions(table)[order])]
    if not len(order):
        raise ValueError("rows must have a condition, and none has one; survey other frames.")
    return {name: values[order] for name, values in table.items()}


def _properties(table: Table) -> dict[str, Any]:
    columns = {name: (table[name], *about) for name, about in _COLUMNS.items() if name in table}
    relevant = np.maximum(conditions(table), FLOOR)
    columns["log10_condition"] = (
        np.log10(relevant),
        "",
        "Decimal logarithm of the smallest over the largest singular value; those that are zero by "
        "symmetry are left out if causes are known",
    )
    columns["cause"] = leading_causes(table), "", "Most serious cause of an invisible displacement"
    columns["frame"] = table["frame"], "", "Number of the frame"
    return {
        name: {
            **{"target": "atom", "values": _plain(values), "description": text},
            **({"units": unit} if unit else {}),
        }
        for name, (values, unit, text) in columns.items()
    }


def _plain(values: NDArray[Any]) -> NDArray[Any] | list[str]:
    return values.tolist() if values.dtype == object else values


def _describe(survey: Survey) -> str:
    return f"{survey.status} Descriptor: {name_descriptor_of(survey)}."


def _settings(*, shown: int) -> dict[str, Any]:
    return {
        "target": "atom",
        "pinned": [shown],
        "map": {
            "x": {"property": "neighbors"},
            "y": {"property": "log10_condition"},
            "color": {"property": "log10_condition"},
            "symbol": "cause",
        },
        "structure": [{"environments": {"activated": True, "center": True}}],
    }
