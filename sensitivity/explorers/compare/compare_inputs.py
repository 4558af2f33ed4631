"""Structure, centers, descriptors and metric of a comparison, and their controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, zip_longest
from typing import Any

from ase import Atoms

from sensitivity import structures
from sensitivity.comparison import Comparison, compare
from sensitivity.descriptors import Centers, Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.catalog import CATALOG, installed_entry, named_descriptor, native_name
from sensitivity.descriptors.naming import name_descriptors
from sensitivity.explorers.parts.choices import Entered, check_name
from sensitivity.explorers.parts.inputs import write_centers
from sensitivity.explorers.parts.layout import make_fold, row
from sensitivity.explorers.parts.offers import LABELS
from sensitivity.explorers.parts.scene_controls import make
from sensitivity.metrics import MetricName, Rattle
from sensitivity.progress import Progress

MOST = 3
"""Descriptors that fit beside each other."""

PLACES = ("first", "second", "third")

METRICS = {"rattle": "standardised", "whitened": "whitened", "raw": "raw"}
"""Labels of the metrics of ``compare``."""

_DESCRIPTOR = "Descriptor; the command 'sensitivity descriptors' explains the names"

CONTROLS: dict[str, tuple[str, int | str, str, dict[str, Any]]] = {
    "structure": (
        *("Combobox", 200),
        "A molecule, a crystal, or an environment from the literature: type part of a name or a "
        "formula, and choose",
        {"continuous_update": False, "placeholder": "name of a structure"},
    ),
    "centers": (
        *("Text", 150),
        "Atoms whose features are used: all, elements, or atom indices such as 0, 2-4",
        {"continuous_update": False, "placeholder": "all, C, or 0, 2-4"},
    ),
    "metric": (
        *("Dropdown", 165),
        "Scaling of the features. standardised: divided by their standard deviation over displaced "
        "copies of the structure; whitened: also decorrelated; raw: unchanged",
        {"options": [(label, name) for name, label in METRICS.items()]},
    ),
    "first": ("Dropdown", 270, _DESCRIPTOR, {}),
    "second": ("Dropdown", 270, _DESCRIPTOR, {}),
    "third": ("Dropdown", 270, "Third descriptor, or none", {}),
}
"""Kind, width in pixels, tooltip and other traits of each widget; its label is its name."""

Given = Mapping[str, Descriptor] | Iterable[Descriptor | str]


@dataclass(frozen=True, eq=False)
class Request:
    """A comparison that is asked for.

    ``chosen`` are names of ``CATALOG``, or of descriptors that the user has given.
    """

    atoms: Atoms
    name: str  # of the structure, if it is from the library
    centers: Centers
    chosen: tuple[str, ...]
    metric: MetricName
    structures: tuple[Atoms, ...] | Rattle

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the chosen descriptors in sentences and titles."""
        return tuple(map(show_name, self.chosen))

    def choose(self, chosen: Iterable[str], own: Mapping[str, Descriptor]) -> Request:
        """Return the request for other descriptors; ImportError or ValueError if they are wrong."""
        names = tuple(chosen)
        if not 2 <= len(names) <= MOST:
            raise ValueError(
                f"descriptors must be two or three, got {len(names)}; "
                f"{'add another one' if len(names) < 2 else 'leave some out'}."
            )
        for name in names:
            if name not in own:
                installed_entry(name)
        for one, other in combinations(names, 2):
            if one == other or self._are_same(*(self._quick(name, own) for name in (one, other))):
                raise ValueError(
                    f"the descriptors must differ, but {show_name(one)} is chosen twice; choose "
                    "another one, or none as the third."
                )
            if show_name(one) == show_name(other):
                raise ValueError(
                    f"the names of descriptors must differ, but two are {show_name(one)}; give one "
                    "of them another name."
                )
        return replace(self, chosen=names)

    def _quick(self, name: str, own: Mapping[str, Descriptor]) -> Descriptor | None:
        """Return a descriptor that needs no package; else None."""
        return own.get(name) or (named_descriptor(name, self.atoms) if name in LABELS else None)

    @staticmethod
    def _are_same(one: Descriptor | None, other: Descriptor | None) -> bool:
        """Return True for one object, or equal density correlations; others do not compare."""
        if one is None or other is None:
            return False
        return one is other or bool(native_name(one) and native_name(other) and one == other)

    def compute(self, own: Mapping[str, Descriptor], *, progress: Progress) -> Comparison:
        """Return the comparison."""
        made = {
            show_name(name): own[name] if name in own else named_descriptor(name, self.atoms)
            for name in self.chosen
        }
        usual: dict[str, Any] = {} if self.metric == "raw" else {"structures": self.structures}
        return compare(
            self.atoms, made, centers=self.centers, metric=self.metric, progress=progress, **usual
        )


def show_name(name: str) -> str:
    """Return the name of a descriptor in sentences and titles."""
    return f"order {name}" if name in LABELS else name


def take_descriptors(given: Given) -> tuple[list[str], dict[str, Descriptor]]:
    """Return the names of the given descriptors, and those that are not of the catalog by name.

    TypeError or ValueError if one is neither a descriptor nor a known name.
    """
    if isinstance(given, Mapping):
        own = name_descriptors(given)
        if taken := [name for name in own if name in CATALOG]:
            raise ValueError(
                f"{taken[0]!r} is the name of a descriptor in the list of sensitivity descriptors; "
                f"give yours another name, such as {f'own {taken[0]}'!r}."
            )
        return list(given), own
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(
            "descriptors must be two or three descriptors or names, in a list or in a mapping from "
            f"names, got {given!r}; give e.g. ['2', '3']."
        )
    listed = list(given)
    objects = [each for each in listed if not isinstance(each, str)]
    for each in objects:
        check_descriptor(each)
    own = name_descriptors(objects) if len(objects) > 1 else _name_alone(objects)
    left = iter(own)
    names = [each if isinstance(each, str) else next(left) for each in listed]
    for name in names:
        if name not in own:
            check_name(name, "a descriptor", CATALOG)
    return names, own


def _name_alone(objects: list[Descriptor]) -> dict[str, Descriptor]:
    named = {with_defaults(each).name: each for each in objects}
    return {f"{name} (given)" if name in CATALOG else name: each for name, each in named.items()}


class Inputs:
    """The widgets of a request, by name, in ``rows``.

    ``updating`` is entered while the program sets the widgets. ``session`` is the control that
    opens a session.
    """

    def __init__(self, updating: Entered, session: Any) -> None:
        self._updating = updating
        self.widgets = {name: make(name, CONTROLS) for name in CONTROLS}
        self.widgets["structure"].options = (*structures.COMMON, *structures.names())
        structure, *others = self.widgets.values()
        folding = row(*others[:2]), row(*others[2:])
        fold = make_fold("settings", "Show centers, metric and descriptors", *folding)
        self.rows = [row(row(structure, session, fold), *folding)]

    def show(self, request: Request, own: Mapping[str, Descriptor]) -> None:
        """Show a request."""
        offered = [*CATALOG, *(name for name in own if name not in CATALOG)]
        options = [(_label(name), name) for name in offered]
        with self._updating:
            self.widgets["structure"].value = request.name
            count = len(request.atoms)
            centers = range(count) if request.centers is None else request.centers
            self.widgets["centers"].value = write_centers(centers, count)
            self.widgets["metric"].value = request.metric
            for name, chosen in zip_longest(PLACES, request.chosen, fillvalue=""):
                widget = self.widgets[name]
                widget.options = [*([("none", "")] if name == PLACES[2] else []), *options]
                widget.value = chosen


def _label(name: str) -> str:
    missing = name in CATALOG and CATALOG[name].installed is None
    return f"{LABELS.get(name, name)}{' (not installed)' if missing else ''}"
