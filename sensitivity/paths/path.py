"""The result of following a singular vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.geometry.rotations import rotate_onto
from sensitivity.numerics import Array, ReadOnlyArrays
from sensitivity.spectrum import Spectrum


@dataclass(frozen=True)
class Path(ReadOnlyArrays):
    """A curve along a singular vector.

    Attributes
    ----------
    spectra
        At every frame, the start first.
    modes
        Shape (frames, N, 3): at every frame the direction of the curve, of unit norm. It is the
        singular vector that is followed, where its singular value stands alone, and a combination
        of several where they pass by each other.
    length
        Shape (frames,): of the curve up to each frame, in Å, root of the summed squares.
    net
        Shape (frames,): how far each frame is from the start, in Å, root of the summed squares
        after translation and rotation onto it (in a crystal, as they are).
    subspace
        For every frame, the indices of the modes that are followed, of those that with them hold
        98 % of the square of the direction, and of others with equal singular values. More than
        one where several were asked for, where they are equal, or where they pass by each other.
    returned
        True if the curve closes: it was back at the start, after superposition, in the same
        direction.
    complete
        True if it has the length asked for.
    interrupted
        True if it was cancelled, or interrupted by Ctrl-C.
    status
        One sentence that names the reason why it ends.
    """

    spectra: tuple[Spectrum, ...]
    modes: Array
    length: Array
    net: Array
    subspace: tuple[tuple[int, ...], ...]
    returned: bool
    complete: bool
    interrupted: bool
    status: str

    @property
    def frames(self) -> tuple[Atoms, ...]:
        """The structures."""
        return tuple(spectrum.atoms for spectrum in self.spectra)

    @cached_property
    def feature_distance(self) -> Array:
        """Shape (frames,): Euclidean distance of the features from those of the start."""
        start = self.spectra[0].features
        return np.array([np.linalg.norm(each.features - start) for each in self.spectra])

    @cached_property
    def response(self) -> Array:
        """Shape (frames,): |J v| along the direction v of the curve, in (feature)/Å."""
        internal = [each.internal for each in self.spectra]
        parts = [
            each.singular_values[:n] * np.tensordot(each.modes[:n], mode, axes=2)
            for each, n, mode in zip(self.spectra, internal, self.modes, strict=True)
        ]
        return np.array([np.linalg.norm(part) for part in parts])

    @cached_property
    def condition(self) -> Array:
        """Shape (frames,): smallest over largest internal singular value."""
        return np.array([each.condition for each in self.spectra])

    def __repr__(self) -> str:
        return f"Path({self.spectra[0].atoms.symbols}, frames={len(self.spectra)}: {self.status})"


def net_displacements(frames: Sequence[Atoms]) -> Array:
    """Return how far structures are from the first of them, in Å: see ``Path.net``."""
    start = frames[0].positions
    if frames[0].pbc.any():
        return np.array([np.linalg.norm(atoms.positions - start) for atoms in frames])
    return np.array([np.linalg.norm(rotate_onto(a.positions, start) - start) for a in frames])
