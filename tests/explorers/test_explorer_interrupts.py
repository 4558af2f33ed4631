"""Ctrl-C at any moment leaves an explorer as it was, or as it was to be."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from panel import QUICK, SIMPLE, TOOLBAR, drawn, heights, message, sentence

from sensitivity.explorers import Explorer

pytestmark = TOOLBAR

CHANGES: list[Callable[[Explorer], None]] = [
    lambda e: setattr(e, "structure", "H2O" if e.reference.name == "CO" else "CO"),
    lambda e: setattr(e, "mode", (e.mode + 1) % len(e.reference.causes)),
    lambda e: setattr(e, "amplitude", 0.1 if e.amplitude == 0 else 0.0),
    lambda e: setattr(e, "descriptor", QUICK if e.descriptor == SIMPLE else SIMPLE),
    lambda e: setattr(e, "arrows", not e.arrows),
    lambda e: e.undo(),
    lambda e: e.actions.tasks["raise_order"].click(),
    lambda e: setattr(e.controls.mode, "value", 0),
    lambda e: e.reset(),
    lambda e: e.wait(),
]


def interrupt(act: Callable[[Explorer], None], explorer: Explorer, *, after: float) -> bool:
    """Call this and send SIGINT after some seconds; True if it was raised."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, after)
            act(explorer)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


@pytest.fixture
def alarm() -> Iterator[None]:
    """The timer stands for Ctrl-C."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield
    signal.signal(signal.SIGALRM, before)


def assert_consistent(explorer: Explorer) -> None:
    state, controls, settings = explorer.state, explorer.controls, explorer.settings
    chosen = (state.mode, state.amplitude, state.arrows, state.arrow_length)
    assert chosen == (explorer.mode, explorer.amplitude, explorer.arrows, explorer.arrow_length)
    assert chosen == (
        controls.mode.value,
        controls.amplitude.value,
        controls.arrows.value,
        controls.arrow_length.value,
    )
    assert len(controls.mode.options) == len(state.reference.causes)
    assert settings.structure.value == state.reference.name
    for name, control in settings.of_descriptor.items():
        assert control.value == getattr(explorer.descriptor, name)
    assert explorer._wanted.name == state.reference.name
    assert explorer._wanted.descriptor == explorer.descriptor
    np.testing.assert_array_equal(explorer.molecule.sent[0], state.atoms.positions)
    assert (explorer.chart.chosen.get_xdata()[0], len(explorer.chart.traces)) == (
        state.mode,
        len(state.reference.causes),
    )
    assert not explorer.busy
    assert not explorer.actions.tasks["undo"].disabled
    assert f"mode {state.mode}" in sentence(explorer).lower()
    if len(drawn(explorer)):
        exact = explorer.shown.spectrum
        assert exact is not None
        assert drawn(explorer) == pytest.approx(heights(exact.singular_values, explorer), rel=1e-9)
    else:
        assert "Cancelled" in sentence(explorer)


@pytest.mark.slow
def test_a_hundred_interrupts_leave_no_half_state(alarm: None) -> None:
    rng = np.random.default_rng(5)
    explorer = Explorer("CO", SIMPLE)
    lengths = []
    for change in CHANGES:
        begun = time.perf_counter()
        change(explorer)
        lengths.append(time.perf_counter() - begun)
    hits = 0
    for number in range(100):
        k = number % len(CHANGES)
        after = rng.uniform(1e-5, max(lengths[k], 2e-3))
        hits += interrupt(CHANGES[k], explorer, after=after)
        assert_consistent(explorer)
        explorer.amplitude = 0.05 if explorer.amplitude != 0.05 else 0.06
        assert_consistent(explorer)
        assert len(drawn(explorer)) == len(explorer.reference.causes)
    assert hits > 30
    explorer.structure = "H2"
    assert (explorer.reference.name, message(explorer)) == ("H2", "")
