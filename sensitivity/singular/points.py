"""A singular point: where it is, how it was reached, and what is not seen there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array


@dataclass(frozen=True)
class SingularPoint:
    """A geometry at which a center does not see some internal displacement.

    Attributes
    ----------
    atoms
        The structure there, N atoms; if the search did not converge, as far as it came.
    center
        Index of the center.
    moved
        Å: distance from the start, root of the summed squares over all atoms.
    condition
        Smallest over largest singular value of the internal displacements; 0 is singular.
    mode
        Shape (N, 3), unit norm: the displacement with the smallest singular value; of several that
        are null, the one that symmetry has least to do with.
    null
        Shape (m, N, 3), orthonormal: all that are null, ``mode`` the first. None if the search did
        not converge.
    converged
        Whether the condition is at most 1e-12, a zero is at most 1e-6 Å away to first order, and
        nothing is there that was to be avoided.
    evaluations
        Number of Jacobians, of all that was tried.
    path
        Shape (steps, N, 3), Å: positions on the way, the start first and ``atoms`` last.
    status
        What was found, in a sentence.
    others
        Further points by growing distance, if more than one was asked for; each is a
        ``SingularPoint`` without others.
    interrupted
        Whether Ctrl-C, or ``progress``, ended the search.
    """

    atoms: Atoms
    center: int
    moved: float
    condition: float
    mode: Array
    null: Array
    converged: bool
    evaluations: int
    path: Array
    status: str
    others: tuple[SingularPoint, ...] = ()
    interrupted: bool = False

    def __post_init__(self) -> None:
        for array in (self.mode, self.null, self.path):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return f"SingularPoint({self.atoms.symbols}, center={self.center}: {self.status})"


def describe_unsearched(atoms: Atoms, *, center: int, status: str) -> SingularPoint:
    """Return the start, where a search ended before anything was computed."""
    return SingularPoint(
        atoms=atoms.copy(),
        center=center,
        moved=0.0,
        condition=float("nan"),
        mode=np.zeros_like(atoms.positions),
        null=np.empty((0, *atoms.positions.shape)),
        converged=False,
        evaluations=0,
        path=atoms.positions[None].copy(),
        status=status,
        interrupted=True,
    )
