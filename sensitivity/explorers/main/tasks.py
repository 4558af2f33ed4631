"""Long searches that start from what is shown: a singular point, a path along a mode, a twin.

Each takes a state and a function that reports progress. The explorer runs them in the background.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensitivity import paths, singular
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.state import Reference, State, Subject, examine, explain


@dataclass(frozen=True)
class Outcome:
    """What a task has found."""

    sentence: str  # the status
    good: bool = True  # it is what was asked for
    # A structure is to be shown from now on, anything else below.
    found: Reference | paths.Path | singular.Twin | None = None


def locate(state: State, report: Report) -> Outcome:
    """Find the nearest singular point of the center."""
    descriptor, center = state.reference.descriptor, _only_center(state)
    point = singular.locate(state.atoms, descriptor, center=center, progress=report)
    if not point.converged:
        return Outcome(point.status, good=False)
    reference = explain(examine(Subject(point.atoms, descriptor, (center,))))
    return Outcome(point.status, found=reference)


def follow(state: State, report: Report) -> Outcome:
    """Follow the mode from the structure at amplitude zero."""
    atoms, descriptor = state.reference.atoms, state.reference.descriptor
    center = _only_center(state)
    path = paths.follow(atoms, descriptor, center=center, mode=state.mode, progress=report)
    return Outcome(path.status, good=path.complete, found=path)


def find_twin(state: State, report: Report) -> Outcome:
    """Find two structures with the same features of the center."""
    descriptor, center = state.reference.descriptor, _only_center(state)
    twin = singular.find_twin(state.atoms, descriptor, center=center, progress=report)
    return Outcome(twin.status, good=twin.found, found=twin if twin.found else None)


def _only_center(state: State) -> int:
    """The center, if there is one: the searches concern a single environment."""
    centers = state.reference.centers
    if len(centers) > 1:
        raise ValueError(
            "this needs the environment of one atom, and there are several centers; enter "
            f"the number of one as centers, for instance {centers[0]}, and try again."
        )
    return centers[0]
