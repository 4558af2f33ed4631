"""A small custom view: the atoms move along a mode, beside the change of the features.

from own_view import ResponseView
ResponseView("CH4", DensityCorrelations(), mode=0)
"""

import numpy as np

from sensitivity import feature_changes, spectrum, structures
from sensitivity.explorers.parts.choices import Share
from sensitivity.explorers.parts.figure_widget import alone
from sensitivity.explorers.parts.motion_view import MotionChart, MotionView, Texts
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.numerics import check_integer, takes_centers
from sensitivity.plots.camera import choose_view

LONGEST = 0.5  # Å
STOPS = np.linspace(0.0, LONGEST, 51)


class ResponseChart(MotionChart):
    """The norm of the change of the features against the amplitude."""

    @alone
    def load(self, changes):
        self.changes = changes
        self.point = self.draw(self.figure)
        self.finish()

    def draw(self, figure):
        axes = figure.subplots()
        axes.loglog(STOPS[1:], self.changes[1:])
        (point,) = axes.loglog([], [], "o")
        axes.set(xlabel="amplitude (Å)", ylabel="change of the features")
        return point

    def copy(self, figure):  # for files
        point = self.draw(figure)
        return lambda stop: point.set_data([STOPS[stop]], [self.changes[stop]])

    @alone
    def mark(self, amplitude, change):
        self.point.set_data([amplitude], [change])
        self.redraw()


class ResponseView(MotionView):
    """The response of the features to one mode; ``view.share = 0.5`` moves the atoms halfway."""

    share = Share(0.0)
    moved, per_stop = "share", 1 / (len(STOPS) - 1)
    texts = Texts(
        label="amplitude (Å)",
        slider="Move the atoms along the mode",
        film="Move along the mode and back",
        arrows="Show the mode as arrows",
        reset="Return to the start",
        file="response",
    )

    @takes_centers  # center= raises a TypeError that names the right word
    def __init__(self, structure, descriptor, *, mode, centers=None):
        super().__init__()
        self.atoms = structures.load(structure) if isinstance(structure, str) else structure
        modes = spectrum(self.atoms, descriptor, centers=centers).modes
        expected = f"an integer from 0 to {len(modes) - 1}"
        check_integer(mode, "mode", expected, accepts=lambda index: 0 <= index < len(modes))
        self.direction = modes[mode]
        self.changes = feature_changes(
            self.atoms, descriptor, self.direction[None], centers=centers, amplitudes=STOPS
        )[0]
        chart = ResponseChart()
        chart.load(self.changes)
        self._build(chart, Body(self.atoms), stops=[f"{stop:.2f}" for stop in STOPS])
        self._built = True

    def _place(self, share):
        return [self.atoms.positions + share * LONGEST * self.direction], self.direction

    def _camera(self):
        return Camera.around(self.atoms.positions, view=choose_view(self.atoms, self.direction))

    def _move(self):
        super()._move()
        self.chart.mark(STOPS[self.stop], self.changes[self.stop])
        self.panel.say(
            f"At {STOPS[self.stop]:.2f} Å the features differ by {self.changes[self.stop]:.2g}."
        )
