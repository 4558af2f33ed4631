"""Any JAX function as a descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors.automatic_jax import AutomaticJax, Call, compile_anew
from sensitivity.descriptors.batches import Centers
from sensitivity.descriptors.functions import AutomaticFunction
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.trust import RANDOM, Trust
from sensitivity.numerics import takes_centers
from sensitivity.structures import check_centers


class Jax(AutomaticJax, AutomaticFunction):
    """A JAX function as a descriptor, differentiated by JAX.

    The function takes arrays and returns features of all atoms, shape (N, features), or one row,
    (features,), which then belongs to the one center that is asked for. Everything has double
    precision, which is switched on during a call only: arrays that a function uses must have it, as
    NumPy's have. It is compiled for each shape of its arguments. On first use it is examined, as
    every adapter.

    Parameters
    ----------
    function
        A function. The name of the descriptor is that of the function.
    cutoff
        Å: a center's features depend on the atoms within this distance only. For message passing
        this is the number of layers times the distance of neighbours; for a function of the whole
        structure, any distance that includes all atoms.
    takes
        Names of the arguments, in order: "positions", (N, 3), in Å; "numbers", (N,), the atomic
        numbers, a NumPy array; "cell", (3, 3), with zeros for directions that are not periodic;
        "pairs", (2, pairs), the indices i and j of neighbours, images separately; "shifts",
        (pairs, 3), so that ``positions[j] + shifts - positions[i]`` leads from an atom to its
        neighbour.
    pairs_within
        Å: the distance up to which "pairs" are listed; the cutoff by default.
    order
        Number of neighbours correlated, if the function is such a descriptor; see ``Descriptor``.
    larger, higher
        The same map with a larger basis, and with one more neighbour correlated, if there are
        such: evidence for truncation and for incompleteness.

    Raises
    ------
    ImportError
        If JAX is missing.
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors.from_jax import Jax
    >>> centers = np.linspace(0.0, 3.0, 12)
    >>> def shells(positions):
    ...     squares = ((positions[:, None] - positions) ** 2).sum(axis=-1)
    ...     return jnp.exp(-8 * (squares[:, :, None] - centers) ** 2).sum(axis=1)
    ...
    >>> found = diagnose(structures.load("generic"), Jax(shells, cutoff=10.0), centers=[0])
    >>> found.counts["sensitive"]
    4
    """

    def _check_ready(self) -> None:
        with required("jax"):
            import jax  # noqa: F401

    @takes_centers
    def examine(self, atoms: Atoms, *, centers: Centers = (0,)) -> Trust:
        """Measure ``trust`` on a structure, and keep the worst; done on first use.

        Raises
        ------
        ValueError
            If the function uses random numbers: when it is compiled, they become constants.
        """
        chosen = check_centers(atoms, centers)
        values = self._answer(atoms, chosen)
        with self._enough_memory():
            again = self._evaluate(atoms, chosen, compile_anew)
        change = float(np.linalg.norm(values - again)) / (float(np.linalg.norm(values)) or 1.0)
        if change > RANDOM:
            raise ValueError(
                f"{self.name} is random: two calls, compiled separately, differ by {change:.1e} of "
                "the features; use no random numbers, or those of a fixed seed."
            )
        return super().examine(atoms, centers=chosen)

    def _call(self, atoms: Atoms, centers: tuple[int, ...]) -> Call:
        given = self._arguments(atoms)
        others = [array for name, array in given.items() if name not in ("positions", "numbers")]
        return Call(_Rows(self, tuple(atoms.numbers.tolist())), (np.array(centers), *others))


@dataclass(frozen=True)
class _Rows:
    """The features of some centers of atoms of these species."""

    descriptor: Jax
    numbers: tuple[int, ...]

    def __call__(self, positions: Any, centers: Any, *others: Any) -> Any:
        import jax

        descriptor, rest = self.descriptor, iter(others)
        known = {"positions": positions, "numbers": np.array(self.numbers)}
        given = (known[name] if name in known else next(rest) for name in descriptor.takes)
        found = descriptor.function(*given)
        if not isinstance(found, jax.Array):  # others become constants when they are compiled
            raise TypeError(
                f"{descriptor.name} must return a JAX array of features, got "
                f"{type(found).__name__}; compute it with the functions of jax.numpy."
            )
        found = jax.numpy.atleast_1d(found)
        chosen = (0,) * len(centers)
        if descriptor._row_of_whole(found.shape, len(self.numbers), chosen):
            return found.reshape(1, -1)
        return found[centers]
