"""Standard streams that are closed, full or without a reader."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sensitivity.cli.streams import one_line

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell"),
]

LINES = ["analyze CH4 --json", "structures", "--help", "--version"]
LOST = "sensitivity: the standard output cannot be written (No space left on device), and the"
REFUSED = (
    "sensitivity: there is no structure named 'ch44'; did you mean CH4 or C2H4? Otherwise "
    "see 'sensitivity structures'.\n"
)


def shell(line: str, redirection: str, *, buffered: bool = True) -> tuple[int, str, str]:
    """Run a command in a shell with redirections; return its status and both streams."""
    command = f'"{sys.executable}" -m sensitivity {line} {redirection}'
    environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=environment
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("line", LINES)
def test_closed_streams_are_quiet(line: str) -> None:
    assert shell(line, ">&-") == (0, "", "")
    assert shell(line, ">&- 2>&- <&-") == (0, "", "")
    status, out, err = shell(line, "2>&- </dev/null")
    assert (status, err) == (0, "")
    assert out == shell(line, "")[1]


def test_a_closed_standard_error_hides_the_message_only() -> None:
    assert shell("analyze ch44", "2>&-") == (2, "", "")
    assert shell("analyze ch44", "2>/dev/full") == (2, "", "")
    assert shell("analyze ch44", ">&-") == (2, "", REFUSED)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("buffered", [False, True])
def test_a_full_standard_output_is_one_sentence(line: str, buffered: bool) -> None:
    status, out, err = shell(line, ">/dev/full", buffered=buffered)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(LOST)
    assert shell(line, ">/dev/full 2>&1")[::2] == (2, "")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("buffered", [False, True])
def test_a_reader_that_has_gone_is_quiet(line: str, buffered: bool) -> None:
    command = [sys.executable, "-m", "sensitivity", *line.split()]
    environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_a_picture_needs_no_standard_output(tmp_path) -> None:
    path = tmp_path / "a.svg"
    assert shell(f"analyze CH4 --plot {path}", ">&- 2>&-") == (0, "", "")
    assert path.read_text().endswith("</svg>\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a b"),
        ("two  spaces", "two  spaces"),
        ("a \r\n\t b\n", "a b"),
    ],
)
def test_one_line_keeps_the_spaces_of_names(text: str, line: str) -> None:
    assert one_line(text) == line
