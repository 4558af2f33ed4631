"""Buttons that download files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ase import Atoms

from sensitivity.explorers.parts.choices import make_control
from sensitivity.explorers.parts.layout import require, row
from sensitivity.structures.extxyz import format_frame

ATOMS = {
    "geometry": ("xyz", "extxyz", "The displayed atoms"),
    "trajectory": ("trajectory", "extxyz", "All frames of the motion"),
}
CHART = {
    "png": ("PNG", "png", "The chart, for slides"),
    "pdf": ("PDF", "pdf", "The chart, for a paper"),
    "svg": ("SVG", "svg", "The chart, for editing"),
}
FIGURES = {
    "png": ("PNG", "png", "Molecule and chart, for slides"),
    "pdf": ("PDF", "pdf", "Molecule and chart, for a paper"),
    "svg": ("SVG", "svg", "Molecule and chart, for editing"),
    "gif": ("GIF", "gif", "Atoms and chart in motion"),
}
PAGE = {"page": ("Share", "html", "One file for a browser, without Python")}
"""Label of the button, suffix of the file, and tooltip."""

Kinds = Mapping[str, tuple[str, str, str]]


def make_downloads(kinds: Kinds, save: Callable[[str], None], *, label: str = "Download") -> Any:
    """Return a row of buttons, one per kind of file; ``save`` is called with the name of a kind."""
    buttons = []
    for name, (text, _, tooltip) in kinds.items():
        look = {"description": text, "icon": "download", "tooltip": tooltip}
        button = make_control("Button", "auto", **look)
        button.on_click(lambda _, name=name: save(name))
        buttons.append(button)
    return row(require("ipywidgets").Label(label), *buttons)


def write_frames(frames: Iterable[Atoms]) -> bytes:
    """Return structures as extended XYZ, with their ``info``."""
    return "".join(format_frame(atoms, info=atoms.info, arrays={}) for atoms in frames).encode()
