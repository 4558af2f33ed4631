"""The features that a mode changes most, and the gradient of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sensitivity.descriptors import Label, with_defaults
from sensitivity.explorers.parts.state import Reference, State
from sensitivity.features import FeatureChange, pull_back, strongest_features
from sensitivity.numerics import Array


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the first center, at amplitude zero; none while they are not known."""

    changes: tuple[FeatureChange, ...] = ()  # by the mode, the largest first
    chosen: int | None = None  # the feature whose gradient is shown
    gradient: Array | None = None  # of the chosen one, (N, 3), in (feature)/Å
    sentence: str = ""  # on the arrows of the chosen one

    @property
    def options(self) -> list[tuple[str, int]]:
        """Text and index of each feature; labels of order 4 are long, and have no spaces."""
        texts = [write_label(each.label).replace(", ", ",") for each in self.changes]
        return [
            (f"{abs(each.change):.2g} per Å: {text}", each.feature)
            for each, text in zip(self.changes, texts, strict=True)
        ]


def find_features(state: State) -> Features:
    """Return the features that the mode of a state changes most, and the chosen one."""
    reference, chosen = state.reference, state.feature
    changes = _rank(reference, state.mode)
    if chosen is None:
        return Features(changes)
    gradient = _pull(reference, chosen)
    return Features(changes, chosen, gradient, _describe(reference, chosen, gradient))


def write_label(label: Label) -> str:
    """Return the label of a feature as a text."""
    return label if isinstance(label, str) else f"({', '.join(map(str, label))})"


@lru_cache(maxsize=16)
def _rank(reference: Reference, mode: int) -> tuple[FeatureChange, ...]:
    center, displacement = reference.centers[0], reference.modes[mode]
    return strongest_features(reference.atoms, reference.descriptor, displacement, center=center)


@lru_cache(maxsize=16)
def _pull(reference: Reference, feature: int) -> Array:
    center = reference.centers[0]
    return pull_back(reference.atoms, reference.descriptor, center=center, feature=feature)


def _describe(reference: Reference, feature: int, gradient: Array) -> str:
    label = with_defaults(reference.descriptor).labels(reference.atoms)[feature]
    center = reference.centers[0]
    name = f"feature {write_label(label)} of atom {center}"
    size = float(np.linalg.norm(gradient))
    if not size:
        return f"No displacement changes {name}, to first order."
    return f"{name[0].upper()}{name[1:]} changes fastest along these arrows: {size:.2g} per Å."
