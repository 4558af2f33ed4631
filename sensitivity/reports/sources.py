"""Where a structure comes from, and what looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms

from sensitivity.descriptors import DensityCorrelations, SphericalBessel


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
    notes
        What was decided in reading the file.
    """

    name: str
    atoms: Atoms
    index: int = 0
    frames: int = 1
    all_counted: bool = True
    notes: tuple[str, ...] = ()


def describe_source(source: Source) -> dict[str, Any]:
    """Return a structure and its origin as an object for JSON, with lengths in Å."""
    atoms = source.atoms
    return {
        "name": source.name,
        "index": source.index,
        "frames": source.frames,
        "all_frames_counted": source.all_counted,
        "notes": list(source.notes),
        "formula": atoms.get_chemical_formula(),
        "symbols": list(atoms.symbols),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "periodic": atoms.pbc.tolist(),
    }


def describe_descriptor(descriptor: DensityCorrelations, atoms: Atoms) -> dict[str, Any]:
    """Return the parameters of a descriptor, lengths in Å, and its number of features."""
    return {
        "name": type(descriptor).__name__,
        "order": descriptor.order,
        "cutoff": descriptor.cutoff,
        "n_max": descriptor.n_max,
        "l_max": descriptor.l_max,
        "smearing": descriptor.smearing,
        "basis": "bessel" if isinstance(descriptor.basis, SphericalBessel) else "gto",
        "parity_odd": descriptor.parity_odd,
        "contract_channels": descriptor.contract_channels,
        "features_per_center": descriptor.count_features(atoms),
    }


def head(source: Source, descriptor: DensityCorrelations, *, centers: Sequence[int]) -> list[str]:
    """Return the lines above a table: the structure, its centers, and what looks at them."""
    return [*_head_source(source, centers), _head_descriptor(descriptor, source.atoms)]


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
    facts = describe_descriptor(descriptor, atoms)
    odd = " with the parity-odd part" if facts["parity_odd"] else ""
    mixed = facts["contract_channels"]
    mixed = f", channels mixed to {mixed}" if mixed else ""
    return (
        "{name}, order {order}{odd}: cutoff {cutoff:g} Å, n_max {n_max}, l_max {l_max}, smearing "
        "{smearing:g} Å, basis {basis}{mixed}; {features_per_center} features per center"
    ).format(odd=odd, mixed=mixed, **facts)
