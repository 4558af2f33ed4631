"""A film has a picture for every frame, and says what it needs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sensitivity import DensityCorrelations, spectrum, structures
from sensitivity.plots.animation import make_film


def test_a_film_has_the_frames_that_differ() -> None:
    start, moved = structures.load("CH4"), structures.load("CH4")
    moved.positions[1] += [0.2, 0.0, 0.0]
    frames = [start, moved]
    for number, atoms in enumerate(frames):
        atoms.info["amplitude"] = 0.1 * number
    spectra = [spectrum(start, DensityCorrelations(), centers=[0]), None]
    film = Image.open(io.BytesIO(make_film(frames, spectra, title="amplitude {amplitude:.2f} Å")))
    assert (film.n_frames, film.size) == (2, (700, 300))
    first = np.asarray(film.convert("RGB"), dtype=int)
    film.seek(1)
    assert np.abs(np.asarray(film.convert("RGB"), dtype=int) - first).max() > 100


def test_each_frame_needs_a_spectrum_or_none() -> None:
    with pytest.raises(ValueError, match="a spectrum or None for each, got 1 and 0"):
        make_film([structures.load("CH4")], [], title="")
