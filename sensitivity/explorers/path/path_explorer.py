"""Move along a path through structures, beside their singular values and feature distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.parts.choices import Index, check_index
from sensitivity.explorers.parts.molecule import Body, Camera
from sensitivity.explorers.parts.motion_view import Labels, MotionView
from sensitivity.explorers.parts.sliders import name_lengths
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.explorers.parts.view import run_through
from sensitivity.explorers.path.path_chart import PathChart
from sensitivity.explorers.path.trajectory import (
    Trajectory,
    examine,
    examine_start,
    interpolate,
)
from sensitivity.numerics import Array
from sensitivity.paths import Path
from sensitivity.plots.camera import choose_view


class PathExplorer(MotionView):
    """The atoms along a path, the singular values, and the distance of the features.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.frame = 7``, ``explorer.arrows = False``.

    ``busy`` tells whether spectra are being computed, ``wait()`` waits for them, and ``cancel()``
    stops and keeps those that are known.

    Parameters
    ----------
    path
        The result of ``sensitivity.follow``. For an interpolation between two structures see
        ``between``.

    Attributes
    ----------
    trajectory
        Frames, spectra and feature distances.
    frame
        Index of the frame that is shown.
    arrows
        Whether one arrow per atom shows the direction of the path.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or the structure is too large.
    """

    frame = Index()

    labels = Labels(
        label="length (Å)",
        slider="Path length from the start; the arrow keys move by one frame, and a click "
        "on the chart does the same as the slider",
        film="Move to the end of the path and back",
        arrows="Show the direction in which each atom moves on",
        reset="Back to the start of the path, and to the first view",
    )
    chart: PathChart

    def __init__(self, path: Path | Trajectory) -> None:
        super().__init__()
        found = _check_path(path)
        self._trajectory = found = found if found.complete else examine_start(found)
        chart = PathChart()
        chart.load(found, frame=0)
        marked = found.centers if len(found.centers) < len(found.frames[0]) else ()
        self._build(
            chart,
            Body(found.frames[0], marked=marked),
            stops=name_lengths(found.coordinate),
        )
        chart.on_click(self._go)
        if not found.complete:
            self._compute()
        self._built = True

    @property
    def trajectory(self) -> Trajectory:
        """Frames, spectra and feature distances, as far as they are known."""
        return self._trajectory

    @classmethod
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

        The second is superposed on the first before: moved, rotated, like atoms exchanged, and
        mirrored if the descriptor does not see that. A single center stays the center. Of more than
        20 atoms like ones are not exchanged, and no mirror image is taken. The spectra are computed
        in the background, and shown as they come.

        Parameters
        ----------
        first, second
            Molecules, N atoms each.
        descriptor
            The descriptor.
        centers
            Indices of the center atoms in the first; every atom by default.
        count
            Number of frames.

        Raises
        ------
        TypeError, ValueError
            If the two are not molecules of the same atoms or are the same structure, if the number
            of frames is out of range, or if the descriptor cannot be computed for the first.
        """
        for atoms in (first, second):
            check_size(atoms)
        return cls(interpolate(first, second, descriptor, centers=centers, count=count))

    @property
    def stop(self) -> int:
        """The frame."""
        return int(self.frame)

    def _go(self, stop: int) -> None:
        self.frame = stop

    def _place(self) -> tuple[Sequence[Array], Array]:
        trajectory = self.trajectory
        return [trajectory.frames[self.frame].positions], trajectory.directions[self.frame]

    def _move(self) -> None:
        super()._move()
        self.chart.show(self.frame)
        self._say()

    def _say(self) -> None:
        self.panel.say(describe_frame(self.trajectory, self.frame), self.trajectory.status)

    def _compute(self) -> None:
        """Compute the spectra in the background."""
        start = self.trajectory
        self._tell_progress(start)
        self._task.start(
            lambda report: run_through(examine(start), report, start=start),
            then=self._finish,
            failed=self._fail,
            told=self._show_more,
        )

    def _show_more(self, trajectory: Trajectory) -> None:
        self._learn(trajectory)
        self._tell_progress(trajectory)

    def _finish(self, trajectory: Trajectory) -> None:
        self._learn(trajectory)
        left = sum(not problem for problem in trajectory.problems) - len(trajectory.known)
        self.panel.tell(f"Cancelled: {left} frames have no singular values." if left else "")

    def _learn(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self.chart.load(trajectory, frame=self.frame)
        self._say()

    def _tell_progress(self, trajectory: Trajectory) -> None:
        known, count = len(trajectory.known), len(trajectory.frames)
        self.panel.tell(f"Singular values: {known} of {count} frames ...")

    def _camera(self) -> Camera:
        frames = self.trajectory.frames
        middle = len(frames) // 2
        view = choose_view(frames[0], self.trajectory.directions[middle])
        return Camera.around(frames[0], frames[middle], frames[-1], view=view)

    @traitlets.validate("frame")
    def _validate_frame(self, proposal: Any) -> int:
        return check_index(proposal["value"], "frame", count=len(self.trajectory.frames))


def describe_frame(trajectory: Trajectory, frame: int) -> str:
    """Return a sentence on the position of a frame on the path, and on its features."""
    where = (
        f"Frame {frame} of {len(trajectory.frames) - 1}, {trajectory.coordinate[frame]:.3g} of "
        f"{trajectory.coordinate[-1]:.3g} Å"
    )
    found = trajectory.spectra[frame]
    if found is None:
        problem = trajectory.problems[frame]
        return f"{where}: {problem or 'the singular values are not known yet.'}"
    seen = f"{where}: condition {found.condition:.1e}, rank {found.rank} of {found.internal}"
    distance, visible = trajectory.feature_distance[frame], trajectory.visible_distance[frame]
    if distance == 0.0:
        return f"{seen}; the features are those of the start."
    share = f", {100 * distance / visible:.2g} % of the change along the most visible mode"
    return f"{seen}; the features have changed by {distance:.1e}{share if visible > 0 else ''}."


def _check_path(path: Path | Trajectory) -> Trajectory:
    if isinstance(path, Path):
        path = Trajectory.along(path)
    if not isinstance(path, Trajectory):
        raise TypeError(
            f"path must be what sensitivity.follow gives, got {type(path).__name__}; for two "
            "structures use PathExplorer.between."
        )
    check_size(path.frames[0])
    return path
