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

from sensitivity.app.server_limits import ServerLimit


def limit_memory() -> None:
    """Make allocations beyond ``ServerLimit.MEMORY`` fail, here and in every child process.

    The limit is on private writable memory (RLIMIT_DATA), an upper bound of the memory in use:
    0.34 GB at the start, of which 0.16 GB are resident. Resident memory itself cannot be limited
    (getrlimit(2)), and the address space (RLIMIT_AS) includes libraries that all processes share.
    macOS does not enforce the limit.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (ServerLimit.MEMORY, ServerLimit.MEMORY))


def main() -> None:
    """Run the kernel until it is shut down."""
    limit_memory()
    from ipykernel import kernelapp
    from ipykernel.iostream import IOPubThread

    # ipykernel opens a TCP port, to which any user can connect, for the output of forked processes.
    vars(kernelapp)["IOPubThread"] = partial(_without_port, IOPubThread)
    kernel = kernelapp.IPKernelApp.instance(log_level="ERROR")
    kernel.config.HistoryManager.enabled = False  # nothing of a visitor is kept
    kernel.initialize(sys.argv[1:])
    # Slow imports, before the visitor arrives; the notebook repeats them and reports errors.
    with suppress(Exception):
        for name in ("sensitivity.explorers", "nglview", "anywidget", "ipympl.backend_nbagg"):
            import_module(name)
    kernel.start()


def _without_port(make: Callable[..., Any], socket: Any, **options: Any) -> Any:
    return make(socket, **(options | {"pipe": False}))


if __name__ == "__main__":
    main()
