"""Overlap-matrix fingerprint: sorted eigenvalues of the overlap matrix of atomic orbitals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from sensitivity.descriptors.amplified_overlaps import (
    AmplifiedOverlaps,
    Surroundings,
    surroundings,
)
from sensitivity.descriptors.batches import Batch, Centers
from sensitivity.descriptors.gaussian_overlaps import ORBITALS, GaussianOverlaps
from sensitivity.descriptors.protocol import Descriptor
from sensitivity.memory import require_memory
from sensitivity.numerics import (
    Array,
    check_integer,
    check_real,
    takes_center,
    takes_centers,
)
from sensitivity.progress import checkpoint
from sensitivity.structures import check_centers, check_cutoff


@dataclass(frozen=True)
class OverlapMatrix(Descriptor):
    """Eigenvalues of the overlap matrix of Gaussian orbitals around a center.

    The center and every atom within the cutoff, periodic images included, carry normalised Gaussian
    orbitals, proportional to exp(-r²/2σ²) for s and to that times x, y or z for p, whose width σ is
    the covalent radius of the element (``ase.data.covalent_radii``) times ``scale``. The matrix

        f_c(r_i) ⟨φ_iμ|φ_jν⟩ f_c(r_j),   f_c(r) = (1 - r²/4w²)²,   w = cutoff/2,

    with the distance r_i from the center, has the features as eigenvalues, in descending order,
    followed by zeros. An atom at the cutoff adds zeros, so features and gradients are continuous
    there. Elements differ by their radii alone.

    The matrix contains all distances between the atoms, so its eigenvalues correlate any number of
    neighbours: ``order`` is None. Where eigenvalues cross, sorted ones have a kink, like ±|x|, and
    no gradient: ``smooth`` is False. Symmetry makes eigenvalues equal. Each of several equal ones
    then has the gradient of their mean, which has no kink: these span the gradients of all smooth
    functions of the eigenvalues that do not depend on their order. ``one_sided`` gives the
    derivatives of the sorted eigenvalues.

    The codes of the groups that introduced it use other radii, such as 0.37 Å instead of 0.31 Å for
    hydrogen; with the same ones, the values are those of libfp.

    Zhu, Amsler, Fuhrer, Schaefer, Faraji, Rostami, Ghasemi, Sadeghi, Grauzinyte, Wolverton,
    Goedecker, J. Chem. Phys. 144, 034203 (2016), doi 10.1063/1.4940026; Parsaeifard, De,
    Christensen, Faber, Kocer, De, Behler, von Lilienfeld, Goedecker, Mach. Learn.: Sci. Technol. 2,
    015018 (2021), doi 10.1088/2632-2153/abb212.

    Attributes
    ----------
    orbitals
        "s", one orbital for each atom, or "sp", four. With "s", four neighbours give five
        eigenvalues, fewer than the nine internal displacements.
    cutoff
        Radius of the environment in Å.
    neighbors
        The number of features is ``neighbors`` + 1 times the number of orbitals of an atom, the
        same in all structures. If more atoms are within the cutoff, the smallest eigenvalues are
        left out; the others remain continuous. The default suffices for 5 Å in diamond, where a
        center has 86 neighbours.
    scale
        Factor of the covalent radii.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> from sensitivity import spectrum, structures
    >>> from sensitivity.descriptors import OverlapMatrix
    >>> atoms = structures.load("S1")
    >>> spectrum(atoms, OverlapMatrix("s"), centers=[0]).rank
    5
    >>> spectrum(atoms, OverlapMatrix("sp"), centers=[0]).rank
    9
    """

    orbitals: Literal["s", "sp"] = "sp"
    cutoff: float = 5.0
    neighbors: int = 100
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.orbitals not in tuple(ORBITALS):
            raise ValueError(
                f'orbitals must be "s" or "sp", got {self.orbitals!r}; choose one of them.'
            )
        check_cutoff(self.cutoff)
        check_integer(self.neighbors, "neighbors", "at least 1", accepts=lambda n: n >= 1)
        positive = "a positive, finite number"
        check_real(self.scale, "scale", positive, accepts=lambda x: 0 < x < np.inf)

    @property
    def inversion_invariant(self) -> bool:
        """True: an inversion changes the signs of p orbitals, not the eigenvalues."""
        return True

    @property
    def smooth(self) -> bool:
        """False: sorted eigenvalues have kinks where they cross."""
        return False

    @property
    def remarks(self) -> tuple[str, ...]:
        """One sentence on equal eigenvalues."""
        return (
            "Of equal eigenvalues, only the mean counts: each alone has a kink, and may change to "
            "first order where the mean does not.",
        )

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Plausible ranges."""
        return {"cutoff": (1.0, 12.0), "neighbors": (1, 1000), "scale": (0.2, 2.0)}

    def larger_basis(self) -> OverlapMatrix | None:
        """Return the descriptor with s and p orbitals; None if it has them.

        What only this one sees is invisible by truncation.
        """
        return replace(self, orbitals="sp") if self.orbitals == "s" else None

    def labels(self, atoms: Atoms | None = None) -> tuple[str, ...]:
        """Return "eigenvalue 1", the largest, "eigenvalue 2", ...; the structure is not needed."""
        return tuple(f"eigenvalue {number}" for number in range(1, self._size + 1))

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of one center, the same in all structures."""
        return self._size

    @takes_centers
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the features, shape (centers, features).

        Raises
        ------
        TypeError, ValueError
            If the structure or a center is unusable.
        """
        chosen = check_centers(atoms, centers)
        sets = self._surroundings(atoms, chosen)
        self._require_memory(sets, values=len(chosen) * self._size)
        place = {center: row for row, center in enumerate(chosen)}
        out = np.empty((len(chosen), self._size))
        for around in sets:
            rows = [place[center] for center in around.centers.tolist()]
            out[rows] = self._padded(self._amplified(around, atoms).eigenvalues)
        return out

    @takes_centers
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return features and gradients of every center; of equal eigenvalues, that of their mean.

        Raises what ``features`` does.
        """
        chosen = check_centers(atoms, centers)
        sets = self._surroundings(atoms, chosen)
        columns = sum(3 * around.members.size for around in sets)
        self._require_memory(sets, values=self._size * columns)
        batches = []
        for number, around in enumerate(sets):
            checkpoint(f"gradients: {number} of {len(sets)} sets of centers")
            amplified = self._amplified(around, atoms)
            slopes = around.of_atoms(amplified.slopes()[:, : self._size])
            names = around.centers, around.atoms, self._padded(amplified.eigenvalues)
            batches.append(Batch.of_rows(*names, rows=np.arange(slopes.shape[1]), slopes=slopes))
        return tuple(batches)

    @takes_center
    def one_sided(self, atoms: Atoms, direction: Array, *, center: int) -> tuple[Array, Array]:
        """Return the derivatives of the features along a direction, forward and backward.

        They are the limits of (ξ(r + hv) - ξ(r))/h and (ξ(r) - ξ(r - hv))/h for h → 0 from above.
        They differ where eigenvalues cross. Within equal eigenvalues, they are the eigenvalues of
        the derivative of the matrix: first-order degenerate perturbation theory.

        Parameters
        ----------
        atoms
            The structure, N atoms.
        direction
            Shape (N, 3), displacements v of the atoms.
        center
            Index of the center.

        Returns
        -------
        tuple
            Two arrays of shape (features,), in the unit of ``direction`` over Å.

        Raises
        ------
        TypeError, ValueError
            If the structure, the center or the direction is unusable.

        Examples
        --------
        Of three equal eigenvalues of methane, the smallest falls as a bond is stretched, and the
        largest rises as it is shortened.

        >>> from sensitivity import structures
        >>> from sensitivity.descriptors import OverlapMatrix
        >>> methane = structures.load("Td")
        >>> direction = 0 * methane.positions
        >>> direction[1] = methane.positions[1]
        >>> ahead, behind = OverlapMatrix("s").one_sided(methane, direction, center=0)
        >>> round(float(ahead[3]), 3), round(float(behind[1]), 3)
        (-0.244, -0.244)
        """
        (chosen,) = check_centers(atoms, (center,))
        moved = np.asarray(direction, dtype=float)
        if moved.shape != (len(atoms), 3) or not np.isfinite(moved).all():
            raise ValueError(
                f"direction must be finite numbers of shape ({len(atoms)}, 3), the displacements "
                f"of the atoms, got shape {moved.shape}; give one row for each atom."
            )
        (around,) = self._surroundings(atoms, (chosen,))
        relative = moved[around.members] - moved[around.centers][:, None]
        found = self._amplified(around, atoms).one_sided(relative)
        ahead, behind = (self._padded(each)[0] for each in found)
        return ahead, behind

    @property
    def _size(self) -> int:
        return (self.neighbors + 1) * len(ORBITALS[self.orbitals])

    def _padded(self, eigenvalues: Array) -> Array:
        """Return the largest eigenvalues, or zeros after them, to the number of features."""
        kept = eigenvalues[:, : self._size]
        return np.pad(kept, ((0, 0), (0, self._size - kept.shape[1])))

    def _surroundings(self, atoms: Atoms, centers: tuple[int, ...]) -> list[Surroundings]:
        """Sort the centers; intermediate results of a few at a time fit into the cache."""
        return list(surroundings(atoms, cutoff=self.cutoff, centers=centers, most=200))

    def _amplified(self, around: Surroundings, atoms: Atoms) -> AmplifiedOverlaps:
        widths = self.scale * covalent_radii[atoms.numbers[around.members]]
        overlaps = GaussianOverlaps(around.positions, widths, self.orbitals)
        return AmplifiedOverlaps(overlaps, self.cutoff)

    def _require_memory(self, sets: list[Surroundings], *, values: int) -> None:
        """Refuse results, and matrices of one set with their derivatives, that do not fit."""
        sizes = [each.members.shape for each in sets]
        matrices = max(count * (p * len(ORBITALS[self.orbitals])) ** 2 for count, p in sizes)
        purpose = f"the requested arrays with {self._size} features per center"
        remedy = "choose a smaller cutoff, or fewer centers or neighbors"
        require_memory(8 * (values + 16 * matrices), purpose=purpose, remedy=remedy)
