"""The program of a visitor's process: a Jupyter kernel with bounded memory.

Run as ``python -m sensitivity.app.process -f CONNECTION_FILE``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

from sensitivity.limits import MEMORY

SLOW = ("sensitivity.explorers", "nglview", "ipympl.backend_nbagg")
"""Modules that are imported before the visitor comes."""


def limit_memory() -> None:
    """Let an allocation beyond ``MEMORY`` fail, here and in every process started from here.

    The limit is on private writable memory (RLIMIT_DATA), which is at least what is in use: 0.34 GB
    at the start, of which 0.16 GB are resident. Resident memory itself cannot be limited
    (getrlimit(2)), and the address space (RLIMIT_AS) includes libraries that all processes share.
    macOS does not enforce the limit.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def main() -> None:
    """Run the kernel until it is told to end."""
    limit_memory()
    from ipykernel import kernelapp
    from ipykernel.iostream import IOPubThread

    # It opens a TCP port, to which any user can connect, for the output of forked processes.
    vars(kernelapp)["IOPubThread"] = partial(_without_port, IOPubThread)
    kernel = kernelapp.IPKernelApp.instance(log_level="ERROR")
    kernel.config.HistoryManager.enabled = False  # nothing of a visitor is kept
    kernel.initialize(sys.argv[1:])
    with suppress(Exception):  # the notebook imports them too, and says what is wrong
        for name in SLOW:
            import_module(name)
    kernel.start()


def _without_port(make: Callable[..., Any], socket: Any, **options: Any) -> Any:
    return make(socket, **(options | {"pipe": False}))


if __name__ == "__main__":
    main()
