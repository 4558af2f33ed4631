"""The memory of a survey with output does not depend on its length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import bulk
from test_folder import rattled_frames

from sensitivity import DensityCorrelations, structures, survey
from sensitivity.structures.extxyz import format_frame

pytest.importorskip("pyarrow")

PROGRAM = """
import re, sys
from pathlib import Path
from sensitivity import DensityCorrelations, survey
descriptor = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)
found = survey(sys.argv[1], descriptor, causes=False, output=sys.argv[2])
print(found, file=sys.stderr)  # reads all parts
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak_memory(source: Path, output: Path) -> int:
    command = [sys.executable, "-c", PROGRAM, str(source), str(output)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.slow
def test_memory_is_constant_from_1000_to_50_000_environments(tmp_path: Path) -> None:
    block = "".join(format_frame(atoms, info={}) for atoms in rattled_frames(200))  # 1000 atoms
    peaks = []
    for blocks in (1, 50):
        source = tmp_path / f"{blocks}.extxyz"
        source.write_text(blocks * block)
        peaks.append(peak_memory(source, tmp_path / f"{blocks}"))
    assert peaks[1] < 1.1 * peaks[0]


def test_an_environment_that_does_not_fit_is_a_row_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crystal, molecule = bulk("Cu", cubic=True), structures.load("CH4")
    crystal.rattle(0.01, seed=0)
    descriptor = DensityCorrelations(order=3, n_max=12, l_max=7, cutoff=5.5)
    monkeypatch.setattr("sensitivity.memory._free", lambda: 2e7)
    rows = survey([crystal, molecule], descriptor, causes=False).table()
    assert [("of memory" in error) for error in rows["error"]] == [True] * 4 + [False] * 5
