// A path or a twin: frames, shown one after the other.
"use strict";

(() => {
  const page = JSON.parse(get("data").textContent);
  const {report, scene, frames, labels, facts} = page, last = frames.length - 1;
  const period = 4000;  // milliseconds there and back
  let frame = page.shown, playing = null;
  const molecule = createMolecule(get("molecule"), scene);
  const along = page.trace && createAlong(get("along"), {
    amplitudes: page.coordinate, color: page.line, accent: scene.arrow, rounding: page.rounding,
    level: page.zero, title: page.axis, choose: move,
  });

  function show(number) {
    frame = number;
    molecule.show(frames[frame], get("arrows").checked ? page.arrows[frame] : null);
    get("frame").value = frame;
    get("frame").setAttribute("aria-valuetext", labels[frame]);
    get("amount").textContent = labels[frame];
    say("now", page.sentences[frame] ?? "");
    along?.show(page.trace, frame, `Singular values along the path. ${get("now").textContent}`);
  }

  function move(number) {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    get("play").textContent = "Play";
    show(number);
  }

  function play(start) {
    const next = time => {
      const share = (1 - Math.cos(2 * Math.PI * (time - start) / period)) / 2;
      show(Math.round(share * last));
      playing = requestAnimationFrame(next);
    };
    get("play").textContent = "Pause";
    playing = requestAnimationFrame(next);
  }

  get("frame").max = last;
  get("frame-label").textContent = page.slider;
  ["along", "along-title"].forEach(id => get(id).toggleAttribute("hidden", !page.trace));
  fillFacts(get("evidence"), facts);
  get("frame").addEventListener("input", event => move(Number(event.target.value)));
  get("arrows").addEventListener("change", () => show(frame));
  get("reset").addEventListener("click", () => { move(page.shown); molecule.reset(); });
  get("play").addEventListener("click", () => {
    if (playing !== null) move(frame); else play(performance.now());
  });
  offer("save-structure", "structures.extxyz", () => page.structures);
  offer("save-data", "data.json", () => JSON.stringify(report));
  show(frame);
})();
