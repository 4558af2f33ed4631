"""How near an inversion has come to the structure whose features it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import superpose
from sensitivity.inversion.inversion import Inversion
from sensitivity.structures import environment


@dataclass(frozen=True)
class Recovery:
    """Distances from the target in Å, root mean square over atoms after superposition.

    What one center sees is superposed, or the whole molecule if there are several centers, the
    first center on itself. A distance is None for a crystal with several centers, and where the
    center sees other atoms in the two.

    Attributes
    ----------
    distance
        Of the structure found.
    start_distance
        Of the start.
    """

    distance: float | None
    start_distance: float | None

    @property
    def another(self) -> bool:
        """True if it is another structure than the target, not the target known less well.

        Along a null mode features that agree to 1e-10 fix the atoms to 1e-5 Å.
        """
        return self.distance is not None and self.distance > 1e-3


def measure_recovery(
    result: Inversion, descriptor: Descriptor, *, target: Atoms, start: Atoms
) -> Recovery:
    """Measure how far the structure found, and the start, are from a target."""
    found, began = (
        _measure(atoms, target, descriptor, centers=result.centers)
        for atoms in (result.atoms, start)
    )
    return Recovery(found, began)


def _measure(
    atoms: Atoms, target: Atoms, descriptor: Descriptor, *, centers: Sequence[int]
) -> float | None:
    center = int(centers[0])
    if len(centers) == 1:
        atoms, target = (
            environment(structure, center, descriptor.cutoff) for structure in (atoms, target)
        )
        center = 0
    if target.pbc.any() or sorted(atoms.numbers) != sorted(target.numbers):
        return None
    inversion = descriptor.inversion_invariant
    return superpose(atoms, target, center=center, inversion=inversion).rmsd
