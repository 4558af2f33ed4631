"""Which groups an environment nearly has, from the nearest to the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensitivity.numerics import Array, Indices
from sensitivity.symmetry.finite import CLEAR_GAP, EXACT, FiniteGroups
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.linear import sphere, straight_groups

# How much further than the tolerance the next group is looked for, and to which length in Å: at
# a tenth of a bond a geometry is another one.
NEXT_REACH = 30.0
FURTHEST_REACH = 0.1
# A displacement by the tolerance itself is within it, whatever rounding makes of it.
ROUNDING = 1e-9


class Ladder(NamedTuple):
    """Groups within the tolerance, the largest last, and the nearest larger one beyond it."""

    groups: tuple[PointGroup, ...]
    next: PointGroup | None


def climb(labels: Indices, vectors: Array, *, tolerance: float) -> Ladder:
    """Return the groups that an environment nearly has.

    Parameters
    ----------
    labels
        Shape (m,): equal for atoms that may be exchanged; the center, atom 0, has its own.
    vectors
        Shape (m, 3), Å, from the center.
    tolerance
        Å: largest deviation of a group.
    """
    if len(vectors) == 1:
        return Ladder((sphere(),), None)
    within = max(tolerance, EXACT) * (1 + ROUNDING)
    reach = max(within, min(NEXT_REACH * tolerance, FURTHEST_REACH))
    straight = straight_groups(labels, vectors, reach=reach)
    bent: tuple[PointGroup, ...] = ()
    further = None
    if not straight or straight[0].deviation > EXACT:
        bent, further = FiniteGroups(labels, vectors, reach=reach).climb(within)
    inside = (*bent, *(group for group in straight if group.deviation <= within))
    beyond = [g for g in straight if g.deviation > within and _contains(g, inside[-1])]
    if further is not None and len(inside) == len(bent):
        beyond.append(further)
    return Ladder(inside, min(beyond, key=lambda group: group.deviation, default=None))


def chain(groups: Sequence[PointGroup]) -> tuple[PointGroup, ...]:
    """Return the last group, and before it those that the next contains and is clearly beyond."""
    kept = [groups[-1]]
    for group in groups[-2::-1]:
        clear = kept[0].deviation > CLEAR_GAP * max(group.deviation, EXACT)
        if clear and _contains(kept[0], group):
            kept.insert(0, group)
    return tuple(kept)


def _contains(group: PointGroup, part: PointGroup) -> bool:
    """Whether a group has all permutations of another one."""
    return set(map(bytes, part.permutations)) <= set(map(bytes, group.permutations))
