"""What axe-core finds in a page.

``axe.min.js`` is version 4 of https://github.com/dequelabs/axe-core, under the Mozilla Public
License 2.0; it is used in tests only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).with_name("axe.min.js")

# JupyterLab has a loader of modules, which axe would take for its own.
LOAD = """source => {
  const {define} = window;
  window.define = undefined;
  (0, eval)(source);
  window.define = define;
}"""

RUN = """async () => {
  const {violations} = await axe.run(document);
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({html, target}) => [id, html, target.join(" ")]));
}"""


def violations(page: Page) -> list[Any]:
    """What is serious or critical: rule, markup and selector of each node."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(LOAD, AXE.read_text(encoding="utf-8"))
    found: list[Any] = page.evaluate(RUN)
    return found
