"""Comparison of descriptors on one structure: what each sees, how well, and what others miss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from ase import Atoms

from sensitivity.comparison.modes import reconstruction_error
from sensitivity.comparison.result import Comparison
from sensitivity.descriptors import Centers, Descriptor, NotSmooth
from sensitivity.descriptors.naming import name_descriptors
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.metrics import RATTLE, Metric, MetricName, Rattle, Scale
from sensitivity.numerics import takes_centers
from sensitivity.progress import Cancelled, Progress, Stop, check_progress, checkpoint, telling
from sensitivity.soft_modes import AllowedModes, check_soft, choose_soft, principal_angles
from sensitivity.spectrum import Spectrum, decompose_jacobian
from sensitivity.structures import check_centers
from sensitivity.tolerances import Tolerance


@takes_centers
def compare(
    atoms: Atoms,
    descriptors: Mapping[str, Descriptor] | Iterable[Descriptor],
    *,
    centers: Centers = None,
    metric: MetricName = "rattle",
    structures: Iterable[Atoms] | Rattle = RATTLE,
    soft: int | None = None,
    tolerance: float = Tolerance.POSITIONS,
    progress: Progress | None = None,
) -> Comparison:
    """Compare what descriptors see of a structure, how well, and what each misses of the others.

    Singular values depend on the scale of the features, which is arbitrary; rank and causes do not.
    ``metric`` states the scale. "raw" takes the features as they are. "rattle" divides each by its
    standard deviation over samples. "whitened" decorrelates them, too, which needs several times as
    many samples as directions. Features, or directions of them, that do not vary weigh zero.
    Samples are copies of the structure with random displacements, and deviations are from the mean
    of each center; or environments in given structures, with one mean. Over small random
    displacements, whitened features respond to all visible displacements about equally, by
    construction: give structures to learn more.

    Soft modes are right singular vectors with the smallest singular values, within the
    displacements that symmetry allows the descriptor to see. Modes that are null although symmetry
    allows them to be seen are the softest.

    The infinitesimal reconstruction error of B from A is ‖J_B (1 - P_A)‖_F / ‖J_B‖_F, with P_A the
    projector on the visible displacements of A: on the row space of J_A, whose singular values are
    above 1e-5 of the scale (``Spectrum.zero_level``). It is the local limit of the feature
    reconstruction error of Goscinski, Fraux, Imbalzano, Ceriotti, Mach. Learn.: Sci. Technol. 2,
    025028 (2021), doi 10.1088/2632-2153/abdaf7, and needs no data set.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    descriptors
        Two or more descriptors, or a mapping from names to them. Descriptors without names are
        named by class and by the settings in which those of the same class differ.
    centers
        Indices of the centers whose features are stacked; None takes all atoms.
    metric
        "raw", "rattle" or "whitened".
    structures
        Structures that define the scale, of which all atoms of the elements of the centers count;
        or how to displace the atoms of copies.
    soft
        Number of soft modes of each descriptor. By default the largest number of null modes that
        symmetry does not explain, of any descriptor, or 3 if there are none; more if that many
        would divide modes of equal singular values; and not more than there are.
    tolerance
        Å: as for ``diagnose``.
    progress
        Called regularly with a short sentence. It may raise ``Cancelled``.

    Returns
    -------
    Comparison
        If it is cancelled during the diagnoses, which come last, it has those that are complete.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two descriptors, one has a kink here (``NotSmooth``), or the
        structure, a center, a setting or their combination is unusable.
    Interrupted
        On Ctrl-C during the diagnoses; ``partial`` is the Comparison that cancelling would return.
    Cancelled
        If it is cancelled before.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, compare, structures
    >>> smeared = [DensityCorrelations(2, smearing=width) for width in (0.2, 0.5)]
    >>> found = compare(structures.load("generic"), smeared, centers=[0])
    >>> found.names
    ('DensityCorrelations(smearing=0.2)', 'DensityCorrelations(smearing=0.5)')
    >>> found.reconstruction.round(12).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    named, tell, stop = name_descriptors(descriptors), check_progress(progress), Stop()
    chosen = check_centers(atoms, centers)
    scale = Scale.of(atoms, chosen, metric, structures)
    with telling(progress):
        found = _decompose(named, scale, soft=soft, tolerance=tolerance, tell=tell)
    diagnoses = list[Diagnosis]()
    with stop:
        for name, descriptor in named.items():
            tell(f"{name}: causes")
            checkpoint()
            diagnosis = diagnose(
                atoms, descriptor, centers=chosen, tolerance=tolerance, progress=progress
            )
            if diagnosis.interrupted:
                raise Cancelled
            diagnoses.append(diagnosis)
    return stop.deliver(replace(found, diagnoses=tuple(diagnoses), ending=stop.ending))


def _decompose(
    named: Mapping[str, Descriptor],
    scale: Scale,
    *,
    soft: int | None,
    tolerance: float,
    tell: Progress,
) -> Comparison:
    """Return the comparison without diagnoses."""
    spectra, allowed, directions = list[Spectrum](), list[AllowedModes](), list[int]()
    metrics = list[Metric | None]()
    for name, descriptor in named.items():
        tell(f"{name}: singular values")
        try:
            derivative, metric = scale.differentiate(descriptor)
        except NotSmooth as error:
            raise NotSmooth(f"{name}: {error}") from error
        metrics.append(metric)
        size = derivative.features.shape[1]
        directions.append(size if metric is None else metric.directions)
        spectra.append(decompose_jacobian(derivative, cutoff=descriptor.cutoff))
        allowed.append(AllowedModes.of(derivative, descriptor, spectra[-1], tolerance=tolerance))
    k = choose_soft(allowed) if soft is None else check_soft(soft, allowed)
    modes = np.array([each.softest(k) for each in allowed])
    return Comparison(
        scale.atoms.copy(),
        scale.centers,
        tuple(named),
        tuple(named.values()),
        scale.name,
        scale.reference,
        scale.samples,
        np.array(directions),
        tuple(spectra),
        np.array([each.condition for each in allowed]),
        k,
        modes,
        principal_angles(modes),
        np.array([[reconstruction_error(a, by) for by in spectra] for a in spectra]),
        tuple(metrics),
    )
