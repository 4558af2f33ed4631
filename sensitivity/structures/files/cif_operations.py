"""Symmetry operations of CIF files."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np

from sensitivity.numerics import Array
from sensitivity.structures.files.ase_frames import UnreadableError, reading

Operations = tuple[Array, Array]
"""Rotations (operations, 3, 3) and translations (operations, 3), of fractional coordinates."""

# The first of these tags that a block has counts.
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


def find_operations(tags: dict[str, Any], cell: Array, notes: list[str]) -> Operations:
    """Return the operations that a block lists, or else those of the space group that it names."""
    if any(name.startswith(("_space_group_symop_magn", "_space_group_magn")) for name in tags):
        raise UnreadableError("the operations of magnetic groups are not read")
    listed = next((tags[name] for name in _TAGS["operations"] if name in tags), None)
    rotations, translations = np.eye(3)[None], np.zeros((1, 3))
    if listed is not None:
        rotations, translations = _parse(listed if isinstance(listed, list) else [listed])
    elif (group := _find_group(tags, cell, notes)) is not None:
        rotations, translations = group.get_op()
    return np.array(rotations, dtype=float), np.array(translations, dtype=float)


def _parse(listed: list[Any]) -> Any:
    from ase.spacegroup.spacegroup import parse_sitesym

    part = r"[-+]?\s*(?:[xyz]|\d+(?:\.\d*)?(?:/\d+)?|\.\d+)"
    operation = re.compile(rf"(?i)(?=[^,]*[xyz])({part}\s*)+(,(?=[^,]*[xyz])\s*({part}\s*)+){{2}}")
    texts = [str(text).strip("'\" ") for text in listed]
    for text in texts:
        if not operation.fullmatch(text.strip()):
            raise UnreadableError(f"the symmetry operation {text[:40]!r} cannot be read")
    with reading():
        return parse_sitesym(texts)


def _find_group(tags: dict[str, Any], cell: Array, notes: list[str]) -> Any:
    """ASE's space group; None if the block names none."""
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


def _find(tags: dict[str, Any], what: str) -> str:
    """The value of the first tag that has one; nothing if there is none."""
    values = (str(tags.get(name, "?")) for name in _TAGS[what])
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
    """The newer name of a space group, if it has one."""
    from ase.io.cif import old_spacegroup_names

    return str(old_spacegroup_names.get(name.replace(" ", ""), name))


def _is_rhombohedral(cell: Array) -> bool:
    """True if the three vectors are alike, and not perpendicular."""
    metric = cell @ cell.T
    lengths, angles = np.diag(metric), metric[np.triu_indices(3, 1)]
    return bool(np.ptp(lengths) < 1e-2 * lengths[0] and np.ptp(angles) < 1e-2 * lengths[0])


def _is_named(group: Any, name: str) -> bool:
    known, *asked = (_normalize(each) for each in (group.symbol, name, _rename(name)))
    if group.no >= 195:  # cubic: F m 3 m is an older name of F m -3 m
        known, asked = known.replace("-", ""), [each.replace("-", "") for each in asked]
    return known in asked


def _normalize(name: str) -> str:
    """A Hermann-Mauguin symbol without spaces, and a monoclinic one without its ones."""
    short = re.sub(r"[\s_'\"]", "", name).lower()
    return re.sub(r"^([pabcifr])1(.+)1$", r"\1\2", short)
