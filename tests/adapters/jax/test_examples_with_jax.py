"""The examples of documentation that need JAX give what they say."""

from __future__ import annotations

import pytest

from examples import names, run_docstring, run_page


@pytest.mark.parametrize("name", names("jax"))
def test_docstrings(name: str) -> None:
    run_docstring(name)


@pytest.mark.parametrize("heading", ["A function in JAX", "The atomic cluster expansion"])
def test_the_guide(heading: str) -> None:
    run_page("docs/guides/potentials.md", heading)
