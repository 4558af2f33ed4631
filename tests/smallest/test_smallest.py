"""The smallest singular values: against dense matrices, planted values, waves, and known counts."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111
from ase.cluster import Icosahedron, Octahedron
from ase.spacegroup import crystal as from_spacegroup
from crystals import CRYSTALS
from scipy.linalg import eigh
from scipy.sparse import block_diag, csr_array

from sensitivity import (
    Cancelled,
    DensityCorrelations,
    jacobian,
    smallest,
    spectrum,
    structures,
)
from sensitivity.geometry.motions import trivial_motions
from sensitivity.progress import telling
from sensitivity.smallest.dense import lowest_vectors
from sensitivity.smallest.filtered import Budget, find_lowest
from sensitivity.smallest.gram import SparseGram, triangle
from sensitivity.smallest.search import Search, bound_errors
from sensitivity.smallest.waves import allowed_waves
from sensitivity.symmetry.hidden import count_hidden
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance

DESCRIPTOR = DensityCorrelations(cutoff=5.0, n_max=6, l_max=4)
SMALL = DensityCorrelations(cutoff=3.5, n_max=3, l_max=3)


def rattled(repeats, *, pbc=True) -> Atoms:
    """Silicon in cubic cells."""
    atoms = bulk("Si", cubic=True).repeat(repeats)
    atoms.rattle(0.05, seed=0)
    atoms.pbc = pbc
    return atoms


def filtered(atoms: Atoms, descriptor, count: int = 10):
    """Result of the filter, also where another way is usual."""
    search = Search(atoms, descriptor, count, 1e-5)
    gram, trivial = (
        SparseGram.of(atoms, descriptor),
        trivial_motions(atoms, cutoff=descriptor.cutoff),
    )
    return search.collect(search.filtered(gram, trivial))


def dense_values(atoms: Atoms, descriptor, count: int) -> tuple[np.ndarray, float]:
    """Smallest internal singular values, and the largest, from a dense matrix."""
    gram = jacobian(atoms, descriptor).gram
    trivial = trivial_motions(atoms, cutoff=descriptor.cutoff).directions
    shift = trivial.reshape(len(trivial), -1)
    gram = gram + np.trace(gram) * shift.T @ shift
    lowest = eigh(gram, eigvals_only=True, subset_by_index=[0, count - 1])
    (top,) = eigh(gram, eigvals_only=True, subset_by_index=[len(gram) - 1 - len(shift)] * 2)
    return np.sqrt(lowest), float(np.sqrt(top))


def assert_triplets(found, *, descriptor) -> None:
    """Residuals with the whole Jacobian, orthonormal modes, and nothing trivial."""
    derivative = jacobian(found.atoms, descriptor)
    rows = found.modes.reshape(len(found.modes), -1)
    assert np.abs(rows @ rows.T - np.eye(len(rows))).max() <= 1e-10
    trivial = trivial_motions(found.atoms, cutoff=descriptor.cutoff).directions
    assert np.abs(rows @ trivial.reshape(len(trivial), -1).T).max() <= 1e-7
    gaps = rows @ derivative.gram - found.singular_values[:, None] ** 2 * rows
    assert np.linalg.norm(gaps, axis=1).max() <= 1e-8 * found.largest**2
    assert (found.residuals <= 1e-8).all()


# Against dense matrices


@pytest.mark.parametrize(
    ("repeats", "pbc"),
    [
        (2, True),
        pytest.param(3, True, marks=pytest.mark.slow),
        pytest.param(4, True, marks=pytest.mark.slow),
        pytest.param((4, 3, 3), (True, True, False), marks=pytest.mark.slow),
        pytest.param((4, 3, 3), False, marks=pytest.mark.slow),
    ],
    ids=["64", "216", "512", "surface", "cluster"],
)
def test_the_filter_gives_the_values_of_a_dense_matrix(repeats, pbc) -> None:
    atoms = rattled(repeats, pbc=pbc)
    found = filtered(atoms, DESCRIPTOR)
    expected, largest = dense_values(atoms, DESCRIPTOR, 10)
    assert found.largest == pytest.approx(largest, rel=1e-10)
    assert np.abs(found.singular_values - expected).max() <= 1e-10 * largest
    assert (found.errors <= 1e-10 * largest).all()
    assert not found.upper_bounds.any()
    assert_triplets(found, descriptor=DESCRIPTOR)


@pytest.mark.slow
def test_above_a_size_the_filter_is_used(monkeypatch) -> None:
    monkeypatch.setattr(import_module("sensitivity.smallest.smallest"), "DENSE", 287)
    atoms = rattled((4, 3, 3))
    found = smallest(atoms, SMALL, count=4)
    assert found.method == "filter"
    assert found.internal == 3 * 288 - 3
    expected, largest = dense_values(atoms, SMALL, 4)
    assert np.abs(found.singular_values - expected).max() <= 1e-10 * largest


def test_small_structures_are_decomposed_as_a_whole() -> None:
    atoms = rattled(1)
    found, every = smallest(atoms, SMALL, count=5), spectrum(atoms, SMALL)
    internal = every.singular_values[: every.internal][::-1]
    assert found.method == "dense"
    assert found.singular_values.tolist() == internal[:5].tolist()
    assert found.first_visible == pytest.approx(internal[0])
    assert found.internal == every.internal == 21
    assert (found.null, found.hidden) == (0, 0)
    assert_triplets(found, descriptor=SMALL)


def vacancy() -> Atoms:
    atoms = bulk("Si", cubic=True).repeat(2)
    del atoms[0]
    return atoms


def noisy() -> Atoms:
    """Silicon whose 100 null modes have values up to the threshold of visibility."""
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.rattle(3e-6, seed=1)
    return atoms


def adsorbed(repeats=(3, 3, 5)) -> Atoms:
    slab = fcc111("Al", repeats)
    slab.center(vacuum=8, axis=2)
    slab.pbc = (True, True, False)
    add_adsorbate(slab, "O", 1.2, "fcc")
    return slab


SHELLS = DensityCorrelations(cutoff=4.0, n_max=4, l_max=3)


@pytest.mark.parametrize("make", [vacancy, noisy, adsorbed, lambda: rattled(2, pbc=False)])
def test_the_dense_square_gives_all_values(make) -> None:
    """Also of modes whose values JᵀJ does not resolve, and their number."""
    atoms = make()
    search, trivial = Search(atoms, SHELLS, 10, 1e-5), trivial_motions(atoms, cutoff=4.0)
    squared, dense = search.squared(SparseGram.of(atoms, SHELLS), trivial), search.dense()
    assert np.abs(squared.values - dense.values).max() <= 1e-11 * dense.largest
    found, expected = search.collect(squared), search.collect(dense)
    assert (found.method, found.internal) == ("dense", expected.internal)
    assert (found.null, found.hidden) == (expected.null, expected.hidden)
    assert found.first_visible == pytest.approx(expected.first_visible, rel=1e-8)
    assert_triplets(found, descriptor=SHELLS)
    errors = np.abs(found.singular_values - expected.singular_values)
    assert (errors <= found.errors + expected.errors).all()


@pytest.mark.slow
def test_hundreds_of_invisible_displacements_of_a_surface_are_counted() -> None:
    """The filter alone, whose search is bounded, calls what it finds a part of them."""
    atoms = adsorbed((6, 6, 7))
    gram = SparseGram.of(atoms, SHELLS).matrix.toarray()
    squares = np.linalg.eigvalsh(gram)
    null = np.count_nonzero(squares < 1e-10 * squares[-1]) - 3
    assert smallest(atoms, SHELLS).null == null == 255
    found = filtered(atoms, SHELLS)
    assert 0 < found.null < null
    assert found.status.startswith(f"At least {found.null} of 756 ")
    assert found.upper_bounds.all()


@pytest.mark.parametrize(("make", "method"), [(vacancy, "dense"), (lambda: rattled(2), "filter")])
def test_if_values_nearly_vanish_all_are_computed(make, method, monkeypatch) -> None:
    module = import_module("sensitivity.smallest.smallest")
    monkeypatch.setattr(module, "MANY", 10)
    monkeypatch.setattr(module, "DENSE", 20)
    found, expected = smallest(make(), SHELLS), Search(make(), SHELLS, 10, 1e-5).dense()
    assert found.method == method
    assert found.null == np.count_nonzero(expected.values <= 1e-5 * found.scale)


@pytest.mark.parametrize("make", [vacancy, lambda: Octahedron("Cu", 5, 1)])
def test_invisible_displacements_that_lanczos_misses_are_all_computed(make, monkeypatch) -> None:
    """The filter finds invisible ones, or does not find out, and the dense matrix follows."""
    module = import_module("sensitivity.smallest.smallest")
    monkeypatch.setattr(module, "MANY", 10)
    monkeypatch.setattr(module, "DENSE", 20)
    monkeypatch.setattr(module, "vanishes", lambda gram, trivial: False)
    found, expected = smallest(make(), SHELLS), Search(make(), SHELLS, 10, 1e-5).dense()
    assert found.method == "dense"
    assert found.null == np.count_nonzero(expected.values <= 1e-5 * found.scale) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "cluster",
    [Octahedron("Cu", 11, 3), Icosahedron("Cu", 7), Icosahedron("Cu", 8)],
    ids=["octahedron 807", "icosahedron 923", "icosahedron 1415"],
)
def test_invisible_displacements_of_symmetric_clusters_are_counted(cluster) -> None:
    """A few among thousands of values, of which Lanczos' method from one vector saw none."""
    basis = DensityCorrelations(cutoff=4.0, n_max=3, l_max=2)
    found, (null, visible) = smallest(cluster, basis), dense_count(cluster, basis)
    assert found.complete
    assert found.null == null > 0
    assert found.first_visible == pytest.approx(visible * found.largest, rel=1e-5)


@pytest.mark.parametrize("dense", [800, 1])
def test_many_atoms_without_neighbours_have_no_internal_displacement(dense, monkeypatch) -> None:
    monkeypatch.setattr(import_module("sensitivity.smallest.smallest"), "DENSE", dense)
    atoms = Atoms("He").repeat(1)
    atoms.cell, atoms.pbc = [9, 9, 9], True
    found = smallest(atoms.repeat((6, 6, 7)), SHELLS)
    assert found.status == "There is no internal displacement."
    assert found.singular_values.shape == (0,)


def test_there_can_be_fewer_values_than_asked_for() -> None:
    found = smallest(structures.load("H2O"), SMALL)
    assert len(found.singular_values) == len(found.modes) == 3
    alone = smallest(Atoms("H"), SMALL)
    assert alone.singular_values.shape == (0,)
    assert alone.status == "There is no internal displacement."


def test_the_sparse_matrix_is_the_dense_one() -> None:
    atoms = rattled((2, 1, 1))
    gram, derivative = SparseGram.of(atoms, SMALL), jacobian(atoms, SMALL)
    assert np.abs(gram.matrix.toarray() - derivative.gram).max() <= 1e-14
    assert gram.feature_norm == pytest.approx(np.linalg.norm(derivative.features))
    moves = np.random.default_rng(0).normal(size=(3, len(atoms), 3))
    reduced, changes = triangle(atoms, SMALL, moves), derivative.apply(moves)
    assert np.abs(reduced.T @ reduced - changes.T @ changes).max() <= 1e-12


def with_zeros(size: int, zeros: int) -> np.ndarray:
    """A symmetric matrix with many equal eigenvalues."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    values = np.concatenate([np.zeros(zeros), np.geomspace(1e-8, 1, size - zeros)])
    return (basis * values) @ basis.T


@pytest.mark.parametrize(("size", "zeros", "count"), [(2, 1, 1), (90, 40, 90), (90, 40, 7)])
def test_lowest_vectors_are_those_of_all(size: int, zeros: int, count: int) -> None:
    matrix = with_zeros(size, zeros)
    expected = np.linalg.eigvalsh(matrix)
    values, vectors = lowest_vectors(matrix.copy(), count=lambda _: count)
    assert np.abs(values - expected).max() <= 1e-13
    assert np.abs(vectors @ vectors.T - np.eye(count)).max() <= 1e-11
    assert np.abs(matrix @ vectors.T - vectors.T * values[:count]).max() <= 1e-13


# Bounds of work


def nearly_perfect(amplitude: float) -> Atoms:
    """Silicon with hundreds of values of about the amplitude, over 1 Å."""
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.rattle(amplitude, seed=1)
    return atoms


@pytest.mark.parametrize("amplitude", [0.0, 2e-6, 1e-3])
@pytest.mark.parametrize("most", [30, 3000])
def test_a_bounded_search_gives_upper_bounds_and_says_so(amplitude: float, most: int) -> None:
    atoms = nearly_perfect(amplitude)
    search, trivial = Search(atoms, SHELLS, 10, 1e-5), trivial_motions(atoms, cutoff=4.0)
    every, budget = search.dense(), Budget(most)
    found = search.collect(search.filtered(SparseGram.of(atoms, SHELLS), trivial, budget=budget))
    null = np.count_nonzero(every.values <= found.zero_level)
    assert budget.taken <= most
    assert (found.singular_values >= every.values[:10] - 1e-13 * found.largest).all()
    assert found.null <= null
    if found.complete:
        assert found.null == null
        return
    assert found.upper_bounds.all()
    assert found.first_visible is None
    assert "increase count" not in found.status
    if found.null:
        assert found.status.startswith(f"At least {found.null} of 189 ")
    else:
        assert found.status.startswith("Of 189 internal displacements no invisible one was found,")
    if found.relative[-1] > 1e-5:
        bound = f"The 10 smallest singular values are at most {found.relative[-1]:.1e} of the scale"
        assert bound in found.status


@pytest.mark.parametrize("amplitude", [3e-8, 3e-7, 3e-6])
def test_errors_are_bounds_where_a_span_cuts_a_cluster(amplitude: float, monkeypatch) -> None:
    """The vectors of a span mix, so that the residual of each alone says too little."""
    monkeypatch.setattr(import_module("sensitivity.smallest.search"), "_SPAN", 20)
    atoms = nearly_perfect(amplitude)
    search, trivial = Search(atoms, SHELLS, 10, 1e-5), trivial_motions(atoms, cutoff=4.0)
    found = search.collect(search.squared(SparseGram.of(atoms, SHELLS), trivial))
    exact = search.dense().values
    excess = found.singular_values - exact[:10]
    assert (excess >= -1e-13 * found.largest).all()
    assert (excess <= found.errors + 1e-13 * found.largest).all()
    assert found.null == np.count_nonzero(exact <= found.zero_level)


def test_progress_says_how_much_of_the_most_work_is_done() -> None:
    told: list[str] = []
    with telling(told.append):
        filtered(nearly_perfect(1e-3), SHELLS)
    parts = [int(text.split("%")[0].split()[-1]) for text in told if "% of the most" in text]
    assert parts == sorted(parts)
    assert parts[-1] <= 100


# Planted values


def planted(values: list[float], size: int = 1200) -> csr_array:
    """A sparse matrix with known small singular values; the others are from 0.01 to 1."""
    rng, block = np.random.default_rng(0), 12

    def mixing(shift: int):
        blocks = [np.linalg.qr(rng.normal(size=(block, block)))[0] for _ in range(size // block)]
        order = np.roll(np.arange(size), shift)
        return block_diag(blocks).tocsr()[order][:, order]

    every = np.concatenate([values, np.geomspace(0.01, 1, size - len(values))])
    rng.shuffle(every)
    scaled = csr_array((every, (range(size), range(size))))
    return (scaled @ mixing(0) @ mixing(5) @ mixing(2)).tocsr()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1e-10], marks=pytest.mark.slow),
        [1e-10, 1e-10, 3e-9, 2e-8, 5e-8, 3e-7],
        pytest.param([1e-10, *[1e-7] * 12], marks=pytest.mark.slow),
        [1e-10, *[1e-5] * 20],  # of twenty equal ones, Lanczos' method finds nine
        pytest.param([0.0] * 8, marks=pytest.mark.slow),
    ],
    ids=["one", "cluster", "dense cluster", "equal ones", "zeros"],
)
def test_planted_values_are_right_or_upper_bounds(values: list[float]) -> None:
    matrix, count = planted(values), 10
    gram = (matrix.T @ matrix).tocsr()
    lowest = find_lowest(lambda v: gram @ v, size=1200, count=count + 6)
    _, found, mixing = np.linalg.svd(np.linalg.qr(matrix @ lowest.vectors.T, mode="r"))
    found, vectors = found[::-1], mixing[::-1] @ lowest.vectors
    residuals = np.linalg.norm(gram @ vectors.T - vectors.T * found**2, axis=0)
    errors = bound_errors(found, residuals, outside=found[-1], largest=np.sqrt(lowest.largest))
    expected = np.sort([*values, *np.geomspace(0.01, 1, 1200 - len(values))])[: len(found)]
    assert lowest.largest == pytest.approx(1.0, rel=1e-8)
    assert (residuals <= 1e-8).all()
    assert (found >= expected - 1e-15).all()
    resolved = errors <= 1e-3 * found
    resolved[count:] = False
    assert found[resolved] == pytest.approx(expected[resolved], rel=1e-3)
    visible = expected[:count] > 1e-6
    assert resolved[:count][visible].all()
    assert np.abs(found - expected)[:count].max() <= 1e-10
    if len(values) < count and values[0]:
        assert resolved[0]


# Crystals


@pytest.mark.parametrize(
    ("repeats", "null"),
    [(2, 103), (3, 215), (4, 399), pytest.param(10, 2439, marks=pytest.mark.slow)],
)
def test_null_modes_of_perfect_silicon_are_counted(repeats: int, null: int) -> None:
    """106, 218, 402 and 2442 with the translations, as an independent prototype found."""
    found = smallest(bulk("Si", cubic=True).repeat(repeats), DESCRIPTOR)
    assert found.null == found.hidden == null
    assert found.internal == 24 * repeats**3 - 3
    assert found.first_visible > 1e-3 * found.scale
    expected = f"{null} of {found.internal} internal displacements are invisible, as many as "
    assert found.status.startswith(f"{expected}symmetry hides. The smallest visible")


@pytest.mark.parametrize("name", ["diamond", "fcc", "rock salt", "quartz"])
def test_waves_are_those_of_the_dense_matrix(name: str) -> None:
    cell = CRYSTALS[name][0]
    atoms = cell.repeat((3, 2, 1))
    atoms.set_cell([[1, 0, 0], [1, 1, 0], [0, 0, 1]] @ atoms.cell.array)
    atoms.wrap()
    atoms = atoms[np.random.default_rng(0).permutation(len(atoms))]
    search = Search(atoms, SMALL, 12, 1e-5)
    waves, dense = search.waves(structures.primitive_cell(atoms)), search.dense()
    assert np.abs(waves.values - dense.values).max() <= 1e-13 * dense.largest
    found = search.collect(waves)
    assert (found.null, found.hidden) == (search.collect(dense).null, dense.hidden)
    assert found.first_visible == pytest.approx(search.collect(dense).first_visible)
    assert_triplets(found, descriptor=SMALL)
    changes = np.linalg.norm(jacobian(atoms, SMALL).apply(found.modes), axis=0)
    assert np.abs(changes - found.singular_values).max() <= 1e-13 * found.largest


def test_supercells_allow_as_many_waves_as_they_have_cells() -> None:
    cell = bulk("Si")
    atoms = cell.repeat((4, 2, 3))
    atoms.set_cell([[1, 0, 0], [1, 1, 0], [2, 0, 1]] @ atoms.cell.array)
    q, opposite = allowed_waves(atoms, cell)
    assert len(np.unique(np.round(q, 9), axis=0)) == len(q) == 24
    assert not q[0].any()
    whole = q @ (atoms.cell.array @ np.linalg.inv(cell.cell.array)).T
    assert np.abs(whole - np.rint(whole)).max() <= 1e-9
    both = q + q[opposite]
    assert np.abs(both - np.rint(both)).max() <= 1e-9


def test_many_null_modes_of_a_small_basis_are_a_lower_bound() -> None:
    basis = DensityCorrelations(n_max=1, l_max=0, cutoff=3.5)
    found = filtered(rattled(2), basis)
    assert found.first_visible is None
    assert found.singular_values.tolist() == [0.0] * 10  # 64 features have a rank of 64 at most
    assert not found.complete
    assert found.status == (
        "At least 100 of 189 internal displacements are invisible; symmetry hides 0 of those that "
        "were found. How many more is not known: so many are small that the search did not find "
        "out which are the smallest."
    )


def test_a_crystal_with_a_vacancy_has_modes_that_symmetry_hides() -> None:
    """No cell is repeated, and many environments still have a symmetry."""
    atoms = bulk("Si", cubic=True).repeat(2)
    del atoms[0]
    found = filtered(atoms, DESCRIPTOR, count=20)
    expected = Search(atoms, DESCRIPTOR, 20, 1e-5).dense()
    null = int(np.count_nonzero(expected.values <= 1e-5 * found.scale))
    assert 0 < null < 100
    assert (found.null, found.hidden) == (null, null)
    assert found.first_visible == pytest.approx(expected.values[null], rel=1e-8)


def test_many_null_modes_among_small_ones_are_all_counted() -> None:
    """The filter amplifies zero and 1e-5 of the largest alike, and sixteen vectors mixed them."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(2)
    del atoms[5]
    basis = DensityCorrelations(cutoff=4.0, n_max=4, l_max=3)
    found, expected = filtered(atoms, basis), Search(atoms, basis, 10, 1e-5).dense()
    null = int(np.count_nonzero(expected.values <= 1e-5 * found.scale))
    assert 16 < null < 100
    assert found.null == null
    assert found.singular_values == pytest.approx(expected.values[:10], abs=1e-13 * found.largest)
    if found.first_visible is None:
        assert found.status.startswith(f"At least {null} of ")
        assert found.upper_bounds.all()
    else:
        assert found.first_visible == pytest.approx(expected.values[null], rel=1e-8)


def dense_count(atoms: Atoms, descriptor) -> tuple[int, float]:
    """Number of invisible internal displacements, and the smallest visible value."""
    matrix = SparseGram.of(atoms, descriptor).matrix.toarray()
    rigid = trivial_motions(atoms, cutoff=descriptor.cutoff).directions.reshape(-1, len(matrix))
    matrix += np.trace(matrix) * rigid.T @ rigid
    squares = eigh(matrix, eigvals_only=True, overwrite_a=True)[: len(matrix) - len(rigid)]
    values = np.sqrt(np.maximum(squares, 0.0) / squares[-1])
    return int(np.count_nonzero(values <= 1e-5)), float(values[values > 1e-5][0])


def liquid(count: int) -> Atoms:
    """Argon on a lattice, displaced by up to a quarter of the distance."""
    rng = np.random.default_rng(0)
    places = np.indices((11, 11, 11)).reshape(3, -1).T[:count]
    atoms = Atoms(f"Ar{count}", 2.8 * places, cell=[30.8] * 3, pbc=True)
    atoms.positions += rng.uniform(-0.7, 0.7, size=(count, 3))
    return atoms


def fragments() -> Atoms:
    """Two clusters far apart."""
    one, other = rattled((4, 4, 5), pbc=False), rattled((4, 4, 5), pbc=False)
    other.rattle(0.05, seed=5)
    other.positions += [200, 0, 0]
    return one + other


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "method", "trivial"),
    [
        (lambda: liquid(1331), "filter", 3),
        (fragments, "filter", 12),
        (lambda: adsorbed((11, 11, 10)), "dense", 3),
    ],
    ids=["liquid", "fragments", "surface"],
)
def test_more_than_1200_atoms_have_the_count_of_a_dense_matrix(make, method, trivial) -> None:
    atoms = make()
    assert len(atoms) > 1200
    found, (null, visible) = smallest(atoms, SHELLS, count=3), dense_count(atoms, SHELLS)
    assert (found.method, found.internal) == (method, 3 * len(atoms) - trivial)
    assert found.complete
    assert found.null == null
    assert found.first_visible == pytest.approx(visible * found.largest, rel=1e-5)


@pytest.mark.parametrize("molecules", [12, 150])
def test_trivial_motions_of_many_molecules_are_not_found(molecules: int) -> None:
    """The only internal displacements are stretches, more visible than a motion of one atom."""
    rng, gas = np.random.default_rng(0), Atoms(cell=[40, 40, 48], pbc=True)
    for place in np.indices((5, 5, 6)).reshape(3, -1).T[:molecules]:
        axis = rng.normal(size=3)
        half = 0.55 * axis / np.linalg.norm(axis)
        gas += Atoms("N2", 8.0 * place + [half, -half])
    found = filtered(gas, DensityCorrelations(cutoff=4.0, n_max=4, l_max=3))
    assert (found.internal, found.null) == (molecules, 0)
    assert found.relative == pytest.approx(1.0, rel=1e-8)


# Input, progress, stops


@pytest.mark.parametrize("count", [0, 101, 2.5, "ten"])
def test_wrong_numbers_are_refused(count) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^count must be an integer from 1 to 100"):
        smallest(structures.load("H2O"), SMALL, count=count)


@pytest.mark.parametrize("step", ["gradients of 250", "smallest singular values: product 5 "])
def test_progress_is_told_and_can_stop(step: str, monkeypatch) -> None:
    monkeypatch.setattr(import_module("sensitivity.smallest.smallest"), "DENSE", 287)
    told: list[str] = []

    def stop(sentence: str) -> None:
        told.append(sentence)
        if sentence.startswith(step):
            raise Cancelled

    with pytest.raises(Cancelled):
        smallest(rattled((4, 3, 3)), SMALL, progress=stop)
    assert told[0] == "trivial motions"
    assert told[-1].startswith(step)


def test_rounded_coordinates_are_not_taken_for_exact_waves() -> None:
    descriptor = DensityCorrelations(cutoff=4.0, n_max=3, l_max=2)
    atoms = bulk("Si", a=5.4307, cubic=True).repeat((3, 3, 4))
    assert smallest(atoms, descriptor).method == "waves"
    atoms.positions = atoms.positions.round(5)
    found = smallest(atoms, descriptor)
    values = np.linalg.svd(np.linalg.qr(jacobian(atoms, descriptor).dense(), mode="r"))[1]
    assert found.method != "waves"
    assert found.null == np.count_nonzero(values <= 1e-5 * found.scale) - 3  # translations


@pytest.mark.parametrize(
    ("cell", "digits", "repeats", "cutoff"),
    [
        (bulk("CaF2", "fluorite", a=5.463), 4, (5, 5, 4), 4.2),
        (bulk("Mg", "hcp", a=3.2094, c=5.2108), 3, 5, 3.5),
    ],
    ids=["CaF2", "Mg"],
)
def test_hidden_waves_of_a_rounded_crystal_are_those_of_its_environments(
    cell, digits, repeats, cutoff
) -> None:
    """Also where a small basis misses waves that the rounding makes visible."""
    cell = cell.copy()
    cell.positions = cell.positions.round(digits)
    cell.set_cell(cell.cell.array.round(digits))
    atoms, descriptor = cell.repeat(repeats), DensityCorrelations(order=1, cutoff=cutoff)
    found = smallest(atoms, descriptor)
    assert found.method == "waves"
    sites = list(
        site_symmetries(
            atoms,
            centers=range(len(atoms)),
            cutoff=cutoff,
            tolerance=Tolerance.POSITIONS,
            edge=Tolerance.ONE_PLACE,
        )
    )
    groups = [site.group for site in sites]
    assert found.hidden == count_hidden(sites, groups, count=len(atoms)) - 3


def test_more_invisible_displacements_than_hidden_ones_need_not_include_these() -> None:
    """In lanthanum with four digits, some that exact symmetry hides are visible."""
    cell = from_spacegroup(
        ["La", "La"],
        [(0, 0, 0), (1 / 3, 2 / 3, 0.25)],
        spacegroup=194,
        cellpar=[3.774, 3.774, 12.171, 90, 90, 120],
        primitive_cell=True,
    )
    exact = cell.repeat(2)
    cell.set_cell(cell.cell.array.round(4))
    cell.positions = cell.positions.round(4)
    atoms, descriptor = cell.repeat(2), DensityCorrelations(order=1, n_max=2, cutoff=4.13)
    found = smallest(atoms, descriptor, count=5)
    values, right = np.linalg.svd(jacobian(atoms, descriptor).dense())[1:]
    visible = np.count_nonzero(values > found.zero_level)
    large = DensityCorrelations(cutoff=4.13, n_max=6, l_max=5)
    complete, other = np.linalg.svd(
        np.linalg.qr(jacobian(exact, large).dense(), mode="r"), full_matrices=True
    )[1:]
    seen = np.count_nonzero(complete > 1e-9 * complete[0])
    cosines = np.linalg.svd(right[visible:] @ other[seen:].T, compute_uv=False)
    translations = 3
    assert found.hidden == len(other) - seen - translations
    assert found.null == len(right) - visible - translations >= found.hidden
    assert np.count_nonzero(cosines > 0.9) - translations < found.hidden
    assert found.status.startswith(
        "51 of 93 internal displacements are invisible; symmetry hides 48, or would if it were "
        "exact. The smallest"
    )
