"""Atomic environment vectors: as TorchANI computes them, on structures of known rank."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from torchani.aev import AEVComputer

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import Aev, with_defaults
from sensitivity.descriptors.catalog import named_descriptor

SYMBOLS = ["H", "C", "N", "O", "S", "F", "Cl"]  # of ANI-2x


def by_torchani(atoms: Atoms, symbols: list[str], **settings: int) -> np.ndarray:
    """With TorchANI's own search for neighbours."""
    computer = AEVComputer.like_2x(num_species=len(symbols), **settings).double()
    kinds = torch.tensor([[symbols.index(symbol) for symbol in atoms.symbols]])
    cell, pbc = (torch.tensor(atoms.cell.array), torch.tensor(atoms.pbc))
    box = (cell, pbc) if atoms.pbc.any() else (None, None)
    return computer(kinds, torch.tensor(atoms.positions[None]), *box)[0].numpy()


STRUCTURES = {
    "acetonitrile": molecule("CH3CN"),
    "argon": Atoms("Ar"),
    "far apart": Atoms("HF", [[0, 0, 0], [0, 0, 9.0]]),
    "one atom in a cell": bulk("Al"),
    "skewed": bulk("NaCl", "rocksalt", a=5.64).repeat((1, 2, 1)),
    "outside the cell": bulk("Si", cubic=True),
    "layer": graphene(vacuum=8.0),
    "surface": fcc111("Cu", (1, 1, 3), vacuum=9.0),
}
STRUCTURES["outside the cell"].positions += [7.0, -13.0, 0.3]


@pytest.mark.parametrize("name", STRUCTURES)
def test_features_are_those_of_torchani(name: str) -> None:
    atoms = STRUCTURES[name].copy()
    atoms.rattle(0.05, seed=0)
    expected = by_torchani(atoms, sorted(set(atoms.symbols), key=lambda s: Atoms(s).numbers[0]))
    found = Aev().features(atoms)
    np.testing.assert_allclose(found, expected, atol=1e-12 * max(1.0, np.abs(expected).max()))


def test_features_of_all_species_of_a_model() -> None:
    atoms = molecule("CH3CN")
    found = Aev(species=SYMBOLS, angular_num_sections=6).features(atoms)
    expected = by_torchani(atoms, SYMBOLS, angular_num_sections=6)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.shape == (6, 7 * 16 + 28 * 8 * 6)
    assert Aev(species=SYMBOLS).features(atoms).shape == (6, 1008)  # as published for ANI-2x


def test_constants_have_single_precision() -> None:
    """Features differ from those with exact constants (Smith et al.) by 1e-7 of their norm."""
    atoms = molecule("CH4")
    atoms.rattle(0.05, seed=1)
    arms = atoms.positions[1:] - atoms.positions[0]
    lengths = np.linalg.norm(arms, axis=1)
    starts = 0.8 + (5.1 - 0.8) / 16 * np.arange(16)
    fades = 0.5 + 0.5 * np.cos(np.pi * lengths / 5.1)
    exact = (0.25 * np.exp(-19.7 * (lengths[:, None] - starts) ** 2) * fades[:, None]).sum(axis=0)
    found = Aev().features(atoms)[0, :16]
    assert 1e-9 < np.linalg.norm(found - exact) / np.linalg.norm(exact) < 1e-6


def test_labels_name_the_features() -> None:
    """Those of absent species vanish, and a feature is largest at its distance."""
    water, descriptor = molecule("H2O"), Aev(species=["H", "C", "O"])
    labels = descriptor.labels()
    found = dict(zip(labels, descriptor.features(water)[0], strict=True))
    assert len(found) == len(labels)
    assert all(("C" not in label) or value == 0 for label, value in found.items())
    starts = 0.8 + (5.1 - 0.8) / 16 * np.arange(16)
    nearest = int(np.abs(starts - water.get_distance(0, 1)).argmin())
    assert max(range(16), key=lambda n: found["H", n]) == nearest
    angles = np.pi / 8 * (1 + 2 * np.arange(4))
    opening = np.arccos(0.95 * np.cos(np.radians(water.get_angle(1, 0, 2))))
    sector = int(np.abs(angles - opening).argmin())
    assert max(range(4), key=lambda m: found["H", "H", 0, m]) == sector


KNOWN = [
    ("S1", 4, 8, "incompleteness"),
    ("S1", 8, 8, "incompleteness"),
    ("X0", 4, 8, "incompleteness"),
    ("X0", 8, 8, "incompleteness"),
    ("X+", 4, 8, "truncation"),
    ("X-", 4, 8, "truncation"),
    ("X+", 8, 9, None),
    ("X-", 8, 9, None),
    ("generic", 4, 9, None),
]


@pytest.mark.parametrize(("name", "sectors", "rank", "cause"), KNOWN)
def test_truncation_and_incompleteness(
    name: str, sectors: int, rank: int, cause: str | None
) -> None:
    """Ranks of order 2 in a complete basis: S1 and X0 have 8, X± have 9."""
    atoms, descriptor = structures.load(name), Aev(angular_num_sections=sectors)
    found = diagnose(atoms, descriptor, centers=[0])
    assert spectrum(atoms, descriptor, centers=[0]).rank == found.counts["sensitive"] == rank
    if cause is None:
        assert found.spurious == 0
        return
    (mode,) = found.of(cause)
    assert mode.evidence.relative < 1e-12
    assert mode.distance == pytest.approx(0.0, abs=1e-4)
    if cause == "truncation":
        assert mode.evidence.larger_basis > 1e-3
    else:
        assert mode.evidence.larger_basis < 1e-10
        assert mode.evidence.lifted_by == 3
    assert f"1 is invisible by {cause}" in found.summary


def test_it_is_invariant_and_exact() -> None:
    descriptor = Aev()
    for atoms in (molecule("CH3CN"), STRUCTURES["skewed"]):
        assert jacobian(atoms, descriptor).error == 0
    assert descriptor.trust is not None
    for name in ("translation", "rotation", "permutation", "inversion", "locality"):
        assert getattr(descriptor.trust, name) < 1e-14
    assert descriptor.trust.gradient < 1e-9
    assert descriptor.trust.smooth
    assert descriptor.remarks == ()
    found = spectrum(molecule("CH3CN"), descriptor)
    assert found.trivial_value < 1e-8 * found.scale  # as it is known to


@pytest.mark.parametrize(("amplitude", "rank"), [(0.0, 6), (0.05, 21)])
def test_ranks_of_silicon(amplitude: float, rank: int) -> None:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(amplitude, seed=2)
    assert spectrum(atoms, Aev()).rank == rank
    found = diagnose(atoms, Aev())
    assert (found.counts["sensitive"], found.counts["symmetry"]) == (rank, 21 - rank)


def test_a_single_center_of_a_crystal_has_no_gap() -> None:
    """Tails of Gaussians at the cutoff: each threshold gives another rank, of one center only."""
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.02, seed=0)
    one, every = spectrum(atoms, Aev(), centers=[0]), spectrum(atoms, Aev())
    thresholds = 10.0 ** -np.arange(3, 7)
    ranks = [int(np.sum(one.relative > threshold)) for threshold in thresholds]
    assert len(set(ranks)) == len(ranks)
    assert (one.relative[:15] < 8 * one.relative[1:16]).all()
    assert [int(np.sum(every.relative > threshold)) for threshold in thresholds] == [21] * 4


def test_settings() -> None:
    descriptor = Aev(species=["C", 1], angular_num_sections=6)
    assert descriptor.settings["species"] == ["C", "H"]
    for given in (np.array([6, 1]), [np.int32(6), np.uint8(1)], (x for x in ("C", "H"))):
        assert Aev(species=given).settings["species"] == ["C", "H"]
    assert repr(descriptor) == "Aev(species=['C', 'H'], angular_num_sections=6)"
    larger = with_defaults(descriptor).larger_basis()
    assert larger is not None
    assert [larger.settings[key] for key in Aev.refinable] == [18, 10, 8]
    again = pickle.loads(pickle.dumps(descriptor))
    assert again.settings == descriptor.settings
    wide = descriptor.with_settings(radial_cutoff=6.0)
    assert (wide.cutoff, wide.settings["angular_num_sections"]) == (6.0, 6)
    assert repr(named_descriptor("torchani-aev", molecule("CH4"))) == "Aev()"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sections": 8}, TypeError, "Aev has no setting sections; choose from radial_start"),
        ({"species": "CH"}, TypeError, r"species must be a sequence such as .*, got 'CH'"),
        ({"species": 6}, TypeError, r"species must be a sequence such as .*, got 6"),
        ({"species": []}, ValueError, "species must name at least one element, got none"),
        ({"species": ["Q"]}, ValueError, "must be atomic numbers or chemical symbols, got 'Q'"),
        ({"species": [200]}, ValueError, "must be atomic numbers or chemical symbols, got 200"),
        ({"species": [-1]}, ValueError, "must be atomic numbers or chemical symbols, got -1"),
        ({"species": [6.0]}, ValueError, "must be atomic numbers or chemical symbols, got 6.0"),
        ({"species": [True]}, ValueError, "must be atomic numbers or chemical symbols, got True"),
        ({"species": [None]}, ValueError, "must be atomic numbers or chemical symbols, got None"),
        ({"species": ["C", 0]}, ValueError, "species must be elements, got 0, the dummy atom X"),
        ({"species": ["X"]}, ValueError, "species must be elements, got 0, the dummy atom X"),
        ({"angular_num_sections": 2.5}, ValueError, "must be a whole number up to 32, got 2.5"),
        ({"radial_num_shifts": 65}, ValueError, "must be a whole number up to 64, got 65"),
        ({"angular_eta": -1.0}, ValueError, "angular_eta must be above 0"),
        ({"radial_start": 6.0}, ValueError, "radial_start must be below radial_cutoff, 5.1 Å"),
        ({"angular_cutoff": 5.1}, ValueError, "angular_cutoff must be below radial_cutoff, 5.1 Å"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Aev(**arguments)


def test_unknown_species() -> None:
    message = "distinguishes C, H, and the structure has N; add them to species"
    with pytest.raises(ValueError, match=message):
        Aev(species=["C", "H"]).features(molecule("CH3CN"))
    with pytest.raises(ValueError, match="depend on the species; pass labels"):
        Aev().labels()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchani.aev", None)
    with pytest.raises(ImportError, match=r'pip install "atomic-sensitivity\[torchani\]"'):
        Aev()
