"""Features of centers and their gradients, stacked, and functions that build them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices, ReadOnlyArrays, takes_centers
from sensitivity.progress import checkpoint
from sensitivity.structures import check_centers, neighbor_pairs

Centers = Iterable[int] | None
"""Indices of the centers whose features are stacked; None stands for every atom.

Examples
--------
>>> from sensitivity import DensityCorrelations, spectrum, structures
>>> from sensitivity.descriptors import Centers
>>> hydrogens: Centers = range(1, 5)
>>> spectrum(structures.load("CH4"), DensityCorrelations(), centers=hydrogens).centers
(1, 2, 3, 4)
"""

NeighborFunction = Callable[[Array, Indices], tuple[Array, Array]]
"""Return features, shape (q,), and their gradient, (q, k, 3), of one center.

It is called with the vectors in Å from the center to its k neighbours, shape (k, 3), and with their
atomic numbers, shape (k,). Periodic images are separate neighbours, and k can be 0.
"""


@dataclass(frozen=True)
class Block:
    """Features of one center and their gradient.

    Attributes
    ----------
    center
        Index of the center.
    atoms
        Shape (k,). Indices of the atoms on which the features may depend, including the center;
        the gradient with respect to every other atom is zero. The images of an atom in a crystal
        move together and count once.
    features
        Shape (features,).
    gradient
        Shape (features, k, 3), in (feature)/Å.
    error
        Bound on the error of the gradient (2-norm of the matrix), in (feature)/Å; 0 for rounding
        errors only.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, jacobian, structures
    >>> J = jacobian(structures.load("H2O"), DensityCorrelations(n_max=4, l_max=3))
    >>> J.blocks[0]
    Block(center=0, features=144, k=3)
    >>> J.blocks[0].gradient.shape
    (144, 3, 3)
    """

    center: int
    atoms: Indices
    features: Array
    gradient: Array
    error: float = 0.0

    def __repr__(self) -> str:
        return f"Block(center={self.center}, features={len(self.features)}, k={len(self.atoms)})"


@dataclass(frozen=True)
class Batch(ReadOnlyArrays):
    """Blocks of several centers that depend on equally many atoms, stacked along a first axis.

    Attributes
    ----------
    centers
        Shape (centers,). Indices of the centers.
    atoms
        Shape (centers, k). For each center the atoms on which its features may depend.
    features
        Shape (centers, features).
    gradient
        Shape (centers, features, k, 3), in (feature)/Å.
    error
        Bound on the error of the gradients of all these centers together, as for a ``Block``.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> descriptor = DensityCorrelations(n_max=4, l_max=3, species=("H", "O"))
    >>> batches = descriptor.gradients(structures.load("H2O"))
    >>> [batch.features.shape for batch in batches]
    [(3, 144)]
    """

    centers: Indices
    atoms: Indices
    features: Array
    gradient: Array
    error: float = 0.0

    @classmethod
    def of_rows(
        cls, centers: Indices, atoms: Indices, features: Array, *, rows: Indices, slopes: Array
    ) -> Batch:
        """Return a batch whose features are always zero, except some ``rows``.

        ``slopes``, shape (centers, rows, k, 3), are the gradients of these. The full ``gradient``
        is built on first use.
        """
        batch = cls.__new__(cls)
        parts = {"centers": centers, "atoms": atoms, "features": features}
        vars(batch).update(parts, rows=rows, slopes=slopes)
        batch.__post_init__()
        return batch

    @cached_property
    def rows(self) -> Indices | None:
        """Features that are not always zero; None stands for all."""
        return None

    @cached_property
    def slopes(self) -> Array:
        """Gradients of the features ``rows``, shape (centers, rows, k, 3)."""
        return self.gradient

    def __getattr__(self, name: str) -> Array:
        if name != "gradient" or "slopes" not in vars(self):
            raise AttributeError(f"a Batch has no {name}")
        gradient = np.zeros((*self.features.shape, *self.slopes.shape[2:]))
        gradient[:, self.rows] = self.slopes
        gradient.setflags(write=False)
        vars(self)[name] = gradient
        return gradient

    def __repr__(self) -> str:
        sizes = *self.features.shape, self.atoms.shape[1]
        return "Batch(centers={}, features={}, k={})".format(*sizes)

    def with_values(self, features: Array, slopes: Array) -> Batch:
        """Return a batch with the same centers, atoms and rows, and other values."""
        return self._with_arrays(self.centers, self.atoms, features, slopes)

    def divide(self, count: int) -> list[Batch]:
        """Return so many batches of equally many centers, sharing the memory of this one."""
        edges = range(0, len(self.centers) + 1, len(self.centers) // count)
        parts = [slice(start, end) for start, end in pairwise(edges)]
        return [
            self._with_arrays(self.centers[p], self.atoms[p], self.features[p], self.slopes[p])
            for p in parts
        ]

    def _with_arrays(
        self, centers: Indices, atoms: Indices, features: Array, slopes: Array
    ) -> Batch:
        if self.rows is None:
            return Batch(centers, atoms, features, slopes)
        return Batch.of_rows(centers, atoms, features, rows=self.rows, slopes=slopes)

    def blocks(self) -> tuple[Block, ...]:
        """Return one block per center, sharing the memory of the batch."""
        arrays = self.centers.tolist(), self.atoms, self.features, self.gradient
        return tuple(Block(*parts, self.error) for parts in zip(*arrays, strict=True))


def batches_from_blocks(blocks: Iterable[Block]) -> tuple[Batch, ...]:
    """Stack blocks, those with equally many atoms together.

    Parameters
    ----------
    blocks
        One block for each center.

    Raises
    ------
    ValueError
        If there is no block, shapes do not match, an atom is listed twice, or the center is not
        among the atoms.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity.descriptors import Block, batches_from_blocks
    >>> gradient = np.zeros((1, 2, 3))
    >>> gradient[0, :, 2] = 1.0, -1.0
    >>> batches_from_blocks([Block(0, np.array([0, 1]), np.array([0.74]), gradient)])
    (Batch(centers=1, features=1, k=2),)
    """
    stacks: dict[int, list[Block]] = {}
    size = None
    for block in blocks:
        size = len(block.features) if size is None else size
        _check_block(block, size=size)
        stacks.setdefault(len(block.atoms), []).append(block)
    if not stacks:
        raise ValueError("at least one block is needed, got none; give one for each center.")
    return tuple(_stack(stack) for stack in stacks.values())


def _stack(blocks: list[Block]) -> Batch:
    return Batch(
        np.array([block.center for block in blocks], dtype=np.intp),
        np.array([block.atoms for block in blocks], dtype=np.intp),
        np.array([block.features for block in blocks], dtype=float),
        np.array([block.gradient for block in blocks], dtype=float),
        float(np.linalg.norm([block.error for block in blocks])),
    )


@takes_centers
def batches_from_function(
    function: NeighborFunction, atoms: Atoms, *, cutoff: float, centers: Centers = None
) -> tuple[Batch, ...]:
    """Compute features and gradients from a function of the neighbours' relative positions.

    Gradients with respect to the images of an atom are summed. Moving the center is equivalent to
    moving all its neighbours in the opposite direction.

    Parameters
    ----------
    function
        Returns the features, shape (q,), and their gradient, (q, k, 3), of one center, from the
        vectors to its k neighbours, (k, 3), in Å, and their atomic numbers, (k,). Periodic images
        are separate neighbours, and k can be 0.
    atoms
        The structure, N atoms.
    cutoff
        Å. Neighbours within it are passed to the function.
    centers
        Indices of the centers; None takes all atoms.

    Raises
    ------
    TypeError, ValueError
        If the structure or a center is unusable, or the function returns other shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors import batches_from_function
    >>> def sum_of_squares(vectors, numbers):
    ...     return np.array([np.sum(vectors**2)]), 2 * vectors[None]
    ...
    >>> methane = structures.load("CH4")
    >>> (batch,) = batches_from_function(sum_of_squares, methane, cutoff=1.5, centers=[0])
    >>> batch.gradient.shape
    (1, 1, 5, 3)
    """
    around = _list_neighbors(atoms, cutoff=cutoff, centers=centers)

    def blocks() -> Iterator[Block]:
        for number, (center, others, vectors) in enumerate(around):
            checkpoint(f"gradients: {number} of {len(around)} centers")
            found = _call(function, vectors, atoms.numbers[others])
            yield _make_block(center, others, vectors, found)

    return batches_from_blocks(blocks())


@takes_centers
def features_from_function(
    function: NeighborFunction, atoms: Atoms, *, cutoff: float, centers: Centers = None
) -> Array:
    """Compute features, shape (centers, features), from a function of neighbours.

    Parameters
    ----------
    function, atoms, cutoff, centers
        As for ``batches_from_function``, which raises the same errors.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors import features_from_function
    >>> def sum_of_squares(vectors, numbers):
    ...     return np.array([np.sum(vectors**2)]), 2 * vectors[None]
    ...
    >>> features_from_function(sum_of_squares, structures.load("CH4"), cutoff=1.5).shape
    (5, 1)
    """
    around = _list_neighbors(atoms, cutoff=cutoff, centers=centers)
    return np.array([_call(function, vectors, atoms.numbers[of])[0] for _, of, vectors in around])


def _list_neighbors(
    atoms: Atoms, *, cutoff: float, centers: Centers
) -> list[tuple[int, Indices, Array]]:
    """Return for each center its index, its neighbours (k,), and the vectors to them (k, 3)."""
    chosen = check_centers(atoms, centers)
    pairs = neighbor_pairs(atoms, cutoff)
    edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1)).tolist()
    spans = [(center, slice(edges[center], edges[center + 1])) for center in chosen]
    return [(center, pairs.j[span], pairs.vectors[span]) for center, span in spans]


def _call(function: NeighborFunction, vectors: Array, numbers: Indices) -> tuple[Array, Array]:
    try:
        found = function(vectors, numbers)
    except (ArithmeticError, LookupError, ValueError) as error:
        if len(vectors):
            raise
        advice = "return zeros for it, for example"
        if "reshape" in str(error):
            advice = "give reshape the number of features instead of -1"
        raise ValueError(
            "the function must also return features of a center without neighbours, with vectors "
            f"of shape (0, 3), but raised {type(error).__name__}: {error}; {advice}."
        ) from error
    features, gradient = (np.asarray(part, dtype=float) for part in found)
    expected = (*features.shape, *vectors.shape)
    if features.ndim != 1 or gradient.shape != expected:
        raise ValueError(
            f"for {len(vectors)} neighbours the function must return features of shape (q,) and a "
            f"gradient of shape (q, {len(vectors)}, 3), got {features.shape} and {gradient.shape}."
        )
    return features, gradient


def _make_block(center: int, others: Indices, vectors: Array, found: tuple[Array, Array]) -> Block:
    features, slopes = found
    atoms, place = np.unique(np.append(others, center), return_inverse=True)
    gradient = np.zeros((len(features), len(atoms), 3))
    for column, slope in zip(place, slopes.swapaxes(0, 1), strict=False):  # the center is last
        gradient[:, column] += slope
    gradient[:, place[-1]] -= slopes.sum(axis=1)
    return Block(center, atoms, features, gradient)


def _check_block(block: Block, *, size: int) -> None:
    k, atoms = len(block.atoms), np.asarray(block.atoms).tolist()
    shapes = np.shape(block.atoms), np.shape(block.features), np.shape(block.gradient)
    if shapes != ((k,), (size,), (size, k, 3)):
        raise ValueError(
            f"the block of center {block.center} must have atoms of shape (k,), features of shape "
            f"({size},), as the first block, and a gradient of shape ({size}, k, 3), got "
            "{}, {} and {}.".format(*shapes)
        )
    if len(set(atoms)) < k or block.center not in atoms:
        raise ValueError(
            f"the atoms of the block of center {block.center} must be distinct and include the "
            f"center, got {atoms}; sum the gradients of images."
        )
