"""Singular values of the Jacobian of an infinite crystal, as a function of the wave vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.dft.kpoints import BandPath
from numpy.typing import ArrayLike

from sensitivity.bands.result import Bands
from sensitivity.bands.shortfalls import Shortfall
from sensitivity.bands.study import AtWaveVector, Study
from sensitivity.bands.wave_vectors import WaveVectors, check_crystal, choose_wave_vectors
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.causes import Cause
from sensitivity.numerics import check_real
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, checkpoint, telling
from sensitivity.spectrum import natural_scale
from sensitivity.structures.translations import count_cells
from sensitivity.tolerances import Tolerance


def bands(
    crystal: Atoms,
    descriptor: Descriptor,
    *,
    path: str | BandPath | ArrayLike | None = None,
    points: int = 100,
    threshold: float = Tolerance.RANK,
    progress: Progress | None = None,
) -> Bands:
    """Compute the singular values of an infinite crystal along a path of wave vectors.

    J(q) = Σ_R J_{·,(s,R)} exp(2πi q·R) has the derivatives of the features of the centers of one
    cell with respect to atom s of cell R. Its singular values at all q that a supercell allows are
    those of the supercell. All atoms are centers.

    Parameters
    ----------
    crystal
        A structure that is periodic in one, two or three directions.
    descriptor
        Any descriptor that is determined by the atoms within its cutoff.
    path
        Special points such as "GXWK", "GX,UG" with a jump; None for the usual path of the lattice,
        as ASE defines it: for these the crystal is reduced to its primitive cell. Or an ASE
        ``BandPath``, or wave vectors, (q, 3), in fractions of the reciprocal vectors of the given
        cell: for these the cell is kept.
    points
        Number of wave vectors along a path of special points.
    threshold
        Fraction of ``Bands.scale`` above which a singular value counts as visible, at least 1e-12.
    progress
        Called regularly with a short sentence. If it raises ``Cancelled`` after the Jacobian is
        known, the result has the wave vectors so far.

    Raises
    ------
    TypeError, ValueError
        If the structure is unusable or a molecule, a wave vector is along a direction that is not
        periodic, or the path is none.
    Interrupted
        On Ctrl-C after the Jacobian is known; ``partial`` has the wave vectors so far.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> found = bands(structures.load("Al-fcc"), DensityCorrelations(), path=[[0.1, 0.2, 0.3]])
    >>> found.singular_values.round(2).tolist(), found.rank.tolist()
    ([[1.3, 0.0, 0.0]], [1])
    """
    least = Tolerance.EXACT  # singular values below are rounding errors
    expected, remedy = f"from {least:g}, above rounding errors, to below 1", "try 1e-5"
    check_real(threshold, "threshold", expected, accepts=lambda x: least <= x < 1, remedy=remedy)
    check_crystal(crystal)
    chosen, stop = choose_wave_vectors(crystal, path, points=points), Stop()
    with telling(progress):
        study = Study.of(Observation.of(chosen.atoms, descriptor))
        found = list[AtWaveVector]()
        with stop:
            for part in study.parts(chosen.q):
                checkpoint(f"{len(found)} of {len(chosen.q)} wave vectors")
                found.extend(study.decompose(part))
        result = _collect(study, chosen, found, threshold=threshold)
        shortfalls = list(result.shortfalls)
        with stop:
            for number, shortfall in enumerate(shortfalls if not stop.stopped else []):
                checkpoint(f"cause of {number} of {len(shortfalls)} shortfalls")
                q = result.q[shortfall.number]
                shortfalls[number] = study.explain(
                    shortfall, q, zero=result.zero_level, scale=result.scale, threshold=threshold
                )
    return stop.deliver(replace(result, shortfalls=tuple(shortfalls), ending=stop.ending))


def _collect(
    study: Study, chosen: WaveVectors, found: list[AtWaveVector], *, threshold: float
) -> Bands:
    """Return the bands at the first wave vectors, with shortfalls of unknown cause."""
    count, columns = len(found), 3 * len(chosen.atoms)
    values = np.array([each.values for each in found]).reshape(count, columns)
    predicted = np.zeros(count, dtype=np.intp)  # depends on the scale
    norm, cutoff = np.array(study.derivative.center_norm), study.observation.descriptor.cutoff
    scale = natural_scale(float(values.max(initial=0.0)), norm, cutoff=cutoff)
    result = Bands(
        chosen.atoms,
        study.observation.descriptor,
        study,
        chosen.q[:count],
        chosen.distance[:count],
        chosen.labels[:count],
        values,
        predicted,
        np.array([each.rigid for each in found], dtype=np.intp).reshape(count, 3),
        predicted,
        (),
        threshold,
        scale,
        count_cells(chosen.atoms),
    )
    settled = [
        study.settle(q, each, zero=result.zero_level, scale=scale)
        for q, each in zip(result.q, found, strict=True)
    ]
    predicted = np.array([each.predicted for each in settled], dtype=np.intp)
    rigid = np.array([each.rigid for each in settled], dtype=np.intp).reshape(count, 3)
    nearly = np.array([each.nearly_hidden for each in settled], dtype=np.intp)
    result = replace(result, predicted_rank=predicted, rigid=rigid, nearly_hidden=nearly)
    lacking = np.maximum(predicted - result.rank, 0)
    unknown: tuple[Cause, ...] = ("undetermined",)
    shortfalls = (
        Shortfall(number, values[number, :0], unknown * int(lacking[number]))
        for number in np.flatnonzero(lacking).tolist()
    )
    return replace(result, shortfalls=tuple(shortfalls))
