"""The notebooks, and JupyterLab to open them in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sensitivity.notes import missing
from sensitivity.numerics import check_integer
from sensitivity.outputs import part_file

FOLDER = "sensitivity-notebooks"  # where they are copied to, in the working directory
FIRST = "1-methane.ipynb"  # the notebook that JupyterLab opens
# JupyterLab as a newcomer needs it: no launcher, and a log of errors only.
_SETTINGS = (
    f"--LabApp.default_url=/lab/tree/{FIRST}",
    "--Application.log_level=ERROR",
    f"--ServerApp.jpserver_extensions={__name__}=True",
)
_NEWS = "@jupyterlab/apputils-extension:announcements"  # asks whether one wants them, each time
_PREPARE = """
import sensitivity.explorers, nglview, scipy.spatial.transform
from sensitivity.explorers.parts.figure_widget import load_ipympl as _load
_load()
"""
_PACKAGE = Path(__file__).parent
# Runs JupyterLab. Until that answers Ctrl-C itself, by a handler or around its event loop, Ctrl-C
# ends the process with status 130 and no traceback; if the caller wants it ignored, it is.
# jsonschema tries an optional library for addresses, which compiles a grammar for a second; and
# Voila shows all warnings of traitlets, unless it is told otherwise after its import.
_START = """
import asyncio, contextlib, os, runpy, signal, sys, warnings
def leave(*_):
    if asyncio._get_running_loop() is None:
        os._exit(130)
    raise KeyboardInterrupt
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, leave)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
sys.modules["rfc3987_syntax"] = None
with contextlib.suppress(ImportError):
    import voila
warnings.simplefilter("ignore", DeprecationWarning)
try:
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)
except KeyboardInterrupt:
    os._exit(130)
"""


def open_lab(*, port: int | None, browser: bool, arguments: Sequence[str] = ()) -> int:
    """Copy the notebooks to the working directory and run JupyterLab there until it ends.

    Returns the exit status of JupyterLab. On POSIX systems it does not return: JupyterLab takes
    the place of this process, and with it the terminal and its signals. Raises ModuleNotFoundError
    if JupyterLab is not installed, and ValueError if the port does not exist, or the notebooks are
    not there.
    """
    if port is not None:
        accepts, remedy = range(65536).__contains__, "give e.g. 8888"
        check_integer(port, "the port", "from 0 to 65535", accepts=accepts, remedy=remedy)
    if find_spec("jupyterlab") is None:
        raise missing("the notebooks need", "JupyterLab")
    folder = copy_notebooks(Path.cwd() / FOLDER)
    command = [f"--ServerApp.root_dir={folder}"]
    command += [] if port is None else [f"--port={port}"]
    command += [] if browser else ["--no-browser"]
    # In a container there is often no other user than root, and JupyterLab refuses to be run by it.
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command += [*_SETTINGS, *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        # A Ctrl-C while Python begins anew waits until there is an answer to it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        os.execv(sys.executable, [sys.executable, "-c", _START, *command])
    return subprocess.call([sys.executable, "-m", "jupyterlab", *command])


def _load_jupyter_server_extension(server: Any) -> None:
    """Let the server say where it is, ask nothing, and start the kernel of the first notebook."""
    identity = server.identity_provider
    identity.token  # noqa: B018 - it is made when it is first asked for
    generated = identity.token_generated

    async def announce() -> None:
        identity.token_generated = generated
        sys.stdout.write(
            f"JupyterLab is at {server.public_url} until you press Ctrl-C.\n"
            f"The notebooks are in {server.root_dir}.\n"
        )
        sys.stdout.flush()
        await _prepare_kernel(server)

    def disable_news(_: Any, page: dict[str, Any]) -> dict[str, Any]:
        return {**page, "disabledExtensions": [*page["disabledExtensions"], _NEWS]}

    server.web_app.settings["page_config_hook"] = disable_news
    identity.token_generated = False  # or the server would say it, in eight lines
    server.io_loop.add_callback(announce)


async def _prepare_kernel(server: Any) -> None:
    """Start a kernel that JupyterLab finds when it opens the notebook, with its imports done.

    Both take as long as the page takes to load.
    """
    session = await server.session_manager.create_session(path=FIRST, name=FIRST, type="notebook")
    client = server.kernel_manager.get_kernel(session["kernel"]["id"]).client()
    client.start_channels(iopub=False, stdin=False, hb=False)
    try:
        await client.execute(_PREPARE, silent=True, store_history=False, reply=True, timeout=60)
    finally:
        client.stop_channels()


def find_notebooks() -> Path:
    """Return the folder of the notebooks, in the package or the checkout; else ValueError."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ValueError(
        f"there are no notebooks beside {_PACKAGE}; install the package again: "
        'pip install --force-reinstall "atomic-sensitivity[lab]"'
    )


def copy_notebooks(folder: Path) -> Path:
    """Copy notebooks to a folder, keep what is there, and return it; ValueError if impossible."""
    source = find_notebooks()
    try:
        folder.mkdir(exist_ok=True)
        for original in sorted(source.rglob("*")):
            place = original.relative_to(source)
            copy = folder / place
            if any(name.startswith((".", "__")) for name in place.parts):
                continue
            if original.is_dir():
                copy.mkdir(exist_ok=True)
            elif not copy.exists():
                # Renamed into place: half a copy would be kept as if a person had edited it.
                with part_file(copy, original.read_bytes()) as part:
                    part.replace(copy)
    except OSError as error:
        raise ValueError(
            f"the notebooks cannot be copied to {folder} ({error.strerror or error}); run the "
            "command in another folder."
        ) from error
    return folder
