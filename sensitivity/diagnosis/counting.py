"""Causes of the displacements of an environment, without evidence: a part of the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.diagnosis.causes import CAUSES, Cause
from sensitivity.diagnosis.diagnose import split_displacements
from sensitivity.diagnosis.evidence import Case
from sensitivity.diagnosis.zeros import Budget
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.spectrum import TRIVIAL, Spectrum, decompose
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.sites import site_symmetries


@dataclass(frozen=True)
class CountedCauses:
    """The causes that ``diagnose`` finds, and the singular values of each."""

    spectrum: Spectrum
    sites: tuple[SiteSymmetry, ...]
    values: Mapping[Cause, Array]  # (feature)/Å, of internal displacements and those out of reach

    @property
    def counts(self) -> dict[Cause, int]:
        """Number of displacements of every cause; they add up to 3N."""
        return {cause: len(self.values[cause]) for cause in CAUSES}


def count_causes(
    atoms: Atoms, descriptor: Descriptor, *, centers: Centers, tolerance: float
) -> CountedCauses:
    """Return the causes that ``diagnose`` counts for the same arguments, with its errors."""
    observation = Observation.of(atoms, descriptor, centers=centers)
    settings = {"cutoff": descriptor.cutoff, "tolerance": tolerance}
    sites = tuple(site_symmetries(observation.atoms, centers=observation.centers, **settings))
    case = Case(observation, sites, tolerance, Budget(Budget.MOST))
    rigid = case.trivial()
    found: dict[Cause, list[Array]] = {cause: [] for cause in CAUSES}
    for cause in TRIVIAL:
        found[cause].append(np.zeros(rigid.kinds.count(cause)))
    scale = observation.spectrum.scale
    for subspace in split_displacements(case, rigid.directions, mentions=False):
        if len(directions := subspace.directions):
            found[subspace.cause].append(decompose(observation, directions, scale=scale)[0])
    values = {cause: np.concatenate([np.zeros(0), *parts]) for cause, parts in found.items()}
    return CountedCauses(observation.spectrum, sites, values)
