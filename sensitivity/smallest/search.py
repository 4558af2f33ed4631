"""Ways to the smallest singular values: all of them, waves, and a filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.geometry.motions import TrivialMotions
from sensitivity.jacobian import differentiate
from sensitivity.numerics import Array, stacked_triangle
from sensitivity.progress import checkpoint
from sensitivity.smallest.dense import lowest_vectors
from sensitivity.smallest.filtered import Apply, Budget, find_ends, find_lowest
from sensitivity.smallest.gram import SparseGram, triangle
from sensitivity.smallest.result import Method, Smallest
from sensitivity.smallest.waves import decompose_waves
from sensitivity.spectrum import decompose_jacobian, fix_gauge, natural_scale
from sensitivity.symmetry.hidden import count_hidden, relative, seen_part, square_of_zero
from sensitivity.symmetry.sites import SiteSymmetry, site_symmetries
from sensitivity.tolerances import Tolerance

_EPS = float(np.finfo(float).eps)
_EXACT = 1e-14  # of the largest: error of singular values of small matrices
_BEYOND = 6  # singular values that are not wanted, to bound the errors of those that are
# J itself gives this number of the smallest values; more than are wanted lower their errors. The
# roots of JᵀJ give all others: they have ten digits above the first fraction of the largest, and
# three above the second. If less counts as visible, J gives all up to the first.
_FAINT, _RESOLVED, _SPAN = 1e-4, 1e-6, 200
MOST = 100  # values
_SOFT = 1e-5  # of the largest eigenvalue; the smallest of rattled silicon, 8000 atoms, is 4e-5


@dataclass(frozen=True)
class Found:
    """Singular values, ascending, the first of them with modes; what is known of the others."""

    method: Method
    values: Array  # all known ones, at least as many as modes
    modes: Array  # (k, N, 3)
    residuals: Array  # (k,), of JᵀJ v = s² v
    errors: Array  # (k,)
    largest: float
    internal: int
    hidden: int
    feature_norm: float  # of all centers
    complete: bool = True  # no smaller value is missing


@dataclass(frozen=True)
class Search:
    """A structure, a descriptor, and how many values are wanted."""

    atoms: Atoms
    descriptor: Descriptor
    count: int
    threshold: float

    def scale(self, largest: float, feature_norm: float) -> float:
        """Return the reference of singular values, which does not grow with the structure."""
        mean = np.array(feature_norm / np.sqrt(len(self.atoms)))
        return natural_scale(largest, mean, cutoff=self.descriptor.cutoff)

    def collect(self, found: Found) -> Smallest:
        """Return the result."""
        scale = self.scale(found.largest, found.feature_norm)
        kept = min(self.count, len(found.modes))
        values, modes = found.values[:kept], found.modes[:kept]
        visible = found.values > self.threshold * scale
        return Smallest(
            atoms=self.atoms.copy(),
            descriptor=self.descriptor,
            singular_values=values,
            modes=fix_gauge(values[::-1], modes[::-1], scale=scale)[::-1] if kept else modes,
            residuals=found.residuals[:kept] / (found.largest**2 or 1.0),
            errors=found.errors[:kept],
            largest=found.largest,
            scale=scale,
            threshold=self.threshold,
            internal=found.internal,
            null=int(np.count_nonzero(~visible)),
            hidden=found.hidden,
            first_visible=float(found.values[visible][0])
            if found.complete and visible.any()
            else None,
            method=found.method,
        )

    def sees_all(self, found: Found) -> bool:
        """Tell whether all internal displacements are visible for certain."""
        zero = self.threshold * self.scale(found.largest, found.feature_norm)
        return found.complete and bool(found.values[0] > zero)

    def dense(self) -> Found:
        """Find all singular values from the dense Jacobian."""
        derivative = differentiate(self.atoms, self.descriptor)
        spectrum = decompose_jacobian(derivative, cutoff=self.descriptor.cutoff)
        values = spectrum.singular_values[: spectrum.internal][::-1]
        modes = spectrum.modes[: spectrum.internal][::-1][: self.count]
        rows = modes.reshape(len(modes), modes.shape[1] * 3)
        squares = rows @ derivative.gram - values[: len(modes), None] ** 2 * rows
        largest = float(values.max(initial=0.0))
        return Found(
            "dense",
            values,
            modes,
            np.linalg.norm(squares, axis=1),
            np.full(len(modes), _EXACT * largest + derivative.error),
            largest,
            spectrum.internal,
            self._count_all_hidden(3 * len(self.atoms) - spectrum.internal),
            float(np.linalg.norm(derivative.features)),
        )

    def squared(self, gram: SparseGram, trivial: TrivialMotions) -> Found:
        """Find all singular values from a dense JᵀJ, and the small ones from J on their span."""
        rigid, size = _rows(trivial), gram.matrix.shape[0]
        internal = size - len(rigid)
        checkpoint(f"singular values of {size} displacements")
        matrix = gram.matrix.toarray()
        above = float(np.trace(matrix)) or 1.0  # all internal eigenvalues
        matrix -= (matrix @ rigid.T) @ rigid
        matrix -= rigid.T @ (rigid @ matrix)
        matrix += above * rigid.T @ rigid

        def count(squares: Array) -> int:
            faint = np.count_nonzero(squares[:internal] <= _FAINT**2 * squares[internal - 1])
            return int(min(max(faint if self.threshold < _RESOLVED else 0, _SPAN), internal))

        squares, vectors = lowest_vectors(matrix, count=count)
        roots, span = np.sqrt(np.maximum(squares[:internal], 0.0)), len(vectors)
        largest = float(roots[-1])
        values, modes = self._decompose(np.ascontiguousarray(vectors))
        residuals, joint = _residuals(_internal(gram, trivial, above=0.0), values, modes)
        values = np.concatenate([values, np.maximum(roots[span:], values[-1])])
        outside = values[min(span, internal - 1)]
        errors = bound_errors(values[:span], joint, outside=outside, largest=largest)
        kept = slice(min(self.count, span))
        return Found(
            "dense",
            values,
            modes[kept].reshape(-1, len(self.atoms), 3),
            residuals[kept],
            errors[kept] + gram.error,
            largest,
            internal,
            self._count_all_hidden(len(rigid)),
            gram.feature_norm,
        )

    def immobile(self, gram: SparseGram) -> Found:
        """Return that there is no internal displacement."""
        none, modes = np.empty(0), np.empty((0, len(self.atoms), 3))
        return Found("dense", none, modes, none, none, 0.0, 0, 0, gram.feature_norm)

    def waves(self, cell: Atoms) -> Found:
        """Find all singular values of a crystal that repeats a cell, one wave vector at a time."""
        waves = decompose_waves(
            self.atoms,
            cell,
            self.descriptor,
            count=self.count,
            threshold=self.threshold,
            scale=self.scale,
        )
        largest = float(waves.values[-1])
        errors = np.full(len(waves.modes), _EXACT * largest + waves.error)
        return Found(
            "waves",
            waves.values,
            waves.modes,
            waves.residuals,
            errors,
            largest,
            len(waves.values),
            waves.hidden,
            waves.feature_norm,
        )

    def filtered(
        self, gram: SparseGram, trivial: TrivialMotions, *, budget: Budget | None = None
    ) -> Found:
        """Find the smallest singular values only; if they may be zero, more of them.

        Within a budget of products, by default the usual one.
        """
        size = 3 * len(self.atoms)
        apply, highest = internal_product(gram, trivial)
        largest = float(np.sqrt(highest))
        zero = self.threshold * self.scale(largest, gram.feature_norm)
        internal = size - len(trivial.directions)
        wanted, known, budget = min(self.count + _BEYOND, internal), None, budget or Budget.of(size)
        while True:
            lowest = find_lowest(apply, size=size, count=wanted, known=known, budget=budget)
            known = lowest.vectors
            values, modes = self._decompose(lowest.vectors)
            clear = max(zero, float(np.sqrt(lowest.clear)))
            complete = bool(values[-1] > clear) or len(values) == internal
            if complete or wanted >= MOST or not np.isfinite(lowest.clear):
                break
            wanted = min(2 * wanted, MOST, internal)
        residuals, joint = _residuals(apply, values, modes)
        errors = bound_errors(values, joint, outside=values[-1], largest=largest) + gram.error
        if not complete:  # of many that may be zero, these need not be the smallest
            errors = values.copy()
        modes = modes.reshape(len(modes), -1, 3)
        hidden = self._count_hidden(modes[values <= zero])
        return Found(
            "filter",
            values,
            modes,
            residuals,
            errors,
            largest,
            internal,
            hidden,
            gram.feature_norm,
            complete,
        )

    def _decompose(self, vectors: Array) -> tuple[Array, Array]:
        """Return singular values of J on a span, ascending, and right vectors, (k, 3N)."""
        shape = (len(vectors), len(self.atoms), 3)
        reduced = triangle(self.atoms, self.descriptor, vectors.reshape(shape))
        _, values, mixing = np.linalg.svd(reduced)
        # With fewer rows than columns, the missing singular values are zero.
        values = np.concatenate([values, np.zeros(len(mixing) - len(values))])
        return values[::-1], mixing[::-1] @ vectors

    def _count_all_hidden(self, trivial: int) -> int:
        """Return how many displacements, besides trivial ones, symmetry hides from all centers."""
        sites = list[SiteSymmetry]()
        for site in self._sites():
            checkpoint()
            sites.append(site)
        invariance = with_defaults(self.descriptor).invariance
        groups = [site.group.binding(invariance) for site in sites]
        hidden = count_hidden(sites, groups, count=len(self.atoms))  # trivial motions, too
        return max(hidden - trivial, 0)

    def _count_hidden(self, modes: Array) -> int:
        """Return how many displacements, of a span (k, N, 3), symmetry hides from all centers."""
        if not len(modes):
            return 0
        invariance, deviations = with_defaults(self.descriptor).invariance, [0.0]

        def parts() -> Iterator[Array]:
            for site in self._sites():
                group = site.group.binding(invariance)
                deviations.append(group.deviation)
                yield seen_part(site, group, relative(site, modes)).reshape(len(modes), -1).T

        values = np.linalg.svd(stacked_triangle(parts()), compute_uv=False)
        zero = np.sqrt(square_of_zero(max(deviations)))
        return len(modes) - int(np.count_nonzero(values > zero))

    def _sites(self) -> Iterator[SiteSymmetry]:
        return site_symmetries(
            self.atoms,
            centers=range(len(self.atoms)),
            cutoff=self.descriptor.cutoff,
            tolerance=Tolerance.POSITIONS,
            edge=Tolerance.ONE_PLACE,
        )


def vanishes(gram: SparseGram, trivial: TrivialMotions) -> bool:
    """Return True if internal singular values are seen to nearly vanish, often hundreds of them.

    A filter of these would need a degree above 250, and a search a hundred products of it or more.
    A few among thousands of values can be missed.
    """
    apply, highest = internal_product(gram, trivial)
    lowest, _, _ = find_ends(apply, gram.matrix.shape[0])
    return lowest <= _SOFT * highest


def internal_product(gram: SparseGram, trivial: TrivialMotions) -> tuple[Apply, float]:
    """Return the product with JᵀJ, trivial motions after all others, and its largest eigenvalue."""
    _, highest, rest = find_ends(_internal(gram, trivial, above=0.0), gram.matrix.shape[0])
    return _internal(gram, trivial, above=1.01 * (highest + rest)), highest


def _internal(gram: SparseGram, trivial: TrivialMotions, *, above: float) -> Apply:
    """Return the product with JᵀJ, in which trivial motions have the eigenvalue ``above``."""
    rigid = _rows(trivial)

    def apply(vector: Array) -> Array:
        along = rigid @ vector
        image = gram.matrix @ (vector - along @ rigid)
        return np.asarray(image - (rigid @ image) @ rigid + above * (along @ rigid))

    return apply


def _residuals(apply: Apply, values: Array, modes: Array) -> tuple[Array, float]:
    """Return ‖JᵀJ v - s² v‖ of singular values, (k,), and modes, (k, 3N); the norm of all."""
    pairs = zip(values, modes, strict=True)
    every = np.array([apply(v) - s**2 * v for s, v in pairs])
    return np.linalg.norm(every, axis=1), float(np.linalg.norm(every, ord=2))


def _rows(trivial: TrivialMotions) -> Array:
    """Return trivial motions as rows, (k, 3N)."""
    return trivial.directions.reshape(len(trivial.directions), -1)


def bound_errors(
    values: Array, residuals: Array | float, *, outside: float, largest: float
) -> Array:
    """Return how much singular values on a span can be too large.

    Vectors v with residuals JᵀJ v - s² v have a part outside the exact span, whose eigenvalues are
    at least s_out², ``outside`` squared: of the next singular value, or of the largest in the span
    if no smaller one was missed. It adds at most r²/(s_out² - s²) to s², and never more than r,
    where r is the norm of the matrix of all residuals, since vectors of the span mix; that of each
    will do if they are well apart. JᵀJ is rounded, so r is never known to better than a few
    eps s_max².
    """
    residuals = np.maximum(residuals, 4 * _EPS * largest**2)
    gaps = np.maximum(outside**2 - values**2, residuals)
    added = np.minimum(residuals**2 / gaps, values**2)
    exact = np.sqrt(values**2 - added)
    return np.asarray(added / np.maximum(values + exact, 1e-300) + 4 * _EPS * largest)
