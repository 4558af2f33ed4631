"""Build the executed edition of the course: every notebook with its figures, as pages to read.

Run it from anywhere, with the extras ``lab`` and ``docs``: ``python docs/build_course.py``. It runs
all notebooks, which takes some minutes, and writes pages and executed notebooks to
``build/course``; open ``build/course/index.html``. The pages fetch nothing from the network. In
place of an explorer they have a picture of it.

``python docs/build_course.py 5-singular-points.ipynb --output folder`` builds one notebook.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
NOTEBOOKS = ROOT / "notebooks"

WIDGET = "application/vnd.jupyter.widget-view+json"

PREPARE = f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import reading
reading.prepare()
"""
"""Run in the kernel before the first cell: explorers get pictures, and guesses folded answers."""

VERBATIM = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<(h\d) id="[^"]*">(.+?)<a class="anchor-link".+?</a>\s*</\1>')
BAR = re.compile(r"<mo[^>]*>(&#x0007C;|&#x02016;|&#x02225;|\\|)</mo>")  # no space on either side
LINK = re.compile(r'href="(?![a-z]+:)([^"#]*)\.(ipynb|md)(#[^"]*)?"')

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><nav><a href="{up}index.html">Course</a> {beside}</nav></header>
<aside>To move the atoms and to check your guesses, run the notebooks.</aside>
<main>{body}</main>
</body>
</html>
"""


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Build the executed edition of the course.")
    parser.add_argument("notebooks", nargs="*", help="paths within notebooks; all by default")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "course")
    options = parser.parse_args()
    names = [Path(name) for name in options.notebooks] or list_notebooks()
    for name in names:
        start = time.monotonic()
        sys.stdout.write(f"{name} ... ")
        sys.stdout.flush()
        build_notebook(name, options.output)
        sys.stdout.write(f"{time.monotonic() - start:.0f} s\n")
    for path in NOTEBOOKS.rglob("*.md"):
        build_text(path.relative_to(NOTEBOOKS), options.output)
    sys.stdout.write(f"Open {options.output / 'index.html'}\n")


def list_notebooks() -> list[Path]:
    """Return the notebooks of the course, relative to their folder, appendices last."""
    found = [path.relative_to(NOTEBOOKS) for path in NOTEBOOKS.rglob("[0-9]*.ipynb")]
    return sorted(found, key=lambda path: (len(path.parts), path))


def build_notebook(name: Path, output: Path) -> None:
    """Run a notebook, and write it and its page into a folder."""
    notebook = execute(NOTEBOOKS / name)
    place = output / name
    place.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place)
    notebook.cells = [
        cell for cell in notebook.cells if "check" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = typeset(cell.source)
    exporter = HTMLExporter(template_name="basic", anchor_link_text="")
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(notebook)
    write_page(place.with_suffix(".html"), output, body, beside=name)


def execute(path: Path) -> NotebookNode:
    """Return a notebook with its outputs, and with pictures in place of widgets."""
    notebook = nbformat.read(path, as_version=4)
    prepare = nbformat.v4.new_code_cell(PREPARE)
    notebook.cells.insert(0, prepare)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, resources=place).execute()
    notebook.cells.remove(prepare)
    notebook.metadata.pop("widgets", None)
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (HEADING.findall(cell.source) or [section])[-1]
            continue
        cell.outputs = [each for each in cell.outputs if not drop_widget(each)]
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": f"Figure of the section {section}"}
    return notebook


def drop_widget(output: NotebookNode) -> bool:
    """Take the widget out of an output; true if nothing to see is left."""
    data: dict[str, Any] = output.get("data", {})
    was_widget = data.pop(WIDGET, None) is not None
    return was_widget and not any(kind.startswith("image/") for kind in data)


def build_text(name: Path, output: Path) -> None:
    """Write the page of a text, which is the index if it is the README of the course."""
    place = output / name.with_suffix(".html")
    place.parent.mkdir(parents=True, exist_ok=True)
    body = markdown2html(typeset((NOTEBOOKS / name).read_text("utf-8")))
    body = ANCHOR.sub(_as_on_github, body)
    write_page(output / "index.html" if name == Path("README.md") else place, output, body)


def _as_on_github(heading: re.Match[str]) -> str:
    """Return a heading with the anchor that GitHub gives it."""
    anchor = re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-")
    return f'<{heading[1]} id="{anchor}">{heading[2]}</{heading[1]}>'


def typeset(text: str) -> str:
    """Return Markdown with formulas as MathML, which browsers show without a library."""
    parts = VERBATIM.split(text)  # code has odd places
    return "".join(part if k % 2 else FORMULA.sub(_mathml, part) for k, part in enumerate(parts))


def _mathml(formula: re.Match[str]) -> str:
    display = "inline" if formula["block"] is None else "block"
    text = str(convert(formula["inline"] or formula["block"].strip(), display=display))
    return BAR.sub(r'<mo form="prefix" stretchy="false">\1</mo>', text)


def write_page(path: Path, output: Path, body: str, *, beside: Path | None = None) -> None:
    """Write a page with the links of the course as links to pages."""
    up = "../" * (len(path.relative_to(output).parts) - 1)
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    assert heading is not None, path
    title = re.sub(r"<[^>]+>", "", heading[1]).strip()
    style = (FOLDER / "course_page.css").read_text("utf-8")
    links = "" if beside is None else _links(beside, up)
    page = PAGE.format(title=title, style=style, up=up, beside=links, body=LINK.sub(_page_of, body))
    path.write_text(page, "utf-8")


def _page_of(link: re.Match[str]) -> str:
    name = re.sub(r"(^|/)README$", r"\1index", link[1])
    return f'href="{name}.html{link[3] or ""}"'


def _links(name: Path, up: str) -> str:
    """Return links to the notebooks before and after one, and to the notebook itself."""
    order = list_notebooks()
    place = order.index(name)
    near: Iterable[tuple[str, Path]] = zip(
        ("previous", "next"),
        (order[place - 1] if place else name, order[min(place + 1, len(order) - 1)]),
        strict=True,
    )
    links = [
        f'<a href="{up}{path.with_suffix(".html").as_posix()}">{word}: {escape(path.stem)}</a>'
        for word, path in near
        if path != name
    ]
    return " ".join([*links, f'<a href="{name.name}" download>notebook</a>'])


if __name__ == "__main__":
    main()
