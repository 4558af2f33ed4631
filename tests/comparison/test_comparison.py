"""Comparisons of descriptors: scales, soft modes, and what one sees and another does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from cases import rotate

from sensitivity import (
    Cancelled,
    DensityCorrelations,
    Interrupted,
    Rattle,
    compare,
    diagnose,
    jacobian,
    spectrum,
    structures,
)
from sensitivity.descriptors import (
    Batch,
    Descriptor,
    Normalized,
    NotSmooth,
    Stacked,
    batches_from_blocks,
)
from sensitivity.descriptors.batches import Block
from sensitivity.descriptors.from_function import Function

ORDERS = [DensityCorrelations(order, 3.5, 4, 6) for order in (1, 2, 3)]
SMALL = {name: DensityCorrelations(2, 3.5, n, 3) for name, n in (("small", 2), ("large", 3))}
BY_ORDER = {"order 2": ORDERS[1], "orders 1 to 3": Stacked(ORDERS)}


@dataclass(frozen=True)
class Mapped(Descriptor):
    """The features of another descriptor, times a matrix, plus constants."""

    inner: DensityCorrelations
    matrix: np.ndarray
    inversion_invariant = True

    @property
    def cutoff(self) -> float:
        return self.inner.cutoff

    def features(self, atoms, *, centers=None) -> np.ndarray:
        return self.inner.features(atoms, centers=centers) @ self.matrix.T

    def gradients(self, atoms, *, centers=None) -> tuple[Batch, ...]:
        return batches_from_blocks(
            Block(
                b.center,
                b.atoms,
                self.matrix @ b.features,
                np.tensordot(self.matrix, b.gradient, 1),
            )
            for batch in self.inner.gradients(atoms, centers=centers)
            for b in batch.blocks()
        )


# Reconstruction


@pytest.mark.parametrize("metric", ["raw", "rattle"])
@pytest.mark.parametrize(
    ("name", "centers"),
    [("X0", [0]), ("S1", [0]), ("N3", [0]), ("Td", [0]), ("generic", [0]), ("BF3", None)],
)
def test_order_2_is_reconstructed_from_orders_1_to_3(name, centers, metric) -> None:
    found = compare(structures.load(name), BY_ORDER, centers=centers, metric=metric)
    assert found.reconstruction[0, 1] < 1e-12
    assert found.metric == metric


@pytest.mark.parametrize("name", ["X0", "S1"])
def test_order_3_is_reconstructed_from_order_2_except_along_the_null_mode(name) -> None:
    atoms = structures.load(name)
    found = compare(atoms, ORDERS[1:], centers=[0], metric="raw")
    two, three = found.names
    assert found.reconstruction[1, 0] > 1e-2
    values, modes = found.missed(three, by=two)
    (null,) = diagnose(atoms, ORDERS[1], centers=[0]).of("incompleteness")
    assert len(values) == 1
    assert abs(np.vdot(modes[0], null.displacement)) == pytest.approx(1, abs=1e-12)
    # Its size is that of J of order 3 along the null mode.
    along = np.linalg.norm(found.spectra[1].singular_values)
    assert values[0] == pytest.approx(found.reconstruction[1, 0] * along, rel=1e-9)
    assert len(found.missed(two, by=three)[0]) == 0


def test_the_error_is_the_definition() -> None:
    """‖J_B (1 - P_A)‖_F / ‖J_B‖_F, from dense matrices."""
    atoms = structures.load("generic")
    pair = [DensityCorrelations(1, 3.5, 3, 0), DensityCorrelations(2, 3.5, 3, 3)]
    found = compare(atoms, pair, centers=[0], metric="raw")
    A, B = (jacobian(atoms, each, centers=[0]).dense() for each in pair)
    _, s, V = np.linalg.svd(A)
    P = V[: np.sum(s > 1e-5 * s[0])]
    error = np.linalg.norm(B - B @ P.T @ P) / np.linalg.norm(B)
    assert error > 0.1
    assert found.reconstruction[1, 0] == pytest.approx(error, rel=1e-10)


@pytest.mark.parametrize("metric", ["raw", "rattle", "whitened"])
def test_the_error_does_not_depend_on_a_linear_change_of_the_features_of_a(metric) -> None:
    atoms, inner = structures.load("generic"), DensityCorrelations(2, 3.5, 2, 1)
    size = inner.count_features(atoms)
    mixed = Mapped(inner, np.random.default_rng(1).normal(size=(size, size)))
    given = {"plain": inner, "mixed": mixed, "order 2": DensityCorrelations(2, 3.5, 3, 3)}
    found = compare(atoms, given, centers=[0], metric=metric)
    assert found.reconstruction[2, 0] > 0.1
    assert found.reconstruction[2, 0] == pytest.approx(found.reconstruction[2, 1], rel=1e-8)
    assert found.reconstruction[0, 1] < 1e-8


# Scales


def test_standardised_features_do_not_depend_on_their_scale() -> None:
    atoms, inner = structures.load("generic"), SMALL["small"]
    sizes = 10.0 ** np.random.default_rng(2).uniform(-3, 3, size=inner.count_features(atoms))
    given = {"plain": inner, "scaled": Mapped(inner, np.diag(sizes))}
    plain, scaled = compare(atoms, given, centers=[0]).spectra
    assert np.allclose(plain.singular_values, scaled.singular_values, rtol=1e-9)
    raw, changed = compare(atoms, given, centers=[0], metric="raw").spectra
    assert not np.allclose(raw.singular_values, changed.singular_values, rtol=0.5)


def test_whitened_features_do_not_depend_on_a_linear_change() -> None:
    atoms, inner = structures.load("generic"), DensityCorrelations(1, 3.5, 3, 0)
    given = {"plain": inner, "mixed": Mapped(inner, np.random.default_rng(3).normal(size=(9, 6)))}
    found = compare(atoms, given, centers=[0], metric="whitened")
    plain, mixed = found.spectra
    assert found.directions.tolist() == [3, 3]  # the center sees only hydrogen, and no carbon
    assert np.allclose(plain.singular_values[:3], mixed.singular_values[:3], rtol=1e-7)


def test_features_have_unit_variance_on_both_scales() -> None:
    """The finite differences of standardised features are their slopes."""
    atoms, descriptor, step = structures.load("H2O"), SMALL["small"], 1e-5
    rattle = Rattle(copies=40, amplitude=0.02, seed=5)
    frames = rattle.frames(atoms, (0,))
    samples = np.concatenate([descriptor.features(frame, centers=[0]) for frame in frames])
    spread = samples.std(axis=0, ddof=1)
    weights = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9 * spread.max())
    found = compare(atoms, SMALL, centers=[0], structures=rattle)
    seen = found.spectra[0]
    assert seen.rank == 2  # of water, symmetry hides one more from the oxygen atom
    for mode, value in zip(seen.modes[:2], seen.singular_values[:2], strict=True):
        ends = []
        for side in (step, -step):
            moved = atoms.copy()
            moved.positions += side * mode
            ends.append(descriptor.features(moved, centers=[0])[0] * weights)
        assert np.linalg.norm(ends[0] - ends[1]) / (2 * step) == pytest.approx(value, rel=1e-6)


def test_constant_features_weigh_zero() -> None:
    atoms = structures.load("generic")
    inner = SMALL["small"]
    size = inner.count_features(atoms)
    constant = Mapped(inner, np.zeros((size, size)))
    for metric in ("rattle", "whitened"):
        found = compare(atoms, {"one": inner, "none": constant}, centers=[0], metric=metric)
        assert found.directions[1] == 0
        assert found.spectra[1].rank == 0
        assert found.conditions[1] == 0
        assert found.reconstruction[:, 1].tolist() == [pytest.approx(1.0), 0.0]
        assert found.reconstruction[1, 0] == 0
        assert np.isfinite(found.spectra[1].singular_values).all()


@pytest.mark.parametrize("metric", ["rattle", "whitened"])
def test_ranks_do_not_depend_on_the_scale(metric) -> None:
    for name in ("Td", "C2v", "X0", "S1", "N3", "square"):
        found = compare(structures.load(name), BY_ORDER, centers=[0], metric=metric)
        for seen, raw in zip(found.spectra, found.diagnoses, strict=True):
            assert seen.rank == raw.spectrum.rank
        assert "On this scale" not in found.status


def test_given_structures_define_the_scale() -> None:
    """By all environments of the same elements, with one mean."""
    water = structures.load("H2O")
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(6):
        frame = water.copy()
        frame.positions += rng.normal(scale=0.2, size=(3, 3))
        frames.append(frame)
    hydrogens = np.flatnonzero(water.symbols == "H").tolist()
    found = compare(water, SMALL, centers=hydrogens, structures=frames)
    assert found.reference == "6 given structures"
    assert found.samples == 12
    inner = SMALL["small"]
    samples = np.concatenate([inner.features(frame, centers=hydrogens) for frame in frames])
    spread = samples.std(axis=0, ddof=1)
    assert found.directions[0] == np.count_nonzero(spread > 1e-9 * spread.max())
    rows = jacobian(water, inner, centers=hydrogens).dense().reshape(2, len(spread), 9)
    varying = spread > 1e-9 * spread.max()
    scaled = (rows[:, varying] / spread[varying, None]).reshape(-1, 9)
    largest = np.linalg.norm(scaled, ord=2)
    assert found.spectra[0].singular_values[0] == pytest.approx(largest, rel=1e-9)


def test_too_few_samples_are_said() -> None:
    found = compare(
        structures.load("generic"),
        SMALL,
        centers=[0],
        metric="whitened",
        structures=Rattle(copies=4),
    )
    assert found.directions.tolist() == [3, 3]
    assert "On this scale small sees 3 displacements instead of 9" in found.status
    assert "9 displacements instead" not in found.status
    assert "Up to 3 directions were whitened with 4 samples" in found.status


def test_many_samples_of_few_directions_are_enough() -> None:
    pair = [DensityCorrelations(1, 3.5, n, 0) for n in (1, 2)]
    found = compare(structures.load("generic"), pair, centers=[0], metric="whitened")
    assert found.samples == 50
    assert found.directions.max() == 2
    assert "samples" not in found.status


def test_copies_suffice_for_all_coordinates() -> None:
    assert Rattle().count(structures.load("CH4"), (0,)) == 50
    assert Rattle().count(molecule("C6H6"), (0,)) == 72
    assert Rattle().count(molecule("C6H6"), range(12)) == 50
    assert Rattle(copies=7).count(molecule("C6H6"), (0,)) == 7


def test_odd_features_of_other_structures_are_refused() -> None:
    water, carbon = structures.load("H2O"), molecule("CH3OH")
    with pytest.raises(ValueError, match=r"must have the same features .* CO?H?.* has others"):
        compare(water, SMALL, structures=[water, carbon])
    fixed = [each.with_settings(species=(1, 6, 8)) for each in SMALL.values()]
    assert compare(water, fixed, structures=[water, carbon]).directions.min() > 0
    with pytest.raises(
        ValueError, match="at least two atoms of the elements of the centers, got 1"
    ):
        compare(water, SMALL, centers=[0], structures=[water])


# Soft modes


def test_soft_modes_are_those_that_symmetry_does_not_explain() -> None:
    """S1 has one null mode at order 2, and none at order 3."""
    atoms = structures.load("S1")
    pair = {"two": ORDERS[1], "three": ORDERS[2]}
    found = compare(atoms, pair, centers=[0], metric="raw")
    (null,) = diagnose(atoms, ORDERS[1], centers=[0]).of("incompleteness")
    assert found.soft == 1
    assert abs(np.vdot(found.soft_modes[0, 0], null.displacement)) == pytest.approx(1)
    smallest = spectrum(atoms, ORDERS[2], centers=[0]).modes[8]
    assert abs(np.vdot(found.soft_modes[1, 0], smallest)) == pytest.approx(1)
    cosine = abs(np.vdot(smallest, null.displacement))
    assert found.angles[0, 1] == pytest.approx([np.degrees(np.arccos(cosine))])
    assert found.angles[0, 0].tolist() == [0]
    assert np.array_equal(found.angles[1, 0], found.angles[0, 1])


def test_three_soft_modes_without_null_modes() -> None:
    found = compare(structures.load("generic"), ORDERS[1:], centers=[0])
    assert found.soft == 3
    more = compare(structures.load("generic"), ORDERS[1:], centers=[0], soft=9)
    assert np.allclose(more.angles, 0, atol=1e-10)  # all displacements


def test_soft_modes_do_not_divide_equal_singular_values() -> None:
    """BF3: modes by pairs, of which three would take one and a half."""
    found = compare(structures.load("BF3"), ORDERS[1:], metric="raw")
    assert found.soft == 4
    assert found.conditions.min() > 0.1


def test_a_structure_whose_displacements_symmetry_hides() -> None:
    linear = Atoms("CHH", [[0, 0, 0], [0, 0, 1.1], [0, 0, -1.1]])
    found = compare(linear, SMALL, centers=[0])
    assert found.soft == 1
    assert found.angles.shape == (2, 2, 1)
    assert found.conditions.tolist() == [1, 1]
    alone = compare(Atoms("H"), SMALL)
    assert alone.soft == 0
    assert np.isnan(alone.conditions).all()
    assert alone.reconstruction.tolist() == [[0, 0], [0, 0]]
    assert alone.status == "Symmetry and the cutoff allow no displacement to be seen."


# Choices of the paper


def test_choices_of_the_paper_can_be_compared() -> None:
    """Normalisation, smearing, basis and, in a second call, centers."""
    choices = {
        "reference": DensityCorrelations(2, 3.5, 4, 4),
        "normalized": Normalized(DensityCorrelations(2, 3.5, 4, 4)),
        "smeared": DensityCorrelations(2, 3.5, 4, 4, smearing=0.6),
        "small": DensityCorrelations(2, 3.5, 1, 2),
    }
    for centers in ([0], [0, 1]):
        found = compare(structures.load("generic"), choices, centers=centers)
        ranks = [each.rank for each in found.spectra]
        # One radial function and l up to 2 give three features of the carbon atom.
        assert ranks == ([9, 9, 9, 3] if centers == [0] else [9, 9, 9, 9])
        assert found.counts["small"]["truncation"] == 9 - ranks[3]
        assert found.counts["reference"]["sensitive"] == 9


def test_results_do_not_depend_on_the_orientation() -> None:
    atoms = structures.load("X0")
    turned = rotate(atoms, rng=np.random.default_rng(4))
    first, second = (compare(each, BY_ORDER, centers=[0], metric="raw") for each in (atoms, turned))
    assert np.allclose(first.reconstruction, second.reconstruction, atol=1e-10)
    assert np.allclose(first.angles, second.angles, atol=1e-4)


# Functions, with errors of their gradients


def inverse_distances(atoms: Atoms) -> np.ndarray:
    """Of every atom: sums of powers of 1/(1 + r²)."""
    near = 1 / (1 + atoms.get_all_distances() ** 2)
    return np.stack([(near**power).sum(axis=1) for power in range(1, 7)], axis=1)


@pytest.mark.parametrize("metric", ["raw", "rattle"])
def test_a_function_beside_native_orders(metric) -> None:
    """It sees distances only, as order 1 does, and its errors hide no visible displacement."""
    function = Function(inverse_distances, cutoff=4.0)
    given = {"function": function, "order 1": DensityCorrelations(1, 4.0, 8, 0)}
    given["order 2"] = DensityCorrelations(2, 4.0, 6, 6)
    atoms = structures.load("generic")
    atoms.rattle(0.1, seed=1)
    found = compare(atoms, given, centers=[0], metric=metric)
    assert found.spectra[0].error > 0
    assert found.spectra[0].error < 1e-4 * found.spectra[0].singular_values[0]
    assert [each.rank for each in found.spectra] == [4, 4, 9]
    assert found.reconstruction[0, 1] < 1e-8  # both see the four distances
    assert found.reconstruction[1, 0] < 1e-8
    assert found.reconstruction[0, 2] < 1e-8
    assert found.reconstruction[2, 0] > 0.1


def test_a_kink_is_reported_with_the_name() -> None:
    nearest = Function(lambda atoms: atoms.get_all_distances()[:1, 1:].min(axis=1), cutoff=4.0)
    given = {"nearest": nearest, "order 2": ORDERS[1]}
    with pytest.raises(NotSmooth, match=r"^nearest: the features have a kink"):
        compare(structures.load("H2O"), given, centers=[0])


def test_features_of_varying_number_are_refused_where_they_have_to_be_scaled() -> None:
    class Varying(Mapped):
        def features(self, atoms, *, centers=None) -> np.ndarray:
            found = super().features(atoms, centers=centers)
            return found[:, : 3 if atoms.positions[0, 0] > water.positions[0, 0] else 4]

    water, inner = structures.load("H2O"), SMALL["small"]
    given = {"varying": Varying(inner, np.eye(4, inner.count_features(water))), "fixed": inner}
    with pytest.raises(
        ValueError, match=r"Varying must have the same number .* from 3 to 4; .*raw"
    ):
        compare(water, given, centers=[0])


# Names, arguments, stops


def test_names_are_distinct() -> None:
    water = structures.load("H2O")

    def names(*given: Descriptor) -> tuple[str, ...]:
        return compare(water, given, centers=[0], metric="raw").names

    two, wide = SMALL.values()
    assert names(two, wide) == ("DensityCorrelations(n_max=2)", "DensityCorrelations(n_max=3)")
    assert names(two, two) == ("DensityCorrelations 1", "DensityCorrelations 2")
    assert names(two, Normalized(two)) == ("DensityCorrelations", "normalized DensityCorrelations")
    assert names(Stacked([two]), Stacked([wide])) == ("Stacked 1", "Stacked 2")


WRONG = [
    ({"descriptors": [ORDERS[0]]}, ValueError, "must be two or more descriptors, .* got 1"),
    ({"descriptors": ORDERS[0]}, TypeError, "must be two or more descriptors, in a list"),
    ({"descriptors": [ORDERS[0], "SOAP"]}, TypeError, "must be a descriptor such as"),
    ({"descriptors": {1: ORDERS[0], 2: ORDERS[1]}}, TypeError, "must be texts, got 1"),
    ({"metric": "euclidean"}, ValueError, "one of raw, rattle, whitened, got 'euclidean'"),
    ({"metric": "raw", "structures": [molecule("H2O")]}, ValueError, "metric='raw' leaves as they"),
    ({"structures": molecule("H2O")}, TypeError, "must be a sequence of structures, or a Rattle"),
    ({"soft": 4}, ValueError, "soft must be an integer from 1 to 3, .* got 4"),
    ({"center": 0}, TypeError, "compare takes centers=, a sequence"),
    ({"tolerance": 1.0}, ValueError, "tolerance must be above 0 and at most 0.1"),
]


@pytest.mark.parametrize(("given", "error", "message"), WRONG)
def test_wrong_arguments_are_refused(given, error, message) -> None:
    arguments = {"descriptors": ORDERS[:2], **given}
    with pytest.raises(error, match=message):
        compare(structures.load("H2O"), **arguments)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"amplitude": 0.0}, ValueError, "amplitude must be above 0 and at most 1 Å, got 0.0"),
        ({"copies": 1}, ValueError, "copies must be an integer of at least 2, got 1"),
        ({"copies": 2.5}, TypeError, r"copies must be an integer of at least 2, got 2\.5"),
        ({"seed": -1}, ValueError, "seed must be an integer of at least 0, got -1"),
    ],
)
def test_wrong_rattles_are_refused(given, error, message) -> None:
    with pytest.raises(error, match=message):
        Rattle(**given)


def test_unknown_names_are_refused() -> None:
    found = compare(structures.load("H2O"), SMALL, centers=[0], metric="raw")
    with pytest.raises(ValueError, match="no descriptor named 'tiny'; choose from small, large"):
        found.missed("tiny", by="small")


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_a_stop_during_the_diagnoses_keeps_the_rest(stop) -> None:
    def press(sentence: str) -> None:
        if sentence == "large: causes":
            raise stop

    arguments = (structures.load("H2O"), SMALL)
    if stop is Cancelled:
        found = compare(*arguments, progress=press)
    else:
        with pytest.raises(Interrupted) as raised:
            compare(*arguments, progress=press)
        found = raised.value.partial
    assert found.interrupted
    assert list(found.counts) == ["small"]
    assert found.reconstruction.shape == (2, 2)
    assert found.status.endswith("ed: the causes of 1 of 2 are unknown.")


def test_a_stop_within_a_diagnosis_leaves_that_diagnosis_out() -> None:
    def press(sentence: str) -> None:
        if "examined" in sentence:
            raise Cancelled

    found = compare(structures.load("H2O"), SMALL, progress=press)
    assert (found.ending, found.diagnoses) == ("cancelled", ())

    def interrupt(sentence: str) -> None:
        if "examined" in sentence:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as raised:
        compare(structures.load("H2O"), SMALL, progress=interrupt)
    found = raised.value.partial
    assert (found.ending, found.diagnoses) == ("interrupted", ())


def test_a_stop_before_the_spectra_passes() -> None:
    def press(sentence: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        compare(structures.load("H2O"), SMALL, progress=press)


def test_the_status_names_the_ends() -> None:
    found = compare(structures.load("X0"), ORDERS[1:], centers=[0], metric="raw")
    two, three = found.names
    assert (two, three) == ("DensityCorrelations(order=2)", "DensityCorrelations(order=3)")
    assert found.status == (
        f"The smallest/largest singular value is 0 for {two} and {found.conditions[1]:.1e} for "
        f"{three}. The largest reconstruction error, {found.reconstruction[1, 0]:.1e}, is that of "
        f"{three} from {two}."
    )
    assert repr(found) == f"Comparison({found.atoms.symbols}, {two}, {three}: {found.status})"
    with pytest.raises(ValueError, match="read-only"):
        found.angles[0, 0] = 1
