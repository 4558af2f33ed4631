"""Point groups that act on the atoms of an environment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from sensitivity.geometry.superposition import kinds
from sensitivity.numerics import Array, Indices, ReadOnlyArrays
from sensitivity.tolerances import Tolerance

Invariance = Literal["O(3)", "SO(3)", "none"]

# Averaging a group squares its error in each round.
_ROUNDS = 8
_PROPER_PARTS = {"C∞v": "C∞", "D∞h": "D∞", "Kh": "K"}


@dataclass(frozen=True)
class PointGroup(ReadOnlyArrays):
    """Proper and improper rotations about a center, with the atom permutations that they cause.

    Attributes
    ----------
    symbol
        Schoenflies symbol, such as "Td"; "C∞v" or "D∞h" if all atoms are on a line, "Kh" for a
        lone atom; "C∞", "D∞" and "K" for the proper operations of these.
    order
        Number of operations of the named group; infinite for the last six.
    matrices
        Shape (g, 3, 3): orthogonal matrices about the center, a group to rounding. The first
        ``order`` are distinct; they are repeated where like atoms coincide, once for each
        exchange. For an infinite group, a finite subgroup that leaves the same displacements of
        these atoms invariant.
    permutations
        Shape (g, m): the operation maps atom k to the place of atom ``permutations[g, k]``. The
        center is atom 0 and stays fixed.
    deviation
        Å: root mean square, over the m atoms, of the distance to the nearest geometry with this
        group.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import structures
    >>> from sensitivity.symmetry import site_symmetry
    >>> group = site_symmetry(structures.load("Td"), center=0, cutoff=3.0).group
    >>> group.symbol, group.order
    ('Td', 24.0)
    >>> projector = group.projector()
    >>> round(float(np.trace(projector)))
    1
    >>> group.rotations().symbol
    'T'
    """

    symbol: str
    order: float
    matrices: Array
    permutations: Indices
    deviation: float

    def projector(self) -> Array:
        """Orthogonal projector, shape (3m, 3m), onto the invariant displacements of the m atoms.

        The mean over the group of (permutation ⊗ matrix). Gradients of invariant functions of the
        positions lie in its range where the environment has the group.
        """
        g, m = self.permutations.shape
        mean = np.zeros((m, m, 3, 3))
        places = np.arange(m)
        for matrix, permutation in zip(self.matrices, self.permutations, strict=True):
            mean[permutation, places] += matrix
        projector: Array = mean.transpose(0, 2, 1, 3).reshape(3 * m, 3 * m) / g
        return projector

    @property
    def has_inversion(self) -> bool:
        """True if one of the operations is the inversion."""
        return bool(np.any(np.abs(self.matrices + np.eye(3)).max(axis=(1, 2)) < Tolerance.PARALLEL))

    def average(self, displacements: Array) -> Array:
        """Return the invariant part of displacements, (n, m, 3): the projector times each."""
        mean = np.zeros_like(displacements)
        for matrix, permutation in zip(self.matrices, self.permutations, strict=True):
            mean[:, permutation] += displacements @ matrix.T
        return mean / len(self.matrices)

    def rotations(self) -> PointGroup:
        """Return the subgroup of proper operations, with its own symbol and the same deviation.

        The nearest geometry with this subgroup can be nearer: ``deviation`` is an upper bound.
        """
        proper = np.linalg.det(self.matrices) > 0
        if proper.all():
            return self
        matrices, permutations = self.matrices[proper], self.permutations[proper]
        if math.isinf(self.order):
            part = replace(self, symbol=_PROPER_PARTS[self.symbol])
        else:
            order = int(self.order) // 2
            part = replace(self, symbol=schoenflies(matrices[:order]), order=order)
        return replace(part, matrices=matrices, permutations=permutations)

    def binding(self, invariance: Invariance) -> PointGroup:
        """Return the group that constrains a descriptor: all, the proper rotations, or none."""
        if invariance == "none":
            stay = np.arange(self.permutations.shape[1])[None]
            return PointGroup("C1", 1.0, np.eye(3)[None], stay, self.deviation)
        return self if invariance == "O(3)" else self.rotations()

    def __repr__(self) -> str:
        return f"PointGroup({self.symbol}, deviation={self.deviation:.1e} Å)"


def align(vectors: Array, matrices: Array, permutations: Indices) -> tuple[Array, float]:
    """Rotate a group as a whole to fit the positions best.

    Returns the matrices, shape (g, 3, 3), and the root mean square distance (Å) of the positions
    from the nearest geometry with this group, translations included: the average over a group is
    the orthogonal projection on its invariants. Rotating a symmetric geometry displaces it either
    within the invariant displacements or at right angles to them, so alternating averages and
    rotations converge quadratically.
    """
    centered = vectors - vectors.mean(axis=0)
    deviation = np.inf
    for _ in range(_ROUNDS):
        nearest = np.einsum("gyx,gky->kx", matrices, centered[permutations]) / len(matrices)
        new = float(np.sqrt(np.mean(np.sum((centered - nearest) ** 2, axis=1))))
        if new >= deviation:
            break
        best, deviation = matrices, new
        turn = _turn(nearest, centered)
        matrices = turn @ matrices @ turn.T
    return best, deviation


def _turn(start: Array, end: Array) -> Array:
    """Return the small rotation that best maps positions (m, 3) onto others, to first order."""
    inertia = np.eye(3) * np.sum(start**2) - start.T @ start
    products = start.T @ end
    twist = products - products.T
    torque = np.array([twist[1, 2], twist[2, 0], twist[0, 1]])  # the sum of start x end
    line = 1e-12  # of the largest moment of inertia: below it, rotation about a line
    tangent = np.linalg.pinv(inertia, rcond=line, hermitian=True) @ torque / 2
    # Where averaging leaves almost nothing, the first order would require unbounded rotations.
    largest = 0.5  # tangent of half an angle of about 50 degrees
    x, y, z = tangent / max(1.0, float(np.linalg.norm(tangent)) / largest)
    half = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.linalg.solve(np.eye(3) - half, np.eye(3) + half)  # Cayley: orthogonal to rounding


def make_homomorphic(matrices: Array, table: Indices) -> Array | None:
    """Return the exact group nearest to matrices (g, 3, 3) that nearly multiply as in the table.

    ``table[g, h]`` is the index of the product. The mean of R_gh R_hᵀ over h, made orthogonal, is
    a group up to the square of the error (K. Grove, H. Karcher, E. A. Ruh, Math. Ann. 211, 7
    (1974), doi 10.1007/BF01344138). None if this does not converge to a group.
    """
    g, exact = len(matrices), 1e-13  # products agree to rounding
    for _ in range(_ROUNDS):
        row = matrices[table].transpose(0, 2, 1, 3).reshape(g, 3, 3 * g)  # [g, x, (h, y)]
        mean = row @ matrices.transpose(0, 2, 1).reshape(3 * g, 3) / g
        u, lengths, v = np.linalg.svd(mean)
        change = np.abs(u @ v - matrices).max()
        matrices = u @ v
        if change < exact:
            # The mean of matrices that differ by d is shorter by d².
            return matrices if lengths.min() > 1 - Tolerance.ROUNDING else None
    return None


_POLYHEDRAL = {(12, 3): "T", (24, 4): "O", (60, 5): "I"}  # (proper operations, highest order)


def schoenflies(matrices: Array) -> str:
    """Return the Schoenflies symbol of a finite point group, such as "C2v", "Td" or "S6".

    ``matrices``, shape (g, 3, 3), must hold every operation once, otherwise a ValueError is raised.
    The proper rotations are cyclic, dihedral or polyhedral, as given by their number and the
    highest order of an axis; the number of mirror planes determines the rest.
    """
    proper = np.linalg.det(matrices) > 0
    count = int(proper.sum())
    orders = [_order(matrix, limit=count) for matrix in matrices[proper]]
    order = max(orders, default=0)
    polyhedron = _POLYHEDRAL.get((count, order))
    closed = len(matrices) in (count, 2 * count) and orders.count(1) == 1 and 0 not in orders
    if not closed or (polyhedron is None and count not in (order, 2 * order)):
        raise ValueError(
            f"matrices must be all operations of a point group, each once, got {len(matrices)} "
            "that are not; add their products."
        )
    traces = np.trace(matrices[~proper], axis1=1, axis2=2)
    # Traces of reflections and of the inversion are integers; those of other improper operations
    # differ from them by 0.004 even at order 100.
    whole = 1e-4
    mirrors = int((np.abs(traces - 1) < whole).sum()) if len(traces) else None
    if count == order:
        return _cyclic(order, mirrors)
    name, kind = polyhedron, "d" if (polyhedron, mirrors) == ("T", 6) else "h"
    if count == 2 * order:
        name, kind = f"D{order}", "h" if (mirrors or 0) > order else "d"
    return f"{name}{'' if mirrors is None else kind}"


def _order(rotation: Array, *, limit: int) -> int:
    """Return the number of repetitions that give the identity; 0 if beyond the limit."""
    turn = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)) / (2 * np.pi)
    turns = turn * np.arange(1, limit + 1)
    # Angles near zero and a half turn come from a cosine and have lost half their digits, 1e-8.
    same = 1e-5
    whole = np.abs(turns - np.round(turns)) < same
    return int(np.argmax(whole)) + 1 if whole.any() else 0


def _cyclic(order: int, mirrors: int | None) -> str:
    if mirrors is None:
        return f"C{order}"
    if order == 1:
        return "Cs" if mirrors else "Ci"
    if mirrors == 0:
        return f"S{2 * order}"
    return f"C{order}{'h' if mirrors == 1 else 'v'}"


# All changes of sign along three axes, the identity first: D2h. The ones keeping the last: C2v.
_SIGNS = np.array(list(product([1.0, -1.0], repeat=3)))


def linear_groups(labels: Indices, vectors: Array, *, reach: float) -> tuple[PointGroup, ...]:
    """Return C∞v and, if the kinds of atoms allow it, D∞h, with deviations (Å) up to ``reach``.

    For an atom without neighbours, Kh. ``labels`` and ``vectors`` are as for ``find_levels``.
    """
    if len(vectors) == 1:  # D2h already leaves no displacement invariant
        lone = np.zeros((8, 1), dtype=np.intp)
        return (PointGroup("Kh", math.inf, _SIGNS[:, :, None] * np.eye(3), lone, 0.0),)
    centered = vectors - vectors.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centered, full_matrices=len(centered) < 3)
    if np.linalg.norm(lengths[1:]) > reach * np.sqrt(len(vectors)):
        return ()  # the line along the longest direction is the nearest
    axes = directions[::-1]
    matrices = np.einsum("gi,ix,iy->gxy", _SIGNS, axes, axes)
    upright = _SIGNS[:, 2] > 0
    permutations = np.tile(np.arange(len(vectors)), (8, 1))
    found = [("C∞v", matrices[upright], permutations[upright])]
    reversal = reverse(labels, centered @ axes[2])
    if reversal[0] == 0 and not np.array_equal(reversal, permutations[0]):
        permutations[~upright] = reversal
        found.append(("D∞h", matrices, permutations))
    groups = []
    for symbol, operations, images in found:
        aligned, deviation = align(centered, operations, images)
        groups.append(PointGroup(symbol, math.inf, aligned, images, deviation))
    return tuple(group for group in groups if group.deviation <= reach)


def reverse(labels: Indices, heights: Array) -> Indices:
    """Return the permutation, shape (m,), that exchanges up and down within each kind."""
    reversal = np.empty(len(heights), dtype=np.intp)
    for kind in kinds(labels):
        upwards = kind[np.argsort(heights[kind], kind="stable")]
        reversal[upwards] = upwards[::-1]
    return reversal
