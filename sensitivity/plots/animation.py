"""An animation of a motion: the atoms, and beside them the singular values of every frame."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from sensitivity.numerics import Array
from sensitivity.plots.axes import scale_axis
from sensitivity.plots.camera import choose_view
from sensitivity.plots.modes import draw_scene, scene_limits
from sensitivity.plots.palette import ARROW
from sensitivity.plots.singular_values import draw_causes
from sensitivity.spectrum import Spectrum


@dataclass(frozen=True)
class Look:
    """How the atoms of all frames are seen, and what is drawn with them."""

    view: Array  # (3, 3): rows are the right, up and towards-the-viewer directions
    arrows: Array  # (N, 3), Å: from each atom
    marked: tuple[int, ...] = ()  # atoms with a halo
    chosen: int | None = None  # the mode with a ring


def make_film(
    frames: Sequence[Atoms],
    spectra: Sequence[Spectrum | None],
    *,
    title: str,
    look: Look | None = None,
) -> bytes:
    """Return a GIF that repeats forever, 700 by 300 pixels.

    ``frames`` are the same atoms at different positions, and ``spectra`` have the singular values
    of each, None where there are none; a ValueError tells if there are not as many. The title of a
    frame is formatted from its ``info``: ``"amplitude {amplitude:+.2f} Å"``. Without a ``look``
    they are seen from where their motion is seen best, without arrows.
    """
    if not frames or len(frames) != len(spectra):
        raise ValueError(
            f"an animation needs frames, and a spectrum or None for each, got {len(frames)} and "
            f"{len(spectra)}; give as many of both."
        )
    with io.BytesIO() as file:
        first, *others = _pictures(frames, spectra, title, look or _usual_look(frames))
        timing = {"duration": 80, "loop": 0}  # milliseconds per frame, forever
        first.save(file, format="GIF", save_all=True, append_images=others, **timing)
        return file.getvalue()


def _usual_look(frames: Sequence[Atoms]) -> Look:
    positions = np.array([atoms.positions for atoms in frames])  # [frame, atom, xyz]
    view = choose_view(frames[0], np.ptp(positions, axis=0))
    return Look(view, np.zeros_like(frames[0].positions))


def _pictures(
    frames: Sequence[Atoms], spectra: Sequence[Spectrum | None], title: str, look: Look
) -> Iterator[Image.Image]:
    figure = Figure(figsize=(7.0, 3.0), dpi=100)
    canvas: Any = FigureCanvasAgg(figure)
    positions = np.array([atoms.positions for atoms in frames])  # [frame, atom, xyz]
    limits = scene_limits(positions, view=look.view, arrows=look.arrows, room=0.8)
    drawn: dict[tuple[bytes, str], Image.Image] = {}  # an oscillation passes each place twice
    for atoms, spectrum in zip(frames, spectra, strict=True):
        frame = atoms.positions.tobytes(), title.format(**atoms.info)
        if frame in drawn:
            yield drawn[frame]
            continue
        figure.clear()
        # Fixed places: an automatic layout would tremble from frame to frame.
        left = figure.add_axes((0.02, 0.04, 0.46, 0.84))
        right = figure.add_axes((0.6, 0.17, 0.38, 0.75))
        draw_scene(left, atoms, view=look.view, arrows=look.arrows, marked=look.marked)
        left.set(xlim=limits[0], ylim=limits[1], aspect="equal")
        left.set_axis_off()
        left.set_title(frame[1], fontsize="medium")
        known = [each for each in spectra if each is not None]
        _draw_values(right, spectrum, known, chosen=look.chosen)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        drawn[frame] = picture.quantize(128, dither=Image.Dither.NONE)
        yield drawn[frame]


def _draw_values(
    ax: Axes, spectrum: Spectrum | None, spectra: Sequence[Spectrum], *, chosen: int | None
) -> None:
    ax.set(xlabel="mode", ylabel="singular value (1/Å)")
    ax.spines[["top", "right"]].set_visible(False)
    if spectrum is None:
        return
    values = np.concatenate([each.singular_values for each in spectra])
    level = max(each.zero_level for each in spectra)
    axis = scale_axis(ax, values, zero=level, threshold=level)
    draw_causes(ax, spectrum.singular_values, spectrum.kinds, axis=axis)
    if chosen is not None:
        height = axis.heights(spectrum.singular_values)[chosen]
        ring: dict[str, Any] = {"ls": "none", "mfc": "none", "mec": ARROW, "mew": 2.0, "ms": 13}
        ax.plot([chosen], [height], "o", **ring)
