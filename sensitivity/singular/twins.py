"""Two distinct structures with the same features: the visible proof that something is not seen.

Along a null displacement v of a singular point the features change quadratically, so that they are
the same ahead and behind up to third order. What is left is taken away by moving both structures,
until the features are the same to rounding.

Pozdnyakov, Willatt, Bartók, Ortner, Csányi, Ceriotti, Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001, give such pairs; Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti,
Open Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1, show that they meet at
singular points.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.jacobian import jacobian
from sensitivity.singular.avoidance import Avoidance
from sensitivity.singular.descent import look
from sensitivity.singular.locate import locate
from sensitivity.singular.nearest import DescriptorView
from sensitivity.singular.points import SingularPoint
from sensitivity.singular.superposition import superpose
from sensitivity.spectrum import RANK_THRESHOLD
from sensitivity.structures import check_centers, environment

Array = NDArray[np.float64]

# Å, root of the summed squares; a tenth of a bond.
USUAL_AMPLITUDE = 0.1
# Å. Beyond a bond the two have little to do with the singular point.
LARGEST_AMPLITUDE = 1.0
# Fraction of the norm of the features: agreement up to this is rounding.
SAME_FEATURES = 1e-13
# Å, root mean square, as a fraction of the amplitude: congruent structures are the same one.
CONGRUENT = 1e-3
# Å: from how far away a singular point is looked for.
NEARBY = 0.5
# Quadratic convergence takes three to eight steps.
MOST_STEPS = 40
# The amplitude grows by at most so much (Å) at a time, each pair being the start of the next.
STRIDE = 0.05
# Damping, in squared singular values over their largest, for features that differ by their norm.
# It vanishes with the difference, so that convergence is quadratic; without it, displacements that
# have no effect at the solution would be taken where they have one before it.
DAMPING, NO_DAMPING = 10.0, 1e-14


@dataclass(frozen=True)
class Twin:
    """A pair of structures with the same features of a center.

    Attributes
    ----------
    pair
        The two structures; if there is no twin, as near to it as the search came.
    center
        Index of the center.
    point
        The singular point between them.
    amplitude
        Å: half the distance of the two along the null displacement.
    residual
        Norm of the difference of their features, relative to the norm of the features.
    rmsd
        Å, root mean square distance of the atoms of the two environments after the best
        superposition, over rotations, permutations of like atoms, and inversion if the descriptor
        does not see it.
    next_order
        Norm of the difference of the features of the next order, relative to their norm; None if
        there is no next order.
    found
        Whether the two are distinct and their features agree to rounding.
    steps
        Number of Gauss-Newton steps.
    status
        What was found, in a sentence.
    """

    pair: tuple[Atoms, Atoms]
    center: int
    point: SingularPoint
    amplitude: float
    residual: float
    rmsd: float
    next_order: float | None
    found: bool
    steps: int
    status: str

    def __repr__(self) -> str:
        return f"Twin({self.pair[0].symbols}, center={self.center}: {self.status})"


def find_twin(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    amplitude: float = USUAL_AMPLITUDE,
    reach: float = NEARBY,
) -> Twin:
    """Find two distinct structures that the descriptor cannot tell apart from a center.

    They lie on either side of the singular point that is nearest to the structure, or of the
    structure itself if it is one. Both are moved by Gauss-Newton steps of minimum norm on the
    difference of their features, while their distance along the null displacement is kept.

    Parameters
    ----------
    atoms
        A structure at or near a singular point, N atoms.
    descriptor
        Any descriptor.
    center
        Index of the center.
    amplitude
        Å, root of the summed squares: how far each is from the singular point along the null
        displacement. At most 1 Å.
    reach
        Å, root of the summed squares: how far away the singular point may be.

    Returns
    -------
    Twin. Where there is none, as at a point that is singular by symmetry alone, ``found`` is False
    and ``status`` says why.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center, the amplitude or the reach is unusable, or the center has no
        neighbour.
    """
    _check_amplitude(amplitude)
    (center,) = check_centers(atoms, (center,))
    symbol = _symmetric_cause(atoms, descriptor, center)
    if symbol is not None:
        return _without(
            locate(atoms, descriptor, center=center, reach=reach, avoid=()),
            f"The structure is singular by its symmetry {symbol}: what is not seen leads to images "
            "of one structure under it, not to a twin; start at a point that locate finds.",
        )
    point = locate(atoms, descriptor, center=center, reach=reach)
    if not point.converged:
        return _without(point, f"There is no twin to be found: {point.status}")
    attempts = (_solve(point, mode, descriptor, float(amplitude)) for mode in point.null)
    tried = []
    for attempt in attempts:
        tried.append(attempt)
        if attempt.found:
            return attempt
    return tried[0]


def _symmetric_cause(atoms: Atoms, descriptor: Descriptor, center: int) -> str | None:
    """The group, if the structure is singular and symmetry asks for all of it; else None."""
    view = DescriptorView(atoms, descriptor, (center,))
    here = look(view, np.zeros_like(atoms.positions))
    if not len(here.values):
        return None  # locate says that the center sees nothing
    null = here.null(RANK_THRESHOLD)
    if not len(null):
        return None
    avoidance = Avoidance(descriptor, center, frozenset({"symmetry"}), (0.0, np.inf))
    kept, symbol = avoidance.sort(atoms, null)
    return None if len(kept) else symbol


def _without(point: SingularPoint, status: str) -> Twin:
    pair = (point.atoms.copy(), point.atoms.copy())
    return Twin(pair, point.center, point, 0.0, 0.0, 0.0, None, False, 0, status)


def _solve(point: SingularPoint, mode: Array, descriptor: Descriptor, amplitude: float) -> Twin:
    """The pair at some amplitude along one null displacement."""
    pair = _Pair(point, mode, descriptor)
    count = int(np.ceil(amplitude / STRIDE))
    sides = np.zeros((2, *mode.shape))
    steps = 0
    for stride in range(1, count + 1):
        sides *= stride / max(stride - 1, 1)
        ahead = np.tensordot(sides[0] - sides[1], mode, axes=2) / 2
        part = (amplitude * stride / count - ahead) * mode
        sides, residual, more = pair.close(sides + np.array([part, -part]))
        steps += more
    return pair.judge(sides, residual, amplitude, steps)


@dataclass(frozen=True)
class _Pair:
    """Two displacements from a singular point on either side of a null displacement."""

    point: SingularPoint
    mode: Array
    descriptor: Descriptor

    def at(self, displacement: Array) -> Atoms:
        atoms: Atoms = self.point.atoms.copy()
        atoms.positions += displacement
        return atoms

    def close(self, sides: Array) -> tuple[Array, float, int]:
        """Move both sides, shape (2, N, 3), until the features agree; with residual and steps."""
        best, residuals = sides, [np.inf]
        while len(residuals) <= MOST_STEPS:
            change, residual = self.step(sides)
            lowest = min(residuals)
            if residual < lowest:
                best = sides
            residuals.append(residual)
            if residual > lowest / 2 and min(residuals) < SAME_FEATURES:  # rounding
                break
            sides = sides + change
        return best, min(residuals), len(residuals) - 2

    def step(self, sides: Array) -> tuple[Array, float]:
        """Damped Gauss-Newton step of both sides, (2, N, 3), and the relative residual.

        The features of the two differ by ξ+ - ξ-; the mean of the two moves by s, and half their
        distance by t, orthogonal to the mode: (J+ - J-) s + (J+ + J-) t = ξ- - ξ+.
        """
        ahead, behind = (
            jacobian(self.at(side), self.descriptor, centers=(self.point.center,)) for side in sides
        )
        features = ahead.features.ravel(), behind.features.ravel()
        gap = features[0] - features[1]
        residual = float(np.linalg.norm(gap) / np.linalg.norm(features[0]))
        count = self.mode.size
        every = np.eye(count).reshape(count, *self.mode.shape)
        slopes = ahead.apply(every), behind.apply(every)  # [feature, atom xyz]
        flat = self.mode.ravel()
        apart = slopes[0] + slopes[1]
        apart = apart - np.outer(apart @ flat, flat)
        both = np.concatenate([slopes[0] - slopes[1], apart], axis=1)
        triangle, rotated = _reduce(both, gap)
        u, s, v = np.linalg.svd(triangle)
        damping = (DAMPING * residual**2 + NO_DAMPING) * s[0] ** 2
        u = u[:, : len(s)]
        change = -v[: len(s)].T @ (s / (s**2 + damping) * (u.T @ rotated))
        mean, half = change.reshape(2, *self.mode.shape)
        return np.array([mean + half, mean - half]), residual

    def judge(self, sides: Array, residual: float, amplitude: float, steps: int) -> Twin:
        """Whether the two are twins."""
        first, second = (self.at(side) for side in sides)
        center, cutoff = self.point.center, self.descriptor.cutoff
        here, there = (environment(atoms, center, cutoff) for atoms in (first, second))
        inversion = self.descriptor.inversion_invariant
        rmsd = np.inf
        if sorted(here.numbers) == sorted(there.numbers):
            rmsd = superpose(here, there, center=0, inversion=inversion).rmsd
        difference = self.next_difference(first, second)
        same = residual <= SAME_FEATURES
        distinct = rmsd > CONGRUENT * amplitude
        status = _say(same, distinct, residual, rmsd, difference)
        return Twin(
            (first, second),
            center,
            self.point,
            amplitude,
            residual,
            rmsd,
            difference,
            same and distinct,
            steps,
            status,
        )

    def next_difference(self, first: Atoms, second: Atoms) -> float | None:
        """How much the features of the next order differ, relative to their norm."""
        higher = self.descriptor.higher_order()
        if higher is None:
            return None
        centers = (self.point.center,)
        one, two = (higher.features(atoms, centers=centers) for atoms in (first, second))
        return float(np.linalg.norm(one - two) / np.linalg.norm(one))


def _reduce(matrix: Array, column: Array) -> tuple[Array, Array]:
    """A triangle with the singular values of a matrix (rows, k), and the column that goes with it.

    The part of the column that no combination of the others reaches is left out.
    """
    q, triangle = np.linalg.qr(matrix)
    return triangle, q.T @ column


def _say(same: bool, distinct: bool, residual: float, rmsd: float, difference: float | None) -> str:
    if not same:
        return (
            f"No twin was found: the features of the two branches agree to {residual:.0e} of their "
            "norm only; try a smaller amplitude."
        )
    if not distinct:
        return (
            "There is no twin: the two branches are the same structure, turned or with like atoms "
            "exchanged."
        )
    apart = (
        "no higher order is there to compare"
        if difference is None
        else f"the next order differs by {difference:.1e}"
    )
    return f"Two structures {rmsd:.3f} Å apart have features equal to {residual:.0e}; {apart}."


def _check_amplitude(amplitude: float) -> None:
    if not isinstance(amplitude, Real) or isinstance(amplitude, bool):
        raise TypeError(
            f"amplitude must be a length in Å, got {amplitude!r}; give a number such as 0.1."
        )
    if not 0 < amplitude <= LARGEST_AMPLITUDE:
        raise ValueError(
            f"amplitude must be above 0 and at most {LARGEST_AMPLITUDE:g} Å, got {amplitude}: at 0 "
            "the two structures are one; give a number such as 0.1."
        )
