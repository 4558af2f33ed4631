"""Completion of the command line in a shell, as argcomplete asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete")


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sensitivity dia", {"diagnose "}),
        ("sensitivity locate X0 --am", set()),
        ("sensitivity twin X0 --am", {"--amplitude "}),
        ("sensitivity analyze CH4 --basis b", {"bessel "}),
        ("sensitivity analyze NaCl", {"NaCl", "NaCl-rocksalt"}),
    ],
)
def test_words_that_may_come_next(line: str, expected: set[str], tmp_path) -> None:
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    asked |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out")}
    words = [sys.executable, "-m", "sensitivity"]
    subprocess.run(words, check=True, env=os.environ | asked, cwd=tmp_path)
    assert set(filter(None, (tmp_path / "out").read_text().split("\x0b"))) == expected
