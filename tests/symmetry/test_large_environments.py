"""The group of a large environment: against spglib's stabilisers of sites, and all pairs of atoms.

A message-passing model sees hundreds to thousands of atoms of a crystal. The group of a center is
then that of its site in the space group, which spglib finds from the cell, without environments.
"""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, diamond111, graphene, nanotube
from ase.spacegroup import crystal
from crystals import perovskite, quartz

from sensitivity import DensityCorrelations, diagnose, spectrum, structures
from sensitivity.descriptors import Batch
from sensitivity.symmetry import PointGroup, SiteSymmetry, site_symmetry, sites
from sensitivity.symmetry.hidden import hidden_by_symmetry, seen_displacements, seen_part
from sensitivity.symmetry.sites import site_symmetries

CUTOFF = 13.0  # Å: 400 to 1100 atoms


def _barium_titanate() -> Atoms:
    """BaTiO3, tetragonal, P4mm."""
    places = [(0, 0, 0), (0.5, 0.5, 0.512), (0.5, 0.5, -0.023), (0.5, 0, 0.486)]
    return crystal(
        ("Ba", "Ti", "O", "O"), places, spacegroup=99, cellpar=[3.99, 3.99, 4.03, 90, 90, 90]
    )


CRYSTALS = {
    "diamond": (structures.load("Si-diamond"), {"Si": "Td"}),
    "rock salt": (bulk("NaCl", "rocksalt", a=5.64, cubic=True), {"Na": "Oh", "Cl": "Oh"}),
    "tetragonal perovskite": (_barium_titanate(), {"Ba": "C4v", "Ti": "C4v"}),
    "cubic perovskite": (perovskite(), {"Sr": "Oh", "Ti": "Oh", "O": "D4h"}),
    "quartz": (quartz(), {"Si": "C2", "O": "C1"}),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382), {"Zn": "C3v", "O": "C3v"}),
    # Cells that have less symmetry than their lattice.
    "row of cells": (structures.load("Si-diamond").repeat((1, 1, 2)), {"Si": "Td"}),
    "skewed cell": (bulk("Al").repeat((1, 2, 3)), {"Al": "Oh"}),
}


def _stabilizers(atoms: Atoms, *, within: float = 1e-5) -> list[np.ndarray]:
    """For each atom, Cartesian matrices of the operations of the space group that keep its place.

    Those of the primitive cell: the given one can have less symmetry than its lattice.
    """
    import spglib

    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib announces at every call that it will report errors in another way.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        lattice, places, numbers = spglib.find_primitive(cell, symprec=within)
        found = spglib.get_symmetry((lattice, places, numbers), symprec=within)
        owners = spglib.get_symmetry_dataset(cell, symprec=within).mapping_to_primitive
    images = np.einsum("gxy,ky->kgx", found["rotations"], places) + found["translations"]
    shifts = images - places[:, None]  # [atom, operation, xyz]
    stay = (np.abs((shifts - np.rint(shifts)) @ lattice) < 10 * within).all(axis=2)
    matrices = lattice.T @ found["rotations"] @ np.linalg.inv(lattice.T)
    return [matrices[stay[owner]] for owner in owners]


def _same_matrices(one: np.ndarray, other: np.ndarray, *, within: float) -> bool:
    gaps = np.abs(one[:, None] - other).max(axis=(2, 3))
    pairs = gaps < within
    return bool((pairs.sum(axis=0) == 1).all() and (pairs.sum(axis=1) == 1).all())


@pytest.mark.parametrize("name", CRYSTALS)
def test_groups_are_stabilizers_of_sites(name: str) -> None:
    atoms, expected = CRYSTALS[name]
    found = site_symmetries(atoms, centers=range(len(atoms)), cutoff=CUTOFF, tolerance=1e-3)
    for site, stabilizer in zip(found, _stabilizers(atoms), strict=True):
        assert len(site.atoms) > sites.LARGE
        symbol = atoms.symbols[site.center]
        assert site.group.symbol == expected.get(symbol, site.group.symbol)
        assert site.group.deviation < 1e-12
        assert _same_matrices(site.group.matrices, stabilizer, within=1e-6)
        _check_permutes(site, site.group)


def _check_permutes(site: SiteSymmetry, group: PointGroup) -> None:
    turned = site.vectors @ group.matrices.transpose(0, 2, 1)
    misses = np.linalg.norm(turned - site.vectors[group.permutations], axis=2)
    assert misses.max() <= 2 * np.sqrt(len(site.atoms)) * group.deviation + 1e-12
    assert (np.sort(group.permutations, axis=1) == np.arange(len(site.atoms))).all()


def test_a_vacancy_leaves_the_group_of_the_site() -> None:
    atoms = structures.load("Si-diamond").repeat(2)
    del atoms[0]
    stabilizers, symbols = _stabilizers(atoms), set()
    centers = range(0, len(atoms), 3)
    for site in site_symmetries(atoms, centers=centers, cutoff=CUTOFF, tolerance=1e-3):
        assert len(site.atoms) > sites.LARGE
        assert _same_matrices(site.group.matrices, stabilizers[site.center], within=1e-6)
        symbols.add(site.group.symbol)
    assert symbols == {"Cs", "C3v", "D2d"}


def _rattled(atoms: Atoms, amplitude: float) -> Atoms:
    moved = atoms.copy()
    moved.positions += np.random.default_rng(3).normal(size=(len(atoms), 3)) * amplitude
    return moved


def _by_pairs(monkeypatch: pytest.MonkeyPatch, atoms: Atoms, **settings: float) -> SiteSymmetry:
    with monkeypatch.context() as patch:
        patch.setattr(sites, "LARGE", 10**9)
        return site_symmetry(atoms, **settings)


OTHERS = {
    "graphene": graphene(size=(1, 1, 1)),  # a layer
    "surface": diamond111("Si", (1, 1, 8), vacuum=8.0),
    "nanotube": nanotube(6, 0, length=1),  # periodic along one direction only
    "cluster": structures.environment(structures.load("Si-diamond"), 0, 11.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CRYSTALS, *OTHERS])
@pytest.mark.parametrize("amplitude", [0.0, 1e-5, 1e-4, 4e-4, 1e-3, 5e-3])
def test_groups_are_those_of_all_pairs(
    name: str, amplitude: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ideal = OTHERS[name] if name in OTHERS else CRYSTALS[name][0]
    atoms = _rattled(ideal, amplitude)
    settings = {
        "center": len(atoms) // 3,
        "cutoff": {"graphene": 14.0, "nanotube": 20.0}.get(name, 11.0),
    }
    site = site_symmetry(atoms, **settings)
    other = _by_pairs(monkeypatch, atoms, **settings)
    assert len(site.atoms) > sites.LARGE - 60
    # Atoms near the cutoff whose images are beyond it count here as a whole.
    assert site.group.order >= other.group.order
    if len(site.atoms) != len(other.atoms):
        return
    assert [g.symbol for g in site.levels] == [g.symbol for g in other.levels]
    for group, same in zip(site.levels, other.levels, strict=True):
        assert group.deviation == pytest.approx(same.deviation, rel=1e-6, abs=1e-12)
        _check_permutes(site, group)
    hidden = [hidden_by_symmetry([each], [each.group], count=len(atoms)) for each in (site, other)]
    assert [len(each) for each in hidden] == [len(hidden[1])] * 2
    one, two = (each.reshape(len(each), -1) for each in hidden)
    assert np.linalg.norm(one - one @ two.T @ two) < 1e-6


def test_the_first_neighbours_can_have_more_symmetry() -> None:
    """Ideal wurtzite: a tetrahedron of neighbours, on a threefold axis of the crystal."""
    atoms = bulk("ZnS", "wurtzite", a=3.8, c=3.8 * np.sqrt(8 / 3), u=3 / 8)
    symbols = [site_symmetry(atoms, center=0, cutoff=c).group.symbol for c in (2.5, CUTOFF)]
    assert symbols == ["Td", "C3v"]


def test_an_atom_far_away_counts() -> None:
    """Of thousands of atoms, the last ones leave only a reflection."""
    atoms = structures.environment(structures.load("Si-diamond"), 0, 16.0)
    assert site_symmetry(atoms, center=0, cutoff=30.0).group.symbol == "Td"
    far = atoms.positions[np.linalg.norm(atoms.positions, axis=1).argmax()]
    atoms.append("Si")
    atoms.positions[-1] = 1.1 * far
    order = site_symmetry(atoms, center=0, cutoff=30.0).group.order
    assert order == {3: 2, 2: 2, 1: 6}[len(np.unique(np.abs(np.round(far, 6))))]


@pytest.mark.parametrize("cutoff", [12.0, 25.0])
def test_equal_environments_are_analyzed_once(
    cutoff: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    calls, find = [], sites.find_levels
    monkeypatch.setattr(sites, "find_levels", lambda *a, **k: calls.append(1) or find(*a, **k))
    settings = {"cutoff": cutoff, "tolerance": 1e-3}
    together = list(sites.site_symmetries(atoms, centers=range(8), **settings))
    assert len(calls) == 2  # Na and Cl
    for site in together:
        gaps = site.vectors - (atoms.positions[site.atoms] - atoms.positions[site.center])
        cells = gaps @ np.linalg.inv(atoms.cell.array)
        assert np.abs(cells - np.rint(cells)).max() < 1e-9
        _check_permutes(site, site.group)


def test_memory_grows_with_the_number_of_atoms() -> None:
    """Matrices of all neighbours would have 800 MB each."""
    atoms, centers = structures.load("Si-diamond"), range(8)
    tracemalloc.start()
    found = list(site_symmetries(atoms, centers=centers, cutoff=25.0, tolerance=1e-3))
    assert len(found[0].atoms) > 3000
    hidden = hidden_by_symmetry(found, [site.group for site in found], count=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(hidden) == 3 + 15
    assert peak < 300e6


@pytest.mark.parametrize("name", ["diamond", "quartz", "wurtzite", "tetragonal perovskite"])
@pytest.mark.parametrize("group", ["O(3)", "SO(3)", None])
def test_what_is_seen_is_the_product_of_projectors(name: str, group: str | None) -> None:
    """Against matrices of all neighbours, in a small environment."""
    atoms = _rattled(CRYSTALS[name][0], 1e-4)
    for center in range(len(atoms)):
        site = site_symmetry(atoms, center=center, cutoff=4.0)
        bound = group and site.group.binding(group)
        arms = site.vectors[1:]
        turned = np.cross(np.eye(3)[:, None], arms).reshape(3, -1)
        turns = np.linalg.qr(turned.T)[0]
        kept = np.eye(arms.size) - turns @ turns.T
        projector = bound.projector()[3:, 3:] if bound else np.eye(arms.size)
        expected = kept @ projector @ kept
        np.testing.assert_allclose(seen_displacements(site, bound), expected, atol=1e-13)
        rows = np.random.default_rng(0).normal(size=(4, *arms.shape))
        seen = seen_part(site, bound, rows).reshape(4, -1)
        np.testing.assert_allclose(seen, rows.reshape(4, -1) @ expected, atol=1e-12)
        moves = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
        steps = (moves[:, site.atoms[1:]] - moves[:, site.atoms[:1]]).reshape(len(moves), -1)
        squares = np.linalg.eigvalsh(steps @ expected @ steps.T)
        # The group and the rotations deviate by up to 2e-4 Å; the next square is above 1e-3.
        hidden = hidden_by_symmetry([site], [bound], count=len(atoms))
        assert len(hidden) == (squares < 1e-6).sum() == (squares < 1e-3).sum()


class FarSighted:
    """The power spectrum of all atoms within 20 Å, of an order that nothing tells."""

    cutoff = 20.0
    inversion_invariant = True
    inner = DensityCorrelations(order=2, cutoff=cutoff, n_max=3, l_max=3)

    def features(self, atoms: Atoms, *, centers: Sequence[int] | None = None) -> np.ndarray:
        return self.inner.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Sequence[int] | None = None) -> tuple[Batch, ...]:
        return self.inner.gradients(atoms, centers=centers)


@pytest.mark.parametrize(("amplitude", "seen"), [(0.0, 6), (3e-4, 6), (0.02, 21)])
def test_a_diagnosis_with_thousands_of_neighbours(amplitude: float, seen: int) -> None:
    """Of the 8 atoms of diamond; moved by less than the tolerance, their site still is Td."""
    found = diagnose(_rattled(CRYSTALS["diamond"][0], amplitude), FarSighted())
    assert (found.counts["sensitive"], found.counts["symmetry"]) == (seen, 21 - seen)
    assert {group.symbol for group in found.groups.values()} == {"Td" if seen == 6 else "C1"}


CASES = [
    *(
        (name, 2)
        for name in ("diamond", "rock salt", "cubic perovskite", "row of cells", "skewed cell")
    ),
    *(
        (name, order)
        for name in ("quartz", "wurtzite", "tetragonal perovskite")
        for order in (2, 3)
    ),
]


def test_mirrors_hide_displacements_of_a_row_of_cells() -> None:
    """From what is invariant to them: of 48, eight more than the rotations alone."""
    atoms, _ = CRYSTALS["row of cells"]
    found = list(site_symmetries(atoms, centers=range(16), cutoff=CUTOFF, tolerance=1e-3))
    mirrors, rotations = (
        hidden_by_symmetry(found, [site.group.binding(each) for site in found], count=16)
        for each in ("O(3)", "SO(3)")
    )
    assert (len(mirrors), len(rotations)) == (34, 26)
    # Changes that are odd under the mirrors of Td, and even under its rotations, begin at l = 6.
    order2, order3 = (
        DensityCorrelations(order=order, cutoff=7.0, n_max=2, l_max=6, parity_odd=order == 3)
        for order in (2, 3)
    )
    assert spectrum(atoms, order2).rank == 14
    assert spectrum(atoms, order3).rank == 22


@pytest.mark.parametrize(("name", "order"), CASES)
@pytest.mark.parametrize("amplitude", [0.0, 0.02])
def test_ranks_are_those_that_symmetry_allows(name: str, order: int, amplitude: float) -> None:
    """Of features of more than 200 atoms; those of order 3 are invariant to rotations only."""
    atoms, odd = _rattled(CRYSTALS[name][0], amplitude), order == 3
    cutoff = 9.0 if order == 3 else 11.0
    descriptor = DensityCorrelations(order=order, cutoff=cutoff, n_max=3, l_max=3, parity_odd=odd)
    centers = range(len(atoms))
    found = list(site_symmetries(atoms, centers=centers, cutoff=cutoff, tolerance=1e-5))
    assert min(len(site.atoms) for site in found) > sites.LARGE
    groups = [site.group.binding("SO(3)" if odd else "O(3)") for site in found]
    hidden = hidden_by_symmetry(found, groups, count=len(atoms))
    assert spectrum(atoms, descriptor).rank == 3 * len(atoms) - len(hidden)
