"""Groups that an environment nearly has, from the nearest to the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensitivity.numerics import Array, Indices, Tolerance
from sensitivity.symmetry.finite import FiniteGroups
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.linear import linear_groups, sphere


class Levels(NamedTuple):
    """Groups within the tolerance, the largest last, and the nearest larger one beyond it."""

    groups: tuple[PointGroup, ...]
    next: PointGroup | None


def find_levels(labels: Indices, vectors: Array, *, tolerance: float) -> Levels:
    """Return the groups that an environment has within a deviation of ``tolerance`` (Å).

    ``labels``, (m,), are equal for atoms that may be exchanged; the center, atom 0, has its own.
    ``vectors``, (m, 3), in Å, are those from the center.
    """
    if len(vectors) == 1:
        return Levels((sphere(),), None)
    within = at_least_exact(tolerance)
    reach = max(within, min(30 * tolerance, Tolerance.OTHER_GEOMETRY))  # where to look for the next
    linear = linear_groups(labels, vectors, reach=reach)
    finite: tuple[PointGroup, ...] = ()
    further = None
    if not linear or linear[0].deviation > Tolerance.EXACT_SYMMETRY:
        finite, further = FiniteGroups(labels, vectors, reach=reach).levels(within)
    inside = (*finite, *(group for group in linear if group.deviation <= within))
    beyond = [g for g in linear if g.deviation > within and _contains(g, inside[-1])]
    if further is not None and len(inside) == len(finite):
        beyond.append(further)
    return Levels(inside, min(beyond, key=lambda group: group.deviation, default=None))


def at_least_exact(tolerance: float) -> float:
    """Return a tolerance (Å) with what rounding adds: moving by just so much is within it."""
    return max(tolerance, Tolerance.EXACT_SYMMETRY) * (1 + Tolerance.ROUNDING)


def chain(groups: Sequence[PointGroup]) -> tuple[PointGroup, ...]:
    """Return the last group, and before it those that the next contains and is clearly beyond."""
    kept = [groups[-1]]
    for group in groups[-2::-1]:
        clear = kept[0].deviation > Tolerance.CLEAR_GAP * max(
            group.deviation, Tolerance.EXACT_SYMMETRY
        )
        if clear and _contains(kept[0], group):
            kept.insert(0, group)
    return tuple(kept)


def _contains(group: PointGroup, part: PointGroup) -> bool:
    """Return True if a group has all permutations of another one."""
    return set(map(bytes, part.permutations)) <= set(map(bytes, group.permutations))
