"""The scene of a molecule widget, drawn by matplotlib for files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matplotlib.axes import Axes

from sensitivity.explorers.parts.choices import check_name
from sensitivity.numerics import Array
from sensitivity.plots.structures import (
    BALL,
    HALO_RADIUS,
    Bonds,
    Drawing,
    Look,
    cell_edges,
    find_bonds,
)

STYLES = {"atom": (0.1, 0.22), "image": (0.06, 0.15)}
"""Radii of bonds and balls on the screen, in Å."""

VIEWS = {axis: np.roll(np.eye(3), k, axis=1) for k, axis in enumerate("xyz", start=1)}
"""Rows are right, up and towards the viewer, who looks along the axis."""


@dataclass(frozen=True, eq=False)
class Body:
    """A structure to be drawn."""

    atoms: Atoms
    color: str | None = None  # of bonds and of shells around atoms; None for colours by element
    marked: tuple[int, ...] = ()  # atoms with a halo, if they are few and not all
    owners: tuple[int, ...] = ()  # originals of the last atoms, which are images: paler, no arrows

    @property
    def images(self) -> int:
        """The number of atoms that are images."""
        return len(self.owners)

    @property
    def own(self) -> Atoms:
        """The atoms without the images."""
        return self.atoms[: len(self.atoms) - self.images]

    @property
    def bare(self) -> Atoms:
        """All atoms, without a cell."""
        return Atoms(numbers=self.atoms.numbers, positions=self.atoms.positions)

    @property
    def halos(self) -> tuple[int, ...]:
        """The atoms with a halo; none if they are many or all, where halos say nothing."""
        few = 0 < len(self.marked) <= min(12, len(self.atoms) - self.images - 1)
        return self.marked if few else ()

    @property
    def names(self) -> list[tuple[str, str]]:
        """Element and index of each atom; an image has those of its original."""
        indices = [*range(len(self.atoms) - self.images), *self.owners]
        return [(symbol, str(k)) for symbol, k in zip(self.atoms.symbols, indices, strict=True)]

    @cached_property
    def bonds(self) -> Bonds:
        """The bonds, which do not change when the atoms move."""
        return find_bonds(self.bare)

    def extend(self, positions: Array) -> Array:
        """Return positions of all atoms in Å, given those of the original atoms."""
        owners, start = list(self.owners), self.atoms.positions
        shifts = start[len(start) - self.images :] - start[owners]
        return np.concatenate([positions, positions[owners] + shifts])


@dataclass(frozen=True)
class Camera:
    """The position and direction of the viewer."""

    view: Array  # (3, 3): rows are the right, up and towards-the-viewer directions
    center: Array  # (3,), Å: the middle of the picture
    radius: float  # Å: distance from the middle within which everything is visible

    @classmethod
    def around(cls, *places: Array, view: Array, room: float = 1.0) -> Camera:
        """Return a camera that shows all places with a margin ``room`` in Å for the arrows."""
        positions = np.concatenate(places)
        center = (positions.min(axis=0) + positions.max(axis=0)) / 2
        radius = float(np.linalg.norm(positions - center, axis=1).max()) + room
        return cls(view, center, radius)

    def along(self, axis: str) -> Camera:
        """Return the camera that looks along x, y or z; ValueError for another axis."""
        return replace(self, view=VIEWS[check_name(axis, "axis", VIEWS)])

    def describe(self) -> dict[str, Any]:
        """Return the message to a view: columns of a 4x4 matrix for a camera along +z."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.diag([-1.0, 1.0, -1.0]) @ self.view
        center = [float(x) for x in self.center]
        return {"view": matrix.T.ravel().tolist(), "center": center, "radius": self.radius}

    def turned(self, elements: Sequence[float]) -> Camera:
        """Return the camera after a rotation by the user: the inverse of ``describe``."""
        matrix = np.reshape(elements, (4, 4)).T[:3, :3]
        size = np.cbrt(np.linalg.det(matrix))  # of the picture
        return replace(self, view=np.diag([-1.0, 1.0, -1.0]) @ matrix / size)


@dataclass(frozen=True, eq=False)
class Scene:
    """Bodies at given positions, with arrows from the atoms of the first, seen by a camera."""

    bodies: tuple[Body, ...]
    positions: tuple[Array, ...]  # of each body, (atoms, 3), Å
    arrows: Array  # (2, N, 3), Å: start and end of each
    camera: Camera
    labels: str = "none"  # on atoms
    size: float = 1.0  # of atoms, relative to the default

    def draw(self, axes: Axes, *, scenes: Sequence[Scene] = ()) -> None:
        """Draw the scene, with axis limits that also contain all other ``scenes``."""
        axes.clear()
        axes.set_axis_off()
        drawing = Drawing(axes, self.camera.view)
        drawing.add_cell(self.bodies[0].own)
        for body, positions in zip(self.bodies, self.positions, strict=True):
            atoms = body.bare
            atoms.positions = positions
            drawing.add_atoms(atoms, body.bonds, look=self._look(body))
        start, end = self.arrows
        drawing.add_arrows(start, end - start)
        drawing.paint()
        x, y = _limits([self, *scenes])
        axes.set(xlim=x, ylim=y, aspect="equal")

    def _look(self, body: Body) -> Look:
        parts = ("element" in self.labels, "index" in self.labels)
        texts = (
            [
                "".join(part for part, given in zip(name, parts, strict=True) if given)
                for name in body.names
            ]
            if any(parts)
            else []
        )
        radii, sticks = self._radii(body)
        return Look(radii, sticks, body.color, body.images, body.halos, labels=texts)

    def _radii(self, body: Body) -> tuple[Array, Array]:
        """Return the radii of atoms and bonds on the screen, in Å."""
        image = np.arange(len(body.atoms)) >= len(body.own)
        if body.color is not None:
            radii = BALL * covalent_radii[body.atoms.numbers]
        else:
            radii = np.where(image, STYLES["image"][1], STYLES["atom"][1])
        return self.size * radii, np.where(image, STYLES["image"][0], STYLES["atom"][0])


def _limits(scenes: Sequence[Scene]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of x and y, in Å, that show atoms, arrows and the cell of all scenes."""
    first = scenes[0]
    largest = max(float(first._radii(body)[0].max()) for body in first.bodies)
    room = max(HALO_RADIUS, largest) + 0.1
    corners = cell_edges(first.bodies[0].own).reshape(-1, 3)
    places = [np.concatenate([*each.positions, *each.arrows]) for each in scenes]
    seen = np.concatenate([*places, corners]) @ first.camera.view.T
    low, high = seen.min(axis=0) - room, seen.max(axis=0) + room
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
