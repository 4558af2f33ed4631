"""``python -m sensitivity`` is the command."""

from __future__ import annotations

import runpy
import signal
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def handler() -> Iterator[None]:
    """The command answers SIGINT in its own way until the process ends."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("handler")
def test_the_package_runs_as_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sensitivity", "structures", "Td"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("sensitivity.__main__", run_name="__main__")
    assert not ended.value.code
    assert "Td" in capsys.readouterr().out
