"""Environments of the atoms of a frame, and those that are equal by symmetry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.structures import check, neighbor_pairs
from sensitivity.structures.validation import NEAREST
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Environment:
    """A center, at the origin, and its neighbours, in the order of ``structures.environment``."""

    frame: int
    center: int
    numbers: Indices  # (k + 1,), atomic numbers, the center first
    places: Array  # (k + 1, 3), Å

    @property
    def atoms(self) -> Atoms:
        """The environment as a molecule, in which every neighbour moves on its own."""
        return Atoms(numbers=self.numbers, positions=self.places)


def find_environments(frame: int, atoms: Atoms, *, cutoff: float) -> list[Environment]:
    """Return the environments of all atoms; ValueError if ``structures.check`` refuses them."""
    pairs = neighbor_pairs(atoms, cutoff)
    if (np.einsum("px,px->p", pairs.vectors, pairs.vectors) < NEAREST**2).any():
        check(atoms)
    order = np.lexsort((pairs.j, pairs.i))
    edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1))
    numbers, vectors = atoms.numbers[pairs.j[order]], pairs.vectors[order]
    found = []
    for center, (start, end) in enumerate(pairwise(edges.tolist())):
        near = np.empty(end - start + 1, dtype=np.intp)
        near[0], near[1:] = atoms.numbers[center], numbers[start:end]
        places = np.zeros((end - start + 1, 3))
        places[1:] = vectors[start:end]
        found.append(Environment(frame, center, near, places))
    return found


def find_equivalents(environments: Sequence[Environment], *, inversion: bool) -> list[int]:
    """Return for each environment of a frame the place of the first equal one.

    Equal are environments that a rotation about the center maps onto each other to 1e-12 Å, with
    ``inversion`` also an improper one. All singular values and causes are then the same.
    """
    first: list[int] = []
    classes: dict[tuple[int, int, float], list[int]] = {}
    for place, environment in enumerate(environments):
        known = classes.setdefault(_invariants(environment), [])
        like = (k for k in known if _are_equal(environments[k], environment, inversion=inversion))
        same = next(like, place)
        if same == place:
            known.append(place)
        first.append(same)
    return first


def _invariants(environment: Environment) -> tuple[int, int, float]:
    """Return numbers that are the same for equal environments, and nearly always only for these.

    Rounding can separate equal environments, which are then computed twice.
    """
    places = environment.places
    weighted = float(environment.numbers @ np.einsum("kx,kx->k", places, places))
    return int(environment.numbers[0]), len(places), round(weighted, 8)


def _are_equal(one: Environment, other: Environment, *, inversion: bool) -> bool:
    matrices = _candidates(one, other, signs=(1.0, -1.0)[: 1 + inversion])
    return any(_maps_onto(one, other, matrix) for matrix in matrices)


def _maps_onto(one: Environment, other: Environment, matrix: Array) -> bool:
    gaps = np.linalg.norm((one.places @ matrix.T)[:, None] - other.places, axis=2)
    gaps[one.numbers[:, None] != other.numbers] = np.inf
    images = gaps.argmin(axis=1)
    exact = gaps.min(axis=1).max() <= Tolerance.EXACT
    return bool(exact) and len(set(images.tolist())) == len(images)


def _candidates(
    one: Environment, other: Environment, *, signs: tuple[float, ...]
) -> Iterator[Array]:
    """Yield orthogonal matrices that map two neighbours onto like ones at equal distances."""
    lengths, others = (np.linalg.norm(each.places, axis=1) for each in (one, other))
    alike = np.abs(lengths[:, None] - others) < Tolerance.ROUNDING
    alike &= one.numbers[:, None] == other.numbers
    first, second = _choose_pair(one.places, lengths, alike.sum(axis=1))
    start = _axes(one.places[first], one.places[second], sign=1.0)
    product = one.places[first] @ one.places[second]
    for a in np.flatnonzero(alike[first]).tolist():
        matches = np.abs(other.places @ other.places[a] - product) < Tolerance.ROUNDING
        for b in np.flatnonzero(alike[second] & matches).tolist():
            for sign in signs:
                yield _axes(other.places[a], other.places[b], sign=sign).T @ start


def _choose_pair(places: Array, lengths: Array, images: Indices) -> tuple[int, int]:
    """Return two neighbours with few images and a large angle; the second is 0 on a line."""
    if len(places) == 1:
        return 0, 0
    first = 1 + int(np.argmin(images[1:]))
    across = np.linalg.norm(np.cross(places, places[first]), axis=1)
    sines = across / np.maximum(lengths * lengths[first], 1.0 * (lengths == 0))
    if sines.max() < Tolerance.PARALLEL:
        return first, 0
    wide = sines >= 0.5 * sines.max()
    return first, int(np.argmin(np.where(wide, images, len(places) + 1)))


def _axes(a: Array, b: Array, *, sign: float) -> Array:
    """Return rows: the unit vector of a, that of b across it, and their product times a sign."""
    x = a / np.linalg.norm(a) if a.any() else np.array([1.0, 0.0, 0.0])
    across = b - (b @ x) * x
    if np.linalg.norm(across) <= Tolerance.PARALLEL * np.linalg.norm(b):
        across = np.eye(3)[np.argmin(np.abs(x))]
        across = across - (across @ x) * x
    y = across / np.linalg.norm(across)
    return np.array([x, y, sign * np.cross(x, y)])
