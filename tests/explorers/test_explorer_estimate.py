"""The time that is left, as far as it can be told from what has been done."""

from __future__ import annotations

import pytest

from sensitivity.explorers.parts import estimate
from sensitivity.explorers.parts.estimate import Estimate, time_left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its one entry is the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(estimate, "monotonic", lambda: now[0])
    return now


def test_the_rest_of_a_count_takes_as_long_as_before(clock: list[float]) -> None:
    add = Estimate()
    assert add("environment 10 of 60: symmetry") == "environment 10 of 60: symmetry"
    clock[0] += 10
    assert add("environment 20 of 60: symmetry").endswith(", about 40 s left")
    clock[0] += 1000
    assert add("7 of 9 displacements examined") == "7 of 9 displacements examined"
    clock[0] += 4
    assert add("8 of 9 displacements examined").endswith(", about 4 s left")
    assert add("something else") == "something else"


def test_a_part_that_begins_again_has_its_own_rate(clock: list[float]) -> None:
    add = Estimate()
    add("gradients: 0 of 40 centers")
    clock[0] += 1
    add("gradients: 30 of 40 centers")
    clock[0] += 1000
    assert add("gradients: 0 of 40 centers") == "gradients: 0 of 40 centers"
    clock[0] += 5
    assert add("gradients: 20 of 40 centers").endswith(", about 5 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1.9, ""), (3.2, ", about 3 s left"), (42, ", about 40 s left"), (200, ", about 3 min left")],
)
def test_times_are_rounded(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_singular_values_of_many_displacements_are_estimated_by_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert estimate.decomposition_time(45) == 0.0
    assert 0.01 < estimate.decomposition_time(1500) < 100
    monkeypatch.setattr(estimate, "decomposition_time", lambda count: count / 100)
    said = Estimate()("singular values of 1500 displacements")
    assert said == "singular values of 1500 displacements, about 15 s left"
