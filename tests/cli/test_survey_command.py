"""The commands ``survey`` and ``rattle``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

from sensitivity import DensityCorrelations, open_survey, spectrum, structures, survey
from sensitivity.cli.main import main

BASIS = ["--n-max", "4", "--l-max", "4"]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "train.extxyz"
    frames = [structures.load(name) for name in ("X0", "CH4", "H2O", "CH3OH")]
    ase.io.write(path, [frame.copy() for frame in frames])
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    return err


def test_the_command_ends_with_the_summary(capsys, file: str) -> None:
    assert main(["survey", file, "--species", "C", "--species", "O", *BASIS]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = survey(file, DensityCorrelations(n_max=4, l_max=4), species=["C", "O"])
    assert out.endswith(f"\n\n{found.summary}\n")
    assert out.startswith(f"{file}\nDensityCorrelations, order 2: ")
    assert max(map(len, out.splitlines()[1:])) <= 80


def test_json_holds_sums_and_the_worst_environments(capsys, file: str) -> None:
    found = printed(capsys, "survey", file, "--no-causes", "--every", "2", "--limit", "2", *BASIS)
    assert found["status"] == "8 environments of 2 frames, none failed."
    assert found["settings"]["every"] == 2
    assert found["totals"]["frames"] == 2
    assert found["worst"][0]["frame"] == 0
    assert found["output"] is None
    assert found["failures"] == found["remarks"] == []


def test_json_holds_failures_and_remarks(capsys, tmp_path: Path) -> None:
    path = tmp_path / "cut.xyz"
    path.write_text("1\n\nHe 0 0 zero\n2\n\nN 0 0 0\nN 0 0 1.1")
    found = printed(capsys, "survey", str(path), "--no-causes", *BASIS)
    (failure,) = found["failures"]
    assert (failure["frame"], failure["center"]) == (0, -1)
    assert "found 'He 0 0 zero'" in failure["error"]
    (remark,) = found["remarks"]
    assert "the last number, of frame 1, may be cut" in remark


def test_an_element_that_no_center_has_is_told(capsys, file: str) -> None:
    found = printed(capsys, "survey", file, "--no-causes", "--species", "Xe", *BASIS)
    assert found["status"].endswith("frames, none failed. No center is Xe.")


def test_whole_frames_and_nearest_points_are_in_the_rows(capsys, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "one.extxyz"
    ase.io.write(path, structures.load("X0"))
    folder, basis = tmp_path / "out", ["--species", "C", *BASIS]
    arguments = ["survey", str(path), "--no-causes", "--whole", "--nearest", "0.3", *basis]
    assert printed(capsys, *arguments, "--output", str(folder))["settings"]["nearest"] == 0.3
    found = open_survey(folder)
    assert found.table()["distance"].tolist() == pytest.approx([0.0], abs=1e-6)
    assert found.frames()["whole_internal"].tolist() == [9]


def test_a_folder_is_continued(capsys, file: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    folder = tmp_path / "out"
    arguments = ["survey", file, "--no-causes", "--output", str(folder), *BASIS]
    assert main([*arguments, "--limit", "1"]) == 0
    first = next(folder.glob("*.parquet")).stat().st_mtime_ns
    assert main(arguments) == 0
    assert len(list(folder.glob("*.parquet"))) == 2
    assert min(path.stat().st_mtime_ns for path in folder.glob("*.parquet")) == first
    assert f"\n{open_survey(folder).summary}\n" in capsys.readouterr().out
    assert "holds another survey: its causes" in refused(
        capsys, "survey", file, "--output", str(folder), *BASIS
    )


def test_the_report_is_a_page(capsys, file: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(["survey", file, "--no-causes", "--page", str(page), *BASIS]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.count("<img ") == 2  # figures; the worst environments are in 3D
    found = survey(file, DensityCorrelations(n_max=4, l_max=4), causes=False)
    assert text.count('"condition":') >= len(found.worst()["frame"]) > 5
    assert "none failed" in capsys.readouterr().out
    assert "--page must end in .html" in refused(capsys, "survey", file, "--page", "a.pdf")


@pytest.mark.slow
def test_a_dask_cluster_analyses_the_frames(capsys, file: str) -> None:
    distributed = pytest.importorskip("distributed")
    alone = printed(capsys, "survey", file, "--no-causes", *BASIS)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        found = printed(capsys, "survey", file, "--no-causes", "--dask", address, *BASIS)
    assert found["totals"] == alone["totals"]


def test_data_for_chemiscope_are_written(capsys, file: str, tmp_path: Path) -> None:
    path = tmp_path / "survey.json"
    assert main(["survey", file, "--no-causes", "--chemiscope", str(path), *BASIS]) == 0
    assert len(json.loads(path.read_text())["structures"]) == 4


def test_a_missing_chemiscope_is_told_before_the_survey(capsys, file: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "chemiscope", None)
    expected = 'run: pip install "atomic-sensitivity[lab]"'
    assert expected in refused(capsys, "survey", file, "--chemiscope", "unwritten.json")


def test_another_descriptor_is_made_for_the_file(capsys, file: str) -> None:
    found = printed(capsys, "survey", file, "--no-causes", "--descriptor", "overlap-matrix")
    assert found["settings"]["descriptor"] == "OverlapMatrix"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.xyz"], "there is no file absent.xyz"),
        (["FILE", "--species", "Xx"], "species must be element symbols, got Xx"),
        (["FILE", "--limit", "0"], "limit must be at least 1"),
        (["FILE", "--workers", "0"], "workers must be at least 1"),
        (["FILE", "--timeout", "-1"], "timeout must be a time above 0 s"),
        (["FILE", "--select", "natoms<3"], "select"),
        (["-", "--descriptor", "overlap-matrix"], "--descriptor needs a file"),
        (["-", "--chemiscope", "out.json"], "--chemiscope needs a file"),
    ],
)
def test_wrong_input_is_one_line(capsys, file: str, arguments: list[str], message: str) -> None:
    given = [file if argument == "FILE" else argument for argument in arguments]
    assert message in refused(capsys, "survey", *given)


def test_a_page_of_standard_input_says_that_it_has_no_structures(file: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "sensitivity", "survey", "-", "--no-causes", "--page", page]
    with open(file) as frames:
        done = subprocess.run(command, stdin=frames, capture_output=True, text=True, check=True)
    assert "note: the page will have no structures" in done.stderr
    assert "Smallest conditions" in page.read_text()


def test_strict_stops_at_the_first_problem(capsys, tmp_path: Path) -> None:
    path = tmp_path / "two.xyz"
    path.write_text("1\n\nH 0 0 zero\n2\n\nH 0 0 0\nH 0 0 0.74\n")
    assert main(["survey", str(path)]) == 0
    assert "1 frame could not be analysed" in capsys.readouterr().out
    assert "frame 0: " in refused(capsys, "survey", str(path), "--strict")


def test_rattled_structures_are_written_and_have_full_rank(capsys, tmp_path: Path) -> None:
    path = tmp_path / "out.extxyz"
    arguments = ["rattle", "Td", "--center", "0", "--amplitude", "0.1", "--count", "3"]
    found = printed(capsys, *arguments, "--seed", "5", "--output", str(path))
    frames = ase.io.read(path, ":")
    assert len(frames) == len(found["structures"]) == 3
    assert (found["rank"], found["internal"]) == (1, 9)
    start = structures.load("Td")
    for frame, each in zip(frames, found["structures"], strict=True):
        assert np.linalg.norm(frame.positions - start.positions) == pytest.approx(0.1, rel=1e-12)
        assert frame.positions.tolist() == each["positions"]
        after = spectrum(frame, DensityCorrelations(), centers=[0])
        assert (after.rank, each["rank"], frame.info["rank"]) == (9, 9, 9)
    assert main(arguments) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row and row[0] in ("before", "0", "1", "2")] == [*"1999"]
    assert "--seed must be 0 or more" in refused(capsys, *arguments, "--seed", "-1")


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1", "tcp://no.such.host:80"])
def test_a_wrong_address_of_a_cluster_is_one_line(capsys, file: str, address: str) -> None:
    pytest.importorskip("distributed")
    expected = f"workers cannot connect to a Dask scheduler at {address}"
    assert expected in refused(capsys, "survey", file, "--no-causes", "--dask", address)
