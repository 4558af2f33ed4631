"""Sixty states and more that no explorer has written: broken, huge, or meant to do harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

GOOD: dict[str, Any] = {
    "format": "sensitivity session",
    "version": 1,
    "structure": {
        "symbols": ["O", "H", "H"],
        "positions": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.96], [0.93, 0.0, -0.24]],
        "cell": [[0.0] * 3] * 3,
        "periodic": [False] * 3,
        "name": "",
        "file": "",
        "index": 0,
        "frames": [],
    },
    "descriptor": {
        "name": "2",
        "listed": True,
        "settings": {"order": 2, "cutoff": 3.0, "n_max": 2, "l_max": 2, "smearing": 0.3},
    },
    "centers": [0],
    "mode": 2,
    "amplitude": 0.1,
    "feature": None,
    "view": {"arrows": True, "arrow_length": 1.0, "labels": "none", "atom_size": 1.0},
    "camera": None,
    "tolerance": 0.001,
    "singular_values": None,
    "kinds": None,
    "displacement": None,
}
"""A session that opens; each hostile one differs from it in one place."""


def changed(path: str, value: Any) -> bytes:
    """The good session with another value at a path such as descriptor.name, as JSON."""
    data = copy.deepcopy(GOOD)
    *outer, last = path.split(".")
    inner = data
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return json.dumps(data).encode()


def without(path: str) -> bytes:
    data = copy.deepcopy(GOOD)
    *outer, last = path.split(".")
    inner = data
    for key in outer:
        inner = inner[key]
    del inner[last]
    return json.dumps(data).encode()


def replaced(old: str, new: str) -> bytes:
    """The good session as a text in which a part is replaced."""
    text = json.dumps(GOOD)
    assert old in text
    return text.replace(old, new, 1).encode()


SETTING = "descriptor.settings."


def dense() -> bytes:
    """A crystal with one atom in a cell of 0.3 Å, and so with 50 000 within the cutoff."""
    data = json.loads(changed(SETTING + "cutoff", 7.0))
    cell = [[0.3 * (row == column) for column in range(3)] for row in range(3)]
    one = {"symbols": ["Si"], "positions": [[0.0] * 3], "cell": cell, "periodic": [True] * 3}
    return json.dumps(data | {"structure": data["structure"] | one, "mode": 0}).encode()


DEEP = 100_000
PLACES = ("format", "version", "structure", "descriptor", "centers", "amplitude", "view")

HOSTILE_SESSIONS: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"\x80\x04\x95\x0f\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "no UTF-8": b'{"format": "\xff\xfe\xfa"}',
    "cut": json.dumps(GOOD).encode()[:-20],
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"format":' * DEEP + b"1" + b"}" * DEEP,
    "too large": b" " * 5_000_001 + b"{}",
    **{f"without {place}": without(place) for place in PLACES},
    "without positions": without("structure.positions"),
    "without settings": without("descriptor.settings"),
    "unknown format": changed("format", "pickle"),
    "format of another type": changed("format", ["sensitivity session"]),
    "version 2": changed("version", 2),
    "version true": changed("version", True),
    "version as text": changed("version", "1"),
    "version 1.0": changed("version", 1.0),
    "huge version": replaced('"version": 1', '"version": ' + "9" * 4000),
    "huge integer": replaced('"amplitude": 0.1', '"amplitude": ' + "9" * 5000),
    "large integer": replaced('"amplitude": 0.1', '"amplitude": 1' + "0" * 400),
    "NaN": replaced('"amplitude": 0.1', '"amplitude": NaN'),
    "infinity": replaced('"amplitude": 0.1', '"amplitude": -Infinity'),
    "infinity by overflow": replaced('"amplitude": 0.1', '"amplitude": 1e999'),
    "amplitude out of range": changed("amplitude", 77.0),
    "amplitude as text": changed("amplitude", "0.1"),
    "amplitude true": changed("amplitude", True),
    "amplitude as list": changed("amplitude", [0.1]),
    "NaN in positions": replaced("0.96", "NaN"),
    "huge positions": replaced("0.96", "1e300"),
    "far positions": changed("structure.positions", [[0, 0, 0], [0, 0, 1e6], [1, 0, 0]]),
    "overlapping atoms": changed("structure.positions", [[0.0, 0.0, 0.0]] * 3),
    "ragged positions": changed("structure.positions", [[0, 0, 0], [0, 0], [1, 0, 0]]),
    "few positions": changed("structure.positions", [[0, 0, 0]]),
    "positions as text": changed("structure.positions", "0 0 0"),
    "no atoms": changed("structure.symbols", []),
    "unknown element": changed("structure.symbols", ["O", "H", "</script>"]),
    "no element": changed("structure.symbols", ["O", "H", "X"]),
    "elements as numbers": changed("structure.symbols", [8, 1, 1]),
    "million atoms": changed("structure.symbols", ["H"] * 1_000_000),
    "many atoms within the cutoff": dense(),
    "flat periodic cell": changed("structure.periodic", [True] * 3),
    "periodic as numbers": changed("structure.periodic", [0, 0, 0]),
    "frames as text": changed("structure.frames", "xyz"),
    "another frame": changed("structure.index", 3),
    "structure as list": changed("structure", [1, 2]),
    "no centers": changed("centers", []),
    "center too large": changed("centers", [3]),
    "negative center": changed("centers", [-1]),
    "center true": changed("centers", [True]),
    "centers as text": changed("centers", "all"),
    "mode too large": changed("mode", 9),
    "mode negative": changed("mode", -1),
    "mode as float": changed("mode", 2.5),
    "feature too large": changed("feature", 10**8),
    "feature as text": changed("feature", "all"),
    "unknown descriptor": changed("descriptor.name", "os.system"),
    "file of code": changed("descriptor.name", "/tmp/evil.py:run"),
    "torch file": changed("descriptor.name", "model.pt"),
    "script in the name": changed("descriptor.name", "</script><script>window.ran=1</script>"),
    "own descriptor": changed("descriptor.listed", False),
    "listed as text": changed("descriptor.listed", "yes"),
    "unknown setting": changed(SETTING + "__class__", "os.system"),
    "setting of another type": changed(SETTING + "n_max", "2"),
    "setting as list": changed(SETTING + "n_max", [2]),
    "setting as object": changed(SETTING + "basis", {"gto": 1}),
    "unknown basis": changed(SETTING + "basis", "__import__('os')"),
    "huge basis": changed(SETTING + "n_max", 10**8),
    "huge degree": changed(SETTING + "l_max", 10**6),
    "huge cutoff": changed(SETTING + "cutoff", 1e6),
    "deep settings": changed(SETTING + "species", [[[[[[[[[[[[1]]]]]]]]]]]]),
    "script as label": changed("view.labels", "<script>window.ran=1</script>"),
    "arrow length": changed("view.arrow_length", 1e6),
    "arrows as text": changed("view.arrows", "yes"),
    "atom size": changed("view.atom_size", 1e6),
    "columns": changed("view.columns", 17),
    "cells as text": changed("view.cells", "2"),
    "view as list": changed("view", []),
    "camera without a view": changed("camera", {}),
    "camera that distorts": changed(
        "camera", {"view": [[9.0, 0, 0]] * 3, "center": [0, 0, 0], "radius": 1.0}
    ),
    "few singular values": changed("singular_values", [1.0]),
    "unknown cause": changed("kinds", ["<img src=x>"] * 9),
    "displacement of another shape": changed("displacement", [[0, 0, 1]]),
    "negative tolerance": changed("tolerance", -1.0),
}

HARMLESS: dict[str, Callable[[Any], bool]] = {
    "</script><script>window.ran=1</script>": lambda text: "<script>" not in text,
    "<img src=x onerror=window.ran=1>": lambda text: "<img" not in text,
    "../../../etc/passwd": lambda text: "/" not in text,
    "\ud800.xyz": lambda text: bool(text.encode("utf-8")),
}
"""Names of files that open; and whether what is shown of them is harmless."""
