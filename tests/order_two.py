"""The power spectrum, order 2, written once more for other packages, and structures to test it on.

It uses the addition theorem instead of sums over m, and recurrences instead of Chebyshev series.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from scipy.special import spherical_jn

from sensitivity import DensityCorrelations, SphericalBessel, spectrum, structures
from sensitivity.descriptors import Descriptor
from sensitivity.descriptors.radial import spherical_bessel_zeros

CUTOFF, WIDTH, N_MAX, L_MAX = 3.5, 0.5, 3, 3
TAKES = ("positions", "numbers", "pairs", "shifts")
EXACT = 1e-12  # of the largest singular value
NATIVE = DensityCorrelations(
    cutoff=CUTOFF,
    cutoff_width=WIDTH,
    n_max=N_MAX,
    l_max=L_MAX,
    basis=SphericalBessel(),
    smearing=0.0,
)
ZEROS = np.array(spherical_bessel_zeros(N_MAX, L_MAX))  # [l, n]
NORMS = np.sqrt(2 / CUTOFF**3) / np.abs(spherical_jn(np.arange(1, L_MAX + 2)[:, None], ZEROS))


def ethanol() -> Atoms:
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def rattled_silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def chain(count: int, spacing: float, size: float) -> Atoms:
    """Carbon atoms along x, displaced at random by a size; lengths in Å."""
    along = np.arange(count)[:, None] * [spacing, 0.0, 0.0]
    noise = np.random.default_rng(3).normal(scale=size, size=(count, 3))
    return Atoms(f"C{count}", along + noise)


STRUCTURES = {
    "ethanol": ethanol(),
    "rattled silicon": rattled_silicon(),
    "methane": structures.load("Td"),
}


def assert_native(descriptor: Descriptor, name: str, centers: list[int] | None) -> None:
    """Check singular values of a structure against the native ones."""
    atoms = STRUCTURES[name]
    ours = spectrum(atoms, descriptor, centers=centers).singular_values
    native = spectrum(atoms, NATIVE, centers=centers).singular_values
    assert np.abs(ours - native).max() <= EXACT * native.max()


def power_spectrum(xp: ModuleType, positions: Any, numbers: Any, pairs: Any, shifts: Any) -> Any:
    """Return the features of all atoms, in a package with the names of NumPy."""
    vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
    r = xp.sqrt((vectors**2).sum(-1))
    units = vectors / r[:, None]
    phase = xp.clip((r - CUTOFF + WIDTH) / WIDTH, 0, 1)
    fades = 0.5 * (1 + xp.cos(np.pi * phase))
    kinds, one = np.unique(np.asarray(numbers)), xp.ones_like(r)
    same = one[:, None] * (pairs[0][:, None] == pairs[0])
    owner = one[:, None] * (pairs[0][:, None] == xp.arange(len(positions)))
    species = one[:, None] * (xp.asarray(numbers)[pairs[1], None] == xp.asarray(kinds))
    angular = legendre(xp, units @ units.T)
    i, j = np.triu_indices(len(kinds) * N_MAX)
    unlike = i // N_MAX != j // N_MAX
    rows = []
    for l in range(L_MAX + 1):
        zeros, norms = xp.asarray(ZEROS[l]), xp.asarray(NORMS[l])
        radial = norms * bessel(xp, zeros * r[:, None] / CUTOFF)[l] * fades[:, None]  # [pair, n]
        channels = (species[:, :, None] * radial[:, None]).reshape(len(r), len(kinds) * N_MAX)
        around = (same * angular[l]) @ channels  # of each pair, summed over others of its center
        products = owner.T @ (channels[:, i] * around[:, j])
        weights = np.sqrt(2 * l + 1) / (4 * np.pi) * np.sqrt(2.0) ** unlike
        rows.append(products * xp.asarray(weights))
    return xp.concatenate(rows, axis=1)


def bessel(xp: ModuleType, x: Any) -> list[Any]:
    """Return j_0 ... j_l by their recurrence upward, which is stable if x is not small."""
    found = [xp.sin(x) / x, xp.sin(x) / x**2 - xp.cos(x) / x]
    for l in range(2, L_MAX + 1):
        found.append((2 * l - 1) / x * found[-1] - found[-2])
    return found


def legendre(xp: ModuleType, x: Any) -> list[Any]:
    found = [xp.ones_like(x), x]
    for l in range(2, L_MAX + 1):
        found.append(((2 * l - 1) * x * found[-1] - (l - 1) * found[-2]) / l)
    return found
