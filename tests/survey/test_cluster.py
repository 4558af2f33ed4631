"""A survey on a Dask cluster: the rows of one process, also if workers are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_folder import assert_same, rattled_frames
from test_run import SMALL, Deadly

from sensitivity import Cancelled, DensityCorrelations, structures, survey
from sensitivity.survey import run

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    # Of workers that are killed on purpose.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    # The tests send classes of their own, which workers import from this folder.
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with (
        pytest.MonkeyPatch.context() as patch,
        distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=None) as here,
    ):
        patch.setenv("PYTHONPATH", path)
        here.scale(2)
        with distributed.Client(here) as opened:
            opened.wait_for_workers(2)
            yield opened


@pytest.fixture(autouse=True)
def small_parts(monkeypatch) -> None:
    monkeypatch.setattr(run, "_PART", {False: 20, True: 10})


def processes(client) -> set[int]:
    return {worker["pid"] for worker in client.run(lambda: {"pid": os.getpid()}).values()}


def test_rows_do_not_depend_on_the_cluster(client, tmp_path: Path) -> None:
    frames, descriptor = [*rattled_frames(30), structures.load("X0")], DensityCorrelations(**SMALL)
    for causes, workers in ((False, client), (True, client.scheduler.address)):
        found = survey(
            frames, descriptor, causes=causes, workers=workers, output=tmp_path / str(causes)
        )
        expected = survey(frames, descriptor, causes=causes)
        assert_same(found.table(), expected.table())
        assert_same(found.frames(), expected.frames())
    assert client.status == "running"  # it is the caller's
    threads = client.run(lambda: os.environ["OPENBLAS_NUM_THREADS"])
    assert set(threads.values()) == {"1"}


def test_parts_of_a_killed_worker_are_done_once(client, tmp_path: Path) -> None:
    frames, descriptor, killed = rattled_frames(200), DensityCorrelations(**SMALL), []
    before = processes(client)

    def kill(sentence: str) -> None:
        if not killed:
            killed.append(min(before))
            os.kill(killed[0], signal.SIGKILL)

    found = survey(
        frames, descriptor, causes=False, workers=client, output=tmp_path / "out", progress=kill
    )
    assert killed
    expected = survey(frames, descriptor, causes=False)
    assert_same(found.table(), expected.table())
    assert_same(found.frames(), expected.frames())
    client.wait_for_workers(2)
    assert killed[0] not in processes(client)


def test_a_frame_that_kills_its_workers_becomes_a_row(client) -> None:
    frames = rattled_frames(12)
    frames.insert(5, structures.load("H2S"))
    found = survey(frames, Deadly(**SMALL), causes=False, workers=client)
    table = found.table()
    assert "process died" in table["error"][table["frame"] == 5].item()
    others = table["frame"] != 5
    expected = survey([*frames[:5], *frames[6:]], DensityCorrelations(**SMALL), causes=False)
    assert table["s_min"][others] == pytest.approx(expected.table()["s_min"], abs=1e-9)
    with pytest.raises(ValueError, match="frame 5: its process died"):
        survey(frames, Deadly(**SMALL), causes=False, workers=client, strict=True)


def test_few_parts_are_elsewhere_at_a_time(client) -> None:
    taken = []

    def frames():
        for frame in rattled_frames(400):
            taken.append(frame)
            yield frame

    def stop(sentence: str) -> None:
        raise Cancelled

    found = survey(
        frames(), DensityCorrelations(**SMALL), causes=False, workers=client, progress=stop
    )
    assert found.ending == "cancelled"
    assert len(taken) < 60  # of 400; 5 parts of 5 frames, and the frames after them


def test_an_address_without_a_scheduler_is_refused() -> None:
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
        pytest.raises(ValueError, match="cannot connect to a Dask scheduler at tcp:"),
    ):
        survey(rattled_frames(1), DensityCorrelations(**SMALL), workers="tcp://127.0.0.1:9")
