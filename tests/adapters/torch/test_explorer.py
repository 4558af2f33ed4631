"""CHGNet in the explorer: the atoms come at once, and the singular values follow."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from ase.build import bulk
from panel import SINGLE, SOON, TOOLBAR, Post, drawn, heights
from waiting import until

from sensitivity import spectrum
from sensitivity.descriptors import Chgnet
from sensitivity.explorers import Explorer
from sensitivity.explorers.parts import state

pytestmark = TOOLBAR

MOST = 2.0  # seconds of a processor, of the spectrum of eight atoms


def test_silicon_moves_at_once_and_the_spectrum_of_chgnet_follows(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    silicon, descriptor, seconds = bulk("Si", cubic=True), Chgnet(), dict[float, float]()

    def measured(atoms, kind, **settings):
        """Return the spectrum, that of CHGNet when the gate opens; record its time by amplitude."""
        if kind is descriptor:
            gate.wait()
        start = time.thread_time()
        found = spectrum(atoms, kind, **settings)
        if kind is descriptor:
            amplitude = np.linalg.norm(atoms.positions - silicon.positions)
            seconds[round(float(amplitude), 6)] = time.thread_time() - start
        return found

    monkeypatch.setattr(state, "spectrum", measured)

    async def scenario() -> None:
        explorer, post = Explorer(silicon, descriptor, explained=False), Post()
        assert explorer.presenter.previewing
        assert seconds == {}
        (shown,) = explorer.molecule.scene.positions
        np.testing.assert_allclose(shown[:8], silicon.positions, atol=SINGLE)
        gate.set()
        await until(lambda: not explorer.presenter.previewing)
        found = explorer.reference.spectrum
        assert (explorer.descriptor, found.rank, found.internal) == (descriptor, 6, 21)
        explorer.cancel()  # the curves along the mode
        gate.clear()
        monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
        explorer.amplitude = 0.1
        moved = silicon.positions + 0.1 * explorer.reference.modes[explorer.mode]
        np.testing.assert_allclose(post.last()[0][:8], moved, atol=SINGLE)
        assert 0.1 not in seconds
        gate.set()
        await until(lambda: 0.1 in seconds and not explorer.presenter.workers[0].busy)
        there = silicon.copy()
        there.positions = moved
        values = spectrum(there, descriptor).singular_values
        np.testing.assert_allclose(drawn(explorer), heights(values, explorer), rtol=1e-6)
        explorer.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20 * SOON))
    assert seconds[0.1] < MOST
