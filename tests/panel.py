"""Eyes and hands for the tests of the explorer: what it shows, and what a person does with it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from io import StringIO
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations
from sensitivity.explorers import Explorer
from sensitivity.explorers.parts.molecule import ARROWS
from sensitivity.explorers.parts.view import View

# ipympl 0.10 hands its toolbar an argument that traitlets does not want; it works all the same.
TOOLBAR = pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=4)

QUICK = DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=2)

SIMPLE = DensityCorrelations(order=1, cutoff=3.0, n_max=2, l_max=0)

SINGLE = 4 * np.finfo(np.float32).eps
"""Å: coordinates of a few Å are sent in single precision."""

SOON = 20.0
"""Seconds that a test waits for what takes one."""


class Post:
    """What the molecule's widget sends to the browser."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.messages.append((content, list(buffers or [])))

    def last(self) -> tuple[np.ndarray, np.ndarray]:
        """Atoms (N, 3) and arrows (2, N, 3) of the last message."""
        content, (atoms, arrows) = self.messages[-1]
        assert content["type"] == "binary_single"
        assert list(content["data"]) == [0, ARROWS]
        read = [np.frombuffer(buffer, dtype="f4").astype(float) for buffer in (atoms, arrows)]
        return read[0].reshape(-1, 3), read[1].reshape(2, -1, 3)

    def types(self) -> list[str]:
        return [content["type"] for content, _ in self.messages]


def markers(explorer: Explorer) -> dict[int, tuple[str, float]]:
    """Cause and height of the marker of each mode."""
    found = {}
    for cause, line in explorer.chart.values.items():
        for x, y in line.get_xydata():
            assert int(x) not in found, "two markers for one mode"
            found[int(x)] = (cause, float(y))
    return found


def drawn(explorer: Explorer) -> np.ndarray:
    """Heights of all markers, in the order of the modes."""
    found = markers(explorer)
    return np.array([found[mode][1] for mode in sorted(found)])


def heights(values: Any, explorer: Explorer) -> np.ndarray:
    """Where singular values belong on the axis: what counts as zero is at the tick labelled 0."""
    spectrum = explorer.reference.spectrum
    zero = spectrum.zero_level or spectrum.threshold
    axis = explorer.chart.figure.axes[0].yaxis
    labels = [label.get_text() for label in axis.get_majorticklabels()]
    lowest = axis.get_majorticklocs()[labels.index("0")]
    assert lowest < zero
    return np.where(np.array(values) > zero, values, lowest)


def formula(explorer: Explorer) -> str:
    """Of the structure at amplitude zero."""
    return str(explorer.structure.symbols)


def chosen_settings(explorer: Explorer) -> list[Any]:
    """Values of the controls above the pictures."""
    settings = explorer.settings
    fixed = (settings.structure, settings.frame, settings.centers)
    return [control.value for control in (*fixed, *settings.of_descriptor.values())]


def sentence(explorer: View) -> str:
    """What the panel says about mode and structure."""
    return _text(explorer.panel.sentence.value)


def message(explorer: Explorer) -> str:
    """What the panel says about what is going on."""
    return _text(explorer.panel.message.value)


def upload(explorer: Explorer, name: str, content: bytes) -> None:
    """Choose a file."""
    explorer.settings.upload.value = (chosen(name, content),)


def chosen(name: str, content: bytes) -> dict[str, Any]:
    """A file, as the browser tells of it."""
    now = datetime.now(UTC)
    file = {"name": name, "type": "", "size": len(content), "last_modified": now}
    return {**file, "content": memoryview(content)}


def xyz(*frames: Atoms) -> bytes:
    """The content of a file with these structures."""
    with StringIO() as file:
        ase.io.write(file, list(frames), format="extxyz")
        return file.getvalue().encode()


def _text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))
