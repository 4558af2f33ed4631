"""The weight of each neighbour in the Jacobian of a center, against its distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.descriptors.protocol import settings_of
from sensitivity.numerics import Array, Indices, ReadOnlyArrays, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.structures import environment


@dataclass(frozen=True)
class Reach(ReadOnlyArrays):
    """The neighbours of a center, and how much the features respond to each.

    Attributes
    ----------
    distances
        Shape (k,), Å, ascending: from the center to its neighbours, images separately.
    weights
        Shape (k,), in (feature)/Å: the Frobenius norm of the derivatives of all features of the
        center with respect to the position of the neighbour.
    numbers
        Shape (k,): atomic numbers of the neighbours.
    cutoff
        Å: of the descriptor.
    settings
        Settings of the descriptor.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, reach, structures
    >>> found = reach(structures.load("Si-diamond"), DensityCorrelations(cutoff=4.5), center=0)
    >>> found.distances.round(2).tolist()[3:6], found.weights.shape
    ([2.35, 3.84, 3.84], (16,))
    >>> print(found.status)
    99 % of the squared Jacobian come from neighbours within 3.84 Å; the cutoff is 4.5 Å.
    """

    distances: Array
    weights: Array
    numbers: Indices
    cutoff: float
    settings: Mapping[str, Any]

    def radius(self, share: float = 0.99) -> float:
        """Return the distance in Å within which neighbours have this share of the squared weights.

        0 if no neighbour has any.
        """
        check_real(share, "share", "above 0, up to 1", accepts=lambda x: 0 < x <= 1)
        squares = self.weights**2
        beyond = np.cumsum(squares[::-1])[::-1]  # of this neighbour and of farther ones
        needed = beyond > (1 - share) * squares.sum()
        return float(self.distances[needed].max(initial=0.0))

    @property
    def status(self) -> str:
        """A sentence on the neighbours that matter."""
        if not self.weights.any():
            return "The features respond to no neighbour to first order."
        return (
            f"99 % of the squared Jacobian come from neighbours within {self.radius():.2f} Å; the "
            f"cutoff is {self.cutoff:g} Å."
        )

    def __repr__(self) -> str:
        return f"Reach(neighbours={len(self.distances)}, radius={self.radius():.2f} Å)"


@takes_center
def reach(atoms: Atoms, descriptor: Descriptor, *, center: int) -> Reach:
    """Return how much the features of a center respond to each neighbour.

    The environment of the center is cut out, so that every periodic image is a neighbour that moves
    on its own. In a message-passing potential, few of the neighbours within the cutoff have most of
    the weight.

    Parameters
    ----------
    atoms, descriptor
        As for ``jacobian``.
    center
        Index of the center.

    Raises
    ------
    TypeError, ValueError
        As for ``jacobian``.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, reach, structures
    >>> found = reach(structures.load("benzene"), DensityCorrelations(), center=0)
    >>> found.distances.argmin() == found.weights.argmax()
    np.True_
    """
    around = environment(atoms, center, descriptor.cutoff)
    seen = Observation.of(around, descriptor, centers=[0])
    (block,) = (each for batch in seen.jacobian.batches for each in batch.blocks())
    neighbors = np.flatnonzero(block.atoms != 0)
    atoms_of = block.atoms[neighbors]
    distances = np.linalg.norm(around.positions[atoms_of], axis=1)
    order = np.argsort(distances, kind="stable")
    return Reach(
        distances[order],
        np.linalg.norm(block.gradient[:, neighbors[order]], axis=(0, 2)),
        around.numbers[atoms_of[order]],
        float(descriptor.cutoff),
        settings_of(descriptor),
    )
