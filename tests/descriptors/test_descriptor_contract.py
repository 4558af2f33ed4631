"""What every descriptor promises, native or adapted: add a ``Candidate`` and it is tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms
from cases import rotate, shuffle
from dscribe.descriptors import SOAP
from featomic import SoapPowerSpectrum, SoapRadialSpectrum
from test_derivatives import AGREEMENT, OWN_ERROR, STEP, difference, relative
from test_example_descriptor import AngularFunctions, SymmetryFunctions

from sensitivity import DensityCorrelations, jacobian
from sensitivity.descriptors import (
    Descriptor,
    GaussianTypeOrbitals,
    Normalized,
    OverlapMatrix,
    SphericalBessel,
    Stacked,
    with_defaults,
)
from sensitivity.descriptors.from_dscribe import Dscribe
from sensitivity.descriptors.from_featomic import Featomic

INVARIANCE = 1e-13  # relative to the largest feature
NO_CHANGE = 1e-15  # relative to the largest feature: only the order of a sum may differ
CUTOFF = 3.0


@dataclass(frozen=True)
class Candidate:
    """A descriptor and how exact it is.

    Attributes
    ----------
    name
        Shown by pytest.
    descriptor
        Has a cutoff of ``CUTOFF`` and takes the species H, C, N, O.
    rigid
        Largest singular value, relative to the largest of all, that the rigid motions may have.
    step
        Å, of central differences: shorter where features change within less than 0.01 Å.
    jump
        Largest change of a feature when an atom crosses the cutoff, relative to the largest feature
        of the molecule, for a code that drops neighbours there although they still count.
    """

    name: str
    descriptor: Descriptor
    rigid: float
    step: float = STEP
    jump: float = 0.0


def native() -> list[Candidate]:
    """All orders, 3 and 4 also with the odd part; both bases; sharp and smeared."""
    orders = {
        "order 1": ({"order": 1, "n_max": 6, "l_max": 0}, 1e-15),
        "order 2": ({"order": 2, "n_max": 5, "l_max": 5}, 1e-15),
        "order 3": ({"order": 3, "n_max": 2, "l_max": 4}, 1e-14),
        "order 3 odd": ({"order": 3, "n_max": 2, "l_max": 4, "parity_odd": True}, 1e-14),
        "order 4": ({"order": 4, "n_max": 1, "l_max": 3}, 1e-15),
        "order 4 odd": ({"order": 4, "n_max": 1, "l_max": 2, "parity_odd": True}, 1e-15),
        "order 4 mixed": ({"order": 4, "n_max": 4, "l_max": 4, "contract_channels": 2}, 1e-15),
    }
    bases = {"GTO": GaussianTypeOrbitals(), "Bessel": SphericalBessel()}
    widths = {"sharp": 0.0, "smeared": 0.3}
    return [
        Candidate(
            f"{order}, {basis}, {width}",
            DensityCorrelations(cutoff=CUTOFF, basis=bases[basis], smearing=widths[width], **rest),
            rigid,
        )
        for order, (rest, rigid) in orders.items()
        for basis in bases
        for width in widths
    ]


def adapted() -> list[Candidate]:
    """Descriptors of other codes, with fixed species as dscribe always has them."""
    species, smearing = ["H", "C", "N", "O"], 0.3
    reach = CUTOFF - smearing * np.sqrt(2 * np.log(1000))  # dscribe sees so much farther
    sizes = {"n_max": 4, "l_max": 5, "sigma": smearing}
    soap = Dscribe(SOAP(species=species, r_cut=reach, periodic=True, **sizes))
    common = {
        "cutoff": {"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        "density": {"type": "Gaussian", "width": smearing},
    }
    radial = {"radial": {"type": "Gto", "max_radial": 5}, "spline_accuracy": None}
    angular = {"type": "TensorProduct", "max_angular": 5, **radial}
    spectra = {
        "radial": SoapRadialSpectrum(**common, basis=radial),
        "power": SoapPowerSpectrum(**common, basis=angular),
    }
    return [
        Candidate("dscribe SOAP", soap, 1e-14, jump=1e-4),
        *(
            Candidate(f"featomic {name}", Featomic(calculator, species=species), 1e-14)
            for name, calculator in spectra.items()
        ),
    ]


# n = 20: each of the 12 internal displacements is then seen well above rounding.
CANDIDATES = [
    *native(),
    Candidate("stacked", Stacked([DensityCorrelations(n, CUTOFF, 2, 4) for n in (1, 2, 3)]), 1e-14),
    Candidate(
        "normalized", Normalized(DensityCorrelations(2, CUTOFF, 5, 5, center_weight=1.0)), 1e-15
    ),
    Candidate("own", SymmetryFunctions(n=20, cutoff=CUTOFF), 1e-15),
    Candidate("own, angular", AngularFunctions(cutoff=CUTOFF), 1e-15),
    # Here eigenvalues nearly cross: their gradients turn within 1e-3 Å.
    Candidate("overlap matrix, s", OverlapMatrix("s", cutoff=CUTOFF), 1e-15, STEP / 10),
    Candidate("overlap matrix, sp", OverlapMatrix("sp", cutoff=CUTOFF), 1e-15, STEP / 10),
    *adapted(),
]


@pytest.fixture(params=CANDIDATES, ids=lambda candidate: candidate.name)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    return request.param


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def molecule() -> Atoms:
    """Chiral, three species, without symmetry; the first two atoms see all, the last ones not."""
    positions = [
        [0.0, 0.1, 0.2],
        [1.2, 0.4, -0.3],
        [-0.7, 0.8, 0.4],
        [0.2, -1.0, 0.6],
        [1.6, -0.5, 1.1],
        [-0.4, -0.6, -1.9],
    ]
    return Atoms("CNHHOH", positions)


def crystal() -> Atoms:
    """Chiral, in a skewed cell below the cutoff."""
    cell = [[2.6, 0.2, 0.0], [0.0, 2.9, 0.3], [0.4, 0.0, 2.7]]
    return Atoms("CN", [[0.1, 0.0, 0.2], [1.1, 1.3, 0.9]], cell=cell, pbc=True)


STRUCTURES = pytest.mark.parametrize("build", [molecule, crystal])


@STRUCTURES
def test_every_feature_has_a_label_of_its_own(candidate: Candidate, build) -> None:
    atoms = build()
    labels = with_defaults(candidate.descriptor).labels(atoms)
    assert len(labels) == len(set(labels)) == candidate.descriptor.features(atoms).shape[1]


@STRUCTURES
def test_translation(candidate: Candidate, build) -> None:
    atoms = build()
    moved = atoms.copy()
    moved.positions += [1.3, -2.1, 0.7]
    features = candidate.descriptor.features
    assert np.ptp(features(atoms)) > 0
    assert relative(features(moved), features(atoms)) <= INVARIANCE


@STRUCTURES
def test_rotation(candidate: Candidate, build, rng: np.random.Generator) -> None:
    atoms = build()
    turned = rotate(atoms, rng=rng)
    features = candidate.descriptor.features
    assert relative(features(turned), features(atoms)) <= INVARIANCE


@STRUCTURES
def test_inversion_where_it_holds(candidate: Candidate, build) -> None:
    atoms = build()
    mirrored = atoms.copy()
    mirrored.set_cell(-atoms.cell.array)
    mirrored.positions *= -1
    features = candidate.descriptor.features
    change = relative(features(mirrored), features(atoms))
    if candidate.descriptor.inversion_invariant:
        assert change <= INVARIANCE
    else:
        assert change >= 1e-3  # both structures are chiral, and this descriptor sees it


def test_permutation(candidate: Candidate, rng: np.random.Generator) -> None:
    atoms = molecule()
    shuffled, place = shuffle(atoms, rng=rng)
    assert (place != np.arange(len(atoms))).any()
    ours, theirs = jacobian(atoms, candidate.descriptor), jacobian(shuffled, candidate.descriptor)
    assert relative(stacked(theirs)[place], stacked(ours)) <= INVARIANCE
    shape = (len(atoms), -1, len(atoms), 3)
    gradient = theirs.dense().reshape(shape)[place][:, :, place]
    assert relative(gradient, ours.dense().reshape(shape)) <= INVARIANCE


def stacked(result) -> np.ndarray:
    """Features of all blocks, shape (centers, features)."""
    return np.stack([block.features for block in result.blocks])


def test_exchange_of_like_atoms_changes_nothing_else(candidate: Candidate) -> None:
    atoms = molecule()
    exchanged = atoms.copy()
    exchanged.positions[[2, 3]] = atoms.positions[[3, 2]]
    features = candidate.descriptor.features
    assert relative(features(exchanged, centers=[0]), features(atoms, centers=[0])) <= INVARIANCE


def test_supercell_has_the_same_features(candidate: Candidate) -> None:
    atoms = crystal()
    features = candidate.descriptor.features(atoms)
    repeated = candidate.descriptor.features(atoms.repeat((2, 1, 2)))
    assert relative(repeated, np.tile(features, (4, 1))) <= INVARIANCE


def test_atoms_beyond_the_cutoff_change_nothing(candidate: Candidate) -> None:
    atoms = molecule()
    near = jacobian(atoms, candidate.descriptor, centers=[0])
    far = jacobian(with_neighbor(atoms, CUTOFF + 1e-6), candidate.descriptor, centers=[0])
    assert relative(stacked(far), stacked(near)) <= NO_CHANGE
    own = far.dense()[:, : 3 * len(atoms)]
    assert relative(own, near.dense()) <= NO_CHANGE
    assert (far.dense()[:, 3 * len(atoms) :] == 0).all()
    assert far.unseen.tolist() == [False] * len(atoms) + [True]


def test_a_center_without_neighbors_has_features_that_nothing_changes(candidate: Candidate) -> None:
    """They are those that one neighbour leaves at the cutoff, and an isolated atom alone has."""
    here, far = Atoms("H", [[0.0, 0.0, 0.0]]), [0.0, 0.0, CUTOFF + 1e-6]
    alone = jacobian(here + Atoms("H", [far]), candidate.descriptor)
    leaving = jacobian(here + Atoms("H", [[0.0, 0.0, CUTOFF - 1e-6]]), candidate.descriptor)
    assert not alone.dense().any()
    change = np.abs(stacked(alone) - stacked(leaving)).max()
    assert change <= max(1e-9, candidate.jump * largest_feature(candidate))
    assert (stacked(alone) == candidate.descriptor.features(here)).all()


def largest_feature(candidate: Candidate) -> float:
    return float(np.abs(candidate.descriptor.features(molecule())).max())


def with_neighbor(atoms: Atoms, distance: float) -> Atoms:
    """Add a hydrogen atom at this distance from atom 0, away from the others."""
    direction = np.array([-2.0, 1.0, 2.0]) / 3
    return atoms + Atoms("H", [atoms.positions[0] + distance * direction])


def test_smooth_to_zero_at_the_cutoff(candidate: Candidate) -> None:
    """Features join quadratically, gradients linearly: halving the distance shows it.

    Where they jump, they do so by what is stated.
    """
    atoms = molecule()
    outside = jacobian(with_neighbor(atoms, CUTOFF + 1e-6), candidate.descriptor, centers=[0])
    rises, slopes = [], []
    for inside in (4e-3, 2e-3):
        near = with_neighbor(atoms, CUTOFF - inside)
        here = jacobian(near, candidate.descriptor, centers=[0])
        rises.append(np.abs(stacked(here) - stacked(outside)).max())
        slopes.append(np.abs(here.dense() - outside.dense()).max())
    if candidate.jump:
        assert candidate.jump / 10 <= rises[1] / largest_feature(candidate) <= candidate.jump
        return
    assert rises[0] / rises[1] >= 3.8
    assert slopes[0] / slopes[1] >= 1.9


@STRUCTURES
def test_rigid_motions_are_not_seen(candidate: Candidate, build) -> None:
    """Without any projection the trivial singular values vanish to rounding."""
    atoms = build()
    dense = jacobian(atoms, candidate.descriptor).dense()
    trivial = 3 if atoms.pbc.any() else 6
    singular_values = np.linalg.svd(dense, compute_uv=False)
    assert singular_values[-trivial - 1] > 1e-6 * singular_values[0]  # the next one is seen
    assert singular_values[-trivial] <= candidate.rigid * singular_values[0]


@STRUCTURES
def test_jacobian_agrees_with_differences(candidate: Candidate, build) -> None:
    atoms = build()
    reference = difference(atoms, candidate.descriptor, step=candidate.step)
    dense = jacobian(atoms, candidate.descriptor).dense()
    assert reference.error <= OWN_ERROR
    assert relative(dense, reference.values.reshape(dense.shape)) <= AGREEMENT


@STRUCTURES
def test_gradients_follow_the_protocol(candidate: Candidate, build) -> None:
    atoms = build()
    before = atoms.copy()
    features = candidate.descriptor.features(atoms, centers=[1, 0])
    batches = candidate.descriptor.gradients(atoms, centers=[1, 0])
    blocks = {block.center: block for batch in batches for block in batch.blocks()}
    assert sorted(blocks) == [0, 1]
    for row, center in zip(features, [1, 0], strict=True):
        block = blocks[center]
        assert len(set(block.atoms.tolist())) == len(block.atoms)
        assert center in block.atoms
        assert block.gradient.shape == (len(row), len(block.atoms), 3)
        assert relative(block.features, row) <= NO_CHANGE
        assert not block.gradient.flags.writeable
    assert atoms == before
