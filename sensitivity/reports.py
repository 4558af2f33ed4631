"""Results in words: tables for a terminal, and objects for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity import structures
from sensitivity.descriptors import DensityCorrelations, SphericalBessel
from sensitivity.spectrum import Spectrum

# The atoms listed for a mode carry this fraction of its squared displacement, but are at most so
# many: the rest of a collective mode is summed up.
_MOVING, _MOST_ATOMS = 0.9, 4


@dataclass(frozen=True)
class Source:
    """A structure and where it comes from.

    Attributes
    ----------
    name
        The name in the library, or the path of the file.
    atoms
        The structure.
    index
        Number of the frame in the file.
    frames
        How many frames the file has, or at least has.
    all_counted
        Whether ``frames`` is the exact number.
    """

    name: str
    atoms: Atoms
    index: int = 0
    frames: int = 1
    all_counted: bool = True


def describe_library() -> dict[str, Any]:
    """Return name, formula, number of atoms and summary of every named structure."""
    rows = [(name, structures.load(name)) for name in structures.names()]
    return {
        "structures": [
            {
                "name": name,
                "formula": atoms.get_chemical_formula(),
                "atoms": len(atoms),
                "periodic": atoms.pbc.tolist(),
                "summary": structures.summarize(name),
            }
            for name, atoms in rows
        ]
    }


def tabulate_library() -> str:
    """Return the same as a table."""
    rows = describe_library()["structures"]
    body = [[row["name"], row["formula"], str(row["atoms"]), row["summary"]] for row in rows]
    return _tabulate(["name", "formula", "atoms", ""], body, right=(2,))


def describe_spectrum(
    spectrum: Spectrum, descriptor: DensityCorrelations, *, source: Source
) -> dict[str, Any]:
    """Return a spectrum as an object for JSON, with lengths in Å and no infinite number."""
    return {
        "structure": _describe_source(source),
        "descriptor": _describe_descriptor(descriptor, source.atoms),
        "centers": [int(center) for center in spectrum.centers],
        "rank": int(spectrum.rank),
        "condition": _finite(spectrum.condition),
        "threshold": _finite(spectrum.threshold),
        "scale": _finite(spectrum.scale),
        "status": spectrum.status,
        "singular_values": np.asarray(spectrum.singular_values).tolist(),
        "kinds": list(spectrum.kinds),
        "modes": [_describe_mode(spectrum, mode) for mode in range(len(spectrum.kinds))],
    }


def _describe_source(source: Source) -> dict[str, Any]:
    atoms = source.atoms
    return {
        "name": source.name,
        "index": source.index,
        "frames": source.frames,
        "all_frames_counted": source.all_counted,
        "formula": atoms.get_chemical_formula(),
        "symbols": list(atoms.symbols),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "periodic": atoms.pbc.tolist(),
    }


def _describe_descriptor(descriptor: DensityCorrelations, atoms: Atoms) -> dict[str, Any]:
    return {
        "name": type(descriptor).__name__,
        "order": descriptor.order,
        "cutoff": descriptor.cutoff,
        "n_max": descriptor.n_max,
        "l_max": descriptor.l_max,
        "smearing": descriptor.smearing,
        "basis": "bessel" if isinstance(descriptor.basis, SphericalBessel) else "gto",
        "parity_odd": descriptor.parity_odd,
        "features_per_center": descriptor.count_features(atoms),
    }


def _describe_mode(spectrum: Spectrum, mode: int) -> dict[str, Any]:
    displacements = np.asarray(spectrum.modes[mode])
    return {
        "mode": mode,
        "singular_value": float(spectrum.singular_values[mode]),
        "kind": spectrum.kinds[mode],
        "displacements": displacements.tolist(),
        "atoms": [atom for atom, _ in _moving(displacements)],
    }


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if isfinite(value) else None


def _moving(displacements: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Atoms that move most, and their fractions of the squared displacement."""
    shares = np.sum(displacements**2, axis=1)
    shares = shares / shares.sum()
    # Rounded, so that equivalent atoms are listed in the order of the structure.
    order = np.argsort(-np.round(shares, 6), kind="stable")
    count = 1 + int(np.searchsorted(np.cumsum(shares[order]), _MOVING))
    return [(int(atom), float(shares[atom])) for atom in order[: min(count, _MOST_ATOMS)]]


def tabulate_spectrum(
    spectrum: Spectrum, descriptor: DensityCorrelations, *, source: Source
) -> str:
    """Return a spectrum as a table: one line per mode, below a heading and the status."""
    values = np.asarray(spectrum.singular_values)
    largest = values.max() or 1.0
    body = [
        [str(mode), f"{value:.3e}", f"{value / largest:.1e}", kind, _name_moving(spectrum, mode)]
        for mode, (value, kind) in enumerate(zip(values, spectrum.kinds, strict=True))
    ]
    head = ["mode", "value (1/Å)", "relative", "kind", "atoms that move most"]
    table = _tabulate(head, body, right=(0, 1, 2))
    heading = [*_head_source(source, spectrum.centers), _head_descriptor(descriptor, source.atoms)]
    return "\n".join([*heading, spectrum.status, "", table])


def _head_source(source: Source, centers: Sequence[int]) -> list[str]:
    atoms = source.atoms
    named = [f"{atoms.symbols[center]}{center}" for center in centers]
    seen = "all atoms" if len(centers) == len(atoms) > 1 else ", ".join(named)
    periodic = ", ".join(axis for axis, on in zip("abc", atoms.pbc, strict=True) if on)
    count = f"{len(atoms)} atom{'s' if len(atoms) > 1 else ''}"
    where = f", periodic along {periodic}" if periodic else ""
    line = f"{source.name}: {atoms.get_chemical_formula()}, {count}{where}; centers: {seen}"
    if source.frames == 1:
        return [line]
    least = "" if source.all_counted else "at least "
    return [line, f"Frame {source.index} of {least}{source.frames}; --index chooses another."]


def _head_descriptor(descriptor: DensityCorrelations, atoms: Atoms) -> str:
    facts = _describe_descriptor(descriptor, atoms)
    odd = " with the parity-odd part" if facts["parity_odd"] else ""
    return (
        "{name}, order {order}{odd}: cutoff {cutoff:g} Å, n_max {n_max}, l_max {l_max}, smearing "
        "{smearing:g} Å, basis {basis}; {features_per_center} features per center"
    ).format(odd=odd, **facts)


def _name_moving(spectrum: Spectrum, mode: int) -> str:
    moving = _moving(np.asarray(spectrum.modes[mode]))
    return "  ".join(f"{spectrum.atoms.symbols[k]}{k} {share:.0%}" for k, share in moving)


def _tabulate(head: list[str], body: list[list[str]], *, right: tuple[int, ...]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *body]
    ]
    return "\n".join(lines)
