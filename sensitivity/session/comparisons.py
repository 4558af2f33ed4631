"""The choices made in the explorer of comparisons, with their structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from ase import Atoms

from sensitivity.metrics import MetricName, Rattle
from sensitivity.numerics import Array
from sensitivity.session.reading import read_named
from sensitivity.session.sessions import MOST_FRAMES, Named
from sensitivity.session.values import (
    Sight,
    describe_atoms,
    describe_camera,
    explained,
    plain,
    read_array,
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
    write_json,
)

FORMAT, VERSION = "sensitivity compare session", 1

_MOST = 3  # descriptors


@dataclass(frozen=True, eq=False)
class ComparisonSession:
    """The choices made in a ``CompareExplorer``, and what it showed.

    Attributes
    ----------
    atoms
        The structure at amplitude zero, N atoms.
    descriptors
        Name and settings of each descriptor, by its label in the explorer.
    centers
        Indices of the center atoms.
    name
        Name of the structure in the library, or empty.
    metric, structures
        The scale of the features, as for ``compare``.
    of, mode, amplitude
        Title of the descriptor whose mode is shown; index of this mode; amplitude in Å.
    view, camera
        As in ``Session``.
    singular_values
        Those of the internal modes of each descriptor over its scale, shape (internal,) each;
        None if they were not saved.
    displacement
        Of the mode, shape (N, 3); None if it was not saved.

    Examples
    --------
    >>> from ase import Atoms
    >>> from sensitivity import Rattle
    >>> from sensitivity.session import ComparisonSession, Named, parse_comparison
    >>> hydrogen = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    >>> orders = {name: Named(name, {}, listed=True) for name in ("2", "3")}
    >>> session = ComparisonSession(hydrogen, orders, (0,), "rattle", Rattle(), "order 2", 0)
    >>> parse_comparison(session.to_json()).of
    'order 2'
    """

    atoms: Atoms
    descriptors: Mapping[str, Named]
    centers: tuple[int, ...]
    metric: MetricName
    structures: tuple[Atoms, ...] | Rattle
    of: str
    mode: int
    amplitude: float = 0.0
    name: str = ""
    view: Mapping[str, Any] = field(default_factory=dict)
    camera: Sight | None = None
    singular_values: tuple[Array, ...] | None = None
    displacement: Array | None = None

    def to_json(self) -> bytes:
        """Return the session as a JSON object, with all digits."""
        described = [{"label": label} | each.to_plain() for label, each in self.descriptors.items()]
        samples: Any = self.structures
        values = self.singular_values
        return write_json(
            {
                **{"format": FORMAT, "version": VERSION},
                "structure": describe_atoms(self.atoms) | {"name": self.name},
                **{"descriptors": described, "centers": list(self.centers)},
                "metric": self.metric,
                "samples": dict(vars(samples))
                if isinstance(samples, Rattle)
                else [describe_atoms(each) for each in samples],
                **{"of": self.of, "mode": self.mode, "amplitude": self.amplitude},
                **{"view": dict(self.view), "camera": describe_camera(self.camera)},
                "singular_values": values and [each.tolist() for each in values],
                "displacement": plain(self.displacement),
            }
        )


def parse_comparison(content: bytes) -> ComparisonSession:
    """Return the session of a comparison that JSON describes; ValueError if it describes none.

    Examples
    --------
    >>> from sensitivity.session import parse_comparison
    >>> parse_comparison(b"1")
    Traceback (most recent call last):
        ...
    ValueError: this is no session of a comparison: it is 1, not a JSON object; choose another file.
    """
    with explained("no session of a comparison"):
        data = read_json(content)
        read_format(data, FORMAT, VERSION)
        return _read(data)


def _read(data: dict[str, Any]) -> ComparisonSession:
    place = read_object(data, "structure")
    atoms = read_atoms(place, "structure")
    count, descriptors = len(atoms), _read_descriptors(data)
    metric = read_text(data, "metric")
    if metric not in (known := get_args(MetricName)):
        refuse(f"needs one of {', '.join(known)} as metric, got {show(metric)}")
    return ComparisonSession(
        atoms,
        descriptors,
        read_centers(data.get("centers"), count),
        cast(MetricName, metric),
        _read_samples(data),
        read_text(data, "of"),
        read_integer(data, "mode", most=3 * count - 1),
        amplitude=read_number(data, "amplitude"),
        name=read_text(place, "name"),
        view=read_view(read_object(data, "view")),
        camera=read_camera(data),
        singular_values=read_optional(
            data, "singular_values", lambda: _read_values(data, len(descriptors), 3 * count)
        ),
        displacement=read_optional_array(data, "displacement", (count, 3)),
    )


def _read_descriptors(data: dict[str, Any]) -> dict[str, Named]:
    described = read_list(data, "descriptors", longest=_MOST)
    if len(described) < 2 or not all(isinstance(each, dict) for each in described):
        refuse(f"needs two or three objects as descriptors, got {show(described)}")
    found = {read_text(each, "label"): read_named(each) for each in described}
    if len(found) < len(described):
        refuse("has two descriptors with the same label")
    return found


def _read_samples(data: dict[str, Any]) -> tuple[Atoms, ...] | Rattle:
    """Return the structures of the scale, or how they are made."""
    if isinstance(data.get("samples"), list):
        samples = read_list(data, "samples", longest=MOST_FRAMES)
        return tuple(read_atoms(each, "a structure of the scale") for each in samples)
    given = read_object(data, "samples")
    copies = read_optional(given, "copies", lambda: read_integer(given, "copies", most=MOST_FRAMES))
    try:
        return Rattle(copies, read_number(given, "amplitude"), read_integer(given, "seed"))
    except ValueError as error:
        refuse(f"has no such samples: {error}", error)


def _read_values(data: dict[str, Any], count: int, most: int) -> tuple[Array, ...]:
    """Return the singular values of each descriptor."""
    given = read_list(data, "singular_values")
    lists = len(given) == count and all(isinstance(each, list) for each in given)
    if not lists or any(len(each) > most for each in given):
        refuse(f"needs at most {most} singular values of {count} descriptors, got {show(given)}")
    return tuple(read_array({"values": each}, "values", (len(each),)) for each in given)
