"""Groups that an environment has within a tolerance, by increasing deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensitivity.numerics import Array, Indices
from sensitivity.symmetry.finite import FiniteGroups, Operations, find_operations
from sensitivity.symmetry.groups import PointGroup, linear_groups
from sensitivity.tolerances import Tolerance


class Levels(NamedTuple):
    """Groups within the tolerance, the largest last, and the nearest larger one beyond it."""

    groups: tuple[PointGroup, ...]
    next: PointGroup | None


def find_levels(
    labels: Indices, vectors: Array, *, tolerance: float, operations: Operations | None = None
) -> Levels:
    """Return the groups that an environment has within a deviation of ``tolerance`` (Å).

    ``labels``, (m,), are equal for atoms that may be exchanged; the center, atom 0, has a unique
    one. ``vectors``, (m, 3), in Å, are relative to the center. ``operations`` are those that
    ``find_operations`` would find, if they are known.
    """
    within, reach = at_least_exact(tolerance), range_of_search(tolerance)
    linear = linear_groups(labels, vectors, reach=reach)
    finite, further = tuple[PointGroup, ...](), None
    if not linear or linear[0].deviation > Tolerance.EXACT_SYMMETRY:
        if operations is None:
            operations = find_operations(labels, vectors, reach=reach)
        finite, further = FiniteGroups(operations, vectors, reach=reach).levels(within)
    inside = (*finite, *(group for group in linear if group.deviation <= within))
    beyond = [g for g in linear if g.deviation > within and _contains(g, inside[-1])]
    if further is not None and len(inside) == len(finite):
        beyond.append(further)
    return Levels(inside, min(beyond, key=lambda group: group.deviation, default=None))


def range_of_search(tolerance: float) -> float:
    """Return the range, in Å, in which groups beyond the tolerance are searched."""
    return max(at_least_exact(tolerance), min(30 * tolerance, Tolerance.OTHER_GEOMETRY))


def at_least_exact(tolerance: float) -> float:
    """Return a tolerance (Å) plus rounding: a displacement by the tolerance is within it."""
    return max(tolerance, Tolerance.EXACT_SYMMETRY) * (1 + Tolerance.ROUNDING)


def chain(groups: Sequence[PointGroup]) -> tuple[PointGroup, ...]:
    """Return the last group, preceded by those that the next contains and clearly exceeds."""
    kept = [groups[-1]]
    for group in groups[-2::-1]:
        deviation = max(group.deviation, Tolerance.EXACT_SYMMETRY)
        if kept[0].deviation > Tolerance.CLEAR_GAP * deviation and _contains(kept[0], group):
            kept.insert(0, group)
    return tuple(kept)


def _contains(group: PointGroup, part: PointGroup) -> bool:
    return set(map(bytes, part.permutations)) <= set(map(bytes, group.permutations))
