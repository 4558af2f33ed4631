"""The finite groups that an environment has exactly or approximately."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensitivity.geometry.superposition import assign, kinds
from sensitivity.numerics import Array, Indices, unique_rows
from sensitivity.progress import checkpoint
from sensitivity.symmetry.groups import PointGroup, align, make_homomorphic, reverse, schoenflies
from sensitivity.tolerances import Tolerance

Members = NDArray[np.bool_]


class FiniteGroups:
    """The finite groups of a nonlinear environment, exact or approximate, each computed once."""

    def __init__(self, operations: Operations, vectors: Array, *, reach: float) -> None:
        self.vectors = vectors
        self.reach = reach
        self.operations = operations
        self.deviations = cyclic_deviations(self.operations)
        self.known: dict[bytes, PointGroup | None] = {}

    def levels(self, within: float) -> tuple[tuple[PointGroup, ...], PointGroup | None]:
        """Return groups up to the largest within a deviation in Å, and the nearest larger one."""
        members, largest = self._largest(within)
        levels = [*self._smaller(members, largest), largest]
        extensions = self._extensions(members, self.reach)
        beyond = [group for e in extensions if (group := self._group(e, self.reach)) is not None]
        nearest = min(beyond, key=lambda group: group.deviation, default=None)
        return tuple(levels), nearest

    def _largest(self, within: float) -> tuple[Members, PointGroup]:
        """Return the largest group within a deviation; of several, the nearest."""
        members = self._close(self.deviations <= within)
        if members is not None and (group := self._group(members, within)) is not None:
            return members, group
        # Considers all groups: the deviation of each is no less than that of its subgroups.
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
        grown: dict[bytes, Members] = {}
        for candidate in np.flatnonzero(~members & (self.deviations <= limit)):
            checkpoint()
            extended = members.copy()
            extended[candidate] = True
            if (larger := self._close(extended)) is not None:
                grown.setdefault(larger.tobytes(), larger)
        return list(grown.values())

    def _smaller(self, members: Members, largest: PointGroup) -> list[PointGroup]:
        """Return groups of the operations below each clear gap between deviations."""
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
        """Return all products of the members; None if a product is not near any symmetry."""
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
        """Return the exact group of these operations; None if not within a deviation in Å."""
        # With the best matrix for each operation, the mean is a lower bound.
        squares = self.operations.residuals[members] ** 2 / 2
        if squares.mean() > within**2:
            return None
        key = members.tobytes()
        if key not in self.known:
            self.known[key] = _make_group(self.operations, np.flatnonzero(members), self.vectors)
        group = self.known[key]
        return group if group is not None and group.deviation <= within else None


def _make_group(operations: Operations, members: Indices, vectors: Array) -> PointGroup | None:
    """Return the exact group nearest to a closed subset of the operations.

    None if it does not exist: the atoms are not permuted as a group, or the identity exchanges them
    because they nearly coincide.
    """
    permutations = operations.permutations[members]
    if len(members) == 1:  # the identity, which every environment has
        return PointGroup("C1", 1.0, operations.matrices[members], permutations, 0.0)
    table = np.searchsorted(members, operations.table[np.ix_(members, members)])
    # Operation h comes first in the product of g and h.
    pairs = zip(permutations, table, strict=True)  # one g at a time: large ones take little memory
    if not all((g[permutations] == permutations[products]).all() for g, products in pairs):
        return None
    matrices = make_homomorphic(operations.matrices[members], table)
    # Trace of a rotation by 0.01 rad: a group with smaller ones would have over 600 operations.
    nearly_identity = 3 - 1e-4
    if matrices is None or np.sum(np.trace(matrices, axis1=1, axis2=2) > nearly_identity) > 1:
        return None
    matrices, deviation = align(vectors, matrices, permutations)
    return PointGroup(schoenflies(matrices), float(len(members)), matrices, permutations, deviation)


def cyclic_deviations(operations: Operations) -> Array:
    """Return the deviation, in Å, of the powers of each operation from exact ones, shape (g,).

    The squared distance to the geometries that a group leaves invariant is half the mean squared
    residual over the group. Since the matrix of each power is its own best fit, this is a lower
    bound, and exact for reflections, half turns and the inversion.
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


# The distance between two atoms affects an atom, its image and the center, which counts twice: by
# at most √6 times the root of their summed squares.
_MISMATCH = 6**0.5


def _allowance(reach: float, count: int) -> float:
    """Return how far, in Å, one of ``count`` atoms may be from where an operation maps it.

    That is three times the root mean square of all. This limits the comparisons in large
    environments; with up to nine atoms no single one can be off by more.
    """
    return reach * min(3.0, float(np.sqrt(count)))


def window_of_frames(reach: float, count: int) -> float:
    """Return how much distances in a frame of two atoms, and in its image, may differ, in Å."""
    return _MISMATCH * _allowance(reach, count)


def largest_gap(reach: float, count: int) -> float:
    """Return how far, in Å, an atom may be from the place to which an operation maps another."""
    return 2 * window_of_frames(reach, count)


class Operations(NamedTuple):
    """Operations, the identity first, that map each atom close to one of its kind."""

    permutations: Indices  # (g, m): atom k is mapped to the place of atom permutations[g, k]
    matrices: Array  # (g, 3, 3), orthogonal, best fit of the atoms onto each other
    residuals: Array  # (g,), Å, rms distance between mapped atoms and their partners
    table: Indices  # (g, g): index of the product, -1 if it is not among the operations


def find_operations(labels: Indices, vectors: Array, *, reach: float) -> Operations:
    """Return all operations whose cyclic group is within ``reach`` (Å) of being exact.

    Every operation maps a frame of two atoms to two of their kind at nearly the same distances from
    the center and from each other. All such images are tried, each with a rotation and with an
    improper operation. The other atoms are then assigned to the nearest of their kind, and the
    matrix is fitted to all atoms. ``labels`` and ``vectors``, not all on one line, are as for
    ``find_levels``.
    """
    window = window_of_frames(reach, len(vectors))
    frame = choose_frame(labels, vectors, window=window)
    images = images_of_frame(labels, vectors, frame=frame, window=window)
    matrices = fit_both(vectors[list(frame)], vectors[images])
    matched = _match(labels, vectors, matrices, most=largest_gap(reach, len(vectors)))
    # The identity, and the reversal of the longest direction of the environment.
    centered = vectors - vectors.mean(axis=0)
    heights = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    along = np.stack([np.arange(len(vectors)), reverse(labels, heights)])
    permutations = np.concatenate([along, matched])
    permutations = permutations[unique_rows(permutations)[0]]
    return collect(permutations, vectors, frame=frame, reach=reach)


def choose_frame(labels: Indices, vectors: Array, *, window: float) -> tuple[int, int]:
    """Choose two atoms that span a plane with the center well, and have few images.

    A frame is good if it maps no atom further off than four times the error of its own two atoms,
    or at most three times as far as the best frame does.
    """
    radii = np.linalg.norm(vectors, axis=1)
    like = (labels[:, None] == labels) & (np.abs(radii[:, None] - radii) <= window)
    counts = like.sum(axis=1)
    areas = np.linalg.norm(np.cross(vectors[:, None], vectors), axis=2)
    arms = areas / np.maximum(np.maximum(radii[:, None], radii), np.finfo(float).tiny)
    needed = min(radii.max() / 4.0, arms.max() / 3.0)
    cost = np.where(arms >= needed, counts[:, None] * counts, np.inf)
    first, second = np.unravel_index(np.argmin(cost), cost.shape)
    partners = np.flatnonzero(like[second] & (arms[first] >= needed))
    # Some of several equal partners have fewer images than others, for example opposite ones.
    tried = 8
    frames = [(int(first), int(p)) for p in partners[:: len(partners) // tried + 1]]
    return min(frames, key=lambda f: len(images_of_frame(labels, vectors, frame=f, window=window)))


def images_of_frame(
    labels: Indices, vectors: Array, *, frame: tuple[int, int], window: float
) -> Indices:
    """Return pairs of atoms, shape (pairs, 2), that match the frame within the window."""
    radii = np.linalg.norm(vectors, axis=1)
    first, second = (
        np.flatnonzero((labels == labels[a]) & (np.abs(radii - radii[a]) <= window)) for a in frame
    )
    distances = np.linalg.norm(vectors[first][:, None] - vectors[second], axis=2)
    wanted = np.linalg.norm(vectors[frame[0]] - vectors[frame[1]])
    i, j = np.nonzero(np.abs(distances - wanted) <= window)
    pairs = np.stack([first[i], second[j]], axis=1)
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def fit_both(start: Array, end: Array) -> Array:
    """Fit matrices of both determinants, rotations first, that map vectors onto others.

    Vectors (k, 3) and (n, k, 3) give (2n, 3, 3), as ``fit_rotations`` does for each determinant.
    """
    left, _, right = np.linalg.svd(end.swapaxes(1, 2) @ start)
    one, other = left @ right, (left * [1.0, 1.0, -1.0]) @ right
    proper = (np.linalg.det(one) > 0)[:, None, None]
    return np.concatenate([np.where(proper, one, other), np.where(proper, other, one)])


def _match(labels: Indices, vectors: Array, matrices: Array, *, most: float) -> Indices:
    """Return the permutations that matrices cause, shape (permutations, m).

    Every atom is assigned to the nearest of its kind. If two share a partner, the matrix is fitted
    again, and remaining ambiguities are assigned as a whole; matrices that map an atom further
    than ``most`` (Å) from all of its kind are left out.
    """
    nearest, distances = _nearest(labels, vectors, matrices)
    arm = float(np.linalg.norm(vectors, axis=1).max())
    places = np.arange(len(vectors))
    unique = (np.sort(nearest, axis=1) == places).all(axis=1)
    found = [nearest[unique]]
    near = ~unique & (distances <= 0.5 * arm)  # no good frame maps an atom so far off
    if near.any():
        better = fit_both(vectors, vectors[nearest[near]])
        nearest, distances = _nearest(labels, vectors, better)
        unique = (np.sort(nearest, axis=1) == places).all(axis=1)
        found.append(nearest[unique])
        rest = better[~unique & (distances <= most)]
        found.extend(assign(labels, vectors @ matrix.T, vectors)[None] for matrix in rest)
    return np.concatenate(found)


def _nearest(labels: Indices, vectors: Array, matrices: Array) -> tuple[Indices, Array]:
    """Return the image of every atom, (c, m), and the largest distance from one, (c,)."""
    images = np.empty((len(matrices), len(vectors)), dtype=np.intp)
    squares = np.zeros(len(matrices))
    norms = np.sum(vectors**2, axis=1)
    chunk = 2**16  # distances handled at once; half a MB stays in the cache
    for kind in kinds(labels):
        step = max(1, chunk // len(kind) ** 2)
        for start in range(0, len(matrices), step):
            part = slice(start, start + step)
            turned = vectors[kind] @ matrices[part].transpose(0, 2, 1)  # [c, k, xyz]
            gaps = norms[kind] - 2 * turned @ vectors[kind].T  # [c, k, l], less |turned|²
            best = gaps.argmin(axis=2)
            images[part, kind] = kind[best]
            least = np.take_along_axis(gaps, best[:, :, None], axis=2)[:, :, 0] + norms[kind]
            squares[part] = np.maximum(squares[part], least.max(axis=1))
    return images, np.sqrt(np.maximum(squares, 0))


def collect(
    permutations: Indices, vectors: Array, *, frame: tuple[int, int], reach: float
) -> Operations:
    """Fit matrices of both determinants, and keep near ones; lexical order is identity first."""
    centered = vectors - vectors.mean(axis=0)
    matrices = fit_both(centered, centered[permutations])
    permutations = np.concatenate([permutations, permutations])
    signs = np.repeat([0, 1], len(matrices) // 2)
    gaps = centered @ matrices.transpose(0, 2, 1) - centered[permutations]  # [g, k, xyz]
    residuals = np.sqrt(np.mean(np.sum(gaps**2, axis=2), axis=1))
    # The deviation of a cyclic group of any order is at least half the residual.
    near = np.flatnonzero(residuals <= 2 * reach)
    keys = _keys(permutations, signs, frame=frame)
    near = near[np.argsort(residuals[near], kind="stable")]
    near = near[np.sort(np.unique(keys[near], return_index=True)[1])]
    identity = (permutations[near] == np.arange(len(vectors))).all(axis=1) & (signs[near] == 0)
    near = near[np.argsort(~identity, kind="stable")]
    permutations, matrices, signs = permutations[near], matrices[near], signs[near]
    matrices[0] = np.eye(3)
    table = _multiply(permutations, signs, frame=frame)
    return Operations(permutations, matrices, residuals[near], table)


def _keys(permutations: Indices, signs: Indices, *, frame: tuple[int, int]) -> Indices:
    """Return a number per operation: images of the frame and the determinant identify it."""
    m = permutations.shape[1]
    first, second = (permutations[:, atom] for atom in frame)
    return np.asarray((first * m + second) * 2 + signs)


def _multiply(permutations: Indices, signs: Indices, *, frame: tuple[int, int]) -> Indices:
    """Return the index of the product of two operations, (g, g); -1 if it is missing."""
    m = permutations.shape[1]
    first, second = (permutations[:, permutations[:, atom]] for atom in frame)  # [g, h]
    keys = (first * m + second) * 2 + (signs[:, None] != signs)
    known = _keys(permutations, signs, frame=frame)
    order = np.argsort(known)
    place = order[np.minimum(np.searchsorted(known[order], keys), len(known) - 1)]
    return np.where(known[place] == keys, place, -1)
