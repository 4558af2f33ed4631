"""The choices made in the explorer, with their structure."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ase import Atoms

from sensitivity.numerics import Array
from sensitivity.session.values import Sight, describe_atoms, describe_camera, plain, write_json
from sensitivity.spectrum import TRIVIAL
from sensitivity.tolerances import Tolerance

FORMAT, VERSION = "sensitivity session", 1

LINK = 30_000
"""Bytes of the longest link, which browsers and mail programs still accept."""

MOST_FRAMES = 10_000  # of a file, as the explorer keeps


@dataclass(frozen=True)
class Named:
    """A descriptor as a name and its settings, JSON values.

    ``listed`` is true if the name is one of ``sensitivity descriptors``; otherwise a descriptor
    can only be compared with these.
    """

    name: str
    settings: Mapping[str, Any]
    listed: bool

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that stands for it."""
        return vars(self) | {"settings": dict(self.settings)}


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
    camera: Sight | None = None
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
        frames = [each if each is None else describe_atoms(each) for each in self.frames]
        place = {"name": self.name, "file": self.file, "index": self.frame, "frames": frames}
        chosen = {name: getattr(self, name) for name in ("mode", "amplitude", "feature")}
        count = 0 if self.singular_values is None else len(self.singular_values)
        complete = count == 3 * len(self.atoms)
        data = {
            **{"format": FORMAT, "version": VERSION},
            "structure": describe_atoms(self.atoms) | place,
            **{"descriptor": self.descriptor.to_plain(), "centers": list(self.centers), **chosen},
            **{"view": dict(self.view), "camera": describe_camera(self.camera)},
            "tolerance": self.tolerance,
            "singular_values": plain(self.singular_values) if complete else None,
            "kinds": list(self.kinds) if self.kinds and complete else None,
            "displacement": plain(self.displacement),
        }
        return write_json(data)

    def to_text(self) -> str:
        """Return the session as letters, digits, - and _, as the end of a link has it.

        It has the current structure, without others of its file.
        """
        alone = {**vars(self), "frames": (), "frame": 0}
        packed = zlib.compress(Session(**alone).to_json(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")
