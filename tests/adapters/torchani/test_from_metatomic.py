"""Models in the metatomic format: a small one, in Python and in TorchScript."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from metatomic.torch import load_atomistic_model
from vectors_model import CUTOFF, WIDTHS, Vectors, wrap

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import Metatomic
from sensitivity.descriptors.from_function import Function
from sensitivity.structures import neighbor_pairs

# TorchScript compiles models that are loaded from files, and torch says that it is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def in_numpy(atoms: Atoms) -> np.ndarray:
    """The same features, without torch."""
    pairs = neighbor_pairs(atoms, CUTOFF)
    squares = np.sum(pairs.vectors**2, axis=1)
    fading = (1 - squares / 16.0) ** 3 * atoms.numbers[pairs.j]
    shells = np.exp(-WIDTHS * squares[:, None]) * fading[:, None]
    sums, arrows = np.zeros((len(atoms), 5)), np.zeros((len(atoms), 5, 3))
    np.add.at(sums, pairs.i, shells)
    np.add.at(arrows, pairs.i, shells[:, :, None] * pairs.vectors[:, None])
    products = np.einsum("nax,nbx->nab", arrows, arrows).reshape(len(atoms), 25)
    return np.concatenate([sums, products], axis=1)


STRUCTURES = {
    "ethanol": molecule("CH3CH2OH"),
    "silicon": bulk("Si", cubic=True),
    "rock salt": bulk("NaCl", "rocksalt", a=5.64),
    "surface": fcc111("Cu", (1, 1, 3), vacuum=9.0),
}


@pytest.fixture(params=["python", "script", "half list", "nanometres"])
def descriptor(request: pytest.FixtureRequest) -> Metatomic:
    if request.param == "nanometres":
        range_ = {"length_unit": "nm", "interaction_range": CUTOFF / 10}
        return Metatomic(wrap(Vectors(full=True, unit="nm"), **range_))
    model = wrap(Vectors(full=request.param != "half list"))
    return Metatomic(torch.jit.script(model) if request.param == "script" else model)


@pytest.mark.parametrize("name", STRUCTURES)
def test_features_and_derivatives(name: str, descriptor: Metatomic) -> None:
    """Against NumPy, and its differences with an estimate of their error."""
    atoms = STRUCTURES[name].copy()
    atoms.rattle(0.05, seed=1)
    assert descriptor.cutoff == pytest.approx(CUTOFF)
    expected = in_numpy(atoms)
    size = np.abs(expected).max()
    np.testing.assert_allclose(descriptor.features(atoms), expected, atol=1e-12 * size)
    found = jacobian(atoms, descriptor)
    known = jacobian(atoms, Function(in_numpy, cutoff=CUTOFF))
    assert found.error == 0
    assert np.linalg.norm(found.dense() - known.dense()) < max(known.error, 1e-9 * size)


def test_causes(descriptor: Metatomic) -> None:
    counts = diagnose(structures.load("C2v"), descriptor, centers=[0]).counts
    assert (counts["sensitive"], counts["symmetry"]) == (4, 5)
    assert spectrum(STRUCTURES["silicon"], descriptor).rank == 6
    salt = diagnose(bulk("NaCl", "rocksalt", a=5.64, cubic=True), descriptor)
    assert salt.spectrum.rank == 0
    assert "To first order, no displacement changes the features" in salt.summary
    assert descriptor.remarks == ()


def test_handedness_is_measured() -> None:
    """Of planar atoms a volume changes when one leaves the plane: the reflection hides it."""
    atoms = Atoms("CHHH", [[0, 0, 0], [1.0, 0, 0], [-0.5, 1.4, 0], [0.3, -2.0, 0]])
    for chiral, seen in ((False, 5), (True, 6)):
        descriptor = Metatomic(wrap(Vectors(full=True, chiral=chiral)))
        found = diagnose(atoms, descriptor, centers=[0])
        assert descriptor.inversion_invariant is not chiral
        assert found.counts["sensitive"] == seen
        assert found.counts["symmetry"] == 6 - seen


def test_a_model_from_a_file(tmp_path: Path) -> None:
    """It is loaded by the user: the path alone is refused, and nothing in the file is executed."""
    path = tmp_path / "model.pt"
    wrap(Vectors(full=True)).save(path)
    atoms = STRUCTURES["ethanol"]
    descriptor = Metatomic(load_atomistic_model(path))
    np.testing.assert_allclose(descriptor.features(atoms), in_numpy(atoms), atol=1e-12)
    for given in (path, str(path)):
        with pytest.raises(
            TypeError, match=r"a loaded model, got the path .*; if you trust the file, whose"
        ):
            Metatomic(given)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"dtype": "float32"},
            TypeError,
            'has float32, too coarse.*export it with dtype="float64"',
        ),
        ({"interaction_range": np.inf}, ValueError, "range of metatomic model is inf Å; give cut"),
        ({"outputs": {}}, ValueError, "has no output 'feature', only"),
    ],
)
def test_unusable_models(changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Metatomic(wrap(Vectors(full=True), **changes))


def test_wrong_arguments() -> None:
    model = wrap(Vectors(full=True))
    with pytest.raises(TypeError, match=r"must be a metatomic\.torch\.AtomisticModel, got Vectors"):
        Metatomic(Vectors(full=True))
    with pytest.raises(ValueError, match="has no output 'energy', only feature"):
        Metatomic(model, output="energy")
    with pytest.raises(ValueError, match="cutoff must be above 0"):
        Metatomic(model, cutoff=-1.0)
    assert Metatomic(wrap(Vectors(full=True), interaction_range=np.inf), cutoff=4.0).cutoff == 4.0
    with pytest.raises(ValueError, match="supports 7 species, without N; choose a structure"):
        Metatomic(model).features(molecule("NH3"))
    model.module.train()
    with pytest.raises(ValueError, match=r"in training mode .*call \.eval\(\) on the model first"):
        Metatomic(model)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrap(Vectors(full=True))
    monkeypatch.setitem(sys.modules, "metatomic.torch", None)
    with pytest.raises(ImportError, match=r'pip install "atomic-sensitivity\[metatomic-torch\]"'):
        Metatomic(model)
