"""Rows of a survey in order of their condition, and sums over all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CAUSES
from sensitivity.numerics import Array, Mask
from sensitivity.survey.rows import Table, table_of
from sensitivity.tolerances import Tolerance

INVISIBLE = tuple(
    cause for cause in CAUSES if cause != "sensitive" and not CAUSE_DESCRIPTIONS[cause].trivial
)
"""Causes of an invisible internal displacement, in the order of tables."""

SPURIOUS = tuple(cause for cause in INVISIBLE if CAUSE_DESCRIPTIONS[cause].spurious)
"""Causes that symmetry does not explain."""

UNEXPLAINED = "invisible"
"""Stands for the cause in a survey without causes."""


@dataclass(frozen=True)
class Totals:
    """Sums over all rows of a survey.

    Attributes
    ----------
    frames, environments
        Number of frames, and of environments in those that could be analysed.
    broken
        Number of frames that could not be analysed.
    failed
        Number of environments that could not be analysed.
    failed_whole
        Number of frames that could not be analysed as a whole, with ``whole``.
    displacements
        Number of invisible internal displacements by cause; "invisible" in a survey without causes.
    affected
        Number of environments with such a displacement, by cause.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> found = survey([structures.load("X0")], DensityCorrelations(), species=["C"])
    >>> found.totals.environments, dict(found.totals.displacements)
    (1, {'incompleteness': 1})
    """

    frames: int
    environments: int
    broken: int
    failed: int
    failed_whole: int
    displacements: Mapping[str, int]
    affected: Mapping[str, int]


def sum_rows(environments: Iterable[Table], frames: Iterable[Table]) -> Totals:
    """Return the sums over parts, of which one is in memory at a time."""
    sums: Counter[str] = Counter()
    displacements: Counter[str] = Counter()
    affected: Counter[str] = Counter()
    for table in frames:
        sums["frames"] += len(table["frame"])
        problem, usable = table["error"] != "", table["atoms"] >= 0
        sums["broken"] += int((problem & ~usable).sum())
        sums["failed_whole"] += int((problem & usable).sum())
        sums["environments"] += int(table["environments"].sum())
        sums["failed"] += int(table["failed"].sum())
    for table in environments:
        for cause, numbers in invisible(table).items():
            displacements[cause] += int(numbers.sum())
            affected[cause] += int(np.count_nonzero(numbers))
    known = {cause: number for cause, number in displacements.items() if number}
    return Totals(
        frames=sums["frames"],
        environments=sums["environments"],
        broken=sums["broken"],
        failed=sums["failed"],
        failed_whole=sums["failed_whole"],
        displacements=known,
        affected={cause: affected[cause] for cause in known},
    )


def invisible(table: Table) -> dict[str, NDArray[Any]]:
    """Return the number of invisible internal displacements of every row, by cause."""
    if "symmetry" in table:
        return {cause: table[cause].clip(min=0) for cause in INVISIBLE}
    return {UNEXPLAINED: table["internal"] - table["rank"]}


def leading_causes(table: Table) -> NDArray[Any]:
    """Return for every row its most serious cause, or "sensitive" if all displacements are visible.

    Causes that symmetry does not explain come before symmetry.
    """
    numbers = invisible(table)
    leading = np.full(len(table["frame"]), "sensitive", dtype=object)
    for cause in reversed([*SPURIOUS, "symmetry", UNEXPLAINED]):
        if cause in numbers:
            leading[numbers[cause] > 0] = cause
    return leading


def conditions(table: Table) -> Array:
    """Return the condition of every row without symmetry, if the rows have causes.

    NaN where nothing was found, or symmetry hides all internal displacements.
    """
    name = "condition_without_symmetry"
    return np.asarray(table[name if name in table else "condition"], dtype=float)


def worst_rows(tables: Iterable[Table], *, count: int) -> Table | None:
    """Return the rows with the smallest condition; None if there is no part.

    Of centers that symmetry makes equal, the first is taken.
    """
    return _first_rows(
        tables,
        lambda rows: ~np.isnan(conditions(rows)) & (rows["center"] == rows["equivalent_to"]),
        lambda rows: _without_rounding(conditions(rows)),
        count=count,
    )


def _without_rounding(values: Array) -> Array:
    return np.where(values <= Tolerance.ROUNDED_CONDITION, 0.0, values)


def failed_rows(tables: Iterable[Table], *, count: int) -> Table | None:
    """Return the first rows with an error; None if there is no part."""
    return _first_rows(
        tables, lambda rows: rows["error"] != "", lambda rows: rows["frame"], count=count
    )


def failed_whole(frames: Table, columns: Mapping[str, Any]) -> Table:
    """Return rows, with the columns of environments, of frames that failed as a whole only."""
    failed = (frames["error"] != "") & (frames["atoms"] >= 0)
    rows = zip(frames["frame"][failed].tolist(), frames["error"][failed].tolist(), strict=True)
    return table_of(({"frame": n, "error": f"as a whole: {e}"} for n, e in rows), columns)


def _first_rows(
    tables: Iterable[Table],
    chosen: Callable[[Table], Mask],
    key: Callable[[Table], NDArray[Any]],
    *,
    count: int,
) -> Table | None:
    """Return the chosen rows with the smallest keys; one part is in memory at a time."""
    held: Table | None = None
    for table in tables:
        known = chosen(table)
        rows = {name: values[known] for name, values in table.items()}
        if held is not None:
            rows = {name: np.concatenate([held[name], values]) for name, values in rows.items()}
        order = np.lexsort((rows["center"], rows["frame"], key(rows)))[:count]
        held = {name: values[order] for name, values in rows.items()}
    return held
