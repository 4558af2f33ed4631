"""The base of adapters of functions, whatever differentiates them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from ase import Atoms

from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.automatic import Automatic
from sensitivity.descriptors.protocol import Descriptor
from sensitivity.numerics import Array, check_real
from sensitivity.structures import neighbor_pairs

ARGUMENTS = ("positions", "numbers", "cell", "pairs", "shifts")
"""Arguments that a function with automatic differentiation may take."""


def _instead_of(given: object) -> str:
    """Return the end of an error: what to pass instead of something that cannot be called."""
    if isinstance(given, str | PathLike):
        return " (the name of a file?); read it yourself: reading a file of a model may run code."
    if isinstance(given, Mapping):
        return (
            " (the parameters of a model?); create the model, load them into it, and pass the "
            "model."
        )
    return "; pass something that can be called, and returns features."


class OfFunction(Adapter):
    """A function of a structure, which returns rows of all atoms, or one row."""

    cutoff: float
    order: int | None

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        cutoff: float,
        order: int | None = None,
        larger: Descriptor | None = None,
        higher: Descriptor | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"function must be a function of a structure, got {type(function).__name__}"
                + _instead_of(function)
            )
        if isinstance(function, type):
            raise TypeError(
                f"function must be a function of a structure, got the class {function.__name__}; "
                f"pass an instance, such as {function.__name__}()."
            )
        check_real(cutoff, "cutoff", "above 0", accepts=lambda x: 0 < x < np.inf)
        self.function, self.cutoff, self.order = function, float(cutoff), order
        self._larger, self._higher = larger, higher

    @property
    def name(self) -> str:
        """Name of the function."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return "a function" if name == "<lambda>" else str(name)

    def larger_basis(self) -> Descriptor | None:
        """Return ``larger``."""
        return self._larger

    def higher_order(self) -> Descriptor | None:
        """Return ``higher``."""
        return self._higher

    def _unexamined(self) -> Self:
        """Return a copy about which nothing is known, nor about ``larger`` and ``higher``."""
        own = super()._unexamined()
        own._whole = False
        own._larger, own._higher = (
            each._unexamined() if isinstance(each, Adapter) else each
            for each in (self._larger, self._higher)
        )
        return own

    @property
    def _more(self) -> str:
        """Further arguments of the expression that creates the descriptor."""
        return ""

    def python(self) -> tuple[str, str]:
        """Return the import line, and the expression, with the function's name."""
        kind = type(self)
        line = f"from {kind.__module__} import {kind.__name__}"
        return line, f"{kind.__name__}({self.name}, cutoff={self.cutoff!r}{self._more})"

    def _row_of_whole(self, shape: tuple[int, ...], count: int, centers: tuple[int, ...]) -> bool:
        """Return True for one row for the whole structure, False for one of each atom."""
        if len(shape) == 2 and shape[0] == count:
            return False
        row = len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)
        if row and len(centers) == 1:
            self._whole = True
            return True
        if row:
            raise ValueError(
                f"{self.name} returns one row of features for the whole structure, and "
                f"{len(centers)} centers were chosen; choose one of them, such as atom 0."
            )
        raise ValueError(
            f"{self.name} must return features of shape ({count}, features), one row for each "
            f"atom, or one row, got an array of shape {shape}."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, cutoff={self.cutoff:g})"


class AutomaticFunction(OfFunction, Automatic):
    """A function of positions, and of other arrays, that its package differentiates.

    A subclass has ``_linearize``, which calls the function with ``_arguments``, and
    ``_check_ready``.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        cutoff: float,
        takes: str | Sequence[str] = ("positions",),
        pairs_within: float | None = None,
        order: int | None = None,
        larger: Descriptor | None = None,
        higher: Descriptor | None = None,
    ) -> None:
        super().__init__(function, cutoff=cutoff, order=order, larger=larger, higher=higher)
        self.takes = (takes,) if isinstance(takes, str) else tuple(takes)
        unknown = [name for name in self.takes if name not in ARGUMENTS]
        if unknown or "positions" not in self.takes:
            raise ValueError(
                f'takes must be names out of {", ".join(ARGUMENTS)}, with "positions", got '
                f"{self.takes!r}."
            )
        within = self.cutoff if pairs_within is None else pairs_within
        check_real(
            within, "pairs_within", "above 0 and at most the cutoff", accepts=self._is_within
        )
        self.pairs_within = float(within)
        self._check_ready()

    @abstractmethod
    def _check_ready(self) -> None:
        """Raise an ImportError without the package, a ValueError for what is not ready for it."""

    def _is_within(self, length: float) -> bool:
        return 0 < length <= self.cutoff

    @property
    def _more(self) -> str:
        takes = "" if self.takes == ("positions",) else f", takes={self.takes!r}"
        usual = self.pairs_within == self.cutoff
        return takes + ("" if usual else f", pairs_within={self.pairs_within!r}")

    def _arguments(self, atoms: Atoms) -> dict[str, Array]:
        """Return the arrays that the function takes, in their order."""
        known: dict[str, Array] = {
            "positions": atoms.positions,
            "numbers": atoms.numbers,
            "cell": np.where(atoms.pbc[:, None], atoms.cell.array, 0.0),
        }
        if {"pairs", "shifts"} & set(self.takes):
            near = neighbor_pairs(atoms, self.pairs_within)
            straight = atoms.positions[near.j] - atoms.positions[near.i]
            known |= {"pairs": np.stack([near.i, near.j]), "shifts": near.vectors - straight}
        return {name: known[name] for name in self.takes}
