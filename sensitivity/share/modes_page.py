"""Pages on which a reader chooses a subject, such as a wave vector, and one of its modes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array
from sensitivity.plots.palette import MARKERS, cause_color
from sensitivity.reports.tables import Json
from sensitivity.share import document
from sensitivity.share.document import check_size, embed, make_document, paragraph, read_part
from sensitivity.share.scene import describe_scene
from sensitivity.structures.extxyz import format_frame

_SCRIPTS = ("viewer/3Dmol-min.js", "molecule.js", "charts.js", "elements.js", "player.js")
_DIGITS = 6  # of displacements: 1e-6 Å, as coordinates are published

UNKNOWN = "invisible"
"""Stands for the cause of an invisible mode whose cause is not known."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A structure with modes, the most important ones first, of which a page has as many as fit.

    Several subjects can have the same scene. ``data`` is for the scripts of the page: the name in
    the list, ``first``, the number of the mode that is shown first, and ``amplitudes``.
    """

    scene: Json
    modes: Sequence[Json]
    data: Json


@dataclass(frozen=True, eq=False)
class Layout:
    """Differences between pages: markup above and below the modes, scripts, data and labels."""

    above: Sequence[str]
    below: Sequence[str]
    scripts: Sequence[str]
    data: Json
    words: Json


def make_subject(
    name: str, atoms: Atoms, scene: Json, modes: Sequence[Json], *, steps: Array, **data: Any
) -> Subject:
    """Return a subject whose atoms move by ``steps``, amplitudes in Å, along each of its modes."""
    comment = format_frame(atoms, info={}).splitlines()[1]
    about = {"name": name, "comment": comment, "amplitudes": steps.tolist()}
    return Subject(scene, modes, {**about, **data})


def make_scene(atoms: Atoms, motion: Array, *, center: int | None = None) -> Json:
    """Return the scene of atoms without images, which the camera and one motion determine."""
    centers = () if center is None else (center,)
    return describe_scene(atoms, centers=centers, cutoff=0.0, motion=motion)


def make_mode(number: int, cause: str, displacements: Array, **facts: Any) -> Json:
    """Return a mode for the scripts: number, cause, displacements, (N, 3), and its texts."""
    moves = np.round(displacements, _DIGITS).tolist()
    return {"number": number, "cause": cause, **facts, "displacements": moves}


def looks_of(causes: Iterable[str]) -> Json:
    """Return colour and marker of causes."""
    return {
        cause: {"color": cause_color(known), "marker": MARKERS[known]}
        for cause in dict.fromkeys(causes)
        for known in ["undetermined" if cause == UNKNOWN else cause]
    }


def make_modes_page(
    title: str, layout: Layout, subjects: Sequence[Subject], *, shown: int = 0
) -> str:
    """Return a page with as many modes of each subject as fit; ``shown`` is the first in sight.

    ValueError if it would be larger than 5 MB with a single mode.
    """

    def make(counts: Sequence[int]) -> str:
        kept = [(each, count) for each, count in zip(subjects, counts, strict=True) if count]
        scenes = list({id(each.scene): each.scene for each, _ in kept}.values())
        content = [
            {
                **each.data,
                "scene": next(k for k, scene in enumerate(scenes) if scene is each.scene),
                "modes": sorted(each.modes[:count], key=lambda mode: int(mode["number"])),
            }
            for each, count in kept
        ]
        first = sum(count > 0 for count in counts[:shown])
        data = {**layout.data, "words": layout.words, "shown": first}
        notes = [*map(paragraph, _count(subjects, counts))]
        body = [*layout.above, *notes, read_part("modes.html"), *layout.below]
        scripts = (*_SCRIPTS, "modes.js", *layout.scripts)
        return make_document(
            title, body, scripts=scripts, data={**data, "scenes": scenes, "subjects": content}
        )

    frame = len(make([0] * len(subjects)).encode())
    text = make(_fit(subjects, shown, room=document.LARGEST - frame))
    return check_size(text, atoms=max(len(each.scene["positions"]) for each in subjects))


def _fit(subjects: Sequence[Subject], shown: int, *, room: int) -> list[int]:
    """Return the number of modes of each subject that fit into so many bytes.

    Each subject has an equal share; that in sight has at least one mode.
    """
    counts, known = [], set[int]()
    for number, subject in enumerate(subjects):
        own = 0 if id(subject.scene) in known else len(embed(subject.scene))
        sizes = [len(embed(mode)) + 1 for mode in subject.modes]
        ends = own + len(embed(subject.data)) + 40 + np.cumsum(sizes)  # 40: number of the scene
        count = int(np.searchsorted(ends, room // (len(subjects) - number), side="right"))
        count = max(count, int(number == shown))
        counts.append(count)
        if count:
            known.add(id(subject.scene))
            room -= int(ends[count - 1])
    return counts


def _count(subjects: Sequence[Subject], counts: Sequence[int]) -> list[str]:
    """Return a sentence on modes that are left out, if there are any."""
    total = sum(len(subject.modes) for subject in subjects)
    if sum(counts) in (0, total):
        return []
    return [f"This page has {sum(counts)} of the {total} modes, the least visible ones."]
