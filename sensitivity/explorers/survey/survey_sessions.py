"""Sessions of a survey: the choices as data, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from typing import Any

import numpy as np

from sensitivity.descriptors.catalog import native_name
from sensitivity.explorers.main.sessions import compare_descriptors, match_mode
from sensitivity.explorers.parts.choices import check_name
from sensitivity.explorers.parts.saved_view import check_choice, check_view
from sensitivity.explorers.survey.content import Content
from sensitivity.numerics import Array
from sensitivity.session import Named, SurveySession
from sensitivity.session.values import Sight

LONGEST = 1.0  # Å: root of the summed squares of the displacements


def make_session(
    content: Content,
    row: int,
    *,
    against: str,
    view: Mapping[str, Any],
    camera: Sight,
    mode: int | None = None,
    amplitude: float = 0.0,
    displacement: Array | None = None,
) -> SurveySession:
    """Return the session of what is shown; ValueError for a frame that was not analysed."""
    chosen = {name: values.tolist()[0] for name, values in content.row(row).items()}
    if chosen["center"] < 0:
        raise ValueError(
            f"frame {chosen['frame']} could not be analysed; choose another environment, and save."
        )
    return SurveySession(
        content.subject.name,
        len(content.table["frame"]),
        _describe(content),
        chosen["frame"],
        chosen["center"],
        _fingerprints(content)[chosen["frame"]],
        against,
        mode=mode,
        amplitude=amplitude,
        tolerance=float(content.survey.settings["tolerance"]),
        view=view,
        camera=camera,
        displacement=displacement,
    )


def _describe(content: Content) -> Named:
    """Return name and settings of the descriptor of the survey."""
    saved = content.survey.settings
    settings = json.loads(json.dumps({**saved["settings"], "cutoff": saved["cutoff"]}))
    native = native_name(content.subject.descriptor)
    return Named(native or saved["descriptor"], settings, listed=bool(native))


def _fingerprints(content: Content) -> dict[int, str]:
    """Return the fingerprint of each frame by its number."""
    rows = content.survey.frames()
    return dict(zip(rows["frame"].tolist(), rows["fingerprint"].tolist(), strict=True))


def choose_row(session: SurveySession, content: Content | None) -> int:
    """Return the row of a session; ValueError if it is none of this survey, or a choice is wrong.

    The frame is that with the fingerprint, of several the one with the number.
    """
    if content is None:
        raise ValueError(
            f"the session contains no survey: open that of {session.survey} first, with "
            f"{session.environments} environments, as in SurveyExplorer(survey, frames=frames) or "
            "with Upload file, and then the session."
        )
    check_view(session.view)
    check_choice(session.amplitude, "amplitude", -LONGEST, LONGEST)
    check_name(session.against, "against", content.properties)
    row = _find(session, content)
    if session.mode is not None:
        check_choice(session.mode, "mode", 0, _count_modes(content, row) - 1)
    return row


def _count_modes(content: Content, row: int) -> float:
    """Return the number of modes of an environment; any if its structure is not known."""
    with suppress(ValueError):
        return 3 * len(content.cut(row)[0])
    return inf


def _find(session: SurveySession, content: Content) -> int:
    known = _fingerprints(content)
    same = [frame for frame, mark in known.items() if mark == session.fingerprint]
    frames = sorted(same, key=lambda frame: frame != session.frame)
    for frame in frames:
        at = content.table["frame"] == frame
        found = np.flatnonzero(at & (content.table["center"] == session.center))
        if len(found):
            return int(found[0])
    raise ValueError(
        f"the survey has no environment of atom {session.center} in the structure that was frame "
        f"{session.frame} of {session.survey}; open the survey with which the session was saved."
    )


def compare_survey(session: SurveySession, content: Content) -> list[str]:
    """Return sentences on what differs from the saved survey."""
    differs, here = compare_descriptors(session.descriptor, _describe(content)), content.survey
    notes = [differs] if differs else []
    tolerance = float(here.settings["tolerance"])
    if session.tolerance != tolerance:
        notes.append(
            f"The survey had a tolerance of {session.tolerance:g} Å; here it is {tolerance:g} Å."
        )
    if session.environments != len(content.table["frame"]):
        notes.append(
            f"The survey had {session.environments} environments; here it has "
            f"{len(content.table['frame'])}."
        )
    return notes


def align(session: SurveySession, mode: Array) -> tuple[float, str]:
    """Return the amplitude along a mode, (N, 3), and a sentence if it is another displacement."""
    if session.displacement is None or session.mode is None:
        return session.amplitude, ""
    sign, differs = match_mode(session.displacement, mode, session.mode)
    return sign * session.amplitude, differs
