"""Features and displacements: the gradient of one feature, and the largest feature changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from sensitivity.descriptors import Descriptor, Label
from sensitivity.numerics import Array, check_integer, takes_center
from sensitivity.observation import Observation
from sensitivity.tolerances import Tolerance


class FeatureChange(NamedTuple):
    """First-order change of one feature of a center along a displacement.

    Attributes
    ----------
    feature
        Its index, from 0.
    label
        What the feature is, as ``Descriptor.labels`` names it.
    change
        (feature)/Å, for a displacement of unit norm.

    Examples
    --------
    >>> from sensitivity import FeatureChange
    >>> FeatureChange(3, ("H", 3), 0.25).label
    ('H', 3)
    """

    feature: int
    label: Label
    change: float


@takes_center
def pull_back(atoms: Atoms, descriptor: Descriptor, *, center: int, feature: int | Label) -> Array:
    """Return the gradient of one feature: the displacement Jᵀe_q to which it responds.

    A small displacement u changes the feature by the sum over all atoms of the products of this
    gradient with u. Of all displacements of a norm, the one along the gradient changes the feature
    most; those orthogonal to it leave it unchanged, to first order.

    Parameters
    ----------
    atoms, descriptor
        As for ``jacobian``.
    center
        Index of the center.
    feature
        Index of the feature, from 0, or its label.

    Returns
    -------
    Array
        Shape (N, 3), in (feature)/Å.

    Raises
    ------
    TypeError, ValueError
        If there is no such feature, or several have this label, or as for ``jacobian``.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, pull_back, structures
    >>> methane, distances = structures.load("CH4"), DensityCorrelations(order=1)
    >>> gradient = pull_back(methane, distances, center=0, feature=("H", 2))
    >>> gradient.shape
    (5, 3)
    >>> bool(abs(gradient.sum(axis=0)).max() < 1e-12)  # a translation changes nothing
    True
    """
    seen = Observation.of(atoms, descriptor, centers=[center])
    changes = np.zeros(seen.jacobian.shape[0])
    changes[_find(feature, seen, count=len(changes))] = 1.0
    return seen.jacobian.pull(changes)


@takes_center
def strongest_features(
    atoms: Atoms, descriptor: Descriptor, mode: ArrayLike, *, center: int, count: int = 10
) -> tuple[FeatureChange, ...]:
    """Return those features of a center that a displacement changes most, the largest first.

    Parameters
    ----------
    atoms, descriptor
        As for ``jacobian``.
    mode
        Shape (N, 3): the displacement, such as one of ``Spectrum.modes``; its norm does not matter.
    center
        Index of the center.
    count
        Largest number of features. Those whose change is zero to rounding are left out, so there is
        none for a null mode.

    Raises
    ------
    TypeError, ValueError
        If the mode or the count is unusable, or as for ``jacobian``.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, spectrum, strongest_features, structures
    >>> X0, descriptor = structures.load("X0"), DensityCorrelations()
    >>> modes = spectrum(X0, descriptor, centers=[0]).modes
    >>> found = strongest_features(X0, descriptor, modes[0], center=0, count=2)
    >>> [change.label for change in found]
    [('H', 1, 'H', 1, 0), ('H', 2, 'H', 2, 0)]
    >>> strongest_features(X0, descriptor, modes[8], center=0)  # a null mode
    ()
    """
    seen = Observation.of(atoms, descriptor, centers=[center])
    check_integer(count, "count", "an integer of at least 1", accepts=lambda value: value >= 1)
    changes = seen.jacobian.apply(_unit(mode, atoms=len(atoms))[None])[:, 0]
    scale = max(seen.spectrum.scale, float(np.abs(changes).max(initial=0.0))) or 1.0
    # Rounded, so that features that change equally come in their order.
    sizes = np.round(np.abs(changes) / (Tolerance.ROUNDING * scale))
    order = [index for index in np.argsort(-sizes, kind="stable")[:count].tolist() if sizes[index]]
    labels = seen.known.labels(atoms)
    return tuple(FeatureChange(index, labels[index], float(changes[index])) for index in order)


def _unit(mode: ArrayLike, *, atoms: int) -> Array:
    displacement = np.asarray(mode, dtype=float)
    if displacement.shape != (atoms, 3):
        raise ValueError(
            f"mode must have shape ({atoms}, 3), one displacement per atom, got "
            f"{displacement.shape}; give e.g. spectrum(...).modes[0]."
        )
    norm = float(np.linalg.norm(displacement))
    if not 0 < norm < np.inf:
        raise ValueError(f"mode must be a finite displacement other than zero, got norm {norm:g}.")
    return displacement / norm


def _find(feature: int | Label, seen: Observation, *, count: int) -> int:
    """Return the index of a feature, given as index or label."""
    if not isinstance(feature, str | tuple):
        expected = f"an index from 0 to {count - 1}, or a label"
        return check_integer(feature, "feature", expected, accepts=range(count).__contains__)
    labels = seen.known.labels(seen.atoms)
    places = [place for place, label in enumerate(labels) if label == feature]
    if len(places) == 1:
        return places[0]
    if places:
        raise ValueError(
            f"{len(places)} features have the label {feature!r}; give the index of one, such as "
            f"{places[0]}."
        )
    raise ValueError(
        f"there is no feature with the label {feature!r}; labels(atoms) of the descriptor lists "
        f"all, from {labels[0]!r} to {labels[-1]!r}."
    )
