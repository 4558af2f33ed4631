"""Environments in which atoms are at one place within the tolerance.

Like neighbours at one place can be exchanged without anything moving, so that no descriptor sees
them part, to first order: the exchange is a symmetry. What is at the place of the center stays
there under all rotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import lcm
from typing import NamedTuple

import numpy as np

from sensitivity.numerics import Array, Indices
from sensitivity.symmetry.groups import PointGroup, align


class Blocks(NamedTuple):
    """Like atoms that are at one place."""

    members: tuple[Indices, ...]  # of each block; the center, alone, is the first
    # The place that each is at, (blocks,). Only that of the center, number 0, can have several
    # blocks, one for each kind of neighbour.
    places: Indices


def find_coalescing(
    labels: Indices, vectors: Array, *, tolerance: float
) -> tuple[tuple[int, int], ...]:
    """Return the pairs of like neighbours, or of the center and a neighbour, at one place.

    Each can move by the tolerance (Å), so that they meet from twice as far.
    """
    gaps = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    like = labels[:, None] == labels
    like[0] = True
    first, second = np.nonzero(np.triu(like & (gaps <= 2 * tolerance), k=1))
    return tuple(zip(first.tolist(), second.tolist(), strict=True))


def make_blocks(labels: Indices, pairs: Sequence[tuple[int, int]]) -> Blocks:
    """Return the blocks that pairs of atoms at one place, directly or through others, make."""
    root = np.arange(len(labels))
    for first, second in pairs:
        low, high = sorted((root[first], root[second]))
        root[root == high] = low
    places = np.unique(root, return_inverse=True)[1]
    keys = np.stack([places, labels], axis=1)
    keys[0] = -1  # the center is no neighbour, even of its own kind
    distinct, owner = np.unique(keys, axis=0, return_inverse=True)
    members = tuple(np.flatnonzero(owner == block) for block in range(len(distinct)))
    return Blocks(members, np.maximum(distinct[:, 0], 0))


def merge(labels: Indices, vectors: Array, blocks: Blocks) -> tuple[Indices, Array]:
    """Return labels and vectors with one atom for each place: the mean of what is there.

    Places can be exchanged if they have atoms of one kind in equal numbers.
    """
    outside = [members for members, place in zip(*blocks, strict=True) if place]
    kinds = np.array([(labels[0], 1), *((labels[m[0]], len(m)) for m in outside)])
    means = [np.zeros(3), *(vectors[members].mean(axis=0) for members in outside)]
    merged = np.unique(kinds, axis=0, return_inverse=True)[1].astype(np.intp)
    return merged, np.array(means)


def split(group: PointGroup, vectors: Array, blocks: Blocks) -> PointGroup:
    """Return the group of the atoms that belongs to a group of their places.

    It has every operation as often as atoms go round in all blocks at once, the operations that
    keep their order first.
    """
    rounds = lcm(*map(len, blocks.members))
    at = {int(place): block for block, place in enumerate(blocks.places) if place}
    permutations = np.empty((rounds, len(group.matrices), len(vectors)), dtype=np.intp)
    for block, (members, place) in enumerate(zip(*blocks, strict=True)):
        images = [at[int(p)] if place else block for p in group.permutations[:, place]]
        ends = np.array([blocks.members[image] for image in images])  # [g, member]
        for shift in range(rounds):
            permutations[shift][:, members] = np.roll(ends, shift, axis=1)
    every = permutations.reshape(-1, len(vectors))
    matrices, deviation = align(vectors, np.tile(group.matrices, (rounds, 1, 1)), every)
    return replace(group, matrices=matrices, permutations=every, deviation=deviation)
