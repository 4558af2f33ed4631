"""Modes of compared descriptors: causes, responses of the others, and displaced structures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from sensitivity import (
    Cancelled,
    Comparison,
    DensityCorrelations,
    Rattle,
    compare,
    diagnose,
    jacobian,
    spectrum,
    structures,
)
from sensitivity.comparison.modes import most_telling
from sensitivity.descriptors import Function, OverlapMatrix
from sensitivity.diagnosis import CAUSES
from sensitivity.reports.differences import (
    PAIRS,
    explain_compared_mode,
    explain_differences,
    list_pairs,
    name_responses,
)

TWO = DensityCorrelations(2, 3.0, 6, 6)
THREE = DensityCorrelations(3, 3.0, 4, 4)
ODD = DensityCorrelations(3, 3.0, 4, 4, parity_odd=True)
ORDERS = {"two": TWO, "three": THREE}


def ordered(name: str, metric: str = "raw") -> Comparison:
    return compare(structures.load(name), ORDERS, centers=[0], metric=metric)  # type: ignore[arg-type]


# Modes and their causes


@pytest.mark.parametrize("metric", ["raw", "rattle", "whitened"])
@pytest.mark.parametrize("name", ["Td", "C2v", "X0", "S1", "N3", "generic"])
def test_modes_have_the_causes_of_the_diagnosis(name: str, metric: str) -> None:
    found = ordered(name, metric)
    for each, seen in zip(found.names, found.spectra, strict=True):
        modes = found.modes(each)
        counts = found.counts[each]
        for cause in CAUSES[:6]:
            assert modes.causes.count(cause) == counts[cause]
        assert len(modes.causes) == seen.internal
        rows = modes.displacements.reshape(seen.internal, -1)
        np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-6)
        np.testing.assert_array_equal(modes.relative, seen.relative[: seen.internal])
        visible = np.array(modes.causes) == "sensitive"
        assert (modes.relative[visible] > 1e-5).all()
        assert (modes.relative[~visible] < 1e-5).all()


def test_invisible_modes_are_those_of_diagnose() -> None:
    found = ordered("N3", "rattle")
    known = [mode.displacement for mode in diagnose(found.atoms, TWO, centers=[0]).modes]
    modes = found.modes("two")
    places = [k for k, cause in enumerate(modes.causes) if cause != "sensitive"]
    assert len(places) == 21 - found.spectra[0].rank > 0
    for place in places:
        np.testing.assert_allclose(modes.displacements[place], known[place], atol=1e-9)


def test_modes_of_a_stopped_comparison_are_visible_or_not_without_a_cause() -> None:
    def stop(text: str) -> None:
        if "causes" in text:
            raise Cancelled

    partial = compare(structures.load("X0"), ORDERS, centers=[0], progress=stop)
    assert partial.modes("two").causes == ("sensitive",) * 8 + ("internal",)
    assert partial.missed_causes("three", by="two") == {"internal": 1}
    assert explain_differences(partial)[0] == "three sees 1 displacement that two does not see."
    assert explain_compared_mode(partial, "two", 8) == [
        "Mode 8 of two is invisible, and its cause is unknown. Its singular value is 0 of the "
        "scale.",
        *explain_compared_mode(ordered("X0", "rattle"), "two", 8)[1:],
    ]


# What the others see


@pytest.mark.parametrize("name", ["X0", "N3", "generic"])
def test_a_response_is_the_slope_of_the_features(name: str) -> None:
    """From finite differences of the features along the mode."""
    found, step = ordered(name), 1e-5
    for of in found.names:
        modes = found.modes(of)
        for k in (0, len(modes.causes) - 1):
            responses = found.responses(3.0 * modes.displacements[k])  # of any length
            for response, descriptor in zip(responses, ORDERS.values(), strict=True):
                ends = []
                for side in (step, -step):
                    moved = found.atoms.copy()
                    moved.positions += side * modes.displacements[k]
                    ends.append(descriptor.features(moved, centers=[0])[0])
                slope = np.linalg.norm(ends[0] - ends[1]) / (2 * step)
                largest = spectrum(found.atoms, descriptor, centers=[0]).singular_values[0]
                assert response.relative == pytest.approx(slope / largest, rel=1e-4, abs=1e-7)


def test_the_share_is_that_of_the_projection_on_the_visible_displacements() -> None:
    found = compare(
        structures.load("generic"),
        {"one": DensityCorrelations(1, 3.0, 6, 0), "two": TWO},
        centers=[0],
        metric="raw",
    )
    dense = jacobian(found.atoms, found.descriptors[0], centers=[0]).dense()
    _, s, rows = np.linalg.svd(dense, full_matrices=False)
    seen = rows[s > 1e-5 * s[0]]
    assert len(seen) == 4
    for mode in found.modes("two").displacements:
        share = float(np.linalg.norm(seen @ mode.ravel()) ** 2)
        assert found.responses(mode)[0].share == pytest.approx(share, abs=1e-9)
        assert found.responses(mode)[1].share == pytest.approx(1.0)
    text = explain_compared_mode(found, "two", 3)[1]
    share = found.responses(found.modes("two").displacements[3])[0].share
    assert f"one sees {share:.0%} of its square: its features change by" in text


def test_a_response_to_no_displacement_is_refused() -> None:
    found = ordered("X0")
    for wrong in (np.zeros((5, 3)), np.ones((4, 3))):
        with pytest.raises(ValueError, match=r"displacement must have the shape \(5, 3\)"):
            found.responses(wrong)
    with pytest.raises(ValueError, match="there is no descriptor named 'four'; choose from two, t"):
        found.modes("four")


@pytest.mark.parametrize(
    ("name", "pair", "expected"),
    [
        ("X0", ORDERS, {"incompleteness": 1}),
        ("N3", ORDERS, {"incompleteness": 4, "truncation": 2}),  # converged ranks are 16 and 20
        ("C2v", {"two": TWO, "three": ODD}, {"symmetry": 1}),  # ranks 4 and 5: a mirror plane
        ("generic", {"two": TWO.with_settings(n_max=1, l_max=2), "three": TWO}, {"truncation": 6}),
        ("generic", ORDERS, {}),
    ],
)
def test_why_one_does_not_see_what_the_other_sees(
    name: str, pair: dict[str, DensityCorrelations], expected: dict[str, int]
) -> None:
    found = compare(structures.load(name), pair, centers=[0])
    assert found.missed_causes("three", by="two") == expected
    assert found.missed_causes("two", by="three") == {}
    assert sum(expected.values()) == len(found.missed("three", by="two")[0])


def test_a_larger_cutoff_sees_atoms_outside_the_environments() -> None:
    chain = Atoms("CHH", [[0, 0, 0], [1.1, 0, 0], [0.3, 2.5, 0.4]])
    pair = {"near": DensityCorrelations(2, 2.0, 4, 3), "far": DensityCorrelations(2, 4.0, 6, 4)}
    found = compare(chain, pair, centers=[0])
    assert found.missed_causes("far", by="near") == {"unseen": 2}
    (sentence, other) = explain_differences(found)
    assert sentence == (
        "far sees 2 displacements that near does not see. For near they are outside the "
        "environments: they change nothing within the cutoff of any chosen center."
    )
    assert other == "far sees all that near sees."


def test_the_invisible_mode_that_another_sees_best_comes_first() -> None:
    found = ordered("N3")
    number, mode = most_telling([found.modes(name) for name in found.names])
    assert number == 0
    responses = [found.responses(each)[1].relative for each in found.modes("two").displacements]
    hidden = np.array(found.modes("two").causes) != "sensitive"
    assert hidden[mode]
    assert responses[mode] == max(np.array(responses)[hidden])
    generic = ordered("generic")
    assert most_telling([generic.modes(name) for name in generic.names]) == (0, 8)


def test_no_cause_is_guessed() -> None:
    """A function has neither a larger basis nor a higher order."""
    centers = np.linspace(0.5, 4.0, 24)

    def histogram(atoms: Atoms) -> np.ndarray:
        lengths = atoms.get_all_distances()[:, :, None] - centers
        return np.asarray(np.exp(-(lengths**2) / 0.05).sum(axis=1))

    pair = {"shells": Function(histogram, cutoff=6.0), "two": TWO}
    found = compare(structures.load("X0"), pair, centers=[0])
    assert explain_differences(found)[0] == (
        "two sees 7 displacements that shells does not see. For shells the evidence does not "
        "determine the cause."
    )
    assert explain_compared_mode(found, "two", 8)[1] == "shells does not see it, either."


@pytest.mark.parametrize("shift", [0.0, 3e-4])
def test_rounding_of_a_symmetric_structure_shows_nothing_to_one_descriptor_only(
    shift: float,
) -> None:
    """Displacements that symmetry hides within the tolerance of the causes are seen by none."""
    atoms = structures.load("C6H6")  # with six digits
    atoms.positions += np.random.default_rng(0).normal(scale=shift, size=(12, 3))
    pair = {"pairs": TWO, "overlaps": OverlapMatrix()}
    found = compare(atoms, pair)
    for name, by in (("pairs", "overlaps"), ("overlaps", "pairs")):
        assert found.missed_causes(name, by=by) == {}
        assert found.count_missed(name, by=by) == 0
    assert explain_differences(found) == [
        "pairs and overlaps see the same displacements: 18 of 30 internal ones."
    ]
    modes = found.modes("pairs")
    assert modes.causes.count("symmetry") == 12
    for mode in range(18, 30):
        assert "does not see it, either" in explain_compared_mode(found, "pairs", mode)[1]


def test_a_mode_that_only_the_scale_hides_has_no_cause() -> None:
    inner, rattle = TWO.with_settings(n_max=2, l_max=3), Rattle(copies=4)
    pair = {"small": inner, "two": TWO}
    found = compare(
        structures.load("generic"), pair, centers=[0], metric="whitened", structures=rattle
    )
    modes = found.modes("small")
    assert modes.causes == ("sensitive",) * 3 + ("internal",) * 6
    assert explain_compared_mode(found, "small", 8)[0] == (
        "Mode 8 of small is invisible on this scale. Its singular value is 0 of the scale."
    )


# Displaced structures


def test_raw_spectra_of_a_displaced_structure_are_those_of_spectrum() -> None:
    found = ordered("X0")
    moved = found.atoms.copy()
    moved.positions += 0.2 * found.modes("two").displacements[8]
    for seen, start, descriptor in zip(
        found.spectra_at(moved), found.spectra, ORDERS.values(), strict=True
    ):
        expected = spectrum(moved, descriptor, centers=[0]).singular_values
        np.testing.assert_allclose(seen.singular_values, expected, atol=1e-12)
        assert seen.scale == start.scale
        np.testing.assert_allclose(seen.relative, expected / start.scale, atol=1e-12)


@pytest.mark.parametrize("metric", ["raw", "rattle", "whitened"])
def test_without_a_displacement_the_spectra_are_the_same(metric: str) -> None:
    found = ordered("S1", metric)
    for seen, start in zip(found.spectra_at(found.atoms), found.spectra, strict=True):
        np.testing.assert_allclose(seen.singular_values, start.singular_values, rtol=1e-9)


def scaled(found: Comparison, place: int) -> Callable[[Atoms], np.ndarray]:
    """Features over their standard deviation over the copies of the undisplaced structure."""
    descriptor = found.descriptors[place]
    frames = Rattle().frames(found.atoms, (0,))
    samples = np.concatenate([descriptor.features(frame, centers=[0]) for frame in frames])
    spread = samples.std(axis=0, ddof=1)
    weights = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9 * spread.max())
    return lambda atoms: np.asarray(descriptor.features(atoms, centers=[0])[0] * weights)


def test_the_scale_of_a_displaced_structure_is_that_of_the_start() -> None:
    """From finite differences of the features on that scale."""
    found, step = ordered("X0", "rattle"), 1e-5
    moved = found.atoms.copy()
    moved.positions += 0.15 * found.modes("two").displacements[8]
    for place, seen in enumerate(found.spectra_at(moved)):
        features = scaled(found, place)
        ends = []
        for side in (step, -step):
            further = moved.copy()
            further.positions += side * seen.modes[0]
            ends.append(features(further))
        slope = np.linalg.norm(ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(seen.singular_values[0], rel=1e-6)


def test_spectra_of_other_atoms_are_refused() -> None:
    with pytest.raises(ValueError, match="atoms must be those of the comparison, CH4, got OH2"):
        ordered("X0").spectra_at(molecule("H2O"))


# Sentences


def test_a_sentence_says_what_is_seen_by_one_and_not_by_the_other_and_why() -> None:
    assert explain_differences(ordered("X0")) == [
        "three sees 1 displacement that two does not see. For two it is invisible by "
        "incompleteness: no basis of this order sees it, but a higher order does.",
        "three sees all that two sees.",
    ]
    assert explain_differences(ordered("generic")) == [
        "two and three see the same displacements: 9 of 9 internal ones."
    ]
    alone = compare(Atoms("H"), ORDERS)
    assert explain_differences(alone) == ["two and three see no displacement to first order."]


def test_sentences_on_three_descriptors_group_them() -> None:
    triple = {"a": TWO, "b": TWO.with_settings(smearing=0.4), "c": THREE}
    first, second, *others = explain_differences(
        compare(structures.load("X0"), triple, centers=[0])
    )
    assert first.startswith("c sees 1 displacement that a does not see. For a it is invisible by")
    assert second.startswith("c sees 1 displacement that b does not see. For b it is invisible by")
    assert others == ["a and b see the same.", "c sees all that a and b see."]


def test_names_keep_their_spelling_at_the_start_of_a_sentence() -> None:
    pair = {"soap": TWO, "order 3": THREE}
    found = compare(structures.load("X0"), pair, centers=[0])
    first, last = explain_differences(found)
    assert first.startswith("Order 3 sees 1 displacement that soap does not see. For soap it is")
    assert last == "Order 3 sees all that soap sees."
    assert explain_compared_mode(found, "order 3", 0)[1].startswith("soap sees ")


def test_several_causes_are_counted() -> None:
    atoms = structures.load("C2v")
    pair = {"one": DensityCorrelations(1, 3.0, 6, 0), "odd": ODD}
    found = compare(atoms, pair, centers=[0])
    causes = found.missed_causes("odd", by="one")
    assert causes == {"symmetry": 1, "incompleteness": 2}
    sentence = explain_differences(found)[0]
    assert (
        "Of these, 1 is invisible by symmetry (averaged over the symmetry operations," in sentence
    )
    assert "and 2 are invisible by incompleteness (no basis of this order sees them," in sentence


def test_sentences_on_a_mode_and_what_the_others_see() -> None:
    found = ordered("X0")
    three = found.responses(found.modes("two").displacements[8])[1].relative
    assert explain_compared_mode(found, "two", 8) == [
        "Mode 8 of two is invisible by incompleteness: no basis of this order sees it, but a "
        "higher order does. Its singular value is 0 of the scale.",
        f"three sees it: its features change by {three:.3g} of the scale.",
    ]
    symmetric = ordered("Td")
    assert explain_compared_mode(symmetric, "two", 8) == [
        "Mode 8 of two is invisible by symmetry: averaged over the symmetry operations, this "
        "motion cancels. Its singular value is 0 of the scale.",
        "three does not see it, either: it is invisible by symmetry.",
    ]
    assert name_responses(found.names, found.responses(found.modes("two").displacements[8])) == (
        f"0 for two, {three:.3g} for three"
    )


def test_pairs_have_the_numbers_of_the_comparison() -> None:
    found = ordered("X0")
    rows = list_pairs(found)
    assert all(len(row) == len(PAIRS) for row in rows)
    angle = f"{found.angles[0, 1, 0]:.1f}"
    assert rows == [
        ("two", "three", "0", "0", angle),
        ("three", "two", "1", f"{found.reconstruction[1, 0]:.2g}", angle),
    ]
    several = ordered("N3")
    assert several.soft > 4
    assert "…" in list_pairs(several)[0][-1]
