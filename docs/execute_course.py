"""Execute the notebooks of the course, so that the site shows every figure of them.

Run it from anywhere, with the extra ``lab``: ``python docs/execute_course.py``, which takes some
minutes, and writes notebooks to ``build/course``, from which the site takes them. In place of an
explorer they have a picture of it, and in place of a comparison with a guess the folded answer.
``python docs/execute_course.py 5-singular-points.ipynb`` executes one notebook.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
NOTEBOOKS = FOLDER.parent / "notebooks"
OUTPUT = FOLDER.parent / "build" / "course"

WIDGET = "application/vnd.jupyter.widget-view+json"
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

PREPARE = f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import reading
reading.prepare()
"""
"""Run in the kernel before the first cell: explorers get pictures, and guesses folded answers."""


def main() -> None:
    """Execute what the command line asks for."""
    parser = argparse.ArgumentParser(description="Execute the notebooks of the course.")
    parser.add_argument("notebooks", nargs="*", help="paths within notebooks; all by default")
    for name in parser.parse_args().notebooks or list_notebooks():
        start = time.monotonic()
        sys.stdout.write(f"{name} ... ")
        sys.stdout.flush()
        place = OUTPUT / name
        place.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(execute(NOTEBOOKS / name), place)
        sys.stdout.write(f"{time.monotonic() - start:.0f} s\n")


def list_notebooks() -> list[str]:
    """Return the notebooks of the course, relative to their folder."""
    return sorted(
        path.relative_to(NOTEBOOKS).as_posix() for path in NOTEBOOKS.rglob("[0-9]*.ipynb")
    )


def execute(path: Path) -> NotebookNode:
    """Return a notebook with outputs, pictures in place of widgets, and no hidden checks."""
    notebook = nbformat.read(path, as_version=4)
    prepare = nbformat.v4.new_code_cell(PREPARE)
    notebook.cells.insert(0, prepare)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, resources=place).execute()
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell is not prepare and "check" not in cell.metadata.get("tags", [])
    ]
    notebook.metadata.pop("widgets", None)
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (HEADING.findall(cell.source) or [section])[-1]
        else:
            cell.outputs = [each for each in cell.outputs if not drop_widget(each)]
            alt = {"alt": f"Figure of the section {section}"}
            cell.metadata["mystnb"] = {"image": alt | measure(cell.outputs)}
    return notebook


def measure(outputs: list[NotebookNode]) -> dict[str, str]:
    """Return the width of the figure among outputs, which has twice as many pixels."""
    sizes = [each.get("metadata", {}).get("image/png", {}) for each in outputs]
    widths = [size["width"] for size in sizes if size]
    return {"width": f"{max(widths)}px"} if widths else {}


def drop_widget(output: NotebookNode) -> bool:
    """Take the widget out of an output; true if nothing to see is left."""
    data: dict[str, Any] = output.get("data", {})
    was_widget = data.pop(WIDGET, None) is not None
    return was_widget and not any(kind.startswith("image/") for kind in data)


if __name__ == "__main__":
    main()
