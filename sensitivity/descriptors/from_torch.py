"""Any torch function, or model, as a descriptor."""

from __future__ import annotations

from typing import Any

from ase import Atoms

from sensitivity.descriptors.automatic_torch import (
    AutomaticTorch,
    Map,
    check_modules,
    checked_modules,
)
from sensitivity.descriptors.functions import AutomaticFunction
from sensitivity.descriptors.packages import required
from sensitivity.numerics import Array


class Torch(AutomaticTorch, AutomaticFunction):
    """A torch function as a descriptor, differentiated by torch.

    The function takes tensors and returns features of all atoms, shape (N, features), or one row,
    (features,), which then belongs to the one center that is asked for. Everything has double
    precision, on the CPU. On first use it is examined, as every adapter.

    Parameters
    ----------
    function
        A function, or a ``torch.nn.Module`` that is called as one: in evaluation mode and of double
        precision. The name of the descriptor is that of the function.
    cutoff
        Å: a center's features depend on the atoms within this distance only. For message passing
        this is the number of layers times the distance of neighbours; for a function of the whole
        structure, any distance that includes all atoms.
    takes
        Names of the arguments, in order: "positions", (N, 3), in Å; "numbers", (N,), the atomic
        numbers; "cell", (3, 3), with zeros for directions that are not periodic; "pairs",
        (2, pairs), the indices i and j of neighbours, images separately; "shifts", (pairs, 3), so
        that ``positions[j] + shifts - positions[i]`` leads from an atom to its neighbour.
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
        If torch is missing.
    TypeError, ValueError
        If an argument has the wrong type or is out of range, or a model is in training mode or of
        single precision.

    Examples
    --------
    >>> import torch
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors import Torch
    >>> centers = torch.linspace(0.0, 3.0, 12, dtype=torch.float64)
    >>> def shells(positions):
    ...     squares = ((positions[:, None] - positions) ** 2).sum(dim=-1)
    ...     return torch.exp(-8 * (squares[:, :, None] - centers) ** 2).sum(dim=1)
    ...
    >>> found = diagnose(structures.load("generic"), Torch(shells, cutoff=10.0), centers=[0])
    >>> found.counts["sensitive"]
    4
    """

    def _check_ready(self) -> None:
        with required("torch"):
            import torch  # noqa: F401
        check_modules(self.function, self.name)

    def _evaluate(self, function: Map, positions: Any) -> Array:
        with checked_modules(self.name):
            return super()._evaluate(function, positions)

    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        import torch

        self._check_ready()
        arguments = self._arguments(atoms)

        def features(positions: Any) -> Any:
            # Copies, since a function may change them in place.
            given = {name: torch.tensor(each) for name, each in arguments.items()}
            found = self.function(*(given | {"positions": positions}).values())
            if not isinstance(found, torch.Tensor) or found.layout != torch.strided:
                return found
            found = torch.atleast_1d(found)
            whole = self._row_of_whole(tuple(found.shape), len(atoms), centers)
            return found.reshape(1, -1) if whole else found[list(centers)]

        return features
