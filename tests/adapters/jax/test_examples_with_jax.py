"""The examples of documentation that need JAX give what they say."""

from __future__ import annotations

import re
from doctest import DocTest, DocTestParser, DocTestRunner
from pathlib import Path

import pytest

from sensitivity import descriptors

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "ace.md"


def test_the_guide() -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)


@pytest.mark.parametrize("name", ["Jax", "Ace"])
def test_docstrings(name: str) -> None:
    docstring = getattr(descriptors, name).__doc__
    examples = DocTestParser().get_examples(docstring)
    assert examples
    written: list[str] = []
    runner = DocTestRunner(verbose=False)
    runner.run(DocTest(examples, {}, name, None, 0, docstring), out=written.append)
    assert not runner.failures, "".join(written)
