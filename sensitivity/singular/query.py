"""A search for singular points: from where, how far, and which geometries count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sensitivity.completeness.resolution import resolves, resolves_angles
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.singular.avoidance import Avoidance
from sensitivity.singular.candidates import Candidates, find_coincidences
from sensitivity.singular.order2_projection import MovableNeighbors, find_neighbors


@dataclass(frozen=True)
class PointQuery:
    """The singular points that are looked for."""

    start: Observation  # the structure, what looks at it, and the center
    avoidance: Avoidance
    reach: float  # Å, root of the summed squares: how far the atoms may go
    count: int  # number of points that are wanted

    @property
    def moves(self) -> Array:
        """Orthonormal, shape (k, N, 3): the internal displacements of the start."""
        return self.start.internal

    @cached_property
    def neighbors(self) -> MovableNeighbors:
        """The neighbours of the center."""
        return find_neighbors(
            self.start.atoms,
            self.start.descriptor.cutoff,
            center=self.start.center,
            moves=self.moves,
            bonds=np.array(self.avoidance.bonds),
        )

    @cached_property
    def candidates(self) -> Candidates:
        """Geometries at which pairs of neighbours may have the same shape."""
        small = not resolves_angles(self.start.descriptor, self.neighbors.numbers)
        return find_coincidences(self.neighbors, reach=self.reach, small_basis=small)

    @property
    def always_seen(self) -> bool:
        """True if a complete basis sees all that symmetry allows of such neighbours.

        From order 2 on these are at most three neighbours, or as many as the order, or unlike ones.
        """
        order = self.start.known.order
        if order is None or order < 2:
            return False
        return len(self.neighbors.vectors) <= max(order, 3) or self.neighbors.all_unlike

    @property
    def resolved(self) -> bool:
        """True if the basis sees such neighbours as a complete one does."""
        return resolves(self.start.descriptor, self.neighbors.numbers)

    def admits(self, there: Observation) -> bool:
        """Tell whether a descent may go there, where the center still has to see something move."""
        displacement = there.atoms.positions - self.start.atoms.positions
        if float(np.linalg.norm(displacement)) > self.reach:
            return False
        return self.avoidance.permits(there) and len(there.internal) > 0
