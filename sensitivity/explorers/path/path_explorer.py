"""The explorer of paths: structures, their singular values and their feature distances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import traitlets
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.parts.background import Work
from sensitivity.explorers.parts.choices import Index, check_index, name_lengths
from sensitivity.explorers.parts.downloads import ATOMS, FIGURES, PAGE
from sensitivity.explorers.parts.figure_widget import alone
from sensitivity.explorers.parts.inputs import check_size
from sensitivity.explorers.parts.motion_view import MotionChart, MotionView, Texts
from sensitivity.explorers.parts.notes import Note
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.path.trajectory import Trajectory, examine, follow_frames, interpolate
from sensitivity.numerics import Array, takes_centers
from sensitivity.paths import Path
from sensitivity.plots.axes import ROUNDING, add_legend, scale_axis
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import ARROW, COLORS, SERIES
from sensitivity.plots.singular_values import draw_path
from sensitivity.share.pages import make_page


class PathExplorer(MotionView):
    """The atoms along a path, the singular values, and the distance of the features.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.frame = 7``, ``explorer.arrows = False``.

    ``busy`` is true while spectra are computed, ``wait()`` waits for them, and ``cancel()`` stops
    and keeps the results so far.

    Parameters
    ----------
    path
        The result of ``sensitivity.follow``. For an interpolation between two structures use
        ``between``, for a list of structures ``through``.
    descriptor
        The descriptor with which the path was followed; only with it the view has a page to share.

    Attributes
    ----------
    frame
        Index of the frame that is shown.
    arrows
        Whether one arrow per atom shows the direction of the path.

    Raises
    ------
    TypeError, ValueError
        If ``path`` is not a path, or the structure is too large.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> from sensitivity.explorers import PathExplorer
    >>> one, other = structures.load("X+"), structures.load("X-")
    >>> descriptor = DensityCorrelations()
    >>> explorer = PathExplorer.between(one, other, descriptor, centers=[0], count=5)
    >>> explorer.wait()
    >>> explorer.frame = 4
    >>> len(explorer.frames())
    5
    """

    frame = Index()
    moved = "frame"

    texts = Texts(
        label="path length (Å)",
        slider="Path length from the start; the arrow keys move by one frame, and a click "
        "on the chart selects a frame",
        film="Move to the end of the path and back",
        arrows="Show the direction in which each atom moves next",
        reset="Return to the start of the path and the initial view",
        file="path",
    )
    chart: PathChart
    pageless = (
        "the page of a path needs its descriptor, which the path does not hold; give it, as in "
        "PathExplorer(path, descriptor)."
    )

    def __init__(self, path: Path | Trajectory, descriptor: Descriptor | None = None) -> None:
        super().__init__()
        self._followed, self._descriptor = path, descriptor
        if isinstance(path, Trajectory):
            self.pageless = (
                "only a followed path has a page: share PathExplorer(path, descriptor), where path "
                "is a result of sensitivity.follow, or save this view as a figure, such as .png."
            )
        elif descriptor is not None:
            self.files = ATOMS | FIGURES | PAGE
        if isinstance(path, Path):
            facts = path.frames, path.length, path.modes, path.spectra[0].centers, path.spectra
            path = Trajectory(*facts, problems=("",) * len(path.frames), status=path.status)
        if not isinstance(path, Trajectory):
            raise TypeError(
                f"path must be a result of sensitivity.follow, got {type(path).__name__}; for two "
                "structures use PathExplorer.between."
            )
        check_size(path.frames[0])
        found = self._trajectory = path if path.complete else next(examine(path))
        if found.problems[0]:
            raise ValueError(f"the first structure has no spectrum: {found.problems[0]}")
        chart = PathChart()
        chart.load(found, frame=0)
        body = Body(found.frames[0], marked=found.centers)
        self._build(chart, body, stops=name_lengths(found.coordinate))
        chart.on_click(self._go)
        if not found.complete:
            self._tell_progress()
            self._run_through(examine(found), found, then=self._finish, told=self._learn)
        self._built = True

    @property
    def trajectory(self) -> Trajectory:
        """The frames, and the spectra and feature distances so far."""
        return self._trajectory

    @classmethod
    @takes_centers
    def between(
        cls,
        first: Atoms,
        second: Atoms,
        descriptor: Descriptor,
        *,
        centers: Centers = None,
        count: int = 41,
    ) -> PathExplorer:
        """Interpolate linearly between two molecules of the same atoms.

        The second is first superposed on the first: translated, rotated, like atoms exchanged, and
        mirrored if the descriptor is invariant to inversion. A single center stays the center. With
        more than 20 atoms, like atoms are not exchanged and the mirror image is not tried. The
        spectra are computed in the background and shown one by one. ``centers`` are indices of
        atoms of the first, every atom by default, and ``count`` is the number of frames.

        Raises
        ------
        TypeError, ValueError
            If the two are not molecules of the same atoms or are the same structure, if the number
            of frames is out of range, or if the descriptor cannot be computed for the first.
        """
        for atoms in (first, second):
            check_size(atoms)
        return cls(interpolate(first, second, descriptor, centers=centers, count=count))

    @classmethod
    @takes_centers
    def through(
        cls, frames: Sequence[Atoms], descriptor: Descriptor, *, centers: Centers = None
    ) -> PathExplorer:
        """Move through given structures of the same atoms, in the order given, as they are.

        The spectra are computed in the background, and shown as they come. ``centers`` are indices
        of atoms, every atom by default.

        Raises
        ------
        TypeError, ValueError
            If there are fewer than two structures, two in a row are the same, their atoms differ,
            or the descriptor cannot be computed for the first.
        """
        for atoms in frames:
            check_size(atoms)
        return cls(follow_frames(frames, descriptor, centers=centers))

    def frames(self) -> list[Atoms]:
        """Return all frames of the path, with path length in Å and condition, if known."""
        found, known = [], zip(self.trajectory.coordinate, self.trajectory.spectra, strict=True)
        for atoms, (length, spectrum) in zip(self.trajectory.frames, known, strict=True):
            frame = atoms.copy()
            frame.info["path_length"] = float(length)
            if spectrum is not None:
                frame.info["condition"] = float(spectrum.condition)
            found.append(frame)
        return found

    def _page(self) -> Work:
        path, descriptor = self._followed, self._descriptor
        return lambda report: make_page(path, descriptor=descriptor, progress=report).encode()

    @property
    def _notes(self) -> list[dict[str, Any]]:
        return [self.frames()[self.frame].info]

    def _place(self, at: int) -> tuple[Sequence[Array], Array]:
        return [self.trajectory.frames[at].positions], self.trajectory.directions[at]

    def _move(self) -> None:
        super()._move()
        self.chart.show(self.frame)
        self._say()

    def _say(self) -> None:
        self.panel.say(describe_frame(self.trajectory, self.frame), self.trajectory.status)

    def _learn(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self.chart.load(trajectory, frame=self.frame)
        self._say()
        self._tell_progress()

    def _finish(self, trajectory: Trajectory) -> None:
        self._learn(trajectory)
        left = sum(not problem for problem in trajectory.problems) - len(trajectory.known)
        self.panel.tell(f"Cancelled: {left} frames have no singular values." if left else "")

    def _tell_progress(self) -> None:
        known, count = len(self.trajectory.known), len(self.trajectory.frames)
        self.panel.tell(f"Singular values: {known} of {count} frames ...")

    def _camera(self) -> Camera:
        frames = self.trajectory.frames
        middle = len(frames) // 2
        view = choose_view(frames[0], self.trajectory.directions[middle])
        return Camera.around(*(frames[k].positions for k in (0, middle, -1)), view=view)

    @traitlets.validate("frame")
    def _validate_frame(self, proposal: Any) -> int:
        return check_index(proposal["value"], "frame", count=len(self.trajectory.frames))


def describe_frame(trajectory: Trajectory, frame: int) -> str:
    """Return a sentence on the position of a frame on the path and on its features."""
    where = (
        f"Frame {frame} of {len(trajectory.frames) - 1}, {trajectory.coordinate[frame]:.3g} of "
        f"{trajectory.coordinate[-1]:.3g} Å"
    )
    found = trajectory.spectra[frame]
    if found is None:
        problem = trajectory.problems[frame]
        return f"{where}: {problem or 'the singular values are not known yet.'}"
    seen = (
        f"{where}: rank {found.rank} of {found.internal}, smallest/largest singular value "
        f"{found.condition:.1e}"
    )
    distance, visible = trajectory.feature_distance[frame], trajectory.visible_distance[frame]
    if distance == 0.0:
        return f"{seen}; the features are those of the start."
    changed = f"{seen}; the features have changed by {distance:.1e}"
    if not visible:
        return f"{changed}."
    share = f"{100 * distance / visible:.2g} % of the change"
    return f"{changed}, {share} that the same length along the most visible mode would make."


class PathPlot:
    """Two axes above each other, with a cursor that moves through both.

    ``values`` are the lines of the singular values; ``smallest`` and ``distance`` are the bold
    lines. ``cursors`` are at the current frame, and ``points`` mark their intersections with the
    bold lines.
    """

    def draw(self, figure: FigureBase, trajectory: Trajectory) -> None:
        """Draw the known part of a trajectory into a figure, or a part of one."""
        self.trajectory = trajectory
        upper, lower = self.axes = figure.subplots(2, 1, sharex=True, height_ratios=(1.3, 1.0))
        upper.tick_params(labelbottom=False)
        x = self._x = trajectory.coordinate
        spectra = [each for each in trajectory.spectra if each is not None]
        self.values, self.smallest = draw_path(
            upper, spectra, x[trajectory.known], ticks=3, notes=False
        )
        self.distance = _draw_distance(lower, trajectory)
        room = 0.02 * float(x[-1])  # keeps the cursor visible at both ends
        lower.set(xlim=(-room, x[-1] + room), xlabel="path length (Å)")
        style: dict[str, Any] = {"color": "black", "linewidth": 1.2, "zorder": 4}
        self.cursors = [axes.axvline(0.0, **style) for axes in (upper, lower)]
        mark: dict[str, Any] = {"ls": "none", "mec": "black", "mew": 1.0, "ms": 7, "zorder": 5}
        colors = (upper, ARROW), (lower, SERIES[2])
        self.points = [axes.plot([], [], "o", color=color, **mark)[0] for axes, color in colors]
        for axes in (upper, lower):
            axes.tick_params(labelsize=8)
        figure.align_ylabels()

    def place(self, frame: int) -> None:
        """Move the cursor to a frame."""
        x = float(self._x[frame])
        lines = self.smallest, self.distance
        for cursor, point, line in zip(self.cursors, self.points, lines, strict=True):
            cursor.set_xdata([x, x])
            here = np.asarray(line.get_xdata()) == x
            point.set_data([x] if here.any() else [], np.asarray(line.get_ydata())[here])


COLUMN = 106  # points of the longest name in a legend


class PathChart(PathPlot, MotionChart):
    """A plot of a path as a widget."""

    def __init__(self) -> None:
        super().__init__(column=COLUMN)
        self.watch_pointer(self._describe)

    @alone
    def load(self, trajectory: Trajectory, *, frame: int) -> None:
        """Show the known part of a trajectory."""
        self.clear()
        self.draw(self.figure, trajectory)
        self.place(frame)
        self.finish(*self.cursors, *self.points)

    @alone
    def show(self, frame: int) -> None:
        """Move the cursor to a frame."""
        self.place(frame)
        self.refresh()

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; return its move to a frame."""
        plot = PathPlot()
        plot.draw(figure, self.trajectory)
        for axes in plot.axes:
            add_legend(axes)
        return plot.place

    def _describe(self, event: Any) -> Note:
        frame = int(np.argmin(np.abs(self._x - event.xdata)))
        upper = event.inaxes is self.figure.axes[0]
        line, name = (self.smallest, "smallest") if upper else (self.distance, "along this path")
        here = np.asarray(line.get_xdata()) == self._x[frame]
        values = [f"{value:.2g}" for value in np.asarray(line.get_ydata())[here]]
        text = f"{self._x[frame]:.3g} Å, {name}: {values[0] if values else 'not known'}"
        return Note((float(event.x), float(event.y)), text)

    def on_click(self, frame: Callable[[int], None]) -> None:
        """Call ``frame`` with the frame that the user clicks on."""
        self.watch_clicks(lambda event: frame(int(np.argmin(np.abs(self._x - event.xdata)))))


def _draw_distance(axes: Axes, trajectory: Trajectory) -> Line2D:
    known, start = trajectory.known, trajectory.spectra[0]
    x = trajectory.coordinate[known]
    distance, visible = trajectory.feature_distance[known], trajectory.visible_distance[known]
    size = 0.0 if start is None else float(np.linalg.norm(start.features))
    both = np.concatenate([distance, visible])
    axis = scale_axis(axes, both, zero=ROUNDING * size, ticks=3, notes=False)
    style: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 1.0, "linestyle": "--"}
    axes.plot(x, axis.heights(visible), label="most visible mode", **style)
    style = {"color": SERIES[2], "linewidth": 2.0, "label": "along this path"}
    (line,) = axes.plot(x, axis.heights(distance), **style)
    axes.set_ylabel("feature distance")
    return line
