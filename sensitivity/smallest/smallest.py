"""The smallest singular values of all centers of a structure, without a dense Jacobian."""

from __future__ import annotations

from ase import Atoms

from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.geometry.motions import trivial_motions
from sensitivity.numerics import check_integer, check_real
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.smallest.gram import SparseGram
from sensitivity.smallest.result import Smallest
from sensitivity.smallest.search import MOST, Found, Search, vanishes
from sensitivity.smallest.waves import repeats
from sensitivity.spectrum import MANY
from sensitivity.structures import check
from sensitivity.structures.translations import primitive_cell
from sensitivity.tolerances import Tolerance

DENSE = 1000
"""Atoms up to which all eigenvalues of JᵀJ take ten seconds, about as long as the filter."""

DENSE_FOR_ZEROS = 2200
"""Atoms up to which they take two minutes and 1 GB. The filter can miss some of many zeros."""


def smallest(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    count: int = 10,
    threshold: float = Tolerance.RANK,
    progress: Progress | None = None,
) -> Smallest:
    """Find the least visible internal displacements of a structure, with all atoms as centers.

    Up to 1000 atoms all singular values are computed. A larger crystal that exactly repeats a
    smaller cell is decomposed into waves, which gives every invisible displacement. Of others, JᵀJ
    is built as a sparse matrix, which grows with the number of atoms, and so does the memory; its
    smallest eigenvectors are found with a Chebyshev filter, and the singular values are those of J
    on their span: JᵀJ alone would resolve nothing below 1e-8 of the largest. Values are never too
    small, and ``Smallest.errors`` bounds how much they can be too large. Up to 2200 atoms this is
    the result only if the filter finds all displacements visible; else all singular values are
    computed, since it can miss some of many invisible ones.

    Parameters
    ----------
    atoms
        The structure, N atoms: a crystal, a surface, a liquid or a molecule.
    descriptor
        Any descriptor.
    count
        Number of singular values, from 1 to 100; there can be fewer internal displacements.
    threshold
        Fraction of ``Smallest.scale`` above which a singular value counts as visible.
    progress
        Called regularly with a short sentence. If it raises ``Cancelled``, so does this function,
        without a result.

    Raises
    ------
    TypeError, ValueError
        If the structure, ``count`` or their combination with the descriptor is unusable.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, smallest, structures
    >>> silicon = structures.load("Si-diamond")
    >>> silicon.rattle(0.05, seed=0)
    >>> found = smallest(silicon, DensityCorrelations(cutoff=5.0, n_max=6, l_max=4), count=3)
    >>> found.relative.round(3).tolist(), found.null
    ([0.031, 0.034, 0.042], 0)
    """
    expected, remedy = f"an integer from 1 to {MOST}", "give e.g. 10"
    check_integer(count, "count", expected, accepts=range(1, MOST + 1).__contains__, remedy=remedy)
    expected, remedy = "from 0 to below 1", "try 1e-5"
    check_real(threshold, "threshold", expected, accepts=lambda x: 0 <= x < 1, remedy=remedy)
    check(atoms)
    check_descriptor(descriptor)
    with telling(progress):
        search = Search(atoms, descriptor, count, threshold)
        return search.collect(_find(search))


def _find(search: Search) -> Found:
    atoms = search.atoms
    if len(atoms) <= MANY:
        return search.dense()
    checkpoint("trivial motions")
    trivial = trivial_motions(atoms, cutoff=search.descriptor.cutoff)
    if len(trivial.directions) == 3 * len(atoms):
        return search.immobile(SparseGram.of(atoms, search.descriptor))
    if atoms.pbc.any() and trivial.kinds == ("translation",) * 3:
        cell = primitive_cell(atoms)
        if len(cell) < len(atoms) and len(cell) <= MANY and repeats(cell, atoms):
            return search.waves(cell)
    gram = SparseGram.of(atoms, search.descriptor)
    if len(atoms) > DENSE_FOR_ZEROS:
        return search.filtered(gram, trivial)
    if len(atoms) <= DENSE or vanishes(gram, trivial):
        return search.squared(gram, trivial)
    found = search.filtered(gram, trivial)
    return found if search.sees_all(found) else search.squared(gram, trivial)
