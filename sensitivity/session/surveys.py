"""The choices made in the explorer of surveys, without the survey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sensitivity.numerics import Array
from sensitivity.session.reading import read_named
from sensitivity.session.sessions import Named
from sensitivity.session.values import (
    Sight,
    describe_camera,
    explained,
    plain,
    read_array,
    read_camera,
    read_format,
    read_integer,
    read_json,
    read_list,
    read_number,
    read_object,
    read_optional,
    read_text,
    read_view,
    write_json,
)
from sensitivity.tolerances import Tolerance

FORMAT, VERSION = "sensitivity survey session", 1

_MOST_ATOMS = 10_000  # in an environment


@dataclass(frozen=True, eq=False)
class SurveySession:
    """The choices made in a ``SurveyExplorer``, and which survey they belong to.

    The survey itself is not in it: it has to be opened before.

    Attributes
    ----------
    survey
        Name of the survey in texts. It is never used as the name of a file.
    environments
        Number of rows of the survey.
    descriptor
        Name and settings of the descriptor.
    tolerance
        Å, of the causes.
    frame, center
        The environment: number of its frame, and index of its center.
    fingerprint
        Of that frame, as in the survey; empty if it has none.
    against
        Name of the property on the horizontal axis.
    mode, amplitude
        Index of the mode, None if the modes were not known; Å.
    view, camera
        As in ``Session``.
    displacement
        Of the mode, shape (atoms of the environment, 3); None if it is not known.

    Examples
    --------
    >>> from sensitivity.session import Named, SurveySession, parse_survey
    >>> session = SurveySession("train", 5, Named("2", {}, listed=True), 3, 0, "", "neighbors")
    >>> parse_survey(session.to_json()).frame
    3
    """

    survey: str
    environments: int
    descriptor: Named
    frame: int
    center: int
    fingerprint: str
    against: str
    mode: int | None = None
    amplitude: float = 0.0
    tolerance: float = Tolerance.POSITIONS
    view: Mapping[str, Any] = field(default_factory=dict)
    camera: Sight | None = None
    displacement: Array | None = None

    def to_json(self) -> bytes:
        """Return the session as a JSON object, with all digits."""
        described = self.descriptor.to_plain()
        about = {"name": self.survey, "environments": self.environments}
        names = ("frame", "center", "fingerprint")
        chosen = {name: getattr(self, name) for name in ("against", "mode", "amplitude")}
        return write_json(
            {
                **{"format": FORMAT, "version": VERSION},
                "survey": about | {"descriptor": described, "tolerance": self.tolerance},
                "environment": {name: getattr(self, name) for name in names},
                **chosen,
                **{"view": dict(self.view), "camera": describe_camera(self.camera)},
                "displacement": plain(self.displacement),
            }
        )


def parse_survey(content: bytes) -> SurveySession:
    """Return the session of a survey that JSON describes; ValueError if it describes none.

    Examples
    --------
    >>> from sensitivity.session import parse_survey
    >>> parse_survey(b"[]")
    Traceback (most recent call last):
        ...
    ValueError: this is no session of a survey: it is [], not a JSON object; choose another file.
    """
    with explained("no session of a survey"):
        data = read_json(content)
        read_format(data, FORMAT, VERSION)
        return _read(data)


def _read(data: dict[str, Any]) -> SurveySession:
    about, place = read_object(data, "survey"), read_object(data, "environment")
    return SurveySession(
        read_text(about, "name"),
        read_integer(about, "environments"),
        read_named(read_object(about, "descriptor")),
        read_integer(place, "frame"),
        read_integer(place, "center"),
        read_text(place, "fingerprint"),
        read_text(data, "against"),
        mode=read_optional(data, "mode", lambda: read_integer(data, "mode")),
        amplitude=read_number(data, "amplitude"),
        tolerance=read_number(about, "tolerance", least=0.0),
        view=read_view(read_object(data, "view")),
        camera=read_camera(data),
        displacement=read_optional(data, "displacement", lambda: _read_displacement(data)),
    )


def _read_displacement(data: dict[str, Any]) -> Array:
    count = len(read_list(data, "displacement", longest=_MOST_ATOMS))
    return read_array(data, "displacement", (count, 3))
