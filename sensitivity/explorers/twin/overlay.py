"""Two superposed structures, and the difference of their features at each correlation order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.explorers.parts.inputs import ORDERS
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.numerics import Array
from sensitivity.plots.camera import choose_view
from sensitivity.singular import Twin, superpose
from sensitivity.structures import environment

SAME = 1e-12
"""Relative to the features: differences up to this are rounding. Twins agree to 1e-13 at their own
order; at a lower one the same rounding is compared with fewer and smaller features."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two environments of a center, the second superposed on the first.

    That is, in the same order of atoms, rotated, like atoms exchanged, and mirrored if that fits
    better and the descriptor does not see it.
    """

    first: Atoms  # N atoms, the center first
    second: Atoms
    rmsd: float  # Å, root mean square distance of the atoms

    @property
    def difference(self) -> Array:
        """Shape (N, 3), in Å: the displacement from the first to the second."""
        return np.asarray(self.second.positions - self.first.positions)

    @cached_property
    def view(self) -> Array:
        """Shape (3, 3): the view that shows the difference; rows are right, up, to the viewer."""
        return choose_view(self.first, self.difference)

    def place(self, share: float, *, side_by_side: bool) -> tuple[Array, Array]:
        """Return the positions of both, each of shape (N, 3), with the second interpolated.

        At share 0 the second is where the first is, at 1 it is the second.
        """
        start, right, gap = self.first.positions, self.view[0], 1.5  # Å
        width = np.ptp(np.concatenate([start, self.second.positions]) @ right) + gap
        shift = width * side_by_side * right
        return start - shift / 2, start + share * self.difference + shift / 2


@dataclass(frozen=True)
class OrderComparison:
    """The difference between the features of two structures at one order."""

    name: str  # of the order
    descriptor: Descriptor | None  # of this order, if there is one
    own: bool = False  # true of the features with which the twin was found
    difference: float | None = None  # relative to the norm of the features, if it is known
    problem: str = ""  # a sentence that says why it cannot be known

    @property
    def tried(self) -> bool:
        """True if the difference is known, or the problem is."""
        return self.difference is not None or bool(self.problem)

    @property
    def same(self) -> bool:
        """True if the features are equal to rounding."""
        return self.difference is not None and self.difference <= SAME

    @property
    def complaint(self) -> str:
        """The name and the problem; empty if there is none."""
        name = " ".join(self.name.split())
        return f"{name[:1].upper()}{name[1:]}: {self.problem}" if self.problem else ""


def overlay(twin: Twin, descriptor: Descriptor) -> Overlay:
    """Superpose the second environment of a twin on the first; ValueError if atoms differ."""
    first, second = (environment(atoms, twin.center, descriptor.cutoff) for atoms in twin.pair)
    found = superpose(second, first, center=0, inversion=descriptor.inversion_invariant)
    return Overlay(first, found.atoms, found.rmsd)


def list_orders(descriptor: Descriptor) -> list[OrderComparison]:
    """Return the comparisons to be made, one per order that can be reached."""
    known = with_defaults(descriptor)
    if known.order is None:
        own = OrderComparison(f"this one:\n{known.name}", descriptor, own=True)
        higher = known.higher_order()
        return [own, *([] if higher is None else [OrderComparison("next order", higher)])]
    found = []
    for order, title in sorted({known.order: str(known.order), **ORDERS}.items()):
        name, mine = f"order {title.replace(': ', chr(10))}", order == known.order
        try:
            other = descriptor if mine else known.of_order(order)
        except ValueError as error:
            found.append(OrderComparison(name, None, problem=as_sentence(error)))
        else:
            found += [] if other is None else [OrderComparison(name, other, mine)]
    return found


def compare(twin: Twin, which: OrderComparison) -> OrderComparison:
    """Return the difference of the features of the center of a twin."""
    if which.descriptor is None:
        return which
    centers = (twin.center,)
    try:
        first, second = (which.descriptor.features(atoms, centers=centers) for atoms in twin.pair)
    except (ValueError, ArithmeticError, MemoryError) as error:
        return replace(which, problem=as_sentence(error))
    difference = float(np.linalg.norm(first - second) / np.linalg.norm(first))
    return replace(which, difference=difference)


def compare_all(twin: Twin, orders: Sequence[OrderComparison]) -> Iterator[list[OrderComparison]]:
    """Yield all comparisons, of which more and more are known."""
    found = list(orders)
    for k, which in enumerate(orders):
        found[k] = compare(twin, which)
        yield list(found)


def conclude(comparisons: list[OrderComparison]) -> str:
    """Return a phrase that names the orders that tell two structures apart."""
    known = [each for each in comparisons if each.difference is not None]
    apart = [each.name.split("\n")[0].rstrip(":") for each in known if not each.same]
    if not all(each.tried for each in comparisons):
        return "comparing the features ..."
    if not known:
        return "nothing could be compared"
    if not apart:
        return "none of these tells the two apart"
    return f"{_enumerate(apart)} {'tells' if len(apart) == 1 else 'tell'} the two apart"


def _enumerate(names: list[str]) -> str:
    """Join names; 'order 3 and order 4' becomes 'orders 3 and 4'."""
    if len(names) > 1 and all(name.startswith("order ") for name in names):
        numbers = [name.removeprefix("order ") for name in names]
        return f"orders {', '.join(numbers[:-1])} and {numbers[-1]}"
    return " and ".join(names)
