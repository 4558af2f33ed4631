"""The 3D view of the atoms, with one arrow per atom, drawn by nglview."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.scene import STYLES, Body, Camera, Scene
from sensitivity.numerics import Array
from sensitivity.plots.palette import ARROW, HALO
from sensitivity.plots.structures import cell_edges

FIELD_OF_VIEW = 25  # degrees: a narrow field keeps near atoms from looking larger
ARROWS = "arrows"  # key of the arrow ends in the message that moves the atoms

# The types of messages. A view reports that it is ready, that it has drawn a scene, that the user
# has rotated it, and that the user has clicked on an atom. Python sends scenes, cameras, and the
# labels and sizes of atoms.
READY, DRAWN, TURN, PICK = "ready", "drawn", "turn", "pick"
LOAD, LOOK, DRESS = "load", "look", "dress"


class Molecule:
    """A 3D view of the atoms and their arrows that is built once and then only moved.

    ``widget`` is the nglview widget, and ``camera`` the position of the viewer. ``sent`` has the
    coordinates last sent to the page, in Å: the atoms by number of the body, shape (N, 3), and the
    start and end of the arrows under ``ARROWS``, shape (2, N, 3). ``pane`` holds the widget in the
    layout, which sets its size. ``on_pick`` is called with the index of the clicked atom of the
    first body, and whether the shift key was pressed.
    """

    def __init__(self) -> None:
        self._scene: dict[str, Any] | None = None
        self._drawn = False
        self._waiting: Callable[[], None] | None = None
        self.on_pick: Callable[[int, bool], None] = lambda atom, more: None
        self.camera: Camera | None = None
        self._aims = 0  # how often the camera was set
        self._dress: dict[str, Any] = {"labels": "none", "size": 1.0}
        self.sent: dict[Any, Array] = {}
        whole = {"width": "100%", "height": "100%"}
        self.widget = require("nglview").NGLWidget(layout=whole)
        self.widget._view_width, self.widget._view_height = whole.values()
        self.pane = require("ipywidgets").Box([self.widget])
        # NGL clips objects within clipDist of the camera, and a small molecule is that near.
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
        self._bodies = bodies
        own = bodies[0].own
        start, end = cell_edges(own).swapaxes(0, 1)
        self._scene = {
            "type": LOAD,
            "bodies": [_describe(body) for body in bodies],
            "count": len(own),
            "color": to_rgb(ARROW),
            "cell": {"start": start.ravel().tolist(), "end": end.ravel().tolist()},
            "camera": self._aim(camera),
            "dress": self._dress,
        }
        self.sent, self._drawn, self._waiting = {}, False, None
        self.widget.send(self._scene)

    def show(self, *positions: Array, arrows: Array) -> None:
        """Move the atoms of each body, shape (N, 3), and the arrows, shape (2, N, 3); in Å."""
        self.sent = {**dict(enumerate(positions)), ARROWS: arrows}
        self.widget.set_coordinates(self.sent)

    @property
    def scene(self) -> Scene:
        """The displayed scene, after the first ``load`` and ``show``."""
        assert self.camera is not None
        *positions, arrows = self.sent.values()
        return Scene(self._bodies, tuple(positions), arrows, self.camera, **self._dress)

    def look(self, camera: Camera) -> None:
        """Change the position of the viewer."""
        aimed = self._aim(camera)
        if self._scene is not None:
            self._scene["camera"] = aimed
            self.widget.send({"type": LOOK, "camera": aimed})

    def _aim(self, camera: Camera) -> dict[str, Any]:
        """Set the camera, and return the message to a view, with a number."""
        self.camera = camera
        self._aims += 1
        return {**camera.describe(), "number": self._aims}

    def dress(self, *, labels: str, size: float) -> None:
        """Set the labels of the atoms, and their size relative to the default."""
        self._dress = {"labels": labels, "size": size}
        if self._scene is not None:
            self._scene["dress"] = self._dress
            self.widget.send({"type": DRESS, "dress": self._dress})

    def when_drawn(self, act: Callable[[], None]) -> None:
        """Call ``act`` when a view has drawn the scene, unless the user prefers no motion."""
        if self._drawn:
            act()
        else:
            self._waiting = act

    def _answer(self, _: Any, message: dict[str, Any], __: Any) -> None:
        # Messages sent before a view exists are lost, so each view gets the scene when it is ready.
        if message.get("type") == READY and self._scene is not None:
            self.widget.send({**self._scene, "to": message.get("view")})
            self.widget.set_coordinates(self.sent)
        if message.get("type") == DRAWN and not message["still"]:
            self._drawn, act, self._waiting = True, self._waiting, None
            if act is not None:
                act()
        # A view that has not got the latest camera yet tells about the one before.
        latest = message.get("number") == self._aims
        if message.get("type") == TURN and self.camera is not None and latest:
            turned = self.camera.turned(message["view"])
            if not np.allclose(turned.view, self.camera.view, atol=1e-4):  # smaller is rounding
                self.camera = turned
        if message.get("type") == PICK:
            self.on_pick(int(message["atom"]), bool(message["more"]))


def _describe(body: Body) -> dict[str, Any]:
    styles: list[dict[str, Any]] = [_ball_and_stick("atom")]
    if body.images:
        # For all atoms: it is hidden inside the thicker sticks, but its bonds reach the images.
        images = {**_ball_and_stick("image"), "opacity": 0.35}
        styles = [{**styles[0], "sele": _select(range(len(body.own)))}, images]
    if body.color is not None:
        balls = {"type": "spacefill", "radiusType": "covalent", "radiusScale": 0.35}
        shells = {**balls, "radiusScale": 0.5, "opacity": 0.35, "depthWrite": False}
        colored = [{"type": "licorice", "radius": 0.1}, shells]
        styles = [balls, *({**style, "color": body.color} for style in colored)]
    if body.halos:
        halo = {"radiusType": "size", "radius": 0.42, "opacity": 0.25, "color": HALO}
        styles.append(
            {"type": "spacefill", "sele": _select(body.halos), "depthWrite": False, **halo}
        )
    # PDB, from which NGL takes elements and bonds. With a cell, the format would rotate the atoms.
    with io.StringIO() as file:
        body.bare.write(file, format="proteindatabank")
        text = file.getvalue()
    return {"text": text, "styles": styles, "names": [list(name) for name in body.names]}


def _ball_and_stick(kind: str) -> dict[str, Any]:
    stick, ball = STYLES[kind]
    return {"type": "ball+stick", "radius": stick, "aspectRatio": ball / stick}


def _select(indices: Iterable[int]) -> str:
    return "@" + ",".join(str(index) for index in indices)
