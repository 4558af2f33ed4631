"""The input of the user: structures, files, centers, and settings of descriptors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from sensitivity import structures
from sensitivity.descriptors import Centers, Descriptor, with_defaults
from sensitivity.limits import Limit
from sensitivity.structures.files.ase_frames import Frame
from sensitivity.structures.files.isolated import read_isolated
from sensitivity.structures.files.reading import no_frame, note_bad, take
from sensitivity.structures.library import ENVIRONMENTS

MOST_ATOMS = 500  # larger structures have more modes than a chart can show, and take minutes
MOST_REACHED = 20_000  # atoms within a cutoff: of dense crystals and 12 Å a half, and they take GB
MOST_FRAMES = 10_000  # structures of a file that are kept, each of some kB

FORMATS = (
    *("extxyz", "xyz", "cif", "vasp", "vasp-xdatcar", "proteindatabank", "aims", "gen", "xsf"),
    *("gaussian-in", "espresso-in", "turbomole", "cube", "mol", "sdf", "res", "gromacs"),
)
"""Text formats of uploaded files, as ASE names them. Some other readers execute code from the file
or run a program (castep-cell), which a visitor of the page must not be able to do."""

ORDERS = {1: "1: distances", 2: "2: power spectrum", 3: "3: bispectrum", 4: "4: trispectrum"}
"""Names of the correlations of each order."""

SETTINGS = {
    "order": (
        "order",
        215,
        "Number of neighbours correlated at once: 1 (distances), 2 (pairs: SOAP), 3 (triples), …",
    ),
    "n_max": ("n_max", 95, "Number of radial functions of the basis: the resolution of distances"),
    "l_max": (
        "l_max",
        95,
        "Largest degree of the spherical harmonics of the basis: the angular resolution",
    ),
    "cutoff": (
        "cutoff (Å)",
        115,
        "Largest distance of a neighbour from its center. A larger one needs more functions",
    ),
    "smearing": (
        "smearing (Å)",
        145,
        "Width of the Gaussian that represents an atom: a wider one needs fewer functions",
    ),
    "neighbors": (
        "neighbors",
        132,
        "Neighbours for which the features have room. If an environment has more, the smallest "
        "eigenvalues of its overlap matrix are left out",
    ),
    "scale": ("scale", 100, "Factor of the covalent radii, which are the widths of the orbitals"),
}
"""Label, width in pixels, and tooltip of common settings of descriptors."""


@dataclass(frozen=True, eq=False)
class Upload:
    """An uploaded file, and the index of the current structure."""

    name: str
    frames: tuple[Frame, ...]  # read-only, also those that cannot be read
    index: int = 0

    def __post_init__(self) -> None:
        for frame in self.frames:
            if frame.atoms is not None:
                freeze(frame.atoms)

    @property
    def atoms(self) -> Atoms:
        """The current structure."""
        atoms = self.frames[self.index].atoms
        assert atoms is not None  # an unreadable one is never chosen
        return atoms

    @property
    def others(self) -> list[str]:
        """The note on unreadable structures, if any."""
        bad = [k for k, frame in enumerate(self.frames) if frame.atoms is None]
        return note_bad(bad, count=len(self.frames), complete=True)

    @property
    def note(self) -> str:
        """The notes of the reader, and the note on unreadable structures."""
        notes = [*self.frames[self.index].notes, *self.others]
        return f"{self.name}: {'; '.join(notes)}." if notes else ""


def freeze(atoms: Atoms) -> None:
    """Make a structure read-only, so that results computed from it stay valid."""
    for array in (*atoms.arrays.values(), atoms.cell.array, atoms.pbc):
        array.setflags(write=False)


def take_structure(
    structure: Atoms | str,
    centers: Centers = None,
    *,
    otherwise: str = "upload a file such as xyz or cif",
) -> tuple[Atoms, str, Centers]:
    """Return the structure, its name if it is from the library, and its centers.

    A name has default centers. ``otherwise`` says what to do if the library lacks a structure.
    Raises TypeError or ValueError if the structure does not exist, or is too large or too far from
    the origin.
    """
    if isinstance(structure, str):
        remedy = "choose one from the list (small molecules, crystals of elements), or " + otherwise
        name = structures.find_name(structure, remedy=remedy)
        atoms = structures.load(name)
        usual = usual_centers(atoms, name=name)
        return atoms, name, usual if centers is None else centers
    if not isinstance(structure, Atoms):
        raise TypeError(
            f"a structure must be ase.Atoms or a name, got {structure!r}; see structures.names()."
        )
    check_size(structure)
    return structure, "", centers


def check_size(atoms: Atoms, *, farthest: float = 1e4) -> None:
    """Raise ValueError if a structure has too many atoms, or is too far from the origin.

    The graphics have single precision, which is 0.001 Å at a distance of ``farthest`` Å; at 1e19 Å
    it overflows.
    """
    if len(atoms) > MOST_ATOMS:
        raise ValueError(
            f"the structure has {len(atoms)} atoms, and the explorer accepts at most {MOST_ATOMS}; "
            "use a part of it, such as the atoms within twice the cutoff of one atom."
        )
    extents = np.abs([*atoms.positions, *atoms.cell.array[atoms.pbc]])
    if (np.isfinite(extents) & (extents > farthest)).any():  # others fail elsewhere
        raise ValueError(
            f"positions and periodic cell must be within {farthest:g} Å of the origin, got "
            f"{extents[np.isfinite(extents)].max():.3g} Å; check the unit, or move the structure."
        )


def check_reach(atoms: Atoms, cutoff: float) -> None:
    """Raise ValueError if the cutoff reaches too many atoms of a periodic structure."""
    heights = 1 / np.linalg.norm(atoms.cell.complete().reciprocal(), axis=1)  # Å [axis]
    cells = np.where(atoms.pbc, 2 * cutoff / heights + 1, 1.0)
    if not len(atoms) * cells.prod() <= MOST_REACHED:
        raise ValueError(
            f"the cell is so small that a cutoff of {cutoff:g} Å may reach "
            f"{len(atoms) * cells.prod():.1e} atoms, and at most {MOST_REACHED} are accepted from "
            "a file; check the unit of the cell, or pass a descriptor with a smaller cutoff."
        )


def is_length(name: str, low: float, high: float) -> bool:
    """Return True if a setting with these limits is a length, which need not be an integer."""
    return name == "cutoff" or isinstance(low, float) or isinstance(high, float)


def refine(descriptor: Descriptor, name: str, value: Any) -> Descriptor:
    """Return the descriptor with one of its adjustable settings changed.

    A higher order comes with an affordable basis, a lower one keeps the basis. TypeError or
    ValueError if the setting does not exist, or cannot have this value.
    """
    own = with_defaults(descriptor)
    if name not in own.limits:
        raise TypeError(
            f"a {own.name} has no {name} that can be set here; give the explorer another "
            "descriptor."
        )
    low, high = own.limits[name]
    # The error of the descriptor itself comes first: it names the reason.
    found = own.of_order(value) if name == "order" else own.with_settings(**{name: value})
    if found is None or not low <= value <= high:
        unit = " Å" * is_length(name, low, high)
        raise ValueError(
            f"{name} must be from {low:g} to {high:g}{unit}, got {value:g}; give one of these."
        )
    return found


def read_upload(name: str, content: bytes) -> Upload:
    """Return all structures of a file, unchecked; ValueError if it is too large or has none."""
    shown = shown_name(name)
    if len(content) > Limit.UPLOAD:
        raise ValueError(
            f"the file {shown} has {len(content) / 1e6:.1f} MB, and at most "
            f"{Limit.UPLOAD / 1e6:.0f} MB can be read here; upload a part of it."
        )
    if not content:
        raise ValueError(f"the file {shown} is empty; upload a file with a structure.")
    frames = read_isolated(shown, content, formats=FORMATS, most=MOST_FRAMES)
    if len(frames) > MOST_FRAMES:
        raise ValueError(
            f"the file {shown} has more than {MOST_FRAMES} structures; upload a part of it."
        )
    return Upload(shown, frames)


def choose_frame(upload: Upload, index: int | None) -> Upload:
    """Return the upload with another structure chosen; a negative index counts from the end.

    None chooses the first readable one. ValueError if it does not exist or cannot be shown.
    """
    name, count = f"the file {upload.name}", len(upload.frames)
    if index is None:
        good = (k for k, frame in enumerate(upload.frames) if frame.atoms is not None)
        index = next(good, 0)
    if not -count <= index < count:
        raise no_frame(name, count, index)
    frame = upload.frames[index]
    if frame.atoms is not None:
        try:
            check_size(frame.atoms)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    take(name, frame, number=index % count, count=count, others=upload.others)
    return Upload(upload.name, upload.frames, index % count)


def shown_name(name: str, *, longest: int = 60) -> str:
    """Return the name of a file without folders; each character may take four of 255 bytes."""
    # A browser gives no folders. In a name with < or >, a / hardly separates folders.
    return re.sub(r"^([^<>/\\]*[/\\])+", "", name)[-longest:] or "without a name"


def usual_centers(atoms: Atoms, *, name: str = "", most: int = 20) -> tuple[int, ...] | None:
    """Return the default centers; None for all.

    For methane and the environments of the literature, given by name, this is the first atom, which
    is in the middle. In a structure of at most ``most`` atoms all are centers. In a larger one it
    is the atom in the middle, because the cost grows with the square of the number of atoms.
    """
    if name in {*ENVIRONMENTS, "CH4"}:
        return (0,)
    if len(atoms) <= most:
        return None
    offsets = atoms.positions - atoms.positions.mean(axis=0)
    return (int(np.argmin(np.linalg.norm(offsets, axis=1))),)


def read_centers(text: str, atoms: Atoms) -> tuple[int, ...] | None:
    """Return the centers named by a text; None for all.

    It may contain elements, in any letter case, and atom indices and ranges, also mixed, with or
    without commas and brackets: C; 0, 3; 0-4; C 5; [0, 3]. ValueError if it names no existing atom;
    the message lists the valid forms.
    """
    joined = re.sub(r"\s*[-–]\s*", "-", text)
    parts = re.sub(r"[\s,;()\[\]{}]+", " ", joined).split()
    if {part.lower() for part in parts} <= {"all"}:
        return None
    found = [index for part in parts for index in _atoms_named(part, atoms)]
    return tuple(dict.fromkeys(found))


def write_centers(centers: Iterable[int], count: int) -> str:
    """Return the text that names these centers among ``count`` atoms, with ranges as 2-4."""
    chosen = sorted(centers)
    if len(chosen) == count:
        return "all"
    breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
    runs = [run.tolist() for run in np.split(np.array(chosen), breaks)]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _atoms_named(part: str, atoms: Atoms) -> list[int]:
    last, elements = len(atoms) - 1, ", ".join(dict.fromkeys(atoms.symbols))
    remedy = "there is only one atom; write 'all'."
    if last:
        remedy = (
            f"write 'all', elements of the structure ({elements}), numbers from 0 to {last}, "
            f"ranges such as 0-{last}, or several of these with commas."
        )
    element = part.capitalize()
    if element in atomic_numbers:
        found = np.flatnonzero(atoms.numbers == atomic_numbers[element]).tolist()
        if not found:
            raise ValueError(f"the structure has no {element} to be a center; {remedy}")
        return found
    ends = part.split("-")
    if len(ends) > 2 or not all(end.isdecimal() for end in ends):
        raise ValueError(f"centers cannot be {part!r}; {remedy}")
    low, high = int(ends[0]), int(ends[-1])
    if not low <= high <= last:
        raise ValueError(f"there are no atoms {part}; {remedy}")
    return list(range(low, high + 1))
