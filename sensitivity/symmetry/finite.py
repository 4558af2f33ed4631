"""The finite groups that an environment nearly has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices, Tolerance
from sensitivity.progress import checkpoint
from sensitivity.symmetry.groups import PointGroup, align, make_homomorphic, schoenflies
from sensitivity.symmetry.operations import Operations, find_operations

Members = NDArray[np.bool_]


class FiniteGroups:
    """The finite groups that an environment nearly has, which is not on a line.

    Its operations are found once, and every group that they make is computed once.
    """

    def __init__(self, labels: Indices, vectors: Array, *, reach: float) -> None:
        self.vectors = vectors
        self.reach = reach
        self.operations = find_operations(labels, vectors, reach=reach)
        self.deviations = cyclic_deviations(self.operations)
        self.known: dict[bytes, PointGroup | None] = {}

    def levels(self, within: float) -> tuple[tuple[PointGroup, ...], PointGroup | None]:
        """Groups up to the largest within a deviation in Å, and the nearest larger one."""
        members, largest = self._largest(within)
        levels = [*self._smaller(members, largest), largest]
        extensions = self._extensions(members, self.reach)
        beyond = [group for e in extensions if (group := self._group(e, self.reach)) is not None]
        nearest = min(beyond, key=lambda group: group.deviation, default=None)
        return tuple(levels), nearest

    def _largest(self, within: float) -> tuple[Members, PointGroup]:
        """The largest group within a deviation, the nearest of several."""
        members = self._close(self.deviations <= within)
        if members is not None and (group := self._group(members, within)) is not None:
            return members, group
        # Among all groups: the deviation of each is no less than that of its subgroups.
        identity = np.arange(len(self.deviations)) == 0
        seen, left, found = set(), [identity], []
        while left:
            checkpoint()
            members = left.pop()
            group = self._group(members, within)
            if members.tobytes() not in seen and group is not None:
                found.append((members, group))
                left.extend(self._extensions(members, within))
            seen.add(members.tobytes())
        return max(found, key=lambda pair: (pair[1].order, -pair[1].deviation))

    def _extensions(self, members: Members, limit: float) -> list[Members]:
        """Different groups that one more operation, up to a limit in Å, makes of a group."""
        grown: dict[bytes, Members] = {}
        for candidate in np.flatnonzero(~members & (self.deviations <= limit)):
            checkpoint()
            extended = members.copy()
            extended[candidate] = True
            if (larger := self._close(extended)) is not None:
                grown.setdefault(larger.tobytes(), larger)
        return list(grown.values())

    def _smaller(self, members: Members, largest: PointGroup) -> list[PointGroup]:
        """Groups of the operations below each clear gap between deviations."""
        inside = np.sort(np.maximum(self.deviations[members], Tolerance.EXACT_SYMMETRY))
        groups: list[PointGroup] = []
        count = 0
        for below in inside[:-1][inside[1:] > Tolerance.CLEAR_GAP * inside[:-1]]:
            part = self._close(members & (self.deviations <= below))
            if part is None or part.sum() == count:
                continue
            group = self._group(part, largest.deviation)
            if group is not None and group.order < largest.order:
                groups.append(group)
                count = int(group.order)
        return groups

    def _close(self, members: Members) -> Members | None:
        """All products of the members; None if one of them is not near any symmetry."""
        count = 0
        while (chosen := np.flatnonzero(members)).size > count:
            count = chosen.size
            products = self.operations.table[np.ix_(chosen, chosen)]
            if products.min() < 0:
                return None
            members = members.copy()
            members[products] = True
        return members

    def _group(self, members: Members, within: float) -> PointGroup | None:
        """The exact group of these operations; None if there is none up to a deviation in Å."""
        # With the best matrix for each operation the mean is a lower bound.
        squares = self.operations.residuals[members] ** 2 / 2
        if squares.mean() > within**2:
            return None
        key = members.tobytes()
        if key not in self.known:
            self.known[key] = make_group(self.operations, np.flatnonzero(members), self.vectors)
        group = self.known[key]
        return group if group is not None and group.deviation <= within else None


def make_group(operations: Operations, members: Indices, vectors: Array) -> PointGroup | None:
    """Return the exact group nearest to some of the operations, which are closed.

    None if there is none: the atoms are not permuted as a group, or are exchanged by the identity,
    because they are nearly at one place.
    """
    permutations = operations.permutations[members]
    if len(members) == 1:  # the identity, which every environment has
        return PointGroup("C1", 1.0, operations.matrices[members], permutations, 0.0)
    table = np.searchsorted(members, operations.table[np.ix_(members, members)])
    # Operation h comes first in the product of g and h.
    if not (permutations[:, permutations] == permutations[table]).all():
        return None
    matrices = make_homomorphic(operations.matrices[members], table)
    # Trace of a rotation by 0.01 rad: a group with smaller ones would have over 600 operations.
    nearly_identity = 3 - 1e-4
    if matrices is None or np.sum(np.trace(matrices, axis1=1, axis2=2) > nearly_identity) > 1:
        return None
    matrices, deviation = align(vectors, matrices, permutations)
    return PointGroup(schoenflies(matrices), float(len(members)), matrices, permutations, deviation)


def cyclic_deviations(operations: Operations) -> Array:
    """Return by how much, in Å, the powers of each operation miss being exact, shape (g,).

    The squared distance to what a group leaves invariant is half the mean squared residual over
    the group. Since the matrix of each power is the best for itself, this is a lower bound, and
    exact for reflections, half turns and the inversion.
    """
    count = len(operations.residuals)
    squares = operations.residuals**2
    powers, total, order = np.arange(count), np.zeros(count), np.ones(count)
    running = powers != 0
    for _ in range(count):
        if not running.any():
            break
        total[running] += squares[powers[running]] / 2
        order[running] += 1
        powers[running] = operations.table[powers[running], np.flatnonzero(running)]
        total[powers < 0] = np.inf
        running &= powers > 0
    return np.sqrt(total / order)
