"""The nearest geometry, within a small distance, at which some displacements are not seen.

Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
doi 10.12688/openreseurope.14156.1, call these geometries singular points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sensitivity.numerics import Array
from sensitivity.singular.local_modes import (
    Condition,
    LocalModes,
    Observed,
    local_modes,
    solve_within,
)

# A step that leaves more than this fraction of J v as it is does not lead to a zero.
STALLED = 0.5


@dataclass(frozen=True)
class NearestZeros:
    """The nearest geometry at which singular values vanish."""

    displacement: Array  # (N, 3), Å, from the start
    modes: Array  # (n, N, 3), orthonormal: not seen there; none if no such geometry is in reach
    small: int  # how many singular values at the start were small enough to be looked at


def nearest_zeros(
    observed: Observed,
    directions: Array,
    *,
    moves: Array,
    reach: float,
    zero: float,
    most: int = 16,
) -> NearestZeros:
    """Find the nearest geometry at which small singular values vanish, as many as possible.

    Parameters
    ----------
    observed
        The structure, and what is seen of it.
    directions
        Orthonormal, shape (k, N, 3): the displacements that may be null.
    moves
        Orthonormal, shape (n, N, 3): where the atoms may go.
    reach
        How far the atoms may go, in Å, root of the summed squares.
    zero
        Fraction of the largest singular value up to which one counts as zero.
    most
        So many of the smallest are followed. Where more are as small, as in a large environment
        seen with a small basis, only those that are zero as they stand are reported.
    """
    start = np.zeros(directions.shape[1:])
    slopes = observed.slopes(moves)
    scale = float(np.sqrt(np.linalg.eigvalsh(slopes.T @ slopes)[-1]))
    search = _ZeroSearch(observed, directions, moves, reach, zero * scale, scale)
    here = search.observe(start)
    small = np.flatnonzero(here.local.values <= scale * reach / observed.variation)[::-1].tolist()
    exact = int(np.sum(here.local.values <= search.zero))
    candidates = [mode for mode in small[: max(exact, most)] if search.leads_to_zero(here, mode)]
    found = search.descend(here, candidates) if candidates else None
    if found is None:
        return NearestZeros(start, directions[:0], len(small))
    null = found.local.modes[found.local.values <= search.zero]
    return NearestZeros(found.local.displacement, null, len(small))


class _Trial(NamedTuple):
    local: LocalModes
    mismatch: Condition  # what else has to vanish there


@dataclass(frozen=True)
class _ZeroSearch:  # its fields do not change during a search; see nearest_zeros
    observed: Observed
    directions: Array
    moves: Array
    reach: float
    zero: float
    scale: float

    def observe(self, displacement: Array) -> _Trial:
        there = self.observed.displaced(displacement)
        local = local_modes(there, self.directions, displacement=displacement, scale=self.scale)
        return _Trial(local, there.mismatch(self.moves))

    def leads_to_zero(self, here: _Trial, mode: int) -> bool:
        """Tell whether a step within reach might bring this singular value to zero."""
        if self.excess(here, [mode]) == 0:
            return True
        _, left = self.step(here, [mode])
        return bool(left[0] < max(STALLED * here.local.values[mode], self.zero))

    def excess(self, here: _Trial, modes: list[int]) -> float:
        """Return by how much the conditions are missed."""
        above = np.maximum(here.local.values[modes] - self.zero, 0)
        apart = np.abs(here.mismatch[0])
        apart = apart[apart > 1e-9]  # Å²; invariants that differ by less are equal
        return float(np.hypot(np.linalg.norm(above), np.linalg.norm(apart)))

    def descend(self, here: _Trial, modes: list[int]) -> _Trial | None:
        """Go to where the modes vanish, leaving behind those that do not."""
        for _ in range(12):  # quadratic convergence takes five from the largest reach
            if self.excess(here, modes) == 0:
                return here
            displacement, modes = self.choose_step(here, modes)
            if not modes:
                return None
            nearer = self.shorten(here, modes, displacement)
            if nearer is None:
                return None
            here, modes = nearer
        return None

    def choose_step(self, here: _Trial, modes: list[int]) -> tuple[Array, list[int]]:
        """Return a step, and the modes that it brings to zero: those that stall are dropped."""
        while modes:
            displacement, left = self.step(here, modes)
            if (left <= np.maximum(STALLED * here.local.values[modes], self.zero)).all():
                break
            modes = [mode for mode, rest in zip(modes, left, strict=True) if rest < left.max()]
        return displacement, modes

    def shorten(
        self, here: _Trial, modes: list[int], displacement: Array
    ) -> tuple[_Trial, list[int]] | None:
        """Return where the step, or a part of it, comes nearer to a zero, and the modes there."""
        start, excess = here.local.displacement, self.excess(here, modes)
        for fraction in (1.0, 0.3, 0.1):
            there = self.observe(start + fraction * (displacement - start))
            same = _most_alike(there.local.modes, here.local.modes[modes])
            if self.excess(there, same) < excess:
                return there, same
        return None

    def step(self, here: _Trial, modes: list[int]) -> tuple[Array, Array]:
        """Return a Gauss-Newton step towards J v = 0, and how much of each J v it leaves.

        The whole displacement, shape (N, 3), from the start: the shortest that will do, or one
        within reach that does most.
        """
        wanted = [
            here.local.condition_of(self.observed, mode, self.moves, held=modes, zero=self.zero)
            for mode in modes
        ]
        before = np.tensordot(self.moves, here.local.displacement, axes=2)  # [move]
        # A solution as long as the reach may leave 1 % of J v behind.
        after = solve_within(
            [here.mismatch, *wanted], before, reach=self.reach, weight=1e-4, growth=2.0
        )
        left = [np.linalg.norm(values + slopes @ (after - before)) for values, slopes in wanted]
        return np.tensordot(after, self.moves, axes=1), np.array(left)


def _most_alike(modes: Array, wanted: Array) -> list[int]:
    """As many of the modes as are wanted, those with the largest part in the span of these."""
    overlaps = np.einsum("aix,bix->ab", modes, wanted)
    order = np.argsort(-np.sum(overlaps**2, axis=1), kind="stable")
    return sorted(order[: len(wanted)].tolist())
