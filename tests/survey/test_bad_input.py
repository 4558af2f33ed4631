"""What goes wrong in a long survey becomes a row, or a sentence after which it continues."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ase.io
import numpy as np
import psutil
import pytest
from ase import Atoms
from test_folder import DESCRIPTOR, assert_same, rattled_frames

from sensitivity import DensityCorrelations, Interrupted, structures, survey
from sensitivity.progress import checkpoint
from sensitivity.survey import run

SULFUR = 16


class Fails(DensityCorrelations):
    """Fails where it sees sulfur, as a library may."""

    def like_gradients(self, vectors, numbers, *, species):
        self.fail(species)
        return super().like_gradients(vectors, numbers, species=species)

    def gradients(self, atoms, *, centers=None):
        self.fail(set(atoms.numbers.tolist()))
        return super().gradients(atoms, centers=centers)

    def fail(self, species) -> None:
        raise NotImplementedError


class Large(Fails):
    def fail(self, species) -> None:
        if SULFUR in species:
            np.empty((2**40, 2**10))


class Stuck(Fails):
    def fail(self, species) -> None:
        while SULFUR in species:
            time.sleep(1e-3)
            checkpoint()


class Broken(Fails):
    def fail(self, species) -> None:
        if SULFUR in species:
            raise RuntimeError("the library says no")


SETTINGS = {"cutoff": 3.0, "n_max": 3, "l_max": 3}


@pytest.fixture
def small_parts(monkeypatch) -> None:
    monkeypatch.setattr(run, "_PART", {False: 20, True: 10})


def with_sulfur() -> list[Atoms]:
    return [*rattled_frames(5), structures.load("H2S"), *rattled_frames(3)]


def assert_only_sulfur_fails(found, message: str) -> None:
    table = found.table()
    sulfur = table["frame"] == 5
    assert all(message in text for text in table["error"][sulfur])
    assert np.isnan(table["condition"][sulfur]).all()
    others = survey([*rattled_frames(5), *rattled_frames(3)], DESCRIPTOR, causes=False).table()
    assert table["error"][~sulfur].tolist() == others["error"].tolist()
    assert table["s_min"][~sulfur] == pytest.approx(others["s_min"], abs=1e-9)
    assert f"{sulfur.sum()} environments failed" in found.status


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        (Large(**SETTINGS), "there is not enough memory for it"),
        (Stuck(**SETTINGS), "not finished after 0.1 s"),
        (Broken(**SETTINGS), "RuntimeError: the library says no"),
    ],
)
def test_an_environment_that_fails_in_any_way_becomes_a_row(descriptor, message) -> None:
    assert_only_sulfur_fails(survey(with_sulfur(), descriptor, causes=False, timeout=0.1), message)
    with pytest.raises(ValueError, match=f"frame 5, center 0: {message}"):
        survey(with_sulfur(), descriptor, causes=False, timeout=0.1, strict=True)


def test_environments_of_other_elements_stay_together_after_an_error(monkeypatch) -> None:
    from sensitivity.survey import analysis

    single, alone = analysis._single, []

    def recorded(environment, settings):
        alone.append(set(environment.numbers.tolist()))
        return single(environment, settings)

    monkeypatch.setattr(analysis, "_single", recorded)
    frames = [structures.load(name) for name in ("H2S", "H2O", "HCN")]
    found = survey(frames, Broken(**SETTINGS), causes=False)
    assert found.totals.failed == 3
    assert alone == [{1, SULFUR}] * 2  # one of the equal hydrogens


def test_one_that_hangs_among_many_does_not_take_the_time_limit_of_all(monkeypatch) -> None:
    from sensitivity.survey import analysis

    limits, attempt = [], analysis.attempt

    def recorded(work, *, seconds):
        limits.append(seconds)
        return attempt(work, seconds=seconds)

    monkeypatch.setattr(analysis, "attempt", recorded)
    frames = [structures.load("H2S"), *[structures.load("H2O")] * 60]
    arguments = {"causes": False, "species": ["S", "O"], "timeout": 1.0}
    found = survey(frames, Stuck(**SETTINGS), **arguments)
    assert found.failures()["error"].tolist() == ["not finished after 1 s"]
    assert limits == [pytest.approx(1.61), *[1.0] * 61]


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts")
def test_a_time_limit_holds_in_processes(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    found = survey(with_sulfur(), Stuck(**SETTINGS), causes=False, timeout=0.1, workers=2)
    assert_only_sulfur_fails(found, "not finished after 0.1 s")


def test_a_frame_too_large_for_memory_becomes_a_row(monkeypatch) -> None:
    from sensitivity.survey import environments

    def refuse(atoms, cutoff):
        raise MemoryError

    monkeypatch.setattr(environments, "neighbor_pairs", refuse)
    frames = rattled_frames(4)
    frames[3].center(vacuum=5.0)
    frames[3].pbc = True  # neighbours in small molecules are found together
    found = survey(frames, DESCRIPTOR, causes=False)
    assert found.frames()["error"].tolist() == ["", "", "", "there is not enough memory for it"]
    assert found.status.endswith("1 frame could not be analysed.")


def test_frames_with_other_species_than_the_first_are_analysed() -> None:
    frames = [structures.load("H2O"), structures.load("NaCl-rocksalt"), structures.load("CH4")]
    found = survey(frames, DESCRIPTOR, causes=False)
    assert found.status.endswith("none failed.")
    alone = [survey([frame], DESCRIPTOR, causes=False).table()["s_min"] for frame in frames]
    np.testing.assert_allclose(found.table()["s_min"], np.concatenate(alone), rtol=0, atol=1e-12)


def test_strict_stops_at_the_first_problem() -> None:
    taken = []

    def frames() -> Iterator[Atoms]:
        for number in range(10_000):
            taken.append(number)
            yield Atoms() if number == 3 else structures.load("H2O")

    with pytest.raises(ValueError, match="frame 3: the structure has no atoms"):
        survey(frames(), DensityCorrelations(**SETTINGS), strict=True)
    assert len(taken) < 150  # one part


@pytest.mark.parametrize("ending", ["extxyz", "traj", "db", "xyz.gz"])
def test_a_file_cut_at_its_end_gives_the_frames_before_and_a_row(tmp_path: Path, ending) -> None:
    frames, path = rattled_frames(20), tmp_path / f"set.{ending}"
    ase.io.write(path, frames)
    whole = survey(path, DESCRIPTOR, causes=False).table()
    assert not any(whole["error"])
    path.write_bytes(path.read_bytes()[: int(0.9 * path.stat().st_size)])
    found = survey(path, DESCRIPTOR, causes=False)
    table = found.table()
    last = table["frame"].max()
    assert table["error"][-1]
    assert "could not be analysed" in found.status
    before = {name: values[table["frame"] < last] for name, values in table.items()}
    assert_same(before, {name: values[whole["frame"] < last] for name, values in whole.items()})
    assert last >= (10 if ending != "db" else 0)


@contextmanager
def full_disk(monkeypatch, *, kind: str) -> Iterator[None]:
    if kind == "limit":
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        yield


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("kind", "reason"), [("patch", "No space left on device"), ("limit", "File too large")]
)
def test_a_full_disk_ends_the_survey_and_it_continues(tmp_path, monkeypatch, kind, reason) -> None:
    pytest.importorskip("pyarrow")
    frames, out = rattled_frames(40), tmp_path / "out"
    survey(frames[:10], DESCRIPTOR, causes=False, output=out)
    written = sorted(out.glob("*.parquet"))
    message = rf"output cannot be written, got .*out \({reason}\); the parts in it are complete"
    with full_disk(monkeypatch, kind=kind), pytest.raises(ValueError, match=message):
        survey(frames, DESCRIPTOR, causes=False, output=out)
    assert sorted(out.glob("*.parquet")) == written
    assert not list((out / "_partial").iterdir())
    found = survey(frames, DESCRIPTOR, causes=False, output=out)
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())
    assert_same(found.frames(), survey(frames, DESCRIPTOR, causes=False).frames())


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root, who may write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_an_output_or_a_source_without_permission_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    source, folder = tmp_path / "set.xyz", tmp_path / "closed"
    ase.io.write(source, rattled_frames(1))
    survey(source, DESCRIPTOR, causes=False, output=folder)
    source.chmod(0o000)
    for path in (folder, tmp_path):
        path.chmod(0o555)
    tmp_path.parent.chmod(0o755)
    with as_nobody():
        with pytest.raises(ValueError, match=r"cannot read .*set.xyz \(Permission denied\)"):
            survey(source, DESCRIPTOR, causes=False)
        for output in (tmp_path / "new", folder):
            with pytest.raises(ValueError, match=r"output cannot be written, .*Permission denied"):
                survey(rattled_frames(1), DESCRIPTOR, causes=False, output=output)
    for path in (folder, tmp_path):
        path.chmod(0o755)


def test_two_surveys_do_not_write_to_one_folder(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    refused = []

    def call_again(sentence: str) -> None:
        with pytest.raises(ValueError, match="another survey is writing to output") as caught:
            survey(rattled_frames(4), DESCRIPTOR, causes=False, output=tmp_path)
        refused.append(caught.value)

    survey(rattled_frames(4), DESCRIPTOR, causes=False, output=tmp_path, progress=call_again)
    assert refused
    survey(rattled_frames(4), DESCRIPTOR, causes=False, output=tmp_path)


def test_a_survey_killed_at_once_can_be_repeated(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "_frames").mkdir()
    (tmp_path / "_partial").mkdir()
    (tmp_path / "_partial" / ".sensitivity-1").write_text("{")
    found = survey(rattled_frames(4), DESCRIPTOR, causes=False, output=tmp_path)
    assert found.status.startswith("20 environments of 4 frames")
    assert not list((tmp_path / "_partial").iterdir())


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)
    (tmp_path / "_manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"has a damaged _manifest\.json"):
        survey(rattled_frames(1), DESCRIPTOR, causes=False, output=tmp_path)


@pytest.mark.usefixtures("small_parts")
def test_ctrl_c_leaves_the_finished_parts(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frames, told = rattled_frames(40), []

    def press_ctrl_c(sentence: str) -> None:
        told.append(sentence)
        if len(told) == 3:
            raise KeyboardInterrupt

    arguments = {"causes": False, "output": tmp_path}
    with pytest.raises(Interrupted) as caught:
        survey(frames, DESCRIPTOR, **arguments, progress=press_ctrl_c)
    assert caught.value.partial.status.endswith("The survey was interrupted.")
    assert 0 < len(caught.value.partial.frames()["frame"]) < 20
    assert_same(
        survey(frames, DESCRIPTOR, **arguments).table(),
        survey(frames, DESCRIPTOR, causes=False).table(),
    )


PROGRAM = """
from pathlib import Path
from test_folder import rattled_frames
from sensitivity import DensityCorrelations, Interrupted, survey
from sensitivity.survey import run
run._PART = {False: 10}
if __name__ == "__main__":
    try:
        survey(rattled_frames(400), DensityCorrelations(), workers=2, progress=print)
    except Interrupted as interrupt:
        print("interrupted:", len(interrupt.partial.parts) > 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_survey(tmp_path: Path, monkeypatch, how: signal.Signals) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, "-u", str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert "per second" in process.stdout.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does
        else:
            process.kill()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive
        out, err = process.communicate(timeout=20)
    if how == signal.SIGINT:
        assert "interrupted: True" in out
        assert "Traceback" not in err


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_coordinate_that_is_not_finite_fails_its_frame_alone(value: float) -> None:
    broken = structures.load("CH4")
    broken.positions[1, 0] = value
    frames = [structures.load("CH4"), broken, structures.load("H2O")]
    found = survey(frames, DensityCorrelations(), causes=False)
    assert found.totals.broken == 1
    assert "finite" in found.frames()["error"][1]
    assert found.totals.environments == 8


def test_a_frame_cut_at_the_end_of_a_file_is_read_again(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    whole, growing = tmp_path / "whole.xyz", tmp_path / "growing.xyz"
    ase.io.write(whole, [structures.load(name) for name in ("CH4", "H2O", "NH3")])
    text = whole.read_text()
    growing.write_text(text[: len(text) - 60])
    descriptor = DensityCorrelations(n_max=2, l_max=2)
    first = survey(growing, descriptor, causes=False, output=tmp_path / "out")
    assert first.totals.broken == 1
    growing.write_text(text)
    again = survey(growing, descriptor, causes=False, output=tmp_path / "out")
    assert (again.totals.broken, again.totals.frames, again.totals.environments) == (0, 3, 12)
