"""Structures: the named ones, files, environments, neighbours, and what is refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from itertools import combinations, combinations_with_replacement, permutations, product
from math import cos, pi, sin
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.constraints import FixAtoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from sensitivity import structures
from sensitivity.explorers.parts.inputs import take_structure
from sensitivity.structures import neighbors

DATA = Path(__file__).parents[1] / "data"
EXACT = 1e-14  # Å, relative to bonds of 1 Å: a few rounding errors


def sorted_rows(i, j, vectors):
    """Pairs in an order of their own, so that two lists can be compared."""
    rows = np.column_stack([i, j, np.round(vectors, 6) + 0.0])
    return rows[np.lexsort(rows.T[::-1])]


def random_cells(rng, *, count):
    """Skewed cells of 1 to 5 atoms, some outside, in which no two atoms meet."""
    made = 0
    while made < count:
        size = rng.integers(1, 6)
        cell = rng.uniform(1.8, 4.0) * np.eye(3) + 0.7 * rng.normal(size=(3, 3))
        positions = rng.uniform(-1.5, 1.5, size=(size, 3)) @ cell
        atoms = Atoms(f"C{size}", positions, cell=cell, pbc=rng.integers(0, 2, size=3))
        periodic = atoms.copy()
        periodic.pbc = True
        if abs(np.linalg.det(cell)) > 3 and len(neighbor_list("i", periodic, 0.2)) == 0:
            made += 1
            yield atoms


# Neighbours


@pytest.mark.slow
@pytest.mark.parametrize("search", [neighbors._search_grid, neighbors._search_tree])
def test_pairs_are_those_of_ase_in_small_skewed_cells(search):
    rng = np.random.default_rng(7)
    images = 0
    for atoms in random_cells(rng, count=150):
        cutoff = rng.uniform(1.0, 5.0)
        found = search(atoms, cutoff)
        expected = neighbor_list("ijD", atoms, cutoff)
        assert np.array_equal(sorted_rows(*found), sorted_rows(*expected))
        images += np.sum(found.i == found.j)
    assert images > 1000


def test_pairs_are_sorted_and_have_their_opposites():
    atoms = structures.load("NaCl-rocksalt")
    pairs = structures.neighbor_pairs(atoms, 4.1)
    assert np.all(np.diff(pairs.i) >= 0)
    assert np.bincount(pairs.i).tolist() == [6 + 12] * 8
    forth, back = sorted_rows(*pairs), sorted_rows(pairs.j, pairs.i, -pairs.vectors)
    assert np.array_equal(forth, back)


def test_vectors_lead_to_a_periodic_image():
    rng = np.random.default_rng(3)
    for atoms in random_cells(rng, count=20):
        atoms.positions += 300.0 * rng.integers(-3, 4, size=(len(atoms), 1)) * atoms.cell[0]
        if not atoms.pbc[0]:
            continue
        pairs = structures.neighbor_pairs(atoms, 4.0)
        shifts = pairs.vectors - (atoms.positions[pairs.j] - atoms.positions[pairs.i])
        shifts = shifts @ np.linalg.inv(atoms.cell.array)
        assert np.abs(shifts - np.round(shifts)).max(initial=0) < 1e-9
        assert np.abs(np.round(shifts)[:, ~atoms.pbc]).max(initial=0) == 0


def test_cell_vectors_that_are_not_periodic_do_not_count():
    rng = np.random.default_rng(5)
    for atoms in random_cells(rng, count=30):
        other = atoms.copy()
        other.cell[~atoms.pbc] = rng.normal(size=(3, 3))[~atoms.pbc] * rng.choice([0.0, 0.01, 9.0])
        first, second = (structures.neighbor_pairs(one, 3.0) for one in (atoms, other))
        assert np.array_equal(sorted_rows(*first), sorted_rows(*second))


FAR = """
import itertools
import numpy as np
from ase import Atoms
from sensitivity.structures import neighbor_pairs

sizes = (1e2, 1e3, 1e4, 1e6, 1e8, 1e15)
for far, dimensions, periodic in itertools.product(sizes, (1, 2, 3), (False, True)):
    print(far, dimensions, periodic, flush=True)
    positions = np.zeros((3, 3))
    positions[1, :dimensions] = far
    positions[2] = [0, 0.5, 0]
    height = 3.5 if dimensions < 3 else 3.5 * far
    atoms = Atoms("H3", positions, cell=[3 * far, 3 * far, height], pbc=periodic)
    assert neighbor_pairs(atoms, 2.0).i.tolist() == [0, 2]
print("done")
"""


@pytest.mark.slow
def test_far_atoms_do_not_end_the_process():
    # In a process of its own: a floating-point exception would take the test run with it.
    done = subprocess.run([sys.executable, "-c", FAR], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("done\n"), (done.returncode, done.stdout[-40:], done.stderr[-400:])


def test_a_cutoff_may_be_shorter_than_any_search():
    pair = Atoms("H2", [[0, 0, 0], [0, 0, 0.05]])
    assert len(structures.neighbor_pairs(pair, 0.04).i) == 0
    assert structures.neighbor_pairs(pair, 0.06).i.tolist() == [0, 1]


def test_pairs_of_an_isolated_atom_are_empty():
    pairs = structures.neighbor_pairs(Atoms("H"), 5.0)
    assert [len(part) for part in pairs] == [0, 0, 0]
    assert pairs.vectors.shape == (0, 3)


def test_inputs_are_not_changed():
    atoms = bulk("Si", cubic=True)
    before = atoms.copy()
    structures.neighbor_pairs(atoms, 4.0)
    structures.environment(atoms, 0, 4.0)
    structures.check(atoms)
    assert atoms == before


# Environments


def test_environment_of_a_crystal_has_every_image():
    rng = np.random.default_rng(11)
    for atoms in random_cells(rng, count=40):
        center, cutoff = int(rng.integers(len(atoms))), rng.uniform(1.5, 5.0)
        i, j, vectors = neighbor_list("ijD", atoms, cutoff)
        mine = i == center
        molecule = structures.environment(atoms, center, cutoff)
        assert np.array_equal(molecule.positions[0], np.zeros(3))
        assert not molecule.pbc.any()
        assert molecule.arrays["source"][0] == center
        source, around = molecule.arrays["source"][1:], molecule.positions[1:]
        expected = sorted_rows(j[mine], j[mine], vectors[mine])
        assert np.array_equal(sorted_rows(source, source, around), expected)


def test_environment_has_species_and_order_of_the_structure():
    atoms = structures.load("CH3CH2OH")
    atoms.positions += [1.0, -2.0, 3.0]
    center = 2
    molecule = structures.environment(atoms, center, 10.0)
    others = [k for k in range(len(atoms)) if k != center]
    assert molecule.arrays["source"].tolist() == [center, *others]
    assert list(molecule.symbols) == [atoms.symbols[k] for k in [center, *others]]
    shifted = atoms.positions[[center, *others]] - atoms.positions[center]
    assert np.allclose(molecule.positions, shifted, rtol=0, atol=EXACT)


def test_environment_of_diamond_is_a_tetrahedron():
    molecule = structures.environment(structures.load("C-diamond"), 1, 1.6)
    cosines = [np.dot(a, b) / np.dot(a, a) for a, b in combinations(molecule.positions[1:], 2)]
    assert np.allclose(cosines, -1 / 3)
    assert len(molecule) == 5


def test_environment_of_a_slab_ends_at_its_surface():
    slab = fcc111("Al", size=(1, 1, 3), a=4.05)  # periodic along two directions
    assert slab.pbc.tolist() == [True, True, False]
    counts = [len(structures.environment(slab, k, 3.0)) - 1 for k in range(3)]
    assert counts == [9, 12, 9]


# Named structures


def angles(atoms):
    """Cosines of all angles between bonds of the center, sorted."""
    bonds = atoms.positions[1:]
    units = bonds / np.linalg.norm(bonds, axis=1)[:, None]
    return sorted(float(np.dot(a, b)) for a, b in combinations(units, 2))


def lengths(atoms):
    return sorted(np.linalg.norm(atoms.positions[1:], axis=1))


def symmetry_order(atoms):
    """Count orthogonal matrices that map the environment onto itself, proper and improper."""
    bonds = atoms.positions[1:]
    frame = next(
        list(three)
        for three in combinations(range(len(bonds)), 3)
        if abs(np.linalg.det(bonds[list(three)])) > 0.1
    )
    inverse = np.linalg.inv(bonds[frame])
    found = []
    for images in product(range(len(bonds)), repeat=3):
        turn = inverse @ bonds[list(images)]
        if np.allclose(turn @ turn.T, np.eye(3), atol=1e-9):
            distances = np.linalg.norm((bonds @ turn)[:, None] - bonds, axis=2)
            if distances.min(axis=1).max() < 1e-9:
                found.append(turn)
    return len(found)


ORDERS = {
    "Td": 24,
    "C3v": 6,
    "C2v": 4,
    "Cs": 2,
    "octahedron": 48,
    "generic": 1,
    "X+": 1,
    "X-": 1,
    "X0": 1,
    "S1": 1,
    "bispectrum+": 1,
    "bispectrum-": 1,
    "N3": 1,
}


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_point_group_of_named_structure(name, order):
    assert symmetry_order(structures.load(name)) == order


def test_flat_and_linear_structures():
    square, planar = structures.load("square"), structures.load("planar")
    assert np.allclose(angles(square), [-1, -1, 0, 0, 0, 0])
    assert np.ptp(lengths(square)) < EXACT
    assert np.linalg.matrix_rank(planar.positions) == 2
    assert np.diff(lengths(planar)).min() > 0.05
    for name, equal in (("linear-equal", True), ("linear-unequal", False)):
        atoms = structures.load(name)
        assert np.allclose(angles(atoms), [-1])
        assert (np.ptp(lengths(atoms)) < EXACT) == equal


def test_methanes():
    assert np.allclose(angles(structures.load("Cs")), [-1 / 3] * 6)
    assert np.allclose(lengths(structures.load("Cs")), [0.9, 1.0, 1.1, 1.1])
    assert np.allclose(lengths(structures.load("Td")), [1.09] * 4)


def test_every_environment_is_a_carbon_at_the_origin_among_hydrogen():
    from sensitivity.structures.library import ENVIRONMENTS

    assert len(ENVIRONMENTS) == 17
    for name in ENVIRONMENTS:
        atoms = structures.load(name)
        assert atoms.symbols[0] == "C"
        assert set(atoms.symbols[1:]) == {"H"}
        assert np.array_equal(atoms.positions[0], np.zeros(3))


def test_pair_is_that_of_the_published_manifold():
    frames = ase.io.read(DATA / "degenerate_CH4_manifold.extxyz", index=":")
    assert len(frames) == 162
    for frame in frames:
        u, v = frame.info["u_over_pi"] * pi, frame.info["v_over_pi"] * pi
        sign = {"X+": 1, "X-": -1}[frame.info["set"]]
        atoms = structures.ch4_pair(u, v, sign=sign)
        assert np.array_equal(atoms.numbers, frame.numbers)
        assert np.abs(atoms.positions - frame.positions).max() < 1.1e-15


def histogram(atoms, *, order):
    """Return all sets of so many bonds, each as its scalar products in a canonical order.

    The center's features of this order see no more of a structure.
    """
    rows = [
        min(
            tuple(np.round([np.dot(a, b) for a, b in combinations_with_replacement(bonds, 2)], 9))
            for bonds in permutations(chosen)
        )
        for chosen in combinations(atoms.positions[1:], order)
    ]
    return np.array(sorted(rows))


@pytest.mark.parametrize("u", [0.7 * pi, 0.85 * pi])
def test_pair_has_equal_triangles_at_v_zero_only(u):
    plus, minus = (structures.ch4_pair(u, 0.0, sign=sign) for sign in (1, -1))
    assert np.array_equal(histogram(plus, order=2), histogram(minus, order=2))
    assert abs(histogram(plus, order=3) - histogram(minus, order=3)).max() > 0.01
    plus, minus = (structures.ch4_pair(u, 0.2, sign=sign) for sign in (1, -1))
    assert abs(histogram(plus, order=2) - histogram(minus, order=2)).max() > 0.01


def test_pair_meets_at_u_pi():
    plus, minus = (structures.ch4_pair(pi, 0.0, sign=sign) for sign in (1, -1))
    assert np.allclose(plus.positions, minus.positions, rtol=0, atol=1e-15)
    assert np.array_equal(structures.load("X0").positions, plus.positions)


def test_s1_has_a_straight_line_and_a_perpendicular():
    _, _, b, other, c = structures.load("S1").positions
    assert np.allclose(b, -other, rtol=0, atol=EXACT)
    assert abs(np.dot(b, c)) < EXACT


def test_bispectrum_pair_has_equal_tetrahedra_but_is_not_congruent():
    first, second = structures.load("bispectrum+"), structures.load("bispectrum-")
    assert np.array_equal(histogram(first, order=3), histogram(second, order=3))
    assert abs(histogram(first, order=4) - histogram(second, order=4)).max() > 0.01
    assert not congruent(first, second)
    assert congruent(first, first)
    third = structures.load("N3")
    assert np.array_equal(third.positions[:8], first.positions)
    assert np.array_equal(third.positions[8], second.positions[7])


def congruent(first, second):
    """Whether a rotation or reflection about the center maps one onto the other."""
    a, b = first.positions[1:], second.positions[1:]
    inverse = np.linalg.inv(a[:3])
    for images in product(range(len(b)), repeat=3):
        turn = inverse @ b[list(images)]
        if np.allclose(turn @ turn.T, np.eye(3), atol=1e-9):
            gaps = np.linalg.norm((a @ turn)[:, None] - b, axis=2)
            if gaps.min(axis=1).max() < 1e-9:
                return True
    return False


def test_every_name_loads_a_sound_structure_anew():
    names = structures.names()
    assert len(names) == len(set(names)) > 180
    assert {"CH4", "C6H6", "Td", "X+", "Si-diamond", "graphene"} <= set(names)
    for name in names:
        atoms = structures.load(name)
        structures.check(atoms)
        assert structures.summarize(name)
        atoms.positions += 1.0
        assert not np.array_equal(structures.load(name).positions, atoms.positions)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cs", "no structure named 'cs'; did you mean Cs or CS? Otherwise see structures.names()."),
        ("octahedral", "did you mean octahedron?"),
        ("C2H6O", "did you mean CH3CH2OH (ethanol) or CH3OCH3 (dimethyl ether)? Otherwise see"),
        ("HNC", "did you mean HCN (hydrogen cyanide)?"),
        ("CH3NC", "did you mean CH3CN (acetonitrile)?"),
        ("CH2", "did you mean CH2_s1A1d or CH2_s3B1d?"),
        ("aspirine", "did you mean aspirin"),
        ("NaCl-", "did you mean NaCl"),
        ("qqqqqqqq", "no structure named 'qqqqqqqq'; see structures.names()."),
    ],
)
def test_unknown_name_gets_the_nearest(name, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        structures.load(name)


@pytest.mark.parametrize(("common", "name"), structures.COMMON.items())
def test_a_common_name_is_that_of_the_molecule(common, name):
    assert name in structures.names()
    assert common not in structures.names()
    assert common == common.lower()
    loaded = structures.load(f" {common.capitalize()} ")
    assert loaded == structures.load(name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *[("copper", "Cu-fcc"), ("Cu", "Cu-fcc"), ("cu", "Cu-fcc"), ("gold", "Au-fcc")],
        *[("Au", "Au-fcc"), ("IRON", "Fe-bcc"), ("titanium", "Ti-hcp"), ("tungsten", "W-bcc")],
        *[("germanium", "Ge-diamond"), ("silicon", "Si-diamond"), ("sodium", "Na-bcc")],
        # Symbols that are also molecules, or environments: in their own case.
        *[("Na", "Na"), ("Co", "Co-hcp"), ("CO", "CO"), ("co", "CO"), ("Hf", "Hf-hcp")],
        *[("HF", "HF"), ("hf", "HF"), ("Cs", "Cs"), ("oxygen", "O2"), ("C60", "C60")],
    ],
)
def test_an_element_is_its_crystal_unless_it_is_a_molecule(typed, name):
    assert structures.find_name(typed) == name


def test_crystals_of_elements_have_the_cells_of_the_literature():
    """Lattice constants in Å at room temperature: Kittel, Introduction to Solid State Physics."""
    for name, count, length in [("Cu-fcc", 4, 3.61), ("Fe-bcc", 2, 2.87), ("Ge-diamond", 8, 5.66)]:
        atoms = structures.load(name)
        assert (len(atoms), atoms.pbc.all()) == (count, True)
        np.testing.assert_allclose(atoms.cell[:], length * np.eye(3), atol=0.01)
    assert structures.load("Mg-hcp").cell.lengths()[[0, 2]] == pytest.approx([3.21, 5.21], abs=0.01)
    assert structures.summarize("Cu-fcc") == "copper, conventional cell"
    assert len(structures.load("fullerene")) == 60


@pytest.mark.parametrize("name", ["SF6", "mercury", "brass"])
def test_what_is_not_known_can_be_brought_in_a_file(name):
    expected = "small molecules, crystals of elements), or upload a file such as xyz or cif"
    with pytest.raises(ValueError, match=re.escape(expected)):
        take_structure(name)


@pytest.mark.parametrize(
    ("typed", "formula"),
    [
        ("C2H5OH", "CH3CH2OH"),
        ("CH3-CH2-OH", "CH3CH2OH"),
        ("c2h5oh", "CH3CH2OH"),
        ("CH3CO2H", "CH3COOH"),
        ("CH2=CH2", "C2H4"),
        ("HC≡CH", "C2H2"),
        ("C₆H₆", "C6H6"),
        ("co2", "CO2"),
        (" CS ", "CS"),
        ("H2S", "SH2"),
        ("CH4O", "CH3OH"),
        ("x+", "X+"),
        ("graphene", "graphene"),
        ("C6H5OH", "phenol"),
        ("Caffeine", "caffeine"),
    ],
)
def test_a_name_in_another_notation(typed, formula):
    assert structures.find_name(typed) == formula


def test_every_condensed_formula_has_the_atoms_of_its_molecule():
    from ase.formula import Formula

    from sensitivity.structures.names import _CONDENSED

    words = {"dmso", "etoh", "mecn", "meoh"}
    for typed, name in _CONDENSED.items():
        atoms = structures.load(name)
        assert structures.load(typed) == atoms
        if typed not in words:
            written = typed.upper().replace("CL", "Cl")
            assert Formula(written).count() == atoms.symbols.formula.count(), typed


@pytest.mark.parametrize(
    "text", ["", " ", "C0", "H99999999999", "((((", "C(", "()", "x" * 999, "²"]
)
def test_no_text_is_more_than_a_name_that_there_is_not(text):
    with pytest.raises(ValueError, match="there is no structure named"):
        structures.find_name(text)


@pytest.mark.parametrize(
    ("name", "formula", "bonds"),
    [
        ("aspirin", "C9H8O4", 21),  # as many bonds as atoms: one ring
        ("caffeine", "C8H10N4O2", 25),  # two rings
        ("phenol", "C6H6O", 13),
        ("formamide", "CH3NO", 5),
        ("pyrazine", "C4H4N2", 10),
        ("uracil", "C4H4N2O2", 12),
    ],
)
def test_molecules_that_are_not_of_g2(name, formula, bonds):
    atoms = structures.load(name)
    assert atoms.get_chemical_formula() == formula
    radii = covalent_radii[atoms.numbers]
    near = atoms.get_all_distances() < 1.2 * (radii[:, None] + radii)
    assert np.triu(near, 1).sum() == bonds


def test_caffeine_is_that_of_the_tests_of_ase():
    sdf = pytest.importorskip("ase.test.fio.test_sdf").VALID_SDF_V2000_COFFEE
    expected = ase.io.read(io.StringIO(sdf), format="sdf")
    caffeine = structures.load("caffeine")
    assert str(caffeine.symbols) == str(expected.symbols)
    np.testing.assert_array_equal(caffeine.positions, expected.positions)


def test_common_names_are_suggested_and_of_the_right_formula():
    with pytest.raises(ValueError, match=re.escape("named 'benzen'; did you mean benzene?")):
        structures.load("benzen")
    formulas = {"ethanol": "C2H6O", "acetone": "C3H6O", "allene": "C3H4", "pyrrole": "C4H5N"}
    for common, formula in formulas.items():
        assert structures.load(common).get_chemical_formula() == formula


def test_name_must_be_a_string():
    with pytest.raises(TypeError, match="name must be a string such as 'CH4', got 4"):
        structures.load(4)


def test_pair_refuses_other_signs_and_angles():
    with pytest.raises(ValueError, match=re.escape("sign must be 1 for X+ or -1 for X-, got 0")):
        structures.ch4_pair(1.0, 0.0, sign=0)
    with pytest.raises(ValueError, match="u and v must be finite angles in radians, got nan and 0"):
        structures.ch4_pair(float("nan"), 0.0, sign=1)


# Files


@pytest.mark.parametrize("name", ["a.xyz", "a.extxyz", "a.cif", "POSCAR", "CONTCAR", "a.vasp"])
def test_read_finds_the_format(tmp_path, name):
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    path = tmp_path / name
    ase.io.write(path, atoms)
    found = structures.read(path)
    assert sorted(found.symbols) == sorted(atoms.symbols)
    assert sorted(neighbor_list("d", found, 3.0)) == pytest.approx(
        sorted(neighbor_list("d", atoms, 3.0)), abs=1e-6
    )


def test_read_takes_the_first_frame_or_the_chosen_one(tmp_path):
    path = tmp_path / "many@3.extxyz"
    ase.io.write(path, [Atoms("H2", [[0, 0, 0], [0, 0, 0.7 + k]]) for k in range(5)])
    distances = [structures.read(path).get_distance(0, 1)]
    distances += [structures.read(path, index=k).get_distance(0, 1) for k in (3, -1)]
    assert distances == pytest.approx([0.7, 3.7, 4.7])
    frames = [frame.atoms for frame in structures.read_frames(path)]
    assert frames == [structures.read(path, index=k) for k in range(5)]


def test_read_leaves_constraints_and_results_behind(tmp_path):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], cell=[5, 5, 5], pbc=True)
    atoms.set_constraint(FixAtoms([0]))
    path = tmp_path / "POSCAR"
    ase.io.write(path, atoms)
    assert ase.io.read(path).constraints  # the file has them
    found = structures.read(path)
    assert not found.constraints
    assert found.calc is None


def write(path, content):
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.xyz", "", r"the file .*empty\.xyz is empty; expected a structure file"),
        (
            "noise.xyz",
            "hello\nworld\n",
            r"noise\.xyz as a structure: line 1: expected the number of",
        ),
        ("noise.txt", "hello\n", r"cannot read .*noise\.txt as a structure \(its format is not"),
        ("cut.xyz", "3\n\nH 0 0 0\n", r"cannot read .*cut\.xyz as a structure"),
        ("nan.xyz", "1\n\nH 0 nan 0\n", r"nan\.xyz: positions must be finite numbers in Å, got "),
        ("none.xyz", "0\n\n", r"none\.xyz as a structure: line 1: the number of atoms is 0"),
        ("same.xyz", "2\n\nH 0 0 0\nH 0 0 0\n", r"same\.xyz: atoms overlap: atoms 0 and 1 are 0 Å"),
        ("odd.cif", "data_x\n_cell_length_a 3\n", r"cannot read .*odd\.cif as a structure"),
        ("POSCAR", "x\n1\n", r"cannot read .*POSCAR as a structure"),
    ],
)
def test_read_refuses(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        structures.read(write(tmp_path / name, content))


def test_read_refuses_missing_files_and_frames(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*gone\.xyz; expected a structure"):
        structures.read(tmp_path / "gone.xyz")
    one = write(tmp_path / "one.xyz", "1\n\nH 0 0 0\n")
    with pytest.raises(
        ValueError, match="has a single frame, number 0, and no frame 4; choose that"
    ):
        structures.read(one, index=4)
    with pytest.raises(TypeError, match="index must be an integer frame number, got '0'"):
        structures.read(one, index="0")
    with pytest.raises(ValueError, match=r"is a folder; expected a structure file"):
        structures.read(tmp_path)
    with pytest.raises(ValueError, match=r"has a single frame, .* no frame -2; choose that"):
        structures.read(one, index=-2)
    assert len(structures.read(one, index=-1)) == 1


# Refused structures, centers and cutoffs


def flat_cell():
    return Atoms("H", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True)


@pytest.mark.parametrize("examine", [structures.check, lambda a: structures.neighbor_pairs(a, 3.0)])
@pytest.mark.parametrize(
    ("atoms", "error", "message"),
    [
        ("CH4", TypeError, r"atoms must be an ase\.Atoms, got str; use .*read\(path\)"),
        (Atoms(), ValueError, "the structure has no atoms, expected at least one"),
        (
            Atoms("CH", [[0, 0, 0], [0, np.inf, 0]]),
            ValueError,
            r"positions must be finite numbers in Å, got \[0.0, inf, 0.0\] for atom 1 \(H\)",
        ),
        (
            Atoms(numbers=[1, -1], positions=[[0, 0, 0], [0, 0, 1]]),
            ValueError,
            r"atomic numbers must be from 1 to \d+, or 0 for a dummy atom, got -1 for atom 1",
        ),
        (Atoms("CH", [[0, np.nan, 0], [1, 1, 1]]), ValueError, r"nan, 0.0\] for atom 0 \(C\)"),
        (
            Atoms("CHH", [[0, 0, 0], [1, 0, 0], [1, 0, 0]]),
            ValueError,
            r"atoms overlap: atoms 1 and 2 are 0 Å apart \(H and H\); move or",
        ),
        (
            Atoms("CH", [[0, 0, 0], [3, 0, 0]], cell=[3, 3, 3], pbc=True),
            ValueError,
            r"atoms 0 and 1, a periodic image, are 0 Å apart \(C and H\)",
        ),
        (Atoms("H", pbc=True), ValueError, "periodic along a, b, c needs finite, independent"),
        (
            Atoms("H", cell=[0, 0, 2], pbc=[True, False, True]),
            ValueError,
            r"a structure periodic along a, c needs .*, got \[\[0.0, 0.0, 0.0\]",
        ),
        (flat_cell(), ValueError, "needs finite, independent, non-zero cell vectors there"),
        (Atoms("H", cell=[np.nan, 1, 1], pbc=True), ValueError, "needs finite, independent"),
        (
            Atoms("H", cell=[5, 5, 1e-3], pbc=True),
            ValueError,
            r"atom 0 and its periodic image are 0\.001 Å apart, less than 0\.2 Å; check the cell",
        ),
        (
            Atoms("H", cell=[[5, 0, 0], [5, 0.1, 0], [0, 0, 5]], pbc=[True, True, False]),
            ValueError,
            r"periodic image are 0\.1 Å apart",
        ),
    ],
)
def test_unusable_structures_are_refused(examine, atoms, error, message):
    with pytest.raises(error, match=message):
        examine(atoms)


def test_a_thin_cell_whose_images_are_far_apart_is_a_cell():
    thin = Atoms("H", cell=[[5, 0, 0], [2.5, 0.2, 0], [0, 0, 1e-3]], pbc=[True, True, False])
    structures.check(thin)  # the nearest image is 2 (0, 0.2, 0) = 0.4 Å away


@pytest.mark.parametrize("cutoff", [0, -1.0, np.inf, np.nan])
def test_cutoff_must_be_positive_and_finite(cutoff):
    with pytest.raises(ValueError, match="cutoff must be a positive, finite length in Å, got"):
        structures.neighbor_pairs(Atoms("H"), cutoff)


@pytest.mark.parametrize("cutoff", ["3", None, True])
def test_cutoff_must_be_a_number(cutoff):
    with pytest.raises(TypeError, match="cutoff must be a positive, finite length in Å, got"):
        structures.neighbor_pairs(Atoms("H"), cutoff)


def test_more_pairs_than_memory_are_refused_beforehand():
    message = r"about .*e\+.* pairs of neighbours within a cutoff of 10000 Å need .* GB"
    with pytest.raises(ValueError, match=message):
        structures.neighbor_pairs(structures.load("Al-fcc"), 1e4)


@pytest.mark.parametrize(
    ("centers", "error", "message"),
    [
        ([5], ValueError, "center 5 does not exist: the structure has 5 atoms, counted from 0"),
        ([-1], ValueError, "center -1 does not exist: .*; give an integer from 0 to 4"),
        ([1, 0, 1], ValueError, "every center must be given once, got 1 more than once"),
        ([], ValueError, "centers must name at least one atom, got none"),
        ([0.0], TypeError, "a center must be the integer index of an atom, got 0.0"),
        ([True], TypeError, "a center must be the integer index of an atom, got True"),
        (0, TypeError, "centers must be a sequence of atom indices, got 0"),
        ("C", TypeError, "centers must be a sequence of atom indices, got 'C'"),
    ],
)
def test_centers_are_checked(centers, error, message):
    with pytest.raises(error, match=message):
        structures.check_centers(structures.load("CH4"), centers)


def test_center_of_a_single_atom():
    with pytest.raises(ValueError, match="center 1 does not exist: the structure has 1 atom, "):
        structures.environment(Atoms("H"), 1, 3.0)


def test_centers_are_all_atoms_or_those_given():
    atoms = structures.load("CH4")
    assert structures.check_centers(atoms, None) == (0, 1, 2, 3, 4)
    assert structures.check_centers(atoms, np.array([3, 1])) == (3, 1)
    with pytest.raises(ValueError, match="the structure has no atoms"):
        structures.check_centers(Atoms(), None)


def test_apex_and_ring_are_where_design_puts_them():
    positions = structures.load("bispectrum+").positions
    for phi, upper, lower in zip((0, 1.3, 3.1), positions[1:4], positions[4:7], strict=True):
        assert upper == pytest.approx([cos(phi), sin(phi), 0.6])
        assert lower == pytest.approx([cos(phi + 0.7), sin(phi + 0.7), -0.6])
    assert positions[7] == pytest.approx([0, 0, 1])
