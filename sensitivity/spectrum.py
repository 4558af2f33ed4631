"""Singular values and vectors of a Jacobian: which displacements are visible, and how well.

A displacement is visible if its singular value is above 1e-5 of the scale, which is the largest
singular value, or the norm of the features over the cutoff if that is larger. ``spectrum`` and the
command ``analyze`` apply this to the given geometry, ``diagnose`` to every geometry within its
tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.geometry.motions import Kind, TrivialMotions, trivial_motions
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.numerics import Array, ReadOnlyArrays, check_real, takes_centers
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.supercells import decompose_supercell
from sensitivity.tolerances import Tolerance

# The kinds of trivial motions, in the order in which they follow the internal displacements.
TRIVIAL: tuple[Literal["unseen", "rotation", "translation"], ...]
TRIVIAL = ("unseen", "rotation", "translation")

MANY = 216
"""Atoms up to which all singular values of all centers take a second or two."""


@dataclass(frozen=True)
class Spectrum(ReadOnlyArrays):
    """Singular value decomposition of a Jacobian, with trivial motions separate.

    Attributes
    ----------
    atoms
        The structure (a copy), N atoms.
    centers
        The centers whose features are stacked.
    features
        Shape (centers, features).
    singular_values
        Shape (3N,), in (feature)/Å, descending: internal displacements first, then trivial
        motions, which are projected out and set to zero.
    modes
        Shape (3N, N, 3): right singular vectors, orthonormal displacement patterns of unit norm.
        Within equal singular values, where any basis is valid, modes are chosen to involve few
        atoms, so that they do not depend on rounding.
    kinds
        Kind of each mode: "internal", "unseen", "rotation" or "translation".
    threshold
        Fraction of ``scale`` above which a singular value counts as visible.
    scale
        Reference of the singular values, in (feature)/Å: the largest of them, or the norm of the
        features over the cutoff if that is larger, such as where all vanish by symmetry.
    trivial_value
        Largest singular value of J along trivial motions, in (feature)/Å, to 1e-8 of ``scale``:
        zero for an exactly invariant descriptor.
    error
        Bound on the error of the singular values from the gradients, in (feature)/Å; 0 for rounding
        errors only.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, spectrum, structures
    >>> found = spectrum(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> found.rank, found.internal
    (8, 9)
    >>> found.singular_values[:8].round(2).tolist()
    [2.34, 0.91, 0.58, 0.46, 0.36, 0.2, 0.05, 0.02]
    >>> found.modes.shape
    (15, 5, 3)
    """

    atoms: Atoms
    centers: tuple[int, ...]
    features: Array
    singular_values: Array
    modes: Array
    kinds: tuple[Kind, ...]
    threshold: float
    scale: float
    trivial_value: float
    error: float = 0.0

    @property
    def internal(self) -> int:
        """Number of internal displacements; they come first among the modes."""
        return self.kinds.count("internal")

    @property
    def zero_level(self) -> float:
        """Largest singular value, in (feature)/Å, that counts as invisible.

        It is never below ``error``: smaller values are not resolved.
        """
        return max(self.threshold * self.scale, self.error)

    @property
    def visible(self) -> tuple[bool, ...]:
        """True for each mode whose singular value is above ``zero_level``."""
        return tuple((self.singular_values > self.zero_level).tolist())

    @property
    def relative(self) -> Array:
        """Singular values as fractions of ``scale``, shape (3N,)."""
        return np.asarray(self.singular_values / (self.scale or 1.0))

    @property
    def rank(self) -> int:
        """Number of visible modes, all of which are internal."""
        return sum(self.visible)

    @property
    def condition(self) -> float:
        """Smallest over largest internal singular value; 0 is singular, NaN if there are none."""
        if not self.internal:
            return float("nan")
        largest, smallest = self.singular_values[[0, self.internal - 1]]
        return float(smallest / largest) if self.rank else 0.0

    @property
    def status(self) -> str:
        """One sentence: the rank, and the smallest over the largest singular value."""
        if not self.internal:
            return "The chosen centers see no internal displacement."
        if not self.rank:
            return (
                f"Rank 0 of {self.internal} internal displacements: to first order, no feature "
                f"changes.{self.broken_invariance}"
            )
        return (
            f"Rank {self.rank} of {self.internal} internal displacements; "
            f"smallest/largest singular value {self.condition:.1e}.{self.broken_invariance}"
        )

    @property
    def broken_invariance(self) -> str:
        """A sentence after a space if the features change along trivial motions; else empty."""
        # A lower threshold, such as zero, would report rounding.
        if self.trivial_value <= max(self.threshold, Tolerance.RANK) * self.scale:
            return ""
        return (
            " The descriptor is not invariant, or its gradients are wrong: rigid motions, or atoms "
            "outside the cutoff, change its features by up to "
            f"{self.trivial_value / (self.scale or 1.0):.1e} of the scale."
        )

    def __repr__(self) -> str:
        return f"Spectrum({self.atoms.symbols}, centers={len(self.centers)}: {self.status})"


@takes_centers
def spectrum(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: Centers = None,
    threshold: float = Tolerance.RANK,
    progress: Progress | None = None,
) -> Spectrum:
    """Decompose the Jacobian of the chosen centers, with trivial motions projected out.

    Singular values are computed from J itself, exact to about 1e-14 of the largest. Square roots of
    eigenvalues of JᵀJ would be exact only to 1e-8.

    Parameters
    ----------
    atoms, descriptor, centers, progress
        As for ``jacobian``, with the same errors.
    threshold
        Fraction of ``Spectrum.scale`` above which a singular value counts as visible.

    Returns
    -------
    Spectrum
        With 3N singular values and displacements.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, spectrum, structures
    >>> spectrum(structures.load("H2O"), DensityCorrelations()).status
    'Rank 3 of 3 internal displacements; smallest/largest singular value 5.3e-01.'
    """
    expected, remedy = "from 0 to below 1", "try 1e-5"
    check_real(threshold, "threshold", expected, accepts=lambda x: 0 <= x < 1, remedy=remedy)
    with telling(progress):
        derivative = jacobian(atoms, descriptor, centers=centers)
        return decompose_jacobian(derivative, cutoff=descriptor.cutoff, threshold=threshold)


def decompose_jacobian(
    derivative: Jacobian, *, cutoff: float, threshold: float = Tolerance.RANK
) -> Spectrum:
    """Return the spectrum of a Jacobian whose descriptor has this cutoff, Å; see ``spectrum``."""
    atoms, features = derivative.atoms, derivative.features
    checkpoint(f"singular values of {3 * len(atoms)} displacements")
    trivial = trivial_motions(atoms, cutoff=cutoff, centers=derivative.centers)
    waves = None
    if trivial.kinds == ("translation",) * 3 and len(derivative.centers) == len(atoms):
        waves = decompose_supercell(derivative)
    values, modes = waves or decompose_outside(derivative, trivial.directions)
    if waves:  # these need no Gram matrix
        moved = float(np.linalg.norm(derivative.apply(trivial.directions), ord=2))
    else:
        moved = largest_singular_value(derivative, trivial.directions)
    internal: list[Kind] = ["internal" for _ in values]
    scale = natural_scale(float(values.max(initial=0)), features, cutoff=cutoff)
    return Spectrum(
        atoms=atoms,
        centers=derivative.centers,
        features=features,
        singular_values=np.concatenate([values, np.zeros(len(trivial.kinds))]),
        modes=np.concatenate([fix_gauge(values, modes, scale=scale), *by_kind(trivial)]),
        kinds=(*internal, *sorted(trivial.kinds, key=TRIVIAL.index)),
        threshold=float(threshold),
        scale=scale,
        trivial_value=moved,
        error=derivative.error,
    )


def natural_scale(largest: float, features: Array, *, cutoff: float) -> float:
    """Return the reference of singular values, in (feature)/Å.

    It is the largest of them, or the norm of the features over the cutoff (Å) if that is larger:
    where symmetry hides everything, all singular values are rounding errors.
    """
    return max(largest, float(np.linalg.norm(features)) / cutoff)


class Linear(Protocol):
    """A matrix J with 3N columns that need not be stored as a whole."""

    @property
    def gram(self) -> Array:
        """JᵀJ, shape (3N, 3N)."""

    def triangle(self, displacements: Array) -> Array:
        """Return R of J V = Q R for displacements V, shape (n, N, 3)."""


def decompose(derivative: Linear, directions: Array, *, scale: float = 0.0) -> tuple[Array, Array]:
    """Decompose J within the span of some directions.

    Orthonormal ``directions`` of shape (n, N, 3) give the n singular values, descending, and
    their right singular vectors, shape (n, N, 3). ``scale`` is the largest singular value of J, if
    its vector is outside the span.
    """
    basis = directions.reshape(len(directions), 3 * directions.shape[1])
    shape = (-1, *directions.shape[1:])
    values, mixing = _decompose(
        basis @ derivative.gram @ basis.T,
        lambda rows: derivative.triangle((rows @ basis).reshape(shape)),
        scale=scale,
    )
    return values, (mixing @ basis).reshape(directions.shape)


def decompose_outside(derivative: Linear, known: Array) -> tuple[Array, Array]:
    """Decompose J within the displacements that are orthogonal to known ones.

    Orthonormal ``known`` of shape (k, N, 3) give 3N - k singular values, descending, and their
    right singular vectors, as ``decompose`` does. No basis is built: Householder reflections from
    a QR decomposition of the known displacements map these onto the first k coordinates.
    """
    from scipy.linalg.lapack import dgeqrf, dormqr

    k, *shape = known.shape
    reflectors, factors, *_ = dgeqrf(known.reshape(k, -1).T)

    def reflect(matrix: Array, side: str, transposed: str) -> Array:
        if not len(matrix):
            return matrix
        size = 64 * max(matrix.shape)  # of the workspace, for blocks of the usual size
        reflected, *_ = dormqr(side, transposed, reflectors, factors, matrix, size)
        return np.asarray(reflected)

    def displacements(mixing: Array) -> Array:
        rows = np.zeros((len(mixing), known[0].size), order="F")
        rows[:, k:] = mixing
        return reflect(rows, "R", "T").reshape(-1, *shape)

    gram = reflect(reflect(derivative.gram.T, "L", "T"), "R", "N")
    values, mixing = _decompose(
        gram[k:, k:], lambda rows: derivative.triangle(displacements(rows)), scale=0.0
    )
    return values, displacements(mixing)


def largest_singular_value(derivative: Linear, directions: Array) -> float:
    """Return the largest singular value of J in the span of orthonormal directions, (n, N, 3)."""
    basis = directions.reshape(len(directions), 3 * directions.shape[1])
    squares = np.linalg.eigvalsh(basis @ derivative.gram @ basis.T)
    return float(np.sqrt(squares.max(initial=0.0)))


def decompose_matrix(slopes: Array, *, scale: float = 0.0) -> tuple[Array, Array]:
    """Return singular values (k,), descending, and right vectors (k, k) of a matrix (rows, k).

    ``scale`` is the largest singular value, if the matrix is only a part.
    """
    return _decompose(
        slopes.T @ slopes,
        lambda rows: np.asarray(np.linalg.qr(slopes @ rows.T, mode="r")),
        scale=scale,
    )


def _decompose(
    gram: Array, triangle: Callable[[Array], Array], *, scale: float
) -> tuple[Array, Array]:
    """Decompose A through AᵀA, and its small singular values through A itself.

    ``triangle`` gives R of A rowsᵀ = Q R for some orthonormal rows. Eigenvalues of AᵀA have an
    error of eps s_max², singular values have one of eps s_max²/2s: at 1 % of s_max, 1e-14 s_max.
    """
    sufficient = 1e-2
    squares, vectors = np.linalg.eigh(gram)
    values, mixing = np.sqrt(np.maximum(squares[::-1], 0)), vectors.T[::-1]
    small = values < sufficient * values.max(initial=scale)
    if small.any():
        reduced = triangle(mixing[small])
        checkpoint(f"singular values of {len(mixing[small])} displacements")
        _, exact, rotation = np.linalg.svd(reduced)
        # With fewer rows than columns, the missing singular values are zero.
        values[small] = np.concatenate([exact, np.zeros(len(rotation) - len(exact))])
        mixing[small] = rotation @ mixing[small]
    return values, mixing


def by_kind(trivial: TrivialMotions) -> list[Array]:
    """Return trivial motions of each kind of ``TRIVIAL``, in modes independent of rounding."""
    places = [[i for i, each in enumerate(trivial.kinds) if each == kind] for kind in TRIVIAL]
    *others, translations = (trivial.directions[rows] for rows in places)
    return [*map(_concentrate, others), translations]  # which are along x, y and z


def fix_gauge(values: Array, modes: Array, *, scale: float) -> Array:
    """Choose the modes of equal singular values, and all signs, independently of rounding."""
    steps = np.flatnonzero(values[:-1] - values[1:] > Tolerance.EQUAL * scale) + 1
    fixed = _with_signs(modes)
    for first, last in pairwise([0, *steps.tolist(), len(values)]):
        if last - first > 1:
            fixed[first:last] = _concentrate(modes[first:last])
    return fixed


def _with_signs(modes: Array) -> Array:
    """Return the modes with the sign that makes their largest coordinate positive."""
    rows = modes.reshape(len(modes), 3 * modes.shape[1])
    pivots = np.argmax(np.abs(rows) * _preference(rows.shape[1]), axis=1)
    signs = np.copysign(1.0, rows[np.arange(len(rows)), pivots])
    return np.asarray(modes * signs[:, None, None])


def _concentrate(modes: Array) -> Array:
    """Return a basis of the span of ``modes`` in which each mode concentrates on a coordinate.

    The coordinate with the largest weight in the span, the first of equal ones, gets a mode with a
    positive sign; this is repeated in the remaining span. It is a QR decomposition with column
    pivoting, whose R holds the modes.
    """
    from scipy.linalg.lapack import dgeqp3

    k, m = len(modes), 3 * modes.shape[1]
    if k == 0:
        return modes
    preference = _preference(m)
    triangle, pivots, *_ = dgeqp3(modes.reshape(k, m) * preference)
    for row in range(1, k):  # LAPACK stores Q below the diagonal
        triangle[row, :row] = 0.0
    chosen = np.empty((k, m))
    chosen[:, pivots - 1] = triangle * np.copysign(1.0, triangle.diagonal())[:, None]
    return np.asarray(chosen / preference).reshape(modes.shape)


@lru_cache(maxsize=64)
def _preference(coordinates: int) -> Array:
    """Return factors of coordinates, which break ties between weights that differ by rounding.

    The first of equal coordinates is preferred.
    """
    return np.sqrt(1 - Tolerance.EQUAL_BY_SYMMETRY * np.arange(coordinates) / coordinates)
