"""Analysis of a few frames: their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors import Centers, Descriptor, with_defaults
from sensitivity.diagnosis.counting import count_causes
from sensitivity.numerics import Indices
from sensitivity.progress import checkpoint
from sensitivity.spectrum import spectrum
from sensitivity.structures import Pairs
from sensitivity.survey.attempts import attempt, explain
from sensitivity.survey.environments import (
    Environment,
    Environments,
    find_equivalents,
    find_pairs,
)
from sensitivity.survey.frames import NumberedFrame
from sensitivity.survey.like import Alike, Spectra, decompose_alike, group_alike
from sensitivity.survey.nearest import find_nearest
from sensitivity.survey.rows import (
    Row,
    as_whole,
    columns_of_sites,
    columns_of_spectra,
    facts_of_causes,
    facts_of_values,
    failed_frame,
    frame_row,
    row_of,
    rows_of,
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
        """True if environments or frames are analysed one by one."""
        return self.whole or self.nearest is not None or self._alone

    @property
    def _alone(self) -> bool:
        """True if the descriptor analyses each environment by itself."""
        one = np.array([[[1.0, 0.0, 0.0]]])
        return with_defaults(self.descriptor).like_gradients(one, (1,), species=()) is None


class Analyzed(NamedTuple):
    """Rows of the environments of some frames, and of these frames; remarks of the descriptor."""

    environments: list[Row]
    frames: list[Row]
    remarks: tuple[str, ...] = ()


def analyze(frames: Sequence[NumberedFrame], settings: Settings) -> Analyzed:
    """Return the rows of some frames, in order; an error becomes a row unless ``strict``."""
    usable, broken = _find_neighbors(frames, settings)
    environments = Environments.of(usable)
    if settings.species is not None:
        chosen = np.array(sorted(settings.species))
        environments = environments.only(np.isin(environments.species, chosen))
    first, rows = _facts(environments, settings)
    if settings.nearest is not None:
        for place in np.flatnonzero(first == np.arange(len(first))).tolist():
            rows[place] = _add_nearest(environments[place], rows[place], settings)
    for place in np.flatnonzero(first != np.arange(len(first))).tolist():
        again = {"center": int(environments.centers[place]), "seconds": 0.0}
        rows[place] = {**rows[first[place]], **again}
    for row, gap in zip(rows, environments.gaps(settings.descriptor.cutoff).tolist(), strict=True):
        row["gap"] = gap
    analyzed = Analyzed([row for row, _ in broken] + rows, [row for _, row in broken])
    numbers = [number for number, *_ in usable]
    edges = np.searchsorted(environments.frames, [*numbers, np.inf]).tolist()
    for (number, atoms, _), start, end in zip(usable, edges, edges[1:], strict=False):
        whole = _whole(number, atoms, settings) if settings.whole else {}
        analyzed.frames.append({**frame_row(number, atoms, rows[start:end]), **whole})
    analyzed.environments.sort(key=lambda row: row["frame"])  # stable: centers stay in order
    analyzed.frames.sort(key=lambda row: row["frame"])
    return analyzed._replace(remarks=with_defaults(settings.descriptor).remarks)


def _find_neighbors(
    frames: Sequence[NumberedFrame], settings: Settings
) -> tuple[list[tuple[int, Atoms, Pairs]], list[tuple[Row, Row]]]:
    """Return the usable frames with pairs of neighbours, and rows of the others."""
    given = [(frame.number, frame.atoms) for frame in frames if frame.atoms is not None]
    errors = {f.number: ValueError(f.problem) for f in frames if f.atoms is None}
    found = dict[int, Pairs | Exception](errors)
    pairs = find_pairs([atoms for _, atoms in given], cutoff=settings.descriptor.cutoff)
    found.update(zip((number for number, _ in given), pairs, strict=True))
    usable, broken = list[tuple[int, Atoms, Pairs]](), list[tuple[Row, Row]]()
    for frame in frames:
        near = found[frame.number]
        if not isinstance(near, Exception) and frame.atoms is not None:
            usable.append((frame.number, frame.atoms, near))
        elif isinstance(near, Exception):
            if settings.strict:
                raise ValueError(f"frame {frame.number}: {explain(near)}") from near
            broken.append(failed_frame(frame.number, explain(near), frame.atoms))
    return usable, broken


def _facts(environments: Environments, settings: Settings) -> tuple[Indices, list[Row]]:
    """Return the place of the first equal environment for each, and the rows of these.

    Rows of other environments are empty. An adapter measures its invariance when it is first used,
    so that what is equal can become different.
    """
    rows: list[Row] = [{} for _ in range(len(environments))]
    first = _equivalents(environments, settings.descriptor)
    while len(left := _firsts(first, rows)):
        for alike in group_alike(environments, left):
            for place, row in _of_alike(alike, settings):
                rows[place] = row
        first = _equivalents(environments, settings.descriptor)
    return first, rows


def _equivalents(environments: Environments, descriptor: Descriptor) -> Indices:
    invariance = with_defaults(descriptor).invariance
    if invariance == "none":
        return np.arange(len(environments))
    return find_equivalents(environments, inversion=invariance == "O(3)")


def _firsts(first: Indices, rows: Sequence[Row]) -> Indices:
    """Return the places of environments that stand for others, and have no row."""
    places = np.flatnonzero(first == np.arange(len(first)))
    return np.array([place for place in places.tolist() if not rows[place]], dtype=np.intp)


def _of_alike(alike: Alike, settings: Settings) -> Iterator[tuple[int, Row]]:
    """Yield the rows of like environments, from one call if the descriptor allows it.

    After an error, the single calls tell which environment is the reason. The time limit of the
    call is that of all its environments.
    """
    start, environments = perf_counter(), alike.environments
    tolerance = settings.tolerance if settings.causes else None
    found = attempt(
        lambda: list(decompose_alike(alike, settings.descriptor, tolerance=tolerance) or ()),
        seconds=None if settings.timeout is None else settings.timeout * len(alike.places),
    )
    spectra = [] if isinstance(found, Exception) else found
    seconds = (perf_counter() - start) / len(alike.places)
    left = alike.places.tolist()
    for part in spectra:
        places = alike.places[part.places].tolist()
        rows = _rows_of(environments, places, part, settings, seconds=seconds)
        known = [not settings.causes or site is not None for site in part.sites]
        yield from ((p, row) for p, row, k in zip(places, rows, known, strict=True) if k)
        left = list(set(left).difference(p for p, k in zip(places, known, strict=True) if k))
    for place in sorted(left):
        yield place, _single(environments[place], settings)


def _rows_of(
    environments: Environments,
    places: list[int],
    found: Spectra,
    settings: Settings,
    *,
    seconds: float,
) -> list[Row]:
    centers = environments.centers[places].tolist()
    columns = {
        "frame": environments.frames[places].tolist(),
        "center": centers,
        "species": [chemical_symbols[z] for z in environments.species[places].tolist()],
        "neighbors": environments.neighbors[places].tolist(),
        "equivalent_to": centers,
        "seconds": [seconds] * len(places),
        **columns_of_spectra(found),
    }
    if settings.causes:
        columns |= columns_of_sites(found)
    return rows_of(columns)


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


def _whole(number: int, atoms: Atoms, settings: Settings) -> Row:
    """Return the columns of a frame with all its centers, and with its cell."""
    analysis = _count if settings.causes else _decompose
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    facts = _try(lambda: analysis(bare, settings, centers=None), settings, where=f"frame {number}")
    return facts if "error" in facts else as_whole(facts)


def _add_nearest(environment: Environment, row: Row, settings: Settings) -> Row:
    """Return the row with the nearest singular point."""
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
