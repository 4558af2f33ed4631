"""What other descriptors, and larger amplitudes, say about a displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.jacobian import jacobian

Array = NDArray[np.float64]

# Å, root of the summed squares. Well above the distance to a singular geometry, well below a bond.
AMPLITUDES = (0.02, 0.04)
# Further modes of the same cause share the exponent of the last one measured.
MOST_RESPONSES = 24


def response_exponents(
    atoms: Atoms, descriptor: Descriptor, modes: Array, *, centers: Sequence[int]
) -> list[float | None]:
    """Exponent p of |ξ(r + a v) - ξ(r)| ~ a^p between ``AMPLITUDES``, for each mode v.

    Both directions are averaged, so that a cubic part does not disturb.
    """
    start = descriptor.features(atoms, centers=centers)
    exponents: list[float | None] = []
    for mode in modes[:MOST_RESPONSES]:
        small, large = (
            np.hypot(*(_change(atoms, descriptor, a * mode, centers, start) for a in (size, -size)))
            for size in AMPLITUDES
        )
        steps = np.log(AMPLITUDES[1] / AMPLITUDES[0])
        exponents.append(float(np.log(large / small) / steps) if small > 0 else None)
    return exponents + exponents[-1:] * (len(modes) - len(exponents))


def _change(
    atoms: Atoms, descriptor: Descriptor, displacement: Array, centers: Sequence[int], start: Array
) -> float:
    moved = atoms.copy()
    moved.positions += displacement
    return float(np.linalg.norm(descriptor.features(moved, centers=centers) - start))


def relative_responses(
    atoms: Atoms, descriptor: Descriptor | None, modes: Array, *, centers: Sequence[int]
) -> Array | None:
    """J v over the largest singular value of J, shape (rows, modes); None without a descriptor.

    Also None if the descriptor cannot look at this structure, as where memory does not suffice.
    """
    if descriptor is None or not len(modes):
        return None
    try:
        derivative = jacobian(atoms, descriptor, centers=centers)
    except ValueError:
        return None
    largest = float(np.sqrt(np.linalg.eigvalsh(derivative.gram())[-1]))
    return derivative.apply(modes) / (largest or 1.0)


def relatives(descriptor: Descriptor) -> tuple[Descriptor | None, Descriptor | None]:
    """The same descriptor with a larger basis, and with the next order."""
    return descriptor.larger_basis(), descriptor.higher_order()
