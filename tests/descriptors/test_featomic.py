"""Orders 1 and 2 agree with featomic, features and gradients, feature by feature.

featomic's confluent hypergeometric function loses digits as l grows: its slopes of the radial
functions are right to 4e-11 at l = 4, but to 8e-10 at l = 6 (cutoff 5 Å, width 0.4 Å, against the
closed form by scipy). So l stays at 4 or below beside it, and larger l are compared with the
closed form instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from featomic import SoapPowerSpectrum, SoapRadialSpectrum
from featomic.basis import Gto, TensorProduct
from featomic.cutoff import Cutoff, ShiftedCosine
from featomic.density import Gaussian
from scipy.special import gamma, gammaln, hyp1f1

from sensitivity import DensityCorrelations, GaussianTypeOrbitals, jacobian
from sensitivity.descriptors.radial import radial_functions

AGREEMENT = 1e-10  # relative to the largest; featomic without splines is exact to about 1e-13
NO_SPLINE = None
CLOSED_FORM = 1e-11  # relative to the largest of each l; scipy's 1F1 and the Gram matrix set it


@dataclass(frozen=True)
class Settings:
    """Hyperparameters in our words."""

    cutoff: float
    n_max: int
    l_max: int
    smearing: float
    cutoff_width: float
    center_weight: float

    def ours(self, order: int) -> DensityCorrelations:
        return DensityCorrelations(
            order=order,
            cutoff=self.cutoff,
            n_max=self.n_max,
            l_max=self.l_max,
            smearing=self.smearing,
            cutoff_width=self.cutoff_width,
            center_weight=self.center_weight,
        )

    def featomic(self, order: int) -> SoapRadialSpectrum | SoapPowerSpectrum:
        radial = Gto(max_radial=self.n_max - 1)
        cutoff = Cutoff(self.cutoff, smoothing=ShiftedCosine(width=self.cutoff_width))
        density = Gaussian(width=self.smearing, center_atom_weight=self.center_weight)
        if order == 1:
            basis = {"radial": radial, "spline_accuracy": NO_SPLINE}
            return SoapRadialSpectrum(cutoff=cutoff, density=density, basis=basis)
        product = TensorProduct(max_angular=self.l_max, radial=radial, spline_accuracy=NO_SPLINE)
        return SoapPowerSpectrum(cutoff=cutoff, density=density, basis=product)


SETTINGS = {
    "small": Settings(3.0, 3, 2, 0.5, 0.3, 0.0),
    "usual": Settings(4.0, 6, 4, 0.3, 0.5, 0.0),
    "large": Settings(5.0, 8, 4, 0.4, 1.5, 0.0),
    "with the center": Settings(3.5, 5, 4, 0.35, 0.5, 1.0),
    "half the center": Settings(3.5, 4, 3, 0.35, 0.5, 0.5),
    "one function": Settings(3.2, 1, 0, 0.4, 0.4, 1.0),
}


def ethanol() -> Atoms:
    """Three species; several distances lie in the transition region of the cutoffs."""
    atoms = molecule("CH3CH2OH")
    atoms.positions += 0.05 * np.random.default_rng(0).normal(size=(len(atoms), 3))
    return atoms


def salt() -> Atoms:
    """Two species in a rattled cubic cell."""
    atoms = bulk("NaCl", "rocksalt", a=5.0, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def tiny_cell() -> Atoms:
    """Two species in a skewed cell so small that atoms see several images of themselves."""
    cell = [[2.6, 0.2, 0.0], [0.0, 3.1, 0.3], [0.4, 0.0, 2.9]]
    return Atoms("SiC", [[0.1, 0.0, 0.2], [1.1, 1.3, 0.9]], cell=cell, pbc=True)


STRUCTURES = {"three species": ethanol, "crystal": salt, "cell below the cutoff": tiny_cell}


def featomic_features(
    atoms: Atoms, settings: Settings, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features (centers, features) and gradients (centers, features, atoms, 3), in our layout.

    featomic keeps one block per species of center and of neighbours, and leaves out what is zero
    by absence. The columns are sorted by neighbour species, then as in a block; of pairs of
    functions of one species only n_1 <= n_2 are kept.
    """
    tensor = settings.featomic(order).compute(atoms, gradients=["positions"])
    found: dict[tuple[int, ...], list] = {}
    for key, block in tensor.items():
        neighbors = tuple(int(key[name]) for name in key.names if name.startswith("neighbor"))
        found.setdefault(neighbors, []).append(block)
    expected = combinations_with_replacement(np.unique(atoms.numbers).tolist(), order)
    parts = [
        dense(found[pair], len(atoms), unique=order == 2 and pair[0] == pair[1])
        for pair in expected
    ]
    values, gradients = zip(*parts, strict=True)
    return np.concatenate(values, axis=1), np.concatenate(gradients, axis=1)


def dense(blocks: list, atoms: int, *, unique: bool) -> tuple[np.ndarray, np.ndarray]:
    """Assemble the blocks of the same neighbour species over all species of the center."""
    labels = blocks[0].properties.values
    values = np.zeros((atoms, len(labels)))
    gradients = np.zeros((atoms, len(labels), atoms, 3))
    for block in blocks:
        centers = block.samples.values[:, 1]
        values[centers] = block.values
        gradient = block.gradient("positions")
        for (sample, _, atom), slope in zip(gradient.samples.values, gradient.values, strict=True):
            gradients[centers[sample], :, atom] += slope.T
    keep = labels[:, -2] <= labels[:, -1] if unique else slice(None)
    return values[:, keep], gradients[:, keep]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_features_and_gradients_agree(setting: str, name: str, order: int) -> None:
    atoms, settings = STRUCTURES[name](), SETTINGS[setting]
    values, gradients = featomic_features(atoms, settings, order)
    descriptor = settings.ours(order)
    ours = jacobian(atoms, descriptor).dense().reshape(gradients.shape)
    assert np.abs(gradients).max() > 0
    assert relative(descriptor.features(atoms), values) <= AGREEMENT
    assert relative(ours, gradients) <= AGREEMENT


@pytest.mark.parametrize("order", [1, 2])
def test_every_feature_agrees_to_its_own_size(order: int) -> None:
    """Small features are not hidden behind large ones."""
    atoms, settings = ethanol(), SETTINGS["usual"]
    _, gradients = featomic_features(atoms, settings, order)
    ours = jacobian(atoms, settings.ours(order)).dense().reshape(gradients.shape)
    size = np.abs(gradients).max(axis=(0, 2, 3))  # [feature]
    difference = np.abs(ours - gradients).max(axis=(0, 2, 3))
    visible = size > 1e-4 * size.max()
    assert visible.sum() > 10
    assert (difference[visible] / size[visible]).max() <= AGREEMENT


@pytest.mark.parametrize(("n_max", "l_max", "smearing"), [(8, 12, 0.4), (5, 9, 0.25), (6, 6, 1.0)])
def test_radial_functions_have_their_closed_form(n_max: int, l_max: int, smearing: float) -> None:
    cutoff = 5.0
    r = np.linspace(0.4, cutoff, 80)
    values, slopes = radial_functions(
        GaussianTypeOrbitals(), cutoff=cutoff, n_max=n_max, l_max=l_max, smearing=smearing
    )(r)
    exponents = 0.5 * (n_max / cutoff) ** 2 / np.maximum(np.arange(n_max), 1)  # 1/2σ_n²
    mix = orthonormalization(exponents)
    for l in range(l_max + 1):
        exact = [mix @ part for part in smeared_orbitals(r, l, exponents, smearing=smearing)]
        assert relative(values[:, l], exact[0]) <= CLOSED_FORM
        assert relative(slopes[:, l], exact[1]) <= CLOSED_FORM


def smeared_orbitals(
    r: np.ndarray, l: int, a: np.ndarray, *, smearing: float
) -> tuple[np.ndarray, np.ndarray]:
    """R_nl of the orbitals x^n exp(-a_n x²), and its derivative, both of shape (n, r).

    Musil et al., J. Chem. Phys. 154, 114109 (2021), appendix A, doi 10.1063/5.0044689.
    """
    n, c = np.arange(len(a))[:, None], 0.5 / smearing**2
    p, q = 0.5 * (n + l + 3), l + 1.5
    x = (c * r) ** 2 / (c + a[:, None])  # [n, r]
    size = (np.pi / smearing**2) ** 0.75 * np.exp(gammaln(p) - gammaln(q)) * (c + a[:, None]) ** -p
    size = size * np.exp(-c * r**2) * (c * r) ** l
    values = size * hyp1f1(p, q, x)
    return values, values * (l / r - 2 * c * r) + size * p / q * hyp1f1(p + 1, q + 1, x) * 2 * x / r


def orthonormalization(a: np.ndarray) -> np.ndarray:
    """Löwdin's matrix for the orbitals x^n exp(-a x²), from their overlap over [0, ∞)."""
    n = np.arange(len(a))
    power = 0.5 * (n[:, None] + n + 3)
    overlap = 0.5 * (a[:, None] + a) ** -power * gamma(power)
    size = 1 / np.sqrt(np.diag(overlap))
    values, vectors = np.linalg.eigh(size[:, None] * overlap * size)
    return (vectors / np.sqrt(values)) @ vectors.T * size


def relative(ours: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference over the largest reference value."""
    assert ours.shape == reference.shape
    return float(np.abs(ours - reference).max() / np.abs(reference).max())
