"""Tells how wide an explorer is in the page, where no molecule is there to tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensitivity.explorers.parts.libraries import require

# An element without height, as wide as the explorer that it is in. The figures don't change that
# width, so that nothing goes round in circles.
WATCH = """
export default {
  render({model, el}) {
    const observer = new ResizeObserver(([{contentRect}]) => {
      if (contentRect.width < 1) return;  // in a hidden tab
      model.set("pixels", contentRect.width);
      model.save_changes();
    });
    observer.observe(el);
    return () => observer.disconnect();
  }
};
"""


def make_ruler(on_width: Callable[[float], None]) -> Any:
    """Return a widget that is not seen, and that calls this with its width in pixels."""
    import traitlets

    ruler = require("anywidget").AnyWidget(_esm=WATCH, layout={"height": "0", "margin": "0"})
    ruler.add_traits(pixels=traitlets.Float(0.0).tag(sync=True))
    ruler.observe(lambda change: on_width(change["new"]), "pixels")
    return ruler
