"""A structure, and displaced copies of it, observed by a descriptor from some centers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.descriptors import (
    Centers,
    Descriptor,
    check_descriptor,
    self_description,
    with_defaults,
)
from sensitivity.descriptors.answers import observed_features
from sensitivity.geometry.motions import TrivialMotions, trivial_motions
from sensitivity.jacobian import Jacobian, differentiate, second_derivatives
from sensitivity.numerics import Array, takes_centers
from sensitivity.progress import checkpoint
from sensitivity.spectrum import Spectrum, decompose_jacobian
from sensitivity.structures import check_centers, environment

_KEPT = 2**24  # bytes of derivatives of a Jacobian, more than one


@dataclass(frozen=True)
class Observation:
    """A structure, a descriptor, and centers; further results are computed on first use.

    ``of`` checks the descriptor once.
    """

    atoms: Atoms  # N atoms; not changed
    descriptor: Descriptor
    centers: tuple[int, ...]

    @classmethod
    def of(cls, atoms: Atoms, descriptor: Descriptor, *, centers: Centers = None) -> Observation:
        """Observe a copy of a structure; ``centers=None`` means every atom."""
        check_descriptor(descriptor)
        return cls(atoms.copy(), descriptor, check_centers(atoms, centers))

    @property
    def known(self) -> Descriptor:
        """The descriptor with all members of the protocol, whatever its class."""
        return with_defaults(self.descriptor)

    @property
    def larger_basis(self) -> Descriptor | None:
        """The same descriptor with a larger basis, checked; None if it has none."""
        return self_description.larger_basis(self.descriptor, self.atoms)

    @property
    def higher_order(self) -> Descriptor | None:
        """Correlations of one more neighbour, checked; None if the descriptor has none."""
        return self_description.higher_order(self.descriptor)

    @property
    def center(self) -> int:
        """The only center."""
        (center,) = self.centers
        return center

    @cached_property
    def environment(self) -> Atoms:
        """Environment of the only center, as a molecule whose first atom is the center."""
        return environment(self.atoms, self.center, self.descriptor.cutoff)

    def displaced(self, displacement: Array) -> Observation:
        """Return the observation after a displacement in Å, shape (N, 3)."""
        return self.at(self.atoms.positions + displacement)

    def at(self, positions: Array) -> Observation:
        """Return the observation at other positions, shape (N, 3), Å."""
        atoms = self.atoms.copy()
        atoms.positions = positions
        return replace(self, atoms=atoms)

    def by(self, descriptor: Descriptor) -> Observation:
        """Return the observation by another descriptor."""
        return replace(self, descriptor=descriptor)

    @cached_property
    def features(self) -> Array:
        """Shape (centers, features)."""
        return observed_features(self.descriptor, self.atoms, self.centers)

    @cached_property
    def jacobian(self) -> Jacobian:
        """The Jacobian of the features."""
        return differentiate(self.atoms, self.descriptor, centers=self.centers)

    @cached_property
    def trivial(self) -> TrivialMotions:
        """Motions that no center sees."""
        return trivial_motions(self.atoms, cutoff=self.descriptor.cutoff, centers=self.centers)

    @cached_property
    def internal(self) -> Array:
        """Orthonormal internal displacements, shape (k, N, 3)."""
        return np.asarray(self.trivial.internal())

    @cached_property
    def spectrum(self) -> Spectrum:
        """Singular values and modes, with trivial motions separate."""
        return decompose_jacobian(self.jacobian, cutoff=self.descriptor.cutoff)

    @property
    def variation(self) -> float:
        """Shortest distance, in Å, over which features change: about the least smearing used."""
        return 0.1

    def slopes(self, directions: Array) -> Array:
        """Return J times directions, shape (k, N, 3): (rows, k)."""
        return self.jacobian.apply(directions)

    @property
    def gram(self) -> Array:
        """JᵀJ, shape (3N, 3N)."""
        return self.jacobian.gram

    def triangle(self, directions: Array) -> Array:
        """Return R of J times directions, shape (k, N, 3): at most (k, k)."""
        return self.jacobian.triangle(directions)

    def curvature(self, mode: Array, directions: Array) -> Array:
        """Differentiate J along a mode, shape (N, 3), times directions: (rows, k)."""
        return self.derivative(mode).apply(directions)

    @property
    def at_once(self) -> int:
        """Number of modes whose derivatives of the Jacobian are computed together, and kept."""
        size = sum(batch.slopes.nbytes for batch in self.jacobian.batches)
        return max(1, _KEPT // size)

    def steepest(self, modes: Array, images: Array) -> Array:
        """Return the gradients, (k, N, 3), of image·J mode with respect to the positions.

        For each of at most ``at_once`` modes, (k, N, 3), and its image, (rows, k).
        """
        derivatives = self._derivatives(modes)
        pairs = zip(derivatives, images.T, strict=True)
        return np.array([derivative.pull(image) for derivative, image in pairs])

    def mismatch(self, directions: Array) -> tuple[Array, Array]:
        """Return empty arrays: features of a descriptor have no further conditions."""
        return np.empty(0), np.empty((0, len(directions)))

    def derivative(self, direction: Array) -> Jacobian:
        """Differentiate the Jacobian along a direction, shape (N, 3)."""
        (found,) = self._derivatives(direction[None])
        return found

    def _derivatives(self, directions: Array) -> list[Jacobian]:
        """Differentiate the Jacobian along directions, (k, N, 3); the last ones are kept."""
        known, keys = self._last_derivatives, [each.tobytes() for each in directions]
        if not known.keys() >= set(keys):
            known.clear()
            found = second_derivatives(
                self.atoms, self.descriptor, directions, centers=self.centers
            )
            known.update(zip(keys, found, strict=True))
        return [known[key] for key in keys]

    @cached_property
    def _last_derivatives(self) -> dict[bytes, Jacobian]:
        return {}


@takes_centers
def feature_changes(
    atoms: Atoms,
    descriptor: Descriptor,
    modes: Array,
    *,
    centers: Centers = None,
    amplitudes: Sequence[float] = (0.02, 0.04),
) -> Array:
    """Return the changes of the features when the atoms move along modes.

    Parameters
    ----------
    atoms, descriptor, centers
        As for ``jacobian``.
    modes
        Shape (n, N, 3): displacements v of unit norm.
    amplitudes
        Å, root of the summed squares of the displacements of the atoms. The defaults are well above
        the tolerance of a diagnosis, 1e-3 Å, and well below a bond.

    Returns
    -------
    Array
        Shape (n, amplitudes): the norm of ξ(r + a v) - ξ(r), root mean square over both signs of a,
        so that odd and even powers of a do not mix. It grows as a if v is visible, and as a² if v
        is invisible to first order.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, feature_changes, structures
    >>> methane, descriptor = structures.load("Td"), DensityCorrelations()
    >>> modes = diagnose(methane, descriptor, centers=[0]).modes
    >>> hidden = [mode.displacement for mode in modes if mode.cause == "symmetry"][:1]
    >>> a = [0.01, 0.02]
    >>> changes = feature_changes(methane, descriptor, hidden, centers=[0], amplitudes=a)
    >>> round(float(changes[0, 1] / changes[0, 0]), 1)
    4.0
    """
    start = Observation.of(atoms, descriptor, centers=centers)

    def change(displacement: Array) -> float:
        checkpoint()
        return float(np.linalg.norm(start.displaced(displacement).features - start.features))

    changes = np.empty((len(modes), len(amplitudes)))
    for number, v in enumerate(modes):
        checkpoint(f"larger amplitudes: {number} of {len(modes)} displacements")
        changes[number] = [np.hypot(change(a * v), change(-a * v)) for a in amplitudes]
    changes /= np.sqrt(2)  # the root mean square over both signs
    return changes
