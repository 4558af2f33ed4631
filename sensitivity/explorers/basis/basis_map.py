"""Rank and smallest singular value with bases of all sizes: a map that is computed row by row.

Everything here is a pure function; the widgets show the results and compute nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

SIZES: Mapping[int, Mapping[str, Sequence[int]]] = {
    1: {"n_max": range(1, 9), "l_max": ()},
    2: {"n_max": (1, 2, 3, 4, 6, 8), "l_max": (0, 1, 2, 3, 4, 6, 8)},
    3: {"n_max": (1, 2, 3, 4, 5), "l_max": (0, 1, 2, 3, 4, 6)},
    4: {"n_max": (1, 2, 3, 4), "l_max": (0, 1, 2, 3, 4)},
}
"""Per order, the values of settings of a map: from a basis that sees almost nothing to one that
takes milliseconds. Order 1 has no degrees."""


@dataclass(frozen=True)
class Grid:
    """The bases of a map.

    Attributes
    ----------
    parameters
        The values, ascending, of the settings that enlarge the basis: one or two.
    """

    parameters: Mapping[str, tuple[int, ...]]

    @classmethod
    def around(cls, descriptor: Descriptor) -> Grid:
        """Return the usual bases of an order, and the one of the descriptor."""
        basis = find_basis(descriptor)
        return cls({name: _usual_values(descriptor, name, own) for name, own in basis.items()})

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each setting."""
        return tuple(map(len, self.parameters.values()))

    @property
    def varied(self) -> list[str]:
        """The settings with several values, which are the axes of the map; the first if none is."""
        names = [name for name, values in self.parameters.items() if len(values) > 1]
        return names or list(self.parameters)[:1]

    @property
    def size(self) -> int:
        """Number of bases."""
        return int(np.prod(self.shape))

    def holds(self, descriptor: Descriptor) -> bool:
        """Return whether the basis of a descriptor is among them."""
        basis = find_basis(descriptor)
        return all(basis[name] in values for name, values in self.parameters.items())

    def place(self, descriptor: Descriptor) -> dict[str, int]:
        """Return the index of each setting of a descriptor."""
        basis = find_basis(descriptor)
        return {name: values.index(basis[name]) for name, values in self.parameters.items()}


def find_basis(descriptor: Descriptor) -> dict[str, int]:
    """Return the settings that enlarge the basis of a descriptor."""
    known = with_defaults(descriptor)
    return {name: known.settings[name] for name in known.refinable}


def _usual_values(descriptor: Descriptor, name: str, own: int) -> tuple[int, ...]:
    known = with_defaults(descriptor)
    usual = SIZES.get(known.order or 0, {}).get(name)
    if usual is None:
        low, high = known.limits.get(name, (1, own + 4))
        usual = np.unique(np.linspace(low, high, 7).astype(int)).tolist()
    return tuple(sorted({*usual, own}))


def fill_map(
    atoms: Atoms, descriptor: Descriptor, *, centers: tuple[int, ...], grid: Grid
) -> Iterator[Convergence]:
    """Yield an empty map, and then more and more of it, by values of the first setting."""
    unknown, none = np.full(grid.shape, np.nan), np.zeros(grid.shape, dtype=np.intp)
    known = Convergence(
        atoms=atoms.copy(),
        descriptor=descriptor,
        centers=centers,
        parameters=grid.parameters,
        smallest=unknown,
        rank=unknown,
        internal=none,
        visible=none,
        failures={},
    )
    yield known
    for column in range(grid.shape[0]):
        known = _add(known, column)
        yield known


def count_known(found: Convergence) -> int:
    """Return the number of bases of a map that have been tried."""
    return int(np.sum(~np.isnan(found.rank))) + len(found.failures)


def why_nothing(found: Convergence) -> str:
    """Return the reason why no basis can see anything; empty if one can, or if it is not known.

    A center sees its neighbours. If it has none, or only images of itself, which move with it,
    neither the basis nor symmetry hides them.
    """
    if len(found.failures) == found.rank.size:
        return "no basis could be computed"
    if np.isnan(found.rank).all() or found.visible.any():
        return ""
    if found.internal.any():
        return "symmetry lets nothing be seen"
    if len(found.atoms) == 1 and not found.atoms.pbc.any():
        return "an atom alone: there is nothing to be seen"
    cutoff = found.descriptor.cutoff
    if not np.isin(found.centers, neighbor_pairs(found.atoms, cutoff).i).any():
        return f"no neighbour within the cutoff ({cutoff:g} Å)"
    return "the only neighbours are images of the centers,\nwhich move with them"


def _add(known: Convergence, column: int) -> Convergence:
    """Return the map with one more value of the first setting."""
    name, values = next(iter(known.parameters.items()))
    grid: dict[str, Any] = {**known.parameters, name: [values[column]]}
    try:
        chosen = known.centers
        new = convergence(known.atoms, known.descriptor, centers=chosen, progress=None, **grid)
        checkpoint()  # nothing is known of a column that was stopped
    except ValueError as error:
        rows = np.ndindex(known.rank.shape[1:])
        failed = {(column, *row): str(error) for row in rows}
        return replace(known, failures={**known.failures, **failed})
    arrays = "smallest", "rank", "internal", "visible"
    changed = {key: getattr(known, key).copy() for key in arrays}
    for key, array in changed.items():
        array[column] = getattr(new, key)[0]
    found = {(column, *rest): reason for (_, *rest), reason in new.failures.items()}
    return replace(known, failures={**known.failures, **found}, **changed)
