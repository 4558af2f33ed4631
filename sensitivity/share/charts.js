// Charts of singular values on a logarithmic axis, with a band for those that are rounding.
"use strict";

const MARGIN = {left: 56, right: 12, top: 8, bottom: 34};
const BAND = 20;

function draw(parent, name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = text;
  parent.append(made);
  return made;
}

function star(points, inner, turn) {
  const count = inner === 1 ? points : 2 * points;
  return Array.from({length: count}, (_, k) => {
    const angle = 2 * Math.PI * k / count + turn, size = inner !== 1 && k % 2 ? inner : 1;
    return [size * Math.sin(angle), -size * Math.cos(angle)];
  });
}

const PLUS = [[-.35, -1], [.35, -1], [.35, -.35], [1, -.35], [1, .35], [.35, .35], [.35, 1],
  [-.35, 1], [-.35, .35], [-1, .35], [-1, -.35], [-.35, -.35]];
const CROSS = PLUS.map(([x, y]) => [(x - y) / Math.SQRT2, (x + y) / Math.SQRT2]);
// As matplotlib names them.
const OUTLINES = {
  "o": star(24, 1, 0), "s": star(4, 1, Math.PI / 4), "D": star(4, 1, 0), "p": star(5, 1, 0),
  "*": star(5, 0.45, 0), "^": star(3, 1, 0), "v": star(3, 1, Math.PI), "P": PLUS, "X": CROSS,
};

function drawMarker(parent, {marker, color}, [x, y], size, attributes = {}) {
  const corners = OUTLINES[marker].map(([a, b]) => `${x + size * a},${y + size * b}`);
  return draw(parent, "polygon", {points: corners.join(" "), fill: color, class: "marker",
    ...attributes});
}

// The marker of a cause, or a dash of a colour, as a picture of the size of a letter.
function makeSign(look) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", true);
  if (look.marker) drawMarker(svg, look, [8, 8], 7);
  else draw(svg, "line", {x1: 1, x2: 15, y1: 8, y2: 8, stroke: look.color, "stroke-width": 3});
  return svg;
}

function makeEntry(look, text) {
  const item = document.createElement("li");
  item.append(makeSign(look), ` ${text}`);
  return item;
}

function format(value, digits = 3) {
  return value === 0 ? "0" : value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
}

function power(exponent) {
  return "10" + [...String(exponent)].map(c => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("");
}

function makeAxis(values, {rounding, height}) {
  const seen = values.filter(value => value > rounding), zeros = seen.length < values.length;
  // Not Math.max(...seen), which takes only some ten thousand arguments.
  const top = Math.log10(seen.reduce((a, b) => Math.max(a, b), 1e-300));
  const low = Math.log10(seen.reduce((a, b) => Math.min(a, b), 1e300));
  const room = Math.max(0, 1 - (top - low)) / 2;  // at least one decade
  const [first, last] = seen.length ? [low - room, top + room] : [-1, 0];
  const bottom = height - MARGIN.bottom - (zeros ? BAND : 0), pad = 8;
  const place = x => bottom - pad - (x - first) / (last - first) * (bottom - MARGIN.top - 2 * pad);
  return {
    zeros, bottom, first, last, place, seen: seen.length > 0,
    y: value => value > rounding ? place(Math.log10(value)) : bottom + BAND / 2,
  };
}

// Logarithms of labelled values, with their texts: powers of ten, or 1, 2 and 5 of each if these are
// few.
function chooseTicks({first, last}) {
  const step = Math.max(1, Math.ceil((last - first) / 5));
  const powers = [];
  for (let k = Math.ceil(first / step) * step; k <= last; k += step) powers.push([k, power(k)]);
  if (powers.length > 2) return powers;
  const ticks = [];
  for (let k = Math.floor(first); k <= last; k += 1)
    for (const digit of [1, 2, 5]) {
      const place = k + Math.log10(digit);
      const text = Math.abs(k) > 3 ? format(digit * 10 ** k, 0) : String(+(digit * 10 ** k).toPrecision(1));
      if (place >= first && place <= last) ticks.push([place, text]);
    }
  return ticks;
}

// At most six multiples of 1, 2 or 5 times a power of ten in a range.
function chooseSteps(first, last) {
  const least = (last - first) / 5 || 1, unit = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map(digit => digit * unit).find(each => each >= least * (1 - 1e-9));
  const ticks = [];
  for (let k = Math.ceil(first / step - 1e-9); k * step <= last + 1e-9 * step; k += 1)
    ticks.push(+(k * step).toPrecision(6) + 0);  // no -0
  return ticks;
}

function drawAxis(svg, axis, {width, height, level, unit}) {
  const {left, right, top, bottom} = MARGIN, end = height - bottom;
  if (axis.zeros) {
    draw(svg, "rect", {class: "band", x: left, y: axis.bottom, width: width - left - right,
      height: BAND});
    draw(svg, "text", {x: left - 6, y: axis.bottom + 14, "text-anchor": "end"}, "0");
  }
  for (const [place, text] of axis.seen ? chooseTicks(axis) : [])
    draw(svg, "text", {x: left - 6, y: axis.place(place) + 4, "text-anchor": "end"}, text);
  const line = axis.y(level);
  if (line > top && line < axis.bottom)
    draw(svg, "line", {class: "level", x1: left, x2: width - right, y1: line, y2: line});
  drawFrame(svg, {width, height, unit});
}

function drawFrame(svg, {width, height, unit}) {
  const {left, right, top, bottom} = MARGIN, end = height - bottom;
  draw(svg, "path", {class: "axis", d: `M${left},${top}V${end}H${width - right}`});
  draw(svg, "text", {x: 12, y: (top + end) / 2, "text-anchor": "middle",
    transform: `rotate(-90 12 ${(top + end) / 2})`}, unit);
}

function drawTicks(svg, {width, height, places, title}) {
  const y = height - MARGIN.bottom;
  places.forEach(([x, text]) => {
    draw(svg, "line", {class: "axis", x1: x, x2: x, y1: y, y2: y + 4});
    draw(svg, "text", {x, y: y + 16, "text-anchor": "middle"}, text);
  });
  draw(svg, "text", {x: (width + MARGIN.left) / 2, y: height - 3, "text-anchor": "middle"}, title);
}

// A text in a box above a place, within the width of the chart.
function drawNote(svg, [x, y], content, width) {
  const group = draw(svg, "g", {class: "hover", "pointer-events": "none"});
  const height = Math.max(y - 16, 16);
  const text = draw(group, "text", {x, y: height, "text-anchor": "middle"}, content);
  const half = text.getBBox().width / 2 + 6;
  const middle = Math.min(Math.max(x, half), width - half);
  text.setAttribute("x", middle);
  const box = draw(group, "rect", {class: "box", x: middle - half, y: height - 15,
    width: 2 * half, height: 21, rx: 4});
  group.prepend(box);
}

function prepare(svg) {
  const {width, height} = svg.getBoundingClientRect();
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return {width, height};
}

// One marker per mode; ``choose`` is called with the number of the mode.
function createValues(svg, {looks, rounding, level, label, title, unit, choose}) {
  let size, axis, values, kinds, names, known, markers = [], chosen = 0, others = [];
  svg.setAttribute("role", "radiogroup");
  svg.setAttribute("aria-label", label);
  const x = mode => MARGIN.left + (mode + 0.7) / (values.length + 0.4)
    * (size.width - MARGIN.left - MARGIN.right);

  function paint() {
    size = prepare(svg);
    if (!size.width || !values) return;  // not laid out, or not loaded
    const all = [...values, ...others.flatMap(other => other.values)];
    axis = makeAxis(all, {rounding, height: size.height});
    drawAxis(svg, axis, {...size, level, unit});
    const step = Math.max(1, Math.ceil(values.length / (size.width / 45)));
    const places = values.map((_, mode) => [x(mode), mode]).filter(([, mode]) => mode % step === 0);
    drawTicks(svg, {...size, places, title});
    others.forEach(({values: row, color}) => row.forEach((value, mode) => draw(svg, "line", {
      class: "moved", x1: x(mode) - 6, x2: x(mode) + 6, y1: axis.y(value), y2: axis.y(value),
      ...color && {stroke: color}})));
    const radius = values.length > 40 ? 4 : 6;
    markers = values.map((value, mode) => drawMarker(svg, looks[kinds[mode]],
      [x(mode), axis.y(value)], radius, !names[mode] ? {opacity: 0.35} : {
        role: "radio", "aria-label": names[mode], "aria-checked": mode === chosen,
        tabindex: mode === chosen ? 0 : -1, "data-mode": mode}));
    draw(svg, "circle", {class: "ring", cx: x(chosen), cy: axis.y(values[chosen]),
      r: radius + 4});
  }

  function nearest(event, reach) {
    const {left, top} = svg.getBoundingClientRect();
    const away = mode => Math.hypot(x(mode) + left - event.clientX,
      (axis.y(values[mode]) + top - event.clientY) / 3);  // columns are narrow and high
    const best = known.reduce((one, other) => away(other) < away(one) ? other : one);
    return away(best) < reach ? best : null;
  }

  function tell(mode) {
    svg.querySelectorAll(".hover").forEach(each => each.remove());
    if (mode !== null) drawNote(svg, [x(mode), axis.y(values[mode])], names[mode], size.width);
  }

  const steps = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
  svg.addEventListener("keydown", event => {
    const place = known.indexOf(chosen), last = known.length - 1;
    const next = event.key === "Home" ? 0 : event.key === "End" ? last
      : event.key in steps ? Math.min(Math.max(place + steps[event.key], 0), last) : null;
    if (next === null) return;
    event.preventDefault();
    choose(known[next]);
    markers[known[next]].focus();
  });
  svg.addEventListener("click", event => {
    const mode = nearest(event, 40);
    if (mode !== null) choose(mode);
  });
  svg.addEventListener("pointermove", event => tell(nearest(event, 25)));
  svg.addEventListener("pointerleave", () => tell(null));
  new ResizeObserver(paint).observe(svg);
  return {
    // The name of a mode that cannot be chosen is empty.
    load(next) {
      ({values, kinds, names} = next);
      known = values.map((_, mode) => mode).filter(mode => names[mode]);
    },
    // ``others`` are values that are drawn as dashes, each with its colour.
    show(mode, next) { chosen = mode; others = next; paint(); },
  };
}

// Lines of the singular values against the amplitude; ``choose`` is called with its number.
function createAlong(svg, {amplitudes, color, accent, rounding, level, title, choose}) {
  let size, trace = null, step = 0;
  svg.setAttribute("role", "img");
  const [first, last] = [amplitudes[0], amplitudes.at(-1)];
  const x = amplitude => MARGIN.left + (amplitude - first) / (last - first || 1)
    * (size.width - MARGIN.left - MARGIN.right);

  function paint() {
    size = prepare(svg);
    if (!trace || !size.width) return;
    const axis = makeAxis(trace.values.flat(), {rounding, height: size.height});
    drawAxis(svg, axis, {...size, level, unit: "singular value (1/Å)"});
    drawTicks(svg, {...size, places: chooseSteps(first, last).map(tick => [x(tick), tick]), title});
    const count = Math.max(...trace.values.map(row => row.length));
    const lines = [...Array(count).keys()].map(k => trace.values.map(row => row[k]));
    const least = trace.values.map(row => row.at(-1));
    lines.forEach(line => curve(axis, line, {class: "curve", stroke: color}));
    curve(axis, least, {class: "curve least", stroke: accent});
    draw(svg, "line", {class: "now", x1: x(amplitudes[step]), x2: x(amplitudes[step]),
      y1: MARGIN.top, y2: size.height - MARGIN.bottom});
  }

  function curve(axis, line, attributes) {
    let pen = "M";
    const parts = line.map((value, k) => {
      if (value === undefined) { pen = "M"; return ""; }
      const part = `${pen}${x(amplitudes[k]).toFixed(1)},${axis.y(value).toFixed(1)}`;
      pen = "L";
      return part;
    });
    draw(svg, "path", {d: parts.join(""), ...attributes});
  }

  function pick(event) {
    const {left} = svg.getBoundingClientRect();
    const away = amplitudes.map(amplitude => Math.abs(x(amplitude) + left - event.clientX));
    choose(away.indexOf(Math.min(...away)));
  }

  svg.addEventListener("pointerdown", event => {
    svg.setPointerCapture(event.pointerId);
    pick(event);
  });
  svg.addEventListener("pointermove", event => { if (event.buttons) pick(event); });
  new ResizeObserver(paint).observe(svg);
  return {
    show(next, number, name) {
      trace = next; step = number;
      svg.setAttribute("aria-label", name);
      paint();
    },
  };
}
