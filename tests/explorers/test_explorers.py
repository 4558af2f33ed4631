"""The explorer without a browser: what it sends, what its lines show, what it says and refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from degree_one import DegreeOne, equal_bonds
from matplotlib.backend_bases import MouseEvent
from panel import (
    DESCRIPTOR,
    QUICK,
    SINGLE,
    TOOLBAR,
    Post,
    drawn,
    heights,
    markers,
    message,
    sentence,
)
from selection import mostly_slow

from sensitivity import DensityCorrelations, diagnose, spectrum, structures
from sensitivity.explorers import Explorer
from sensitivity.explorers.parts import state
from sensitivity.progress import Cancelled

pytestmark = TOOLBAR


class Fragile:
    """A descriptor that has no features where two atoms are closer than 0.5 Å."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DESCRIPTOR, name)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        if atoms.get_all_distances()[np.triu_indices(len(atoms), 1)].min() < 0.5:
            raise ValueError("two atoms are closer than <0.5 Å>")
        return DESCRIPTOR.gradients(atoms, centers=centers)


@pytest.mark.parametrize("amplitude", [0.2, -0.31, 0.0])
def test_the_atoms_sent_are_the_reference_moved_along_the_mode(
    methane: Atoms, explorer: Explorer, post: Post, amplitude: float
) -> None:
    explorer.amplitude = 0.1
    explorer.amplitude = amplitude
    atoms, arrows = post.last()
    direction = diagnose(methane, DESCRIPTOR, centers=[0]).modes[explorer.mode].displacement
    expected = methane.positions + amplitude * direction
    np.testing.assert_allclose(atoms, expected, atol=SINGLE)
    np.testing.assert_allclose(arrows[0], expected, atol=SINGLE)


def test_arrows_point_along_the_mode_and_can_be_longer_or_hidden(
    explorer: Explorer, post: Post
) -> None:
    explorer.mode = 0
    pattern = explorer.reference.modes[0]
    longest = np.linalg.norm(pattern, axis=1).max()
    for length in (1.0, 2.0):
        explorer.arrow_length = length
        start, end = post.last()[1]
        np.testing.assert_allclose(end - start, length * pattern / longest, atol=4 * SINGLE)
    explorer.arrows = False
    start, end = post.last()[1]
    np.testing.assert_array_equal(start, end)


def test_the_reference_is_not_changed(methane: Atoms) -> None:
    explorer = Explorer(methane, QUICK, centers=[0])
    before = methane.positions.copy()
    explorer.amplitude = 0.4
    explorer.structure.positions += 1.0
    np.testing.assert_array_equal(methane.positions, before)
    np.testing.assert_array_equal(explorer.reference.atoms.positions, before)


@pytest.mark.parametrize(("mode", "amplitude"), [(8, 0.2), (3, -0.3), (10, 0.4), (5, 0.0)])
def test_the_markers_are_the_spectrum_of_the_displaced_structure_by_cause(
    methane: Atoms, explorer: Explorer, mode: int, amplitude: float
) -> None:
    before = drawn(explorer)
    explorer.mode, explorer.amplitude = mode, amplitude
    moved = methane.copy()
    moved.positions += amplitude * explorer.reference.modes[mode]
    values = spectrum(moved, DESCRIPTOR, centers=[0]).singular_values
    assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-12)
    causes = [each.cause for each in diagnose(moved, DESCRIPTOR, centers=[0]).modes]
    assert [cause for _, (cause, _) in sorted(markers(explorer).items())] == causes
    (x,), (y,) = explorer.chart.chosen.get_data()
    assert (x, y) == (mode, drawn(explorer)[mode])
    assert (amplitude == 0) == np.allclose(before, drawn(explorer))
    np.testing.assert_allclose(explorer.chart.before.get_ydata(), before, rtol=1e-12)


def test_the_traces_are_spectra_along_the_mode(methane: Atoms, explorer: Explorer) -> None:
    explorer.mode = 5
    amplitudes = explorer.chart.traces[0].get_xdata()
    assert 0.0 in amplitudes
    for k in (0, 7, len(amplitudes) - 1):
        moved = methane.positions + amplitudes[k] * explorer.reference.modes[5]
        atoms = Atoms(methane.numbers, moved)
        values = spectrum(atoms, DESCRIPTOR, centers=[0]).singular_values
        shown = np.array([line.get_ydata()[k] for line in explorer.chart.traces])
        assert shown == pytest.approx(heights(values, explorer), rel=1e-12)


def test_a_larger_basis_that_does_not_see_a_mode_is_not_said_to() -> None:
    explorer = Explorer(equal_bonds(), DegreeOne(order=2), centers=[0])
    words = "a complete basis sees it, but the next larger one of this descriptor does not ("
    assert f"by truncation of the basis: {words}" in sentence(explorer)


@pytest.mark.parametrize(
    ("name", "descriptor", "cause", "words"),
    [
        ("CH4", DESCRIPTOR, "symmetry", "by symmetry (Td), as it must be: averaged"),
        ("X0", DESCRIPTOR, "incompleteness", "no basis sees it, but order 3 does"),
        ("generic", QUICK, "truncation", "by truncation of the basis: a larger basis sees it ("),
    ],
)
def test_each_cause_has_its_marker_its_label_and_its_sentence(
    name: str, descriptor: DensityCorrelations, cause: str, words: str
) -> None:
    explorer = Explorer(name, descriptor)
    found = diagnose(structures.load(name), descriptor, centers=[0])
    causes = [mode.cause for mode in found.modes]
    assert explorer.mode == 8
    assert causes[8] == cause
    assert [shown for _, (shown, _) in sorted(markers(explorer).items())] == causes
    values = [mode.singular_value for mode in found.modes]
    assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-9)
    labels = [label for label, _ in explorer.controls.mode.options]
    assert labels[0] == f"0: {values[0]:.1e}, sensitive"
    assert labels[8] == f"8: 0, {cause}"
    assert [label.rsplit(", ")[1] for label in labels] == causes
    said = sentence(explorer)
    assert "Mode 8 is invisible by" in said
    assert words in said
    assert "feature change ∝ amplitude^2.0" in said
    assert spectrum(structures.load(name), descriptor, centers=[0]).status in said
    assert ("spurious" in said) == (cause != "symmetry")


def test_the_sentence_says_what_visible_and_rigid_modes_are(explorer: Explorer) -> None:
    explorer.mode = 0
    change = 0.01 * explorer.reference.singular_values[0]
    assert "Mode 0 is the most visible of all" in sentence(explorer)
    assert f"changes the features by {change:.1e}" in sentence(explorer)
    explorer.mode = 9
    assert "Mode 9 is a rotation of all atoms that the centers see" in sentence(explorer)
    explorer.mode, explorer.amplitude = 14, -0.12
    assert "Mode 14 is a translation" in sentence(explorer)
    assert "At -0.12 Å: Rank 1 of 9" in sentence(explorer)


@pytest.mark.parametrize("amplitude", [0.2, -0.13])
def test_away_from_zero_the_sentence_tells_the_reference_from_what_holds_now(
    explorer: Explorer, amplitude: float
) -> None:
    explorer.mode = 8
    assert sentence(explorer).strip().startswith("\N{BLACK SQUARE} Mode 8 is invisible by symmetry")
    explorer.amplitude = amplitude
    said = sentence(explorer)
    assert "At amplitude 0: mode 8 is invisible by symmetry" in said
    # Against a difference of features.
    step, mode = 1e-5, explorer.reference.modes[8]
    ends = [explorer.state.atoms, explorer.state.atoms]
    for atoms, sign in zip(ends, (-1, 1), strict=True):
        atoms.positions += sign * step * mode
    low, high = (explorer.descriptor.features(atoms, centers=[0]) for atoms in ends)
    slope = np.linalg.norm(high - low) / (2 * step)
    now = f"Moving 0.01 Å further changes the features by {0.01 * slope:.1e}: the mode is visible"
    assert f"At {amplitude:+.2f} Å: {now} here. Rank" in said


def test_unseen_atoms_are_called_unseen() -> None:
    far = Atoms("CHHe", [[0, 0, 0], [0, 0, 1.1], [0, 0, 9]])
    explorer = Explorer(far, DESCRIPTOR, centers=[0])
    explorer.mode = explorer.reference.causes.index("unseen")
    assert "changes nothing within the cutoff of any chosen center" in sentence(explorer)
    assert markers(explorer)[explorer.mode][0] == "unseen"


def test_the_atoms_move_before_the_spectrum_is_computed(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(explorer.molecule.widget, "send", lambda *_, **__: order.append("atoms"))

    def computed(*arguments: Any, **keywords: Any) -> Any:
        order.append("spectrum")
        return spectrum(*arguments, **keywords)

    monkeypatch.setattr(state, "spectrum", computed)
    explorer.amplitude = 0.1
    assert order == ["atoms", "spectrum"]


def test_controls_and_attributes_follow_each_other(explorer: Explorer) -> None:
    explorer.mode, explorer.amplitude, explorer.arrows, explorer.arrow_length = 3, 0.25, False, 3
    controls = explorer.controls
    watched = [controls.mode, controls.amplitude, controls.arrows, controls.arrow_length]
    assert [widget.value for widget in watched] == [3, 0.25, False, 3.0]
    for widget, value in zip(watched, (4, -0.1, True, 0.5), strict=True):
        widget.value = value
    now = explorer.mode, explorer.amplitude, explorer.arrows, explorer.arrow_length
    assert now == (4, -0.1, True, 0.5)
    assert explorer.state.amplitude == -0.1


def test_the_slider_does_not_round_an_amplitude_set_from_python(explorer: Explorer) -> None:
    explorer.amplitude = 0.1234
    assert explorer.amplitude == explorer.state.amplitude == 0.1234
    assert explorer.controls.amplitude.value == 0.12
    explorer.slide_to(0.12)  # the slider says where it stands
    assert explorer.amplitude == 0.1234


def test_the_slider_stops_at_every_hundredth_up_to_its_ends(explorer: Explorer) -> None:
    stops = [value for _, value in explorer.controls.amplitude.options]
    assert stops == [round(0.01 * k, 2) for k in range(-70, 71)]
    assert explorer.reference.reach == 0.7 == pytest.approx(0.3 * np.sqrt(5), abs=0.05)


def test_reset_goes_back_to_the_start(explorer: Explorer, post: Post, methane: Atoms) -> None:
    explorer.mode, explorer.amplitude, explorer.arrows = 3, 0.25, False
    explorer.controls.play.value, explorer.controls.play.playing = 7, True
    explorer.arrow_length = 2.0
    explorer.controls.reset.click()
    now = explorer.mode, explorer.amplitude, explorer.arrows, explorer.arrow_length
    assert now == (8, 0.0, True, 1.0)
    assert (explorer.controls.play.value, explorer.controls.play.playing) == (0, False)
    moves = [each for each in post.messages if each[0]["type"] == "binary_single"]
    last = np.frombuffer(moves[-1][1][0], dtype="f4").reshape(-1, 3)
    np.testing.assert_allclose(last, methane.positions, atol=SINGLE)
    assert post.types()[-1] == "look"


def test_playing_swings_through_both_ends_and_back() -> None:
    explorer = Explorer("H2", DensityCorrelations(order=1, cutoff=3.0, n_max=2, l_max=0))
    play, reach = explorer.controls.play, explorer.reference.reach
    seen = []
    for step in range(play.min, play.max + 1):
        play.value = step
        seen.append(explorer.amplitude)
    assert seen[0] == 0
    assert max(seen) == -min(seen) == reach
    assert max(np.abs(np.diff([*seen, seen[0]]))) < 0.15 * reach


def click(explorer: Explorer, axes: int, x: float) -> None:
    figure = explorer.chart.figure
    figure.canvas.draw()
    target = figure.axes[axes]
    height = np.sqrt(np.prod(target.get_ylim()))
    place = target.transData.transform((x, height))
    figure.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", figure.canvas, *place, button=1)
    )


def test_a_click_chooses_a_mode_or_an_amplitude(explorer: Explorer) -> None:
    click(explorer, 0, 3.2)
    assert explorer.mode == 3
    click(explorer, 0, 14.4)
    assert explorer.mode == 14
    click(explorer, 1, 0.3)
    assert explorer.amplitude == pytest.approx(0.3, abs=0.011)
    click(explorer, 1, 0.72)
    assert explorer.amplitude == 0.7


def test_an_error_becomes_a_sentence_and_the_explorer_goes_on() -> None:
    explorer = Explorer(molecule("H2"), Fragile())
    explorer.mode = 0
    end = explorer.reference.reach
    stretch = explorer.reference.modes[0][1] - explorer.reference.modes[0][0]
    bond = explorer.structure.positions[1] - explorer.structure.positions[0]
    closer = -end if bond @ stretch > 0 else end
    assert abs(np.linalg.norm(bond + closer * stretch)) < 0.5
    explorer.amplitude = closer
    assert explorer.shown.spectrum is None
    assert "Two atoms are closer than &lt;0.5 Å&gt;." in explorer.panel.sentence.value
    assert not markers(explorer)
    assert np.isnan(explorer.chart.traces[0].get_ydata()).any()
    explorer.amplitude = -0.1 * closer
    assert explorer.shown.spectrum is not None
    assert "closer" not in sentence(explorer)
    assert len(drawn(explorer)) == 6


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mode", 15, "mode must be one of 0 to 14, got 15"),
        ("mode", -1, "mode must be one of 0 to 14, got -1"),
        ("amplitude", 5.0, r"amplitude must be between -0\.7 and 0\.7 Å, got 5\.0"),
        ("amplitude", float("nan"), "got nan"),
        ("arrow_length", 0.7, r"arrow_length must be one of \(0\.5, .*, got 0\.7"),
    ],
)
def test_what_does_not_exist_is_refused(
    explorer: Explorer, name: str, value: float, said: str
) -> None:
    before = getattr(explorer, name)
    with pytest.raises(ValueError, match=said):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    assert explorer.controls.amplitude.value == 0.0
    assert message(explorer) == ""


def test_an_axis_that_does_not_exist_is_refused(explorer: Explorer) -> None:
    with pytest.raises(ValueError, match="axis must be one of x, y, z, got 'w'"):
        explorer.look("w")


def test_arrows_too_short_to_be_seen_have_no_length() -> None:
    pattern = np.array([[0.0, 0.0, 1.0], [0.01, 0.0, 0.0], [0.0, 0.0, 0.0]])
    start, end = state.arrow_ends(np.ones((3, 3)), pattern)
    longest = state.ARROW_LENGTH
    np.testing.assert_array_equal(end - start, longest * np.diag([0, 0, 1])[[2, 0, 0]])


def test_a_misspelt_attribute_is_refused(explorer: Explorer) -> None:
    with pytest.raises(
        AttributeError,
        match="'ampltude' of Explorer does not exist; the attributes that can be set are",
    ):
        explorer.ampltude = 0.2  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"a structure must be ase\.Atoms or a name, got \[1\]"):
        explorer.structure = [1]  # type: ignore[assignment]
    assert explorer.centers == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("modes", mostly_slow([[1, 4, 8], [2, 3, 5, 6, 7]], fast=[[1, 4, 8]]))
def test_where_symmetry_is_blamed_features_do_not_change_to_first_order(
    modes: list[int],
) -> None:
    """They may differ between the two directions: a motion need not be turned around as a whole."""
    explorer = Explorer("CH4", DESCRIPTOR)
    for mode in modes:
        explorer.mode = mode
        assert "cannot change to first order" in sentence(explorer)
        moved = {}
        for amplitude in (-0.02, -0.01, 0.01, 0.02):
            explorer.amplitude = amplitude
            moved[amplitude] = np.asarray(explorer.shown.spectrum.features)  # type: ignore[union-attr]
        for sign in (1, -1):
            start = explorer.reference.spectrum.features
            near, far = (np.linalg.norm(moved[sign * a] - start) for a in (0.01, 0.02))
            assert 3.5 < far / near < 4.5
        explorer.amplitude = 0.0


@pytest.mark.parametrize("name", ["C-diamond", "NaCl-rocksalt"])
def test_the_chart_has_room_for_what_becomes_visible(name: str) -> None:
    """Of a crystal whose symmetry hides all displacements, those of the moved atoms are seen."""
    explorer = Explorer(name)
    explorer.amplitude = 0.2
    explorer.wait()
    top = explorer.chart.figure.axes[0].get_ylim()[1]
    heights = np.concatenate([line.get_ydata() for line in explorer.chart.values.values()])
    assert explorer.shown.spectrum.rank > 0
    assert heights.max() < top


def test_a_vanishing_jacobian_is_described_in_one_sentence() -> None:
    explorer = Explorer("NaCl-rocksalt")
    explorer.wait()
    said = sentence(explorer)
    assert "is invisible by symmetry (Oh), as it must be" in said
    assert said.count("Rank 0 of 21 internal displacements: to first order, no feature") == 1


def test_causes_that_were_cancelled_are_not_shown() -> None:
    """A diagnosis that was ended calls the modes that it has not reached undetermined."""
    reference = state.examine(state.Subject(structures.load("C6H6"), DESCRIPTOR))

    def cancel(_: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        state.explain(reference, progress=cancel)
    explained = state.explain(reference)  # nothing of that is kept
    assert explained.diagnosis is not None
    assert explained.diagnosis.ending == ""
