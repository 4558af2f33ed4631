"""Superposition of environments, independent of orientation and order of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial, prod

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices, ReadOnlyArrays, takes_center
from sensitivity.structures import check_centers

MOST_PERMUTATIONS = factorial(7)
"""Largest number of like atoms that are permuted in every order, which takes 0.1 s."""


@dataclass(frozen=True)
class Superposition(ReadOnlyArrays):
    """The best superposition of an environment on another."""

    rmsd: float  # Å, root mean square over all atoms, including the center
    rotation: Array  # (3, 3), orthogonal; improper if a mirror image is allowed and fits better
    permutation: Indices  # (N,): atom k of the first is placed on atom permutation[k] of the second
    atoms: Atoms  # the first environment, turned, moved and reordered to lie on the second
    # True if all permutations were tried. If not, the distance is an upper bound from many starts.
    exact: bool


@takes_center
def superpose(atoms: Atoms, other: Atoms, *, center: int, inversion: bool = True) -> Superposition:
    """Superpose an environment on another one, center on center and like atoms on like atoms.

    The result has the smallest root mean square distance, ``rmsd`` in Å, over rotations,
    translations, permutations of like atoms other than the center, and mirror images if
    ``inversion`` is True.

    Parameters
    ----------
    atoms, other
        Two molecules of the same atoms, N of them, in any order.
    center
        Index of the center in both.
    inversion
        True to allow mirror images.

    Raises
    ------
    TypeError, ValueError
        If they are not molecules of the same atoms.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.singular import superpose
    >>> one, other = structures.load("X+"), structures.load("X-")
    >>> f"{superpose(one, other, center=0).rmsd:.2f} Å"
    '0.34 Å'
    >>> turned = one[[0, 2, 1, 4, 3]]
    >>> turned.rotate(40, "x")
    >>> superpose(one, turned, center=0).rmsd < 1e-12
    True
    """
    (center,) = check_centers(atoms, (center,))
    labels, others = _check_alike(atoms, other, center)
    # From here on the atoms of both are in the order of their labels.
    order, target = np.argsort(labels, kind="stable"), np.argsort(others, kind="stable")
    labels = labels[order]
    pair = atoms.positions[order], other.positions[target]
    start, end = (part - part.mean(axis=0) for part in pair)
    count = prod(factorial(int(number)) for number in np.unique(labels, return_counts=True)[1])
    exact = count <= MOST_PERMUTATIONS
    sign = None if inversion else 1
    if exact:
        parts = product(*(permutations(kind.tolist()) for kind in kinds(labels)))
        assignments = np.array([sum(part, ()) for part in parts], dtype=np.intp)
    else:
        turns = _frame_rotations(labels, start, end, signs=(1, -1) if inversion else (1,))
        likely = {_settle(labels, start, end, matrix, sign) for matrix in turns}
        assignments = np.array(sorted(likely), dtype=np.intp)
    rotations, overlaps = fit_rotations(start, end[assignments], sign=sign)
    best = int(np.argmax(overlaps))
    permutation = np.empty(len(atoms), dtype=np.intp)
    permutation[order] = target[assignments[best]]
    turned = start @ rotations[best].T
    laid = other.copy()
    laid.positions[permutation[order]] = turned + other.positions.mean(axis=0)
    rmsd = float(np.sqrt(np.mean(np.sum((turned - end[assignments[best]]) ** 2, axis=1))))
    return Superposition(rmsd, rotations[best].copy(), permutation, laid, exact)


def are_congruent(
    atoms: Atoms, other: Atoms, *, center: int, inversion: bool, within: float
) -> bool:
    """Return True if two environments are equal up to a root mean square distance in Å.

    Usually their atoms have the same order and positions, or interatomic distances differ, and no
    superposition is needed, which takes a second with thirty like atoms. If the atoms of two
    structures are d_i apart, Σ (r_ij - r'_ij)² over all pairs is at most N Σ d_i², and sorted
    distances match at least as well as in any other order.
    """
    if sorted(_labels(atoms, center)) != sorted(_labels(other, center)):
        return False
    start, end = (part.positions - part.positions.mean(axis=0) for part in (atoms, other))
    if (atoms.numbers == other.numbers).all():
        _, overlap = fit_rotations(start, end, sign=None if inversion else 1)
        if np.sum(start**2) + np.sum(end**2) - 2 * overlap < len(atoms) * within**2:
            return True
    profiles = [sorted_distances(structure, center) for structure in (atoms, other)]
    if np.linalg.norm(profiles[0] - profiles[1]) > len(atoms) * within:
        return False
    return superpose(atoms, other, center=center, inversion=inversion).rmsd < within


def sorted_distances(atoms: Atoms, center: int) -> Array:
    """Return the distances of all pairs in Å, sorted for each pair of kinds, (pairs,)."""
    labels = _labels(atoms, center)
    i, j = np.triu_indices(len(atoms), k=1)
    lengths = np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=1)
    pairs = np.minimum(labels[i], labels[j]), np.maximum(labels[i], labels[j])
    return np.asarray(lengths[np.lexsort((lengths, *pairs))])


def _labels(atoms: Atoms, center: int) -> Indices:
    labels: Indices = atoms.numbers.astype(np.intp)
    labels[center] = -1  # not a species
    return labels


def check_molecules(atoms: Atoms, other: Atoms) -> None:
    """Raise a ValueError for periodic structures, which cannot be superposed."""
    if atoms.pbc.any() or other.pbc.any():
        raise ValueError(
            "only molecules can be superposed, got a periodic structure; extract its environment "
            "as a molecule."
        )


def _check_alike(atoms: Atoms, other: Atoms, center: int) -> tuple[Indices, Indices]:
    check_molecules(atoms, other)
    check_centers(other, (center,))
    labels, others = _labels(atoms, center), _labels(other, center)
    if sorted(labels) != sorted(others):
        raise ValueError(
            f"two structures with the same atoms and center are needed, got {atoms.symbols} and "
            f"{other.symbols}, center {center}; give structures of the same composition."
        )
    return labels, others


def _frame_rotations(labels: Indices, start: Array, end: Array, *, signs: Sequence[int]) -> Array:
    """Return matrices that place pairs of atoms on all like pairs; of many, the best fits."""
    pairs, kept = 6, 1200
    areas = np.linalg.norm(np.cross(start[:, None], start), axis=2)
    widest = np.argsort(-np.triu(areas).ravel(), kind="stable")[:pairs]
    matrices, misfits = [], []
    for first, second in zip(*np.unravel_index(widest, areas.shape), strict=True):
        frame = start[[first, second]]
        k, l = (np.flatnonzero(labels == labels[atom]) for atom in (first, second))
        images = np.array([(a, b) for a in k for b in l if a != b], dtype=np.intp).reshape(-1, 2)
        size = np.sum(frame**2) + np.sum(end[images] ** 2, axis=(1, 2))
        for sign in signs:
            rotations, overlaps = fit_rotations(frame, end[images], sign=sign)
            matrices.append(rotations)
            misfits.append(size - 2 * overlaps)
    best = np.argsort(np.concatenate(misfits), kind="stable")[:kept]
    return np.asarray(np.concatenate(matrices)[best])


def _settle(
    labels: Indices, start: Array, end: Array, matrix: Array, sign: int | None
) -> tuple[int, ...]:
    """Assign and rotate atoms alternately, until the assignment no longer changes."""
    images, rounds = np.arange(len(labels)), 20  # a few suffice
    for _ in range(rounds):
        before, images = images, assign(labels, start @ matrix.T, end)
        if (images == before).all():
            break
        matrix, _ = fit_rotations(start, end[images], sign=sign)
    return tuple(images.tolist())


def kinds(labels: Indices) -> list[Indices]:
    """Return the indices of each label, in the order of the labels."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def assign(labels: Indices, start: Array, end: Array) -> Indices:
    """Assign like points, both (N, 3), with the smallest sum of squared distances: (N,)."""
    from scipy.optimize import linear_sum_assignment

    images = np.empty(len(labels), dtype=np.intp)
    for kind in kinds(labels):
        images[kind] = kind[linear_sum_assignment(-start[kind] @ end[kind].T)[1]]
    return images


def fit_rotations(start: Array, end: Array, *, sign: int | None = 1) -> tuple[Array, Array]:
    """Fit orthogonal matrices R that map points onto others; return overlaps Σ end · R start.

    Points of shape (..., N, 3), with centroids at the origin if translations are fitted too, give
    (..., 3, 3) and (...). ``sign`` is the determinant; None takes the better one.
    W. Kabsch, Acta Cryst. A 32, 922 (1976), doi 10.1107/S0567739476001873.
    """
    u, lengths, v = np.linalg.svd(np.swapaxes(end, -1, -2) @ start)
    if sign is not None:
        flip = np.sign(sign * np.linalg.det(u) * np.linalg.det(v))
        u[..., 2] *= flip[..., None]
        lengths[..., 2] *= flip
    return u @ v, lengths.sum(axis=-1)


def rotate_onto(start: Array, end: Array) -> Array:
    """Return points (N, 3), translated and properly rotated to fit others (N, 3) best."""
    centered = start - start.mean(axis=0)
    middle = end.mean(axis=0)
    return np.asarray(centered @ fit_rotations(centered, end - middle)[0].T + middle)
