"""Move the atoms along a singular vector, and watch the singular values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import numpy as np
import traitlets
from ase import Atoms

from sensitivity.descriptors.protocol import Centers, Descriptor
from sensitivity.explorers.chart import Chart
from sensitivity.explorers.controls import STEP, Controls, swing
from sensitivity.explorers.displacement import (
    Displacement,
    arrow_ends,
    displace,
    evaluate,
    least_visible,
    meaning,
    trace_amplitudes,
    vanishes,
)
from sensitivity.explorers.libraries import require
from sensitivity.explorers.molecule import FAMILY, Molecule
from sensitivity.plots.palette import ARROW
from sensitivity.spectrum import Spectrum, spectrum

REACH = 0.3
"""Å per atom, root mean square, at the ends of the amplitude slider: a third of a bond, where most
structures are still recognizable."""

PAUSE = 0.005
"""Seconds between two points of the trace, so that whoever moves a slider meanwhile goes first."""

GLIMPSE = 0.5
"""Seconds after which a trace that takes longer is shown as far as it is known."""

PICTURE = "sensitivity-picture"

STYLE = f"""<style>
.{PICTURE} {{background: white; border: 1px solid #bdbdbd; border-radius: 4px; overflow: hidden}}
</style>"""
"""Molecule and chart are on white paper, in a dark JupyterLab too."""


class Explorer(traitlets.HasTraits):
    """The atoms with arrows along one mode, and the singular values, in a notebook.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.mode = 3``, ``explorer.amplitude = 0.2``, ``explorer.arrows = False``,
    ``explorer.reset()``.

    The mode is a right singular vector of the reference, the structure at amplitude zero, and
    stays the same while the amplitude moves. The singular values shown are those of the displaced
    structure, in descending order, beside those of the reference (dashes).

    Parameters
    ----------
    atoms
        The reference. It is not changed.
    descriptor
        What looks at the structure, for instance a ``DensityCorrelations``.
    centers
        Indices of the center atoms; every atom by default.

    Attributes
    ----------
    mode
        Index of the mode, a row of ``reference.modes``. At first the internal mode with the
        smallest singular value.
    amplitude
        Å. Root of the summed squares of what the atoms moved.
    arrows
        Whether one arrow per atom shows the direction of motion.
    reach
        Å. The largest amplitude, at the ends of the slider.
    reference
        The spectrum at amplitude zero.
    state
        The displaced structure and its spectrum, or the sentence that says why it has none.

    Raises
    ------
    ValueError
        If the mode does not exist, or the amplitude is beyond the ends of the slider.
    """

    mode = traitlets.CInt()
    amplitude = traitlets.CFloat()
    arrows = traitlets.CBool(True)

    def __init__(self, atoms: Atoms, descriptor: Descriptor, *, centers: Centers = None) -> None:
        super().__init__()
        self.reference: Spectrum = spectrum(atoms, descriptor, centers=centers)
        self._descriptor = descriptor
        self.reach = round(REACH * float(np.sqrt(len(atoms))), 1)
        self._tracing: Iterator[None] = iter(())
        self.mode = least_visible(self.reference)
        self.chart = Chart(self.reference, reach=self.reach)
        self.molecule = Molecule(
            atoms, motion=self.reference.modes[self.mode], color=ARROW, on_width=self.chart.fit
        )
        self.controls = Controls(labels=_labels(self.reference), reach=self.reach)
        self.widget = _arrange(self.molecule.widget, self.chart.widget, self.controls.box)
        self._connect()
        self._choose()

    def reset(self) -> None:
        """Go back to the least visible mode, amplitude zero, arrows, and the first camera."""
        self.controls.play.playing = False
        self.controls.play.value = 0
        self.amplitude, self.arrows = 0.0, True
        self.mode = least_visible(self.reference)
        self.molecule.fit()

    def _connect(self) -> None:
        traitlets.link((self, "mode"), (self.controls.mode, "value"))
        traitlets.link((self, "arrows"), (self.controls.arrows, "value"))
        self.controls.amplitude.observe(self._slide, "value")
        self.observe(self._choose, "mode")
        self.observe(self._move, ["amplitude", "arrows"])
        self.controls.play.observe(self._swing, "value")
        self.controls.reset.on_click(lambda _: self.reset())
        self.chart.on_click(mode=self._click_mode, amplitude=self._click_amplitude)

    def _choose(self, _: Any = None) -> None:
        self._move()
        self._tracing = self._trace()
        _in_the_background(self._tracing, wanted=lambda work: work is self._tracing)

    def _move(self, _: Any = None) -> None:
        where: dict[str, Any] = {"mode": self.mode, "amplitude": self.amplitude}
        atoms = displace(self.reference, **where)
        pattern = self.reference.modes[self.mode] if self.arrows else np.zeros((len(atoms), 3))
        self.molecule.show(atoms.positions, arrow_ends(atoms.positions, pattern))
        self.controls.stand_at(self.amplitude)
        self.state = evaluate(self.reference, self._descriptor, **where)
        self.chart.show(self.state)
        self.controls.sentence.value = _sentences(self.state)

    def _trace(self) -> Iterator[None]:
        amplitudes = trace_amplitudes(self.reach)
        values = np.full((len(amplitudes), len(self.reference.kinds)), np.nan)
        self.chart.show_traces(amplitudes, values)  # none: those of another mode would mislead
        shown = time.monotonic()
        for k in np.argsort(np.abs(amplitudes)):  # from the middle outwards
            where: dict[str, Any] = {"mode": self.mode, "amplitude": float(amplitudes[k])}
            state = evaluate(self.reference, self._descriptor, **where)
            values[k] = state.spectrum.singular_values if state.spectrum else np.nan
            if time.monotonic() > shown + GLIMPSE:
                self.chart.show_traces(amplitudes, values)
                shown = time.monotonic()
            yield
        self.chart.show_traces(amplitudes, values)

    def _slide(self, change: Any) -> None:
        # The slider stands at the stop nearest to the amplitude, which may lie between two.
        if abs(change["new"] - self.amplitude) > STEP / 2:
            self.amplitude = change["new"]

    def _swing(self, change: Any) -> None:
        self.amplitude = swing(change["new"], reach=self.reach)

    def _click_mode(self, mode: int) -> None:
        self.mode = mode

    def _click_amplitude(self, amplitude: float) -> None:
        self.amplitude = round(float(np.clip(amplitude, -self.reach, self.reach)), 2)

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        mode, count = int(proposal["value"]), len(self.reference.kinds)
        if not 0 <= mode < count:
            raise ValueError(f"mode must be one of 0 to {count - 1}, got {mode}")
        return mode

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        amplitude = float(proposal["value"])
        if not abs(amplitude) <= self.reach:
            raise ValueError(
                f"amplitude must be between {-self.reach} and {self.reach} Å, got {amplitude}"
            )
        return amplitude

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def _in_the_background(work: Iterator[None], *, wanted: Callable[[Iterator[None]], bool]) -> None:
    """Do the work step by step between the events of a notebook; outside of one, at once."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        for _ in work:
            pass
        return

    def step() -> None:
        if wanted(work) and next(work, "done") != "done":
            loop.call_later(PAUSE, step)

    loop.call_soon(step)


def _labels(reference: Spectrum) -> list[str]:
    values = reference.singular_values
    texts = [
        "0" if vanishes(reference, mode) else f"{values[mode]:.1e}" for mode in range(len(values))
    ]
    return [
        f"{mode}: {text}, {kind}"
        for mode, (text, kind) in enumerate(zip(texts, reference.kinds, strict=True))
    ]


def _sentences(state: Displacement) -> str:
    first = escape(meaning(state.reference, state.mode))
    where = f"At {state.amplitude:+.2f} Å"
    if state.spectrum is None:
        second = f'<b style="color: {ARROW}">{where}: {escape(state.problem)}</b>'
    else:
        second = f"{where}: {escape(state.spectrum.status)}"
    return f'<div style="line-height: 1.5">{first}<br>{second}</div>'


def _arrange(molecule: Any, chart: Any, controls: Any) -> Any:
    widgets = require("ipywidgets")
    left = widgets.Box([molecule], layout={"flex": "1 1 280px", "min_width": "280px"})
    right = widgets.Box([chart], layout={"flex": "0 1 auto"})
    for picture in (left, right):
        picture.add_class(PICTURE)
    pictures = widgets.Box([left, right], layout={"flex_flow": "row wrap", "grid_gap": "8px"})
    style = widgets.HTML(STYLE, layout={"display": "none"})
    explorer = widgets.VBox([style, pictures, controls], layout={"max_width": "1240px"})
    explorer.add_class(FAMILY)
    return explorer
