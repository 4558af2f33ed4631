// Motion along a mode: a slider of amplitudes in Å, and Play, which oscillates between their ends.
"use strict";

const PERIOD = 3000;  // milliseconds of an oscillation

function signed(amplitude) {
  return amplitude ? `${amplitude > 0 ? "+" : "−"}${Math.abs(amplitude).toFixed(2)} Å` : "0 Å";
}

// ``place`` is called with each amplitude, also between the steps of the slider, and ``tell`` with
// the number of each step.
function createPlayer({place, tell}) {
  let amplitudes = [0], middle = 0, step = 0, playing = null;

  function stop() {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    get("play").textContent = "Play";
  }

  function show() {
    get("amount").textContent = signed(amplitudes[step]);
    get("amplitude").value = step;
    get("amplitude").setAttribute("aria-valuetext", signed(amplitudes[step]));
    tell(step);
  }

  function move(number) {
    stop();
    step = number;
    show();
    place(amplitudes[step]);
  }

  function play(start) {
    const reach = amplitudes.at(-1);
    const frame = time => {
      const amplitude = reach * Math.sin(2 * Math.PI * (time - start) / PERIOD);
      const last = step;
      step = middle + Math.round(middle * amplitude / reach);
      if (step !== last) show();
      place(amplitude);
      playing = requestAnimationFrame(frame);
    };
    get("play").textContent = "Pause";
    playing = requestAnimationFrame(frame);
  }

  get("amplitude").addEventListener("input", event => move(Number(event.target.value)));
  get("play").addEventListener("click", () => {
    if (playing !== null) move(step); else play(performance.now());
  });
  get("arrows").addEventListener("change", () => place(amplitudes[step]));
  return {
    // Amplitudes in ascending order, with zero in the middle, at which the atoms are then.
    load(next) {
      amplitudes = next;
      middle = amplitudes.indexOf(0);
      get("amplitude").max = amplitudes.length - 1;
      move(middle);
    },
    move,
    center() { move(middle); },
    amplitude: () => amplitudes[step],
  };
}
