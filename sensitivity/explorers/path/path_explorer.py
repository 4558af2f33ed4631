"""Scrub along a way through the structures, and see what the features make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.choices import Index, Switch
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.mode_motion import arrow_ends
from sensitivity.explorers.parts.molecule import Body, Camera, Molecule
from sensitivity.explorers.parts.sliders import (
    fold,
    make_film,
    make_slider,
    make_switch,
    name_lengths,
)
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.explorers.parts.view import View, seldom
from sensitivity.explorers.path.path_chart import PathChart
from sensitivity.explorers.path.trajectory import (
    COUNT,
    Track,
    coarse_to_fine,
    examine_frame,
    learn,
    straight_way,
)
from sensitivity.paths import Path
from sensitivity.plots.camera import choose_view
from sensitivity.progress import Cancelled
from sensitivity.spectrum import Spectrum


class PathExplorer(View):
    """The atoms on their way, the singular values, and the distance of the features.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.frame = 7``, ``explorer.arrows = False``.

    ``busy`` tells whether spectra are being computed, ``wait()`` waits for them, and ``cancel()``
    ends it and keeps those that are known.

    Parameters
    ----------
    path
        What ``sensitivity.follow`` found. For the way between two structures see ``between``.

    Attributes
    ----------
    track
        Frames, spectra and feature distances.
    frame
        Index of the frame that is shown.
    arrows
        Whether one arrow per atom shows the direction of the way.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or the structure is too large.
    """

    frame = Index()
    arrows = Switch(True)

    def __init__(self, path: Path | Track) -> None:
        super().__init__()
        self._track = _check_track(path)
        self.chart = PathChart()
        self.molecule = Molecule(on_width=self.chart.fit)
        self._make_controls()
        self.widget = arrange(
            above=[],
            left=self.molecule.widget,
            right=self.chart.widget,
            below=[row(self.slider, self.film, self.switch, self.reset), self.panel.box],
        )
        track = self.track
        marked = track.centers if len(track.centers) < len(track.frames[0]) else ()
        self.molecule.load(Body(track.frames[0], marked=marked), camera=self._camera())
        self._learn(track if track.complete else learn(track, {0: self._examine_start(track)}))
        self._move()
        self._connect()
        if not track.complete:
            self._compute()
        self._built = True

    @property
    def track(self) -> Track:
        """Frames, spectra and feature distances, as far as they are known."""
        return self._track

    @classmethod
    def between(
        cls,
        first: Atoms,
        second: Atoms,
        descriptor: Descriptor,
        *,
        centers: Centers = None,
        count: int = COUNT,
    ) -> PathExplorer:
        """Go on the straight way from one molecule to another of the same atoms.

        The second is laid on the first before: moved, turned, like atoms exchanged, and mirrored if
        the descriptor does not see that. A single center stays the center. Of more than 20 atoms
        like ones are not exchanged, and no mirror image is taken. The spectra are computed in the
        background, and shown as they come.

        Parameters
        ----------
        first, second
            Molecules, N atoms each.
        descriptor
            What looks at them.
        centers
            Indices of the center atoms in the first; every atom by default.
        count
            Number of frames.

        Raises
        ------
        TypeError, ValueError
            If the two are not molecules of the same atoms or are the same structure, if the number
            of frames is out of range, or if the descriptor can't look at the first.
        """
        for atoms in (first, second):
            check_size(atoms)
        return cls(straight_way(first, second, descriptor, centers=centers, count=count))

    def _make_controls(self) -> None:
        from sensitivity.explorers.parts.libraries import require

        count = len(self.track.frames)
        self.slider = make_slider(
            "length (Å)",
            "How far the atoms have gone on this way; the arrow keys take one frame. A click on "
            "the chart goes there too",
            stops=name_lengths(self.track.coordinate),
        )
        self.film = make_film("Go to the end of the way and back", count=count)
        self.switch = make_switch(
            "arrows", "Show the direction in which each atom goes on", icon="arrows", width=90
        )
        self.reset = require("ipywidgets").Button(
            description="reset",
            icon="undo",
            tooltip="Back to the start of the way, and to the first view",
            layout={"width": "90px"},
        )

    def _connect(self) -> None:
        self.observe(lambda _: self._move(), ["frame", "arrows"])
        self.slider.observe(lambda change: self._go(change["new"]), "index")
        self.film.observe(self._play, "value")
        traitlets.link((self, "arrows"), (self.switch, "value"))
        self.reset.on_click(lambda _: self.start_again())
        self.chart.on_click(self._go)

    def start_again(self) -> None:
        """Go back to the start of the way, with arrows, and to the first view."""
        self.film.playing = False
        self.frame, self.arrows = 0, True
        self.molecule.look(self._camera())

    def _go(self, frame: int) -> None:
        self.frame = frame

    def _play(self, change: Any) -> None:
        self.frame = fold(change["new"], count=len(self.track.frames))

    def _move(self) -> None:
        """Move the atoms at once; then the cursor."""
        positions = self.track.frames[self.frame].positions
        direction = self.track.directions[self.frame]
        pattern = direction if self.arrows else np.zeros_like(direction)
        self.molecule.show(positions, arrows=arrow_ends(positions, pattern))
        self.slider.index = self.frame
        if fold(self.film.value, count=len(self.track.frames)) != self.frame:
            self.film.value = self.frame
        self.chart.show(self.frame)
        self._say()

    def _say(self) -> None:
        self.panel.say(describe_frame(self.track, self.frame), self.track.status)

    def _examine_start(self, track: Track) -> Spectrum:
        found = examine_frame(track, 0)
        if isinstance(found, str):
            raise ValueError(f"the first structure has no spectrum: {found}")
        return found

    def _compute(self) -> None:
        """Compute the spectra in the background, the whole way roughly first."""
        start = self.track

        def work(report: Report) -> Track:
            found: dict[int, Spectrum | str] = {}
            tell = seldom(report)
            try:
                for frame in coarse_to_fine(len(start.frames))[1:]:
                    found[frame] = examine_frame(start, frame)
                    tell(learn(start, found))
            except Cancelled:  # what is known is shown
                pass
            return learn(start, found)

        self.panel.tell(self._progress(start))
        self._task.start(work, then=self._finish, failed=self._fail, told=self._show_more)

    def _show_more(self, track: Track) -> None:
        self._learn(track)
        self.panel.tell(self._progress(track))

    def _finish(self, track: Track) -> None:
        self._learn(track)
        left = sum(not problem for problem in track.problems) - len(track.known)
        self.panel.tell(f"Cancelled: {left} frames have no singular values." if left else "")

    def _learn(self, track: Track) -> None:
        self._track = track
        self.chart.load(track, frame=self.frame)
        self._say()

    def _progress(self, track: Track) -> str:
        return f"Singular values: {len(track.known)} of {len(track.frames)} frames ..."

    def _camera(self) -> Camera:
        frames = self.track.frames
        middle = len(frames) // 2
        view = choose_view(frames[0], self.track.directions[middle])
        return Camera.around(frames[0], frames[middle], frames[-1], view=view)

    @traitlets.validate("frame")
    def _validate_frame(self, proposal: Any) -> int:
        frame, count = int(proposal["value"]), len(self.track.frames)
        if not 0 <= frame < count:
            raise ValueError(
                f"frame must be one of 0 to {count - 1}, got {frame}; give one of these."
            )
        return frame


def describe_frame(track: Track, frame: int) -> str:
    """Say in one sentence where on the way a frame is, and what is seen there."""
    where = (
        f"Frame {frame} of {len(track.frames) - 1}, {track.coordinate[frame]:.3g} of "
        f"{track.coordinate[-1]:.3g} Å"
    )
    found = track.spectra[frame]
    if found is None:
        problem = track.problems[frame]
        return f"{where}: {problem or 'the singular values are not known yet.'}"
    seen = f"{where}: condition {found.condition:.1e}, rank {found.rank} of {found.internal}"
    distance, visible = track.feature_distance[frame], track.visible_distance[frame]
    if distance == 0.0:
        return f"{seen}; the features are those of the start."
    share = f", {100 * distance / visible:.2g} % of what the most visible mode does"
    return f"{seen}; the features have changed by {distance:.1e}{share if visible > 0 else ''}."


def _check_track(path: Path | Track) -> Track:
    if isinstance(path, Path):
        path = Track.along(path)
    if not isinstance(path, Track):
        raise TypeError(
            f"path must be what sensitivity.follow gives, got {type(path).__name__}; for two "
            "structures use PathExplorer.between."
        )
    check_size(path.frames[0])
    return path
