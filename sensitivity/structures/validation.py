"""Checks of structures, centers and cutoffs; each error is one clear sentence."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from ase import Atoms

from sensitivity.numerics import check_integer, check_real

HEAVIEST = 118  # atomic number of oganesson, the last named element

NEAREST = 0.2
"""Å. No two nuclei are this near, nor an atom and its image: H2 has 0.74 Å, and rounding of
fractional coordinates separates copies of one atom by some 0.01 Å at most."""


def check_geometry(atoms: Atoms) -> None:
    """Refuse a structure that cannot be analysed, without a search for coinciding atoms.

    Raises TypeError if ``atoms`` is not an ``ase.Atoms``; ValueError if there is no atom, an atomic
    number is of no element, a position is NaN or infinite, a periodic direction has no usable cell
    vector, or an atom and its periodic image are nearer than any two nuclei.
    """
    _check_atoms(atoms)
    strange = (atoms.numbers < 0) | (atoms.numbers > HEAVIEST)
    if strange.any():
        index = int(np.argmax(strange))
        raise ValueError(
            f"atomic numbers must be from 1 to {HEAVIEST}, or 0 for a dummy atom, got "
            f"{atoms.numbers[index]} for atom {index}; correct or remove it."
        )
    finite = np.isfinite(atoms.positions)
    if not finite.all():
        index = int(np.argmin(finite.all(axis=1)))
        raise ValueError(
            f"positions must be finite numbers in Å, got {atoms.positions[index].tolist()} for "
            f"atom {index} ({atoms.symbols[index]}); correct or remove this atom."
        )
    if atoms.pbc.any():
        _check_cell(atoms)


def _check_atoms(atoms: Atoms) -> None:
    if not isinstance(atoms, Atoms):
        raise TypeError(
            f"atoms must be an ase.Atoms, got {type(atoms).__name__}; "
            "use sensitivity.structures.read(path) or load(name) to make one."
        )
    if len(atoms) == 0:
        raise ValueError("the structure has no atoms, expected at least one; check the input.")


def _check_cell(atoms: Atoms) -> None:
    from ase.geometry import minkowski_reduce

    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    lengths = np.linalg.norm(vectors, axis=1)
    usable = bool(np.isfinite(vectors).all() and (lengths > 0).all())
    if usable:
        units = vectors / lengths[:, None]
        flat = 1e-6  # area or volume: an angle of a millionth of a radian is an error
        usable = bool(np.linalg.det(units @ units.T) > flat**2)
    if not usable:
        raise ValueError(
            f"a structure periodic along {', '.join(np.array(list('abc'))[atoms.pbc])} needs "
            f"finite, independent, non-zero cell vectors there, got {vectors.tolist()}; set the "
            "cell, or set pbc to False."
        )
    # No combination of cell vectors is shorter than their smallest singular value.
    if np.linalg.eigvalsh(vectors @ vectors.T)[0] > 1.01 * NEAREST**2:
        return
    # A cell can be thin in one direction even if its images are far apart.
    reduced, _ = minkowski_reduce(atoms.cell.array, atoms.pbc)
    nearest = float(np.linalg.norm(reduced[atoms.pbc], axis=1).min())
    if nearest < NEAREST:
        raise ValueError(
            f"atoms overlap: atom 0 and its periodic image are {nearest:.3g} Å apart, less than "
            f"{NEAREST} Å; check the cell and its unit, or set pbc to False."
        )


def check_cutoff(cutoff: float) -> float:
    """Return the cutoff as a float.

    Parameters
    ----------
    cutoff
        Å.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not finite and positive, or beyond the range of double precision.

    Examples
    --------
    >>> from sensitivity import structures
    >>> structures.check_cutoff(3)
    3.0
    """
    check = partial(check_real, cutoff, "cutoff", remedy="give a number such as 3.5")
    check("a positive, finite length in Å", accepts=lambda length: 0 < length < np.inf)
    # Beyond these, powers of the cutoff leave the range of double precision.
    least, most = 1e-6, 1e9
    return check(f"from {least:g} to {most:g} Å", accepts=lambda length: least <= length <= most)


def check_centers(atoms: Atoms, centers: Iterable[int] | None) -> tuple[int, ...]:
    """Return the indices of the centers, in the order given.

    Parameters
    ----------
    atoms
        The structure.
    centers
        Indices; None stands for every atom.

    Raises
    ------
    TypeError
        If ``atoms`` is not an ``ase.Atoms``, or a center is not an integer.
    ValueError
        If there is no atom or no center, one does not exist, or one is given twice.

    Examples
    --------
    >>> from sensitivity import structures
    >>> water = structures.load("H2O")
    >>> structures.check_centers(water, None), structures.check_centers(water, [2, 0])
    ((0, 1, 2), (2, 0))
    """
    _check_atoms(atoms)
    if centers is None:
        return tuple(range(len(atoms)))
    if not isinstance(centers, Iterable) or isinstance(centers, str):
        raise TypeError(
            f"centers must be a sequence of atom indices, got {centers!r}; give e.g. centers=[0]."
        )
    count, chosen = len(atoms), tuple(centers)
    if not all(type(center) is int and 0 <= center < count for center in chosen):
        chosen = tuple(_check_center(center, count=count) for center in chosen)
    if not chosen:
        raise ValueError(
            "centers must name at least one atom, got none; give e.g. centers=[0], or None for all."
        )
    if len(set(chosen)) < len(chosen):
        twice = next(center for center in chosen if chosen.count(center) > 1)
        raise ValueError(
            f"every center must be given once, got {twice} more than once; remove the repetition."
        )
    return chosen


def _check_center(center: int, *, count: int) -> int:
    choice = "0" if count == 1 else f"an integer from 0 to {count - 1}"
    expected, remedy = "the integer index of an atom", f"give {choice}"
    center = check_integer(center, "a center", expected, accepts=lambda _: True, remedy=remedy)
    if not 0 <= center < count:
        raise ValueError(
            f"center {center} does not exist: the structure has {count} "
            f"atom{'s' if count != 1 else ''}, counted from 0; give {choice}."
        )
    return center
