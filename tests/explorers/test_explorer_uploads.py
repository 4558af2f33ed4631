"""Files that a person gives to the explorer: good, bad and meant to do harm."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from panel import SIMPLE, TOOLBAR, chosen_settings, formula, message, upload, xyz
from waiting import idle, run, spin, until

from sensitivity.explorers import Explorer
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.inputs import MOST_ATOMS
from sensitivity.limits import Limit

pytestmark = [TOOLBAR, pytest.mark.slow]

THREE = xyz(molecule("H2O"), molecule("NH3"), molecule("CO"))

CELL = b"x\n1.0\n5 0 0\n0 5 0\n0 0 5\n"

WIDE = b"1\nProperties=species:S:1:pos:R:3:wide:R:1000000000\nH 0 0 0\n"


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("H2", SIMPLE)


def test_a_file_with_several_structures_shows_which(explorer: Explorer) -> None:
    upload(explorer, "three.xyz", THREE)
    frame = explorer.settings.frame
    assert formula(explorer) == "OH2"
    summary, frames = explorer.settings.summary, explorer.settings.frames
    assert (summary.value, frames.value) == ("three.xyz: H2O, 3 atoms", "of 3")
    assert (frame.value, frame.layout.display, frames.layout.display) == (0, None, None)
    assert explorer.settings.structure.value == ""
    assert explorer.settings.upload.value == ()
    frame.value = 2
    assert formula(explorer) == "OC"
    explorer.settings.of_descriptor["n_max"].value = 3
    assert (formula(explorer), frame.value, frames.value) == ("OC", 2, "of 3")
    upload(explorer, "three.xyz", THREE)
    assert (formula(explorer), frame.value, frames.value) == ("OH2", 0, "of 3")
    explorer.undo()
    assert (formula(explorer), frame.value, explorer.descriptor.n_max) == ("OC", 2, 3)
    explorer.structure = "H2"
    assert (frame.value, frame.layout.display, frames.layout.display) == (0, "none", "none")
    assert summary.value == "H2, 2 atoms"


def test_a_frame_that_does_not_exist_is_a_sentence(explorer: Explorer) -> None:
    upload(explorer, "three.xyz", THREE)
    frame = explorer.settings.frame
    frame.value = 999
    assert "three.xyz has 3 frames" in message(explorer)
    assert (formula(explorer), frame.value) == ("OH2", 0)
    frame.value = -1
    assert (formula(explorer), frame.value) == ("OC", 2)


def test_a_byte_order_mark_is_not_a_part_of_the_structure(explorer: Explorer) -> None:
    poscar = b"x" + CELL[1:] + b"He\n1\nDirect\n0 0 0\n"
    for name, content, found in (("marked.xyz", THREE, "OH2"), ("POSCAR", poscar, "He")):
        upload(explorer, name, b"\xef\xbb\xbf" + content)
        assert (message(explorer), formula(explorer)) == ("", found)


def test_the_button_names_formats_that_are_read(explorer: Explorer) -> None:
    said = explorer.settings.upload.tooltip
    assert said == "A structure in a text format such as xyz, extxyz, cif, POSCAR or pdb"
    assert {"xyz", "extxyz", "cif", "vasp", "proteindatabank"} <= set(inputs.FORMATS)


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
        ("bad.xyz", b"garbage", "Cannot read the file bad.xyz as a structure: line 1"),
        (
            "picture.png",
            b"\x89PNG\r\n\x1a\n",
            "the format 'png' holds no structure that can be read",
        ),
        ("POSCAR", b"", "The file POSCAR is empty"),
        ("large.xyz", b"1" * (Limit.UPLOAD + 1), "at most 5 MB can be read here; upload a part"),
        ("many.xyz", None, "has 501 atoms, and the explorer accepts at most 500; use a part"),
        (
            "short.xyz",
            b"999999999\n\nH 0 0 0\n",
            "line 1 announces 999999999 atoms, and there are 1",
        ),
        ("x.xyz.gz", b"\x1f\x8b", "x.xyz.gz is compressed; unpack it"),
        ("same.xyz", xyz(Atoms("H2")), "same.xyz: atoms overlap: atoms 0 and 1 are 0 Å apart"),
        ("<img src=x onerror=alert(1)>.xyz", b"?", "<img src=x onerror=alert(1)>.xyz as a"),
        ("my water.xyz", b"1\n\nH 0 0 nan\n", "The file my water.xyz: positions must be finite"),
        ("<b>x</b>.xyz", b"?", "Cannot read the file <b>x</b>.xyz as a structure"),
        ("C:\\fakepath\\bad.xyz", b"?", "Cannot read the file bad.xyz as a structure: line 1"),
        (
            "many.vasp",
            CELL + b"H\n1000000000\nDirect\n0 0 0\n",
            "announces 1000000000 atoms, and there are 1; is the file complete?",
        ),
        (
            "old.vasp",
            CELL + b"1000000000\nDirect\n0 0 0\n",
            "announces 1000000000 atoms, and there are 1; is the file complete?",
        ),
        (
            "XDATCAR",
            CELL + b"H\n1000000000\nDirect configuration= 1\n",
            "the header announces 1000000000 atoms, and there are 0",
        ),
        ("wide.xyz", WIDE, "line 2 announces 1000000004 columns, and line 3 has 4"),
        ("nan.xyz", b"1\n\nH 0 0 nan\n", "nan.xyz: positions must be finite numbers"),
        ("flat.xyz", b'1\nLattice="1 0 0 1 0 0 0 0 1" pbc="T T T"\nH 0 0 0\n', "independent"),
        ("none.xyz", b"0\n\n", "none.xyz as a structure: line 1: the number of atoms is 0"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_a_sentence(
    explorer: Explorer, name: str, content: bytes | None, said: str
) -> None:
    if content is None:
        grid = np.stack(np.meshgrid(*3 * [np.arange(8.0)]), axis=-1).reshape(-1, 3)
        content = xyz(Atoms(numbers=np.ones(MOST_ATOMS + 1), positions=2 * grid[: MOST_ATOMS + 1]))
    upload(explorer, "three.xyz", THREE)
    before = explorer.reference, chosen_settings(explorer), explorer.settings.frames.value
    upload(explorer, name, content)
    assert said in message(explorer)
    assert "tmp" not in message(explorer)
    assert "<img" not in explorer.panel.message.value
    assert (explorer.reference, chosen_settings(explorer), explorer.settings.frames.value) == before
    assert explorer.settings.upload.value == ()
    explorer.settings.frame.value = 1
    assert (formula(explorer), message(explorer)) == ("NH3", "")


@pytest.mark.parametrize("form", ["extxyz", "xyz", "cif", "vasp", "proteindatabank"])
def test_formats_and_sizes(explorer: Explorer, tmp_path: Path, form: str) -> None:
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    file = tmp_path / {"vasp": "POSCAR", "proteindatabank": "a.pdb"}.get(form, f"a.{form}")
    ase.io.write(file, crystal, format=form)
    explorer.open(file.name, file.read_bytes())
    assert formula(explorer) == str(crystal.symbols)
    shifts = explorer.structure.positions - crystal.positions
    np.testing.assert_allclose(shifts, 0, atol=1e-3)  # as many digits as a pdb file has
    assert explorer.structure.pbc.all() == (form != "xyz")


def test_a_file_is_read_once(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    real = inputs.read_isolated

    def watch(*arguments: Any, **keywords: Any) -> Any:
        read.append(threading.current_thread())
        return real(*arguments, **keywords)

    monkeypatch.setattr(inputs, "read_isolated", watch)
    upload(explorer, "three.xyz", THREE)
    explorer.settings.frame.value = 2
    explorer.settings.of_descriptor["n_max"].value = 3
    assert formula(explorer) == "OC"
    assert len(read) == 1
    assert read[0] is not threading.main_thread()


def test_too_many_structures_are_a_sentence(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MOST_FRAMES", 3)
    explorer.open("three.xyz", THREE)
    monkeypatch.setattr(inputs, "MOST_FRAMES", 2)
    with pytest.raises(ValueError, match=r"three\.xyz has more than 2 structures; upload a part"):
        explorer.open("three.xyz", THREE)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> threading.Event:
    """Files take until the gate is opened."""
    real = inputs.read_upload

    def read(name: str, content: bytes) -> Any:
        spin(gate)(None)
        return real(name, content)

    monkeypatch.setattr(inputs, "read_upload", read)
    return gate


def test_while_a_file_is_read_the_explorer_goes_on(
    explorer: Explorer, slow: threading.Event
) -> None:
    async def scenario() -> None:
        upload(explorer, "a/<b>.xyz", THREE)
        assert (explorer.busy, message(explorer)) == (True, "Reading <b>.xyz …")
        assert explorer.panel.cancel.layout.display is None
        explorer.amplitude = 0.1
        assert formula(explorer) == "H2"
        explorer.settings.of_descriptor["n_max"].value = 4  # of the file, too
        await until(lambda: explorer.descriptor.n_max == 4)
        assert explorer.busy
        slow.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert (formula(explorer), explorer.descriptor.n_max, message(explorer)) == ("OH2", 4, "")
    assert explorer.panel.cancel.layout.display == "none"


def test_reading_can_be_cancelled(explorer: Explorer, slow: threading.Event) -> None:
    async def scenario() -> None:
        upload(explorer, "three.xyz", THREE)
        explorer.panel.cancel.click()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert (formula(explorer), message(explorer)) == ("H2", "Cancelled.")
    assert explorer.settings.upload.value == ()
    assert not explorer.actions.tasks["undo"].disabled


def test_a_structure_that_is_chosen_later_replaces_the_file(
    explorer: Explorer, slow: threading.Event
) -> None:
    async def scenario() -> None:
        upload(explorer, "three.xyz", THREE)
        explorer.settings.structure.value = "CO"
        slow.set()
        await until(lambda: not explorer.busy)
        await idle(explorer._reader)

    run(scenario)
    assert explorer.reference.name == explorer.settings.structure.value == "CO"


def test_a_bad_file_in_a_notebook_is_a_sentence(explorer: Explorer, slow: threading.Event) -> None:
    async def scenario() -> None:
        upload(explorer, "bad.xyz", b"?")
        assert explorer.busy
        slow.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer).startswith("Cannot read the file bad.xyz as a structure: line 1")
    assert explorer.settings.upload.value == ()
