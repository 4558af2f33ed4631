"""Places of settings in featomic's parameters, and the properties of its blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np

# Where featomic's parameters have a setting.
PLACES = {
    "cutoff": ("cutoff", "radius"),
    "n_max": ("basis", "radial", "max_radial"),  # which is one less
    "l_max": ("basis", "max_angular"),
    "smearing": ("density", "width"),
    "center_weight": ("density", "center_atom_weight"),
}


def look_up(values: Any, path: Iterable[str]) -> Any:
    """Return a value of nested dictionaries; None if there is none."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def list_properties(basis: Mapping[str, Any], order: int) -> list[tuple[int, ...]]:
    """Return featomic's properties, n or (l, n, n'), of every block."""
    if order == 1:
        return [(n,) for n in range(basis["radial"]["max_radial"] + 1)]
    degrees = (
        basis["by_angular"]
        if "by_angular" in basis
        else dict.fromkeys(range(basis["max_angular"] + 1), basis["radial"])
    )
    sizes = {int(l): range(radial["max_radial"] + 1) for l, radial in degrees.items()}
    return [(l, *pair) for l, ns in sorted(sizes.items()) for pair in product(ns, ns)]


def select_distinct(
    species: Sequence[int], every: Sequence[tuple[int, ...]], distinct: Sequence[tuple[int, ...]]
) -> Any:
    """Return all blocks that there may be, with all or only distinct properties."""
    from metatensor import Labels, TensorBlock, TensorMap

    pairs = combinations_with_replacement(species, 2)
    keys = [(center, *pair) for center, pair in product(species, list(pairs))]
    system, blocks = Labels("system", np.array([[0]])), []
    for _, one, other in keys:
        chosen = np.array(distinct if one == other else every)
        properties = Labels(["l", "n_1", "n_2"], chosen)
        blocks.append(TensorBlock(np.zeros((1, len(chosen))), system, [], properties))
    names = ["center_type", "neighbor_1_type", "neighbor_2_type"]
    return TensorMap(Labels(names, np.array(keys)), blocks)
