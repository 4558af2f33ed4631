"""Features of a few environments, by which another descriptor of the same name is recognised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array
from sensitivity.structures import environment
from sensitivity.survey.attempts import attempt
from sensitivity.survey.environments import Environments
from sensitivity.survey.frames import NumberedFrame
from sensitivity.survey.rows import Row

Features = Sequence[Sequence[float]]
"""Frame, center, norm, and sum with random weights, of the features of some environments."""

_MOST = 4  # environments of a part
_CLOSE = 1e-5  # of the norm; single precision on another machine differs by about 1e-6


def probe(
    environments: Environments,
    rows: Sequence[Row],
    descriptor: Descriptor,
    *,
    timeout: float | None,
) -> Features:
    """Return the features of the first environment of each element, at most four elements.

    Environments that could not be analysed are left out, so that this cannot fail where their
    ``rows`` do not.
    """
    usable = [place for place, row in enumerate(rows) if not row.get("error")]
    _, first = np.unique(environments.species[usable], return_index=True)
    found = list[Sequence[float]]()
    for place in sorted(first.tolist())[:_MOST]:
        each = environments[usable[place]]
        numbers = _summarize(each.atoms, descriptor, timeout=timeout)
        if not isinstance(numbers, Exception) and np.isfinite(numbers).all():
            found.append((each.frame, each.center, *numbers.tolist()))
    return found


def _summarize(alone: Atoms, descriptor: Descriptor, *, timeout: float | None) -> Array | Exception:
    """Return the norm and the sum of the features of an environment, or the reason for none."""
    found = attempt(lambda: descriptor.features(alone, centers=[0]), seconds=timeout)
    if isinstance(found, Exception):
        return found
    row = np.asarray(found).ravel()
    weights = np.random.default_rng(0).normal(size=len(row))
    return np.array([np.linalg.norm(row), weights @ row])


def are_same(
    features: Iterable[Sequence[float]],
    frame: NumberedFrame,
    descriptor: Descriptor,
    *,
    timeout: float | None,
) -> bool:
    """Return whether a descriptor gives those of the features that belong to a frame.

    True also if the time does not suffice.
    """
    if frame.atoms is None:
        return True
    for number, center, *known in features:
        if number == frame.number:
            alone = environment(frame.atoms, int(center), descriptor.cutoff)
            now = _summarize(alone, descriptor, timeout=timeout)
            if isinstance(now, TimeoutError):
                continue
            close = _CLOSE * max(map(abs, known))
            if isinstance(now, Exception) or not (np.abs(now - known) <= close).all():
                return False
    return True
