"""What every descriptor offers, native or adapted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Centers = Iterable[int] | None

# What a Jacobian needs of a descriptor, and what a diagnosis needs besides.
ESSENTIAL = ("cutoff", "inversion_invariant", "features", "gradients")
REFINABLE = (*ESSENTIAL, "order", "larger_basis", "higher_order")


@dataclass(frozen=True)
class Block:
    """Features of one center and their gradient.

    Attributes
    ----------
    center
        Index of the center.
    atoms
        Shape (k,). Indices of the atoms that the features may depend on, the center included; the
        gradient with respect to every other atom is zero. The images of an atom in a crystal move
        together and count once.
    features
        Shape (features,).
    gradient
        Shape (features, k, 3), in (feature)/Å.
    """

    center: int
    atoms: NDArray[np.intp]
    features: NDArray[np.float64]
    gradient: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"Block(center={self.center}, features={len(self.features)}, k={len(self.atoms)})"


@dataclass(frozen=True)
class Batch:
    """Blocks of several centers that depend on equally many atoms, stacked.

    Attributes
    ----------
    centers
        Shape (centers,).
    atoms
        Shape (centers, k).
    features
        Shape (centers, features).
    gradient
        Shape (centers, features, k, 3), in (feature)/Å.
    """

    centers: NDArray[np.intp]
    atoms: NDArray[np.intp]
    features: NDArray[np.float64]
    gradient: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.centers, self.atoms, self.features, self.gradient):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return "Batch(centers={}, features={}, k={})".format(*self.gradient.shape[:3])

    def blocks(self) -> tuple[Block, ...]:
        """One block per center, sharing the memory of the batch."""
        return tuple(
            Block(int(center), *parts)
            for center, *parts in zip(
                self.centers, self.atoms, self.features, self.gradient, strict=True
            )
        )


class Descriptor(Protocol):
    """A smooth map from positions to features of centers."""

    @property
    def cutoff(self) -> float:
        """Radius in Å beyond which a center sees nothing."""

    @property
    def inversion_invariant(self) -> bool:
        """True for an O(3) descriptor, False for one that is invariant to rotations only."""

    @property
    def order(self) -> int | None:
        """Number ν of neighbours that are correlated, if features are that; else None.

        In the limit of a complete basis, such a descriptor sees all that ν neighbours do together.
        """

    def larger_basis(self) -> Descriptor | None:
        """The same kind of descriptor with a larger basis; None if there is none."""

    def higher_order(self) -> Descriptor | None:
        """A descriptor that correlates one more neighbour; None if there is none."""

    def features(self, atoms: Atoms, *, centers: Centers = None) -> NDArray[np.float64]:
        """Features, shape (centers, features); ``centers=None`` means every atom."""

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Features and gradients of every center, in any order."""


def check_descriptor(descriptor: Descriptor, needed: Iterable[str] = ESSENTIAL) -> None:
    """Refuse what is no descriptor.

    Raises
    ------
    TypeError
        If it is a class, or has not all that is needed; the message names what is missing.
    """
    missing = [name for name in needed if not hasattr(descriptor, name)]
    if isinstance(descriptor, type) or "gradients" in missing:
        raise TypeError(
            "descriptor must be a descriptor such as DensityCorrelations(order=2), "
            f"got {descriptor!r}."
        )
    if missing:
        raise TypeError(
            f"a descriptor must have {', '.join(needed)}; {type(descriptor).__name__} has no "
            f"{', '.join(missing)}: add what is missing, as sensitivity.descriptors.Descriptor "
            "describes it."
        )
