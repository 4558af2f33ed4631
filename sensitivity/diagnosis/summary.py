"""A diagnosis in words."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from math import isinf
from typing import TYPE_CHECKING

from sensitivity.symmetry import PointGroup, SiteSymmetry

if TYPE_CHECKING:
    from sensitivity.diagnosis.diagnosis import Cause, DiagnosedMode, Diagnosis

# Å. Deviations below this are rounding, and are not worth a number.
EXACT = 1e-12
# Environments are named one by one up to so many kinds.
MOST_KINDS = 6


def status(diagnosis: Diagnosis) -> str:
    """Return one sentence: the number of visible, hidden and spurious displacements."""
    counts, internal = diagnosis.counts, diagnosis.internal
    if not internal:
        return "There is no internal displacement that the chosen centers could see."
    return (
        f"{counts['sensitive']} of {_count(internal, 'internal displacement')} "
        f"{_is(counts['sensitive'])} visible, {counts['symmetry']} invisible by symmetry, "
        f"{diagnosis.spurious or 'none'} spurious."
    )


def summarize(diagnosis: Diagnosis) -> str:
    """Several sentences: the environments, what is visible, what is not, and why."""
    return " ".join(sentences(diagnosis))


def sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """Say what an expert would."""
    if not diagnosis.internal:
        yield f"{_environments(diagnosis)}: {status(diagnosis)[0].lower()}{status(diagnosis)[1:]}"
    else:
        seen = diagnosis.counts["sensitive"]
        yield (
            f"{_environments(diagnosis)}: {seen} of "
            f"{_count(diagnosis.internal, 'internal displacement')} {_is(seen)} visible."
        )
        if (rank := diagnosis.spectrum.rank) > seen:
            yield (
                f"At exactly this geometry {rank} {_is(rank)}: geometries within the tolerance, "
                f"{diagnosis.tolerance:g} Å, hide more."
            )
        yield from _invisible(diagnosis)
        yield from _condition(diagnosis)
    yield from _remarks(diagnosis)


def _invisible(diagnosis: Diagnosis) -> Iterator[str]:
    counts = diagnosis.counts
    if symmetric := counts["symmetry"]:
        must = "it must" if symmetric == 1 else "they must"
        exchange = any(site.coalescing for site in diagnosis.sites)
        by = "symmetry, which includes the exchange of coalescing atoms" if exchange else "symmetry"
        yield f"{_are(symmetric)} invisible by {by}, as {must} be."
    if counts["truncation"]:
        yield _truncation(diagnosis)
    if counts["incompleteness"]:
        yield _incompleteness(diagnosis)
    yield from _undetermined(diagnosis)
    if not diagnosis.spurious:
        yield "None is spurious."


def _truncation(diagnosis: Diagnosis) -> str:
    count = diagnosis.counts["truncation"]
    order = diagnosis.descriptor.order
    at = "" if order is None else f" at order {order}"
    return (
        f"{_are(count)} invisible by truncation of the basis{_where(diagnosis, 'truncation')}: a "
        f"larger one sees {'it' if count == 1 else 'them'}{at}."
    )


def _incompleteness(diagnosis: Diagnosis) -> str:
    modes = diagnosis.of("incompleteness")
    order = diagnosis.descriptor.order
    what = "the representation" if order is None else f"correlations of order {order}"
    them = "it" if len(modes) == 1 else "them"
    return (
        f"{_are(len(modes))} invisible by incompleteness of {what}"
        f"{_where(diagnosis, 'incompleteness')}: no basis sees {them}, {_lifting(modes)}."
    )


def _lifting(modes: tuple[DiagnosedMode, ...]) -> str:
    """Which orders see the modes: all of them, or some, and the next one more."""
    orders = sorted(mode.evidence.lifted_by or 0 for mode in modes)
    if not orders[0]:
        return "the next order does"
    if orders[0] == orders[-1]:
        return f"order {orders[0]} does"
    return ", ".join(
        f"order {order} sees {bisect_right(orders, order)} of them" for order in sorted(set(orders))
    )


def _undetermined(diagnosis: Diagnosis) -> Iterator[str]:
    modes = diagnosis.of("undetermined")
    small = sum(mode.distance is None for mode in modes)
    if proven := len(modes) - small:
        yield (
            f"{_are(proven)} invisible{_where(diagnosis, 'undetermined')}, but the evidence does "
            f"not determine the cause; {_remedy(diagnosis)}."
        )
    if small:
        yield (
            f"{_are(small)} too small to count as visible, at most "
            f"{diagnosis.spectrum.threshold:.0e} of the scale, and no geometry within the "
            "tolerance shows the cause; a larger tolerance or a larger basis may."
        )


def _remedy(diagnosis: Diagnosis) -> str:
    """Name what would determine the cause of null modes."""
    larger, higher = diagnosis.descriptor.larger_basis(), diagnosis.descriptor.higher_order()
    if larger is None and higher is None:
        return "a larger basis or a higher order would, but this descriptor names none"
    if higher is None:
        return "a descriptor that correlates more neighbours would"
    return "a still higher order would, or fewer neighbours"


def _where(diagnosis: Diagnosis, cause: Cause) -> str:
    """How far the singular geometry is, unless the structure is one."""
    distance = max(mode.distance or 0.0 for mode in diagnosis.of(cause))
    return f" (exactly so {_length(distance)} away)" if distance > EXACT else ""


def _condition(diagnosis: Diagnosis) -> Iterator[str]:
    values = [mode.singular_value for mode in diagnosis.of("sensitive")]
    if len(values) > 1:
        ratio = min(values) / max(values)
        yield f"The smallest visible singular value is {ratio:.1e} of the largest."


def _environments(diagnosis: Diagnosis) -> str:
    sites, atoms = diagnosis.sites, diagnosis.atoms
    if len(sites) == 1:
        from ase.data import atomic_names

        name = atomic_names[atoms.numbers[sites[0].center]]
        return f"{name} environment, {_group(sites[0].group)}"
    kinds = Counter((atoms.symbols[site.center], site.group.symbol) for site in sites)
    named = [
        f"{count} {symbol} {group}" for (symbol, group), count in kinds.most_common(MOST_KINDS)
    ]
    rest = len(sites) - sum(count for _, count in kinds.most_common(MOST_KINDS))
    named += [f"{rest} more"] if rest else []
    deviation = max(site.group.deviation for site in sites)
    return f"{len(sites)} environments ({', '.join(named)}; deviation {_length(deviation)})"


def _group(group: PointGroup) -> str:
    if group.symbol == "C1":
        return "C1 (no symmetry)"
    order = "infinitely many" if isinf(group.order) else f"{group.order:.0f}"
    return f"{group.symbol} ({order} operations, deviation {_length(group.deviation)})"


def _remarks(diagnosis: Diagnosis) -> Iterator[str]:
    """What else a person should know before trusting the counts."""
    if unseen := diagnosis.counts["unseen"]:
        yield f"{_count(unseen, 'displacement')} {_is(unseen)} outside the environments."
    yield from _fading(diagnosis)
    single = len(diagnosis.sites) == 1
    for site in diagnosis.sites:
        yield from _coalescence(diagnosis, site)
        if single:
            yield from _neighboring_groups(site)
            yield from _handedness(diagnosis, site)


def _fading(diagnosis: Diagnosis) -> Iterator[str]:
    """What belongs to atoms that are within the cutoff, but hardly."""
    distances = [mode.distance or 0.0 for mode in diagnosis.of("unseen")]
    fading = [distance for distance in distances if distance > EXACT]
    if count := len(fading):
        yield (
            f"{count} of these belong{'s' if count == 1 else ''} to what is so near to the cutoff "
            f"that it fades (outside it {_length(max(fading))} away): a larger cutoff sees "
            f"{'it' if count == 1 else 'them'}, a larger basis does not."
        )


def _coalescence(diagnosis: Diagnosis, site: SiteSymmetry) -> Iterator[str]:
    for pair in site.coalescing:
        one, other = (f"{diagnosis.atoms.symbols[k]}{k}" for k in site.atoms[list(pair)])
        if 0 in pair:
            yield (
                f"{one} and {other} coalesce: the center hardly resolves the direction between "
                "them."
            )
        else:
            yield (
                f"{one} and {other} coalesce, being at one place within the tolerance: "
                f"{diagnosis.atoms.symbols[site.center]}{site.center} cannot distinguish "
                "them."
            )


def _neighboring_groups(site: SiteSymmetry) -> Iterator[str]:
    levels = [level for level in site.levels if level.symbol != "C1"]
    if len(levels) > 1:
        named = ", ".join(f"{level.symbol} to {_length(level.deviation)}" for level in levels)
        yield f"Within the tolerance the symmetry changes: {named}."
    if site.next is not None:
        yield f"{site.next.symbol} is {_length(site.next.deviation)} away, beyond the tolerance."


def _handedness(diagnosis: Diagnosis, site: SiteSymmetry) -> Iterator[str]:
    proper = site.group.rotations()
    if not diagnosis.descriptor.inversion_invariant and proper.symbol != site.group.symbol:
        yield (
            f"The descriptor sees handedness: of {site.group.symbol} only the rotations "
            f"({proper.symbol}) bind it."
        )


def _length(value: float) -> str:
    return "0 Å" if value < EXACT else f"{value:.1g} Å"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _are(number: int) -> str:
    return f"{number} {_is(number)}"
