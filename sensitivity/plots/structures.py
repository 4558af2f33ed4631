"""A structure drawn as filled shapes; nearer shapes cover farther ones; lengths are in Å."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from sensitivity.numerics import Array, Indices
from sensitivity.plots.axes import background, foreground
from sensitivity.plots.palette import ARROW, HALO
from sensitivity.structures import neighbor_pairs

BALL = 0.5  # radius drawn, in covalent radii
STICK = 0.06  # Å: radius of a bond
OUTLINE = 0.025  # Å
HALO_RADIUS = 0.55  # Å: larger than a carbon atom
# Discs that shade an atom: size, shift up and to the left (radii), darker (-) or lighter (+).
_SHADING = ((1.0, 0.0, -0.25), (0.84, 0.1, 0.0), (0.5, 0.25, 0.3), (0.22, 0.34, 0.65))


class Bonds(NamedTuple):
    """Bonds of atoms, listed from both ends; ``shifts`` lead to the periodic image of ``j``."""

    i: Indices  # (bonds,)
    j: Indices  # (bonds,)
    shifts: Array  # (bonds, 3), Å


def find_bonds(atoms: Atoms) -> Bonds:
    """Return the bonds between atoms that are nearer than 1.2 times their covalent radii."""
    radii, reach = covalent_radii[atoms.numbers], 1.2
    i, j, vectors = neighbor_pairs(atoms, 2 * reach * radii.max())
    bonded = np.linalg.norm(vectors, axis=1) < reach * (radii[i] + radii[j])
    i, j, vectors = i[bonded], j[bonded], vectors[bonded]
    return Bonds(i, j, vectors - (atoms.positions[j] - atoms.positions[i]))


@dataclass(frozen=True)
class Look:
    """Appearance of atoms."""

    size: float = 1.0  # relative to the usual one
    color: str | None = None  # of bonds and outlines; None for element colours
    pale: int = 0  # number of atoms, from the last, drawn pale
    marked: tuple[int, ...] = ()  # atoms with a halo
    labels: Sequence[str] = ()  # text on each atom


@dataclass(frozen=True)
class Drawing:
    """Contents of some axes, viewed along the last row of ``view``, shape (3, 3).

    The methods add contents, and ``paint`` draws them.
    """

    ax: Axes
    view: Array
    # Outline and colour; for shapes also depth and edge width in points.
    _shapes: list[tuple[float, Path, Any, float]] = field(default_factory=list)
    _arrows: list[tuple[Path, Any]] = field(default_factory=list)

    def add_atoms(self, atoms: Atoms, bonds: Bonds, *, look: Look = Look()) -> None:
        """Add atoms, shape (N, 3), with bonds."""
        seen = atoms.positions @ self.view.T  # [atom, right/up/towards]
        radii = BALL * look.size * covalent_radii[atoms.numbers]
        colors = np.array([jmol_colors[number] for number in atoms.numbers])
        colors[len(atoms) - look.pale :] += 0.65 * (
            np.array(to_rgb(background(self.ax))) - colors[len(atoms) - look.pale :]
        )
        ink = np.tile(to_rgb(foreground(self.ax)), (len(atoms), 1))
        ink[len(atoms) - look.pale :] = 0.7
        self._add_bonds(seen, bonds, radii=radii, colors=colors, ink=ink, look=look)
        for k, (place, radius) in enumerate(zip(seen, radii, strict=True)):
            self._add_atom(place, radius, color=colors[k], edge=look.color or ink[k])
        for k in look.marked:
            self._add(seen[k, 2] - radii[k], _disc(seen[k], HALO_RADIUS), to_rgba(HALO, 0.3))
        for place, text in zip(seen, look.labels, strict=False):
            self._add_label(place, text)

    def add_cell(self, atoms: Atoms) -> None:
        """Add the edges of the cell."""
        edges = cell_edges(atoms) @ self.view.T  # [edge, start/end, right/up/towards]
        style: dict[str, Any] = {"linewidths": 0.7, "linestyles": "--", "alpha": 0.6, "zorder": 0.5}
        lines = LineCollection(list(edges[..., :2]), colors=foreground(self.ax), **style)
        if len(edges):
            self.ax.add_collection(lines)

    def add_arrows(self, starts: Array, arrows: Array) -> None:
        """Add an arrow from each start, both of shape (N, 3).

        A circle with a point is an arrow towards the viewer, one with a cross an arrow away. Arrows
        shorter than 3 % of the longest are left out.
        """
        seen, turned = starts @ self.view.T, arrows @ self.view.T
        longest = float(np.linalg.norm(arrows, axis=1).max(initial=0.0))
        for k in np.argsort(seen[:, 2]):
            length, visible = np.linalg.norm(turned[k]), float(np.linalg.norm(turned[k, :2]))
            if longest == 0.0 or length < 0.03 * longest:
                continue
            if visible < 0.3 * length:
                self._add_tip(seen[k], 0.13 * longest, towards=bool(turned[k, 2] > 0))
                continue
            thick = 0.06 * longest * min(1.0, 0.3 + visible / longest)
            for margin, color in ((0.6 * thick, background(self.ax)), (0.0, ARROW)):
                outline = _arrow(seen[k, :2], turned[k, :2], thick=thick, margin=margin)
                self._arrows.append((outline, to_rgba(color)))

    def paint(self) -> None:
        """Draw the contents."""
        self._shapes.sort(key=lambda shape: shape[0])  # stable: later shapes cover earlier ones
        arrows = [(outline, color, 0.0) for outline, color in self._arrows]
        for shapes, order in (([shape[1:] for shape in self._shapes], 2.0), (arrows, 4.0)):
            if shapes:
                outlines, colors, widths = zip(*shapes, strict=True)
                style: dict[str, Any] = {"facecolors": colors, "edgecolors": colors}
                drawn = PathCollection(outlines, **style, linewidths=widths, zorder=order)
                self.ax.add_collection(drawn)

    def _add(self, depth: float, outline: Path, color: Any, *, edge: float = 0.0) -> None:
        self._shapes.append((depth, outline, to_rgba(color), edge))

    def _add_atom(self, place: Array, radius: float, *, color: Array, edge: Any) -> None:
        border = OUTLINE if not isinstance(edge, str) else 3 * OUTLINE
        self._add(place[2], _disc(place, radius + border), edge)
        for size, shift, shade in _SHADING:
            mixed = color * (1 + shade) if shade < 0 else color + (1 - color) * shade
            middle = place[:2] + shift * radius * np.array([-1.0, 1.0])
            self._add(place[2], _disc(middle, size * radius), mixed)

    def _add_bonds(
        self, seen: Array, bonds: Bonds, *, radii: Array, colors: Array, ink: Array, look: Look
    ) -> None:
        vectors = seen[bonds.j] + bonds.shifts @ self.view.T - seen[bonds.i]
        for i, vector in zip(bonds.i, vectors, strict=True):
            start = seen[i] + 0.9 * radii[i] / np.linalg.norm(vector) * vector
            middle = seen[i] + vector / 2  # each atom draws its own half
            depth = (start[2] + middle[2]) / 2
            for width, color in ((STICK + OUTLINE, ink[i]), (STICK, look.color or colors[i])):
                self._add(depth, _bar(start[:2], middle[:2], width), color)

    def _add_label(self, place: Array, text: str) -> None:
        outline = TextPath((0, 0), text, size=0.33)  # Å
        box = outline.get_extents()
        middle = place[:2] - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]
        moved, depth = (
            outline.transformed(Affine2D().translate(*middle)),
            place[2] + 2.0,
        )  # in front
        self._add(depth, moved, "white", edge=2.0)
        self._add(depth, moved, "black")

    def _add_tip(self, place: Array, radius: float, *, towards: bool) -> None:
        discs = [(1.3, background(self.ax)), (1.0, ARROW), (0.75, background(self.ax))]
        shapes = [(_disc(place, size * radius), color) for size, color in discs]
        if towards:
            shapes.append((_disc(place, 0.3 * radius), ARROW))
        else:
            ends = 0.6 * radius * np.array([[1.0, 1.0], [1.0, -1.0]])
            bars = [_bar(place[:2] - end, place[:2] + end, 0.1 * radius) for end in ends]
            shapes += [(bar, ARROW) for bar in bars]
        self._arrows.extend((outline, to_rgba(color)) for outline, color in shapes)


def cell_edges(atoms: Atoms) -> Array:
    """Return the ends of 12 edges, or of 4 for a layer at its mean height, (edges, 2, 3), in Å."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    middle = atoms.positions.mean(axis=0)
    away = middle - middle @ np.linalg.pinv(vectors) @ vectors
    edges = [
        [start, start + vector]
        for axis, vector in enumerate(vectors)
        for corner in product((0.0, 1.0), repeat=len(vectors) - 1)
        for start in [np.array(corner) @ np.delete(vectors, axis, axis=0) + away]
    ]
    return np.array(edges).reshape(-1, 2, 3)


def _disc(place: Array, radius: float) -> Path:
    return Path.circle((float(place[0]), float(place[1])), float(radius))


def _polygon(corners: Iterable[Array]) -> Path:
    return Path([*corners, np.zeros(2)], closed=True)


def _bar(start: Array, end: Array, half: float) -> Path:
    along = end - start
    across = half / (float(np.linalg.norm(along)) or 1.0) * np.array([-along[1], along[0]])
    return _polygon([start + across, end + across, end - across, start - across])


def _arrow(start: Array, arrow: Array, *, thick: float, margin: float) -> Path:
    """Return an arrow with a shaft of width ``thick`` and a margin all around."""
    length = float(np.linalg.norm(arrow))
    along, across = arrow / length, np.array([-arrow[1], arrow[0]]) / length
    head, half = min(length, 4.5 * thick), thick / 2 + margin
    points = [(-margin, half), (length - head - margin, half)]
    points += [(length - head - margin, 1.8 * thick + 1.5 * margin), (length + 2 * margin, 0.0)]
    corners = [*points, *((x, -y) for x, y in reversed(points[:-1]))]
    return _polygon(start + x * along + y * across for x, y in corners)
