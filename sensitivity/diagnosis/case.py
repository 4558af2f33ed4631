"""A structure under diagnosis: the observation, the symmetry of its sites, and the tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.completeness.environments import CompleteView, Environments
from sensitivity.geometry.motions import TrivialMotions, trivial_motions
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.symmetry import SiteSymmetry


@dataclass(frozen=True)
class Case:
    """A structure under diagnosis."""

    observation: Observation
    sites: tuple[SiteSymmetry, ...]  # of the environment of each center
    tolerance: float  # Å, root mean square over the atoms of an environment

    @property
    def environments(self) -> Environments:
        """The environments of the centers."""
        return Environments(self.sites, self.observation.atoms.numbers)

    @property
    def deviation(self) -> float:
        """Å, root mean square: the largest of the point groups of the environments."""
        return max(site.group.deviation for site in self.sites)

    @property
    def members(self) -> int:
        """Atoms of the largest environment, over which distances are averaged."""
        return max(len(site.atoms) for site in self.sites)

    @property
    def reach(self) -> float:
        """The tolerance in Å as the root of the summed squares."""
        return self.tolerance * float(np.sqrt(self.members))

    def distance(self, displacement: Array) -> float:
        """Return the length of a displacement, in Å, root mean square over an environment."""
        return float(np.linalg.norm(displacement) / np.sqrt(self.members))

    def trivial(self, displacement: Array | None = None) -> TrivialMotions:
        """Return rigid motions and unseen atoms, after a displacement, within the tolerance.

        Atoms that are as near to the cutoff as the tolerance are unseen, and those that are as near
        to an axis do not turn about it.
        """
        observation = self.observation
        there = observation if displacement is None else observation.displaced(displacement)
        return trivial_motions(
            there.atoms,
            cutoff=max(observation.descriptor.cutoff - self.tolerance, self.tolerance),
            centers=observation.centers,
            rounding=self.tolerance,
        )

    def complete(
        self, environments: Environments, *, more: int = 0, within: float
    ) -> CompleteView | None:
        """Return complete correlations of the order of the descriptor, or of ``more`` neighbours.

        Positions that differ by less than the fraction ``within`` of the tolerance count as equal.
        None if the order is not known, or there are too many tuples of neighbours.
        """
        descriptor = self.observation.known
        if descriptor.order is None:
            return None
        return environments.view(
            order=descriptor.order + more,
            parity_odd=not descriptor.inversion_invariant,
            same=within * self.tolerance,
        )
