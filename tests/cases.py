"""Named structures and the exact ranks of their Jacobians.

A rank counts internal displacements that change the features: of the carbon environment for the
``ENVIRONMENTS``, of all centers stacked for the ``MOLECULES``. Where the cause of the missing rank
is symmetry, the rank is the dimension of the displacements that the group leaves invariant, less
the rigid motions among them; an SO(3) descriptor, one with a parity-odd part, is bound by the
proper operations alone and may see more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import pi

import numpy as np
from ase import Atoms

from sensitivity import structures

POZDNYAKOV_2020 = "Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020)"
POZDNYAKOV_2021 = "Pozdnyakov et al., Open Research Europe 1:126 (2021)"
GROUP_THEORY = "dimension of the invariant displacements"
GENERAL_POSITION = "general position: nothing is missing"

ORDERS = ("2", "3", "3 odd")  # correlation order, with or without the parity-odd part


@dataclass(frozen=True)
class Case:
    """A structure with known ranks.

    Attributes
    ----------
    name
        Of the case; the structure library has the same name where ``build`` loads from it.
    build
        Makes the structure anew; the center, if there is one, is atom 0.
    internal
        Number of internal displacements: 3N less the rigid motions.
    ranks
        Rank for each of ``ORDERS`` that is known.
    cause
        Of the missing rank at order 2: "symmetry", "incompleteness", both, or "none".
    source
        Where the number comes from.
    rounding
        Singular values below this fraction of the largest are zeros. The structures are exact,
        so that is rounding; but the published coordinates of G2 are rounded to 1e-6 Å, which
        makes up to 6e-6 of an exact zero where bonds are meant to be equal.
    """

    name: str
    build: Callable[[], Atoms]
    internal: int
    ranks: dict[str, int]
    cause: str
    source: str
    rounding: float = 1e-13


def _library(
    name: str, internal: int, ranks: tuple[int, ...], *, cause: str, source: str = GROUP_THEORY
) -> Case:
    known = dict(zip(ORDERS, ranks, strict=True))
    return Case(name, partial(structures.load, name), internal, known, cause, source)


def _pair(u: float, v: float, *, sign: int) -> Case:
    """X+ or X- with u < π: of full rank, though its order-2 features have a twin at v = 0."""
    return Case(
        name=f"X{'+' if sign > 0 else '-'}(u={u:.3f}π, v={v:.3f}π)",
        build=partial(structures.ch4_pair, u * pi, v * pi, sign=sign),
        internal=9,
        ranks={"2": 9, "3": 9},
        cause="none",
        source=POZDNYAKOV_2020,
    )


ENVIRONMENTS = (
    _library("Td", 9, (1, 1, 1), cause="symmetry"),
    _library("C3v", 9, (3, 3, 3), cause="symmetry"),
    _library("C2v", 9, (4, 4, 5), cause="symmetry"),
    _library("Cs", 9, (6, 6, 9), cause="symmetry"),
    _library("square", 9, (1, 1, 1), cause="symmetry"),
    _library("octahedron", 15, (1, 1, 1), cause="symmetry"),
    _library("planar", 6, (5, 5, 6), cause="symmetry"),
    _library("linear-equal", 4, (1, 1, 1), cause="symmetry"),
    _library("linear-unequal", 4, (2, 2, 2), cause="symmetry"),
    _library("generic", 9, (9, 9, 9), cause="none", source=GENERAL_POSITION),
    _library("X+", 9, (9, 9, 9), cause="none", source=POZDNYAKOV_2020),
    _library("X-", 9, (9, 9, 9), cause="none", source=POZDNYAKOV_2020),
    _library("X0", 9, (8, 9, 9), cause="incompleteness", source=POZDNYAKOV_2020),
    _library("S1", 9, (8, 9, 9), cause="incompleteness", source=POZDNYAKOV_2021),
    _library("N3", 21, (16, 20, 20), cause="incompleteness", source=POZDNYAKOV_2020),
    _pair(0.7, 0.0, sign=1),
    _pair(0.7, 0.0, sign=-1),
    _pair(0.9, -0.1, sign=1),
    _pair(0.85, 0.05, sign=-1),
)
"""Environments of atom 0."""

TWINS = {
    # names: (equal features at these orders, different ones at all the others)
    ("X+", "X-"): (("2",), ("3", "3 odd")),
    ("bispectrum+", "bispectrum-"): (("2", "3", "3 odd"), ()),
}
"""Pairs of distinct structures that a descriptor cannot tell apart; order 4 parts the second."""


def _molecule(name: str, internal: int, rank: int) -> Case:
    cause, source = ("symmetry", GROUP_THEORY) if rank < internal else ("none", GENERAL_POSITION)
    return Case(name, partial(structures.load, name), internal, {"2": rank}, cause, source)


def exact_benzene() -> Atoms:
    """Benzene with a sixfold axis to rounding."""
    angles = np.pi / 3 * np.arange(6)
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    return Atoms("C6H6", np.concatenate([1.395 * ring, 2.482 * ring]))


def rattled_benzene() -> Atoms:
    """Benzene with every atom moved by about 0.05 Å: no symmetry left."""
    atoms = structures.load("C6H6")
    atoms.positions += 0.05 * np.random.default_rng(4).normal(size=(12, 3))
    return atoms


MOLECULES = (
    _molecule("H2O", 3, 3),
    _molecule("CO2", 4, 2),
    _molecule("NH3", 6, 6),
    _molecule("BF3", 6, 5),
    _molecule("CH4", 9, 7),
    replace(_molecule("C6H6", 30, 18), rounding=6e-6),
    replace(_molecule("C6H6", 30, 18), name="exact C6H6", build=exact_benzene),
    replace(_molecule("rattled C6H6", 30, 30), build=rattled_benzene),
)
"""Molecules with all their centers stacked."""

TRUNCATION = {
    # (n_max, l_max): rank of 9, order 2, four generic neighbours
    (1, 2): 3,
    (1, 6): 7,
    (2, 1): 5,
    (2, 2): 8,
    (3, 2): 9,
}
EQUAL_BONDS_TRUNCATION = {1: 3, 2: 5, 3: 7, 4: 8, 6: 9}
"""l_max: rank of 9, order 2, four generic directions with bonds of one length, n_max >= 2."""


def equal_bonds() -> Atoms:
    """The generic environment with all its bonds made 1.09 Å long."""
    atoms = structures.load("generic")
    bonds = atoms.positions[1:]
    atoms.positions[1:] = 1.09 * bonds / np.linalg.norm(bonds, axis=1, keepdims=True)
    return atoms


def rotate(atoms: Atoms, *, rng: np.random.Generator) -> Atoms:
    """Return the structure turned at random about the origin, cell included."""
    matrix = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    matrix *= np.linalg.det(matrix)  # a proper rotation
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ matrix.T)
    turned.positions = atoms.positions @ matrix.T
    return turned


def shuffle(atoms: Atoms, *, rng: np.random.Generator) -> tuple[Atoms, np.ndarray]:
    """Return the structure with its atoms reordered, and where each old atom is now."""
    order = rng.permutation(len(atoms))
    return atoms[order], np.argsort(order)
