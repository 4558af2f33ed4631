"""A survey on a Dask cluster: the rows of one process, also if workers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_folder import DESCRIPTOR, assert_same, rattled_frames
from test_run import SMALL, Deadly

from sensitivity import Cancelled, DensityCorrelations, open_survey, structures, survey
from sensitivity.survey import run
from sensitivity.survey.cluster import Cluster

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    # Of workers that are killed on purpose.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def start_cluster(workers: int) -> Iterator[distributed.Client]:
    """Start workers that find the classes of these tests."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    settings = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        with (
            distributed.LocalCluster(n_workers=workers, **settings) as here,
            distributed.Client(here) as opened,
        ):
            yield opened


@contextmanager
def start_worker_that_nobody_restarts(client: distributed.Client) -> Iterator[None]:
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "dask", "worker", client.scheduler.address, *options]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        client.wait_for_workers(1)
        try:
            yield
        finally:
            process.kill()


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with start_cluster(2) as opened:
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


class SlowlyDeadly(Deadly):
    """Kills its process later: Dask gives up workers that die while they start."""

    def like_gradients(self, vectors, numbers, *, species):
        if 16 in species:
            time.sleep(1.0)
        return super().like_gradients(vectors, numbers, species=species)


def test_a_frame_that_kills_its_workers_becomes_a_row() -> None:
    frames = rattled_frames(12)
    frames.insert(5, structures.load("H2S"))
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        start_cluster(2) as client,
    ):
        found = survey(frames, SlowlyDeadly(**SMALL), causes=False, workers=client)
    table = found.table()
    assert "process died" in table["error"][table["frame"] == 5].item()
    others = table["frame"] != 5
    expected = survey([*frames[:5], *frames[6:]], DensityCorrelations(**SMALL), causes=False)
    assert table["s_min"][others] == pytest.approx(expected.table()["s_min"], abs=1e-9)


def test_a_frame_that_ends_all_workers_becomes_a_row(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Cluster, "patience", 1.0)
    frames, descriptor = rattled_frames(40), Deadly(**SMALL)
    frames.insert(1, structures.load("H2S"))
    arguments = {"causes": False, "output": tmp_path / "out"}
    with (
        start_cluster(0) as client,
        start_worker_that_nobody_restarts(client),
        pytest.raises(ValueError, match="the Dask cluster has lost all its workers"),
    ):
        survey(frames, descriptor, **arguments, workers=client)
    assert "process died" in open_survey(tmp_path / "out").failures()["error"].item()
    found = survey(frames, descriptor, **arguments)  # in this process: the frame is known
    assert found.totals.frames == 41
    assert found.failures()["frame"].tolist() == [1]


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


def test_a_cluster_without_workers_is_told_and_waited_for() -> None:
    told = []

    with start_cluster(0) as client:

        def start_one(sentence: str) -> None:
            told.append(sentence)
            client.cluster.scale(1)

        found = survey(
            rattled_frames(4), DESCRIPTOR, causes=False, workers=client, progress=start_one
        )
    assert told[0] == "the Dask cluster has no worker: waiting for one"
    assert found.status.endswith("none failed.")


def test_a_cluster_that_ends_ends_the_survey(tmp_path: Path) -> None:
    frames, out = rattled_frames(40), tmp_path / "out"
    arguments = {"causes": False, "output": out}
    with start_cluster(1) as client:

        def close(sentence: str) -> None:
            client.cluster.close()

        with pytest.raises(ValueError, match="the Dask cluster was closed"):
            survey(frames, DESCRIPTOR, **arguments, workers=client, progress=close)
    found = survey(frames, DESCRIPTOR, **arguments)
    assert_same(found.table(), survey(frames, DESCRIPTOR, causes=False).table())


def test_an_address_without_a_scheduler_is_refused() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
        pytest.raises(ValueError, match="cannot connect to a Dask scheduler at tcp:"),
    ):
        survey(rattled_frames(1), DensityCorrelations(**SMALL), workers="tcp://127.0.0.1:9")
