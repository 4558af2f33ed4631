"""Structures displaced along null and soft modes: training data, and starts without symmetry."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.numerics import Array, check_integer, check_real, takes_centers
from sensitivity.spectrum import spectrum

_KEPT = {"positions", "masses", "momenta", "initial_charges", "initial_magmoms"}

SMALLEST_SHARE = 0.5
"""Smallest over largest amount along a mode, so that no structure leaves one out."""

_FARTHEST = 1.0  # Å, of one atom: about a bond, beyond which modes mean nothing


@takes_centers
def rattle(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    amplitude: float,
    rng: np.random.Generator,
    count: int = 1,
    soft: int = 3,
    centers: Centers = None,
) -> list[Atoms]:
    """Return copies of a structure, displaced along its null modes and its softest visible modes.

    The descriptor sees least along these modes, and random displacements rarely follow them. A copy
    is moved along all of them at once, with random signs and amounts that differ by up to a factor
    of two. Where symmetry hides modes, the copy no longer has this symmetry, and its displacements
    are visible to first order.

    Parameters
    ----------
    atoms, descriptor, centers
        As for ``spectrum``, with the same errors.
    amplitude
        Å: norm of the displacement, the root of the summed squares over all atoms. It may move no
        atom by more than 1 Å.
    rng
        A generator of random numbers, such as ``numpy.random.default_rng(0)``.
    count
        Number of copies.
    soft
        Number of visible modes, those with the smallest singular values; all null modes are taken.

    Returns
    -------
    list of ase.Atoms
        Without results of the structure before, which can have any name, such as "REF_energy":
        real numbers in ``info``, and in ``arrays`` except positions, masses, momenta, initial
        charges and initial magnetic moments. Their ``info`` has the ``amplitude``, and the numbers
        of ``null_modes`` and ``soft_modes`` of the structure before.

    Raises
    ------
    TypeError, ValueError
        If an argument is unusable, or there is no such mode.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations, rattle, spectrum, structures
    >>> methane, descriptor = structures.load("Td"), DensityCorrelations()
    >>> spectrum(methane, descriptor, centers=[0]).rank
    1
    >>> rng = np.random.default_rng(0)
    >>> (moved,) = rattle(methane, descriptor, amplitude=0.1, rng=rng, centers=[0])
    >>> spectrum(moved, descriptor, centers=[0]).rank
    9
    """
    length = "a length above 0 Å"
    check_real(amplitude, "amplitude", length, accepts=lambda a: 0 < a < np.inf, remedy="try 0.1")
    count = check_integer(count, "count", "at least 1", accepts=lambda n: n >= 1)
    soft = check_integer(soft, "soft", "at least 0", accepts=lambda n: n >= 0)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}; try default_rng(0).")
    found = spectrum(atoms, descriptor, centers=centers)
    first = max(found.rank - soft, 0)
    modes, null = found.modes[first : found.internal], found.internal - found.rank
    if not len(modes):
        few = f"of {found.internal} internal displacements none is invisible; give soft=3"
        none = "the centers can see no internal displacement"
        raise ValueError(f"there is no mode to move along: {few if found.internal else none}.")
    facts = {"amplitude": float(amplitude), "null_modes": null, "soft_modes": len(modes) - null}
    units = [_combine(modes, rng) for _ in range(count)]
    _check_distance(amplitude, max(float(np.linalg.norm(u, axis=1).max()) for u in units))
    return [_displace(atoms, amplitude * unit, facts) for unit in units]


def _check_distance(amplitude: float, largest: float) -> None:
    """Raise ValueError if the amplitude, times the largest part of an atom, is too long."""
    if amplitude * largest > _FARTHEST:
        raise ValueError(
            f"amplitude must move every atom by at most {_FARTHEST:g} Å, got {amplitude:g} Å, "
            f"which moves one by {amplitude * largest:.3g} Å; try 0.1."
        )


def _combine(modes: Array, rng: np.random.Generator) -> Array:
    """Return a combination of all modes, shape (n, N, 3), of unit norm."""
    weights = rng.choice([-1.0, 1.0], len(modes)) * rng.uniform(SMALLEST_SHARE, 1.0, len(modes))
    return np.asarray(np.tensordot(weights / np.linalg.norm(weights), modes, axes=1))


def _displace(atoms: Atoms, displacement: Array, facts: dict[str, float]) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += displacement
    for name in set(moved.arrays) - _KEPT:
        if _is_result(moved.arrays[name]):
            del moved.arrays[name]
    moved.info = {k: value for k, value in moved.info.items() if not _is_result(value)} | facts
    return moved


def _is_result(value: object) -> bool:
    """Return True for anything but text, whole numbers and truth values, of any shape."""
    return np.asarray(value).dtype.kind not in "USbiu"
