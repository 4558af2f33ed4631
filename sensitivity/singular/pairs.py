"""A pair of structures that are not told apart: what they are, and how one knows."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Tolerance
from sensitivity.singular.points import SingularPoint


@dataclass(frozen=True)
class Twin:
    """A pair of structures with the same features of a center.

    Attributes
    ----------
    pair
        The two structures; if there is no twin, as near to it as the search came.
    center
        Index of the center.
    point
        The singular point between them.
    amplitude
        Å, root of the summed squares: half the distance of the two along the null displacement; 0
        if no pair was tried. If the search was ended, it is the amplitude that was reached.
    residual
        Norm of the difference of their features, relative to the norm of the features.
    rmsd
        Å, root mean square distance of the atoms of the two environments after the best
        superposition, over rotations, permutations of like atoms, and inversion if the descriptor
        does not see it.
    larger_basis
        Norm of the difference of the features of a larger basis of the same order, relative to
        their norm; None if there is none that could be compared, or if the search was ended. The
        twins are by truncation if it is above 1e-10, else by incompleteness of the order.
    next_order
        The same of the next order.
    next_descriptor
        What was compared as the next order, which has a basis of its own; or None.
    found
        True if the two are distinct and their features agree to rounding. Distinct means that they
        are further apart than rounding, and what is left of the difference of their features,
        could explain.
    steps
        Number of Gauss-Newton steps.
    status
        The outcome in a sentence.
    interrupted
        True if the search was ended, by Ctrl-C or by a caller; ``status`` says by which.
    """

    pair: tuple[Atoms, Atoms]
    center: int
    point: SingularPoint
    amplitude: float = 0.0
    residual: float = 0.0
    rmsd: float = 0.0
    larger_basis: float | None = None
    next_order: float | None = None
    next_descriptor: Descriptor | None = None
    found: bool = False
    steps: int = 0
    status: str = ""
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"Twin({self.pair[0].symbols}, center={self.center}: {self.status})"


def describe_no_pair(point: SingularPoint, status: str, *, interrupted: bool) -> Twin:
    """Return a point where there is no twin, or none was looked for, and why."""
    pair = (point.atoms.copy(), point.atoms.copy())
    return Twin(pair, point.center, point, status=status, interrupted=interrupted)


def say_found(twin: Twin) -> str:
    """Say of two structures that they are twins, and why they are."""
    why = "no larger basis is there to compare"
    if (lifted := twin.larger_basis) is not None:
        why = f"a larger basis does not tell them apart ({lifted:.0e}): incompleteness"
        if lifted > Tolerance.DIFFERENT_FEATURES:
            why = f"by truncation: a larger basis tells them apart by {lifted:.1e}"
    apart = "no higher order is there to compare"
    if twin.next_order is not None:
        apart = f"at the next order they differ by {twin.next_order:.1e}"
    return f"Two structures {_same(twin)}; {why}; {apart}."


def say_not_found(residual: float, rmsd: float, *, same: bool, congruent: bool) -> str:
    """Say of two structures why they are no twins."""
    if not same:
        return (
            f"No twin was found: the features of the two branches agree to {residual:.0e} of their "
            "norm only; try a smaller amplitude."
        )
    if congruent:
        return (
            "There is no twin: the two branches are the same structure, turned or with like atoms "
            "exchanged."
        )
    return (
        f"No twin was found: the two branches are {rmsd:.0e} Å apart (root mean square), no more "
        "than what is left of the difference of their features may explain; try a larger amplitude."
    )


def say_ended(ending: str, twin: Twin) -> str:
    """Say how far the search was when it was "cancelled" or "interrupted"."""
    where = f"{ending.capitalize()} at an amplitude of {twin.amplitude:.3f} Å"
    known = f"the features of the two branches agree to {twin.residual:.0e} of their norm so far"
    if twin.found:
        known = f"two structures {_same(twin)}"
    return f"{where} (root of the summed squares): {known}."


def _same(twin: Twin) -> str:
    return f"{twin.rmsd:.3f} Å apart (root mean square) have features equal to {twin.residual:.0e}"
