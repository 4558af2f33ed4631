"""Matching of modes from one geometry to the next.

Modes are counted in the order of their singular values. Where two values cross, as they may by
symmetry, the vectors exchange their places at one point, and the index goes with the vector. Where
they come near and part again, each index keeps its place, and its vector turns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sensitivity.numerics import Array, Tolerance
from sensitivity.paths.transport import HALF, Place, with_equals
from sensitivity.spectrum import Spectrum


def track(here: Place, there: Spectrum, see: Callable[[Array], Spectrum]) -> tuple[int, ...]:
    """Return the indices at another geometry of the modes that are followed.

    ``see`` gives the spectrum at any positions.
    """
    found: list[int] = []
    for mode, direction in zip(here.followed, here.basis, strict=True):
        alike = set(with_equals(here.spectrum, {mode})) - set(here.followed)
        # Among equals no vector is distinguished but the direction itself.
        index = (
            _most_alike(direction, there, taken=found)
            if alike
            else _trace(mode, here.spectrum, there, see)
        )
        found.append(index if index not in found else _most_alike(direction, there, taken=found))
    return tuple(found)


def _trace(mode: int, here: Spectrum, there: Spectrum, see: Callable[[Array], Spectrum]) -> int:
    """The index of one mode, after a search for the point at which it is exchanged, if any.

    Vectors that are exchanged within the rounding of coordinates cross: the steps resolve any
    length over which vectors turn.
    """
    if _overlap(mode, here, there) >= HALF:
        return mode
    while np.linalg.norm(there.atoms.positions - here.atoms.positions) > Tolerance.COORDINATES:
        middle = see((here.atoms.positions + there.atoms.positions) / 2)
        if middle.internal != here.internal:
            return mode
        if _overlap(mode, here, middle) < HALF:
            there = middle
        elif _overlap(mode, middle, there) < HALF:
            here = middle
        else:
            return mode
    return _most_alike(here.modes[mode], there, taken=[])


def _overlap(mode: int, here: Spectrum, there: Spectrum) -> float:
    return float(np.sum(here.modes[mode] * there.modes[mode]) ** 2)


def _most_alike(direction: Array, there: Spectrum, *, taken: list[int]) -> int:
    parts = np.tensordot(there.modes[: there.internal], direction, axes=2) ** 2
    parts[taken] = -1
    return int(np.argmax(parts))
