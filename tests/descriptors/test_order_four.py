"""Order 4: what it sees that order 3 does not, that no feature is missing or superfluous, limits.

That it is invariant and has the right gradient is tested with the other orders.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from invariant_theory import EQUAL, SEEN, complete_rank
from test_descriptor_contract import molecule

from sensitivity import DensityCorrelations, SphericalBessel, jacobian, spectrum, structures
from sensitivity.descriptors.correlations import Basis, mixture
from sensitivity.descriptors.orders import LARGEST_FEATURES
from sensitivity.descriptors.trispectrum import Trispectrum

ORDER_FOUR = DensityCorrelations(order=4, cutoff=3.0, n_max=3, l_max=4)
ORDER_THREE = replace(ORDER_FOUR, order=3)
ZERO = 1e-13  # of the largest singular value: rounding, in an exact structure
ROUNDING = 1e-14  # of the largest feature: the same sum in another order
PARTED = 1e-3  # of the largest feature: how far apart order 4 holds what order 3 cannot

RANKS = {
    "Td": 1,
    "C3v": 3,
    "C2v": 4,
    "Cs": 6,
    "square": 1,
    "octahedron": 1,
    "planar": 5,
    "linear-equal": 1,
    "linear-unequal": 2,
    "generic": 9,
    "X0": 9,
    "S1": 9,
    "N3": 21,
}

# (l_max, channels, parity_odd)
SMALL_BASES = [
    (0, 1, False),
    (0, 3, False),
    (1, 1, False),
    (1, 3, False),
    (1, 3, True),
    (2, 2, False),
    (2, 2, True),
    (3, 2, False),
    (3, 2, True),
    (4, 1, True),
    (6, 1, False),
]


@pytest.mark.parametrize(("name", "rank"), RANKS.items())
def test_ranks(name: str, rank: int) -> None:
    result = spectrum(structures.load(name), ORDER_FOUR, centers=[0])
    relative = result.singular_values / result.singular_values[0]
    assert result.rank == rank
    assert relative[rank - 1] > SEEN
    assert relative[rank] < ZERO


@pytest.mark.parametrize(("name", "rank"), RANKS.items())
def test_ranks_are_those_of_a_complete_basis(name: str, rank: int) -> None:
    assert complete_rank(structures.load(name), "4") == rank


def test_order_four_sees_what_order_three_does_not() -> None:
    atoms = structures.load("N3")
    three, four = (spectrum(atoms, d, centers=[0]) for d in (ORDER_THREE, ORDER_FOUR))
    assert (three.rank, four.rank, four.internal) == (20, 21, 21)
    assert four.condition > 1e-3


@pytest.mark.parametrize("contract", [None, 2])
def test_order_four_tells_the_bispectrum_pair_apart(contract: int | None) -> None:
    pair = [structures.load(name) for name in ("bispectrum+", "bispectrum-")]
    for descriptor in (ORDER_THREE, ORDER_FOUR):
        mixed = replace(descriptor, contract_channels=contract)
        above, below = (mixed.features(atoms, centers=[0]) for atoms in pair)
        distance = np.abs(above - below).max() / np.abs(above).max()
        if descriptor.order == 3:
            assert distance < EQUAL
        else:
            assert distance > PARTED


@pytest.mark.parametrize(("l_max", "channels", "parity_odd"), [*SMALL_BASES, (4, 6, False)])
def test_count_is_the_number_of_invariant_polynomials(
    l_max: int, channels: int, parity_odd: bool
) -> None:
    size = Trispectrum(Basis(1, channels, l_max), parity_odd).size()
    assert size == pytest.approx(invariants(l_max, channels, parity_odd=parity_odd), rel=1e-12)


def invariants(l_max: int, channels: int, *, parity_odd: bool) -> float:
    """Number of linearly independent invariants of order 4, without any coupling coefficient.

    It is the mean over all rotations (and inversion) of the character of the symmetric fourth
    power of the space of coefficients. A rotation by θ has the weight (1 - cos θ)/π, and the
    midpoint rule is exact.
    """
    theta = (np.arange(128) + 0.5) * np.pi / 128
    weight = (1 - np.cos(theta)) / len(theta)

    def mean(parity: int) -> float:
        p1, p2, p3, p4 = (
            channels
            * sum(
                parity ** (l * power) * np.cos(m * power * theta)
                for l in range(l_max + 1)
                for m in range(-l, l + 1)
            )
            for power in (1, 2, 3, 4)
        )
        symmetric = (p1**4 + 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 + 6 * p4) / 24
        return float(weight @ symmetric)

    return mean(1) if parity_odd else (mean(1) + mean(-1)) / 2


@pytest.mark.parametrize(("l_max", "channels", "parity_odd"), SMALL_BASES)
def test_no_feature_is_a_sum_of_others(l_max: int, channels: int, parity_odd: bool) -> None:
    trispectrum = Trispectrum(Basis(1, channels, l_max), parity_odd)
    size = trispectrum.size()
    features = trispectrum.features(coefficients(l_max, channels, centers=2 * size + 10))
    values = np.linalg.svd(features / np.linalg.norm(features, axis=0), compute_uv=False)
    assert features.shape == (2 * size + 10, size)
    assert values[-1] > 1e-3 * values[0]


def coefficients(l_max: int, channels: int, *, centers: int) -> np.ndarray:
    """Random coefficients, as in ``Expansion``."""
    shape = (l_max + 1, centers, channels, 2 * l_max + 1)
    values = np.random.default_rng(5).normal(size=shape)
    for l in range(l_max):
        values[l, :, :, 2 * l + 1 :] = 0.0
    return values


def test_features_of_one_degree_are_powers_of_the_length() -> None:
    """Of one vector there is one invariant of order 4, and its size says that ΣW² = 1."""
    vector = np.zeros((2, 1, 1, 3))
    vector[1, 0, 0] = [1.0, 2.0, 2.0]
    features = Trispectrum(Basis(1, 1, 1), parity_odd=True).features(vector)
    # l = 1 four times, L = 0: (v·v/√3)²; that of L = 2 would be a multiple of it.
    assert np.sort(np.abs(features[0])) == pytest.approx([0.0, 0.0, 27.0], abs=1e-13)


def test_the_odd_part_changes_sign_under_inversion() -> None:
    l_max, channels = 3, 2
    even, both = (Trispectrum(Basis(1, channels, l_max), odd) for odd in (False, True))
    values = coefficients(l_max, channels, centers=4)
    mirrored = values * (-1.0) ** np.arange(l_max + 1)[:, None, None, None]
    here, there = both.features(values), both.features(mirrored)
    same = np.array(
        [np.allclose(*pair, rtol=ROUNDING, atol=0) for pair in zip(here.T, there.T, strict=True)]
    )
    assert same.sum() == even.size() < both.size()
    assert np.array_equal(here[:, same], even.features(values))
    assert there[:, ~same] == pytest.approx(-here[:, ~same], rel=ROUNDING)


@pytest.mark.parametrize("n_max", [1, 2])
@pytest.mark.parametrize("l_max", [0, 1, 3])
def test_small_bases(n_max: int, l_max: int) -> None:
    atoms = structures.load("CH4")
    descriptor = DensityCorrelations(order=4, n_max=n_max, l_max=l_max)
    result = jacobian(atoms, descriptor)
    assert result.shape == (5 * descriptor.count_features(atoms), 15)
    assert np.array_equal(result.features, descriptor.features(atoms))
    assert result.features.any()


def test_an_isolated_atom_has_features_zero_and_a_jacobian_zero() -> None:
    atoms = Atoms("ArAr", [[0, 0, 0], [0, 0, 20.0]])
    result = jacobian(atoms, DensityCorrelations(order=4, n_max=2, l_max=2))
    assert not result.features.any()
    assert not result.dense().any()


def test_channels_are_mixed_by_a_fixed_matrix() -> None:
    """Its numbers are part of the definition of the features: a change is a change of results."""
    expected = [[0.20679313, 0.97838469], [-0.97838469, 0.20679313]]
    assert mixture(6, n_max=2, channels=2) == pytest.approx(np.array(expected), abs=1e-8)
    wide, tall = mixture(1, n_max=5, channels=3), mixture(1, n_max=3, channels=5)
    assert wide @ wide.T == pytest.approx(np.eye(3), abs=1e-14)
    assert tall.T @ tall == pytest.approx(np.eye(3), abs=1e-14)


def test_features_of_order_one_are_mixed_themselves() -> None:
    atoms = molecule()
    plain = DensityCorrelations(order=1, cutoff=3.0, n_max=4, l_max=0)
    mixed = jacobian(atoms, replace(plain, contract_channels=3))
    numbers = sorted(set(atoms.numbers.tolist()))
    u = np.concatenate([mixture(number, n_max=4, channels=3) for number in numbers], axis=1)
    unmixed = jacobian(atoms, plain)
    gradient = np.einsum("kq,cqx->ckx", u, unmixed.dense().reshape(6, 16, 18))
    assert mixed.features == pytest.approx(unmixed.features @ u.T, abs=1e-14)
    assert mixed.dense() == pytest.approx(gradient.reshape(18, 18), abs=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_mixed_channels_do_not_depend_on_absent_species(order: int) -> None:
    atoms = structures.load("CH4")
    own = DensityCorrelations(order=order, n_max=3, l_max=2, contract_channels=2)
    more = replace(own, species=("C", "H", "O"))
    assert own.count_features(atoms) == more.count_features(structures.load("H2O"))
    assert np.array_equal(own.features(atoms), more.features(atoms))
    assert np.array_equal(jacobian(atoms, own).dense(), jacobian(atoms, more).dense())


@pytest.mark.parametrize(("channels", "rank"), [(1, 5), (2, 8), (3, 8)])
def test_mixed_channels_see_no_more_than_their_order(channels: int, rank: int) -> None:
    """At order 2 one mixed channel is too few for X0, and any number leaves its singularity."""
    mixed = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=4, contract_channels=channels)
    assert spectrum(structures.load("X0"), mixed, centers=[0]).rank == rank
    four = replace(mixed, order=4)
    assert spectrum(structures.load("X0"), four, centers=[0]).rank == 9


def test_more_features_than_allowed_are_counted_and_refused_at_once() -> None:
    atoms = structures.load("C6H6")
    large = DensityCorrelations(order=4, n_max=30, l_max=8, basis=SphericalBessel())
    count = large.count_features(atoms)
    message = (
        rf"order 4 with 60 channels and l_max=8 has {count} features per center, more than "
        r"1000000; choose .*, or mix the channels to at most 6"
    )
    for refused in (large.features, large.gradients):
        with pytest.raises(ValueError, match=message):
            refused(atoms)
    allowed, more = (replace(large, contract_channels=channels) for channels in (6, 7))
    assert allowed.count_features(atoms) <= LARGEST_FEATURES < more.count_features(atoms)


def test_more_features_than_memory_are_counted_and_refused() -> None:
    atoms = bulk("Si", cubic=True).repeat(5)
    descriptor = DensityCorrelations(order=4, n_max=6, l_max=5, cutoff=6.0)
    message = rf"{descriptor.count_features(atoms)} features per center.* GB are free"
    with pytest.raises(ValueError, match=message):
        jacobian(atoms, descriptor)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 5}, r"order must be an integer from 1 to 4, got 5"),
        (
            {"order": 4, "l_max": 13},
            r"l_max must be .* 0 to 12 at order 4, got 13; choose",
        ),
        ({"order": 2, "parity_odd": True}, r"parity_odd=True needs order=3 or 4, got order=2"),
        ({"contract_channels": 0}, r"contract_channels must be an integer from 1 to 64, got 0"),
        ({"contract_channels": 65}, r"contract_channels must be an integer from 1 to 64, got 65"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DensityCorrelations(**settings)


def test_contracted_channels_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match=r"contract_channels must be an integer .* got 2.0"):
        DensityCorrelations(contract_channels=2.0)
