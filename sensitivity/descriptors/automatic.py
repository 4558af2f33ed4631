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

_DIFFERS = 1e-8  # of the derivative along a random direction: more is no rounding


@dataclass(frozen=True)
class Products:
    """Features of some centers of a structure, and products with their Jacobian.

    Attributes
    ----------
    features
        Shape (centers, features).
    forward
        Returns derivatives along directions: (m, N, 3) to (m, centers, features).
    backward
        Returns gradients of weighted sums of the features: (m, centers, features) to (m, N, 3).
    """

    features: Array
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]


class Automatic(Adapter):
    """A descriptor whose code multiplies vectors with its Jacobian.

    A Jacobian takes 3 products for each group of atoms that no center sees together, or one product
    for each feature of a group of centers that see no atom together, whichever are fewer. A
    subclass has ``cutoff`` and ``_linearize``.
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
        return np.asarray(self._linearize(atoms, (center,)).forward(direction[None])[0, 0])

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        products, seen = self._linearize(atoms, centers), self._seen(atoms, centers)
        found = self._assemble(products, seen, centers, atoms)
        partial = any(len(near) < len(atoms) for near in seen)
        along = np.random.default_rng(4).normal(size=atoms.positions.shape)
        if partial and not _explain(found, products, along, centers, cutoff=self.cutoff):
            every = [np.arange(len(atoms))] * len(centers)
            found = self._assemble(products, every, centers, atoms)
            self._note_outside(found, atoms, centers)
        return found

    def _assemble(
        self, products: Products, seen: list[Indices], centers: tuple[int, ...], atoms: Atoms
    ) -> tuple[Batch, ...]:
        """Return the gradients with respect to the atoms that each center sees."""
        (rows, features), size = products.features.shape, len(atoms)
        groups, like_rows = group_atoms(seen), group_atoms(_turned(seen, size))
        at_once = self._at_once(atoms)
        if 3 * len(groups) <= features * len(like_rows):
            slopes = self._multiply(products.forward, groups, (size, 3), at_once)
            of = _numbers(groups, size)
            parts = [slopes[of[near], :, row].transpose(2, 0, 1) for row, near in enumerate(seen)]
        else:
            slopes = self._multiply(products.backward, like_rows, (rows, features), at_once)
            of = _numbers(like_rows, rows)
            parts = [slopes[of[row]][:, near] for row, near in enumerate(seen)]
        every = zip(centers, seen, products.features, parts, strict=True)
        return batches_from_blocks(Block(*each) for each in every)

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
    direction: Array,
    centers: tuple[int, ...],
    *,
    cutoff: float,
) -> bool:
    """Return True if the gradients give the derivative along a direction, shape (N, 3)."""
    slopes = products.forward(direction[None])[0]
    row = {center: number for number, center in enumerate(centers)}
    for batch in found:
        ours = np.einsum("cqkx,ckx->cq", batch.gradient, direction[batch.atoms])
        theirs = slopes[[row[center] for center in batch.centers.tolist()]]
        # Where symmetry hides everything, the gradient is zero, and slopes are rounding errors.
        size = np.linalg.norm(batch.features) / cutoff
        known_to = _DIFFERS * max(float(np.linalg.norm(batch.gradient)), float(size))
        if np.linalg.norm(ours - theirs) > known_to:
            return False
    return True
