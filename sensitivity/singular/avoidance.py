"""What a singular point shall not be: symmetric, or with atoms at one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.rotations import rotational_motions
from sensitivity.numerics import Array, Tolerance
from sensitivity.structures import neighbor_pairs
from sensitivity.structures.validation import NEAREST
from sensitivity.symmetry import PointGroup, SiteSymmetry, site_symmetry

Avoided = Literal["symmetry", "coalescence"]

AVOIDABLE: tuple[Avoided, ...] = ("symmetry", "coalescence")
# Å. No search comes nearer than this, since a descriptor may refuse atoms at one place.
ONE_PLACE = 1e-3
# Å, root mean square over the environment: ten times what diagnose takes as symmetric by default.
NEARLY_SYMMETRIC = 1e-2
# Part of a displacement, in norm, that the group has to allow to be seen.
ALLOWED = 0.5


@dataclass(frozen=True)
class Avoidance:
    """What is to be kept clear of around a center.

    Attributes
    ----------
    descriptor, center
        What looks, and from where.
    avoid
        Among "symmetry" and "coalescence".
    bonds
        Shortest and longest distance of a neighbour from the center, Å.
    """

    descriptor: Descriptor
    center: int
    avoid: frozenset[Avoided]
    bonds: tuple[float, float]

    def permits(self, atoms: Atoms) -> bool:
        """Whether no atoms are too near, none fades at the cutoff, and bonds are within bounds."""
        closest = NEAREST if "coalescence" in self.avoid else ONE_PLACE
        gaps = atoms.get_all_distances(mic=bool(atoms.pbc.any()))[np.triu_indices(len(atoms), k=1)]
        if gaps.min(initial=np.inf) < closest:
            return False
        pairs = neighbor_pairs(atoms, self.descriptor.cutoff)
        lengths = np.linalg.norm(pairs.vectors[pairs.i == self.center], axis=1)
        if lengths.max(initial=0.0) > self.descriptor.cutoff - Tolerance.FADING:
            return False
        low, high = self.bonds
        rounding = 1e-9 * lengths
        return bool(((lengths >= low - rounding) & (lengths <= high + rounding)).all())

    def sort(
        self, atoms: Atoms, null: Array, *, internal: Array | None = None
    ) -> tuple[Array, str]:
        """Null displacements, (m, N, 3), those that symmetry allows first; and the group's symbol.

        Only those that are to be kept are given: if symmetry is to be avoided, those that it hides
        are not; and none is where it hides any of the ``internal`` displacements, (k, N, 3).
        """
        site = site_symmetry(
            atoms,
            center=self.center,
            cutoff=self.descriptor.cutoff,
            tolerance=NEARLY_SYMMETRIC,
        )
        group = site.group.binding(inversion_invariant=self.descriptor.inversion_invariant)
        least = ALLOWED if "symmetry" in self.avoid else -1.0
        if internal is not None and _least_share(site, internal, group) <= least:
            return null[:0], group.symbol
        shapes = _shapes(site, null)
        lengths = np.linalg.norm(shapes, axis=1, keepdims=True)
        allowed = (shapes / np.maximum(lengths, np.finfo(float).tiny)) @ group.projector()
        mixing, shares, _ = np.linalg.svd(allowed)
        shares = np.pad(shares, (0, len(null) - len(shares)))
        return np.tensordot(mixing.T[shares > least], null, axes=1), group.symbol


def _least_share(site: SiteSymmetry, internal: Array, group: PointGroup) -> float:
    """The least part, in norm, of an internal displacement, (k, N, 3), that a group allows."""
    _, _, span = np.linalg.svd(_shapes(site, internal), full_matrices=False)
    return float(np.linalg.svd(span @ group.projector(), compute_uv=False)[-1])


def _shapes(site: SiteSymmetry, displacements: Array) -> Array:
    """Displacements against the center, without turns of the environment, (m, 3 atoms)."""
    moved = displacements[:, site.atoms] - displacements[:, site.atoms[:1]]
    moved = moved.reshape(len(displacements), 3 * len(site.atoms))
    turns = rotational_motions(site.vectors, least=NEARLY_SYMMETRIC)
    return np.asarray(moved - (moved @ turns.T) @ turns)


def check_avoid(avoid: Iterable[str]) -> frozenset[Avoided]:
    """Return what is to be avoided as a set.

    Raises
    ------
    TypeError, ValueError
        If it is not a sequence of "symmetry" and "coalescence".
    """
    if isinstance(avoid, str) or not isinstance(avoid, Iterable):
        raise TypeError(f"avoid must be a sequence such as ('symmetry',), got {avoid!r}.")
    chosen = frozenset(avoid)
    if not chosen <= set(AVOIDABLE):
        raise ValueError(
            f"avoid must hold 'symmetry', 'coalescence', both or none of them, got "
            f"{sorted(map(str, chosen))}; leave out what is something else."
        )
    return chosen  # type: ignore[return-value]
