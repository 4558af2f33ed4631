"""Singular values and real modes of a crystal that repeats a cell, from its wave vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.bands.study import AtWaveVector, Study
from sensitivity.bloch import BlochJacobian, Complex, decompose_bloch
from sensitivity.descriptors import Descriptor
from sensitivity.geometry.motions import complement
from sensitivity.numerics import Array, Indices, unique_rows
from sensitivity.observation import Observation
from sensitivity.progress import checkpoint
from sensitivity.tolerances import Tolerance


class Waves(NamedTuple):
    """All singular values of a crystal, and its smallest modes."""

    values: Array  # (3N - 3,), ascending
    modes: Array  # (k, N, 3)
    residuals: Array  # (k,)
    hidden: int  # number of internal displacements that symmetry hides
    feature_norm: float  # of all centers
    error: float  # of the singular values


def decompose_waves(
    atoms: Atoms,
    cell: Atoms,
    descriptor: Descriptor,
    *,
    count: int,
    threshold: float,
    scale: Callable[[float, float], float],
) -> Waves:
    """Decompose a crystal with a smaller, primitive cell, without its translations.

    ``scale`` returns the reference of singular values, given the largest one and the norm of all
    features; up to the fraction ``threshold`` of it they count as invisible.
    """
    study = Study.of(Observation.of(cell, descriptor))
    q, opposite = allowed_waves(atoms, cell)
    single = list[AtWaveVector]()
    for part in study.parts(q):
        checkpoint(f"{len(single)} of {len(q)} wave vectors")
        single.extend(study.decompose(part))
    values = np.array([each.values for each in single])
    norm = study.derivative.center_norm * np.sqrt(len(atoms))
    reference = scale(float(values.max()), norm)
    settled = [
        study.settle(*both, zero=threshold * reference, scale=reference)
        for both in zip(q, single, strict=True)
    ]
    hidden = sum(
        len(each.values) - each.predicted + each.nearly_hidden - sum(each.rigid) for each in settled
    )
    values[0, -3:] = np.inf  # q = 0 comes first: its translations
    order = np.argsort(values, axis=None, kind="stable")[:count]
    place = _Places.of(atoms, cell)
    found = [
        place.displace(*_wave(study.derivative, q, opposite, *divmod(int(number), values.shape[1])))
        for number in order
    ]
    modes, residuals = zip(*found, strict=True)
    every = np.sort(values, axis=None)[: values.size - 3]
    return Waves(every, np.array(modes), np.array(residuals), hidden, norm, study.derivative.error)


def allowed_waves(atoms: Atoms, cell: Atoms) -> tuple[Array, Indices]:
    """Return the wave vectors of a supercell, (cells, 3), zero first, and the index of each -q.

    With cell vectors M times those of the primitive cell, q has integers M q. The columns of M⁻¹
    generate all such vectors.
    """
    periodic = atoms.pbc
    whole = atoms.cell.array[periodic] @ np.linalg.pinv(cell.cell.array[periodic])
    count = round(abs(np.linalg.det(whole)))
    generators = np.zeros((periodic.sum(), 3))
    generators[:, periodic] = np.linalg.inv(np.rint(whole)).T
    steps = np.zeros((1, 3), dtype=np.intp)  # in units of 1/count, from 0 to below count
    for generator in np.rint(count * generators).astype(np.intp):
        multiples = generator * np.arange(count)[:, None] % count
        multiples = multiples[unique_rows(multiples)[0]]
        every = (steps[:, None] + multiples).reshape(-1, 3) % count
        steps = every[unique_rows(every)[0]]  # in lexical order
    codes = steps @ [count**2, count, 1]
    return steps / count, np.searchsorted(codes, (-steps % count) @ [count**2, count, 1])


def _wave(
    derivative: BlochJacobian, q: Array, opposite: Indices, number: int, band: int
) -> tuple[Array, Complex, bool, float]:
    """Return q, u, whether its real part is the mode, and the residual of J(q)†J(q) u = s² u.

    The modes of q and -q are the real and the imaginary parts of the same waves.
    """
    first = min(number, int(opposite[number]))
    at = derivative.at(q[[first]])
    matrix: NDArray[Any] = at.real if first == opposite[first] else at  # phases of 1 or -1
    basis = np.eye(matrix.shape[2])
    if first == 0:
        uniform = np.tile(np.eye(3)[:, None], (1, derivative.count, 1)) / np.sqrt(derivative.count)
        basis = complement(uniform).reshape(-1, len(basis))
    values, vectors = decompose_bloch(matrix @ basis.T)
    s, u = values[0, band], vectors[0, band] @ basis
    residual = float(np.linalg.norm(matrix[0].conj().T @ (matrix[0] @ u) - s**2 * u))
    return q[first], u, number == first, residual


def repeats(cell: Atoms, atoms: Atoms) -> bool:
    """Tell whether a crystal repeats a cell to rounding; otherwise waves belong to another one."""
    rounding = 1e-10  # Å: values then have errors of 1e-10 of the largest, at most
    return _Places.of(atoms, cell).apart <= rounding


class _Places(NamedTuple):
    """The place of each atom of a supercell: atom of the primitive cell, and cell."""

    source: Indices  # (N,)
    cells: Array  # (N, 3)
    apart: float  # Å: the largest distance of an atom from its place; inf if it has none

    @classmethod
    def of(cls, atoms: Atoms, cell: Atoms) -> _Places:
        inverse = np.linalg.pinv(np.where(cell.pbc[:, None], cell.cell.array, 0.0))
        source, cells = np.zeros(len(atoms), dtype=np.intp), np.zeros((len(atoms), 3))
        vectors = np.where(cell.pbc[:, None], cell.cell.array, 0.0)
        distances = np.full(len(atoms), np.inf)
        for number, (position, kind) in enumerate(zip(cell.positions, cell.numbers, strict=True)):
            gaps = atoms.positions - position
            whole = np.rint(gaps @ inverse)
            apart = np.linalg.norm(gaps - whole @ vectors, axis=1)
            here = (apart < 10 * Tolerance.COORDINATES) & (atoms.numbers == kind)
            source[here], cells[here], distances[here] = number, whole[here], apart[here]
        return cls(source, cells, float(distances.max()))

    def displace(self, q: Array, u: Complex, real: bool, residual: float) -> tuple[Array, float]:
        """Return a real mode of unit norm, (N, 3), and the residual."""
        wave = np.exp(2j * np.pi * (self.cells @ q))[:, None] * u.reshape(-1, 3)[self.source]
        part = wave.real if real else wave.imag
        return part / np.linalg.norm(part), residual
