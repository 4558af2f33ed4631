"""The descriptors of the served page: named when it is started, and by nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensitivity import app
from sensitivity.cli import page_descriptors
from sensitivity.cli.main import main
from sensitivity.descriptors import Function
from sensitivity.descriptors.catalog import CATALOG

NATIVE = ["1", "2", "3", "4", "overlap-matrix"]
OWN = """
import numpy as np
def shells(atoms):
    return np.exp(-atoms.get_all_distances() ** 2).sum(axis=1, keepdims=True)
number = 3
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks of the server."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "open_app", lambda **options: asked.append(options) or 0)
    return asked


def test_a_page_offers_native_descriptors_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(app.DESCRIPTORS, raising=False)
    assert page_descriptors.descriptors_of_page() == NATIVE
    assert all(not CATALOG[name].package for name in NATIVE)


def test_a_page_offers_what_its_process_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["dscribe-soap", f"{file}:shells cutoff=4.5"]
    monkeypatch.setenv(app.DESCRIPTORS, json.dumps(texts))
    *names, own = page_descriptors.descriptors_of_page()
    assert names == [*NATIVE, "dscribe-soap"]
    assert isinstance(own, Function)
    assert (own.name, own.cutoff) == ("shells", 4.5)


def test_the_command_takes_names_and_files(file: Path, asked: list[dict[str, Any]]) -> None:
    given = ["--descriptor", "own.py:shells cutoff=4.5", "--descriptor", "dscribe-soap"]
    assert main(["app", *given]) == 0
    assert asked[0]["descriptors"] == [f"{file}:shells cutoff=4.5", "dscribe-soap"]
    assert main(["app"]) == 0
    assert asked[1]["descriptors"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soap", "there is no descriptor 'soap'; did you mean dscribe-soap"),
        ("dscribe-soap n_max=3", "the page has controls of settings; give dscribe-soap."),
        ("own.py:shells", "a function needs the radius"),
        ("own.py:number", "descriptor must be a descriptor"),
        ("own.py:other", "there is no other in"),
        ("none.py:own", "none.py does not exist"),
    ],
)
def test_a_wrong_descriptor_is_reported_before_the_page_is_served(
    file: Path,
    asked: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    text: str,
    said: str,
) -> None:
    assert main(["app", "--descriptor", text]) == 2
    assert said in capsys.readouterr().err
    assert asked == []


def test_an_error_in_the_file_names_its_line(
    file: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("\n1 / 0\n")
    assert main(["app", "--descriptor", "own.py:shells"]) == 2
    assert f"{file}, line 2: ZeroDivisionError" in capsys.readouterr().err
    assert asked == []


def test_a_missing_package_is_named(
    asked: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(CATALOG["2"]), "installed", None)
    assert main(["app", "--descriptor", "dscribe-soap"]) == 2
    assert 'pip install "atomic-sensitivity[dscribe]"' in capsys.readouterr().err
    assert asked == []
