// Elements of the page, and buttons that download files.
"use strict";

const get = id => document.getElementById(id);

function makeElement(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// Shows a text in which no line ends within a number such as 3e-18.
function say(id, text) {
  get(id).replaceChildren(...text.split(/([\d.]+e[-+]\d+(?: 1\/Å)?)/).map((part, number) => {
    if (number % 2 === 0) return part;
    const whole = makeElement("span", part);
    whole.className = "whole";
    return whole;
  }));
}

// ``entries`` are values of options with their texts.
function fillList(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => {
    const option = makeElement("option", text);
    option.value = value;
    return option;
  }));
}

// ``facts`` are labels with their texts.
function fillFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(
    ([label, text]) => [makeElement("dt", label), makeElement("dd", text)]));
}

function offer(button, name, write) {
  get(button).addEventListener("click", () => {
    const link = makeElement("a", name);
    link.href = URL.createObjectURL(new Blob([write()], {type: "text/plain"}));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
}
