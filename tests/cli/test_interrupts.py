"""Ctrl-C at any moment: status 130, no traceback, and nothing half-written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import pytest

from sensitivity.cli import ctrl_c
from sensitivity.cli.main import main

INTERRUPTED = f"sensitivity: {ctrl_c.MESSAGE}\n"
ENTRIES = {
    "module": [sys.executable, "-m", "sensitivity"],
    "script": [str(Path(sys.executable).parent / "sensitivity")],
}
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")

# Tells through a pipe when the package begins to run. Python's own start is before it.
BEGIN = """
import os, sys
def tell(frame, event, _):
    if frame.f_code.co_filename.endswith(os.path.join("sensitivity", "__init__.py")):
        sys.setprofile(None)
        os.write(PIPE, b"1")
sys.setprofile(tell)
"""


def start(entry: str, line: str, folder: Path, code: str = BEGIN) -> subprocess.Popen[str]:
    """Start the command, with this code before it, which closes a pipe or writes to it."""
    read, write = os.pipe()
    (folder / "sitecustomize.py").write_text(code.replace("PIPE", str(write)))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [*ENTRIES[entry], *line.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        pass_fds=[write],
        env=os.environ | {"PYTHONPATH": path},
    )
    os.close(write)
    os.read(read, 1)
    os.close(read)
    return process


LINES = [
    "diagnose CH4 --json",
    "analyze C6H6 --json --plot plot.svg",
    "locate X+ --count 3 --json --output out.xyz",
    "twin X+ --amplitude 0.3 --json --output out.xyz",
    "follow X+ --length 2 --json --output out.xyz",
    "invert X+ --rattle 0.2 --center 0 --json --output out.xyz",
    "structures --json",
    "analyze X+ --descriptor own.py:own --json",
]
TRIES = 13  # of each line: 104 altogether
OWN = """
from sensitivity import DensityCorrelations
own = DensityCorrelations(order=1)
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_an_interrupt_at_any_moment(line: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    before, begin = {"own.py", "sitecustomize.py", "out.xyz", "plot.svg"}, time.monotonic()
    out, err = start("script", line, tmp_path).communicate(timeout=60)
    assert json.loads(out), err
    duration = time.monotonic() - begin
    moments = random.Random(line)
    for number in range(TRIES):
        (tmp_path / "out.xyz").unlink(missing_ok=True)
        process = start("script" if number % 2 else "module", line, tmp_path)
        time.sleep(moments.uniform(1e-3, duration))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode in {0, 130}, err
        assert "Traceback" not in err
        assert err in ({"", INTERRUPTED} if out else {INTERRUPTED})
        assert not out or json.loads(out)["structures" if "structures" in line else "descriptor"]
        assert out or process.returncode == 130
        assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} <= before
        if (tmp_path / "out.xyz").exists():
            assert ase.io.read(tmp_path / "out.xyz", index=":")


@posix
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_interrupt_while_the_handler_is_set(entry: str, tmp_path: Path) -> None:
    code = """
import signal, sys
def interrupt(frame, event, _):
    name = frame.f_code.co_filename
    if name.endswith("ctrl_c.py") and event == "line":
        signal.raise_signal(signal.SIGINT)
    return interrupt if "sensitivity" in name else None
sys.settrace(interrupt)
"""
    with start(entry, "diagnose CH4", tmp_path, code) as process:
        assert process.communicate(timeout=60) == ("", INTERRUPTED)
    assert process.returncode == 130


@pytest.mark.slow
@posix
def test_an_interrupt_that_the_parent_ignores_is_ignored(tmp_path: Path) -> None:
    """As of a job in the background of a script."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [sys.executable, "-c", code, *ENTRIES["module"], "structures", "CH4", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(20):
            process.send_signal(signal.SIGINT) if _ > 5 else None
            time.sleep(0.02)
        assert json.loads(process.communicate(timeout=60)[0])["structures"]
    assert process.returncode == 0


@pytest.mark.slow
def test_the_library_and_main_with_arguments_change_no_handler() -> None:
    code = (
        "import signal\nbefore = signal.getsignal(signal.SIGINT)\n"
        "from sensitivity.cli.main import main\nmain(['analyze', 'CH4', '--n-max', '1'])\n"
        "assert signal.getsignal(signal.SIGINT) is before is signal.default_int_handler"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    assert main(["structures", "CH4"]) == 0
    assert signal.getsignal(signal.SIGINT) is not ctrl_c._leave


@posix
def test_what_is_being_written_is_finished(tmp_path: Path) -> None:
    """After it, the command ends; a second interrupt ends it at once."""
    code = (
        "import os, signal, sys\nfrom sensitivity.cli import ctrl_c\n"
        "ctrl_c.leave_on_interrupt()\n"
        "with ctrl_c.finishing():\n"
        "    for _ in range(int(sys.argv[1])): signal.raise_signal(signal.SIGINT)\n"
        "    os.write(1, b'written')\n"
        "os.write(1, b' and more')"
    )
    expected = {0: (0, "written and more", ""), 1: (130, "written", INTERRUPTED)}
    for number, outcome in {**expected, 2: (130, "", INTERRUPTED)}.items():
        words = [sys.executable, "-c", code, str(number)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == outcome


# Tells when JupyterLab is about to take the place of the command.
REPLACED = """
import os, sys
def tell(frame, event, called):
    if event == "c_call" and called is os.execv:
        sys.setprofile(None)
        os.write(PIPE, b"1")
if "-c" not in sys.orig_argv:
    sys.setprofile(tell)
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.2, 2.0])
def test_an_interrupt_until_jupyterlab_serves(moment: float, tmp_path: Path) -> None:
    pytest.importorskip("jupyterlab")
    process = start("module", "lab --no-browser --port 0", tmp_path, REPLACED)
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    serves = "JupyterLab is at" in out
    # JupyterLab answers shortly before it says where it is, and ends with 0.
    answers = {0} if serves else {0, 130} if moment > 0.2 else {130}
    assert process.returncode in answers, err
    assert serves or out == ""
