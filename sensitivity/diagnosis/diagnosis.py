"""The result of a diagnosis, with a summary in words and in HTML."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from math import isinf

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.diagnosis.causes import (
    CAUSE_DESCRIPTIONS,
    CAUSES,
    Cause,
    explain_incompleteness,
    explain_truncation,
)
from sensitivity.diagnosis.evidence import DiagnosedMode, Nearer
from sensitivity.diagnosis.zeros import Budget
from sensitivity.numerics import Array
from sensitivity.progress import Stoppable
from sensitivity.spectrum import Spectrum
from sensitivity.symmetry import PointGroup, SiteSymmetry
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True, repr=False)
class Diagnosis(Stoppable):
    """The displacements that the chosen centers do not see, and their causes.

    Attributes
    ----------
    spectrum
        Singular value decomposition, with the structure and the centers.
    descriptor
        The descriptor with which the structure was analysed.
    modes
        One per degree of freedom, 3N, orthonormal: internal ones in the order of their singular
        values, then unseen ones, rotations and translations. They are singular vectors within the
        subspace of each cause, and singular vectors of J if symmetry is exact.
    sites
        Symmetry of the environment of each center, in the order of the centers; if the diagnosis
        was stopped, only of the centers examined.
    tolerance
        Å, root mean square over the atoms of an environment: assumed accuracy of the positions.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the diagnosis was stopped; else empty.
    unexamined
        Number of modes not examined because the diagnosis was stopped. They are undetermined, with
        only their singular value as evidence.
    nearer
        Other causes that are much nearer than the causes that were counted.
    bounded
        True if the search for nearer causes reached its limit, ``Budget.MOST``.
    wrong_order
        True if the descriptor, or its larger basis, sees displacements that no basis of the stated
        ``order`` can see. The causes are then found as without ``order``.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> {cause: number for cause, number in found.counts.items() if number}
    {'sensitive': 8, 'incompleteness': 1, 'rotation': 3, 'translation': 3}
    >>> found.internal, found.spurious
    (9, 1)
    >>> found.of("incompleteness")[0].evidence.lifted_by
    3
    """

    spectrum: Spectrum
    descriptor: Descriptor
    modes: tuple[DiagnosedMode, ...]
    sites: tuple[SiteSymmetry, ...]
    tolerance: float
    ending: str = ""
    unexamined: int = 0
    nearer: tuple[Nearer, ...] = ()
    bounded: bool = False
    wrong_order: bool = False

    @property
    def atoms(self) -> Atoms:
        """The structure."""
        return self.spectrum.atoms

    @property
    def centers(self) -> tuple[int, ...]:
        """The centers whose features are stacked."""
        return self.spectrum.centers

    @property
    def order(self) -> int | None:
        """Order of the correlations; None if the descriptor states none, or a wrong one."""
        return None if self.wrong_order else with_defaults(self.descriptor).order

    @property
    def counts(self) -> dict[Cause, int]:
        """Number of modes of every cause; they add up to 3N."""
        found = [mode.cause for mode in self.modes]
        return {cause: found.count(cause) for cause in CAUSES}

    @property
    def groups(self) -> dict[int, PointGroup]:
        """Point group of the environment of each center."""
        return {site.center: site.group for site in self.sites}

    @property
    def internal(self) -> int:
        """Number of modes that are neither rigid motions nor unseen."""
        return sum(not CAUSE_DESCRIPTIONS[mode.cause].trivial for mode in self.modes)

    @property
    def spurious(self) -> int:
        """Number of internal modes that are invisible although symmetry allows them to be seen."""
        spurious = sum(CAUSE_DESCRIPTIONS[mode.cause].spurious for mode in self.modes)
        return spurious - self.unexamined

    def of(self, cause: Cause) -> tuple[DiagnosedMode, ...]:
        """Return the modes of one cause."""
        return tuple(mode for mode in self.modes if mode.cause == cause)

    def projector(self, cause: Cause) -> Array:
        """Return the projector, shape (3N, 3N), on the displacements of one cause."""
        size = 3 * len(self.atoms)
        modes = np.array([mode.displacement for mode in self.of(cause)]).reshape(-1, size)
        return np.asarray(modes.T @ modes)

    @property
    def status(self) -> str:
        """One sentence: the number of visible, invisible and spurious displacements."""
        if not self.internal:
            return "The chosen centers see no internal displacement."
        text = [*_ending(self), *_nearer(self), *_wrong_order(self)]
        if self.unexamined < self.internal:
            symmetric = f"{self.counts['symmetry']} invisible by symmetry"
            text.insert(0, f"{_seen(self)}, {symmetric}, {self.spurious or 'none'} spurious.")
        return " ".join(text)

    @property
    def summary(self) -> str:
        """Several sentences: environments, visible and invisible displacements, and causes."""
        text = " ".join(_sentences(self))
        if "Å" in text.replace(f"deviation {_length(0.0)}", ""):
            text += " Distances are root mean squares over the atoms of an environment."
        return text

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        rows = [_row(cause, self.of(cause)) for cause, count in self.counts.items() if count]
        titles = ("cause", "modes", "relative", "larger basis", "next order", "response")
        head = "".join(f"<th>{title}</th>" for title in (*titles, "distance (Å, root mean square)"))
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        return (
            f'<p style="max-width: 50em">{escape(self.summary)}</p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def __repr__(self) -> str:
        return f"Diagnosis({self.atoms.symbols}, centers={len(self.centers)}: {self.status})"


_INVISIBLE: tuple[Cause, ...] = ("symmetry", "truncation", "incompleteness", "width")


def _sentences(diagnosis: Diagnosis) -> Iterator[str]:
    environments, seen = _environments(diagnosis), diagnosis.counts["sensitive"]
    if not diagnosis.internal:
        yield f"{environments}: {diagnosis.status[0].lower()}{diagnosis.status[1:]}"
    elif diagnosis.unexamined == diagnosis.internal:
        yield f"{environments}."
        yield from _ending(diagnosis)
    else:
        yield f"{environments}: {_seen(diagnosis)}."
        if (rank := diagnosis.spectrum.rank) > seen and not diagnosis.ending:
            yield (
                f"At exactly this geometry {rank} {_is(rank)} visible; at geometries within the "
                f"tolerance, {diagnosis.tolerance:g} Å, fewer are."
            )
        yield from _invisible(diagnosis)
        values = [mode.singular_value for mode in diagnosis.of("sensitive")]
        if len(values) > 1:
            ratio = min(values) / max(values)
            yield f"The smallest visible singular value is {ratio:.1e} of the largest."
        yield from _ending(diagnosis)
    yield from _wrong_order(diagnosis)
    if unseen := diagnosis.counts["unseen"]:
        yield f"{_count(unseen, 'displacement')} {_is(unseen)} outside the environments."
    if broken := diagnosis.spectrum.broken_invariance:
        yield broken.lstrip()
    yield from with_defaults(diagnosis.descriptor).remarks
    yield from _fading(diagnosis)
    for site in diagnosis.sites:
        yield from _coalescence(diagnosis, site)
    if len(diagnosis.sites) == 1:
        yield from _neighboring_groups(diagnosis, diagnosis.sites[0])


def _seen(diagnosis: Diagnosis) -> str:
    """Return how many are visible; if not all were examined, of how many this is known."""
    count, seen = _count(diagnosis.internal, "internal displacement"), diagnosis.counts["sensitive"]
    if not diagnosis.unexamined:
        return f"{seen} of {count} {_is(seen)} visible"
    examined = diagnosis.internal - diagnosis.unexamined
    return f"{examined} of {count} {_was(examined)} examined: {seen} {_is(seen)} visible"


def _ending(diagnosis: Diagnosis) -> Iterator[str]:
    if count := diagnosis.unexamined:
        yield (
            f"{diagnosis.ending.capitalize()}: {_count(count, 'displacement')} "
            f"{_was(count)} not examined and count{'s' if count == 1 else ''} "
            "as undetermined."
        )


def _invisible(diagnosis: Diagnosis) -> Iterator[str]:
    counts = diagnosis.counts
    if symmetric := counts["symmetry"]:
        must = "it must" if symmetric == 1 else "they must"
        exchange = any(site.coalescing for site in diagnosis.sites)
        exchanged = ", which includes the exchange of coalescing atoms" if exchange else ""
        yield f"{_are_invisible(diagnosis, 'symmetry', symmetric)}{exchanged}, as {must} be."
        if symmetric == diagnosis.internal:
            counts_inversion = with_defaults(diagnosis.descriptor).invariance == "O(3)"
            inverted = counts_inversion and all(s.group.has_inversion for s in diagnosis.sites)
            why = ": every center is a center of inversion" if inverted else ""
            yield f"To first order, no displacement changes the features{why}."
    order = diagnosis.order
    if count := counts["truncation"]:
        sizes = [mode.evidence.larger_basis for mode in diagnosis.of("truncation")]
        why = explain_truncation(sizes, order=order)
        yield f"{_are_invisible(diagnosis, 'truncation', count)}: {why}."
    if count := counts["incompleteness"]:
        of = " of the representation" if order is None else f" of correlations of order {order}"
        invisible = _are_invisible(diagnosis, "incompleteness", count, of=of)
        yield f"{invisible}: {_explain_incompleteness(diagnosis)}."
    if count := counts["width"]:
        why = CAUSE_DESCRIPTIONS["width"].explain(count)
        yield f"{_are_invisible(diagnosis, 'width', count)}: {why}."
    yield from _undetermined(diagnosis)
    yield from _nearer(diagnosis)
    if not (diagnosis.spurious or diagnosis.unexamined or diagnosis.nearer):
        yield "None is spurious."
    smooth = with_defaults(diagnosis.descriptor).smooth
    if smooth and (count := sum(counts[cause] for cause in _INVISIBLE)):
        which = "the invisible one" if count == 1 else "the invisible ones"
        yield f"A smooth potential of these features has no force along {which}."


def _nearer(diagnosis: Diagnosis) -> Iterator[str]:
    for other in diagnosis.nearer:
        label, counted = (CAUSE_DESCRIPTIONS[cause].label for cause in (other.cause, other.counted))
        where = f"{_length(other.distance)} away"
        if other.distance < Tolerance.EXACT:
            where = "already at this geometry"
        yield (
            f"{other.count} of those {counted} ({_length(other.counted_distance)} away) "
            f"{_is(other.count)} also {label} much nearer, {where}."
        )
    if diagnosis.bounded:
        yield (
            f"The search for much nearer causes stopped at its limit of {Budget.MOST} steps; "
            "reduce the tolerance to search only nearby geometries."
        )


def _are_invisible(diagnosis: Diagnosis, cause: Cause, count: int, *, of: str = "") -> str:
    label, distance = CAUSE_DESCRIPTIONS[cause].label, 0.0
    if CAUSE_DESCRIPTIONS[cause].spurious:
        distance = max(mode.distance or 0.0 for mode in diagnosis.of(cause))
    where = f" (exactly so {_length(distance)} away)" if distance > Tolerance.EXACT else ""
    return f"{count} {_is(count)} {label}{of}{where}"


def _wrong_order(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.wrong_order:
        order = with_defaults(diagnosis.descriptor).order
        yield (
            f"The descriptor states order {order}, but it, or its larger basis, sees displacements "
            "that no basis of this order can see. The causes are therefore found as if no order "
            "were stated; correct the order, or leave it out."
        )


def _explain_incompleteness(diagnosis: Diagnosis) -> str:
    facts = [mode.evidence for mode in diagnosis.of("incompleteness")]
    orders = sorted(one.lifted_by or 0 for one in facts)
    compared = facts[0].larger_basis is not None
    lifting = _lifting(orders) if orders[0] else None
    return explain_incompleteness(lifting, count=len(facts), compared=compared)


def _lifting(orders: list[int]) -> str:
    if orders[0] == orders[-1]:
        return f"order {orders[0]} does"
    return ", ".join(
        f"order {order} sees {bisect_right(orders, order)} of them" for order in sorted(set(orders))
    )


def _undetermined(diagnosis: Diagnosis) -> Iterator[str]:
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


def _remedy(diagnosis: Diagnosis) -> str:
    known = with_defaults(diagnosis.descriptor)
    if known.higher_order() is not None:
        return "a still higher order or fewer neighbours would determine it"
    if known.larger_basis() is not None:
        return "a descriptor that correlates more neighbours would determine it"
    return "a larger basis or a higher order would determine it, but this descriptor has neither"


def _environments(diagnosis: Diagnosis) -> str:
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


def _fading(diagnosis: Diagnosis) -> Iterator[str]:
    distances = [mode.distance or 0.0 for mode in diagnosis.of("unseen")]
    if count := sum(distance > Tolerance.EXACT for distance in distances):
        yield (
            f"{count} of these move{'s' if count == 1 else ''} atoms so near the cutoff that they "
            f"fade out; a geometry with these atoms outside the cutoff is "
            f"{_length(max(distances))} away: a larger cutoff sees "
            f"{'it' if count == 1 else 'them'}, a larger basis does not."
        )


def _coalescence(diagnosis: Diagnosis, site: SiteSymmetry) -> Iterator[str]:
    symbols = diagnosis.atoms.symbols
    for pair in site.coalescing:
        one, other = (f"{symbols[k]}{k}" for k in site.atoms[list(pair)])
        why = ": the center barely resolves the direction between them"
        if 0 not in pair:
            center = f"{symbols[site.center]}{site.center}"
            why = f", because they coincide within the tolerance: {center} cannot distinguish them"
        yield f"{one} and {other} coalesce{why}."


def _neighboring_groups(diagnosis: Diagnosis, site: SiteSymmetry) -> Iterator[str]:
    levels = [level for level in site.levels if level.symbol != "C1"]
    if len(levels) > 1:
        named = ", ".join(f"{level.symbol} to {_length(level.deviation)}" for level in levels)
        yield f"Within the tolerance the symmetry changes: {named}."
    if site.next is not None:
        away = f"{_length(site.next.deviation)} away, beyond the tolerance"
        yield f"Symmetry {site.next.symbol} is {away}."
    invariance, proper = with_defaults(diagnosis.descriptor).invariance, site.group.rotations()
    if invariance == "none" and site.group.symbol != "C1":
        yield "The descriptor is not invariant, so that symmetry hides nothing from it."
    elif invariance == "SO(3)" and proper.symbol != site.group.symbol:
        yield (
            "The descriptor distinguishes mirror images, so that only the rotations of "
            f"{site.group.symbol} ({proper.symbol}) bind it: the other operations hide nothing."
        )


def _length(value: float) -> str:
    return "0 Å" if value < Tolerance.EXACT else f"{value:.1g} Å"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _row(cause: Cause, modes: tuple[DiagnosedMode, ...]) -> tuple[str, ...]:
    evidence = [mode.evidence for mode in modes]
    return (
        cause,
        str(len(modes)),
        _range(one.relative for one in evidence),
        _range(one.larger_basis for one in evidence),
        _range(one.higher_order for one in evidence),
        _range((one.response for one in evidence), form=".1f"),
        _range(mode.distance for mode in modes),
    )


def _range(values: Iterable[float | None], *, form: str = ".1e") -> str:
    known = sorted(value for value in values if value is not None)
    ends = [
        "0" if value < Tolerance.EXACT else format(value, form) for value in known[:1] + known[-1:]
    ]
    return " to ".join(dict.fromkeys(ends))
