"""Analysis of a few frames: their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from threading import get_ident
from time import perf_counter
from typing import Any, NamedTuple
from uuid import uuid4

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
from sensitivity.survey.probes import Features, probe
from sensitivity.survey.remarks import distinct
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

# Seconds for one of many environments in a call, which take 0.1 to 2 ms each.
_USUAL = 0.01


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
    probed: bool = False  # True for features by which a folder recognises the descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what another process needs, which keeps them from part to part.

        What is measured about a descriptor is then measured once.
        """
        return _keep, (self._key, *(getattr(self, each.name) for each in fields(self)))

    @cached_property
    def _key(self) -> str:
        return uuid4().hex

    @property
    def slow(self) -> bool:
        """True if environments or frames are analysed one by one."""
        return self.whole or self.nearest is not None or self.alone

    @cached_property
    def alone(self) -> bool:
        """True if the descriptor analyses each environment by itself."""
        one = np.array([[[1.0, 0.0, 0.0]]])
        number = np.array([[1]])
        return with_defaults(self.descriptor).like_gradients(one, number, species=()) is None

    def measured_on(self, atoms: Atoms, *, centers: Centers = None) -> Settings:
        """Return the settings with what is measured about the descriptor on a structure alone.

        Rows then depend on no other structure, nor on their order.
        """
        own = with_defaults(self.descriptor).measured_on(atoms, centers=centers)
        return replace(self, descriptor=own)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the descriptor."""
        return with_defaults(self.descriptor).remarks


_KEPT: dict[tuple[int, str], Settings] = {}
_MOST_KEPT = 8


def _keep(key: str, *values: Any) -> Settings:
    """Return the settings that came with this key before, to the same thread, or new ones."""
    place = get_ident(), key  # libraries may not be safe in threads
    if place not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[place] = Settings(*values)
    return _KEPT[place]


class Analyzed(NamedTuple):
    """Rows of the environments of some frames, and of these frames."""

    environments: list[Row]
    frames: list[Row]
    remarks: tuple[str, ...] = ()  # on the descriptor
    features: Features = ()  # of some environments, if ``probed``


def analyze(frames: Sequence[NumberedFrame], settings: Settings) -> Analyzed:
    """Return the rows of some frames, in order; an error becomes a row unless ``strict``."""
    usable, broken = _find_neighbors(frames, settings)
    environments = Environments.of(usable)
    if settings.species is not None:
        chosen = np.array(sorted(settings.species))
        environments = environments.only(np.isin(environments.species, chosen))
    remarks = list[str]()
    take = _take_singly if settings.alone else _take_together
    first, rows = take(environments, settings, remarks)
    for place in np.flatnonzero(first != np.arange(len(first))).tolist():
        again = {"center": int(environments.centers[place]), "seconds": 0.0}
        rows[place] = {**rows[first[place]], **again}
    for row, gap in zip(rows, environments.gaps(settings.descriptor.cutoff).tolist(), strict=True):
        row["gap"] = gap
    features: Features = ()
    if settings.probed:
        features = probe(environments, rows, settings.descriptor, timeout=settings.timeout)
    analyzed = Analyzed([row for row, _ in broken] + rows, [row for _, row in broken])
    numbers = [number for number, *_ in usable]
    edges = np.searchsorted(environments.frames, [*numbers, np.inf]).tolist()
    for (number, atoms, _), start, end in zip(usable, edges, edges[1:], strict=False):
        whole = _whole(number, atoms, settings, remarks) if settings.whole else {}
        analyzed.frames.append({**frame_row(number, atoms, rows[start:end]), **whole})
    analyzed.environments.sort(key=lambda row: row["frame"])  # stable: centers stay in order
    analyzed.frames.sort(key=lambda row: row["frame"])
    return analyzed._replace(remarks=distinct(remarks), features=features)


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


def _take_together(
    environments: Environments, settings: Settings, remarks: list[str]
) -> tuple[Indices, list[Row]]:
    """Return the place of the first equal environment for each, and the rows of these.

    Rows of other environments are empty.
    """
    rows: list[Row] = [{} for _ in range(len(environments))]
    known = with_defaults(settings.descriptor)
    first = find_equivalents(environments, inversion=known.invariance == "O(3)")
    remarks.extend(known.remarks)
    for alike in group_alike(environments, np.unique(first)):
        for place, row in _of_alike(alike, settings):
            rows[place] = row
            if settings.nearest is not None:
                rows[place] = _add_nearest(environments[place], row, settings)
    return first, rows


def _take_singly(
    environments: Environments, settings: Settings, remarks: list[str]
) -> tuple[Indices, list[Row]]:
    """Return the same for a descriptor that is measured on each environment."""
    rows: list[Row] = [{} for _ in range(len(environments))]
    first = find_equivalents(environments, inversion=True)
    for place in np.unique(first).tolist():
        members = np.flatnonzero(first == place)
        own, rows[place] = _measure(environments[place], settings)
        if own is not None and len(members) > 1:
            first[members] = _separate(environments, members, own)
        for each in np.unique(first[members]).tolist():
            if each != place:
                own, rows[each] = _measure(environments[each], settings)
            if own is not None:
                remarks.extend(own.remarks)
                row = _single(environments[each], own)
                row = _add_nearest(environments[each], row, own)
                rows[each] = row | {"seconds": row["seconds"] + rows[each]["seconds"]}
    return first, rows


def _separate(environments: Environments, members: Indices, own: Settings) -> Indices:
    """Return the first equal one of some mirror images, for the invariance of the first."""
    invariance = with_defaults(own.descriptor).invariance
    if invariance == "O(3)":
        return np.full(len(members), members[0])
    if invariance == "none":
        return members
    chosen = np.isin(np.arange(len(environments)), members)
    return members[find_equivalents(environments.only(chosen), inversion=False)]


def _measure(environment: Environment, settings: Settings) -> tuple[Settings | None, Row]:
    """Return the settings for one environment, or None and the row with the reason."""
    start = perf_counter()
    found = attempt(
        lambda: settings.measured_on(environment.atoms, centers=[0]), seconds=settings.timeout
    )
    if not isinstance(found, Exception):
        return found, row_of(environment, {}, seconds=perf_counter() - start)
    facts = _refuse(found, settings, where=_where(environment))
    return None, row_of(environment, facts, seconds=perf_counter() - start)


def _of_alike(alike: Alike, settings: Settings) -> Iterator[tuple[int, Row]]:
    """Yield the rows of like environments, from one call if the descriptor allows it.

    After an error, those of the same elements are analysed separately. If it repeats, or if the
    time limit of one environment and the usual time of all are not enough, the single calls tell
    which environment is the reason.
    """
    start, environments = perf_counter(), alike.environments
    tolerance = settings.tolerance if settings.causes else None
    found = attempt(
        lambda: list(decompose_alike(alike, settings.descriptor, tolerance=tolerance) or ()),
        seconds=None if settings.timeout is None else settings.timeout + _USUAL * len(alike.places),
    )
    if isinstance(found, Exception) and not isinstance(found, TimeoutError):
        separate = alike.by_elements()
        if len(separate) > 1:
            for each in separate:
                yield from _of_alike(each, settings)
            return
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
        where=_where(environment),
    )
    return row_of(environment, facts, seconds=perf_counter() - start)


def _where(environment: Environment) -> str:
    return f"frame {environment.frame}, center {environment.center}"


def _whole(number: int, atoms: Atoms, settings: Settings, remarks: list[str]) -> Row:
    """Return the columns of a frame with all its centers, and with its cell."""
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)

    def analyze_whole() -> Row:
        own = settings.measured_on(bare)
        remarks.extend(own.remarks)
        return (_count if settings.causes else _decompose)(bare, own, centers=None)

    facts = _try(analyze_whole, settings, where=f"frame {number}")
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
        where=_where(environment),
    )
    return {**row, **facts, "seconds": row["seconds"] + perf_counter() - start}


def _try(work: Callable[[], Row], settings: Settings, *, where: str) -> Row:
    """Return the results of some work, or the reason for their absence, unless ``strict``."""
    facts = attempt(work, seconds=settings.timeout)
    if not isinstance(facts, Exception):
        return facts
    return _refuse(facts, settings, where=where)


def _refuse(error: Exception, settings: Settings, *, where: str) -> Row:
    """Return the reason for the absence of results; raise it if ``strict``."""
    reason = explain(error)
    if settings.strict:
        raise ValueError(f"{where}: {reason}") from error
    return {"error": reason}
