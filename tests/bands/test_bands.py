"""Bands: supercells, ranks that symmetry predicts, causes, paths, and how a computation ends."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, mx2
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal as from_spacegroup
from crystals import CRYSTALS, CUTOFF, PUBLISHED

from sensitivity import (
    Cancelled,
    DensityCorrelations,
    Interrupted,
    bands,
    diagnose,
    jacobian,
    smallest,
    structures,
)
from sensitivity.bands import Bands
from sensitivity.cli.options import descriptor_from
from sensitivity.descriptors import (
    Descriptor,
    batches_from_function,
    features_from_function,
)
from sensitivity.diagnosis import CAUSES

SMALL = DensityCorrelations(cutoff=CUTOFF, n_max=3, l_max=3)
USUAL = DensityCorrelations(cutoff=CUTOFF, n_max=6, l_max=6)
GENERAL = np.random.default_rng(5).random((6, 3))


def commensurate(parts: int) -> np.ndarray:
    """Wave vectors of a supercell."""
    return np.indices((parts,) * 3).reshape(3, -1).T / parts


def assert_ranks_agree(found: Bands) -> None:
    assert found.rank.tolist() == found.predicted_rank.tolist()
    total = sum(found.counts.values())
    assert (total == 3 * len(found.atoms)).all()
    assert all((count >= 0).all() for count in found.counts.values())


# Supercells


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("diamond", 3),
        ("fcc", 3),
        ("rock salt", 3),
        ("quartz", 2),
        ("distorted perovskite", 3),
    ],
)
def test_singular_values_are_those_of_a_supercell(name: str, parts: int) -> None:
    cell, _ = CRYSTALS[name]
    dense = jacobian(cell.repeat(parts), SMALL).dense()
    expected = np.linalg.svd(np.linalg.qr(dense, mode="r"), compute_uv=False)
    found = bands(cell, SMALL, path=commensurate(parts))
    values = np.sort(found.singular_values.ravel())[::-1]
    assert np.abs(values - expected).max() <= 1e-13 * expected.max()


@pytest.mark.parametrize("name", ["dscribe-soap", "featomic-power-spectrum"])
def test_other_descriptors_have_bands(name: str) -> None:
    cell = CRYSTALS["rock salt"][0]
    descriptor = descriptor_from(name, cell)
    expected = np.linalg.svd(
        np.linalg.qr(jacobian(cell.repeat(2), descriptor).dense(), mode="r"), compute_uv=False
    )
    found = bands(cell, descriptor, path=commensurate(2))
    values = np.sort(found.singular_values.ravel())[::-1]
    assert np.abs(values - expected).max() <= 1e-12 * expected.max()


def test_a_cell_that_is_not_primitive_has_folded_bands() -> None:
    cell = bulk("Si")
    primitive = bands(cell, SMALL, path=commensurate(2))
    folded = bands(cell.repeat(2), SMALL, path=[[0, 0, 0], [2, -1, 0]])
    expected = np.sort(primitive.singular_values.ravel())[::-1]
    assert folded.cells == 8
    assert "The cell holds 8 primitive cells, so the bands are folded" in folded.status
    assert np.abs(folded.singular_values - expected).max() <= 1e-13 * expected.max()
    assert_ranks_agree(folded)
    for cause in CAUSES:  # translations of single cells are waves of the folded bands
        assert folded.counts[cause][0] == primitive.counts[cause].sum()


@pytest.mark.parametrize("name", ["fcc", "diamond", "rock salt", "quartz"])
@pytest.mark.parametrize("wave", [[0, 0, 0], [0.01, 0.004, 0.006]], ids=["at rest", "long"])
def test_the_scale_does_not_depend_on_the_cell(name: str, wave: list[float]) -> None:
    cell, _ = CRYSTALS[name]
    times = np.array([2, 1, 2])
    waves = (np.array(wave) + np.indices(times).reshape(3, -1).T) / times
    primitive = bands(cell, SMALL, path=waves)
    folded = bands(cell.repeat(times), SMALL, path=[wave])
    assert folded.scale == pytest.approx(primitive.scale, rel=1e-12)
    assert folded.rank[0] == primitive.rank.sum()


def test_the_scale_is_that_of_the_smallest_values() -> None:
    cell = bulk("Cu")
    found = smallest(cell.repeat(7), SMALL, count=1)
    assert found.method == "waves"
    assert bands(cell, SMALL, path=commensurate(7)).scale == pytest.approx(found.scale, rel=1e-12)


# Ranks


@pytest.mark.parametrize("name", CRYSTALS)
def test_ranks_at_general_wave_vectors(name: str) -> None:
    cell, rank = CRYSTALS[name]
    found = bands(cell, USUAL, path=GENERAL)
    assert found.rank.tolist() == [rank] * len(GENERAL)
    assert_ranks_agree(found)
    assert not found.shortfalls
    assert found.status.endswith(
        f"{rank} are visible at 6 wave vectors, as many as symmetry allows."
    )


@pytest.mark.parametrize("name", CRYSTALS)
def test_ranks_along_the_usual_path(name: str) -> None:
    cell, _ = CRYSTALS[name]
    found = bands(cell, USUAL, points=20)
    assert_ranks_agree(found)
    rest = [number for number, label in enumerate(found.labels) if label == "G"]
    assert found.counts["translation"][rest].tolist() == [3] * len(rest)


@pytest.mark.slow
@pytest.mark.parametrize("name", CRYSTALS)
def test_ranks_at_many_wave_vectors(name: str) -> None:
    cell, rank = CRYSTALS[name]
    found = bands(cell, USUAL, path=np.random.default_rng(0).random((200, 3)))
    assert_ranks_agree(found)
    assert found.rank.tolist() == [rank] * 200
    assert_ranks_agree(bands(cell, USUAL, points=200))


def test_rank_of_diamond_at_rest_is_that_of_its_cell() -> None:
    """Every center is at a site Td without invariant displacements: J vanishes altogether."""
    found = bands(bulk("Si"), SMALL, path=[[0, 0, 0]])
    assert found.rank.tolist() == [0]
    assert found.scale == pytest.approx(
        np.linalg.norm(SMALL.features(bulk("Si"))[0]) / CUTOFF, rel=1e-12
    )
    assert found.singular_values.max() <= 1e-14 * found.scale


def test_long_waves_are_seen_in_proportion_to_their_wave_vector() -> None:
    cell, _ = CRYSTALS["distorted perovskite"]
    direction = np.array([0.3, 0.5, 0.7])
    found = bands(cell, SMALL, path=[1e-4 * direction, 2e-4 * direction])
    acoustic = found.singular_values[:, -3:]
    assert acoustic[1] / acoustic[0] == pytest.approx([2, 2, 2], rel=1e-5)


def test_chiral_descriptors_see_more() -> None:
    """Only proper rotations hide displacements from them; l_max 4 would truncate."""
    even, odd = (
        bands(bulk("Si"), DensityCorrelations(3, CUTOFF, 2, 6, parity_odd=odd), path=GENERAL[:2])
        for odd in (False, True)
    )
    assert_ranks_agree(even)
    assert_ranks_agree(odd)
    assert even.rank.tolist() == [4, 4]
    assert odd.rank.tolist() == [6, 6]


# Invariances


def test_wave_vectors_are_periodic_and_even() -> None:
    cell, _ = CRYSTALS["distorted perovskite"]
    found = bands(cell, SMALL, path=[[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3], [2.1, -0.8, 0.3]])
    values = found.singular_values
    assert np.abs(values - values[0]).max() <= 1e-13 * values.max()


@pytest.mark.parametrize("cell", [bulk("Si"), bulk("CaF2", "fluorite", a=5.463)], ids=str)
def test_whole_numbers_in_wave_vectors_change_no_digit(cell: Atoms) -> None:
    q = np.array([[0.5, 0.25, 0.375], [0.125, 0.5, 0.0625], [0, 0, 0]])
    whole = np.array([1e5, 3e5, -999999])
    near, far = (bands(cell, SMALL, path=path, threshold=1e-11) for path in (q, q + whole))
    assert far.singular_values.tolist() == near.singular_values.tolist()
    assert_ranks_agree(far)


def test_another_choice_of_the_cell_changes_nothing() -> None:
    cell, _ = CRYSTALS["quartz"]
    other = cell.copy()
    other.set_cell([[1, 0, 0], [1, 1, 0], [0, 2, 1]] @ cell.cell.array)
    other.rotate(40, (1, 2, 3), rotate_cell=True)
    other.positions += [0.3, 7.1, -2.0]
    q = np.array([0.1, 0.2, 0.3])
    values = [
        bands(atoms, SMALL, path=[wave]).singular_values
        for atoms, wave in ((cell, q), (other, [[1, 0, 0], [1, 1, 0], [0, 2, 1]] @ q))
    ]
    assert np.abs(values[1] - values[0]).max() <= 1e-12 * values[0].max()


def test_modes_are_waves_of_a_supercell() -> None:
    cell, _ = CRYSTALS["distorted perovskite"]
    found = bands(cell, SMALL, path=[[1 / 3, 0, 0]])
    modes = found.modes(0)
    assert modes.shape == (15, 5, 3)
    flat = modes.reshape(15, 15)
    assert np.abs(flat.conj() @ flat.T - np.eye(15)).max() <= 1e-13
    phases = np.exp(2j * np.pi * np.arange(3) / 3)
    waves = np.real(phases[:, None, None] * modes[:, None]).reshape(15, 15, 3)
    changes = jacobian(cell.repeat((3, 1, 1)), SMALL).apply(waves)
    sizes = np.linalg.norm(changes, axis=0) / np.linalg.norm(waves, axis=(1, 2))
    assert sizes == pytest.approx(found.singular_values[0], abs=1e-12 * found.scale)


# Fewer periodic directions, and rigid motions


def test_a_layer_has_wave_vectors_in_its_plane() -> None:
    found = bands(graphene(), USUAL, points=30)
    assert [label for label in found.labels if label] == ["G", "M", "K", "G"]
    assert_ranks_agree(found)
    message = "wave vectors must be along periodic directions, .* not periodic along c; set"
    with pytest.raises(ValueError, match=message):
        bands(graphene(), USUAL, path=[[0.1, 0.0, 0.1]])


def tilted(atoms: Atoms) -> Atoms:
    """With another cell vector across the layer, which has no meaning."""
    cell = atoms.cell.array.copy()
    cell[2] = [1.0, 2.0, 20.0]
    atoms.set_cell(cell)
    return atoms


def triclinic() -> Atoms:
    cell = [[3.2, 0.4, 0.1], [0.3, 3.4, 0.0], [0.2, 0.1, 3.6]]
    return Atoms("Si2", [(0, 0, 0), (1.4, 1.5, 1.2)], cell=cell, pbc=True)


def standing() -> Atoms:
    """A layer that is periodic along a and c."""
    layer = graphene(vacuum=5.0)
    layer.rotate(90, "x", rotate_cell=True)
    cell = layer.cell.array[[0, 2, 1]]
    return Atoms(layer.numbers, positions=layer.positions, cell=cell, pbc=(True, False, True))


@pytest.mark.parametrize(
    ("atoms", "labels"),
    [
        (tilted(graphene(vacuum=5.0)), "GMKG"),
        (standing(), "GMKG"),
        (Atoms("CH", [(0, 0, 0), (1.3, 0.5, 0)], cell=[2.6, 8, 8], pbc=(1, 0, 0)), "GX"),
        (triclinic(), "XGYLGZNGMRG"),
    ],
    ids=["tilted", "standing", "wire along a", "triclinic"],
)
def test_cells_of_any_shape_have_a_path(atoms: Atoms, labels: str) -> None:
    found = bands(atoms, SMALL, points=12)
    assert "".join(found.labels) == labels
    assert_ranks_agree(found)
    again = bands(found.atoms, SMALL, path=found.q)
    assert again.singular_values == pytest.approx(found.singular_values, abs=1e-13 * found.scale)
    assert again.distance[1] == pytest.approx(found.distance[1])


def test_a_wire_rotates_about_its_axis() -> None:
    wire = Atoms("CH", [(0, 0, 0), (0, 0.5, 1.3)], cell=[0, 0, 2.6], pbc=(False, False, True))
    found = bands(wire, USUAL, points=5)
    assert found.labels == ("G", "", "", "", "X")
    assert found.counts["rotation"].tolist() == [1, 0, 0, 0, 0]
    assert found.counts["translation"].tolist() == [3, 0, 0, 0, 0]
    assert_ranks_agree(found)


def test_molecules_far_apart_move_as_rigid_bodies() -> None:
    places = [(0, 0, 0), (0, 0, 0.9), (5, 0, 0), (5, 1, 0)]
    found = bands(
        Atoms("H2O2", places, cell=[10, 10, 10], pbc=True), USUAL, path=[[0, 0, 0], [0.1, 0.2, 0.3]]
    )
    assert found.rank.tolist() == [2, 2]
    assert found.counts["unseen"].tolist() == [7, 10]
    assert found.counts["translation"].tolist() == [3, 0]


def test_an_atom_alone_is_unseen() -> None:
    found = bands(Atoms("H", cell=[9, 9, 9], pbc=True), USUAL, path=[[0, 0, 0], [0.1, 0, 0]])
    assert found.counts["unseen"].tolist() == [0, 3]
    assert found.scale == 0.0


# Causes of a shortfall


def test_a_basis_that_is_too_small_is_named() -> None:
    small = DensityCorrelations(n_max=1, l_max=0, cutoff=CUTOFF)
    found = bands(bulk("Si"), small, path=GENERAL)
    assert found.counts["truncation"].tolist() == [2] * len(GENERAL)
    assert found.counts["symmetry"].tolist() == [2] * len(GENERAL)
    assert all((each.larger_basis > 1e-4).all() for each in found.shortfalls)
    assert all((each.relative < 1e-12).all() for each in found.shortfalls)
    assert found.status.endswith(
        "at 6 of them more are invisible than symmetry hides: 2 by truncation."
    )


def test_an_order_that_sees_only_distances_is_incomplete() -> None:
    """Two atoms with four bonds: order 1 sees their four lengths."""
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=0)
    radial = DensityCorrelations(order=1, n_max=8, cutoff=3.0)
    found = bands(atoms, radial, path=GENERAL)
    assert found.rank.tolist() == [4] * len(GENERAL)
    assert found.counts["incompleteness"].tolist() == [2] * len(GENERAL)
    for shortfall in found.shortfalls:
        assert (shortfall.larger_basis < 1e-12).all()
        assert (shortfall.higher_order > 1e-3).all()


DHCP = from_spacegroup(
    ["La", "La"],
    [(0, 0, 0), (1 / 3, 2 / 3, 0.25)],
    spacegroup=194,
    cellpar=[3.774, 3.774, 12.171, 90, 90, 120],
    primitive_cell=True,
)
SELENIUM = from_spacegroup(
    ["Se"], [(0.2254, 0, 1 / 3)], spacegroup=152, cellpar=[4.366, 4.366, 4.954, 90, 90, 120]
)


@pytest.mark.parametrize("digits", [None, 6, 5, 4])
@pytest.mark.parametrize(
    ("exact", "descriptor", "expected"),
    [
        (
            DHCP,
            DensityCorrelations(order=1, n_max=2, cutoff=4.13),
            {"incompleteness": 4},
        ),
        (
            SELENIUM,
            DensityCorrelations(order=1, n_max=2, l_max=2, cutoff=3.77),
            {"truncation": 1, "incompleteness": 2},
        ),
    ],
    ids=["La", "Se"],
)
def test_causes_of_a_rounded_crystal_are_those_of_the_exact_one(
    exact, descriptor, expected, digits
) -> None:
    """A larger basis sees more waves only because of the rounding."""
    atoms, q = exact.copy(), [0.5, 0, 0.5]
    if digits is not None:
        atoms.set_cell(exact.cell.array.round(digits))
        atoms.positions = exact.positions.round(digits)
    found = bands(atoms, descriptor, path=[q, [0.3, 0.2, 0.4]])
    shortfall = found.shortfalls[0]
    assert Counter(shortfall.causes) == expected
    assert (shortfall.larger_basis > 1e-9).sum() == expected.get("truncation", 0)
    waves = found.waves(q)
    causes = {cause: count[0] for cause, count in found.counts.items() if count[0]}
    assert Counter(waves.causes) == causes
    assert (waves.singular_values[found.rank[0] :] <= found.zero_level).all()


@pytest.mark.parametrize("amplitude", [0.1, 3e-4])
def test_each_missed_wave_has_a_value_also_of_fewer_features(amplitude: float) -> None:
    atoms = bulk("Si")
    atoms.rattle(amplitude, seed=0)
    tiny = DensityCorrelations(order=1, n_max=1, l_max=0, cutoff=CUTOFF)  # one for each center
    found = bands(atoms, tiny, path=GENERAL[:1])
    (shortfall,) = found.shortfalls
    assert len(shortfall.relative) == len(shortfall.causes) > found.derivative.rows - found.rank[0]
    assert (shortfall.relative <= found.threshold).all()


@dataclass(frozen=True)
class Few(Descriptor):
    """Two features of each center."""

    cutoff: float = 3.0
    inversion_invariant = True

    def features(self, atoms, *, centers=None):
        return features_from_function(self._sums, atoms, cutoff=3.0, centers=centers)

    def gradients(self, atoms, *, centers=None):
        return batches_from_function(self._sums, atoms, cutoff=3.0, centers=centers)

    def _sums(self, vectors, numbers):
        squares = (vectors**2).sum(axis=1)
        values = np.stack([(9 - squares) ** 3, (9 - squares) ** 4])
        slopes = np.stack([-6 * (9 - squares) ** 2, -8 * (9 - squares) ** 3])
        return values.sum(axis=1), slopes[:, :, None] * vectors


def test_fewer_features_than_waves_is_width() -> None:
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=0)
    found = bands(atoms, Few(), path=GENERAL)
    assert found.rank.tolist() == [4] * len(GENERAL)
    assert found.counts["width"].tolist() == [2] * len(GENERAL)
    assert found.shortfalls[0].larger_basis is None


@pytest.mark.parametrize("amplitude", [1e-4, 1e-3])
def test_waves_that_a_nearby_symmetry_hides_are_named(amplitude: float) -> None:
    """Near Oh, J responds to first order in the displacement only along it."""
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(amplitude / 2, seed=1)
    found = bands(atoms, USUAL, path=[[0, 0, 0], [0.1, 0.2, 0.3]])
    assert (found.rank[0], found.rank[1]) == (1, 6)
    assert found.nearly_hidden.tolist() == [1, 2]  # of the exact crystal 0 and 4 are visible
    assert_ranks_agree(found)
    assert found.counts["symmetry"].tolist() == [2, 0]
    assert found.status.startswith(
        "Of 6 waves 1 to 6 are visible at 2 wave vectors, as many as symmetry allows. At 2 of them "
        "1 to 2 of the visible ones would be hidden by symmetry, if the sites did not deviate"
    )
    assert found.waves([0, 0, 0]).causes == ("sensitive", *2 * ["symmetry"], *3 * ["translation"])


def test_a_map_of_more_than_the_environments_has_no_bands() -> None:
    @dataclass(frozen=True)
    class Global(Few):
        def features(self, atoms, *, centers=None):
            return len(atoms) * super().features(atoms, centers=centers)

    with pytest.raises(ValueError, match="features of Global in the crystal differ from those"):
        bands(bulk("Si"), Global(), path=GENERAL)


# Paths


def test_special_points_are_those_of_the_primitive_cell() -> None:
    found = bands(structures.load("Si-diamond"), SMALL, path="GX,UG", points=9)
    assert len(found.atoms) == 2
    assert [label for label in found.labels if label] == ["G", "X", "U", "G"]
    jump = found.labels.index("U")
    assert found.distance[jump] == found.distance[jump - 1]
    a = np.linalg.norm(structures.load("Si-diamond").cell[0])
    assert found.distance[jump] == pytest.approx(2 * np.pi / a)
    assert (np.diff(found.distance) >= 0).all()


def test_special_points_do_not_depend_on_the_given_cell() -> None:
    cells = structures.load("Si-diamond"), bulk("Si"), bulk("Si").repeat((2, 1, 3))
    found = [bands(cell, SMALL, path="GXWKGLU", points=30) for cell in cells]
    for other in found[1:]:
        assert other.labels == found[0].labels
        assert other.distance == pytest.approx(found[0].distance)
        gaps = np.abs(other.singular_values - found[0].singular_values)
        assert gaps.max() <= 1e-12 * found[0].scale


def test_a_path_of_ase_refers_to_its_own_cell() -> None:
    cubic, path = structures.load("Si-diamond"), bulk("Si").cell.bandpath("GXW", npoints=7)
    primitive, folded = bands(bulk("Si"), SMALL, path=path), bands(cubic, SMALL, path=path)
    assert primitive.q.tolist() == path.kpts.tolist()
    assert folded.labels == primitive.labels
    assert folded.distance == pytest.approx(primitive.distance)
    for few, many in zip(primitive.singular_values, folded.singular_values, strict=True):
        assert all(np.abs(many - value).min() <= 1e-13 * folded.scale for value in few)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("GQ", "must name special points of the crystal, G, K, L, U, W, X, got 'GQ'; give e.g."),
        ("", "must name special points"),
        ([[0.0, 0.1]], r"an array of wave vectors of shape \(q, 3\)"),
        ([[0.0, np.nan, 0.1]], "give finite real fractions"),
        ([[0.1j, 0.0, 0.1]], "give finite real fractions"),
        (7, "must be a string of special points"),
        (bulk("Cu").cell.bandpath("GX", npoints=3), "must be a BandPath"),
    ],
)
def test_other_paths_are_refused(path: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^path .*{message}"):
        bands(bulk("Si"), SMALL, path=path)


def test_wave_vectors_whose_phases_are_rounding_errors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 1e\+06, .*, got 1e\+16; subtract whole numbers"):
        bands(bulk("Si"), SMALL, path=[[1e16, 0, 0]])
    with pytest.raises(ValueError, match=r"^q must be a wave vector"):
        bands(bulk("Si"), SMALL, path=[[0.1, 0, 0]]).waves([0.1j, 0, 0])


def test_molecules_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^bands need a crystal, .*; use spectrum"):
        bands(structures.load("CH4"), SMALL)


# Speed, progress, stops


def test_many_wave_vectors_of_diamond_take_seconds_at_most() -> None:
    start = time.perf_counter()
    found = bands(structures.load("C-diamond"), USUAL, points=200)
    assert len(found.q) >= 200
    assert time.perf_counter() - start <= 5.0


def test_progress_is_told() -> None:
    told: list[str] = []
    bands(bulk("Si"), SMALL, path=np.random.default_rng(0).random((60, 3)), progress=told.append)
    done = [int(text.split()[0]) for text in told if text.endswith("of 60 wave vectors")]
    assert all(first < second for first, second in pairwise(done))
    assert len(done) >= 3


@pytest.mark.parametrize(
    ("error", "ending"), [(Cancelled, "cancelled"), (KeyboardInterrupt, "interrupted")]
)
def test_a_stop_keeps_the_wave_vectors_so_far(error: type[BaseException], ending: str) -> None:
    def stop(sentence: str) -> None:
        if sentence.startswith("20 of"):
            raise error

    q = np.random.default_rng(0).random((60, 3))
    if error is Cancelled:
        found = bands(bulk("Si"), SMALL, path=q, progress=stop)
    else:
        with pytest.raises(Interrupted) as interrupt:
            bands(bulk("Si"), SMALL, path=q, progress=stop)
        found = interrupt.value.partial
    assert found.ending == ending
    assert len(found.q) == len(found.labels) == len(found.singular_values) == 20
    assert found.status.startswith(f"{ending.capitalize()} early. Of 6 waves")
    assert_ranks_agree(found)


def test_a_stop_before_the_causes_leaves_them_open() -> None:
    def stop(sentence: str) -> None:
        if sentence.startswith("cause of"):
            raise Cancelled

    small = DensityCorrelations(n_max=1, l_max=0, cutoff=CUTOFF)
    found = bands(bulk("Si"), small, path=GENERAL, progress=stop)
    assert found.counts["undetermined"].tolist() == [2] * len(GENERAL)
    assert found.interrupted
    assert found.status.endswith("2 without a known cause (the search for causes was stopped).")


def test_a_stop_at_once_leaves_nothing() -> None:
    def stop(sentence: str) -> None:
        if sentence.startswith("0 of 6 wave"):
            raise Cancelled

    found = bands(bulk("Si"), SMALL, path=GENERAL, progress=stop)
    assert found.status == "Cancelled before the first wave vector."
    assert found.singular_values.shape == (0, 6)


@pytest.mark.parametrize(
    ("name", "powers"),
    [
        ("diamond", [1, 1, 2, 2]),
        ("fcc", [1, 3, 5]),
        ("rock salt", [1, 1, 3, 3]),
        ("quartz", [*[0] * 24, 1, 1, 1]),
    ],
)
def test_long_waves_are_seen_by_the_invariant_gradients_of_the_strain(name, powers):
    """The only invariant strain of Td and Oh is the volume; of Td a gradient is invariant, too."""
    assert powers_of_long_waves(CRYSTALS[name][0], len(powers)) == pytest.approx(powers, abs=0.01)


def test_long_waves_of_a_rattled_crystal_are_seen_by_the_strain():
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=0)
    assert powers_of_long_waves(atoms, 24)[-3:] == pytest.approx([1, 1, 1], abs=0.01)


@pytest.mark.parametrize("name", [name for name in CRYSTALS if name != "distorted perovskite"])
def test_long_waves_fall_below_the_threshold_without_a_shortfall(name):
    """F(q) and J(q) fall with the same powers, and reach their thresholds at other wave vectors."""
    for direction in ([0.31, 0.17, 0.05], [0.5, 0.5, 0.5]):
        line = np.outer(np.geomspace(1e-4, 1, 120), direction)
        found = bands(CRYSTALS[name][0], USUAL, path=line)
        assert_ranks_agree(found)
        assert found.status.endswith("wave vectors, as many as symmetry allows.")
        assert not found.counts["unseen"].any()


def test_long_waves_that_a_basis_misses_are_a_shortfall():
    small = DensityCorrelations(n_max=1, l_max=0, cutoff=CUTOFF)
    found = bands(bulk("Si"), small, path=np.outer([0.1, 0.03, 0.01], [0.31, 0.17, 0.05]))
    assert found.counts["truncation"].tolist() == [2, 2, 2]
    waves = [found.waves(q).causes for q in found.q]
    assert all(causes.count("truncation") == 2 for causes in waves)


def test_the_number_of_long_waves_that_symmetry_hides_is_that_of_invisible_ones():
    """The third wave of copper is invisible along a column of 15 cells, and F(q) is not zero."""
    found = smallest(bulk("Cu").repeat((4, 4, 15)), USUAL, count=1)
    assert found.method == "waves"
    assert found.null == found.hidden


@pytest.mark.parametrize("error", [1e-7, 3e-7, 1e-5, 1e-4])
def test_a_nearly_symmetric_crystal_has_no_more_waves_than_symmetry_allows(error: float) -> None:
    """Coordinates of five digits, 1e-5 Å, make some waves visible, and leave others hidden."""
    crystal = bulk("NaCl", "rocksalt", a=5.64)
    crystal.rattle(error, seed=1)
    found = bands(crystal, USUAL, path=[[0, 0, 0], [0.31, 0.17, 0.05], [0.5, 0, 0.5]])
    assert_ranks_agree(found)
    exact = bands(bulk("NaCl", "rocksalt", a=5.64), USUAL, path=found.q)
    assert (found.predicted_rank - found.nearly_hidden).tolist() == exact.rank.tolist()
    exact = error < 1e-6
    assert found.status.endswith(", as many as symmetry allows.") == exact


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("digits", [4, 5, 6, 7])
def test_rounded_coordinates_are_those_of_the_symmetric_crystal(name: str, digits: int) -> None:
    """Ranks are those that symmetry allows, and of waves that the rounding makes visible."""
    exact, atoms = PUBLISHED[name], PUBLISHED[name].copy()
    atoms.set_scaled_positions(exact.get_scaled_positions().round(digits))
    q = np.concatenate([GENERAL, [[0, 0, 0], [0.5, 0, 0], [0, 0, 0.5]]])
    found, expected = bands(atoms, USUAL, path=q), bands(exact, USUAL, path=q)
    assert_ranks_agree(expected)
    assert_ranks_agree(found)
    assert (found.predicted_rank - found.nearly_hidden).tolist() == expected.rank.tolist()
    assert not expected.nearly_hidden.any()
    barely = expected.singular_values.shape[1] - expected.rank
    assert (found.nearly_hidden <= barely).all()
    assert ("would be hidden by symmetry" in found.status) == bool(found.nearly_hidden.any())


ZINCITE = bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.38)
LAYER = mx2("MoS2", a=3.16, thickness=3.17, vacuum=8)
LAYER.pbc = (True, True, False)


def rounded(exact: Atoms, digits: int) -> Atoms:
    """A crystal with a cell and fractions of some digits."""
    atoms = exact.copy()
    atoms.set_cell(exact.cell.array.round(digits))
    atoms.set_scaled_positions(exact.get_scaled_positions().round(digits))
    return atoms


@pytest.mark.parametrize("digits", [3, 4, 5, 7])
@pytest.mark.parametrize("exact", [ZINCITE, LAYER, bulk("Ti")], ids=["ZnO", "MoS2", "Ti"])
def test_long_waves_of_rounded_crystals_are_those_of_the_exact_one(exact, digits: int) -> None:
    """What symmetry allows of a long wave falls with it, and the deviation does not."""
    lengths = np.geomspace(1e-3, 0.1, 12)
    q = np.concatenate([np.outer(lengths, [0.6, 0.3, 0.5]), [[0.0018, 0.0009, 0.0015]]]) * exact.pbc
    descriptor = DensityCorrelations(cutoff=4.5, n_max=4, l_max=4)
    expected = bands(exact, descriptor, path=q)
    found = bands(rounded(exact, digits), descriptor, path=q)
    assert_ranks_agree(expected)
    assert_ranks_agree(found)
    assert not expected.nearly_hidden.any()
    # The nearest symmetric crystal differs from the exact one by 0.006 Å, and values by 4 %.
    distance = np.abs(expected.singular_values / expected.zero_level - 1)
    clear = (distance > 0.1).all(axis=1)
    assert clear.sum() > len(q) / 2
    assert (found.rank - found.nearly_hidden)[clear].tolist() == expected.rank[clear].tolist()
    for each in q[:3]:
        causes = Counter(found.waves(each).causes)
        here = np.flatnonzero((found.q == each).all(axis=1))[0]
        assert causes == {c: n[here] for c, n in found.counts.items() if n[here]}


SYMMETRIC = {
    "fluorite": bulk("CaF2", "fluorite", a=5.463),
    "hcp": bulk("Mg", "hcp", a=3.2094, c=5.2108),
    "perovskite": CRYSTALS["perovskite"][0],
    "layer": LAYER,
    "graphene": graphene(vacuum=8.0),
    "calcite": from_spacegroup(
        ["Ca", "C", "O"],
        [(0, 0, 0), (0, 0, 0.25), (0.2578, 0, 0.25)],
        spacegroup=167,
        cellpar=[4.9896, 4.9896, 17.061, 90, 90, 120],
        primitive_cell=True,
    ),
}
FEW = [
    DensityCorrelations(order=1, cutoff=4.2),
    DensityCorrelations(order=1, cutoff=4.2, n_max=3, l_max=2),
    DensityCorrelations(cutoff=4.2, n_max=1, l_max=1),
    DensityCorrelations(cutoff=4.2, n_max=3, l_max=2),
]


@lru_cache
def ranks_in_a_large_basis(name: str, q: bytes) -> list[int]:
    """Ranks of the symmetric crystal at wave vectors."""
    path = np.frombuffer(q).reshape(-1, 3)
    return bands(SYMMETRIC[name], DensityCorrelations(cutoff=4.2), path=path).rank.tolist()


@pytest.mark.parametrize("descriptor", FEW, ids=["6 6", "3 2", "1 1 order 2", "3 2 order 2"])
@pytest.mark.parametrize("digits", [3, 4, 6, None])
@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_small_basis_of_a_rounded_crystal_has_consistent_counts(name, digits, descriptor):
    """Rounding shows waves that the basis misses in the symmetric crystal, and hidden ones."""
    atoms = SYMMETRIC[name].copy()
    q = np.concatenate([[[0, 0, 0], [0.6, 0.9, 0.7]], GENERAL[:1]]) * atoms.pbc
    if digits is not None:
        atoms.positions = atoms.positions.round(digits)
        atoms.set_cell(atoms.cell.array.round(digits))
    found = bands(atoms, descriptor, path=q)
    assert all((count >= 0).all() for count in found.counts.values())
    assert (sum(found.counts.values()) == 3 * len(atoms)).all()
    assert (found.rank <= found.predicted_rank).all()
    expected = ranks_in_a_large_basis(name, q.tobytes())
    assert (found.predicted_rank - found.nearly_hidden).tolist() == expected
    for number, each in enumerate(q):
        waves = found.waves(each)
        causes = {cause: n[number] for cause, n in found.counts.items() if n[number]}
        assert Counter(waves.causes) == causes
        flat = waves.vectors.reshape(len(waves.causes), -1)
        np.testing.assert_allclose(flat.conj() @ flat.T, np.eye(len(flat)), atol=1e-10)
        invisible = waves.singular_values[found.rank[number] :]
        assert (invisible <= (1 + 1e-9) * found.zero_level).all()


def test_the_hidden_waves_of_a_rounded_layer_are_those_of_the_exact_one() -> None:
    descriptor = DensityCorrelations(cutoff=4.5, n_max=4, l_max=4)
    exact, found = (
        smallest(atoms.repeat((100, 1, 1)), descriptor) for atoms in (LAYER, rounded(LAYER, 3))
    )
    assert exact.method == found.method == "waves"
    assert found.hidden == exact.hidden == exact.null


def test_the_status_says_how_far_the_symmetric_crystal_is() -> None:
    """Bonds of a modulated chain differ little from their neighbours: it is near an even one."""
    count, spacing, amplitude = 60, 1.4, 0.03
    number = np.arange(count)
    heights = spacing * number + amplitude * np.sin(2 * np.pi * number / count)
    atoms = Atoms(f"C{count}", cell=[9, 9, spacing * count], pbc=(False, False, True))
    atoms.positions[:, 2] = heights
    places = np.append(heights, spacing * count)  # of the atoms, and length of the cell
    even = np.column_stack([[*np.ones(count), 0], np.arange(count + 1)])
    nearest = even @ np.linalg.lstsq(even, places)[0]
    expected = np.abs(nearest - places)[:-1].max()
    found = bands(atoms, DensityCorrelations(cutoff=2.0), path=[[0, 0, 0]])
    assert found.study.far_from_ideal == pytest.approx(expected, rel=1e-3)
    assert found.nearly_hidden.any()
    assert found.status.endswith("; atoms are up to 0.02 Å from a crystal with this symmetry.")


@pytest.mark.parametrize("threshold", [1e-11, 1e-9, 1e-8, 1e-7, 1e-6])
@pytest.mark.parametrize("name", ["rock salt", "diamond"])
def test_faint_long_waves_above_a_small_threshold_are_allowed(name, threshold: float) -> None:
    """They fall with the third power of their wave vector, or the second."""
    q = [[1e-3, 2e-3, 0], [3e-3, 1e-3, 2e-3], [0.31, 0.17, 0.05], [0, 0, 0]]
    found = bands(CRYSTALS[name][0], USUAL, path=q, threshold=threshold)
    assert_ranks_agree(found)
    assert found.status.endswith("as many as symmetry allows.")


@pytest.mark.parametrize("threshold", [0, 1e-13, 1, -1e-5, np.nan])
def test_thresholds_of_rounding_errors_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"^threshold must be from 1e-12, above rounding errors"):
        bands(bulk("Si"), SMALL, path=GENERAL, threshold=threshold)


def test_waves_of_higher_order_in_a_small_displacement_are_nearly_hidden() -> None:
    """An atom moved from the center of a cube: the symmetric crystal hides all waves."""
    cubic = bulk("CsCl", "cesiumchloride", a=4.12)
    basis, relative = DensityCorrelations(cutoff=4.5, n_max=4, l_max=4), []
    for part in (1.0, 0.8):
        atoms = cubic.copy()
        atoms.positions[1] += part * np.array([0.003, 0.006, 0.007])
        found = bands(atoms, basis, path=[[0, 0, 0]])
        (shortfall,) = found.shortfalls
        assert shortfall.causes == ("undetermined",)
        assert shortfall.nearly_hidden == 1
        assert 0 < shortfall.moved <= part * 0.0097
        relative.append(shortfall.relative[0])
        assert found.status.endswith(
            " 1 of those without a known cause would be hidden by symmetry, if atoms moved by up "
            f"to {shortfall.moved:.1g} Å."
        )
    assert relative[0] / relative[1] >= 1 / 0.8**2
    assert bands(cubic, basis, path=[[0, 0, 0]]).rank.tolist() == [0]


def test_causes_of_waves_are_those_of_the_counts() -> None:
    """Also where a shell fades out, or a large threshold leaves waves with several causes."""
    tellurium = from_spacegroup(
        ["Te"], [(0.2636, 0, 1 / 3)], spacegroup=152, cellpar=[4.456, 4.456, 5.921, 90, 90, 120]
    )
    distances = neighbor_list("d", tellurium, 3.6)
    shell = DensityCorrelations(cutoff=distances.max() + 1e-4, n_max=4, l_max=4)
    few = DensityCorrelations(cutoff=4.5, n_max=1, l_max=3)
    oxide = DensityCorrelations(cutoff=3.2, n_max=1, l_max=3)
    q = np.array([[1e-3, 2e-3, 0], [0.5, 0, 0.5], [0.31, 0.17, 0.05], [0.01, 0.02, 0.005]])
    for atoms, descriptor, threshold in (
        (tellurium, shell, 1e-5),
        (tellurium, few, 0.05),
        (ZINCITE, oxide, 0.05),
    ):
        found = bands(atoms, descriptor, path=q, threshold=threshold)
        assert found.shortfalls
        for number, each in enumerate(q):
            causes = Counter(found.waves(each).causes)
            assert causes == {c: n[number] for c, n in found.counts.items() if n[number]}


def test_a_descriptor_that_is_not_invariant_sees_more_than_symmetry_allows() -> None:
    """Also of a crystal that deviates from its symmetry, by much less than what is seen."""

    @dataclass(frozen=True)
    class Tilted(Few):
        """Weights neighbours by their direction, and claims to be invariant."""

        def _sums(self, vectors, numbers):
            _, slopes = super()._sums(vectors, numbers)
            weights = 1 + 0.3 * vectors[:, 0]
            squares = (vectors**2).sum(axis=1)
            own = np.stack([(9 - squares) ** 3, (9 - squares) ** 4])
            changes = weights[:, None] * slopes
            changes[:, :, 0] += 0.3 * own
            return (own * weights).sum(axis=1), changes

    crystal = bulk("NaCl", "rocksalt", a=5.64)
    crystal.rattle(1e-7, seed=1)
    found = bands(crystal, Tilted(), path=[[0, 0, 0], [0.1, 0.2, 0.3]])
    assert (found.rank > found.predicted_rank).any()
    assert "more are visible than symmetry allows: " in found.status
    assert "as many as" not in found.status
    assert not found.nearly_hidden.any()


@pytest.mark.parametrize("beyond", [2e-6, 3e-6])
def test_a_shell_at_the_cutoff_fades_out(beyond: float) -> None:
    """Its waves are those of the environments without it, and a diagnosis says the same."""
    cell, repeats, lattice = bulk("Al", a=4.05), (2, 5, 3), 4.05
    q = np.indices(repeats).reshape(3, -1).T / repeats
    basis = DensityCorrelations(cutoff=lattice + beyond, n_max=6, l_max=4)
    further, inside = replace(basis, cutoff=lattice + 0.3), replace(basis, cutoff=lattice - 0.1)
    found, seen, expected = (bands(cell, each, path=q) for each in (basis, further, inside))
    assert seen.rank.tolist() == found.predicted_rank.tolist()
    assert (seen.rank > expected.rank).any()
    for cause in CAUSES:
        assert found.counts[cause].tolist() == expected.counts[cause].tolist()
    assert found.status.endswith(
        "more are invisible than symmetry hides: 1 by symmetry without the atoms within 0.001 Å of "
        "the cutoff, which fade out (a larger cutoff sees them)."
    )
    whole = diagnose(cell.repeat(repeats), basis)
    counts = Counter(mode.cause for mode in whole.modes)
    assert counts == {cause: n for cause, each in found.counts.items() if (n := each.sum())}


@pytest.mark.parametrize("beyond", [0.0, 1e-9, 1e-7, 1e-6, 2e-6, 1e-5, 1e-4])
def test_atoms_at_the_cutoff_leave_no_negative_counts(beyond: float) -> None:
    """One shell sees one wave of fcc, or is not seen."""
    distance = float(np.linalg.norm(bulk("Al").cell.array[0]))
    descriptor = DensityCorrelations(cutoff=distance + beyond)
    found = bands(bulk("Al"), descriptor, path=[[0.1, 0.2, 0.3], [0, 0, 0]])
    assert all((count >= 0).all() for count in found.counts.values())
    assert (sum(found.counts.values()) == 3).all()
    assert found.rank.tolist() == ([1, 0] if beyond > 1e-8 else [0, 0])
    causes = Counter(found.waves([0.1, 0.2, 0.3]).causes)
    assert causes == {cause: count[0] for cause, count in found.counts.items() if count[0]}


def test_a_larger_basis_that_stays_below_the_own_threshold_is_no_cause() -> None:
    crystal, q = bulk("Si"), np.random.default_rng(0).uniform(-0.5, 0.5, (8, 3))
    crystal.rattle(0.05, seed=1)
    found = bands(crystal, USUAL, path=q, threshold=0.05)
    assert found.shortfalls
    for shortfall in found.shortfalls:
        assert shortfall.larger_basis is not None
        assert (shortfall.larger_basis < 0.05).all()
        assert set(shortfall.causes) == {"undetermined"}
    assert all("truncation" not in found.waves(each).causes for each in q)


def test_features_that_change_under_inversion_see_all_waves_of_diamond() -> None:
    """Those that do not change see four of six, in every basis."""
    odd = DensityCorrelations(order=3, n_max=2, l_max=6, cutoff=CUTOFF, parity_odd=True)
    found = bands(bulk("Si"), odd, path=GENERAL[:1])
    assert found.rank.tolist() == found.predicted_rank.tolist() == [6]


def powers_of_long_waves(atoms, count):
    """Exponents of the visible bands in the length of q, along a direction without symmetry."""
    line = np.outer([0.01, 0.015], [0.31, 0.17, 0.05])
    values = bands(atoms, USUAL, path=line).singular_values[:, :count]
    return np.log(values[1] / values[0]) / np.log(1.5)
