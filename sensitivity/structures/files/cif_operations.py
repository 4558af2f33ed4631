"""Symmetry operations of CIF files."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensitivity.structures.files.frames import UnreadableError, reading

Operations = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rotations (operations, 3, 3) and translations (operations, 3), of fractional coordinates."""

_LISTS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NUMBERS = ("_space_group_it_number", "_space_group.it_number", "_symmetry_int_tables_number")
_NAMES = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group.patterson_name_h-m",
)
_PART = r"[-+]?\s*(?:[xyz]|\d+(?:\.\d*)?(?:/\d+)?|\.\d+)"
_OPERATION = re.compile(rf"(?i)(?=[^,]*[xyz])({_PART}\s*)+(,(?=[^,]*[xyz])\s*({_PART}\s*)+){{2}}")
_RHOMBOHEDRAL = frozenset({146, 148, 155, 160, 161, 166, 167})
_FIRST_CUBIC = 195


def find_operations(
    tags: dict[str, Any], cell: NDArray[np.float64], notes: list[str]
) -> Operations:
    """Return the operations that a block lists, or else those of the space group that it names.

    Raises
    ------
    UnreadableError
        If an operation cannot be read, or the setting of the space group is not known.
    """
    from ase.spacegroup.spacegroup import parse_sitesym

    if any(name.startswith(("_space_group_symop_magn", "_space_group_magn")) for name in tags):
        raise UnreadableError("the operations of magnetic groups are not read")
    listed = next((tags[name] for name in _LISTS if name in tags), None)
    if listed is not None:
        texts = [str(text) for text in (listed if isinstance(listed, list) else [listed])]
        for text in texts:
            if not _OPERATION.fullmatch(text.strip().strip("'\"")):
                raise UnreadableError(f"the symmetry operation {text[:40]!r} cannot be read")
        with reading():
            rotations, translations = parse_sitesym([text.strip("'\" ") for text in texts])
        return np.array(rotations, dtype=float), np.array(translations, dtype=float)
    group = _find_group(tags, cell, notes)
    if group is None:
        return np.eye(3)[None], np.zeros((1, 3))
    rotations, translations = group.get_op()
    return np.array(rotations, dtype=float), np.array(translations, dtype=float)


def _find_group(tags: dict[str, Any], cell: NDArray[np.float64], notes: list[str]) -> Any:
    """ASE's space group; None if the block names none."""
    from ase.spacegroup import Spacegroup

    number = next((tags[name] for name in _NUMBERS if _is_given(tags, name)), None)
    given = next((str(tags[name]) for name in _NAMES if _is_given(tags, name)), None)
    if number is None and given is None:
        if any("name_hall" in name for name in tags):
            raise UnreadableError("it names its symmetry by a Hall symbol only; list operations")
        return None
    name, _, suffix = (given or "").partition(":")
    with reading():
        first = Spacegroup(int(number)) if number is not None else _from_name(name)
        settings = [first, *_other_settings(first.no)]
    if first.no in _RHOMBOHEDRAL:
        wanted = 2 if _is_rhombohedral(cell) else 1
        settings = [one for one in settings if one.setting == wanted]
    elif suffix.strip() in {"1", "2"}:
        settings = [one for one in settings if one.setting == int(suffix)]
    if given is not None:
        settings = [one for one in settings if _is_named(one, name)]
    if not settings:
        shown = given or f"number {number}"
        raise UnreadableError(
            f"it lists no symmetry operations, and the setting {shown} of space group {first.no} "
            "is not known"
        )
    if len(settings) > 1:
        notes.append(f"operations are those of setting 1 of space group {first.no}")
    return settings[0]


def _is_given(tags: dict[str, Any], name: str) -> bool:
    return str(tags.get(name, "?")).strip() not in {"?", ".", ""}


def _from_name(name: str) -> Any:
    from ase.io.cif import old_spacegroup_names
    from ase.spacegroup import Spacegroup
    from ase.spacegroup.spacegroup import SpacegroupNotFoundError

    short = re.sub(r"^\s*([PABCIF]) 1 (.+) 1\s*$", r"\1 \2", name)
    for one in (name, short, old_spacegroup_names.get(name.replace(" ", ""), name)):
        try:
            return Spacegroup(one)
        except (SpacegroupNotFoundError, ValueError):
            continue
    raise UnreadableError(f"it lists no symmetry operations, and space group {name!r} is not known")


def _other_settings(number: int) -> list[Any]:
    from ase.spacegroup import Spacegroup
    from ase.spacegroup.spacegroup import SpacegroupError

    try:
        return [Spacegroup(number, 2)]
    except SpacegroupError:
        return []


def _is_rhombohedral(cell: NDArray[np.float64]) -> bool:
    """Whether the three vectors are alike, and not perpendicular."""
    metric = cell @ cell.T
    lengths, angles = np.diag(metric), metric[np.triu_indices(3, 1)]
    return bool(np.ptp(lengths) < 1e-2 * lengths[0] and np.ptp(angles) < 1e-2 * lengths[0])


def _is_named(group: Any, name: str) -> bool:
    from ase.io.cif import old_spacegroup_names

    known, asked = _normalize(group.symbol), _normalize(name)
    renamed = _normalize(old_spacegroup_names.get(name.replace(" ", ""), name))
    if group.no >= _FIRST_CUBIC:  # F m 3 m is an older name of F m -3 m
        known, asked = known.replace("-", ""), asked.replace("-", "")
    return known in {asked, renamed}


def _normalize(name: str) -> str:
    """A Hermann-Mauguin symbol without spaces, and a monoclinic one without its ones."""
    short = re.sub(r"[\s_'\"]", "", name).lower()
    return re.sub(r"^([pabcifr])1(.+)1$", r"\1\2", short)
