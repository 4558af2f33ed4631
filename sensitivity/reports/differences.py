"""Sentences on compared descriptors: what one sees and another does not, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, permutations
from math import isnan
from typing import cast

from sensitivity.comparison import Comparison, Response
from sensitivity.comparison.modes import LEAST_PART, shares_of_causes
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Cause
from sensitivity.numerics import Array
from sensitivity.tolerances import Tolerance

_MOST_ANGLES = 4  # that are listed
_WHOLE = 0.995  # a share that is 100 % to two digits

PAIRS = ("descriptor", "other", "missed", "error", "angles (°)")
"""Columns of ``list_pairs``: what the other misses, and the error of reconstruction from it."""


def explain_differences(comparison: Comparison) -> list[str]:
    """Return sentences on what one descriptor sees and another does not, and why."""
    names = comparison.names
    pairs = {pair: comparison.count_missed(pair[0], by=pair[1]) for pair in permutations(names, 2)}
    if not any(pairs.values()):
        return [_agreement(comparison)]
    sentences = [
        f"{_start(name)} sees {_count(number)} that {other} does not see."
        f"{_why(comparison, name, other)}"
        for (name, other), number in pairs.items()
        if number
    ]
    for name, other in combinations(names, 2):
        if not pairs[name, other] and not pairs[other, name]:
            sentences.append(f"{_start(name)} and {other} see the same.")
    for other in names:
        others = (name for name in names if name != other)
        covered = [name for name in others if pairs[other, name] and not pairs[name, other]]
        if covered:
            see = "sees" if len(covered) == 1 else "see"
            sentences.append(f"{_start(other)} sees all that {_join(covered)} {see}.")
    return sentences


def _agreement(comparison: Comparison) -> str:
    first, *others = (int(comparison.modes(name).seen.sum()) for name in comparison.names)
    if not any((first, *others)):
        return f"{_start(_join(comparison.names))} see no displacement to first order."
    return (
        f"{_start(_join(comparison.names))} see the same displacements: {first} of "
        f"{comparison.spectra[0].internal} internal ones."
    )


def _why(comparison: Comparison, name: str, other: str) -> str:
    """Return a sentence after a space on the causes that hide displacements from ``other``."""
    causes = comparison.missed_causes(name, by=other)
    causes.pop("internal", None)  # unknown; the status says why
    if not causes:
        return ""
    if [*causes] == ["undetermined"]:
        return f" For {other} {_reason('undetermined')}."
    if len(causes) == 1:
        ((cause, number),) = causes.items()
        are = "it is" if number == 1 else "they are"
        return f" For {other} {are} {_label(cause)}: {_reason(cause, number)}."
    parts = [
        f"{number} {'is' if number == 1 else 'are'} {_label(cause)} ({_reason(cause, number)})"
        for cause, number in causes.items()
    ]
    return f" Of these, {_join(parts)}."


def _label(cause: str) -> str:
    return CAUSE_DESCRIPTIONS[cast(Cause, cause)].label


def _reason(cause: str, number: int = 1) -> str:
    return CAUSE_DESCRIPTIONS[cast(Cause, cause)].explain(number)


def explain_compared_mode(comparison: Comparison, name: str, mode: int) -> list[str]:
    """Return sentences on a mode of a descriptor: its value, its cause, and who else sees it."""
    found = comparison.modes(name)
    cause, displacement = found.causes[mode], found.displacements[mode]
    value = _number(float(found.relative[mode]), ".3g")
    if cause == "internal":
        known = comparison.names.index(name) < len(comparison.diagnoses)
        seen = "invisible on this scale" if known else "invisible, and its cause is unknown"
    else:
        seen = _label(cause) + (f": {_reason(cause)}" if cause != "sensitive" else "")
    others = [
        _respond(comparison, number, displacement, hidden=cause != "sensitive")
        for number, other in enumerate(comparison.names)
        if other != name
    ]
    own = f"Mode {mode} of {name} is {seen}. Its singular value is {value} of the scale."
    return [own, *others]


def _respond(comparison: Comparison, number: int, displacement: Array, *, hidden: bool) -> str:
    """Return a sentence on what a descriptor sees of the mode of another."""
    label, response = comparison.names[number], comparison.responses(displacement)[number]
    name, share = _start(label), comparison.modes(label).sees(displacement)
    if response.visible and share > LEAST_PART**2:
        part = "it" if share > _WHOLE else f"{share:.0%} of its square"
        value = _number(response.relative, ".3g")
        return f"{name} sees {part}: its features change by {value} of the scale."
    told = f"{name} does not see it{', either' if hidden else ''}"
    if number >= len(comparison.diagnoses):
        return f"{told}."
    shares = shares_of_causes(displacement[None], comparison.diagnoses[number])
    cause = max(shares, key=lambda cause: shares[cause][0])
    if cause == "sensitive":
        return f"{told}, on this scale."
    return f"{told}." if cause == "undetermined" else f"{told}: it is {_label(cause)}."


def name_responses(names: Sequence[str], responses: Sequence[Response]) -> str:
    """Return the response of each descriptor to a displacement, as fractions of their scales."""
    pairs = zip(names, responses, strict=True)
    return ", ".join(f"{_number(each.relative, '.3g')} for {name}" for name, each in pairs)


def list_pairs(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return, for each ordered pair of descriptors, the texts of the columns of ``PAIRS``."""
    names, rows = comparison.names, list[tuple[str, ...]]()
    for (a, name), (b, other) in permutations(enumerate(names), 2):
        missed = str(comparison.count_missed(name, by=other))
        error = _number(float(comparison.reconstruction[a, b]), ".2g", zero=Tolerance.ROUNDING)
        angles = [f"{angle:.1f}" for angle in comparison.angles[a, b].tolist()]
        shown = angles if len(angles) <= _MOST_ANGLES else [angles[0], "…", angles[-1]]
        rows.append((name, other, missed, error, ", ".join(shown) or "none"))
    return rows


def _start(text: str) -> str:
    """Return the start of a sentence: "order 2" gets a capital, names keep their spelling."""
    return re.sub(r"^order (?=\d+\b)", "Order ", text)


def _join(texts: Sequence[str]) -> str:
    """Return texts as "a", "a and b" or "a, b and c"."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def _count(number: int) -> str:
    return f"{number} displacement{'' if number == 1 else 's'}"


def _number(value: float, form: str, *, zero: float = Tolerance.EXACT) -> str:
    if isnan(value):
        return "none"
    return format(value, form) if value > zero else "0"
