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
    """Redirect closed streams to the null device, and replace characters that cannot be encoded.

    With a closed stream ``print`` would fail, or use another stream; and the next opened file would
    get its descriptor, together with the output of libraries.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        with suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
        os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may have no Å


def report(text: str) -> None:
    """Print a result; BrokenPipeError if its reader has closed, ValueError if writing fails."""
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
    """Print one line on standard error, after the name of the command; ignore failures."""
    try:
        sys.stderr.write(f"sensitivity: {visible(one_line(text))}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def one_line(text: str) -> str:
    """Return the text with line breaks replaced by spaces; other spaces are kept."""
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
    """Show the current task and its duration in one terminal line on standard error.

    Yields a function that takes a sentence to be shown, too. The line appears only after ``after``
    seconds, so that quick results need none.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from threading import Timer

    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    line = Progress(
        # In a narrow terminal the hint is left out, then the end of the sentence, never the time.
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
    """Send the rest to the null device: Python flushes again at exit, and would report an error."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
