"""Uploaded files, read in a separate process with limits on time and memory.

Some short files occupy a reader for hours or fill the memory, and no list of them is complete.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.limits import Limit
from sensitivity.progress import checkpoint
from sensitivity.structures.files.ase_frames import NOTHING, Frame
from sensitivity.structures.files.formats import find_format, scan
from sensitivity.structures.files.sources import Content, UnreadableError


def read_isolated(
    name: str, content: bytes, *, formats: Collection[str], most: int
) -> tuple[Frame, ...]:
    """Return the frames of a file up to a limit, plus one if there are more.

    Its name gives the format if the bytes do not. Raises ValueError if the bytes are compressed,
    contain no structure, have a format that is not in the list (ASE's names), or if reading takes
    too long or too much memory.
    """
    if Content(name, kept=content).unpacker:
        raise ValueError(f"{name} is compressed; unpack it first.")
    question = json.dumps({"name": name, "formats": sorted(formats), "most": most})
    found = json.loads(_ask(name, question, content))
    if isinstance(found, str):
        raise ValueError(found)
    return tuple(_unpack(*each) for each in found)


def _ask(name: str, question: str, content: bytes) -> bytes:
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",  # each thread reserves memory
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)]),
    }
    command = [sys.executable, "-P", "-m", __name__, question]
    # From a file: a pipe takes 64 KiB, and communicate writes no more after its first timeout.
    with TemporaryFile() as given:
        given.write(content)
        given.seek(0)
        with Popen(command, stdin=given, stdout=PIPE, stderr=DEVNULL, env=environment) as process:
            try:
                output = _wait(process)
            finally:
                process.kill()
    if output and not process.returncode:
        return output
    problem = f"failed (status {process.returncode}), most likely because it {_too_much()}"
    remedy = "give a smaller file"
    if output is None:
        problem = f"takes more than {Limit.READING_SECONDS} s"
        remedy += ", or try again if the computer is busy"
    raise ValueError(f"reading the file {name} {problem}; {remedy}.")


def _wait(process: Popen[bytes]) -> bytes | None:
    beat = 0.1  # seconds between checks for cancellation
    for _ in range(round(Limit.READING_SECONDS / beat)):
        checkpoint()
        with suppress(TimeoutExpired):
            return process.communicate(timeout=beat)[0]
    return None


def main() -> None:
    """Read standard input as requested by the only argument, and write the frames as JSON."""
    _limit()
    question = json.loads(sys.argv[1])
    content = Content(question["name"], kept=sys.stdin.buffer.read())
    try:
        form = find_format(content)
        if form not in question["formats"]:
            remedy = "give xyz, cif, POSCAR or pdb"
            raise UnreadableError(f"its format, {form}, is not read here; {remedy}")
        frames = islice(scan(content, form, None), question["most"] + 1)
        found: Any = [_pack(pending()) for pending in frames]
        if not found:
            raise UnreadableError(NOTHING.problem)
    except UnreadableError as error:
        found = f"cannot read the file {content.name} as a structure: {error}."
    except MemoryError:
        found = f"reading the file {content.name} {_too_much()}; give a smaller file."
    sys.stdout.write(json.dumps(found))


def _too_much() -> str:
    return f"takes more than {Limit.READING_MEMORY / 1e9:g} GB of memory"


def _limit() -> None:
    """Limit this process; the processor time only matters if the parent has ended."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, 2 * (Limit.READING_MEMORY,))
    resource.setrlimit(resource.RLIMIT_CPU, 2 * (2 * Limit.READING_SECONDS,))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _pack(frame: Frame) -> list[Any]:
    names = ("numbers", "positions", "cell", "pbc")
    values = frame.atoms and frame.atoms.todict()
    packed = values and {name: values[name].tolist() for name in names}
    quantities = {name: values.tolist() for name, values in frame.quantities.items()}
    return [packed, frame.notes, frame.problem, quantities]


def _unpack(packed: Any, notes: list[str], problem: str, quantities: dict[str, Any]) -> Frame:
    atoms = packed and Atoms(**packed)
    arrays = {name: np.array(values, dtype=float) for name, values in quantities.items()}
    return Frame(atoms, tuple(notes), problem, quantities=arrays)


if __name__ == "__main__":
    main()
