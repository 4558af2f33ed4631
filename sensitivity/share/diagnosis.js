// A diagnosis: a mode is chosen, and the atoms move along it.
"use strict";

(() => {
  const page = JSON.parse(get("data").textContent);
  const {report, modes, looks, causes, scene, amplitudes} = page;
  const shown = new Map(report.modes.map(mode => [mode.mode, mode]));
  const middle = amplitudes.indexOf(0), period = 3000;  // milliseconds of an oscillation
  let mode = page.shown, step = middle, playing = null;

  const write = value => value <= page.zero ? "0" : format(value, 1);
  const names = causes.map((cause, number) => shown.has(number)
    ? `${number}: ${write(report.singular_values[number])}, ${cause}` : "");
  const sign = amplitude => amplitude
    ? `${amplitude > 0 ? "+" : "−"}${Math.abs(amplitude).toFixed(2)} Å` : "0 Å";

  const molecule = createMolecule(get("molecule"), scene);
  const common = {rounding: page.rounding, level: page.zero};
  const values = createValues(get("values"), {
    ...common, values: [...causes.keys()].map(k => shown.get(k)?.singular_value
      ?? report.singular_values[k]), looks, kinds: causes, names, choose,
  });
  const along = createAlong(get("along"), {
    ...common, amplitudes, color: page.line, accent: scene.arrow, choose: move,
    title: "amplitude (Å)",
  });

  function moved(amplitude) {
    const {displacements} = shown.get(mode);
    return report.structure.positions.map((position, atom) =>
      position.map((x, axis) => x + amplitude * displacements[atom][axis]));
  }

  function place(amplitude) {
    molecule.show(moved(amplitude), get("arrows").checked ? shown.get(mode).displacements : null);
  }

  function describe() {
    const {trace} = modes[mode], amplitude = amplitudes[step];
    const where = amplitude ? `At ${sign(amplitude)}` : "At amplitude 0";
    const row = trace?.values[step] ?? [], problem = trace?.problems[step];
    get("now").textContent = problem ? `${where}: ${problem}` : !row.length ? ""
      : `${where}: rank ${trace.ranks[step]} of ${row.length} internal displacements; `
        + `smallest/largest singular value ${format(trace.conditions[step], 1)}.`;
    get("amount").textContent = sign(amplitude);
    get("amplitude").value = step;
    get("amplitude").setAttribute("aria-valuetext", sign(amplitude));
    values.show(mode, amplitude && row.length ? row : null);
    along.show(trace, step, `Singular values along mode ${mode}. ${get("now").textContent}`);
    ["along", "along-title"].forEach(id => get(id).toggleAttribute("hidden", !trace));
    get("unknown").hidden = Boolean(trace);
  }

  function explain() {
    const {evidence, ...facts} = shown.get(mode), look = looks[facts.cause];
    get("mode").value = mode;
    get("number").textContent = `${mode}: ${facts.cause}`;
    get("mark").replaceChildren();
    drawLegend(get("mark"), look);
    get("singular").value = facts.singular_value;
    get("singular").textContent = format(facts.singular_value);
    get("sentence").textContent = modes[mode].sentence;
    const number = value => value === null ? null : format(value, 1);
    const rows = [
      ["relative to the scale", number(evidence.relative)],
      ["the same with a larger basis", number(evidence.larger_basis)],
      ["the same with the next order", number(evidence.higher_order)],
      ["exponent of the feature change", evidence.response?.toFixed(2)],
      ["lowest order that sees it", evidence.lifted_by],
      ["distance to an exact zero (Å, root mean square)", facts.distance < page.exact && facts.distance !== null ? "0"
        : number(facts.distance)],
      ["atoms that move most", facts.atoms.map(k => `${scene.elements[k]}${k}`).join(", ")],
    ];
    get("evidence").replaceChildren(...rows.filter(([, value]) => value ?? false).flatMap(
      ([label, value]) => [makeElement("dt", label), makeElement("dd", value)]));
  }

  function drawLegend(parent, look) {
    drawMarker(draw(parent, "svg", {viewBox: "0 0 16 16", "aria-hidden": true}), look, [8, 8], 7);
  }

  function choose(number) {
    stop();
    mode = number; step = middle;
    explain(); describe(); place(0);
  }

  function move(number) {
    stop();
    step = number;
    describe(); place(amplitudes[step]);
  }

  function stop() {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    get("play").textContent = "Play";
  }

  function play(start) {
    const reach = amplitudes.at(-1);
    const frame = time => {
      const amplitude = reach * Math.sin(2 * Math.PI * (time - start) / period);
      const last = step;
      step = middle + Math.round(middle * amplitude / reach);
      if (step !== last) describe();
      place(amplitude);
      playing = requestAnimationFrame(frame);
    };
    get("play").textContent = "Pause";
    playing = requestAnimationFrame(frame);
  }

  function structure() {
    const rows = moved(amplitudes[step]).map((position, atom) =>
      [scene.elements[atom], ...position].join(" "));
    return [rows.length, page.comment, ...rows, ""].join("\n");
  }

  get("mode").replaceChildren(...[...shown.keys()].map(number => {
    const option = makeElement("option", names[number]);
    option.value = number;
    return option;
  }));
  get("amplitude").max = amplitudes.length - 1;
  Object.entries(looks).forEach(([cause, look]) => {
    const item = makeElement("li", "");
    drawLegend(item, look);
    item.append(` ${cause} (${causes.filter(each => each === cause).length})`);
    get("legend").append(item);
  });
  get("mode").addEventListener("change", event => choose(Number(event.target.value)));
  get("amplitude").addEventListener("input", event => move(Number(event.target.value)));
  get("arrows").addEventListener("change", () => place(amplitudes[step]));
  get("reset").addEventListener("click", () => { move(middle); molecule.reset(); });
  get("play").addEventListener("click", () => {
    if (playing !== null) move(step); else play(performance.now());
  });
  offer("save-structure", "structure.extxyz", structure);
  offer("save-data", "diagnosis.json", () => JSON.stringify(report));
  choose(mode);
  molecule.reset();
})();
