"""Sessions of the explorer: its state as data, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity import structures
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.descriptors.catalog import listed_name, native_name
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers.main.figures import Picture
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.offers import Offers
from sensitivity.explorers.parts.saved_view import check_choice, check_length, check_view
from sensitivity.explorers.parts.scene import Camera
from sensitivity.explorers.parts.state import (
    Reference,
    State,
    Subject,
    examine,
    explain,
)
from sensitivity.limits import Limit
from sensitivity.numerics import Array
from sensitivity.session import Named, Session
from sensitivity.structures.files.ase_frames import Frame
from sensitivity.structures.validation import check_geometry
from sensitivity.tolerances import Tolerance

VIEW = ("labels", "atom_size", "cells", "columns", "transparent")
"""Attributes of the explorer, beside its state, that a session has."""

ARROWS = ("arrows", "arrow_length")
"""Fields of the state that the view of a session has."""

UNREADABLE = Frame(problem="it could not be read when the session was saved")


@dataclass(frozen=True, eq=False)
class Restored:
    """A session that can be shown."""

    state: State
    view: Mapping[str, Any]  # values of ``VIEW``
    camera: Camera | None
    notes: tuple[str, ...]  # differences from the saved session, as sentences


def make_session(picture: Picture) -> Session:
    """Return the session of the current view."""
    state, scene, reference = picture.state, picture.scene, picture.state.reference
    upload, camera = reference.upload, scene.camera
    view: dict[str, Any] = {"arrows": state.arrows, "arrow_length": state.arrow_length}
    view |= {"cells": picture.cells}
    view |= {"labels": scene.labels, "atom_size": scene.size}
    frames = () if upload is None else tuple(frame.atoms for frame in upload.frames)
    return Session(
        reference.atoms,
        describe(reference.descriptor, kind=reference.kind),
        tuple(map(int, reference.centers)),
        name=reference.name,
        file="" if upload is None else upload.name,
        frames=frames,
        frame=0 if upload is None else upload.index,
        mode=state.mode,
        amplitude=state.amplitude,
        feature=state.feature,
        view=view | {"columns": picture.columns, "transparent": picture.transparent},
        camera=(camera.view, camera.center, camera.radius),
        singular_values=reference.singular_values,
        kinds=reference.causes,
        displacement=reference.modes[state.mode],
    )


def write_session(picture: Picture) -> bytes:
    """Return the file of a session; without the other structures of an upload if it is too large.

    ValueError if it is too large even then.
    """
    session = make_session(picture)
    content = session.to_json()
    if len(content) > Limit.UPLOAD:
        content = replace(session, frames=(), frame=0).to_json()
    return check_length(content)


def describe(descriptor: Descriptor, *, kind: str) -> Named:
    """Return name and settings of a descriptor as data; ``kind`` is its name in the catalog."""
    settings, name = _plain_settings(descriptor), native_name(descriptor) or kind
    return Named(name or with_defaults(descriptor).name, settings, listed=bool(name))


def _plain_settings(descriptor: Descriptor) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(settings_of(descriptor)))
    return found


def choose_subject(session: Session, offers: Offers, given: Descriptor | None) -> Subject:
    """Return structure and descriptor of a session, without computing anything.

    The descriptor is the ``given`` one, or else looked up by name in ``offers``. ImportError,
    TypeError or ValueError if it is not offered or not installed, or the structure is too large.
    """
    inputs.check_size(session.atoms)
    atoms, upload = session.atoms.copy(), None
    if session.file:
        frames = session.frames or (session.atoms,)
        kept = tuple(UNREADABLE if each is None else Frame(each.copy()) for each in frames)
        upload = inputs.Upload(inputs.shown_name(session.file), kept, session.frame)
    name = find_name(session.name, session.atoms) if upload is None else ""
    plain = Subject(atoms, given or offers.usual, session.centers, name, upload)
    if given is not None:
        return plain
    subject = offers.restore(session.descriptor, plain)
    check_geometry(atoms)
    inputs.check_reach(atoms, subject.descriptor.cutoff)
    return subject


def find_name(name: str, atoms: Atoms) -> str:
    """Return the name of a structure if it is that of the library, else an empty one."""
    with suppress(ValueError):
        if name and atoms == structures.load(name):
            return structures.find_name(name)
    return ""


def restore(session: Session, subject: Subject, *, report: Report) -> Restored:
    """Compute the state of a session; ValueError if a choice does not exist."""
    reference = examine(subject)
    if session.explained and session.mode is not None:
        reference = explain(reference, progress=report)
    mode = reference.least_visible if session.mode is None else session.mode
    amplitude, notes = session.amplitude, _compare(session, reference)
    if session.displacement is not None:
        sign, note = match_mode(session.displacement, reference.modes[mode], mode)
        amplitude *= sign
        notes += [note] * bool(note)
    check_choice(amplitude, "amplitude", -reference.reach, reference.reach)
    if session.feature is not None:
        count = with_defaults(subject.descriptor).count_features(subject.atoms)
        check_choice(session.feature, "feature", 0, count - 1)
    check_view(session.view)
    view = {name: session.view[name] for name in VIEW if name in session.view}
    arrows = {name: session.view[name] for name in ARROWS if name in session.view}
    camera = session.camera and Camera(*session.camera)
    state = State(reference, mode, amplitude, **arrows, feature=session.feature)
    return Restored(state, view, camera, tuple(notes))


def _compare(session: Session, reference: Reference) -> list[str]:
    """Return sentences on what differs from the saved session."""
    found = _describe_found(reference, session.descriptor)
    notes = [*filter(None, [compare_descriptors(session.descriptor, found)])]
    values = session.singular_values
    if not notes and values is not None and not session.labels:  # those have a scale of their own
        known = np.sort(reference.singular_values)
        if len(values) < len(known):  # the smallest of the internal ones
            known = np.sort(reference.singular_values[: reference.spectrum.internal])[: len(values)]
        same = np.sort(values), known
        if not np.allclose(*same, rtol=0, atol=1e-6 * float(same[1].max())):
            notes.append("The singular values differ from the saved ones: versions may differ.")
    if session.tolerance != Tolerance.POSITIONS:
        notes.append(
            f"The causes were found with a tolerance of {session.tolerance:g} Å; here it is "
            f"{Tolerance.POSITIONS:g} Å."
        )
    if len(session.labels) > 1:
        notes.append(
            f"Of {', '.join(session.labels)}, this is the first; load_state with label= opens "
            "another."
        )
    if session.file and not session.frames:
        notes.append(f"Of {inputs.shown_name(session.file)}, this structure was saved.")
    return notes


def _describe_found(reference: Reference, saved: Named) -> Named:
    """Return name and settings of the descriptor, called as the saved one if that is listed.

    Its cutoff is always among the settings, as in a result.
    """
    own = describe(reference.descriptor, kind=reference.kind)
    settings = {**own.settings, "cutoff": float(reference.descriptor.cutoff)}
    listed = listed_name(own.name, settings) if saved.listed and not own.listed else ""
    return Named(listed or own.name, settings, listed=own.listed or bool(listed))


def compare_descriptors(saved: Named, found: Named) -> str:
    """Return a sentence on what differs from the saved descriptor; empty if nothing does."""
    if (saved.name, saved.listed) != (found.name, found.listed):
        return f"The session was saved with {saved.name}, and is shown with {found.name}."
    old, new = dict(saved.settings), dict(found.settings)
    changed = [key for key in old if old[key] != new.get(key)]  # others were not saved
    other = ", ".join(sorted(changed))
    return f"The descriptor has another {other} than the saved one." if other else ""


def match_mode(saved: Array, found: Array, mode: int) -> tuple[float, str]:
    """Return the sign of a displacement relative to the saved one, (N, 3), both of unit norm.

    The sentence says that it is another one; it is empty if it is not.
    """
    overlap = float(np.vdot(saved, found)) if saved.shape == found.shape else 0.0
    same = abs(overlap) >= 1 - Tolerance.POSITIONS
    note = (
        f"Mode {mode} is another displacement than the saved one: modes with the same singular "
        "value can be combined."
    )
    return (-1.0 if overlap < 0 else 1.0), ("" if same else note)
