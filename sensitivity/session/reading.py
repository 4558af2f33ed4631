"""Sessions out of files and links."""

from __future__ import annotations

import base64
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

from sensitivity.limits import Limit
from sensitivity.session.results import read_result
from sensitivity.session.sessions import FORMAT, MOST_FRAMES, VERSION, Named, Session
from sensitivity.session.values import (
    are_kinds,
    check_settings,
    explained,
    read_atoms,
    read_camera,
    read_centers,
    read_format,
    read_integer,
    read_json,
    read_list,
    read_number,
    read_object,
    read_optional,
    read_optional_array,
    read_text,
    read_view,
    refuse,
    show,
)


def read_session(path: str | PathLike[str], *, label: str | None = None) -> Session:
    """Return the session in a file, or the input of a result that ``--json`` printed.

    Parameters
    ----------
    path
        A file of ``Explorer.save_state``, or the output of a command with ``--json``. The singular
        values of ``diagnose``, ``analyze``, ``compare`` and ``smallest`` come with it, and the
        causes of ``diagnose``. Of ``survey`` the session has the worst environments, as the
        structures of a file. Nothing else of a result is read.
    label
        Label of a descriptor of ``compare``; None for the first.

    Raises
    ------
    ValueError
        If the file cannot be read, is neither, or has no such descriptor.

    Examples
    --------
    >>> import subprocess, sys, tempfile
    >>> from sensitivity.session import read_session
    >>> command = [sys.executable, "-m", "sensitivity", "diagnose", "X0", "--center", "0", "--json"]
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = subprocess.run(command, stdout=file, check=True)
    ...     session = read_session(file.name)
    >>> session.kinds.count("incompleteness")
    1
    """
    return parse_session(read_file(path), label=label)


def read_file(path: str | PathLike[str]) -> bytes:
    """Return the content of a file; ValueError if it cannot be read."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            return stream.read(Limit.UPLOAD + 1)  # not more of a file that is refused
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the session {file} cannot be read: {reason}.") from error


def parse_session(content: bytes, *, label: str | None = None) -> Session:
    """Return the session that JSON describes; ValueError if it describes none.

    Examples
    --------
    >>> from sensitivity.session import parse_session
    >>> parse_session(b"{}")
    Traceback (most recent call last):
        ...
    ValueError: this is no session and no result of --json: it has no structure; choose another...
    """
    with explained("no session and no result of --json"):
        data = read_json(content)
        if "format" not in data:
            return read_result(data, label)
        read_format(data, FORMAT, VERSION)
        if label is not None:
            refuse("is a session, which has no labels of descriptors")
        return _read_session(data)


def parse_text(text: str) -> Session:
    """Return the session at the end of a link; ValueError if there is none.

    Examples
    --------
    >>> from ase import Atoms
    >>> from sensitivity.session import Named, Session, parse_text
    >>> session = Session(Atoms("H"), Named("2", {}, listed=True), (0,), name="H")
    >>> parse_text(session.to_text()).name
    'H'
    """
    try:
        if len(text) > Limit.UPLOAD:
            raise ValueError("it is too long")
        if not text.isascii():
            raise ValueError("it has other characters than letters, digits, - and _")
        letters = text.encode("ascii") + b"=" * (-len(text) % 4)
        packed = base64.b64decode(letters, altchars=b"-_", validate=True)
        reader = zlib.decompressobj()
        content = reader.decompress(packed, Limit.UPLOAD)
        if not reader.eof:
            raise ValueError("it is cut, or too large")
        if reader.unused_data:
            raise ValueError("it has more at its end")
    except (ValueError, zlib.error) as error:
        raise ValueError(
            f"this link has no session that can be read ({error}); copy the whole link, or ask for "
            "the session as a file."
        ) from error
    return parse_session(content)


def read_named(described: dict[str, Any]) -> Named:
    """Return name and settings of a descriptor."""
    settings, listed = read_object(described, "settings"), described.get("listed")
    check_settings(settings)
    if not isinstance(listed, bool):
        refuse(f"needs true or false as listed of its descriptor, got {show(listed)}")
    return Named(read_text(described, "name"), settings, listed)


def _read_session(data: dict[str, Any]) -> Session:
    place = read_object(data, "structure")
    atoms = read_atoms(place, "structure")
    frames = read_list(place, "frames", longest=MOST_FRAMES)
    frame = read_integer(place, "index", most=max(len(frames) - 1, 0))
    read = [each if each is None else read_atoms(each, "a frame") for each in frames]
    if read and read[frame] != atoms:
        refuse(f"has another structure than frame {frame} of its file")
    count = len(atoms)
    kinds = read_optional(data, "kinds", lambda: tuple(read_list(data, "kinds")))
    if kinds is not None and not are_kinds(kinds, 3 * count):
        refuse(f"needs the cause of each of {3 * count} modes, got {show(kinds)}")
    return Session(
        atoms,
        read_named(read_object(data, "descriptor")),
        read_centers(data.get("centers"), count),
        name=read_text(place, "name"),
        file=read_text(place, "file"),
        frames=tuple(read),
        frame=frame,
        camera=read_camera(data),
        mode=read_optional(data, "mode", lambda: read_integer(data, "mode", most=3 * count - 1)),
        amplitude=read_number(data, "amplitude"),
        feature=read_optional(data, "feature", lambda: read_integer(data, "feature")),
        view=read_view(read_object(data, "view")),
        tolerance=read_number(data, "tolerance", least=0.0),
        singular_values=read_optional_array(data, "singular_values", (3 * count,)),
        kinds=kinds,
        displacement=read_optional_array(data, "displacement", (count, 3)),
    )
