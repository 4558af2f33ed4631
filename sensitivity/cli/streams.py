"""Standard output and standard error, which may be closed, full, or without a reader."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from sensitivity.notes import visible


def prepare_streams() -> None:
    """Give every closed stream the null device, and let no character fail to be written.

    A closed stream would make ``print`` fail, or take another stream; and the next file that is
    opened would get its number, with all that a library writes there.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        with suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may have no Å


def report(text: str) -> None:
    """Print a result; BrokenPipeError if its reader has gone, ValueError if it takes no data."""
    try:
        sys.stdout.writelines(f"{visible(line)}\n" for line in text.split("\n"))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
        raise
    except OSError as error:
        _discard(sys.stdout)
        raise ValueError(
            f"the standard output cannot be written ({error.strerror or error}), and the report is "
            "lost; send it to another file."
        ) from error


def tell(text: str) -> None:
    """Print one line on standard error, after the name of the command; do nothing if it fails."""
    try:
        sys.stderr.write(f"sensitivity: {visible(one_line(text))}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def one_line(text: str) -> str:
    """Return text with line breaks replaced by spaces; names keep their other spaces."""
    return re.sub(r"\s*\n\s*", " ", text.strip())


@contextmanager
def notes() -> Iterator[None]:
    """Print warnings of this package as notes, each once, at the end; libraries' are dropped."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            own = (one for one in caught if one.category.__module__.startswith("sensitivity"))
            for message in dict.fromkeys(str(one.message) for one in own):
                tell(f"note: {message}")


@contextmanager
def tell_progress(what: str, *, after: float = 1.0) -> Iterator[Callable[[str], None]]:
    """Show in one line of a terminal on standard error what goes on, and for how long.

    Gives a function that takes a sentence, which is shown too. Nothing is shown before ``after``
    seconds: a quick answer needs no such line.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from threading import Timer

    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    line = Progress(
        # Where there is no room, the hint is left out, then the end of the sentence, not the time.
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=len("0:00:00"))),
        expand=True,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    hint, room = " (Ctrl-C stops)", line.console.width - len(" 0:00:00")
    task = line.add_task(what + hint)

    def show(sentence: str) -> None:
        text = f"{what}: {sentence}"
        line.update(task, description=text + hint * (len(text + hint) <= room))

    start = Timer(after, line.start)
    start.start()
    try:
        yield show
    finally:
        start.cancel()
        start.join()
        line.stop()


def _discard(stream: TextIO) -> None:
    """Send the rest to the null device: Python flushes once more at exit, and would complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
