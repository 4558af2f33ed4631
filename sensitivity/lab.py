"""Open the notebooks in JupyterLab: ``sensitivity lab``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from sensitivity.notes import missing
from sensitivity.numerics import check_integer
from sensitivity.outputs import part_file

FOLDER = "sensitivity-notebooks"  # folder of the copies, in the working directory
FIRST = "1-methane.ipynb"  # the notebook that JupyterLab opens
# JupyterLab for a new user: the first notebook instead of the launcher, and a log of errors only.
_SETTINGS = (
    f"--LabApp.default_url=/lab/tree/{FIRST}",
    "--Application.log_level=ERROR",
    f"--ServerApp.jpserver_extensions={__name__}=True",
)
_NEWS = "@jupyterlab/apputils-extension:announcements"  # shows a question at each start
_PREPARE = """
import sensitivity.explorers, nglview, scipy.spatial.transform
from sensitivity.explorers.parts.figure_widget import load_ipympl as _load
_load()
"""
_PACKAGE = Path(__file__).parent
# Runs JupyterLab. Until JupyterLab handles Ctrl-C itself, Ctrl-C ends the process with status 130
# and no traceback, unless the caller ignores SIGINT. jsonschema tries an optional library for
# addresses, which compiles a grammar for a second. Voila shows all warnings of traitlets unless a
# filter is set after its import.
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

    Returns the exit status of JupyterLab. On POSIX systems it does not return: JupyterLab replaces
    this process, and so gets the terminal and its signals. Raises ModuleNotFoundError if JupyterLab
    is not installed, and ValueError if the port is invalid or the notebooks are missing.
    """
    if port is not None:
        accepts, remedy = range(65536).__contains__, "give e.g. 8888"
        check_integer(port, "the port", "from 0 to 65535", accepts=accepts, remedy=remedy)
    if find_spec("jupyterlab") is None:
        raise missing("the notebooks need", "JupyterLab")
    folder = Path.cwd() / FOLDER
    sys.stdout.write(_tell(copy_notebooks(folder)))
    command = [f"--ServerApp.root_dir={folder}"]
    command += [] if port is None else [f"--port={port}"]
    command += [] if browser else ["--no-browser"]
    # In a container root is often the only user, and JupyterLab refuses to run as root.
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command += [*_SETTINGS, *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        # A Ctrl-C during the restart of Python is blocked until there is a handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        os.execv(sys.executable, [sys.executable, "-c", _START, *command])
    return subprocess.call([sys.executable, "-m", "jupyterlab", *command])


def _load_jupyter_server_extension(server: Any) -> None:
    """Configure the server: print its address, disable news, start the first kernel."""
    identity = server.identity_provider
    identity.token  # noqa: B018 - created on first access
    generated = identity.token_generated

    async def announce() -> None:
        identity.token_generated = generated
        sys.stdout.write(
            f"JupyterLab is at {server.public_url} until you press Ctrl-C.\n"
            f"The notebooks are in {server.root_dir}.\n"
        )
        sys.stdout.flush()
        # Jupyter would log the signal.
        signal.signal(signal.SIGTERM, lambda *_: server.stop(from_signal=True))
        await _prepare_kernel(server)

    def disable_news(_: Any, page: dict[str, Any]) -> dict[str, Any]:
        return {**page, "disabledExtensions": [*page["disabledExtensions"], _NEWS]}

    server.web_app.settings["page_config_hook"] = disable_news
    _encrypt(server.kernel_manager)
    identity.token_generated = False  # otherwise the server prints it, in eight lines
    server.io_loop.add_callback(announce)


def _encrypt(kernels: Any) -> None:
    """Encrypt the messages of kernels, so that no other user of this machine can read them.

    An IPython kernel warns without encryption. Older versions of Jupyter do not support it, nor
    does a ZeroMQ built without CURVE.
    """
    from traitlets import TraitError

    with suppress(TraitError):
        kernels.transport_encryption = "auto"


async def _prepare_kernel(server: Any) -> None:
    """Start the kernel of the first notebook and run its imports, while the page loads."""
    kernels, about = server.kernel_manager, {"path": FIRST, "name": FIRST, "type": "notebook"}
    # A kernel that ends with the server, during its start or the imports, would write a traceback
    # to the terminal. Output of cells does not go there.
    kernel = await kernels.start_kernel(path=FIRST, stderr=subprocess.DEVNULL)
    await server.session_manager.create_session(**about, kernel_id=kernel)
    client = kernels.get_kernel(kernel).client()
    client.start_channels(iopub=False, stdin=False, hb=False)
    try:
        await client.execute(_PREPARE, silent=True, store_history=False, reply=True, timeout=60)
    finally:
        client.stop_channels()


def find_notebooks() -> Path:
    """Return the folder of the notebooks in the package or checkout; ValueError if missing."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ValueError(
        f"there are no notebooks beside {_PACKAGE}; install the package again: "
        'pip install --force-reinstall "atomic-sensitivity[lab]"'
    )


def copy_notebooks(folder: Path) -> list[str]:
    """Copy the notebooks to a folder; return the names of new versions beside changed files.

    An unchanged copy of an older version is replaced. Beside a changed copy the new version is
    added once, under another name. ValueError if the folder cannot be written.
    """
    source = find_notebooks()
    try:
        folder.mkdir(exist_ok=True)
        copies = _Copies(folder)
        for original in sorted(source.rglob("*")):
            place = original.relative_to(source)
            if any(name.startswith((".", "__")) for name in place.parts):
                continue
            if original.is_dir():
                (folder / place).mkdir(exist_ok=True)
            else:
                copies.update(place, original.read_bytes())
        copies.save()
    except OSError as error:
        raise ValueError(
            f"the notebooks cannot be copied to {folder} ({error.strerror or error}); run the "
            "command in another folder."
        ) from error
    return copies.beside


class _Copies:
    """Files in a folder, and a record of the written contents, which reveals changed files."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._record = folder, folder / ".sensitivity.json"
        self.beside: list[str] = []  # names of new versions beside changed files
        self._written: dict[str, str] = {}
        # Without a record all files count as changed.
        with suppress(FileNotFoundError, ValueError, TypeError):
            self._written = dict(json.loads(self._record.read_bytes()))

    def update(self, place: Path, content: bytes) -> None:
        """Update a file, or add the new version beside it if the file was changed."""
        new, last = _digest(content), self._written.get(place.as_posix())
        found = self._find(place)
        if found in (None, last, new):
            if found != new:
                self._write(place, content)
            self._written[place.as_posix()] = new
        elif new != last:  # otherwise the changed file is of this version
            self._put_beside(place, content)

    def save(self) -> None:
        """Save the record for the next run."""
        with part_file(self._record, json.dumps(self._written, indent=1).encode()) as part:
            part.replace(self._record)

    def _put_beside(self, changed: Path, content: bytes) -> None:
        for number in count(1):
            place = changed.with_stem(f"{changed.stem}.new{number if number > 1 else ''}")
            last, found = self._written.get(place.as_posix()), self._find(place)
            if _digest(content) in (last, found):
                return  # it exists already, or the user has removed it
            if found in (None, last):
                self._write(place, content)
                self._written[place.as_posix()] = _digest(content)
                self.beside.append(place.as_posix())
                return

    def _find(self, place: Path) -> str | None:
        path = self._folder / place
        return _digest(path.read_bytes()) if path.exists() else None

    def _write(self, place: Path, content: bytes) -> None:
        copy = self._folder / place
        # Renamed into place: an incomplete copy would count as changed by the user.
        with part_file(copy, content) as part:
            part.replace(copy)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _tell(beside: Sequence[str], *, most: int = 3) -> str:
    """Return the line on new versions beside changed notebooks; empty without any."""
    if not beside:
        return ""
    names = ", ".join(beside[:most]) + f" and {len(beside) - most} more" * (len(beside) > most)
    return f"Notebooks that you changed are kept; their new versions are beside them: {names}.\n"
