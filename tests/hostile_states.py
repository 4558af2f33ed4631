"""Makes hostile sessions of one good one: broken, huge, of the wrong type, or out of range."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from sensitivity import structures
from sensitivity.survey.frames import fingerprint

DEEP = 100_000


class States:
    """A good session, and others that differ from it in one place."""

    def __init__(self, good: dict[str, Any]) -> None:
        self.good = good

    def changed(self, path: str, value: Any) -> bytes:
        """The session with another value at a path such as descriptors.0.name, as JSON."""
        data, inner, last = self._find(path)
        inner[last] = value
        return json.dumps(data).encode()

    def without(self, path: str) -> bytes:
        data, inner, last = self._find(path)
        del inner[last]
        return json.dumps(data).encode()

    def _find(self, path: str) -> tuple[Any, Any, Any]:
        data = copy.deepcopy(self.good)
        *outer, last = (int(key) if key.isdigit() else key for key in path.split("."))
        inner: Any = data
        for key in outer:
            inner = inner[key]
        return data, inner, last

    def broken(self) -> dict[str, bytes]:
        """Files that are no session at all."""
        text = json.dumps(self.good)
        return {
            "empty": b"",
            "a pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
            "no UTF-8": b'{"format": "\xff\xfe\xfa"}',
            "cut": text.encode()[:-20],
            "a list": b"[]",
            "null": b"null",
            "an empty object": b"{}",
            "deep lists": b"[" * DEEP + b"]" * DEEP,
            "deep objects": b'{"format":' * DEEP + b"1" + b"}" * DEEP,
            "too large": b" " * 5_000_001 + b"{}",
            "another format": self.changed("format", "sensitivity session"),
            "version 2": self.changed("version", 2),
            "version true": self.changed("version", True),
            "version 1.0": self.changed("version", 1.0),
        }

    def missing(self) -> dict[str, bytes]:
        """Sessions without one of the keys, at any depth."""
        return {f"without {path}": self.without(path) for path in self._paths()}

    def wrong(self, *, free: tuple[str, ...] = ()) -> dict[str, bytes]:
        """Sessions with an object of Python where a value belongs; ``free`` may have any."""
        own = {"__class__": "os.system", "__reduce__": ["rm", "-rf"]}
        found = {f"object as {path}": self.changed(path, own) for path in self._paths()}
        return {name: each for name, each in found.items() if not name.endswith(free)}

    def numbers(self, paths: tuple[str, ...]) -> dict[str, bytes]:
        """Sessions with texts, NaN, infinity, and huge numbers in place of numbers."""
        found, mark = {}, '"NUMBER"'
        for path in paths:
            text = self.changed(path, "NUMBER").decode()
            for name in ("NaN", "-Infinity", "1e999", "9" * 5000, "1e300", '"0"', "true", "[0]"):
                found[f"{name[:9]} as {path}"] = text.replace(mark, name).encode()
        return found

    def _paths(self) -> Iterator[str]:
        """The path of each key whose absence or type matters."""

        def walk(data: dict[str, Any], above: str) -> Iterator[str]:
            for key, value in data.items():
                yield f"{above}{key}"
                if isinstance(value, dict) and key not in ("settings", "view", "camera"):
                    yield from walk(value, f"{above}{key}.")

        yield from walk(self.good, "")


SETTINGS = {
    1: {"order": 1, "cutoff": 3.0, "n_max": 2, "l_max": 0},
    2: {"order": 2, "cutoff": 3.0, "n_max": 2, "l_max": 2},
}

COMPARED: dict[str, Any] = {
    "format": "sensitivity compare session",
    "version": 1,
    "structure": {
        "symbols": ["O", "H", "H"],
        "positions": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.96], [0.93, 0.0, -0.24]],
        "cell": [[0.0] * 3] * 3,
        "periodic": [False] * 3,
        "name": "",
    },
    "descriptors": [
        {"label": label, "name": str(order), "listed": True, "settings": SETTINGS[order]}
        for label, order in (("a", 1), ("b", 2))
    ],
    "centers": [0],
    "metric": "rattle",
    "samples": {"copies": 20, "amplitude": 0.05, "seed": 0},
    "of": "b",
    "mode": 1,
    "amplitude": 0.1,
    "view": {"arrows": True, "arrow_length": 1.0, "labels": "none", "atom_size": 1.0},
    "camera": None,
    "singular_values": None,
    "displacement": None,
}
"""A session of a comparison of water that opens."""

SURVEYED: dict[str, Any] = {
    "format": "sensitivity survey session",
    "version": 1,
    "survey": {
        "name": "train.extxyz",
        "environments": 12,
        "descriptor": {
            **{"name": "2", "listed": True},
            "settings": SETTINGS[2],
        },
        "tolerance": 0.001,
    },
    "environment": {
        **{"frame": 1, "center": 0},
        "fingerprint": fingerprint(structures.load("X0")),
    },
    "against": "neighbors",
    "mode": 2,
    "amplitude": 0.1,
    "view": {"arrows": True, "arrow_length": 1.0, "labels": "none", "atom_size": 1.0},
    "camera": None,
    "displacement": None,
}
"""A session of a survey with X0 as frame 1 that opens."""

HARMLESS: dict[str, Callable[[str], bool]] = {
    "</script><script>window.ran=1</script>": lambda text: "<script>" not in text,
    "<img src=x onerror=window.ran=1>": lambda text: "<img" not in text,
    "\ud800": lambda text: "\ud800" not in text,
}
"""Names that open; and whether what is shown of them is harmless."""
