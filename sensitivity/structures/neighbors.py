"""Pairs of atoms, and of atoms and periodic images, within a cutoff."""

from __future__ import annotations

from itertools import product
from math import pi
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices, Tolerance
from sensitivity.structures.validation import NEAREST, check_cutoff, check_geometry


class Pairs(NamedTuple):
    """Ordered pairs (i, j), each pair of atoms appearing as (i, j) and as (j, i).

    Several images of one atom are several pairs, and images of atom i itself are pairs (i, i).
    """

    i: Indices  # (pairs,), increasing
    j: Indices  # (pairs,)
    vectors: Array  # (pairs, 3), Å, from atom i to that image of atom j


def check(atoms: Atoms) -> None:
    """Refuse a structure that has no answer, and return nothing if it has one.

    Raises
    ------
    TypeError
        If ``atoms`` is not an ``ase.Atoms``.
    ValueError
        If there is no atom, an atomic number is of no element, a position is NaN or infinite, a
        periodic direction has no usable cell vector, or two atoms, or an atom and an image, are
        nearer than any two nuclei.
    """
    _check_distinct(atoms, neighbor_pairs(atoms, NEAREST), nearest=NEAREST)


def neighbor_pairs(atoms: Atoms, cutoff: float) -> Pairs:
    """Return every pair closer than ``cutoff`` (Å): the full list, sorted by its first atom.

    Cells smaller than the cutoff, skewed cells, mixed periodicity and atoms outside the cell are
    all correct; cell vectors of directions that are not periodic are ignored. The search is that
    of vesin, but for small molecules, and for boxes so large or flat that vesin fails on them.

    Raises
    ------
    TypeError, ValueError
        If the structure or the cutoff is unusable (see ``check``), if two atoms are at one place,
        or if the pairs would not fit into memory.
    """
    check_geometry(atoms)
    cutoff = check_cutoff(cutoff)
    radius = max(cutoff, 1.0)  # vesin refuses cutoffs below about 1e-6 Å
    few = 40  # all distances of a molecule are found faster than the near ones
    if len(atoms) <= few and not atoms.pbc.any():
        pairs = _search_all(atoms, radius)
    else:
        _check_memory(atoms, cutoff)
        # vesin 0.6.2 ends the process with a floating-point exception when a flat or long box takes
        # more than 1e5 of its cells, such as a sheet of 1000 Å by 1000 Å.
        many = 2e4
        search = _search_grid if _count_cells(atoms, radius) < many else _search_tree
        pairs = search(atoms, radius)
    squares = _check_distinct(atoms, pairs, nearest=Tolerance.ONE_PLACE)
    near = squares < cutoff**2
    return pairs if radius == cutoff else Pairs(pairs.i[near], pairs.j[near], pairs.vectors[near])


def _search_all(atoms: Atoms, cutoff: float) -> Pairs:
    """Do the same for a small molecule, from all its distances."""
    vectors = atoms.positions - atoms.positions[:, None]  # [i, j, xyz]
    near = np.einsum("ijx,ijx->ij", vectors, vectors) < cutoff**2
    np.fill_diagonal(near, False)
    i, j = map(np.ascontiguousarray, np.nonzero(near))
    return Pairs(i, j, vectors[near])


def _search_grid(atoms: Atoms, cutoff: float) -> Pairs:
    # vesin imports PyTorch and CuPy where they are installed, which takes seconds.
    from vesin import NeighborList

    # More threads do not help up to 512 atoms, and cost 0.1 ms to wake for 8.
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    pairs, vectors = search.compute(atoms.positions, atoms.cell.array, atoms.pbc, "PD")
    i, j = np.ascontiguousarray(pairs.T, dtype=np.intp)
    return Pairs(i, j, vectors)


def _search_tree(atoms: Atoms, cutoff: float) -> Pairs:
    """Do the same with a tree of all images near the cell: slower, at any extent and shape."""
    from scipy.spatial import KDTree

    wrapped = _wrap(atoms)
    images, owners = _near_images(atoms, wrapped, cutoff=cutoff)
    found = KDTree(wrapped).sparse_distance_matrix(KDTree(images), cutoff, output_type="ndarray")
    i, image = found["i"].astype(np.intp), found["j"].astype(np.intp)
    other = i != image  # the first images are the atoms themselves
    order = np.lexsort((image[other], i[other]))
    i, image = i[other][order], image[other][order]
    return Pairs(i, owners[image], images[image] - wrapped[i])


def _wrap(atoms: Atoms) -> Array:
    """Positions moved into the cell along the periodic directions."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    fractions = atoms.positions @ np.linalg.pinv(vectors)  # [atom, periodic direction]
    return np.asarray(atoms.positions - np.floor(fractions) @ vectors)


def _near_images(atoms: Atoms, wrapped: Array, *, cutoff: float) -> tuple[Array, Indices]:
    """Images within the cutoff of the box around the atoms, those in the cell first."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    reach = np.ceil(cutoff * np.linalg.norm(np.linalg.pinv(vectors), axis=0)).astype(int) + 1
    shifts = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=float)
    # [shift, periodic direction], zero first
    shifts = shifts[np.argsort(np.abs(shifts).sum(axis=1), kind="stable")]
    images = (shifts @ vectors)[:, None] + wrapped  # [shift, atom, xyz]
    low, high = wrapped.min(axis=0) - cutoff, wrapped.max(axis=0) + cutoff
    near = ((images >= low) & (images <= high)).all(axis=2)  # [shift, atom]
    return images[near], np.nonzero(near)[1]


def _count_cells(atoms: Atoms, cutoff: float) -> float:
    """Cubes with an edge of one cutoff in a box that holds the atoms and the cell."""
    cell = np.abs(atoms.cell.array[atoms.pbc]).sum(axis=0)
    x, y, z = (atoms.positions.max(axis=0) - atoms.positions.min(axis=0) + cell) / cutoff + 1.0
    return float(x * y * z)


def _check_distinct(atoms: Atoms, pairs: Pairs, *, nearest: float) -> Array:
    """Return the squared lengths of the pairs, (pairs,), if none is as short as that."""
    squares = np.einsum("px,px->p", pairs.vectors, pairs.vectors)
    if len(squares) == 0 or squares.min() > nearest**2:
        return np.asarray(squares)
    first = int(np.argmin(squares))
    i, j = int(pairs.i[first]), int(pairs.j[first])
    direct = np.allclose(pairs.vectors[first], atoms.positions[j] - atoms.positions[i])
    image = "" if direct else ", a periodic image,"
    who = f"atom {i} and its periodic image" if i == j else f"atoms {i} and {j}{image}"
    raise ValueError(
        f"atoms overlap: {who} are {squares[first] ** 0.5:.3g} Å apart ({atoms.symbols[i]} and "
        f"{atoms.symbols[j]}); move or remove one."
    )


def _check_memory(atoms: Atoms, cutoff: float) -> None:
    expected = _estimate_pairs(atoms, cutoff)
    size = 8 + 8 + 24 + 12  # bytes of i, j, vector and shift of the image; and of their copies
    require_memory(
        2 * expected * size,
        purpose=f"about {expected:.1e} pairs of neighbours within a cutoff of {cutoff:g} Å",
        remedy="choose a smaller cutoff",
    )


def _estimate_pairs(atoms: Atoms, cutoff: float) -> float:
    """Pairs if the atoms were spread evenly over the periodic directions; 0 for a molecule.

    A molecule holds at most one pair per two atoms, however large the cutoff.
    """
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    if len(vectors) == 0:
        return 0.0
    measure = np.sqrt(np.linalg.det(vectors @ vectors.T))  # length, area or volume of the cell
    ball = (2 * cutoff, pi * cutoff**2, 4 / 3 * pi * cutoff**3)[len(vectors) - 1]
    return float(len(atoms) ** 2 * ball / measure)
