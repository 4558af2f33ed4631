"""Values of a survey are those of ``spectrum`` and ``diagnose``, with any descriptor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.collections import g2, s22

from sensitivity import DensityCorrelations, SphericalBessel, diagnose, spectrum, structures, survey
from sensitivity.descriptors import Descriptor, OverlapMatrix
from sensitivity.descriptors.from_function import Function
from sensitivity.diagnosis import CAUSES

SMALL = {"cutoff": 3.5, "n_max": 4, "l_max": 3}


def moved(atoms: Atoms, distance: float, *, seed: int) -> Atoms:
    copy = atoms.copy()
    copy.positions += np.random.default_rng(seed).normal(scale=distance, size=(len(atoms), 3))
    return copy


def crystals() -> Iterator[Atoms]:
    for atoms in (bulk("Si", cubic=True), bulk("Cu", cubic=True), bulk("NaCl", "rocksalt", a=5.64)):
        yield atoms
        yield moved(atoms, 0.05, seed=len(atoms))


def many_frames() -> Iterator[Atoms]:
    """Molecules, dimers and crystals; symmetric, and rattled by different amounts."""
    names = [name for name in g2.names if len(g2[name]) <= 9]
    for seed, name in enumerate(names):
        yield moved(Atoms(g2[name]), (0.0, 1e-4, 0.05, 0.2)[seed % 4], seed=seed)
    yield from (moved(Atoms(s22[name]), 0.02, seed=0) for name in s22.names[:3])
    yield from crystals()


def choose(frames: list[Atoms], count: int, *, seed: int) -> list[tuple[int, int]]:
    every = [(frame, center) for frame, atoms in enumerate(frames) for center in range(len(atoms))]
    rng = np.random.default_rng(seed)
    return [every[place] for place in rng.permutation(len(every))[:count].tolist()]


def assert_values(frames: list[Atoms], descriptor: Descriptor, count: int, *, causes: bool) -> None:
    table = survey(frames, descriptor, causes=causes).table()
    rows = {pair: n for n, pair in enumerate(zip(table["frame"], table["center"], strict=True))}
    assert not any(table["error"])
    for frame, center in choose(frames, count, seed=len(frames)):
        row = rows[frame, center]
        alone = structures.environment(frames[frame], center, descriptor.cutoff)
        found = spectrum(alone, descriptor, centers=[0])
        assert (table["internal"][row], table["rank"][row]) == (found.internal, found.rank)
        values = found.singular_values[: found.internal]
        names = [("s_max", 0), ("s_min", -1), ("s_min_2", -2), ("s_min_3", -3)]
        for name, place in names[: found.internal and 1 + found.internal]:
            assert abs(table[name][row] - values[place]) <= 1e-12 * found.scale, (frame, center)
        if causes:
            expected = diagnose(alone, descriptor, centers=[0])
            assert {cause: table[cause][row] for cause in CAUSES} == expected.counts
            assert table["group"][row] == expected.groups[0].symbol


NATIVE = {
    "order 1": DensityCorrelations(order=1, **SMALL),
    "order 2": DensityCorrelations(order=2, **SMALL),
    "order 3": DensityCorrelations(order=3, cutoff=3.0, n_max=3, l_max=3),
    "odd": DensityCorrelations(order=3, cutoff=3.0, n_max=2, l_max=2, parity_odd=True),
    "order 4": DensityCorrelations(order=4, cutoff=2.0, n_max=1, l_max=2, contract_channels=2),
    "center": DensityCorrelations(order=2, center_weight=1.0, **SMALL),
    "sharp": DensityCorrelations(order=2, smearing=0.0, basis=SphericalBessel(), **SMALL),
    "overlaps": OverlapMatrix(cutoff=3.0),
}


@pytest.mark.parametrize("name", NATIVE)
def test_values_are_those_of_single_environments(name) -> None:
    frames = [structures.load("CH4"), moved(structures.load("CH3OH"), 0.05, seed=0), *crystals()]
    frames = frames[: 4 if name == "order 4" else None]
    assert_values(frames, NATIVE[name], 12, causes=False)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("causes", "count"), [(False, 500), (True, 60)])
def test_values_of_random_environments_are_those_of_single_ones(order, causes, count) -> None:
    assert_values(list(many_frames()), NATIVE[f"order {order}"], count, causes=causes)


def distances(atoms: Atoms) -> np.ndarray:
    """Sum two powers of the distance over the neighbours within 3 Å."""
    gaps = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=2)
    fades = np.where(gaps < 3.0, (1 - (gaps / 3.0) ** 2) ** 3, 0.0)
    return np.stack([(fades * gaps**2).sum(axis=1), (fades * gaps**4).sum(axis=1)], axis=1)


def adapters() -> Iterator[pytest.ParameterSet]:
    def dscribe() -> Descriptor:
        soap = pytest.importorskip("dscribe.descriptors").SOAP
        from sensitivity.descriptors.from_dscribe import Dscribe

        return Dscribe(soap(species=["C", "H", "O"], periodic=False, r_cut=3.0, n_max=3, l_max=3))

    def featomic() -> Descriptor:
        soap = pytest.importorskip("featomic").SoapPowerSpectrum
        from featomic.basis import Gto, TensorProduct
        from featomic.cutoff import Cutoff, ShiftedCosine
        from featomic.density import Gaussian

        from sensitivity.descriptors.from_featomic import Featomic

        calculator = soap(
            cutoff=Cutoff(radius=3.0, smoothing=ShiftedCosine(width=0.5)),
            density=Gaussian(width=0.3),
            basis=TensorProduct(max_angular=3, radial=Gto(max_radial=2)),
        )
        return Featomic(calculator)

    yield pytest.param(dscribe, id="dscribe")
    yield pytest.param(featomic, id="featomic")
    yield pytest.param(lambda: Function(distances, cutoff=3.0), id="function")


@pytest.mark.parametrize("make", list(adapters()))
@pytest.mark.parametrize("causes", [False, True])
def test_adapters_give_the_values_of_single_environments(make, causes) -> None:
    frames = [structures.load("H2O"), moved(structures.load("CH3OH"), 0.05, seed=0)]
    assert_values(frames, make(), 4, causes=causes)


def at_the_edge(gap: float) -> Atoms:
    """Return methanol with its most distant neighbour of atom 0 this far within 3.5 Å."""
    atoms = moved(structures.load("CH3OH"), 0.05, seed=3)
    arms = atoms.positions - atoms.positions[0]
    far = int(np.argmax(np.linalg.norm(arms, axis=1)))
    atoms.positions[far] = atoms.positions[0] + arms[far] * (3.5 - gap) / np.linalg.norm(arms[far])
    return atoms


@pytest.mark.parametrize("causes", [False, True])
def test_special_environments_have_the_values_of_single_ones(causes) -> None:
    line = Atoms("HCNH", [(0, 0, z) for z in (0.0, 1.07, 2.23, 3.2)])
    bent = line.copy()
    bent.positions[3, 0] = 2e-4  # linear within the tolerance of a diagnosis
    edges = [at_the_edge(gap) for gap in (1e-9, 1e-5, 5e-4, 2e-3, 0.02, -1e-4)]
    frames = [Atoms("He"), Atoms("H2", [(0, 0, 0), (0, 0, 0.74)]), line, bent, *edges]
    assert_values(frames, NATIVE["order 2"], 60, causes=causes)


@pytest.mark.parametrize("planted", [1e-14, 1e-12, 1e-10, 1e-8])
def test_planted_values_have_the_digits_of_spectrum(planted) -> None:
    singular, descriptor = structures.load("X0"), DensityCorrelations()
    directions = np.zeros((5, 3))
    directions[4, 1] = 1.0
    probe = singular.copy()
    probe.positions += 1e-6 * directions
    slope = spectrum(probe, descriptor, centers=[0]).condition / 1e-6
    singular.positions += planted / slope * directions
    frames = [moved(structures.load("CH4"), 0.05, seed=seed) for seed in range(3)]
    table = survey([*frames, singular], descriptor, causes=False, species=["C"]).table()
    alone = spectrum(singular, descriptor, centers=[0])
    assert table["s_min"][-1] == pytest.approx(alone.singular_values[8], abs=3e-15 * alone.scale)
    assert alone.condition == pytest.approx(planted, rel=0.01, abs=3e-15)
