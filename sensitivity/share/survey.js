// A survey: the worst environments, each with its softest modes.
"use strict";

(() => {
  const page = JSON.parse(get("data").textContent);
  const {subjects, looks} = page;

  startModes(page, choose => {
    const values = createValues(get("values"), {
      looks, ...page.chart, choose: subject => choose(subject, null),
    });
    const kinds = subjects.map(each => each.cause), names = subjects.map(each => each.name);
    values.load({values: subjects.map(each => each.condition), kinds, names});
    get("legend").append(...[...new Set(kinds)].map(cause => makeEntry(looks[cause], cause === "sensitive" ? "all visible" : cause)));
    return {show: subject => values.show(subject, [])};
  });
})();
