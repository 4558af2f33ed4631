"""Long ways to other structures: to a singular point, along a mode, to a twin.

Each takes a state and someone to report to, and returns where it arrived. The explorer runs them in
the background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.reference import Reference, Subject, examine, explain
from sensitivity.explorers.parts.state import State

LENGTH, STEP = 1.0, 0.05
"""Å: of the curve along a mode, and between its frames."""


@dataclass(frozen=True)
class Arrival:
    """Where a journey ended.

    Attributes
    ----------
    sentence
        What was found.
    good
        Whether it is what was looked for.
    reference
        The structure to be looked at from now on; None to stay.
    view
        Makes what is to be shown below; None for nothing.
    """

    sentence: str
    good: bool = True
    reference: Reference | None = None
    view: Callable[[], Any] | None = None


def _only_center(state: State) -> int:
    """The center, if there is one: what is looked for is the matter of a single environment."""
    centers = state.reference.centers
    if len(centers) > 1:
        raise ValueError(
            "this is asked of the environment of one atom, and there are several centers; write "
            f"the number of one as centers, for instance {centers[0]}, and try again."
        )
    return centers[0]


def locate(state: State, report: Report) -> Arrival:
    """Go to the nearest singular point of the center."""
    from sensitivity.singular import locate as find

    descriptor, center = state.reference.descriptor, _only_center(state)
    point = find(state.atoms, descriptor, center=center, progress=report)
    if not point.converged:
        return Arrival(point.status, good=False)
    reference = explain(examine(Subject(point.atoms, descriptor, (center,))))
    return Arrival(point.status, reference=reference)


def follow(state: State, report: Report) -> Arrival:
    """Follow the mode from the structure at amplitude zero."""
    from sensitivity.explorers.path.path_explorer import PathExplorer
    from sensitivity.paths import follow as go

    reference = state.reference
    path = go(
        reference.atoms,
        reference.descriptor,
        center=_only_center(state),
        mode=state.mode,
        length=LENGTH,
        step=STEP,
        progress=report,
    )
    return Arrival(path.status, good=path.complete, view=lambda: PathExplorer(path))


def find_twin(state: State, report: Report) -> Arrival:
    """Find two structures with the same features of the center."""
    from sensitivity.explorers.twin.twin_explorer import TwinExplorer
    from sensitivity.singular import find_twin as find

    descriptor, center = state.reference.descriptor, _only_center(state)
    twin = find(state.atoms, descriptor, center=center, progress=report)
    if not twin.found:
        return Arrival(twin.status, good=False)
    return Arrival(twin.status, view=lambda: TwinExplorer(twin, descriptor))
