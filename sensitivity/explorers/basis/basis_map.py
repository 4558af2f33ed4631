"""Rank and smallest singular value with bases of all sizes: a map that is computed row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

SIZES: Mapping[int, Mapping[str, Sequence[int]]] = {
    1: {"n_max": range(1, 9), "l_max": ()},
    2: {"n_max": (1, 2, 3, 4, 6, 8), "l_max": (0, 1, 2, 3, 4, 6, 8)},
    3: {"n_max": (1, 2, 3, 4, 5), "l_max": (0, 1, 2, 3, 4, 6)},
    4: {"n_max": (1, 2, 3, 4), "l_max": (0, 1, 2, 3, 4)},
}
"""Per order, the values of settings of a map: from a basis that sees almost nothing to one that
takes milliseconds. Order 1 has no degrees."""


def usual_bases(descriptor: Descriptor) -> dict[str, tuple[int, ...]]:
    """Return the bases of a map: ascending values of the one or two settings that enlarge a basis.

    They are the usual ones of an order, and that of the descriptor.
    """
    basis = find_basis(descriptor)
    return {name: _usual_values(descriptor, name, own) for name, own in basis.items()}


def find_basis(descriptor: Descriptor) -> dict[str, int]:
    """Return the settings that enlarge the basis of a descriptor."""
    known = with_defaults(descriptor)
    return {name: known.settings[name] for name in known.refinable}


def _usual_values(descriptor: Descriptor, name: str, own: int) -> tuple[int, ...]:
    known = with_defaults(descriptor)
    usual = SIZES.get(known.order or 0, {}).get(name)
    if usual is None:
        low, high = known.limits.get(name, (1, own + 4))
        usual = np.unique(np.linspace(low, high, 7).astype(int)).tolist()
    return tuple(sorted({*usual, own}))


def fill_map(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: tuple[int, ...],
    bases: Mapping[str, tuple[int, ...]],
) -> Iterator[Convergence]:
    """Yield an empty map, and then more and more of it, by values of the first setting."""
    shape = tuple(map(len, bases.values()))
    unknown, none = np.full(shape, np.nan), np.zeros(shape, dtype=np.intp)
    known = Convergence(
        atoms=atoms.copy(),
        descriptor=descriptor,
        centers=centers,
        parameters=bases,
        smallest=unknown,
        rank=unknown,
        internal=none,
        visible=none,
        failures={},
    )
    yield known
    for column in range(shape[0]):
        known = _add(known, column)
        yield known


def why_nothing(found: Convergence) -> str:
    """Return the reason why no basis can see anything; empty if one can, or if it is not known.

    A center sees its neighbours. If it has none, or only images of itself, which move with it,
    neither the basis nor symmetry hides them.
    """
    if len(found.failures) == found.rank.size:
        return "no basis could be computed"
    if np.isnan(found.rank).all() or found.visible.any():
        return ""
    if found.internal.any():
        return "symmetry lets nothing be seen"
    if len(found.atoms) == 1 and not found.atoms.pbc.any():
        return "an atom alone: there is nothing to be seen"
    cutoff = found.descriptor.cutoff
    if not np.isin(found.centers, neighbor_pairs(found.atoms, cutoff).i).any():
        return f"no neighbour within the cutoff ({cutoff:g} Å)"
    return "the only neighbours are images of the centers,\nwhich move with them"


def _add(known: Convergence, column: int) -> Convergence:
    """Return the map with one more value of the first setting."""
    name, values = next(iter(known.parameters.items()))
    grid: dict[str, Any] = {**known.parameters, name: [values[column]]}
    try:
        chosen = known.centers
        new = convergence(known.atoms, known.descriptor, centers=chosen, progress=None, **grid)
        checkpoint()  # nothing is known of a column that was stopped
    except ValueError as error:
        rows = np.ndindex(known.rank.shape[1:])
        failed = {(column, *row): str(error) for row in rows}
        return replace(known, failures={**known.failures, **failed})
    arrays = "smallest", "rank", "internal", "visible"
    changed = {key: getattr(known, key).copy() for key in arrays}
    for key, array in changed.items():
        array[column] = getattr(new, key)[0]
    found = {(column, *rest): reason for (_, *rest), reason in new.failures.items()}
    return replace(known, failures={**known.failures, **found}, **changed)
