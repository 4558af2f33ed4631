// A diagnosis: a mode is chosen, and the atoms move along it.
"use strict";

(() => {
  const page = JSON.parse(get("data").textContent);
  const {report, modes, looks, causes, scene, amplitudes} = page;
  const shown = new Map(report.modes.map(mode => [mode.mode, mode]));
  let mode = page.shown;

  const write = value => value <= page.zero ? "0" : format(value, 1);
  const names = causes.map((cause, number) => shown.has(number)
    ? `${number}: ${write(report.singular_values[number])}, ${cause}` : "");

  const molecule = createMolecule(get("molecule"), scene);
  const common = {rounding: page.rounding, level: page.zero};
  const values = createValues(get("values"), {
    ...common, looks, choose, label: "Modes by singular value", title: "mode",
    unit: "singular value (1/Å)",
  });
  const along = createAlong(get("along"), {
    ...common, amplitudes, color: page.line, accent: scene.arrow, title: "amplitude (Å)",
    choose: step => player.move(step),
  });
  const player = createPlayer({place, tell: describe});

  function moved(amplitude) {
    const {displacements} = shown.get(mode);
    return report.structure.positions.map((position, atom) =>
      position.map((x, axis) => x + amplitude * displacements[atom][axis]));
  }

  function place(amplitude) {
    molecule.show(moved(amplitude), get("arrows").checked ? shown.get(mode).displacements : null);
  }

  function describe(step) {
    const {trace} = modes[mode], amplitude = amplitudes[step];
    const where = amplitude ? `At ${signed(amplitude)}` : "At amplitude 0";
    const row = trace?.values[step] ?? [], problem = trace?.problems[step];
    say("now", problem ? `${where}: ${problem}` : !row.length ? ""
      : `${where}: rank ${trace.ranks[step]} of ${row.length} internal displacements; `
        + `smallest/largest singular value ${format(trace.conditions[step], 1)}.`);
    values.show(mode, amplitude && row.length ? [{values: row}] : []);
    along.show(trace, step, `Singular values along mode ${mode}. ${get("now").textContent}`);
    ["along", "along-title"].forEach(id => get(id).toggleAttribute("hidden", !trace));
    get("unknown").hidden = Boolean(trace);
  }

  function explain() {
    const {evidence, ...facts} = shown.get(mode), look = looks[facts.cause];
    get("mode").value = mode;
    get("number").textContent = `${mode}: ${facts.cause}`;
    get("mark").replaceChildren(makeSign(look));
    get("singular").value = facts.singular_value;
    const rounded = facts.singular_value <= page.rounding;  // "0" in the list and the chart, too
    get("singular").textContent = rounded ? "0" : format(facts.singular_value);
    say("sentence", modes[mode].sentence);
    const number = value => value === null ? null : format(value, 1);
    const rows = [
      ["relative to the scale", rounded && evidence.relative !== null ? "0" : number(evidence.relative)],
      ["the same with a larger basis", number(evidence.larger_basis)],
      ["the same with the next order", number(evidence.higher_order)],
      ["exponent of the feature change", evidence.response?.toFixed(2)],
      ["lowest order that sees it", evidence.lifted_by],
      ["distance to an exact zero (Å, root mean square)", facts.distance < page.exact && facts.distance !== null ? "0"
        : number(facts.distance)],
      ["atoms that move most", facts.atoms.map(k => `${scene.elements[k]}${k}`).join(", ")],
    ];
    fillFacts(get("evidence"), rows.filter(([, value]) => value ?? false));
  }

  function choose(number) {
    mode = number;
    explain();
    player.center();
  }

  function structure() {
    const rows = moved(player.amplitude()).map((position, atom) =>
      [scene.elements[atom], ...position].join(" "));
    return [rows.length, page.comment, ...rows, ""].join("\n");
  }

  fillList(get("mode"), [...shown.keys()].map(number => [number, names[number]]));
  values.load({
    values: causes.map((_, k) => shown.get(k)?.singular_value ?? report.singular_values[k]),
    kinds: causes, names,
  });
  get("legend").append(...Object.entries(looks).map(([cause, look]) =>
    makeEntry(look, `${cause} (${causes.filter(each => each === cause).length})`)));
  get("mode").addEventListener("change", event => choose(Number(event.target.value)));
  get("reset").addEventListener("click", () => { player.center(); molecule.reset(); });
  offer("save-structure", "structure.extxyz", structure);
  offer("save-data", "diagnosis.json", () => JSON.stringify(report));
  player.load(amplitudes);
  choose(mode);
})();
