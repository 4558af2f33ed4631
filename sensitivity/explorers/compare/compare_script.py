"""A script that computes the numbers on the screen of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from sensitivity.comparison import Comparison
from sensitivity.descriptors import with_defaults
from sensitivity.explorers.compare.compare_inputs import Request
from sensitivity.explorers.main.exports import write_atoms
from sensitivity.metrics import RATTLE, Rattle


def write_script(found: Comparison, request: Request, *, of: str, mode: int, at: float) -> str:
    """Return a script that prints the values at an amplitude in Å along a mode of a descriptor."""
    own = [with_defaults(each).python() for each in found.descriptors]
    imports = [line for lines, _ in own for line in lines.splitlines()]
    comments = [line for line in imports if line.startswith("#")]
    others = sorted({line for line in imports if line not in comments})
    samples = list(_samples(request))
    load = f'structures.load("{request.name}")' if request.name else write_atoms(request.atoms)
    given = isinstance(request.structures, tuple) and request.metric != "raw"
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
        f"displacement = found.modes({of!r}).displacements[{mode}]",
        "print([response.relative for response in found.responses(displacement)])",
        "furthest = (displacement**2).sum(axis=1).max() ** 0.5",
        "moved = atoms.copy()",
        f"moved.positions += {at!r} * displacement / furthest",
        "for name, spectrum in zip(found.names, found.spectra_at(moved)):",
        "    print(name, spectrum.relative[: spectrum.internal])",
        "",
        "# The same in a notebook:",
        "# from sensitivity.explorers import CompareExplorer",
        "# explorer = CompareExplorer(",
        f"#     atoms, descriptors, centers={list(found.centers)}, metric={found.metric!r}"
        f"{', structures=samples' if samples else ''}",
        "# )",
        "# explorer.wait()",
        f"# explorer.select({of!r}, {mode})",
        f"# explorer.amplitude = {at!r}",
        "# explorer",
    ]
    return "\n".join(lines) + "\n"


UNKNOWN = (
    "if ... in descriptors.values():",
    '    raise SystemExit("Define your descriptors in this script, in place of the three dots.")',
)
"""Lines of a script after a placeholder for a descriptor."""


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
