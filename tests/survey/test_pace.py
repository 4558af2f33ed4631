"""Rate and time left of a survey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from test_folder import DESCRIPTOR, rattled_frames

from sensitivity import survey
from sensitivity.survey import pace, run
from sensitivity.survey.frames import number_frames


def lefts(frames, *, every: int = 1, limit: int | None = None) -> list[float]:
    return [frame.left for frame in number_frames(frames, every=every, limit=limit)]


def test_frames_of_a_sequence_are_counted() -> None:
    frames = [Atoms("H")] * 12
    assert lefts(frames) == pytest.approx(range(11, -1, -1))
    assert lefts(frames, every=4) == pytest.approx([11 / 4, 7 / 4, 3 / 4])
    assert lefts(frames, limit=3) == pytest.approx([2, 1, 0])


def test_frames_of_an_iterator_are_limited_or_unknown() -> None:
    def frames() -> Iterator[Atoms]:
        yield from [Atoms("H")] * 5

    assert np.isnan(lefts(frames())).all()
    assert lefts(frames(), limit=4) == [3, 2, 1, 0]


@pytest.mark.parametrize("ending", ["traj", "db"])
def test_a_file_with_an_index_tells_the_number_of_its_frames(tmp_path: Path, ending) -> None:
    ase.io.write(tmp_path / f"set.{ending}", rattled_frames(9))
    assert lefts(tmp_path / f"set.{ending}") == pytest.approx(range(8, -1, -1))


@pytest.mark.parametrize("ending", ["extxyz", "extxyz.gz", "xyz.xz"])
def test_the_position_in_a_file_gives_an_estimate(tmp_path: Path, ending) -> None:
    count = 2000
    ase.io.write(tmp_path / f"set.{ending}", rattled_frames(count))
    found = np.array(lefts(tmp_path / f"set.{ending}"))
    assert found[count // 2] == pytest.approx(count / 2, rel=0.2)
    assert found[-1] == 0


def test_each_part_tells_the_rate_and_the_time_left(monkeypatch) -> None:
    monkeypatch.setattr(run, "_PART", {False: 30})
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(pace, "perf_counter", lambda: float(next(clock)))
    told = []
    survey(rattled_frames(16), DESCRIPTOR, causes=False, progress=told.append)
    assert told[0] == "31 environments of 6 frames, 3 per second, 17 s left"
    assert told[-1].endswith("0 s left")


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8 s"), (600, "10 min"), (9000, "2.5 h"), (400_000, "4.6 days")]
)
def test_times_have_suitable_units(seconds: float, text: str) -> None:
    assert pace._describe(seconds) == text
