"""A diagnosis that is cancelled or interrupted: what is not examined is undetermined."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event

import numpy as np
import pytest
from ase.build import bulk

from sensitivity import (
    DensityCorrelations,
    diagnose,
    structures,
)
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CAUSES, Diagnosis
from sensitivity.progress import Cancelled, Interrupted, cancellable

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0)


def stop_after(count: int, error: type[BaseException]) -> Callable[[str], None]:
    """Return a progress that stops a diagnosis after environments or subspaces."""
    said: list[str] = []

    def progress(sentence: str) -> None:
        said.extend([sentence] * sentence.endswith(("symmetry", "examined")))
        if len(said) > count:
            raise error

    return progress


def check_partial(partial: Diagnosis, word: str) -> None:
    """Assert that the modes are complete, and that those not examined are named."""
    modes = np.array([mode.displacement.ravel() for mode in partial.modes])
    np.testing.assert_allclose(modes @ modes.T, np.eye(len(modes)), atol=1e-10)
    assert (partial.ending, partial.interrupted) == (word, True)
    assert partial.unexamined > 0
    assert partial.counts["undetermined"] == partial.unexamined
    assert partial.spurious == 0
    for text in (partial.status, partial.summary):
        assert f"{word.capitalize()}: {partial.unexamined} displacement" in text
        assert "not examined" in text
    examined = partial.internal - partial.unexamined
    known = f"{examined} of {partial.internal} internal displacements were examined: 0 are visible"
    assert (known in partial.status) == (known in partial.summary) == (examined > 0)
    assert "None is spurious" not in partial.summary
    assert "too small to count as visible" not in partial.summary


def test_progress_tells_of_environments_and_displacements() -> None:
    said: list[str] = []
    whole = diagnose(structures.load("Td"), DESCRIPTOR, progress=said.append)
    assert said[:5] == [f"environment {k} of 5: symmetry" for k in range(1, 6)]
    assert said[-1] == "15 of 15 displacements examined"
    assert (whole.ending, whole.unexamined) == ("", 0)
    with pytest.raises(TypeError, match="progress must be a function of one sentence, got 1"):
        diagnose(structures.load("Td"), DESCRIPTOR, progress=1)  # type: ignore[arg-type]


def test_progress_counts_in_each_part_of_a_diagnosis() -> None:
    """So that the remaining time can be estimated; parts of equal words count upwards."""
    atoms, said = bulk("Cu", cubic=True) * (2, 2, 2), list[str]()
    atoms.rattle(0.05, seed=1)
    small = DensityCorrelations(order=2, cutoff=3.0, n_max=1, l_max=1)
    diagnose(atoms, small, progress=said.append)
    parts = {re.sub(r"\d+ of \d+", "k of n", sentence) for sentence in said}
    assert parts >= {
        "gradients: k of n centers",
        "environment k of n: symmetry",
        "nearly invisible displacements: k of n",
        "changes of the features: k of n centers",
        "larger amplitudes: k of n displacements",
        "k of n displacements examined",
    }
    assert "changes of the features: 31 of 32 centers" in said


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_diagnosis_that_is_ended_keeps_what_was_examined(count: int) -> None:
    """During the symmetry of the environment, and after each of the first subspaces."""
    atoms = structures.load("Td")
    progress = stop_after(count, Cancelled)
    cancelled = diagnose(atoms, DESCRIPTOR, centers=[0], progress=progress)
    check_partial(cancelled, "cancelled")
    with pytest.raises(Interrupted) as caught:
        diagnose(atoms, DESCRIPTOR, centers=[0], progress=stop_after(count, KeyboardInterrupt))
    check_partial(caught.value.partial, "interrupted")
    assert caught.value.partial.counts == cancelled.counts
    hidden = diagnose(atoms, DESCRIPTOR, centers=[0]).counts["symmetry"]
    assert cancelled.counts["symmetry"] == (hidden if count > 1 else 0)
    assert (cancelled.counts["rotation"], cancelled.counts["translation"]) == (3, 3)


def test_an_event_cancels_a_diagnosis() -> None:
    event = Event()
    with cancellable(event):
        partial = diagnose(structures.load("X0"), DESCRIPTOR, progress=lambda _: event.set())
        with pytest.raises(Cancelled):  # nothing is known yet
            diagnose(structures.load("X0"), DESCRIPTOR)
    check_partial(partial, "cancelled")
    assert partial.summary.startswith("5 environments, 0 of them examined. Cancelled: 9 ")
    assert "<td>undetermined</td><td>9</td>" in partial._repr_html_()


def test_every_cause_has_words() -> None:
    assert tuple(CAUSE_DESCRIPTIONS) == CAUSES
    spurious = [cause for cause, words in CAUSE_DESCRIPTIONS.items() if words.spurious]
    assert spurious == ["truncation", "incompleteness", "width", "undetermined"]
    assert CAUSE_DESCRIPTIONS["symmetry"].explain(2).endswith("these motions cancel")
    assert CAUSE_DESCRIPTIONS["unseen"].explain().startswith("it changes nothing")
    assert not any(
        "{" in words.explain(count) for words in CAUSE_DESCRIPTIONS.values() for count in (1, 2)
    )


def test_an_interrupt_after_the_last_displacement_leaves_nothing_undetermined() -> None:
    atoms, said = structures.load("Td"), list[str]()
    whole = diagnose(atoms, DESCRIPTOR, centers=[0], progress=said.append)
    left = iter(said[:-1])

    def interrupt_the_last(_: str) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        diagnose(atoms, DESCRIPTOR, centers=[0], progress=interrupt_the_last)
    assert caught.value.partial.unexamined == 0
    assert caught.value.partial.summary == whole.summary
