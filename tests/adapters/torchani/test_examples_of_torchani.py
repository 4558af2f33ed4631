"""Examples of the documentation that need TorchANI or metatomic."""

from __future__ import annotations

import pytest

from examples import names, run_docstring


@pytest.mark.parametrize("name", names("torchani"))
def test_examples_of_a_docstring_hold(name: str) -> None:
    run_docstring(name)
