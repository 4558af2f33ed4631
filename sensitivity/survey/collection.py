"""The frames of a survey, found again by number or by fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms

from sensitivity.progress import checkpoint
from sensitivity.structures.quantities import Quantities
from sensitivity.survey.frames import Frames, NumberedFrame, fingerprint, number_frames
from sensitivity.survey.results import Survey
from sensitivity.survey.sources import select_frames
from sensitivity.survey.summary import numbered

STRIDE = 20
"""Frames between two checkpoints."""


@dataclass(frozen=True, eq=False)
class Collection:
    """The frames of a survey.

    Attributes
    ----------
    atoms
        The structure of each frame, by its number in the survey.
    quantities
        Numbers that come with the frames, such as energies, by number of the frame.
    moved
        Present number of each frame that has another one than in the survey.
    lost
        Numbers of frames that are not there, or have changed.
    """

    atoms: Mapping[int, Atoms]
    quantities: Mapping[int, Quantities]
    moved: Mapping[int, int]
    lost: frozenset[int]

    def find(self, number: int) -> Atoms:
        """Return a frame; ValueError if it is not there, or has changed."""
        if number in self.atoms:
            return self.atoms[number]
        raise ValueError(
            f"frame {number} is not that of the survey: its elements, positions or cell differ, or "
            "it is missing; give the frames of the survey, or repeat the survey with these."
        )

    @property
    def status(self) -> str:
        """A sentence on frames that are not where, or what, they were; empty if all are."""
        found = []
        if self.moved:
            number, now = next(iter(self.moved.items()))
            some = "have other numbers" if len(self.moved) > 1 else "has another number"
            found.append(
                f"{numbered(len(self.moved), 'frame')} {some} than in the survey, such as "
                f"frame {number}, which is now {now}."
            )
        if self.lost:
            one = len(self.lost) == 1
            text = "is missing or has changed" if one else "are missing or have changed"
            found.append(
                f"{numbered(len(self.lost), 'frame')} of the survey {text}, "
                f"{'' if one else 'such as '}frame {min(self.lost)}: environments of "
                f"{'it' if one else 'these'} cannot be shown."
            )
        return " ".join(found)


def collect(survey: Survey, frames: Frames) -> Collection:
    """Return the frames of a survey from a file, or from structures.

    A frame is recognised by its fingerprint, the hash of elements, positions and cell: one that has
    another number now is found, and one that has changed is not. Of several with one fingerprint
    the order counts; if there are more or fewer than in the survey, and not each is in its place,
    they have no quantities unless these are all equal. ``checkpoint`` reports progress.

    Raises
    ------
    TypeError, ValueError
        If the frames cannot be read.
    """
    wanted = _fingerprints(survey)
    marks = {*wanted.values()} - {""}
    own = dict[int, NumberedFrame]()
    same = dict[str, list[NumberedFrame]]()
    for frame in _read(frames, survey):
        if frame.atoms is None:
            continue
        mark = fingerprint(frame.atoms)
        if wanted.get(frame.number) in (mark, ""):
            own[frame.number] = frame
        if mark in marks:
            same.setdefault(mark, []).append(frame)
        if len(own) == len(wanted):
            break
    numbers = dict[str, list[int]]()
    for number, mark in wanted.items():
        numbers.setdefault(mark, []).append(number)
    found, unsure = dict[int, NumberedFrame](), set[int]()
    for mark, places in numbers.items():
        given = same.get(mark, [])
        if all(number in own for number in places):
            found |= {number: own[number] for number in places}
        elif given:
            found |= {number: given[k % len(given)] for k, number in enumerate(places)}
            unsure |= {*places} if len(given) != len(places) and _differ(given) else set()
    found = {number: found[number] for number in wanted if number in found}
    return Collection(
        {number: _bare(frame.atoms) for number, frame in found.items() if frame.atoms is not None},
        {n: frame.quantities for n, frame in found.items() if n not in unsure},
        {number: frame.number for number, frame in found.items() if number != frame.number},
        frozenset({*wanted} - {*found}),
    )


def _differ(frames: Sequence[NumberedFrame]) -> bool:
    """Return whether frames have different numbers, such as energies."""
    first, *others = (
        {name: values.tolist() for name, values in frame.quantities.items()} for frame in frames
    )
    return any(each != first for each in others)


def _fingerprints(survey: Survey) -> dict[int, str]:
    """Return the fingerprint of each frame that was read.

    It is empty for the last frame of a file without a line break at its end.
    """
    rows = survey.frames()
    columns = (rows[name].tolist() for name in ("frame", "fingerprint", "atoms"))
    read = zip(*columns, strict=True)
    return {number: mark for number, mark, atoms in read if mark or atoms >= 0}


def _read(frames: Frames, survey: Survey) -> Iterator[NumberedFrame]:
    source = select_frames(frames, survey.settings["select"])
    for frame in number_frames(source, every=1, limit=None):
        if frame.number % STRIDE == 0:
            checkpoint(f"reading frame {frame.number}")
        yield frame


def _bare(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
