"""The Jacobian of a descriptor with respect to the positions of the atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Batch, Block, Centers, Descriptor, check_descriptor
from sensitivity.descriptors.answers import gradients_of_copies, observed_gradients
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices, stacked_triangle, takes_centers
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.structures import check_centers

_FEW_COLUMNS = 48  # of J, up to which a product sorts them faster


@dataclass(frozen=True)
class Jacobian:
    """J[(center, feature), (atom, xyz)] = ∂ξ_{center, feature}/∂r_{atom, xyz}, kept in blocks.

    Attributes
    ----------
    atoms
        The structure (a copy), N atoms.
    centers
        The centers, in the order of the rows.
    batches
        Features and gradients of the centers, in any order.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations, jacobian, structures
    >>> J = jacobian(structures.load("H2O"), DensityCorrelations(n_max=4, l_max=3))
    >>> J.shape, J.dense().shape
    ((432, 9), (432, 9))
    >>> translation = np.full((3, 3), [1.0, 0.0, 0.0])
    >>> bool(np.abs(J.apply(translation[None])).max() < 1e-12)
    True
    """

    atoms: Atoms
    centers: tuple[int, ...]
    batches: tuple[Batch, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the dense matrix: (centers x features, 3N)."""
        return len(self.centers) * self._features_per_center, 3 * len(self.atoms)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block per center, in the order of ``centers``."""
        blocks = {block.center: block for batch in self.batches for block in batch.blocks()}
        return tuple(blocks[center] for center in self.centers)

    @property
    def features(self) -> Array:
        """Features, shape (centers, features)."""
        if self.batches[0].centers.tolist() == list(self.centers):
            return self.batches[0].features
        row = {center: index for index, center in enumerate(self.centers)}
        out = np.empty((len(self.centers), self._features_per_center))
        for batch in self.batches:
            out[[row[center] for center in batch.centers.tolist()]] = batch.features
        return out

    @property
    def error(self) -> float:
        """Bound on the error of J (2-norm) in (feature)/Å; 0 for rounding errors only.

        A singular value below it is not resolved.
        """
        return float(np.linalg.norm([batch.error for batch in self.batches]))

    @property
    def varying(self) -> int:
        """Number of rows that are not zero."""
        return sum(int(batch.slopes.any(axis=(2, 3)).sum()) for batch in self.batches)

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """Shape (N,): True for atoms on which no feature depends."""
        out = np.ones(len(self.atoms), dtype=bool)
        for batch in self.batches:
            out[batch.atoms[batch.slopes.any(axis=(1, 3))]] = False
        return out

    def dense(self) -> Array:
        """Return the matrix, shape (centers x features, 3N), in (feature)/Å; read-only.

        Raises
        ------
        ValueError
            If it would not fit into memory.
        """
        batch = self.batches[0]
        rows, columns = self.shape
        if batch.centers.tolist() == list(self.centers):
            if _is_of_all(batch, self.atoms):
                return batch.gradient.reshape(self.shape)
            if 3 * batch.atoms.shape[1] == columns <= _FEW_COLUMNS:
                return _sort_columns(batch)
        require_memory(
            8 * rows * columns,
            purpose=f"the {rows} x {columns} values of the dense Jacobian",
            remedy="use its blocks, or choose fewer centers or a smaller basis",
        )
        out = np.empty((len(self.centers), self._features_per_center, columns))
        for target, block in zip(out, self.blocks, strict=True):
            gradient, seen = block.gradient.reshape(len(block.features), -1), _columns(block.atoms)
            source = np.full(columns, len(seen))
            source[seen] = np.arange(len(seen))
            if len(seen) < columns:
                # Taking columns, one of them zero, is twice as fast as setting them in zeros.
                gradient = np.pad(gradient, ((0, 0), (0, 1)))
            np.take(gradient, source, axis=1, out=target, mode="clip")
        out.setflags(write=False)
        return out.reshape(rows, columns)

    @cached_property
    def gram(self) -> Array:
        """JᵀJ, shape (3N, 3N), computed without the dense J."""
        out = np.zeros((3 * len(self.atoms),) * 2)
        for _, _, slopes, columns in self._parts():
            checkpoint()
            square = slopes.T @ slopes
            if columns is None:
                out += square
            else:
                out[np.ix_(columns, columns)] += square
        return out

    def apply(self, displacements: Array) -> Array:
        """Return the first-order change of the features along displacements.

        ``displacements`` of shape (n, N, 3) in Å give an array (centers x features, n).
        """
        place = {center: row for row, center in enumerate(self.centers)}
        out = np.zeros((len(place), self._features_per_center, len(displacements)))
        for center, rows, product in self._products(displacements):
            out[place[center], rows] = product
        return out.reshape(self.shape[0], len(displacements))

    def pull(self, changes: Array) -> Array:
        """Return Jᵀ times changes of the features, shape (centers x features,): (N, 3)."""
        row = {center: index for index, center in enumerate(self.centers)}
        of_center, out = changes.reshape(len(self.centers), -1), np.zeros((len(self.atoms), 3))
        for batch in self.batches:
            chosen = of_center[[row[center] for center in batch.centers.tolist()]]
            if batch.rows is not None:
                chosen = chosen[:, batch.rows]
            slopes = batch.slopes.reshape(*batch.slopes.shape[:2], -1)  # [center, feature, 3k]
            pulled = (chosen[:, None] @ slopes).reshape(*batch.atoms.shape, 3)
            np.add.at(out, batch.atoms, pulled)
        return out

    def triangle(self, displacements: Array) -> Array:
        """Return R of J V = Q R, whose singular values and column norms are those of J V.

        ``displacements`` V of shape (n, N, 3) give an array (at most n, n). J V is computed and
        reduced a few centers at a time. For many displacements, the rows of J are reduced first:
        10 000 features of a center that depend on 40 coordinates give 40 rows.
        """
        vectors, count = _as_columns(displacements), len(self.centers)

        def products() -> Iterator[Array]:
            for done, (_, _, slopes, columns) in enumerate(self._parts()):
                told = done % max(1, count // 20) == 0 < done  # about twenty times
                checkpoint(f"changes of the features: {done} of {count} centers" * told)
                reduced = slopes.shape[1] < min(len(slopes), len(displacements))
                matrix = np.linalg.qr(slopes, mode="r") if reduced else slopes
                yield matrix @ (vectors if columns is None else vectors[columns])

        return stacked_triangle(products())

    def _products(self, displacements: Array) -> Iterator[tuple[int, Indices | slice, Array]]:
        """Yield for each center the features that are not always zero, and their part of J V."""
        vectors = _as_columns(displacements)
        for batch, centers, slopes, columns in self._parts():
            product = slopes @ (vectors if columns is None else vectors[columns])
            rows = slice(None) if batch.rows is None else batch.rows
            stack = product.reshape(len(centers), batch.slopes.shape[1], len(displacements))
            for center, part in zip(centers.tolist(), stack, strict=True):
                yield center, rows, part

    def _parts(self) -> Iterator[tuple[Batch, Indices, Array, Indices | None]]:
        """Yield rows of J that are not always zero, for some centers of a batch at a time.

        Yields the batch, these centers, a matrix (rows, columns), and its columns in J: None for
        all.
        """
        for batch in self.batches:
            if _is_of_all(batch, self.atoms):
                matrix = batch.slopes.reshape(-1, 3 * len(self.atoms))
                yield batch, batch.centers, matrix, None
                continue
            for place, (atoms, slopes) in enumerate(zip(batch.atoms, batch.slopes, strict=True)):
                matrix = slopes.reshape(len(slopes), -1)
                yield batch, batch.centers[place : place + 1], matrix, _columns(atoms)

    @property
    def _features_per_center(self) -> int:
        return int(self.batches[0].features.shape[1])

    def __repr__(self) -> str:
        return f"Jacobian({self.atoms.symbols}, centers={len(self.centers)}, shape={self.shape})"


@takes_centers
def jacobian(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: Centers = None,
    progress: Progress | None = None,
) -> Jacobian:
    """Differentiate the features of the chosen centers with respect to all positions.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    descriptor
        Any descriptor.
    centers
        Indices of the centers whose features are stacked; None takes all atoms.
    progress
        Called regularly with a short sentence, by native descriptors and those made from a function
        of neighbours. If it raises ``Cancelled``, so does this function, without a result.

    Returns
    -------
    Jacobian
        Always with 3N columns, in (feature)/Å.

    Raises
    ------
    TypeError, ValueError
        If the structure, a center or their combination with the descriptor is unusable, or the
        descriptor violates the protocol.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, jacobian, structures
    >>> descriptor = DensityCorrelations(n_max=4, l_max=3)
    >>> jacobian(structures.load("H2O"), descriptor, centers=[0]).shape
    (144, 9)
    """
    check_descriptor(descriptor)
    with telling(progress):
        return differentiate(atoms, descriptor, centers=centers)


def differentiate(atoms: Atoms, descriptor: Descriptor, *, centers: Centers = None) -> Jacobian:
    """Return the Jacobian of a checked descriptor; this can take long."""
    chosen = check_centers(atoms, centers)
    checkpoint()
    return Jacobian(atoms.copy(), chosen, observed_gradients(descriptor, atoms, chosen))


@takes_centers
def second_derivative(
    atoms: Atoms, descriptor: Descriptor, direction: Array, *, centers: Centers = None
) -> Jacobian:
    """Differentiate the Jacobian along a direction: H[v] = ∂(J v)/∂r, since H is symmetric.

    A central difference of two analytic Jacobians, at ±1e-4 Å. Features vary over a few tenths of
    an Å: the step has an error of 1e-7 of the second derivative from the fourth, and one of 1e-12
    of the first from rounding. The descriptor must have been checked.

    Returns a Jacobian whose features and gradients are the derivatives along ``direction``, v of
    unit norm, shape (N, 3), in (feature)/Å and (feature)/Å².
    """
    (found,) = second_derivatives(atoms, descriptor, direction[None], centers=centers)
    return found


@takes_centers
def second_derivatives(
    atoms: Atoms, descriptor: Descriptor, directions: Array, *, centers: Centers = None
) -> list[Jacobian]:
    """Return ``second_derivative`` along several directions, (n, N, 3), which takes less time."""
    step, chosen = 1e-4, check_centers(atoms, centers)
    moved = list[Atoms]()
    for direction in directions:
        for side in (step, -step):
            moved.append(atoms.copy())
            moved[-1].positions += side * direction
    checkpoint()
    found = gradients_of_copies(descriptor, moved, chosen)
    pairs = zip(found[::2], found[1::2], strict=True)
    return [Jacobian(atoms.copy(), chosen, _difference(*pair, over=2 * step)) for pair in pairs]


def _difference(
    plus: tuple[Batch, ...], minus: tuple[Batch, ...], *, over: float
) -> tuple[Batch, ...]:
    names = "centers", "atoms", "rows"
    same = [
        all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)
        for a, b in zip(plus, minus, strict=False)
    ]
    if len(plus) != len(minus) or not all(same):
        # An atom has crossed the cutoff: compare center by center.
        behind = {block.center: block for batch in minus for block in batch.blocks()}
        pairs = [(block, behind[block.center]) for batch in plus for block in batch.blocks()]
        plus, minus = zip(*(_on_common_atoms(*pair) for pair in pairs), strict=True)
    return tuple(
        ahead.with_values(
            (ahead.features - behind.features) / over, (ahead.slopes - behind.slopes) / over
        )
        for ahead, behind in zip(plus, minus, strict=True)
    )


def _on_common_atoms(*blocks: Block) -> list[Batch]:
    """Express the blocks with respect to all atoms that any of them depends on."""
    atoms = np.unique(np.concatenate([block.atoms for block in blocks]))
    batches = []
    for block in blocks:
        gradient = np.zeros((1, len(block.features), len(atoms), 3))
        gradient[0][:, np.searchsorted(atoms, block.atoms)] = block.gradient
        centers = np.array([block.center])
        batches.append(Batch(centers, atoms[None], block.features[None], gradient))
    return batches


def _is_of_all(batch: Batch, atoms: Atoms) -> bool:
    """Return True if the columns of a batch are all columns of J, for each center."""
    every = len(atoms)
    return batch.atoms.shape[1] == every and not (batch.atoms != np.arange(every)).any()


def _sort_columns(batch: Batch) -> Array:
    """Return the dense matrix of centers that depend on every atom, read-only.

    A product with a permutation is faster than taking columns, if there are few.
    """
    centers, features, k, _ = batch.gradient.shape
    order = np.zeros((centers, k, 3, k, 3))
    here = np.arange(centers)[:, None]
    for axis in range(3):
        order[here, np.arange(k), axis, batch.atoms, axis] = 1.0
    out = batch.gradient.reshape(centers, features, 3 * k) @ order.reshape(centers, 3 * k, 3 * k)
    out.setflags(write=False)
    return np.asarray(out.reshape(-1, 3 * k))


def _as_columns(displacements: Array) -> Array:
    """Return displacements of shape (n, N, 3) as columns of a matrix, (3N, n)."""
    return displacements.reshape(len(displacements), 3 * displacements.shape[1]).T


def _columns(atoms: Indices) -> Indices:
    """Return the columns of J for atoms: x, y and z of each in turn."""
    return (3 * atoms[:, None] + np.arange(3)).ravel()
