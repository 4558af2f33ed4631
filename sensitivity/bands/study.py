"""A crystal and a descriptor at single wave vectors: singular values, and what symmetry allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sensitivity.bands.shortfalls import Comparison, Shortfall, nearly_symmetric_sites
from sensitivity.bloch import (
    BlochJacobian,
    BlochMatrix,
    Complex,
    bloch_jacobian,
    decompose_bloch,
    seen_by_symmetry,
)
from sensitivity.numerics import Array, Indices
from sensitivity.observation import Observation
from sensitivity.symmetry.hidden import square_of_zero
from sensitivity.tolerances import Tolerance


class AtWaveVector(NamedTuple):
    """Results at one wave vector."""

    values: Array  # (3n,)
    predicted: int
    rigid: tuple[int, int, int]  # unseen, rotation, translation
    nearly_hidden: int = 0  # of the predicted ones: visible since the symmetry holds only nearly


@dataclass(frozen=True)
class Study:
    """A crystal, and what J(q) of a descriptor, and its symmetry, are at every wave vector."""

    observation: Observation
    derivative: BlochJacobian
    allowed: BlochMatrix  # of the displacements that symmetry allows to be seen
    strained: BlochMatrix  # of those that change the shape of an environment
    deviation: float  # Å, root mean square, of the environments from their groups
    moved: float  # Å, root of the summed squares, of the largest environment
    comparison: Comparison

    # Squares of singular values of F(q), of orthonormal rows, up to this are rounding errors.
    ZERO = Tolerance.EXACT

    @classmethod
    def of(cls, observation: Observation) -> Study:
        """Differentiate the features, and find the groups of the sites."""
        atoms, cutoff = observation.atoms, observation.descriptor.cutoff
        derivative = bloch_jacobian(atoms, observation.descriptor)
        sites = nearly_symmetric_sites(observation, cutoff=cutoff)
        groups = [site.group.binding(observation.known.invariance) for site in sites]
        allowed = seen_by_symmetry(atoms, sites, groups)
        strained = seen_by_symmetry(atoms, sites, [None] * len(sites))
        deviation = max(group.deviation for group in groups)
        moved = deviation * float(np.sqrt(max(len(site.atoms) for site in sites)))
        comparison = Comparison(observation)
        return cls(observation, derivative, allowed, strained, deviation, moved, comparison)

    @property
    def faint(self) -> float:
        """Square of a singular value of F(q) up to which symmetry hides a wave.

        If the symmetry is exact it is that of 3e-5, near the threshold of visibility.
        """
        return square_of_zero(self.deviation)

    def parts(self, q: Array) -> list[Array]:
        """Return the wave vectors a few at a time."""
        size = max(each.size for each in (self.derivative, self.allowed, self.strained))
        step = max(1, min(20, int(1e6 // size)))  # 16 MB of complex numbers
        return [q[start : start + step] for start in range(0, len(q), step)]

    def decompose(self, q: Array) -> Iterator[AtWaveVector]:
        """Yield the results at each of a few wave vectors, (q, 3)."""
        values, _ = decompose_bloch(self.derivative.at(q))
        predicted, strained = (
            _count(each.squares(q)[0], above=limit).tolist()
            for each, limit in ((self.allowed, self.faint), (self.strained, self.ZERO))
        )
        at_rest = np.all(np.abs(q - np.rint(q)) <= Tolerance.EXACT, axis=1)
        rotations = self.observation.trivial.kinds.count("rotation")
        for row, rank, most, rest in zip(
            values, predicted, strained, at_rest.tolist(), strict=True
        ):
            rotation, translation = (rotations, 3) if rest else (0, 0)
            unseen = len(row) - most - rotation - translation
            yield AtWaveVector(row, rank, (unseen, rotation, translation))

    def settle(self, q: Array, found: AtWaveVector, *, zero: float, scale: float) -> AtWaveVector:
        r"""Return the results at q, (3,), with the predicted rank at a threshold ``zero`` of J(q).

        Symmetry allows of a long wave only a part that falls with a power of \|q\|. Where this
        part and the singular value of J(q) reach their thresholds differs, so this follows J(q), as
        long as it responds to the part. Where symmetry holds only nearly, J(q) responds to the
        waves that it hides, by no more than the deviation explains; ``scale`` is that of J(q).
        """
        rank, (unseen, rotation, translation) = int((found.values > zero).sum()), found.rigid
        # An atom within 1e-6 Å of the cutoff counts as unseen, also where it is barely visible.
        unseen = min(unseen, len(found.values) - rank - rotation - translation)
        found = found._replace(rigid=(unseen, rotation, translation))
        exact = self.deviation <= Tolerance.EXACT_SYMMETRY
        if exact and rank == found.predicted:
            return found
        (matrix,), (squares, vectors) = self.derivative.at(q[None]), self.allowed.squares(q[None])
        hidden, allowed = np.split(vectors[0], [len(found.values) - found.predicted], axis=1)
        seen, large = (
            int((_sizes(matrix @ waves) > zero).sum())
            for waves in (allowed, self._allowed_parts(q, found.predicted).T)
        )
        faint, further = max(large - seen, 0), rank - seen
        explained = scale * self.moved / self.observation.variation
        if exact or _sizes(matrix @ hidden).max(initial=0.0) > explained:
            most = int(_count(squares, above=self.ZERO)[0])
            further = min(further, max(most - found.predicted, 0))
        return found._replace(
            predicted=found.predicted - faint + further, nearly_hidden=0 if exact else further
        )

    def explain(
        self, shortfall: Shortfall, q: Array, *, scale: float, threshold: float
    ) -> Shortfall:
        """Return a shortfall at q, (3,), of waves that symmetry allows, with its causes."""
        count, matrix = len(shortfall.causes), self.derivative.at(q[None])
        (most,) = _count(self.allowed.squares(q[None])[0], above=self.faint).tolist()
        parts = self._allowed_parts(q, most)
        _, mixing = decompose_bloch(matrix @ parts.T)
        missed = mixing[0, -count:] @ parts
        values, _ = decompose_bloch(matrix @ np.linalg.qr(missed.T)[0])
        known = replace(shortfall, relative=values[0] / (scale or 1.0))
        lacking = max(most - self.derivative.rows, 0)
        return self.comparison.explain(known, q, missed, lacking=lacking, threshold=threshold)

    def _allowed_parts(self, q: Array, count: int) -> Complex:
        """Return the waves of q, (3,), that symmetry hides least, each over its part: (count, 3n).

        F(q) changes them by orthonormal displacements, also where it responds weakly.
        """
        squares, vectors = self.allowed.squares(q[None])
        kept = slice(len(squares[0]) - count, None)
        return np.asarray((vectors[0, :, kept] / np.sqrt(squares[0, kept])).T)


def _sizes(matrix: Complex) -> Array:
    """Return singular values; none if there are no columns."""
    return np.asarray(np.linalg.svd(matrix, compute_uv=False)) if matrix.size else np.empty(0)


def _count(squares: Array, *, above: float) -> Indices:
    """Return how many squares of singular values, (q, 3n), ascending, are above a fraction."""
    return np.asarray((squares > above * np.maximum(1.0, squares[:, -1:])).sum(axis=1))
