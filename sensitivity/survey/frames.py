"""Frames of a survey: numbered, and those that cannot be read with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ase import Atoms

from sensitivity.structures import read_frames

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


def number_frames(frames: Frames, *, every: int, limit: int | None) -> Iterator[NumberedFrame]:
    """Yield every n-th frame, at most ``limit``; an error in reading one is its problem."""
    source = read_frames(frames) if isinstance(frames, str | os.PathLike) else frames
    every_frame = enumerate(_without_errors(source))
    for number, frame in islice(islice(every_frame, 0, None, every), limit):
        yield _check(number, frame)


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


def _check(number: int, frame: Any) -> NumberedFrame:
    if isinstance(frame, Exception):
        return NumberedFrame(number, None, f"the source ended with an error: {frame}")
    if isinstance(frame, Atoms):
        return NumberedFrame(number, frame)
    if hasattr(frame, "problem"):
        return NumberedFrame(number, frame.atoms, frame.problem)
    found = type(frame).__name__
    return NumberedFrame(number, None, f"a frame must be an ase.Atoms, got {found}.")


def batches(
    frames: Iterable[NumberedFrame], *, atoms: int, known: Iterable[range] = ()
) -> Iterator[list[NumberedFrame]]:
    """Collect successive frames up to a number of atoms, without those in ``known`` ranges."""
    done = sorted(known, key=lambda numbers: numbers.start, reverse=True)
    batch: list[NumberedFrame] = []
    size = 0
    for frame in frames:
        while done and done[-1].stop <= frame.number:
            done.pop()
        covered = bool(done) and frame.number in done[-1]
        if batch and (covered or size >= atoms):
            yield batch
            batch, size = [], 0
        if not covered:
            batch.append(frame)
            size += 1 if frame.atoms is None else len(frame.atoms)
    if batch:
        yield batch
