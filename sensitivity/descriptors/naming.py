"""Distinct names of several descriptors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sensitivity.descriptors.protocol import Descriptor, settings_of, with_defaults
from sensitivity.descriptors.self_description import check_descriptor

_LONGEST = 60  # characters of settings in a name; longer ones are replaced by a number


def name_descriptors(
    given: Mapping[str, Descriptor] | Iterable[Descriptor],
) -> dict[str, Descriptor]:
    """Return two or more descriptors, checked, by distinct names.

    Without names they are named by class and by the settings in which those of a class differ.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, or one is no descriptor or has no name.
    """
    expected = "two or more descriptors, in a list or in a mapping from names"
    if not isinstance(given, Iterable):
        raise TypeError(f"descriptors must be {expected}, got {given!r}.")
    found = list(given.values() if isinstance(given, Mapping) else given)
    for each in found:
        check_descriptor(each)
    names = list(given) if isinstance(given, Mapping) else _invent_names(found)
    if wrong := [name for name in names if not isinstance(name, str) or not name.strip()]:
        raise TypeError(f"names of descriptors must be texts, got {wrong[0]!r}.")
    if len(found) < 2:
        raise ValueError(f"descriptors must be {expected}, got {len(found)}; add another one.")
    return dict(zip(names, found, strict=True))


def _invent_names(descriptors: Sequence[Descriptor]) -> list[str]:
    """Return distinct names: of the class, with the settings that differ, or numbered."""
    kinds = [with_defaults(each).name for each in descriptors]
    settings = [settings_of(each) for each in descriptors]
    names = []
    for kind, own in zip(kinds, settings, strict=True):
        others = [each for name, each in zip(kinds, settings, strict=True) if name == kind]
        text = ", ".join(
            f"{key}={value!r}"
            for key, value in own.items()
            if any(each.get(key) != value for each in others)
        )
        names.append(f"{kind}({text})" if 0 < len(text) <= _LONGEST else kind)
    repeated = {name for name in names if names.count(name) > 1}
    return [
        f"{name} {1 + names[:place].count(name)}" if name in repeated else name
        for place, name in enumerate(names)
    ]
