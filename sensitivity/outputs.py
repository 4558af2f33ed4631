"""Output files: checked before a long computation, then written completely or not at all.

A regular file is written under another name in its folder and renamed, so neither an error nor an
interruption leaves a partial file. Symbolic links are followed. Devices and pipes are written
directly.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Bytes that a folder must accept before a computation starts: about the size of a small picture.
PROBE = 2**16


def check_output(path: Path, *, option: str, inputs: Sequence[str] = ()) -> None:
    """Refuse a file that cannot be written, or that is one of the inputs.

    Raises ValueError, which starts with ``option``, if the path is a folder, its folder does not
    exist or takes no data, the name is not allowed there, or it is an input or the standard output.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise _cannot_write(option, path, error) from error
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise ValueError(f"{option} needs a file name, got the folder {path}; add a name.")
    target = os.path.realpath(path)
    if any(os.path.realpath(name) == target for name in inputs):
        raise ValueError(
            f"{option} must not be the file that is read, got {path} for both; choose another name."
        )
    if found is None or stat.S_ISREG(found.st_mode):
        _check_folder(Path(target), path, option)
    if found is not None and _is_standard_output(found):
        raise ValueError(
            f"{option} must not be the standard output, which holds the report, got {path}; choose "
            "the name of a file."
        )


def is_special(path: Path) -> bool:
    """Return True for a device or a pipe, which a renamed file cannot replace."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_output(path: Path, content: bytes, *, option: str) -> None:
    """Write a complete file, or raise ValueError that starts with ``option`` and names ``path``."""
    try:
        if is_special(path):
            path.write_bytes(content)
        else:
            target = Path(os.path.realpath(path))
            with part_file(target, content) as part:
                part.replace(target)
    except OSError as error:
        raise _cannot_write(option, path, error) from error


def _check_folder(target: Path, path: Path, option: str) -> None:
    """Write to the folder, to detect a full disk and missing permissions."""
    folder = target.parent
    if not folder.is_dir() and os.path.lexists(folder):
        raise ValueError(f"{option} needs a folder, got {path}, where {folder} is a file.")
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {folder if path.is_symlink() else path.parent} to write "
            f"{path.name} to; create it first."
        )
    try:
        with part_file(target, bytes(PROBE)):
            pass
    except OSError as error:
        raise _cannot_write(option, path, error) from error


@contextmanager
def part_file(target: Path, content: bytes) -> Iterator[Path]:
    """Write a temporary file next to the target; remove it at the end if it still exists."""
    part = target.with_name(f".sensitivity-{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def _is_standard_output(found: os.stat_result) -> bool:
    try:
        output = os.fstat(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # no stream, or one without a descriptor
        return False
    return os.path.samestat(found, output) and not os.path.samestat(found, os.stat(os.devnull))


def _cannot_write(option: str, path: Path, error: Exception) -> ValueError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ValueError(
        f"{option} cannot be written, got {path} ({reason}); choose another file or folder."
    )
