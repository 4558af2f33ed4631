"""The symmetry of a site, that is of a center and its environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.numerics import (
    Array,
    Indices,
    ReadOnlyArrays,
    check_real,
    takes_center,
)
from sensitivity.structures import check_centers, check_cutoff
from sensitivity.structures.neighbors import surroundings
from sensitivity.symmetry.coalescence import find_coalescing, make_blocks, merge, split
from sensitivity.symmetry.finite import largest_gap
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.large import LARGE, enclose
from sensitivity.symmetry.levels import Levels, at_least_exact, chain, find_levels, range_of_search
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
    atoms: Atoms,
    *,
    centers: Sequence[int],
    cutoff: float,
    tolerance: float,
    edge: float | None = None,
) -> Iterator[SiteSymmetry]:
    """Iterate over the result of ``site_symmetry`` for each center, with its errors.

    Equal environments, such as those of equivalent atoms in a crystal, are analysed once.
    Neighbours nearer than ``edge`` (Å) to the cutoff do not count, by default the tolerance.
    """
    check_tolerance(tolerance)
    sites = _Sites(atoms, check_cutoff(cutoff), tolerance, tolerance if edge is None else edge)
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
    edge: float  # Å
    known: dict[bytes, tuple[SiteSymmetry, Indices]] = field(default_factory=dict)
    large: dict[bytes, _LargeSite] = field(default_factory=dict)

    def find(self, center: int) -> SiteSymmetry:
        spread = 4.0 * self.tolerance  # largest difference of distances of three such atoms
        edge = self.cutoff - self.edge
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

        reach = range_of_search(self.tolerance)
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
        within = at_least_exact(self.tolerance)
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
    pairs = find_coalescing(labels, vectors, tolerance=tolerance)
    levels = find_levels(labels, vectors, tolerance=tolerance)
    if pairs:
        # Add the group of the environment with coinciding atoms merged.
        blocks = make_blocks(labels, pairs)
        merged = find_levels(*merge(labels, vectors, blocks), tolerance=tolerance)
        group = split(merged.groups[-1], vectors, blocks)
        if group.deviation <= at_least_exact(tolerance):
            further = merged.next and split(merged.next, vectors, blocks)
            levels = Levels((*levels.groups, group), further)
    return SiteSymmetry(int(places[0]), places, vectors, chain(levels.groups), levels.next, pairs)
