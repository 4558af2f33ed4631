"""Molecule and chart as they are on the screen, as a figure for a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sensitivity.explorers.main.chart import Chart
from sensitivity.explorers.parts.molecule import Camera
from sensitivity.explorers.parts.state import State, arrow_ends
from sensitivity.plots.animation import Look
from sensitivity.plots.modes import draw_scene, scene_limits

SIZES = {1: (3.4, 5.4), 2: (7.0, 2.9)}
"""Inches, by how many columns of a journal the figure takes."""


def see(state: State, camera: Camera) -> Look:
    """Return how the explorer shows the atoms of a state."""
    mode, length = state.reference.modes[state.mode], state.arrow_length * state.arrows
    start, end = arrow_ends(np.zeros_like(mode), mode, length=length)
    few = len(state.reference.centers) < len(state.reference.atoms)
    marked = state.reference.centers if few else ()
    return Look(camera.view, end - start, marked=marked, chosen=state.mode)


def draw_figure(state: State, chart: Chart, look: Look, *, columns: int) -> Figure:
    """Return a figure with the molecule and, beside it or below, the chart."""
    figure = Figure(figsize=SIZES[columns], layout="constrained")
    parts: Any = (
        figure.subfigures(2, 1, height_ratios=(1.0, 1.1))
        if columns == 1
        else figure.subfigures(1, 2, width_ratios=(1.0, 2.0))
    )
    molecule = parts[0].subplots()
    left, right = parts[1].subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
    draw_scene(molecule, state.atoms, view=look.view, arrows=look.arrows, marked=look.marked)
    x, y = scene_limits(state.atoms.positions, view=look.view, arrows=look.arrows)
    molecule.set(xlim=x, ylim=y, aspect="equal")
    molecule.set_axis_off()
    with chart.in_print():
        chart.copy(left, right)
    lines, names = left.get_legend_handles_labels()
    named = {name: line for line, name in zip(lines, names, strict=True) if len(line.get_xdata())}
    style = {"fontsize": 7, "frameon": False, "loc": "outside upper center"}
    tight = {"handletextpad": 0.2, "columnspacing": 1.0}
    parts[1].legend(named.values(), named, ncols=3, **style, **tight)
    return figure
