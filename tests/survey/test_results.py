"""Results of a survey: the worst environments, sums, the summary, and a folder that is opened."""

from __future__ import annotations

import re
from itertools import repeat

import numpy as np
import pytest
from ase import Atoms
from test_folder import assert_same, rattled_frames

from sensitivity import DensityCorrelations, open_survey, spectrum, structures, survey
from sensitivity.survey import Survey, ranking
from sensitivity.survey.folder import _parquet, read, read_facts
from sensitivity.survey.summary import label_environment

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)


def planted(condition: float, *, descriptor: DensityCorrelations) -> Atoms:
    """X0, which is singular, with an atom moved off its mirror plane to have this condition."""
    atoms, shift = structures.load("X0"), condition
    for _ in range(20):  # the condition is proportional to the distance
        atoms.positions[4] = structures.load("X0").positions[4] + [0.0, shift, 0.0]
        shift *= condition / spectrum(atoms, descriptor, centers=[0]).condition
    return atoms


def test_a_planted_environment_is_the_first_row_among_zeros_of_symmetry() -> None:
    descriptor = DensityCorrelations()
    special = planted(1e-9, descriptor=descriptor)
    symmetric = [structures.load(name) for name in ("CH4", "NH3", "BF3", "C2H4", "Td")]
    frames = [*symmetric, *rattled_frames(8)[:3], special, *symmetric]
    found = survey(frames, descriptor, species=["B", "C", "N"])
    worst = found.worst(3)
    assert (worst["frame"][0], worst["center"][0]) == (8, 0)
    assert worst["condition_without_symmetry"][0] == pytest.approx(1e-9, rel=1e-3)
    assert (np.diff(found.worst()["condition_without_symmetry"]) >= 0).all()
    table = found.table()
    assert (table["condition"] < 1e-5).sum() > 8  # zeros of symmetry, of other frames
    assert "frame 8, C0:" in found.summary


def test_without_causes_the_smallest_conditions_come_first() -> None:
    found = survey(rattled_frames(8), DESCRIPTOR, causes=False)
    table, worst = found.table(), found.worst(5)
    assert worst["condition"].tolist() == np.sort(table["condition"])[:5].tolist()
    assert found.totals.displacements.keys() <= {"invisible"}


def test_equal_centers_are_listed_once() -> None:
    found = survey([structures.load("CH4")], DESCRIPTOR, causes=False)
    assert found.worst()["center"].tolist() in ([0, 1], [1, 0])


def test_totals_are_sums_of_the_rows() -> None:
    frames = [Atoms(), structures.load("X0"), structures.load("CH4"), *rattled_frames(2)]
    found = survey(frames, DensityCorrelations(n_max=4, l_max=4))
    table, totals = found.table(), found.totals
    assert (totals.frames, totals.broken) == (5, 1)
    assert totals.environments == (table["error"] == "").sum()
    for cause in ("symmetry", "incompleteness", "truncation"):
        number = table[cause].clip(min=0)
        assert totals.displacements.get(cause, 0) == number.sum()
        assert totals.affected.get(cause, 0) == (number > 0).sum()
    assert found.failures()["frame"].tolist() == [0]


def test_the_most_serious_cause_leads() -> None:
    names = [*ranking.INVISIBLE, "frame"]
    rows = {name: np.array([0, 0, 0, 0]) for name in names}
    rows["symmetry"], rows["truncation"] = np.array([0, 2, 2, -1]), np.array([0, 0, 1, -1])
    assert ranking.leading_causes(rows).tolist() == [
        *("sensitive", "symmetry", "truncation", "sensitive")
    ]


def test_the_summary_has_about_ten_lines_and_says_what_to_do() -> None:
    frames = [structures.load("X0"), structures.load("CH4"), *rattled_frames(8)]
    found = survey(frames, DensityCorrelations())
    lines = str(found).splitlines()
    assert lines[0] == found.status
    assert lines[1].startswith("Invisible displacements: ")
    assert sum(line.count("frame ") for line in lines if line.startswith("  ")) == 10
    assert 8 <= len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert "Symmetry: nothing to do: no basis and no order sees them." in lines
    assert any(line.startswith("Incompleteness: a higher order") for line in lines)


def test_columns_of_the_summary_do_not_touch() -> None:
    frames = repeat(planted(1e-9, descriptor=DensityCorrelations()), 100_000)
    found = survey(frames, DensityCorrelations(), species=["C"], every=9999, limit=10)
    worst = [line for line in str(found).splitlines() if line.startswith("  ")]
    places = re.findall(r"frame (\d+), C0: 1.0e-09 incompleteness(?:  |$)", "\n".join(worst), re.M)
    assert sorted(map(int, places)) == list(range(0, 99_990, 9999))
    assert max(map(len, worst)) <= 80


def test_a_summary_of_nothing_is_one() -> None:
    found = survey([Atoms()], DESCRIPTOR)
    lines = str(found).splitlines()
    assert lines[:2] == [
        "0 environments of 1 frame, 1 frame could not be analysed.",
        "Invisible displacements: none.",
    ]
    assert lines[2].startswith("First failure: frame 0: the structure has no atoms")
    assert len(found.worst()["frame"]) == 0


def test_a_row_without_a_condition_has_the_reason_and_no_zero() -> None:
    frames = [Atoms("H2"), Atoms("He"), structures.load("CH4")]
    table = survey(frames, DESCRIPTOR).table()
    rows = [{name: values[[k]] for name, values in table.items()} for k in range(3)]
    rows[2]["condition_without_symmetry"][:] = np.nan  # as if nothing else was left
    assert [label_environment(row) for row in rows] == [
        "frame 0 could not be analysed",
        "frame 1, He0 no internal displacements",
        "frame 2, C0 symmetry hides all displacements",
    ]


def test_environments_of_rows_are_cut_out_again() -> None:
    frames = rattled_frames(6)
    found = survey(frames, DESCRIPTOR, causes=False, every=2)
    environments = found.environments(frames)
    worst = found.worst()
    for place, atoms in enumerate(environments):
        number, center = int(worst["frame"][place]), int(worst["center"][place])
        expected = structures.environment(frames[number], center, DESCRIPTOR.cutoff)
        assert np.array_equal(atoms.positions, expected.positions)
        assert atoms.info["condition"] == worst["condition"][place]
    with pytest.raises(ValueError, match="frames must be those of the survey; there is no frame"):
        found.environments(frames[:1], rows=found.table())
    with pytest.raises(ValueError, match="frames must be those of the survey; frame 0 has no C"):
        found.environments(frames[3:], rows=found.table())


def test_a_folder_is_opened_and_read_part_by_part(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pyarrow")
    from sensitivity.survey import run

    monkeypatch.setattr(run, "_PART", {False: 20})
    frames = rattled_frames(24)
    written = survey(frames, DESCRIPTOR, causes=False, output=tmp_path)
    found = open_survey(tmp_path)
    parts = list(tmp_path.glob("*.parquet"))
    assert len(parts) > 3
    assert [len(table["frame"]) for table in found.read_environments()] != [len(written.table())]
    expected = survey(frames, DESCRIPTOR, causes=False)
    assert_same(found.table(), expected.table())
    assert_same(found.worst(7), expected.worst(7))
    assert found.totals == expected.totals
    assert str(found) == str(expected)
    assert isinstance(found, Survey)
    assert found.environments(frames)[0] == expected.environments(frames)[0]


def test_a_folder_without_a_survey_is_refused(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="there is no survey in"):
        open_survey(tmp_path)
    (tmp_path / "_manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"has a damaged _manifest\.json"):
        open_survey(tmp_path)


def test_rows_of_a_database_are_selected(tmp_path) -> None:
    from ase.db import connect

    path = tmp_path / "set.db"
    with connect(path) as database:
        for number, atoms in enumerate(rattled_frames(4)):
            database.write(atoms, energy_group=number)
    found = survey(path, DESCRIPTOR, causes=False, select="natoms>5")
    assert found.frames()["formula"].tolist() == ["CH4O", "C2H4"]
    assert len(found.environments(path)) == 10
    with pytest.raises(ValueError, match="select needs a file of an ASE database"):
        survey(rattled_frames(1), DESCRIPTOR, select="natoms>5")
    with pytest.raises(ValueError, match="cannot select 'natoms>>5'"):
        survey(path, DESCRIPTOR, select="natoms>>5")


def copy_part(part, to, *, first: int, last: int) -> None:
    """Write the rows of a part into a folder, as those of other frames."""
    for folder in ("", "_frames"):
        source = part.parent / folder / part.name
        facts = read_facts(source)._replace(frames=(first, last))
        target = to / folder / f"frames-{first:09d}-{last:09d}.parquet"
        target.write_bytes(_parquet(read(source), facts))


def large_folder(path, *, parts: int) -> tuple[Survey, int]:
    """A folder with many copies of the rows of a survey; returns the rows of one part, too."""
    frames = [structures.load(name) for name in ("CH4", "NH3", "C2H6")] + rattled_frames(8)[:5]
    found = survey(frames, DensityCorrelations(), output=path)
    (part,) = path.glob("*.parquet")
    for copy in range(1, parts):
        copy_part(part, path, first=100 * copy, last=100 * copy + 7)
    return found, len(next(found.read_environments())["frame"])


@pytest.mark.slow
def test_one_planted_environment_is_found_among_100000_with_the_memory_of_a_part(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    import tracemalloc

    found, rows = large_folder(tmp_path / "many", parts=2400)
    special = [planted(1e-9, descriptor=DensityCorrelations())]
    survey(special, DensityCorrelations(), output=tmp_path / "one", species=["C"])
    (part,) = (tmp_path / "one").glob("*.parquet")
    copy_part(part, tmp_path / "many", first=50, last=50)
    assert 2400 * rows > 100_000
    assert found.worst()["condition"][0] == pytest.approx(1e-9, rel=1e-3)
    totals = found.totals
    assert totals.environments == 2400 * rows + 1
    assert totals.affected["symmetry"] >= 2400 * 3
    peaks = []
    for several in (20, 200):
        small, _ = large_folder(tmp_path / str(several), parts=several)
        tracemalloc.start()
        assert small.worst()["frame"].size == 10
        assert small.totals.frames == 8 * several
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 180 * 1000  # bytes: the names of the other parts, not their rows


def test_a_neighbour_at_the_cutoff_is_marked() -> None:
    atoms = structures.load("X0")
    cutoff = float(np.linalg.norm(atoms.positions[1:] - atoms.positions[0], axis=1).max()) + 0.01
    near = DensityCorrelations(cutoff=cutoff, cutoff_width=0.3, n_max=4, l_max=4)
    found = survey([atoms], near, species=["C"])
    assert np.isclose(found.table()["gap"][0], 0.01)
    text = " ".join(str(found).split())
    assert "* a neighbour is within 0.02 Å of the cutoff" in text
    assert "*" not in str(survey([atoms], DensityCorrelations(), species=["C"]))
