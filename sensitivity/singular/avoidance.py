"""Geometries that a search for singular points avoids: symmetric ones, and coalescing atoms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sensitivity.geometry.motions import rotational_motions
from sensitivity.numerics import Array, Tolerance
from sensitivity.observation import Observation
from sensitivity.structures import neighbor_pairs
from sensitivity.structures.validation import NEAREST
from sensitivity.symmetry import SiteSymmetry, site_symmetry

Avoided = Literal["symmetry", "coalescence"]

AVOIDABLE: tuple[Avoided, ...] = ("symmetry", "coalescence")


@dataclass(frozen=True)
class Avoidance:
    """The kinds of geometries to be avoided."""

    avoid: frozenset[Avoided]
    bonds: tuple[float, float] = (0.0, np.inf)  # shortest and longest from the center, Å

    def permits(self, observation: Observation) -> bool:
        """Tell whether no atoms are too near, none fades at the cutoff, and bonds are in bounds."""
        atoms, cutoff = observation.atoms, observation.descriptor.cutoff
        # Å. However near atoms may come, a descriptor may refuse those at one place.
        closest = NEAREST if "coalescence" in self.avoid else 1e-3
        gaps = atoms.get_all_distances(mic=bool(atoms.pbc.any()))[np.triu_indices(len(atoms), k=1)]
        if gaps.min(initial=np.inf) < closest:
            return False
        pairs = neighbor_pairs(atoms, cutoff)
        lengths = np.linalg.norm(pairs.vectors[pairs.i == observation.center], axis=1)
        if lengths.max(initial=0.0) > cutoff - Tolerance.FADING:
            return False
        low, high = self.bonds
        rounding = 1e-9 * lengths
        return bool(((lengths >= low - rounding) & (lengths <= high + rounding)).all())

    def select(
        self, observation: Observation, null: Array, *, internal: Array | None = None
    ) -> tuple[Array, str]:
        """Select null displacements, (m, N, 3), that symmetry does not hide, and name the group.

        Those that symmetry has least to do with come first. If symmetry is not avoided, all are
        kept; if it is, none is where it hides any of the ``internal`` displacements, (k, N, 3).
        """
        descriptor = observation.descriptor
        site = site_symmetry(
            observation.atoms,
            center=observation.center,
            cutoff=descriptor.cutoff,
            tolerance=Tolerance.NEARLY_EQUAL,
        )
        group = site.group.binding(inversion_invariant=descriptor.inversion_invariant)
        # The group has to allow half of a displacement, in norm, to be seen.
        least = 0.5 if "symmetry" in self.avoid else -1.0
        if internal is not None:
            _, _, span = np.linalg.svd(_shapes(site, internal), full_matrices=False)
            if np.linalg.svd(span @ group.projector(), compute_uv=False)[-1] <= least:
                return null[:0], group.symbol
        shapes = _shapes(site, null)
        lengths = np.linalg.norm(shapes, axis=1, keepdims=True)
        allowed = (shapes / np.maximum(lengths, np.finfo(float).tiny)) @ group.projector()
        mixing, shares, _ = np.linalg.svd(allowed)
        shares = np.pad(shares, (0, len(null) - len(shares)))
        return np.tensordot(mixing.T[shares > least], null, axes=1), group.symbol


def _shapes(site: SiteSymmetry, displacements: Array) -> Array:
    """Displacements against the center, without turns of the environment, (m, 3 atoms)."""
    moved = displacements[:, site.atoms] - displacements[:, site.atoms[:1]]
    moved = moved.reshape(len(displacements), 3 * len(site.atoms))
    turns = rotational_motions(site.vectors, least=Tolerance.NEARLY_EQUAL)
    return np.asarray(moved - (moved @ turns.T) @ turns)


def check_avoid(avoid: Iterable[str]) -> frozenset[Avoided]:
    """Return the kinds to be avoided as a set, if these are "symmetry" and "coalescence"."""
    if isinstance(avoid, str) or not isinstance(avoid, Iterable):
        raise TypeError(f"avoid must be a sequence such as ('symmetry',), got {avoid!r}.")
    chosen = frozenset(avoid)
    if not chosen <= set(AVOIDABLE):
        raise ValueError(
            f"avoid must hold 'symmetry', 'coalescence', both or none of them, got "
            f"{sorted(map(str, chosen))}; leave out the others."
        )
    return chosen  # type: ignore[return-value]
