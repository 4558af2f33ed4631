"""The lines of Python that give the numbers on the screen."""

from __future__ import annotations

from ase import Atoms

from sensitivity.descriptors import with_defaults
from sensitivity.explorers.parts.state import State


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
    """The call that makes a structure, every digit included."""
    rows = "".join(f"        {row!r},\n" for row in atoms.positions.tolist())
    lattice = ""
    if atoms.cell.rank:
        pbc = [bool(periodic) for periodic in atoms.pbc]
        lattice = f"    cell={atoms.cell.array.tolist()!r},\n    pbc={pbc!r},\n"
    return (
        f"Atoms(\n    numbers={atoms.numbers.tolist()!r},\n    positions=[\n{rows}    ],\n"
        f"{lattice})"
    )
