"""Uploaded files, read in a separate process with limits on time and memory.

Some short files keep a reader busy for hours or fill the memory, and no list of them is complete.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

from ase import Atoms

from sensitivity.limits import Limit
from sensitivity.structures.files.content import Content
from sensitivity.structures.files.formats import find_format, scan
from sensitivity.structures.files.frames import NOTHING, Frame, UnreadableError


def read_isolated(
    name: str, content: bytes, *, formats: Collection[str], most: int
) -> tuple[Frame, ...]:
    """Return the frames of a file, given its name and what it holds.

    Parameters
    ----------
    name
        Its name, which tells the format if the content does not.
    content
        Its bytes; compressed ones are refused.
    formats
        ASE's names of the formats that may be read.
    most
        No more frames than this are read, and one more that tells that there are more.

    Raises
    ------
    ValueError
        If there is no structure in it, the format is not one of those, or reading it takes too
        long or too much memory; the message says which.
    """
    if Content(name, kept=content).is_packed:
        raise ValueError(f"{name} is compressed; unpack it before it is opened here.")
    question = json.dumps({"name": name, "formats": sorted(formats), "most": most})
    found = json.loads(_ask(name, question, content))
    if isinstance(found, str):
        raise ValueError(found)
    return tuple(map(_unpack, found))


def _ask(name: str, question: str, content: bytes) -> bytes:
    """The answer of a process to a question about a file."""
    seconds, memory = Limit.READING_SECONDS, Limit.READING_MEMORY
    # The limits are set before anything that could fill the memory is imported.
    program = (
        "try:\n"
        "    import resource\n"
        f"    resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))\n"
        f"    resource.setrlimit(resource.RLIMIT_CPU, ({seconds + 1}, {seconds + 1}))\n"
        "    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "except ImportError:\n"  # on Windows
        "    pass\n"
        "from sensitivity.structures.files.isolated import answer\n"
        "answer()"
    )
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",  # each thread reserves memory
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)]),
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program, question],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        try:
            output = _wait(process, content)
        finally:
            process.kill()
    if output is None:
        raise ValueError(f"reading {name} takes more than {seconds} s; give a smaller file.")
    if not output or process.returncode:
        raise ValueError(
            f"reading {name} failed (status {process.returncode}), most likely because it takes "
            f"more than {memory / 1e9:g} GB of memory; give a smaller file."
        )
    return output


def _wait(process: subprocess.Popen[bytes], content: bytes) -> bytes | None:
    """What the process says; None if it takes too long."""
    given: bytes | None = content
    beat = 0.1  # seconds after which the one who waits can be interrupted
    for _ in range(round(Limit.READING_SECONDS / beat)):
        try:
            return process.communicate(given, timeout=beat)[0]
        except subprocess.TimeoutExpired:
            given = None  # it may be given once
    return None


def answer() -> None:
    """Read standard input as the only argument asks, and write the frames as JSON."""
    question = json.loads(sys.argv[1])
    content = Content(question["name"], kept=sys.stdin.buffer.read())
    try:
        form = find_format(content)
        if form not in question["formats"]:
            raise UnreadableError(
                f"its format, {form}, is not read here; give xyz, cif, POSCAR or pdb"
            )
        frames = islice(scan(content, form, None), question["most"] + 1)
        found: Any = [_pack(pending()) for pending in frames]
        if not found:
            raise UnreadableError(NOTHING.problem)
    except UnreadableError as error:
        found = f"cannot read {content.name} as a structure: {error}."
    except MemoryError:
        found = (
            f"reading {content.name} takes more than {Limit.READING_MEMORY / 1e9:g} GB of memory; "
            "give a smaller file."
        )
    sys.stdout.write(json.dumps(found))


def _pack(frame: Frame) -> dict[str, Any]:
    if frame.atoms is None:
        return {"problem": frame.problem}
    atoms = frame.atoms
    return {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "notes": frame.notes,
    }


def _unpack(frame: dict[str, Any]) -> Frame:
    if "problem" in frame:
        return Frame(problem=frame["problem"])
    notes = tuple(frame.pop("notes"))
    return Frame(Atoms(**frame), notes)
