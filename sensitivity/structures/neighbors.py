"""Neighbours within a cutoff, periodic images included: pairs, and environments of atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import pi
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices, Mask, takes_center
from sensitivity.structures.validation import (
    HEAVIEST,
    NEAREST,
    check_centers,
    check_cutoff,
    check_geometry,
)
from sensitivity.tolerances import Tolerance

_FEW = 40  # atoms, up to which computing all distances is faster than a search


class Pairs(NamedTuple):
    """Ordered pairs (i, j), each pair of atoms appearing as (i, j) and as (j, i).

    Several images of one atom are separate pairs, and images of atom i itself are pairs (i, i).

    Examples
    --------
    >>> from sensitivity import structures
    >>> pairs = structures.neighbor_pairs(structures.load("H2O"), 1.2)
    >>> list(zip(pairs.i.tolist(), pairs.j.tolist()))
    [(0, 1), (0, 2), (1, 0), (2, 0)]
    >>> pairs.vectors.shape
    (4, 3)
    """

    i: Indices  # (pairs,), increasing
    j: Indices  # (pairs,)
    vectors: Array  # (pairs, 3), Å, from atom i to that image of atom j


def check(atoms: Atoms) -> None:
    """Refuse a structure that cannot be analysed; return nothing.

    Parameters
    ----------
    atoms
        The structure.

    Raises
    ------
    TypeError, ValueError
        As ``check_geometry``, and ValueError if two atoms, or an atom and an image, are nearer
        than any two nuclei.

    Examples
    --------
    >>> from ase import Atoms
    >>> from sensitivity import structures
    >>> structures.check(structures.load("H2O"))
    >>> structures.check(Atoms("H2", [(0, 0, 0), (0, 0, 0.1)]))
    Traceback (most recent call last):
        ...
    ValueError: atoms overlap: atoms 0 and 1 are 0.1 Å apart (H and H); move or remove one.
    """
    _check_distinct(atoms, neighbor_pairs(atoms, NEAREST), nearest=NEAREST)


def neighbor_pairs(atoms: Atoms, cutoff: float) -> Pairs:
    """Return every pair closer than the cutoff: the full list, sorted by its first atom.

    Cells smaller than the cutoff, skewed cells, mixed periodicity and atoms outside the cell are
    supported; cell vectors along non-periodic directions are ignored. vesin does the search, except
    for small molecules, and for boxes so large or flat that vesin fails.

    Parameters
    ----------
    atoms
        The structure.
    cutoff
        Å.

    Raises
    ------
    TypeError, ValueError
        If the structure or the cutoff is unusable (see ``check``), two atoms coincide, or the
        pairs would not fit into memory.

    Examples
    --------
    >>> from sensitivity import structures
    >>> aluminium = structures.load("Al-fcc")
    >>> len(aluminium), len(structures.neighbor_pairs(aluminium, 3.0).i)
    (1, 12)
    """
    check_geometry(atoms)
    cutoff = check_cutoff(cutoff)
    radius = max(cutoff, 1.0)  # vesin refuses cutoffs below about 1e-6 Å
    if len(atoms) <= _FEW and not atoms.pbc.any():
        pairs = _search_all(atoms.positions.tobytes(), radius)
    else:
        _check_memory(atoms, cutoff)
        # vesin 0.6.2 ends the process with a floating-point exception if a flat or long box takes
        # more than 1e5 of its cells, such as a sheet of 1000 Å by 1000 Å.
        many = 2e4
        extent = np.ptp(atoms.positions, axis=0) + np.abs(atoms.cell.array[atoms.pbc]).sum(axis=0)
        cells = np.prod(extent / radius + 1.0)
        pairs = (_search_grid if cells < many else _search_tree)(atoms, radius)
    squares = _check_distinct(atoms, pairs, nearest=Tolerance.ONE_PLACE)
    near = squares < cutoff**2
    return pairs if radius == cutoff else Pairs(pairs.i[near], pairs.j[near], pairs.vectors[near])


def molecules_pairs(structures: Sequence[Atoms], cutoff: float) -> list[Pairs | None]:
    """Return the pairs of small molecules, those with equally many atoms at once.

    None for all others: large or periodic structures, and those that ``check`` refuses.
    """
    radius = check_cutoff(cutoff)
    found: list[Pairs | None] = [None] * len(structures)
    sizes: dict[int, list[int]] = {}
    for place, atoms in enumerate(structures):
        if isinstance(atoms, Atoms) and 0 < len(atoms) <= _FEW and not atoms.pbc.any():
            sizes.setdefault(len(atoms), []).append(place)
    for places in sizes.values():
        positions = np.array([structures[place].positions for place in places])
        numbers = np.array([structures[place].numbers for place in places])
        known = np.logical_and(numbers >= 0, numbers <= HEAVIEST).all(axis=1)
        finite = np.isfinite(positions).all(axis=(1, 2))
        positions[~finite] = 0.0
        pairs = _search_molecules(positions, np.asarray(known & finite), radius)
        for place, each in zip(places, pairs, strict=True):
            found[place] = each
    return found


def _search_molecules(positions: Array, usable: Mask, cutoff: float) -> Iterator[Pairs | None]:
    """Yield the pairs of molecules, (f, N, 3); None for those with coinciding atoms, too."""
    vectors = positions[:, None] - positions[:, :, None]  # [f, i, j, xyz]
    squares = np.einsum("fijx,fijx->fij", vectors, vectors)
    squares[:, np.arange(positions.shape[1]), np.arange(positions.shape[1])] = np.inf
    apart = squares.min(axis=(1, 2)) >= NEAREST**2  # not with NaN
    near = squares < cutoff**2
    f, i, j = np.nonzero(near)
    i, j, seen = np.ascontiguousarray(i), np.ascontiguousarray(j), vectors[near]
    edges = np.searchsorted(f, np.arange(len(positions) + 1)).tolist()
    for number, (start, end) in enumerate(pairwise(edges)):
        part = slice(start, end)
        yield Pairs(i[part], j[part], seen[part]) if apart[number] and usable[number] else None


@takes_center
def environment(atoms: Atoms, center: int, cutoff: float) -> Atoms:
    """Return the center, moved to the origin as atom 0, and its neighbours within the cutoff.

    Periodic images become separate atoms, so every neighbour moves independently. The result is not
    periodic. Neighbours keep the order of the structure; the array ``source`` gives the index of
    each atom in the structure.

    Parameters
    ----------
    atoms
        The structure.
    center
        Index of the center.
    cutoff
        Å.

    Raises
    ------
    TypeError, ValueError
        If an argument is unusable.

    Examples
    --------
    >>> from sensitivity import structures
    >>> around = structures.environment(structures.load("Si-diamond"), 0, cutoff=2.5)
    >>> around.get_chemical_formula(), around.positions[0].tolist()
    ('Si5', [0.0, 0.0, 0.0])
    >>> around.arrays["source"].tolist()
    [0, 1, 3, 5, 7]
    """
    source, vectors = surroundings(atoms, center, cutoff)
    molecule = Atoms(numbers=atoms.numbers[source], positions=vectors)
    molecule.arrays["source"] = source
    return molecule


def surroundings(atoms: Atoms, center: int, cutoff: float) -> tuple[Indices, Array]:
    """Return indices (m,) and vectors (m, 3), Å, of the center and its neighbours in ``cutoff``."""
    pairs = neighbor_pairs(atoms, cutoff)
    (center,) = check_centers(atoms, (center,))
    own = np.flatnonzero(pairs.i == center)
    own = own[np.argsort(pairs.j[own], kind="stable")]
    vectors = np.concatenate([np.zeros((1, 3)), pairs.vectors[own]])
    return np.concatenate([[center], pairs.j[own]]), vectors


def explain_immobility(atoms: Atoms, *, cutoff: float, centers: Sequence[int]) -> str:
    """Explain why centers have no internal displacement, and how to fix it.

    Either they have no neighbour within the cutoff, in Å, or all their neighbours are periodic
    images of themselves, as in a crystal with one atom per cell.
    """
    one = len(centers) == 1
    if not np.isin(neighbor_pairs(atoms, cutoff).i, centers).any():
        return (
            f"{'it has no' if one else 'none has a'} neighbour within {cutoff:g} Å; choose "
            f"{'a center' if one else 'centers'} with neighbours, or a larger cutoff"
        )
    return (
        f"all neighbours within {cutoff:g} Å are images of {'the center' if one else 'centers'}, "
        f"and move with {'it' if one else 'them'}; use a supercell, or extract the environment as "
        "a molecule, in which every neighbour moves independently"
    )


@lru_cache(maxsize=4)
def _search_all(positions: bytes, cutoff: float) -> Pairs:
    """Return all pairs, read-only; cached, as Jacobian and trivial motions use the same."""
    places = np.frombuffer(positions).reshape(-1, 3)
    vectors = places - places[:, None]  # [i, j, xyz]
    near = np.einsum("ijx,ijx->ij", vectors, vectors) < cutoff**2
    np.fill_diagonal(near, False)
    i, j = map(np.ascontiguousarray, np.nonzero(near))
    pairs = Pairs(i, j, vectors[near])
    for each in pairs:
        each.setflags(write=False)
    return pairs


def _search_grid(atoms: Atoms, cutoff: float) -> Pairs:
    # vesin imports PyTorch and CuPy if installed, which takes seconds.
    from vesin import NeighborList

    # More threads do not help up to 512 atoms, and waking 8 of them costs 0.1 ms.
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    pairs, vectors = search.compute(atoms.positions, atoms.cell.array, atoms.pbc, "PD")
    i, j = np.ascontiguousarray(pairs.T, dtype=np.intp)
    return Pairs(i, j, vectors)


def _search_tree(atoms: Atoms, cutoff: float) -> Pairs:
    """Search a tree of all images near the cell: slower, for any extent and shape."""
    from scipy.spatial import KDTree

    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    inverse = np.linalg.pinv(vectors)  # [xyz, periodic direction]
    wrapped = atoms.positions - np.floor(atoms.positions @ inverse) @ vectors
    reach = np.ceil(cutoff * np.linalg.norm(inverse, axis=0)).astype(int) + 1
    shifts = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=float)
    # [shift, periodic direction], zero first
    shifts = shifts[np.argsort(np.abs(shifts).sum(axis=1), kind="stable")]
    images = (shifts @ vectors)[:, None] + wrapped  # [shift, atom, xyz]
    low, high = wrapped.min(axis=0) - cutoff, wrapped.max(axis=0) + cutoff
    near = ((images >= low) & (images <= high)).all(axis=2)  # [shift, atom]
    images, owners = images[near], np.nonzero(near)[1]
    found = KDTree(wrapped).sparse_distance_matrix(KDTree(images), cutoff, output_type="ndarray")
    i, image = found["i"].astype(np.intp), found["j"].astype(np.intp)
    other = i != image  # the first images are the atoms themselves
    order = np.lexsort((image[other], i[other]))
    i, image = i[other][order], image[other][order]
    return Pairs(i, owners[image], images[image] - wrapped[i])


def _check_distinct(atoms: Atoms, pairs: Pairs, *, nearest: float) -> Array:
    """Return the squared lengths of the pairs, (pairs,); refuse pairs shorter than ``nearest``."""
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
    """Refuse more pairs than fit, assuming atoms spread evenly over the periodic directions.

    A molecule has at most one pair per two atoms, however large the cutoff.
    """
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    if len(vectors) == 0:
        return
    measure = np.sqrt(np.linalg.det(vectors @ vectors.T))  # length, area or volume of the cell
    ball = (2 * cutoff, pi * cutoff**2, 4 / 3 * pi * cutoff**3)[len(vectors) - 1]
    expected = float(len(atoms) ** 2 * ball / measure)
    size = 8 + 8 + 24 + 12  # bytes of i, j, vector and image shift; and of copies
    require_memory(
        2 * expected * size,
        purpose=f"about {expected:.1e} pairs of neighbours within a cutoff of {cutoff:g} Å",
        remedy="choose a smaller cutoff",
    )
