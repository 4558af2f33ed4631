"""A diagnosis in words."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from math import isinf

from sensitivity.descriptors import with_defaults
from sensitivity.diagnosis.causes import CAUSE_DESCRIPTIONS, Cause
from sensitivity.diagnosis.findings import DiagnosedMode, Findings
from sensitivity.numerics import Tolerance
from sensitivity.symmetry import PointGroup, SiteSymmetry


def describe_status(diagnosis: Findings) -> str:
    """Return one sentence: the number of visible, hidden and spurious displacements."""
    counts, internal = diagnosis.counts, diagnosis.internal
    if not internal:
        return "There is no internal displacement that the chosen centers could see."
    sentences = [
        f"{counts['sensitive']} of {_count(internal, 'internal displacement')} "
        f"{_is(counts['sensitive'])} visible, {counts['symmetry']} invisible by symmetry, "
        f"{diagnosis.spurious or 'none'} spurious.",
        *_ending(diagnosis),
    ]
    return " ".join(sentences)


def summarize(diagnosis: Findings) -> str:
    """Return several sentences: the environments, what is visible, what is not, and why."""
    text = " ".join(_sentences(diagnosis))
    if "Å" in text.replace(f"deviation {_length(0.0)}", ""):
        text += " Distances are root mean squares over the atoms of an environment."
    return text


def _sentences(diagnosis: Findings) -> Iterator[str]:
    environments, seen = _environments(diagnosis), diagnosis.counts["sensitive"]
    if not diagnosis.internal:
        status = describe_status(diagnosis)
        yield f"{environments}: {status[0].lower()}{status[1:]}"
    else:
        count = _count(diagnosis.internal, "internal displacement")
        yield f"{environments}: {seen} of {count} {_is(seen)} visible."
        if (rank := diagnosis.spectrum.rank) > seen and not diagnosis.ending:
            yield (
                f"At exactly this geometry {rank} {_is(rank)}: geometries within the tolerance, "
                f"{diagnosis.tolerance:g} Å, hide more."
            )
        yield from _invisible(diagnosis)
        yield from _condition(diagnosis)
        yield from _ending(diagnosis)
    yield from _remarks(diagnosis)


def _ending(diagnosis: Findings) -> Iterator[str]:
    """Displacements left undetermined because the diagnosis was ended."""
    if count := diagnosis.unexamined:
        yield (
            f"{diagnosis.ending.capitalize()}: {_count(count, 'displacement')} "
            f"{'was' if count == 1 else 'were'} not examined, and count{'s' if count == 1 else ''} "
            "as undetermined."
        )


def _invisible(diagnosis: Findings) -> Iterator[str]:
    counts = diagnosis.counts
    if symmetric := counts["symmetry"]:
        must = "it must" if symmetric == 1 else "they must"
        exchange = any(site.coalescing for site in diagnosis.sites)
        exchanged = ", which includes the exchange of coalescing atoms" if exchange else ""
        yield f"{_are_invisible(diagnosis, 'symmetry', symmetric)}{exchanged}, as {must} be."
    order = with_defaults(diagnosis.descriptor).order
    if count := counts["truncation"]:
        why = CAUSE_DESCRIPTIONS["truncation"].explain(count)
        at = "" if order is None else f" at order {order}"
        yield f"{_are_invisible(diagnosis, 'truncation', count)}: {why}{at}."
    if count := counts["incompleteness"]:
        of = " of the representation" if order is None else f" of correlations of order {order}"
        them, lifting = "it" if count == 1 else "them", _lifting(diagnosis.of("incompleteness"))
        invisible = _are_invisible(diagnosis, "incompleteness", count, of=of)
        yield f"{invisible}: no basis sees {them}, {lifting}."
    yield from _undetermined(diagnosis)
    if not (diagnosis.spurious or diagnosis.unexamined):
        yield "None is spurious."


def _are_invisible(diagnosis: Findings, cause: Cause, count: int, *, of: str = "") -> str:
    """Say how many are, and how far the singular geometry is, unless the structure is one."""
    label, distance = CAUSE_DESCRIPTIONS[cause].label, 0.0
    if CAUSE_DESCRIPTIONS[cause].spurious:
        distance = max(mode.distance or 0.0 for mode in diagnosis.of(cause))
    where = f" (exactly so {_length(distance)} away)" if distance > Tolerance.EXACT else ""
    return f"{count} {_is(count)} {label}{of}{where}"


def _lifting(modes: tuple[DiagnosedMode, ...]) -> str:
    """Orders that see the modes: all of them, or some, and the next one more."""
    orders = sorted(mode.evidence.lifted_by or 0 for mode in modes)
    if not orders[0]:
        return "the next order does"
    if orders[0] == orders[-1]:
        return f"order {orders[0]} does"
    return ", ".join(
        f"order {order} sees {bisect_right(orders, order)} of them" for order in sorted(set(orders))
    )


def _undetermined(diagnosis: Findings) -> Iterator[str]:
    modes = diagnosis.of("undetermined")
    unproven = sum(mode.distance is None for mode in modes)
    if proven := len(modes) - unproven:
        why = CAUSE_DESCRIPTIONS["undetermined"].explain(proven)
        invisible = _are_invisible(diagnosis, "undetermined", proven)
        yield f"{invisible}, but {why}; {_remedy(diagnosis)}."
    if small := unproven - diagnosis.unexamined:
        yield (
            f"{small} {_is(small)} too small to count as visible, at most "
            f"{diagnosis.spectrum.threshold:.0e} of the scale, and no geometry within the "
            "tolerance shows the cause; a larger tolerance or a larger basis may."
        )


def _remedy(diagnosis: Findings) -> str:
    """Name what would determine the cause of null modes."""
    known = with_defaults(diagnosis.descriptor)
    larger, higher = known.larger_basis(), known.higher_order()
    if larger is None and higher is None:
        return "a larger basis or a higher order would, but this descriptor names none"
    if higher is None:
        return "a descriptor that correlates more neighbours would"
    return "a still higher order would, or fewer neighbours"


def _condition(diagnosis: Findings) -> Iterator[str]:
    values = [mode.singular_value for mode in diagnosis.of("sensitive")]
    if len(values) > 1:
        ratio = min(values) / max(values)
        yield f"The smallest visible singular value is {ratio:.1e} of the largest."


def _environments(diagnosis: Findings) -> str:
    sites, atoms, most = diagnosis.sites, diagnosis.atoms, 6
    if len(sites) < len(diagnosis.centers):
        return f"{len(diagnosis.centers)} environments, {len(sites)} of them examined"
    if len(sites) == 1:
        from ase.data import atomic_names

        name = atomic_names[atoms.numbers[sites[0].center]]
        return f"{name} environment, {_group(sites[0].group)}"
    kinds = Counter((atoms.symbols[site.center], site.group.symbol) for site in sites)
    common = kinds.most_common(most)
    named = [f"{count} {symbol} {group}" for (symbol, group), count in common]
    rest = len(sites) - sum(count for _, count in common)
    named += [f"{rest} more"] if rest else []
    deviation = max(site.group.deviation for site in sites)
    return f"{len(sites)} environments ({', '.join(named)}; deviation {_length(deviation)})"


def _group(group: PointGroup) -> str:
    if group.symbol == "C1":
        return "C1 (no symmetry)"
    order = "infinitely many" if isinf(group.order) else f"{group.order:.0f}"
    return f"{group.symbol} ({order} operations, deviation {_length(group.deviation)})"


def _remarks(diagnosis: Findings) -> Iterator[str]:
    """Remarks on what limits the counts."""
    if unseen := diagnosis.counts["unseen"]:
        yield f"{_count(unseen, 'displacement')} {_is(unseen)} outside the environments."
    yield from _fading(diagnosis)
    single = len(diagnosis.sites) == 1
    for site in diagnosis.sites:
        yield from _coalescence(diagnosis, site)
        if single:
            yield from _neighboring_groups(site)
            yield from _handedness(diagnosis, site)


def _fading(diagnosis: Findings) -> Iterator[str]:
    """Displacements of atoms that are within the cutoff, but hardly."""
    distances = [mode.distance or 0.0 for mode in diagnosis.of("unseen")]
    fading = [distance for distance in distances if distance > Tolerance.EXACT]
    if count := len(fading):
        yield (
            f"{count} of these belong{'s' if count == 1 else ''} to what is so near to the cutoff "
            f"that it fades (outside it {_length(max(fading))} away): a larger cutoff sees "
            f"{'it' if count == 1 else 'them'}, a larger basis does not."
        )


def _coalescence(diagnosis: Findings, site: SiteSymmetry) -> Iterator[str]:
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


def _handedness(diagnosis: Findings, site: SiteSymmetry) -> Iterator[str]:
    proper = site.group.rotations()
    if not diagnosis.descriptor.inversion_invariant and proper.symbol != site.group.symbol:
        yield (
            f"The descriptor sees handedness: of {site.group.symbol} only the rotations "
            f"({proper.symbol}) bind it."
        )


def _length(value: float) -> str:
    return "0 Å" if value < Tolerance.EXACT else f"{value:.1g} Å"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
