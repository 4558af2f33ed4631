"""Environments in which like atoms coincide, and their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import lcm
from typing import NamedTuple

import numpy as np

from sensitivity.numerics import Array, Indices, unique_rows
from sensitivity.symmetry.groups import PointGroup, align


class Blocks(NamedTuple):
    """Groups of like atoms that coincide."""

    members: tuple[Indices, ...]  # of each block; the center, alone, is the first
    # Place of each block, (blocks,). Only the place of the center, number 0, can have several
    # blocks, one for each kind of neighbour.
    places: Indices


def find_coalescing(
    labels: Indices, vectors: Array, *, tolerance: float
) -> tuple[tuple[int, int], ...]:
    """Return pairs of like neighbours, or of the center and a neighbour, that coincide.

    Like neighbours that coincide can be exchanged without any motion, so no descriptor sees them
    separate, to first order: the exchange is a symmetry. A neighbour at the center stays there
    under all rotations. Each can move by the tolerance (Å), so they meet within twice the
    tolerance.
    """
    gaps = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    like = labels[:, None] == labels
    like[0] = True
    first, second = np.nonzero(np.triu(like & (gaps <= 2 * tolerance), k=1))
    return tuple(zip(first.tolist(), second.tolist(), strict=True))


def make_blocks(labels: Indices, pairs: Sequence[tuple[int, int]]) -> Blocks:
    """Return the groups of atoms that pairs of coinciding ones connect."""
    root = np.arange(len(labels))
    for first, second in pairs:
        low, high = sorted((root[first], root[second]))
        root[root == high] = low
    places = np.unique(root, return_inverse=True)[1]
    keys = np.stack([places, labels], axis=1)
    keys[0] = -1  # the center is no neighbour, even of the same species
    distinct, owner = unique_rows(keys)
    members = tuple(np.flatnonzero(owner == block) for block in range(len(distinct)))
    return Blocks(members, np.maximum(keys[distinct, 0], 0))


def merge(labels: Indices, vectors: Array, blocks: Blocks) -> tuple[Indices, Array]:
    """Return labels and mean vectors of the places; places with equal contents are equivalent."""
    outside = [members for members, place in zip(*blocks, strict=True) if place]
    kinds = np.array([(labels[0], 1), *((labels[m[0]], len(m)) for m in outside)])
    means = [np.zeros(3), *(vectors[members].mean(axis=0) for members in outside)]
    return unique_rows(kinds)[1], np.array(means)


def split(group: PointGroup, vectors: Array, blocks: Blocks) -> PointGroup:
    """Return the group of the atoms that belongs to a group of their places.

    It has every operation once for each simultaneous cycle of the atoms in all blocks; operations
    that keep their order come first.
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
