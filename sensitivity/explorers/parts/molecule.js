// Runs once in each view of a molecule, as its method; molecule.py replaces the names in capitals.
// Atoms and arrows arrive in one binary message, so that they move in the same frame. nglview would
// keep and resend a remote call per step, and a new shape per step would stay in the memory of the
// graphics card.
const {stage} = this, {viewer} = stage;
this.$pickingInfo?.remove();  // an empty white box
// nglview would fix the width that a later view has before it is laid out: one pixel.
this.handleResize = () => stage.handleResize();
this.setSize("100%", "100%");
const repeat = (size, values) => new Float32Array(size).map((_, i) => values[i % values.length]);
let latest = {}, structures = [], shapes = [], arrows = null, camera = null, generation = 0;
let aimed = 0;  // number of the camera that the view has taken
let bodies = [], written = [], dressed = null;
let loading = Promise.resolve();

// A shader would be discarded with the last object that it draws, and compiling it for the objects
// of the next structure takes 0.1 s in software, as does its first use. There are a few in all.
const shaders = new Set();
const keepShaders = () => viewer.renderer.info.programs.forEach(program => {
  if (!shaders.has(program)) program.usedTimes++;
  shaders.add(program);
});

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

// The parameters that set the size of an atom, in each kind of representation.
const sizes = ["aspectRatio", "radiusScale"];
const dress = ({labels, size}) => {
  bodies.forEach(({drawn}) => drawn.forEach(({style, made}) => {
    const scaled = sizes.filter(name => name in style);
    made.setParameters(Object.fromEntries(scaled.map(name => [name, size * style[name]])));
  }));
  written.forEach(([component, made]) => component.removeRepresentation(made));
  written = labels === "none" ? [] : bodies.map(({names}, k) => [structures[k],
    structures[k].addRepresentation("label", {
      labelType: "text", labelText: names.map(([element, index]) =>
        (labels.includes("element") ? element : "") + (labels.includes("index") ? index : "")),
      color: "black", showBorder: true, borderColor: "white", borderWidth: 0.3, zOffset: 2,
      attachment: "middle-center", radiusType: "size", radiusSize: 1.0, fixedSize: true,
      disablePicking: true,  // a fixed size: that of an atom in a crystal is too small to read
    })]);
};

const load = async scene => {
  const mine = ++generation, old = [...structures, ...shapes];
  dressed = scene.dress;  // a newer message may come while the structure loads
  latest = {}; structures = []; shapes = []; arrows = null; camera = scene.camera;
  const loaded = await Promise.all(scene.bodies.map(({text}) => stage.loadFile(
    new Blob([text], {type: "text/plain"}), {ext: "pdb", defaultRepresentation: false})));
  keepShaders();
  old.forEach(component => stage.removeComponent(component));
  if (mine !== generation) return loaded.forEach(component => stage.removeComponent(component));
  structures = loaded;
  bodies = scene.bodies.map(({styles, names}, k) => ({names, drawn: styles.map(
    ({type, ...style}) => ({style, made: loaded[k].addRepresentation(type, style)}))}));
  written = [];
  dress(dressed);
  const {count, color} = scene;
  if (count) arrows = addShape("arrows", new NGL.ArrowBuffer({
    position1: new Float32Array(3 * count), position2: new Float32Array(3 * count),
    color: repeat(3 * count, color), radius: repeat(count, [0.11]),
  }, {aspectRatio: 2}));
  const {start, end} = scene.cell, edges = start.length / 3;
  if (edges) addShape("cell", new NGL.CylinderBuffer({
    position1: new Float32Array(start), position2: new Float32Array(end),
    color: repeat(3 * edges, [0.6, 0.6, 0.6]), color2: repeat(3 * edges, [0.6, 0.6, 0.6]),
    radius: repeat(edges, [0.02]),
  }));
  Object.entries(latest).forEach(([name, data]) => move(name, data));
  this.fit();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (this.model.comm_live) this.send({type: DRAWN, still});
};

this.fit = () => {
  if (!camera || viewer.width < 2) return;
  const {width, height} = viewer, {view, center, radius} = camera;
  aimed = camera.number;
  const away = radius / Math.sin(FIELD * Math.PI / 360) * Math.max(1, height / width);
  stage.viewerControls.orient(new NGL.Matrix4().fromArray(view));
  stage.animationControls.zoomMove(new NGL.Vector3(...center), -away, 0);
};

this.listenTo(this.model, "msg:custom", message => {
  if (message.to && message.to !== this.cid) return;
  if (message.type === LOAD) loading = Promise.allSettled([loading, load(message)]);
  if (message.type === LOOK) { camera = message.camera; this.fit(); }
  if (message.type === DRESS) {
    dressed = message.dress;
    if (structures.length) dress(dressed);
  }
});

// The wheel scrolls the page; with Ctrl it zooms.
viewer.container.addEventListener("wheel", event => {
  stage.mouseObserver.handleScroll = event.ctrlKey;
}, true);
stage.mouseControls.remove("scroll-ctrl");
stage.mouseControls.add("scroll-ctrl", NGL.MouseActions.zoomScroll);

// A click on an atom of the first structure, or on its image, sends its index to Python.
stage.mouseControls.remove("clickPick-left");  // would move the camera
stage.signals.clicked.add(picked => {
  if (!picked?.atom || picked.component !== structures[0]) return;
  this.send({type: PICK, atom: picked.atom.index, more: picked.mouse.shiftKey});
});
stage.mouseControls.remove("hoverPick");
stage.mouseControls.add("hoverPick", (_, picked) => {
  const k = picked?.atom ? structures.indexOf(picked.component) : -1, {style} = stage.tooltip;
  style.display = k < 0 ? "none" : "block";
  if (k < 0) return;
  const {x, y} = picked.mouse.position;
  stage.tooltip.innerText = bodies[k].names[picked.atom.index].join(" ");
  Object.assign(style, {left: `${x + 8}px`, bottom: `${window.innerHeight - y + 8}px`});
});

// Half a second after the last change NGL draws an antialiased image, which takes a third of a
// second in software and blocks keys. So it is postponed while keys are pressed.
const {sampleLevel} = viewer, pause_ms = 1500;
let pause = null;
const postpone = () => {
  clearTimeout(pause);
  viewer.sampleLevel = -1;  // no antialiased image
  pause = setTimeout(() => { viewer.sampleLevel = sampleLevel; }, pause_ms);
};
document.addEventListener("keydown", postpone, true);

// Python receives the orientation chosen by the user, for exported figures.
let resting = null;
stage.viewerControls.signals.changed.add(() => {
  clearTimeout(resting);  // one message, when the rotation has stopped
  resting = setTimeout(() => {
    if (!camera || !this.model.comm_live) return;
    const view = Array.from(stage.viewerControls.getOrientation().elements);
    this.send({type: TURN, view, number: aimed});
  }, 100);
});
viewer.container.stage = stage;  // for access from the browser console
let fitted = false;
const room = new ResizeObserver(([{contentRect}]) => {
  stage.handleResize();
  if (!fitted && contentRect.width > 1) { this.fit(); fitted = true; }
});
room.observe(viewer.container);
const remove = this.remove.bind(this);
this.remove = () => {
  room.disconnect();
  document.removeEventListener("keydown", postpone, true);
  clearTimeout(resting);
  viewer.render = viewer.requestRender = viewer.handleResize = () => {};
  generation++;
  loading.then(() => {  // NGL notifies the stage of a loaded file even after its removal
    stage.dispose();
    viewer.renderer.forceContextLoss();  // a browser keeps few of them
  });
  return remove();
};
this.send({type: READY, view: this.cid});
