"""A survey in about ten lines: sums, the worst environments, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import ceil, isnan
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from sensitivity.survey.ranking import SPURIOUS, UNEXPLAINED, conditions, leading_causes
from sensitivity.survey.rows import Table
from sensitivity.tolerances import Tolerance

if TYPE_CHECKING:
    from sensitivity.survey.results import Survey

WIDTH = 80

REMEDIES: Mapping[str, str] = {
    "truncation": "a larger basis sees them",
    "incompleteness": "a higher order sees them; features of more centers may",
    "width": "more features, or features of more centers, see them",
    "undetermined": "not settled; compare another cutoff, basis and order",
    "symmetry": "nothing to do: no basis and no order sees them",
    UNEXPLAINED: "repeat the survey with causes to learn what sees them",
}
"""The remedy for displacements that are invisible by each cause."""

AT_CUTOFF = f"a neighbour is within {Tolerance.FADING} Å of the cutoff, where it is barely seen"


def advise(causes: Iterable[str], gap: float) -> str:
    """Return sentences on what to do, for each cause, and for the gap to the cutoff, in Å."""
    texts = [f"{cause.capitalize()}: {REMEDIES[cause]}." for cause in causes]
    if gap < Tolerance.FADING:
        texts.append(f"{AT_CUTOFF[:1].upper()}{AT_CUTOFF[1:]}: compare another cutoff.")
    return " ".join(texts)


def summarize(survey: Survey) -> str:
    """Return the sums of a survey, its worst environments, and what to do, for a terminal."""
    totals, worst = survey.totals, survey.worst()
    lines = [survey.status]
    texts = [
        f"{number} {by(cause)} in {numbered(totals.affected[cause], 'environment')}"
        for cause, number in totals.displacements.items()
    ]
    lines += wrap(f"Invisible displacements: {', '.join(texts) or 'none'}.", WIDTH)
    if len(worst["frame"]):
        kept = " not zero by symmetry" if survey.causes else ""
        lines.append(f"Smallest conditions (smallest/largest singular value{kept}):")
        marks = np.where(worst["gap"] < Tolerance.FADING, " *", "").tolist()
        described = zip(describe_worst(worst), marks, strict=True)
        lines += _in_columns(
            [f"{place}: {c} {cause}{mark}" for (place, c, cause), mark in described]
        )
        if any(marks):
            lines += wrap(f"* {AT_CUTOFF}: compare another cutoff.", WIDTH)
    lines += (
        part
        for cause in totals.displacements
        for part in wrap(f"{cause.capitalize()}: {REMEDIES[cause]}.", WIDTH)
    )
    lines += (part for remark in survey.remarks for part in wrap(remark, WIDTH))
    lines += _first_reason(survey.failures(1))
    return "\n".join(lines)


def _first_reason(failures: Table) -> Iterator[str]:
    """Yield why the first frame or environment could not be analysed, if there is one."""
    names = "frame", "center", "error"
    for frame, center, error in zip(*(failures[n].tolist() for n in names), strict=True):
        where = f"frame {frame}" + (f", center {center}" if center >= 0 else "")
        yield from wrap(f"First failure: {where}: {error}", WIDTH)


def numbered(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s' * (number != 1)}"


def by(cause: str) -> str:
    """Return a cause as it follows a number of invisible displacements."""
    named = {UNEXPLAINED: "of unknown cause", "undetermined": "of undetermined cause"}
    return named.get(cause, f"by {cause}")


def describe_worst(worst: Table) -> Iterator[tuple[str, str, str]]:
    """Yield place, condition and cause of rows as texts.

    The cause is "none spurious" if symmetry explains all invisible displacements, or there are
    none. A row without a condition has an empty one, and the reason in place of the cause.
    """
    rows = zip(
        *(worst[name].tolist() for name in ("frame", "center", "species", "error", "internal")),
        conditions(worst).tolist(),
        leading_causes(worst).tolist(),
        strict=True,
    )
    for frame, center, species, error, internal, condition, cause in rows:
        known = cause if cause in (*SPURIOUS, UNEXPLAINED) else "none spurious"
        if error:
            known = "could not be analysed"
        elif not internal:
            known = "no internal displacements"
        elif isnan(condition) and known == "none spurious":
            known = "symmetry hides all displacements"
        where = f"frame {frame}" + (f", {species}{center}" if center >= 0 else "")
        yield where, name_condition(condition), known


def name_condition(condition: float) -> str:
    """Return a condition with two digits; 0 if it is rounding, and empty if it is not known."""
    if isnan(condition):
        return ""
    return f"{condition:.1e}" if condition > Tolerance.ROUNDED_CONDITION else "0"


def label_environment(row: Table) -> str:
    """Return place, condition and cause of a row in one line, as far as they are known."""
    return " ".join(filter(None, next(describe_worst(row))))


def _in_columns(texts: Sequence[str]) -> list[str]:
    """Return the texts in two columns, read downwards; in one, if two are wider than the page."""
    half = ceil(len(texts) / 2)
    left, right = texts[:half], texts[half:]
    width = max(39, *(len(text) + 2 for text in left)) if left else 0
    if 2 + width + max(map(len, right), default=0) > WIDTH:
        return [f"  {text}" for text in texts]
    pairs = zip_longest(left, right, fillvalue="")
    return [f"  {one:{width}s}{other}".rstrip() for one, other in pairs]
