"""What is seen with bases of all sizes: a map that is computed row by row.

Everything here is a pure function; the widgets show the results and compute nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import DensityCorrelations
from sensitivity.structures import neighbor_pairs

SIZES: dict[int, tuple[Sequence[int], Sequence[int]]] = {
    1: (range(1, 9), ()),
    2: ((1, 2, 3, 4, 6, 8), (0, 1, 2, 3, 4, 6, 8)),
    3: ((1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 6)),
    4: ((1, 2, 3, 4), (0, 1, 2, 3, 4)),
}
"""Per order, the numbers of radial functions and the largest degrees of a map: from a basis that
sees almost nothing to one that takes milliseconds. Order 1 has no degrees."""


@dataclass(frozen=True)
class Grid:
    """The bases of a map.

    Attributes
    ----------
    n_max, l_max
        Numbers of radial functions, and largest degrees, ascending.
    """

    n_max: tuple[int, ...]
    l_max: tuple[int, ...]

    @classmethod
    def around(cls, descriptor: DensityCorrelations) -> Grid:
        """The usual bases of an order, and the one of the descriptor."""
        functions, degrees = SIZES[descriptor.order]
        return cls(
            tuple(sorted({*functions, descriptor.n_max})),
            tuple(sorted({*degrees, descriptor.l_max})),
        )

    @property
    def size(self) -> int:
        """Number of bases."""
        return len(self.n_max) * len(self.l_max)

    def holds(self, descriptor: DensityCorrelations) -> bool:
        """Whether the basis of a descriptor is among them."""
        return descriptor.n_max in self.n_max and descriptor.l_max in self.l_max

    def place(self, descriptor: DensityCorrelations) -> tuple[int, int]:
        """Column and row of the basis of a descriptor."""
        return self.n_max.index(descriptor.n_max), self.l_max.index(descriptor.l_max)


def empty_map(
    atoms: Atoms, descriptor: DensityCorrelations, *, centers: tuple[int, ...], grid: Grid
) -> Convergence:
    """Return a map of which nothing is known."""
    shape = len(grid.n_max), len(grid.l_max)
    none = np.zeros(shape, dtype=np.intp)
    return Convergence(
        atoms=atoms.copy(),
        descriptor=descriptor,
        centers=centers,
        parameters={"n_max": grid.n_max, "l_max": grid.l_max},
        smallest=np.full(shape, np.nan),
        rank=np.full(shape, np.nan),
        internal=none,
        visible=none.copy(),
        failures={},
    )


def fill_map(start: Convergence) -> Iterator[Convergence]:
    """Yield the map with more and more known, one number of radial functions after the other."""
    known = start
    for column, n_max in enumerate(start.parameters["n_max"]):
        known = _add(known, column, int(n_max))
        yield known


def count_known(found: Convergence) -> int:
    """Return how many bases of a map have been tried."""
    return int(np.sum(~np.isnan(found.rank))) + len(found.failures)


def why_nothing(found: Convergence) -> str:
    """Say in a few words why no basis can see anything; empty if one can, or if that is not known.

    A center sees its neighbours. If it has none, or only images of itself, which move with it, it
    is neither the basis that hides them nor symmetry.
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


def _add(known: Convergence, column: int, n_max: int) -> Convergence:
    """The map with one more number of radial functions."""
    degrees = tuple(int(l_max) for l_max in known.parameters["l_max"])
    try:
        new = convergence(
            known.atoms, known.descriptor, centers=known.centers, n_max=[n_max], l_max=degrees
        )
    except ValueError as error:
        failed: dict[tuple[int, ...], str] = {
            (column, row): str(error) for row in range(len(degrees))
        }
        return replace(known, failures={**known.failures, **failed})
    changed = {
        name: getattr(known, name).copy() for name in ("smallest", "rank", "internal", "visible")
    }
    for name, values in changed.items():
        values[column] = getattr(new, name)[0]
    found = {(column, *rest): reason for (_, *rest), reason in new.failures.items()}
    return replace(known, failures={**known.failures, **found}, **changed)
