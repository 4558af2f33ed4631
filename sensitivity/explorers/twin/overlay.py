"""Two structures laid on each other, and what correlations of each order make of the two.

Everything here is a pure function or a result; the widgets show it and compute nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.descriptors.orders import LARGEST_ORDER
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.explorers.parts.refinement import ORDERS, refine
from sensitivity.numerics import Array
from sensitivity.plots.camera import choose_view
from sensitivity.singular import Twin, superpose
from sensitivity.structures import environment

SAME = 1e-12
"""Relative to the features: differences up to this are rounding. Twins agree to 1e-13 at their own
order; at a lower one the same rounding is compared with fewer and smaller features."""

GAP = 1.5
"""Å between two structures beside each other."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two environments of a center, the second laid on the first.

    Attributes
    ----------
    first
        N atoms, the center first.
    second
        N atoms in the same order, turned, like atoms exchanged, and mirrored if that fits better
        and the descriptor does not see it.
    rmsd
        Å, root mean square distance of the atoms.
    """

    first: Atoms
    second: Atoms
    rmsd: float

    @property
    def difference(self) -> Array:
        """Shape (N, 3), in Å: what leads from the first to the second."""
        return np.asarray(self.second.positions - self.first.positions)

    @cached_property
    def view(self) -> Array:
        """Shape (3, 3): from where the difference is seen; rows are right, up, to the viewer."""
        return choose_view(self.first, self.difference)

    @cached_property
    def shift(self) -> Array:
        """Shape (3,), in Å: by how much the second moves to the right to stand beside the first."""
        both = np.concatenate([self.first.positions, self.second.positions]) @ self.view[0]
        return np.asarray((np.ptp(both) + GAP) * self.view[0])

    def place(self, share: float, *, side_by_side: bool) -> tuple[Array, Array]:
        """Positions of both, each of shape (N, 3), the second at a share of its way from the first.

        At share 0 the second is where the first is, at 1 it is the second.
        """
        shift = self.shift if side_by_side else np.zeros(3)
        start = self.first.positions
        return start - shift / 2, start + share * self.difference + shift / 2


@dataclass(frozen=True)
class Comparison:
    """How the features of two structures differ at one order.

    Attributes
    ----------
    name
        Of the order.
    own
        Whether these are the features with which the twin was found.
    difference
        Norm of the difference, relative to the norm of the features; None if it is not known.
    problem
        A sentence that says why it is not known, if it cannot be.
    """

    name: str
    own: bool = False
    difference: float | None = None
    problem: str = ""

    @property
    def same(self) -> bool:
        """Whether the features are equal to rounding."""
        return self.difference is not None and self.difference <= SAME


def overlay(twin: Twin, descriptor: Descriptor) -> Overlay:
    """Lay the second environment of a twin on the first.

    Raises
    ------
    ValueError
        If the two environments are not of the same atoms.
    """
    first, second = (environment(atoms, twin.center, descriptor.cutoff) for atoms in twin.pair)
    found = superpose(second, first, center=0, inversion=descriptor.inversion_invariant)
    return Overlay(first, found.atoms, found.rmsd)


def list_orders(descriptor: Descriptor) -> list[tuple[Comparison, Descriptor | str]]:
    """Return what is to be compared, each with its descriptor, or why there is none."""
    if not isinstance(descriptor, DensityCorrelations):
        higher = descriptor.higher_order()
        own = Comparison(f"this one:\n{type(descriptor).__name__}", own=True)
        following = [] if higher is None else [(Comparison("next order"), higher)]
        return [(own, descriptor), *following]
    return [
        (Comparison(f"order {ORDERS[order].replace(': ', chr(10))}", own=order == descriptor.order),
         _of_order(descriptor, order))
        for order in range(1, LARGEST_ORDER + 1)
    ]  # fmt: skip


def compare(twin: Twin, which: Comparison, descriptor: Descriptor | str) -> Comparison:
    """Return the difference of the features of the center of a twin."""
    if isinstance(descriptor, str):
        return replace(which, problem=descriptor)
    try:
        first, second = (descriptor.features(atoms, centers=(twin.center,)) for atoms in twin.pair)
    except (ValueError, ArithmeticError, MemoryError) as error:
        return replace(which, problem=as_sentence(error))
    difference = float(np.linalg.norm(first - second) / np.linalg.norm(first))
    return replace(which, difference=difference)


def conclude(comparisons: list[Comparison]) -> str:
    """Say in a few words which orders tell two structures apart."""
    known = [each for each in comparisons if each.difference is not None]
    apart = [_short(each) for each in known if not each.same]
    if len(known) < len(comparisons) - sum(bool(each.problem) for each in comparisons):
        return "comparing the features ..."
    if not known:
        return "nothing could be compared"
    if not apart:
        return "none of these tells the two apart"
    return f"{_enumerate(apart)} {'tells' if len(apart) == 1 else 'tell'} the two apart"


def _of_order(descriptor: DensityCorrelations, order: int) -> Descriptor | str:
    if order == descriptor.order:
        return descriptor
    try:
        return refine(descriptor, "order", order)
    except ValueError as error:
        return as_sentence(error)


def _short(comparison: Comparison) -> str:
    return " ".join(comparison.name.split("\n")[0].rstrip(":").split())


def _enumerate(names: list[str]) -> str:
    """Names in a row: 'order 3 and order 4' is 'orders 3 and 4'."""
    if len(names) > 1 and all(name.startswith("order ") for name in names):
        numbers = [name.removeprefix("order ") for name in names]
        return f"orders {', '.join(numbers[:-1])} and {numbers[-1]}"
    return " and ".join(names)
