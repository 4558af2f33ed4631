"""Waves of one wave vector, each with one cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensitivity.bands.study import Study
from sensitivity.bloch import Complex, decompose_bloch, fix_phases
from sensitivity.diagnosis.causes import CAUSES, Cause
from sensitivity.numerics import Array, ReadOnlyArrays


@dataclass(frozen=True)
class Waves(ReadOnlyArrays):
    """Orthonormal waves of one wave vector: the visible ones, then the invisible by cause.

    Attributes
    ----------
    q
        Shape (3,): the wave vector, in fractions of the reciprocal cell vectors.
    singular_values
        Shape (3n,): norm of J(q) u for each wave u, in (feature)/Å.
    vectors
        Shape (3n, n, 3): atom s of the cell at R, in numbers of cell vectors, moves by the real
        part of u_s exp(2πi q·R), times any complex number.
    causes
        Cause of each wave: first "sensitive", the visible ones, by descending singular value. Of
        the waves of one cause, only the span has a meaning.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> found = bands(structures.load("C-diamond"), DensityCorrelations(), path="GX", points=5)
    >>> found.waves([0.2, 0.1, 0.3]).causes
    ('sensitive', 'sensitive', 'sensitive', 'sensitive', 'symmetry', 'symmetry')
    """

    q: Array
    singular_values: Array
    vectors: Complex
    causes: tuple[Cause, ...]


def find_waves(study: Study, q: Array, *, zero: float, scale: float, threshold: float) -> Waves:
    """Return the waves of q, shape (3,); singular values up to ``zero`` are invisible.

    ``threshold`` is ``zero`` as a fraction of the ``scale``, for other descriptors.
    """
    here = study.settle(q, *study.decompose(q[None]), zero=zero, scale=scale)
    parts = study.part(q, here, zero=zero)
    known: list[tuple[Cause, Complex]] = [("sensitive", wave) for wave in parts.visible]
    known += [("symmetry", wave) for wave in parts.hidden]
    if len(parts.missed):
        found = study.sort(q, parts.missed, zero=zero, scale=scale, threshold=threshold)
        known += zip(found.causes, found.waves, strict=True)
    known += _sort_rigid(study, parts.unmoved, here.rigid)
    known.sort(key=lambda each: CAUSES.index(each[0]))
    waves = fix_phases(np.array([wave for _, wave in known]))
    sizes = np.linalg.norm(study.derivative.at(q[None])[0] @ waves.T, axis=0)
    return Waves(q, sizes, waves.reshape(len(waves), -1, 3), tuple(cause for cause, _ in known))


def _sort_rigid(
    study: Study, waves: Complex, counts: tuple[int, int, int]
) -> Iterator[tuple[Cause, Complex]]:
    """Yield combinations of waves that move environments as rigid bodies, each with its cause."""
    trivial = study.observation.trivial
    kinds: tuple[Cause, ...] = ("translation", "rotation")
    for cause, count in zip(kinds, counts[:0:-1], strict=True):
        if count:
            chosen = np.array(trivial.kinds) == cause
            directions = trivial.directions[chosen].reshape(int(chosen.sum()), -1)
            _, mixing = decompose_bloch((directions @ waves.T)[None])
            yield from ((cause, wave) for wave in mixing[0, :count] @ waves)
            waves = mixing[0, count:] @ waves
    yield from (("unseen", wave) for wave in waves)
