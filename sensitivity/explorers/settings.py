"""What is looked at, and what looks at it: the row above the pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from sensitivity import structures
from sensitivity.app.limits import UPLOAD
from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.descriptors.orders import LARGEST_ORDER
from sensitivity.explorers.layout import row
from sensitivity.explorers.libraries import require
from sensitivity.explorers.quiet import Quiet
from sensitivity.explorers.state import Reference, Upload
from sensitivity.structures.literature import ENVIRONMENTS

FORMATS = (
    *("extxyz", "xyz", "cif", "vasp", "vasp-xdatcar", "proteindatabank", "aims", "gen", "xsf"),
    *("gaussian-in", "espresso-in", "castep-cell", "turbomole", "cube", "mol", "sdf", "res"),
)
"""Of uploaded files, as ASE names them: text. Some other formats of ASE can make Python do what
their author wants, and in the page who uploads is a stranger."""

PACKED = (".gz", ".bz2", ".xz")
"""Endings of files that could become a thousand times as large."""

LONGEST_NAME = 60
"""Characters of the name of a file, of which each may take four of the 255 bytes."""

MOST_ATOMS = 500
"""Larger structures have more modes than a chart can show, and take minutes."""

ALL_CENTERS = 20
"""Atoms up to which all of them are centers at first; of a larger structure it is the middle one,
because the work grows with the square of the atoms."""

DESCRIPTOR = ("order", "n_max", "l_max", "cutoff", "smearing")
"""The settings of a descriptor."""

ORDERS = {1: "1: distances", 2: "2: power spectrum", 3: "3: bispectrum", 4: "4: trispectrum"}
"""What the correlations of each order are called."""


USUAL = DensityCorrelations(order=2, cutoff=3.0, n_max=6, l_max=6)
"""What looks at a structure if nothing else is given."""


class Settings:
    """Widgets for structure, descriptor and centers; the explorer reads and writes their values.

    Parameters
    ----------
    quiet
        Entered while it is not a person who sets them.

    Attributes
    ----------
    structure, upload, frame, order, n_max, l_max, cutoff, smearing, centers
        The widgets; ``box`` holds all of them.
    """

    def __init__(self, quiet: Quiet) -> None:
        widgets = require("ipywidgets")
        self._quiet = quiet
        self.structure = widgets.Combobox(
            options=structures.names(),
            ensure_option=True,
            continuous_update=False,
            placeholder="name of a structure",
            description="structure",
            tooltip="A molecule of the G2 set, a crystal, or an environment from the literature: "
            "type a few letters, and choose",
            **_looks(230),
        )
        self.upload = widgets.FileUpload(
            description="own file",
            tooltip="A structure in any format that ASE reads: xyz, extxyz, cif, POSCAR, pdb ...",
            layout={"width": "auto"},
        )
        self.frame = widgets.BoundedIntText(
            description="frame", min=0, max=0, tooltip="Which structure of the file", **_looks(110)
        )
        self.order = widgets.Dropdown(
            options=[(name, order) for order, name in ORDERS.items()],
            description="order",
            tooltip="How many neighbours are correlated: distances, angles, dihedrals ...",
            **_looks(190),
        )
        self.n_max = _integer("n_max", 1, 12, "Number of radial functions")
        self.l_max = _integer("l_max", 0, 12, "Largest degree of the spherical harmonics")
        self.cutoff = _length("cutoff (Å)", 1.0, 12.0, "How far a center sees")
        self.smearing = _length("smearing (Å)", 0.0, 2.0, "Width of an atom in the density")
        self.centers = widgets.Text(
            description="centers",
            continuous_update=False,
            placeholder="all, C, or 0, 2-4",
            tooltip="Whose features are looked at: all, an element, or numbers of atoms such as "
            "0, 2-4",
            **_looks(170),
        )
        self.box = row(
            self.structure,
            self.upload,
            self.frame,
            self.centers,
            self.order,
            self.n_max,
            self.l_max,
            self.cutoff,
            self.smearing,
        )
        self.frame.layout.display = "none"

    def show(self, reference: Reference) -> None:
        """Show the settings of a reference."""
        index, frames = 0, 1
        if reference.upload is not None:
            index, frames = reference.upload.index, reference.upload.frames
        with self._quiet:
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
        description=name, min=low, max=high, tooltip=tooltip, **_looks(105)
    )


def _length(name: str, low: float, high: float, tooltip: str) -> Any:
    widgets = require("ipywidgets")
    return widgets.BoundedFloatText(
        description=name, min=low, max=high, step=0.1, tooltip=tooltip, **_looks(145)
    )


def read_upload(name: str, content: bytes, *, index: int = 0) -> tuple[Atoms, Upload]:
    """Return one structure of a file, and what is known of the file.

    Raises
    ------
    ValueError
        If it is too large, or no structure in a format of ``FORMATS``; the message says so in
        words.
    """
    if len(content) > UPLOAD:
        raise ValueError(
            f"{name} has {len(content) / 1e6:.1f} MB, and at most {UPLOAD / 1e6:.0f} MB can be "
            "read here; cut out what you want to look at."
        )
    if name.lower().endswith(PACKED):
        raise ValueError(f"{name} is compressed; unpack it before it is opened here.")
    with TemporaryDirectory() as folder:
        path = Path(folder) / _file_name(name)
        path.write_bytes(content)
        try:
            _check_format(path)
            atoms, frames = structures.read(path, index=index), structures.count_frames(path)
            return atoms, Upload(name, content, index % frames, frames)
        except ValueError as error:
            raise ValueError(str(error).replace(f"{folder}/", "")) from None


def _check_format(path: Path) -> None:
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        found = filetype(str(path))
    except UnknownFileTypeError:
        return  # empty, or unknown: said in words when it is read
    if found not in FORMATS:
        raise ValueError(
            f"{path.name} is of the format {found!r}, which is not read from an uploaded file; "
            "give it as xyz, extxyz, cif, POSCAR or pdb."
        )
    if found in {"xyz", "extxyz"}:
        _check_counts(path)


def _check_counts(path: Path) -> None:
    """Refuse a file that is shorter than it says: ASE would look for each atom that is missing."""
    lines = path.read_text(errors="replace").splitlines()
    place = 0
    while place < len(lines) and lines[place].strip().isdecimal():
        count = int(lines[place])
        place += count + 2
        if place > len(lines):
            raise ValueError(
                f"{path.name} speaks of {count} atoms and ends before them; is it complete?"
            )


def _file_name(name: str) -> str:
    """The last part of a name, as a folder takes it, with the ending that tells the format."""
    last = re.split(r"[/\\\0]", name)[-1]
    return "structure" if last in {"", ".", ".."} else last[-LONGEST_NAME:]


def take_structure(structure: Atoms | str) -> tuple[Atoms, str]:
    """Return the structure, and its name if it is from the library.

    Raises
    ------
    TypeError, ValueError
        If it is no structure, there is none of this name, or it is too large.
    """
    if isinstance(structure, str):
        return structures.load(structure), structure
    if not isinstance(structure, Atoms):
        raise TypeError(
            f"a structure must be ase.Atoms or a name, got {structure!r}; see structures.names()."
        )
    check_size(structure)
    return structure, ""


def check_size(atoms: Atoms) -> None:
    """Refuse a structure that is too large.

    Raises
    ------
    ValueError
        The message says what to do.
    """
    if len(atoms) > MOST_ATOMS:
        raise ValueError(
            f"the structure has {len(atoms)} atoms, and the explorer takes at most {MOST_ATOMS}; "
            "cut out what a center sees with sensitivity.structures.environment."
        )


def usual_centers(atoms: Atoms, *, name: str = "") -> tuple[int, ...] | None:
    """Return the centers to begin with.

    Of methane and of the environments of the literature, by their names, it is the atom in the
    middle, which is the first; else all atoms, or of many the one in the middle.
    """
    if name in {*ENVIRONMENTS, "CH4"}:
        return (0,)
    if len(atoms) <= ALL_CENTERS:
        return None
    offsets = atoms.positions - atoms.positions.mean(axis=0)
    return (int(np.argmin(np.linalg.norm(offsets, axis=1))),)


def refine(descriptor: Descriptor, name: str, value: Any) -> Descriptor:
    """Return the descriptor with one setting changed.

    A higher order takes a basis that is affordable there, a lower one leaves it as it is.

    Raises
    ------
    TypeError, ValueError
        If it has no such setting, or the setting cannot have this value.
    """
    if not isinstance(descriptor, DensityCorrelations) or name not in DESCRIPTOR:
        raise TypeError(
            f"a {type(descriptor).__name__} has no {name} to be set here; give the explorer "
            "another descriptor."
        )
    if name != "order":
        return replace(descriptor, **{name: value})
    found: DensityCorrelations | None = descriptor
    while found is not None and found.order < value:
        found = found.higher_order()
    if found is None:
        raise ValueError(f"there is no order {value}; give one from 1 to {LARGEST_ORDER}.")
    odd = found.parity_odd and value >= 3
    channels = found.contract_channels if value >= 3 else None
    return replace(found, order=value, parity_odd=odd, contract_channels=channels)


def read_centers(text: str, atoms: Atoms) -> tuple[int, ...] | None:
    """Return the centers that a text names; None for all.

    Raises
    ------
    ValueError
        If it names none, or no such atom; the message says what it may be.
    """
    wanted = text.strip()
    if wanted.lower() in {"", "all"}:
        return None
    found: list[int] = []
    for part in wanted.replace(",", " ").split():
        found += _atoms_named(part, atoms)
    return tuple(dict.fromkeys(found))


def write_centers(centers: Iterable[int], count: int) -> str:
    """Return the text that names these centers, of so many atoms, with runs as 2-4."""
    chosen = sorted(centers)
    if len(chosen) == count:
        return "all"
    breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
    runs = [run.tolist() for run in np.split(np.array(chosen), breaks)]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _atoms_named(part: str, atoms: Atoms) -> list[int]:
    last = len(atoms) - 1
    remedy = f"write all, an element of the structure, or numbers from 0 to {last} such as 0, 2-4."
    if part in atomic_numbers:
        found = np.flatnonzero(atoms.numbers == atomic_numbers[part]).tolist()
        if not found:
            raise ValueError(f"the structure has no {part} to be a center; {remedy}")
        return found
    ends = part.split("-")
    if len(ends) > 2 or not all(end.isdecimal() for end in ends):
        raise ValueError(f"centers cannot be {part!r}; {remedy}")
    low, high = int(ends[0]), int(ends[-1])
    if not low <= high <= last:
        raise ValueError(f"there are no atoms {part}; {remedy}")
    return list(range(low, high + 1))
