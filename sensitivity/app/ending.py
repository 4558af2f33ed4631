"""The end of the server: processes and the private folder go, whatever the server is busy with."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from threading import Timer

import psutil

from sensitivity.app.server_limits import ServerLimit


def end_on_signals(stop: Callable[[], None], folder: Path) -> None:
    """Call ``stop`` at the first signal, and exit after ``ServerLimit.ENDING`` s.

    A signal handler runs between two instructions of the main thread, and can only ask the event
    loop to stop, which a blocked loop never does: the exit runs in a separate thread.
    Signals that come later change nothing, and those that are ignored already (``nohup``) remain
    so.
    """

    def end(*_: object) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        timer = Timer(ServerLimit.ENDING, _exit, [folder])
        timer.daemon = True
        timer.start()
        stop()

    # Ctrl-C, the usual request to end, the end of the terminal, and Ctrl-\\.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handled = [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        signal.signal(each, end)


def _exit(folder: Path) -> None:
    for process in psutil.Process().children(recursive=True):
        process.kill()
    rmtree(folder, ignore_errors=True)
    os._exit(1)
