"""Files for other programs, and a script, made of what is on the screen."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.figure import Figure

from sensitivity.descriptors import with_defaults
from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.state import PERIOD, State, compute, oscillate
from sensitivity.progress import checkpoint
from sensitivity.structures.extxyz import format_frame

EXPORTS = {
    "geometry": ("xyz", "geometry.extxyz", "The atoms as they are shown"),
    "trajectory": ("trajectory", "motion.extxyz", "One oscillation along the mode, as frames"),
    "png": ("PNG", "singular-values.png", "The chart, for slides"),
    "pdf": ("PDF", "singular-values.pdf", "The chart, for a paper"),
    "svg": ("SVG", "singular-values.svg", "The chart, for editing"),
    "gif": ("GIF", "motion.gif", "Atoms and singular values in motion"),
    "chemiscope": ("chemiscope", "chemiscope.json.gz", "For chemiscope.org or chemiscope.load"),
    "code": ("Python", "explore.py", "A script that prints the same numbers"),
}
"""Export; label of its button, name of the file, and tooltip."""

UNKNOWN = (
    "if descriptor is ...:",
    '    raise SystemExit("Define your descriptor in this script, in place of the three dots.")',
)
"""Lines of a script after a descriptor that is left open."""

DRAWN = (".png", ".pdf", ".svg")  # endings of pictures of the chart


def make_export(file: str, state: State, figure: Figure) -> bytes:
    """Return the content of a file of this name, whose ending says what it is, or ValueError."""
    name = file.lower()
    if name.endswith(("motion.extxyz", ".traj.extxyz")):
        return _write_frames(map(_frame, oscillation(state)))
    if name.endswith((".xyz", ".extxyz")):
        return _write_frames([_frame(state)])
    if name.endswith(DRAWN):
        with io.BytesIO() as picture:
            figure.savefig(picture, format=name.rsplit(".", 1)[1], dpi=200)
            return picture.getvalue()
    if name.endswith(".gif"):
        from sensitivity.plots.animation import make_film

        states = oscillation(state)
        frames, spectra = list(map(_frame, states)), [compute(each).spectrum for each in states]
        return make_film(frames, spectra, title="amplitude {amplitude:+.2f} Å")
    if name.endswith((".json", ".json.gz")):
        return _write_chemiscope(list(map(_frame, oscillation(state))), packed=name.endswith(".gz"))
    if name.endswith(".py"):
        return write_source(state).encode()
    raise ValueError(
        f"the name must end in .xyz, .extxyz, .traj.extxyz, .png, .pdf, .svg, .gif, .json, "
        f".json.gz or .py, got {file}; choose one of these."
    )


def oscillation(state: State, *, count: int = 32) -> list[State]:
    """One oscillation along the mode, to the ends if ``count`` is a multiple of four."""
    steps, reach = np.arange(count) * PERIOD / count, state.reference.reach
    return [replace(state, amplitude=oscillate(float(step), reach=reach)) for step in steps]


def _frame(state: State) -> Atoms:
    checkpoint()
    atoms, found = state.atoms, compute(state).spectrum
    atoms.info["amplitude"] = state.amplitude
    if found is not None and found.internal:
        atoms.info["condition"] = float(found.condition)
        atoms.info["smallest_singular_value"] = float(found.singular_values[: found.internal].min())
    atoms.arrays["mode"] = np.array(state.reference.modes[state.mode])
    return atoms


def _write_frames(frames: Iterable[Atoms]) -> bytes:
    texts, usual = [], ("numbers", "positions")
    for atoms in frames:
        arrays = {key: array for key, array in atoms.arrays.items() if key not in usual}
        texts.append(format_frame(atoms, info=atoms.info, arrays=arrays))
    return "".join(texts).encode()


def _write_chemiscope(frames: list[Atoms], *, packed: bool) -> bytes:
    chemiscope: Any = require("chemiscope")
    properties = {
        name: {"target": "structure", "values": [frame.info.get(name, np.nan) for frame in frames]}
        for name in ("amplitude", "condition", "smallest_singular_value")
        if any(name in frame.info for frame in frames)
    }
    data = chemiscope.create_input(structures=frames, properties=properties)
    text = json.dumps(data).encode()
    return gzip.compress(text) if packed else text


def write_source(state: State) -> str:
    """Return a script that prints the singular values of a state, and shows it in a notebook."""
    reference = state.reference
    load = f'structures.load("{reference.name}")' if reference.name else _write(reference.atoms)
    call, field = ("spectrum", "") if reference.diagnosis is None else ("diagnose", ".displacement")
    names = sorted({call, "spectrum", *(["structures"] if reference.name else [])})
    imports, expression = with_defaults(reference.descriptor).python()
    comments = [line for line in imports.splitlines() if line.startswith("#")]
    lines = [
        *([] if reference.name else ["from ase import Atoms", ""]),
        f"from sensitivity import {', '.join(names)}",
        *(line for line in imports.splitlines() if line not in comments),
        "",
        f"atoms = {load}",
        *comments,
        f"descriptor = {expression}",
        *(UNKNOWN if expression == "..." else ()),
        f"centers = {list(reference.centers)}",
        "",
        f"found = {call}(atoms, descriptor, centers=centers)",
        "print(found)",
        "moved = atoms.copy()",
        f"moved.positions += {state.amplitude!r} * found.modes[{state.mode}]{field}",
        "print(spectrum(moved, descriptor, centers=centers).singular_values)",
        "",
        "# The same in a notebook:",
        "# from sensitivity.explorers import Explorer",
        "# explorer = Explorer(atoms, descriptor, centers=centers)",
        f"# explorer.mode, explorer.amplitude = {state.mode}, {state.amplitude!r}",
        "# explorer",
    ]
    return "\n".join(lines) + "\n"


def _write(atoms: Atoms) -> str:
    rows = "".join(f"        {row!r},\n" for row in atoms.positions.tolist())
    cell, pbc = atoms.cell.array.tolist(), atoms.pbc.tolist()
    lattice = f"    cell={cell!r},\n    pbc={pbc!r},\n" if atoms.cell.rank else ""
    return (
        f"Atoms(\n    numbers={atoms.numbers.tolist()!r},\n    positions=[\n{rows}    ],\n"
        f"{lattice})"
    )
