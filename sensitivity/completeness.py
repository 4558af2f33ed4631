"""Correlations in the limit of a complete basis, where nothing is truncated.

In a complete basis the features of order ν are all symmetric functions of ν neighbours, summed
over all tuples of neighbours. They determine, and are determined by, the number of tuples of each
shape: the set of species and dot products r_i·r_j (and, with the odd part, the determinants of
three vectors). If several tuples have the same shape, only the sum of their changes is seen: a
displacement is invisible if, for each shape, the changes of the invariants of its tuples sum to
zero. This needs no basis, and so separates what a larger basis would see from what no basis can
see.

Pozdnyakov, Willatt, Bartók, Ortner, Csányi, Ceriotti, Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.numerics import Array, Indices, stacked_triangle, unique_rows
from sensitivity.progress import checkpoint
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.hidden import relative

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Largest number of ordered tuples; their invariants take about a hundred bytes each.
MOST_TUPLES = 500_000


@dataclass(frozen=True)
class Shapes:
    """Tuples of neighbours, sorted by shape."""

    places: Indices  # (invariants, tuples): position of each invariant of each tuple
    shape: Indices  # (tuples,): number of the shape of each tuple
    size: int  # number of all invariants
    handed: bool  # True if determinants are among them

    def response(self, vectors: Array, directions: Array) -> Array:
        """Return the response of the features of a complete basis to displacements.

        ``vectors``, shape (n, 3), in Å, are the neighbours from the center; ``directions``, shape
        (k, n, 3), are displacements of them. For every shape, returns the sum of the changes of
        each invariant: (rows, k), in Å² or Å³ per Å. A displacement with a nonzero column is
        seen in some basis.
        """
        atoms = np.arange(len(vectors) + 1)
        moves = np.pad(directions, ((0, 0), (1, 0), (0, 0)))  # the center stays
        return np.asarray(self.matrix(vectors, atoms, count=len(atoms)) @ _columns(moves))

    def matrix(self, vectors: Array, atoms: Indices, *, count: int) -> csr_array:
        """Return the response to each coordinate of ``count`` atoms: sparse, (rows, 3 count).

        ``atoms``, shape (n + 1,), are the numbers of the center and of the neighbours.
        """
        return self._sums @ invariant_slopes(vectors, atoms, count=count, handed=self.handed)

    def pull(self, vectors: Array, changes: Array) -> Array:
        """Return the gradient, shape (n, 3), of the response times changes, shape (rows,)."""
        n, weights = len(vectors), self._sums.T @ changes
        pairs = weights[: n * n].reshape(n, n)
        gradient = (pairs + pairs.T) @ vectors
        if self.handed:
            triples = weights[n * n :].reshape(n, n, n)
            normals = np.cross(vectors[:, None], vectors)  # [j, k, xyz]
            cyclic = triples + triples.transpose(1, 2, 0) + triples.transpose(2, 0, 1)
            gradient += np.einsum("ijk,jkx->ix", cyclic, normals)
        return np.asarray(gradient)

    def mismatch(self, vectors: Array, directions: Array) -> tuple[Array, Array]:
        """Return differences, shape (e,), of invariants of one shape, and their slopes, (e, k)."""
        values, slopes = invariants(vectors, directions, handed=self.handed)
        one, other = self._alike
        return values[one] - values[other], slopes[one] - slopes[other]

    @property
    def rows(self) -> int:
        """Number of rows of the response."""
        return int(self._sums.shape[0])

    @cached_property
    def _sums(self) -> csr_array:
        """Matrix that sums invariants over the tuples of each shape: (rows, invariants)."""
        from scipy.sparse import csr_array

        count = int(self.shape.max(initial=-1)) + 1
        rows = (count * np.arange(len(self.places))[:, None] + self.shape).ravel()
        size = (count * len(self.places), self.size)
        return csr_array((np.ones(len(rows)), (rows, self.places.ravel())), shape=size)

    @cached_property
    def _alike(self) -> Indices:
        """Return pairs of invariants that are equal in tuples of one shape, shape (2, pairs)."""
        _, first = np.unique(self.shape, return_index=True)
        pairs = np.stack([self.places, self.places[:, first[self.shape]]]).reshape(2, -1)
        pairs = pairs[:, pairs[0] != pairs[1]]
        return np.asarray(pairs[:, unique_rows(pairs.T)[0]])


def find_shapes(
    vectors: Array, numbers: Indices, *, order: int, parity_odd: bool, same: float
) -> Shapes | None:
    """Sort all tuples of neighbours by shape; None if there are more than ``MOST_TUPLES``.

    The n neighbours have ``vectors``, shape (n, 3), in Å from the center, and species ``numbers``,
    shape (n,); ``order`` of them make a tuple. With ``parity_odd``, mirror images of three have
    different shapes. Invariants that differ by less than ``same``, in Å² or Å³, are equal.
    """
    n = len(vectors)
    if n**order > MOST_TUPLES:
        return None
    handed = parity_odd and order > 2
    tuples, places = _list_tuples(n, order=order, handed=handed)
    values, _ = invariants(vectors, np.empty((0, n, 3)), handed=handed)
    equal = np.concatenate([_group(part, same) for part in np.split(values, [n * n])])
    keys = np.concatenate([numbers[tuples], equal[places]])
    return Shapes(places, _number(keys), len(values), handed)


def _list_tuples(n: int, *, order: int, handed: bool) -> tuple[Indices, Indices]:
    """Return all ordered tuples of n vectors, (order, tuples), and places of their invariants."""
    tuples = np.indices((n,) * order).reshape(order, -1)
    places = [a * n + b for a, b in combinations_with_replacement(tuples, 2)]
    if handed:
        # They follow the dot products.
        places.extend(n * n + (a * n + b) * n + c for a, b, c in combinations(tuples, 3))
    return tuples, np.array(places)


def complete_difference(
    one: Atoms, other: Atoms, *, order: int, parity_odd: bool, cutoff: float
) -> float | None:
    """Return the difference of the complete correlations of two environments.

    Both are molecules whose first atom is the center. Smooth functions of the shape of a tuple,
    cosines of random combinations of its invariants, are summed over all tuples; neighbours fade at
    the cutoff, in Å. The sums are equal if the environments have equally many tuples of each shape,
    and almost never otherwise. Returns the norm of their difference, relative to their norm; None
    if there are too many tuples.
    """
    if max(len(one), len(other)) - 1 > MOST_TUPLES ** (1 / order):
        return None
    handed = parity_odd and order > 2
    here, there = (_sum_shapes(each, order, handed=handed, cutoff=cutoff) for each in (one, other))
    return float(np.linalg.norm(here - there) / (np.linalg.norm(here) or 1.0))


def _sum_shapes(environment: Atoms, order: int, *, handed: bool, cutoff: float) -> Array:
    """Sum k random functions of the shape of a tuple over all tuples of neighbours, shape (k,)."""
    vectors = environment.positions[1:] - environment.positions[0]
    tuples, places = _list_tuples(len(vectors), order=order, handed=handed)
    values, _ = invariants(vectors, np.empty((0, *vectors.shape)), handed=handed)
    functions, rng = 16, np.random.default_rng(0)  # the same for all environments
    waves = rng.normal(size=(functions, len(places)))  # 1/Å², 1/Å³: shapes vary over about 1 Å
    phases = rng.uniform(0, 2 * np.pi, size=(functions, order, len(chemical_symbols)))
    angles = waves @ values[places]  # [function, tuple]
    for position, members in enumerate(environment.numbers[1:][tuples]):
        angles += phases[:, position, members]
    fading = (1 + np.cos(np.pi * np.linalg.norm(vectors, axis=1) / cutoff)) / 2
    return np.asarray(np.cos(angles) @ fading[tuples].prod(axis=0))


def invariants(vectors: Array, directions: Array, *, handed: bool) -> tuple[Array, Array]:
    """Return all r_i·r_j, then all r_i·(r_j x r_k) if ``handed``; and changes, shape (all, k)."""
    k = len(directions)
    mixed = np.einsum("ix,kjx->ijk", vectors, directions)
    values = [(vectors @ vectors.T).ravel()]
    slopes = [(mixed + mixed.swapaxes(0, 1)).reshape(values[0].size, k)]
    if handed:
        normals = np.cross(vectors[:, None], vectors)  # [j, k, xyz]
        values.append(np.einsum("ix,jkx->ijk", vectors, normals).ravel())
        first = np.einsum("dix,jkx->ijkd", directions, normals)
        # The determinant is unchanged by cyclic exchange.
        cyclic = first + first.transpose(2, 0, 1, 3) + first.transpose(1, 2, 0, 3)
        slopes.append(cyclic.reshape(values[1].size, k))
    return np.concatenate(values), np.concatenate(slopes)


def invariant_slopes(vectors: Array, atoms: Indices, *, count: int, handed: bool) -> csr_array:
    """Return derivatives of ``invariants`` by the coordinates of all atoms: sparse, (all, 3 count).

    ``atoms``, shape (n + 1,), are the numbers of the center and of the n neighbours.
    """
    from scipy.sparse import csr_array

    n = len(vectors)
    parts = []  # rows, displaced vector, and slopes, (rows, 3)
    pairs = np.indices((n, n)).reshape(2, -1)
    for moving, other in (pairs, pairs[::-1]):
        parts.append((np.arange(n * n), moving, vectors[other]))
    if handed:
        triples = np.indices((n, n, n)).reshape(3, -1)
        for shift in range(3):  # the determinant is unchanged by cyclic exchange
            moving, one, two = np.roll(triples, -shift, axis=0)
            rows = n * n + np.arange(n**3)
            parts.append((rows, moving, np.cross(vectors[one], vectors[two])))
    rows, moving, slopes = (np.concatenate(part) for part in zip(*parts, strict=True))
    both = np.concatenate([atoms[1:][moving], np.full_like(moving, atoms[0])])
    columns = 3 * both[:, None] + np.arange(3)
    places = np.repeat(np.concatenate([rows, rows]), 3), columns.ravel()
    values = np.concatenate([slopes, -slopes]).ravel()
    return csr_array((values, places), shape=(n * n + handed * n**3, 3 * count))


def _group(values: Array, same: float) -> Indices:
    """Assign numbers to values; equal values get equal numbers."""
    order = np.argsort(values)
    groups = np.empty(len(values), dtype=np.intp)
    groups[order] = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > same)
    return groups


def _number(keys: Indices) -> Indices:
    """Assign numbers to tuples, shape (keys, tuples), by all their keys.

    A random combination of the keys distinguishes tuples equally well, and compares much faster.
    """
    weights = np.random.default_rng(0).integers(1, 2**62, size=len(keys), dtype=np.int64)
    mixed = (weights[:, None] * keys).sum(axis=0)  # overflow wraps around, as it should
    return np.unique(mixed, return_inverse=True)[1].ravel()


@dataclass(frozen=True)
class Environments:
    """Environments whose tuples are compared."""

    sites: tuple[SiteSymmetry, ...]  # one per center
    numbers: Indices  # (N,): species of the atoms of the structure

    def displaced(self, displacement: Array) -> Environments:
        """Return the environments after a displacement of the atoms, shape (N, 3), in Å."""
        return replace(self, sites=tuple(_move(site, displacement) for site in self.sites))

    def view(self, *, order: int, parity_odd: bool, same: float) -> CompleteView | None:
        """Return the view of a complete basis; None if there are too many tuples.

        Positions that differ by less than ``same`` (Å) count as equal. Invariants count as equal
        if moving atoms by eight times that could make them so: two dot products of four vectors.
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
    """Environments, with the shapes of their tuples, seen in a complete basis."""

    environments: Environments
    shapes: tuple[Shapes, ...]

    @property
    def variation(self) -> float:
        """Distance, in Å, over which slopes of dot products change by their own size.

        The slopes are vectors of neighbours: the distance is the length of the shortest.
        """
        return 0.5

    def displaced(self, displacement: Array) -> CompleteView:
        """Return the same tuples after a displacement of the atoms, shape (N, 3), in Å."""
        return replace(self, environments=self.environments.displaced(displacement))

    def same_shapes(self, other: CompleteView) -> bool:
        """Return True if both assign the tuples to the same shapes."""
        pairs = zip(self.shapes, other.shapes, strict=True)
        return all(np.array_equal(one.shape, two.shape) for one, two in pairs)

    def slopes(self, directions: Array) -> Array:
        """Return changes of the sums of all invariants over the tuples of each shape."""
        return np.asarray(self._matrix @ _columns(directions))

    @cached_property
    def gram(self) -> Array:
        """Product of the transposed slopes of all displacements and the slopes, (3N, 3N)."""
        return np.asarray((self._matrix.T @ self._matrix).toarray())

    def triangle(self, displacements: Array) -> Array:
        """Return R of the slopes along displacements, shape (n, N, 3): at most (n, n)."""
        vectors, count = _columns(displacements), 4 * len(displacements)  # rows at once
        starts = range(0, max(1, self._matrix.shape[0]), count)
        return stacked_triangle(self._matrix[start : start + count] @ vectors for start in starts)

    def curvature(self, mode: Array, directions: Array) -> Array:
        """Differentiate the slopes along a mode; invariants have degree 3 at most."""
        ahead, behind = (self.displaced(step * mode).slopes(directions) for step in (1, -1))
        return (ahead - behind) / 2

    @property
    def at_once(self) -> int:
        """Number of modes for which ``steepest`` is called: one, since they share no work."""
        return 1

    def steepest(self, modes: Array, images: Array) -> Array:
        """Return the gradients, (k, N, 3), of image·slopes of each mode by the positions.

        The images are columns, (rows, k).
        """
        gradients = np.empty_like(modes)
        for mode, image, gradient in zip(modes, images.T, gradients, strict=True):
            ahead, behind = (self.displaced(step * mode)._pull(image) for step in (1, -1))
            gradient[:] = (ahead - behind) / 2
        return gradients

    def mismatch(self, directions: Array) -> tuple[Array, Array]:
        """Return differences between invariants of tuples that must have the same shape."""
        parts = [shapes.mismatch(*part) for shapes, *part in self._parts(directions)]
        values, slopes = zip(*parts, strict=True)
        return np.concatenate(values), np.concatenate(slopes)

    def _pull(self, changes: Array) -> Array:
        """Return the gradient, shape (N, 3), of the sums times changes, shape (rows,)."""
        out, start = np.zeros((len(self.environments.numbers), 3)), 0
        for site, shapes in zip(self.environments.sites, self.shapes, strict=True):
            end = start + shapes.rows
            gradient = shapes.pull(site.vectors[1:], changes[start:end])
            np.add.at(out, site.atoms[1:], gradient)
            out[site.atoms[0]] -= gradient.sum(axis=0)
            start = end
        return out

    @cached_property
    def _matrix(self) -> csr_array:
        """Slopes by the coordinates of all atoms, sparse, (rows, 3N)."""
        from scipy.sparse import csr_array, vstack

        blocks = list(self._blocks())
        return blocks[0] if len(blocks) == 1 else csr_array(vstack(blocks))

    def _blocks(self) -> Iterator[csr_array]:
        """Yield slopes of each environment by the coordinates of all atoms, sparse, (rows, 3N)."""
        for site, shapes in zip(self.environments.sites, self.shapes, strict=True):
            checkpoint()
            count = len(self.environments.numbers)
            yield shapes.matrix(site.vectors[1:], site.atoms, count=count)

    def _parts(self, directions: Array) -> Iterator[tuple[Shapes, Array, Array]]:
        for site, shapes in zip(self.environments.sites, self.shapes, strict=True):
            yield shapes, site.vectors[1:], relative(site, directions)


def _columns(directions: Array) -> Array:
    return directions.reshape(len(directions), 3 * directions.shape[1]).T


def _move(site: SiteSymmetry, displacement: Array) -> SiteSymmetry:
    vectors = site.vectors.copy()
    vectors[1:] += relative(site, displacement[None])[0]
    return replace(site, vectors=vectors)


def resolves(descriptor: Descriptor, numbers: Indices) -> bool:
    """Return True if a basis distinguishes neighbours, shape (n,), as a complete basis does.

    This needs at least twice as many radial functions as like neighbours, and as many degrees,
    above 0, as pairs of two given species. False for descriptors whose numbers of functions are
    not known.

    The part of degree 0 is c_n = Σ_j γ_n(r_j), over the like neighbours of a species. Changes of
    the c_n determine those of the k distances unless the k tangents γ'(r_j) are dependent, which in
    n_max dimensions takes n_max - k + 1 conditions: for n_max ≥ 2 k more than the distances.
    Then only the angles remain, with Σ w_p P_l'(x_p) dx_p for the cosines x_p of the pairs of two
    species: as many P_l' as pairs are independent wherever no two cosines are equal. A smaller
    basis can be singular by truncation.
    """
    n_max, _ = with_defaults(descriptor).expansion or (0, 0)
    most = int(np.unique(numbers, return_counts=True)[1].max())
    return resolves_angles(descriptor, numbers) and n_max >= 2 * most


def resolves_angles(descriptor: Descriptor, numbers: Indices) -> bool:
    """Return True if a basis distinguishes the angles of neighbours, (n,), at any distances.

    This needs as many degrees as ``resolves``, but only two radial functions. Where the distances
    of like neighbours are equal, such a basis still sees each of them change, through the part
    P_l(x_p) of every pair, so equal distances alone make nothing invisible. The two functions are
    γ(r) and γ'(r): moving a neighbour outwards must differ from adding neighbours.
    """
    n_max, l_max = with_defaults(descriptor).expansion or (0, 0)
    counts = np.unique(numbers, return_counts=True)[1].tolist()
    pairs = [k * (k - 1) // 2 for k in counts] + [a * b for a, b in combinations(counts, 2)]
    return bool(n_max >= 2 and l_max >= max(pairs))
