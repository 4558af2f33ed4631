"""What is looked at, and what looks at it: the row above the pictures."""

from __future__ import annotations

from typing import Any

from sensitivity import structures
from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.explorers.main.centers import write_centers
from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.programmatic_update import Entered
from sensitivity.explorers.parts.reference import Reference
from sensitivity.explorers.parts.refinement import DESCRIPTOR, ORDERS


class Settings:
    """Widgets for structure, descriptor and centers; the explorer reads and writes their values.

    Parameters
    ----------
    updating
        Entered while the program sets them.

    Attributes
    ----------
    structure, upload, frame, order, n_max, l_max, cutoff, smearing, centers
        The widgets; ``box`` holds all of them.
    """

    def __init__(self, updating: Entered) -> None:
        widgets = require("ipywidgets")
        self._updating = updating
        self.structure = widgets.Combobox(
            options=structures.names(),
            continuous_update=False,
            placeholder="name of a structure",
            description="structure",
            tooltip="A molecule of the G2 set, a crystal, or an environment from the literature: "
            "type a few letters, and choose",
            **_looks(200),
        )
        self.upload = widgets.FileUpload(
            description="own file",
            tooltip="A structure in a text format such as xyz, extxyz, cif, POSCAR or pdb",
            layout={"width": "auto"},
        )
        self.frame = widgets.BoundedIntText(
            description="frame", min=0, max=0, tooltip="Which structure of the file", **_looks(110)
        )
        self.order = widgets.Dropdown(
            options=[(name, order) for order, name in ORDERS.items()],
            description="order",
            tooltip="How many neighbours are correlated: distances, angles, dihedrals ...",
            **_looks(180),
        )
        self.n_max = _integer("n_max", 1, 12, "Number of radial functions")
        self.l_max = _integer("l_max", 0, 12, "Largest degree of the spherical harmonics")
        self.cutoff = _length("cutoff (Å)", 1.0, 12.0, "How far a center sees", width=115)
        self.smearing = _length(
            "smearing (Å)", 0.0, 2.0, "Width of an atom in the density", width=145
        )
        self.centers = widgets.Text(
            description="centers",
            continuous_update=False,
            placeholder="all, C, or 0, 2-4",
            tooltip="Whose features are looked at: all, elements, or numbers of atoms such as "
            "0, 2-4",
            **_looks(150),
        )
        self.box = row(
            row(self.structure, self.upload, self.frame, self.centers),
            row(self.order, self.n_max, self.l_max),
            row(self.cutoff, self.smearing),
        )
        self.frame.layout.display = "none"

    def show(self, reference: Reference) -> None:
        """Show the settings of a reference."""
        index, frames = 0, 1
        if reference.upload is not None:
            index, frames = reference.upload.index, len(reference.upload.frames)
        with self._updating:
            self.structure.value = reference.name
            self.upload.value = ()  # or the same file could not be chosen again
            self.frame.max = frames - 1
            self.frame.value = index
            self.frame.layout.display = None if frames > 1 else "none"
            self.centers.value = write_centers(reference.centers, len(reference.atoms))
            self._show_descriptor(reference.descriptor)

    def _show_descriptor(self, descriptor: Descriptor) -> None:
        native = isinstance(descriptor, DensityCorrelations)
        for name in DESCRIPTOR:
            control = getattr(self, name)
            control.disabled = not native
            if native:
                value = getattr(descriptor, name)
                if name != "order":  # from Python it can be beyond what is offered
                    control.min, control.max = min(control.min, value), max(control.max, value)
                control.value = value


def _looks(width: int) -> dict[str, Any]:
    return {"style": {"description_width": "initial"}, "layout": {"width": f"{width}px"}}


def _integer(name: str, low: int, high: int, tooltip: str) -> Any:
    widgets = require("ipywidgets")
    return widgets.BoundedIntText(
        description=name, min=low, max=high, tooltip=tooltip, **_looks(95)
    )


def _length(name: str, low: float, high: float, tooltip: str, *, width: int) -> Any:
    widgets = require("ipywidgets")
    return widgets.BoundedFloatText(
        description=name, min=low, max=high, step=0.1, tooltip=tooltip, **_looks(width)
    )
