"""Crystals with known bands: their ranks at a general wave vector, for a cutoff of 4.5 Å.

The first five were found with an independent prototype of J(q), the others are all that there are:
these crystals hide no wave at a general wave vector.
"""

from __future__ import annotations

from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

CUTOFF = 4.5  # Å


def quartz() -> Atoms:
    """α-quartz, P3221, at 1.6 Å between silicon and oxygen."""
    sites = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    return crystal(["Si", "O"], sites, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120])


def perovskite() -> Atoms:
    """Cubic SrTiO3."""
    sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    return crystal(["Sr", "Ti", "O"], sites, spacegroup=221, cellpar=[3.9, 3.9, 3.9, 90, 90, 90])


def distorted_perovskite() -> Atoms:
    """Without any symmetry."""
    atoms = perovskite()
    atoms.rattle(0.1, seed=0)
    return atoms


# Rank at a general wave vector.
CRYSTALS = {
    "diamond": (bulk("Si"), 4),
    "fcc": (bulk("Cu"), 3),
    "rock salt": (bulk("NaCl", "rocksalt", a=5.64), 4),
    "quartz": (quartz(), 27),
    "perovskite": (perovskite(), 14),
    "distorted perovskite": (distorted_perovskite(), 15),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2), 12),
    "hcp": (bulk("Ti"), 6),
}


def hexagonal(symbols: list[str], heights: list[float], a: float, c: float) -> Atoms:
    """Of P6_3/mmc, the first atom at the origin of the plane if there is one height more."""
    sites = [(1 / 3, 2 / 3, height) for height in heights]
    sites = [(0, 0, 1 / 4)] * (len(symbols) - len(sites)) + sites
    return crystal(symbols, sites, spacegroup=194, cellpar=[a, a, c, 90, 90, 120])


# Their coordinates are no finite decimals, or free.
PUBLISHED = {
    "MoS2": hexagonal(["Mo", "S"], [1 / 4, 0.621], 3.16, 12.29),
    "graphite": hexagonal(["C", "C"], [1 / 4], 2.46, 6.71),
    "rutile": crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.3053, 0.3053, 0)],
        spacegroup=136,
        cellpar=[4.5937, 4.5937, 2.9587, 90, 90, 90],
    ),
    "wurtzite": CRYSTALS["wurtzite"][0],
}
