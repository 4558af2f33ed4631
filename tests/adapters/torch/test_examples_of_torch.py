"""Examples of the documentation that need torch, CHGNet or SevenNet."""

from __future__ import annotations

import pytest

from examples import names, run_docstring, run_page


@pytest.mark.parametrize("name", names("torch"))
def test_examples_of_a_docstring_hold(name: str) -> None:
    run_docstring(name)


@pytest.mark.parametrize("heading", ["A function or a model of torch", "CHGNet and SevenNet"])
def test_examples_of_the_guide_hold(heading: str) -> None:
    run_page("docs/guides/potentials.md", heading)
