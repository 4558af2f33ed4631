"""A label says what its feature is: features computed from their labels are those returned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from featomic import SoapPowerSpectrum
from featomic.basis import Gto, TensorProduct
from featomic.cutoff import Cutoff, ShiftedCosine
from featomic.density import Gaussian
from scipy.special import sph_harm_y

from sensitivity import DensityCorrelations, SphericalBessel
from sensitivity.descriptors import with_defaults
from sensitivity.descriptors.correlations import mixture
from sensitivity.descriptors.cutoff import cutoff_function
from sensitivity.descriptors.harmonics import coupling
from sensitivity.descriptors.radial import radial_functions

ROUNDING = 1e-13  # relative to the largest feature
WIDTH = 0.5  # Å, of the cutoff
# Without symmetry; N sees two elements, each H three.
MOLECULE = Atoms(
    "NHHOH",
    [[0.0, 0.1, 0.2], [1.0, 0.4, -0.3], [-0.7, 0.8, 0.4], [0.2, -1.1, 0.6], [-0.4, -0.6, -1.2]],
)
SMALL = {"cutoff": 3.0, "n_max": 2, "l_max": 2, "smearing": 0.4, "cutoff_width": WIDTH}
DESCRIPTORS = {
    "order 1": DensityCorrelations(order=1, **SMALL),
    "order 2": DensityCorrelations(order=2, **SMALL),
    "order 2, Bessel": DensityCorrelations(order=2, basis=SphericalBessel(), **SMALL),
    "order 3": DensityCorrelations(order=3, **SMALL),
    "order 3, odd": DensityCorrelations(order=3, parity_odd=True, **SMALL),
    "order 4": DensityCorrelations(order=4, **SMALL | {"n_max": 1}),
    "order 4, odd": DensityCorrelations(order=4, parity_odd=True, **SMALL | {"n_max": 1}),
    "order 2, mixed": DensityCorrelations(order=2, contract_channels=3, **SMALL),
    "order 4, mixed": DensityCorrelations(
        order=4, contract_channels=2, parity_odd=True, **SMALL | {"l_max": 3}
    ),
}
# By species and n, or "mixed" and k, and l: of shape (2l + 1,).
Coefficients = Callable[[str, int, int], np.ndarray]


def real_harmonics(l: int, vector: np.ndarray) -> np.ndarray:
    """Y_lm for m = -l ... l, without the Condon-Shortley phase, from the complex ones of scipy."""
    x, y, z = vector
    angles = np.arccos(z / np.linalg.norm(vector)), np.arctan2(y, x)
    values = np.array([(-1) ** m * sph_harm_y(l, m, *angles) for m in range(l + 1)])
    positive = np.sqrt(2) * values[1:]
    return np.concatenate([positive.imag[::-1], values[:1].real, positive.real])


def expansion(descriptor: DensityCorrelations, center: int) -> Coefficients:
    """Sums over the neighbours, one by one."""
    names = ("cutoff", "n_max", "l_max", "smearing")
    radial = radial_functions(
        descriptor.basis,
        **{name: SMALL[name] for name in names}
        | {"n_max": descriptor.n_max, "l_max": descriptor.l_max},
    )

    def of_species(symbol: str, n: int, l: int) -> np.ndarray:
        total = np.zeros(2 * l + 1)
        for j, other in enumerate(MOLECULE):
            vector = other.position - MOLECULE.positions[center]
            r = np.array([np.linalg.norm(vector)])
            if j != center and other.symbol == symbol:
                fade, _ = cutoff_function(r, descriptor.cutoff, WIDTH)
                total += fade * radial(r)[0][n, l] * real_harmonics(l, vector)
        return total

    def of_mixture(name: str, k: int, l: int) -> np.ndarray:
        assert name == "mixed"
        size = {"n_max": descriptor.n_max, "channels": descriptor.contract_channels}
        return sum(
            mixture(atomic_numbers[symbol], **size)[k, n] * of_species(symbol, n, l)
            for symbol in ("H", "N", "O")
            for n in range(descriptor.n_max)
        )

    return of_species if descriptor.contract_channels is None else of_mixture


def from_label(label: tuple, c: Coefficients, order: int) -> float:
    """The feature that a label names."""
    channels = list(zip(label[: 2 * order : 2], label[1 : 2 * order : 2], strict=True))
    rest = label[2 * order :]
    if order == 1:
        assert rest == ()
        return float(c(*channels[0], 0)[0])
    if order == 2:
        (l,) = rest
        unequal = channels[0][0] != channels[1][0]
        product = float(c(*channels[0], l) @ c(*channels[1], l))
        return (2**0.5 if unequal else 1.0) * (-1) ** l / np.sqrt(2 * l + 1) * product
    degrees, *odd = rest
    assert odd == ["odd"] * (sum(degrees[:order]) % 2)
    factors = [c(*channel, l) for channel, l in zip(channels, degrees[:order], strict=True)]
    if order == 3:
        return float(np.einsum("abc,a,b,c", coupling(*degrees), *factors))
    l1, l2, l3, l4, L = degrees
    first = np.einsum("abm,a,b->m", coupling(l1, l2, L), *factors[:2])
    second = np.einsum("abm,a,b->m", coupling(l3, l4, L), *factors[2:])
    return float(np.sqrt(2 * L + 1) * first @ second)


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_features_are_what_their_labels_say(name: str) -> None:
    descriptor = DESCRIPTORS[name]
    labels = descriptor.labels(MOLECULE)
    features = descriptor.features(MOLECULE)
    assert len(set(labels)) == len(labels) == features.shape[1]
    for center in (0, 1):
        c = expansion(descriptor, center)
        ours = np.array([from_label(label, c, descriptor.order) for label in labels])
        assert np.abs(ours).max() > 0
        assert np.abs(ours - features[center]).max() <= ROUNDING * np.abs(features[center]).max()


def test_some_labels_are_odd() -> None:
    odd = [label for label in DESCRIPTORS["order 3, odd"].labels(MOLECULE) if label[-1] == "odd"]
    even = DESCRIPTORS["order 3"].labels(MOLECULE)
    assert odd
    assert len(odd) + len(even) == len(DESCRIPTORS["order 3, odd"].labels(MOLECULE))


def test_labels_of_order_2_are_the_properties_of_featomic() -> None:
    cutoff = Cutoff(SMALL["cutoff"], smoothing=ShiftedCosine(width=WIDTH))
    density = Gaussian(width=SMALL["smearing"], center_atom_weight=0.0)
    basis = TensorProduct(max_angular=3, radial=Gto(max_radial=2), spline_accuracy=None)
    soap = SoapPowerSpectrum(cutoff=cutoff, density=density, basis=basis)
    theirs = {}
    for key, block in soap.compute(MOLECULE).items():
        symbols = {atomic_numbers[symbol]: symbol for symbol in ("H", "N", "O")}
        first, second = (symbols[int(key[f"neighbor_{k}_type"])] for k in (1, 2))
        assert block.properties.names == ["l", "n_1", "n_2"]
        for place, center in enumerate(block.samples["atom"]):
            for (l, n, m), value in zip(
                block.properties.values.tolist(), block.values[place], strict=True
            ):
                theirs[int(center), (first, n, second, m, l)] = value
    descriptor = DensityCorrelations(order=2, **SMALL | {"n_max": 3, "l_max": 3})
    labels, features = descriptor.labels(MOLECULE), descriptor.features(MOLECULE)
    # featomic leaves out pairs of elements that a center does not see.
    values = [[theirs.get((i, label), 0.0) for label in labels] for i in range(len(MOLECULE))]
    assert np.count_nonzero(values) > 500
    assert np.abs(features - values).max() <= 1e-10 * np.abs(features).max()


def test_labels_need_a_structure_only_for_its_species() -> None:
    descriptor = DensityCorrelations(order=1, n_max=2)
    with pytest.raises(
        ValueError, match=r"depend on the species .*; give labels\(\) the structure"
    ):
        descriptor.labels()
    assert DensityCorrelations(order=1, n_max=2, species=("O", "H")).labels() == (
        *(("H", 0), ("H", 1)),
        *(("O", 0), ("O", 1)),
    )
    mixed = DensityCorrelations(order=2, l_max=0, contract_channels=2)
    assert mixed.labels()[1] == ("mixed", 0, "mixed", 1, 0)
    assert len(mixed.labels()) == mixed.count_features(MOLECULE)


def test_labels_of_too_many_features_are_refused() -> None:
    with pytest.raises(ValueError, match="order 4 with 18 channels"):
        DensityCorrelations(order=4).labels(MOLECULE)


def test_other_descriptors_number_their_features() -> None:
    class Plain:
        cutoff, inversion_invariant = 3.0, True

        def features(self, atoms, *, centers=None):
            return np.zeros((1, 2))

        def gradients(self, atoms, *, centers=None):
            return ()

    plain = with_defaults(Plain())
    assert plain.labels(MOLECULE) == ("feature 0", "feature 1")
    with pytest.raises(ValueError, match=r"features of Plain depend on the structure"):
        plain.labels()
