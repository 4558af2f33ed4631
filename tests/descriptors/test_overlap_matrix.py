"""The overlap-matrix fingerprint: overlaps, eigenvalues, and derivatives where these cross."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from cases import ENVIRONMENTS, MOLECULES, Case
from test_derivatives import AGREEMENT, STEP, relative

from sensitivity import convergence, diagnose, jacobian, locate, spectrum, structures
from sensitivity.descriptors import OverlapMatrix, with_defaults
from sensitivity.descriptors.gaussian_overlaps import GaussianOverlaps

KINDS = pytest.mark.parametrize("orbitals", ["s", "sp"])
SP = OverlapMatrix("sp", neighbors=8)


def orbital(name: str, places: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Values of s, x, y or z normalised to 1, from their definition."""
    moved = places - at
    values = np.exp(-(moved**2).sum(axis=-1) / (2 * width**2))
    if name != "s":
        values = values * moved[..., "xyz".index(name)] * np.sqrt(2) / width
    return values / (np.pi**0.75 * width**1.5)


def test_overlaps_are_integrals() -> None:
    """The trapezoidal rule on a grid is exact for Gaussians that it resolves."""
    positions = np.array([[0.1, -0.2, 0.3], [0.9, 0.5, -0.4]])
    widths, spacing = np.array([0.76, 0.5]), 0.15
    axis = np.arange(-6, 6, spacing)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    values = [
        orbital(name, grid, at, width).ravel()
        for at, width in zip(positions, widths, strict=True)
        for name in ("s", "x", "y", "z")
    ]
    expected = spacing**3 * np.inner(values, values)
    (found,) = GaussianOverlaps(positions[None], widths[None], "sp").matrices()
    assert np.abs(found - expected).max() <= 1e-13


@pytest.mark.parametrize(
    ("orbitals", "largest", "total", "squares"),
    [
        (
            "s",
            [1.213771447902, 0.398653032505, 0.373362733128, 0.293657851965, 0.226086963220],
            2.8433063620936387,
            1.9194316665138698,
        ),
        (
            "sp",
            [1.570943342033, 1.365900638557, 1.358660271493, 1.322697173945, 0.460353812316],
            11.373225448374557,
            9.607927164984854,
        ),
    ],
)
def test_values_of_libfp(orbitals: str, largest: list[float], total: float, squares: float) -> None:
    """libfp 4.0.1, of the group of Li Zhu, for silicon, whose radius is 1.11 Å there, too."""
    atoms = bulk("Si", cubic=True)
    atoms.positions[0] += [0.1, 0.2, -0.15]
    (row,) = OverlapMatrix(orbitals, cutoff=5.0).features(atoms, centers=[0])
    assert np.abs(row[:5] - largest).max() <= 1e-12
    assert row.sum() == pytest.approx(total, rel=1e-14)
    assert (row**2).sum() == pytest.approx(squares, rel=1e-14)


def test_amplitudes_of_the_atoms() -> None:
    """An atom that overlaps with no other contributes the square of its amplitude."""
    radius, distance, cutoff = covalent_radii[1], 2.5, 4.0
    descriptor = OverlapMatrix("s", cutoff=cutoff, scale=0.2, neighbors=2)
    assert 0.2 * radius * 20 < distance
    (row,) = descriptor.features(Atoms("H2", [(0, 0, 0), (0, 0, distance)]), centers=[0])
    width = cutoff / 2
    assert row == pytest.approx([1, (1 - distance**2 / (4 * width**2)) ** 4, 0], rel=1e-14)


@pytest.mark.parametrize("case", ENVIRONMENTS, ids=lambda case: case.name)
def test_s_and_p_see_all_that_symmetry_allows(case: Case) -> None:
    """Also at S1, X0 and N3, where orders 2 and 3 do not."""
    found = spectrum(case.build(), OverlapMatrix(), centers=[0])
    hidden = case.cause == "symmetry"
    assert found.rank == (case.ranks["3"] if hidden else case.internal)
    assert (found.relative[found.rank :] <= 1e-11).all()


@pytest.mark.parametrize("case", MOLECULES, ids=lambda case: case.name)
def test_causes_in_molecules(case: Case) -> None:
    counts = diagnose(case.build(), OverlapMatrix()).counts
    assert counts["sensitive"] == case.ranks["2"]
    assert counts["symmetry"] == case.internal - case.ranks["2"]


def test_too_few_orbitals_are_a_truncation() -> None:
    """Five eigenvalues cannot see nine displacements; p orbitals add fifteen."""
    found = diagnose(structures.load("generic"), OverlapMatrix("s"), centers=[0])
    assert (found.counts["sensitive"], found.counts["truncation"]) == (5, 4)


def test_too_few_eigenvalues_are_a_lack_of_width() -> None:
    found = diagnose(structures.load("generic"), OverlapMatrix("sp", neighbors=1), centers=[0])
    assert (found.counts["sensitive"], found.counts["width"]) == (8, 1)


def test_a_diagnosis_says_that_eigenvalues_have_kinks() -> None:
    found = diagnose(structures.load("Td"), OverlapMatrix(), centers=[0])
    assert not with_defaults(found.descriptor).smooth
    assert "each alone has a kink" in found.summary


@KINDS
def test_equal_eigenvalues_have_the_gradient_of_their_mean(orbitals: str) -> None:
    """Sums of powers of the eigenvalues are smooth everywhere, so differences are right."""
    descriptor, atoms = OverlapMatrix(orbitals, neighbors=4), structures.load("Td")
    powers = np.arange(1, 6)[:, None]
    (row,) = descriptor.features(atoms, centers=[0])
    slopes = powers * row ** (powers - 1) @ jacobian(atoms, descriptor, centers=[0]).dense()

    def sums(moved: Atoms) -> np.ndarray:
        return (descriptor.features(moved, centers=[0]) ** powers).sum(axis=1)

    expected = central_differences(sums, atoms)
    assert relative(slopes, expected) <= AGREEMENT


@KINDS
def test_nearly_equal_eigenvalues(orbitals: str) -> None:
    """Two that differ by 1e-6 have separate gradients, with errors of about 1e-16/1e-6.

    The square of their difference is smooth. Its gradient, which differences give, is twice the
    difference times the gradient of the difference.
    """
    descriptor, atoms = OverlapMatrix(orbitals, neighbors=4), structures.load("C3v")
    k = lone_pair(descriptor.features(atoms, centers=[0])[0])
    atoms.positions += 1e-5 * np.random.default_rng(0).normal(size=(5, 3))

    def difference(moved: Atoms) -> np.ndarray:
        return -np.diff(descriptor.features(moved, centers=[0])[0])[k : k + 1]

    (gap,) = difference(atoms)
    assert 2e-7 <= gap <= 2e-5
    one, other = jacobian(atoms, descriptor, centers=[0]).dense()[k : k + 2]
    (expected,) = central_differences(lambda moved: difference(moved) ** 2, atoms) / (2 * gap)
    assert np.abs(expected).max() >= 0.1
    assert np.abs(one - other - expected).max() <= AGREEMENT


def lone_pair(row: np.ndarray) -> int:
    """Index of the first of two equal eigenvalues that are farthest from all others."""
    gaps = np.pad(-np.diff(row), 1, constant_values=np.inf)  # before each, and after the last
    pairs = [k for k in range(len(row) - 1) if gaps[k + 1] <= 1e-12 < row[k]]
    return max(pairs, key=lambda k: min(gaps[k], gaps[k + 2]))


def central_differences(function: Callable[[Atoms], np.ndarray], atoms: Atoms) -> np.ndarray:
    """Derivatives of values, shape (values, 3N), of sixth order."""
    weights = {1: 45, 2: -9, 3: 1}
    columns = []
    for direction in np.eye(3 * len(atoms)).reshape(-1, *atoms.positions.shape):
        at = {k: function(moved(atoms, k * STEP * direction)) for k in (-3, -2, -1, 1, 2, 3)}
        columns.append(sum(w * (at[k] - at[-k]) for k, w in weights.items()) / (60 * STEP))
    return np.stack(columns, axis=-1)


def moved(atoms: Atoms, displacements: np.ndarray) -> Atoms:
    copy = atoms.copy()
    copy.positions += displacements
    return copy


@KINDS
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", ["Td", "Si-diamond"])
def test_one_sided_derivatives(name: str, side: int, orbitals: str) -> None:
    """Eigenvalues are smooth on each side of a crossing."""
    descriptor = OverlapMatrix(orbitals, cutoff=3.5, scale=1.2, neighbors=20)
    atoms = structures.load(name)
    direction = np.random.default_rng(1).normal(size=atoms.positions.shape)
    step = side * STEP / 16  # different eigenvalues differ by as little as 4e-4
    steps = [moved(atoms, k * step * direction) for k in range(6)]
    at = [descriptor.features(each, centers=[0])[0] for each in steps]
    weights = np.array([-137, 300, -300, 200, -75, 12]) / 60  # of fifth order
    expected = weights @ at / step
    found = descriptor.one_sided(atoms, direction, center=0)[side < 0]
    assert relative(found, expected) <= 10 * AGREEMENT  # one-sided differences are less exact


def test_one_sided_derivatives_are_sorted_and_have_the_mean_of_the_gradient() -> None:
    atoms, rng = structures.load("Td"), np.random.default_rng(2)
    direction = rng.normal(size=(5, 3))
    (row,) = SP.features(atoms, centers=[0])
    ahead, behind = SP.one_sided(atoms, direction, center=0)
    mean = jacobian(atoms, SP, centers=[0]).dense() @ direction.ravel()
    assert np.abs(ahead - behind).max() >= 0.05
    edges = np.flatnonzero(np.diff(row) < -1e-12) + 1
    for part in np.split(np.arange(len(row)), edges):
        assert (np.diff(ahead[part]) <= 0).all()
        assert (np.diff(behind[part]) >= 0).all()
        assert np.ptp(mean[part]) <= 1e-14
        for each in (ahead, behind):
            assert each[part].mean() == pytest.approx(mean[part[0]], abs=1e-13)


def test_one_sided_derivatives_see_what_the_jacobian_does_not() -> None:
    """Td has rank 1; one eigenvalue alone changes to first order along hidden displacements."""
    atoms = structures.load("Td")
    hidden = spectrum(atoms, SP, centers=[0]).modes[4]
    ahead, behind = SP.one_sided(atoms, hidden, center=0)
    assert np.abs(jacobian(atoms, SP, centers=[0]).dense() @ hidden.ravel()).max() <= 1e-11
    assert ahead.max() >= 0.05
    assert np.abs(ahead - behind).max() >= 0.1


def test_one_sided_derivatives_without_a_crossing_are_those_of_the_jacobian() -> None:
    atoms = structures.load("generic")
    direction = np.random.default_rng(3).normal(size=(5, 3))
    expected = jacobian(atoms, SP, centers=[0]).dense() @ direction.ravel()
    for found in SP.one_sided(atoms, direction, center=0):
        assert relative(found, expected) <= 1e-13


@KINDS
def test_fewer_eigenvalues_are_the_largest(orbitals: str) -> None:
    """With more atoms within the cutoff than neighbors, and an equal pair at the end."""
    atoms = bulk("Si", cubic=True)
    few, many = OverlapMatrix(orbitals, neighbors=6), OverlapMatrix(orbitals)
    size = few.count_features(atoms)
    assert many.features(atoms)[0, size] > 0
    assert (few.features(atoms) == many.features(atoms)[:, :size]).all()
    one, other = (jacobian(atoms, each, centers=[0]).dense() for each in (few, many))
    assert (one == other[:size]).all()


def test_it_says_what_it_is() -> None:
    descriptor = OverlapMatrix("s", neighbors=3)
    assert descriptor.order is None
    assert descriptor.larger_basis() == OverlapMatrix("sp", neighbors=3)
    assert descriptor.larger_basis().larger_basis() is None
    assert descriptor.labels() == tuple(f"eigenvalue {n}" for n in (1, 2, 3, 4))
    assert descriptor.count_features(structures.load("C6H6")) == 4
    assert descriptor.with_settings(orbitals="sp", cutoff=3.0).count_features(Atoms("H")) == 16
    lines, expression = descriptor.python()
    namespace: dict[str, object] = {}
    exec(lines, namespace)
    assert eval(expression, namespace) == descriptor


def test_convergence_with_the_number_of_neighbors() -> None:
    found = convergence(
        structures.load("generic"), OverlapMatrix(), centers=[0], neighbors=[1, 2, 4, 6]
    )
    assert found.rank.tolist() == [8, 9, 9, 9]


def test_locate_finds_a_singular_point() -> None:
    found = locate(structures.load("generic"), SP, center=0, avoid=())
    assert found.converged
    assert spectrum(found.atoms, SP, centers=[0]).rank < 9


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"orbitals": "spd"}, ValueError, 'orbitals must be "s" or "sp", got \'spd\''),
        ({"orbitals": 1}, ValueError, 'orbitals must be "s" or "sp", got 1'),
        ({"cutoff": 0.0}, ValueError, "cutoff must be a positive, finite length"),
        ({"cutoff": "5"}, TypeError, "cutoff"),
        ({"neighbors": 0}, ValueError, "neighbors must be at least 1, got 0"),
        ({"neighbors": 2.5}, TypeError, "neighbors"),
        ({"scale": 0.0}, ValueError, "scale must be a positive, finite number, got 0"),
        ({"scale": float("nan")}, ValueError, "scale must be a positive, finite number"),
    ],
)
def test_wrong_settings(settings: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        OverlapMatrix(**settings)


def test_matrices_that_do_not_fit_into_memory_are_refused() -> None:
    """Those of the 7000 atoms within 30 Å in aluminium would take more than 50 GB."""
    with pytest.raises(ValueError, match=r"GB of memory.*choose a smaller cutoff"):
        OverlapMatrix(cutoff=30.0).features(structures.load("Al-fcc"))


def test_wrong_directions() -> None:
    atoms = structures.load("CH4")
    with pytest.raises(ValueError, match=r"finite numbers of shape \(5, 3\).* got shape \(15,\)"):
        SP.one_sided(atoms, np.zeros(15), center=0)
    with pytest.raises(ValueError, match="finite numbers"):
        SP.one_sided(atoms, np.full((5, 3), np.nan), center=0)
    with pytest.raises(TypeError, match="takes center="):
        SP.one_sided(atoms, np.zeros((5, 3)), centers=[0])
