"""A view of moving atoms whose choices can be saved as a session, and restored."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from sensitivity.explorers.parts.background import Work
from sensitivity.explorers.parts.choices import make_control
from sensitivity.explorers.parts.figures import SIZES
from sensitivity.explorers.parts.motion_view import MotionView
from sensitivity.explorers.parts.scene import Camera
from sensitivity.explorers.parts.scene_controls import ATOM_SIZES, LABELS
from sensitivity.explorers.parts.state import ARROW_LENGTHS
from sensitivity.limits import Limit
from sensitivity.outputs import check_output, write_output
from sensitivity.session.values import Sight

SESSION = {
    "session": (
        *("Save session", "session.json"),
        "All choices, to continue later or elsewhere: Open session",
    )
}
"""Label of the button, suffix of the file, and tooltip."""

VIEW = ("arrows", "arrow_length", "labels", "atom_size", "columns", "transparent")
"""Attributes of the view that a session has."""


def check_view(view: Mapping[str, Any]) -> None:
    """Raise ValueError for a choice that the controls do not offer."""
    known = {"labels": LABELS, "atom_size": ATOM_SIZES, "columns": SIZES}
    for name, values in (known | {"arrow_length": ARROW_LENGTHS}).items():
        if name in view and view[name] not in values:
            _refuse(name, f"one of {', '.join(map(str, values))}", view[name])


def check_choice(value: float, name: str, low: float, high: float) -> None:
    """Raise ValueError unless a choice is within its range."""
    if not low <= value <= high:
        _refuse(name, f"from {low:g} to {high:g}", value)


def check_length(content: bytes) -> bytes:
    """Return the file of a session; ValueError if it is too large to be opened again."""
    if len(content) > Limit.UPLOAD:
        raise ValueError(
            f"the session has {len(content) / 1e6:.1f} MB, and at most "
            f"{Limit.UPLOAD / 1e6:.0f} MB can be opened; save a smaller structure."
        )
    return content


def _refuse(name: str, expected: str, value: Any) -> None:
    raise ValueError(f"the session needs {expected} as {name}, got {value!r}; choose another file.")


class SavedView(MotionView):
    """A view of moving atoms whose choices can be saved and restored.

    A subclass writes them in ``_write_session`` and restores them in ``_open_session``, adds
    ``SESSION`` to its files, and shows ``session``, the control that opens one.
    """

    def __init__(self) -> None:
        super().__init__()
        look = {"description": "Open session", "accept": ".json"}
        tooltip = "A file of Save session: its choices are restored"
        self.session = make_control("FileUpload", "auto", tooltip=tooltip, **look)
        self.session.observe(self._take_session, "value")

    def save_state(self, path: str | PathLike[str]) -> None:
        """Write the session to a file, as JSON; ``load_state`` restores it.

        Raises
        ------
        ValueError
            If the file cannot be written, or there is nothing to save yet.
        """
        file = Path(path)
        check_output(file, option="path")
        write_output(file, self._session(), option="path")

    def _write_session(self) -> bytes:
        """Return the session as JSON; ValueError if there is nothing to save yet."""
        raise NotImplementedError

    def _open_session(self, content: bytes) -> None:
        """Restore the session that JSON describes; ValueError if it describes none."""
        raise NotImplementedError

    def _session(self) -> bytes:
        return check_length(self._write_session())

    def _make(self, name: str) -> Work:
        if name != "session":
            return super()._make(name)
        content = self._session()
        return lambda _: content

    def _take_session(self, change: Any) -> None:
        files = change["new"]
        if files:
            self.panel.forgive()
            self.attempt(self._open_session, bytes(files[0]["content"]))
            self.session.value = ()  # otherwise the same file could not be chosen again

    @property
    def _choices(self) -> dict[str, Any]:
        """The choices of ``VIEW``."""
        return {name: getattr(self, name) for name in VIEW}

    @property
    def _sight(self) -> Sight:
        camera = self.molecule.scene.camera
        return camera.view, camera.center, camera.radius

    def _restore_view(self, view: Mapping[str, Any]) -> None:
        for name in VIEW:
            if name in view:
                setattr(self, name, view[name])

    def _aim(self, camera: Sight | None) -> None:
        if camera is not None:
            self.molecule.look(Camera(*camera))
