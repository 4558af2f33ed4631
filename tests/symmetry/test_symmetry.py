"""The group of an environment: against libmsym, spglib, known answers and invariant functions."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2
from ase.spacegroup import crystal
from scipy.spatial.transform import Rotation

from sensitivity import DensityCorrelations, jacobian, structures
from sensitivity.geometry.motions import trivial_motions
from sensitivity.symmetry import PointGroup, SiteSymmetry, site_symmetry, sites
from sensitivity.symmetry.finite import cyclic_deviations, find_operations
from sensitivity.symmetry.groups import schoenflies

TOLERANCE = 1e-3  # Å, the default
WHOLE = 6.0  # Å, more than the extent of the named structures
NAMED = {
    "Td": "Td",
    "C3v": "C3v",
    "C2v": "C2v",
    "Cs": "Cs",
    "square": "D4h",
    "octahedron": "Oh",
    "planar": "Cs",
    "linear-equal": "D∞h",
    "linear-unequal": "C∞v",
    "generic": "C1",
    "X+": "C1",
    "X-": "C1",
    "X0": "C1",
    "S1": "C1",
    "bispectrum+": "C1",
    "bispectrum-": "C1",
    "N3": "C1",
}
ORDERS = {"Td": 24, "C3v": 6, "C2v": 4, "Cs": 2, "D4h": 16, "Oh": 48, "C1": 1}

# --- Groups from generators ---------------------------------------------------------------------

X, Z, DIAGONAL, GOLDEN = (1, 0, 0), (0, 0, 1), (1, 1, 1), (0, 1, (1 + 5**0.5) / 2)


def _turn(axis, order: int) -> np.ndarray:
    unit = np.array(axis) / np.linalg.norm(axis)
    return Rotation.from_rotvec(2 * np.pi / order * unit).as_matrix()


def _mirror(normal) -> np.ndarray:
    return -_turn(normal, 2)


def _generate(*generators: np.ndarray) -> np.ndarray:
    group = [np.eye(3)]
    for element in group:  # grows on the way
        for generator in generators:
            product = generator @ element
            if not any(np.allclose(product, known, atol=1e-6) for known in group):
                group.append(product)
    return np.array(group)


def _axial_groups():
    for n in range(2, 9):
        between = (-math.sin(math.pi / 2 / n), math.cos(math.pi / 2 / n), 0)
        turn, across, level = _turn(Z, n), _turn(X, 2), _mirror(Z)
        yield f"C{n}", n, (turn,)
        yield f"C{n}v", 2 * n, (turn, _mirror(X))
        yield f"C{n}h", 2 * n, (turn, level)
        yield f"D{n}", 2 * n, (turn, across)
        yield f"D{n}h", 4 * n, (turn, across, level)
        yield f"D{n}d", 4 * n, (turn, across, _mirror(between))
    for n in (4, 6, 8, 10, 12):
        yield f"S{n}", n, (_turn(Z, n) @ _mirror(Z),)


GROUPS = {
    "C1": (1, ()),
    "Cs": (2, (_mirror(Z),)),
    "Ci": (2, (-np.eye(3),)),
    **{symbol: (order, generators) for symbol, order, generators in _axial_groups()},
    "T": (12, (_turn(DIAGONAL, 3), _turn(Z, 2))),
    "Td": (24, (_turn(DIAGONAL, 3), _turn(Z, 4) @ _mirror(Z))),
    "Th": (24, (_turn(DIAGONAL, 3), _turn(Z, 2), -np.eye(3))),
    "O": (24, (_turn(DIAGONAL, 3), _turn(Z, 4))),
    "Oh": (48, (_turn(DIAGONAL, 3), _turn(Z, 4), -np.eye(3))),
    "I": (60, (_turn(DIAGONAL, 3), _turn(GOLDEN, 5))),
    "Ih": (120, (_turn(DIAGONAL, 3), _turn(GOLDEN, 5), -np.eye(3))),
}


def _orbits(symbol: str) -> Atoms:
    """A center and the orbits of generic points, as many as fix the group."""
    order, generators = GROUPS[symbol]
    points = np.array([[0.63, 0.91, 1.57], [-1.38, 0.72, -0.89], [0.77, -1.83, 0.58]])
    points *= 1.0 if order < 24 else 2.0
    positions, symbols = [[0, 0, 0]], "C"
    for point, element in zip(points[: 3 if order < 24 else 1], "HFN", strict=False):
        orbit = _generate(*generators) @ point
        positions.extend(orbit)
        symbols += element * len(orbit)
    return Atoms(symbols, np.array(positions))


@pytest.mark.parametrize("symbol", GROUPS)
def test_symbols_of_groups_from_generators(symbol: str) -> None:
    order, generators = GROUPS[symbol]
    matrices = _generate(*generators)
    assert len(matrices) == order
    turn = Rotation.random(rng=3).as_matrix()
    assert schoenflies(turn @ matrices @ turn.T) == symbol


def test_symbols_need_a_group() -> None:
    with pytest.raises(ValueError, match="all operations of a point group, each once, got 2"):
        schoenflies(np.array([np.eye(3), _turn(Z, 3)]))


@pytest.mark.slow
@pytest.mark.parametrize("symbol", GROUPS)
def test_generic_orbits_have_the_group_that_made_them(symbol: str) -> None:
    site = site_symmetry(_moved(_orbits(symbol), seed=1), center=0, cutoff=WHOLE)
    assert (site.group.symbol, site.group.order) == (symbol, GROUPS[symbol][0])
    assert [group.symbol for group in site.levels] == [symbol]  # exactly, at the first level
    assert site.group.deviation < 1e-13
    _check_is_group(site)


def test_solids_about_a_center() -> None:
    icosahedron = _generate(*GROUPS["Ih"][1]) @ (np.array(GOLDEN) * 0.9)
    vertices = np.unique(np.round(icosahedron, 9), axis=0)
    cube = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    angles = np.arange(5) * 2 * np.pi / 5
    ring = np.stack([np.cos(angles), np.sin(angles), np.ones(5)], axis=1)
    truncated = np.unique(  # C60: the vertices at a third of each edge of an icosahedron
        np.round([(2 * a + b) for a in vertices for b in vertices if 1.7 < _gap(a, b) < 2], 9),
        axis=0,
    )
    for vertices_of, symbol in [
        (vertices, "Ih"),
        (cube, "Oh"),
        (np.concatenate([ring, ring * [1, 1, -1]]), "D5h"),
        (np.concatenate([ring, -ring]), "D5d"),
        (truncated, "Ih"),
    ]:
        atoms = Atoms(f"C{'H' * len(vertices_of)}", [[0, 0, 0], *vertices_of])
        assert site_symmetry(_moved(atoms, seed=4), center=0, cutoff=9.0).group.symbol == symbol
    assert (len(vertices), len(truncated)) == (12, 60)


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b))


def _check_is_group(site: SiteSymmetry) -> None:
    matrices, permutations = site.group.matrices, site.group.permutations
    products = np.einsum("gxy,hyz->ghxz", matrices, matrices)
    index = np.empty((len(matrices),) * 2, dtype=int)
    for row in range(len(matrices)):
        gaps = np.abs(products[row][:, None] - matrices).max(axis=(2, 3))
        index[row] = gaps.argmin(axis=1)
        assert gaps.min(axis=1).max() < 1e-12
    assert (np.sort(index, axis=1) == np.arange(len(matrices))).all()
    assert (permutations[:, permutations] == permutations[index]).all()
    assert (permutations[:, 0] == 0).all()
    turned = site.vectors @ matrices.transpose(0, 2, 1)  # [g, k, xyz]
    misses = np.sqrt(np.mean(np.sum((turned - site.vectors[permutations]) ** 2, axis=2), axis=1))
    # Atoms on both sides are off by the deviation, and so is the center, which all start from.
    center = 2 * math.sqrt(len(site.atoms)) * site.group.deviation
    assert misses.max() <= 2 * site.group.deviation + center + 1e-13


# --- Against programs of others -----------------------------------------------------------------


def _ask_libmsym(atoms: Atoms) -> str:
    import libmsym

    def element(index: int):
        # A heavy center of its own element: operations about it are those of the molecule.
        name = "U" if index == 0 else atoms.symbols[index]
        mass = 238.0 if index == 0 else float(atoms.numbers[index])
        return libmsym.Element(name=name, mass=mass, coordinates=atoms.positions[index].tolist())

    try:
        with libmsym.Context(elements=[element(index) for index in range(len(atoms))]) as context:
            symbol = context.find_symmetry()
            order = len(context.symmetry_operations)
    except libmsym.Error as error:
        # So it says that there is none but the identity; it has no answer for a lone atom either.
        if "no primary axis" in str(error) and len(atoms) > 1:
            return "C1 1"
        return "no answer"
    infinite = {"C0v": "C∞v inf", "D0h": "D∞h inf"}
    return infinite.get(symbol, f"{symbol} {order}")


@pytest.mark.slow
def test_molecules_against_libmsym() -> None:
    asked, answered = 0, 0
    wrong = []
    for name in g2.names:
        atoms = molecule(name)
        for center in range(len(atoms) if len(atoms) <= 10 else 0):
            environment = structures.environment(atoms, center, 4.0 - TOLERANCE)
            group = site_symmetry(atoms, center=center, cutoff=4.0).group
            answer = _ask_libmsym(environment)
            asked += 1
            answered += answer != "no answer"
            if answer not in ("no answer", f"{group.symbol} {group.order:g}"):
                wrong.append((name, center, answer, group))
    assert not wrong
    assert (asked, answered) == (700, 686)  # all but the 14 lone atoms


HERMANN_MAUGUIN = {
    "1": "C1",
    "-1": "Ci",
    "2": "C2",
    "m": "Cs",
    "2/m": "C2h",
    "222": "D2",
    "mm2": "C2v",
    "mmm": "D2h",
    "4": "C4",
    "-4": "S4",
    "4/m": "C4h",
    "422": "D4",
    "4mm": "C4v",
    "-42m": "D2d",
    "4/mmm": "D4h",
    "3": "C3",
    "-3": "S6",
    "32": "D3",
    "3m": "C3v",
    "-3m": "D3d",
    "6": "C6",
    "-6": "C3h",
    "6/m": "C6h",
    "622": "D6",
    "6mm": "C6v",
    "-62m": "D3h",
    "-6m2": "D3h",
    "6/mmm": "D6h",
    "23": "T",
    "m-3": "Th",
    "432": "O",
    "-43m": "Td",
    "m-3m": "Oh",
}

CRYSTALS = {
    "fcc": (bulk("Al"), 6.0),
    "bcc": (bulk("Fe", "bcc", a=2.87), 5.0),
    "hcp": (bulk("Mg"), 5.5),
    "diamond": (bulk("Si"), 5.0),
    "rock salt": (bulk("NaCl", "rocksalt", a=5.64), 5.0),
    "zinc blende": (bulk("ZnS", "zincblende", a=5.41), 5.0),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382), 4.5),
    "perovskite": (
        crystal(
            ("Sr", "Ti", "O"),
            [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)],
            spacegroup=221,
            cellpar=[3.905] * 3 + [90] * 3,
        ),
        5.0,
    ),
    "rutile": (
        crystal(
            ("Ti", "O"),
            [(0, 0, 0), (0.3053, 0.3053, 0)],
            spacegroup=136,
            cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
        ),
        5.0,
    ),
    "α-quartz": (
        crystal(
            ("Si", "O"),
            [(0.4697, 0, 0), (0.4135, 0.2669, 0.1191)],
            spacegroup=152,
            cellpar=[4.916, 4.916, 5.405, 90, 90, 120],
        ),
        5.0,
    ),
}


def _ask_spglib(atoms: Atoms, site: int) -> tuple[str, int]:
    """Point group of the operations of the crystal that leave an atom where it is."""
    import spglib

    scaled = atoms.get_scaled_positions()
    with warnings.catch_warnings():
        # spglib announces at every call that it will report errors in another way.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        symmetry = spglib.get_symmetry((atoms.cell.array, scaled, atoms.numbers))
        shifts = symmetry["rotations"] @ scaled[site] + symmetry["translations"] - scaled[site]
        stays = (np.abs(shifts - np.round(shifts)) < 1e-5).all(axis=1)
        rotations = symmetry["rotations"][stays]
        symbol = spglib.get_pointgroup(rotations)[0].strip()
    return HERMANN_MAUGUIN[symbol], len(rotations)


@pytest.mark.parametrize("name", CRYSTALS)
def test_crystals_against_spglib(name: str) -> None:
    atoms, cutoff = CRYSTALS[name]
    for site in range(len(atoms)):
        group = site_symmetry(atoms, center=site, cutoff=cutoff).group
        assert (group.symbol, group.order) == _ask_spglib(atoms, site)


def test_nothing_is_missed_among_all_permutations() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for name, _ in itertools.product(NAMED, range(6)):
        atoms = structures.load(name)
        if len(atoms) > 7:
            continue
        reach = 10 ** rng.uniform(-3, -1)
        vectors = atoms.positions + rng.normal(size=(len(atoms), 3)) * 10 ** rng.uniform(-4, -0.7)
        vectors -= vectors[0]
        labels = atoms.numbers.astype(np.intp)
        labels[0] = -1
        operations = find_operations(labels, vectors, reach=reach)
        near = operations.permutations[cyclic_deviations(operations) <= reach]
        expected = _near_permutations(vectors, reach=reach)
        assert expected <= set(map(tuple, near.tolist()))
        found += len(expected)
    assert found > 300  # more than the identities


def _near_permutations(vectors: np.ndarray, *, reach: float) -> set[tuple[int, ...]]:
    """Permutations of the neighbours that generate a group within reach, by trying all."""
    centered = vectors - vectors.mean(axis=0)
    places = range(1, len(vectors))
    every = [(0, *others) for others in itertools.permutations(places)]
    residuals = {
        (images, sign): _residual(centered, centered[list(images)], sign=sign)
        for images in every
        for sign in (1, -1)
        if _alike(centered, centered[list(images)], reach=reach)
    }
    return {key[0] for key in residuals if _cyclic_deviation(key, residuals) <= reach}


def _alike(start: np.ndarray, end: np.ndarray, *, reach: float) -> bool:
    """Whether a matrix could map these within twice the reach, by distances from the centroid."""
    gaps = np.linalg.norm(start, axis=1) - np.linalg.norm(end, axis=1)
    return bool(np.sqrt(np.mean(gaps**2)) <= 2 * reach)


def _residual(start: np.ndarray, end: np.ndarray, *, sign: int) -> float:
    """Root mean square distance by the singular values, as others do it."""
    values = np.linalg.svd(end.T @ start, compute_uv=False)
    values[2] *= sign * np.sign(np.linalg.det(end.T @ start))
    square = np.sum(start**2) + np.sum(end**2) - 2 * values.sum()
    return math.sqrt(max(square, 0) / len(start))


def _cyclic_deviation(key: tuple[tuple[int, ...], int], residuals: dict) -> float:
    identity = tuple(range(len(key[0])))
    total, order, (images, sign) = 0.0, 1, key
    while (images, sign) != (identity, 1):
        total += residuals.get((images, sign), np.inf) ** 2 / 2
        order += 1
        images, sign = tuple(key[0][image] for image in images), sign * key[1]
    return math.sqrt(total / order)


# --- Named structures, turned, rounded and moved ------------------------------------------------


def _moved(atoms: Atoms, *, seed: int) -> Atoms:
    """The same structure turned, shifted, and with the neighbours in another order."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([[0], 1 + rng.permutation(len(atoms) - 1)])
    turned = atoms[order]
    turned.positions = turned.positions @ Rotation.random(rng=rng).as_matrix().T + rng.normal(
        size=3
    )
    return turned


def _displaced(atoms: Atoms, *, by: float, seed: int) -> Atoms:
    """Every atom moved by exactly this length in Å."""
    steps = np.random.default_rng(seed).normal(size=(len(atoms), 3))
    displaced = atoms.copy()
    displaced.positions += by * steps / np.linalg.norm(steps, axis=1)[:, None]
    return displaced


@pytest.mark.parametrize("name", NAMED)
def test_named_structures(name: str) -> None:
    atoms = _moved(structures.load(name), seed=2)
    site = site_symmetry(atoms, center=0, cutoff=WHOLE)
    assert site.group.symbol == NAMED[name]
    assert site.group.order == ORDERS.get(NAMED[name], math.inf)
    assert len(site.levels) == 1
    assert site.group.deviation < 1e-14
    assert site.coalescing == ()
    _check_is_group(site)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("decimals", [6, 4])
def test_rounded_coordinates_keep_the_group(name: str, decimals: int) -> None:
    for seed in range(10):
        atoms = _moved(structures.load(name), seed=seed)
        atoms.positions = np.round(atoms.positions, decimals)
        site = site_symmetry(atoms, center=0, cutoff=WHOLE)
        assert site.group.symbol == NAMED[name]
        assert site.group.deviation <= 0.5 * 10**-decimals * math.sqrt(3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("by", [1e-5, TOLERANCE])
def test_displaced_atoms_keep_the_group(name: str, by: float) -> None:
    for seed in range(100):
        atoms = _displaced(_moved(structures.load(name), seed=seed), by=by, seed=seed)
        site = site_symmetry(atoms, center=0, cutoff=WHOLE)
        assert site.group.symbol == NAMED[name]
        assert site.group.deviation <= by


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["C1", "C5", "S8", "D4", "D3d", "T", "Th", "O", "Ih"])
def test_displaced_orbits_keep_the_group(symbol: str) -> None:
    for seed in range(5):
        atoms = _displaced(_orbits(symbol), by=TOLERANCE, seed=seed)
        site = site_symmetry(atoms, center=0, cutoff=WHOLE)
        assert site.group.symbol == symbol
        _check_is_group(site)


def test_a_displaced_crystal_keeps_its_group() -> None:
    silicon = _displaced(bulk("Si", cubic=True) * (2, 2, 2), by=TOLERANCE, seed=0)
    for center in range(0, 64, 9):
        site = site_symmetry(silicon, center=center, cutoff=5.0)
        assert site.group.symbol == "Td"
        assert 0.5 * TOLERANCE < site.group.deviation < TOLERANCE
    coarse = _displaced(bulk("Al") * (4, 4, 4), by=0.05, seed=0)
    assert site_symmetry(coarse, center=0, cutoff=6.0, tolerance=0.05).group.symbol == "Oh"


def test_the_deviation_is_the_distance_to_the_nearest_symmetric_geometry() -> None:
    """Small displacements: what is neither rigid motion nor invariant takes the symmetry away."""
    for name in ("Td", "C2v", "square", "octahedron"):
        atoms = structures.load(name)
        exact = site_symmetry(atoms, center=0, cutoff=WHOLE).group
        displaced = _displaced(atoms, by=1e-6, seed=1)
        noise = (displaced.positions - atoms.positions).ravel()
        rigid = trivial_motions(atoms, cutoff=WHOLE).directions.reshape(6, -1)
        away = noise - exact.projector() @ noise
        # The group maps rigid motions to rigid motions; these are what is not invariant of them.
        _, lengths, patterns = np.linalg.svd(rigid - rigid @ exact.projector())
        patterns = patterns[: np.sum(lengths > 0.5)]
        away -= patterns.T @ (patterns @ away)
        group = site_symmetry(displaced, center=0, cutoff=WHOLE).group
        assert group.symbol == exact.symbol
        expected = np.linalg.norm(away) / math.sqrt(len(atoms))
        assert group.deviation == pytest.approx(expected, rel=1e-5)


# --- Levels -------------------------------------------------------------------------------------


def _stretched(deviation: float) -> Atoms:
    """Methane with one bond longer, so that it is this far (Å, root mean square) from Td.

    Stretching by s, a displacement of norm s, has an overlap s²/5 with translations and s²/4 with
    the breathing of all bonds, so that 11/20 s² of it is left, over five atoms.
    """
    atoms = structures.load("Td")
    atoms.positions[1] *= 1 + deviation * math.sqrt(5 * 20 / 11) / structures.load(
        "Td"
    ).get_distance(0, 1)
    return atoms


def test_levels_of_growing_deviation() -> None:
    site = site_symmetry(_stretched(5e-4), center=0, cutoff=WHOLE)
    assert [group.symbol for group in site.levels] == ["C3v", "Td"]
    assert site.levels[0].deviation < 1e-14
    assert site.levels[1].deviation == pytest.approx(5e-4, rel=1e-3)
    assert site.next is None
    noisy = _displaced(_stretched(5e-4), by=1e-5, seed=3)
    site = site_symmetry(noisy, center=0, cutoff=WHOLE)
    assert [group.symbol for group in site.levels] == ["C1", "C3v", "Td"]
    assert 1e-6 < site.levels[1].deviation < 1e-5
    assert site.levels[2].deviation == pytest.approx(5e-4, rel=0.05)


def test_each_level_is_contained_in_the_next() -> None:
    site = site_symmetry(_displaced(_stretched(5e-4), by=1e-5, seed=3), center=0, cutoff=WHOLE)
    for smaller, larger in itertools.pairwise(site.levels):
        assert set(map(tuple, smaller.permutations)) < set(map(tuple, larger.permutations))
        assert larger.deviation > 3 * smaller.deviation


def test_the_next_group_beyond_the_tolerance() -> None:
    site = site_symmetry(_stretched(5e-3), center=0, cutoff=WHOLE)
    assert site.group.symbol == "C3v"
    assert site.next is not None
    assert site.next.symbol == "Td"
    assert site.next.deviation == pytest.approx(5e-3, rel=1e-2)
    wide = site_symmetry(_stretched(5e-3), center=0, cutoff=WHOLE, tolerance=1e-2)
    assert [group.symbol for group in wide.levels] == ["C3v", "Td"]
    assert site_symmetry(_stretched(0.05), center=0, cutoff=WHOLE).next is None


@pytest.mark.slow
def test_the_largest_group_when_not_all_operations_fit_together() -> None:
    """Each operation towards a larger group costs less than that group."""
    for seed in range(6):
        atoms = _displaced(structures.load("octahedron"), by=0.02, seed=seed)
        full = site_symmetry(atoms, center=0, cutoff=WHOLE, tolerance=0.05).group
        assert full.symbol == "Oh"
        for part in (0.5, 0.7, 0.8, 0.9, 0.99):
            tolerance = part * full.deviation
            site = site_symmetry(atoms, center=0, cutoff=WHOLE, tolerance=tolerance)
            assert site.group.deviation <= tolerance
            assert site.group.order < 48
            assert site.next is not None
            assert site.next.order > site.group.order
            assert site.next.deviation > tolerance
            _check_is_group(site)


@pytest.mark.parametrize(
    ("symbols", "finite", "infinite"), [("OHH", "C2v", "D∞h"), ("OHF", "Cs", "C∞v")]
)
def test_slightly_bent(symbols: str, finite: str, infinite: str) -> None:
    def bent(height: float) -> SiteSymmetry:
        atoms = Atoms(symbols, [[0, 0, 0], [1, 0, height], [-1, 0, height]])
        return site_symmetry(_moved(atoms, seed=6), center=0, cutoff=WHOLE)

    site = bent(1e-3)
    assert [group.symbol for group in site.levels] == [finite, infinite]
    # Heights -2/3, 1/3, 1/3 of 1e-3 Å from the line through the centroid.
    assert site.group.deviation == pytest.approx(1e-3 * math.sqrt(2) / 3, rel=1e-4)
    assert [group.symbol for group in bent(0.0).levels] == [infinite]
    further = bent(0.01)
    assert further.group.symbol == finite
    assert further.next is not None
    assert further.next.symbol == infinite


# --- Projectors ---------------------------------------------------------------------------------

# Invariant displacements, rigid ones left out.
DIMENSIONS = {
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
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_projectors(name: str) -> None:
    atoms = _moved(structures.load(name), seed=7)
    projector = site_symmetry(atoms, center=0, cutoff=WHOLE).group.projector()
    assert np.abs(projector @ projector - projector).max() < 1e-13
    assert np.abs(projector - projector.T).max() < 1e-13
    internal = trivial_motions(atoms, cutoff=WHOLE).internal().reshape(-1, 3 * len(atoms))
    inside = internal @ projector @ internal.T
    assert np.trace(inside) == pytest.approx(DIMENSIONS[name], abs=1e-12)


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("odd", [False, True])
def test_invariant_functions_have_their_gradient_inside(name: str, odd: bool) -> None:
    atoms = _moved(structures.load(name), seed=8)
    group = site_symmetry(atoms, center=0, cutoff=WHOLE).group
    descriptor = DensityCorrelations(order=3, cutoff=WHOLE, n_max=2, l_max=3, parity_odd=odd)
    gradients = jacobian(atoms, descriptor, centers=[0]).dense()
    bound = group.rotations() if odd else group
    outside = gradients - gradients @ bound.projector()
    assert np.abs(outside).max() < 1e-13 * np.abs(gradients).max()


def test_a_mirror_does_not_bind_what_sees_chirality() -> None:
    atoms = structures.load("Cs")
    group = site_symmetry(atoms, center=0, cutoff=WHOLE).group
    assert group.rotations().symbol == "C1"
    assert np.trace(group.rotations().projector()) == 15 > np.trace(group.projector())
    descriptor = DensityCorrelations(order=3, cutoff=WHOLE, n_max=3, l_max=4, parity_odd=True)
    gradients = jacobian(atoms, descriptor, centers=[0]).dense()
    outside = gradients - gradients @ group.projector()
    assert np.abs(outside).max() > 1e-4 * np.abs(gradients).max()


@pytest.mark.parametrize(
    ("name", "proper", "order"),
    [
        ("Td", "T", 12),
        ("octahedron", "O", 24),
        ("square", "D4", 8),
        ("C3v", "C3", 3),
        ("planar", "C1", 1),
        ("generic", "C1", 1),
        ("linear-equal", "D∞", math.inf),
        ("linear-unequal", "C∞", math.inf),
    ],
)
def test_proper_parts(name: str, proper: str, order: float) -> None:
    group = site_symmetry(structures.load(name), center=0, cutoff=WHOLE).group
    part = group.rotations()
    assert (part.symbol, part.order, part.deviation) == (proper, order, group.deviation)
    assert (np.linalg.det(part.matrices) > 0).all()
    assert part.rotations() is part


@pytest.mark.parametrize("name", ["linear-equal", "linear-unequal"])
def test_a_finite_subgroup_stands_for_an_infinite_group(name: str) -> None:
    atoms = _moved(structures.load(name), seed=9)
    group = site_symmetry(atoms, center=0, cutoff=WHOLE).group
    axis = atoms.positions[1] - atoms.positions[0]
    turn = Rotation.from_rotvec(0.7 * axis / np.linalg.norm(axis)).as_matrix()
    every = np.kron(np.eye(len(atoms)), turn)
    for part in (group, group.rotations()):
        assert np.abs(every @ part.projector() - part.projector()).max() < 1e-14


def test_a_lone_atom_has_the_full_sphere() -> None:
    group = site_symmetry(Atoms("H"), center=0, cutoff=3.0).group
    assert (group.symbol, group.order, group.deviation) == ("Kh", math.inf, 0.0)
    assert np.abs(group.projector()).max() == 0
    assert group.rotations().symbol == "K"
    assert np.abs(group.rotations().projector()).max() == 0


# --- The edge of the environment, and atoms at one place ----------------------------------------


def test_images_have_entries_of_their_own() -> None:
    site = site_symmetry(bulk("Al"), center=0, cutoff=3.0)
    assert site.atoms.tolist() == [0] * 13
    assert np.linalg.norm(site.vectors[1:], axis=1) == pytest.approx(4.05 / math.sqrt(2))
    assert (site.center, site.group.symbol) == (0, "Oh")


@pytest.mark.parametrize(("beyond", "symbol"), [(2.0, "C3v"), (0.5, "Td"), (0.0, "Td")])
def test_what_a_step_takes_across_the_cutoff_does_not_count(beyond: float, symbol: str) -> None:
    cutoff = 2.0
    atoms = structures.load("Td")
    away = atoms.positions[1] / np.linalg.norm(atoms.positions[1])
    atoms.append("H")
    atoms.positions[-1] = (cutoff - beyond * TOLERANCE) * away
    site = site_symmetry(atoms, center=0, cutoff=cutoff)
    assert site.group.symbol == symbol
    assert len(site.atoms) == (6 if symbol == "C3v" else 5)


def test_a_shell_at_the_edge_counts_as_a_whole() -> None:
    atoms = structures.load("octahedron")
    radius = atoms.get_distance(0, 1)
    for seed in range(50):
        moved = _displaced(atoms, by=TOLERANCE, seed=seed)
        # Moved by less than the tolerance the shell is inside; some of it is beyond the edge.
        site = site_symmetry(moved, center=0, cutoff=radius + 1.2 * TOLERANCE)
        assert site.group.symbol == "Oh"


def test_like_neighbours_at_one_place_move_alike() -> None:
    atoms = Atoms("CHHF", [[0, 0, 0], [1, 4e-4, 0], [1, -4e-4, 0], [-0.2, 0, 1.1]])
    site = site_symmetry(atoms, center=0, cutoff=WHOLE)
    assert site.coalescing == ((1, 2),)
    assert site.group.symbol == "Cs"
    assert site.group.order == 2
    assert len(site.group.matrices) == 4
    # Of 3 atoms in a plane, two coordinates each; the fourth moves like its partner.
    assert np.trace(site.group.projector()) == pytest.approx(6)
    # Each is 4e-4 Å from where they meet.
    assert site.group.deviation == pytest.approx(4e-4 * math.sqrt(2 / 4), rel=1e-6)
    _check_permutes(site.group, site)
    apart = Atoms("CHHF", [[0, 0, 0], [1, 2e-3, 0], [1, -2e-3, 0], [-0.2, 0, 1.1]])
    assert site_symmetry(apart, center=0, cutoff=WHOLE).coalescing == ()


def _check_permutes(group: PointGroup, site: SiteSymmetry) -> None:
    turned = site.vectors @ group.matrices.transpose(0, 2, 1)
    misses = np.abs(turned - site.vectors[group.permutations]).max()
    assert misses <= 2 * math.sqrt(len(site.atoms)) * group.deviation


def test_unlike_neighbours_at_one_place_stay_apart() -> None:
    atoms = Atoms("CHFO", [[0, 0, 0], [1, 4e-4, 0], [1, -4e-4, 0], [-0.2, 0, 1.1]])
    site = site_symmetry(atoms, center=0, cutoff=WHOLE)
    assert site.coalescing == ()
    assert np.trace(site.group.projector()) == pytest.approx(8)


def test_a_neighbour_at_the_center_is_bound_by_all_operations() -> None:
    atoms = structures.load("octahedron")
    atoms.append("C")
    atoms.positions[-1] = [3e-4, 2e-4, 1e-4]
    site = site_symmetry(atoms, center=0, cutoff=WHOLE)
    assert site.coalescing == ((0, 7),)
    assert site.group.symbol == "Oh"
    assert np.trace(site.group.projector()) == pytest.approx(1)
    assert (site.group.permutations[:, 7] == 7).all()


def test_three_at_one_place() -> None:
    angles = np.arange(3) * 2 * np.pi / 3
    ring = np.stack([np.ones(3), 3e-4 * np.cos(angles), 3e-4 * np.sin(angles)], axis=1)
    atoms = Atoms("CHHHF", [[0, 0, 0], *ring, [-1, 0, 0]])
    site = site_symmetry(atoms, center=0, cutoff=WHOLE)
    assert len(site.coalescing) == 3
    assert site.group.symbol == "C∞v"
    # The center, the fluorine and the three together move along the axis.
    assert np.trace(site.group.projector()) == pytest.approx(3)


@pytest.mark.slow
def test_atoms_at_random_near_few_places() -> None:
    """Whatever comes together: groups are within the tolerance, and projectors are projectors."""
    rng = np.random.default_rng(0)
    met = 0
    for count in rng.integers(2, 7, size=150):
        tolerance = 10 ** rng.uniform(-3, -1)
        places = 1.2 * rng.normal(size=(3, 3)) * rng.choice([0, 1], size=(3, 1), p=[0.2, 0.8])
        spread = tolerance * rng.choice([0.2, 1.0, 3.0])
        positions = places[rng.integers(3, size=count)] + spread * rng.normal(size=(count, 3))
        atoms = Atoms("C" + "".join(rng.choice(list("HHF"), count)), [[0, 0, 0], *positions])
        site = site_symmetry(atoms, center=0, cutoff=9.0, tolerance=tolerance)
        met += len(site.coalescing) > 0
        for group in site.levels:
            assert group.deviation <= tolerance
            for projector in (group.projector(), group.rotations().projector()):
                assert np.abs(projector @ projector - projector).max() < 1e-12
                assert np.abs(projector - projector.T).max() < 1e-12
    assert met > 50


# --- Input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tolerance": 0.0}, ValueError, "tolerance must be above 0 and at most 0.1 Å.*got 0.0"),
        ({"tolerance": 0.2}, ValueError, "tolerance must be above 0 and at most 0.1 Å.*got 0.2"),
        ({"tolerance": math.nan}, ValueError, "tolerance must be above 0.*got nan; give a"),
        (
            {"tolerance": "1"},
            TypeError,
            "tolerance must be above 0 and at most 0.1 Å.*got '1'",
        ),
        ({"tolerance": True}, TypeError, "tolerance must be above 0 and at most 0.1 Å.*got True"),
        ({"cutoff": -1.0}, ValueError, "cutoff must be a positive, finite length"),
        ({"cutoff": "3"}, TypeError, "cutoff must be a positive, finite length"),
        ({"center": 9}, ValueError, "center 9 does not exist"),
        ({"center": 0.0}, TypeError, "a center must be the integer index"),
        ({"atoms": "CH4"}, TypeError, "atoms must be an ase.Atoms"),
    ],
)
def test_bad_input(arguments: dict, error: type[Exception], message: str) -> None:
    usual = {"atoms": structures.load("CH4"), "center": 0, "cutoff": 3.0}
    given = {**usual, **arguments}
    with pytest.raises(error, match=message):
        site_symmetry(given.pop("atoms"), **given)


def test_results_are_read_only_and_the_input_stays() -> None:
    atoms = structures.load("CH4")
    before = atoms.copy()
    site = site_symmetry(atoms, center=0, cutoff=3.0)
    assert atoms == before
    group = site.group
    for array in (site.atoms, site.vectors, group.matrices, group.permutations):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert repr(group).startswith("PointGroup(Td, deviation=")
    assert "5 atoms: Td" in repr(site)


def test_equal_environments_are_analyzed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the groups that each of them has alone, in the order of its own atoms."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    settings = {"cutoff": 4.2, "tolerance": 1e-3}
    alone = [site_symmetry(atoms, center=center, **settings) for center in range(len(atoms))]
    calls, find = [], sites.find_levels
    monkeypatch.setattr(sites, "find_levels", lambda *a, **k: calls.append(1) or find(*a, **k))
    together = list(sites.site_symmetries(atoms, centers=range(len(atoms)), **settings))
    assert len(calls) == 2  # Na and Cl
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.atoms, other.atoms)
        np.testing.assert_array_equal(one.vectors, other.vectors)
        assert [g.symbol for g in one.levels] == [g.symbol for g in other.levels] == ["Oh"]
        np.testing.assert_allclose(one.group.projector(), other.group.projector(), atol=1e-10)
        turned = np.einsum("gxy,ky->gkx", other.group.matrices, other.vectors)
        assert np.abs(turned - other.vectors[other.group.permutations]).max() < 1e-10
