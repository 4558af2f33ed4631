"""The notebooks, and JupyterLab to open them in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

FOLDER = "sensitivity-notebooks"
"""Where the notebooks are copied to, in the working directory."""

_PACKAGE = Path(__file__).parent


def open_lab(*, port: int | None, browser: bool, arguments: Sequence[str] = ()) -> int:
    """Copy the notebooks to the working directory and run JupyterLab there until it ends.

    Returns the exit status of JupyterLab. On POSIX systems it does not return: JupyterLab takes
    the place of this process, and with it the terminal and its signals.

    Raises
    ------
    ModuleNotFoundError
        If JupyterLab is not installed.
    ValueError
        If the port does not exist, or the notebooks are not there.
    """
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"the port must be from 0 to 65535, got {port}; give e.g. 8888.")
    if find_spec("jupyterlab") is None:
        raise ModuleNotFoundError(
            "JupyterLab is not installed, and the notebooks need it; "
            'run: pip install "atomic-sensitivity[lab]"'
        )
    folder = copy_notebooks(Path.cwd() / FOLDER)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [] if port is None else [f"--port={port}"]
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # In a container there is often no other user, and JupyterLab refuses to be run by this one.
        command.append("--allow-root")
    command += arguments
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)
    return subprocess.call(command)


def find_notebooks() -> Path:
    """Return the folder of the notebooks: in the installed package, or in the checkout.

    Raises
    ------
    ValueError
        If neither has one.
    """
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ValueError(
        f"there are no notebooks beside {_PACKAGE}; install the package again: "
        'pip install --force-reinstall "atomic-sensitivity[lab]"'
    )


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks to a folder, keep what is already there, and return the folder.

    Raises
    ------
    ValueError
        If the notebooks are not there, or cannot be copied.
    """
    source = find_notebooks()
    try:
        _copy(source, folder)
    except OSError as error:
        raise ValueError(
            f"the notebooks cannot be copied to {folder} ({error.strerror or error}); run the "
            "command in another folder."
        ) from error
    return folder


def _copy(source: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for original in sorted(source.rglob("*")):
        copy = folder / original.relative_to(source)
        if any(part.startswith((".", "__")) for part in copy.relative_to(folder).parts):
            continue
        if original.is_dir():
            copy.mkdir(exist_ok=True)
        elif not copy.exists():
            # Renamed into place: an interrupted copy would be kept as if a person had edited it.
            part = copy.with_name(f".sensitivity-{os.getpid()}")
            try:
                shutil.copyfile(original, part)
                part.replace(copy)
            finally:
                part.unlink(missing_ok=True)
