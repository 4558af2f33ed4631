"""What every descriptor offers, native or adapted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Centers = Iterable[int] | None


@dataclass(frozen=True)
class Block:
    """Features of one center and their gradient.

    Attributes
    ----------
    center
        Index of the center atom.
    atoms
        Shape (k,). Indices, in increasing order, of the atoms that these features depend on,
        the center included. In a crystal the images of an atom move together and count once.
    features
        Shape (features,).
    gradient
        Shape (features, k, 3), in (feature)/Å: derivative with respect to the position of each
        of ``atoms``.
    """

    center: int
    atoms: NDArray[np.intp]
    features: NDArray[np.float64]
    gradient: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.atoms, self.features, self.gradient):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return f"Block(center={self.center}, features={len(self.features)}, atoms={len(self.atoms)})"


class Descriptor(Protocol):
    """A smooth map from positions to features of centers."""

    @property
    def cutoff(self) -> float:
        """Radius in Å beyond which a center sees nothing."""

    @property
    def inversion_invariant(self) -> bool:
        """True for an O(3) descriptor, False for one invariant to proper rotations only."""

    def features(self, atoms: Atoms, *, centers: Centers = None) -> NDArray[np.float64]:
        """Features, shape (centers, features); ``centers=None`` means every atom."""

    def blocks(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Block, ...]:
        """Features and gradients, one block per center."""
