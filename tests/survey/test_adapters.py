"""Rows of adapters depend on the environment alone, not on what was analysed before."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from ase import Atoms
from test_folder import assert_same
from test_invariance import directed, handed

from sensitivity import diagnose, structures, survey
from sensitivity.descriptors import Adapter, Normalized, Stacked
from sensitivity.descriptors.from_function import Function
from sensitivity.progress import checkpoint
from sensitivity.survey import run
from sensitivity.survey.analysis import Settings


def partly(atoms: Atoms) -> np.ndarray:
    """Return features that depend on the axes where there is nitrogen, and on handedness at S."""
    rows = []
    for place in atoms.positions:
        arms = atoms.positions - place
        r = np.linalg.norm(arms, axis=1)
        faded = np.where(r < 3.0, np.cos(np.pi * np.minimum(r, 3.0) / 6.0) ** 4, 0.0)
        w = np.stack([(faded * r**n) @ arms for n in range(3)])
        gram = (w @ w.T)[np.triu_indices(3)]
        tilt = faded @ arms[:, 0] if 7 in atoms.numbers else 0.0
        rows.append([*(faded @ r[:, None] ** [1, 2, 3]), *gram, tilt])
    return np.array(rows) + (16 in atoms.numbers) * handed(atoms)[:, 2:3]


def make() -> Function:
    return Function(partly, cutoff=3.0)


def mixed_frames() -> list[Atoms]:
    frames = [structures.load(name) for name in ("CH4", "NH3", "H2O", "H2S", "H2O", "NH3")]
    frames[4].rattle(0.05, seed=4)
    return frames


def rows_of(found) -> dict[str, np.ndarray]:
    return {name: values for name, values in found.table().items() if name != "seconds"}


def assert_equal(one, other) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_rows_depend_on_no_other_frame_and_no_order() -> None:
    frames, together = mixed_frames(), rows_of(survey(mixed_frames(), make()))
    backwards = rows_of(survey(frames[::-1], make()))
    used = make()
    for number, frame in enumerate(frames):
        alone = rows_of(survey([frame], make()))
        again = rows_of(survey([frame], used))
        for known, place in ((together, number), (backwards, len(frames) - 1 - number)):
            chosen = known["frame"] == place
            part = {name: values[chosen] for name, values in known.items()}
            assert_equal(part | {"frame": alone["frame"]}, alone)
        assert_equal(again, alone)
    nitrogen = np.isin(together["frame"], [1, 5])
    assert not together["symmetry"][nitrogen].any()
    assert together["symmetry"][~nitrogen].any()


@pytest.mark.slow
def test_rows_do_not_depend_on_processes_or_on_the_end_of_a_run(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(run, "_PART", {True: 6, False: 6})
    frames, expected = mixed_frames(), survey(mixed_frames(), make())
    out = tmp_path / "out"
    survey(frames[:3], make(), output=out)
    resumed = survey(frames, make(), output=out)
    spread = survey(frames, make(), workers=2)
    for found in (resumed, spread):
        assert_same(found.table(), expected.table())
        assert_equal(rows_of(found), rows_of(expected))
        assert found.remarks == expected.remarks
        assert any("when all atoms are turned" in remark for remark in found.remarks)


def test_rows_are_those_of_a_diagnosis_of_each_environment() -> None:
    frames = mixed_frames()
    table = survey(frames, make()).table()
    for row in range(0, len(table["frame"]), 3):
        number, center = int(table["frame"][row]), int(table["center"][row])
        alone = structures.environment(frames[number], center, 3.0)
        expected = diagnose(alone, make(), centers=[0]).counts
        assert {cause: int(table[cause][row]) for cause in expected} == dict(expected)


@pytest.mark.parametrize(
    "wrap", [lambda each: Stacked([each]), Normalized], ids=["stacked", "normalized"]
)
def test_descriptors_of_adapters_are_as_invariant_as_these(wrap) -> None:
    descriptor = wrap(Function(directed, cutoff=3.0))
    found = survey([structures.load("H2O")], descriptor).table()
    assert not found["symmetry"].any()
    expected = survey([structures.load("H2O")], Function(directed, cutoff=3.0)).table()
    assert found["equivalent_to"].tolist() == expected["equivalent_to"].tolist()


def lengths(atoms: Atoms) -> np.ndarray:
    """Return three features of all atoms, invariant to all operations."""
    gaps = atoms.get_all_distances()
    weights = np.outer(atoms.numbers, atoms.numbers)
    return np.array([(weights * np.exp(-a * gaps**2)).sum() for a in (0.2, 0.4, 0.8)])


def of_element(atoms: Atoms, number: int) -> np.ndarray:
    return atoms.positions[atoms.numbers == number]


def oriented(atoms: Atoms) -> np.ndarray:
    """Return features of CH2O; a triple product is odd in inversion, and in exchange of H."""
    arms = (
        np.array([*of_element(atoms, 1)[:2], *of_element(atoms, 8)[:1]]) - of_element(atoms, 6)[0]
    )
    return np.append(lengths(atoms), np.linalg.det(arms))


def antisymmetric(atoms: Atoms) -> np.ndarray:
    """Return features of NH3; the product is odd in exchange of two H, even in cycles of three."""
    r = np.linalg.norm(of_element(atoms, 1)[:3] - of_element(atoms, 7)[0], axis=1)
    return np.append(lengths(atoms), (r[0] - r[1]) * (r[1] - r[2]) * (r[2] - r[0]))


def doubly_antisymmetric(atoms: Atoms) -> np.ndarray:
    """Return features of C2H2 that are odd in exchange of its H, and of its C, but not of both."""
    carbon, hydrogen = of_element(atoms, 6)[:2], of_element(atoms, 1)[:2]
    middle = atoms.positions.mean(axis=0)
    unlike = np.linalg.norm([carbon - middle, hydrogen - middle], axis=2)
    return np.append(lengths(atoms), np.prod(np.diff(unlike)))


def turned_and_ordered(atoms: Atoms) -> np.ndarray:
    """Return features of H2O that depend on the axes, and on the order of H."""
    first, second = of_element(atoms, 1)[:2] - of_element(atoms, 8)[0]
    return np.append(lengths(atoms), [first[0], second[1]])


@pytest.mark.parametrize(
    ("function", "name", "broken"),
    [
        (lengths, "CH3OH", set()),
        (oriented, "H2CO", {"permutation", "inversion"}),
        (antisymmetric, "NH3", {"permutation"}),
        (doubly_antisymmetric, "C2H2", {"permutation"}),
        (turned_and_ordered, "H2O", {"rotation", "permutation", "inversion"}),
    ],
)
def test_broken_invariances_do_not_cancel(function, name: str, broken: set[str]) -> None:
    descriptor = Function(function, cutoff=9.0)
    trust = descriptor.measured_on(structures.load(name), centers=[0]).trust
    assert all(descriptor._usual.values())  # else all properties are measured one by one
    changes = {each: getattr(trust, each) for each in ("rotation", "permutation", "inversion")}
    assert {each for each, change in changes.items() if change > 1e-9} == broken


def test_causes_of_a_triple_product_are_those_of_a_diagnosis() -> None:
    planar = structures.load("H2CO")
    center = [atom.symbol for atom in planar].index("C")
    row = survey([planar], Function(oriented, cutoff=9.0), species=["C"]).table()
    alone = structures.environment(planar, center, 9.0)
    expected = diagnose(alone, Function(oriented, cutoff=9.0), centers=[0]).counts
    assert {cause: int(row[cause][0]) for cause in expected} == dict(expected)


class Counted(Adapter):
    """Counts its calls."""

    cutoff = 3.0

    def __init__(self) -> None:
        self.calls: list[int] = []

    def _features(self, atoms, centers):
        self.calls.append(len(atoms))
        return partly(atoms)[list(centers)]


def test_few_calls_measure_an_environment_of_known_elements() -> None:
    descriptor = Counted()
    counts = []
    for seed in range(3):
        water = structures.load("H2O")
        water.rattle(0.05, seed=seed)
        before = len(descriptor.calls)
        descriptor.measured_on(water, centers=[0])
        counts.append(len(descriptor.calls) - before)
    assert counts[0] > 100
    # The structure; turned, with its hydrogen atoms exchanged; exchanged alone; inverted.
    assert counts[1:] == [4, 4]


def test_another_process_keeps_what_it_measured_from_part_to_part() -> None:
    settings = Settings(make(), True, None, 1e-3, None, False)
    one, other = pickle.loads(pickle.dumps(settings)), pickle.loads(pickle.dumps(settings))
    assert one is other
    assert (one.causes, one.tolerance, one.descriptor.cutoff) == (True, 1e-3, 3.0)


def test_a_random_function_and_one_that_refuses_a_structure_give_rows() -> None:
    rng = np.random.default_rng(0)

    def random(atoms: Atoms) -> np.ndarray:
        return rng.normal(size=(len(atoms), 3))

    def refuses(atoms: Atoms) -> np.ndarray:
        if 8 in atoms.numbers:
            raise KeyError("no oxygen")
        return partly(atoms)

    found = survey([structures.load("H2O")], Function(random, cutoff=3.0)).table()
    assert all("is random" in error for error in found["error"])
    both = [structures.load("H2O"), structures.load("CH4")]
    found = survey(both, Function(refuses, cutoff=3.0)).table()
    assert ["no oxygen" in error for error in found["error"]] == [True] * 3 + [False] * 5


@pytest.mark.parametrize("in_folder", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_only_environments_of_chosen_centers_are_given_to_a_function(
    tmp_path, monkeypatch, in_folder, backwards
) -> None:
    """Features of whole frames could need more time or memory than any environment."""
    if in_folder:
        pytest.importorskip("pyarrow")
    calls = list[list[int]]()

    def counted(atoms: Atoms) -> np.ndarray:
        calls.append(atoms.numbers.tolist())
        return partly(atoms)

    monkeypatch.setattr(Function, "measured_on", lambda self, *_, **__: self)
    monkeypatch.setattr(Function, "examine", lambda self, *_, **__: None)
    chain = Atoms("F" * 12, [[2.0 * place, 0.0, 0.0] for place in range(12)])
    frames = [chain, structures.load("H2O")][:: -1 if backwards else 1]
    output = tmp_path / "out" if in_folder else None
    for _ in range(2 if in_folder else 1):
        survey(frames, Function(counted, cutoff=3.0), species=["O"], causes=False, output=output)
    assert {tuple(numbers) for numbers in calls} == {(8, 1, 1)}


def test_features_of_the_folder_have_the_time_limit(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    late = [False]

    def slow(atoms: Atoms) -> np.ndarray:
        while late[0]:
            checkpoint()
        return partly(atoms)

    frames, arguments = [structures.load("H2O")], {"causes": False, "output": tmp_path}
    expected = survey(frames, Function(slow, cutoff=3.0), **arguments, timeout=100.0)
    late[0] = True
    found = survey(frames, Function(slow, cutoff=3.0), **arguments, timeout=0.05)
    assert_same(found.table(), expected.table())


def test_the_error_of_a_failed_environment_is_no_error_of_the_folder(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    added = [0.0]

    def refuses(atoms: Atoms) -> np.ndarray:
        if 8 in atoms.numbers:
            raise KeyError("no oxygen")
        return partly(atoms) + added[0]

    frames, arguments = [structures.load("H2O"), structures.load("CH4")], {"causes": False}
    for _ in range(2):
        found = survey(frames, Function(refuses, cutoff=3.0), **arguments, output=tmp_path)
        assert found.status == "8 environments of 2 frames, 3 environments failed."
    added[0] = 1.0
    with pytest.raises(ValueError, match="its features of frame 1 differ"):
        survey(frames, Function(refuses, cutoff=3.0), **arguments, output=tmp_path)


def test_a_measurement_has_the_time_limit_of_an_environment() -> None:
    def slow(atoms: Atoms) -> np.ndarray:
        time.sleep(0.002)
        return partly(atoms)

    found = survey([structures.load("H2O")], Function(slow, cutoff=3.0), timeout=0.05).table()
    assert set(found["error"]) == {"not finished after 0.05 s"}
