"""The view of a molecule: arrows, atoms and camera."""

from __future__ import annotations

from typing import Any

import traitlets

from sensitivity.explorers.parts.choices import Index, Length, Switch, check_name
from sensitivity.explorers.parts.figures import SIZES
from sensitivity.explorers.parts.molecule import Molecule
from sensitivity.explorers.parts.scene import Camera
from sensitivity.explorers.parts.scene_controls import ATOM_SIZES, LABELS, SceneControls
from sensitivity.explorers.parts.state import ARROW_LENGTH, ARROW_LENGTHS
from sensitivity.explorers.parts.view import View
from sensitivity.numerics import check_integer, check_real


class MoleculeView(View):
    """The choices made with ``SceneControls``; a subclass defines the initial ``_camera``."""

    arrows = Switch(True)
    arrow_length = Length(ARROW_LENGTH)
    labels = traitlets.Unicode(LABELS[0])
    atom_size = Length(1.0)
    # Of figures in files; resetting the view keeps them.
    columns = Index(2).tag(kept=True)
    transparent = Switch(False).tag(kept=True)

    molecule: Molecule
    controls: SceneControls

    def _camera(self) -> Camera:
        """Return the initial camera."""
        raise NotImplementedError

    def look(self, axis: str | None = None) -> None:
        """Look along x, y or z, or as initially; ValueError for another axis."""
        camera = self._camera()
        self.molecule.look(camera if axis is None else camera.along(axis))

    @traitlets.observe("labels", "atom_size")
    def _dress(self, _: Any) -> None:
        self.molecule.dress(labels=self.labels, size=self.atom_size)
        self.controls.labels.value, self.controls.atom_size.value = self.labels, self.atom_size

    @traitlets.validate("columns")
    def _validate_columns(self, proposal: Any) -> int:
        value, accepts = proposal["value"], SIZES.__contains__
        return check_integer(
            value, "columns", "1 or 2", accepts=accepts, remedy="give one of these"
        )

    @traitlets.validate("labels")
    def _validate_labels(self, proposal: Any) -> str:
        return check_name(proposal["value"], "labels", LABELS)

    @traitlets.validate("arrow_length", "atom_size")
    def _validate_size(self, proposal: Any) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        known = ARROW_LENGTHS if name == "arrow_length" else ATOM_SIZES
        expected = f"one of {known}{' Å' * (name == 'arrow_length')}"
        remedy = "give one of these"
        return check_real(value, name, expected, accepts=known.__contains__, remedy=remedy)
