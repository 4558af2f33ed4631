"""The lines of Python that give the numbers on the screen."""

from __future__ import annotations

from dataclasses import fields

from ase import Atoms

from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.explorers.parts.state import State


def write_source(state: State) -> str:
    """Return a script that prints the singular values of a state, and shows it in a notebook."""
    reference = state.reference
    load = f'structures.load("{reference.name}")' if reference.name else _write(reference.atoms)
    known = reference.diagnosis is not None
    names = ["diagnose", "spectrum"] if known else ["spectrum"]
    if isinstance(reference.descriptor, DensityCorrelations):
        names.append("DensityCorrelations")
        if reference.descriptor.basis != DensityCorrelations().basis:
            names.append(type(reference.descriptor.basis).__name__)
    names += ["structures"] if reference.name else []
    lines = [
        *([] if reference.name else ["from ase import Atoms", ""]),
        f"from sensitivity import {', '.join(sorted(names, key=str.lower))}",
        "",
        f"atoms = {load}",
        *_describe(reference.descriptor),
        f"centers = {list(reference.centers)}",
        "",
        f"found = {'diagnose' if known else 'spectrum'}(atoms, descriptor, centers=centers)",
        "print(found)",
        "moved = atoms.copy()",
        f"moved.positions += {state.amplitude!r} * found.modes[{state.mode}]"
        f"{'.displacement' if known else ''}",
        "print(spectrum(moved, descriptor, centers=centers).singular_values)",
        "",
        "# The same in a notebook:",
        "# from sensitivity.explorers import Explorer",
        "# explorer = Explorer(atoms, descriptor, centers=centers)",
        f"# explorer.mode, explorer.amplitude = {state.mode}, {state.amplitude!r}",
        "# explorer",
    ]
    return "\n".join(lines) + "\n"


def _describe(descriptor: Descriptor) -> list[str]:
    """The lines that make a descriptor, defaults left out; of one's own what to write there."""
    if not isinstance(descriptor, DensityCorrelations):
        return _ask_for(descriptor)
    usual = DensityCorrelations()
    shown = {"order", "cutoff", "n_max", "l_max"}
    arguments = [
        f"{field.name}={getattr(descriptor, field.name)!r}"
        for field in fields(descriptor)
        if field.name in shown or getattr(descriptor, field.name) != getattr(usual, field.name)
    ]
    return [f"descriptor = DensityCorrelations({', '.join(arguments)})"]


def _ask_for(descriptor: Descriptor) -> list[str]:
    kind = type(descriptor)
    name, shown = kind.__qualname__, " ".join(repr(descriptor).split())
    importable = "<locals>" not in name and kind.__module__ != "__main__"
    source = f"from {kind.__module__} import {name.split('.')[0]}"
    return [
        f"# Write here how your {name} is made that was given to the explorer, which shows as",
        f"# {shown}",
        f"# {source}" if importable else f"# and define or import {name} above.",
        "descriptor = ...",
    ]


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
