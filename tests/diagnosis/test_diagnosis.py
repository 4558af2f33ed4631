"""A cause for every zero: the table of known structures, all of G2, crystals, random ones."""

from __future__ import annotations

from collections.abc import Iterator

import cases
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2
from ase.spacegroup import crystal
from degree_one import DegreeOne, equal_bonds
from invariant_theory import complete_rank
from selection import mostly_slow

from sensitivity import DensityCorrelations, SphericalBessel, diagnose, spectrum, structures
from sensitivity.diagnosis import CAUSES, Diagnosis
from sensitivity.diagnosis.causes import explain_truncation
from sensitivity.symmetry import site_symmetry

TOLERANCE = 1e-3  # Å, the default
CUTOFF = 3.0
BASES = {
    # order: small and large
    "2": [
        {"order": 2, "n_max": 4, "l_max": 4},
        {"order": 2, "n_max": 8, "l_max": 8, "smearing": 0.15},
    ],
    "3": [{"order": 3, "n_max": 3, "l_max": 3}, {"order": 3, "n_max": 4, "l_max": 5}],
    "3 odd": [
        {"order": 3, "n_max": 3, "l_max": 3, "parity_odd": True},
        {"order": 3, "n_max": 6, "l_max": 4, "parity_odd": True},
    ],
}
ROWS = [
    pytest.param(case, order, k, id=f"{case.name}, order {order}, basis {k}")
    for case in cases.ENVIRONMENTS
    for order in case.ranks
    for k in range(2)
]


def counts(diagnosis: Diagnosis) -> dict[str, int]:
    """Those that are not zero."""
    return {cause: number for cause, number in diagnosis.counts.items() if number}


def disturbed(atoms: Atoms, rng: np.random.Generator) -> Iterator[tuple[str, Atoms, int]]:
    """The structure turned and shuffled, then rounded, with noise, and moved by the tolerance."""
    turned, place = cases.shuffle(cases.rotate(atoms, rng=rng), rng=rng)
    center = int(place[0])
    yield "turned and shuffled", turned, center
    for digits in (6, 4):
        rounded = turned.copy()
        rounded.positions = rounded.positions.round(digits)
        yield f"rounded to {digits} digits", rounded, center
    for name, size, per_atom in (
        ("noise of 1e-5 Å", 1e-5, True),
        ("moved by the tolerance in all", TOLERANCE, False),
    ):
        moved = turned.copy()
        step = rng.normal(size=moved.positions.shape)
        step /= 1.0 if per_atom else np.linalg.norm(step)
        moved.positions += size * step
        yield name, moved, center


@pytest.mark.slow
@pytest.mark.parametrize(("case", "order", "basis"), ROWS)
def test_every_row_of_the_table(case: cases.Case, order: str, basis: int) -> None:
    """Symmetry and incompleteness as group theory and invariant theory ask, the rest truncation.

    A structure that a small basis sees worse by accident keeps its count when it is disturbed.
    """
    descriptor = DensityCorrelations(cutoff=CUTOFF, **BASES[order][basis])
    exact = case.build()
    rank, complete = spectrum(exact, descriptor, centers=[0]).rank, complete_rank(exact, order)
    hidden = case.internal - complete
    expected = {
        "sensitive": rank,
        "symmetry": hidden if case.cause == "symmetry" else 0,
        "truncation": complete - rank,
        "incompleteness": hidden if case.cause != "symmetry" else 0,
    }
    rng = np.random.default_rng(len(case.name) + basis)
    for name, atoms, center in [("exact", exact, 0), *disturbed(exact, rng)]:
        found = diagnose(atoms, descriptor, centers=[center]).counts
        assert {cause: found[cause] for cause in expected} == expected, name
        assert sum(found.values()) == 3 * len(atoms)
        assert found["undetermined"] == found["unseen"] == 0


@pytest.mark.slow
def test_at_a_converged_basis_nothing_of_the_table_is_truncated() -> None:
    descriptor = DensityCorrelations(order=2, cutoff=2.5, n_max=10, l_max=12, smearing=0.15)
    for case in cases.ENVIRONMENTS:
        found = diagnose(case.build(), descriptor, centers=[0]).counts
        assert found["sensitive"] == case.ranks["2"], case.name
        assert found["truncation"] == 0, case.name


@pytest.mark.slow
@pytest.mark.parametrize(("basis", "rank"), cases.TRUNCATION.items())
def test_truncation(basis: tuple[int, int], rank: int) -> None:
    check_truncated(structures.load("generic"), *basis, rank=rank)


@pytest.mark.slow
@pytest.mark.parametrize(("l_max", "rank"), cases.EQUAL_BONDS_TRUNCATION.items())
@pytest.mark.parametrize("n_max", mostly_slow([2, 4], fast=[2]))
def test_truncation_at_equal_bonds(n_max: int, l_max: int, rank: int) -> None:
    check_truncated(cases.equal_bonds(), n_max, l_max, rank=rank)


def check_truncated(atoms: Atoms, n_max: int, l_max: int, *, rank: int) -> None:
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF, n_max=n_max, l_max=l_max)
    expected = {"sensitive": rank, "truncation": 9 - rank, "rotation": 3, "translation": 3}
    for name, variant, center in disturbed(atoms, np.random.default_rng(l_max)):
        found = counts(diagnose(variant, descriptor, centers=[center]))
        assert found == {cause: number for cause, number in expected.items() if number}, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["X0", "S1", "N3"])
def test_incompleteness_is_not_missed_when_each_atom_moves_by_the_tolerance(name: str) -> None:
    case = next(case for case in cases.ENVIRONMENTS if case.name == name)
    order = "3" if name == "N3" else "2"
    descriptor = DensityCorrelations(cutoff=CUTOFF, **BASES[order][1])
    for seed in range(10):
        atoms = case.build()
        step = np.random.default_rng(seed).normal(size=atoms.positions.shape)
        atoms.positions += TOLERANCE * step / np.linalg.norm(step, axis=1, keepdims=True)
        (mode,) = diagnose(atoms, descriptor, centers=[0]).of("incompleteness")
        assert 0 < mode.distance <= TOLERANCE


def test_beyond_the_tolerance_a_mode_is_sensitive() -> None:
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF)
    atoms = structures.load("X0")
    step = np.random.default_rng(1).normal(size=atoms.positions.shape)
    atoms.positions += 0.02 * step
    near = diagnose(atoms, descriptor, centers=[0])
    assert near.counts["sensitive"] == 9
    wide = diagnose(atoms, descriptor, centers=[0], tolerance=0.05)
    assert wide.of("incompleteness")
    for mode in wide.of("incompleteness"):
        assert 0.001 < mode.distance < 0.02
        assert mode.evidence.lifted_by == 3
        # Null at the geometry that was found, in a larger basis too.
        assert mode.evidence.larger_basis < 1e-8
        assert mode.evidence.higher_order > 1e-3


def test_distance_is_the_way_back_to_the_singular_point() -> None:
    """Moved along what lifts the zero most, a structure is as far as it was moved."""
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF)
    atoms = structures.load("linear-equal")
    atoms.positions[1, 2] += 9e-4  # bent; one atom of three
    result = diagnose(atoms, descriptor, centers=[0])
    assert result.groups[0].symbol == "D∞h"
    # Two thirds of the bend are a rotation: r_i = (-1, 1, 0) a/2 and (1, 1, -2) b/6 of it remain.
    straight = 9e-4 / np.sqrt(6)
    assert max(mode.distance for mode in result.of("symmetry")) == pytest.approx(
        straight / np.sqrt(3), rel=1e-3
    )


def small_molecules() -> list[str]:
    return [name for name in g2.names if 2 <= len(molecule(name)) <= 10]


def invariant_displacements(atoms: Atoms, center: int) -> int:
    """Internal displacements that all operations leave unchanged, by the characters of the group.

    An operation R that leaves f atoms in place has character f tr R in all displacements, tr R in
    translations, and det R tr R in rotations.
    """
    group = site_symmetry(atoms, center=center, cutoff=20.0).group
    traces = np.trace(group.matrices, axis1=1, axis2=2)
    fixed = np.sum(group.permutations == np.arange(len(atoms)), axis=1)
    rotations = np.linalg.det(group.matrices) * traces
    if np.isinf(group.order):  # on a line: no rotation about it, and motion along it only
        rotations = np.zeros(len(traces))
    return round(float(np.mean(fixed * traces - traces - rotations)))


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 3])
def test_g2_has_no_spurious_zero(order: int) -> None:
    """Every environment of every molecule with at most ten atoms."""
    basis = {} if order == 2 else {"n_max": 3, "l_max": 3}
    descriptor = DensityCorrelations(order=order, cutoff=20.0 if order == 2 else 6.0, **basis)
    looked_at = 0
    for name in small_molecules():
        atoms = molecule(name)
        for center in range(len(atoms)):
            result = diagnose(atoms, descriptor, centers=[center])
            assert result.spurious == 0, (name, center)
            assert result.counts["unseen"] == 0, (name, center)
            assert result.counts["sensitive"] == result.spectrum.rank, (name, center)
            assert result.counts["sensitive"] == invariant_displacements(atoms, center), name
            looked_at += 1
    assert looked_at == 686


def prototypes() -> dict[str, tuple[Atoms, float]]:
    """Ten crystals, each with a cutoff within which every site shows its symmetry."""
    perovskite = crystal(
        ["Sr", "Ti", "O"],
        [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)],
        spacegroup=221,
        cellpar=[3.9, 3.9, 3.9, 90, 90, 90],
    )
    rutile = crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.305, 0.305, 0)],
        spacegroup=136,
        cellpar=[4.59, 4.59, 2.96, 90, 90, 90],
    )
    quartz = crystal(
        ["Si", "O"],
        [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.1191 + 1 / 3)],
        spacegroup=152,
        cellpar=[4.916, 4.916, 5.405, 90, 90, 120],
    )
    return {
        "fcc": (bulk("Cu", "fcc", a=3.6), 3.0),
        "bcc": (bulk("Fe", "bcc", a=2.87), 3.2),
        "hcp": (bulk("Mg", "hcp", a=3.21, c=5.21), 3.7),
        "diamond": (bulk("Si", "diamond", a=5.43), 4.2),
        "rock salt": (bulk("NaCl", "rocksalt", a=5.64), 3.3),
        "zinc blende": (bulk("ZnS", "zincblende", a=5.41), 4.2),
        "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2), 3.6),
        "perovskite": (perovskite, 3.0),
        "rutile": (rutile, 3.2),
        "quartz": (quartz, 3.4),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", mostly_slow(prototypes(), fast=["hcp", "diamond", "rock salt", "wurtzite", "quartz"])
)
def test_crystals_are_seen_as_the_projector_allows(name: str) -> None:
    """For each center with all its images, and for its environment cut out as a molecule."""
    atoms, cutoff = prototypes()[name]
    descriptor = DensityCorrelations(order=2, cutoff=cutoff, n_max=6, l_max=6)
    for center in range(len(atoms)):
        folded = diagnose(atoms, descriptor, centers=[center])
        assert folded.counts["sensitive"] == folded.spectrum.rank
        assert folded.spurious == 0
        alone = structures.environment(atoms, center, cutoff)
        cut = diagnose(alone, descriptor, centers=[0])
        assert cut.groups[0].symbol == folded.groups[center].symbol
        assert cut.counts["sensitive"] == cut.spectrum.rank == invariant_displacements(alone, 0)
        assert cut.spurious == 0


def test_mirrors_bind_an_o3_descriptor_only() -> None:
    """C2v, Cs and planar, with and without the parity-odd part."""
    even, odd = (DensityCorrelations(cutoff=CUTOFF, **BASES[order][1]) for order in ("3", "3 odd"))
    seen = {
        name: [
            diagnose(structures.load(name), d, centers=[0]).counts["sensitive"] for d in (even, odd)
        ]
        for name in ("C3v", "C2v", "Cs", "planar")
    }
    assert seen == {"C3v": [3, 3], "C2v": [4, 5], "Cs": [6, 9], "planar": [5, 6]}
    handed = diagnose(structures.load("planar"), odd, centers=[0])
    assert "only the rotations of Cs (C1) bind it" in handed.summary


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Td", "octahedron", "C3v"])
@pytest.mark.parametrize("size", mostly_slow([0.005, 0.01, 0.03], fast=[0.01]))
def test_a_symmetry_just_out_of_reach_is_not_taken_for_truncation(name: str, size: float) -> None:
    """There singular values are as small as the square of the distance, in any basis."""
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF)
    rng = np.random.default_rng(3)
    for _ in range(5):
        atoms = structures.load(name)
        step = rng.normal(size=atoms.positions.shape)
        atoms.positions += size * step / np.linalg.norm(step)
        assert diagnose(atoms, descriptor, centers=[0]).counts["truncation"] == 0


def random_environment(rng: np.random.Generator) -> Atoms:
    """4 to 12 neighbours of 1 to 3 species, none nearer than 0.7 Å to another."""
    count, kinds = int(rng.integers(4, 13)), int(rng.integers(1, 4))
    while True:
        directions = rng.normal(size=(count, 3))
        lengths = rng.uniform(0.9, 2.6, size=(count, 1))
        neighbors = lengths * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        positions = np.concatenate([np.zeros((1, 3)), neighbors])
        gaps = np.linalg.norm(positions[:, None] - positions, axis=2) + 9 * np.eye(count + 1)
        if gaps.min() > 0.7:
            symbols = rng.choice(["H", "O", "N"][:kinds], size=count)
            return Atoms(["C", *symbols], positions)


@pytest.mark.slow
def test_no_false_alarm() -> None:
    rng = np.random.default_rng(0)
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF, n_max=8, l_max=8)
    for _ in range(200):
        atoms = random_environment(rng)
        found = diagnose(atoms, descriptor, centers=[0]).counts
        assert found["sensitive"] == 3 * len(atoms) - 6


def test_null_space_of_two_causes_is_split_by_projectors() -> None:
    """Order 1 at a planar environment: one zero by the mirror, two because angles are not seen."""
    atoms = structures.load("planar")
    radial = DensityCorrelations(order=1, cutoff=CUTOFF, n_max=8, l_max=0, smearing=0.2)
    result = diagnose(atoms, radial, centers=[0])
    assert counts(result) == {
        "sensitive": 3, "symmetry": 1, "incompleteness": 2, "rotation": 3, "translation": 3
    }  # fmt: skip
    (out_of_plane,) = result.of("symmetry")
    np.testing.assert_allclose(out_of_plane.displacement[:, :2], 0, atol=1e-12)
    for mode in result.of("incompleteness"):
        np.testing.assert_allclose(mode.displacement[:, 2], 0, atol=1e-12)
        assert mode.evidence.lifted_by == 2
    total = sum(result.projector(cause) for cause in CAUSES)
    np.testing.assert_allclose(total, np.eye(12), atol=1e-12)


def test_evidence_of_each_cause() -> None:
    x0 = diagnose(structures.load("X0"), DensityCorrelations(order=2, cutoff=CUTOFF), centers=[0])
    (null,) = x0.of("incompleteness")
    assert null.evidence.relative < 1e-13
    assert null.evidence.larger_basis < 1e-12
    assert null.evidence.higher_order > 1e-3
    assert null.evidence.lifted_by == 3
    assert null.evidence.response == pytest.approx(2, abs=0.1)
    small = DensityCorrelations(order=2, cutoff=CUTOFF, n_max=2, l_max=2)
    (lost,) = diagnose(structures.load("generic"), small, centers=[0]).of("truncation")
    assert lost.evidence.relative < 1e-12
    assert lost.evidence.larger_basis > 1e-4
    td = diagnose(structures.load("Td"), DensityCorrelations(order=2, cutoff=CUTOFF), centers=[0])
    (breathing,) = td.of("sensitive")
    assert breathing.evidence.response == pytest.approx(1, abs=0.05)
    assert breathing.distance is None
    for mode in td.of("symmetry"):
        assert mode.evidence.response == pytest.approx(2, abs=0.05)
        assert mode.evidence.larger_basis < 1e-12
        assert mode.distance < 1e-12


@pytest.mark.slow
def test_n3_needs_order_four() -> None:
    descriptor = DensityCorrelations(order=3, cutoff=CUTOFF, n_max=4, l_max=4)
    (mode,) = diagnose(structures.load("N3"), descriptor, centers=[0]).of("incompleteness")
    assert mode.evidence.lifted_by == 4
    fourth = DensityCorrelations(order=4, cutoff=CUTOFF, n_max=3, l_max=4)
    assert diagnose(structures.load("N3"), fourth, centers=[0]).counts["sensitive"] == 21


class Blind:
    """A descriptor that says nothing about itself, and knows distances only."""

    order = None
    inversion_invariant = True

    def __init__(self, other: DensityCorrelations) -> None:
        self.cutoff, self.features, self.gradients = other.cutoff, other.features, other.gradients

    def larger_basis(self) -> None:
        return None

    def higher_order(self) -> None:
        return None


def test_what_cannot_be_refined_is_undetermined() -> None:
    radial = DensityCorrelations(order=1, cutoff=CUTOFF, n_max=8, l_max=0, smearing=0.2)
    result = diagnose(structures.load("planar"), Blind(radial), centers=[0])
    assert counts(result)["undetermined"] == 2
    assert counts(result)["symmetry"] == 1
    assert "the evidence does not determine the cause" in result.summary
    assert "but this descriptor has neither" in result.summary


def test_a_descriptor_that_says_too_little_is_told_what_is_missing() -> None:
    class Silent:
        cutoff = CUTOFF
        features = gradients = staticmethod(lambda atoms, *, centers: None)

    with pytest.raises(TypeError, match="Silent has no inversion_invariant: add"):
        diagnose(structures.load("Td"), Silent())


class Unordered(Blind):
    """The same, which can name a larger basis and a higher order."""

    def __init__(self, other: DensityCorrelations) -> None:
        super().__init__(other)
        self.larger_basis, self.higher_order = other.larger_basis, other.higher_order


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("X0", {"order": 2}, {"incompleteness": 1}),
        ("generic", {"order": 2, "n_max": 2, "l_max": 2}, {"truncation": 1}),
        ("planar", {"order": 1, "n_max": 8, "smearing": 0.2}, {"incompleteness": 2, "symmetry": 1}),
    ],
)
def test_other_descriptors_are_compared_with_what_they_name(
    name: str, settings: dict[str, float], expected: dict[str, int]
) -> None:
    descriptor = Unordered(DensityCorrelations(cutoff=CUTOFF, **settings))
    result = diagnose(structures.load(name), descriptor, centers=[0])
    found = counts(result)
    assert {cause: found.get(cause, 0) for cause in expected} == expected
    assert "undetermined" not in found
    assert "no basis" not in result.summary  # only the next larger one was compared
    compared = ": the next larger basis does not see" in result.summary
    assert compared is ("incompleteness" in expected)


class Misstated(Blind):
    """States an order that is too low, and names a larger basis if it has one."""

    order = 1

    def __init__(self, other: DensityCorrelations, larger: DensityCorrelations | None) -> None:
        super().__init__(other)
        self.larger_basis = lambda: larger and Misstated(larger, None)


WRONG = "The descriptor states order 1, but it, or its larger basis, sees displacements"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("generic", {"sensitive": 9}), ("X0", {"sensitive": 8, "undetermined": 1})],
)
def test_what_the_descriptor_sees_is_not_said_to_be_invisible_by_its_order(
    name: str, expected: dict[str, int]
) -> None:
    descriptor = Misstated(DensityCorrelations(cutoff=CUTOFF), None)
    result = diagnose(structures.load(name), descriptor, centers=[0])
    assert {cause: result.counts[cause] for cause in expected} == expected
    assert result.counts["incompleteness"] == 0
    assert result.wrong_order
    assert result.order is None
    assert WRONG in result.status
    assert WRONG in result.summary
    assert all(mode.evidence.relative > 1e-5 for mode in result.of("sensitive"))


def test_what_the_larger_basis_sees_is_not_said_to_be_invisible_by_its_order() -> None:
    small = DensityCorrelations(order=1, cutoff=CUTOFF, n_max=8, l_max=0)
    descriptor = Misstated(small, DensityCorrelations(cutoff=CUTOFF))
    result = diagnose(structures.load("generic"), descriptor, centers=[0])
    assert (result.counts["truncation"], result.counts["incompleteness"]) == (5, 0)
    assert WRONG in result.status


def test_a_right_order_is_believed() -> None:
    right = DensityCorrelations(order=1, cutoff=CUTOFF, n_max=8, l_max=0)
    result = diagnose(structures.load("generic"), right, centers=[0])
    assert result.counts["incompleteness"] == 5
    assert not result.wrong_order
    assert "states order" not in result.status + result.summary


@pytest.mark.parametrize("case", cases.MOLECULES, ids=lambda case: case.name)
def test_molecules_with_all_centers(case: cases.Case) -> None:
    result = diagnose(case.build(), DensityCorrelations(order=2, cutoff=3.5))
    assert result.counts["sensitive"] == case.ranks["2"]
    assert result.counts["symmetry"] == case.internal - case.ranks["2"]
    assert result.spurious == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["C6H6", "C4H4NH", "cyclobutane", "C3H4_D2d", "Si2H6", "CH4", "C2H6", "CO2", "BF3"]
)
@pytest.mark.parametrize("size", mostly_slow([1e-5, 3e-4, 9e-4], fast=[9e-4]))
def test_molecules_with_all_centers_and_noise(name: str, size: float) -> None:
    """Groups of different centers are aligned each for itself, and so turned by the noise."""
    descriptor = DensityCorrelations(order=2, cutoff=3.5)
    exact = counts(diagnose(molecule(name), descriptor))
    assert exact["symmetry"] > 0
    for seed in range(2):
        atoms = molecule(name)
        step = np.random.default_rng(seed).normal(size=atoms.positions.shape)
        atoms.positions += size * step / np.sqrt(np.mean(np.sum(step**2, axis=1)))
        assert counts(diagnose(atoms, descriptor)) == exact


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "hidden"), [("C3H4_D2d", 3), ("CH3COOH", 1), ("C3H6_Cs", 2), ("HCOOCH3", 1)]
)
def test_environments_turn_against_each_other_unseen(name: str, hidden: int) -> None:
    """A turn about the normal of a mirror keeps the mirror; two environments can turn apart.

    An SO(3) descriptor, which no mirror binds, sees what an O(3) one does not.
    """
    result = diagnose(molecule(name), DensityCorrelations(order=2, cutoff=3.5))
    assert result.counts["symmetry"] == hidden
    assert result.spurious == 0
    assert result.counts["sensitive"] == result.spectrum.rank
    handed = DensityCorrelations(order=3, cutoff=3.5, n_max=3, l_max=3, parity_odd=True)
    assert diagnose(molecule(name), handed).counts["symmetry"] < hidden


@pytest.mark.parametrize("name", ["X0", "S1"])
def test_an_incomplete_geometry_out_of_reach_is_not_taken_for_truncation(name: str) -> None:
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF)
    for seed in range(5):
        atoms = structures.load(name)
        step = np.random.default_rng(seed).normal(size=atoms.positions.shape)
        atoms.positions += 2e-3 * step / np.sqrt(np.mean(np.sum(step**2, axis=1)))
        result = diagnose(atoms, descriptor, centers=[0])
        assert result.counts["truncation"] == result.counts["undetermined"] == 0
        for mode in result.of("incompleteness"):
            assert mode.distance <= TOLERANCE
            assert mode.evidence.lifted_by == 3


def test_spherical_bessel_functions_give_the_same_causes() -> None:
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF, basis=SphericalBessel())
    assert counts(diagnose(structures.load("X0"), descriptor, centers=[0])) == {
        "sensitive": 8, "incompleteness": 1, "rotation": 3, "translation": 3
    }  # fmt: skip


def test_a_group_that_changes_within_the_tolerance_is_reported_with_the_next() -> None:
    """Nearly exact C3v, Td within the tolerance; and with a small one, Td as the next."""
    atoms = structures.load("Td")
    atoms.positions[1] *= 1 + 4e-4
    descriptor = DensityCorrelations(order=2, cutoff=CUTOFF)
    result = diagnose(atoms, descriptor, centers=[0])
    assert [level.symbol for level in result.sites[0].levels] == ["C3v", "Td"]
    assert "Within the tolerance the symmetry changes: C3v to 0 Å, Td to" in result.summary
    distances = sorted(mode.distance for mode in result.of("symmetry"))
    assert len(distances) == 8
    assert distances[5] < 1e-12  # six are hidden by C3v already
    assert 5e-5 < distances[6] < TOLERANCE
    strict = diagnose(atoms, descriptor, centers=[0], tolerance=1e-5)
    assert strict.counts["sensitive"] == 3
    assert strict.groups[0].symbol == "C3v"
    assert strict.sites[0].next.symbol == "Td"
    assert "Symmetry Td is 0.0001 Å away, beyond the tolerance" in strict.summary


@pytest.mark.parametrize("shift", [0.0, -5e-4, 5e-4])
def test_atoms_at_the_cutoff_are_not_seen(shift: float) -> None:
    """Two of six neighbours are at the cutoff: what is left is a square, D4h."""
    atoms = structures.load("octahedron")
    atoms.positions[1:3] *= (CUTOFF + shift) / np.linalg.norm(atoms.positions[1])
    result = diagnose(atoms, DensityCorrelations(order=2, cutoff=CUTOFF), centers=[0])
    assert result.groups[0].symbol == "D4h"
    assert counts(result) == {
        "sensitive": 1, "symmetry": 8, "unseen": 6, "rotation": 3, "translation": 3
    }  # fmt: skip


def test_coalescing_atoms_are_named() -> None:
    atoms = structures.load("generic")
    atoms.positions[2] = atoms.positions[1] + [0, 0, 5e-4]
    result = diagnose(atoms, DensityCorrelations(order=2, cutoff=CUTOFF), centers=[0])
    assert result.counts["symmetry"] == 3  # H1 against H2
    for mode in result.of("symmetry"):
        np.testing.assert_allclose(mode.displacement[1], -mode.displacement[2], atol=1e-3)
    assert "H1 and H2 coalesce" in result.summary
    assert "symmetry, which includes the exchange of coalescing atoms" in result.summary


def test_environments_that_turn_about_what_they_share_are_unseen() -> None:
    """Two centers that share one neighbour turn about it against each other: three directions."""
    positions = [
        [0, 0, 0], [1, 0, 0.1], [-0.5, 0.8, 0.2], [-0.3, -0.6, 0.7],
        [2, 0, 0.2], [2.4, 0.9, 0.3], [2.2, -0.8, -0.5],
    ]  # fmt: skip
    atoms = Atoms("CHHHCHH", positions)
    result = diagnose(atoms, DensityCorrelations(order=2, cutoff=1.6), centers=[0, 4])
    assert result.counts["unseen"] == 3
    assert result.spurious == 0
    for mode in result.of("unseen"):
        assert mode.singular_value < 1e-12


@pytest.mark.parametrize(
    ("tolerance", "error", "message"),
    [
        (0, ValueError, "tolerance must be above 0 and at most 0.1 Å"),
        (-1e-3, ValueError, "tolerance must be above 0"),
        (1.0, ValueError, "a tenth of a bond, got 1.0; give a number such as 1e-3"),
        (float("nan"), ValueError, "tolerance must be above 0"),
        ("tight", TypeError, "tolerance must be above 0 and at most 0.1 Å.* got 'tight'"),
    ],
)
def test_unusable_tolerances(tolerance: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        diagnose(structures.load("Td"), DensityCorrelations(), tolerance=tolerance)


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (Atoms("C"), {"translation": 3}),
        (Atoms("CH", [[0, 0, 0], [0, 0, 1]]), {"sensitive": 1, "rotation": 2, "translation": 3}),
        (
            Atoms("CH", [[0, 0, 0], [0, 0, 9]]),
            {"unseen": 1, "rotation": 2, "translation": 3},
        ),
    ],
    ids=["one atom", "two atoms", "two that do not see each other"],
)
def test_tiny_structures(atoms: Atoms, expected: dict[str, int]) -> None:
    assert counts(diagnose(atoms, DensityCorrelations())) == expected


def test_the_summary_reads_like_an_expert() -> None:
    result = diagnose(molecule("CH4"), DensityCorrelations(order=2), centers=[0])
    assert result.summary == (
        "Carbon environment, Td (24 operations, deviation 0 Å): 1 of 9 internal displacements is "
        "visible. 8 are invisible by symmetry, as they must be. None is spurious. A smooth "
        "potential of these features has no force along the invisible ones."
    )
    assert str(result) == result.summary
    table = result._repr_html_()
    assert "<td>symmetry</td><td>8</td>" in table
    assert "Td (24 operations" in table
    assert repr(result) == (
        "Diagnosis(CH4, centers=1: 1 of 9 internal displacements is visible, 8 invisible by "
        "symmetry, none spurious.)"
    )


def test_results_are_read_only_and_orthonormal() -> None:
    result = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    modes = np.array([mode.displacement.ravel() for mode in result.modes])
    np.testing.assert_allclose(modes @ modes.T, np.eye(15), atol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        result.modes[0].displacement[0] = 1
    values = [mode.singular_value for mode in result.modes[: result.internal]]
    assert values == sorted(values, reverse=True)
    np.testing.assert_allclose(values, result.spectrum.singular_values[:9], atol=1e-12)


@pytest.mark.parametrize(
    ("gap", "unseen", "distance"),
    [
        (-1e-3, 3, None),
        (5e-4, 3, None),
        (1.1e-3, 3, 1.1e-3),
        (2e-3, 3, 2e-3),
        (3e-3, 3, 3e-3),
        (5e-3, 0, None),
        (2e-2, 0, None),
    ],
)
def test_a_neighbor_at_the_cutoff_is_unseen_within_the_tolerance(gap, unseen, distance):
    """It is where it and the center have parted by the gap that it has left: half of it each."""
    rng = np.random.default_rng(2)
    bonds = rng.normal(size=(5, 3))
    lengths = np.array([1.0, 1.05, 1.1, 1.15, 3.5 - gap])
    bonds *= (lengths / np.linalg.norm(bonds, axis=1))[:, None]
    atoms = Atoms("CH5", np.vstack([np.zeros(3), bonds]))
    found = diagnose(atoms, DensityCorrelations(cutoff=3.5), centers=[0])
    assert found.counts["unseen"] == unseen
    # 0.005 Å inside the cutoff two displacements are below 1e-5 of the scale, and have no cause.
    small = 2 if gap == 5e-3 else 0
    assert found.counts["undetermined"] == small
    assert found.counts["sensitive"] == 12 - unseen - small
    assert found.counts["sensitive"] <= found.spectrum.rank
    assert found.spurious == small
    parts = (found.projector(cause) for cause in ("unseen", "rotation", "translation"))
    assert (sum(parts)[15:, 15:].trace() > 2.99) == (unseen > 0)  # all that the last atom can do
    away = {mode.distance for mode in found.of("unseen")}
    fades = "so near the cutoff that they fade" in found.summary
    assert fades == (distance is not None)
    if fades:
        assert list(away) == [pytest.approx(distance / np.sqrt(2 * 6), rel=1e-2)]
        assert "a larger cutoff sees them, a larger basis does not." in found.summary
        larger = DensityCorrelations(cutoff=3.5, n_max=10, l_max=8)
        assert spectrum(atoms, larger, centers=[0]).condition < 1e-5
        assert spectrum(atoms, DensityCorrelations(cutoff=4.5), centers=[0]).condition > 1e-3
    elif unseen:
        assert away == {None}


@pytest.mark.slow
@pytest.mark.parametrize(("cutoff", "size", "count"), [(3.5, 6, 29), (5.0, 6, 70), (8.0, 8, 131)])
def test_one_rule_for_what_is_visible(cutoff: float, size: int, count: int) -> None:
    """From one atom of C60 many displacements are hardly visible, which is not sensitive."""
    descriptor = DensityCorrelations(cutoff=cutoff, n_max=size, l_max=size)
    found = diagnose(molecule("C60"), descriptor, centers=[0])
    level = found.spectrum.zero_level
    assert all(mode.singular_value > level for mode in found.of("sensitive"))
    assert found.counts["sensitive"] == count <= found.spectrum.rank
    assert sum(found.counts.values()) == 180
    small = [mode for mode in found.of("undetermined") if mode.distance is None]
    assert all(mode.singular_value <= level for mode in small)
    assert ("too small to count as visible, at most 1e-05 of the scale" in found.summary) == bool(
        small
    )


def test_what_is_too_small_is_never_sensitive() -> None:
    """A wide tolerance shows the cause that the usual one does not reach."""
    rng = np.random.default_rng(2)
    bonds = rng.normal(size=(5, 3))
    lengths = np.array([1.0, 1.05, 1.1, 1.15, 3.495])
    bonds *= (lengths / np.linalg.norm(bonds, axis=1))[:, None]
    atoms = Atoms("CH5", np.vstack([np.zeros(3), bonds]))
    found = diagnose(atoms, DensityCorrelations(), centers=[0])
    assert "2 are too small to count as visible" in found.summary
    assert {mode.distance for mode in found.of("undetermined")} == {None}
    assert counts(diagnose(atoms, DensityCorrelations(), centers=[0], tolerance=2e-3)) == {
        "sensitive": 9,
        "unseen": 3,
        "rotation": 3,
        "translation": 3,
    }


def test_in_a_periodic_cell_where_nobody_sees_anybody_all_is_unseen() -> None:
    found = diagnose(bulk("Si", cubic=True), DensityCorrelations(cutoff=1.0))
    assert counts(found) == {"unseen": 21, "translation": 3}
    assert found.spectrum.rank == 0


def test_the_essentials_of_a_descriptor_are_enough() -> None:
    class Bare:
        def __init__(self) -> None:
            self.inner = DensityCorrelations(cutoff=CUTOFF, n_max=6, l_max=6)
            self.cutoff, self.inversion_invariant = CUTOFF, True
            self.features, self.gradients = self.inner.features, self.inner.gradients

    result = diagnose(structures.load("X0"), Bare(), centers=[0])
    assert (counts(result)["sensitive"], counts(result)["undetermined"]) == (8, 1)


def test_a_zero_beside_modes_that_lead_to_none_is_found() -> None:
    """A step that drops the modes it cannot bring to zero is compared with what all of them had."""
    atoms = bulk("Si", cubic=True)
    atoms.positions += np.random.default_rng(42).normal(scale=0.05, size=atoms.positions.shape)
    descriptor = DensityCorrelations(order=1, cutoff=3.5, n_max=4, l_max=4)
    found = diagnose(atoms, descriptor, centers=[0, 3])
    assert (found.counts["truncation"], found.counts["undetermined"]) == (1, 0)
    (distance,) = (mode.distance for mode in found.modes if mode.cause == "truncation")
    assert distance == pytest.approx(7.638e-4, rel=1e-3)


def test_a_larger_basis_that_does_not_see_what_is_truncated_is_not_said_to() -> None:
    """More radial functions do not help where degrees are missing."""
    found = diagnose(equal_bonds(), DegreeOne(order=2), centers=[0])
    assert found.counts["truncation"] == 6
    assert all(mode.evidence.larger_basis < 1e-12 for mode in found.of("truncation"))
    assert (
        "6 are invisible by truncation of the basis: a complete basis of order 2 sees them, but the"
        " next larger one of this descriptor does not." in found.summary
    )


@pytest.mark.parametrize(
    ("sizes", "order", "words"),
    [
        ([0.1, 0.2], 2, "a larger basis sees them at order 2"),
        ([0.1], None, "a larger basis sees it"),
        ([1e-16], 3, "a complete basis of order 3 sees it, but the next larger one of this descr"),
        ([0.1, 1e-16], 3, "sees them, but the next larger one of this descriptor only 1 of them"),
        (
            [None],
            4,
            "a complete basis of order 4 sees it, but no larger basis is available to compare",
        ),
    ],
)
def test_which_basis_sees_what_is_truncated(sizes: list, order: int | None, words: str) -> None:
    assert words in explain_truncation(sizes, order=order)


def test_displacements_that_no_basis_sees_are_not_truncated() -> None:
    # All that this small basis does not see is incomplete: nothing is left to be truncated.
    descriptor = DensityCorrelations(order=1, cutoff=3.5, n_max=4, l_max=3)
    alone = structures.environment(molecule("C4H4S"), 3, 3.5)
    found = {cause: n for cause, n in diagnose(alone, descriptor, centers=[0]).counts.items() if n}
    internal = {"sensitive": 8, "symmetry": 6, "incompleteness": 7}  # eight distances, in a plane
    assert found == {**internal, "rotation": 3, "translation": 3}
