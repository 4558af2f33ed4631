"""A crystal and a descriptor at single wave vectors: singular values, and what symmetry allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sensitivity.bands.ideal import (
    idealize,
    largest_deviation,
    largest_move,
    nearly_symmetric_sites,
)
from sensitivity.bands.shortfalls import Comparison, Shortfall, Sorted
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
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.hidden import square_of_zero
from sensitivity.tolerances import Tolerance


class AtWaveVector(NamedTuple):
    """Results at one wave vector."""

    values: Array  # (3n,)
    predicted: int
    rigid: tuple[int, int, int]  # unseen, rotation, translation
    nearly_hidden: int = 0  # of the predicted ones: visible since the symmetry holds only nearly


class Parts(NamedTuple):
    """Orthonormal waves of one wave vector as rows, (k, 3n)."""

    visible: Complex
    unmoved: Complex  # move environments as rigid bodies
    hidden: Complex  # by symmetry
    missed: Complex  # the invisible ones of which symmetry allows most


@dataclass(frozen=True)
class Study:
    """A crystal, and what J(q) of a descriptor, and its symmetry, are at every wave vector."""

    observation: Observation
    derivative: BlochJacobian
    allowed: BlochMatrix  # of the displacements that symmetry allows to be seen, in the ideal one
    strained: BlochMatrix  # of those that change the shape of an environment
    deviation: float  # Å, root mean square, of the environments from their groups
    moved: float  # Å, root of the summed squares, of the largest environment
    comparison: Comparison
    ideal: Study | None  # of the nearest crystal with exact groups; None if they are

    # Squares of singular values of F(q), of orthonormal rows, up to this are rounding errors.
    ZERO = Tolerance.EXACT

    @classmethod
    def of(cls, observation: Observation) -> Study:
        """Differentiate the features, and find the groups of the sites."""
        sites = nearly_symmetric_sites(observation, cutoff=observation.descriptor.cutoff)
        ideal, exact = idealize(observation, sites)
        if ideal is observation:
            return cls._of(observation, sites)
        study = cls._of(ideal, exact)
        deviation = largest_deviation(sites)
        derivative = bloch_jacobian(observation.atoms, observation.descriptor)
        comparison = Comparison(observation, ideal)
        return replace(
            study,
            observation=observation,
            derivative=derivative,
            deviation=deviation,
            comparison=comparison,
            ideal=study,
        )

    @classmethod
    def _of(cls, observation: Observation, sites: list[SiteSymmetry]) -> Study:
        """Return the study of a crystal by its own groups."""
        atoms = observation.atoms
        derivative = bloch_jacobian(atoms, observation.descriptor)
        groups = [site.group.binding(observation.known.invariance) for site in sites]
        allowed = seen_by_symmetry(atoms, sites, groups)
        strained = seen_by_symmetry(atoms, sites, [None] * len(sites))
        deviation = largest_deviation(sites)
        moved = deviation * float(np.sqrt(max(len(site.atoms) for site in sites)))
        comparison = Comparison(observation, observation)
        return cls(observation, derivative, allowed, strained, deviation, moved, comparison, None)

    @property
    def faint(self) -> float:
        """Square of a singular value of F(q) up to which symmetry hides a wave.

        If the symmetry is exact it is that of 3e-5, near the threshold of visibility.
        """
        return square_of_zero((self.ideal or self).deviation)

    @property
    def far_from_ideal(self) -> float:
        """Å: largest distance of an atom from its place in the ideal crystal."""
        if self.ideal is None:
            return 0.0
        return largest_move(self.observation.atoms, self.ideal.observation.atoms)

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
        long as it responds to the part. Where symmetry holds only nearly, the waves that are
        visible in addition to those of the ideal crystal are counted; ``scale`` is that of J(q).
        """
        if self.ideal is not None:
            return self._settle_near(self.ideal, q, found, zero=zero, scale=scale)
        rank, (unseen, rotation, translation) = int((found.values > zero).sum()), found.rigid
        # An atom within 1e-6 Å of the cutoff counts as unseen, also where it is barely visible.
        unseen = min(unseen, len(found.values) - rank - rotation - translation)
        found = found._replace(rigid=(unseen, rotation, translation))
        exact = self.deviation <= Tolerance.EXACT_SYMMETRY
        if exact and rank == found.predicted:
            return found
        (matrix,), (_, vectors) = self.derivative.at(q[None]), self.allowed.squares(q[None])
        hidden, allowed = np.split(vectors[0], [len(found.values) - found.predicted], axis=1)
        seen, large = (
            int((_sizes(matrix @ waves) > zero).sum())
            for waves in (allowed, self._allowed_parts(q, found.predicted).T)
        )
        faint, further = max(large - seen, 0), rank - seen
        explained = scale * self.moved / self.observation.variation
        if exact or _sizes(matrix @ hidden).max(initial=0.0) > explained:
            most = self._count_allowed(q, above=0.1 * zero / (scale or 1.0))
            further = min(further, max(most - found.predicted, 0))
        return found._replace(
            predicted=found.predicted - faint + further, nearly_hidden=0 if exact else further
        )

    def _settle_near(
        self, ideal: Study, q: Array, found: AtWaveVector, *, zero: float, scale: float
    ) -> AtWaveVector:
        """Return the results at q, (3,), from those of the ideal crystal and the two ranks.

        A wave that the ideal crystal misses, although its symmetry allows it, can be visible here.
        """
        exact = next(ideal.decompose(q[None]))
        settled = ideal.settle(q, exact, zero=zero, scale=scale)
        rank = int((found.values > zero).sum())
        lacking = settled.predicted - int((exact.values > zero).sum())
        if lacking > 0:
            lacking = min(lacking, self._count_missed(q, rank, allowed=settled.predicted))
        predicted, (unseen, rotation, translation) = rank + lacking, settled.rigid
        unseen = min(unseen, len(found.values) - max(rank, predicted) - rotation - translation)
        nearly = settled.nearly_hidden + max(predicted - settled.predicted, 0)
        return AtWaveVector(found.values, predicted, (unseen, rotation, translation), nearly)

    def _count_missed(self, q: Array, rank: int, *, allowed: int) -> int:
        """Return how many waves of q, (3,), after the ``rank`` visible ones symmetry allows.

        More than a tenth of them is in the span of the ``allowed`` waves to which F(q) responds
        most. Less can be due to the deviation, which mixes hidden waves with those that J(q) sees.
        """
        _, waves = decompose_bloch(self.derivative.at(q[None]))
        _, vectors = self.allowed.squares(q[None])
        span = vectors[0][:, len(waves[0]) - allowed :]
        return int((_sizes(waves[0, rank:].conj() @ span) > 0.1).sum())

    def _count_allowed(self, q: Array, *, above: float) -> int:
        """Return how many singular values of F(q), (3,), are above a fraction, at most 1e-6."""
        sizes = _sizes(self.allowed.at(q[None])[0])
        fraction = min(above, float(np.sqrt(self.ZERO)))
        return int((sizes > fraction * max(1.0, sizes.max(initial=0.0))).sum())

    def part(self, q: Array, settled: AtWaveVector, *, zero: float) -> Parts:
        """Return all waves of q, (3,); singular values up to ``zero`` are invisible."""
        _, vectors = decompose_bloch(self.derivative.at(q[None]))
        rank = int((settled.values > zero).sum())
        lacking = max(settled.predicted - rank, 0)
        unmoved, others = _split(vectors[0, rank:], self.strained, q, count=sum(settled.rigid))
        hidden, missed = _split(others, self.allowed, q, count=len(others) - lacking)
        return Parts(vectors[0, :rank], unmoved, hidden, missed)

    def sort(
        self, q: Array, missed: Complex, *, zero: float, scale: float, threshold: float
    ) -> Sorted:
        """Return combinations of the missed waves of q, (3,), each with its cause.

        Other descriptors see waves of rounded coordinates because of the rounding, too. So causes
        are those of the ideal crystal.
        """
        study = self.ideal or self
        settled = study.settle(q, *study.decompose(q[None]), zero=zero, scale=scale)
        exact = missed
        if self.ideal is not None:
            exact = _nearest(missed, study.part(q, settled, zero=zero).missed)
        _, mixing = decompose_bloch(self.allowed.at(q[None]) @ exact.T)
        waves, exact = mixing[0] @ missed, mixing[0] @ exact
        sizes = np.linalg.norm(self.allowed.at(q[None])[0] @ exact.T, axis=0)[:, None]
        narrow = max(settled.predicted - self.derivative.rows, 0)
        return self.comparison.sort(
            q, waves / sizes, exact / sizes, lacking=narrow, threshold=threshold
        )

    def explain(
        self, shortfall: Shortfall, q: Array, *, zero: float, scale: float, threshold: float
    ) -> Shortfall:
        """Return a shortfall at q, (3,), of waves that symmetry allows, with its causes."""
        settled = self.settle(q, *self.decompose(q[None]), zero=zero, scale=scale)
        missed = self.part(q, settled, zero=zero).missed
        values, _ = decompose_bloch(self.derivative.at(q[None]) @ missed.T)
        found = self.sort(q, missed, zero=zero, scale=scale, threshold=threshold)
        return shortfall.explained(found, values[0] / (scale or 1.0))

    def _allowed_parts(self, q: Array, count: int) -> Complex:
        """Return the waves of q, (3,), that symmetry hides least, each over its part: (count, 3n).

        F(q) changes them by orthonormal displacements, also where it responds weakly.
        """
        squares, vectors = self.allowed.squares(q[None])
        kept = slice(len(squares[0]) - count, None)
        return np.asarray((vectors[0, :, kept] / np.sqrt(squares[0, kept])).T)


def _split(waves: Complex, matrix: BlochMatrix, q: Array, *, count: int) -> tuple[Complex, Complex]:
    """Return combinations of the waves: ``count`` to which a map responds least, and the rest."""
    if not len(waves):
        return waves, waves
    _, mixing = decompose_bloch(matrix.at(q[None]) @ waves.T)
    sorted_waves = mixing[0, ::-1] @ waves
    return sorted_waves[:count], sorted_waves[count:]


def _nearest(waves: Complex, span: Complex) -> Complex:
    """Return the orthonormal combinations of a span, (m, 3n), nearest to k of m waves, (k, 3n)."""
    left, _, right = np.linalg.svd(waves @ span.conj().T, full_matrices=False)
    return np.asarray(left @ right @ span)


def _sizes(matrix: Complex) -> Array:
    """Return singular values; none if there are no columns."""
    return np.asarray(np.linalg.svd(matrix, compute_uv=False)) if matrix.size else np.empty(0)


def _count(squares: Array, *, above: float) -> Indices:
    """Return how many squares of singular values, (q, 3n), ascending, are above a fraction."""
    return np.asarray((squares > above * np.maximum(1.0, squares[:, -1:])).sum(axis=1))
