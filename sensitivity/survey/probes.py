"""Features of a few atoms, by which another descriptor of the same name is recognised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.survey.frames import NumberedFrame

Features = Sequence[float]
"""Number of a frame, and of the features of the first atom of each element, at most four: norm, and
sum with random weights."""

_MOST = 4  # a frame may have thousands of atoms
_CLOSE = 1e-5  # of the norm; single precision on another machine differs by about 1e-6


def probe(frame: int, atoms: Atoms, descriptor: Descriptor) -> Features | None:
    """Return what tells the features of a frame from those of another descriptor.

    None if there are no features: the rows say why.
    """
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    _, first = np.unique(atoms.numbers, return_index=True)
    found = [float(frame)]
    for center in sorted(first.tolist())[:_MOST]:
        try:
            row = np.asarray(descriptor.features(bare, centers=[center])).ravel()
        except Exception:  # that of any library
            return None
        weights = np.random.default_rng(0).normal(size=len(row))
        found += [float(np.linalg.norm(row)), float(weights @ row)]
    return found if np.isfinite(found).all() else None


def is_same(features: Features, descriptor: Descriptor, frame: NumberedFrame) -> bool:
    """Tell whether a descriptor has these features; True for another frame than theirs."""
    if frame.atoms is None or frame.number != features[0]:
        return True
    now = probe(frame.number, frame.atoms, descriptor)
    if now is None or len(now) != len(features):
        return False
    size = max(map(abs, features[1:]))
    return bool(np.abs(np.subtract(now, features)).max() <= _CLOSE * size)
