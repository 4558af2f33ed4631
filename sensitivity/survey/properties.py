"""Properties of environments: columns of the table, and numbers that come with the frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sensitivity.numerics import Array
from sensitivity.structures.quantities import Quantities
from sensitivity.survey.collection import Collection
from sensitivity.survey.ranking import INVISIBLE
from sensitivity.survey.rows import Table

LABELS: Mapping[str, str] = {
    "neighbors": "number of neighbours",
    "gap": "cutoff minus distance of the farthest neighbour (Å)",
    "species": "species of the center",
    "frame": "frame",
    "atoms": "atoms in the frame",
    "center": "index of the center",
    "internal": "internal displacements",
    "rank": "visible displacements",
    "s_max": "largest singular value (1/Å)",
    "s_min": "smallest singular value, also if zero by symmetry (1/Å)",
    "condition": "smallest/largest singular value, also if zero by symmetry",
    "distance": "distance to the nearest singular point (Å)",
    **{cause: f"displacements: {cause}" for cause in INVISIBLE},
    "seconds": "computing time (s)",
}
"""Label of each column that is offered."""

UNITS: Mapping[str, str] = {"energy": "eV", "free_energy": "eV", "forces": "eV/Å", "magmoms": "μB"}
"""Of results as ASE names them; of other numbers the unit is not known."""

AT = ("", " at the center", " at the center, norm")
"""Follows the name of a quantity with this number of axes."""

GIVEN = " (given with the frames)"
"""Follows the name of a quantity that is also the name of a column, or of another property."""

NAMELESS = "number without a name"

MOST = 100
"""Numbers of frames that are offered: more would not be found in a list."""

WIDE = 1e3
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""


@dataclass(frozen=True, eq=False)
class Property:
    """A property of each environment.

    Attributes
    ----------
    label
        Its name with the unit, for an axis.
    values
        Shape (rows,); NaN where it is not known.
    names
        For a property that is no number: the name of each value 0, 1, ...
    whole
        True if it is an integer.
    """

    label: str
    values: Array
    names: tuple[str, ...] = ()
    whole: bool = False

    @property
    def logarithmic(self) -> bool:
        """True if all values are positive, and of different orders of magnitude."""
        known = self.values[np.isfinite(self.values)]
        if self.whole or self.names or not len(known) or known.min() <= 0:
            return False
        return bool(known.max() > WIDE * known.min())


def list_properties(
    table: Table, frames: Table, collection: Collection | None = None
) -> dict[str, Property]:
    """Return the properties of the rows of ``Survey.table`` by name, without those of no value.

    Parameters
    ----------
    table, frames
        The rows of environments and of frames.
    collection
        The frames. Their numbers, such as energies, are properties: those of the structure, also
        divided by the number of atoms if they are energies; those of atoms, at the center, and of
        vectors such as forces the norm. One with the name or the label of a column, such as
        "frame", is "frame (given with the frames)".
    """
    columns = {name: _column(table, frames, name) for name in LABELS}
    found = {name: each for name, each in columns.items() if each is not None}
    found |= {} if collection is None else _of_frames(table, collection)
    return {name: each for name, each in found.items() if np.isfinite(each.values).any()}


def _column(table: Table, frames: Table, name: str) -> Property | None:
    if name == "atoms":
        places = np.searchsorted(frames["frame"], table["frame"])
        values = frames["atoms"][places]
    elif name in table:
        values = table[name]
    else:
        return None
    if values.dtype == object:
        names, numbers = np.unique(values.astype(str), return_inverse=True)
        return Property(LABELS[name], numbers.astype(float), names=tuple(names.tolist()))
    whole = values.dtype.kind in "iu"
    known = np.where(values < 0, np.nan, values) if whole else values
    return Property(LABELS[name], np.asarray(known, dtype=float), whole=whole)


def _of_frames(table: Table, collection: Collection) -> dict[str, Property]:
    given = collection.quantities
    kinds = dict.fromkeys(
        (name, values.ndim) for each in given.values() for name, values in each.items()
    )
    found = dict[str, Property]()
    for name, axes in islice(kinds, MOST):
        values = _gather(table, given, name, axes)
        _add(found, name, values, unit=UNITS.get(name, ""), at=AT[axes])
        if not axes and "energy" in name.lower():
            each = values / _sizes(table, collection)
            _add(found, f"{name} per atom", each, unit=UNITS.get(name, ""))
    return found


def _add(found: dict[str, Property], name: str, values: Array, *, unit: str, at: str = "") -> None:
    """Add a quantity under a name and a label that no column and no other property has."""
    labels = {*LABELS.values(), *(each.label for each in found.values())}
    own, tail = name, at + (f" ({unit})" if unit else "")
    while own in LABELS or own in found or f"{own.strip() or NAMELESS}{tail}" in labels:
        own = f"{own or NAMELESS}{GIVEN}"
    found[own] = Property(f"{own.strip() or NAMELESS}{tail}", values)


def _gather(table: Table, given: Mapping[int, Quantities], name: str, axes: int) -> Array:
    """Return the values of a quantity with this number of axes: at the center, if it has any."""
    values = np.full(len(table["frame"]), np.nan)
    rows = zip(table["frame"].tolist(), table["center"].tolist(), strict=True)
    for row, (frame, center) in enumerate(rows):
        known = given.get(frame, {}).get(name)
        if known is not None and known.ndim == axes and center >= 0:
            here = known[center] if axes else known
            values[row] = np.linalg.norm(here) if axes == 2 else here
    return values


def _sizes(table: Table, collection: Collection) -> Array:
    sizes = {number: len(atoms) for number, atoms in collection.atoms.items()}
    return np.array([sizes.get(frame, np.nan) for frame in table["frame"].tolist()], dtype=float)
