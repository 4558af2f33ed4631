"""Files that are written: refused before the computation, written whole, under any legal name."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import ase.io
import pytest
from selection import mostly_slow

from sensitivity import structures
from sensitivity.cli.main import main
from sensitivity.outputs import PROBE, check_output, write_output

QUICK = "--n-max 2 --l-max 2"
PLOT = f"analyze CH4 {QUICK} --plot"
OUTPUT = f"follow H2O {QUICK} --length 0.1 --output"
LONGEST = 255  # bytes of a name, on every usual file system
NAMES = {
    "spaces": " two  words ",
    "unicode": "größe-Å-水",
    "dash": "-leading",
    "newline": "two\nlines",
    "quote": 'it\'s "quoted"',
    "glob": "[a]*?",
    "percent": "%d%s{}",
    "at sign": "a@b",
    "hidden": ".hidden",
    "longest": "a" * (LONGEST - 4),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if anything is computed."""

    def compute(*_: object, **__: object) -> None:
        pytest.fail("computed before the file was checked")

    monkeypatch.setattr("sensitivity.cli.computing.load_source", compute)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command", "ending"),
    mostly_slow(
        [(name, *kind) for kind in ((PLOT, ".png"), (OUTPUT, ".xyz")) for name in NAMES],
        fast=[("unicode", PLOT, ".png"), *((name, OUTPUT, ".xyz") for name in NAMES)],
    ),
)
def test_any_legal_name_works(command: str, ending: str, name: str, folder: Path, capsys) -> None:
    file = NAMES[name] + ending
    *words, option = command.split()
    assert main([*words, f"{option}={file}"]) == 0
    assert capsys.readouterr().err == ""
    assert os.listdir(folder) == [file]
    assert (folder / file).stat().st_size > 0


@pytest.mark.parametrize(("command", "ending"), [(PLOT, ".png"), (OUTPUT, ".xyz")])
class TestBeforeTheComputation:
    """Each refused file is named as the user gave it, and nothing is left behind."""

    def refuse(self, command: str, name: str, expected: str, folder: Path, capsys) -> None:
        before = sorted(os.listdir(folder))
        *words, option = command.split()
        assert main([*words, f"{option}={name}"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"sensitivity: {expected}")
        assert err.endswith(".\n")
        assert err.count("\n") == 1
        assert sorted(os.listdir(folder)) == before

    @pytest.mark.usefixtures("idle")
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("gone/a", "there is no folder gone to write a"),
            ("file/a", "{option} needs a folder, got file/a"),
            ("a" * 256, "{option} cannot be written, got aaaa"),
            ("a/" * 3000 + "a", "{option} cannot be written, got a/a/"),
            ("nul\0l", "{option} cannot be written, got nul"),
            ("loop", "{option} cannot be written, got loop"),
            ("dangling", "there is no folder "),
            ("folder", "{option} needs a file name, got the folder folder"),
        ],
    )
    def test_names(self, command, ending, name, expected, folder, capsys) -> None:
        (folder / "file").write_text("")
        (folder / f"folder{ending}").mkdir()
        (folder / f"loop{ending}").symlink_to(f"loop{ending}")
        (folder / f"dangling{ending}").symlink_to(folder / "gone" / "a")
        expected = expected.format(option=command.split()[-1])
        self.refuse(command, name + ending, expected, folder, capsys)

    @pytest.mark.usefixtures("idle")
    @pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
    @pytest.mark.parametrize("at", ["open", "fsync"])
    def test_folders(self, command, ending, code, at, folder, capsys, monkeypatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(code, os.strerror(code), "hidden name")

        if at == "open":
            original = Path.open
            monkeypatch.setattr(
                Path, "open", lambda path, mode="r", *a, **k: (fail if "w" in mode else original)()
            )
        else:
            monkeypatch.setattr(os, "fsync", fail)
        expected = (
            f"{command.split()[-1]} cannot be written, got a{ending} ({os.strerror(code)}); choose"
        )
        self.refuse(command, f"a{ending}", expected, folder, capsys)

    @pytest.mark.parametrize("json_wanted", [False, True])
    def test_a_file_that_fails_after_all_leaves_the_report(
        self, command, ending, json_wanted, folder, capsys, monkeypatch
    ) -> None:
        file = folder / f"a{ending}"
        file.write_text("old")
        original = os.fsync

        def fail(descriptor: int) -> None:
            if os.fstat(descriptor).st_size != PROBE:
                raise OSError(errno.ENOSPC, "No space left on device", "hidden name")
            original(descriptor)

        monkeypatch.setattr(os, "fsync", fail)
        words = [*command.split(), file.name, *["--json"] * json_wanted]
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert err == (
            f"sensitivity: {words[-2 - json_wanted]} cannot be written, got a{ending} (No space "
            "left on device); choose another file or folder.\n"
        )
        if json_wanted:
            assert json.loads(out).get("output") is None
        else:
            assert "DensityCorrelations, order 2" in out
            assert "Wrote" not in out
        assert os.listdir(folder) == [file.name]
        assert file.read_text() == "old"


def test_a_link_is_followed(folder: Path) -> None:
    (folder / "target").mkdir()
    (folder / "a.xyz").symlink_to("target/b.xyz")
    for _ in range(2):  # dangling, then existing
        assert main([*OUTPUT.split(), "a.xyz"]) == 0
        assert (folder / "a.xyz").is_symlink()
        assert len(ase.io.read(folder / "target" / "b.xyz", index=":")) == 3
        assert os.listdir(folder / "target") == ["b.xyz"]


def test_the_input_under_another_name_is_refused(folder: Path, capsys) -> None:
    ase.io.write(folder / "a.xyz", structures.load("H2O"))
    (folder / "link.xyz").symlink_to("a.xyz")
    before = (folder / "a.xyz").read_text()
    assert main(["locate", "a.xyz", "--output", "link.xyz"]) == 2
    assert "--output must not be the file that is read, got link.xyz" in capsys.readouterr().err
    assert (folder / "a.xyz").read_text() == before


def test_a_device_is_written_to(capsys) -> None:
    assert main([*OUTPUT.split(), os.devnull]) == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert f"Wrote 3 structures to {os.devnull}." in capsys.readouterr().out


def test_a_full_device_leaves_the_report(capsys) -> None:
    assert main([*OUTPUT.split(), "/dev/full"]) == 2
    out, err = capsys.readouterr()
    assert "DensityCorrelations, order 2" in out
    assert err.startswith("sensitivity: --output cannot be written, got /dev/full (No space left")


def test_a_pipe_is_written_to(folder: Path, capsys) -> None:
    os.mkfifo(folder / "a.xyz")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((folder / "a.xyz").read_text()))
    reader.start()
    assert main([*OUTPUT.split(), "a.xyz"]) == 0
    reader.join()
    assert read[0].count("Lattice") == 0
    assert read[0].count("Properties=") == 3
    assert stat.S_ISFIFO((folder / "a.xyz").stat().st_mode)


def test_the_standard_output_is_refused(folder: Path) -> None:
    command = [sys.executable, "-m", "sensitivity", *OUTPUT.split(), "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--output must not be the standard output" in done.stderr


def test_a_failure_to_rename_leaves_no_part(folder: Path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", "hidden name")

    check_output(Path("a.xyz"), option="--output")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ValueError, match=r"--output .* got a\.xyz \(Operation not permitted\)"):
        write_output(Path("a.xyz"), b"content", option="--output")
    assert os.listdir(folder) == []
