"""Atomic cluster expansions: agreement with ace-jax, known ranks, causes, and what is refused."""

from __future__ import annotations

import pickle
import sys

import jax
import numpy as np
import pytest
from ace_jax import site_descriptors
from ace_jax.basis.model import build_model
from ace_jax.basis.spec import build_spec
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import covalent_radii
from cases import ENVIRONMENTS, Case
from known import STRUCTURES, visible_rank

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import from_ace
from sensitivity.descriptors.from_ace import Ace, _build

ROUNDING = 1e-14  # of the largest singular value


def rattled(atoms: Atoms) -> Atoms:
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.mark.parametrize(
    "atoms", [rattled(molecule("H2O")), rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True))]
)
def test_features_are_those_of_ace_jax_with_its_own_choice_of_densities(atoms: Atoms) -> None:
    """For each species of center; it has more densities, none of them in a product."""
    species = np.unique(atoms.numbers).tolist()
    radii = covalent_radii[species]
    with jax.enable_x64(True):
        basis = build_model(
            species,
            2,
            4,
            wL=1.0,
            rcut=4.0,
            r0=radii[:, None] + radii,
            with_gamma=False,
            coupling_cache=False,
        )
        known = site_descriptors(
            basis.model,
            atoms.positions,
            atoms.numbers,
            cell=atoms.cell.array if atoms.pbc.all() else None,
            pbc=atoms.pbc.all(),
            meta=basis.meta,
        )
    ours = Ace(total_degree=4, cutoff=4.0).features(atoms)
    assert known.dtype == float
    order, theirs = matching(_build(2, 4, 4.0, 1.0, tuple(species)).bodies, basis.nnll)
    width = len(basis.nnll)
    for kind in range(len(species)):
        mine = ours[:, kind * width : (kind + 1) * width][:, order]
        other = known[:, kind * width : (kind + 1) * width][:, theirs]
        assert np.abs(mine - other).max() <= 1e-13 * np.abs(known).max()
    pairs = slice(len(species) * width, None)
    assert np.abs(ours[:, pairs] - known[:, pairs]).max() <= 1e-13 * np.abs(known).max()


def matching(mine, theirs) -> tuple[np.ndarray, np.ndarray]:
    """Return the orders in which two lists of products are the same."""
    ours, others = ([tuple(sorted(body)) for body in bodies] for bodies in (mine, theirs))
    assert sorted(ours) == sorted(others)
    assert len(set(ours)) == len(ours)
    return tuple(np.array(sorted(range(len(x)), key=x.__getitem__)) for x in (ours, others))


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize(
    "case", [each for each in ENVIRONMENTS if each.name != "N3"], ids=lambda case: case.name
)
def test_environments_have_the_known_ranks(case: Case, order: int) -> None:
    atoms = case.build()
    found = spectrum(atoms, Ace(order=order), centers=[0])
    assert found.rank == case.ranks[str(order)]
    slopes = jacobian(atoms, Ace(order=order), centers=[0]).dense().reshape(-1, len(atoms), 3)
    turns = [np.cross(axis, atoms.positions) for axis in np.eye(3)]
    assert np.abs(np.einsum("qax,tax->qt", slopes, turns)).max() <= ROUNDING * found.scale
    assert np.abs(slopes.sum(axis=1)).max() <= ROUNDING * found.scale
    assert found.broken_invariance == ""


@pytest.mark.parametrize("name", ["silicon", "rattled silicon", "bent methane", "water"])
def test_all_centers_see_what_symmetry_allows(name: str) -> None:
    atoms = STRUCTURES[name]
    assert spectrum(atoms, Ace(cutoff=4.0)).rank == visible_rank(atoms, "O(3)")


@pytest.mark.parametrize("name", ["X0", "S1"])
def test_a_converged_basis_misses_one_displacement_by_incompleteness(name: str) -> None:
    found = diagnose(structures.load(name), Ace(), centers=[0])
    assert found.counts["incompleteness"] == 1
    assert (found.counts["sensitive"], found.counts["truncation"]) == (8, 0)
    (mode,) = found.of("incompleteness")
    assert mode.evidence.larger_basis < 1e-10
    assert mode.evidence.higher_order > 1e-4
    assert diagnose(structures.load(name), Ace(order=3), centers=[0]).counts["sensitive"] == 9


def test_a_small_basis_misses_displacements_by_truncation() -> None:
    """Of four neighbours in general position, order 2 sees everything."""
    found = diagnose(structures.load("generic"), Ace(total_degree=5), centers=[0])
    assert found.counts["truncation"] == 9 - found.counts["sensitive"] > 0
    assert found.counts["incompleteness"] == 0


def test_both_causes_at_once() -> None:
    found = diagnose(structures.load("S1"), Ace(total_degree=5), centers=[0])
    assert found.counts["truncation"] > 0
    assert found.counts["incompleteness"] == 1


def test_features_of_other_species_of_centers_are_zero() -> None:
    atoms, descriptor = rattled(molecule("CH3OH")), Ace(total_degree=6)
    features, labels = descriptor.features(atoms), descriptor.labels(atoms)
    derivative = jacobian(atoms, descriptor).dense().reshape(len(atoms), len(labels), -1)
    own = np.array([label[0] for label in labels])
    for center, symbol in enumerate(atoms.symbols):
        assert (features[center, own != symbol] == 0).all()
        assert (derivative[center, own != symbol] == 0).all()
        assert features[center, own == symbol].any()
    assert len(set(labels)) == len(labels)
    assert ("C", "H", 0, 0) in labels
    assert ("O", "H", 0, 1, "C", 0, 1) in labels
    assert ("H", "O", 1, "pair") in labels


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("angular_weight", [0.25, 0.7, 1.0, 1.5, 4.0])
@pytest.mark.parametrize("species", [1, 2, 3])
def test_products_are_counted_as_ace_jax_lists_them(
    order: int, angular_weight: float, species: int
) -> None:
    for degree in (2, 5, 8):
        caps = tuple(from_ace._caps(degree).values())
        products, *_ = build_spec(species, order, degree, angular_weight, caps=caps)
        found = from_ace._count_products(order, degree, angular_weight, species)
        assert found == len(products)


def test_its_settings_and_expression() -> None:
    atoms, descriptor = molecule("H2O"), Ace(order=1, total_degree=5, species=("O", "H"))
    assert descriptor.species == (1, 8)
    assert repr(descriptor) == (
        "Ace(order=1, total_degree=5, cutoff=5.0, angular_weight=1.0, species=(1, 8))"
    )
    names: dict[str, object] = {}
    exec(descriptor.python()[0], names)
    again = eval(descriptor.python()[1], names)
    copied = pickle.loads(pickle.dumps(descriptor))
    for each in (again, copied):
        assert np.array_equal(each.features(atoms), descriptor.features(atoms))
    assert descriptor.larger_basis().total_degree == 7
    assert descriptor.higher_order().order == 2
    assert Ace(order=4).higher_order() is None
    assert Ace.affordable(3, species=("C", "H", "N", "O")).total_degree < Ace.total_degree


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"order": 5}, ValueError, "order must be 1 to 4, got 5"),
        ({"order": 2.5}, TypeError, "order must be"),
        ({"total_degree": 1}, ValueError, "total_degree must be 2 to 30, got 1"),
        ({"cutoff": -1.0}, ValueError, r"cutoff must be above 0, got -1\.0"),
        ({"angular_weight": 0.0}, ValueError, r"angular_weight must be from 0\.25 to 4"),
        ({"species": ("Xx",)}, ValueError, "Xx"),
    ],
)
def test_settings_that_are_refused(settings, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        Ace(**settings)


def test_structures_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"are H, O, and the structure has C; add it to species"):
        Ace(species=("H", "O")).features(molecule("CH4"))
    with pytest.raises(ValueError, match="more than 4000 products for 2 species; choose a total"):
        Ace(order=4).features(molecule("CH4"))
    with pytest.raises(ValueError, match=r"more than 4000 products .* of at most 27"):
        Ace(order=2, total_degree=30).features(molecule("CH4"))


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ace_jax", None)
    with pytest.raises(ImportError, match=r'"atomic-sensitivity\[ace\]" \(version 0\.4\.1 is'):
        Ace()
