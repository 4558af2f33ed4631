"""Names of the features of density correlations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ase.data import chemical_symbols

from sensitivity.descriptors.correlations import Correlation, Factors
from sensitivity.descriptors.protocol import Label

Channel = tuple[str, int]


def name_channels(species: Sequence[int], n_max: int) -> list[Channel]:
    """Return the species and the radial function, counted from 0, of each channel."""
    return [(chemical_symbols[number], n) for number in species for n in range(n_max)]


def name_mixed_channels(count: int) -> list[Channel]:
    """Return the names of channels that mix species and radial functions, counted from 0."""
    return [("mixed", k) for k in range(count)]


def name_features(correlation: Correlation, channels: Sequence[Channel]) -> tuple[Label, ...]:
    """Return the label of each feature: the channels of its factors, then their degrees."""
    return tuple(_name(factors, channels) for factors in correlation.factors())


def _name(factors: Factors, channels: Sequence[Channel]) -> Label:
    named = chain.from_iterable(channels[q] for q in factors.channels)
    order, degrees = len(factors.channels), factors.degrees
    if order <= 2:
        return (*named, *degrees)
    odd = ("odd",) if sum(degrees[:order]) % 2 else ()
    return (*named, degrees, *odd)
