"""Sessions of a comparison: the choices as data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensitivity.comparison import Comparison
from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.descriptors.catalog import CATALOG
from sensitivity.explorers.compare.compare_inputs import Request, show_name
from sensitivity.explorers.compare.compared import Compared
from sensitivity.explorers.main.sessions import (
    compare_descriptors,
    describe,
    find_name,
    match_mode,
)
from sensitivity.explorers.parts.inputs import check_reach, check_size
from sensitivity.explorers.parts.offers import LABELS, restore_native
from sensitivity.explorers.parts.saved_view import check_choice, check_view
from sensitivity.metrics import Rattle
from sensitivity.numerics import Array
from sensitivity.session import ComparisonSession, Named
from sensitivity.session.values import Sight
from sensitivity.structures.validation import check_geometry

LONGEST = 0.5  # Å, of the atom that moves furthest


@dataclass(frozen=True, eq=False)
class Restored:
    """A session whose comparison is being computed, and its descriptors that are not listed."""

    session: ComparisonSession
    own: dict[str, Descriptor]

    def check(self, compared: Compared) -> None:
        """Raise ValueError if there is no such mode."""
        of, count = self.session.of, len(compared.modes[self.session.of].causes)
        check_choice(self.session.mode, f"mode of {of}", 0, max(0, count - 1))


def make_session(
    compared: Compared,
    request: Request,
    *,
    of: str,
    mode: int,
    amplitude: float,
    view: Mapping[str, Any],
    camera: Sight,
) -> ComparisonSession:
    """Return the session of what is shown."""
    found = compared.found
    return ComparisonSession(
        found.atoms,
        dict(zip(request.chosen, _describe(found, request.chosen), strict=True)),
        tuple(map(int, found.centers)),
        request.metric,
        request.structures,
        of,
        mode,
        amplitude=amplitude,
        name=request.name,
        view=view,
        camera=camera,
        singular_values=tuple(each.relative for each in compared.modes.values()),
        displacement=compared.displacement(of, mode),
    )


def _describe(found: Comparison, labels: tuple[str, ...]) -> list[Named]:
    listed = zip(labels, found.descriptors, strict=True)
    return [describe(each, kind=label if label in CATALOG else "") for label, each in listed]


def choose(
    session: ComparisonSession, *, given: Mapping[str, Descriptor], own: Mapping[str, Descriptor]
) -> tuple[Request, Restored]:
    """Return the comparison that a session asks for, and its choices; nothing is computed.

    Descriptors are those ``given`` by name, listed ones, density correlations with their settings,
    or the ``own`` ones of the explorer. ImportError, TypeError or ValueError if one is missing, or
    the structure or a choice is out of range.
    """
    check_size(session.atoms)
    check_geometry(session.atoms)
    for each in () if isinstance(session.structures, Rattle) else session.structures:
        check_size(each)
    labels = session.descriptors
    if unknown := [name for name in given if name not in labels]:
        raise ValueError(
            f"the session has no descriptor {unknown[0]!r}, but {', '.join(labels)}; give these."
        )
    found = {
        label: _find(label, saved, given=given, own=own)
        for label, saved in labels.items()
        if label not in CATALOG
    }
    for label in found.keys() - given.keys():
        check_reach(session.atoms, found[label].cutoff)
    titles = [show_name(label) for label in labels]
    if session.of not in titles:
        raise ValueError(
            f"the session needs one of {', '.join(titles)} as of, got {session.of!r}; choose "
            "another file."
        )
    check_view(session.view)
    check_choice(session.amplitude, "amplitude", -LONGEST, LONGEST)
    atoms, name = session.atoms.copy(), find_name(session.name, session.atoms)
    scale = session.metric, session.structures
    request = Request(atoms, name, session.centers, (), *scale).choose(labels, {**own, **found})
    return request, Restored(session, found)


def _find(
    label: str, saved: Named, *, given: Mapping[str, Descriptor], own: Mapping[str, Descriptor]
) -> Descriptor:
    if label in given:
        check_descriptor(given[label])
        return given[label]
    if saved.listed and saved.name in LABELS:
        return restore_native(saved)
    if label in own and describe(own[label], kind="").name == saved.name:
        return own[label]
    raise ValueError(
        f"the session was saved with the descriptor {label}, which is not listed here, and a "
        f"session contains no code; pass it, as in explorer.load_state(path, "
        f"descriptors={{{label!r}: descriptor}})."
    )


def compare_with(session: ComparisonSession, compared: Compared) -> tuple[float, list[str]]:
    """Return the amplitude of a session, and sentences on what differs from it."""
    found, notes = compared.found, list[str]()
    described = _describe(found, tuple(session.descriptors))
    for title, saved, now in zip(found.names, session.descriptors.values(), described, strict=True):
        differs = compare_descriptors(saved, now)
        notes += [f"{title}: {differs}"] if differs else []
    if not notes and session.singular_values is not None:
        pairs = zip(session.singular_values, compared.modes.values(), strict=True)
        if not all(_agree(saved, modes.relative) for saved, modes in pairs):
            notes.append("The singular values differ from the saved ones: versions may differ.")
    amplitude = session.amplitude
    if session.displacement is not None:
        displacement = compared.displacement(session.of, session.mode)
        sign, differs = match_mode(session.displacement, displacement, session.mode)
        amplitude *= sign
        notes += [differs] if differs and displacement.any() else []
    return amplitude, notes


def _agree(saved: Array, found: Array) -> bool:
    same = saved.shape == found.shape
    return same and bool(np.allclose(np.sort(saved), np.sort(found), rtol=0, atol=1e-6))
