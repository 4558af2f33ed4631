"""Models in the metatomic format: a small one, in Python and in TorchScript."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import ModelOutput, load_atomistic_model
from vectors_model import CUTOFF, WIDTHS, Changed, Vectors, wrap

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
    # No distance is near the cutoff, where differences are less exact than their estimate.
    "outside a skewed cell": bulk("NaCl", "rocksalt", a=5.2).repeat((1, 2, 1)),
    "layer": Atoms(
        "SiC",
        [[0, 0, 0], [1.6, 0.3, 0.4]],
        cell=[[3.0, 0, 0], [1.3, 3.1, 0], [0, 0, 0]],
        pbc=[True, True, False],
    ),
    "chain": Atoms("SiC", [[0, 0, 0], [1.6, 0.3, 0.4]], cell=[0, 3.1, 0], pbc=[False, True, False]),
}
STRUCTURES["outside a skewed cell"].positions += [7.0, -13.0, 0.3]


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
        ({"outputs": {}}, ValueError, "has no output 'feature', only none; export it with"),
        (
            {"outputs": {"feature": ModelOutput(sample_kind="system")}},
            ValueError,
            'has the sample kind "system", which is no feature of an atom; export it with',
        ),
        ({"supported_devices": ["cuda"]}, ValueError, 'CPU.*export it with "cpu" among'),
        ({"length_unit": ""}, ValueError, 'states no unit of length.*such as "angstrom"'),
    ],
)
def test_unusable_models(changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Metatomic(wrap(Vectors(full=True), **changes))


def one_block(values: torch.Tensor, names: list[str], samples: torch.Tensor) -> TensorMap:
    block = TensorBlock(values, Labels(names, samples), [], Labels.range("n", values.shape[1]))
    return TensorMap(Labels.single(), [block])


def reversed_rows(block: TensorBlock) -> dict[str, TensorMap]:
    order = torch.arange(len(block.values) - 1, -1, -1)
    return {
        "feature": one_block(block.values[order], ["system", "atom"], block.samples.values[order])
    }


def of_structure(block: TensorBlock) -> dict[str, TensorMap]:
    row = torch.zeros((1, 1), dtype=torch.int32)
    return {"feature": one_block(block.values.sum(dim=0, keepdim=True), ["system"], row)}


def of_some(block: TensorBlock) -> dict[str, TensorMap]:
    return {"feature": one_block(block.values[:3], ["system", "atom"], block.samples.values[:3])}


def coarse(block: TensorBlock) -> dict[str, TensorMap]:
    return {"feature": one_block(block.values.float(), ["system", "atom"], block.samples.values)}


def in_blocks(block: TensorBlock) -> dict[str, TensorMap]:
    keys = Labels(["_"], torch.tensor([[0], [1]], dtype=torch.int32))
    return {"feature": TensorMap(keys, [block.copy(), block.copy()])}


def without_blocks(block: TensorBlock) -> dict[str, TensorMap]:
    return {"feature": TensorMap(Labels(["_"], torch.zeros((0, 1), dtype=torch.int32)), [])}


def of_vectors(block: TensorBlock) -> dict[str, TensorMap]:
    values = block.values[:, None].expand(-1, 3, -1)
    found = TensorBlock(values, block.samples, [Labels.range("xyz", 3)], block.properties)
    return {"feature": TensorMap(Labels.single(), [found])}


def twofold(block: TensorBlock) -> dict[str, TensorMap]:
    found = one_block(block.values, ["system", "atom"], block.samples.values)
    return {"energy": found, "feature": found}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_structure, "must have samples with the name atom, got system; return features of"),
        (of_some, "returns features of 3 atoms, without atom 3; return those of all atoms"),
        (coarse, "returns float32, too coarse for small singular values"),
        (in_blocks, "scalars in one block, of 2 dimensions, got 2 blocks, of 2, 2 dimensions"),
        (without_blocks, "scalars in one block, of 2 dimensions, got 0 blocks, of no dimensions"),
        (of_vectors, "scalars in one block, of 2 dimensions, got 1 blocks, of 3 dimensions"),
        (lambda block: {}, "returns nothing when asked for 'feature'; return what is asked for"),
        (twofold, "returns an output 'energy' that it does not declare; return what is asked"),
    ],
)
def test_outputs_that_are_refused(change, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        spectrum(STRUCTURES["ethanol"], Metatomic(wrap(Changed(change))))


def test_atoms_in_any_order_and_further_outputs() -> None:
    outputs = {
        "feature": ModelOutput(sample_kind="atom"),
        "energy": ModelOutput(sample_kind="system", unit="eV"),
    }
    atoms = STRUCTURES["ethanol"]
    for descriptor in (
        Metatomic(wrap(Changed(reversed_rows))),
        Metatomic(wrap(Changed(twofold), outputs=outputs)),
    ):
        np.testing.assert_allclose(descriptor.features(atoms), in_numpy(atoms), atol=1e-12)
        assert spectrum(atoms, descriptor, centers=[3]).rank > 0


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
