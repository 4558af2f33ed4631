"""Reports of the input: structure, descriptor, and named structures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ase import Atoms

from sensitivity import structures
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.notes import visible
from sensitivity.reports.tables import Json, as_json, pick, tabulate, wrap_text
from sensitivity.structures.files.reading import Source


def describe_input(source: Source, descriptor: Descriptor) -> Json:
    """Return structure, origin, descriptor and remarks on it for JSON, with lengths in Å."""
    return {
        "structure": describe_structure(source),
        "descriptor": describe_descriptor(descriptor, source.atoms),
        "remarks": remarks_on(descriptor),
    }


def describe_structure(source: Source) -> Json:
    """Return a structure and its origin as an object for JSON, with lengths in Å."""
    atoms = source.atoms
    return {
        **pick(source, "name", "index", "frames", "notes", all_frames_counted="all_counted"),
        "formula": atoms.get_chemical_formula(),
        **describe_atoms(atoms),
    }


def describe_atoms(atoms: Atoms) -> Json:
    """Return elements, positions and cell as an object for JSON, with lengths in Å."""
    return {
        "symbols": list(atoms.symbols),
        **pick(atoms, "positions", periodic="pbc"),
        "cell": atoms.cell.array.tolist(),
    }


def describe_descriptor(descriptor: Descriptor, atoms: Atoms) -> Json:
    """Return name and settings of a descriptor, lengths in Å, and its number of features."""
    known, settings = with_defaults(descriptor), as_json(_settings(descriptor))
    return {"name": known.name, **settings, "features_per_center": known.count_features(atoms)}


def remarks_on(descriptor: Descriptor) -> list[str]:
    """Return sentences on the descriptor itself."""
    return list(with_defaults(descriptor).remarks)


def _settings(descriptor: Descriptor) -> dict[str, Any]:
    return settings_of(descriptor) | {"cutoff": descriptor.cutoff}


def head(
    source: Source,
    descriptor: Descriptor,
    centers: Sequence[int],
    *text: str,
    remarks: bool = True,
) -> str:
    """Return the lines above a table: the input and sentences, no wider than a terminal.

    The remarks on the descriptor come last, unless the text has them already.
    """
    named = [*_name_source(source, centers), name_descriptor(descriptor, source.atoms)]
    return _lay_out(named, [*text, *(remarks_on(descriptor) if remarks else [])])


def head_of_several(
    source: Source, descriptors: Mapping[str, Descriptor], centers: Sequence[int], *text: str
) -> str:
    """Return the lines above a table of several descriptors, which are numbered from 1."""
    named = [
        f"{number}  {name}: {name_descriptor(descriptor, source.atoms)}"
        for number, (name, descriptor) in enumerate(descriptors.items(), start=1)
    ]
    return _lay_out([*_name_source(source, centers), "", *named, ""], text)


def _lay_out(named: Sequence[str], text: Sequence[str]) -> str:
    lines = (part for line in [*map(visible, named), *text, ""] for part in wrap_text(line))
    return "\n".join([*lines, ""])


def _name_source(source: Source, centers: Sequence[int]) -> list[str]:
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


def name_descriptor(descriptor: Descriptor, atoms: Atoms) -> str:
    """Return name, settings and number of features of a descriptor in one line."""
    facts, known = _settings(descriptor), with_defaults(descriptor)
    name, count = known.name, known.count_features(atoms)
    order = f", order {facts.pop('order')}" if facts.get("order") else ""
    return f"{name}{order}: {name_settings(facts)}; {count} features per center"


def name_settings(settings: dict[str, Any]) -> str:
    """Return settings as a comma-separated list, without those that are False or None."""
    lengths = ("cutoff", "cutoff_width", "smearing")
    return ", ".join(
        key if value is True else f"{key} {shown}{' Å' * (key in lengths)}"
        for key, value in settings.items()
        for shown in [f"{value:g}" if isinstance(value, float) else value]
        if value is not None and value is not False
    )


def describe_library(names: Iterable[str]) -> Json:
    """Return name, formula, number of atoms and summary of named structures."""
    rows = [
        {
            "name": name,
            "formula": atoms.get_chemical_formula(),
            "atoms": len(atoms),
            "periodic": atoms.pbc.tolist(),
            "summary": structures.summarize(name),
        }
        for name in names
        for atoms in [structures.load(name)]
    ]
    return {"structures": rows}


def tabulate_library(names: Iterable[str]) -> str:
    """Return named structures as a table."""
    rows = describe_library(names)["structures"]
    body = [[row["name"], row["formula"], str(row["atoms"]), row["summary"]] for row in rows]
    return tabulate(["name", "formula", "atoms", ""], body, right=(2,))
