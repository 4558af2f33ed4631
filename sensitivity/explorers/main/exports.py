"""Export of the current view: files for other programs, figures, and a script."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from sys import modules
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.descriptors.functions import OfFunction
from sensitivity.descriptors.protocol import settings_of
from sensitivity.diagnosis import diagnose
from sensitivity.explorers.main.figures import Picture, draw_figure, draw_film
from sensitivity.explorers.main.mode_texts import labels, meaning
from sensitivity.explorers.main.sessions import write_session
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.downloads import FIGURES
from sensitivity.explorers.parts.figures import write_figure
from sensitivity.explorers.parts.inputs import write_centers
from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.state import (
    PERIOD,
    Reference,
    State,
    arrow_ends,
    compute,
    oscillate,
)
from sensitivity.plots.palette import ARROW
from sensitivity.progress import checkpoint
from sensitivity.share.pages import make_page
from sensitivity.structures.extxyz import format_frame
from sensitivity.tolerances import Tolerance

EXPORTS = {
    "geometry": ("xyz", "geometry.extxyz", "The atoms at the current amplitude"),
    "trajectory": ("trajectory", "motion.extxyz", "One oscillation along the mode, as frames"),
    **{
        name: (label, f"{'motion' if name == 'gif' else 'figure'}.{ending}", tooltip)
        for name, (label, ending, tooltip) in FIGURES.items()
    },
    "chemiscope": ("chemiscope", "chemiscope.json.gz", "For chemiscope.org or chemiscope.load"),
    "page": ("Share", "diagnosis.html", "One file with all modes, for a browser, without Python"),
    "session": (
        *("Save session", "explorer.session.json"),
        "All choices with the structure, to continue later or elsewhere: Open session",
    ),
    "code": ("Python", "explore.py", "A script that prints the same numbers"),
}
"""For each export: label of its button, name of the file, and tooltip."""

PAPER = (
    "S. N. Pozdnyakov, L. Zhang, C. Ortner, G. Csányi, M. Ceriotti, Open Research Europe 1:126 "
    "(2021), doi 10.12688/openreseurope.14156.1"
)

UNKNOWN = (
    "if descriptor is ...:",
    '    raise SystemExit("Define your descriptor in this script, in place of the three dots.")',
)
"""Lines of a script after a placeholder for the descriptor."""


def make_export(file: str, picture: Picture, *, report: Report = lambda _: None) -> bytes:
    """Return the content of a file; its suffix selects the format, or raises ValueError."""
    state, name = picture.state, file.lower()
    if name.endswith((".xyz", ".extxyz")):
        moving = name.endswith(("motion.extxyz", ".traj.extxyz"))
        return _write_frames(map(_frame, oscillation(state) if moving else [state]))
    if name.endswith((".png", ".pdf", ".svg")):
        form = name.rsplit(".", 1)[1]
        return write_figure(draw_figure(picture), form, transparent=picture.transparent)
    if name.endswith(".gif"):
        return draw_film(picture, oscillation(state), report=report)
    if name.endswith((".json", ".json.gz")):
        session, packed = name.endswith(".session.json"), name.endswith(".gz")
        return write_session(picture) if session else _write_chemiscope(state, packed=packed)
    if name.endswith(".html"):
        return _write_page(state, report=report)
    if name.endswith(".py"):
        return write_source(state).encode()
    raise ValueError(
        f"the name must end in .xyz, .extxyz, .traj.extxyz, .png, .pdf, .svg, .gif, .json, "
        f".json.gz, .session.json, .html or .py, got {file}; choose one of these."
    )


def oscillation(state: State, *, count: int = 32) -> list[State]:
    """Return one oscillation along the mode; it reaches the ends if 4 divides ``count``."""
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


PROPERTIES = {
    "amplitude": ("Å", "Displacement along the mode: root of the summed squares over the atoms"),
    "condition": ("", "Smallest over largest singular value of internal displacements"),
    "smallest_singular_value": ("1/Å", "The smallest singular value of internal displacements"),
}
"""Properties of a frame, with unit and description."""


def _write_chemiscope(state: State, *, packed: bool) -> bytes:
    chemiscope: Any = require("chemiscope")
    frames, reference = list(map(_frame, oscillation(state))), state.reference
    properties = {
        name: {
            **{"target": "structure", "units": unit, "description": text},
            "values": [frame.info.get(name, np.nan) for frame in frames],
        }
        for name, (unit, text) in PROPERTIES.items()
        if any(name in frame.info for frame in frames)
    }
    descriptor = with_defaults(reference.descriptor)
    given = ", ".join(f"{key} {value}" for key, value in settings_of(descriptor).items())
    height = "smallest_singular_value"
    data = chemiscope.create_input(
        structures=frames,
        properties=properties,
        metadata={
            "name": f"{_name(reference)}, mode {labels(reference)[state.mode]}",
            "description": (
                f"One oscillation. {meaning(reference, state.mode)} Descriptor: {descriptor.name} "
                f"({given}); centers {write_centers(reference.centers, len(reference.atoms))}."
            ),
            "references": [PAPER],
        },
        shapes={"mode": _describe_arrows(state, count=len(frames))},
        settings=chemiscope.quick_settings(
            x="amplitude",
            y=height if height in properties else "amplitude",
            trajectory=True,
            periodic=bool(reference.atoms.pbc.any()),
            structure_settings={"shape": ["mode"], "playbackDelay": 80},
        ),
    )
    text = json.dumps(data).encode()
    return gzip.compress(text) if packed else text


def _name(reference: Reference) -> str:
    """Return the name of the structure in the library, or of its file, or its formula."""
    file = "" if reference.upload is None else reference.upload.name
    return reference.name or file or reference.atoms.get_chemical_formula()


def _write_page(state: State, *, report: Report) -> bytes:
    reference = state.reference
    found = reference.diagnosis
    if found is None:  # still unknown, or without internal displacements
        centers = reference.centers
        found = diagnose(reference.atoms, reference.descriptor, centers=centers, progress=report)
    return make_page(found, title=_name(reference), progress=report).encode()


def _describe_arrows(state: State, *, count: int) -> dict[str, Any]:
    """Return the arrows of ``count`` frames as a chemiscope shape; fixed atoms have none."""
    mode = state.reference.modes[state.mode]
    start, end = arrow_ends(np.zeros_like(mode), mode, length=state.arrow_length)
    arrows = [
        {"vector": vector} if any(vector) else {"vector": [0, 0, 1], "scale": 0}
        for vector in (end - start).tolist()
    ]
    shape = {"baseRadius": 0.11, "headRadius": 0.22, "headLength": 0.35, "color": ARROW}
    return {"kind": "arrow", "parameters": {"global": shape, "atom": arrows * count}}


def write_source(state: State) -> str:
    """Return a script that prints the singular values of a state, and shows it in a notebook."""
    reference = state.reference
    load = (
        f'structures.load("{reference.name}")' if reference.name else write_atoms(reference.atoms)
    )
    call, field = ("spectrum", "") if reference.diagnosis is None else ("diagnose", ".displacement")
    names = sorted({call, "spectrum", *(["structures"] if reference.name else [])})
    tolerance = (
        Tolerance.POSITIONS if reference.diagnosis is None else reference.diagnosis.tolerance
    )
    given = "" if tolerance == Tolerance.POSITIONS else f", tolerance={tolerance!r}"
    imports, expression = write_descriptor(reference.descriptor)
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
        f"found = {call}(atoms, descriptor, centers=centers{given})",
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


def write_descriptor(descriptor: Descriptor) -> tuple[str, str]:
    """Return import lines and the expression of a descriptor.

    The expression is "..." if it is unknown, or needs a function that cannot be imported.
    """
    lines, expression = with_defaults(descriptor).python()
    if not isinstance(descriptor, OfFunction) or expression == "...":
        return lines, expression
    name, module = descriptor.name, getattr(descriptor.function, "__module__", "__main__")
    if module != "__main__" and getattr(modules.get(module), name, None) is descriptor.function:
        return f"{lines}\nfrom {module} import {name}", expression
    comment = f"# Define the function below; the descriptor used is shown as\n# {expression}"
    return f"{comment}\n# {lines}", "..."


def write_atoms(atoms: Atoms) -> str:
    """Return the expression of a structure, with all digits."""
    rows = "".join(f"        {row!r},\n" for row in atoms.positions.tolist())
    cell, pbc = atoms.cell.array.tolist(), atoms.pbc.tolist()
    lattice = f"    cell={cell!r},\n    pbc={pbc!r},\n" if atoms.cell.rank else ""
    return (
        f"Atoms(\n    numbers={atoms.numbers.tolist()!r},\n    positions=[\n{rows}    ],\n"
        f"{lattice})"
    )
