"""The limit of a complete basis, against a count that was written independently."""

from __future__ import annotations

from functools import partial

import cases
import numpy as np
import pytest
from ase import Atoms
from invariant_theory import ENVIRONMENT_ROWS, complete_rank

from sensitivity import DensityCorrelations, jacobian, structures
from sensitivity.completeness import (
    MOST_TUPLES,
    Environments,
    Shapes,
    complete_difference,
    find_shapes,
)
from sensitivity.symmetry import site_symmetry

SAME = 1e-6  # Å²; the structures are exact


def shapes_of(name: str, *, order: int, parity_odd: bool = False) -> tuple[np.ndarray, Shapes]:
    """Neighbour vectors of a named structure, and the shapes of their tuples."""
    atoms = structures.load(name)
    vectors = atoms.positions[1:] - atoms.positions[0]
    shapes = find_shapes(vectors, atoms.numbers[1:], order=order, parity_odd=parity_odd, same=SAME)
    assert shapes is not None
    return vectors, shapes


def every_direction(count: int) -> np.ndarray:
    return np.eye(3 * count).reshape(-1, count, 3)


@pytest.mark.parametrize(("case", "order"), ENVIRONMENT_ROWS)
def test_rank_is_that_of_invariant_theory(case: cases.Case, order: str) -> None:
    atoms = case.build()
    vectors = atoms.positions[1:] - atoms.positions[0]
    shapes = find_shapes(
        vectors, atoms.numbers[1:], order=int(order[0]), parity_odd="odd" in order, same=SAME
    )
    values = np.linalg.svd(
        shapes.response(vectors, every_direction(len(vectors))), compute_uv=False
    )
    rank = case.ranks[order]
    assert rank == complete_rank(atoms, order)
    assert values[rank - 1] > 1e-2 * values[0]
    assert np.all(values[rank:] < 1e-12 * values[0])


def test_n3_is_complete_at_order_four() -> None:
    vectors, shapes = shapes_of("N3", order=4)
    values = np.linalg.svd(shapes.response(vectors, every_direction(8)), compute_uv=False)
    assert np.sum(values > 1e-9 * values[0]) == 21


@pytest.mark.parametrize("name", ["X0", "S1", "N3"])
def test_what_a_complete_basis_does_not_see_no_basis_sees(name: str) -> None:
    """Its null vectors are null vectors of J, in every basis."""
    vectors, shapes = shapes_of(name, order=2)
    response = shapes.response(vectors, every_direction(len(vectors)))
    _, values, modes = np.linalg.svd(response)
    null = modes[values < 1e-9 * values[0]].reshape(-1, len(vectors), 3)
    moved = np.concatenate([np.zeros((len(null), 1, 3)), null], axis=1)  # the center stays
    for basis in ({"n_max": 2, "l_max": 3}, {"n_max": 8, "l_max": 8, "smearing": 0.15}):
        derivative = jacobian(
            structures.load(name), DensityCorrelations(cutoff=3.0, **basis), centers=[0]
        )
        largest = np.sqrt(np.linalg.eigvalsh(derivative.gram)[-1])
        assert np.abs(derivative.apply(moved)).max() < 1e-12 * largest


@pytest.mark.parametrize("parity_odd", [False, True])
def test_slopes_are_derivatives(parity_odd: bool) -> None:
    """Invariants are polynomials of at most third degree: differences of order four are exact."""
    vectors, shapes = shapes_of("X+", order=3, parity_odd=parity_odd)
    direction = np.random.default_rng(2).normal(size=(1, 4, 3))
    step = 0.1

    def slope(shift: float) -> np.ndarray:
        return shapes.response(vectors + shift * direction[0], direction)

    # d/dt of the response along the direction, twice: by formula from values at five points.
    second = (slope(step) - slope(-step)) / (2 * step)
    finer = (slope(step / 2) - slope(-step / 2)) / step
    np.testing.assert_allclose(second, finer, atol=1e-10)
    differences, slopes = shapes.mismatch(vectors, direction)
    ahead, _ = shapes.mismatch(vectors + 1e-4 * direction[0], direction)
    behind, _ = shapes.mismatch(vectors - 1e-4 * direction[0], direction)
    np.testing.assert_allclose(slopes[:, 0], (ahead - behind) / 2e-4, atol=1e-6)
    assert np.abs(differences).max() < SAME


def test_species_tell_tuples_apart() -> None:
    atoms = structures.load("linear-equal")
    vectors = atoms.positions[1:]
    seen = []
    for numbers in ([1, 1], [1, 8]):
        shapes = find_shapes(vectors, np.array(numbers), order=2, parity_odd=False, same=SAME)
        response = shapes.response(vectors, every_direction(2))
        seen.append(np.linalg.matrix_rank(response, tol=1e-9))
    assert seen == [1, 2]


def test_too_many_tuples_are_refused() -> None:
    count = round(MOST_TUPLES**0.25) + 1
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    numbers = np.ones(count, dtype=int)
    assert find_shapes(vectors, numbers, order=4, parity_odd=False, same=SAME) is None


@pytest.mark.parametrize(("order", "parity_odd"), [(2, False), (3, False), (3, True)])
def test_the_steepest_change_of_a_mode_is_the_gradient_of_its_image(
    order: int, parity_odd: bool
) -> None:
    atoms, rng = structures.load("generic"), np.random.default_rng(4)
    sites = tuple(site_symmetry(atoms, center=center, cutoff=3.0) for center in (0, 2))
    view = Environments(sites, atoms.numbers).view(order=order, parity_odd=parity_odd, same=SAME)
    assert view is not None
    mode, moves = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3))
    image = rng.normal(size=len(view.slopes(mode[None])))
    expected = image @ view.curvature(mode, moves)
    (steepest,) = view.steepest(mode[None], image[:, None])
    np.testing.assert_allclose(np.tensordot(moves, steepest), expected, atol=1e-9)
    slopes = view.slopes(moves)
    basis = moves.reshape(4, 15)
    np.testing.assert_allclose(basis @ view.gram @ basis.T, slopes.T @ slopes, atol=1e-9)
    triangle = view.triangle(moves)
    np.testing.assert_allclose(triangle.T @ triangle, slopes.T @ slopes, atol=1e-9)


@pytest.mark.parametrize("pair", [("X+", "X-", 3), ("bispectrum+", "bispectrum-", 4)])
def test_pairs_of_the_literature_differ_from_some_order_on(pair: tuple[str, str, int]) -> None:
    """The first order at which it is possible is in the papers that give them."""
    one, other = map(structures.load, pair[:2])
    for order in (1, 2, 3, 4):
        difference = complete_difference(one, other, order=order, parity_odd=False, cutoff=3.0)
        assert difference is not None
        assert (difference < 1e-14) if order < pair[2] else (difference > 1e-2)


def test_what_is_the_same_environment_has_the_same_correlations() -> None:
    """Turned, with like atoms exchanged, with an atom that fades, and mirrored if that is even."""
    atoms = structures.load("generic")
    rng = np.random.default_rng(1)
    turned, _ = cases.shuffle(cases.rotate(atoms[1:], rng=rng), rng=rng)
    far = Atoms("H", [[0.0, 0.0, 3.0 - 1e-9]])
    same = atoms[:1] + turned + far
    mirrored = atoms.copy()
    mirrored.positions *= -1
    for odd in (False, True):
        compare = partial(complete_difference, atoms, order=3, parity_odd=odd, cutoff=3.0)
        assert compare(same) < 1e-14
        assert (compare(mirrored) > 1e-3) is odd
    assert compare(atoms * (1, 1, 1)) == 0.0
    many = Atoms(f"H{1 + int(MOST_TUPLES ** (1 / 3)) + 1}")
    assert compare(many) is None
