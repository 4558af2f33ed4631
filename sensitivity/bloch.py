"""Linear maps of the displacements of an infinite crystal, one wave vector at a time.

A map A that the lattice translations leave unchanged has, for each center i, rows A_{i,(s,R)} that
act on atom s of cell R. On a wave, in which atom s of cell R moves by u_s exp(2πi q·R), it acts as
the matrix

    A(q)_{i,s} = Σ_R A_{i,(s,R)} exp(2πi q·R),

with q in fractions of the reciprocal cell vectors, and R counted in cells from that of the center.
Singular values of A of a supercell are those of A(q) at all q that the supercell allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.descriptors.answers import observed_features, observed_gradients
from sensitivity.numerics import Array, Indices, ReadOnlyArrays
from sensitivity.progress import checkpoint
from sensitivity.structures import environment
from sensitivity.structures.neighbors import surroundings
from sensitivity.symmetry import PointGroup, SiteSymmetry
from sensitivity.symmetry.hidden import seen_displacements

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class CenterRows(ReadOnlyArrays):
    """Rows of one center: a linear map of the displacements of its environment."""

    atoms: Indices  # (k,), ascending: atom of the cell
    cells: Indices  # (k, 3): cell of this image, counted from that of the center
    rows: Array  # (r, k, 3)

    @classmethod
    def of(cls, atoms: Atoms, places: Indices, vectors: Array, rows: Array) -> Self:
        """Return the rows of a center, with its environment as ``surroundings`` gives it.

        Its atoms ``places``, (k,), are at ``vectors``, (k, 3), Å, from the center, the first.
        """
        cells = image_cells(atoms, places, vectors)
        order = np.argsort(places, kind="stable")
        return cls(places[order], cells[order], rows[:, order])

    def at(self, q: Array, *, count: int) -> Complex:
        """Return A_i(q) for wave vectors (q, 3), shape (q, r, count, 3), of ``count`` atoms."""
        within = q - np.rint(q)  # whole numbers change nothing, but large ones lose digits
        phases = np.exp(2j * np.pi * (within @ self.cells.T))  # [q, image]
        seen, first = np.unique(self.atoms, return_index=True)
        out = np.zeros((len(q), len(self.rows), count, 3), dtype=complex)
        waves = self.rows * phases[:, None, :, None]  # [q, row, image, xyz]
        out[:, :, seen] = np.add.reduceat(waves, first, axis=2)
        return out

    @property
    def most_images(self) -> int:
        """Largest number of images of an atom in the environment."""
        return int(np.bincount(self.atoms).max())


@dataclass(frozen=True)
class BlochMatrix:
    """A map of the displacements of a crystal, kept as the rows of each center of one cell.

    Attributes
    ----------
    parts
        Rows of the centers.
    count
        Number n of atoms of the cell.
    """

    parts: tuple[CenterRows, ...]
    count: int

    def at(self, q: Array) -> Complex:
        """Return A(q) for wave vectors of shape (q, 3): (q, rows, 3n)."""
        stacked = [part.at(q, count=self.count) for part in self.parts]
        return np.concatenate(stacked, axis=1).reshape(len(q), -1, 3 * self.count)

    @property
    def size(self) -> int:
        """Numbers that ``at`` handles for each wave vector."""
        return sum(part.rows.size + 3 * self.count * len(part.rows) for part in self.parts)

    def squares(self, q: Array) -> tuple[Array, Complex]:
        """Return eigenvalues, (q, 3n), ascending, and eigenvectors, as columns, of A(q)†A(q)."""
        matrix = self.at(q)
        values, vectors = np.linalg.eigh(matrix.conj().swapaxes(1, 2) @ matrix)
        return values, vectors

    def __repr__(self) -> str:
        return f"{type(self).__name__}(centers={len(self.parts)}, columns={3 * self.count})"


@dataclass(frozen=True, repr=False)
class BlochJacobian(BlochMatrix):
    """J(q): derivatives of the features of one cell along waves, in (feature)/Å.

    The features of a center are replaced by as many combinations of them as it has rows: R of
    a QR decomposition of their gradient, which has the same singular values.

    Attributes
    ----------
    parts, count
        As for ``BlochMatrix``.
    center_norm
        Root mean square of the norms of the features of the centers. It does not depend on the
        choice of the cell.
    rows
        Number of features of all centers, without those that are always zero.
    error
        Bound on the error of J(q) (2-norm) in (feature)/Å; 0 for rounding errors only.
    """

    center_norm: float
    rows: int
    error: float


def bloch_jacobian(atoms: Atoms, descriptor: Descriptor) -> BlochJacobian:
    """Differentiate the features of a periodic structure along waves; exact for every q.

    The environment of each center is analysed as a molecule, in which every image of an atom moves
    on its own. The descriptor must have been checked.

    Raises
    ------
    ValueError
        If the features of the environments are not those of the crystal, so that they depend on
        more than the atoms within the cutoff.
    """
    parts, features, errors = list[CenterRows](), list[Array](), list[float]()
    count = 0
    for center in range(len(atoms)):
        checkpoint(f"gradients of {center} of {len(atoms)} centers")
        places, vectors = surroundings(atoms, center, descriptor.cutoff)
        molecule = environment(atoms, center, descriptor.cutoff)
        (batch,) = observed_gradients(descriptor, molecule, (0,))
        slopes = np.zeros((len(batch.slopes[0]), len(places), 3))
        slopes[:, batch.atoms[0]] = batch.slopes[0]
        count += len(slopes)
        rows = np.asarray(np.linalg.qr(slopes.reshape(len(slopes), -1), mode="r"))
        parts.append(CenterRows.of(atoms, places, vectors, rows.reshape(-1, *slopes.shape[1:])))
        features.append(batch.features[0])
        errors.append(batch.error * np.sqrt(parts[-1].most_images))
    _check_local(atoms, descriptor, features)
    norm = float(np.linalg.norm(np.concatenate(features)) / np.sqrt(len(atoms)))
    return BlochJacobian(tuple(parts), len(atoms), norm, count, float(np.linalg.norm(errors)))


def _check_local(atoms: Atoms, descriptor: Descriptor, features: list[Array]) -> None:
    """Compare norms: absent species may have no features in an environment."""
    whole = observed_features(descriptor, atoms, tuple(range(len(atoms))))
    norms = np.linalg.norm(whole, axis=1), [np.linalg.norm(each) for each in features]
    same = 1e-5  # of the norm; features in single precision differ by 1e-7
    if not np.allclose(*norms, rtol=same, atol=same * float(np.max(norms))):
        raise ValueError(
            f"the features of {type(descriptor).__name__} in the crystal differ from those of the "
            f"environments within {descriptor.cutoff:g} Å, so they have no bands; give the "
            "descriptor the cutoff beyond which it sees nothing."
        )


def seen_by_symmetry(
    atoms: Atoms, sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None]
) -> BlochMatrix:
    """Return F(q), whose rows span the displacements that symmetry allows to be seen.

    F_i are orthonormal displacements of the neighbours relative to center i: those that its group
    leaves unchanged, without rotations of the environment. A group None stands for no symmetry.
    The rank of F(q) is the largest possible one of J(q).
    """
    parts = []
    for site, group in zip(sites, groups, strict=True):
        checkpoint()
        values, vectors = np.linalg.eigh(seen_displacements(site, group))
        seen = values > 0.5  # the eigenvalues are 0 and 1, but for deviations from the group
        seen = vectors.T[seen].reshape(int(seen.sum()), len(site.atoms) - 1, 3)
        rows = np.concatenate([-seen.sum(axis=1, keepdims=True), seen], axis=1)
        parts.append(CenterRows.of(atoms, site.atoms, site.vectors, rows))
    return BlochMatrix(tuple(parts), len(atoms))


def image_cells(atoms: Atoms, places: Indices, vectors: Array) -> Indices:
    """Return the cell of each atom of an environment, (k, 3), counted from that of the center."""
    inverse = np.linalg.pinv(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0))
    gaps = vectors - (atoms.positions[places] - atoms.positions[places[0]])
    return np.asarray(np.rint(gaps @ inverse), dtype=np.intp)


def decompose_bloch(matrices: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
    """Return singular values, (q, 3n), descending, and right singular vectors, (q, 3n, 3n).

    A vector is a row u, with matrix @ u = s times a left vector, and a real first largest element.
    """
    rows, columns = matrices.shape[1:]
    if rows < columns:
        matrices = np.pad(matrices, ((0, 0), (0, columns - rows), (0, 0)))
    _, values, vectors = np.linalg.svd(matrices, full_matrices=False)
    return values, fix_phases(vectors.conj())


def fix_phases(vectors: Complex) -> Complex:
    """Multiply vectors, (..., 3n), by phases, so that the first largest element is real."""
    largest = np.abs(vectors).argmax(axis=-1, keepdims=True)
    pivots = np.take_along_axis(vectors, largest, axis=-1)
    return np.asarray(vectors * (np.abs(pivots) / pivots))
