"""Blocks of CIF files.

Tags as in the core dictionary of the International Union of Crystallography,
https://www.iucr.org/resources/cif/dictionaries/cif_core.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array
from sensitivity.structures.files.ase_frames import Frame, Pending, note_placeholder, reading, tidy
from sensitivity.structures.files.elements import Labels, describe, join_names
from sensitivity.structures.files.sources import Lines, UnreadableError

Table = Mapping[str, list[Any]]
"""Columns of a table, by their tags or tag endings; values without a table are one row."""

Operations = tuple[Array, Array]
"""Rotations (operations, 3, 3) and translations (operations, 3), of fractional coordinates."""

# The first of these tags in a block counts.
_TAGS = {
    "operations": (
        *("_space_group_symop_operation_xyz", "_space_group_symop.operation_xyz"),
        "_symmetry_equiv_pos_as_xyz",
    ),
    "number": ("_space_group_it_number", "_space_group.it_number", "_symmetry_int_tables_number"),
    "name": (
        *("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m"),
        "_space_group.patterson_name_h-m",
    ),
}

_UNGROUPED = frozenset({".", "?", "", "0"})


@dataclass(frozen=True, eq=False)
class _Site:
    """A row of the table of sites, and its images in the cell."""

    label: str
    symbol: str
    occupancy: float
    group: str
    assembly: str
    images: Array  # (images, 3), fractional; Cartesian in Å without a cell


def scan(source: Lines) -> Iterator[Pending]:
    """Yield the structure of every block that has one."""
    # Other blocks describe the authors or the measurement.
    return (partial(_read, text) for text in _split(source) if "_atom_site" in text.lower())


def _split(lines: Iterable[str]) -> Iterator[str]:
    """Yield the blocks, each from its line data_NAME, except such lines within a long text."""
    block: list[str] = []
    quoted = False
    for line in lines:
        if line.startswith(";"):
            quoted = not quoted
        elif not quoted and line.lower().startswith("data_"):
            yield "\n".join(block)
            block = []
        if block or (line.strip() and not line.startswith("#")):
            block.append(line)
    yield "\n".join(block)


def _read(text: str) -> Frame:
    from ase.io.cif import parse_cif

    name = text.split(maxsplit=1)[0]
    if "_atom_site." in text.lower():
        raise UnreadableError("mmCIF is not read; give the structure as PDB")
    with reading():
        blocks = list(parse_cif(io.StringIO(text)))
        if len(blocks) != 1:
            raise UnreadableError(f"{name} is not a block of a CIF file")
        lengths = blocks[0].get_cellpar()
        cell = np.array(blocks[0].get_cell())
    tags = {name: item if isinstance(item, list) else [item] for name, item in blocks[0].items()}
    notes: list[str] = []
    table = _find_table(tags)
    if not cell.any() and "fract_x" in table:
        raise UnreadableError(f"{name} has no cell for its fractional coordinates")
    # The format has no cell for a molecule.
    alone = lengths is None or np.allclose(lengths, (1, 1, 1, 90, 90, 90))
    operations = None if alone else _find_operations(tags, cell, notes)
    sites = _choose_groups(_read_sites(table, cell, operations, notes), notes)
    sites = _choose_species(sites, None if alone else cell, notes)
    if alone and lengths is not None:
        notes.append(note_placeholder(lengths[:3]))
    images = np.concatenate([site.images for site in sites])
    atoms = Atoms([site.symbol for site in sites for _ in site.images], images)
    if not alone:
        atoms.set_cell(cell)
        atoms.pbc = True
        atoms.set_scaled_positions(images)
    return tidy(atoms, notes=notes)


def _find_table(tags: Table) -> Table:
    begin = "_atom_site_"
    sites = [name for name in tags if name.startswith(begin) and "_aniso" not in name]
    found = {name.removeprefix(begin): tags[name] for name in sites}
    names = ("label", "type_symbol", "fract_x", "cartn_x")
    lengths = {len(found[name]) for name in names if name in found}
    if len(lengths) != 1 or lengths == {0}:
        raise UnreadableError("its table of sites is empty, or its columns differ in length")
    # Others belong to separate tables, such as that of magnetic moments.
    return {name: column for name, column in found.items() if len(column) in lengths}


def _read_sites(
    table: Table, cell: Array, operations: Operations | None, notes: list[str]
) -> list[_Site]:
    symbols = _resolve_symbols(table, notes)
    labels = [str(each) for each in table.get("label", symbols)]
    kind = "fract" if "fract_x" in table else "cartn"
    axes = [table.get(f"{kind}_{axis}", [""] * len(labels)) for axis in "xyz"]
    usual = {"calc_flag": "", "disorder_group": ".", "disorder_assembly": ".", "occupancy": 1.0}
    more = [table.get(name, [value] * len(labels)) for name, value in usual.items()]
    sites = []
    for label, symbol, *place, flag, group, assembly, occupancy in zip(
        labels, symbols, *axes, *more, strict=True
    ):
        if str(flag).lower() == "dum":
            notes.append(f"site {label} is marked as a dummy and left out")
            continue
        if any(isinstance(coordinate, str) for coordinate in place):
            raise UnreadableError(f"site {label} has no position")
        images = np.array([place], dtype=float)
        if operations is not None:
            inside = images[0] if kind == "fract" else np.linalg.solve(cell.T, images[0])
            images = _expand(inside, operations, cell)
        share = _number(occupancy, 1.0)
        sites.append(_Site(label, symbol, share, str(group), str(assembly), images))
    held = table.get("attached_hydrogens", [0] * len(labels))
    hidden = [label for label, count in zip(labels, held, strict=True) if _number(count, 0.0)]
    if hidden:
        notes.append(f"the hydrogens of {join_names(hidden)} are not in the file")
    if not sites:
        raise UnreadableError("its table of sites is empty")
    return sites


def _number(value: Any, usual: float) -> float:
    return float(value) if isinstance(value, int | float) else usual


def _resolve_symbols(table: Table, notes: list[str]) -> list[str]:
    """Return the elements of the sites; the format allows labels such as C12 or Fe3+."""
    read, found = Labels(), []
    columns = [table[name] for name in ("type_symbol", "label") if name in table]
    for row in zip(*columns, strict=True):
        for label in map(str, row):
            try:
                found.append(read.read(label))
                break
            except UnreadableError:
                if label == str(row[-1]):
                    raise
    usual = {label for label, one in read.items() if re.match(rf"{one}(?![^\W\d_])", label)}
    notes += describe({label: one for label, one in read.items() if label not in usual})
    return found


def _expand(place: Array, operations: Operations, cell: Array) -> Array:
    """Return the distinct images of a site in the cell, (images, 3), fractional.

    As in ASE, two are one atom if no coordinate differs by 0.001; but not if they are 0.05 Å apart.
    """
    rotations, translations = operations
    everywhere = (rotations @ place + translations) % 1.0  # [operation, abc]
    kept: list[Array] = []
    for image in everywhere:
        if not kept or not _meet(np.array(kept), image, cell, within=0.05, fraction=1e-3).any():
            kept.append(image)
    return np.array(kept)


def _meet(
    images: Array, image: Array, cell: Array | None, *, within: float, fraction: float = np.inf
) -> NDArray[np.bool_]:
    """Mark images, (images, 3), that coincide with one position, also across cell faces."""
    shifts = images - image
    if cell is None:
        return np.asarray(np.linalg.norm(shifts, axis=1) < within)
    shifts -= np.round(shifts)
    near = np.linalg.norm(shifts @ cell, axis=1) < within
    return np.asarray(near & (np.abs(shifts).max(axis=1) < fraction))


def _choose_groups(sites: Sequence[_Site], notes: list[str]) -> list[_Site]:
    """Return sites without the less occupied, or later, alternatives of disordered assemblies."""
    weights: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for site in sites:
        if site.group.startswith("-"):
            who = f"site {site.label}, of disorder group {site.group},"
            raise UnreadableError(f"{who} and its symmetry images exclude each other")
        if site.group not in _UNGROUPED:
            found = weights[site.assembly]
            found[site.group] = max(found[site.group], site.occupancy)
    best = {name: max(found, key=found.__getitem__) for name, found in weights.items()}
    kept = [s for s in sites if s.group in _UNGROUPED | {best.get(s.assembly, "")}]
    lost = [site.label for site in sites if site not in kept]
    if lost:
        without = join_names(lost)
        notes.append(f"of disordered groups one alternative is read, without {without}")
    return kept


def _choose_species(sites: Sequence[_Site], cell: Array | None, notes: list[str]) -> list[_Site]:
    """Return sites with the most occupied, or first, species of each shared place."""
    exclusive = 0.7  # Å, less than a bond of H2: nearer sites are not occupied simultaneously
    full = 1.02  # the sum of occupancies that share a site, with rounding
    most = 6  # notes
    lost: list[_Site] = []
    settled: list[_Site] = []
    for site in sites:
        if site.occupancy >= 1.0 or site in lost or site in settled:
            continue
        place, occupied = site.images[0], f"site {site.label}, occupied by {site.occupancy:g},"
        if _meet(site.images, place, cell, within=exclusive).sum() > 1:
            raise UnreadableError(f"{occupied} and its symmetry images exclude each other")
        near = [one for one in sites if _meet(one.images, place, cell, within=exclusive).any()]
        here = [one for one in near if one not in lost]
        if len(here) > 1 and sum(one.occupancy for one in here) <= full:
            best = max(here, key=lambda one: one.occupancy)
            lost += [one for one in here if one is not best]
            settled.append(best)
            shares = ", ".join(f"{one.label} {one.occupancy:g}" for one in here)
            notes.append(f"the site of {shares} is read as {best.label}")
        else:
            notes.append(f"{occupied} is read as full")
    if len(notes) > most:
        notes[most:] = [f"and {len(notes) - most} more similar sites"]
    return [site for site in sites if site not in lost]


def _find_operations(tags: Table, cell: Array, notes: list[str]) -> Operations:
    if any(name.startswith(("_space_group_symop_magn", "_space_group_magn")) for name in tags):
        raise UnreadableError("the operations of magnetic groups are not read")
    listed = next((tags[name] for name in _TAGS["operations"] if name in tags), None)
    rotations, translations = np.eye(3)[None], np.zeros((1, 3))
    if listed is not None:
        rotations, translations = _parse_operations(listed)
    elif (group := _find_group(tags, cell, notes)) is not None:
        rotations, translations = group.get_op()
    return np.array(rotations, dtype=float), np.array(translations, dtype=float)


def _parse_operations(listed: list[Any]) -> Any:
    from ase.spacegroup.spacegroup import parse_sitesym

    part = r"[-+]?\s*(?:[xyz]|\d+(?:\.\d*)?(?:/\d+)?|\.\d+)"
    operation = re.compile(rf"(?i)(?=[^,]*[xyz])({part}\s*)+(,(?=[^,]*[xyz])\s*({part}\s*)+){{2}}")
    texts = [str(text).strip("'\" ") for text in listed]
    for text in texts:
        if not operation.fullmatch(text.strip()):
            raise UnreadableError(f"the symmetry operation {text[:40]!r} cannot be read")
    with reading():
        return parse_sitesym(texts)


def _find_group(tags: Table, cell: Array, notes: list[str]) -> Any:
    """Return ASE's space group; None if the block names no group."""
    from ase.spacegroup import Spacegroup
    from ase.spacegroup.spacegroup import SpacegroupError

    number, given = _find(tags, "number"), _find(tags, "name")
    if not number and not given:
        if any("name_hall" in name for name in tags):
            raise UnreadableError("it names its symmetry by a Hall symbol only; list operations")
        return None
    name, _, suffix = given.partition(":")
    with reading():
        settings = [Spacegroup(int(float(number))) if number else _from_name(name)]
        group = settings[0].no
        with suppress(SpacegroupError):
            settings.append(Spacegroup(group, 2))
    wanted = int(suffix) if suffix.strip() in {"1", "2"} else None
    if group in {146, 148, 155, 160, 161, 166, 167}:
        wanted = 2 if _is_rhombohedral(cell) else 1
    settings = [one for one in settings if wanted in {None, one.setting}]
    settings = [one for one in settings if not given or _is_named(one, name)]
    if not settings:
        raise UnreadableError(
            f"it lists no symmetry operations, and the setting {given or f'number {number}'} of "
            f"space group {group} is not known"
        )
    if len(settings) > 1:
        notes.append(f"operations are those of setting 1 of space group {group}")
    return settings[0]


def _find(tags: Table, what: str) -> str:
    values = (str(value) for name in _TAGS[what] for value in tags.get(name, []))
    return next((value for value in values if value.strip() not in {"?", ".", ""}), "")


def _from_name(name: str) -> Any:
    from ase.spacegroup import Spacegroup
    from ase.spacegroup.spacegroup import SpacegroupNotFoundError

    short = re.sub(r"^\s*([PABCIF]) 1 (.+) 1\s*$", r"\1 \2", name)
    for one in (name, short, _rename(name)):
        with suppress(SpacegroupNotFoundError, ValueError):
            return Spacegroup(one)
    raise UnreadableError(f"it lists no symmetry operations, and space group {name!r} is not known")


def _rename(name: str) -> str:
    from ase.io.cif import old_spacegroup_names

    return str(old_spacegroup_names.get(name.replace(" ", ""), name))


def _is_rhombohedral(cell: Array) -> bool:
    metric = cell @ cell.T
    lengths, angles = np.diag(metric), metric[np.triu_indices(3, 1)]
    return bool(np.ptp(lengths) < 1e-2 * lengths[0] and np.ptp(angles) < 1e-2 * lengths[0])


def _is_named(group: Any, name: str) -> bool:
    known, *asked = (_normalize(each) for each in (group.symbol, name, _rename(name)))
    if group.no >= 195:  # cubic: F m 3 m is an older name of F m -3 m
        known, asked = known.replace("-", ""), [each.replace("-", "") for each in asked]
    return known in asked


def _normalize(name: str) -> str:
    """Return a Hermann-Mauguin symbol without spaces, and without the ones of a monoclinic one."""
    short = re.sub(r"[\s_'\"]", "", name).lower()
    return re.sub(r"^([pabcifr])1(.+)1$", r"\1\2", short)
