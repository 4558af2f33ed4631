"""What other descriptors, and larger amplitudes, say about a displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.jacobian import jacobian
from sensitivity.numerics import Array
from sensitivity.spectrum import natural_scale

# Å, root of the summed squares. Well above the distance to a singular geometry, well below a bond;
# and for what is seen, small enough that the first order is what counts.
AMPLITUDES, SMALL_AMPLITUDES = (0.02, 0.04), (0.001, 0.002)
# Of further modes of the same cause the exponent is not measured.
MOST_RESPONSES = 24


def feature_changes(
    atoms: Atoms,
    descriptor: Descriptor,
    modes: Array,
    *,
    centers: Centers = None,
    amplitudes: Sequence[float] = AMPLITUDES,
) -> Array:
    """Return how much the features change when the atoms move along modes.

    Parameters
    ----------
    atoms, descriptor, centers
        As for ``diagnose``.
    modes
        Displacements of unit norm, shape (n, N, 3).
    amplitudes
        Å, root of the summed squares of what the atoms move.

    Returns
    -------
    Shape (n, amplitudes): the norm of ξ(r + a v) - ξ(r), root mean square over both signs of a, so
    that odd and even powers of a do not mix. It grows as a where v is seen, and as a² where it is
    not seen to first order.
    """
    start = descriptor.features(atoms, centers=centers)

    def change(displacement: Array) -> float:
        moved = atoms.copy()
        moved.positions += displacement
        return float(np.linalg.norm(descriptor.features(moved, centers=centers) - start))

    return np.array(
        [[np.hypot(change(a * v), change(-a * v)) / np.sqrt(2) for a in amplitudes] for v in modes]
    ).reshape(len(modes), len(amplitudes))


def response_exponents(
    atoms: Atoms,
    descriptor: Descriptor,
    modes: Array,
    *,
    centers: Centers,
    amplitudes: tuple[float, float],
) -> list[float | None]:
    """Exponent p of the change of the features ~ a^p between two amplitudes, for each mode."""
    changes = feature_changes(
        atoms, descriptor, modes[:MOST_RESPONSES], centers=centers, amplitudes=amplitudes
    )
    steps = np.log(amplitudes[1] / amplitudes[0])
    exponents: list[float | None] = [
        float(np.log(large / small) / steps) if small > 0 else None for small, large in changes
    ]
    return exponents + [None] * (len(modes) - len(exponents))


def relative_responses(
    atoms: Atoms, descriptor: Descriptor | None, modes: Array, *, centers: Sequence[int]
) -> Array | None:
    """J v over the scale of J, shape (rows, modes); None without a descriptor.

    Also None if the descriptor cannot look at this structure, as where memory does not suffice.
    """
    if descriptor is None or not len(modes):
        return None
    try:
        derivative = jacobian(atoms, descriptor, centers=centers)
    except ValueError:
        return None
    largest = float(np.sqrt(np.linalg.eigvalsh(derivative.gram())[-1]))
    scale = natural_scale(largest, derivative.features, cutoff=descriptor.cutoff)
    return derivative.apply(modes) / (scale or 1.0)


def relatives(descriptor: Descriptor) -> tuple[Descriptor | None, Descriptor | None]:
    """The same descriptor with a larger basis, and with the next order."""
    return descriptor.larger_basis(), descriptor.higher_order()
