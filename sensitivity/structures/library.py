"""All structures that have a name: environments of known rank, crystals, and molecules of G2.

In an environment the center, carbon, is atom 0 at the origin; the neighbours are hydrogen; lengths
are in Å. The singular ones and the pairs follow S. N. Pozdnyakov, L. Zhang, C. Ortner, G. Csányi,
M. Ceriotti, Open Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1, and
S. N. Pozdnyakov, M. J. Willatt, A. P. Bartók, C. Ortner, G. Csányi, M. Ceriotti, Phys. Rev. Lett.
125, 166001 (2020), doi 10.1103/PhysRevLett.125.166001.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from importlib import import_module
from math import cos, pi, sin

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from sensitivity.numerics import Array

CH = 1.09  # Å, the C-H bond of methane
STRETCHED = 1.19  # Å

_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
_CROSS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
_RING = (0.0, 1.3, 3.1)  # rad; scalene, because regular and isosceles rings give congruent pairs
_RING_TURN = 0.7  # rad, of the lower ring against the upper one
_RING_HEIGHT = 0.6  # Å


@dataclass(frozen=True)
class Entry:
    """A named structure: what it is, in one line, and a function that makes it anew."""

    summary: str
    build: Callable[[], Atoms]


def _around_carbon(neighbors: ArrayLike) -> Atoms:
    positions = np.vstack([np.zeros(3), np.asarray(neighbors, dtype=float)])
    return Atoms("C" + "H" * (len(positions) - 1), positions)


def _methane(lengths: Sequence[float]) -> Atoms:
    return _around_carbon(np.array(lengths)[:, None] * _TETRAHEDRON)


def _planar() -> Atoms:
    lengths, angles = np.array([1.0, 1.1, 1.25]), np.array([0.0, 1.9, 4.0])
    return _around_carbon(lengths[:, None] * _ring(angles, height=0.0))


def ch4_pair(u: float, v: float, *, sign: int) -> Atoms:
    """Return X+ (``sign=1``) or X- (``sign=-1``) of the degenerate manifold of CH4.

    The neighbours, at 1.09 Å, are A = (cos 5π/8, 0, -sin 5π/8), B and B' = (cos π/5 cos π/6,
    ±sin π/5 cos π/6, ∓1/2), and C± = (cos u cos v, ±sin u cos v, sin v), angles in radians. At
    v = 0 the two have the same order-2 features of the carbon atom. They meet at u = π, where
    the order-2 Jacobian is singular. Source: Pozdnyakov, Willatt, Bartók, Ortner, Csányi,
    Ceriotti, Phys. Rev. Lett. 125, 166001 (2020), doi 10.1103/PhysRevLett.125.166001.

    Raises ValueError if ``sign`` is neither 1 nor -1, or an angle is not finite.
    """
    if sign not in (1, -1):
        raise ValueError(f"sign must be 1 for X+ or -1 for X-, got {sign!r}; give one of the two.")
    if not np.isfinite([u, v]).all():
        raise ValueError(f"u and v must be finite angles in radians, got {u} and {v}.")
    across, aside = cos(pi / 5) * cos(pi / 6), sin(pi / 5) * cos(pi / 6)
    directions = [
        [cos(5 * pi / 8), 0.0, -sin(5 * pi / 8)],
        [across, aside, -0.5],
        [across, -aside, 0.5],
        [cos(u) * cos(v), sign * sin(u) * cos(v), sin(v)],
    ]
    return _around_carbon(CH * np.array(directions))


def _s1() -> Atoms:
    straight = [[0.0, 0.0, 1.1], [0.0, 0.0, -1.1]]
    return _around_carbon([[sin(0.9), 0.0, cos(0.9)], *straight, [cos(1.1), sin(1.1), 0.0]])


def _rings(apexes: Sequence[float]) -> Atoms:
    """Two equal rings of radius 1 Å, one above and one below, and apexes on their axis."""
    upper = _ring(np.array(_RING), height=_RING_HEIGHT)
    lower = _ring(np.array(_RING) + _RING_TURN, height=-_RING_HEIGHT)
    return _around_carbon(np.vstack([upper, lower, *([0.0, 0.0, apex] for apex in apexes)]))


def _ring(angles: Array, *, height: float) -> Array:
    return np.stack([np.cos(angles), np.sin(angles), np.full(len(angles), height)], axis=1)


ENVIRONMENTS: dict[str, Entry] = {
    "Td": Entry("ideal methane, four equal bonds", lambda: _methane([CH] * 4)),
    "C3v": Entry("methane, one bond stretched", lambda: _methane([STRETCHED, CH, CH, CH])),
    "C2v": Entry(
        "methane, two bonds stretched alike", lambda: _methane([STRETCHED, STRETCHED, CH, CH])
    ),
    "Cs": Entry("methane, bonds 1.1, 1.1, 1.0, 0.9 Å", lambda: _methane([1.1, 1.1, 1.0, 0.9])),
    "square": Entry("four equal bonds in a plane, D4h", lambda: _around_carbon(CH * _CROSS[:4])),
    "octahedron": Entry("six equal bonds, Oh", lambda: _around_carbon(CH * _CROSS)),
    "planar": Entry("three different bonds in a plane, Cs", _planar),
    "linear-equal": Entry("two equal bonds in a line", lambda: _around_carbon(CH * _CROSS[:2])),
    "linear-unequal": Entry(
        "two different bonds in a line", lambda: _around_carbon([[1.0, 0, 0], [-1.2, 0, 0]])
    ),
    "generic": Entry(
        "four bonds without symmetry",
        lambda: _around_carbon(
            [[0.91, 0.42, 0.37], [-0.55, 0.83, -0.48], [0.12, -0.96, 0.61], [-0.39, -0.27, -1.02]]
        ),
    ),
    "X+": Entry(
        "CH4 pair, u = 0.8 π, v = 0: same order-2 features as X-",
        lambda: ch4_pair(0.8 * pi, 0.0, sign=1),
    ),
    "X-": Entry(
        "CH4 pair, u = 0.8 π, v = 0: same order-2 features as X+",
        lambda: ch4_pair(0.8 * pi, 0.0, sign=-1),
    ),
    "X0": Entry(
        "where X+ and X- meet, u = π, v = 0: singular at order 2",
        lambda: ch4_pair(pi, 0.0, sign=1),
    ),
    "S1": Entry("singular at order 2: B-C-B' straight, one neighbour across", _s1),
    "bispectrum+": Entry(
        "two rings, apex above: equal to bispectrum- to order 3", lambda: _rings([1.0])
    ),
    "bispectrum-": Entry(
        "two rings, apex below: equal to bispectrum+ to order 3", lambda: _rings([-1.0])
    ),
    "N3": Entry("two rings, both apexes: singular at order 3", lambda: _rings([1.0, -1.0])),
}


def _made_by(function: str, *arguments: str, **settings: float | str) -> Callable[[], Atoms]:
    """A builder that calls a function of ase.build, which takes a quarter of a second to import."""
    return lambda: getattr(import_module("ase.build"), function)(*arguments, **settings)


_bulk = partial(_made_by, "bulk")

# A crystal's name carries its lattice, because "Si" and "NaCl" are molecules of G2. Lengths in Å.
_CRYSTALS = {
    "Si-diamond": Entry("silicon, cubic cell", _bulk("Si", "diamond", a=5.43, cubic=True)),
    "C-diamond": Entry("diamond, primitive cell", _bulk("C", "diamond", a=3.57)),
    "Al-fcc": Entry("aluminium, primitive cell", _bulk("Al", "fcc", a=4.05)),
    "NaCl-rocksalt": Entry("rock salt, cubic cell", _bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "graphene": Entry("one layer, periodic in two directions", _made_by("graphene", a=2.46)),
}


@cache
def _entries() -> dict[str, Entry]:
    from ase.collections import g2

    summary = "molecule of the G2 set"
    molecules = {name: Entry(summary, _made_by("molecule", name)) for name in g2.names}
    return {**ENVIRONMENTS, **_CRYSTALS, **molecules}


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows: literature, crystals, G2."""
    return tuple(_entries())


def load(name: str) -> Atoms:
    """Return the structure of this name, made anew at every call, positions in Å.

    Molecules are those of the G2 set as ASE ships them (``ase.build.molecule``); for sources of the
    environments see ``sensitivity.structures.library``.

    Raises TypeError if the name is not a string, and ValueError, with the nearest names, if there
    is no such structure.
    """
    return _find(name).build()


def summarize(name: str) -> str:
    """Return one line that says what the structure of this name is; errors as of ``load``."""
    return _find(name).summary


def _find(name: str) -> Entry:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as 'CH4', got {name!r}.")
    entry = _entries().get(name)
    if entry is None:
        near = " or ".join(_nearest(name))
        other = "see structures.names(), or 'sensitivity structures'."
        remedy = f"did you mean {near}?" if near else other
        raise ValueError(f"there is no structure named {name!r}; {remedy}")
    return entry


def _nearest(name: str) -> list[str]:
    """At most three names like this one, whatever its case; none for punctuation alone."""
    if not any(map(str.isalnum, name)):
        return []
    folded: dict[str, list[str]] = {}
    for known in _entries():
        folded.setdefault(known.lower(), []).append(known)
    if exact := folded.get(name.strip().lower()):
        return exact
    close = get_close_matches(name.lower(), folded, n=3)
    return [known for match in close for known in folded[match]][:3]
