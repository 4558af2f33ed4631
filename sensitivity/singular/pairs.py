"""A pair of structures that are not told apart: what they are, and how one knows."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

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
        Å: half the distance of the two along the null displacement; 0 if no pair was tried. After
        an interrupt it is that which was reached.
    residual
        Norm of the difference of their features, relative to the norm of the features.
    rmsd
        Å, root mean square distance of the atoms of the two environments after the best
        superposition, over rotations, permutations of like atoms, and inversion if the descriptor
        does not see it.
    next_order
        Norm of the difference of the features of the next order, relative to their norm; None if
        there is no next order, or if the search was interrupted.
    found
        Whether the two are distinct and their features agree to rounding. Distinct means that they
        are further apart than rounding, and what is left of the difference of their features,
        could explain.
    steps
        Number of Gauss-Newton steps.
    status
        What was found, in a sentence.
    interrupted
        Whether Ctrl-C, or ``progress``, ended the search.
    """

    pair: tuple[Atoms, Atoms]
    center: int
    point: SingularPoint
    amplitude: float
    residual: float
    rmsd: float
    next_order: float | None
    found: bool
    steps: int
    status: str
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"Twin({self.pair[0].symbols}, center={self.center}: {self.status})"


def describe_no_pair(point: SingularPoint, status: str, *, interrupted: bool = False) -> Twin:
    """Return a point where there is no twin, or none was looked for, and why."""
    pair = (point.atoms.copy(), point.atoms.copy())
    return Twin(pair, point.center, point, 0.0, 0.0, 0.0, None, False, 0, status, interrupted)


def say_found(residual: float, rmsd: float, difference: float | None) -> str:
    """Say of two structures that they are twins."""
    apart = (
        "no higher order is there to compare"
        if difference is None
        else f"the next order differs by {difference:.1e}"
    )
    return f"Two structures {rmsd:.3f} Å apart have features equal to {residual:.0e}; {apart}."


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
        f"No twin was found: the two branches are {rmsd:.0e} Å apart, no more than what is left of "
        "the difference of their features may explain; try a larger amplitude."
    )


def say_interrupted(residual: float, rmsd: float, amplitude: float, *, found: bool) -> str:
    """Say what there was at an interrupt."""
    where = f"Interrupted at an amplitude of {amplitude:.3f} Å:"
    if found:
        return f"{where} two structures {rmsd:.3f} Å apart have features equal to {residual:.0e}."
    return f"{where} the features of the two branches agree to {residual:.0e} of their norm so far."
