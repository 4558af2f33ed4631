"""All named structures: environments of known rank, crystals, and molecules.

In an environment the center, carbon, is atom 0 at the origin; the neighbours are hydrogen; lengths
are in Å. The singular ones and the pairs follow S. N. Pozdnyakov, L. Zhang, C. Ortner, G. Csányi,
M. Ceriotti, Open Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1, and
S. N. Pozdnyakov, M. J. Willatt, A. P. Bartók, C. Ortner, G. Csányi, M. Ceriotti, Phys. Rev. Lett.
125, 166001 (2020), doi 10.1103/PhysRevLett.125.166001.

Molecules of the S22 set are halves of its dimers: P. Jurečka, J. Šponer, J. Černý, P. Hobza, Phys.
Chem. Chem. Phys. 8, 1985 (2006), doi 10.1039/b600027d. Conformers of PubChem are the first of CID
2244 and 2519, pubchem.ncbi.nlm.nih.gov.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib import import_module
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from sensitivity.numerics import Array
from sensitivity.structures.names import interpret

CH = 1.09  # Å, the C-H bond of methane
STRETCHED = 1.19  # Å

_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
_CROSS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
_RING = (0.0, 1.3, 3.1)  # rad; scalene, because regular and isosceles rings give congruent pairs
_RING_TURN = 0.7  # rad, of the lower ring against the upper one
_RING_HEIGHT = 0.6  # Å


def _around_carbon(neighbors: ArrayLike) -> Atoms:
    positions = np.vstack([np.zeros(3), np.asarray(neighbors, dtype=float)])
    return Atoms("C" + "H" * (len(positions) - 1), positions)


def _methane(*lengths: float) -> Array:
    return np.asarray(np.array(lengths)[:, None] * _TETRAHEDRON)


def ch4_pair(u: float, v: float, *, sign: int) -> Atoms:
    """Return X+ or X- of the degenerate manifold of CH4.

    The neighbours, at 1.09 Å, are A = (cos 5π/8, 0, -sin 5π/8), B and B' = (cos π/5 cos π/6,
    ±sin π/5 cos π/6, ∓1/2), and C± = (cos u cos v, ±sin u cos v, sin v). At v = 0 the two have the
    same order-2 features of the carbon atom. They meet at u = π, where the order-2 Jacobian is
    singular. Source: Pozdnyakov, Willatt, Bartók, Ortner, Csányi, Ceriotti, Phys. Rev. Lett. 125,
    166001 (2020), doi 10.1103/PhysRevLett.125.166001.

    Parameters
    ----------
    u, v
        Angles in radians.
    sign
        1 for X+, -1 for X-.

    Raises
    ------
    ValueError
        If ``sign`` is neither, or an angle is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations, structures
    >>> one, other = (structures.ch4_pair(2.5, 0.0, sign=sign) for sign in (1, -1))
    >>> descriptor = DensityCorrelations(order=2)
    >>> here, there = (descriptor.features(atoms, centers=[0]) for atoms in (one, other))
    >>> bool(np.allclose(here, there, rtol=0, atol=1e-12))
    True
    """
    if sign not in (1, -1):
        raise ValueError(f"sign must be 1 for X+ or -1 for X-, got {sign!r}; give one of the two.")
    if not np.isfinite([u, v]).all():
        raise ValueError(f"u and v must be finite angles in radians, got {u} and {v}.")
    return _around_carbon(_pair(u, v, sign))


def _pair(u: float, v: float, sign: int) -> Array:
    across, aside = cos(pi / 5) * cos(pi / 6), sin(pi / 5) * cos(pi / 6)
    directions = [
        [cos(5 * pi / 8), 0.0, -sin(5 * pi / 8)],
        [across, aside, -0.5],
        [across, -aside, 0.5],
        [cos(u) * cos(v), sign * sin(u) * cos(v), sin(v)],
    ]
    return CH * np.array(directions)


def _rings(*apexes: float) -> Array:
    """Return two equal rings of radius 1 Å, one above and one below, and apexes on their axis."""
    upper = _ring(np.array(_RING), height=_RING_HEIGHT)
    lower = _ring(np.array(_RING) + _RING_TURN, height=-_RING_HEIGHT)
    return np.vstack([upper, lower, *([0.0, 0.0, apex] for apex in apexes)])


def _ring(angles: ArrayLike, *, height: float) -> Array:
    x, y = np.cos(angles), np.sin(angles)
    return np.stack([x, y, np.full_like(x, height)], axis=1)


# Description, and the neighbours of the center.
ENVIRONMENTS: dict[str, tuple[str, ArrayLike]] = {
    "Td": ("ideal methane, four equal bonds", _methane(CH, CH, CH, CH)),
    "C3v": ("methane, one bond stretched", _methane(STRETCHED, CH, CH, CH)),
    "C2v": ("methane, two bonds stretched alike", _methane(STRETCHED, STRETCHED, CH, CH)),
    "Cs": ("methane, bonds 1.1, 1.1, 1.0, 0.9 Å", _methane(1.1, 1.1, 1.0, 0.9)),
    "square": ("four equal bonds in a plane, D4h", CH * _CROSS[:4]),
    "octahedron": ("six equal bonds, Oh", CH * _CROSS),
    "planar": (
        "three different bonds in a plane, Cs",
        np.array([[1.0], [1.1], [1.25]]) * _ring([0.0, 1.9, 4.0], height=0.0),
    ),
    "linear-equal": ("two equal bonds in a line", CH * _CROSS[:2]),
    "linear-unequal": ("two different bonds in a line", [[1.0, 0.0, 0.0], [-1.2, 0.0, 0.0]]),
    "generic": (
        "four bonds without symmetry",
        [[0.91, 0.42, 0.37], [-0.55, 0.83, -0.48], [0.12, -0.96, 0.61], [-0.39, -0.27, -1.02]],
    ),
    "X+": ("CH4 pair, u = 0.8 π, v = 0: same order-2 features as X-", _pair(0.8 * pi, 0.0, 1)),
    "X-": ("CH4 pair, u = 0.8 π, v = 0: same order-2 features as X+", _pair(0.8 * pi, 0.0, -1)),
    "X0": ("where X+ and X- meet, u = π, v = 0: singular at order 2", _pair(pi, 0.0, 1)),
    "S1": (
        "singular at order 2: B-C-B' straight, one neighbour across",
        [[sin(0.9), 0, cos(0.9)], [0, 0, 1.1], [0, 0, -1.1], [cos(1.1), sin(1.1), 0]],
    ),
    "bispectrum+": ("two rings, apex above: equal to bispectrum- to order 3", _rings(1.0)),
    "bispectrum-": ("two rings, apex below: equal to bispectrum+ to order 3", _rings(-1.0)),
    "N3": ("two rings, both apexes: singular at order 3", _rings(1.0, -1.0)),
}


def _made_by(function: str, *arguments: str, **settings: float) -> Callable[[], Atoms]:
    """Return a builder that calls ase.build, which takes a quarter of a second to import."""
    return lambda: getattr(import_module("ase.build"), function)(*arguments, **settings)


# A crystal's name includes its lattice, because "Si" and "NaCl" are molecules of G2. Lengths in Å.
_CRYSTALS = {
    "Si-diamond": ("silicon, cubic cell", _made_by("bulk", "Si", "diamond", a=5.43, cubic=True)),
    "C-diamond": ("diamond, primitive cell", _made_by("bulk", "C", "diamond", a=3.57)),
    "Al-fcc": ("aluminium, primitive cell", _made_by("bulk", "Al", "fcc", a=4.05)),
    "NaCl-rocksalt": (
        "rock salt, cubic cell",
        _made_by("bulk", "NaCl", "rocksalt", a=5.64, cubic=True),
    ),
    "graphene": ("one layer, periodic in two directions", _made_by("graphene", a=2.46)),
}


@cache
def _crystals() -> dict[str, tuple[str, Callable[[], Atoms]]]:
    """Return the crystals above and those of the elements, as ASE knows them at room temperature.

    The cells are conventional: cubic, or hexagonal with two atoms.
    """
    from ase.data import atomic_names, chemical_symbols, reference_states

    made = {}
    for symbol, name, state in zip(chemical_symbols, atomic_names, reference_states, strict=False):
        lattice = state["symmetry"] if state else None
        # ASE has no positions for selenium and tellurium.
        known = state is not None and state.get("basis", ()) is not None
        if known and lattice in {"fcc", "bcc", "hcp", "diamond"}:
            cell: dict[str, bool] = {} if lattice == "hcp" else {"cubic": True}
            summary = f"{name.lower()}, conventional cell"
            made[f"{symbol}-{lattice}"] = summary, _made_by("bulk", symbol, **cell)
    return {**_CRYSTALS, **{name: made[name] for name in made if name not in _CRYSTALS}}


# Molecule, the S22 dimer that contains it, and its number of atoms.
_S22 = {
    "formamide": ("Formamide_dimer", 6),
    "phenol": ("Phenol_dimer", 13),
    "pyrazine": ("Pyrazine_dimer", 10),
    "uracil": ("Uracil_dimer_h-bonded", 12),
}


def _half(dimer: str, count: int) -> Atoms:
    from ase.data.s22 import create_s22_system

    atoms: Atoms = create_s22_system(dimer)
    return Atoms(atoms.numbers[:count], atoms.positions[:count])


_PUBCHEM = "aspirin", "caffeine"


def _conformer(name: str) -> Atoms:
    path = Path(__file__).with_name("molecules") / f"{name}.xyz"
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[2:]]
    return Atoms([row[0] for row in rows], [[float(x) for x in row[1:]] for row in rows])


@cache
def _entries() -> dict[str, tuple[str, Callable[[], Atoms]]]:
    from ase.collections import g2

    environments = {
        name: (summary, partial(_around_carbon, neighbors))
        for name, (summary, neighbors) in ENVIRONMENTS.items()
    }
    return {**environments, **_crystals(), **_molecules(g2.names)}


def _molecules(of_g2: Iterable[str]) -> dict[str, tuple[str, Callable[[], Atoms]]]:
    summary, conformer = "molecule of the G2 set", "molecule, first conformer of PubChem"
    return {
        **{name: (summary, _made_by("molecule", name)) for name in of_g2},
        "C60": ("buckminsterfullerene, molecule of ASE", _made_by("molecule", "C60")),
        **{
            name: ("molecule of the S22 set", partial(_half, *dimer))
            for name, dimer in _S22.items()
        },
        **{name: (conformer, partial(_conformer, name)) for name in _PUBCHEM},
    }


@cache
def _formulas() -> dict[str, str]:
    """Return the formulas of the molecules, in Hill's order."""
    fixed = {*ENVIRONMENTS, *_crystals()}
    made = ((name, make) for name, (_, make) in _entries().items() if name not in fixed)
    return {name: str(make().symbols.formula.format("hill")) for name, make in made}


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows: literature, crystals, molecules.

    Examples
    --------
    >>> from sensitivity import structures
    >>> structures.names()[:6]
    ('Td', 'C3v', 'C2v', 'Cs', 'square', 'octahedron')
    """
    return tuple(_entries())


def load(name: str) -> Atoms:
    """Return a new copy of the structure of this name, positions in Å.

    Molecules are those of ASE's G2 set (``ase.build.molecule``), a few of its S22 set
    (``ase.data.s22``; P. Jurečka et al., Phys. Chem. Chem. Phys. 8, 1985, 2006, doi
    10.1039/b600027d), aspirin and caffeine of PubChem (CID 2244 and 2519), and C60. Crystals are
    those of ``ase.build``, with the lattice in the name, such as Cu-fcc. The name of an element
    stands for its crystal, and so does its symbol if no other structure has this name. The pairs
    with the same features, X0 and N3 are from Pozdnyakov et al., Phys. Rev. Lett. 125, 166001
    (2020), doi 10.1103/PhysRevLett.125.166001, and S1 from Pozdnyakov et al., Open Research Europe
    1:126 (2021), doi 10.12688/openreseurope.14156.1. Other environments are made for this package.

    Parameters
    ----------
    name
        One of ``names()``, a common name such as ethanol, or a formula such as C2H5OH, in any case.

    Raises
    ------
    TypeError
        If the name is not a string.
    ValueError
        If the structure does not exist; the message lists the nearest names.

    Examples
    --------
    >>> from sensitivity import structures
    >>> structures.load("ethanol")
    Atoms(symbols='C2OH6', pbc=False)
    >>> structures.load("X0").positions.round(2).tolist()[1]
    [-0.42, 0.0, -1.01]
    """
    return _entries()[find_name(name)][1]()


def summarize(name: str) -> str:
    """Return one line that describes this structure.

    Parameters
    ----------
    name
        As for ``load``, which raises the same errors.

    Examples
    --------
    >>> from sensitivity import structures
    >>> structures.summarize("X0")
    'where X+ and X- meet, u = π, v = 0: singular at order 2'
    """
    return _entries()[find_name(name)][0]


def find_name(name: str, *, remedy: str = "see structures.names()") -> str:
    """Return the library's name of a structure.

    Parameters
    ----------
    name
        A name, a common name or a formula, in any case.
    remedy
        Advice in the error message.

    Raises
    ------
    TypeError, ValueError
        As for ``load``.

    Examples
    --------
    >>> from sensitivity import structures
    >>> structures.find_name("benzene"), structures.find_name("Water")
    ('C6H6', 'H2O')
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as 'CH4', got {name!r}.")
    if name in _entries():
        return name
    found, near = interpret(name, names(), formulas=_formulas())
    if found is None:
        if near:
            remedy = f"did you mean {' or '.join(near)}? Otherwise {remedy}"
        raise ValueError(f"there is no structure named {name!r}; {remedy}.")
    return found
