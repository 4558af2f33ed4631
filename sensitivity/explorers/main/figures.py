"""Molecule and chart of the current view as a figure or an animation for a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure, FigureBase

from sensitivity.explorers.main.spectrum_plot import SpectrumPlot, Traces, Values
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.figures import DRAWING, SIZES, make_figure, write_film
from sensitivity.explorers.parts.scene import Scene
from sensitivity.explorers.parts.state import State, compute, explain_spectrum
from sensitivity.progress import checkpoint


@dataclass(frozen=True, eq=False)
class Picture:
    """The current view of an explorer, and the settings of its figures."""

    state: State
    traces: Traces | None  # if there are any yet
    scene: Scene
    columns: int = 2  # of a journal
    transparent: bool = False
    cells: int = 1  # drawn along each periodic direction

    def scene_of(self, state: State) -> Scene:
        """Return the scene at another amplitude."""
        positions, (start, end) = state.atoms.positions, self.scene.arrows
        arrows = np.stack([positions, positions + (end - start)])
        (body,) = self.scene.bodies
        return replace(self.scene, positions=(body.extend(positions),), arrows=arrows)


def draw_figure(picture: Picture) -> Figure:
    """Return a figure with the molecule and, beside or below it, the chart."""
    figure, axes, part = make_figure(SIZES[picture.columns])
    values = _compute_values(picture.state)
    with DRAWING:
        picture.scene.draw(axes)
        plot = _draw_plot(figure, part, picture, values.causes)
        plot.place(values)
    return figure


def draw_film(picture: Picture, states: Sequence[State], *, report: Report) -> bytes:
    """Return a GIF of several states of one reference."""
    shown = {each.state.amplitude: each for each in _compute_all(states, report)}
    scenes = {amplitude: picture.scene_of(each.state) for amplitude, each in shown.items()}
    figure, axes, part = make_figure(SIZES[2])
    causes = {cause for each in shown.values() for cause in each.causes}
    with DRAWING:
        plot = _draw_plot(figure, part, picture, causes)

    def show(amplitude: float) -> None:
        scenes[amplitude].draw(axes, scenes=list(scenes.values()))
        axes.set_title(f"amplitude {amplitude:+.2f} Å", fontsize="medium")
        plot.place(shown[amplitude])

    return write_film(figure, [state.amplitude for state in states], show, report=report)


def _draw_plot(
    figure: Figure, part: FigureBase, picture: Picture, causes: Iterable[str]
) -> SpectrumPlot:
    plot = SpectrumPlot()
    plot.draw(part, picture.state.reference)
    if picture.traces is not None:
        plot.trace(picture.traces)
    named = {"at amplitude 0": plot.before}
    named |= {cause: line for cause, line in plot.values.items() if cause in causes}
    style: dict[str, Any] = {"fontsize": 7, "frameon": False, "loc": "outside upper center"}
    tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "markerscale": 0.8}
    part.legend(named.values(), named, ncols=3, **style, **tight)
    figure.draw_without_rendering()  # sets the size of the axes
    plot.fit_markers()
    return plot


def _compute_all(states: Sequence[State], report: Report) -> list[Values]:
    """Return the singular values of each state once, with causes if they are quick to find."""
    found: dict[float, Values] = {}
    count, estimate = len({state.amplitude for state in states}), Estimate()
    for state in states:
        if state.amplitude not in found:
            checkpoint()
            report(f"{estimate(f'Computing singular values: {len(found)} of {count}')} …")
            found[state.amplitude] = _compute_values(state)
    return list(found.values())


def _compute_values(state: State) -> Values:
    reference = state.reference
    spectrum = compute(state).spectrum if state.amplitude else reference.spectrum
    explained = reference.quick and reference.diagnosis is not None
    if spectrum is not None and state.amplitude and explained:
        diagnosis = explain_spectrum(spectrum, reference.descriptor)
        if diagnosis is not None and not diagnosis.ending:
            return Values.explained(state, diagnosis)
    return Values.of(state, spectrum)
