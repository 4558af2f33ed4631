"""Use the app for a long time in a real browser, and check its results and its limits.

``python -m benchmarks.soak``, with the extras ``lab`` and ``test`` and a Chromium installed, takes
20 minutes and writes ``benchmarks/results/soak.json``. On one server and at the same time: random
controls are used on two pages, 200 pages leave while arrays are sent, and a websocket is idle for
10 minutes.

After every action the positions on the page must be finite, and equal the reference plus the
displayed amplitude times the mode. The console of a page must have no error. The memory of the
server and of each process, and the number of processes, are recorded.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from ast import literal_eval
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

import app_server  # noqa: E402
from laboratory import NO_BROWSER, Complaints, browse, find_browser, join  # noqa: E402
from playwright.sync_api import Page, TimeoutError  # noqa: E402
from workbench import STAGES  # noqa: E402

from benchmarks import clock  # noqa: E402

SETTLED = 60.0
"""Seconds within which the page has to show the state of the process."""

CLOSE = 2e-3
"""Å: the page shows the amplitude with two decimals, and positions have single precision."""

SHOWN = f"""() => {{
  const stage = {STAGES}.at(0);
  const row = [...document.querySelectorAll(".widget-slider")]
    .find(e => e.textContent.includes("amplitude (Å)"));
  if (!stage?.compList.length || !row) return null;
  const {{count, x, y, z}} = stage.compList[0].structure.atomStore;
  return {{
    amplitude: parseFloat(row.querySelector(".widget-readout").textContent.replace("−", "-")),
    atoms: [...Array(count).keys()].map(i => [x[i], y[i], z[i]]),
  }};
}}"""

STATE = (
    "__import__('json').dumps([explorer.state.reference.atoms.positions.tolist(),"
    "explorer.state.reference.modes[explorer.state.mode].tolist(),"
    "explorer.state.amplitude, explorer.busy])"
)


@dataclass
class Visit:
    """A page, its process, and the actions on it."""

    site: app_server.Site
    page: Page
    complaints: Complaints
    kernel: str = ""
    done: Counter[str] = field(default_factory=Counter)

    def enter(self) -> None:
        """Reload the page."""
        self.page.goto(f"{self.site.address}/?token={self.site.token}")
        self.page.wait_for_function(f"() => {STAGES}.some(stage => stage.compList.length > 1)")
        config = self.page.locator("#jupyter-config-data").text_content()
        self.kernel = json.loads(config or "{}")["kernelId"]

    def ask(self) -> tuple[np.ndarray, np.ndarray, float, bool]:
        """Return reference positions, mode and amplitude of the process, and if it is busy."""
        with self.site.inside(self.kernel) as client:
            reply = client.execute(
                "", user_expressions={"state": STATE}, reply=True, timeout=SETTLED
            )
        state = reply["content"]["user_expressions"]["state"]["data"]["text/plain"]
        positions, mode, amplitude, busy = json.loads(literal_eval(state))
        return np.array(positions), np.array(mode), amplitude, busy

    def check(self) -> str:
        """Wait until page and process agree; otherwise return the difference."""
        deadline = time.monotonic() + SETTLED
        wrong = "nothing was shown"
        while time.monotonic() < deadline:
            wrong = self._compare()
            if not wrong:
                return ""
            self.page.wait_for_timeout(200)
        return wrong

    def _compare(self) -> str:
        shown = self.page.evaluate(SHOWN)
        if shown is None:
            return "there is no molecule"
        positions, mode, amplitude, busy = self.ask()
        atoms = np.array(shown["atoms"], dtype=float)[: len(positions)]
        if busy:
            return "the process is busy"
        if not np.all(np.isfinite(atoms)):
            return "some atoms are not finite"
        if atoms.shape != positions.shape:
            return f"{len(atoms)} atoms are shown, and there are {len(positions)}"
        if abs(shown["amplitude"] - amplitude) > 0.006:
            return f"amplitude {shown['amplitude']} is shown, and it is {amplitude}"
        off = float(np.abs(atoms - positions - amplitude * mode).max())
        return "" if off < CLOSE else f"atoms are {off:.3f} Å from where the amplitude puts them"


def press(visit: Visit, rng: random.Random) -> None:
    """Move the amplitude."""
    row = visit.page.locator(".widget-slider", has=visit.page.get_by_text("amplitude (Å)"))
    row.first.locator(".noUi-handle").focus()
    key = rng.choice(["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"])
    for _ in range(rng.randint(1, 10)):
        visit.page.keyboard.press(key)


def click_chart(visit: Visit, rng: random.Random) -> None:
    """Click near the markers of modes."""
    canvas = visit.page.locator(".jupyter-matplotlib canvas").first
    box = canvas.bounding_box()
    if box is not None:
        place = {"x": box["width"] * rng.random(), "y": box["height"] * rng.random()}
        canvas.click(position=place, force=True)


def _choose(visit: Visit, rng: random.Random, selector: str) -> Any:
    found = visit.page.locator(f".sensitivity-explorer {selector}").all()
    usable = [each for each in found if each.is_visible() and each.is_enabled()]
    return rng.choice(usable) if usable else None


def select(visit: Visit, rng: random.Random) -> None:
    """Choose an entry of a list."""
    chosen = _choose(visit, rng, "select")
    if chosen is not None:
        options = chosen.locator("option").count()
        chosen.select_option(index=rng.randrange(options))


SWINGS = ".fa-play, .fa-pause, .fa-retweet"
"""Icons of buttons that start an endless animation."""


def click_button(visit: Visit, rng: random.Random) -> None:
    """Click on a button; not one that starts an animation, since the atoms then never rest."""
    chosen = _choose(visit, rng, f"button:not(:has({SWINGS})):not(.widget-upload)")
    if chosen is not None:
        chosen.click(timeout=5000)


def toggle(visit: Visit, rng: random.Random) -> None:
    """Toggle a switch."""
    chosen = _choose(visit, rng, "input[type=checkbox]")
    if chosen is not None:
        chosen.click(timeout=5000)


def reload(visit: Visit, rng: random.Random) -> None:
    """Reload the page, which ends its process."""
    visit.enter()


ACTIONS: dict[Callable[[Visit, random.Random], None], int] = {
    press: 10,
    click_chart: 6,
    select: 3,
    click_button: 3,
    toggle: 1,
    reload: 1,
}
"""Actions and their relative frequencies."""


def act(visit: Visit, rng: random.Random) -> str:
    """Perform a random action, and return the problems afterwards."""
    (action,) = rng.choices(list(ACTIONS), list(ACTIONS.values()))
    visit.done[action.__name__] += 1
    try:
        action(visit, rng)
    except TimeoutError:  # the control was covered or removed, as can happen to a user
        visit.done["not possible"] += 1
    try:
        wrong = visit.check()
    except Exception as error:  # recorded, so that the rest of the log is kept
        wrong = f"{error!r}; the page says {visit.page.get_by_role('alert').text_content()!r}"
    return f"{action.__name__}: {wrong}" if wrong else ""


def leave_often(site: app_server.Site, count: int) -> dict[str, Any]:
    """Leave while arrays are sent, and measure the waiting time of the next visitor.

    The page does not end its process: it is gone, and another visitor gets its place.
    """
    rng, times = random.Random(0), []
    for number in range(count):
        if number % 20 == 0:
            kernel = site.enter()
        site.leave(kernel, moment=0.3 * rng.random(), politely=number % 2 == 0)
        began = time.monotonic()
        assert site.get("/voila/static/voila.js")[0] == 200
        times.append(time.monotonic() - began)
    return {"leavings": count, "longest wait for an answer, s": round(max(times), 3)}


def stay_idle(site: app_server.Site, seconds: float) -> dict[str, Any]:
    """Stay connected without a message, and send a request at the end."""
    kernel = site.enter()
    with site.connect(kernel) as connection:
        time.sleep(seconds)
        message = app_server.ask("comm_msg", {"comm_id": "none", "data": 0})
        answer = app_server.tell(connection, message)
    return {"seconds": seconds, "answers": "kernel_info_reply" in answer}


@dataclass
class Usage:
    """Periodic samples of the memory in MB and the number of processes."""

    server: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)

    def note(self, site: app_server.Site) -> None:
        """Take one sample."""
        children = site.process.children()
        self.server.append(site.process.memory_info().rss / 1e6)
        self.process.append(max((child.memory_info().rss for child in children), default=0) / 1e6)
        self.processes.append(len(children))

    def summary(self) -> dict[str, Any]:
        """Return first, last and largest value of each."""
        return {
            name: {"first": round(each[0]), "last": round(each[-1]), "largest": round(max(each))}
            for name, each in vars(self).items()
        }


def use(site: app_server.Site, program: str, *, minutes: float, seed: int) -> dict[str, Any]:
    """Use two pages in turn."""
    rng, usage, wrong = random.Random(seed), Usage(), []
    deadline = time.monotonic() + 60 * minutes
    with browse(program) as (page, complaints):
        visits = [Visit(site, page, complaints), Visit(site, *join(page))]
        for visit in visits:
            visit.enter()
        while time.monotonic() < deadline:
            for visit in visits:
                found = act(visit, rng)
                if found:
                    print(found, flush=True)
                    wrong.append(found)
                    with suppress(TimeoutError):  # detected again after the next action
                        visit.enter()
            usage.note(site)
        console = [text for visit in visits for text in visit.complaints.console]
    return {
        "minutes": minutes,
        "seed": seed,
        "actions": dict(sum((visit.done for visit in visits), Counter())),
        "invariants that failed": wrong,
        "errors in the console": console,
        "memory in MB, processes": usage.summary(),
    }


def result(work: Future[Any]) -> Any:
    """Return the result or the error, so that the rest of the log is kept."""
    error = work.exception()
    return work.result() if error is None else {"failed": repr(error)}


def main() -> None:
    """Run everything on one server, and write the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--idle", type=float, default=600, help="seconds of an idle websocket")
    parser.add_argument("--leavings", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    program = find_browser()
    if program is None:
        sys.exit(NO_BROWSER)
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor() as pool,
        app_server.serve(Path(folder)) as site,
    ):
        idle: Future[Any] = pool.submit(stay_idle, site, options.idle)
        left: Future[Any] = pool.submit(leave_often, site, options.leavings)
        used = use(site, program, minutes=options.minutes, seed=options.seed)
        found = {"pages": used, "idle websocket": result(idle), "leavings": result(left)}
        log = site.log.read_text()
    found["tracebacks in the log"] = log.count("Traceback")
    found["end of the log"] = log[-2000:].splitlines() if "Traceback" in log else []
    found["the server ended and left nothing"] = True  # serve() raises otherwise
    clock.save("soak", found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
