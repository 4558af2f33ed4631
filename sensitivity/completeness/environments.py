"""Geometries at which different tuples of neighbours have the same shape.

Correlations of ν neighbours see how many tuples of each shape there are, in the limit of a complete
basis. What tuples of one shape do is seen in sum only, so that some displacements are invisible in
any basis: the correlations are incomplete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sensitivity.completeness.shapes import Shapes, find_shapes
from sensitivity.numerics import Array, Indices
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.hidden import relative


@dataclass(frozen=True)
class Environments:
    """Environments whose tuples are compared."""

    sites: tuple[SiteSymmetry, ...]  # one per center
    numbers: Indices  # (N,): species of the atoms of the structure

    def displaced(self, displacement: Array) -> Environments:
        """The same after a displacement of the atoms, shape (N, 3), in Å."""
        return replace(self, sites=tuple(_move(site, displacement) for site in self.sites))

    def view(self, *, order: int, parity_odd: bool, same: float) -> CompleteView | None:
        """Return what a complete basis sees of them; None if there are too many tuples.

        Positions that differ by less than ``same`` (Å) are taken to be equal. Invariants are, if
        moving atoms by eight times that could make them so: two dot products of four vectors.
        """
        found = []
        for site in self.sites:
            vectors = site.vectors[1:]
            shapes = find_shapes(
                vectors,
                self.numbers[site.atoms[1:]],
                order=order,
                parity_odd=parity_odd,
                same=8.0 * same * float(np.abs(vectors).max(initial=1.0)),
            )
            if shapes is None:
                return None
            found.append(shapes)
        return CompleteView(self, tuple(found))


@dataclass(frozen=True)
class CompleteView:
    """Environments whose tuples have these shapes, seen in a complete basis."""

    environments: Environments
    shapes: tuple[Shapes, ...]

    @property
    def variation(self) -> float:
        """Å over which slopes of dot products change by their own size.

        They are vectors of neighbours: as much as the shortest of these.
        """
        return 0.5

    def displaced(self, displacement: Array) -> CompleteView:
        """The same tuples after a displacement of the atoms, shape (N, 3), in Å."""
        return replace(self, environments=self.environments.displaced(displacement))

    def same_shapes(self, other: CompleteView) -> bool:
        """Tell whether the tuples of both are sorted alike."""
        pairs = zip(self.shapes, other.shapes, strict=True)
        return all(np.array_equal(one.shape, two.shape) for one, two in pairs)

    def slopes(self, directions: Array) -> Array:
        """Change of the sums of all invariants over the tuples of each shape."""
        return np.concatenate([shapes.response(*part) for shapes, *part in self._parts(directions)])

    def curvature(self, mode: Array, directions: Array) -> Array:
        """Derivative of these along a mode; invariants are polynomials of at most third degree."""
        ahead, behind = (self.displaced(step * mode).slopes(directions) for step in (1, -1))
        return (ahead - behind) / 2

    def mismatch(self, directions: Array) -> tuple[Array, Array]:
        """Differences between invariants of tuples that have to have the same shape."""
        parts = [shapes.mismatch(*part) for shapes, *part in self._parts(directions)]
        values, slopes = zip(*parts, strict=True)
        return np.concatenate(values), np.concatenate(slopes)

    def _parts(self, directions: Array) -> Iterator[tuple[Shapes, Array, Array]]:
        for site, shapes in zip(self.environments.sites, self.shapes, strict=True):
            yield shapes, site.vectors[1:], relative(site, directions)


def _move(site: SiteSymmetry, displacement: Array) -> SiteSymmetry:
    vectors = site.vectors.copy()
    vectors[1:] += relative(site, displacement[None])[0]
    return replace(site, vectors=vectors)
