"""Features of a descriptor, divided by their norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from ase import Atoms

from sensitivity.descriptors.batches import Batch, Centers
from sensitivity.descriptors.protocol import Descriptor, Label, settings_of, with_defaults
from sensitivity.descriptors.self_description import check_descriptor
from sensitivity.numerics import Array, Indices, takes_centers
from sensitivity.structures import check_centers


@dataclass(frozen=True)
class Normalized(Descriptor):
    """The features of each center, divided by their norm: ξ/‖ξ‖.

    This is common before a kernel is computed. The norm itself is lost, so such features can see
    less, and ``order`` is unknown.

    Attributes
    ----------
    descriptor
        The descriptor whose features are normalised.

    Raises
    ------
    TypeError, ValueError
        If it is no descriptor.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations, structures
    >>> from sensitivity.descriptors import Normalized
    >>> features = Normalized(DensityCorrelations()).features(structures.load("CH4"))
    >>> np.linalg.norm(features, axis=1).round(12).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """

    descriptor: Descriptor

    def __post_init__(self) -> None:
        check_descriptor(self.descriptor)

    @property
    def cutoff(self) -> float:
        """The cutoff of the descriptor, in Å."""
        return self.descriptor.cutoff

    @property
    def inversion_invariant(self) -> bool:
        """True if a mirror image has the same features."""
        return self.descriptor.inversion_invariant

    @property
    def invariance(self) -> Literal["O(3)", "SO(3)", "none"]:
        """Rotations that change no feature."""
        return self._known.invariance

    @property
    def smooth(self) -> bool:
        """True if the descriptor is smooth."""
        return self._known.smooth

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks of the descriptor."""
        return self._known.remarks

    @property
    def name(self) -> str:
        """The name of the descriptor, with a prefix."""
        return f"normalized {self._known.name}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the descriptor."""
        return settings_of(self.descriptor)

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """The limits of the settings of the descriptor."""
        return self._known.limits

    @property
    def refinable(self) -> tuple[str, ...]:
        """The settings that enlarge the basis."""
        return self._known.refinable

    def with_settings(self, **changes: Any) -> Normalized:
        """Return it with other settings of the descriptor."""
        return Normalized(self._known.with_settings(**changes))

    def larger_basis(self) -> Normalized | None:
        """Return it with a larger basis of the descriptor; None if not available."""
        larger = self._known.larger_basis()
        return None if larger is None else Normalized(larger)

    def higher_order(self) -> Normalized | None:
        """Return it with correlations of one more neighbour; None if not available."""
        higher = self._known.higher_order()
        return None if higher is None else Normalized(higher)

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of a center."""
        return self._known.count_features(atoms)

    def measured_on(self, atoms: Atoms, *, centers: Centers = None) -> Normalized:
        """Return it with measured properties of this structure alone."""
        return Normalized(self._known.measured_on(atoms, centers=centers))

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return the labels of the descriptor."""
        return self._known.labels(atoms)

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression."""
        lines, text = self._known.python()
        expression = "..." if text == "..." else f"Normalized({text})"
        return f"from sensitivity.descriptors import Normalized\n{lines}", expression

    @takes_centers
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the normalised features, shape (centers, features).

        Raises
        ------
        ValueError
            If the features of a center are all zero.
        """
        chosen = check_centers(atoms, centers)
        features = np.asarray(self.descriptor.features(atoms, centers=chosen))
        return np.asarray(features / _norms(features, np.array(chosen))[:, None])

    @takes_centers
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return normalised features, and (∇ξ - ξ̂ ξ̂·∇ξ)/‖ξ‖; errors are those of ``features``."""
        return tuple(map(_normalize, self.descriptor.gradients(atoms, centers=centers)))

    @property
    def _known(self) -> Descriptor:
        return with_defaults(self.descriptor)


def _normalize(batch: Batch) -> Batch:
    norms = _norms(batch.features, batch.centers)
    units = batch.features / norms[:, None]
    varied = units if batch.rows is None else units[:, batch.rows]
    slopes = batch.slopes.reshape(*batch.slopes.shape[:2], -1)  # [center, feature, 3k]
    along = varied[:, None] @ slopes  # of the norm
    changed = (slopes - varied[:, :, None] * along) / norms[:, None, None]
    found = batch.with_values(units, changed.reshape(batch.slopes.shape))
    return replace(found, error=batch.error / norms.min()) if batch.error else found


def _norms(features: Array, centers: Indices) -> Array:
    norms = np.linalg.norm(features, axis=1)
    if len(empty := centers[norms == 0]):
        raise ValueError(
            f"the features of center {empty[0]} are all zero and cannot be normalised: it has no "
            "neighbour within the cutoff, for example; leave this center out, or use the "
            "descriptor without Normalized."
        )
    return np.asarray(norms)
