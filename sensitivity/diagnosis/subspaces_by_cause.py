"""Split the displacements of a structure into subspaces, one after the other, by their cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.case import Case
from sensitivity.diagnosis.causes import Cause
from sensitivity.diagnosis.null_modes import Null, NullSearch
from sensitivity.geometry.subspaces import complement
from sensitivity.numerics import Array, Tolerance
from sensitivity.spectrum import TRIVIAL, by_kind, decompose
from sensitivity.symmetry import PointGroup, SiteSymmetry
from sensitivity.symmetry.hidden import hidden_by_symmetry, smallest_angle


@dataclass(frozen=True)
class Subspace:
    """Displacements of one cause."""

    cause: Cause
    directions: Array  # (n, N, 3), orthonormal
    distance: float | None  # Å, root mean square: to the geometry where they are null
    displacement: Array | None = None  # (N, 3), Å: leads there, if other descriptors are to look
    lifted_by: int | None = None  # the lowest order whose complete basis sees them, if known


def split_displacements(case: Case, rigid: Array) -> Iterator[Subspace]:
    """Split all displacements but the rigid ones, shape (n, N, 3), by cause.

    First what environments do not see since they turn as rigid bodies; what symmetry hides; what is
    null without symmetry; and the rest, visible or not.
    """
    here = np.zeros_like(case.observation.atoms.positions)
    known, internal = rigid, complement(rigid)
    turning = hidden_by_symmetry(case.sites, [None] * len(case.sites), count=len(here))
    turning = complement(known, within=turning, angle=smallest_angle(case.deviation))
    yield Subspace("unseen", turning, 0.0)
    known = np.concatenate([known, turning])
    for hidden, distance in _hidden(case, known):
        yield Subspace("symmetry", hidden, distance, here)
        known = np.concatenate([known, hidden])
    # A deviation d from symmetry leaves up to ten times d² of an exact zero, relative, per Å².
    search = NullSearch(case, internal, max(Tolerance.RANK, 10.0 * case.deviation**2))
    for null in search.find(complement(known)):
        distance = case.distance(null.displacement)
        left = _left_behind(case, null, known)
        yield Subspace("unseen", left, distance)
        modes = complement(left, within=null.modes) if len(left) else null.modes
        yield Subspace(null.cause, modes, distance, null.displacement, null.lifted_by)
        known = np.concatenate([known, left, modes])
    spectrum = case.observation.spectrum
    values, modes = decompose(case.observation.jacobian, complement(known), scale=spectrum.scale)
    visible = values > spectrum.zero_level
    yield Subspace("sensitive", modes[visible], None)
    yield Subspace("undetermined", modes[~visible], None, here)


def _left_behind(case: Case, null: Null, known: Array) -> Array:
    """Displacements that are null since an atom has left the cutoff where they are, (n, N, 3).

    A complete basis knows no cutoff function, so that this counts as truncation until then. With
    the displacements that are null, all others of the atom are.
    """
    if null.cause != "truncation" or not len(null.modes) or not null.displacement.any():
        return null.modes[:0]
    unseen = by_kind(case.trivial(null.displacement))[TRIVIAL.index("unseen")]
    return complement(known, within=unseen, angle=smallest_angle(case.tolerance))


def _hidden(case: Case, known: Array) -> Iterator[tuple[Array, float]]:
    """Displacements that symmetry hides, by growing distance to the symmetric geometry."""
    angle, atoms = smallest_angle(case.deviation), case.observation.atoms
    for distance in _levels(case.sites):
        groups = [_group_within(site, distance, case.observation.descriptor) for site in case.sites]
        every = hidden_by_symmetry(case.sites, groups, count=len(atoms))
        hidden = complement(known, within=every, angle=angle)
        yield hidden, distance
        known = np.concatenate([known, hidden])


def _levels(sites: Sequence[SiteSymmetry]) -> list[float]:
    """Deviations, in Å, up to which the groups of the environments count, one after the other.

    Those within 1e-5 Å, which is rounding at 1e-6 Å, or a factor of three are of one level.
    """
    deviations = sorted({level.deviation for site in sites for level in site.levels})
    levels = deviations[:1]
    for deviation in deviations[1:]:
        if deviation < max(1e-5, 3.0 * levels[-1]):
            levels[-1] = deviation
        else:
            levels.append(deviation)
    return levels


def _group_within(
    site: SiteSymmetry, deviation: float, descriptor: Descriptor
) -> PointGroup | None:
    """The largest group that an environment has within a deviation, as the descriptor sees it."""
    groups = [level for level in site.levels if level.deviation <= deviation]
    if not groups:
        return None
    return groups[-1].binding(inversion_invariant=descriptor.inversion_invariant)
