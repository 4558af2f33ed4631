"""A survey in a folder: complete after any kill, refuses other runs, opens with pandas."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import repeat
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, open_survey, structures, survey
from sensitivity.descriptors.from_function import Function
from sensitivity.survey import run
from sensitivity.survey.folder import Folder, open_folder
from sensitivity.survey.frames import NumberedFrame, batches

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)


def rattled_frames(count: int) -> list[Atoms]:
    frames = []
    for seed in range(count):
        atoms = structures.load(("CH4", "CH3OH", "C2H4", "H2O")[seed % 4])
        atoms.rattle(0.05, seed=seed)
        frames.append(atoms)
    return frames


def assert_same(table, expected) -> None:
    assert list(table) == list(expected)
    for name, values in expected.items():
        if name == "seconds":
            continue
        if values.dtype.kind == "f":
            np.testing.assert_allclose(table[name], values, rtol=0, atol=1e-9)
        else:
            assert table[name].tolist() == values.tolist(), name


def test_the_folder_holds_the_rows_of_memory(tmp_path: Path) -> None:
    frames = [*rattled_frames(6), Atoms()]
    expected = survey(frames, DESCRIPTOR, causes=False)
    found = survey(frames, DESCRIPTOR, causes=False, output=tmp_path / "out")
    assert_same(found.table(), expected.table())
    assert_same(found.frames(), expected.frames())
    assert found.status == expected.status
    read = pd.read_parquet(tmp_path / "out")
    assert read["center"].tolist() == expected.table()["center"].tolist()
    assert list(found.to_pandas().columns) == list(read.columns)
    assert found.to_arrow().num_rows == len(read)
    others = [path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".parquet"]
    assert all(name.startswith("_") for name in others)


def test_causes_are_columns(tmp_path: Path) -> None:
    frames = [structures.load("X0")]
    survey(frames, DensityCorrelations(), output=tmp_path / "out", species=["C"])
    read = pd.read_parquet(tmp_path / "out")
    assert read["incompleteness"].tolist() == [1]
    assert read["group"].tolist() == ["C1"]


def test_a_second_call_continues_and_computes_nothing_twice(tmp_path, monkeypatch) -> None:
    frames, sizes = rattled_frames(40), []
    analyze = run.analyze

    def counted(batch, settings):
        sizes.append(len(batch))
        return analyze(batch, settings)

    monkeypatch.setattr(run, "_PART", {False: 30})
    monkeypatch.setattr(run, "analyze", counted)
    survey(frames[:10], DESCRIPTOR, causes=False, output=tmp_path / "out")
    assert sum(sizes) == 10
    removed = sorted((tmp_path / "out").glob("*.parquet"))[0]
    removed.unlink()  # a gap, as a pool of processes may leave
    sizes.clear()
    found = survey(frames, DESCRIPTOR, causes=False, output=tmp_path / "out")
    assert 30 < sum(sizes) < 40
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())
    assert_same(found.frames(), survey(frames, DESCRIPTOR, causes=False).frames())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"descriptor": DensityCorrelations(cutoff=3.0, n_max=4, l_max=3)}, "its settings"),
        ({"every": 2}, "its every"),
        ({"species": ["C"]}, "its species"),
        ({"frames": rattled_frames(3)[1:]}, "its first_frame"),
        ({"causes": True}, "its causes"),
    ],
)
def test_other_runs_are_refused(tmp_path: Path, change, message) -> None:
    start = {"frames": rattled_frames(2), "descriptor": DESCRIPTOR, "causes": False}
    survey(**start, output=tmp_path)
    with pytest.raises(ValueError, match=f"holds another survey: {message}"):
        survey(**{**start, **change}, output=tmp_path)


def test_other_frames_after_the_same_first_one_are_refused(tmp_path: Path) -> None:
    frames = rattled_frames(3)
    survey(frames[:2], DESCRIPTOR, causes=False, output=tmp_path)
    with pytest.raises(ValueError, match="other structures: its frame 1 differs"):
        survey([frames[0], frames[2]], DESCRIPTOR, causes=False, output=tmp_path)
    assert survey(frames, DESCRIPTOR, causes=False, output=tmp_path).totals.frames == 3


def test_a_refused_or_shorter_call_leaves_all_rows(tmp_path: Path) -> None:
    frames = rattled_frames(130)
    frames[-1].positions[0] = np.nan
    survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    before = open_survey(tmp_path).status
    with pytest.raises(ValueError, match="holds another survey"):
        survey(frames, DESCRIPTOR, causes=True, output=tmp_path)
    with pytest.raises(ValueError, match="its frame 1 differs"):
        survey([frames[0], *frames[2:]], DESCRIPTOR, causes=False, output=tmp_path)
    for limit in (1, 70, None):
        again = survey(frames, DESCRIPTOR, causes=False, output=tmp_path, limit=limit)
        assert again.status == before


def test_a_call_for_fewer_frames_tells_that_the_folder_holds_more(tmp_path: Path) -> None:
    frames, arguments = rattled_frames(130), {"causes": False, "output": tmp_path}
    survey(frames, DESCRIPTOR, **arguments)
    assert len(list(tmp_path.glob("*.parquet"))) > 1
    for count in (1, 30, 129):
        told = f"The folder also holds frames after frame {count - 1}, of earlier calls: "
        for given, limit in ((frames, count), (frames[:count], None)):
            found = survey(given, DESCRIPTOR, **arguments, limit=limit)
            assert [remark.startswith(told) for remark in found.remarks] == [True]
            assert told in " ".join(str(found).split())
    for limit in (130, 200, None):
        assert survey(frames, DESCRIPTOR, **arguments, limit=limit).remarks == ()
    assert open_survey(tmp_path).remarks == ()


def test_a_part_is_repeated_in_place_once_the_file_is_complete(tmp_path: Path) -> None:
    frames = rattled_frames(130)
    cut = [*frames[:-1], "a frame that cannot be read"]
    survey(cut, DESCRIPTOR, causes=False, output=tmp_path)
    before = open_survey(tmp_path).status
    assert survey(cut, DESCRIPTOR, causes=False, output=tmp_path, limit=100).status == before
    found = survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())


def moments(power: int, *, at: int = 0) -> Function:
    """Return features that are the same for every power without an element."""

    def moments(atoms: Atoms) -> np.ndarray:
        gaps = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=2)
        return np.sort(gaps ** (power if at in (0, *atoms.numbers) else 1), axis=1)[:, 1:2]

    return Function(moments, cutoff=3.0)


def test_another_function_of_the_same_name_is_refused(tmp_path: Path) -> None:
    survey([structures.load("H2O")], moments(1), causes=False, output=tmp_path)
    survey([structures.load("H2O")], moments(1), causes=False, output=tmp_path)
    with pytest.raises(ValueError, match="another survey: its features of frame 0"):
        survey([structures.load("H2O")], moments(2), causes=False, output=tmp_path)


def test_another_function_that_differs_in_a_later_part_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run, "_PART", {True: 6})
    frames = [structures.load(name) for name in ("H2O", "H2O", "NH3", "H2O")]
    survey(frames[:3], moments(1), causes=False, output=tmp_path)
    parts = sorted(tmp_path.glob("*.parquet"))
    with pytest.raises(ValueError, match="another survey: its features of frame 2"):
        survey(frames, moments(2, at=7), causes=False, output=tmp_path)
    assert sorted(tmp_path.glob("*.parquet")) == parts
    assert survey(frames, moments(1), causes=False, output=tmp_path).totals.frames == 4


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_other_frames_in_a_gap_are_refused(tmp_path, monkeypatch, workers) -> None:
    monkeypatch.setattr(run, "_PART", {False: 20})
    frames, arguments = rattled_frames(40), {"causes": False, "output": tmp_path / "out"}
    survey(frames, DESCRIPTOR, **arguments)
    before = sorted((tmp_path / "out").glob("*.parquet"))
    for path in before[2:4]:
        path.unlink()
    others = [*frames[:10], frames[11], frames[10], *frames[12:]]
    first = int(before[4].name.split("-")[1])
    with pytest.raises(ValueError, match=f"other structures: a frame before {first} differs"):
        survey(others, DESCRIPTOR, **arguments, workers=workers)
    assert sorted((tmp_path / "out").glob("*.parquet")) == [*before[:2], *before[4:]]
    found = survey(frames, DESCRIPTOR, **arguments, workers=workers)
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())


@pytest.mark.parametrize("where", ["_frames", "."])
def test_a_missing_or_damaged_file_is_named_and_computed_again(tmp_path: Path, where: str) -> None:
    frames, arguments = rattled_frames(4), {"causes": False, "output": tmp_path}
    expected = survey(frames, DESCRIPTOR, **arguments).table()
    (part,) = tmp_path.glob("*.parquet")
    (tmp_path / where / part.name).write_text("no Parquet")
    with pytest.raises(ValueError, match=f"missing or damaged file, .*; remove {part.name}"):
        survey(frames, DESCRIPTOR, **arguments).table()
    part.unlink()
    assert_same(survey(frames, DESCRIPTOR, **arguments).table(), expected)


@pytest.mark.parametrize("where", ["_frames", "."])
def test_a_changed_byte_is_no_other_value(tmp_path: Path, where: str) -> None:
    """Each of these bits is told, or changes nothing: none of them is another value."""
    survey(rattled_frames(40), DESCRIPTOR, output=tmp_path)
    expected = open_survey(tmp_path)
    tables = expected.table(), expected.frames()
    (part,) = (tmp_path / where).glob("*.parquet")
    content, rng, told = part.read_bytes(), np.random.default_rng(0), list[str]()
    for place in rng.choice(len(content), 150, replace=False).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        part.write_bytes(damaged)
        try:
            found = open_survey(tmp_path)
            now = found.table(), found.frames()
        except ValueError as error:
            told.append(str(error))
        else:
            for table, before in zip(now, tables, strict=True):
                assert list(table) == list(before)
                for name, values in table.items():
                    np.testing.assert_array_equal(values, before[name])
    assert len(told) > 75
    assert all(f"missing or damaged file, {part}; remove {part.name}" in each for each in told)


@pytest.mark.parametrize("where", ["_frames", "."])
def test_a_part_copied_over_another_is_told(tmp_path, monkeypatch, where: str) -> None:
    monkeypatch.setattr(run, "_PART", {False: 20})
    frames, arguments = rattled_frames(12), {"causes": False, "output": tmp_path}
    expected = survey(frames, DESCRIPTOR, **arguments).table()
    first, second, *_ = sorted(tmp_path.glob("*.parquet"))
    (tmp_path / where / second.name).write_bytes((tmp_path / where / first.name).read_bytes())
    with pytest.raises(ValueError, match=f"damaged file, .*; remove {second.name}"):
        survey(frames, DESCRIPTOR, **arguments).table()
    second.unlink()
    assert_same(survey(frames, DESCRIPTOR, **arguments).table(), expected)


def test_a_number_that_may_be_cut_is_told_and_read_again(tmp_path: Path) -> None:
    path, out = tmp_path / "set.xyz", tmp_path / "out"
    ase.io.write(path, rattled_frames(3))
    text = path.read_text()
    path.write_text(text[:-4])  # the line break, and the last digits of the last number
    cut = survey(path, DESCRIPTOR, causes=False, output=out)
    assert cut.status.endswith("none failed.")
    told = "The file has no line break at its end: the last number, of frame 2, may be cut."
    assert cut.remarks == (told,) == open_survey(out).remarks
    assert told in " ".join(str(cut).split())
    path.write_text(text)
    found = survey(path, DESCRIPTOR, causes=False, output=out)
    expected = survey(path, DESCRIPTOR, causes=False)
    assert_same(found.table(), expected.table())
    assert_same(found.frames(), expected.frames())
    assert found.remarks == expected.remarks == ()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kept", ["whole lines", "all but the last line break"])
def test_a_cut_file_that_grew_is_resumed_again_and_again(tmp_path, kept, workers) -> None:
    path, frames = tmp_path / "set.xyz", rattled_frames(8)
    ase.io.write(path, frames)
    text = path.read_text()
    if kept == "whole lines":
        path.write_text("".join(text.splitlines(keepends=True)[:12]))  # within frame 1
    else:
        ase.io.write(path, frames[:2])
        path.write_text(path.read_text().rstrip("\n"))
    arguments = {"causes": False, "output": tmp_path / "out", "workers": workers}
    survey(path, DESCRIPTOR, **arguments)
    path.write_text(text)
    expected = survey(path, DESCRIPTOR, causes=False)
    for _ in range(3):
        assert_same(survey(path, DESCRIPTOR, **arguments).table(), expected.table())


def test_a_cut_part_is_repeated_before_later_ones_are_written(tmp_path, monkeypatch) -> None:
    """Killed after any part, a survey of a file that grew continues without a stale row."""
    monkeypatch.setattr(run, "_PART", {False: 10})
    frames, written = rattled_frames(12), list[str]()
    cut = [*frames[:3], "a frame that cannot be read"]
    survey(cut, DESCRIPTOR, causes=False, output=tmp_path)
    before = sorted(path.name for path in tmp_path.glob("*.parquet"))
    put = Folder._put

    def killed(folder, target, table, facts):
        if target.parent == tmp_path:
            written.append(target.name)
            raise KeyboardInterrupt
        put(folder, target, table, facts)

    monkeypatch.setattr(Folder, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    assert written == before[-1:]
    monkeypatch.setattr(Folder, "_put", put)
    found = survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())


def test_remarks_are_in_the_folder(tmp_path: Path) -> None:
    sorting = Function(lambda atoms: np.sort(atoms.get_all_distances()), cutoff=9.0)
    frames = [structures.load("H2O"), structures.load("CH4")]
    arguments = {"causes": False, "species": ["O", "C"]}
    told = survey(frames, sorting, **arguments).remarks
    assert any("have kinks" in remark for remark in told)
    assert survey(frames, sorting, **arguments, output=tmp_path).remarks == told
    assert open_survey(tmp_path).remarks == told


def test_a_second_process_waits_for_no_manifest(tmp_path: Path) -> None:
    """The lock comes first, so that of two that start together one is refused."""
    out = tmp_path / "out"
    opened = {"columns": {}, "frame_columns": {}}
    with (
        open_folder(out, **opened, manifest={"number": 1}),
        pytest.raises(ValueError, match="another survey is writing"),
        open_folder(out, **opened, manifest={"number": 2}),
    ):
        pass
    assert json.loads((out / "_manifest.json").read_text())["number"] == 1
    (out / "_manifest.json").unlink()
    with open_folder(out, **opened, manifest={"number": 2}):  # killed before the manifest
        assert json.loads((out / "_manifest.json").read_text())["number"] == 2


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b'{"versions": 3}'])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    (tmp_path / "_manifest.json").write_bytes(content)
    told = (
        r"has a damaged _manifest\.json \([^.]*\); restore this file, or choose another folder\.$"
    )
    with pytest.raises(ValueError, match=told):
        open_survey(tmp_path)
    with pytest.raises(ValueError, match=told):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)


def test_a_deleted_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no survey in"):
        open_survey(tmp_path)
    survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    (tmp_path / "_manifest.json").unlink()
    told = r"holds parts of a survey, but not its _manifest\.json.*; restore this file"
    with pytest.raises(ValueError, match=told):
        open_survey(tmp_path)
    with pytest.raises(ValueError, match=told):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_a_run_of_another_version_is_refused(tmp_path: Path) -> None:
    survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    file = tmp_path / "_manifest.json"
    content = json.loads(file.read_text())
    content["versions"]["sensitivity"] = "0.0.1"
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its versions"):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    with pytest.raises(ValueError, match="cannot be written"):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path / "notes.txt")


def test_batches_leave_out_known_frames_and_never_span_them() -> None:
    frames = [NumberedFrame(number, structures.load("H2O")) for number in range(0, 20, 2)]
    found = batches(frames, sizes=repeat(7), known=[range(12, 15), range(4, 7)])
    assert [[frame.number for frame in batch] for batch in found] == [[0, 2], [8, 10], [16, 18]]


def test_parts_of_a_folder_grow(tmp_path: Path) -> None:
    """The first ten parts have about 13 000 environments: a survey killed early has rows."""
    frames = rattled_frames(4000)
    found = survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    sizes = [len(pd.read_parquet(path)) for path in sorted(tmp_path.glob("*.parquet"))]
    assert sizes[0] < 310
    assert sum(sizes[:10]) < 14_000
    assert 2400 < max(sizes) < 2510
    assert len(survey(frames[:500], DESCRIPTOR, causes=False).parts) == 1
    assert found.status.startswith("20000 environments")


PROGRAM = """
import sys
from pathlib import Path
from ase.io import iread
from sensitivity import DensityCorrelations, survey
from sensitivity.survey import run
run._PART = {False: 60}
descriptor = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)
survey(list(iread(sys.argv[1])), descriptor, causes=False, output=sys.argv[2])
"""


@pytest.mark.slow
def test_a_survey_killed_ten_times_is_complete(tmp_path: Path) -> None:
    from ase.io import write

    frames, source, out = rattled_frames(600), tmp_path / "set.traj", tmp_path / "out"
    write(source, frames)
    command = [sys.executable, "-c", PROGRAM, str(source), str(out)]
    for kill in range(10):
        before = len(list(out.glob("*.parquet"))) if out.is_dir() else 0
        with subprocess.Popen(command) as process:
            # Every second kill comes while a part is being written.
            while process.poll() is None:
                parts = len(list(out.glob("*.parquet"))) if out.is_dir() else 0
                partial = out / "_partial"
                writing = partial.is_dir() and any(partial.iterdir())
                if parts > before and (kill % 2 == 0 or writing):
                    os.kill(process.pid, signal.SIGKILL)
                    break
                time.sleep(1e-4)
        assert process.returncode == -signal.SIGKILL
    subprocess.run(command, check=True)
    rows = pd.read_parquet(out)
    assert not rows.duplicated(["frame", "center"]).any()
    assert len(rows) == sum(map(len, frames))
    expected = survey(frames, DESCRIPTOR, causes=False).table()
    ordered = rows.sort_values(["frame", "center"])
    assert_same({name: ordered[name].to_numpy() for name in ordered}, expected)
    assert not list((out / "_partial").iterdir())
