"""Analysis of a few frames: their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple

from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.diagnosis.counting import count_causes
from sensitivity.progress import checkpoint
from sensitivity.spectrum import spectrum
from sensitivity.survey.attempts import attempt, explain
from sensitivity.survey.environments import Environment, find_environments, find_equivalents
from sensitivity.survey.frames import NumberedFrame
from sensitivity.survey.like import Values, decompose_alike, group_alike
from sensitivity.survey.nearest import find_nearest
from sensitivity.survey.rows import (
    Row,
    as_whole,
    facts_of_causes,
    facts_of_site,
    facts_of_values,
    failed_frame,
    frame_row,
    row_of,
)


@dataclass(frozen=True)
class Settings:
    """Settings of a survey that change its rows."""

    descriptor: Descriptor
    causes: bool
    species: frozenset[int] | None  # of the centers; None for all
    tolerance: float  # Å, of ``diagnose``
    timeout: float | None  # seconds for one environment
    strict: bool
    whole: bool = False  # True to analyse each frame with all its centers, too
    nearest: float | None = None  # Å within which the nearest singular point is searched

    @property
    def slow(self) -> bool:
        """True if an environment, or a frame, takes much longer than in one call with others."""
        return self.causes or self.whole or self.nearest is not None


class Analyzed(NamedTuple):
    """Rows of the environments of some frames, and of these frames."""

    environments: list[Row]
    frames: list[Row]


class _Prepared(NamedTuple):
    """Environments of a frame, and the place of the first that is equal to each."""

    frame: int
    atoms: Atoms
    environments: list[Environment]
    first: list[int]


def analyze(frames: Sequence[NumberedFrame], settings: Settings) -> Analyzed:
    """Return the rows of some frames, in order; an error becomes a row unless ``strict``."""
    prepared, broken = list[_Prepared](), list[tuple[Row, Row]]()
    for frame in frames:
        try:
            prepared.append(_prepare(frame, settings))
        except Exception as error:
            if settings.strict:
                raise ValueError(f"frame {frame.number}: {explain(error)}") from error
            broken.append(failed_frame(frame.number, explain(error)))
    unique = [
        each.environments[place]
        for each in prepared
        for place, first in enumerate(each.first)
        if place == first
    ]
    facts = map(partial(_add_nearest, settings=settings), unique, _facts(unique, settings))
    analyzed = Analyzed([row for row, _ in broken], [row for _, row in broken])
    for each in prepared:
        rows = list[Row]()
        for place, first in enumerate(each.first):
            new = place == first
            rows.append(next(facts) if new else _copy(rows[first], each.environments[place]))
        analyzed.environments.extend(rows)
        whole = _whole(each, settings) if settings.whole else {}
        analyzed.frames.append({**frame_row(each.frame, each.atoms, rows), **whole})
    analyzed.environments.sort(key=lambda row: row["frame"])  # stable: centers stay in order
    analyzed.frames.sort(key=lambda row: row["frame"])
    return analyzed


def _prepare(frame: NumberedFrame, settings: Settings) -> _Prepared:
    if frame.atoms is None:
        raise ValueError(frame.problem)
    found = find_environments(frame.number, frame.atoms, cutoff=settings.descriptor.cutoff)
    if settings.species is not None:
        found = [each for each in found if int(each.numbers[0]) in settings.species]
    first = find_equivalents(found, inversion=settings.descriptor.inversion_invariant)
    return _Prepared(frame.number, frame.atoms, found, first)


def _copy(row: Row, environment: Environment) -> Row:
    return {**row, "center": environment.center, "seconds": 0.0}


def _facts(environments: Sequence[Environment], settings: Settings) -> list[Row]:
    """Return the rows of different environments, in their order."""
    rows: dict[int, Row] = {}
    for counts, places in group_alike(environments).items():
        alike = [environments[place] for place in places]
        rows.update(zip(places, _of_alike(alike, counts, settings), strict=True))
    return [rows[place] for place in range(len(environments))]


def _of_alike(
    alike: Sequence[Environment], counts: tuple[int, ...], settings: Settings
) -> list[Row]:
    """Return the rows of like environments, from one call if the descriptor allows it.

    After an error, the single calls tell which environment is the reason. The time limit of the
    call is that of all its environments.
    """
    start = perf_counter()
    tolerance = settings.tolerance if settings.causes else None
    found = attempt(
        lambda: _list(decompose_alike(alike, counts, settings.descriptor, tolerance=tolerance)),
        seconds=None if settings.timeout is None else settings.timeout * len(alike),
    )
    if found is None or isinstance(found, Exception):
        return [_single(each, settings) for each in alike]
    seconds = (perf_counter() - start) / len(alike)
    return [
        _single(each, settings)
        if settings.causes and of.site is None
        else row_of(each, _known_facts(of), seconds=seconds)
        for each, of in zip(alike, found, strict=True)
    ]


def _list(values: Iterator[Values] | None) -> list[Values] | None:
    return None if values is None else list(values)


def _known_facts(found: Values) -> Row:
    facts = facts_of_values(found.values, rank=found.rank)
    return facts if found.site is None else {**facts, **facts_of_site(found)}


def _decompose(atoms: Atoms, settings: Settings, *, centers: Centers) -> Row:
    found = spectrum(atoms, settings.descriptor, centers=centers)
    return facts_of_values(found.singular_values[: found.internal], rank=found.rank)


def _count(atoms: Atoms, settings: Settings, *, centers: Centers) -> Row:
    tolerance = settings.tolerance
    found = count_causes(atoms, settings.descriptor, centers=centers, tolerance=tolerance)
    values = found.spectrum.singular_values[: found.spectrum.internal]
    return {**facts_of_values(values, rank=found.spectrum.rank), **facts_of_causes(found)}


def _single(environment: Environment, settings: Settings) -> Row:
    """Return the row of one environment; an error, or a time-out, is in it unless ``strict``."""
    checkpoint()
    start, analysis = perf_counter(), _count if settings.causes else _decompose
    facts = _try(
        lambda: analysis(environment.atoms, settings, centers=[0]),
        settings,
        where=f"frame {environment.frame}, center {environment.center}",
    )
    return row_of(environment, facts, seconds=perf_counter() - start)


def _whole(frame: _Prepared, settings: Settings) -> Row:
    """Return the columns of a frame with all its centers, and with its cell."""
    analysis = _count if settings.causes else _decompose
    atoms = frame.atoms
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    facts = _try(
        lambda: analysis(bare, settings, centers=None), settings, where=f"frame {frame.frame}"
    )
    return facts if "error" in facts else as_whole(facts)


def _add_nearest(environment: Environment, row: Row, *, settings: Settings) -> Row:
    """Return the row with the nearest singular point, if it is asked for."""
    reach = settings.nearest
    if reach is None or "error" in row:
        return row
    start = perf_counter()
    facts = _try(
        lambda: find_nearest(environment, settings.descriptor, reach=reach),
        settings,
        where=f"frame {environment.frame}, center {environment.center}",
    )
    return {**row, **facts, "seconds": row["seconds"] + perf_counter() - start}


def _try(work: Callable[[], Row], settings: Settings, *, where: str) -> Row:
    """Return the results of some work, or the reason for their absence, unless ``strict``."""
    facts = attempt(work, seconds=settings.timeout)
    if not isinstance(facts, Exception):
        return facts
    reason = explain(facts)
    if settings.strict:
        raise ValueError(f"{where}: {reason}") from facts
    return {"error": reason}
