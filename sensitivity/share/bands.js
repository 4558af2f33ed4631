// Bands: a click on a wave moves the atoms of a supercell along it.
"use strict";

// Lines of the visible waves above zero, boxes of the invisible ones below, and a marker at each
// wave that can be chosen; ``choose`` is called with the numbers of its wave vector and of the wave.
function createBands(svg, {chart, subjects, looks, choose}) {
  const {edges, bottom, top, ticks, points, lines, places, boxes, row, label, unit, title} = chart;
  let size, chosen = [0, null], marker = null;
  svg.setAttribute("role", "radiogroup");
  svg.setAttribute("aria-label", label);
  const x = at => MARGIN.left + (at - edges[0]) / (edges.at(-1) - edges[0])
    * (size.width - MARGIN.left - MARGIN.right);
  const y = value => size.height - MARGIN.bottom - (value - bottom) / (top - bottom)
    * (size.height - MARGIN.top - MARGIN.bottom);
  // A special point can be at several places of the path.
  const waves = subjects.flatMap(({at, modes}, subject) => at.flatMap(
    place => modes.map(mode => ({subject, place, mode, first: place === at[0]}))));

  function paint() {
    size = prepare(svg);
    if (!size.width) return;  // not laid out
    boxes.forEach(([start, end, level, cause]) => draw(svg, "rect", {
      x: x(edges[start]), width: x(edges[end]) - x(edges[start]), y: y(-row * (level + 0.5)),
      height: y(0) - y(row), fill: looks[cause].color}));
    lines.forEach(heights => {
      let pen = "M";
      const parts = heights.map((value, k) => {
        if (value === null) { pen = "M"; return ""; }
        const part = `${pen}${x(places[k]).toFixed(1)},${y(value).toFixed(1)}`;
        pen = "L";
        return part;
      });
      draw(svg, "path", {class: "curve", stroke: looks.sensitive.color, d: parts.join("")});
    });
    const right = size.width - MARGIN.right;
    draw(svg, "line", {class: "axis", x1: MARGIN.left, x2: right, y1: y(0), y2: y(0)});
    ticks.forEach(value => draw(svg, "text", {x: MARGIN.left - 6, y: y(value) + 4,
      "text-anchor": "end"}, String(+value.toPrecision(3))));
    points.forEach(([at]) => draw(svg, "line", {class: "level", x1: x(at), x2: x(at),
      y1: MARGIN.top, y2: size.height - MARGIN.bottom}));
    drawFrame(svg, {...size, unit});
    drawTicks(svg, {...size, places: apart(points), title});
    waves.forEach(drawWave);
  }

  // Names of special points that do not touch each other.
  function apart(named) {
    let end = -Infinity;
    return named.map(([at, name]) => [x(at), name]).filter(([middle, name]) => {
      const half = 4 * name.length + 2;
      if (middle - half < end) return false;
      end = middle + half;
      return true;
    });
  }

  function drawWave({subject, place, mode, first}) {
    const at = [x(place), y(mode.height)], here = subject === chosen[0] && first;
    const now = here && mode.number === chosen[1];
    const radius = subjects[subject].modes.length > 12 ? 3 : 4.5;
    const made = drawMarker(svg, looks[mode.cause], at, radius, !here ? {} : {
      role: "radio", "aria-label": mode.name, "aria-checked": now, tabindex: now ? 0 : -1});
    if (!now) return;
    marker = made;
    draw(svg, "circle", {class: "ring", cx: at[0], cy: at[1], r: 8.5, "pointer-events": "none"});
  }

  function nearest(event, reach) {
    const {left, top: above} = svg.getBoundingClientRect();
    const away = ({place, mode}) => Math.hypot(x(place) + left - event.clientX,
      y(mode.height) + above - event.clientY);
    const best = waves.reduce((one, other) => away(other) < away(one) ? other : one);
    return away(best) < reach ? best : null;
  }

  function tell(wave) {
    svg.querySelectorAll(".hover").forEach(each => each.remove());
    if (wave === null) return;
    const text = `${subjects[wave.subject].short}: ${wave.mode.name}`;
    drawNote(svg, [x(wave.place), y(wave.mode.height)], text, size.width);
  }

  // Up and down change the wave, left and right the wave vector.
  function next(key) {
    const [subject, number] = chosen, {modes} = subjects[subject];
    const sorted = [...modes].sort((one, other) => one.height - other.height);
    const place = sorted.findIndex(each => each.number === number);
    const within = (k, list) => Math.min(Math.max(k, 0), list.length - 1);
    const turn = {ArrowUp: place + 1, ArrowDown: place - 1, Home: 0, End: sorted.length - 1};
    if (key in turn) return [subject, sorted[within(turn[key], sorted)].number];
    const step = {ArrowRight: 1, ArrowLeft: -1}[key];
    return step ? [within(subject + step, subjects), number] : null;
  }

  svg.addEventListener("keydown", event => {
    const found = next(event.key);
    if (found === null) return;
    event.preventDefault();
    choose(...found);
    marker.focus();
  });
  svg.addEventListener("click", event => {
    const wave = nearest(event, Infinity);
    choose(wave.subject, wave.mode.number);
  });
  svg.addEventListener("pointermove", event => tell(nearest(event, 20)));
  svg.addEventListener("pointerleave", () => tell(null));
  new ResizeObserver(paint).observe(svg);
  return {show(subject, {number}) { chosen = [subject, number]; paint(); }};
}

(() => {
  const page = JSON.parse(get("data").textContent);
  const {subjects, looks, chart} = page;
  startModes(page, choose => {
    chart.legend.forEach(([cause, text]) => get("legend").append(makeEntry(looks[cause], text)));
    return createBands(get("values"), {chart, subjects, looks, choose});
  });
})();
