// Several subjects, such as descriptors or wave vectors, each with a structure and its modes.
"use strict";

// ``makeChart`` gets the function that chooses a subject and one of its modes, by their numbers.
function startModes(page, makeChart) {
  const {subjects, scenes, looks, words} = page;
  let subject = null, mode = null, shown = 0;  // the scene in the view
  const molecule = createMolecule(get("molecule"), scenes[shown]);
  const player = createPlayer({place, tell() {}});
  const chart = makeChart(choose);

  function moved(amplitude) {
    const {positions} = scenes[shown];
    return mode.displacements.map((vector, atom) =>
      vector.map((x, axis) => positions[atom][axis] + amplitude * x));
  }

  function place(amplitude) {
    molecule.show(moved(amplitude), get("arrows").checked ? mode.displacements : null);
  }

  // Another subject has its own list of modes, and may have another structure.
  function enter(number) {
    subject = number;
    const {scene, modes} = subjects[number];
    if (scene !== shown) {
      shown = scene;
      molecule.load(scenes[scene]);
      if (page.separate) molecule.reset();
    }
    get("subject").value = number;
    fillList(get("mode"), modes.map(each => [each.number, each.name]));
  }

  function choose(next, number) {
    const {modes, first, amplitudes} = subjects[next];
    const find = wanted => modes.find(each => each.number === wanted);
    mode = find(number) ?? find(first);
    if (next !== subject) enter(next);
    explain();
    chart.show(subject, mode);
    player.load(amplitudes);
  }

  function explain() {
    get("mode").value = mode.number;
    get("number").textContent = mode.title;
    get("mark").replaceChildren(makeSign(looks[mode.cause]));
    get("singular").value = mode.value;
    get("singular").textContent = `${format(mode.value)} ${words.unit}`;
    say("sentence", mode.sentence);
    fillFacts(get("evidence"), mode.facts);
  }

  function structure() {
    const {elements} = scenes[shown];
    const rows = moved(player.amplitude()).map((position, atom) =>
      [elements[atom], ...position].join(" "));
    return [rows.length, subjects[subject].comment, ...rows, ""].join("\n");
  }

  for (const [id, text] of Object.entries(words.labels)) get(id).textContent = text;
  fillList(get("subject"), subjects.map((each, number) => [number, each.name]));
  get("subject").addEventListener("change", event =>
    choose(Number(event.target.value), mode.number));
  get("mode").addEventListener("change", event => choose(subject, Number(event.target.value)));
  get("reset").addEventListener("click", () => { player.center(); molecule.reset(); });
  offer("save-structure", "structure.extxyz", structure);
  offer("save-data", "data.json", () => JSON.stringify(page.report));
  choose(page.shown, null);
}
