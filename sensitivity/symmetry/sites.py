"""The symmetry of a site: of a center and all it has within the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.structures import check_centers, check_cutoff, neighbor_pairs
from sensitivity.symmetry.coalescence import find_coalescing, make_blocks, merge, split
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.levels import ROUNDING, Ladder, chain, climb

# Å, a tenth of a bond. At this distance a geometry is another one, not a disturbed one.
LARGEST_TOLERANCE = 0.1
USUAL_TOLERANCE = 1e-3
# Two distances from a center change by up to this many tolerances against each other, if all
# three atoms move by one.
SPREAD = 4.0
# The label of the center, which is no atomic number, so that no neighbour takes its place.
CENTER = -1


@dataclass(frozen=True)
class SiteSymmetry:
    """The groups that the environment of a center has, exactly or nearly.

    Attributes
    ----------
    center
        Index of the center in the structure.
    atoms
        Shape (m,): index in the structure of each atom of the environment, the center first.
        Periodic images of an atom have entries of their own.
    vectors
        Shape (m, 3), Å: from the center, so that the first row is zero.
    levels
        Groups of growing deviation, each contained in the next: what the environment has nearly
        exactly first, the largest group within the tolerance last. Noise at which all symmetry
        appears at once leaves C1, with deviation zero, and the full group.
    next
        The nearest group beyond the tolerance that contains the largest one within it; None if
        there is none up to 30 times the tolerance, or 0.1 Å.
    coalescing
        Pairs of places in ``atoms`` of like neighbours, or of the center and a neighbour, that
        are at one place within the tolerance.
    """

    center: int
    atoms: Indices
    vectors: Array
    levels: tuple[PointGroup, ...]
    next: PointGroup | None
    coalescing: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        self.atoms.setflags(write=False)
        self.vectors.setflags(write=False)

    @property
    def group(self) -> PointGroup:
        """The largest group within the tolerance."""
        return self.levels[-1]

    def __repr__(self) -> str:
        levels = " < ".join(f"{g.symbol} ({g.deviation:.1e} Å)" for g in self.levels)
        return f"SiteSymmetry(center={self.center}, {len(self.atoms)} atoms: {levels})"


def site_symmetry(
    atoms: Atoms, *, center: int, cutoff: float, tolerance: float = USUAL_TOLERANCE
) -> SiteSymmetry:
    """Return the groups of the environment of ``center``, with deviations up to ``tolerance``.

    A group counts if the root mean square distance of the m atoms, the center among them, from
    the nearest geometry that has it is within the tolerance. Moving each atom of a symmetric
    environment by up to the tolerance does not take its group away, if like neighbours are more
    than four tolerances apart. Those within two are taken as being at one place; in between, two
    that have come closer can be mistaken for each other, and operations be missed.

    Neighbours further away than the cutoff less the tolerance do not count: by moving less than
    the tolerance they leave the environment. If they belong to a shell that begins before, the
    shell is cut there or taken as a whole, even where some of it is beyond the cutoff, whichever
    gives the larger group.

    Parameters
    ----------
    atoms
        The structure.
    center
        Index of the center.
    cutoff
        Radius of the environment in Å.
    tolerance
        Largest deviation in Å, at most 0.1 Å. Below 1e-8 Å, which is rounding, it makes no
        difference.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center, the cutoff or the tolerance is unusable.
    """
    tolerance = _check_tolerance(tolerance)
    (center,) = check_centers(atoms, (center,))
    cutoff = check_cutoff(cutoff)
    places, vectors = _surroundings(atoms, center, radius=cutoff + SPREAD * tolerance)
    radii = np.linalg.norm(vectors, axis=1)
    found = []
    for edge in _edges(radii, cutoff=cutoff, tolerance=tolerance):
        near = radii < edge
        near[0] = True  # however small the cutoff
        site = _analyze(atoms, places=places[near], vectors=vectors[near], tolerance=tolerance)
        found.append(site)
    return max(found, key=lambda site: site.group.order)


def _surroundings(atoms: Atoms, center: int, *, radius: float) -> tuple[Indices, Array]:
    """Indices (m,) and vectors (m, 3), Å, of the center and all that is within a radius."""
    pairs = neighbor_pairs(atoms, radius)
    own = np.flatnonzero(pairs.i == center)
    own = own[np.argsort(pairs.j[own], kind="stable")]
    places = np.concatenate([[center], pairs.j[own]])
    return places, np.concatenate([np.zeros((1, 3)), pairs.vectors[own]])


def _check_tolerance(tolerance: float) -> float:
    if not isinstance(tolerance, Real) or isinstance(tolerance, bool):
        raise TypeError(
            f"tolerance must be a positive length in Å, got {tolerance!r}; "
            "give a number such as 1e-3."
        )
    if not 0 < tolerance <= LARGEST_TOLERANCE:
        raise ValueError(
            f"tolerance must be above 0 and at most {LARGEST_TOLERANCE:g} Å, a tenth of a bond, "
            f"got {float(tolerance)}; give a number such as 1e-3."
        )
    return float(tolerance)


def _edges(radii: Array, *, cutoff: float, tolerance: float) -> tuple[float, ...]:
    """Where the environment may end, in Å: and behind the shell that this cuts, if it does."""
    edge = cutoff - tolerance
    outer = edge
    last = float(radii.max(initial=0.0, where=radii < edge))
    for radius in np.sort(radii[radii >= edge]):
        if radius - last > SPREAD * tolerance:
            break
        last = float(radius)
        outer = float(np.nextafter(radius, np.inf))
    return (edge,) if outer == edge else (edge, outer)


def _analyze(atoms: Atoms, *, places: Indices, vectors: Array, tolerance: float) -> SiteSymmetry:
    labels = atoms.numbers[places].astype(np.intp)
    labels[0] = CENTER
    pairs = find_coalescing(labels, vectors, tolerance=tolerance)
    ladder = climb(labels, vectors, tolerance=tolerance)
    if pairs:
        ladder = _climb_merged(labels, vectors, ladder, pairs=pairs, tolerance=tolerance)
    return SiteSymmetry(int(places[0]), places, vectors, chain(ladder.groups), ladder.next, pairs)


def _climb_merged(
    labels: Indices,
    vectors: Array,
    ladder: Ladder,
    *,
    pairs: tuple[tuple[int, int], ...],
    tolerance: float,
) -> Ladder:
    """Add the group of what the environment becomes when atoms at one place are merged."""
    blocks = make_blocks(labels, pairs)
    merged = climb(*merge(labels, vectors, blocks), tolerance=tolerance)
    group = split(merged.groups[-1], vectors, blocks)
    if group.deviation > tolerance * (1 + ROUNDING):
        return ladder
    further = None if merged.next is None else split(merged.next, vectors, blocks)
    return Ladder((*ladder.groups, group), further)
