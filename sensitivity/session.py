"""Saved sessions: the choices made in an explorer, with their structure, as JSON.

A session is data. Reading one checks every value, and neither imports nor unpickles anything: a
descriptor is a name with settings, which the explorer looks up among the descriptors that it
offers. ``docs/guides/sharing.md`` has the format.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from reprlib import repr as short
from typing import Any, NoReturn

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from sensitivity.diagnosis.causes import CAUSES
from sensitivity.limits import Limit
from sensitivity.numerics import Array, is_number
from sensitivity.spectrum import TRIVIAL
from sensitivity.tolerances import Tolerance

FORMAT, VERSION = "sensitivity session", 1

LINK = 30_000
"""Bytes of the longest link, which browsers and mail programs still accept."""

MOST_FRAMES = 10_000  # of a file, as the explorer keeps

_LARGEST = 1e9  # of any number: Å, features or counts; larger ones are no data
_DEEPEST = 8  # levels of lists and objects in the settings of a descriptor


@dataclass(frozen=True)
class Named:
    """A descriptor as a name and its settings, JSON values.

    ``listed`` is true if the name is one of ``sensitivity descriptors``; otherwise a descriptor
    can only be compared with these.
    """

    name: str
    settings: Mapping[str, Any]
    listed: bool


@dataclass(frozen=True, eq=False)
class Session:
    """The choices made in an explorer, and what it showed.

    Attributes
    ----------
    atoms
        The structure at amplitude zero, N atoms.
    descriptor
        Name and settings of the descriptor.
    centers
        Indices of the center atoms.
    name, file
        Name of the structure in the library, and of the file from which it was read; or empty.
    frames, frame
        All structures of that file, None for unreadable ones, and the index of this one.
    mode, amplitude, feature
        The mode, None for the least visible one; the amplitude in Å; a feature, or None.
    view
        Further choices by name: ``arrows``, ``arrow_length``, ``labels``, ``atom_size``, ``cells``,
        ``columns``, ``transparent``. Those that are missing have their defaults.
    camera
        Directions right, up and towards the viewer, as rows of shape (3, 3); the center, shape
        (3,), in Å; and the radius in Å. None for the best view.
    tolerance
        Å, of the diagnosis.
    singular_values
        1/Å, shape (3N,), or only the smallest, of internal modes; None if they were not saved.
    kinds
        Cause of each of these, or its kind while the cause is unknown; None if not saved.
    displacement
        Of the mode, shape (N, 3); None if it was not saved.
    labels
        Of all descriptors of a comparison, of which this session has one; else empty.

    Examples
    --------
    >>> from ase import Atoms
    >>> from sensitivity.session import Named, Session, parse_session
    >>> hydrogen = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    >>> session = Session(hydrogen, Named("2", {"n_max": 4}, listed=True), (0, 1), amplitude=0.1)
    >>> parse_session(session.to_json()).amplitude
    0.1
    """

    atoms: Atoms
    descriptor: Named
    centers: tuple[int, ...]
    name: str = ""
    file: str = ""
    frames: tuple[Atoms | None, ...] = ()
    frame: int = 0
    mode: int | None = None
    amplitude: float = 0.0
    feature: int | None = None
    view: Mapping[str, Any] = field(default_factory=dict)
    camera: tuple[Array, Array, float] | None = None
    tolerance: float = Tolerance.POSITIONS
    singular_values: Array | None = None
    kinds: tuple[str, ...] | None = None
    displacement: Array | None = None
    labels: tuple[str, ...] = ()

    @property
    def explained(self) -> bool:
        """True if the causes of invisible displacements were known."""
        return bool({*(self.kinds or ())} - {*TRIVIAL, "internal"})

    def to_json(self) -> bytes:
        """Return the session as a JSON object, with all digits."""
        frames = [each if each is None else _describe(each) for each in self.frames]
        place = {"name": self.name, "file": self.file, "index": self.frame, "frames": frames}
        described = vars(self.descriptor) | {"settings": dict(self.descriptor.settings)}
        names = ("view", "center", "radius")
        camera = self.camera and dict(zip(names, map(_plain, self.camera), strict=True))
        chosen = {name: getattr(self, name) for name in ("mode", "amplitude", "feature")}
        count = 0 if self.singular_values is None else len(self.singular_values)
        complete = count == 3 * len(self.atoms)
        data = {
            **{"format": FORMAT, "version": VERSION},
            "structure": _describe(self.atoms) | place,
            **{"descriptor": described, "centers": list(self.centers), **chosen},
            **{"view": dict(self.view), "camera": camera, "tolerance": self.tolerance},
            "singular_values": _plain(self.singular_values) if complete else None,
            "kinds": list(self.kinds) if self.kinds and complete else None,
            "displacement": _plain(self.displacement),
        }
        return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()

    def to_text(self) -> str:
        """Return the session as letters, digits, - and _, as the end of a link has it.

        It has the current structure, without others of its file.
        """
        alone = {**vars(self), "frames": (), "frame": 0}
        packed = zlib.compress(Session(**alone).to_json(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


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
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(Limit.UPLOAD + 1)  # not more of a file that is refused
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the session {file} cannot be read: {reason}.") from error
    return parse_session(content, label=label)


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
    if len(content) > Limit.UPLOAD:
        _refuse(f"has more than {Limit.UPLOAD / 1e6:.0f} MB, which are the most that are read")
    try:
        data = json.loads(content, parse_constant=_reject)
    except (ValueError, RecursionError) as error:  # also for other encodings, and huge integers
        _refuse("cannot be read as JSON", error)
    if not isinstance(data, dict):
        _refuse(f"is {_show(data)}, not a JSON object")
    if "format" not in data:
        return _read_result(data, label)
    if data["format"] != FORMAT:
        _refuse(f"has the format {_show(data['format'])}, not {FORMAT!r}")
    if label is not None:
        _refuse("is a session, which has no labels of descriptors")
    version = data.get("version")
    if type(version) is not int or version != VERSION:
        _refuse(f"has version {_show(version)}, and this program reads {VERSION}; update it")
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


def _read_session(data: dict[str, Any]) -> Session:
    place = _object(data, "structure")
    atoms = _read_atoms(place, "structure")
    frames = _list(place, "frames", longest=MOST_FRAMES)
    frame = _integer(place, "index", most=max(len(frames) - 1, 0))
    read = [each if each is None else _read_atoms(each, "a frame") for each in frames]
    if read and read[frame] != atoms:
        _refuse(f"has another structure than frame {frame} of its file")
    described, count = _object(data, "descriptor"), len(atoms)
    settings = _object(described, "settings")
    _check_settings(settings)
    listed = described.get("listed")
    if not isinstance(listed, bool):
        _refuse(f"needs true or false as listed of its descriptor, got {_show(listed)}")
    kinds = _optional(data, "kinds", lambda: tuple(_list(data, "kinds")))
    if kinds is not None and not _are_kinds(kinds, 3 * count):
        _refuse(f"needs the cause of each of {3 * count} modes, got {_show(kinds)}")
    return Session(
        atoms,
        Named(_text(described, "name"), settings, listed),
        _read_centers(data.get("centers"), count),
        name=_text(place, "name"),
        file=_text(place, "file"),
        frames=tuple(read),
        frame=frame,
        camera=_read_camera(data),
        mode=_optional(data, "mode", lambda: _integer(data, "mode", most=3 * count - 1)),
        amplitude=_number(data, "amplitude"),
        feature=_optional(data, "feature", lambda: _integer(data, "feature")),
        view=_read_view(_object(data, "view")),
        tolerance=_number(data, "tolerance", least=0.0),
        singular_values=_optional_array(data, "singular_values", (3 * count,)),
        kinds=kinds,
        displacement=_optional_array(data, "displacement", (count, 3)),
    )


def _read_result(data: dict[str, Any], label: str | None) -> Session:
    """Return the input of a result of ``--json``, with the values and causes of its modes."""
    if "worst" in data:
        return _read_survey(data)
    place, labels = _object(data, "structure"), tuple[str, ...]()
    atoms = _read_atoms(place, "structure")
    usual = {"centers": [data["center"]] if "center" in data else list(range(len(atoms)))}
    if "descriptors" in data:
        labels, chosen = _choose_descriptor(data, label)
        data = {**data, **chosen}
    elif label is not None:
        _refuse("has no labels of descriptors")
    values, kinds = _read_modes(data, 3 * len(atoms))
    tolerance = {"tolerance": Tolerance.POSITIONS} | data
    return Session(
        atoms,
        _read_descriptor(_object(data, "descriptor")),
        _read_centers((usual | data)["centers"], len(atoms)),
        name=_text(place, "name"),
        tolerance=_number(tolerance, "tolerance", least=0.0),
        singular_values=values,
        kinds=kinds,
        labels=labels,
    )


def _read_descriptor(described: dict[str, Any]) -> Named:
    """Return name and settings of the descriptor of a result."""
    name = _text(described, "name")
    if "features_per_center" not in described:
        _refuse("has neither the format of a session nor the descriptor of a result")
    settings = {
        key: value for key, value in described.items() if key not in ("name", "features_per_center")
    }
    _check_settings(settings)
    order = settings.get("order")
    listed = name == "DensityCorrelations" and type(order) is int  # otherwise the name is no key
    return Named(str(order) if listed else name, settings, listed)


def _choose_descriptor(
    data: dict[str, Any], label: str | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the labels of a comparison, and the descriptor with one of them."""
    described = _list(data, "descriptors")
    if not described or not all(isinstance(each, dict) for each in described):
        _refuse(f"needs objects as descriptors, got {_show(described)}")
    labels = tuple(_text(each, "label") for each in described)
    if label is not None and label not in labels:
        _refuse(f"has no descriptor {_show(label)}, but {', '.join(labels)}")
    return labels, described[0 if label is None else labels.index(label)]


def _read_survey(data: dict[str, Any]) -> Session:
    """Return the worst environments of a survey as the structures of a file, the worst first."""
    if data.get("environments") is None:
        _refuse("is a survey without environments, such as one of standard input")
    found = _list(data, "environments", longest=MOST_FRAMES)
    frames = tuple(_read_atoms(each, "an environment") for each in found)
    if not frames:
        _refuse("is a survey without environments")
    settings = _object(data, "settings")
    own = _object(settings, "settings") | {"cutoff": settings.get("cutoff")}
    named = {**own, "name": settings.get("descriptor"), "features_per_center": None}
    return Session(
        frames[0],
        _read_descriptor(named),
        (0,),
        file=f"worst environments of {Path(_text(data, 'file')).name}",
        frames=frames,
        tolerance=_number({"tolerance": Tolerance.POSITIONS} | settings, "tolerance", least=0.0),
    )


def _read_modes(data: dict[str, Any], size: int) -> tuple[Array | None, tuple[str, ...] | None]:
    """Return the singular values and kinds of modes of one spectrum, if a result has them."""
    values: Any
    kinds: Any
    if "kinds" in data:  # of a comparison
        values, kinds = data.get("singular_values"), data["kinds"]
    else:
        modes: Any = data.get("modes")
        right = isinstance(modes, list) and all(isinstance(each, dict) for each in modes)
        if not right or not all("singular_value" in each for each in modes):
            return None, None  # of another command
        values = [each["singular_value"] for each in modes]
        kinds = [each.get("cause", each.get("kind", "internal")) for each in modes]
    right = isinstance(values, list) and isinstance(kinds, list) and 0 < len(values) <= size
    if not right or not _are_kinds(tuple(kinds), len(values)):
        return None, None
    return _array({"singular_values": values}, "singular_values", (len(values),)), tuple(kinds)


def _are_kinds(values: tuple[Any, ...], count: int) -> bool:
    known = {*CAUSES, *TRIVIAL, "internal"}
    return len(values) == count and all(isinstance(each, str) and each in known for each in values)


def _describe(atoms: Atoms) -> dict[str, Any]:
    """Return a structure in the words of ``--json``."""
    return {
        "symbols": list(atoms.symbols),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "periodic": atoms.pbc.tolist(),
    }


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _read_atoms(data: Any, name: str) -> Atoms:
    if not isinstance(data, dict):
        _refuse(f"needs an object as {name}, got {_show(data)}")
    symbols = _list(data, "symbols")
    unknown = [each for each in symbols if not _is_element(each)]
    if unknown or not symbols:
        _refuse(f"needs symbols of elements in {name}, got {_show(unknown or symbols)}")
    positions, cell = (
        _array(data, key, shape)
        for key, shape in (("positions", (len(symbols), 3)), ("cell", (3, 3)))
    )
    periodic = _list(data, "periodic")
    if len(periodic) != 3 or not all(isinstance(each, bool) for each in periodic):
        _refuse(f"needs three times true or false as periodic, got {_show(periodic)}")
    return Atoms(symbols, positions, cell=cell, pbc=periodic)


def _is_element(symbol: Any) -> bool:
    return isinstance(symbol, str) and atomic_numbers.get(symbol, 0) > 0


def _read_centers(given: Any, count: int) -> tuple[int, ...]:
    right = isinstance(given, list) and 0 < len(given) <= count
    if not right or not all(type(each) is int and 0 <= each < count for each in given):
        _refuse(f"needs centers from 0 to {count - 1}, got {_show(given)}")
    return tuple(given)


def _read_camera(data: dict[str, Any]) -> tuple[Array, Array, float] | None:
    if data.get("camera") is None:
        return None
    camera = _object(data, "camera")
    view = _array(camera, "view", (3, 3))
    if not np.allclose(view @ view.T, np.eye(3), atol=1e-3) or np.linalg.det(view) < 0:
        _refuse("needs a rotation as view of its camera")
    return view, _array(camera, "center", (3,)), _number(camera, "radius", least=0.01)


def _switch(data: dict[str, Any], key: str) -> bool:
    if not isinstance(data[key], bool):
        _refuse(f"needs true or false as {key}, got {_show(data[key])}")
    return bool(data[key])


def _read_view(data: dict[str, Any]) -> dict[str, Any]:
    """Return the choices that are known; the explorer checks their values."""
    readers: dict[str, Callable[[dict[str, Any], str], Any]] = {
        **dict.fromkeys(("arrows", "transparent"), _switch),
        **dict.fromkeys(("arrow_length", "atom_size"), _number),
        **dict.fromkeys(("cells", "columns"), _integer),
        "labels": _text,
    }
    return {name: read(data, name) for name, read in readers.items() if name in data}


def _check_settings(value: Any, *, depth: int = 0) -> None:
    """Refuse settings that are nested deeper, or have larger numbers, than any descriptor's."""
    if depth > _DEEPEST:
        _refuse("has settings of its descriptor that are nested too deeply")
    if is_number(value) and not (abs(value) <= _LARGEST and math.isfinite(value)):
        _refuse(f"has {_show(value)} as a setting of its descriptor")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_settings(each, depth=depth + 1)


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = _take(data, key, "an object", lambda x: isinstance(x, dict))
    return found


def _list(data: dict[str, Any], key: str, *, longest: int = 1_000_000) -> list[Any]:
    found: list[Any] = _take(
        data, key, "a list", lambda x: isinstance(x, list) and len(x) <= longest
    )
    return found


def _text(data: dict[str, Any], key: str) -> str:
    found: str = _take(data, key, "a text", lambda x: isinstance(x, str) and len(x) <= 1000)
    return found.encode("utf-8", "replace").decode()  # half a character cannot be sent


def _number(data: dict[str, Any], key: str, *, least: float = -_LARGEST) -> float:
    # NaN is below no limit; an integer may be too large for a float.
    expected = "a number" if least < 0 else f"a number of at least {least:g}"
    return float(_take(data, key, expected, lambda x: is_number(x) and least <= x <= _LARGEST))


def _integer(data: dict[str, Any], key: str, *, most: int = int(_LARGEST)) -> int:
    expected = f"an integer from 0 to {most}"
    return int(_take(data, key, expected, lambda x: type(x) is int and 0 <= x <= most))


def _array(data: dict[str, Any], key: str, shape: tuple[int, ...]) -> Array:
    def fits(value: Any, sizes: tuple[int, ...]) -> bool:
        if not sizes:
            return is_number(value) and abs(value) <= _LARGEST
        right = isinstance(value, list) and len(value) == sizes[0]
        return right and all(fits(each, sizes[1:]) for each in value)

    size = " times ".join(map(str, shape))
    found = _take(data, key, f"{size} finite numbers", lambda x: fits(x, shape))
    return np.array(found, dtype=float).reshape(shape)


def _optional(data: dict[str, Any], key: str, read: Callable[[], Any]) -> Any:
    return None if data.get(key) is None else read()


def _optional_array(data: dict[str, Any], key: str, shape: tuple[int, ...]) -> Array | None:
    found: Array | None = _optional(data, key, lambda: _array(data, key, shape))
    return found


def _take(data: dict[str, Any], key: str, expected: str, accepts: Callable[[Any], bool]) -> Any:
    if key not in data:
        _refuse(f"has no {key}")
    if not accepts(data[key]):
        _refuse(f"needs {expected} as {key}, got {_show(data[key])}")
    return data[key]


def _refuse(problem: str, error: Exception | None = None) -> NoReturn:
    raise ValueError(
        f"this is no session and no result of --json: it {problem}; choose another file."
    ) from error


def _show(value: Any) -> str:
    """Return a value as a short text."""
    text = short(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _reject(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
