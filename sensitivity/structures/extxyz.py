"""Structures as extended XYZ, with all digits.

ASE's own writer rounds to 1e-8 Å, which is far from a singular point in double precision: the
condition there would be 1e-8 instead of 1e-16.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray


def format_frame(
    atoms: Atoms, *, info: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> str:
    """Return the lines of one frame; reading them restores every number exactly.

    Symbols, positions (Å), cell and periodicity of ``atoms`` are written. ``info`` holds facts
    about the frame; those without a JSON form are left out. ``arrays`` are values per atom, each of
    shape (N,) or (N, columns); spaces in text become underscores.
    """
    columns = {"species": np.array(atoms.symbols), "pos": atoms.positions, **(arrays or {})}
    types = {"f": "R", "i": "I", "u": "I", "b": "L"}  # by NumPy's kind; all else is text
    cells, properties = [], []  # [column][atom]
    for name, values in columns.items():
        rows, kind = values.reshape(len(values), -1), values.dtype.kind
        properties.append(f"{name.replace(':', '_')}:{types.get(kind, 'S')}:{rows.shape[1]}")
        width = 24 if kind == "f" else 2
        texts = ([_format_value(value).rjust(width) for value in row] for row in rows.tolist())
        cells.append(list(map(" ".join, texts)))
    comment = [f"Properties={_quote(':'.join(properties))}"]
    for name, value in info.items():  # ASE writes neither backslashes nor line breaks
        if (fact := _format_fact(name, value)) is not None:
            comment.append(f"{_quote(name)}={fact}")
    comment += [f'pbc="{" ".join("FT"[int(axis)] for axis in atoms.pbc)}"']
    if atoms.cell.array.any():
        comment.insert(0, f'Lattice="{" ".join(map(repr, atoms.cell.array.ravel().tolist()))}"')
    lines = [" ".join(row).rstrip() for row in zip(*cells, strict=True)]
    return "\n".join([str(len(atoms)), " ".join(comment), *lines, ""])


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "FT"[value]
    if isinstance(value, str):
        return re.sub(r"\s", "_", value) or "_"
    return repr(value)


def _format_fact(name: str, value: Any) -> str | None:
    """Return numbers or a word unchanged, and other values as JSON; None if impossible."""
    from ase.io.extxyz import SPECIAL_3_3_KEYS

    if name in SPECIAL_3_3_KEYS and np.shape(value) == (3, 3):
        value = np.ravel(value, order="F")
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, int | float):
        return _format_value(value)
    # A single number in a list would be read as a scalar.
    kinds = {type(item) for item in value} if isinstance(value, list) and len(value) > 1 else set()
    if kinds in ({int}, {float}):
        return _quote(" ".join(map(_format_value, value)))
    other = r"(?i:true|false|inf|infinity|nan)"  # would be read as a number or a boolean
    if isinstance(value, str) and re.fullmatch(rf"(?!{other}$)[^\W\d][\w.-]+", value):
        return value
    try:
        return _quote(f"_JSON {json.dumps(value, ensure_ascii=False)}")
    except (TypeError, ValueError):
        return None


def _quote(text: str) -> str:
    if re.fullmatch(r"[\w:+.-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
