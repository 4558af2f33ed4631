"""Spectra of crystals that are repeated cells: Bloch's theorem, one wave vector at a time.

If displacing all atoms by a fraction of a cell vector maps a crystal onto itself, it does the same
to its Jacobian J, and singular vectors can be chosen as waves: atom s of cell R, with R counted in
cells from 0 to m - 1 along each cell vector, moves by u_s exp(-2πi k·R/m)/√cells. The singular
values and vectors u are those of

    J(k) = Σ_R J_{0,R} exp(-2πi k·R/m),

where J_{0,R} has the features of one cell and the positions of the atoms of cell R: a Fourier
transform and small matrices replace one matrix of all atoms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.geometry.motions import complement
from sensitivity.jacobian import Jacobian
from sensitivity.numerics import Array, Indices
from sensitivity.structures.translations import translated
from sensitivity.tolerances import Tolerance


def decompose_supercell(derivative: Jacobian) -> tuple[Array, Array] | None:
    """Decompose J of all centers of a periodic structure, without its translations.

    Returns 3N - 3 singular values, descending, and their right singular vectors, shape
    (3N - 3, N, 3); None if the structure does not repeat a smaller cell, or J is not repeated
    accordingly.
    """
    steps = _steps(derivative.atoms)
    if not steps or not _is_repeated(derivative, [step for _, step in steps]):
        return None
    cells = _sort_into_cells(steps)
    phases, opposite = _waves(cells.shape[:-1])
    of_waves = _transform(derivative, cells)
    number = np.arange(len(opposite))
    real, pairs = (number == opposite) & (number > 0), number < opposite
    found = [_at_rest(of_waves[0].real, phases[0].real, atoms=cells.shape[-1])]
    values, vectors = _decompose(of_waves[real].real)
    found.append((values, _displace(vectors, phases[real].real)))
    values, vectors = _decompose(of_waves[pairs])
    both = _displace(np.sqrt(2) * vectors, phases[pairs])  # k and -k: two real modes for each
    found += [(values, both.real), (values, both.imag)]
    singular_values = np.concatenate([values.ravel() for values, _ in found])
    order = np.argsort(-singular_values, kind="stable")
    modes = np.empty((len(order), len(derivative.atoms), 3))
    modes[:, cells.ravel()] = np.concatenate([each for _, each in found])[order]
    return singular_values[order], modes


def _waves(parts: tuple[int, ...]) -> tuple[NDArray[np.complex128], Indices]:
    """Return phases exp(-2πi k·R/m)/√cells, shape (k, R), and for each k the index of -k."""
    waves = np.indices(parts).reshape(len(parts), -1)  # [axis, k], and [axis, R]
    opposite = np.ravel_multi_index(tuple(-waves % np.array(parts)[:, None]), parts)
    turns = sum(np.outer(k, k) % m / m for k, m in zip(waves, parts, strict=True))
    return np.exp(-2j * np.pi * turns) / np.sqrt(len(opposite)), opposite


def _at_rest(matrix: Array, phases: Array, *, atoms: int) -> tuple[Array, Array]:
    """Decompose k = 0, where all cells move alike, without the translations."""
    internal = complement(np.tile(np.eye(3)[:, None] / np.sqrt(atoms), (1, atoms, 1)))
    basis = internal.reshape(len(internal), 3 * atoms)
    values, vectors = _decompose((matrix @ basis.T)[None])
    return values, _displace(vectors @ basis, phases[None])


def _decompose(matrices: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
    """Return singular values, (k, columns), and right vectors, (k, columns, columns)."""
    rows, columns = matrices.shape[1:]
    if rows < columns:
        matrices = np.pad(matrices, ((0, 0), (0, columns - rows), (0, 0)))
    _, values, vectors = np.linalg.svd(matrices, full_matrices=False)
    return values, vectors.conj()


def _displace(vectors: NDArray[Any], phases: NDArray[Any]) -> NDArray[Any]:
    """Combine u, (k, modes, 3n), and phases (k, cells): shape (k modes, atoms by cell, 3)."""
    out = phases[:, None, :, None] * vectors[:, :, None]  # [k, mode, R, 3n]
    k, modes, cells, columns = out.shape
    return np.asarray(out.reshape(k * modes, cells * columns // 3, 3))


def _transform(derivative: Jacobian, cells: Indices) -> NDArray[np.complex128]:
    """Return J(k), shape (k, features of a cell, 3n)."""
    blocks = {block.center: block for block in derivative.blocks}
    rows = []
    for center in cells[(0,) * (cells.ndim - 1)].tolist():
        block = blocks[center]
        row = np.zeros((len(block.features), len(derivative.atoms), 3))
        row[:, block.atoms] = block.gradient
        rows.append(row)
    of_cell = np.concatenate(rows)[:, cells]  # [row, cell along each axis, s, xyz]
    axes = range(1, cells.ndim)
    transformed = np.fft.fftn(of_cell, axes=axes).reshape(len(of_cell), -1, 3 * cells.shape[-1])
    return np.ascontiguousarray(transformed.swapaxes(0, 1))


def _steps(atoms: Atoms) -> list[tuple[int, Indices]]:
    """Return for each divided cell vector the number of parts, and the shift of each atom."""
    most = int(np.gcd.reduce(np.unique(atoms.numbers, return_counts=True)[1]))
    found = []
    for axis in np.flatnonzero(atoms.pbc).tolist():
        for parts in range(most, 1, -1):
            step = translated(atoms, np.eye(3)[axis] / parts) if most % parts == 0 else None
            if step is not None:
                found.append((parts, step))
                break
    return found


def _sort_into_cells(steps: list[tuple[int, Indices]]) -> Indices:
    """Return indices of the atoms, shape (parts along each step, atoms of a cell)."""
    images = np.arange(len(steps[0][1]))
    for parts, step in reversed(steps):
        along = [images]
        for _ in range(parts - 1):
            along.append(step[along[-1]])
        images = np.stack(along)
    cells = images.reshape(-1, images.shape[-1])
    return images[..., cells.min(axis=0) == cells[0]]


def _is_repeated(derivative: Jacobian, steps: list[Indices]) -> bool:
    """Return True if J commutes with the displacement of a field by a cell, to rounding.

    Coordinates of cells have errors of 1e-15 Å, the last digit of published ones makes 1e-6.
    """
    field = np.random.default_rng(0).normal(size=(len(derivative.atoms), 3))
    fields = [field]
    for step in steps:
        fields.append(np.empty_like(field))
        fields[-1][step] = field
    changes = derivative.apply(np.array(fields)).reshape(len(field), -1, len(fields))
    changes = changes[np.argsort(derivative.centers)]
    allowed = Tolerance.EXACT * np.abs(changes).max()
    return all(
        np.abs(changes[step][..., place] - changes[..., 0]).max() <= allowed
        for place, step in enumerate(steps, start=1)
    )
