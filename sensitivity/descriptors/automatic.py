"""The base of adapters of codes with automatic differentiation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.descriptors.adapter import Adapter, group_atoms
from sensitivity.descriptors.batches import Batch, Block, batches_from_blocks
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint


class OnlyGradientsError(Exception):
    """Raised by products with directions if a code can only differentiate backward."""


_DIFFERS = 1e-8  # of the derivative along a random direction: more is no rounding


@dataclass(frozen=True)
class Products:
    """Features of some centers of a structure, and products with their Jacobian.

    Attributes
    ----------
    features
        Shape (centers, features).
    forward
        Returns derivatives along directions: (m, N, 3) to (m, centers, features); raises
        ``OnlyGradientsError`` if the code cannot.
    backward
        Returns gradients of weighted sums of the features: (m, centers, features) to (m, N, 3).
    """

    features: Array
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]


class Automatic(Adapter):
    """A descriptor whose code multiplies vectors with its Jacobian.

    A Jacobian takes 3 products for each group of atoms that no center sees together, or one product
    for each feature of a group of centers that see no atom together, whichever are fewer, or
    possible. A subclass has ``cutoff`` and ``_linearize``.
    """

    @abstractmethod
    def _linearize(self, atoms: Atoms, centers: tuple[int, ...]) -> Products:
        """Return the features of these centers, and products with their Jacobian."""

    def _at_once(self, atoms: Atoms) -> int:
        """Return the number of products to take at once: many of a small structure are faster."""
        return min(max(512 // len(atoms), 4), 64)

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        return self._linearize(atoms, centers).features

    def _own_slopes(self, atoms: Atoms, direction: Array, center: int) -> Array:
        products = self._linearize(atoms, (center,))
        try:
            return np.asarray(products.forward(direction[None])[0, 0])
        except OnlyGradientsError:
            shape = 1, products.features.shape[1]
            (rows,) = self._multiply(products.backward, [[0]], shape, self._at_once(atoms))
            return np.asarray(np.einsum("qax,ax->q", rows, direction))

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        products, seen = self._linearize(atoms, centers), self._seen(atoms, centers)
        backward = self._is_backward_cheaper(products, seen, len(atoms))
        found = self._assemble(products, seen, centers, atoms, backward=backward)
        partial = any(len(near) < len(atoms) for near in seen)
        if not partial and not backward:
            return found
        # Backward derivatives may lack what torch.no_grad hides from them only.
        if not _explain(found, products, len(atoms), centers, cutoff=self.cutoff):
            every = [np.arange(len(atoms))] * len(centers)
            found = self._assemble(products, every, centers, atoms, backward=False)
            self._note_outside(found, atoms, centers)
        return found

    def _is_backward_cheaper(self, products: Products, seen: list[Indices], size: int) -> bool:
        features, rows = int(products.features.shape[1]), group_atoms(_turned(seen, size))
        return 3 * len(group_atoms(seen)) > features * len(rows)

    def _assemble(
        self,
        products: Products,
        seen: list[Indices],
        centers: tuple[int, ...],
        atoms: Atoms,
        *,
        backward: bool,
    ) -> tuple[Batch, ...]:
        """Return the gradients with respect to the atoms that each center sees."""
        if not backward:
            try:
                parts = self._forward(products, seen, atoms)
            except OnlyGradientsError:
                backward = True
        if backward:
            parts = self._backward(products, seen, atoms)
        every = zip(centers, seen, products.features, parts, strict=True)
        return batches_from_blocks(Block(*each) for each in every)

    def _forward(self, products: Products, seen: list[Indices], atoms: Atoms) -> list[Array]:
        """Return the gradients of each center, by products with displacements of groups."""
        groups, size, at_once = group_atoms(seen), len(atoms), self._at_once(atoms)
        slopes = self._multiply(products.forward, groups, (size, 3), at_once)
        of = _numbers(groups, size)
        return [slopes[of[near], :, row].transpose(2, 0, 1) for row, near in enumerate(seen)]

    def _backward(self, products: Products, seen: list[Indices], atoms: Atoms) -> list[Array]:
        """Return the gradients of each center, by products with features of groups of centers."""
        groups = group_atoms(_turned(seen, len(atoms)))
        shape, at_once = products.features.shape, self._at_once(atoms)
        slopes = self._multiply(products.backward, groups, (shape[0], shape[1]), at_once)
        of = _numbers(groups, shape[0])
        return [slopes[of[row]][:, near] for row, near in enumerate(seen)]

    def _multiply(
        self,
        product: Callable[[Array], Array],
        groups: list[list[int]],
        shape: tuple[int, int],
        at_once: int,
    ) -> Array:
        """Return the products with the unit vectors, of a shape, of each group and component.

        Shape (groups, components, ...). When memory is exhausted, fewer are taken at once.
        """
        count, done = len(groups) * shape[1], 0
        found = list[Array]()
        while done < count:
            checkpoint(f"derivatives: {done} of {count}")
            numbers = range(done, min(done + at_once, count))
            try:
                found.append(product(_unit_vectors(groups, numbers, shape)))
            except Exception as error:
                if at_once == 1 or not self._is_exhausted(error):
                    raise
                at_once = (at_once + 1) // 2
            else:
                if not done:
                    self._require_memory(found[0], count)
                done = numbers.stop
        return np.concatenate(found).reshape(len(groups), shape[1], *found[0].shape[1:])

    def _require_memory(self, first: Array, count: int) -> None:
        """Raise a ValueError unless there is memory for ``count`` products, and their copy."""
        require_memory(
            2 * first.nbytes / len(first) * count,
            purpose=f"derivatives of {self.name}",
            remedy="choose fewer centers",
        )


def _turned(seen: list[Indices], size: int) -> list[Indices]:
    """Return for each atom the rows of the centers that see it."""
    sees = np.zeros((len(seen), size), dtype=bool)
    for row, near in enumerate(seen):
        sees[row, near] = True
    return [np.flatnonzero(column) for column in sees.T]


def _numbers(groups: list[list[int]], size: int) -> Indices:
    """Return the number of the group of each member."""
    found = np.empty(size, dtype=np.intp)
    for number, group in enumerate(groups):
        found[group] = number
    return found


def _unit_vectors(groups: list[list[int]], numbers: range, shape: tuple[int, int]) -> Array:
    """Return vectors, (numbers, *shape), that are 1 for one component of the rows of a group."""
    found = np.zeros((len(numbers), *shape))
    for vector, number in zip(found, numbers, strict=True):
        vector[groups[number // shape[1]], number % shape[1]] = 1.0
    return found


def _explain(
    found: tuple[Batch, ...],
    products: Products,
    size: int,
    centers: tuple[int, ...],
    *,
    cutoff: float,
) -> bool:
    """Return True if the gradients give a product with a random direction, or random weights."""
    rng, row = np.random.default_rng(4), {center: number for number, center in enumerate(centers)}
    direction = rng.normal(size=(size, 3))
    rows = [[row[center] for center in batch.centers.tolist()] for batch in found]
    try:
        slopes = products.forward(direction[None])[0]
    except OnlyGradientsError:
        weights = rng.normal(size=products.features.shape)
        left = products.backward(weights[None])[0].copy()  # arrays of JAX are read-only
        for batch, of in zip(found, rows, strict=True):
            ours = np.einsum("cqkx,cq->ckx", batch.gradient, weights[of])
            np.subtract.at(left, batch.atoms, ours)
        return bool(np.linalg.norm(left) <= min(_known_to(batch, cutoff) for batch in found))
    for batch, of in zip(found, rows, strict=True):
        ours = np.einsum("cqkx,ckx->cq", batch.gradient, direction[batch.atoms])
        if np.linalg.norm(ours - slopes[of]) > _known_to(batch, cutoff):
            return False
    return True


def _known_to(batch: Batch, cutoff: float) -> float:
    """Return the difference of products that is no rounding error."""
    # Where symmetry hides everything, the gradient is zero, and slopes are rounding errors.
    size = float(np.linalg.norm(batch.features)) / cutoff
    return _DIFFERS * max(float(np.linalg.norm(batch.gradient)), size)
