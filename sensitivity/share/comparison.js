// A comparison: the modes of one descriptor, and how much each of the others sees of them.
"use strict";

(() => {
  const page = JSON.parse(get("data").textContent);
  const {subjects, looks, series} = page;

  startModes(page, choose => {
    let subject = null;
    const values = createValues(get("values"), {
      looks, ...page.chart, choose: mode => choose(subject, mode),
    });

    function enter(number) {
      const {slopes, causes, modes} = subjects[number];
      const names = causes.map((_, k) => modes.find(each => each.number === k)?.name ?? "");
      subject = number;
      values.load({values: slopes[number], kinds: causes, names});
      get("legend").replaceChildren(
        ...[...new Set(causes)].map(cause => makeEntry(looks[cause], cause)),
        ...others().map(k => makeEntry({color: series[k]}, subjects[k].name)));
    }

    function others() {
      return [...subjects.keys()].filter(k => k !== subject);
    }

    return {
      show(next, {number}) {
        if (next !== subject) enter(next);
        values.show(number, others().map(k =>
          ({values: subjects[subject].slopes[k], color: series[k]})));
      },
    };
  });
})();
