"""Results that ``--json`` printed, as sessions with their input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensitivity.descriptors.catalog import listed_name
from sensitivity.numerics import Array
from sensitivity.session.sessions import MOST_FRAMES, Named, Session
from sensitivity.session.values import (
    are_kinds,
    check_settings,
    read_array,
    read_atoms,
    read_centers,
    read_list,
    read_number,
    read_object,
    read_text,
    refuse,
    show,
)
from sensitivity.tolerances import Tolerance


def read_result(data: dict[str, Any], label: str | None) -> Session:
    """Return the input of a result of ``--json``, with the values and causes of its modes."""
    if "worst" in data:
        return _read_survey(data)
    place, labels = read_object(data, "structure"), tuple[str, ...]()
    atoms = read_atoms(place, "structure")
    usual = {"centers": [data["center"]] if "center" in data else list(range(len(atoms)))}
    if "descriptors" in data:
        labels, chosen = _choose_descriptor(data, label)
        data = {**data, **chosen}
    elif label is not None:
        refuse("has no labels of descriptors")
    values, kinds = _read_modes(data, 3 * len(atoms))
    tolerance = {"tolerance": Tolerance.POSITIONS} | data
    return Session(
        atoms,
        _read_descriptor(read_object(data, "descriptor")),
        read_centers((usual | data)["centers"], len(atoms)),
        name=read_text(place, "name"),
        tolerance=read_number(tolerance, "tolerance", least=0.0),
        singular_values=values,
        kinds=kinds,
        labels=labels,
    )


def _read_descriptor(described: dict[str, Any]) -> Named:
    """Return name and settings of the descriptor of a result."""
    name = read_text(described, "name")
    if "features_per_center" not in described:
        refuse("has neither the format of a session nor the descriptor of a result")
    settings = {
        key: value for key, value in described.items() if key not in ("name", "features_per_center")
    }
    check_settings(settings)
    listed = listed_name(name, settings)
    return Named(listed or name, settings, bool(listed))


def _choose_descriptor(
    data: dict[str, Any], label: str | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the labels of a comparison, and the descriptor with one of them."""
    described = read_list(data, "descriptors")
    if not described or not all(isinstance(each, dict) for each in described):
        refuse(f"needs objects as descriptors, got {show(described)}")
    labels = tuple(read_text(each, "label") for each in described)
    if label is not None and label not in labels:
        refuse(f"has no descriptor {show(label)}, but {', '.join(labels)}")
    return labels, described[0 if label is None else labels.index(label)]


def _read_survey(data: dict[str, Any]) -> Session:
    """Return the worst environments of a survey as the structures of a file, the worst first."""
    if data.get("environments") is None:
        refuse("is a survey without environments, such as one of standard input")
    found = read_list(data, "environments", longest=MOST_FRAMES)
    frames = tuple(read_atoms(each, "an environment") for each in found)
    if not frames:
        refuse("is a survey without environments")
    settings = read_object(data, "settings")
    known = {"tolerance": Tolerance.POSITIONS} | settings
    own = read_object(settings, "settings") | {"cutoff": settings.get("cutoff")}
    named = {**own, "name": settings.get("descriptor"), "features_per_center": None}
    return Session(
        frames[0],
        _read_descriptor(named),
        (0,),
        file=f"worst environments of {Path(read_text(data, 'file')).name}",
        frames=frames,
        tolerance=read_number(known, "tolerance", least=0.0),
    )


def _read_modes(data: dict[str, Any], size: int) -> tuple[Array | None, tuple[str, ...] | None]:
    """Return the singular values and kinds of modes of one spectrum, if a result has them."""
    values: Any
    kinds: Any
    if "kinds" in data:  # of a comparison
        values, kinds = data.get("singular_values"), data["kinds"]
    else:
        modes: Any = data.get("modes")
        right = isinstance(modes, list) and all(isinstance(each, dict) for each in modes)
        if not right or not all("singular_value" in each for each in modes):
            return None, None  # of another command
        values = [each["singular_value"] for each in modes]
        kinds = [each.get("cause", each.get("kind", "internal")) for each in modes]
    right = isinstance(values, list) and isinstance(kinds, list) and 0 < len(values) <= size
    if not right or not are_kinds(tuple(kinds), len(values)):
        return None, None
    return read_array({"singular_values": values}, "singular_values", (len(values),)), tuple(kinds)
