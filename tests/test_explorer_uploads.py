"""Files that a person gives to the explorer: good, bad and meant to do harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from panel import SIMPLE, TOOLBAR, chosen_settings, formula, message, upload, xyz

from sensitivity.app.limits import UPLOAD
from sensitivity.explorers import Explorer
from sensitivity.explorers.settings import MOST_ATOMS

pytestmark = TOOLBAR

THREE = xyz(molecule("H2O"), molecule("NH3"), molecule("CO"))


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("H2", SIMPLE)


def test_a_file_with_several_structures_shows_which(explorer: Explorer) -> None:
    upload(explorer, "three.xyz", THREE)
    frame = explorer.settings.frame
    assert formula(explorer) == "OH2"
    assert (frame.value, frame.max, frame.layout.display) == (0, 2, None)
    assert explorer.settings.structure.value == ""
    assert explorer.settings.upload.value == ()
    frame.value = 2
    assert formula(explorer) == "OC"
    explorer.settings.n_max.value = 3
    assert (formula(explorer), frame.value, frame.max) == ("OC", 2, 2)
    upload(explorer, "three.xyz", THREE)
    assert (formula(explorer), frame.value, frame.max) == ("OH2", 0, 2)
    explorer.undo()
    assert (formula(explorer), frame.value, explorer.descriptor.n_max) == ("OC", 2, 3)
    explorer.structure = "H2"
    assert (frame.value, frame.max, frame.layout.display) == (0, 0, "none")


def test_a_file_from_python(explorer: Explorer) -> None:
    explorer.open("three.xyz", THREE, index=-2)
    assert (formula(explorer), explorer.settings.frame.value) == ("NH3", 1)
    explorer.turn_to(2)
    assert (formula(explorer), explorer.settings.frame.value) == ("OC", 2)
    with pytest.raises(ValueError, match=r"three\.xyz has 3 frames"):
        explorer.open("three.xyz", THREE, index=3)
    assert (formula(explorer), explorer.settings.frame.value) == ("OC", 2)


def test_a_crystal_keeps_its_cell(explorer: Explorer) -> None:
    upload(explorer, "crystal.xyz", xyz(bulk("Si")))
    assert explorer.structure.pbc.all()
    np.testing.assert_allclose(explorer.structure.cell, bulk("Si").cell, atol=1e-8)


@pytest.mark.parametrize(
    "name",
    ["../../x.xyz", "..\\..\\x.xyz", "..", ".", "", "a\0b.xyz", 300 * "a" + ".xyz", "/etc/x.xyz"],
)
def test_a_name_with_a_path_stays_within_its_folder(
    explorer: Explorer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    upload(explorer, name, THREE)
    assert formula(explorer) == "OH2"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.xyz", b"garbage", "Cannot read bad.xyz as a structure"),
        ("picture.png", b"\x89PNG\r\n\x1a\n", "picture.png is of the format 'png'"),
        ("POSCAR", b"", "The file POSCAR is empty"),
        ("large.xyz", b"1" * (UPLOAD + 1), "at most 5 MB can be read here; cut out"),
        ("many.xyz", None, "has 501 atoms, and the explorer takes at most 500; cut out"),
        ("short.xyz", b"999999999\n\nH 0 0 0\n", "speaks of 999999999 atoms and ends before them"),
        ("x.xyz.gz", b"\x1f\x8b", "x.xyz.gz is compressed; unpack it"),
        ("same.xyz", xyz(Atoms("H2")), "same.xyz: every atom needs a place of its own"),
        ("<img src=x onerror=alert(1)>.xyz", b"?", "<img src=x onerror=alert(1)>.xyz as a"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_a_sentence(
    explorer: Explorer, name: str, content: bytes | None, said: str
) -> None:
    if content is None:
        grid = np.stack(np.meshgrid(*3 * [np.arange(8.0)]), axis=-1).reshape(-1, 3)
        content = xyz(Atoms(numbers=np.ones(MOST_ATOMS + 1), positions=2 * grid[: MOST_ATOMS + 1]))
    upload(explorer, "three.xyz", THREE)
    before = explorer.reference, chosen_settings(explorer), explorer.settings.frame.max
    upload(explorer, name, content)
    assert said in message(explorer)
    assert "tmp" not in message(explorer)
    assert "<img" not in explorer.panel.message.value
    assert (explorer.reference, chosen_settings(explorer), explorer.settings.frame.max) == before
    assert explorer.settings.upload.value == ()
    explorer.settings.frame.value = 1
    assert (formula(explorer), message(explorer)) == ("NH3", "")
