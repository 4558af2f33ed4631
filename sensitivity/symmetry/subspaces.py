"""Displacements that symmetry allows to be seen."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from sensitivity.geometry.motions import complement, trivial_motions
from sensitivity.numerics import Array
from sensitivity.progress import checkpoint
from sensitivity.symmetry.groups import Invariance
from sensitivity.symmetry.hidden import hidden_by_symmetry, smallest_angle
from sensitivity.symmetry.sites import SiteSymmetry, site_symmetries
from sensitivity.tolerances import Tolerance


def allowed_displacements(
    atoms: Atoms,
    *,
    cutoff: float,
    centers: tuple[int, ...],
    invariance: Invariance,
    tolerance: float = Tolerance.POSITIONS,
) -> tuple[Array, Array]:
    """Return internal displacements, and those that symmetry allows to be seen, (n, N, 3).

    ``tolerance`` is that of the groups, Å per atom, as for a diagnosis.
    """
    trivial = trivial_motions(atoms, cutoff=cutoff, centers=centers)
    sites = list[SiteSymmetry]()
    for site in site_symmetries(atoms, centers=centers, cutoff=cutoff, tolerance=tolerance):
        checkpoint()
        sites.append(site)
    groups = [site.group.binding(invariance) for site in sites]
    every = hidden_by_symmetry(sites, groups, count=len(atoms))
    angle = smallest_angle(max(group.deviation for group in groups))
    hidden = complement(trivial.directions, within=every, angle=angle)
    return trivial.internal(), complement(np.concatenate([trivial.directions, hidden]))
