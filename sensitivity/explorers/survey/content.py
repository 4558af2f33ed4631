"""The content of a survey explorer: a survey, its frames, and properties of its environments."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors import DensityCorrelations, Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.inputs import check_size
from sensitivity.numerics import Indices, check_integer
from sensitivity.progress import cancellable, telling
from sensitivity.share.pages import make_page
from sensitivity.survey import Frames, Survey, open_survey, survey
from sensitivity.survey.collection import Collection, collect
from sensitivity.survey.properties import Property, list_properties
from sensitivity.survey.ranking import conditions
from sensitivity.survey.rows import Table
from sensitivity.survey.sources import cut_one
from sensitivity.tolerances import Tolerance

WORST = 50
"""Environments in the list of the worst."""

IN_PAGE = 10
"""Environments in the page, as in ``Survey.worst``."""

USUAL = DensityCorrelations()
"""Descriptor of a survey of structures, as that of the command."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A survey, or frames to be surveyed, with a name for texts."""

    survey: Survey | None
    frames: Frames | None
    descriptor: Descriptor
    name: str

    @property
    def computes(self) -> bool:
        """True if the frames have not been surveyed yet."""
        return self.survey is None


def take_subject(
    source: Survey | Frames, descriptor: Descriptor | None, frames: Frames | None
) -> Subject:
    """Return a survey, that of a folder, or structures to be surveyed.

    TypeError or ValueError if it is none of these, or the descriptor is not that of the survey.
    """
    if descriptor is not None:
        check_descriptor(descriptor)
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    found = open_survey(path) if path is not None and path.is_dir() else source
    if isinstance(found, Survey):
        name = "survey" if found.output is None else found.output.name
        return Subject(found, _keep(frames), choose_descriptor(found, descriptor), name)
    if frames is not None:
        raise TypeError("frames are those of a survey; give them alone, to survey them.")
    own = USUAL if descriptor is None else descriptor
    return Subject(None, _keep(found), own, "structures" if path is None else path.name)


def _keep(frames: Any) -> Frames | None:
    """Return frames that can be read twice."""
    if frames is None or isinstance(frames, str | os.PathLike):
        return frames
    if isinstance(frames, Atoms):
        return [frames]
    if not isinstance(frames, Iterable):
        raise TypeError(
            "a survey explorer needs a Survey, its folder, a file with structures, or structures, "
            f"got {type(frames).__name__}; give e.g. survey(frames, descriptor)."
        )
    return list(frames)


def choose_descriptor(found: Survey, given: Descriptor | None) -> Descriptor:
    """Return the descriptor of a survey, which has only its name and settings.

    ValueError if it has to be given, or the given one is another.
    """
    saved = found.settings
    name, wanted = saved["descriptor"], _plain({**saved["settings"], "cutoff": saved["cutoff"]})
    if given is None:
        if name != with_defaults(USUAL).name:
            raise ValueError(
                f"of its descriptor, {name}, a survey has only name and settings; give the "
                "descriptor as the second argument."
            )
        return USUAL.with_settings(**saved["settings"] | {"cutoff": saved["cutoff"]})
    own = _plain({**settings_of(given), "cutoff": given.cutoff})
    other = sorted(key for key in {**wanted, **own} if wanted.get(key) != own.get(key))
    if with_defaults(given).name != name or other:
        differ = f" with another {', '.join(other)}" if other else ""
        raise ValueError(
            f"descriptor must be that of the survey, {name}, got {with_defaults(given).name}"
            f"{differ}; give the same one."
        )
    return given


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


@dataclass(frozen=True, eq=False)
class Content:
    """A survey and what belongs to its rows, which have the order of ``Survey.table``.

    Attributes
    ----------
    subject
        The survey with its frames and descriptor.
    table
        All rows.
    properties
        Properties of the rows by name.
    collection
        The frames; None if they are not known.
    positions
        Of each row in the order of ``Survey.worst``, from 1; that of the first of those that
        symmetry makes equal; 0 for a row without a condition.
    worst
        Rows with the smallest condition.
    """

    subject: Subject
    table: Table
    properties: dict[str, Property]
    collection: Collection | None
    positions: Indices
    worst: tuple[int, ...]

    @property
    def survey(self) -> Survey:
        """The survey."""
        assert self.subject.survey is not None
        return self.subject.survey

    @property
    def ranked(self) -> int:
        """The number of rows with a condition, of which symmetry makes none equal."""
        return int(self.positions.max(initial=0))

    @property
    def frames_of_page(self) -> Frames | None:
        """The frames of the worst environments, by number; None if they are not all known."""
        collection = self.collection
        if collection is None:
            return None
        if self.survey.settings["select"] is not None:  # is applied to a database only
            return None if collection.moved or collection.lost else self.subject.frames
        wanted = {*self.table["frame"][list(self.worst[:IN_PAGE])].tolist()}
        if not wanted <= {*collection.atoms}:
            return None
        other = Atoms()
        return [collection.atoms.get(k, other) for k in range(max(wanted, default=-1) + 1)]

    @property
    def missing_in_page(self) -> str:
        """Says that the page has no structures, and why; empty if it has."""
        if self.frames_of_page is not None:
            return ""
        changed = "frames are missing, have changed or have other numbers"
        why = "the structures are not known" if self.collection is None else changed
        return f"without structures and modes, because {why}"

    def count_absent(self, shown: Indices) -> dict[str, int]:
        """Return the number of rows that are not shown, by reason; {} is the property."""
        absent = np.ones(len(self.table["frame"]), dtype=bool)
        absent[shown] = False
        reasons = {
            "that could not be analysed": self.table["error"] != "",
            "without internal displacements": self.table["internal"] == 0,
            "in which symmetry hides all displacements": self.positions == 0,
            "without {}": absent,
        }
        found = {}
        for reason, rows in reasons.items():
            if count := int((absent & rows).sum()):
                found[reason] = count
            absent = absent & ~rows
        return found

    def row(self, number: int) -> Table:
        """Return a row as a table."""
        return {name: values[number : number + 1] for name, values in self.table.items()}

    def find(self, frame: int, center: int | None) -> int:
        """Return the row of a center, or of the worst of its frame; ValueError if there is none."""
        frames = self.table["frame"]
        last = int(frames[-1]) if len(frames) else -1
        frame = check_integer(frame, "frame", "a number", accepts=lambda _: True)
        own = np.flatnonzero(frames == frame)
        if not len(own):
            raise ValueError(f"the survey has no frame {frame}; give one of 0 to {last}.")
        if center is None:
            places = np.where(self.positions[own] > 0, self.positions[own], len(frames) + 1)
            return int(own[np.argmin(places)])
        center = check_integer(center, "center", "a number", accepts=lambda _: True)
        same = own[self.table["center"][own] == center]
        if not len(same):
            known = sorted(self.table["center"][own].tolist())
            listed = ", ".join(map(str, known[:8])) + (", …" if len(known) > 8 else "")
            raise ValueError(
                f"frame {frame} has no environment of atom {center} in the survey; give one of "
                f"{listed}."
            )
        return int(same[0])

    def cut(self, number: int) -> tuple[Atoms, Atoms]:
        """Return the environment of a row, and its frame; ValueError if it cannot be shown."""
        row = {name: values.tolist()[0] for name, values in self.row(number).items()}
        if self.collection is None:
            raise ValueError(
                "the structures are not known; give those of the survey, as in "
                "SurveyExplorer(survey, frames='train.extxyz')."
            )
        frame = self.collection.find(row["frame"])
        if row["center"] < 0:
            raise ValueError(f"frame {row['frame']} could not be analysed: {row['error']}")
        environment = cut_one(frame, row, cutoff=self.survey.settings["cutoff"])
        check_size(environment)
        return environment, frame


def gather(subject: Subject, report: Report) -> Content:
    """Survey the structures unless that is done, and find the frames and properties of its rows."""
    estimate = Estimate()

    def tell(said: str) -> None:
        report(f"{subject.name}: {estimate(said)} …")

    with telling(tell):
        found = subject.survey
        if found is None:
            assert subject.frames is not None
            found = survey(subject.frames, subject.descriptor)
        collection = None
        if subject.frames is not None:
            # What was found before a cancellation is shown, with its frames.
            with cancellable(Event()) if found.ending else telling(tell):
                collection = collect(found, subject.frames)
    table = found.table()
    return Content(
        Subject(found, subject.frames, subject.descriptor, subject.name),
        table,
        list_properties(table, found.frames(), collection),
        collection,
        _rank(table),
        tuple(_find_rows(table, found.worst(WORST))),
    )


def write_page(content: Content, report: Report) -> bytes:
    """Return the page of a survey, with its worst environments if their frames are known.

    ValueError if the folder of the survey cannot be read any more.
    """
    found, frames = content.survey, content.frames_of_page
    descriptor = None if frames is None else content.subject.descriptor
    try:
        page = make_page(found, frames=frames, descriptor=descriptor, progress=report)
    except OSError as error:
        raise ValueError(
            f"the survey cannot be read any more: {error.strerror or error}: {found.output}; "
            "restore its folder, or repeat the survey."
        ) from error
    return page.encode()


def _rank(table: Table) -> Indices:
    values = conditions(table)
    values = np.where(values <= Tolerance.ROUNDED_CONDITION, 0.0, values)
    known = np.isfinite(values)
    own = np.flatnonzero(known & (table["center"] == table["equivalent_to"]))
    order = own[np.lexsort((table["center"][own], table["frame"][own], values[own]))]
    positions = np.zeros(len(values), dtype=np.intp)
    positions[order] = np.arange(1, len(order) + 1)
    equal = np.setdiff1d(np.flatnonzero(known), own)
    rows = {"frame": table["frame"][equal], "center": table["equivalent_to"][equal]}
    positions[equal] = positions[_find_rows(table, rows)]
    return positions


def _find_rows(table: Table, rows: Table) -> list[int]:
    known = zip(table["frame"].tolist(), table["center"].tolist(), strict=True)
    places = {key: number for number, key in enumerate(known)}
    wanted = zip(rows["frame"].tolist(), rows["center"].tolist(), strict=True)
    return [places[key] for key in wanted]
