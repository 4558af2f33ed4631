"""A test of whether the neighbours of a center can have some features, at any positions.

The part of degree 0 of the features holds c_n = Σ_j γ_n(r_j), a sum over the neighbours of one
species, of which each has a place on one curve γ(r). Sums with weights w(r) ≥ 0 in place of the
neighbours are a convex set: if none of them with Σ w ≤ K comes near c, then K neighbours are too
few. That is certain, as a search that has failed is not. Too many are never: they can leave.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.numerics import Array
from sensitivity.structures import neighbor_pairs


def missing_neighbors(
    features: Array, descriptor: Descriptor, *, atoms: Atoms, centers: Sequence[int]
) -> str:
    """Say which neighbours a center lacks to have such features; nothing if none is known to.

    Features do not say of which element they are: their columns are named by the species that the
    descriptor has for this structure.

    Parameters
    ----------
    features
        Those wanted, shape (centers, features).
    descriptor
        One that has ``neighbor_densities``, as density correlations of order 1 and 2; of others
        nothing is known.
    atoms, centers
        The structure that does not have them, and whose features they are.
    """
    seen = with_defaults(descriptor)
    lengths = np.arange(0.05, descriptor.cutoff, 0.05)  # Å: between two the curve bends by 0.3 %
    numbers = atoms.numbers.tolist()
    known = [seen.neighbor_densities(row, numbers) or {} for row in features]
    curve = seen.neighbor_curve(lengths) if all(known) else None
    if curve is None:
        return ""
    for center, densities in zip(centers, known, strict=True):
        for number, content in densities.items():
            there = _count(atoms, center, number, descriptor.cutoff)
            needed = _fewest(content, curve, least=there)
            if needed > there:
                return (
                    f"the features of {atoms.symbols[center]}{center} ask for at least {needed} "
                    f"neighbour{'s' if needed > 1 else ''} within the cutoff in the columns of "
                    f"{chemical_symbols[number]}, and there {'is' if there == 1 else 'are'} {there}"
                )
    return ""


def _count(atoms: Atoms, center: int, number: int, cutoff: float) -> int:
    """Number of neighbours of a species that are possible; in a crystal those that there are."""
    if not atoms.pbc.any():
        return int(np.sum(np.delete(atoms.numbers, center) == number))
    pairs = neighbor_pairs(atoms, cutoff)
    return int(np.sum(atoms.numbers[pairs.j[pairs.i == center]] == number))


def _fewest(content: Array, curve: Array, *, least: int) -> int:
    """The least number of neighbours, from ``least``, that come near; ``least`` if none do."""
    length, longest = np.linalg.norm(content), np.linalg.norm(curve, axis=1).max()
    if length <= 1e-3 * longest:  # a neighbour that fades at the cutoff, or rounding
        return least
    # Weights may miss |c| by more than the spacing, or features that no structure quite has,
    # leave, and by less than one of fifty neighbours.
    missed, most_more = 0.01, 1000  # no environment has as many neighbours more
    for target in (content / length, -content / length):
        if _misfit(target, curve / length) <= missed:
            numbers = range(least, least + most_more)
            misfits = partial(_misfit, target, curve / length)
            return least + bisect_left(numbers, True, key=lambda n: misfits(most=n) <= missed)
    return least


def _misfit(target: Array, curve: Array, *, most: int | None = None) -> float:
    """Distance from a target to the curve weighted with w ≥ 0, Σ w ≤ ``most``."""
    from scipy.optimize import nnls

    if most is None:
        return float(nnls(curve.T, target)[1])
    # The last weight, that of no neighbour, makes up the sum.
    held = 1e3  # weight of the sum, beside that of the misfit
    rows = np.block([[curve.T, np.zeros((len(target), 1))], [held * np.ones((1, len(curve) + 1))]])
    return float(nnls(rows, np.append(target, held * most))[1])
