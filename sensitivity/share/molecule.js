// The 3D view of a structure: atoms, bonds, arrows, centers and cell. Lengths are in Å.
"use strict";

// The longest arrow sticks out of the largest atom, and all are thicker than bonds. ``radius`` and
// ``head`` are in lengths of the longest.
const ARROW = {length: 1, ofAtom: 1.8, shortest: 0.05, radius: 0.12, head: 0.35};

const HALO = {radius: 0.5, opacity: Math.sqrt(0.35)};  // 3Dmol squares the opacity of shapes

function point([x, y, z]) {
  return {x, y, z};
}

function createMolecule(element, first) {
  const canvas = document.createElement("canvas");
  if (!canvas.getContext("webgl2") && !canvas.getContext("webgl")) {
    element.textContent = "This browser has no WebGL, which the structure in 3D needs.";
    return {load() {}, show() {}, reset() {}};
  }
  const viewer = $3Dmol.createViewer(element, {antialias: true, disableFog: true});
  const shapes = [];
  let scene, model, own;

  // 3Dmol mixes transparent shapes with its own background, not with that of the page below it.
  function paint() {
    const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/\d+/g).map(Number);
    viewer.setBackgroundColor(65536 * red + 256 * green + blue, 1);
  }

  // Shows another structure, from the direction of the one before.
  function load(next) {
    scene = next;
    own = scene.positions.length - scene.owners.length;
    viewer.clear();
    shapes.length = 0;
    viewer.setConfig({...viewer.getConfig(), minimumZoomToDistance: scene.radius});
    model = viewer.addModel();
    const partners = scene.positions.map(() => []);
    scene.bonds.forEach(([one, other]) => partners[one].push(other));
    model.addAtoms(scene.positions.map((position, index) => ({
      ...point(position), elem: scene.elements[index], bonds: partners[index],
      bondOrder: partners[index].map(() => 1),
    })));
    scene.colors.forEach((color, index) => {
      const size = index < own ? 1 : 0.6;  // 3Dmol has one opacity per model
      const sphere = {radius: size * scene.radii[index], color};
      model.setStyle({index}, {sphere, stick: {radius: size * 0.1, color}});
    });
    scene.cell.forEach(([start, end]) => viewer.addCylinder({
      start: point(start), end: point(end), radius: 0.02, color: "#999999"}));
    look(viewer.getView().slice(4));
  }

  function addArrow(position, vector, longest) {
    const length = Math.hypot(...vector);
    const shape = viewer.addArrow({
      start: point(position), end: point(position.map((x, axis) => x + vector[axis])),
      radius: ARROW.radius * longest, radiusRatio: 2,
      mid: Math.max(0, 1 - ARROW.head * longest / length),
      color: scene.arrow,
    });
    shapes.push(shape);
  }

  function addArrows(positions, pattern) {
    const sizes = pattern.map(vector => Math.hypot(...vector));
    const longest = Math.max(...sizes);
    const length = Math.max(ARROW.length, ARROW.ofAtom * Math.max(...scene.radii));
    pattern.forEach((vector, atom) => {
      if (sizes[atom] > ARROW.shortest * longest)  // shorter ones are inside their atom
        addArrow(positions[atom], vector.map(x => length * x / longest), length);
    });
  }

  // Moves the atoms, whose images follow them; ``pattern`` has the direction of each arrow, or null.
  function show(places, pattern) {
    const positions = scene.positions.map((position, index) => {
      if (index < own) return places[index];
      const owner = scene.owners[index - own];
      return position.map((x, axis) => x + places[owner][axis] - scene.positions[owner][axis]);
    });
    model.selectedAtoms({}).forEach((atom, index) => {
      Object.assign(atom, point(positions[index]));
    });
    model.setStyle({}, {}, true);  // draws them again
    shapes.splice(0).forEach(shape => viewer.removeShape(shape));
    if (pattern) addArrows(places, pattern);
    scene.halos.forEach(atom => shapes.push(viewer.addSphere({
      center: point(positions[atom]), color: scene.halo, ...HALO})));
    viewer.render();
  }

  function look(turn) {
    viewer.zoomTo();
    const [, , , zoom] = viewer.getView();
    viewer.setView([...scene.middle.map(x => -x), zoom, ...turn]);
    viewer.render();
  }

  // Shows the whole structure from its best direction.
  function reset() {
    look(scene.view);
  }

  const turns = {
    ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"],
  };
  element.addEventListener("keydown", event => {
    if (event.key in turns) viewer.rotate(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") viewer.zoom(1.15);
    else if (event.key === "-") viewer.zoom(1 / 1.15);
    else return;
    event.preventDefault();
  });
  // The wheel scrolls the page until the structure is in use.
  element.addEventListener("wheel", event => {
    if (!element.contains(document.activeElement) && !event.ctrlKey) event.stopPropagation();
  }, {capture: true});
  element.addEventListener("pointerdown", () => element.focus({preventScroll: true}));
  new ResizeObserver(([{contentRect: {width}}]) => {
    if (!width) return;  // not laid out
    viewer.resize();
    look(viewer.getView().slice(4));
  }).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();
  load(first);
  reset();
  return {load, show, reset};
}
