"""Operations of environments with hundreds or thousands of atoms.

An operation of an environment maps two atoms next to the center to two of their kind at the same
distances. These images are few, however large the environment is, and only the operations that they
define are tried on all other atoms, shell by shell. This takes a time proportional to the number of
atoms. If the environment contains a cell of a crystal and its surroundings, its group is
the stabiliser of the site in the space group.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from sensitivity.geometry.superposition import fit_rotations, kinds
from sensitivity.numerics import Array, Indices, Mask, unique_rows
from sensitivity.progress import checkpoint
from sensitivity.symmetry.finite import (
    Operations,
    choose_frame,
    collect,
    fit_both,
    images_of_frame,
    largest_gap,
    window_of_frames,
)

LARGE = 200
"""Atoms above which an environment is large: comparing all pairs of them becomes slow."""

_INNER = 60  # nearest atoms, among which two are chosen whose images are few


class Enclosed(NamedTuple):
    """The atoms of a large environment, and operations that map these onto themselves."""

    atoms: Indices  # (m,), ascending
    operations: Operations


def enclose(
    labels: Indices, vectors: Array, *, core: Mask, reach: float, within: float
) -> Enclosed | None:
    """Return the core of an environment with all images of its atoms, and its operations.

    Operations are found if their cyclic group is within ``reach`` (Å) of being exact; those that
    can belong to a group within ``within`` (Å) may map atoms of the core out of it, to ``vectors``
    beyond. None if the nearest atoms are on a line. ``labels``, (m,), and ``vectors``, (m, 3), are
    as for ``find_levels``.
    """
    nearest = np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")
    inner = np.sort(nearest[:_INNER])
    if np.linalg.svd(vectors[inner], compute_uv=False)[1] <= largest_gap(reach, len(vectors)):
        return None
    window = window_of_frames(reach, len(vectors))
    first, second = choose_frame(labels[inner], vectors[inner], window=window)
    frame = int(inner[first]), int(inner[second])
    targets = images_of_frame(labels, vectors, frame=frame, window=window)
    matrices = fit_both(vectors[list(frame)], vectors[targets])
    trial = _Trial(labels, vectors, largest_gap(reach, len(vectors)))
    order, size = nearest[core[nearest]], _INNER
    while len(matrices) and size < 4 * len(order):
        matrices = trial.refine(matrices, order[:size])
        size *= 4  # 1.6 times as far
    images = trial.images(matrices, np.arange(len(labels)))[0]
    atoms = _close(images, core, _misfits(vectors, matrices, images, core) <= 2 * within)
    places = np.full(len(labels) + 1, -1)  # the last for no image
    places[atoms] = np.arange(len(atoms))
    permutations = places[images[:, atoms]]
    inside = (np.sort(permutations, axis=1) == np.arange(len(atoms))).all(axis=1)
    permutations = permutations[inside]
    permutations = permutations[unique_rows(permutations)[0]]
    moved = int(places[frame[0]]), int(places[frame[1]])
    return Enclosed(atoms, collect(permutations, vectors[atoms], frame=moved, reach=reach))


class _Trial:
    """Atoms, on which operations about the center, the origin, are tried."""

    def __init__(self, labels: Indices, vectors: Array, most: float) -> None:
        self.vectors, self.most = vectors, most  # Å: to the image of an atom
        self.kind = np.unique(labels, return_inverse=True)[1]
        self.members = list(kinds(labels))
        self.trees = [KDTree(vectors[kind]) for kind in self.members]

    def refine(self, matrices: Array, atoms: Indices) -> Array:
        """Return those matrices that map atoms onto others, fitted to them."""
        images, _ = self.images(matrices, atoms, most=np.inf)
        fitted = self.fit(matrices, images, atoms)
        images, gaps = self.images(fitted, atoms)
        ordered = np.sort(images, axis=1)
        apart = (np.diff(ordered, axis=1) > 0).all(axis=1) & np.isfinite(gaps).all(axis=1)
        return self.fit(fitted[apart], images[apart], atoms)

    def images(
        self, matrices: Array, atoms: Indices, *, most: float | None = None
    ) -> tuple[Indices, Array]:
        """Return the nearest atom of its kind to each mapped atom, and the distance, (g, atoms).

        None within ``most`` gives the number of atoms, and infinity.
        """
        images = np.empty((len(matrices), len(atoms)), dtype=np.intp)
        gaps = np.empty(images.shape)
        limit = self.most if most is None else most
        for number, matrix in enumerate(matrices):
            checkpoint()
            mapped = self.vectors[atoms] @ matrix.T
            for kind, (tree, members) in enumerate(zip(self.trees, self.members, strict=True)):
                these = np.flatnonzero(self.kind[atoms] == kind)
                gap, place = tree.query(mapped[these], distance_upper_bound=limit)
                gaps[number, these] = gap
                images[number, these] = np.append(members, len(self.kind))[place]
        return images, gaps

    def fit(self, matrices: Array, images: Indices, atoms: Indices) -> Array:
        """Fit matrices, each with its determinant, to the images of atoms."""
        fitted = matrices.copy()
        for sign in (1, -1):
            some = np.linalg.det(matrices) * sign > 0
            if some.any():
                fitted[some] = fit_rotations(
                    self.vectors[atoms], self.vectors[images[some]], sign=sign
                )[0]
        return fitted


def _misfits(vectors: Array, matrices: Array, images: Indices, core: Mask) -> Array:
    """Return the root mean square distance, Å, of the images of the core; infinite without one."""
    beyond = np.append(vectors, np.full((1, 3), np.inf), axis=0)
    gaps = vectors[core] @ matrices.transpose(0, 2, 1) - beyond[images[:, core]]
    return np.asarray(np.sqrt(np.mean(np.sum(gaps**2, axis=2), axis=1)))


def _close(images: Indices, core: Mask, near: Mask) -> Indices:
    """Return the core with the images of all its atoms under the near operations."""
    chosen = np.append(core, [False])  # the last for no image
    count = 0
    near = near.copy()
    while chosen.sum() > count:
        count = int(chosen.sum())
        found = images[:, chosen[:-1]]
        near &= (found < len(core)).all(axis=1)
        chosen[found[near]] = True
    return np.flatnonzero(chosen)
