"""Features, slopes and singular values of random structures are those of an earlier version.

``data/spectra.npz`` was written by this file, run as a program with the version of commit 8f231ad,
which multiplied out all channels and all directions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from sensitivity import DensityCorrelations, SphericalBessel, jacobian, spectrum
from sensitivity.numerics import Array

STORED = Path(__file__).parent / "data" / "spectra.npz"
CELL = [[4.1, 0.3, -0.2], [0.5, 3.9, 0.1], [-0.7, 0.4, 4.4]]


def scattered(symbols: str, pbc: bool | list[bool], seed: int) -> Atoms:
    """Atoms at random places of a skewed cell, none nearer than 0.9 Å to another."""
    rng, atoms = np.random.default_rng(seed), Atoms(cell=CELL, pbc=pbc)
    for atom in Atoms(symbols):
        while True:
            atom.position = rng.uniform(size=3) @ np.array(CELL)
            both = atoms + Atoms([atom], cell=CELL, pbc=pbc)
            if len(atoms) == 0 or both.get_distances(-1, range(len(atoms)), mic=True).min() > 0.9:
                atoms = both
                break
    return atoms


STRUCTURES = {
    "molecule": (scattered("CHOHNH", False, 1), None),
    "molecule, one center": (scattered("CHOHNH", False, 1), [2]),
    "methane, carbon": (molecule("CH4"), [0]),
    "far apart": (Atoms("HOHC", [[0, 0, 0], [0, 0, 1], [0, 9, 0], [1, 9, 0.5]]), [0, 3]),
    "crystal": (scattered("NaClNaO", True, 2), None),
    "crystal, two centers": (scattered("NaClNaO", True, 2), [3, 0]),
    "sheet": (scattered("BNB", [True, True, False], 3), None),
    "supercell": (bulk("NaCl", "rocksalt", a=5.6).repeat((2, 1, 1)), None),
}
DESCRIPTORS = {
    "order 1": DensityCorrelations(order=1, cutoff=3.0, n_max=3),
    "order 2": DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=3),
    "order 2, Bessel, own density": DensityCorrelations(
        order=2, cutoff=3.0, n_max=2, l_max=2, basis=SphericalBessel(), center_weight=0.7
    ),
    "order 3": DensityCorrelations(order=3, cutoff=3.0, n_max=1, l_max=3),
    "order 3, odd": DensityCorrelations(order=3, cutoff=3.0, n_max=1, l_max=3, parity_odd=True),
    "order 3, mixed": DensityCorrelations(
        order=3, cutoff=3.0, n_max=2, l_max=3, contract_channels=2
    ),
    "order 4": DensityCorrelations(order=4, cutoff=3.0, n_max=1, l_max=2),
}
CASES = [(structure, descriptor) for structure in STRUCTURES for descriptor in DESCRIPTORS]


def results(structure: str, descriptor: str) -> dict[str, Array]:
    """Each center's features and their change along a random displacement; singular values."""
    (atoms, centers), calculator = STRUCTURES[structure], DESCRIPTORS[descriptor]
    displacement = np.random.default_rng(4).normal(size=(1, len(atoms), 3))
    derivative = jacobian(atoms, calculator, centers=centers)
    found = spectrum(atoms, calculator, centers=centers)
    return {
        "features": derivative.features,
        "changes": derivative.apply(displacement).reshape(derivative.features.shape),
        "values": found.singular_values,
        "scale": np.array(found.scale),
    }


@pytest.mark.parametrize(("structure", "descriptor"), CASES, ids=" / ".join)
def test_results_are_those_of_the_earlier_version(structure: str, descriptor: str) -> None:
    found = results(structure, descriptor)
    with np.load(STORED) as stored:
        expected = {key: stored[f"{structure}/{descriptor}/{key}"] for key in found}
    for key in ("features", "changes"):
        size = np.abs(expected[key]).max()
        assert np.abs(found[key] - expected[key]).max() <= 3e-14 * size, key
    assert np.abs(found["values"] - expected["values"]).max() <= 3e-14 * expected["scale"]


if __name__ == "__main__":
    np.savez_compressed(
        STORED,
        **{f"{'/'.join(case)}/{k}": v for case in CASES for k, v in results(*case).items()},
    )
