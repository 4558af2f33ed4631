"""Descriptors of dscribe: its features, right gradients, and what is refused."""

from __future__ import annotations

import pickle
import sys
from itertools import combinations_with_replacement

import ase
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from cases import ENVIRONMENTS, MOLECULES
from dscribe.descriptors import ACSF, LMBTR, MBTR, SOAP, CoulombMatrix, SineMatrix, ValleOganov
from packaging.version import Version
from selection import mostly_slow
from test_derivatives import difference, relative

from sensitivity import (
    DensityCorrelations,
    convergence,
    diagnose,
    find_twin,
    follow,
    invert,
    jacobian,
    locate,
    structures,
)
from sensitivity.descriptors import clusters
from sensitivity.descriptors.from_dscribe import Dscribe
from sensitivity.descriptors.self_description import larger_basis

SAME = 1e-12  # of features, relative to the largest: the order of sums
AGREEMENT = 1e-8  # of gradients with differences, relative to the largest
RIGHT = 1e-12  # singular values below this fraction of the largest are zeros
ASE_WORKS = Version(ase.__version__) < Version("3.27")  # with dscribe's own class of structures

SIZES = {"r_cut": 3.0, "n_max": 4, "l_max": 3, "sigma": 0.4}
FUNCTIONS = {
    "g2_params": [[0.5, 0.0], [1.0, 1.0], [2.0, 1.5]],
    "g3_params": [1.0],
    "g4_params": [[0.1, 1.0, 1.0], [0.2, 2.0, -1.0]],
}
HISTOGRAM = {
    "geometry": {"function": "inverse_distance"},
    "grid": {"min": 0.0, "max": 1.5, "n": 20, "sigma": 0.1},
    "weighting": {"function": "exp", "scale": 0.8, "threshold": 1e-3},
}
WEIGHTS = {"H": 1.0, "C": 0.7, "O": 1.5}
SOAPS = {
    "GTO": {},
    "polynomial": {"rbf": "polynomial"},
    "without the center": {"weighting": {"w0": 0.0}},
    "weighting function": {"weighting": {"function": "poly", "r0": 3.5, "c": 1.0, "m": 2.0}},
    "species weighting": {"compression": {"mode": "off", "species_weighting": WEIGHTS}},
    "crossover": {"compression": {"mode": "crossover"}},
    "mu2": {"compression": {"mode": "mu2", "species_weighting": WEIGHTS}},
    "mu1nu1": {"compression": {"mode": "mu1nu1"}},
}


def soap(atoms: Atoms, **changes) -> SOAP:
    species = sorted(set(atoms.symbols))
    return SOAP(**{"species": species, "periodic": bool(atoms.pbc.any()), **SIZES, **changes})


def converged(atoms: Atoms) -> Dscribe:
    """A SOAP that sees whatever order 2 sees in these structures."""
    return Dscribe(soap(atoms, r_cut=5.0, n_max=8, l_max=6))


def ethanol() -> Atoms:
    """Three species, without symmetry."""
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def salt() -> Atoms:
    """Two species in a skewed cell so small that atoms see several images of themselves."""
    cell = [[2.6, 0.2, 0.0], [0.0, 3.1, 0.3], [0.4, 0.0, 2.9]]
    return Atoms("OC", [[0.1, 0.0, 0.2], [1.1, 1.3, 0.9]], cell=cell, pbc=True)


def ideal(name: str) -> Atoms:
    """A molecule of the library, its coordinates freed from rounding to 1e-6 Å."""
    height, length = {"BF3": (0.0, 1.32), "NH3": (0.38, 0.94)}[name]
    angles = 2 * np.pi / 3 * np.arange(3)
    ring = [[length * np.cos(a), length * np.sin(a), -height] for a in angles]
    return Atoms(name, [[0.0, 0.0, 0.0], *ring])


@pytest.mark.parametrize("build", [ethanol, salt])
@pytest.mark.parametrize("changes", SOAPS.values(), ids=SOAPS)
def test_soap_has_the_features_of_dscribe(build, changes) -> None:
    atoms = build()
    library = soap(atoms, species=["H", "C", "O"], **changes)
    assert relative(Dscribe(library).features(atoms), library.create(atoms)) <= SAME


@pytest.mark.parametrize("build", [ethanol, salt])
@pytest.mark.parametrize("changes", SOAPS.values(), ids=SOAPS)
def test_soap_has_right_gradients(build, changes) -> None:
    atoms = build()
    descriptor = Dscribe(soap(atoms, species=["H", "C", "O"], **changes))
    expected = difference(atoms, descriptor)
    found = jacobian(atoms, descriptor)
    assert relative(found.dense(), expected.values.reshape(found.shape)) <= AGREEMENT


def test_gradients_of_dscribe_are_transposed_and_centers_move_with_their_atoms() -> None:
    atoms = ethanol()
    library = soap(atoms)
    slopes, rows = library.derivatives(atoms, method="analytical", attach=True)
    (batch,) = Dscribe(library).gradients(atoms)
    assert relative(batch.features, rows) <= SAME
    assert relative(batch.gradient, slopes.transpose(0, 3, 1, 2)) <= AGREEMENT


# 12 coordinates less the rank: 5 for BF3, 6 for NH3.
@pytest.mark.parametrize(("name", "nullity"), [("BF3", 7), ("NH3", 6)])
@pytest.mark.parametrize("build", [ideal, structures.load], ids=["ideal", "library"])
def test_nullity_near_symmetric_geometries(name: str, nullity: int, build) -> None:
    """dscribe's own derivative misses terms of 1e-8 to 1e-7 there."""
    atoms = build(name)
    values = np.linalg.svd(jacobian(atoms, converged(atoms)).dense(), compute_uv=False)
    assert np.sum(values <= RIGHT * values[0]) == nullity
    assert diagnose(atoms, converged(atoms)).counts["sensitive"] == 12 - nullity


@pytest.mark.parametrize("name", ["BF3", "NH3", "Td"])
def test_gradients_near_symmetric_geometries_are_those_of_the_turned_structure(name: str) -> None:
    """All expansion coefficients change under rotation, so that other ones nearly vanish."""
    atoms, turned = structures.load(name), structures.load(name)
    turned.rotate(35.0, (1.0, -2.0, 0.5))
    rotation = np.linalg.lstsq(atoms.positions, turned.positions, rcond=None)[0]
    if name == "BF3":  # planar
        rotation[2] = np.cross(rotation[0], rotation[1])
    (one,), (other,) = (converged(atoms).gradients(each) for each in (atoms, turned))
    assert relative(other.gradient @ rotation.T, one.gradient) <= 1e-11


def test_silicon_agrees_with_differences() -> None:
    atoms = bulk("Si", "diamond", a=5.43, cubic=True)
    atoms.rattle(0.05, seed=2)
    descriptor = Dscribe(soap(atoms, r_cut=3.5, n_max=4, l_max=4))
    expected, found = difference(atoms, descriptor), jacobian(atoms, descriptor)
    assert relative(found.dense(), expected.values.reshape(found.shape)) <= AGREEMENT


def test_ideal_silicon_has_the_rank_of_the_native_descriptor() -> None:
    atoms = bulk("Si", "diamond", a=5.43, cubic=True)
    counts = [
        diagnose(atoms, descriptor, centers=[0]).counts
        for descriptor in (Dscribe(soap(atoms, r_cut=3.5)), DensityCorrelations(cutoff=4.5))
    ]
    assert counts[0] == counts[1]


def test_molecules_whole_and_in_clusters(monkeypatch) -> None:
    atoms = ethanol()
    descriptor = Dscribe(soap(atoms, r_cut=1.5))
    whole = jacobian(atoms, descriptor)
    monkeypatch.setattr(clusters, "_FEW", 0)
    pieces = jacobian(atoms, descriptor)
    assert len(pieces.batches) == len(atoms)
    assert {batch.atoms.shape[1] for batch in pieces.batches} != {len(atoms)}
    assert relative(pieces.dense(), whole.dense()) <= SAME


def test_a_slab_without_a_third_cell_vector() -> None:
    sheet = Atoms(
        "C2", [[0, 0, 0], [1.42, 0, 0.1]], cell=[[2.13, 1.23, 0], [2.13, -1.23, 0], [0, 0, 0]]
    )
    sheet.pbc = True, True, False
    with_vacuum = sheet.copy()
    with_vacuum.cell[2] = [0.0, 0.0, 30.0]
    descriptor = Dscribe(soap(sheet))
    library = descriptor.features(sheet), soap(with_vacuum).create(with_vacuum)
    assert relative(*library) <= SAME


@pytest.mark.parametrize(
    "case",
    mostly_slow([case.name for case in (*ENVIRONMENTS, *MOLECULES)], fast=["S1", "NH3"]),
)
def test_counts_per_cause_are_those_of_order_2(case: str) -> None:
    (chosen,) = (each for each in (*ENVIRONMENTS, *MOLECULES) if each.name == case)
    atoms, centers = chosen.build(), [0] if chosen in ENVIRONMENTS else None
    native = DensityCorrelations(order=2, cutoff=5.0, n_max=8, l_max=6)
    expected, found = (
        diagnose(atoms, descriptor, centers=centers).counts
        for descriptor in (native, converged(atoms))
    )
    assert found == expected


@pytest.mark.parametrize("average", ["inner", "outer"])
@pytest.mark.parametrize("build", [ethanol, salt])
def test_an_average_is_one_row_of_the_center_asked_for(average: str, build) -> None:
    atoms = build()
    library = soap(atoms, average=average)
    descriptor = Dscribe(library)
    assert relative(descriptor.features(atoms, centers=[1])[0], library.create(atoms)) <= SAME
    (batch,) = descriptor.gradients(atoms, centers=[1])
    assert batch.centers.tolist() == [1]
    step = 1e-3 * np.random.default_rng(0).normal(size=(len(atoms), 3))
    ahead, behind = atoms.copy(), atoms.copy()
    ahead.positions += step
    behind.positions -= step
    change = (library.create(ahead) - library.create(behind)) / 2
    linear = np.einsum("qkx,kx->q", batch.gradient[0], step[batch.atoms[0]])
    assert relative(linear, change) <= 1e-4
    with pytest.raises(ValueError, match=f"one row .*, and {len(atoms)} centers were chosen"):
        descriptor.features(atoms)


@pytest.mark.parametrize("build", [ethanol, salt])
def test_functions_of_acsf(build) -> None:
    atoms = build()
    library = ACSF(r_cut=4.0, species=["H", "C", "O"], periodic=atoms.pbc.any(), **FUNCTIONS)
    descriptor = Dscribe(library)
    assert relative(descriptor.features(atoms), library.create(atoms)) <= SAME
    found = jacobian(atoms, descriptor)
    assert (
        relative(found.dense(), difference(atoms, descriptor).values.reshape(found.shape)) <= 1e-7
    )
    assert 0 < found.error <= 1e-7 * np.linalg.norm(found.dense())


def test_eigenvalues_of_the_coulomb_matrix() -> None:
    atoms = ethanol()
    library = CoulombMatrix(n_atoms_max=12, permutation="eigenspectrum")
    descriptor = Dscribe(library, cutoff=10.0)
    (row,) = descriptor.features(atoms, centers=[0])
    assert row.tolist() == library.create(atoms).tolist()
    assert not row[9:].any()
    found = diagnose(atoms, descriptor, centers=[0])
    assert found.counts["sensitive"] == 8  # nine eigenvalues have a constant sum
    assert descriptor.labels()[0] == "eigenvalue 0"


def test_sorted_matrices_are_not_smooth() -> None:
    assert not Dscribe(CoulombMatrix(n_atoms_max=5), cutoff=9.0).smooth
    assert Dscribe(CoulombMatrix(n_atoms_max=5, permutation="none"), cutoff=9.0).smooth
    labels = Dscribe(CoulombMatrix(n_atoms_max=5), cutoff=9.0).labels()
    assert (len(labels), labels[6]) == (25, "row 1, column 1")


@pytest.mark.filterwarnings("ignore:Please use atoms.calc:FutureWarning")
@pytest.mark.parametrize("kind", [MBTR, LMBTR, ValleOganov, SineMatrix])
def test_others_work_or_name_the_version_of_ase(kind) -> None:
    """dscribe hands its arguments to ASE by position, and 3.27 has a new one."""
    atoms, cutoff = (
        (bulk("NaCl", "rocksalt", a=5.6), 6.0) if kind is SineMatrix else (ethanol(), 9.0)
    )
    arguments = {
        SineMatrix: {"n_atoms_max": 2, "permutation": "eigenspectrum"},
        ValleOganov: {
            "species": ["H", "C", "O"],
            "function": "distance",
            "n": 9,
            "sigma": 0.2,
            "r_cut": 4.0,
        },
    }
    atoms.rattle(0.05, seed=3)
    if kind is ValleOganov:
        atoms.set_cell(np.eye(3) * 12)
        atoms.pbc = True
    library = kind(**arguments.get(kind, {"species": ["H", "C", "O"], **HISTOGRAM}))
    descriptor = Dscribe(library, cutoff=cutoff)
    if not ASE_WORKS:
        with pytest.raises(ImportError, match=r'do not work with ASE .*; pip install "ase<3.27"'):
            descriptor.features(atoms, centers=[0])
        return
    features = descriptor.features(atoms, centers=[0])
    expected = library.create(atoms, centers=[0]) if kind is LMBTR else library.create(atoms)[None]
    assert relative(features, expected) <= SAME
    reference = jacobian(atoms, descriptor, centers=[0])
    assert reference.dense().any()
    assert reference.error <= 1e-6 * np.linalg.norm(reference.dense())


def test_single_precision_and_sparse_output_are_not_used() -> None:
    atoms = ethanol()
    rough = Dscribe(soap(atoms, dtype="float32", sparse=True))
    assert rough.features(atoms).tolist() == Dscribe(soap(atoms)).features(atoms).tolist()


def test_a_larger_basis() -> None:
    atoms = ethanol()
    descriptor = Dscribe(soap(atoms))
    larger = larger_basis(descriptor, atoms)
    assert (larger.settings["n_max"], larger.settings["l_max"]) == (6, 5)
    assert larger.features(atoms).shape[1] == larger.count_features(atoms) == 18 * 19 // 2 * 6
    assert descriptor.settings["n_max"] == 4


def test_the_basis_grows_as_far_as_rounding_permits() -> None:
    most = Dscribe(soap(ethanol(), r_cut=5.0)).limits["n_max"][1]
    assert 10 <= most <= 14
    assert Dscribe(soap(ethanol(), rbf="polynomial")).limits["n_max"][1] == 11
    largest = Dscribe(soap(ethanol(), r_cut=5.0, n_max=most))
    assert largest.larger_basis().settings["n_max"] == most
    turned = ethanol()
    turned.rotate(50.0, (1.0, 0.5, -1.0))
    assert relative(largest.features(turned), largest.features(ethanol())) <= 1e-9


@pytest.mark.parametrize(
    "library",
    [
        soap(ethanol()),
        soap(ethanol(), species={"O", "H", "C"}, **SOAPS["mu2"]),
        soap(salt(), **SOAPS["weighting function"]),
        ACSF(r_cut=4.0, species=["H", "C", "O"], **FUNCTIONS),
        CoulombMatrix(n_atoms_max=9, permutation="none"),
    ],
    ids=lambda library: type(library).__name__,
)
def test_python_and_pickle_give_an_equal_descriptor(library) -> None:
    cutoff = 9.0 if isinstance(library, CoulombMatrix) else None
    descriptor = Dscribe(library, cutoff=cutoff)
    lines, expression = descriptor.python()
    scope: dict = {}
    exec(lines, scope)
    atoms = salt() if getattr(library, "periodic", False) else ethanol()
    expected = descriptor.features(atoms, centers=[0])
    for other in (eval(expression, scope), pickle.loads(pickle.dumps(descriptor))):
        assert other.settings == descriptor.settings
        assert other.features(atoms, centers=[0]).tolist() == expected.tolist()
    assert repr(descriptor) == expression


@pytest.mark.parametrize("mode", ["off", "crossover"])
def test_labels_of_soap_lie_where_dscribe_says(mode: str) -> None:
    library = soap(ethanol(), compression={"mode": mode})
    labels = Dscribe(library).labels()
    assert len(labels) == library.get_number_of_features()
    pairs = combinations_with_replacement(["H", "C", "O"], 2)
    for pair in pairs if mode == "off" else [("C", "C")]:
        assert {(one, other) for one, _, other, _, _ in labels[library.get_location(pair)]} == {
            pair
        }


def test_labels_of_compressed_soap_are_sums_over_species() -> None:
    atoms = ethanol()
    full, summed, all_summed = (
        Dscribe(soap(atoms, compression={"mode": mode})) for mode in ("off", "mu1nu1", "mu2")
    )
    rows = [
        dict(zip(each.labels(), each.features(atoms, centers=[1])[0], strict=True))
        for each in (full, summed, all_summed)
    ]
    ordered = {**rows[0], **{(b, m, a, n, l): x for (a, n, b, m, l), x in rows[0].items()}}
    for (one, n, _, m, l), value in rows[1].items():
        assert value == pytest.approx(
            sum(ordered[one, n, b, m, l] for b in "HCO"), rel=1e-9, abs=1e-9
        )
    for (_, n, _, m, l), value in rows[2].items():
        expected = sum(rows[1][a, n, "all", m, l] for a in "HCO")
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_labels_of_acsf() -> None:
    """Only functions of the species that are there have values."""
    descriptor = Dscribe(ACSF(r_cut=4.0, species=["H", "C", "O"], **FUNCTIONS))
    (row,) = descriptor.features(molecule("CH4"), centers=[0])
    seen = {label for label, value in zip(descriptor.labels(), row, strict=True) if value}
    expected = ["G1 of H", "G2 0 of H", "G2 1 of H", "G2 2 of H", "G3 0 of H"]
    assert seen == {*expected, "G4 0 of H and H", "G4 1 of H and H"}


def test_order_is_that_of_complete_products() -> None:
    assert Dscribe(soap(ethanol())).order == 2
    assert Dscribe(soap(ethanol())).expansion == (4, 3)
    for changes in (SOAPS["mu2"], {"average": "outer"}):
        assert Dscribe(soap(ethanol(), **changes)).order is None


def test_an_isolated_atom_has_features_that_nothing_changes() -> None:
    found = jacobian(Atoms("H"), Dscribe(soap(Atoms("H"))))
    assert found.features.any()
    assert not found.dense().any()


def test_the_jump_at_the_cutoff_is_remarked() -> None:
    """dscribe drops atoms whose Gaussians have decayed to 1e-3."""
    descriptor = Dscribe(soap(ethanol(), r_cut=5.0, n_max=8))
    jacobian(ethanol(), descriptor)
    assert descriptor.smooth
    assert any("jump by" in remark for remark in descriptor.remarks)


@pytest.mark.slow
def test_analyses_work() -> None:
    start, descriptor = structures.load("generic"), Dscribe(soap(molecule("CH4")))
    point = locate(start, descriptor, center=0, reach=0.2)
    assert point.converged
    assert point.condition < 1e-10
    assert len(follow(start, descriptor, center=0, mode=8, length=0.1, step=0.05).frames) >= 3
    assert find_twin(structures.load("X0"), descriptor, center=0).residual < 1e-10
    features = descriptor.features(start, centers=[0])
    assert invert(features, descriptor, start=start, centers=[0]).residual < 1e-10
    assert convergence(start, descriptor, centers=[0], n_max=[1, 4]).rank.tolist() == [4, 9]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: "SOAP", "must be one of dscribe, such as SOAP.*, got str"),
        (lambda: CoulombMatrix(n_atoms_max=5), "how far dscribe CoulombMatrix sees is unknown"),
        (
            lambda: CoulombMatrix(n_atoms_max=5, permutation="random", sigma=1.0, seed=1),
            "permutation='random' has other features at every call",
        ),
    ],
)
def test_descriptors_that_are_refused(build, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Dscribe(build())


def test_a_second_cutoff_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cutoff of 4.48\d* Å by its own r_cut; change r_cut"):
        Dscribe(soap(ethanol()), cutoff=5.0)


@pytest.mark.parametrize(
    ("descriptor", "atoms", "message"),
    [
        (Dscribe(soap(molecule("CH4"))), ethanol(), "for H, C only, .* has O; add it to species"),
        (Dscribe(soap(ethanol())), salt(), "set periodic=True, or remove the periodicity"),
        (
            Dscribe(CoulombMatrix(n_atoms_max=9, permutation="none"), cutoff=9.0),
            salt(),
            "choose SineMatrix, or remove",
        ),
        (
            Dscribe(CoulombMatrix(n_atoms_max=5, permutation="none"), cutoff=9.0),
            ethanol(),
            "at most 5 atoms, and the structure has 9; increase n_atoms_max",
        ),
        (Dscribe(SineMatrix(n_atoms_max=9), cutoff=9.0), ethanol(), "is for crystals"),
    ],
)
def test_structures_that_are_refused(descriptor: Dscribe, atoms: Atoms, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        descriptor.features(atoms, centers=[0])


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"dscribe SOAP has no setting nmax; choose from r_cut, n_m"
    ):
        Dscribe(soap(ethanol())).with_settings(nmax=3)


def test_a_missing_package_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "dscribe.descriptors.descriptor", None)
    with pytest.raises(
        ImportError, match=r"atomic-sensitivity\[dscribe\].* 2.1.2 is known to work"
    ):
        Dscribe(soap(ethanol()))
