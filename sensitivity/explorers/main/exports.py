"""Files for other programs, made of what is on the screen."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.figure import Figure

from sensitivity.explorers.main.source_code import write_source
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.mode_motion import PERIOD, oscillate
from sensitivity.explorers.parts.state import State, compute
from sensitivity.progress import checkpoint
from sensitivity.structures.extxyz import format_frame

DRAWN = (".png", ".pdf", ".svg")
"""Endings of pictures of the chart."""


def make_export(file: str, state: State, figure: Figure) -> bytes:
    """Return the content of a file of this name, whose ending says what it is.

    Raises
    ------
    ValueError
        If the ending is unknown.
    """
    name = file.lower()
    if name.endswith(("motion.extxyz", ".traj.extxyz")):
        return _write_frames(oscillation(state))
    if name.endswith((".xyz", ".extxyz")):
        return _write_frames([state])
    if name.endswith(DRAWN):
        return _draw(figure, name.rsplit(".", 1)[1])
    if name.endswith(".gif"):
        return _animate(oscillation(state))
    if name.endswith((".json", ".json.gz")):
        return _write_chemiscope(oscillation(state), packed=name.endswith(".gz"))
    if name.endswith(".py"):
        return write_source(state).encode()
    raise ValueError(
        f"the name must end in .xyz, .extxyz, .traj.extxyz, .png, .pdf, .svg, .gif, .json, "
        f".json.gz or .py, got {file}; choose one of these."
    )


def oscillation(state: State, *, count: int = 32) -> list[State]:
    """One oscillation along the mode, to the ends of the slider.

    ``count`` states are a smooth motion in a small file; a multiple of four reaches the ends.
    """
    steps, reach = np.arange(count) * PERIOD / count, state.reference.reach
    return [replace(state, amplitude=oscillate(float(step), reach=reach)) for step in steps]


def _frame(state: State) -> Atoms:
    """The atoms, with amplitude, mode and spectrum."""
    checkpoint()
    atoms, found = state.atoms, compute(state).spectrum
    atoms.info["amplitude"] = state.amplitude
    if found is not None and found.internal:
        atoms.info["condition"] = float(found.condition)
        atoms.info["smallest_singular_value"] = float(found.singular_values[: found.internal].min())
    atoms.arrays["mode"] = np.array(state.reference.modes[state.mode])
    return atoms


def _write_frames(states: list[State]) -> bytes:
    usual = ("numbers", "positions")
    return "".join(
        format_frame(
            atoms,
            info=atoms.info,
            arrays={key: array for key, array in atoms.arrays.items() if key not in usual},
        )
        for atoms in map(_frame, states)
    ).encode()


def _draw(figure: Figure, form: str, *, dots_per_inch: int = 200) -> bytes:
    with io.BytesIO() as file:
        figure.savefig(file, format=form, dpi=dots_per_inch)
        return file.getvalue()


def _animate(states: list[State]) -> bytes:
    from sensitivity.plots.animation import make_film

    frames, spectra = map(_frame, states), [compute(each).spectrum for each in states]
    return make_film(list(frames), spectra, title="amplitude {amplitude:+.2f} Å")


def _write_chemiscope(states: list[State], *, packed: bool) -> bytes:
    chemiscope: Any = require("chemiscope")
    frames = [_frame(state) for state in states]
    names = ("amplitude", "condition", "smallest_singular_value")
    properties = {
        name: {"target": "structure", "values": [frame.info.get(name, np.nan) for frame in frames]}
        for name in names
        if any(name in frame.info for frame in frames)
    }
    data = chemiscope.create_input(structures=frames, properties=properties)
    text: bytes = json.dumps(data).encode()
    return gzip.compress(text) if packed else text
