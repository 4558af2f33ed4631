"""A sequence of structures that one can scrub along: a curve that was followed, or a straight way.

Everything here is a pure function or a result; the widgets show it and compute nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Centers, Descriptor, check_descriptor
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.geometry.rotations import rotate_onto
from sensitivity.numerics import Array
from sensitivity.paths import Path
from sensitivity.singular import superpose
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures import check_centers

COUNT = 41
"""Frames of a straight way: every 2.5 % of it, as fine as a curve of the width of a page shows."""

MOST_FRAMES = 1000
"""More frames than a slider has pixels."""

MOST_MATCHED = 20
"""Atoms up to which like atoms are exchanged for the best superposition, within a second or two."""

SAME_STRUCTURE = 1e-6
"""Å, root mean square: coordinates are rarely written with more digits."""


@dataclass(frozen=True, eq=False)
class Track:
    """Structures along a way, and what is known of them.

    Attributes
    ----------
    frames
        The structures, each of the same N atoms in the same order.
    coordinate
        Shape (frames,): length of the way up to each frame, in Å, root of the summed squares.
    directions
        Shape (frames, N, 3): where the way goes from each frame, of unit norm.
    centers
        The centers whose features are stacked.
    spectra
        Of each frame; None where it is not known.
    problems
        Of each frame, a sentence that says why it has no spectrum; else empty.
    status
        One sentence on the whole way.
    descriptor
        What looks at the frames that are not known yet; None if there are none.
    """

    frames: tuple[Atoms, ...]
    coordinate: Array
    directions: Array
    centers: tuple[int, ...]
    spectra: tuple[Spectrum | None, ...]
    problems: tuple[str, ...]
    status: str
    descriptor: Descriptor | None = None

    @classmethod
    def along(cls, path: Path) -> Track:
        """The frames of a curve that was followed, all of which are known."""
        return cls(
            frames=path.frames,
            coordinate=path.length,
            directions=path.modes,
            centers=path.spectra[0].centers,
            spectra=path.spectra,
            problems=("",) * len(path.spectra),
            status=path.status,
        )

    @property
    def known(self) -> NDArray[np.intp]:
        """Indices of the frames that have a spectrum."""
        return np.flatnonzero([each is not None for each in self.spectra])

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be computed."""
        return all(
            each is not None or problem
            for each, problem in zip(self.spectra, self.problems, strict=True)
        )

    @cached_property
    def feature_distance(self) -> Array:
        """Shape (frames,): Euclidean distance of the features from those of the first frame.

        NaN where it is not known.
        """
        start = self.spectra[0]
        if start is None:
            return np.full(len(self.frames), np.nan)
        return np.array(
            [
                np.nan if each is None else np.linalg.norm(each.features - start.features)
                for each in self.spectra
            ]
        )

    @cached_property
    def visible_distance(self) -> Array:
        """Shape (frames,): what the features would change by along the most visible displacement.

        To first order: the largest singular value of the first frame times the length of the way.
        """
        start = self.spectra[0]
        slope = np.nan if start is None else float(start.singular_values.max())
        return np.asarray(slope * self.coordinate)


def straight_way(
    first: Atoms,
    second: Atoms,
    descriptor: Descriptor,
    *,
    centers: Centers = None,
    count: int = COUNT,
) -> Track:
    """Return structures on the straight way from one molecule to another, spectra not yet known.

    The second is laid on the first before: moved, turned, like atoms exchanged, and mirrored if the
    descriptor does not see that, so that the way is the shortest. A single center stays the center.
    Of more than 20 atoms like ones are not exchanged, and no mirror image is taken.

    Raises
    ------
    TypeError, ValueError
        If the two are not molecules of the same atoms, are the same structure, or the number of
        frames is out of range.
    """
    _check_count(count)
    check_descriptor(descriptor)
    chosen = check_centers(first, centers)
    target, remark = _lay(second, first, centers=chosen, inversion=descriptor.inversion_invariant)
    change = target.positions - first.positions
    length = float(np.linalg.norm(change))
    rmsd = length / len(first) ** 0.5
    if rmsd < SAME_STRUCTURE:
        raise ValueError(
            "first and second must be different structures, got two that are the same after "
            f"superposition, to {rmsd:.0e} Å; there is no way between them."
        )
    shares = np.linspace(0.0, 1.0, count)
    return Track(
        frames=tuple(_displace(first, share * change) for share in shares),
        coordinate=shares * length,
        directions=np.broadcast_to(change / length, (count, *change.shape)),
        centers=chosen,
        spectra=(None,) * count,
        problems=("",) * count,
        status=f"The straight way between two structures that are {rmsd:.3g} Å (root mean square) "
        f"apart after superposition{remark}.",
        descriptor=descriptor,
    )


def examine_frame(track: Track, frame: int) -> Spectrum | str:
    """Return the spectrum of a frame, without its modes, or the reason why it has none."""
    assert track.descriptor is not None
    try:
        found = spectrum(track.frames[frame], track.descriptor, centers=track.centers)
    except (ValueError, ArithmeticError, MemoryError) as error:  # LinAlgError is a ValueError
        return as_sentence(error)
    if not np.all(np.isfinite(found.singular_values)):
        return "Some singular values are not finite: the features are not smooth here."
    # The modes of all frames of a large structure would fill a memory, and none is shown.
    return replace(found, modes=found.modes[:0].copy())


def learn(track: Track, found: dict[int, Spectrum | str]) -> Track:
    """Return the track with what was found of some frames."""
    spectra, problems = list(track.spectra), list(track.problems)
    for frame, result in found.items():
        if isinstance(result, str):
            problems[frame] = result
        else:
            spectra[frame] = result
    return replace(track, spectra=tuple(spectra), problems=tuple(problems))


def coarse_to_fine(count: int) -> list[int]:
    """Indices in an order that first shows the whole way roughly, and then fills it in."""
    stride = 1 << max(count - 1, 1).bit_length()
    order: dict[int, None] = {0: None, count - 1: None}
    while stride >= 1:
        order.update(dict.fromkeys(range(0, count, stride)))
        stride //= 2
    return list(order)


def _displace(atoms: Atoms, change: Array) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += change
    return moved


def _lay(
    atoms: Atoms, other: Atoms, *, centers: tuple[int, ...], inversion: bool
) -> tuple[Atoms, str]:
    """A molecule laid on another one, in whose order its atoms then are; and what to say of it."""
    if len(other) > MOST_MATCHED:
        return _lay_in_order(atoms, other), ", atoms in the order in which they were given"
    if len(centers) == 1:
        found = superpose(atoms, other, center=centers[0], inversion=inversion)
        laid = found.atoms
    else:
        _check_composition(atoms, other)
        # With a mark in the middle as the center, all atoms can be exchanged with like ones.
        found = superpose(_mark(atoms), _mark(other), center=0, inversion=inversion)
        laid = found.atoms[1:]
    return laid, "" if found.exact else ", though not all exchanges of like atoms were tried"


def _check_composition(atoms: Atoms, other: Atoms) -> None:
    if sorted(atoms.numbers) != sorted(other.numbers):
        raise ValueError(
            f"first and second must be two structures of the same atoms, got {other.symbols} and "
            f"{atoms.symbols}; there is a way only within one composition."
        )


def _mark(atoms: Atoms) -> Atoms:
    middle = Atoms(numbers=[0], positions=[atoms.positions.mean(axis=0)], pbc=atoms.pbc)
    marked: Atoms = middle + Atoms(numbers=atoms.numbers, positions=atoms.positions)
    return marked


def _lay_in_order(atoms: Atoms, other: Atoms) -> Atoms:
    """A molecule moved and rotated onto another one, atom by atom."""
    if atoms.pbc.any() or other.pbc.any():
        raise ValueError(
            "only molecules can be superposed, got a periodic structure; cut its environment out "
            "with structures.environment."
        )
    if atoms.numbers.tolist() != other.numbers.tolist():
        raise ValueError(
            f"structures of more than {MOST_MATCHED} atoms must have the same atoms in the same "
            f"order, got {atoms.symbols} and {other.symbols}; sort the atoms of one of them."
        )
    laid: Atoms = other.copy()
    laid.positions = rotate_onto(atoms.positions, other.positions)
    return laid


def _check_count(count: int) -> None:
    if not isinstance(count, Integral) or isinstance(count, bool):
        raise TypeError(f"count must be a number of frames, got {count!r}; try {COUNT}.")
    if not 2 <= count <= MOST_FRAMES:
        raise ValueError(f"count must be from 2 to {MOST_FRAMES} frames, got {count}; try {COUNT}.")
