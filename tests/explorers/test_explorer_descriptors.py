"""Any descriptor in the explorer: its name, what it cannot do, and its features as arrows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from panel import QUICK, SOON, TOOLBAR, Post, message, sentence
from waiting import run, until

from sensitivity import pull_back, spectrum, strongest_features, structures
from sensitivity.descriptors import Function, OverlapMatrix
from sensitivity.descriptors.catalog import CATALOG
from sensitivity.explorers import Explorer
from sensitivity.explorers.main.controls import TASKS
from sensitivity.explorers.parts.state import arrow_ends

pytestmark = TOOLBAR

JUMP = "The features jump by"
NAMES = ("dscribe-soap", "dscribe-acsf", "featomic-radial-spectrum", "overlap-matrix")


def shells(atoms: Atoms) -> np.ndarray:
    lengths = atoms.get_all_distances()
    return np.stack([np.exp(-width * lengths**2).sum(axis=1) for width in (1.0, 0.5, 0.2)], axis=1)


def without_carbon(atoms: Atoms) -> np.ndarray:
    if (atoms.numbers == 6).any():
        raise ValueError("carbon has no parameters")
    return shells(atoms)


def nearest(atoms: Atoms) -> np.ndarray:
    """With a kink where two distances are equal."""
    return np.sort(atoms.get_all_distances(), axis=1)[:, 1:2]


@pytest.fixture
def explorer() -> Explorer:
    return Explorer("CH4", QUICK)


def offered(explorer: Explorer) -> list[str]:
    return [name for _, name in explorer.settings.descriptor.options]


def refused(explorer: Explorer) -> dict[str, str]:
    tasks = explorer.actions.tasks.items()
    return {name: button.tooltip for name, button in tasks if button.disabled}


# The control


def test_all_that_is_installed_is_offered(explorer: Explorer) -> None:
    installed = [name for name, entry in CATALOG.items() if entry.installed is not None]
    assert offered(explorer) == installed
    assert explorer.settings.descriptor.value == "2"
    assert explorer.settings.descriptor.options[1] == ("2: power spectrum", "2")


@pytest.mark.parametrize("name", NAMES)
def test_a_chosen_descriptor_is_made_for_the_structure(explorer: Explorer, name: str) -> None:
    explorer.settings.descriptor.value = name
    assert explorer.settings.descriptor.value == name
    by_hand = CATALOG[name].build(structures.load("CH4"))
    values = spectrum(structures.load("CH4"), by_hand, centers=[0]).singular_values
    np.testing.assert_allclose(explorer.reference.spectrum.singular_values, values, atol=1e-9)
    explorer.settings.descriptor.value = "2"
    assert explorer.descriptor.order == 2


def test_another_order_keeps_the_settings(explorer: Explorer) -> None:
    explorer.settings.descriptor.value = "1"
    assert explorer.descriptor == replace(QUICK, order=1)
    assert "order" not in explorer.settings.of_descriptor


def test_a_descriptor_of_a_name_follows_the_structure_with_its_settings(explorer: Explorer) -> None:
    explorer.descriptor = "dscribe-soap"
    explorer.settings.of_descriptor["n_max"].value = 4
    explorer.structure = "H2O"
    assert list(explorer.descriptor.settings["species"]) == ["H", "O"]
    assert explorer.settings.of_descriptor["n_max"].value == 4
    assert explorer.settings.descriptor.value == "dscribe-soap"
    explorer.undo()
    assert list(explorer.descriptor.settings["species"]) == ["H", "C"]


def test_a_given_descriptor_is_named_and_stays_in_the_list() -> None:
    given = Function(shells, cutoff=5.0)
    explorer = Explorer("H2O", given)
    assert explorer.settings.descriptor.value == "shells"
    explorer.settings.descriptor.value = "overlap-matrix"
    assert explorer.descriptor == OverlapMatrix()
    explorer.settings.descriptor.value = "shells"
    assert explorer.descriptor is given


def test_a_name_and_a_list_may_be_given_at_the_start() -> None:
    given = Function(shells, cutoff=5.0)
    explorer = Explorer("H2O", "overlap-matrix", descriptors=["1", "overlap-matrix", given])
    assert explorer.descriptor == OverlapMatrix()
    assert offered(explorer) == ["1", "overlap-matrix", "shells"]
    with pytest.raises(ValueError, match="there is no descriptor 'soap'; did you mean"):
        Explorer("H2O", "soap")
    with pytest.raises(ValueError, match="there is no descriptor '5'"):
        Explorer("H2O", descriptors=["5"])


def test_a_wrong_name_is_a_sentence_and_changes_nothing(explorer: Explorer) -> None:
    before = explorer.reference
    with pytest.raises(ValueError, match="there is no descriptor 'overlap'; did you mean"):
        explorer.descriptor = "overlap"
    assert explorer.reference is before
    assert explorer.settings.descriptor.value == "2"


# What it cannot do


def test_what_a_descriptor_cannot_do_is_disabled_and_says_why(explorer: Explorer) -> None:
    assert refused(explorer) == {}
    explorer.descriptor = Function(shells, cutoff=5.0)
    assert refused(explorer) == {
        "enlarge_basis": "shells has no larger basis to compare with.",
        "raise_order": "shells has no higher order to compare with.",
    }
    (label,) = explorer.settings._integers.children
    assert label.value == "shells has no settings to change here."
    explorer.descriptor = QUICK
    assert refused(explorer) == {}
    assert explorer.actions.tasks["raise_order"].tooltip == TASKS["raise_order"][-1]


def test_a_function_may_have_a_larger_one(explorer: Explorer) -> None:
    larger = Function(lambda atoms: np.hstack([shells(atoms), shells(atoms) ** 2]), cutoff=5.0)
    explorer.descriptor = Function(shells, cutoff=5.0, larger=larger)
    assert list(refused(explorer)) == ["raise_order"]
    explorer.enlarge_basis()
    assert explorer.descriptor is larger


def test_remarks_on_a_descriptor_are_shown_once(explorer: Explorer) -> None:
    explorer.descriptor = "dscribe-soap"
    assert message(explorer).startswith(JUMP)
    explorer.amplitude = 0.1
    explorer.structure = "CH4"
    assert JUMP not in message(explorer)


def test_remarks_are_shown_at_the_start() -> None:
    assert message(Explorer("CH4", "dscribe-soap")).startswith(JUMP)


def test_a_kink_is_a_sentence_and_the_analysis_stays(explorer: Explorer) -> None:
    before = explorer.reference
    explorer.attempt(setattr, explorer, "descriptor", Function(nearest, cutoff=5.0))
    assert "The features have a kink at this geometry" in message(explorer)
    assert explorer.reference is before
    assert explorer.settings.descriptor.value == "2"


def test_a_descriptor_that_refuses_a_structure_keeps_the_analysis() -> None:
    explorer = Explorer("H2O", Function(without_carbon, cutoff=5.0))
    before = explorer.reference
    explorer.settings.structure.value = "CH4"
    assert message(explorer) == "Carbon has no parameters."
    assert explorer.reference is before
    assert explorer.settings.structure.value == "H2O"


def test_what_settles_an_undetermined_cause_is_missing() -> None:
    explorer = Explorer("X0", "dscribe-acsf")
    explorer.mode = explorer.reference.causes.index("undetermined")
    assert "dscribe ACSF has neither a larger basis nor an order to test it." in sentence(explorer)


# The features of a mode


@pytest.fixture
def at_x0() -> Explorer:
    explorer = Explorer("X0", QUICK)
    explorer.mode = 0
    return explorer


def test_the_features_that_a_mode_changes_are_listed(at_x0: Explorer) -> None:
    found = strongest_features(at_x0.structure, QUICK, at_x0.reference.modes[0], center=0)
    options = at_x0.controls.feature.options
    assert [index for _, index in options] == [-1, *(each.feature for each in found)]
    label = ",".join(map(str, found[0].label))
    assert options[1][0] == f"{abs(found[0].change):.2g} per Å: ({label})"
    at_x0.mode = 8
    assert at_x0.controls.feature.disabled
    assert "Mode 8 changes no feature of atom 0" in at_x0.controls.feature.tooltip


def test_the_arrows_of_a_feature(at_x0: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()
    monkeypatch.setattr(at_x0.molecule.widget, "send", post.send)
    feature = at_x0.controls.feature.options[1][1]
    at_x0.amplitude = 0.1
    gradient = pull_back(at_x0.structure, QUICK, center=0, feature=feature)
    at_x0.controls.feature.value = feature
    expected = arrow_ends(at_x0.state.atoms.positions, gradient)
    np.testing.assert_allclose(post.last()[1], expected, atol=1e-5)
    said = f"of atom 0 changes fastest along these arrows: {np.linalg.norm(gradient):.2g} per Å."
    assert said in sentence(at_x0)
    at_x0.controls.feature.value = -1
    assert at_x0.feature is None
    expected = arrow_ends(at_x0.state.atoms.positions, at_x0.reference.modes[0])
    np.testing.assert_allclose(post.last()[1], expected, atol=1e-5)
    assert "fastest" not in sentence(at_x0)


@pytest.mark.parametrize(
    "leave",
    [
        lambda e: setattr(e, "mode", 1),
        lambda e: setattr(e, "structure", "H2O"),
        lambda e: e.reset(),
    ],
)
def test_a_feature_belongs_to_its_mode(at_x0: Explorer, leave: Callable[[Explorer], None]) -> None:
    at_x0.feature = 3
    leave(at_x0)
    assert at_x0.feature is None
    assert at_x0.controls.feature.value == -1
    assert "fastest" not in sentence(at_x0)


def test_undo_returns_to_the_arrows_of_a_feature(at_x0: Explorer) -> None:
    at_x0.feature = 3
    at_x0.structure = "H2O"
    at_x0.undo()
    assert at_x0.feature == 3
    assert "fastest along these arrows" in sentence(at_x0)


def test_a_feature_that_does_not_exist_is_refused(at_x0: Explorer) -> None:
    count = QUICK.count_features(at_x0.structure)
    with pytest.raises(ValueError, match=rf"feature must be one of 0 to {count - 1}, got {count}"):
        at_x0.feature = count
    with pytest.raises(TypeError, match="feature must be one of"):
        at_x0.feature = "first"
    assert at_x0.feature is None


def test_figures_and_films_have_the_arrows_of_the_screen(at_x0: Explorer, tmp_path: Path) -> None:
    at_x0.feature = at_x0.controls.feature.options[1][1]
    picture = at_x0._picture()
    gradient = pull_back(at_x0.structure, QUICK, center=0, feature=at_x0.feature)
    moved = replace(at_x0.state, amplitude=0.2)
    expected = arrow_ends(moved.atoms.positions, gradient)
    np.testing.assert_allclose(picture.scene_of(moved).arrows, expected, atol=1e-12)
    at_x0.arrows = False
    start, end = at_x0._picture().scene_of(moved).arrows
    np.testing.assert_array_equal(start, end)
    at_x0.save(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


# A slow one


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


def test_a_slow_descriptor_leaves_the_controls_to_the_user(gate: threading.Event) -> None:
    explorer, threads = Explorer("H2O", QUICK, centers=[0]), set[str]()
    gate.set()

    def slow(atoms: Atoms) -> np.ndarray:
        threads.add(threading.current_thread().name)
        gate.wait(SOON)
        return shells(atoms)

    async def scenario() -> None:
        gate.clear()
        explorer.descriptor = Function(slow, cutoff=5.0)
        assert explorer.busy
        assert message(explorer).startswith("Analysing H2O")
        explorer.cancel()
        assert (explorer.busy, message(explorer)) == (False, "Cancelled.")
        assert explorer.descriptor == QUICK
        gate.set()
        explorer.descriptor = Function(slow, cutoff=5.0)
        await until(lambda: not explorer.busy)
        assert not explorer.reference.quick
        gate.clear()
        explorer.amplitude = 0.1
        assert explorer.busy
        assert "being computed. The markers show the previous ones." in sentence(explorer)
        gate.set()
        await until(lambda: not explorer.busy)
        assert "At +0.10 Å: Moving 0.01 Å further" in sentence(explorer)

    run(scenario)
    assert threading.main_thread().name not in threads


def test_a_slow_descriptor_given_at_the_start_comes_later(gate: threading.Event) -> None:
    def slow(atoms: Atoms) -> np.ndarray:
        gate.wait(SOON)
        return shells(atoms)

    async def scenario() -> None:
        given = Function(slow, cutoff=5.0)
        explorer = Explorer("H2O", given, centers=[0])
        assert explorer.presenter.previewing
        assert explorer.settings.descriptor.value == "slow"
        assert message(explorer).startswith("Analysing H2O")
        gate.set()
        await until(lambda: not explorer.busy)
        assert explorer.descriptor is given
        explorer.undo()
        assert message(explorer) == "There is nothing to undo."
        with pytest.raises(ValueError, match="carbon has no parameters"):
            Explorer("CH4", Function(without_carbon, cutoff=5.0))

    run(scenario)


def test_atoms_that_move_start_no_slow_spectra() -> None:
    calls: list[Any] = []

    def counted(atoms: Atoms) -> np.ndarray:
        calls.append(atoms)
        return shells(atoms)

    explorer = Explorer("H2O", Function(counted, cutoff=5.0), centers=[0])

    async def scenario() -> None:
        calls.clear()
        for step in range(1, 40):
            explorer.amplitude = step / 100
        assert calls == []
        await until(lambda: not explorer.busy)
        assert calls

    run(scenario)
    assert "At +0.39 Å: Moving 0.01 Å further" in sentence(explorer)
