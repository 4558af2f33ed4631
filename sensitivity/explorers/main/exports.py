"""Files to take home: what is on the screen, as other programs read it."""

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
from sensitivity.explorers.parts.mode_motion import SWING, swing
from sensitivity.explorers.parts.state import State, compute
from sensitivity.structures.extxyz import format_frame

FRAMES = 32
"""Of a swing: smooth, and a file that can be sent. A multiple of four, or it would not reach the
ends, and the two frames beside each would be alike."""

DRAWN = (".png", ".pdf", ".svg")
"""Endings of pictures of the chart."""

SHARP = 200
"""Dots per inch of a picture."""


def make_souvenir(file: str, state: State, figure: Figure) -> bytes:
    """Return the content of a file of this name; its ending says what it is.

    Raises
    ------
    ValueError
        If nothing is known to end so.
    """
    name = file.lower()
    if name.endswith(("motion.extxyz", ".traj.extxyz")):
        return _write_frames(swing_states(state))
    if name.endswith((".xyz", ".extxyz")):
        return _write_frames([state])
    if name.endswith(DRAWN):
        return _draw(figure, name.rsplit(".", 1)[1])
    if name.endswith(".gif"):
        from sensitivity.plots.animation import make_film

        states = swing_states(state)
        spectra = [compute(each).spectrum for each in states]
        title = "amplitude {amplitude:+.2f} Å"
        return make_film([_frame(each) for each in states], spectra, title=title)
    if name.endswith((".json", ".json.gz")):
        return _write_chemiscope(swing_states(state), packed=name.endswith(".gz"))
    if name.endswith(".py"):
        return write_source(state).encode()
    raise ValueError(
        f"the name must end in .xyz, .extxyz, .traj.extxyz, .png, .pdf, .svg, .gif, .json, "
        f".json.gz or .py, got {file}; choose one of these."
    )


def swing_states(state: State) -> list[State]:
    """One swing back and forth along the mode, to the ends of the slider."""
    steps, reach = np.arange(FRAMES) * SWING / FRAMES, state.reference.reach
    return [replace(state, amplitude=swing(float(step), reach=reach)) for step in steps]


def _frame(state: State) -> Atoms:
    """The atoms, with what is known of them."""
    atoms, found = state.atoms, compute(state).spectrum
    atoms.info["amplitude"] = state.amplitude
    if found is not None and found.internal:
        atoms.info["condition"] = float(found.condition)
        atoms.info["smallest_singular_value"] = float(found.singular_values[: found.internal].min())
    atoms.arrays["mode"] = np.array(state.reference.modes[state.mode])
    return atoms


def _write_frames(states: list[State]) -> bytes:
    frames = [_frame(state) for state in states]
    return "".join(
        format_frame(atoms, info=atoms.info, arrays=_further_arrays(atoms)) for atoms in frames
    ).encode()


def _further_arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    """Values per atom beside those that every structure has."""
    return {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}


def _draw(figure: Figure, form: str) -> bytes:
    with io.BytesIO() as file:
        figure.savefig(file, format=form, dpi=SHARP)
        return file.getvalue()


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
