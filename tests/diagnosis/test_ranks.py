"""Every rank of the table, also turned and shuffled; and the table itself.

The table is checked twice: by the package at a converged basis, and without any basis, from the
dot products of neighbour vectors (``complete_rank``).
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
from ase import Atoms
from invariant_theory import ENVIRONMENT_ROWS, EQUAL, SEEN, complete_rank

from sensitivity import DensityCorrelations, Spectrum, spectrum, structures
from sensitivity.structures.library import ENVIRONMENTS

# Converged: every rank is that of a complete basis. The odd part sees the last displacement of Cs,
# whose bonds are nearly equal, by determinants of three radial functions: that takes six of them.
CONVERGED = {"cutoff": 3.0, "smearing": 0.15}
BASES = {
    "2": {"order": 2, "n_max": 8, "l_max": 10, **CONVERGED},
    "3": {"order": 3, "n_max": 6, "l_max": 6, **CONVERGED},
    "3 odd": {"order": 3, "n_max": 6, "l_max": 6, "parity_odd": True, **CONVERGED},
}


def descriptor(order: str) -> DensityCorrelations:
    return DensityCorrelations(**BASES[order])


def check_rank(result: Spectrum, case: cases.Case, order: str) -> None:
    """Assert the rank, and the gap that makes it one."""
    rank = case.ranks[order]
    relative = result.singular_values / result.singular_values[0]
    assert result.kinds.count("internal") == case.internal
    assert result.rank == rank
    assert relative[rank - 1] > SEEN
    assert relative[rank] < case.rounding


def variants(atoms: Atoms, seed: int) -> list[tuple[Atoms, int]]:
    """The structure as it is, turned at random, and shuffled, each with its center."""
    rng = np.random.default_rng(seed)
    shuffled, place = cases.shuffle(cases.rotate(atoms, rng=rng), rng=rng)
    return [(atoms, 0), (cases.rotate(atoms, rng=rng), 0), (shuffled, int(place[0]))]


@pytest.mark.parametrize(("case", "order"), ENVIRONMENT_ROWS)
def test_environment(case: cases.Case, order: str) -> None:
    for atoms, center in variants(case.build(), seed=len(case.name)):
        check_rank(spectrum(atoms, descriptor(order), centers=[center]), case, order)


@pytest.mark.parametrize("case", cases.MOLECULES, ids=lambda case: case.name)
def test_molecule(case: cases.Case) -> None:
    for atoms, _ in variants(case.build(), seed=len(case.name)):
        check_rank(spectrum(atoms, descriptor("2")), case, "2")


@pytest.mark.parametrize(("basis", "rank"), cases.TRUNCATION.items())
def test_truncation(basis: tuple[int, int], rank: int) -> None:
    check_truncated(structures.load("generic"), *basis, rank=rank)


@pytest.mark.parametrize(("l_max", "rank"), cases.EQUAL_BONDS_TRUNCATION.items())
@pytest.mark.parametrize("n_max", [2, 4])
def test_truncation_at_equal_bonds(n_max: int, l_max: int, rank: int) -> None:
    check_truncated(cases.equal_bonds(), n_max, l_max, rank=rank)


def check_truncated(atoms: Atoms, n_max: int, l_max: int, *, rank: int) -> None:
    for turned, center in variants(atoms, seed=n_max):
        small = DensityCorrelations(order=2, cutoff=3.0, n_max=n_max, l_max=l_max, smearing=0.3)
        assert spectrum(turned, small, centers=[center]).rank == rank


@pytest.mark.parametrize("name", ["Td", "C3v", "square", "generic", "X0", "octahedron"])
def test_order_one_sees_distances_only(name: str) -> None:
    """As many internal displacements are seen as there are distances in independent motion."""
    radial = DensityCorrelations(order=1, cutoff=3.0, n_max=8, l_max=0, smearing=0.2)
    atoms = structures.load(name)
    lengths = np.linalg.norm(atoms.positions[1:], axis=1)
    distinct = len(np.unique(lengths.round(9)))
    for turned, center in variants(atoms, seed=1):
        assert spectrum(turned, radial, centers=[center]).rank == distinct


@pytest.mark.parametrize(("names", "orders"), cases.TWINS.items(), ids=str)
def test_twins(names: tuple[str, str], orders: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    first, second = (structures.load(name) for name in names)
    for order in cases.ORDERS:
        a, b = (descriptor(order).features(atoms, centers=[0]) for atoms in (first, second))
        distance = np.abs(a - b).max() / np.abs(a).max()
        if order in orders[0]:
            assert distance < EQUAL
        else:
            assert order in orders[1]
            assert distance > SEEN


@pytest.mark.parametrize(("case", "order"), ENVIRONMENT_ROWS)
def test_table_agrees_with_invariant_theory(case: cases.Case, order: str) -> None:
    assert complete_rank(case.build(), order) == case.ranks[order]


def test_no_row_has_dropped_out() -> None:
    in_table = {case.name for case in cases.ENVIRONMENTS} | set(sum(cases.TWINS, ()))
    assert set(ENVIRONMENTS) <= in_table
    assert len(cases.ENVIRONMENTS) == 19
    assert len(ENVIRONMENT_ROWS) == 15 * 3 + 4 * 2
    assert {case.name: case.ranks["2"] for case in cases.MOLECULES} == {
        "H2O": 3,
        "CO2": 2,
        "NH3": 6,
        "BF3": 5,
        "CH4": 7,
        "C6H6": 18,
        "exact C6H6": 18,
        "rattled C6H6": 30,
    }
    assert len(cases.TRUNCATION) == len(cases.EQUAL_BONDS_TRUNCATION) == 5
    assert len(cases.TWINS) == 2


def test_every_row_is_consistent() -> None:
    for case in (*cases.ENVIRONMENTS, *cases.MOLECULES):
        ranks = [case.ranks[order] for order in cases.ORDERS if order in case.ranks]
        assert ranks == sorted(ranks)  # a higher order never sees less
        assert ranks[-1] <= case.internal < 3 * len(case.build())
        assert (case.cause == "none") == (ranks[0] == case.internal)
        assert case.source


def test_n3_shows_its_sixteenth_value_only_in_a_large_basis() -> None:
    """With l up to 8 it is below a millionth of the largest, and the rank seems to be 15."""
    atoms = structures.load("N3")
    usual = DensityCorrelations(order=2, cutoff=3.0, n_max=8, l_max=8, smearing=0.3)
    large = DensityCorrelations(order=2, cutoff=2.5, n_max=10, l_max=12, smearing=0.15)
    assert spectrum(atoms, usual, centers=[0]).rank == 15
    assert spectrum(atoms, large, centers=[0]).rank == 16


def test_cs_seen_with_handedness_has_a_small_ninth_value() -> None:
    """The mirror does not bind an SO(3) descriptor, but its last mode is nearly unseen."""
    descriptor = DensityCorrelations(order=3, cutoff=3.0, n_max=6, l_max=6, parity_odd=True)
    result = spectrum(structures.load("Cs"), descriptor, centers=[0])
    assert result.rank == 9
    assert 1e-5 < result.condition < 1e-4
    assert result.singular_values[7] > 1e-3 * result.singular_values[0]
