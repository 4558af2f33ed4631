"""The row above the pictures: structure, centers and descriptor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensitivity import structures
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.explorers.main.centers import write_centers
from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.programmatic_update import Entered
from sensitivity.explorers.parts.reference import Reference
from sensitivity.explorers.parts.refinement import ORDERS
from sensitivity.explorers.parts.sliders import make_control

CONTROLS: dict[str, tuple[str, int | str, str, dict[str, Any]]] = {
    "structure": (
        *("Combobox", 200),
        "A molecule of the G2 set, a crystal, or an environment from the literature: type a few "
        "letters and choose",
        {"continuous_update": False, "placeholder": "name of a structure"},
    ),
    "upload": (
        *("FileUpload", "auto"),
        "A structure in a text format such as xyz, extxyz, cif, POSCAR or pdb",
        {"description": "Upload file"},
    ),
    "frame": ("BoundedIntText", 110, "Frame of the file", {"min": 0, "max": 0}),
    "centers": (
        *("Text", 150),
        "Atoms whose features are used: all, elements, or atom numbers such as 0, 2-4",
        {"continuous_update": False, "placeholder": "all, C, or 0, 2-4"},
    ),
}
"""Kind, width in pixels, tooltip, and other traits of the widgets that every descriptor needs."""

KNOWN = {
    "order": ("order", 180, "Number of correlated neighbours: distances, angles, dihedrals, …"),
    "n_max": ("n_max", 95, "Number of radial functions"),
    "l_max": ("l_max", 95, "Largest degree of the spherical harmonics"),
    "cutoff": ("cutoff (Å)", 115, "Distance up to which a center sees neighbours"),
    "smearing": ("smearing (Å)", 145, "Width of an atom in the density"),
}
"""Label, width in pixels, and tooltip of settings that many descriptors have."""


class Settings:
    """Widgets for structure, centers and descriptor, in ``box``.

    ``of_descriptor`` has those for the settings that the descriptor offers to be changed, by name;
    ``on_new`` is called when they are replaced by others. ``updating`` is entered while the program
    sets the widgets.
    """

    def __init__(self, updating: Entered) -> None:
        self._updating = updating
        self.structure, self.upload, self.frame, self.centers = (
            make_control(kind, width, tooltip=tooltip, **{"description": name, **traits})
            for name, (kind, width, tooltip, traits) in CONTROLS.items()
        )
        self.structure.options = structures.names()
        self.of_descriptor: dict[str, Any] = {}
        self._kinds: dict[str, tuple[type, float, float]] = {}
        self.on_new: Callable[[], None] = lambda: None
        self._integers, self._lengths = row(), row()
        self.box = row(
            row(self.structure, self.upload, self.frame, self.centers),
            self._integers,
            self._lengths,
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
        own = with_defaults(descriptor)
        values = {name: own.settings[name] for name in own.limits if name in own.settings}
        kinds = {name: (type(value), *own.limits[name]) for name, value in values.items()}
        if kinds != self._kinds:
            self._kinds = kinds
            self._make(kinds)
        for name, value in values.items():
            control = self.of_descriptor[name]
            if name != "order":  # from Python it can be beyond what is offered
                control.min, control.max = min(control.min, value), max(control.max, value)
            control.value = value

    def _make(self, kinds: dict[str, tuple[type, float, float]]) -> None:
        old = self.of_descriptor
        self.of_descriptor = {name: _make_setting(name, *kind) for name, kind in kinds.items()}
        self._integers.children, self._lengths.children = (
            [self.of_descriptor[name] for name in kinds if (kinds[name][0] is int) == whole]
            for whole in (True, False)
        )
        for control in old.values():
            control.close()
        self.on_new()


def _make_setting(name: str, kind: type, low: float, high: float) -> Any:
    label, width, tooltip = KNOWN.get(name, (name, 60 + 8 * len(name), f"Change {name}"))
    texts = {"description": label, "tooltip": tooltip}
    if name == "order":
        orders = range(int(low), int(high) + 1)
        options = [(ORDERS.get(order, str(order)), order) for order in orders]
        return make_control("Dropdown", width, options=options, **texts)
    if kind is int:
        return make_control("BoundedIntText", width, min=low, max=high, value=low, **texts)
    return make_control("BoundedFloatText", width, min=low, max=high, value=low, step=0.1, **texts)
