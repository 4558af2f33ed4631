"""The explorer in a notebook, where what takes long goes on while a person does something else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partialmethod
from typing import Any

import numpy as np
import pytest
from panel import (
    DESCRIPTOR,
    QUICK,
    SIMPLE,
    SINGLE,
    SOON,
    TOOLBAR,
    Post,
    drawn,
    heights,
    markers,
    message,
    sentence,
)
from waiting import idle, run, spin, until

from sensitivity import diagnose, spectrum, structures
from sensitivity.explorers import Explorer
from sensitivity.explorers.main import explorer as searches
from sensitivity.explorers.main import presenter
from sensitivity.explorers.parts import state
from sensitivity.explorers.parts.background import Worker
from sensitivity.progress import Cancelled, checkpoint

pytestmark = TOOLBAR


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("CH4", QUICK)


def test_after_two_hundred_rapid_steps_the_last_one_is_shown(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
    amplitudes = np.round(np.random.default_rng(3).uniform(-0.7, 0.7, 200), 6).tolist()
    shown: list[float] = []
    show = explorer.chart.show

    def watch(content: Any) -> None:
        shown.append(content.state.amplitude)
        show(content)

    monkeypatch.setattr(explorer.chart, "show", watch)
    monkeypatch.setattr(Worker, "start", partialmethod(Worker.start, patience=0.0))

    async def scenario() -> None:
        for number, amplitude in enumerate([*amplitudes, 0.123]):
            explorer.amplitude = amplitude
            if number % 10 == 0:
                await asyncio.sleep(0)
        await until(lambda: not explorer.busy)

    run(scenario)
    assert len(post.messages) >= 200
    assert shown[-1] == 0.123
    moved = explorer.state.atoms
    found = diagnose(moved, QUICK, centers=[0])
    values = [mode.singular_value for mode in found.modes]
    assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-12)
    assert "At +0.12 Å: Moving 0.01 Å further" in sentence(explorer)


def test_causes_of_a_structure_that_is_left_are_not_drawn(explorer: Explorer) -> None:
    before = markers(explorer)

    async def scenario() -> None:
        explorer.amplitude = 0.2
        explorer.amplitude = 0.0
        await until(lambda: not explorer.busy)
        for worker in explorer._workers:
            await idle(worker)

    run(scenario)
    assert markers(explorer) == before


def test_a_new_mode_stops_the_trace_of_the_old_one(explorer: Explorer) -> None:
    async def scenario() -> None:
        explorer.mode = 0
        explorer.mode = 1
        await until(lambda: not explorer.busy)

    run(scenario)
    line = explorer.chart.traces[0]
    moved = structures.load("CH4")
    moved.positions += line.get_xdata()[-1] * explorer.reference.modes[1]
    values = spectrum(moved, QUICK, centers=[0]).singular_values
    assert line.get_ydata()[-1] == pytest.approx(values[0], rel=1e-12)


def test_the_atoms_move_though_the_spectrum_takes_long(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    post = Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)

    def slow(now: Any) -> Any:
        gate.wait(SOON)
        return state.compute(now)

    monkeypatch.setattr(presenter, "compute", slow)

    async def scenario() -> None:
        explorer.amplitude = 0.21
        assert np.allclose(post.last()[0], explorer.state.atoms.positions, atol=1e-6)
        assert "At +0.21 Å: the singular values are being computed." in sentence(explorer)
        assert explorer.busy
        gate.set()
        await until(lambda: not explorer.busy)
        assert "At +0.21 Å: Moving 0.01 Å further" in sentence(explorer)

    run(scenario)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("the basis <broke>"), "At +0.22 Å: The basis <broke>."),
        (RuntimeError(), "At +0.22 Å: RuntimeError."),
        (Cancelled(), "At +0.22 Å: Cancelled."),
    ],
)
def test_what_goes_wrong_with_a_spectrum_is_said(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    def broken(_: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(presenter, "compute", broken)
        explorer.amplitude = 0.22
    assert said in sentence(explorer)
    assert not markers(explorer)
    explorer.amplitude = 0.23
    assert "At +0.23 Å: Moving 0.01 Å further" in sentence(explorer)
    assert len(markers(explorer)) == 15


def test_a_long_way_shows_progress_locks_the_buttons_and_can_be_cancelled(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    def slow(now: Any, report: Callable[[Any], None]) -> searches.Outcome:
        report("half way")
        spin(gate)(None)
        return searches.Outcome("never")

    monkeypatch.setattr(searches, "locate", slow)
    actions, reference = explorer.actions, explorer.reference

    async def scenario() -> None:
        actions.tasks["locate"].click()
        assert explorer.busy
        assert explorer.panel.cancel.layout.display is None
        assert actions.tasks["follow"].disabled
        assert actions.exports["gif"].disabled
        await until(lambda: message(explorer) == "half way")
        explorer.amplitude = 0.1  # the explorer goes on working
        explorer.panel.cancel.click()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer) == "Cancelled."
    assert explorer.panel.cancel.layout.display == "none"
    assert not actions.tasks["follow"].disabled
    assert explorer.reference is reference


def test_a_structure_asked_for_later_replaces_the_one_before(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    explorer = Explorer("H2", replace(QUICK, order=1))
    examine = state.examine

    def slow(subject: state.Subject) -> state.Reference:
        if len(subject.atoms) == 3:
            spin(gate)(None)
        return examine(subject)

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", slow)

    async def scenario() -> None:
        explorer.settings.structure.value = "H2O"
        assert message(explorer) == "Analysing H2O …"
        assert explorer.reference.name == "H2"
        explorer.settings.structure.value = "CO"
        await until(lambda: not explorer.busy)
        gate.set()
        await idle(explorer._task)

    run(scenario)
    assert explorer.reference.name == explorer.settings.structure.value == "CO"
    assert message(explorer) == ""
    explorer.undo()
    assert explorer.reference.name == "H2"


def test_a_cancelled_structure_leaves_the_controls_as_they_were(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    explorer = Explorer("H2", replace(QUICK, order=1))
    monkeypatch.setattr(
        "sensitivity.explorers.main.structure_view.examine", lambda *_, **__: spin(gate)(None)
    )

    async def scenario() -> None:
        explorer.settings.of_descriptor["cutoff"].value = 4.0
        explorer.cancel()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer) == "Cancelled."
    assert explorer.settings.of_descriptor["cutoff"].value == explorer.descriptor.cutoff == 3.0


def test_atoms_are_shown_before_their_values_which_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    explorer, post = Explorer("H2", replace(QUICK, order=1)), Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
    before, examine = explorer.state, state.examine

    def slow(subject: state.Subject) -> state.Reference:
        checkpoint("gradients: 1 of 3 centers")
        spin(gate)(None)
        return examine(subject)

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", slow)
    atoms = structures.load("H2O")

    async def scenario() -> None:
        explorer.structure = "H2O"
        assert post.types() == ["load", "binary_single"]
        np.testing.assert_allclose(post.last()[0], atoms.positions, atol=SINGLE)
        await until(lambda: message(explorer) == "Analysing H2O: gradients: 1 of 3 centers …")
        explorer.amplitude = 0.1  # of the molecule that is no longer there
        assert len(post.messages) == 2
        explorer.cancel()
        await until(lambda: not explorer._task.busy)
        assert message(explorer) == "Cancelled."
        np.testing.assert_allclose(post.last()[0], explorer.state.atoms.positions, atol=SINGLE)
        assert explorer.state == replace(before, reference=explorer.reference, amplitude=0.1)
        explorer.structure = "H2O"
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert explorer.reference.name == "H2O"
    np.testing.assert_allclose(post.last()[0], atoms.positions, atol=SINGLE)
    assert len(markers(explorer)) == 9


def test_atoms_without_values_can_be_turned_and_chosen(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    explorer, examine = Explorer("H2", replace(QUICK, order=1)), state.examine

    def slow(subject: state.Subject) -> state.Reference:
        spin(gate)(None)
        return examine(subject)

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", slow)

    async def scenario() -> None:
        explorer.structure = "NH3"
        center = explorer.molecule.camera.center
        explorer.look("z")
        explorer.chart.fit(500, 400)  # though it is empty
        assert explorer.molecule.camera.view[2].tolist() == [0, 0, 1]
        assert explorer.molecule.camera.center is center
        explorer.pick(3)
        explorer.pick(1, more=True)
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert (explorer.reference.name, explorer.centers) == ("NH3", (1, 3))
    assert len(markers(explorer)) == 12


def test_the_curves_of_many_atoms_wait_for_their_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "FEW", 1)
    traced: list[bool] = []
    trace = presenter.Presenter._trace

    def watch(self: presenter.Presenter) -> None:
        traced.append(self.state.reference.diagnosis is not None)
        trace(self)

    monkeypatch.setattr(presenter.Presenter, "_trace", watch)

    async def scenario() -> None:
        explorer = Explorer("CO", SIMPLE)
        await until(lambda: not explorer.busy)

    run(scenario)
    assert traced == [True]


def test_waiting_in_a_notebook_finishes_all_work() -> None:
    async def scenario() -> None:
        explorer = Explorer("X0", DESCRIPTOR)
        explorer.wait()
        assert not explorer.busy
        assert markers(explorer)[8][0] == "incompleteness"
        assert all(np.isfinite(line.get_ydata()).all() for line in explorer.chart.traces)

    run(scenario)


def test_a_setting_that_is_changed_while_another_is_computed_adds_to_it(
    monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    explorer = Explorer("H2", replace(QUICK, order=1))
    examine = state.examine

    def slow(subject: state.Subject) -> state.Reference:
        spin(gate)(None)
        return examine(subject)

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", slow)

    async def scenario() -> None:
        explorer.settings.structure.value = "H2O"
        explorer.settings.of_descriptor["cutoff"].value = 2.5
        explorer.settings.of_descriptor["n_max"].value = 2
        assert explorer.busy
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert len(explorer.structure) == 3
    assert (explorer.descriptor.cutoff, explorer.descriptor.n_max) == (2.5, 2)


def test_causes_that_take_long_are_announced_and_can_be_cancelled(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    monkeypatch.setattr(presenter, "explain_spectrum", lambda *_: spin(gate)(None))
    shown: list[str] = []
    explorer.panel.aside.observe(lambda change: shown.append(change["new"]), "value")

    async def scenario() -> None:
        explorer.amplitude = 0.2
        assert explorer.panel.cancel.layout.display == "none"
        await until(lambda: explorer.panel.aside.layout.display is None)
        assert "Computing the causes …" in explorer.panel.aside.value
        assert explorer.panel.cancel.layout.display is None
        assert not explorer.actions.tasks["follow"].disabled  # it can be gone on
        explorer.panel.cancel.click()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer) == "Cancelled."
    assert explorer.panel.cancel.layout.display == explorer.panel.aside.layout.display == "none"
    assert len(shown) == 2


def test_what_is_computed_fast_is_not_announced(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presenter, "SETTLED", 0.01)
    shown: list[str] = []
    explorer.panel.aside.observe(lambda change: shown.append(change["new"]), "value")

    async def scenario() -> None:
        for amplitude in np.linspace(0.01, 0.3, 30):
            explorer.amplitude = amplitude
            await asyncio.sleep(0.03)
        await until(lambda: not explorer.busy)

    run(scenario)
    assert shown == []


def test_cancelling_a_long_way_leaves_the_causes_alone(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    monkeypatch.setattr(presenter, "SETTLED", 0.0)
    monkeypatch.setattr(presenter, "explain_spectrum", lambda *_: spin(gate)(None))
    monkeypatch.setattr(searches, "locate", lambda *_: spin(gate)(None))

    async def scenario() -> None:
        explorer.amplitude = 0.2
        explorer.locate()
        explorer.cancel()
        await until(lambda: not explorer._task.busy)
        assert explorer.busy
        explorer.cancel()
        await until(lambda: not explorer.busy)

    run(scenario)
