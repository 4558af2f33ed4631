"""Blocks of CIF files.

Tags as in the core dictionary of the International Union of Crystallography,
https://www.iucr.org/resources/cif/dictionaries/cif_core.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array
from sensitivity.structures.files.cif_operations import Operations, find_operations
from sensitivity.structures.files.elements import describe, enumerate_names, resolve
from sensitivity.structures.files.frames import Frame, UnreadableError, reading, tidy

Tags = dict[str, Any]

_FRACTIONS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_CARTESIAN = ("_atom_site_cartn_x", "_atom_site_cartn_y", "_atom_site_cartn_z")
_UNKNOWN = frozenset({".", "?", ""})
_MOST_NOTES = 6
_PLACEHOLDER = (1, 1, 1, 90, 90, 90)
"""Å and degrees: the cell of a molecule, for which the format has none."""

# Images of a site are one atom if no fractional coordinate differs by more, as in ASE, and they are
# not farther apart than this in Å.
_SAME_FRACTION, _SAME_PLACE = 1e-3, 0.05

# Å. Sites that are nearer, less than a bond of H2, and occupied in part cannot be occupied at once.
_EXCLUSIVE = 0.7
_FULL = 1.02  # the sum of occupancies that share a site, with rounding


@dataclass(frozen=True, eq=False)
class _Site:
    """A row of the table of sites, and its images in the cell."""

    label: str
    symbol: str
    occupancy: float
    group: str
    assembly: str
    images: Array  # (images, 3), fractional; Cartesian in Å without a cell


def scan(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield the structure of every block that has one."""
    for text in _split(lines):
        try:
            frame = _read(text)
        except UnreadableError as error:
            frame = Frame(problem=str(error))
        if frame is not None:
            yield frame


def _split(lines: Iterable[str]) -> Iterator[str]:
    """The blocks, each from its line data_NAME; such a line within a long text begins none."""
    block: list[str] = []
    quoted = False
    for line in lines:
        if line.startswith(";"):
            quoted = not quoted
        elif not quoted and line.lower().startswith("data_"):
            if block:
                yield "\n".join(block)
            block = []
        if block or (line.strip() and not line.startswith("#")):
            block.append(line)
    if block:
        yield "\n".join(block)


def _read(text: str) -> Frame | None:
    from ase.io.cif import parse_cif

    name, lower = text.split(maxsplit=1)[0], text.lower()
    if "_atom_site." in lower:
        raise UnreadableError("mmCIF is not read; give the structure as PDB")
    if "_atom_site" not in lower:
        return None  # of the authors, or of the measurement
    with reading():
        blocks = list(parse_cif(io.StringIO(text)))
        if len(blocks) != 1:
            raise UnreadableError(f"{name} is not a block of a CIF file")
        lengths = blocks[0].get_cellpar()
        cell = np.array(blocks[0].get_cell())
    tags, notes = dict(blocks[0]), list[str]()
    if not cell.any() and _FRACTIONS[0] in tags:
        raise UnreadableError(f"{name} has no cell for its fractional coordinates")
    alone = lengths is None or np.allclose(lengths, _PLACEHOLDER)
    operations = None if alone else find_operations(tags, cell, notes)
    sites = _choose_groups(_read_sites(tags, cell, operations, notes), notes)
    sites = _choose_species(sites, None if alone else cell, notes)
    if alone and lengths is not None:
        notes.append("the cell of 1 x 1 x 1 Å is a placeholder: read without a cell")
    images = np.concatenate([site.images for site in sites])
    atoms = Atoms([site.symbol for site in sites for _ in site.images], images)
    if not alone:
        atoms.set_cell(cell)
        atoms.pbc = True
        atoms.set_scaled_positions(images)
    return tidy(atoms, notes=notes)


def _read_sites(
    tags: Tags, cell: Array, operations: Operations | None, notes: list[str]
) -> list[_Site]:
    table = _table(tags)
    count = len(next(iter(table.values())))
    symbols = _resolve_symbols(table, notes)
    labels = [str(each) for each in table.get("_atom_site_label", symbols)]
    flags = table.get("_atom_site_calc_flag", [""] * count)
    groups = table.get("_atom_site_disorder_group", ["."] * count)
    assemblies = table.get("_atom_site_disorder_assembly", ["."] * count)
    occupancies = table.get("_atom_site_occupancy", [1.0] * count)
    hydrogens = table.get("_atom_site_attached_hydrogens", [0] * count)
    names = _FRACTIONS if _FRACTIONS[0] in table else _CARTESIAN
    if names[0] not in table:
        raise UnreadableError("its sites have no positions")
    sites = []
    for row in range(count):
        if str(flags[row]).lower() == "dum":
            notes.append(f"site {labels[row]} is marked as a dummy and left out")
            continue
        if any(isinstance(table[name][row], str) for name in names):
            raise UnreadableError(f"site {labels[row]} has no position")
        place = np.array([float(table[name][row]) for name in names])
        if operations is not None:
            place = place if names is _FRACTIONS else np.linalg.solve(cell.T, place)
        images = place[None] if operations is None else _expand(place, operations, cell)
        share = _number(occupancies[row], 1.0)
        site = _Site(
            labels[row], symbols[row], share, str(groups[row]), str(assemblies[row]), images
        )
        sites.append(site)
    hidden = [label for label, held in zip(labels, hydrogens, strict=True) if _number(held, 0.0)]
    if hidden:
        notes.append(f"the hydrogens of {enumerate_names(hidden)} are not in the file")
    if not sites:
        raise UnreadableError("its table of sites is empty")
    return sites


def _table(tags: Tags) -> dict[str, list[Any]]:
    """The columns of the table of sites; a single site may stand without a table."""
    found = {
        name: value if isinstance(value, list) else [value]
        for name, value in tags.items()
        if name.startswith("_atom_site_") and not name.startswith("_atom_site_aniso")
    }
    names = ("_atom_site_label", "_atom_site_type_symbol", _FRACTIONS[0], _CARTESIAN[0])
    lengths = {len(found[name]) for name in names if name in found}
    if len(lengths) != 1 or lengths == {0}:
        raise UnreadableError("its table of sites is empty, or its columns differ in length")
    # Others belong to tables of their own, such as those of magnetic moments.
    return {name: column for name, column in found.items() if len(column) in lengths}


def _number(value: Any, usual: float) -> float:
    """A number, which has a usual value where it is not given."""
    return float(value) if isinstance(value, int | float) else usual


def _resolve_symbols(table: Mapping[str, list[Any]], notes: list[str]) -> list[str]:
    """The elements of the sites; a label such as C12 or Fe3+ is what the format asks for."""
    names = [n for n in ("_atom_site_type_symbol", "_atom_site_label") if n in table]
    read: dict[str, str] = {}
    found = []
    for row in zip(*(map(str, table[name]) for name in names), strict=True):
        for label in row:
            try:
                read[label] = read.get(label) or resolve(label)
            except ValueError as error:
                if label == row[-1]:
                    raise UnreadableError(str(error)) from error
            else:
                found.append(read[label])
                break
    unusual = {label: one for label, one in read.items() if not _follows_format(label, one)}
    notes += describe(unusual)
    return found


def _follows_format(label: str, symbol: str) -> bool:
    return label.startswith(symbol) and not label[len(symbol) : len(symbol) + 1].isalpha()


def _expand(place: Array, operations: Operations, cell: Array) -> Array:
    """The distinct images of a site in the cell, (images, 3), fractional."""
    rotations, translations = operations
    everywhere = (rotations @ place + translations) % 1.0  # [operation, abc]
    kept: list[Array] = []
    for image in everywhere:
        if not kept or not _meet(np.array(kept), image, cell, _SAME_PLACE, _SAME_FRACTION).any():
            kept.append(image)
    return np.array(kept)


def _meet(
    images: Array, image: Array, cell: Array | None, distance: float, fraction: float = np.inf
) -> NDArray[np.bool_]:
    """Which images, (images, 3), are at the place of one, through the faces of a cell too."""
    shifts = images - image
    if cell is None:
        return np.asarray(np.linalg.norm(shifts, axis=1) < distance)
    shifts -= np.round(shifts)
    near = np.linalg.norm(shifts @ cell, axis=1) < distance
    return np.asarray(near & (np.abs(shifts).max(axis=1) < fraction))


def _choose_groups(sites: Sequence[_Site], notes: list[str]) -> list[_Site]:
    """Sites without the less occupied, or later, alternatives of each disordered assembly."""
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for site in sites:
        if site.group.startswith("-"):
            raise UnreadableError(
                f"site {site.label}, of disorder group {site.group}, and its symmetry images "
                "exclude each other"
            )
        if site.group not in _UNKNOWN | {"0"}:
            found = weights[site.assembly]
            found[site.group] = max(found.get(site.group, 0.0), site.occupancy)
    best = {name: max(found, key=found.__getitem__) for name, found in weights.items()}
    kept = [s for s in sites if s.group in _UNKNOWN | {"0", best.get(s.assembly, "")}]
    lost = [site.label for site in sites if site not in kept]
    if lost:
        names = enumerate_names(lost)
        notes.append(f"of disordered groups one alternative is read, without {names}")
    return kept


def _choose_species(sites: Sequence[_Site], cell: Array | None, notes: list[str]) -> list[_Site]:
    """Sites with the species that occupies each shared place most, or is named first."""
    lost: list[_Site] = []
    settled: list[_Site] = []
    for site in sites:
        if site.occupancy >= 1.0 or site in lost or site in settled:
            continue
        if _meet(site.images, site.images[0], cell, _EXCLUSIVE).sum() > 1:
            raise UnreadableError(
                f"site {site.label}, occupied by {site.occupancy:g}, and its symmetry images "
                "exclude each other"
            )
        left = [one for one in sites if one not in lost]
        here = [s for s in left if _meet(s.images, site.images[0], cell, _EXCLUSIVE).any()]
        if len(here) > 1 and sum(one.occupancy for one in here) <= _FULL:
            best = max(here, key=lambda one: one.occupancy)
            lost += [one for one in here if one is not best]
            settled.append(best)
            shares = ", ".join(f"{one.label} {one.occupancy:g}" for one in here)
            notes.append(f"the site of {shares} is read as {best.label}")
        else:
            notes.append(f"site {site.label}, occupied by {site.occupancy:g}, is read as full")
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"and {len(notes) - _MOST_NOTES} more sites alike"]
    return [site for site in sites if site not in lost]
