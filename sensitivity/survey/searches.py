"""Environments whose small singular values a diagnosis searches for zeros, and finds none to count.

A diagnosis follows a mode v with the value s, J v = s u, if some displacement δ within reach may
reduce it to half: |s + uᵀ H v δ|² + |P H v δ|² must become small, where H v δ is the change of J v,
and P projects out what v can be mixed with, the images of all visible modes. Where a neighbour is
near the cutoff (``fading``), values fall below the threshold. To count as truncated, a larger basis
must see such modes better, and much better where a near symmetry hides them. Else they are
undetermined if they are below it at the given geometry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sensitivity.completeness import MOST_TUPLES
from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.diagnosis.causes import CRITERIA
from sensitivity.diagnosis.null_modes import COMMON, NEARLY_HIDDEN, nearly_hidden
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.survey.fading import change_without_fade
from sensitivity.survey.margins import (
    MOST,
    Differentiate,
    Margins,
    Smallest,
    SmallModes,
    differentiation,
)
from sensitivity.survey.relative import Neighbors, mix, unmix
from sensitivity.symmetry.groups import Invariance
from sensitivity.tolerances import Tolerance

# Larger bases that a diagnosis compares.
_BASES = 3
# Parts of a value, and of the threshold, that a step must leave for a mode that is not followed,
# where a diagnosis takes 0.5 and 1; part of the threshold below which a larger basis sees nothing.
_LEFT, _VISIBLE, _UNSEEN = 0.52, 1.05, 0.95
# Å, of finite differences, over the distance to the cutoff at most.
_STEP, _OF_GAP = 1e-5, 1e-3
# Distance to the cutoff over the largest change of a distance within reach, where center and
# neighbour move apart, at least: the neighbour cannot leave, nor nearly so.
_INSIDE = 1.1
# Å from the cutoff, within which the fade decides; and the factor of the threshold by which a value
# above it, after its fall with the fade, must exceed it.
_NEAR, _WEAK = 0.1, 1.5
# Dampings of a step, over the squared gradient of the value; the best one gives the bound.
_DAMPINGS = np.logspace(-8, 2, 61)


class Searches(NamedTuple):
    """A test of searches among like environments."""

    margins: Margins
    larger: Sequence[Differentiate]
    cutoff: float  # Å
    invariance: Invariance

    @classmethod
    def of(
        cls,
        margins: Margins,
        descriptor: Descriptor,
        *,
        neighbors: int,
        species: Collection[int],
    ) -> Searches | None:
        """Return the test for a number of neighbours.

        None if a diagnosis has no complete basis to compare.
        """
        order = with_defaults(descriptor).order
        if order is None or neighbors**order > MOST_TUPLES:
            return None
        larger, known = list[Differentiate](), with_defaults(descriptor)
        invariance = known.invariance
        while len(larger) < _BASES and (basis := known.larger_basis()) is not None:
            known = with_defaults(basis)
            larger.append(differentiation(basis, species))
        return cls(margins, larger, descriptor.cutoff, invariance)

    def find_nothing(
        self,
        found: Smallest,
        neighbors: Neighbors,
        hidden: Indices,
        rotations: Indices,
        scale: Array,
    ) -> Mask:
        """Tell for which environments a diagnosis has nothing to count but what is given.

        The site hides ``hidden`` displacements, (n,), and ``rotations`` are those of each; all
        others are visible, or undetermined if their value is below the threshold. ``scale``,
        (n,), is ``natural_scale``.
        """
        margins, zeros = self.margins, hidden + rotations
        gaps = self.cutoff - neighbors.distances.max(axis=1)
        apart = 2**0.5 * margins.reach(neighbors.numbers.shape[1])
        inside, change = gaps > _INSIDE * apart, np.full(len(hidden), np.inf)
        for part, gradients in _some(margins.differentiate, neighbors, inside & (gaps < _NEAR)):
            near, known = neighbors.only(part), zeros[part]
            change[part] = change_without_fade(gradients, near, known, margins, cutoff=self.cutoff)
        # Values that can fall below the threshold, as the neighbour fades.
        fall = (1 - apart / np.maximum(gaps, _INSIDE * apart)) ** 2
        weak = found.up_to(_WEAK * Tolerance.RANK * scale / fall)
        faded = (change <= MOST) & (found.up_to(10 * Tolerance.SINGULAR * scale) == hidden)
        nothing, compared = faded & (weak == hidden), np.flatnonzero(faded & (weak > hidden))
        if len(compared):
            modes = SmallModes.of(found, compared, hidden[compared], weak[compared])
            better = self._compare(modes, neighbors.only(compared), scale[compared])
            better /= _UNSEEN * (1 - change[compared])
            nothing[compared] = better <= CRITERIA["larger basis"].threshold / Tolerance.RANK
            for number in np.flatnonzero(~nothing[compared] & (better <= NEARLY_HIDDEN)).tolist():
                place, moves = compared[number], modes.moves[number][:, modes.used[number]]
                nothing[place] = self._are_nearly_hidden(moves, neighbors.only(np.array([place])))
        for part, gradients in _some(margins.differentiate, neighbors, inside & (change > MOST)):
            every = _Modes.of(gradients, zeros[part], scale[part])
            near = neighbors.only(part)
            nothing[part] = every.regular & self._all_stall(every, near, gaps[part])
        return np.asarray(nothing)

    def _compare(self, modes: SmallModes, neighbors: Neighbors, scale: Array) -> Array:
        """Return the largest responses of larger bases over those of this one, (n,)."""
        better, every = np.zeros(len(scale)), np.ones(len(scale), dtype=bool)
        for larger in self.larger:
            norms = np.full(len(scale), np.inf)  # if the basis takes environments singly
            for part, gradients in _some(larger, neighbors, every):
                squares = np.linalg.eigvalsh(mix(gradients.gram, gradients.frames))[:, -1]
                theirs = np.maximum(np.sqrt(squares), gradients.norms / self.cutoff)
                responses = gradients.apply(modes.moves[part], np.arange(len(part)))
                responses /= modes.values[part, None]
                norms[part] = np.linalg.norm(responses, ord=2, axis=(1, 2)) * scale[part] / theirs
            better = np.maximum(better, norms)
        return better

    def _are_nearly_hidden(self, moves: Array, neighbors: Neighbors) -> bool:
        """Tell whether a symmetry near one environment hides all of some modes, (3k, q)."""
        k, q = neighbors.numbers.shape[1], moves.shape[1]
        modes = np.zeros((q, k + 1, 3))
        modes[:, 1:] = moves.T.reshape(q, k, 3)
        modes -= modes.mean(axis=1, keepdims=True)
        atoms = neighbors.molecule(0)
        hidden = nearly_hidden(atoms, [0], cutoff=self.cutoff, invariance=self.invariance)
        overlaps = hidden.reshape(len(hidden), -1) @ modes.reshape(q, -1).T
        values = np.linalg.svd(overlaps, compute_uv=False)
        return len(values) == q and bool(values[-1] > COMMON / _UNSEEN)

    def _all_stall(self, modes: _Modes, neighbors: Neighbors, gaps: Array) -> Mask:
        """Tell for which environments a diagnosis follows no mode."""
        size = modes.values.shape[1]
        limits = self.margins.fraction(size // 3) * modes.values[:, -1:]
        smallest = np.arange(size) == modes.zeros[:, None]
        small = (np.arange(size) >= modes.zeros[:, None]) & (modes.values <= limits)
        stall = np.ones(small.shape, dtype=bool)
        # If any mode is followed, it is mostly the first.
        for tested in (small & smallest, small & ~smallest):
            owners, j = np.nonzero(tested & stall.all(axis=1, keepdims=True))
            stall[owners, j] = self._stall(modes, neighbors, owners, j, gaps=gaps)
        return np.asarray(stall.all(axis=1))

    def _stall(
        self, modes: _Modes, neighbors: Neighbors, owners: Indices, j: Indices, *, gaps: Array
    ) -> Mask:
        """Tell which modes j of some environments a diagnosis does not follow."""
        size, stall = modes.values.shape[1], np.zeros(len(j), dtype=bool)
        steps = np.minimum(_STEP, _OF_GAP * gaps[owners])[:, None, None]
        moved = neighbors.only(owners).moved(steps[:, 0] * modes.moves[owners, :, j])
        for part, gradients in _some(self.margins.differentiate, moved, owners >= 0):
            own, mode = owners[part], j[part]
            visible = np.arange(size) >= modes.zeros[own, None, None]
            slopes = _dense(gradients)
            rows = slopes.shape[1]  # with fewer species, the others are zero
            changes = (slopes - modes.slopes[own, :rows]) / steps[part]
            along = (modes.images[own, :rows] * visible).swapaxes(1, 2) @ changes
            squares = changes.swapaxes(1, 2) @ changes - along.swapaxes(1, 2) @ along
            value, reach = modes.values[own, mode], self.margins.reach(size // 3)
            left = _least(value, along[np.arange(len(own)), mode], squares, reach=reach)
            enough = np.maximum(_LEFT * value, _VISIBLE * Tolerance.RANK * modes.scale[own])
            stall[part] = left >= enough
        return stall


def _least(values: Array, slopes: Array, squares: Array, *, reach: float) -> Array:
    """Return a lower bound on √((s + g·δ)² + δ·M δ) for |δ| within reach, of each s, g and M.

    For any damping λ it is the least value of the square plus λ(|δ|² - reach²).
    """
    sizes, axes = np.linalg.eigh(squares)
    parts = (slopes[:, None] @ axes)[:, 0] ** 2
    damping = np.maximum(parts.sum(axis=1), np.finfo(float).tiny)[:, None] * _DAMPINGS  # [m, λ]
    softened = np.maximum(sizes, 0.0)[:, None] + damping[:, :, None]
    softness = (parts[:, None] / softened).sum(axis=2)
    bounds = values[:, None] ** 2 / (1 + softness) - damping * reach**2
    return np.asarray(np.sqrt(np.maximum(bounds.max(axis=1), 0.0)))


class _Modes(NamedTuple):
    """All modes of n environments; rotations and hidden displacements come first."""

    slopes: Array  # (n, rows, 3k), J S
    values: Array  # (n, 3k), ascending
    images: Array  # (n, rows, 3k), left vectors
    moves: Array  # (n, 3k, 3k), S times right vectors
    zeros: Indices  # (n,)
    scale: Array  # (n,)

    @classmethod
    def of(cls, gradients: LikeGradients, zeros: Indices, scale: Array) -> _Modes:
        """Decompose J S."""
        slopes = _dense(gradients)
        rows, size = slopes.shape[1:]
        padded = np.pad(slopes, ((0, 0), (0, max(size - rows, 0)), (0, 0)))
        left, values, right = np.linalg.svd(padded, full_matrices=False)
        moves = unmix(right[:, ::-1].swapaxes(1, 2))
        return cls(slopes, values[:, ::-1], left[:, :rows, ::-1], moves, zeros, scale)

    @property
    def regular(self) -> Mask:
        """True where the first values are zero, and all others visible."""
        values = self.values / self.scale[:, None]
        rounded, invisible = (
            np.count_nonzero(values <= most, axis=1)
            for most in (Tolerance.ROUNDING, Tolerance.RANK)
        )
        return np.asarray((rounded == self.zeros) & (invisible == self.zeros))


def _dense(gradients: LikeGradients) -> Array:
    """Return J S, shape (e, rows, 3k)."""
    count, size, _ = gradients.gram.shape
    every = np.broadcast_to(np.eye(size), (count, size, size))
    return gradients.apply(unmix(every), np.arange(count))


def _some(
    differentiate: Differentiate, neighbors: Neighbors, chosen: Mask
) -> Iterator[tuple[Indices, LikeGradients]]:
    """Yield the places of some of the chosen environments, and their gradients."""
    places = np.flatnonzero(chosen)
    if len(places):
        for part, gradients in differentiate(neighbors.only(places)) or ():
            yield places[part], gradients
