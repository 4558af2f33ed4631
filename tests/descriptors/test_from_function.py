"""Functions as descriptors: exact answers, errors that are known, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import (
    Cancelled,
    DensityCorrelations,
    convergence,
    diagnose,
    find_twin,
    follow,
    invert,
    jacobian,
    locate,
    spectrum,
    structures,
)
from sensitivity.descriptors import Function, NotSmooth
from sensitivity.numerics import Array

NATIVE = DensityCorrelations(order=2, n_max=3, l_max=3, cutoff=3.0)


def native(atoms: Atoms) -> Array:
    return NATIVE.features(atoms)


def histogram(atoms: Atoms) -> Array:
    """Pair distances of each atom, in Gaussian bins."""
    lengths = atoms.get_all_distances()[:, :, None] - np.linspace(0.5, 4.0, 12)
    return np.exp(-(lengths**2) / 0.1).sum(axis=1)


def coulomb_eigenvalues(atoms: Atoms) -> Array:
    Z = atoms.numbers.astype(float)
    matrix = np.outer(Z, Z) / (atoms.get_all_distances() + np.eye(len(atoms)))
    np.fill_diagonal(matrix, 0.5 * Z**2.4)
    return np.linalg.eigvalsh(matrix)


def sorted_distances(atoms: Atoms) -> Array:
    return np.sort(atoms.get_distances(0, range(1, len(atoms))))


def exact_coulomb_slopes(atoms: Atoms) -> Array:
    """Hellmann-Feynman derivatives of the Coulomb eigenvalues, shape (N, 3N)."""
    Z, n = atoms.numbers.astype(float), len(atoms)
    vectors = atoms.positions[:, None] - atoms.positions
    lengths = np.linalg.norm(vectors, axis=2) + np.eye(n)
    matrix = np.outer(Z, Z) / lengths
    np.fill_diagonal(matrix, 0.5 * Z**2.4)
    _, modes = np.linalg.eigh(matrix)
    pairs = -np.outer(Z, Z)[..., None] * vectors / lengths[..., None] ** 3
    return np.einsum("iq,ijx,jq->qix", modes, pairs, modes).reshape(n, 3 * n) * 2


# Each family: values of pair distances, shape (pairs, q), and their derivatives.
def bins(r: Array, w: float) -> tuple[Array, Array]:
    x = r[..., None] - np.linspace(0.5, 4.0, 10)
    values = np.exp(-(x**2) / (2 * w**2))
    return values, -values * x / w**2


def powers(r: Array, w: float) -> tuple[Array, Array]:
    return np.stack([1 / r, w / r**2, r], -1), np.stack([-1 / r**2, -2 * w / r**3, r**0], -1)


def waves(r: Array, w: float) -> tuple[Array, Array]:
    return np.sin(r / w + 0.3)[..., None], (np.cos(r / w + 0.3) / w)[..., None]


def decays(r: Array, w: float) -> tuple[Array, Array]:
    return 1e3 * np.exp(-r / w)[..., None], -1e3 / w * np.exp(-r / w)[..., None]


def test_estimated_errors_cover_true_ones() -> None:
    """At least 95 % of 200 cases; the estimate is rarely much too large."""
    rng, ratios = np.random.default_rng(11), []
    for case in range(200):
        family = (bins, powers, waves, decays)[case % 4]
        atoms = Atoms(f"H{rng.integers(3, 8)}")
        atoms.positions = rng.normal(scale=1.5, size=atoms.positions.shape)
        width, pairs = rng.uniform(0.15, 1.0), np.triu_indices(len(atoms), 1)

        def values(positions: Array, family=family, width=width, pairs=pairs) -> Array:
            between = positions[..., pairs[0], :] - positions[..., pairs[1], :]
            return family(np.linalg.norm(between, axis=-1), width)[0].sum(axis=-2)

        found = jacobian(
            atoms,
            Function(values, cutoff=20.0, takes="positions", vectorized=True),
            centers=[0],
        )
        between = atoms.positions[pairs[0]] - atoms.positions[pairs[1]]
        lengths = np.linalg.norm(between, axis=1)
        slopes = family(lengths, width)[1][:, :, None] * (between / lengths[:, None])[:, None]
        exact = np.zeros((slopes.shape[1], len(atoms), 3))
        for slope, first, second in zip(slopes, *pairs, strict=True):
            exact[:, first] += slope
            exact[:, second] -= slope
        truth = np.linalg.norm(found.dense() - exact.reshape(found.shape))
        assert truth <= 1e-9 * np.linalg.norm(exact)
        ratios.append(found.error / truth)
    assert np.mean(np.array(ratios) >= 1) >= 0.95
    assert np.median(ratios) <= 30


def test_eigenvalues_have_the_slopes_of_perturbation_theory() -> None:
    atoms = structures.load("generic")
    found = jacobian(atoms, Function(coulomb_eigenvalues, cutoff=10.0), centers=[0])
    error = np.linalg.norm(found.dense() - exact_coulomb_slopes(atoms))
    assert error <= found.error <= 1e-9


@pytest.mark.parametrize("name", ["Td", "C3v", "S1", "X0", "generic"])
def test_a_function_has_the_causes_of_the_descriptor_within(name: str) -> None:
    atoms = structures.load(name)
    counts = [
        diagnose(atoms, it, centers=[0]).counts for it in (NATIVE, Function(native, cutoff=3.0))
    ]
    unknown = {"truncation", "incompleteness", "undetermined"}
    for cause in counts[0].keys() - unknown:
        assert counts[1][cause] == counts[0][cause], cause
    assert sum(counts[1][cause] for cause in unknown) == sum(counts[0][cause] for cause in unknown)


def test_the_order_and_larger_maps_tell_the_cause() -> None:
    larger = Function(DensityCorrelations(n_max=6, l_max=6, cutoff=3.0).features, cutoff=3.0)
    higher = Function(
        DensityCorrelations(order=3, n_max=3, l_max=3, cutoff=3.0).features, cutoff=3.0
    )
    known = Function(native, cutoff=3.0, larger=larger, higher=higher)
    assert diagnose(structures.load("X0"), known, centers=[0]).counts["incompleteness"] == 1
    stated = Function(native, cutoff=3.0, order=2)
    assert diagnose(structures.load("X0"), stated, centers=[0]).counts["incompleteness"] == 1


def test_too_few_features_are_a_cause() -> None:
    found = diagnose(
        structures.load("generic"), Function(coulomb_eigenvalues, cutoff=10.0), centers=[0]
    )
    counts = found.counts
    assert (counts["sensitive"], counts["width"], counts["undetermined"]) == (4, 4, 1)  # the trace
    enough = diagnose(structures.load("generic"), Function(histogram, cutoff=9.0), centers=[0])
    assert enough.counts["width"] == 0
    assert enough.counts["undetermined"] == 5  # twelve bins of four distances


def test_atoms_far_apart_are_displaced_together() -> None:
    calls = []

    def counted(atoms: Atoms) -> Array:
        calls.append(len(atoms))
        return native(atoms)

    atoms = structures.load("generic")
    many = atoms.copy()
    for place in (20.0, 40.0, 60.0):
        many.extend(Atoms(atoms.numbers, atoms.positions + np.array([place, 0.0, 0.0])))
    one, four = Function(counted, cutoff=3.0), Function(counted, cutoff=3.0)
    alone, before = jacobian(atoms, one), len(calls)
    together = jacobian(many, four)
    assert len(calls) - before <= 1.1 * before
    assert np.allclose(together.dense()[: len(alone.dense()), :15], alone.dense(), atol=1e-9)


def test_crystals() -> None:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=3)
    descriptor = DensityCorrelations(n_max=3, l_max=3, cutoff=4.0)
    ours = spectrum(atoms, Function(descriptor.features, cutoff=4.0))
    exact = spectrum(atoms, descriptor)
    error = np.abs(ours.singular_values - exact.singular_values).max()
    assert error <= ours.error <= 1e-9 * ours.scale


def test_single_precision_is_said_and_bounds_what_is_resolved() -> None:
    coarse = Function(lambda atoms: native(atoms).astype(np.float32), cutoff=3.0)
    found = spectrum(structures.load("X0"), coarse, centers=[0])
    assert 1e-6 < found.error / found.scale < 1e-3
    exact = spectrum(structures.load("X0"), NATIVE, centers=[0])
    assert np.abs(found.singular_values - exact.singular_values).max() <= found.error
    assert found.rank == np.sum(found.singular_values > found.error) <= 8
    assert "noise of 1e-07" in " ".join(coarse.remarks)
    assert found.singular_values[8] <= found.error


BROKEN: dict[str, tuple[Callable[[Atoms], Array], str, str]] = {
    "turned": (
        lambda atoms: ((atoms.positions - atoms.positions[0]) ** 2).sum(axis=0),
        "rotation",
        "change when all atoms are turned",
    ),
    "moved": (lambda atoms: atoms.positions**2, "translation", "change when all atoms are moved"),
    "ordered": (
        lambda atoms: atoms.get_all_distances()[:, 1:3],
        "permutation",
        "depend on the order of like atoms",
    ),
    "far": (histogram, "locality", "depend on atoms outside the cutoff"),
    "hard": (
        lambda atoms: ((d := atoms.get_all_distances()) < 3.0).sum(1, keepdims=True) + d.sum() * 0,
        "edge",
        "jump by",
    ),
    "kinked": (sorted_distances, "kink", "have kinks"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_promises_are_measured_and_said(name: str) -> None:
    function, what, sentence = BROKEN[name]
    descriptor = Function(function, cutoff=3.0)
    trust = descriptor.examine(structures.load("generic"))
    assert getattr(trust, what) > 1e-4
    assert any(sentence in remark for remark in descriptor.remarks)
    assert descriptor.smooth == (what not in {"edge", "kink"})


def test_what_keeps_all_promises_has_no_remark() -> None:
    descriptor = Function(native, cutoff=3.0)
    trust = descriptor.examine(structures.load("CH4"))
    assert descriptor.remarks == ()
    assert trust.local
    for what in ("translation", "rotation", "permutation", "inversion", "locality"):
        assert getattr(trust, what) < 1e-13


def all_distances(atoms: Atoms) -> Array:
    """All pair distances of a structure, in the order of its atoms."""
    return atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]


def test_symmetry_hides_nothing_from_a_map_that_is_not_invariant() -> None:
    found = diagnose(structures.load("Td"), Function(all_distances, cutoff=6.0), centers=[0])
    assert (found.counts["sensitive"], found.counts["symmetry"]) == (9, 0)
    assert "symmetry hides nothing from it" in found.summary
    assert found.counts["sensitive"] == found.spectrum.rank


def test_what_one_structure_cannot_show_another_does() -> None:
    odd = DensityCorrelations(order=3, n_max=2, l_max=3, cutoff=3.0, parity_odd=True)
    descriptor = Function(odd.features, cutoff=3.0)
    diagnose(structures.load("H2O"), descriptor, centers=[0])  # three atoms are never chiral
    assert descriptor.inversion_invariant
    assert diagnose(structures.load("Cs"), descriptor, centers=[0]).counts["symmetry"] == 0
    assert not descriptor.inversion_invariant


@pytest.mark.parametrize("center", [0, 6, 11])
def test_messages_over_two_steps_are_noticed(center: int) -> None:
    """A cutoff of one step, as is easily stated, is too short, and no derivative is left out."""

    def passed(atoms: Atoms) -> Array:
        lengths = atoms.get_all_distances()
        weights = np.where(lengths < 1.8, np.cos(np.pi * np.minimum(lengths, 1.8) / 3.6) ** 4, 0)
        first = weights @ np.exp(-lengths)
        return np.stack([np.diag(weights @ first @ weights), (weights * lengths).sum(1)], axis=1)

    benzene = structures.load("C6H6")
    short, long = (Function(passed, cutoff=cutoff) for cutoff in (1.8, 8.0))
    ours = jacobian(benzene, short, centers=[center])
    assert any("outside the cutoff" in remark for remark in short.remarks)
    exact = jacobian(benzene, long, centers=[center]).dense()
    assert np.abs(ours.dense() - exact).max() <= 1e-8 * np.abs(exact).max()


def test_a_map_of_the_whole_structure_needs_a_cutoff_around_it() -> None:
    short = Function(coulomb_eigenvalues, cutoff=1.5)
    with pytest.raises(
        ValueError, match=r"atoms are up to 2\.\d\d Å from atom 1; give a cutoff above"
    ):
        spectrum(structures.load("CH3CH2OH"), short, centers=[1])


def test_a_function_that_changes_its_positions_leaves_the_atoms_alone() -> None:
    def centered(positions: Array) -> Array:
        positions -= positions.mean(axis=-2, keepdims=True)
        return (positions**2).sum(axis=-1, keepdims=True)

    for vectorized in (True, False):
        atoms = structures.load("generic")
        before = atoms.positions.copy()
        descriptor = Function(centered, cutoff=5.0, takes="positions", vectorized=vectorized)
        spectrum(atoms, descriptor)
        assert (atoms.positions == before).all()


def test_unlike_atoms_may_have_fixed_places() -> None:
    """Charges that are fixed in the function are no fault: only like atoms are exchanged."""
    charges = structures.load("CH3OH").numbers

    def potential(positions: Array) -> Array:
        lengths = np.linalg.norm(positions[:, None] - positions, axis=2) + np.eye(len(positions))
        return np.linalg.eigvalsh(np.outer(charges, charges) / lengths)

    descriptor = Function(potential, cutoff=6.0, takes="positions")
    trust = descriptor.examine(structures.load("CH3OH"))
    assert trust.permutation < 1e-12
    assert trust.kink is None
    assert any("Not tested" in remark and "kink" in remark for remark in descriptor.remarks)


def test_cancelling_an_examination_cancels_it() -> None:
    descriptor, calls = Function(sorted_distances, cutoff=3.0), []

    def stop(sentence: str) -> None:
        calls.append(sentence)
        if len(calls) == 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        jacobian(structures.load("generic"), descriptor, centers=[0], progress=stop)
    assert descriptor.trust is None


def test_steps_become_shorter_than_the_way_to_a_crossing() -> None:
    """Sorted distances are smooth where no two are equal, however close they are."""
    for gap in np.logspace(-4, -1.5, 30):
        atoms = Atoms("CH2", [[0, 0, 0], [1.1, 0, 0], [0, 1.1 + gap, 0]])
        found = jacobian(atoms, Function(sorted_distances, cutoff=3.0), centers=[0]).dense()
        assert np.allclose(
            found, [[-1, 0, 0, 1, 0, 0, 0, 0, 0], [0, -1, 0, 0, 0, 0, 0, 1, 0]], atol=1e-7
        )


def test_narrow_functions_have_no_kinks() -> None:
    def narrow(atoms: Atoms) -> Array:
        lengths = atoms.get_all_distances()[:, :, None] - np.linspace(1.0, 2.0, 60)
        return np.exp(-(lengths**2) / (2 * 0.01**2)).sum(axis=1)

    descriptor = Function(narrow, cutoff=6.0)
    descriptor.examine(structures.load("generic"))
    assert descriptor.smooth


def test_mirror_images_are_noticed() -> None:
    odd = DensityCorrelations(order=3, n_max=2, l_max=3, cutoff=3.0, parity_odd=True)
    descriptor = Function(odd.features, cutoff=3.0)
    cs = structures.load("Cs")
    assert diagnose(cs, descriptor, centers=[0]).counts["symmetry"] == 0
    assert not descriptor.inversion_invariant
    assert diagnose(cs, Function(native, cutoff=3.0), centers=[0]).counts["symmetry"] == 3


def test_a_kink_has_no_jacobian_but_two_slopes() -> None:
    descriptor, methane = Function(sorted_distances, cutoff=3.0), structures.load("Td")
    with pytest.raises(NotSmooth, match=r"slopes on both sides differ .*one_sided\(\)"):
        jacobian(methane, descriptor, centers=[0])
    stretch = np.zeros((5, 3))
    stretch[1] = methane.positions[1] - methane.positions[0]
    stretch /= np.linalg.norm(stretch)
    ahead, behind = descriptor.one_sided(methane, stretch, center=0)
    assert np.allclose(ahead, [0, 0, 0, 1], atol=1e-9)  # the longest bond grows
    assert np.allclose(behind, [1, 0, 0, 0], atol=1e-9)  # or the shortest shrinks
    with pytest.raises(ValueError, match=r"direction must be finite numbers of shape \(5, 3\)"):
        descriptor.one_sided(methane, np.zeros(3), center=0)
    assert spectrum(structures.load("generic"), descriptor, centers=[0]).rank == 4


def test_a_jump_has_no_jacobian() -> None:
    atoms = structures.load("generic")
    bond = atoms.get_distance(0, 1)
    jump = Function(
        lambda a: [a.get_distance(0, 1) + float(a.get_distance(0, 1) > bond)], cutoff=3.0
    )
    with pytest.raises(NotSmooth, match=r"jump|kink"):
        jacobian(atoms, jump, centers=[0])


@pytest.mark.parametrize("inside", [1e-2, 1e-3, 1e-4, 1e-5, 0.0, -1e-5])
def test_a_neighbor_within_a_step_of_the_cutoff(inside: float) -> None:
    """Cosine cutoffs have a jump in the second derivative: the step shrinks until it fits."""
    atoms = Atoms("CH2", [[0, 0, 0], [1.1, 0, 0], [0, 0, 3.0 - inside]])
    ours = jacobian(atoms, Function(native, cutoff=3.0), centers=[0])
    exact = jacobian(atoms, NATIVE, centers=[0]).dense()
    truth = np.linalg.norm(ours.dense() - exact)
    assert truth <= max(ours.error, 3e-8 * np.linalg.norm(exact))
    assert ours.error <= 1e-6 * np.linalg.norm(exact)


def test_isolated_atoms_change_nothing() -> None:
    alone = Atoms("CH", [[0, 0, 0], [0, 0, 9.0]])
    assert not jacobian(alone, Function(native, cutoff=3.0)).dense().any()


REFUSED: dict[str, tuple[Callable[[Atoms], object], type[Exception], str]] = {
    "integers": (lambda atoms: atoms.numbers, TypeError, "returns integers"),
    "complex": (lambda atoms: atoms.positions[0] * 1j, TypeError, "returns complex numbers"),
    "NaN": (lambda atoms: np.full(3, np.nan), ValueError, "3 of 3 features that are NaN"),
    "shape": (lambda atoms: np.zeros((2, 2)), ValueError, r"got an array of shape \(2, 2\)"),
    "random": (lambda atoms: np.random.default_rng().normal(size=3), ValueError, "is random"),
    "length": (
        lambda atoms: np.ones(3 + int(atoms.positions[1, 0] > 0.6)),
        ValueError,
        "the same number always",
    ),
    "ragged": (lambda atoms: [[1.0], [1.0, 2.0]], ValueError, "rows of unequal length"),
    "text": (lambda atoms: "features", TypeError, "needs real numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_answers_that_have_no_jacobian_are_refused(name: str) -> None:
    function, error, message = REFUSED[name]
    atoms = Atoms("CH3", [[0, 0, 0], [0.6, 0.6, 0.6], [-0.6, -0.6, 0.7], [0.9, -0.5, -0.6]])
    with pytest.raises(error, match=message):
        spectrum(atoms, Function(function, cutoff=3.0), centers=[0])


def test_one_row_belongs_to_one_center() -> None:
    with pytest.raises(
        ValueError, match=r"5 centers were chosen; choose one of them, such as atom 0"
    ):
        spectrum(structures.load("CH4"), Function(coulomb_eigenvalues, cutoff=5.0))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="must be a function"):
        Function("features", cutoff=3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cutoff must be"):
        Function(native, cutoff=0.0)
    with pytest.raises(ValueError, match='takes must be "atoms" or "positions"'):
        Function(native, cutoff=3.0, takes="cell")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs takes"):
        Function(native, cutoff=3.0, vectorized=True)
    wrong = Function(lambda x: x[0], cutoff=3.0, takes="positions", vectorized=True)
    with pytest.raises(ValueError, match="leave vectorized=True out"):
        jacobian(structures.load("H2O"), wrong)


@pytest.mark.slow
def test_searches_take_functions() -> None:
    descriptor, generic = Function(native, cutoff=3.0, order=2), structures.load("generic")
    point = locate(structures.load("S1"), descriptor, center=0)
    assert (point.moved, point.cause) == (0.0, "incompleteness")
    twin = find_twin(structures.load("X0"), descriptor, center=0)
    assert twin.found
    assert twin.residual < 1e-9
    path = follow(generic, descriptor, center=0, mode=0, length=0.06, step=0.02)
    assert path.frames[-1].positions.shape == (5, 3)
    start = generic.copy()
    start.rattle(0.02, seed=1)
    target = NATIVE.features(generic, centers=[0])
    assert invert(target, descriptor, start=start, centers=[0]).converged
    with pytest.raises(TypeError, match="has no setting to vary"):
        convergence(generic, descriptor, n_max=[1, 2])


def passed(hops: int, reach: float) -> Callable[[Atoms], Array]:
    """Messages of neighbours within a reach, passed several times."""

    def function(atoms: Atoms) -> Array:
        lengths = atoms.get_all_distances(mic=bool(atoms.pbc.any())) + 99 * np.eye(len(atoms))
        weights = np.where(
            lengths < reach, np.cos(np.pi * np.minimum(lengths, reach) / reach) + 1, 0
        )
        weights, state = weights**2, np.ones((len(atoms), 2))
        for _ in range(hops):
            state = np.stack([weights @ state[:, 0], (weights * lengths) @ state[:, 1] / 9], axis=1)
        return state

    return function


@pytest.mark.parametrize("hops", [2, 3])
@pytest.mark.parametrize("first", ["", "Ar"])
def test_gradients_are_whole_whatever_the_first_center_shows(hops: int, first: str) -> None:
    lone = Atoms(first, [[8.0, 8.0, 8.0]]) if first else Atoms()
    atoms = lone + structures.load("CH3CH2OH")
    short, long = (Function(passed(hops, 1.7), cutoff=cutoff) for cutoff in (1.7, 30.0))
    spread = atoms.copy()
    spread.positions *= 6  # where no atom sees another
    jacobian(spread, short)
    ours, exact = jacobian(atoms, short).dense(), jacobian(atoms, long).dense()
    assert np.abs(ours - exact).max() <= 1e-8 * np.abs(exact).max()
    assert any("outside the cutoff" in remark for remark in short.remarks)


@pytest.mark.parametrize("centers", [[0, 1], [1, 0], [1]])
def test_every_center_must_be_invariant(centers: list[int]) -> None:
    charges = np.array([0.0, 0.3, 0.3, 0.3, 0.9])

    def charged(atoms: Atoms) -> Array:
        weights = np.exp(-(atoms.get_all_distances() ** 2))
        return np.stack([weights @ charges, weights.sum(axis=1), weights @ charges**2], axis=1)

    descriptor = Function(charged, cutoff=6.0)
    found = diagnose(structures.load("Td"), descriptor, centers=centers)
    assert descriptor.invariance == "none"
    assert found.counts["symmetry"] == 0


@pytest.mark.parametrize("radius", [1.5, 2.0, 4.5])
def test_hard_cutoffs_within_the_stated_one_are_named(radius: float) -> None:
    def counted(atoms: Atoms) -> Array:
        lengths = atoms.get_all_distances()
        return np.stack([(lengths < radius).sum(axis=1), np.exp(-lengths).sum(axis=1)], axis=1)

    descriptor = Function(counted, cutoff=5.0)
    descriptor.examine(structures.load("generic"))
    assert not descriptor.smooth
    assert any("jump by" in remark for remark in descriptor.remarks)


def test_one_sided_refuses_jumps_and_takes_any_length() -> None:
    atoms = Atoms("CH", [[0, 0, 0], [2.0, 0, 0]])
    stretch = np.array([[0, 0, 0], [1.0, 0, 0]])
    jump = Function(lambda a: [float(a.get_distance(0, 1) <= 2.0)], cutoff=5.0)
    with pytest.raises(NotSmooth, match="jump"):
        jump.one_sided(atoms, stretch, center=0)
    wave = Function(lambda a: [np.sin(a.get_distance(0, 1) / 0.05)], cutoff=5.0)
    for length in (1e-6, 1.0, 1e4):
        ahead, behind = wave.one_sided(atoms, length * stretch, center=0)
        exact = length * np.cos(2.0 / 0.05) / 0.05
        assert np.allclose([ahead[0], behind[0]], exact, rtol=1e-7)


def test_width_counts_what_a_larger_map_does_not_see() -> None:
    def lengths(atoms: Atoms) -> Array:
        return atoms.get_distances(0, [1, 2, 3])

    def more(atoms: Atoms) -> Array:
        return atoms.get_all_distances()[[0, 0, 0, 0, 1, 1], [1, 2, 3, 4, 2, 3]]

    alone = diagnose(structures.load("generic"), Function(lengths, cutoff=6.0), centers=[0])
    assert alone.counts["width"] == 6
    larger = Function(lengths, cutoff=6.0, larger=Function(more, cutoff=6.0))
    found = diagnose(structures.load("generic"), larger, centers=[0])
    assert (found.counts["truncation"], found.counts["width"]) == (3, 3)
