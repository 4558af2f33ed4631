"""The picture of the atoms, with one arrow per atom."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from sensitivity.explorers.displacement import ARROW_LENGTH
from sensitivity.explorers.libraries import require
from sensitivity.plots.camera import choose_view

ARROW_RADIUS = 0.11
"""Å: as thin as can be seen beside a bond."""

READY = "arrows ready"
"""What a view sends when its arrows exist."""

WIDTH = "width"
"""What a view sends, with a number of pixels, when the explorer around it got another width."""

FAMILY = "sensitivity-explorer"
"""Class of the element in the page that holds the explorer."""

ARROWS = "arrows"
"""Under this name the ends of the arrows travel in the message that moves the atoms."""

HEIGHT = 420
"""Pixels: as high as the chart beside it."""

FIELD_OF_VIEW = 25
"""Degrees: with a telephoto lens, near atoms do not look larger than they are."""

# Runs once in each view, as a method of it. Atoms and arrows then arrive in one binary message, so
# that they move in the same frame. A remote call per step would be kept and sent again by nglview,
# and a new shape per step would stay in the memory of the graphics card.
SET_UP = """
const count = COUNT;
const repeat = (size, values) => new Float32Array(size).map((_, i) => values[i % values.length]);
const arrows = new NGL.ArrowBuffer({
  position1: new Float32Array(3 * count), position2: new Float32Array(3 * count),
  color: repeat(3 * count, COLOR), radius: repeat(count, [THICKNESS]),
}, {aspectRatio: 2});
const shape = new NGL.Shape("arrows");
shape.addBuffer(arrows);
this.stage.addComponentFromObject(shape).addRepresentation("buffer");

const moveAtoms = this.updateCoordinates.bind(this);
this.updateCoordinates = (data, name) => {
  if (name !== ARROWS) return moveAtoms(data, name);
  const ends = new Float32Array(data);
  arrows.setAttributes({position1: ends.slice(0, 3 * count), position2: ends.slice(3 * count)});
  this.stage.viewer.requestRender();
};

this.fit = () => {
  const {width, height} = this.stage.viewer;
  const away = RADIUS / Math.sin(FIELD * Math.PI / 360) * Math.max(1, height / width);
  this.stage.viewerControls.orient(new NGL.Matrix4().fromArray(VIEW));
  this.stage.animationControls.zoomMove(new NGL.Vector3(...CENTER), -away, 0);
};
this.stage.viewer.container.stage = this.stage;  // for whoever looks from the browser's console
let fitted = false;
new ResizeObserver(([{contentRect}]) => {
  this.stage.handleResize();
  if (!fitted && contentRect.width > 1) { this.fit(); fitted = true; }
}).observe(this.stage.viewer.container);
const around = this.el.closest("." + FAMILY);
new ResizeObserver(([{contentRect}]) => {
  this.send({type: WIDTH, pixels: contentRect.width});
}).observe(around ?? this.el);
this.send({type: READY});
"""


class Molecule:
    """A view of the atoms and their arrows that is built once and then only moved.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    motion
        Shape (N, 3). The first camera shows this motion as well as it can.
    color
        Of the arrows, as matplotlib names it.
    on_width
        Called with the width in pixels of the explorer around it, when that has changed.

    Attributes
    ----------
    widget
        The nglview widget.
    sent
        What was last sent to it: atoms, shape (N, 3), and arrows, shape (2, N, 3), in Å.
    """

    def __init__(
        self,
        atoms: Atoms,
        *,
        motion: NDArray[np.float64],
        color: str,
        on_width: Callable[[float], None],
    ) -> None:
        self._on_width = on_width
        self.sent: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self.widget = _view(atoms)
        self.widget.on_msg(self._answer)
        code = _set_up(atoms, motion=motion, color=color)
        self.widget._remote_call("executeCode", target="Widget", args=[code], fire_embed=True)

    def show(self, positions: NDArray[np.float64], arrows: NDArray[np.float64]) -> None:
        """Move the atoms, shape (N, 3), and the arrows, start and end, shape (2, N, 3); in Å."""
        self.sent = (positions, arrows)
        self.widget.set_coordinates({0: positions, ARROWS: arrows})

    def fit(self) -> None:
        """Move the camera to where it sees the whole molecule."""
        # A view that is not ready yet has no such method, and fits by itself when it is.
        code = "this.fit && this.fit()"
        self.widget._remote_call("executeCode", target="Widget", args=[code], fire_once=True)

    def _answer(self, _: Any, message: dict[str, Any], __: Any) -> None:
        # What is sent before a view exists is lost, so each view gets it when it is ready.
        if message.get("type") == READY and self.sent is not None:
            self.show(*self.sent)
        if message.get("type") == WIDTH:
            self._on_width(message["pixels"])


def _view(atoms: Atoms) -> Any:
    nglview = require("nglview")
    view = nglview.NGLWidget(layout={"width": "100%"})
    view._view_width, view._view_height = "100%", f"{HEIGHT}px"
    # NGL cuts away what is within clipDist of the camera, and a small molecule is that near.
    view.parameters = {"clipDist": 0, "fogNear": 100, "fogFar": 100, "cameraFov": FIELD_OF_VIEW}
    view.add_structure(nglview.ASEStructure(atoms), default_representation=False)
    view.add_representation("ball+stick", radius=0.1, aspect_ratio=2.2)
    return view


def _set_up(atoms: Atoms, *, motion: NDArray[np.float64], color: str) -> str:
    center = (atoms.positions.min(axis=0) + atoms.positions.max(axis=0)) / 2
    radius = np.linalg.norm(atoms.positions - center, axis=1).max() + ARROW_LENGTH
    values: dict[str, Any] = {
        "COUNT": len(atoms),
        "COLOR": to_rgb(color),
        "THICKNESS": ARROW_RADIUS,
        "ARROWS": ARROWS,
        "READY": READY,
        "WIDTH": WIDTH,
        "FAMILY": FAMILY,
        "RADIUS": radius,
        "FIELD": FIELD_OF_VIEW,
        "CENTER": center.tolist(),
        "VIEW": _look_at(choose_view(atoms, motion)),
    }
    return re.sub(r"\b[A-Z]{4,}\b", lambda name: json.dumps(values[name[0]]), SET_UP)


def _look_at(view: NDArray[np.float64]) -> list[float]:
    """Columns of a 4x4 matrix for a camera that looks along +z, from rows right, up, towards."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([-1.0, 1.0, -1.0]) @ view
    return [float(x) for x in matrix.T.ravel()]
