// Runs once in each view of an explorer, in an element without height. It sends the sizes of the
// charts and the colours of the page to Python, which draws the charts. The sizes come from the
// style sheet alone, so that there is no feedback.
const EXPLORER = ".sensitivity-explorer", CHART = ".sensitivity-chart";

// The visible colour of several layers, as six hexadecimal digits.
const dot = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const mix = (...colors) => {
  for (const color of colors) { dot.fillStyle = color; dot.fillRect(0, 0, 1, 1); }
  const seen = [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3);
  return `#${seen.map(part => part.toString(16).padStart(2, "0")).join("")}`;
};
const brightness = color => color.match(/\w\w/g).reduce((sum, part) => sum + parseInt(part, 16), 0);

const STATE = "#state=", KEPT = "sensitivity-session";  // in a link; in the storage of a tab

let saved = 0;  // the number of the last saved file

export default {
  render({model, el}) {
    let root = null;
    const own = selector => [...root.querySelectorAll(selector)]
      .filter(element => element.closest(EXPLORER) === root);  // another explorer may be inside

    const tell = () => {
      if (root.closest("[inert]")) return;  // the kernel has ended
      const charts = own(CHART), sizes = charts.map(e => [e.clientWidth, e.clientHeight]);
      if (!charts.length || sizes.some(([width]) => width < 1)) return;  // in a hidden tab
      const paper = mix("white", getComputedStyle(charts[0]).backgroundColor);
      const ink = mix(paper, getComputedStyle(root).color);
      root.classList.toggle("sensitivity-dark", brightness(paper) < brightness(ink));
      model.set({sizes, paper, ink});
      model.save_changes();
    };

    // A chart would capture all keys, including Tab. Every click has an equivalent control.
    const keep = event => { if (event.target.closest(CHART)) event.stopPropagation(); };
    // ipywidgets gives no tooltip to many inputs, nor to the buttons of an animation.
    const name = (element, title) => { if (element.title !== title) element.title = title; };
    const mend = () => {
      root.inert = root.classList.contains("jupyter-widgets-disconnected");
      own(`${CHART} [tabindex="0"]`).forEach(e => { e.tabIndex = -1; });
      // Otherwise JupyterLab would interpret arrows and Enter as commands on cells.
      own("select, input, button, .noUi-handle").forEach(e => {
        e.toggleAttribute("data-lm-suppress-shortcuts", true);
      });
      own(".widget-inline-hbox").forEach(row => {
        const label = row.querySelector("label"), title = model.get("tooltips")[label?.textContent];
        if (!title) return;
        name(label, title);
        row.querySelectorAll("input, select, .noUi-handle").forEach(e => {
          name(e, title);
          if (e.matches(".noUi-handle")) e.setAttribute("aria-label", label.textContent);
        });
      });
      // A readout takes any text, which does nothing.
      own(".widget-readout").forEach(e => { e.contentEditable = "false"; });
      // ipywidgets appends the number of files, which here is always 0.
      own(".widget-upload").forEach(({lastChild: text}) => {
        const bare = text?.data?.replace(/ \(\d+\)$/, "");
        if (bare && bare !== text.data) text.data = bare;
      });
      own(".widget-play").forEach(play => {
        const [start, stop] = play.querySelectorAll("button");
        const pause = start.querySelector(".fa-pause");
        name(start, pause ? "Pause" : play.title || "Play");
        name(stop, "Stop and return to the start");
        for (const button of [start, stop]) button.setAttribute("aria-label", button.title);
      });
    };
    // A number field would ignore a decimal comma, and a field of integers a point: 1,2 became 12.
    const separate = event => {
      const field = event.target;
      if (!field.matches('input[type="number"]') || ![",", "."].includes(event.key)) return;
      const whole = field.step === "1";
      field.setCustomValidity(whole ? "Enter a whole number." : "");
      if (!whole && event.key === ".") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!whole) return document.execCommand("insertText", false, ".");
      field.reportValidity();
      field.select();  // what follows replaces what was there
    };
    // An error message is about what was typed before.
    const typed = ({target}) => {
      target.setCustomValidity?.("");
      if (target.closest(EXPLORER) === root && !root.closest("[inert]")) model.send({typing: true});
    };
    const expand = event => {
      if (!event.target.closest(".sensitivity-full-screen")) return;
      if (event.target.closest(EXPLORER) !== root) return;
      document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
    };

    // ipympl encodes each image of a chart once more, for notebooks that are saved with widgets.
    // This waits until the graphics card has drawn everything: in software 0.1 s, in which nothing
    // moves. So it is postponed.
    const postpone = async id => {
      const chart = await model.widget_manager.get_model(id), canvas = chart?.offscreen_canvas;
      if (!canvas || Object.hasOwn(canvas, "toDataURL")) return;  // a static image; another view
      const encode = () => HTMLCanvasElement.prototype.toDataURL.call(canvas), pause_ms = 1500;
      let pause = null;
      canvas.toDataURL = () => {
        clearTimeout(pause);
        pause = setTimeout(() => chart.set("_data_url", encode()), pause_ms);
        return chart.get("_data_url");
      };
    };

    const save = ({download, number}, [content]) => {
      if (!download || number <= saved) return;
      saved = number;  // by the first of several views
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content]));
      link.download = download;
      link.click();
      URL.revokeObjectURL(link.href);
    };
    // The session in the link, or else of this tab before it was reloaded. It is read before Python
    // sends another one.
    const opened = () => {
      const text = location.hash.startsWith(STATE) ? location.hash.slice(STATE.length) : "";
      if (text) history.replaceState(null, "", location.pathname + location.search);
      return text;
    };
    const open = () => { const session = opened(); if (session) model.send({session}); };
    if (model.get("keeps")) {
      model.send({session: opened() || sessionStorage.getItem(KEPT) || ""});
      addEventListener("hashchange", open);
    }
    const remember = ({keep, link}) => {
      if (keep) {
        try { sessionStorage.setItem(KEPT, keep); } catch { sessionStorage.removeItem(KEPT); }
      }
      if (!link) return;
      const address = location.origin + location.pathname + STATE + link;  // without the token
      navigator.clipboard.writeText(address).catch(() => prompt("Copy this link:", address));
    };
    const rename = () => { if (root) mend(); };
    model.on("msg:custom", save);
    model.on("msg:custom", remember);
    model.on("change:tooltips", rename);

    const sizes = new ResizeObserver(tell), theme = new MutationObserver(tell);
    const parts = new MutationObserver(mend);
    const start = new ResizeObserver(() => {  // it has a width: it is in the page
      if (root) return;
      root = el.closest(EXPLORER);
      root.addEventListener("keydown", keep, true);
      root.addEventListener("keydown", separate, true);
      root.addEventListener("input", typed);
      root.addEventListener("keyup", keep, true);
      own(CHART).forEach(chart => sizes.observe(chart));
      theme.observe(document.body, {attributes: true});
      parts.observe(root, {childList: true, subtree: true, attributeFilter: ["class"]});
      root.addEventListener("click", expand);
      model.get("charts").forEach(postpone);
      mend();
      root.closest(".sensitivity-result")?.scrollIntoView({block: "nearest"});
    });
    start.observe(el);
    return () => {
      model.off("msg:custom", save);
      model.off("msg:custom", remember);
      removeEventListener("hashchange", open);
      model.off("change:tooltips", rename);
      [start, sizes, theme, parts].forEach(observer => observer.disconnect());
    };
  }
};
