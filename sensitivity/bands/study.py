"""A crystal and a descriptor at single wave vectors: singular values, and what symmetry allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sensitivity.bands.shortfalls import Comparison, Shortfall
from sensitivity.bloch import (
    BlochJacobian,
    BlochMatrix,
    bloch_jacobian,
    decompose_bloch,
    seen_by_symmetry,
)
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance


class AtWaveVector(NamedTuple):
    """Results at one wave vector."""

    values: Array  # (3n,)
    predicted: int
    rigid: tuple[int, int, int]  # unseen, rotation, translation


@dataclass(frozen=True)
class Study:
    """A crystal, and what J(q) of a descriptor, and its symmetry, are at every wave vector."""

    observation: Observation
    derivative: BlochJacobian
    allowed: BlochMatrix  # of the displacements that symmetry allows to be seen
    strained: BlochMatrix  # of those that change the shape of an environment
    comparison: Comparison

    # Smallest square of a singular value of F(q), of orthonormal rows, that is not zero: rounding.
    ZERO = Tolerance.ROUNDING

    @classmethod
    def of(cls, observation: Observation) -> Study:
        """Differentiate the features, and find the groups of the sites."""
        atoms, cutoff = observation.atoms, observation.descriptor.cutoff
        derivative = bloch_jacobian(atoms, observation.descriptor)
        # A group counts where its deviation leaves singular values below the threshold.
        within = Tolerance.COORDINATES
        centers = observation.centers
        sites = tuple(site_symmetries(atoms, centers=centers, cutoff=cutoff, tolerance=within))
        groups = [site.group.binding(observation.known.invariance) for site in sites]
        allowed = seen_by_symmetry(atoms, sites, groups)
        strained = seen_by_symmetry(atoms, sites, [None] * len(sites))
        return cls(observation, derivative, allowed, strained, Comparison(observation))

    def parts(self, q: Array) -> list[Array]:
        """Return the wave vectors a few at a time."""
        size = max(each.size for each in (self.derivative, self.allowed, self.strained))
        step = max(1, min(20, int(1e6 // size)))  # 16 MB of complex numbers
        return [q[start : start + step] for start in range(0, len(q), step)]

    def decompose(self, q: Array) -> Iterator[AtWaveVector]:
        """Yield the results at each of a few wave vectors, (q, 3)."""
        values, _ = decompose_bloch(self.derivative.at(q))
        predicted, strained = (
            (squares > self.ZERO * np.maximum(1.0, squares[:, -1:])).sum(axis=1).tolist()
            for squares, _ in (each.squares(q) for each in (self.allowed, self.strained))
        )
        at_rest = np.all(np.abs(q - np.rint(q)) <= Tolerance.EXACT, axis=1)
        rotations = self.observation.trivial.kinds.count("rotation")
        for row, rank, most, rest in zip(
            values, predicted, strained, at_rest.tolist(), strict=True
        ):
            rotation, translation = (rotations, 3) if rest else (0, 0)
            unseen = len(row) - most - rotation - translation
            yield AtWaveVector(row, rank, (unseen, rotation, translation))

    def explain(self, shortfall: Shortfall, q: Array, *, predicted: int, scale: float) -> Shortfall:
        """Return a shortfall at q, (3,), with its causes.

        It is of waves that symmetry allows, ``predicted`` in all, and J(q) misses.
        """
        count = len(shortfall.causes)
        directions = self.allowed.squares(q[None])[1][0].T[-predicted:]  # rows
        values, mixing = decompose_bloch(self.derivative.at(q[None]) @ directions.T)
        waves = mixing[0, -count:] @ directions
        known = replace(shortfall, relative=values[0, -count:] / (scale or 1.0))
        lacking = max(predicted - self.derivative.rows, 0)
        return self.comparison.explain(known, q, waves, lacking=lacking)
