"""Warns of links between the pages of the site that lead nowhere, anchors included."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.util import logging

logger = logging.getLogger(__name__)


class Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {"", "top"}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what a tag has of both."""
        for name, value in attrs:
            if name in {"href", "src"} and value is not None:
                self.links.add(value)
            elif name in {"id", "name"} and value is not None:
                self.anchors.add(value)


def check(app: Any, error: Exception | None) -> None:
    """Check all pages once they are written."""
    if error is not None or app.builder.name != "html":
        return
    folder, read = Path(app.outdir).resolve(), cache(Page)
    for path in sorted(folder.rglob("*.html")):
        if path.is_relative_to(folder / "_static"):
            continue
        for link in sorted(read(path).links):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            target = target / "index.html" if target.is_dir() else target
            found = target.exists() and (
                target.suffix != ".html" or unquote(address.fragment) in read(target).anchors
            )
            if not found:
                logger.warning("%s: %s leads nowhere", path.relative_to(folder), link)


def setup(app: Any) -> dict[str, Any]:
    """Check when the build has finished."""
    app.connect("build-finished", check, priority=900)  # when all assets are copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
