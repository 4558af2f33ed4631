"""The symmetry of a site, that is of a center and its environment; and hidden displacements.

The features of center i depend only on the vectors x_j = r_j - r_i of its neighbours, up to a
rotation of all of them. D_i maps a displacement of all atoms to one of these vectors, where images
of an atom move together, and Q_i removes the rotations of this environment. If a group G maps the
environment onto itself, the gradient of an invariant lies in the displacements that G leaves
unchanged, with projector P_i. So the visible displacements are spanned by the D_iᵀ Q_i P_i, and the
hidden ones are the null space of Σ_i D_iᵀ Q_i P_i Q_i D_i. Without groups this is the null space of
Σ_i D_iᵀ Q_i D_i: motions that rotate every environment as a rigid body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import lcm
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.geometry.motions import rotational_motions
from sensitivity.numerics import (
    Array,
    Indices,
    ReadOnlyArrays,
    check_real,
    takes_center,
    unique_rows,
)
from sensitivity.structures import check_centers, check_cutoff
from sensitivity.structures.neighbors import surroundings
from sensitivity.symmetry.finite import FiniteGroups, Operations, find_operations, largest_gap
from sensitivity.symmetry.groups import PointGroup, align, linear_groups
from sensitivity.symmetry.large import LARGE, enclose
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class SiteSymmetry(ReadOnlyArrays):
    """The exact and approximate groups of the environment of a center.

    Attributes
    ----------
    center
        Index of the center in the structure.
    atoms
        Shape (m,): index in the structure of each atom of the environment, the center first.
        Periodic images of an atom have separate entries.
    vectors
        Shape (m, 3), Å: from the center; the first row is zero.
    levels
        Groups of increasing deviation, each contained in the next: the nearly exact group first,
        the largest group within the tolerance last. Noise at which all symmetry appears at once
        leaves C1, with deviation zero, and the full group.
    next
        Nearest group beyond the tolerance that contains the largest one within it; None if there
        is none up to 30 times the tolerance, or 0.1 Å.
    coalescing
        Pairs of indices into ``atoms`` of like neighbours, or of the center and a neighbour, that
        coincide within the tolerance.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.symmetry import site_symmetry
    >>> atoms = structures.load("Td")
    >>> atoms.positions[1] *= 1.0005
    >>> site = site_symmetry(atoms, center=0, cutoff=3.0)
    >>> [group.symbol for group in site.levels]
    ['C3v', 'Td']
    """

    center: int
    atoms: Indices
    vectors: Array
    levels: tuple[PointGroup, ...]
    next: PointGroup | None
    coalescing: tuple[tuple[int, int], ...]

    @property
    def group(self) -> PointGroup:
        """The largest group within the tolerance."""
        return self.levels[-1]

    def __repr__(self) -> str:
        levels = " < ".join(f"{g.symbol} ({g.deviation:.1e} Å)" for g in self.levels)
        return f"SiteSymmetry(center={self.center}, {len(self.atoms)} atoms: {levels})"


@takes_center
def site_symmetry(
    atoms: Atoms, *, center: int, cutoff: float, tolerance: float = Tolerance.POSITIONS
) -> SiteSymmetry:
    """Return the groups of the environment of a center, with their deviations.

    A group counts if the root mean square distance of the m atoms, including the center, from the
    nearest geometry with this group is within the tolerance. Moving each atom of a symmetric
    environment by up to the tolerance keeps its group if like neighbours are more than four
    tolerances apart. Like neighbours within two tolerances count as coinciding; in between, two
    approaching neighbours can be confused, and operations missed.

    Neighbours further away than the cutoff minus the tolerance do not count: moves below the
    tolerance take them out of the environment. If they belong to a shell that begins before, the
    shell is cut there or included as a whole, even beyond the cutoff, whichever gives the larger
    group. With more than 200 atoms, all images of the neighbours are included. So the group of a
    center in a crystal is the stabiliser of its site in the space group, unless the environment is
    too small to show the whole structure, and has more symmetry.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    center
        Index of the center.
    cutoff
        Å: radius of the environment.
    tolerance
        Å, root mean square: at most 0.1 Å. Values below 1e-8 Å, the rounding error, are equivalent.

    Raises
    ------
    TypeError, ValueError
        If an argument is unusable.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.symmetry import site_symmetry
    >>> site_symmetry(structures.load("C3v"), center=0, cutoff=3.0).group.symbol
    'C3v'
    >>> site_symmetry(structures.load("Si-diamond"), center=0, cutoff=3.0).group.symbol
    'Td'
    """
    (site,) = site_symmetries(atoms, centers=(center,), cutoff=cutoff, tolerance=tolerance)
    return site


def check_tolerance(tolerance: float) -> None:
    """Raise TypeError or ValueError unless a tolerance, in Å, is usable."""
    most, remedy = Tolerance.OTHER_GEOMETRY, "give a number such as 1e-3"
    allowed = f"above 0 and at most {most:g} Å, a tenth of a bond"
    check_real(tolerance, "tolerance", allowed, accepts=lambda x: 0 < x <= most, remedy=remedy)


def site_symmetries(
    atoms: Atoms, *, centers: Sequence[int], cutoff: float, tolerance: float
) -> Iterator[SiteSymmetry]:
    """Iterate over the result of ``site_symmetry`` for each center, with its errors.

    Equal environments, such as those of equivalent atoms in a crystal, are analysed once.
    """
    check_tolerance(tolerance)
    sites = _Sites(atoms, check_cutoff(cutoff), tolerance)
    return map(sites.find, check_centers(atoms, centers))


class _LargeSite(NamedTuple):
    """A large environment, with atoms beyond it, in the order of its key."""

    site: SiteSymmetry
    vectors: Array  # (atoms, 3), Å
    kept: Indices  # (m,): the atoms of the site


@dataclass(frozen=True)
class _Sites:
    """Sites of a structure, with the results known so far."""

    atoms: Atoms
    cutoff: float  # Å
    tolerance: float  # Å
    known: dict[bytes, tuple[SiteSymmetry, Indices]] = field(default_factory=dict)
    large: dict[bytes, _LargeSite] = field(default_factory=dict)

    def find(self, center: int) -> SiteSymmetry:
        spread = 4.0 * self.tolerance  # largest difference of distances of three such atoms
        edge = self.cutoff - self.tolerance
        places, vectors = surroundings(self.atoms, center, self.cutoff + spread)
        radii = np.linalg.norm(vectors, axis=1)
        if (radii < edge).sum() > LARGE and (site := self._find_large(center, edge)) is not None:
            return site
        found = []
        for end in dict.fromkeys((edge, _behind_shell(radii, edge, spread=spread))):
            near = radii < end
            near[0] = True  # even for the smallest cutoff
            found.append(self._analyze(places[near], vectors[near]))
        return max(found, key=lambda site: site.group.order)

    def _find_large(self, center: int, edge: float) -> SiteSymmetry | None:
        """Return the symmetry of a large environment; None if it must be found as for small ones.

        That is if its nearest atoms are on a line, or if atoms coincide.
        """
        from scipy.spatial import KDTree

        reach = _reach(self.tolerance)
        beyond = self.cutoff + largest_gap(reach, LARGE)
        places, vectors = surroundings(self.atoms, center, beyond)
        labels, key, order = self._compare(places, vectors)
        known = self.large.get(key)
        if known and np.abs(vectors[order] - known.vectors).max() <= Tolerance.EXACT:
            here = order[known.kept]
            return replace(known.site, center=center, atoms=places[here], vectors=vectors[here])
        core = np.linalg.norm(vectors, axis=1) < edge
        if KDTree(vectors[core]).query_pairs(2 * self.tolerance):
            return None
        within = _at_least_exact(self.tolerance)
        enclosed = enclose(labels, vectors, core=core, reach=reach, within=within)
        if enclosed is None:
            return None
        kept, operations = enclosed
        levels = find_levels(
            labels[kept], vectors[kept], tolerance=self.tolerance, operations=operations
        )
        groups, further = chain(levels.groups), levels.next
        site = SiteSymmetry(center, places[kept], vectors[kept], groups, further, ())
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        self.large.setdefault(key, _LargeSite(site, vectors[order], number[kept]))
        return site

    def _compare(self, places: Indices, vectors: Array) -> tuple[Indices, bytes, Indices]:
        """Return labels, a key that equal environments share, and the order of atoms in the key."""
        labels = self.atoms.numbers[places].astype(np.intp)
        labels[0] = -1  # not an atomic number, so no neighbour matches the center
        rounded = np.round(vectors / Tolerance.ONE_PLACE) + 0.0  # no -0
        order = np.lexsort([*rounded.T, labels])
        return labels, labels[order].tobytes() + rounded[order].tobytes(), order

    def _analyze(self, places: Indices, vectors: Array) -> SiteSymmetry:
        labels, key, order = self._compare(places, vectors)
        if key in self.known:
            site, other = self.known[key]
            if np.abs(vectors[order] - site.vectors[other]).max() <= Tolerance.EXACT:
                return _carry_over(site, other, places=places, vectors=vectors, order=order)
        site = _analyze(labels, places, vectors, tolerance=self.tolerance)
        self.known.setdefault(key, (site, order))
        return site


def _carry_over(
    site: SiteSymmetry, other: Indices, *, places: Indices, vectors: Array, order: Indices
) -> SiteSymmetry:
    """Return the symmetry of an equal site, whose atoms ``order`` correspond to ``other``."""
    here, there = np.empty_like(order), np.empty_like(order)
    here[other], there[order] = order, other

    def carry(group: PointGroup) -> PointGroup:
        return replace(group, permutations=here[group.permutations[:, there]])

    pairs = (sorted(here[list(pair)].tolist()) for pair in site.coalescing)
    return SiteSymmetry(
        center=int(places[0]),
        atoms=places,
        vectors=vectors,
        levels=tuple(map(carry, site.levels)),
        next=site.next and carry(site.next),
        coalescing=tuple(sorted((first, second) for first, second in pairs)),
    )


def _behind_shell(radii: Array, edge: float, *, spread: float) -> float:
    last, outer = float(radii.max(initial=0.0, where=radii < edge)), edge
    for radius in np.sort(radii[radii >= edge]):
        if radius - last > spread:
            break
        last, outer = float(radius), float(np.nextafter(radius, np.inf))
    return outer


def _analyze(labels: Indices, places: Indices, vectors: Array, *, tolerance: float) -> SiteSymmetry:
    pairs = _find_coalescing(labels, vectors, tolerance=tolerance)
    levels = find_levels(labels, vectors, tolerance=tolerance)
    if pairs:
        # Add the group of the environment with coinciding atoms merged.
        blocks = _make_blocks(labels, pairs)
        merged = find_levels(*merge(labels, vectors, blocks), tolerance=tolerance)
        group = split(merged.groups[-1], vectors, blocks)
        if group.deviation <= _at_least_exact(tolerance):
            further = merged.next and split(merged.next, vectors, blocks)
            levels = Levels((*levels.groups, group), further)
    return SiteSymmetry(int(places[0]), places, vectors, chain(levels.groups), levels.next, pairs)


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
    within, reach = _at_least_exact(tolerance), _reach(tolerance)
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


def _reach(tolerance: float) -> float:
    """Return the range, in Å, in which groups beyond the tolerance are searched."""
    return max(_at_least_exact(tolerance), min(30 * tolerance, Tolerance.OTHER_GEOMETRY))


def _at_least_exact(tolerance: float) -> float:
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


class Blocks(NamedTuple):
    """Groups of like atoms that coincide."""

    members: tuple[Indices, ...]  # of each block; the center, alone, is the first
    # Place of each block, (blocks,). Only the place of the center, number 0, can have several
    # blocks, one for each kind of neighbour.
    places: Indices


def _find_coalescing(
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


def _make_blocks(labels: Indices, pairs: Sequence[tuple[int, int]]) -> Blocks:
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


def smallest_angle(deviation: float) -> float:
    """Return the sine of an angle that counts as zero where symmetry holds within a deviation, Å.

    Such environments have angles between subspaces of about the deviation over 1 Å; up to ten times
    this counts as zero, but no more than 0.3.
    """
    return max(Tolerance.PARALLEL, min(10.0 * deviation, 0.3))


def relative(site: SiteSymmetry, displacements: Array) -> Array:
    """Return displacements relative to the center: (n, N, 3) gives (n, neighbours, 3)."""
    return displacements[:, site.atoms[1:]] - displacements[:, site.atoms[:1]]


def seen_part(site: SiteSymmetry, group: PointGroup | None, displacements: Array) -> Array:
    """Return Q P Q times displacements of the m neighbours, (n, m, 3): what the center can see.

    They are relative to the center, which does not see its environment rotate; where the group is
    exact, this is a projector. No group stands for no symmetry.
    """
    turns = _turns(site)
    rows = displacements.reshape(len(displacements), turns.shape[1])
    rows = rows - (rows @ turns.T) @ turns
    if group is not None:
        rows = _average(group, rows.reshape(displacements.shape)).reshape(rows.shape)
        rows = rows - (rows @ turns.T) @ turns
    return rows.reshape(displacements.shape)


def _turns(site: SiteSymmetry) -> Array:
    """Return orthonormal rotations of the neighbours about the center, (0 to 3, 3m)."""
    return rotational_motions(site.vectors[1:], fraction=smallest_angle(site.group.deviation))


def _average(group: PointGroup, displacements: Array) -> Array:
    """Return the invariant part of displacements of the neighbours alone, (n, m, 3)."""
    center = np.zeros_like(displacements, shape=(len(displacements), 1, 3))
    return group.average(np.concatenate([center, displacements], axis=1))[:, 1:]


def seen_displacements(site: SiteSymmetry, group: PointGroup | None) -> Array:
    """Return the matrix Q P Q of ``seen_part``, shape (3m, 3m)."""
    size = 3 * (len(site.atoms) - 1)
    return seen_part(site, group, np.eye(size).reshape(size, size // 3, 3)).reshape(size, size)


def hidden_by_symmetry(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> Array:
    """Return orthonormal displacements, (n, N, 3), that no center sees if it has this group.

    No group stands for no symmetry. Motions that rotate every environment as a rigid body are
    included. ``count`` is the number N of atoms.
    """
    deviation = max((group.deviation for group in groups if group is not None), default=0.0)
    seen = np.zeros((3 * count, 3 * count))
    for site, group in zip(sites, groups, strict=True):
        atoms, block = _seen_from(site, group)
        columns = (3 * atoms[:, None] + np.arange(3)).ravel()
        seen[np.ix_(columns, columns)] += block
    values, vectors = np.linalg.eigh(seen)
    # Zero to rounding, or not small at all. Environments that are symmetric only within d Å are
    # rotated against each other, and against their own rotations, by about d over 1 Å.
    smallest = max(Tolerance.ROUNDING, min(10.0 * deviation**2, 1e-2))
    null = values < smallest * max(1.0, values[-1])
    return np.asarray(vectors.T[null].reshape(-1, count, 3))


def _seen_from(site: SiteSymmetry, group: PointGroup | None) -> tuple[Indices, Array]:
    """Return the k atoms of an environment, and Dᵀ Q P Q D of their displacements, (3k, 3k).

    The matrices of all m neighbours, (3m, 3m), would be too large: Dᵀ P D is a sum over operations
    of numbers of neighbours times matrices, and Q P Q = P - TᵀTP - PTᵀT + TᵀTPTᵀT, with the
    rotations T, needs no more than three displacements.
    """
    atoms, place = np.unique(site.atoms, return_inverse=True)
    links = np.zeros((len(place) - 1, len(atoms)))  # D, the same for x, y and z
    links[np.arange(len(links)), place[1:]] = 1.0
    links[:, place[0]] -= 1.0
    size = 3 * len(atoms)
    rotations = _turns(site)
    turns = rotations.reshape(len(rotations), len(links), 3)
    averaged = turns if group is None else _average(group, turns)
    seen = np.zeros((len(atoms), 3, len(atoms), 3))  # Dᵀ P D
    if group is None:
        seen += np.einsum("ab,xy->axby", links.T @ links, np.eye(3))
    else:
        for matrix, permutation in zip(group.matrices, group.permutations, strict=True):
            pairs = links[permutation[1:] - 1].T @ links / len(group.matrices)
            seen += np.einsum("ab,xy->axby", pairs, matrix)
    turned, fixed = (
        np.einsum("tkx,ka->tax", each, links).reshape(len(turns), size)
        for each in (turns, averaged)
    )
    mixed = turned.T @ fixed
    inner = np.einsum("tkx,ukx->tu", turns, averaged)
    block = seen.reshape(size, size) - mixed - mixed.T + turned.T @ inner @ turned
    return atoms, block
