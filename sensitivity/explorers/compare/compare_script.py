"""A script that computes the numbers on the screen of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from sensitivity.comparison import Comparison
from sensitivity.explorers.compare.compare_inputs import Request
from sensitivity.explorers.main.exports import write_atoms, write_descriptor
from sensitivity.metrics import RATTLE, Rattle


def write_script(
    found: Comparison, request: Request, *, of: str, mode: int, at: float, problem: str = ""
) -> str:
    """Return a script that prints the values at an amplitude in Å along a mode of a descriptor.

    ``problem`` says why the displaced structure has no values. Without an internal mode, only the
    comparison is printed.
    """
    own = [write_descriptor(each) for each in found.descriptors]
    imports = [line for lines, _ in own for line in lines.splitlines()]
    comments = [line for line in imports if line.startswith("#")]
    others = sorted({line for line in imports if line not in comments})
    samples = list(_samples(request))
    load = f'structures.load("{request.name}")' if request.name else write_atoms(request.atoms)
    given = isinstance(request.structures, tuple) and request.metric != "raw"
    moves = mode < len(found.modes(of).displacements)
    names = ["compare", *(["structures"] if request.name else [])]
    names += ["Rattle"] if any("Rattle(" in line for line in samples) else []
    lines = [
        *(["from ase import Atoms", ""] if given or not request.name else []),
        f"from sensitivity import {', '.join(sorted(names))}",
        *others,
        "",
        f"atoms = {load}",
        *comments,
        "descriptors = {",
        *(f"    {name!r}: {code}," for name, (_, code) in zip(found.names, own, strict=True)),
        "}",
        *(UNKNOWN if any(code == "..." for _, code in own) else ()),
        *samples,
        "found = compare(",
        f"    atoms, descriptors, centers={list(found.centers)}, metric={found.metric!r}"
        f"{', structures=samples' if samples else ''}",
        ")",
        "print(found)",
        *(_values(of, mode, at, problem) if moves else ()),
        "",
        "# The same in a notebook:",
        "# from sensitivity.explorers import CompareExplorer",
        "# explorer = CompareExplorer(",
        f"#     atoms, descriptors, centers={list(found.centers)}, metric={found.metric!r}"
        f"{', structures=samples' if samples else ''}",
        "# )",
        "# explorer.wait()",
        *([f"# explorer.select({of!r}, {mode})"] if moves else []),
        f"# explorer.amplitude = {at!r}",
        "# explorer",
    ]
    return "\n".join(lines) + "\n"


UNKNOWN = (
    "if ... in descriptors.values():",
    '    raise SystemExit("Define your descriptors in this script, in place of the three dots.")',
)
"""Lines of a script after a placeholder for a descriptor."""


def _values(of: str, mode: int, at: float, problem: str) -> Iterator[str]:
    """Return lines that print the responses to a mode, and the spectra at an amplitude."""
    yield f"displacement = found.modes({of!r}).displacements[{mode}]"
    yield "print([response.relative for response in found.responses(displacement)])"
    if problem:
        yield f"# There are no singular values at {at:+.2f} Å: {problem}"
        return
    yield "furthest = (displacement**2).sum(axis=1).max() ** 0.5"
    yield "moved = atoms.copy()"
    yield f"moved.positions += {at!r} * displacement / furthest"
    yield "for name, spectrum in zip(found.names, found.spectra_at(moved)):"
    yield "    print(name, spectrum.relative[: spectrum.internal])"


def _samples(request: Request) -> Iterator[str]:
    """Return lines that define the samples of the scale, unless they are the usual ones."""
    if request.metric == "raw" or request.structures == RATTLE:
        return
    if isinstance(request.structures, Rattle):
        yield f"samples = {request.structures!r}"
        return
    yield "samples = ["
    for atoms in request.structures:
        yield f"{write_atoms(atoms)},"
    yield "]"
