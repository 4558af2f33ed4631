"""Frames of a survey: numbered, and those that cannot be read with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from math import nan
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.structures import read_frames
from sensitivity.structures.quantities import Quantities, stored_quantities

Frames = str | os.PathLike[str] | Iterable[Atoms]
"""A file, or structures one after the other.

Examples
--------
>>> from sensitivity import structures
>>> from sensitivity.survey import Frames
>>> molecules: Frames = [structures.load("CH4"), structures.load("H2O")]
"""


@dataclass(frozen=True)
class NumberedFrame:
    """A frame, and its number in the source; without atoms, the reason."""

    number: int
    atoms: Atoms | None
    problem: str = ""
    left: float = nan  # frames of the survey after this one; an estimate, or NaN
    cut: bool = False  # True if its last number may be cut at the end of the file
    before: str = ""  # hash of all frames before it, if there is a folder
    given: Quantities = field(default_factory=dict)  # that its file gives

    @property
    def quantities(self) -> Quantities:
        """The numbers that come with it, such as an energy."""
        return self.given or ({} if self.atoms is None else stored_quantities(self.atoms))


def fingerprint(atoms: Atoms) -> str:
    """Return a hash of elements, positions and cell."""
    arrays = atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc
    return sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()[:16]


def number_frames(frames: Frames, *, every: int, limit: int | None) -> Iterator[NumberedFrame]:
    """Yield every n-th frame, at most ``limit``; an error in reading one is its problem."""
    if isinstance(frames, Atoms) or not isinstance(frames, str | os.PathLike | Iterable):
        found = type(frames).__name__
        raise TypeError(f"frames must be a file or structures, got {found}; give e.g. [atoms].")
    source = read_frames(frames) if isinstance(frames, str | os.PathLike) else frames
    total = len(source) if isinstance(source, Sized) else nan
    every_frame = enumerate(_without_errors(source))
    for count, (number, frame) in enumerate(islice(islice(every_frame, 0, None, every), limit), 1):
        read = getattr(frame, "read", (number + 1) / total)
        left = (number + 1) * (1 / read - 1) / every
        if limit is not None:
            left = float(np.fmin(left, limit - count))
        yield _check(number, frame, left=left)


def _without_errors(source: Iterable[Any]) -> Iterator[Any]:
    """Yield frames until the source ends; its error, after which it cannot go on, is the last."""
    steps = iter(source)
    first = True
    while True:
        try:
            frame = next(steps)
        except StopIteration:
            return
        except Exception as error:
            if first:
                raise  # there is no such file, or nothing in it
            yield error
            return
        first = False
        yield frame


def _check(number: int, frame: Any, *, left: float) -> NumberedFrame:
    if isinstance(frame, Exception):
        return NumberedFrame(number, None, f"the source ended with an error: {frame}", 0)
    if isinstance(frame, Atoms):
        return NumberedFrame(number, frame, left=left)
    if hasattr(frame, "problem"):
        given = frame.quantities
        return NumberedFrame(number, frame.atoms, frame.problem, left, frame.cut, given=given)
    found = type(frame).__name__
    return NumberedFrame(number, None, f"a frame must be an ase.Atoms, got {found}.", left)


@dataclass(frozen=True)
class PackedFrames:
    """Frames as a few arrays, which go to another process ten times faster than ase.Atoms.

    Only what ``survey`` analyses is kept: no calculators, which can be tied to a process.
    """

    labels: list[tuple[int, str]]  # number and problem of each frame
    sizes: list[int]  # atoms; -1 for a frame without atoms
    numbers: Indices  # of the atoms of all frames
    positions: Array
    cells: Array  # (frames, 3, 3), Å
    periodic: Array  # (frames, 3)


def pack(frames: Sequence[NumberedFrame]) -> PackedFrames:
    """Return frames as arrays."""
    listed = [Atoms() if frame.atoms is None else frame.atoms for frame in frames]
    return PackedFrames(
        labels=[(frame.number, frame.problem) for frame in frames],
        sizes=[-1 if frame.atoms is None else len(frame.atoms) for frame in frames],
        numbers=np.concatenate([atoms.numbers for atoms in listed]),
        positions=np.concatenate([atoms.positions for atoms in listed]),
        cells=np.array([atoms.cell.array for atoms in listed]),
        periodic=np.array([atoms.pbc for atoms in listed]),
    )


def unpack(packed: PackedFrames) -> list[NumberedFrame]:
    """Return the frames from arrays."""
    ends = np.cumsum(np.maximum(packed.sizes, 0)).tolist()
    frames = []
    for place, ((number, problem), size) in enumerate(
        zip(packed.labels, packed.sizes, strict=True)
    ):
        own = slice(ends[place] - size, ends[place])
        atoms = None
        if size >= 0:
            atoms = Atoms(
                numbers=packed.numbers[own],
                positions=packed.positions[own],
                cell=packed.cells[place],
                pbc=packed.periodic[place],
            )
        frames.append(NumberedFrame(number, atoms, problem))
    return frames


def batches(
    frames: Iterable[NumberedFrame],
    *,
    sizes: Iterable[float],
    known: Iterable[range] = (),
    again: range | None = None,
) -> Iterator[list[NumberedFrame]]:
    """Collect successive frames up to numbers of atoms, without those in other ``known`` ranges.

    The frames ``again`` are a batch of their own, which is left out if they do not all come.
    """
    left_out = (numbers for numbers in known if numbers != again)
    done = sorted(left_out, key=lambda numbers: numbers.start, reverse=True)
    batch: list[NumberedFrame] = []
    size, limits, repeated, within = 0, iter(sizes), again or range(0), False
    most = next(limits)
    for frame in frames:
        while done and done[-1].stop <= frame.number:
            done.pop()
        covered = bool(done) and frame.number in done[-1]
        inside = frame.number in repeated
        if batch and (covered or inside != within or (size >= most and not within)):
            yield batch
            batch, size, most = [], 0, next(limits)
        if not covered:
            batch.append(frame)
            within = inside
            size += 1 if frame.atoms is None else len(frame.atoms)
    if batch and (not within or batch[-1].number == repeated[-1]):
        yield batch
