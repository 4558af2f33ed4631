"""A line on a terminal while something takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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

    line = Progress(
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    begin = f"{what} (Ctrl-C stops it)"
    task = line.add_task(begin)
    start = Timer(after, line.start)
    start.start()
    try:
        yield lambda sentence: line.update(task, description=f"{begin}: {sentence}")
    finally:
        start.cancel()
        start.join()
        line.stop()
