"""Singular values of the Jacobian of an infinite crystal, as a function of the wave vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.dft.kpoints import BandPath
from numpy.typing import ArrayLike

from sensitivity.bands.result import Bands
from sensitivity.bands.shortfalls import Comparison, Shortfall
from sensitivity.bands.wave_vectors import WaveVectors, choose_wave_vectors
from sensitivity.bloch import (
    BlochJacobian,
    BlochMatrix,
    bloch_jacobian,
    decompose_bloch,
    seen_by_symmetry,
)
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.causes import Cause
from sensitivity.numerics import Array, check_real
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, checkpoint, telling
from sensitivity.spectrum import natural_scale
from sensitivity.structures import check
from sensitivity.structures.translations import count_cells
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance


def bands(
    crystal: Atoms,
    descriptor: Descriptor,
    *,
    path: str | BandPath | ArrayLike | None = None,
    points: int = 100,
    threshold: float = Tolerance.RANK,
    progress: Progress | None = None,
) -> Bands:
    """Compute the singular values of an infinite crystal along a path of wave vectors.

    J(q) = Σ_R J_{·,(s,R)} exp(2πi q·R) has the derivatives of the features of the centers of one
    cell with respect to atom s of cell R. Its singular values at all q that a supercell allows are
    those of the supercell. All atoms are centers.

    Parameters
    ----------
    crystal
        A structure that is periodic in one, two or three directions.
    descriptor
        Any descriptor that is determined by the atoms within its cutoff.
    path
        Special points such as "GXWK", "GX,UG" with a jump; None for the usual path of the lattice,
        as ASE defines it: for these the crystal is reduced to its primitive cell. Or an ASE
        ``BandPath``, or wave vectors, (q, 3), in fractions of the reciprocal vectors of the given
        cell: for these the cell is kept.
    points
        Number of wave vectors along a path of special points.
    threshold
        Fraction of ``Bands.scale`` above which a singular value counts as visible.
    progress
        Called regularly with a short sentence. If it raises ``Cancelled`` after the Jacobian is
        known, the result has the wave vectors so far.

    Raises
    ------
    TypeError, ValueError
        If the structure is unusable or a molecule, a wave vector is along a direction that is not
        periodic, or the path is none.
    Interrupted
        On Ctrl-C after the Jacobian is known; ``partial`` has the wave vectors so far.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> found = bands(structures.load("Al-fcc"), DensityCorrelations(), path=[[0.1, 0.2, 0.3]])
    >>> found.singular_values.round(2).tolist(), found.rank.tolist()
    ([[1.3, 0.0, 0.0]], [1])
    """
    expected, remedy = "from 0 to below 1", "try 1e-5"
    check_real(threshold, "threshold", expected, accepts=lambda x: 0 <= x < 1, remedy=remedy)
    check(crystal)
    if not crystal.pbc.any():
        raise ValueError(
            "bands need a crystal, and this structure is periodic in no direction; use spectrum "
            "for a molecule, or set its cell and pbc."
        )
    chosen, stop = choose_wave_vectors(crystal, path, points=points), Stop()
    with telling(progress):
        study = _Study.of(Observation.of(chosen.atoms, descriptor))
        found = list[_Waves]()
        with stop:
            for part in study.parts(chosen.q):
                checkpoint(f"{len(found)} of {len(chosen.q)} wave vectors")
                found.extend(study.decompose(part))
        result = study.collect(chosen, found, threshold=threshold)
        shortfalls = list(result.shortfalls)
        with stop:
            for number, shortfall in enumerate(shortfalls if not stop.stopped else []):
                checkpoint(f"cause of {number} of {len(shortfalls)} shortfalls")
                shortfalls[number] = study.explain(result, shortfall)
    return stop.deliver(replace(result, shortfalls=tuple(shortfalls), ending=stop.ending))


class _Waves(NamedTuple):
    """Results at one wave vector."""

    values: Array  # (3n,)
    predicted: int
    rigid: tuple[int, int, int]  # unseen, rotation, translation


@dataclass(frozen=True)
class _Study:
    """A crystal, and what J(q) of a descriptor, and its symmetry, are at every wave vector."""

    observation: Observation
    derivative: BlochJacobian
    allowed: BlochMatrix  # of the displacements that symmetry allows to be seen
    strained: BlochMatrix  # of those that change the shape of an environment
    comparison: Comparison

    # Smallest square of a singular value of F(q), of orthonormal rows, that is not zero: rounding.
    ZERO = Tolerance.ROUNDING

    @classmethod
    def of(cls, observation: Observation) -> _Study:
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

    def decompose(self, q: Array) -> Iterator[_Waves]:
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
            yield _Waves(row, rank, (unseen, rotation, translation))

    def collect(self, chosen: WaveVectors, found: list[_Waves], *, threshold: float) -> Bands:
        """Return the bands at the first wave vectors, with shortfalls of unknown cause."""
        count, columns = len(found), 3 * len(chosen.atoms)
        values = np.array([each.values for each in found]).reshape(count, columns)
        predicted = np.array([each.predicted for each in found], dtype=np.intp)
        norm, cutoff = np.array(self.derivative.feature_norm), self.observation.descriptor.cutoff
        scale = natural_scale(float(values.max(initial=0.0)), norm, cutoff=cutoff)
        result = Bands(
            chosen.atoms,
            self.observation.descriptor,
            self.derivative,
            chosen.q[:count],
            chosen.distance[:count],
            chosen.labels[:count],
            values,
            predicted,
            np.array([each.rigid for each in found], dtype=np.intp).reshape(count, 3),
            (),
            threshold,
            scale,
            count_cells(chosen.atoms),
        )
        lacking = np.maximum(predicted - result.rank, 0)
        unknown: tuple[Cause, ...] = ("undetermined",)
        shortfalls = (
            Shortfall(number, values[number, :0], unknown * int(lacking[number]))
            for number in np.flatnonzero(lacking).tolist()
        )
        return replace(result, shortfalls=tuple(shortfalls))

    def explain(self, result: Bands, shortfall: Shortfall) -> Shortfall:
        """Return a shortfall with its causes: of waves that symmetry allows, and J(q) misses."""
        q, count = result.q[shortfall.number], len(shortfall.causes)
        predicted = int(result.predicted_rank[shortfall.number])
        directions = self.allowed.squares(q[None])[1][0].T[-predicted:]  # rows
        values, mixing = decompose_bloch(self.derivative.at(q[None]) @ directions.T)
        waves = mixing[0, -count:] @ directions
        known = replace(shortfall, relative=values[0, -count:] / (result.scale or 1.0))
        lacking = max(predicted - self.derivative.rows, 0)
        return self.comparison.explain(known, q, waves, lacking=lacking)
