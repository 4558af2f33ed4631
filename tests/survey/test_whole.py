"""Rows of whole frames, and the nearest singular points, equal those of single calls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import DensityCorrelations, diagnose, locate, spectrum, structures, survey
from sensitivity.diagnosis import CAUSES

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)


def mixed_frames() -> list[Atoms]:
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.05, seed=1)
    names = ("CH4", "CO2", "C6H6", "X0", "NaCl-rocksalt")
    return [*(structures.load(name) for name in names), Atoms("He"), silicon]


def test_rows_of_whole_frames_equal_their_spectra() -> None:
    frames = mixed_frames()
    table = survey(frames, DESCRIPTOR, causes=False, whole=True).frames()
    for row, atoms in enumerate(frames):
        found = spectrum(atoms, DESCRIPTOR)
        assert (table["whole_internal"][row], table["whole_rank"][row]) == (
            found.internal,
            found.rank,
        )
        if not found.internal:
            assert np.isnan(table["whole_s_max"][row])
            continue
        values = found.singular_values[: found.internal]
        np.testing.assert_allclose(table["whole_s_max"][row], values[0], rtol=1e-12)
        np.testing.assert_allclose(table["whole_s_min"][row], values[-1], atol=1e-13 * found.scale)
        np.testing.assert_allclose(table["whole_condition"][row], found.condition, atol=1e-13)


def test_rows_of_whole_frames_equal_their_diagnoses(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frames = [structures.load("Td"), structures.load("X0"), bulk("Si")]
    found = survey(frames, DESCRIPTOR, whole=True, output=tmp_path / "out")
    table = found.frames()
    for row, atoms in enumerate(frames):
        expected = diagnose(atoms, DESCRIPTOR).counts
        assert {cause: table[f"whole_{cause}"][row] for cause in CAUSES} == expected
    assert table["whole_rank"].tolist() != table["environments"].tolist()
    assert not any(name.startswith("whole") for name in found.table())
    with pytest.raises(ValueError, match="its whole is True, here it is False"):
        survey(frames, DESCRIPTOR, output=tmp_path / "out")


def test_a_whole_frame_that_fails_keeps_the_rows_of_its_environments(monkeypatch) -> None:
    from sensitivity.survey import analysis

    decompose = analysis._decompose

    def refuse(atoms, settings, *, centers):
        if centers is None and len(atoms) == 5:
            raise MemoryError
        return decompose(atoms, settings, centers=centers)

    monkeypatch.setattr(analysis, "_decompose", refuse)
    frames = [structures.load("CH4"), structures.load("H2O")]
    found = survey(frames, DESCRIPTOR, causes=False, whole=True)
    assert found.frames()["error"].tolist() == ["there is not enough memory for it", ""]
    assert found.frames()["whole_rank"].tolist() == [-1, 3]
    assert not any(found.table()["error"])
    assert found.status.endswith("1 frame failed as a whole.")
    assert found.totals.broken == 0
    failures = found.failures()
    assert failures["frame"].tolist() == [0]
    assert failures["error"].tolist() == ["as a whole: there is not enough memory for it"]
    assert "First failure: frame 0: as a whole: there is not enough" in str(found)
    with pytest.raises(ValueError, match="frame 0: there is not enough memory"):
        survey(frames, DESCRIPTOR, causes=False, whole=True, strict=True)


@pytest.mark.slow
def test_the_nearest_singular_points_are_those_of_locate(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    near, descriptor = structures.ch4_pair(3.10, 0.0, sign=1), DensityCorrelations()
    frames = [near, structures.load("generic"), Atoms("He")]
    for reach in (0.3, 0.01):
        found = survey(
            frames,
            descriptor,
            causes=False,
            species=["C", "He"],
            nearest=reach,
            output=tmp_path / str(reach),
        )
        table = found.table()
        for row, frame in enumerate(table["frame"].tolist()):
            alone = structures.environment(frames[frame], 0, descriptor.cutoff)
            point = locate(alone, descriptor, center=0, reach=reach) if len(alone) > 1 else None
            if point is None or not point.converged:
                assert np.isnan(table["distance"][row])
                assert table["nearest_cause"][row] == ""
            else:
                assert table["distance"][row] == pytest.approx(point.moved, abs=1e-9)
                assert table["nearest_cause"][row] == point.cause
        assert np.isnan(table["distance"][0]) == (reach == 0.01)
    manifest = json.loads((tmp_path / "0.3" / "_manifest.json").read_text())
    assert manifest["nearest"] == 0.3


def test_the_search_for_the_nearest_point_has_a_time_limit() -> None:
    found = survey(
        [structures.load("generic")],
        DensityCorrelations(),
        causes=False,
        species=["C"],
        nearest=2.0,
        timeout=0.01,
    )
    table = found.table()
    assert table["error"].tolist() == ["not finished after 0.01 s"]
    assert table["s_min"][0] > 0


def test_a_reach_is_above_zero() -> None:
    with pytest.raises(ValueError, match="nearest must be a distance above 0"):
        survey([structures.load("H2O")], DESCRIPTOR, nearest=0.0)
