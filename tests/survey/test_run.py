"""A survey in several processes: the rows of one, also if a process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ase import Atoms
from test_folder import assert_same, rattled_frames

from sensitivity import DensityCorrelations, structures, survey
from sensitivity.survey import run
from sensitivity.survey.frames import NumberedFrame, pack, unpack

SMALL = {"cutoff": 3.0, "n_max": 3, "l_max": 3}


def test_packed_frames_are_the_same() -> None:
    frames = [
        NumberedFrame(3, structures.load("NaCl-rocksalt")),
        NumberedFrame(4, None, "it is damaged"),
        NumberedFrame(7, Atoms()),
        NumberedFrame(8, structures.load("CH4")),
    ]
    assert unpack(pack(frames)) == frames


class Deadly(DensityCorrelations):
    """Kills its process where it sees sulfur."""

    def like_gradients(self, vectors, numbers, *, species):
        if 16 in species:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().like_gradients(vectors, numbers, species=species)


@pytest.mark.slow
@pytest.mark.parametrize("in_folder", [False, True])
def test_rows_do_not_depend_on_the_number_of_processes(tmp_path, monkeypatch, in_folder) -> None:
    monkeypatch.setattr(run, "_PART", {False: 60})
    frames, descriptor = rattled_frames(100), DensityCorrelations(**SMALL)
    output = tmp_path / "out" if in_folder else None
    found = survey(frames, descriptor, causes=False, workers=2, output=output)
    expected = survey(frames, descriptor, causes=False)
    assert_same(found.table(), expected.table())
    assert_same(found.frames(), expected.frames())


@pytest.mark.slow
def test_a_frame_whose_process_dies_becomes_a_row(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(run, "_PART", {False: 20})
    frames = rattled_frames(30)
    frames.insert(11, structures.load("H2S"))
    found = survey(frames, Deadly(**SMALL), causes=False, workers=2, output=tmp_path / "out")
    table = found.table()
    assert "process died" in table["error"][table["frame"] == 11].item()
    others = table["frame"] != 11
    expected = survey([*frames[:11], *frames[12:]], DensityCorrelations(**SMALL), causes=False)
    assert table["s_min"][others] == pytest.approx(expected.table()["s_min"], abs=1e-9)
    with pytest.raises(ValueError, match="frame 11: its process died"):
        survey(frames, Deadly(**SMALL), causes=False, workers=2, strict=True)


SCRIPT = """
from sensitivity import DensityCorrelations, structures, survey
descriptor = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)
frames = [structures.load("CH4"), structures.load("H2O")]
survey(frames, descriptor, causes=False, workers=2, output=OUTPUT)
"""


@pytest.mark.slow
@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("in_folder", [False, True])
def test_processes_that_cannot_start_are_one_error_and_no_rows(tmp_path, in_file, in_folder):
    """A script on standard input cannot be imported; one without a guard starts itself again."""
    out = tmp_path / "out"
    script = SCRIPT.replace("OUTPUT", repr(str(out)) if in_folder else "None")
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "script.py" if in_file else "-"]
    found = subprocess.run(
        command, input=script, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: the processes of workers cannot start: each imports")
    assert 'within if __name__ == "__main__":, or give workers=1' in last
    assert not list(out.glob("*.parquet"))
    frames = [structures.load("CH4"), structures.load("H2O")]
    output = out if in_folder else None
    found = survey(frames, DensityCorrelations(**SMALL), causes=False, workers=2, output=output)
    assert found.status == "8 environments of 2 frames, none failed."
