"""Geometries near a given one at which some displacement changes nothing that is seen.

A singular value is like the absolute value of a smooth function where it touches zero. To find
where it does so, one solves J(r) v = 0 for the geometry r and the displacements v together, by
Gauss-Newton steps with the derivative of J along v, which are quadratic in convergence.

Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
doi 10.12688/openreseurope.14156.1, call these geometries singular points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.motions import trivial_motions
from sensitivity.jacobian import jacobian, second_derivative
from sensitivity.numerics import Array
from sensitivity.spectrum import decompose_matrix

# Å. Features change with positions over no less than this, about the least smearing that is used.
SHORTEST_VARIATION = 0.1
# The smallest so many are looked at. Where more are as small, as in a large environment seen with a
# small basis, only those that are zero as they stand are reported.
MOST_CANDIDATES = 16
# A step that leaves more than this fraction of J v as it is does not lead to a zero.
STALLED = 0.5
# Quadratic convergence takes about five steps from the largest reach to rounding.
MOST_STEPS = 12
# Fraction of J v that a displacement as long as the reach may leave behind: it damps those to
# which J v hardly answers.
DAMPING = 0.01
# Fraction of the trace that keeps a matrix regular where nothing is left to do.
NO_DAMPING = 1e-12
# Fractions of a step that are tried.
FRACTIONS = (1.0, 0.3, 0.1)
# Å². Invariants that differ by less are equal.
SETTLED = 1e-9


class View(Protocol):
    """What is seen of a structure that is displaced, shape (N, 3), by some Å."""

    @property
    def variation(self) -> float:
        """Å over which what is seen changes, at least.

        A singular value changes by no more than the largest of all over it, per Å, so that one
        above that times the reach cannot vanish.
        """

    def slopes(self, displacement: Array, directions: Array) -> Array:
        """J times directions, shape (k, N, 3): (rows, k)."""

    def curvature(self, displacement: Array, mode: Array, directions: Array) -> Array:
        """Derivative of J along a mode, shape (N, 3), times directions: (rows, k)."""

    def mismatch(self, displacement: Array, directions: Array) -> tuple[Array, Array]:
        """What else has to vanish, shape (e,), and its slopes, shape (e, k)."""


@dataclass(frozen=True)
class DescriptorView:
    """What a descriptor sees of a structure from some centers."""

    variation = SHORTEST_VARIATION

    atoms: Atoms
    descriptor: Descriptor
    centers: tuple[int, ...]

    def at(self, displacement: Array) -> Atoms:
        """The displaced structure."""
        atoms: Atoms = self.atoms.copy()
        atoms.positions += displacement
        return atoms

    def internal(self, displacement: Array) -> Array:
        """Orthonormal internal displacements there, shape (k, N, 3)."""
        motions = trivial_motions(
            self.at(displacement), cutoff=self.descriptor.cutoff, centers=self.centers
        )
        return motions.internal()

    def slopes(self, displacement: Array, directions: Array) -> Array:
        """J times directions."""
        atoms = self.at(displacement)
        return jacobian(atoms, self.descriptor, centers=self.centers).apply(directions)

    def curvature(self, displacement: Array, mode: Array, directions: Array) -> Array:
        """Derivative of J along a mode, times directions."""
        atoms = self.at(displacement)
        change = second_derivative(atoms, self.descriptor, mode, centers=self.centers)
        return change.apply(directions)

    def mismatch(self, displacement: Array, directions: Array) -> tuple[Array, Array]:
        """Nothing."""
        return np.empty(0), np.empty((0, len(directions)))


@dataclass(frozen=True)
class NearestZeros:
    """Where singular values vanish.

    Attributes
    ----------
    displacement
        Shape (N, 3), in Å, from the start.
    modes
        Shape (n, N, 3): orthonormal displacements that are not seen there; none if there is no
        such geometry within reach.
    small
        How many singular values at the start were small enough to be looked at.
    """

    displacement: Array
    modes: Array
    small: int


def nearest_zeros(
    view: View, directions: Array, *, moves: Array, reach: float, zero: float
) -> NearestZeros:
    """Find the nearest geometry at which small singular values vanish, as many as possible.

    Parameters
    ----------
    view
        What is seen.
    directions
        Orthonormal, shape (k, N, 3): the displacements that may be null.
    moves
        Orthonormal, shape (n, N, 3): where the atoms may go.
    reach
        How far the atoms may go, in Å, root of the summed squares.
    zero
        Fraction of the largest singular value up to which one counts as zero.
    """
    start = np.zeros(directions.shape[1:])
    slopes = view.slopes(start, moves)
    scale = float(np.sqrt(np.linalg.eigvalsh(slopes.T @ slopes)[-1]))
    search = _Search(view, directions, moves, reach, zero * scale, scale)
    here = search.look(start)
    small = np.flatnonzero(here.values <= scale * reach / view.variation)[::-1].tolist()
    exact = int(np.sum(here.values <= search.zero))
    looked_at = small[: max(exact, MOST_CANDIDATES)]
    candidates = [mode for mode in looked_at if search.leads_to_zero(here, mode)]
    found = search.descend(here, candidates) if candidates else None
    if found is None:
        return NearestZeros(start, directions[:0], len(small))
    null = found.modes[found.values <= search.zero]
    return NearestZeros(found.displacement, null, len(small))


@dataclass(frozen=True)
class _Look:
    """What is seen at one geometry.

    Singular values (k,), descending; modes (k, N, 3); and J v of each (rows, k).
    """

    displacement: Array
    values: Array
    modes: Array
    images: Array
    search: _Search

    @cached_property
    def mismatch(self) -> tuple[Array, Array]:
        """What else has to vanish (e,), and its slopes along all moves (e, n)."""
        return self.search.view.mismatch(self.displacement, self.search.moves)


@dataclass(frozen=True)
class _Search:
    """What does not change during a search; see ``nearest_zeros``."""

    view: View
    directions: Array
    moves: Array
    reach: float
    zero: float
    scale: float

    def look(self, displacement: Array) -> _Look:
        slopes = self.view.slopes(displacement, self.directions)
        values, mixing = decompose_matrix(slopes, scale=self.scale)
        modes = np.tensordot(mixing, self.directions, axes=1)
        return _Look(displacement, values, modes, slopes @ mixing.T, self)

    def leads_to_zero(self, here: _Look, mode: int) -> bool:
        """Whether a step within reach might bring this singular value to zero."""
        if self.excess(here, [mode]) == 0:
            return True
        _, left = self.step(here, [mode])
        return bool(left[0] < max(STALLED * here.values[mode], self.zero))

    def excess(self, here: _Look, modes: list[int]) -> float:
        """By how much what shall vanish does not."""
        above = np.maximum(here.values[modes] - self.zero, 0)
        apart = np.abs(here.mismatch[0])
        return float(np.hypot(np.linalg.norm(above), np.linalg.norm(apart[apart > SETTLED])))

    def descend(self, here: _Look, modes: list[int]) -> _Look | None:
        """Go to where the modes vanish, leaving behind those that do not."""
        for _ in range(MOST_STEPS):
            excess = self.excess(here, modes)
            if excess == 0:
                return here
            displacement, left = self.step(here, modes)
            while (left > np.maximum(STALLED * here.values[modes], self.zero)).any():
                modes = [mode for mode, rest in zip(modes, left, strict=True) if rest < left.max()]
                if not modes:
                    return None
                displacement, left = self.step(here, modes)
            wanted = here.modes[modes]
            for fraction in FRACTIONS:
                there = self.look(here.displacement + fraction * (displacement - here.displacement))
                modes = _most_alike(there.modes, wanted)
                if self.excess(there, modes) < excess:
                    break
            else:
                return None
            here = there
        return None

    def step(self, here: _Look, modes: list[int]) -> tuple[Array, Array]:
        """Gauss-Newton step towards J v = 0 for some modes v; and how much of each J v it leaves.

        Gives the whole displacement, shape (N, 3), from the start: the shortest that will do, or
        one within reach that does most. J v must vanish up to what other displacements than v do,
        since v may turn: so everything is projected on the complement of their images.
        """
        others = np.setdiff1d(np.flatnonzero(here.values > self.zero), modes)
        seen = here.images[:, others] / here.values[others]  # orthonormal columns
        blocks = [here.mismatch]
        for mode in modes:
            slopes = self.view.curvature(here.displacement, here.modes[mode], self.moves)
            blocks.append((here.images[:, mode], slopes - seen @ (seen.T @ slopes)))
        before = np.tensordot(self.moves, here.displacement, axes=2)  # [move]
        # Each block asks for value + slopes (after - before) = 0.
        wanted = [slopes @ before - values for values, slopes in blocks]
        square = sum(slopes.T @ slopes for _, slopes in blocks)
        force = sum(slopes.T @ want for (_, slopes), want in zip(blocks, wanted, strict=True))
        size = np.sqrt(sum(np.sum(values**2) for values, _ in blocks))
        damping = max((DAMPING * size / self.reach) ** 2, NO_DAMPING * np.trace(square))
        curvatures, axes = np.linalg.eigh(square)
        after = axes @ (axes.T @ force / (curvatures + damping))
        while np.linalg.norm(after) > self.reach:
            damping *= 2
            after = axes @ (axes.T @ force / (curvatures + damping))
        left = [
            float(np.linalg.norm(slopes @ after - want))
            for (_, slopes), want in zip(blocks[1:], wanted[1:], strict=True)
        ]
        return np.tensordot(after, self.moves, axes=1), np.array(left)


def _most_alike(modes: Array, wanted: Array) -> list[int]:
    """As many of the modes as are wanted, those with the largest part in the span of these."""
    overlaps = np.einsum("aix,bix->ab", modes, wanted)
    order = np.argsort(-np.sum(overlaps**2, axis=1), kind="stable")
    return sorted(order[: len(wanted)].tolist())
