"""Any Python function of a structure as a descriptor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from ase import Atoms

from sensitivity.descriptors.functions import OfFunction
from sensitivity.descriptors.protocol import Descriptor
from sensitivity.numerics import Array


class Function(OfFunction):
    """A Python function as a descriptor, differentiated by central differences.

    The function returns features of all atoms, shape (N, features), or one row, (features,), which
    then belongs to the one center that is asked for. On first use it is examined, and every
    gradient has an estimate of its error: singular values below it count as not resolved.

    Parameters
    ----------
    function
        Called with the structure; the name of the descriptor is that of the function.
    cutoff
        Å: a center's features depend on the atoms within this distance only. For a function of
        the whole structure, any distance that includes all atoms.
    takes
        "atoms": the function is called with an ``ase.Atoms``. "positions": with positions, an array
        of shape (N, 3), in Å, and always of the same atoms.
    vectorized
        True if a function of positions takes a stack of them, shape (m, N, 3), and returns a stack
        of features, which is faster.
    order
        Number of neighbours correlated, if the function is such a descriptor; see ``Descriptor``.
    larger, higher
        The same map with a larger basis, and with one more neighbour correlated, if there are
        such: evidence for truncation and for incompleteness.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors.from_function import Function
    >>> def coulomb_eigenvalues(atoms):
    ...     Z, distances = atoms.numbers, atoms.get_all_distances() + np.eye(len(atoms))
    ...     return np.linalg.eigvalsh(np.outer(Z, Z) / distances)
    ...
    >>> descriptor = Function(coulomb_eigenvalues, cutoff=10.0)
    >>> found = diagnose(structures.load("generic"), descriptor, centers=[0])
    >>> found.counts["sensitive"], found.counts["width"], found.counts["undetermined"]
    (4, 4, 1)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        cutoff: float,
        takes: Literal["atoms", "positions"] = "atoms",
        vectorized: bool = False,
        order: int | None = None,
        larger: Descriptor | None = None,
        higher: Descriptor | None = None,
    ) -> None:
        super().__init__(function, cutoff=cutoff, order=order, larger=larger, higher=higher)
        if takes not in ("atoms", "positions"):
            raise ValueError(f'takes must be "atoms" or "positions", got {takes!r}.')
        if vectorized and takes == "atoms":
            raise ValueError('vectorized=True needs takes="positions": Atoms cannot be stacked.')
        self.takes, self.vectorized = takes, vectorized

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        if self.vectorized:
            return self._stacked(atoms, atoms.positions[None], centers)[0]
        argument = atoms.copy() if self.takes == "atoms" else atoms.positions.copy()
        return self._of_centers(self.function(argument), len(atoms), centers)

    def _stacked(self, atoms: Atoms, positions: Array, centers: tuple[int, ...]) -> list[Array]:
        if not self.vectorized:
            return super()._stacked(atoms, positions, centers)
        found = self._array(self.function(positions.copy()))
        if found.ndim < 2 or len(found) != len(positions):
            raise ValueError(
                f"{self.name}, called with positions of shape {positions.shape}, must return "
                f"features of each of the {len(positions)}, got an array of shape {found.shape}; "
                "leave vectorized=True out."
            )
        rows = (self._of_centers(each, len(atoms), centers) for each in found)
        return [self._checked(each, len(centers)) for each in rows]

    def _of_centers(self, found: Any, count: int, centers: tuple[int, ...]) -> Array:
        """Return the rows of the centers; a number is a row of one feature."""
        found = np.atleast_1d(self._array(found))
        whole = self._row_of_whole(found.shape, count, centers)
        return np.asarray(found.reshape(1, -1) if whole else found[list(centers)])
