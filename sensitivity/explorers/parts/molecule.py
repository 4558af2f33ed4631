"""The picture of the atoms, with one arrow per atom."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.colors import to_rgb

from sensitivity.explorers.parts.layout import FAMILY, HEIGHT
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.mode_motion import ARROW_LENGTH
from sensitivity.numerics import Array
from sensitivity.plots.palette import ARROW

ARROW_RADIUS = 0.11
"""Å: as thin as can be seen beside a bond."""

BALL = 0.45
"""Radius of an atom of a structure in one colour, in covalent radii."""

FIELD_OF_VIEW = 25
"""Degrees: with a telephoto lens, near atoms do not look larger than they are."""

MOST_MARKED = 12
"""Centers get a halo; more of them than this say nothing."""

IMAGES = {"type": "ball+stick", "radius": 0.06, "aspectRatio": 2.5, "opacity": 0.35}
"""Of all atoms: within thicker ones it is not seen, but its bonds lead from them to the images."""

# What Python and a view say to each other. A view tells when it can listen, and how wide the
# explorer around it is; Python tells what to show, and from where.
READY, WIDTH, LOAD, LOOK = "ready", "width", "load", "look"

ARROWS = "arrows"
"""Under this name the ends of the arrows travel in the message that moves the atoms."""

# Runs once in each view, as a method of it. Atoms and arrows arrive in one binary message, so that
# they move in the same frame. A remote call per step would be kept and sent again by nglview, and a
# new shape per step would stay in the memory of the graphics card.
SET_UP = """
const {stage} = this, {viewer} = stage;
const repeat = (size, values) => new Float32Array(size).map((_, i) => values[i % values.length]);
let latest = {}, structures = [], shapes = [], arrows = null, camera = null, generation = 0;
let loading = Promise.resolve();

const addShape = (name, buffer) => {
  const shape = new NGL.Shape(name);
  shape.addBuffer(buffer);
  const component = stage.addComponentFromObject(shape);
  component.addRepresentation("buffer");
  shapes.push(component);
  return buffer;
};

const move = (name, data) => {
  const values = new Float32Array(data);
  if (name === ARROWS) {
    if (!arrows) return;
    const half = values.length / 2;
    arrows.setAttributes({position1: values.slice(0, half), position2: values.slice(half)});
    viewer.requestRender();
  } else if (structures[name]) {
    structures[name].structure.updatePosition(values);
    structures[name].updateRepresentations({position: true});
  }
};
this.updateCoordinates = (data, name) => {
  latest[name] = data;
  move(name, data);
};

const load = async scene => {
  const mine = ++generation, old = [...structures, ...shapes];
  latest = {}; structures = []; shapes = []; arrows = null; camera = scene.camera;
  const loaded = await Promise.all(scene.bodies.map(({text}) => stage.loadFile(
    new Blob([text], {type: "text/plain"}), {ext: "pdb", defaultRepresentation: false})));
  old.forEach(component => stage.removeComponent(component));
  if (mine !== generation) return loaded.forEach(component => stage.removeComponent(component));
  structures = loaded;
  scene.bodies.forEach(({styles}, k) => styles.forEach(
    ({type, ...style}) => loaded[k].addRepresentation(type, style)));
  const {count, color} = scene;
  if (count) arrows = addShape("arrows", new NGL.ArrowBuffer({
    position1: new Float32Array(3 * count), position2: new Float32Array(3 * count),
    color: repeat(3 * count, color), radius: repeat(count, [THICKNESS]),
  }, {aspectRatio: 2}));
  const {start, end} = scene.cell, edges = start.length / 3;
  if (edges) addShape("cell", new NGL.CylinderBuffer({
    position1: new Float32Array(start), position2: new Float32Array(end),
    color: repeat(3 * edges, [0.6, 0.6, 0.6]), color2: repeat(3 * edges, [0.6, 0.6, 0.6]),
    radius: repeat(edges, [0.02]),
  }));
  Object.entries(latest).forEach(([name, data]) => move(name, data));
  this.fit();
};

this.fit = () => {
  if (!camera || viewer.width < 2) return;
  const {width, height} = viewer, {view, center, radius} = camera;
  const away = radius / Math.sin(FIELD * Math.PI / 360) * Math.max(1, height / width);
  stage.viewerControls.orient(new NGL.Matrix4().fromArray(view));
  stage.animationControls.zoomMove(new NGL.Vector3(...center), -away, 0);
};

this.listenTo(this.model, "msg:custom", message => {
  if (message.to && message.to !== this.cid) return;
  if (message.type === LOAD) loading = Promise.allSettled([loading, load(message)]);
  if (message.type === LOOK) { camera = message.camera; this.fit(); }
});
viewer.container.stage = stage;  // for whoever looks from the browser's console
let fitted = false;
const room = new ResizeObserver(([{contentRect}]) => {
  stage.handleResize();
  if (!fitted && contentRect.width > 1) { this.fit(); fitted = true; }
});
room.observe(viewer.container);
const page = new ResizeObserver(([{contentRect}]) => {
  if (this.model.comm_live) this.send({type: WIDTH, pixels: contentRect.width});
});
page.observe(this.el.closest("." + FAMILY) ?? this.el);
const remove = this.remove.bind(this);
this.remove = () => {
  room.disconnect();
  page.disconnect();
  viewer.render = viewer.requestRender = viewer.handleResize = () => {};
  generation++;
  loading.then(() => {  // NGL still tells a stage that is gone of a file that it has loaded
    stage.dispose();
    viewer.renderer.forceContextLoss();  // a browser keeps few of them
  });
  return remove();
};
this.send({type: READY, view: this.cid});
"""


@dataclass(frozen=True)
class Body:
    """A structure to be drawn.

    Attributes
    ----------
    atoms
        N atoms.
    color
        Of all its atoms, as matplotlib names it; None for the colours of the elements.
    marked
        Indices of atoms that get a halo.
    images
        How many of the atoms, the last ones, are periodic images: they are paler and have no
        arrows.
    """

    atoms: Atoms
    color: str | None = None
    marked: tuple[int, ...] = ()
    images: int = 0


@dataclass(frozen=True)
class Camera:
    """From where to look.

    Attributes
    ----------
    view
        Shape (3, 3): rows are the right, up and towards-the-viewer directions.
    center
        Shape (3,), in Å: what is in the middle.
    radius
        Å: how far around the middle everything is in sight.
    """

    view: Array
    center: Array
    radius: float

    @classmethod
    def around(cls, *structures: Atoms, view: Array, room: float = ARROW_LENGTH) -> Camera:
        """See all atoms of some structures, and some room in Å around them."""
        positions = np.concatenate([atoms.positions for atoms in structures])
        center = (positions.min(axis=0) + positions.max(axis=0)) / 2
        radius = float(np.linalg.norm(positions - center, axis=1).max()) + room
        return cls(view, center, radius)

    def describe(self) -> dict[str, Any]:
        """What a view needs: columns of a 4x4 matrix for a camera that looks along +z."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.diag([-1.0, 1.0, -1.0]) @ self.view
        center = [float(x) for x in self.center]
        return {"view": matrix.T.ravel().tolist(), "center": center, "radius": self.radius}


class Molecule:
    """A view of the atoms and their arrows that is built once, and moved without being rebuilt.

    Parameters
    ----------
    on_width
        Called with the width in pixels of the explorer around it, when that has changed.

    Attributes
    ----------
    widget
        The nglview widget.
    camera
        From where it looks, unless a person has turned it.
    sent
        What was last sent to it, in Å: by number of the body its atoms, shape (N, 3); and under
        ``ARROWS``, start and end of the arrows, shape (2, N, 3).
    """

    def __init__(self, *, on_width: Callable[[float], None] = lambda _: None) -> None:
        self._on_width = on_width
        self._scene: dict[str, Any] | None = None
        self.camera: Camera | None = None
        self.sent: dict[Any, Array] = {}
        self.widget = _view()
        self.widget.on_msg(self._answer)
        self.widget._remote_call("executeCode", target="Widget", args=[_set_up()], fire_embed=True)

    def load(self, *bodies: Body, camera: Camera, arrows: bool = True) -> None:
        """Show other structures, with arrows, if they are wanted, for the atoms of the first."""
        first, self.camera = bodies[0], camera
        own = first.atoms[: len(first.atoms) - first.images]
        self._scene = {
            "type": LOAD,
            "bodies": [_describe(body) for body in bodies],
            "count": len(own) if arrows else 0,
            "color": to_rgb(ARROW),
            "cell": _edges(own),
            "camera": camera.describe(),
        }
        self.sent = {}
        self.widget.send(self._scene)

    def show(self, *positions: Array, arrows: Array | None = None) -> None:
        """Move the atoms of each body, shape (N, 3), and the arrows, shape (2, N, 3); in Å."""
        self.sent = dict(enumerate(positions))
        if arrows is not None:
            self.sent[ARROWS] = arrows
        self.widget.set_coordinates(self.sent)

    def look(self, camera: Camera) -> None:
        """Look from elsewhere."""
        self.camera = camera
        if self._scene is not None:
            self._scene["camera"] = camera.describe()
            self.widget.send({"type": LOOK, "camera": camera.describe()})

    def _answer(self, _: Any, message: dict[str, Any], __: Any) -> None:
        # What is sent before a view exists is lost, so each view gets it when it is ready.
        if message.get("type") == READY and self._scene is not None:
            self.widget.send({**self._scene, "to": message.get("view")})
            self.widget.set_coordinates(self.sent)
        if message.get("type") == WIDTH:
            self._on_width(message["pixels"])


def _view() -> Any:
    nglview = require("nglview")
    view = nglview.NGLWidget(layout={"width": "100%"})
    view._view_width, view._view_height = "100%", f"{HEIGHT}px"
    # NGL cuts away what is within clipDist of the camera, and a small molecule is that near.
    view.parameters = {"clipDist": 0, "fogNear": 100, "fogFar": 100, "cameraFov": FIELD_OF_VIEW}
    return view


def _set_up() -> str:
    values: dict[str, Any] = {
        "THICKNESS": ARROW_RADIUS,
        "FIELD": FIELD_OF_VIEW,
        "FAMILY": FAMILY,
        **{"ARROWS": ARROWS, "READY": READY, "WIDTH": WIDTH},
        **{"LOAD": LOAD, "LOOK": LOOK},
    }
    return re.sub(r"\b[A-Z]{4,}\b", lambda name: json.dumps(values[name[0]]), SET_UP)


def _describe(body: Body) -> dict[str, Any]:
    """A structure as text, and how to draw it."""
    styles: list[dict[str, Any]] = [{"type": "ball+stick", "radius": 0.1, "aspectRatio": 2.2}]
    if body.images:
        own = _select(range(len(body.atoms) - body.images))
        styles = [{**styles[0], "sele": own}, IMAGES]
    if body.color is not None:  # elements are told apart by their sizes
        balls = {"type": "spacefill", "radiusType": "covalent", "radiusScale": BALL}
        styles = [{"type": "licorice", "radius": 0.08}, balls]
        styles = [{**style, "color": body.color} for style in styles]
    if 0 < len(body.marked) <= min(MOST_MARKED, len(body.atoms) - 1):
        halo = {"radiusType": "size", "radius": 0.42, "opacity": 0.25, "color": "#E69F00"}
        styles.append(
            {"type": "spacefill", "sele": _select(body.marked), "depthWrite": False, **halo}
        )
    return {"text": _write(body.atoms), "styles": styles}


def _select(indices: Iterable[int]) -> str:
    return "@" + ",".join(str(index) for index in indices)


def _write(atoms: Atoms) -> str:
    """The atoms in PDB format, from which NGL takes elements and bonds."""
    # With a cell, the format would turn the atoms.
    bare = Atoms(numbers=atoms.numbers, positions=atoms.positions)
    with io.StringIO() as file:
        bare.write(file, format="proteindatabank")
        return file.getvalue()


def _edges(atoms: Atoms) -> dict[str, list[float]]:
    """Start and end of the twelve edges of a periodic cell, or of the four of a layer.

    A layer is outlined at the height of its atoms.
    """
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    middle = atoms.positions.mean(axis=0)
    away = middle - middle @ np.linalg.pinv(vectors) @ vectors
    ends: list[Array] = []
    for axis in range(len(vectors)):
        others = np.delete(vectors, axis, axis=0)
        for corner in product((0.0, 1.0), repeat=len(others)):
            start = np.array(corner) @ others + away
            ends.append(np.array([start, start + vectors[axis]]))
    start, end = np.array(ends).reshape(-1, 2, 3).swapaxes(0, 1)
    return {"start": start.ravel().tolist(), "end": end.ravel().tolist()}
