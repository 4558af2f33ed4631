"""Environments that are symmetric within the tolerance, but not exactly.

A diagnosis counts the displacements that a group within the tolerance hides as hidden, whatever
their singular values. What matters are the singular values of J beside them, and whether these can
vanish at a geometry within the tolerance (``margins``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sensitivity.descriptors import LikeGradients
from sensitivity.numerics import Array, Indices
from sensitivity.survey.margins import CLEAR, MOST, Margins, Smallest, SmallModes, change_within
from sensitivity.survey.relative import (
    Neighbors,
    along_frames,
    in_space,
    of_neighbors,
    rotations,
    unmix,
)
from sensitivity.tolerances import Tolerance

if TYPE_CHECKING:
    from sensitivity.survey.sites import Site


def hold_nearly(
    margins: Margins,
    gradients: LikeGradients,
    mixed: Array,
    neighbors: Neighbors,
    sites: Sequence[Site | None],
    values: Array,
    scale: Array,
) -> Iterator[tuple[int, float]]:
    """Yield environments with inexact sites that keep all values beside what these hide.

    Yields their places, and the smallest of these values. ``mixed`` is S JᵀJ S along the frames,
    ``values`` are the singular values, (e, 3k), ascending with those of rotations first.
    """
    sets: dict[int, dict[int, Array]] = {}
    for place, site in enumerate(sites):
        if site is not None and site.nearly is not None:
            sets.setdefault(site.hidden, {})[place] = site.nearly
    for members in sets.values():
        places = np.array(list(members))
        near, largest = neighbors.only(places), values[places, -1]
        hidden = of_neighbors(np.array(list(members.values())))
        still = np.concatenate([rotations(near.vectors, 3), hidden], axis=2)
        limits = margins.fraction(near.numbers.shape[1]) * largest
        # There are no more small values beside the hidden displacements than with them.
        most = max(1, int(np.count_nonzero(values[places] <= limits[:, None], axis=1).max()) - 3)
        found = _decompose_beside(gradients, mixed, places, still, largest, most)
        left = _left(margins, found, near, limits)
        firm = left > CLEAR * Tolerance.RANK * scale[places]
        yield from zip(places[firm].tolist(), found.values[firm, 0].tolist(), strict=True)


def _decompose_beside(
    gradients: LikeGradients,
    mixed: Array,
    places: Indices,
    still: Array,
    largest: Array,
    most: int,
) -> Smallest:
    """Return the smallest singular values of J S beside orthonormal directions, (n, 3k, t)."""
    frames, (_, size, count) = gradients.frames[places], still.shape
    held = along_frames(still, frames)
    held = held @ held.swapaxes(1, 2)
    free = np.eye(size) - held
    raised = free @ mixed[places] @ free + (2 * largest[:, None, None]) ** 2 * held
    _, modes = np.linalg.eigh(raised)
    kept = in_space(modes[:, :, : min(most, size - count)], frames)
    return Smallest(gradients, places, np.empty(0), kept).refined()


def _left(margins: Margins, found: Smallest, neighbors: Neighbors, limits: Array) -> Array:
    """Return what is left of the smallest value within reach, (n,)."""
    small = found.up_to(limits)
    left, tested = found.values[:, 0].copy(), np.flatnonzero(small)
    if len(tested):
        near = neighbors.only(tested)
        modes = SmallModes.of(found, tested, np.zeros_like(tested), small[tested])
        # Beside hidden displacements, these are no singular vectors of J S: Jᵀu is not along v.
        here = np.empty_like(modes.here)
        for part, gradients in margins.differentiate(near) or ():
            here[part] = gradients.pull(modes.gradients, modes.places[part], modes.images[part])
        modes = modes._replace(here=unmix(here))
        reach = margins.reach(near.numbers.shape[1])
        change = change_within(reach, modes, near, margins.differentiate)
        left[tested] = np.where(change <= MOST, left[tested] * (1 - change), 0.0)
    return left
