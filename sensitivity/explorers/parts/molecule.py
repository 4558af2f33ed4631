"""The picture of the atoms, with one arrow per atom, drawn by nglview."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.colors import to_rgb

from sensitivity.explorers.parts.choices import check_name
from sensitivity.explorers.parts.layout import require
from sensitivity.numerics import Array, Indices, unique_rows
from sensitivity.plots.modes import cell_edges
from sensitivity.plots.palette import ARROW, HALO
from sensitivity.structures import neighbor_pairs

FIELD_OF_VIEW = 25  # degrees: with a telephoto lens, near atoms do not look larger than they are
ARROWS = "arrows"  # name of the ends of the arrows in the message that moves the atoms

# The types of messages. A view tells when it can listen, when it has drawn what it was to load, how
# it has been turned, and on which atom a user clicks; Python tells what to show, from where, and
# how.
READY, DRAWN, TURN, PICK = "ready", "drawn", "turn", "pick"
LOAD, LOOK, DRESS = "load", "look", "dress"


@dataclass(frozen=True)
class Body:
    """A structure to be drawn."""

    atoms: Atoms
    color: str | None = None  # of bonds, and of shells around atoms; None for one of elements only
    marked: tuple[int, ...] = ()  # atoms that get a halo
    owners: tuple[int, ...] = ()  # of which atoms the last ones are images: paler, without arrows

    @property
    def images(self) -> int:
        """How many of the atoms are images."""
        return len(self.owners)


VIEWS = {axis: np.roll(np.eye(3), k, axis=1) for k, axis in enumerate("xyz", start=1)}
"""Rows are right, up and towards the viewer, who looks along the axis."""


@dataclass(frozen=True)
class Camera:
    """The position and direction of the viewer."""

    view: Array  # (3, 3): rows are the right, up and towards-the-viewer directions
    center: Array  # (3,), Å: the middle of the picture
    radius: float  # Å: distance from the middle within which everything is in sight

    @classmethod
    def around(cls, *places: Array, view: Array, room: float = 1.0) -> Camera:
        """Return a camera that sees all places and ``room`` in Å around them, for the arrows."""
        positions = np.concatenate(places)
        center = (positions.min(axis=0) + positions.max(axis=0)) / 2
        radius = float(np.linalg.norm(positions - center, axis=1).max()) + room
        return cls(view, center, radius)

    def along(self, axis: str) -> Camera:
        """Return the camera that looks along x, y or z; ValueError if it is none of them."""
        return replace(self, view=VIEWS[check_name(axis, "axis", VIEWS)])

    def describe(self) -> dict[str, Any]:
        """Return the message to a view: columns of a 4x4 matrix for a camera along +z."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.diag([-1.0, 1.0, -1.0]) @ self.view
        center = [float(x) for x in self.center]
        return {"view": matrix.T.ravel().tolist(), "center": center, "radius": self.radius}

    def turned(self, elements: Sequence[float]) -> Camera:
        """Return the camera after the user has turned the molecule: the reverse of ``describe``."""
        matrix = np.reshape(elements, (4, 4)).T[:3, :3]
        size = np.cbrt(np.linalg.det(matrix))  # of the picture
        return replace(self, view=np.diag([-1.0, 1.0, -1.0]) @ matrix / size)


class Molecule:
    """A picture of the atoms and their arrows that is built once and moved without being rebuilt.

    ``widget`` is nglview's; ``camera`` is where the viewer is; ``sent`` is what was last sent to
    the page, in Å: by number of the body its atoms, shape (N, 3), and under ``ARROWS`` start and
    end of the arrows, shape (2, N, 3). ``pane`` holds the widget in the layout, which gives it its
    size. ``on_pick`` is called with the index of the atom of the first body on which the user has
    clicked, and whether the shift key was down.
    """

    def __init__(self) -> None:
        self._scene: dict[str, Any] | None = None
        self._drawn = False
        self._waiting: Callable[[], None] | None = None
        self.on_pick: Callable[[int, bool], None] = lambda atom, more: None
        self.camera: Camera | None = None
        self._dress: dict[str, Any] = {"labels": "none", "size": 1.0}
        self.sent: dict[Any, Array] = {}
        whole = {"width": "100%", "height": "100%"}
        self.widget = require("nglview").NGLWidget(layout=whole)
        self.widget._view_width, self.widget._view_height = whole.values()
        self.pane = require("ipywidgets").Box([self.widget])
        # NGL cuts away what is within clipDist of the camera, and a small molecule is that near.
        far = {"clipDist": 0, "fogNear": 100, "fogFar": 100}
        self.widget.parameters = {**far, "cameraFov": FIELD_OF_VIEW}
        self.widget.on_msg(self._answer)
        script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
        names = {"FIELD": FIELD_OF_VIEW, "ARROWS": ARROWS, "READY": READY, "DRAWN": DRAWN}
        names |= {"TURN": TURN, "PICK": PICK, "LOAD": LOAD, "LOOK": LOOK, "DRESS": DRESS}
        code = re.sub(r"\b[A-Z]{4,}\b", lambda name: json.dumps(names[name[0]]), script)
        self.widget._remote_call("executeCode", target="Widget", args=[code], fire_embed=True)

    def load(self, *bodies: Body, camera: Camera) -> None:
        """Show other structures, with arrows for the atoms of the first."""
        first, self.camera = bodies[0], camera
        own = first.atoms[: len(first.atoms) - first.images]
        start, end = cell_edges(own).swapaxes(0, 1)
        self._scene = {
            "type": LOAD,
            "bodies": [_describe(body) for body in bodies],
            "count": len(own),
            "color": to_rgb(ARROW),
            "cell": {"start": start.ravel().tolist(), "end": end.ravel().tolist()},
            "camera": camera.describe(),
            "dress": self._dress,
        }
        self.sent, self._drawn, self._waiting = {}, False, None
        self.widget.send(self._scene)

    def show(self, *positions: Array, arrows: Array) -> None:
        """Move the atoms of each body, shape (N, 3), and the arrows, shape (2, N, 3); in Å."""
        self.sent = {**dict(enumerate(positions)), ARROWS: arrows}
        self.widget.set_coordinates(self.sent)

    def look(self, camera: Camera) -> None:
        """Change the position of the viewer."""
        self.camera = camera
        if self._scene is not None:
            self._scene["camera"] = camera.describe()
            self.widget.send({"type": LOOK, "camera": camera.describe()})

    def dress(self, *, labels: str, size: float) -> None:
        """Write something on the atoms, and draw them so many times as large as usual."""
        self._dress = {"labels": labels, "size": size}
        if self._scene is not None:
            self._scene["dress"] = self._dress
            self.widget.send({"type": DRESS, "dress": self._dress})

    def when_drawn(self, act: Callable[[], None]) -> None:
        """Call this when a view has drawn what was loaded, unless its user wants no motion."""
        if self._drawn:
            act()
        else:
            self._waiting = act

    def _answer(self, _: Any, message: dict[str, Any], __: Any) -> None:
        # What is sent before a view exists is lost, so each view gets it when it is ready.
        if message.get("type") == READY and self._scene is not None:
            self.widget.send({**self._scene, "to": message.get("view")})
            self.widget.set_coordinates(self.sent)
        if message.get("type") == DRAWN and not message["still"]:
            self._drawn, act, self._waiting = True, self._waiting, None
            if act is not None:
                act()
        if message.get("type") == TURN and self.camera is not None:
            turned = self.camera.turned(message["view"])
            if not np.allclose(turned.view, self.camera.view, atol=1e-4):  # else it is rounding
                self.camera = turned
        if message.get("type") == PICK:
            self.on_pick(int(message["atom"]), bool(message["more"]))


def _describe(body: Body) -> dict[str, Any]:
    own = len(body.atoms) - body.images
    styles: list[dict[str, Any]] = [{"type": "ball+stick", "radius": 0.1, "aspectRatio": 2.2}]
    if body.images:
        # Of all atoms: within thicker ones this is not seen, but its bonds lead to the images.
        images = {"type": "ball+stick", "radius": 0.06, "aspectRatio": 2.5, "opacity": 0.35}
        styles = [{**styles[0], "sele": _select(range(own))}, images]
    if body.color is not None:
        balls = {"type": "spacefill", "radiusType": "covalent", "radiusScale": 0.35}
        shells = {**balls, "radiusScale": 0.5, "opacity": 0.35, "depthWrite": False}
        colored = [{"type": "licorice", "radius": 0.1}, shells]
        styles = [balls, *({**style, "color": body.color} for style in colored)]
    if 0 < len(body.marked) <= min(12, own - 1):  # more halos, or halos of all, say nothing
        halo = {"radiusType": "size", "radius": 0.42, "opacity": 0.25, "color": HALO}
        styles.append(
            {"type": "spacefill", "sele": _select(body.marked), "depthWrite": False, **halo}
        )
    # PDB, from which NGL takes elements and bonds. With a cell, the format would turn the atoms.
    bare = Atoms(numbers=body.atoms.numbers, positions=body.atoms.positions)
    with io.StringIO() as file:
        bare.write(file, format="proteindatabank")
        text = file.getvalue()
    indices = [*range(own), *body.owners]
    names = [[symbol, str(k)] for symbol, k in zip(bare.symbols, indices, strict=True)]
    return {"text": text, "styles": styles, "names": names}


def _select(indices: Iterable[int]) -> str:
    return "@" + ",".join(str(index) for index in indices)


@dataclass(frozen=True, eq=False)
class Images:
    """M periodic images of atoms."""

    owners: Indices  # (M,): the atoms of which they are images
    shifts: Array  # (M, 3), Å: from the atom to its image

    def __len__(self) -> int:
        return len(self.owners)

    def extend(self, positions: Array) -> Array:
        """Shape (N + M, 3), in Å: the atoms, and their images behind them."""
        return np.concatenate([positions, positions[self.owners] + self.shifts])

    def join(self, atoms: Atoms) -> Atoms:
        """Return the atoms, and their images behind them, in the same cell."""
        numbers = np.concatenate([atoms.numbers, atoms.numbers[self.owners]])
        positions = self.extend(atoms.positions)
        return Atoms(numbers, positions, cell=atoms.cell, pbc=atoms.pbc)


def repeated_images(atoms: Atoms, times: int) -> Images:
    """Return the images in a block of so many cells along each periodic direction."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    cells = np.array(list(product(range(times), repeat=len(vectors))))[1:]  # [cell, direction]
    owners = np.tile(np.arange(len(atoms)), len(cells))
    return Images(owners, np.repeat(cells @ vectors, len(atoms), axis=0).reshape(-1, 3))


def near_images(atoms: Atoms, centers: Iterable[int], *, cutoff: float, most: int = 100) -> Images:
    """Return the images that some center sees: the nearest whole shells of at most ``most`` atoms.

    More images hide each other and the atoms, and take longer to draw.
    """
    if not atoms.pbc.any():
        return Images(np.zeros(0, dtype=np.intp), np.zeros((0, 3)))
    pairs = neighbor_pairs(atoms, cutoff)
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    moved = pairs.vectors - atoms.positions[pairs.j] + atoms.positions[pairs.i]
    cells = np.rint(moved @ np.linalg.pinv(vectors)).astype(int)  # [pair, periodic direction]
    chosen = np.isin(pairs.i, list(centers)) & cells.any(axis=1)
    distances = np.linalg.norm(pairs.vectors[chosen], axis=1)
    order = np.argsort(distances, kind="stable")
    names = np.column_stack([pairs.j[chosen], cells[chosen]])[order]
    first = np.sort(unique_rows(names)[0])  # each image once, at its smallest distance
    if len(first) > most:
        # Distances that differ by less than 0.1 Å belong to one shell, which is drawn or left out
        # as a whole, so that a center does not look less symmetric than it is.
        ends = np.flatnonzero(np.diff(distances[order][first]) > 0.1) + 1
        first = first[: ends[ends <= most].max(initial=0)]
    return Images(names[first, 0].astype(np.intp), names[first, 1:] @ vectors)
