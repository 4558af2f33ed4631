"""Examples of docstrings and pages that need an environment of adapters."""

from __future__ import annotations

import re
import tomllib
from doctest import DocTest, DocTestParser, DocTestRunner
from inspect import getdoc
from pathlib import Path

from sensitivity import descriptors

ROOT = Path(__file__).parents[1]


def names(environment: str) -> list[str]:
    """Return the public names whose examples run in an environment."""
    table = tomllib.loads((ROOT / "tests/adapters/environments.toml").read_text())
    return list(table[environment]["examples"])


def run_docstring(name: str) -> None:
    run((getdoc(getattr(descriptors, name)) or "").partition("\nExamples\n")[2], name)


def run_page(path: str, heading: str) -> None:
    """Run the blocks ``py`` under a heading of a page, which are no examples of a session."""
    text = (ROOT / path).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```py\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    run("\n".join(blocks), path)


def run(text: str, name: str) -> None:
    examples = DocTestParser().get_examples(text)
    assert examples, f"{name} has no example"
    written: list[str] = []
    runner = DocTestRunner(verbose=False)
    runner.run(DocTest(examples, {"__name__": "__main__"}, name, None, 0, text), out=written.append)
    assert not runner.failures, "".join(written)
