"""Groups and causes of many environments at once equal those of ``diagnose``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.collections import g2, s22

from sensitivity import DensityCorrelations, diagnose, structures, survey
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import CAUSES, Diagnosis
from sensitivity.diagnosis.counting import count_causes
from sensitivity.survey import analysis
from sensitivity.survey.environments import Environments, find_pairs
from sensitivity.survey.relative import Neighbors
from sensitivity.survey.searches import Searches
from sensitivity.survey.sites import find_sites
from sensitivity.symmetry import site_symmetry
from sensitivity.symmetry.hidden import hidden_by_symmetry

DESCRIPTOR = DensityCorrelations(order=2, cutoff=4.0)


def moved(atoms: Atoms, distance: float, *, seed: int = 0) -> Atoms:
    copy = atoms.copy()
    copy.positions += np.random.default_rng(seed).normal(scale=distance, size=(len(atoms), 3))
    return copy


def rattled_molecules(*, every: int) -> Iterator[Atoms]:
    names = [name for name in g2.names if 2 <= len(g2[name]) <= 9]
    for seed, name in enumerate(names[::every]):
        yield moved(Atoms(g2[name]), 0.05, seed=seed)


def crystals() -> Iterator[Atoms]:
    for atoms in (bulk("Si", cubic=True), bulk("NaCl", "rocksalt", a=5.64), bulk("Ti")):
        yield atoms
        yield moved(atoms, 0.05)


def nearly_symmetric() -> Iterator[Atoms]:
    for seed, name in enumerate(("CH4", "C2H4", "NH3", "BF3", "H2O", "CO2")):
        for distance in (1e-7, 1e-5, 1e-4, 1e-3, 1e-2):
            yield moved(structures.load(name), distance, seed=seed)


def nearly_singular() -> Iterator[Atoms]:
    for seed, name in enumerate(("X0", "S1", "X+", "bispectrum+")):
        for distance in (0.0, 1e-5, 1e-4, 1e-3, 1e-2):
            yield moved(structures.load(name), distance, seed=seed)


def barely_seen() -> Iterator[Atoms]:
    """Yield molecules with the most distant neighbour of atom 0 just within 4 Å."""
    for seed, gap in enumerate((1e-3, 3e-3, 5e-3, 1e-2)):
        for name in ("C3H4_C3v", "CH3SiH3"):
            atoms = moved(Atoms(g2[name]), 0.05, seed=seed)
            arms = atoms.positions - atoms.positions[0]
            lengths = np.linalg.norm(arms, axis=1)
            far = int(np.argmax(lengths))
            atoms.positions[far] = atoms.positions[0] + arms[far] * (4.0 - gap) / lengths[far]
            yield atoms


def smallest_allowed(found: Diagnosis) -> float:
    if found.internal - found.counts["symmetry"] == found.spectrum.internal:
        return found.spectrum.condition
    hidden = {"symmetry", "unseen", "rotation", "translation"}
    values = [mode.singular_value for mode in found.modes if mode.cause not in hidden]
    largest = found.spectrum.singular_values[0]
    return min(values) / largest if values and found.spectrum.rank else np.nan


def check_rows(
    frames: Sequence[Atoms], descriptor: Descriptor, monkeypatch, tolerance: float = 1e-3
) -> int:
    """Compare rows with diagnoses, and return how many environments were analysed together."""
    single, alone = analysis._single, []

    def count(environment, *arguments):
        alone.append(environment)
        return single(environment, *arguments)

    monkeypatch.setattr(analysis, "_single", count)
    table = survey(frames, descriptor, tolerance=tolerance).table()
    for row in range(len(table["frame"])):
        atoms, center = frames[table["frame"][row]], int(table["center"][row])
        if table["equivalent_to"][row] != center:
            continue
        environment = structures.environment(atoms, center, descriptor.cutoff)
        found = diagnose(environment, descriptor, centers=[0], tolerance=tolerance)
        assert {cause: table[cause][row] for cause in CAUSES} == found.counts, (row, found)
        assert table["group"][row] == found.groups[0].symbol
        conditions = found.spectrum.condition, smallest_allowed(found)
        for name, value in zip(
            ("condition", "condition_without_symmetry"), conditions, strict=True
        ):
            assert table[name][row] == pytest.approx(value, abs=1e-12, nan_ok=True)
    return int((table["equivalent_to"] == table["center"]).sum()) - len(alone)


def find_nothing_in(monkeypatch) -> list[np.ndarray]:
    """Return a list that collects the results of all tests of searches."""
    test, results = Searches.find_nothing, []

    def collect(*arguments):
        results.append(test(*arguments))
        return results[-1]

    monkeypatch.setattr(Searches, "find_nothing", collect)
    return results


@pytest.mark.parametrize(
    "frames",
    [
        list(rattled_molecules(every=16)),
        list(crystals())[:4],
        [structures.load(name) for name in ("CH4", "C2H4", "NH3", "BF3", "CO2", "H2O", "C6H6")],
    ],
    ids=["molecules", "crystals", "ideal"],
)
def test_rows_equal_diagnoses(frames, monkeypatch) -> None:
    assert check_rows(frames, DESCRIPTOR, monkeypatch) > 0


SHARP = {
    "narrow": {"cutoff": 2.5, "n_max": 8, "l_max": 9, "smearing": 0.1},
    "fine": {"n_max": 10, "l_max": 10, "smearing": 0.1},
}


@pytest.mark.parametrize("settings", SHARP.values(), ids=SHARP)
def test_values_that_change_fast_vanish_within_the_tolerance(settings, monkeypatch) -> None:
    """A value of 1 % of the largest vanishes in 1e-3 Å: 6.1 of the largest per Å at X0."""
    frames = [moved(structures.load("X0"), 5e-4, seed=seed) for seed in range(8)]
    check_rows(frames, DensityCorrelations(**settings), monkeypatch)


@pytest.mark.parametrize("frames", [nearly_symmetric, nearly_singular])
def test_rows_near_special_geometries_equal_diagnoses(frames, monkeypatch) -> None:
    check_rows(list(frames()), DESCRIPTOR, monkeypatch)


def test_inexact_symmetry_needs_no_single_analysis(monkeypatch) -> None:
    frames = [moved(structures.load("CH4"), 1e-4, seed=seed) for seed in range(5)]
    frames += [moved(structures.load("NH3"), 3e-4, seed=seed) for seed in range(5)]
    assert check_rows(frames, DESCRIPTOR, monkeypatch) == sum(map(len, frames))


@pytest.mark.parametrize("resolved", [True, False])
def test_rows_with_barely_seen_neighbours_equal_diagnoses(resolved, monkeypatch) -> None:
    frames, (n_max, l_max) = list(barely_seen()), (6, 6) if resolved else (4, 3)
    descriptor = DensityCorrelations(order=2, cutoff=4.0, n_max=n_max, l_max=l_max)
    sets = find_nothing_in(monkeypatch)
    every = check_rows(frames, descriptor, monkeypatch)
    assert every > 0
    assert sum(map(np.count_nonzero, sets)) >= 5  # of those that the margins leave


@pytest.mark.parametrize("tolerance", [1e-5, 1e-2, 3e-2])
def test_rows_with_another_tolerance_equal_diagnoses(tolerance, monkeypatch) -> None:
    frames = list(rattled_molecules(every=24))
    together = check_rows(frames, DESCRIPTOR, monkeypatch, tolerance)
    assert (together > 0) == (tolerance <= 1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "descriptor",
    [
        DESCRIPTOR,
        DensityCorrelations(order=3, cutoff=3.5, n_max=3, l_max=3, parity_odd=True),
        DensityCorrelations(order=1, cutoff=3.0),
        DensityCorrelations(order=2, cutoff=4.0, n_max=2, l_max=2),
    ],
)
def test_rows_of_many_molecules_equal_diagnoses(descriptor, monkeypatch) -> None:
    dimers = [Atoms(s22[name]) for name in s22.names[:3]]
    frames = [*rattled_molecules(every=5), *dimers, *(moved(each, 0.03) for each in dimers)]
    together = check_rows(frames, descriptor, monkeypatch)
    assert together > 0 or descriptor.order == 1  # order 1 sees distances only


@pytest.mark.parametrize("inversion", [True, False])
def test_groups_from_distances_are_those_of_environments(inversion) -> None:
    invariance = "O(3)" if inversion else "SO(3)"
    frames = [*rattled_molecules(every=9), *nearly_symmetric()]
    descriptor, known, inexact = DensityCorrelations(order=2, cutoff=3.0), 0, 0
    for atoms in frames:
        (pairs,) = find_pairs([atoms], cutoff=3.0)
        environments = Environments.of([(0, atoms, pairs)])
        for environment in (environments[place] for place in range(len(atoms))):
            order = np.argsort(environment.numbers[1:], kind="stable")
            near = Neighbors(
                environment.places[1:][order][None], environment.numbers[1:][order][None]
            )
            settings = {"cutoff": 3.0, "tolerance": 1e-3}
            (site,) = find_sites(near, **settings, invariance=invariance)
            expected = site_symmetry(environment.atoms, center=0, **settings)
            if site is not None:
                assert site.symbol == expected.group.symbol
                if len(expected.levels) > 1 or expected.group.deviation > 1e-8:
                    inexact += 1
                    found = count_causes(environment.atoms, descriptor, centers=[0], tolerance=1e-3)
                    assert site.hidden == found.counts["symmetry"] or not inversion
                    continue
                known += 1
                group = expected.group.binding(invariance)
                size = {"count": len(environment.numbers)}
                hidden = len(hidden_by_symmetry([expected], [group], **size))
                free = len(hidden_by_symmetry([expected], [None], **size))
                assert site.hidden == hidden - free
    assert known > 80
    assert inexact > 20


@pytest.mark.parametrize("name", ["Td", "X0", "C3v", "planar"])
def test_counted_causes_are_those_of_a_diagnosis(name) -> None:
    atoms = structures.load(name)
    found, expected = (
        count_causes(atoms, DESCRIPTOR, centers=[0], tolerance=1e-3),
        diagnose(atoms, DESCRIPTOR, centers=[0]),
    )
    assert found.counts == expected.counts
    for cause, values in found.values.items():
        if cause not in ("rotation", "translation"):
            singular = [mode.singular_value for mode in expected.of(cause)]
            assert np.sort(values) == pytest.approx(np.sort(singular), abs=1e-14)
