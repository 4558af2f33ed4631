"""A film of a motion: the atoms, and beside them the singular values of every frame."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from sensitivity.plots.camera import choose_view
from sensitivity.plots.modes import draw_structure
from sensitivity.plots.palette import mode_marker
from sensitivity.plots.zeros import scale_axis
from sensitivity.spectrum import Spectrum

SIZE, SHARP = (7.0, 3.0), 100
"""Inches, and dots per inch: 700 by 300 pixels, for a page or a slide."""

LEFT, RIGHT = (0.02, 0.04, 0.46, 0.84), (0.6, 0.17, 0.38, 0.75)
"""Where the two pictures are: a layout that is found anew would tremble from frame to frame."""

ROOM = 0.8
"""Å around the atoms."""

COLORS_OF_GIF = 128

DURATION = 80
"""Milliseconds of one frame."""


def make_film(frames: Sequence[Atoms], spectra: Sequence[Spectrum | None], *, title: str) -> bytes:
    """Return a GIF, which goes round for ever.

    Parameters
    ----------
    frames
        The same atoms at different positions.
    spectra
        For each frame its singular values; None where there are none.
    title
        Format of what stands above a frame, from its ``info``: ``"amplitude {amplitude:+.2f} Å"``.

    Raises
    ------
    ValueError
        If there are no frames, or not one spectrum for each.
    """
    if not frames or len(frames) != len(spectra):
        raise ValueError(
            f"a film needs frames, and a spectrum or None for each, got {len(frames)} and "
            f"{len(spectra)}; give as many of both."
        )
    with io.BytesIO() as file:
        first, *others = _pictures(frames, spectra, title)
        first.save(
            file, format="GIF", save_all=True, append_images=others, duration=DURATION, loop=0
        )
        return file.getvalue()


def _pictures(
    frames: Sequence[Atoms], spectra: Sequence[Spectrum | None], title: str
) -> Iterator[Image.Image]:
    figure = Figure(figsize=SIZE, dpi=SHARP)
    canvas: Any = FigureCanvasAgg(figure)
    way = np.array([atoms.positions for atoms in frames])  # [frame, atom, xyz]
    view = choose_view(frames[0], np.ptp(way, axis=0))
    seen = way @ view.T
    low, high = seen.min(axis=(0, 1))[:2] - ROOM, seen.max(axis=(0, 1))[:2] + ROOM
    drawn: dict[tuple[bytes, str], Image.Image] = {}  # a swing passes each place twice
    for atoms, spectrum in zip(frames, spectra, strict=True):
        frame = atoms.positions.tobytes(), title.format(**atoms.info)
        if frame in drawn:
            yield drawn[frame]
            continue
        figure.clear()
        left, right = figure.add_axes(LEFT), figure.add_axes(RIGHT)
        draw_structure(left, atoms, view=view)
        left.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        left.set_axis_off()
        left.set_title(frame[1], fontsize="medium")
        _draw_values(right, spectrum, [each for each in spectra if each is not None])
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        drawn[frame] = picture.quantize(COLORS_OF_GIF, dither=Image.Dither.NONE)
        yield drawn[frame]


def _draw_values(ax: Axes, spectrum: Spectrum | None, spectra: Sequence[Spectrum]) -> None:
    """Draw the singular values of one frame, on the scale of all."""
    ax.set(xlabel="mode", ylabel="singular value (1/Å)")
    ax.spines[["top", "right"]].set_visible(False)
    if spectrum is None:
        return
    values = np.concatenate([each.singular_values for each in spectra])
    level = max(each.zero_level for each in spectra)
    heights = scale_axis(ax, values, zero=level, threshold=level)
    kinds, own = np.array(spectrum.kinds), spectrum.singular_values
    for kind in dict.fromkeys(spectrum.kinds):
        chosen = np.flatnonzero(kinds == kind)
        ax.plot(chosen, heights(own[chosen]), **mode_marker(ax, kind, count=len(own)))
    ax.set_xlim(-0.7, max(len(own), 2) - 0.3)
