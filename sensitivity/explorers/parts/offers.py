"""The descriptors that an explorer offers, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sensitivity.descriptors import DensityCorrelations, Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.catalog import CATALOG, installed_entry, named_descriptor, native_name
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers.parts.inputs import ORDERS, refine
from sensitivity.explorers.parts.state import Subject
from sensitivity.numerics import is_number
from sensitivity.session import Named

USUAL = DensityCorrelations(order=2, cutoff=3.0, n_max=6, l_max=6)

LABELS = {str(order): label for order, label in ORDERS.items()}
"""Names of the catalog, and their labels if they have another."""


class Offers:
    """The names in the control of the descriptor, and the descriptors that they stand for.

    ``given`` are names of the catalog, by default all that are installed, and descriptors.
    """

    def __init__(self, given: Iterable[str | Descriptor] | None = None) -> None:
        names = [name for name, entry in CATALOG.items() if entry.installed is not None]
        self._own: dict[str, Descriptor] = {}  # those that are not of the catalog
        self._names = list[str]()
        for each in names if given is None else given:
            if isinstance(each, str):
                installed_entry(each)
                self._add(each)
            else:
                check_descriptor(each)
                self._add_own(each)

    @property
    def options(self) -> list[tuple[str, str]]:
        """Label and name of each descriptor."""
        return [(LABELS.get(name, name), name) for name in self._names]

    def name(self, subject: Subject) -> str:
        """Return the name of a subject's descriptor, which is offered from now on."""
        descriptor = subject.descriptor
        if name := native_name(descriptor) or subject.kind:
            return self._add(name)
        return self._add_own(descriptor)

    def take(self, given: Descriptor | str, subject: Subject) -> Subject:
        """Return the subject with another descriptor, or that of a name.

        Another order of density correlations keeps the other settings. ImportError, TypeError or
        ValueError if there is no such name, or no such descriptor for the structure.
        """
        if not isinstance(given, str):
            return replace(subject, descriptor=given, kind="")
        name = given
        if name in self._own:
            return replace(subject, descriptor=self._own[name], kind="")
        if name in LABELS and native_name(subject.descriptor):
            descriptor = refine(subject.descriptor, "order", int(name))
        else:
            descriptor = named_descriptor(name, subject.atoms)
        return replace(subject, descriptor=descriptor, kind="" if name in LABELS else name)

    @property
    def usual(self) -> Descriptor:
        """The default descriptor."""
        return USUAL

    def restore(self, saved: Named, subject: Subject) -> Subject:
        """Return the subject with the offered descriptor of this name, with saved settings.

        Settings must be within their limits, so that a file cannot ask for a huge basis.
        ImportError, TypeError or ValueError if there is none, or a setting is invalid.
        """
        if not saved.listed or (saved.name not in LABELS and saved.name not in self._names):
            own = self._own.get(saved.name)
            if own is None or saved.listed:
                raise ValueError(
                    f"the session was saved with the descriptor {saved.name}, which is not offered "
                    "here, and a session contains no code; pass it, as in "
                    "explorer.load_state(path, descriptor=...)."
                )
            return replace(subject, descriptor=_adjust(own, saved), kind="")
        if saved.name in LABELS:
            return replace(subject, descriptor=restore_native(saved), kind="")
        made = named_descriptor(saved.name, subject.atoms)
        return replace(subject, descriptor=_adjust(made, saved), kind=saved.name)

    def _add(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        return name

    def _add_own(self, descriptor: Descriptor) -> str:
        name = with_defaults(descriptor).name
        if name in CATALOG:
            name += " (given)"
        self._own[name] = descriptor
        return self._add(name)


def restore_native(saved: Named) -> Descriptor:
    """Return density correlations, whose name is their order, with saved settings.

    TypeError or ValueError if a setting is invalid, or beyond its limits.
    """
    settings = dict(saved.settings) | {"order": int(saved.name)}
    descriptor = USUAL.with_settings(**settings)
    _check_limits(descriptor, settings)
    return descriptor


def _adjust(descriptor: Descriptor, saved: Named) -> Descriptor:
    """Return the descriptor with those saved settings that can be changed."""
    known = with_defaults(descriptor)
    changed = {
        name: value
        for name, value in saved.settings.items()
        if name in known.limits and value != settings_of(descriptor)[name]
    }
    _check_limits(descriptor, changed)
    return known.with_settings(**changed) if changed else descriptor


def _check_limits(descriptor: Descriptor, settings: Mapping[str, Any]) -> None:
    for name, (low, high) in with_defaults(descriptor).limits.items():
        if name in settings and not (is_number(settings[name]) and low <= settings[name] <= high):
            raise ValueError(
                f"the session needs a number from {low:g} to {high:g} as {name} of its descriptor, "
                f"got {settings[name]!r}; pass the descriptor, as in "
                "explorer.load_state(path, descriptor=...)."
            )


def fit(subject: Subject) -> Subject:
    """Return the subject with its descriptor made for its structure, if it is of the catalog.

    The settings that can be changed are kept.
    """
    if not subject.kind:
        return subject
    settings = settings_of(subject.descriptor)
    limits = with_defaults(subject.descriptor).limits
    kept = {name: settings[name] for name in limits}
    return replace(subject, descriptor=named_descriptor(subject.kind, subject.atoms, **kept))


def find_refusals(descriptor: Descriptor) -> dict[str, str]:
    """Return, for each task of the explorer that a descriptor cannot do, the reason."""
    own = with_defaults(descriptor)
    found = {}
    with suppress(Exception):  # reported when the task is started
        if own.larger_basis() is None:
            found["enlarge_basis"] = f"{own.name} has no larger basis to compare with."
    with suppress(Exception):
        if own.higher_order() is None:
            found["raise_order"] = f"{own.name} has no higher order to compare with."
    return found
