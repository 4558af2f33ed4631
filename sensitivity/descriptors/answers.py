"""Checks of the arrays that a descriptor, possibly a user's, returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from ase import Atoms

from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.protocol import Descriptor
from sensitivity.descriptors.radial import BASES
from sensitivity.numerics import Array

_KINDS = {"centers": "iu", "atoms": "iu", "features": "fiu", "gradient": "fiu"}  # of dtypes
_SHAPES = {
    "centers": "(centers,)",
    "atoms": "(centers, k)",
    "features": "(centers, features)",
    "gradient": "(centers, features, k, 3)",
}


def observed_features(descriptor: Descriptor, atoms: Atoms, centers: tuple[int, ...]) -> Array:
    """Return the features, shape (centers, features), checked.

    A TypeError or ValueError names the descriptor and what is wrong.
    """
    found = descriptor.features(atoms, centers=centers)
    name = f"features() of {type(descriptor).__name__}"
    _check_array(found, name, "fiu")
    if found.ndim != 2 or len(found) != len(centers):
        raise ValueError(
            f"{name} must return an array of shape (centers, features), here ({len(centers)}, "
            f"features), got {found.shape}; give one row for each center, in their order."
        )
    _check_finite(found, name)
    return found


def observed_gradients(
    descriptor: Descriptor, atoms: Atoms, centers: tuple[int, ...]
) -> tuple[Batch, ...]:
    """Return the batches of features and gradients, checked.

    A TypeError or ValueError names the descriptor and what is wrong.
    """
    found = descriptor.gradients(atoms, centers=centers)
    if _is_tested(descriptor):
        return found  # tested separately; checking would take up to 5 % of computing it
    _check_batches(descriptor, found, atoms, centers)
    return tuple(found)


def _check_batches(
    descriptor: Descriptor, found: Any, atoms: Atoms, centers: tuple[int, ...]
) -> None:
    name = f"gradients() of {type(descriptor).__name__}"
    wrong: list[object] = [found]
    if isinstance(found, tuple | list):
        wrong = [each for each in found if not isinstance(each, Batch)]
    if wrong:
        raise TypeError(
            f"{name} must return a sequence of Batch, got {type(wrong[0]).__name__}; "
            "batches_from_blocks or batches_from_function makes one."
        )
    for batch in found:
        _check_batch(batch, name, count=len(atoms))
    _check_agreement(found, name, centers)


def gradients_of_copies(
    descriptor: Descriptor, copies: Sequence[Atoms], centers: tuple[int, ...]
) -> list[tuple[Batch, ...]]:
    """Return the same for each of some displaced copies of a structure, in one call if possible."""
    if _is_tested(descriptor):
        return descriptor.gradients_of_copies(copies, centers=centers)
    if not isinstance(descriptor, Adapter):
        return [observed_gradients(descriptor, atoms, centers) for atoms in copies]
    together = descriptor.gradients_of_copies(copies, centers=centers)
    for found, atoms in zip(together, copies, strict=True):
        _check_batches(descriptor, found, atoms, centers)
    return together


def _is_tested(descriptor: Descriptor) -> TypeGuard[DensityCorrelations]:
    """Return True for the native descriptor with its own basis."""
    return type(descriptor) is DensityCorrelations and descriptor.basis in BASES.values()


def _check_batch(batch: Batch, name: str, *, count: int) -> None:
    for part, kind in _KINDS.items():
        _check_array(getattr(batch, part), f"{part} of a Batch of {name}", kind)
    centers, atoms = batch.centers, batch.atoms
    shapes = [getattr(batch, part).shape for part in _KINDS]
    sizes = *batch.features.shape[1:2], *atoms.shape[1:2]
    n = centers.shape[:1]
    expected = [n, n + sizes[1:], n + sizes[:1], (*n, *sizes, 3)]
    if centers.ndim != 1 or len(sizes) != 2 or shapes != expected:
        raise ValueError(
            f"a Batch of {name} must have {', '.join(' '.join(p) for p in _SHAPES.items())}, got "
            f"{', '.join(f'{part} {shape}' for part, shape in zip(_SHAPES, shapes, strict=True))}."
        )
    if atoms.size and not 0 <= atoms.min() <= atoms.max() < count:
        outside = atoms[(atoms < 0) | (atoms >= count)]
        raise ValueError(
            f"atoms of a Batch of {name} must be indices from 0 to {count - 1}, got {outside[0]}."
        )
    if (np.diff(atoms) <= 0).any() and (np.diff(np.sort(atoms)) == 0).any():
        raise ValueError(
            f"a Batch of {name} must list every atom of a center once, got one twice; sum the "
            "gradients of images."
        )
    _check_finite(batch.features, f"features of a Batch of {name}")
    _check_finite(batch.gradient, f"gradient of a Batch of {name}")


def _check_agreement(batches: Sequence[Batch], name: str, centers: tuple[int, ...]) -> None:
    """Check that the batches have the same number of features, and every center once."""
    given = sorted(index for batch in batches for index in batch.centers.tolist())
    if given != sorted(centers):
        shown = [
            str(sorted(each)[:10]).replace("]", ", ...]" if len(each) > 10 else "]")
            for each in (centers, given)
        ]
        raise ValueError(
            f"the batches of {name} must have every chosen center once, {shown[0]}, got {shown[1]}."
        )
    if len(sizes := {batch.features.shape[1] for batch in batches}) > 1:
        raise ValueError(
            f"the batches of {name} must have the same number of features for every center, got "
            f"{' and '.join(map(str, sorted(sizes)))}."
        )


def _check_array(value: Any, name: str, kinds: str) -> None:
    if isinstance(value, np.ndarray) and value.dtype.kind in kinds:
        return
    found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    numbers = "real numbers" if "f" in kinds else "integers"
    raise TypeError(f"{name} must be a NumPy array of {numbers}, got {found}.")


def _check_finite(values: Array, name: str) -> None:
    # The sum is not finite if a value is not, and allocates no other array; it may also overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()) or (wrong := np.count_nonzero(~np.isfinite(values))) == 0:
            return
    raise ValueError(
        f"{name} must be finite numbers, got {wrong} of {values.size} that are NaN or infinite."
    )
