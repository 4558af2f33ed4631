"""Pages that are files of the repository, and links between them.

Files outside of ``docs`` that are pages of the site are copied into it before a build. Links of
Markdown, which are relative in the repository, lead to a page where the file is one, and to the
source code otherwise.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def in_order(path: Path) -> tuple[int, str]:
    """Return the key that sorts notebooks by their number, and other files by their name."""
    number = re.match(r"\d+", path.name)
    return int(number[0]) if number else 0, path.name


# In the order of the navigation.
COURSE = list(
    dict.fromkeys(
        path.relative_to(ROOT / "notebooks").as_posix()
        for pattern in (
            *("[0-9]*.ipynb", "appendix/*.ipynb"),
            *("teaching/README.md", "teaching/outcomes.md"),
            *("teaching/quiz.md", "teaching/quiz-key.md", "teaching/*.md", "*.md"),
        )
        for path in sorted(ROOT.glob(f"notebooks/{pattern}"), key=in_order)
        if path != ROOT / "notebooks/README.md"
    )
)
EXECUTED = ROOT / "build/course"  # by docs/execute_course.py
# Files, and where they are in the site.
PAGES = {
    "CHANGELOG.md": "docs/changelog.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "README.md": "docs/index.md",
    "benchmarks/README.md": "docs/benchmarks.md",
    "notebooks/README.md": "docs/course/index.md",
    **{f"notebooks/{name}": f"docs/course/{name}" for name in COURSE},
}
WRITTEN = {"README.md"}  # the site has a page of its own for it
ENTRIES = "\n".join(COURSE)
CONTENTS = {"notebooks/README.md": f"\n```{{toctree}}\n:hidden:\n\n{ENTRIES}\n```\n"}

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)(#[^)\s]*)?(?=\))")


def relink(text: str, *, source: str, page: str, address: str) -> str:
    """Return Markdown of a file, relative to the root, with the links that its page needs."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        if not (ROOT / target).exists():
            return match[0]  # Sphinx tells that it leads nowhere
        place = PAGES.get(target, target)
        shown = place.startswith("docs/") or Path(target).suffix in {".png", ".svg", ".gif"}
        if not shown or (ROOT / place).is_dir():
            return f"{address}/blob/main/{target}"
        return posixpath.relpath(place, posixpath.dirname(page)) + (match[2] or "")

    return LINK.sub(link, text)


def copy_pages(app: Any) -> None:
    """Copy what is no file of ``docs``; files that have not changed keep their time."""
    address = app.config.repository_source
    for source, page in PAGES.items():
        if source in WRITTEN:
            continue
        text = _newest(source).read_text("utf-8")
        text = relink(text, source=source, page=page, address=address) + CONTENTS.get(source, "")
        copy = ROOT / page
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_text("utf-8") != text:
            copy.write_text(text, "utf-8")


def _newest(source: str) -> Path:
    """Return the file, or the executed notebook if that has been made of it."""
    file = ROOT / source
    executed = EXECUTED / file.relative_to(ROOT / "notebooks") if "notebooks/" in source else file
    newer = executed.exists() and executed.stat().st_mtime > file.stat().st_mtime
    return executed if newer else file


def relink_page(app: Any, name: str, content: list[str]) -> None:
    """Change the links of a page of ``docs`` to files outside."""
    page = f"docs/{name}.md"
    if page not in PAGES.values() and (ROOT / page).exists():
        address = app.config.repository_source
        content[0] = relink(content[0], source=page, page=page, address=address)


def setup(app: Any) -> dict[str, Any]:
    """Connect both."""
    app.add_config_value("repository_source", "", "env")
    app.connect("builder-inited", copy_pages, priority=100)  # before pages are looked for
    app.connect("source-read", relink_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
