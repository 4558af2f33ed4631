"""The private folder of the server: sockets, settings and caches, for this user only.

The folder and the processes are removed at the end, even if the server is busy.
"""

from __future__ import annotations

import os
import signal
import site
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from threading import Event, Thread

import psutil

from sensitivity.app.server_limits import ServerLimit


@contextmanager
def private_folder() -> Iterator[Path]:
    """Create the folder, with mode 700, and remove it at the end."""
    parent = gettempdir()
    if len(os.fsencode(parent)) > 70:  # the path of a socket in it may have at most 103 bytes
        parent = "/tmp"
    with TemporaryDirectory(prefix="sensitivity-", dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        working_folder(folder).mkdir()
        yield folder


def working_folder(folder: Path) -> Path:
    """Return the working folder of processes, empty because Python imports modules from it."""
    return folder / "empty"


def server_environment(folder: Path) -> dict[str, str]:
    """Return variables that make Jupyter ignore the user's settings; browsers still need HOME."""
    names = {f"JUPYTER_{name}_DIR": name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    return {name: str(folder / place) for name, place in names.items()}


def process_environment(folder: Path) -> dict[str, str]:
    """Return variables for the process of a visitor: a home directory in the folder, little memory.

    For matrices of this size more BLAS threads are slower, and each uses memory. With two arenas
    instead of eight per core, and large arrays outside them, freed memory is returned (mallopt(3)),
    so that smaller bases fit again after one that is too large.
    """
    home = str(folder / "home")
    places = ("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **dict.fromkeys(places, home),
        **dict.fromkeys(threads, "1"),
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": "1000000",  # bytes
        "PYTHONUSERBASE": site.getuserbase(),  # otherwise derived from HOME
    }


def end_on_signals(stop: Callable[[], None], folder: Path) -> None:
    """Call ``stop`` at the first signal, and exit after ``ServerLimit.ENDING`` s.

    A signal handler runs between two instructions of the main thread, and can only ask the event
    loop to stop, which a blocked loop never does. So the exit runs in a separate thread, started in
    advance because the main thread may hold a lock needed to start one. Later signals are ignored,
    and signals that are already ignored (``nohup``) stay ignored.
    """
    told = Event()

    def end(*_: object) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        told.set()
        stop()

    # Ctrl-C, the default signal of kill, the end of the terminal, and Ctrl-\\.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handled = [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        signal.signal(each, end)
    Thread(target=_exit_late, args=[told, folder], daemon=True).start()


def _exit_late(told: Event, folder: Path) -> None:
    told.wait()
    time.sleep(ServerLimit.ENDING)
    end_processes()
    rmtree(folder, ignore_errors=True)
    os._exit(1)


def end_processes() -> None:
    """Kill all child processes at once."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()
