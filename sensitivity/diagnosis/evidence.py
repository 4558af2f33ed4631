"""Evidence from other descriptors, and from larger amplitudes, about a displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.progress import checkpoint
from sensitivity.spectrum import natural_scale


def feature_changes(
    atoms: Atoms,
    descriptor: Descriptor,
    modes: Array,
    *,
    centers: Centers = None,
    amplitudes: Sequence[float] = (0.02, 0.04),
) -> Array:
    """Return how much the features change when the atoms move along modes.

    Parameters
    ----------
    atoms, descriptor, centers
        As for ``diagnose``.
    modes
        Displacements of unit norm, shape (n, N, 3).
    amplitudes
        Å, root of the summed squares of what the atoms move. The usual ones are well above the
        distance to a singular geometry, and well below a bond.

    Returns
    -------
    Shape (n, amplitudes): the norm of ξ(r + a v) - ξ(r), root mean square over both signs of a, so
    that odd and even powers of a do not mix. It grows as a where v is seen, and as a² where it is
    not seen to first order.
    """
    start = Observation.of(atoms, descriptor, centers=centers)

    def change(displacement: Array) -> float:
        checkpoint()
        return float(np.linalg.norm(start.displaced(displacement).features - start.features))

    return np.array(
        [[np.hypot(change(a * v), change(-a * v)) / np.sqrt(2) for a in amplitudes] for v in modes]
    ).reshape(len(modes), len(amplitudes))


def response_exponents(
    observation: Observation, modes: Array, *, visible: bool, most: int = 24
) -> list[float | None]:
    """Exponent p of the change of the features ~ a^p between two amplitudes, for each mode.

    Where the modes are visible, the amplitudes are so small that the first order is what counts.
    Only the first ``most`` modes are measured.
    """
    small, large = (0.001, 0.002) if visible else (0.02, 0.04)  # Å
    changes = feature_changes(
        observation.atoms,
        observation.descriptor,
        modes[:most],
        centers=observation.centers,
        amplitudes=(small, large),
    )
    exponents: list[float | None] = [
        float(np.log(far / near) / np.log(large / small)) if near > 0 else None
        for near, far in changes
    ]
    return exponents + [None] * (len(modes) - len(exponents))


def relative_responses(
    observation: Observation, descriptor: Descriptor | None, modes: Array
) -> Array | None:
    """J v over the scale of J, of another descriptor, shape (rows, modes); None without one.

    Also None if the descriptor cannot look at this structure, as where memory does not suffice.
    """
    if descriptor is None or not len(modes):
        return None
    checkpoint()
    try:
        derivative = observation.by(descriptor).jacobian
    except ValueError:
        return None
    largest = float(np.sqrt(np.linalg.eigvalsh(derivative.gram())[-1]))
    scale = natural_scale(largest, derivative.features, cutoff=descriptor.cutoff)
    return derivative.apply(modes) / (scale or 1.0)
