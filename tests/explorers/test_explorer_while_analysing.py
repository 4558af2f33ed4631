"""What a person does while a structure is analysed: wrong input, undo, cancel, another upload."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from ase.build import bulk, molecule
from panel import (
    DESCRIPTOR,
    QUICK,
    TOOLBAR,
    chosen_settings,
    formula,
    markers,
    message,
    upload,
    xyz,
)
from waiting import run, spin, until

from sensitivity import spectrum, structures
from sensitivity.explorers import Explorer
from sensitivity.explorers.main import presenter
from sensitivity.explorers.parts import state
from sensitivity.progress import checkpoint

pytestmark = TOOLBAR

WATER = xyz(molecule("H2O"))
RADIAL = replace(QUICK, order=1)


@pytest.fixture
def explorer() -> Explorer:
    return Explorer("H2", RADIAL)


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    """Let the analysis of more than two atoms wait for the gate, and tell of its progress."""

    def examine(subject: state.Subject) -> state.Reference:
        found = state.examine(subject)
        while len(subject.atoms) > 2 and not gate.wait(0.02):
            checkpoint("gradients: 1 of 3 centers")
        return found

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", examine)


WRONG = {
    "n_max": (lambda e: e.settings.of_descriptor["n_max"], 400, "n_max must be"),
    "structure": (lambda e: e.settings.structure, "benzen", "There is no structure named 'benzen'"),
    "centers": (lambda e: e.settings.centers, "17", "There are no atoms 17"),
}


@pytest.mark.parametrize(("control", "value", "said"), WRONG.values(), ids=WRONG)
def test_wrong_input_leaves_the_analysis_alone_and_stays_in_sight(
    explorer: Explorer, gate: threading.Event, control: Any, value: Any, said: str
) -> None:
    async def scenario() -> None:
        explorer.structure = "H2O"
        before, sent = chosen_settings(explorer), explorer.molecule.sent[0]
        assert explorer.presenter.previewing
        control(explorer).value = value
        assert message(explorer).startswith(said)
        assert chosen_settings(explorer) == before
        await until(lambda: "gradients: 1 of 3 centers …" in message(explorer))
        assert message(explorer).startswith(said)
        assert explorer.molecule.sent[0] is sent
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert formula(explorer) == "OH2"
    assert message(explorer).startswith(said)
    assert "Analysing" not in message(explorer)
    explorer.structure = "CO"
    assert message(explorer) == ""


@pytest.mark.slow
def test_a_wrong_file_leaves_the_analysis_alone(explorer: Explorer, gate: threading.Event) -> None:
    async def scenario() -> None:
        upload(explorer, "water.xyz", WATER)
        await until(lambda: explorer.presenter.previewing)
        upload(explorer, "water.xyz", b"3\n\nO 0 0 0\n")
        await until(lambda: "Cannot read the file water.xyz" in message(explorer))
        assert explorer.settings.summary.value == "water.xyz: H2O, 3 atoms"
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert formula(explorer) == "OH2"
    assert message(explorer).startswith("Cannot read the file water.xyz")


def test_what_cannot_be_analysed_gives_way_to_what_it_replaced(
    explorer: Explorer, gate: threading.Event
) -> None:
    """The number of features is known only when they are asked for."""

    async def scenario() -> None:
        explorer.structure = "H2O"
        explorer.attempt(
            setattr, explorer, "descriptor", replace(QUICK, order=4, n_max=12, l_max=12)
        )
        await until(lambda: "more than 1000000" in message(explorer))
        assert chosen_settings(explorer)[0] == "H2O"
        assert explorer.settings.descriptor.value == "1"
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert (explorer.reference.name, explorer.descriptor) == ("H2O", RADIAL)
    assert "more than 1000000" in message(explorer)


def test_an_error_stays_in_sight_until_a_search_ends(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    from sensitivity.explorers.main import explorer as searches

    def search(*_: Any) -> searches.Outcome:
        spin(gate)(None)
        return searches.Outcome("Nothing found.", good=False)

    monkeypatch.setattr(searches, "locate", search)

    async def scenario() -> None:
        explorer.locate()
        explorer.settings.structure.value = "benzen"
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer).startswith("There is no structure named 'benzen'")
    assert message(explorer).endswith("Nothing found.")


@pytest.mark.slow
def test_the_fields_show_what_is_analysed(explorer: Explorer, gate: threading.Event) -> None:
    frames = xyz(molecule("H2O"), molecule("NH3"))
    before = chosen_settings(explorer)

    async def scenario() -> None:
        explorer.structure = "H2O"
        explorer.descriptor = replace(QUICK, n_max=3)
        assert chosen_settings(explorer)[:3] == ["H2O", 0, "all"]
        assert explorer.settings.of_descriptor["n_max"].value == 3
        assert explorer.controls.mode.disabled
        assert explorer.controls.amplitude.disabled
        upload(explorer, "two.xyz", frames)
        await until(lambda: explorer.settings.frames.value == "of 2")
        explorer.settings.frame.value = 1
        assert explorer.settings.summary.value == "two.xyz: H3N, 4 atoms"
        explorer.cancel()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert chosen_settings(explorer) == before
    assert not explorer.controls.mode.disabled


@pytest.mark.parametrize("cancelled", [False, True])
def test_undo_returns_from_what_is_not_there_yet(explorer: Explorer, cancelled: bool) -> None:
    explorer.structure = "CO"
    past = list(explorer.history)

    async def scenario() -> None:
        explorer.structure = "H2O"
        assert explorer.presenter.previewing
        if cancelled:
            explorer.cancel()
            await until(lambda: not explorer._task.busy)
            assert explorer.reference.name == chosen_settings(explorer)[0] == "CO"
        explorer.undo()
        await until(lambda: not explorer.busy)

    run(scenario)
    left = "H2" if cancelled else "CO"
    assert explorer.reference.name == chosen_settings(explorer)[0] == left
    assert list(explorer.history) == ([] if cancelled else past)
    assert explorer.molecule.sent[0].tolist() == explorer.structure.positions.tolist()
    assert len(markers(explorer)) == 6
    assert message(explorer) == ""


def test_cancel_does_not_wait_for_causes_that_are_being_computed(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    """A decomposition of many displacements takes seconds until its next checkpoint."""
    begun = threading.Event()

    def compute(*_: Any, **__: Any) -> None:
        begun.set()
        gate.wait()

    monkeypatch.setattr(presenter, "explain", compute)
    monkeypatch.setattr(presenter.Presenter, "_trace", lambda _: None)

    async def scenario() -> None:
        explorer.structure = "CO"
        await until(begun.is_set)
        explorer.cancel()
        assert not explorer.busy
        gate.set()

    run(scenario)
    assert (formula(explorer), message(explorer)) == ("OC", "Cancelled.")


def test_undo_while_a_file_is_read_keeps_what_is_shown(explorer: Explorer) -> None:
    explorer.structure = "CO"

    async def scenario() -> None:
        upload(explorer, "water.xyz", WATER)
        assert explorer.busy
        explorer.undo()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert (explorer.reference.name, message(explorer)) == ("CO", "")


@pytest.mark.slow
def test_undo_closes_the_result_below(gate: threading.Event) -> None:
    gate.set()
    explorer = Explorer("CH4", DESCRIPTOR)
    explorer.show_example("twin")
    explorer.wait()
    assert explorer.below.children
    explorer.undo()
    assert (explorer.reference.name, explorer.below.children) == ("CH4", ())


@pytest.mark.slow
def test_a_file_of_the_same_name_replaces_the_first(
    explorer: Explorer, gate: threading.Event
) -> None:
    gate.set()

    async def scenario() -> None:
        for atoms in ("H2O", "NH3", "NH3"):
            upload(explorer, "mine.xyz", xyz(molecule(atoms)))
            await until(lambda: not explorer.busy)
            assert explorer.settings.upload.value == ()
            assert explorer.structure == structures.load(atoms)
            assert "mine.xyz" in explorer.settings.summary.value

    run(scenario)


def test_values_of_many_atoms_are_computed_once(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    gate.set()
    crystal, computed = bulk("Si", cubic=True) * (3, 3, 1), []
    assert len(crystal) > state.FEW

    def count(*arguments: Any, **settings: Any) -> Any:
        computed.append(arguments[0])
        return spectrum(*arguments, **settings)

    monkeypatch.setattr(state, "spectrum", count)
    monkeypatch.setattr(presenter.Presenter, "_trace", lambda _: None)
    monkeypatch.setattr(presenter, "explain", lambda reference, **_: reference)
    explorer = Explorer("H2", RADIAL)
    computed.clear()
    explorer.structure = crystal
    assert len(computed) == 1
    assert len(markers(explorer)) == 3 * len(crystal)
