"""Sentences on a mode: its visibility, its cause, and the displaced structure."""

from __future__ import annotations

import numpy as np

from sensitivity.descriptors import with_defaults
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, DiagnosedMode, Diagnosis
from sensitivity.diagnosis.causes import explain_incompleteness, explain_truncation
from sensitivity.explorers.parts.state import Reference, Shown, State
from sensitivity.explorers.parts.view import to_markup
from sensitivity.numerics import Array
from sensitivity.plots.palette import COLORS
from sensitivity.spectrum import TRIVIAL, Spectrum
from sensitivity.tolerances import Tolerance

WAITING = "The markers show the previous ones."
"""Sentence on the chart meanwhile."""


def labels(reference: Reference) -> list[str]:
    """Return a label per mode: number, singular value and cause at amplitude zero."""
    zero = reference.spectrum.zero_level
    found = zip(reference.singular_values, reference.causes, strict=True)
    return [
        f"{mode}: {'0' if value <= zero else f'{value:.1e}'}, {cause}"
        for mode, (value, cause) in enumerate(found)
    ]


def kinds(spectrum: Spectrum) -> list[str]:
    """Return the kind of each singular value before its cause is known."""
    return [
        "sensitive" if kind == "internal" and value > spectrum.zero_level else kind
        for kind, value in zip(spectrum.kinds, spectrum.singular_values, strict=True)
    ]


def meaning(reference: Reference, mode: int, *, seeking: bool = False) -> str:
    """Return sentences on a mode, its visibility and the evidence; ``seeking``: not yet known."""
    cause = reference.causes[mode]
    if cause in TRIVIAL:
        words = CAUSE_DESCRIPTIONS[cause]
        return f"Mode {mode} is {words.label}: {words.explain()}."
    if (diagnosis := reference.diagnosis) is None:
        kind = ": finding the cause …" if seeking else " is internal."
        return f"Mode {mode}{kind} {_slope(reference.singular_values[mode])}"
    found = diagnosis.modes[mode]
    sensitive = cause == "sensitive"
    return f"Mode {mode} is {_sensitive(found) if sensitive else _invisible(diagnosis, found)}"


def to_html(state: State, shown: Shown | None, *, seeking: bool = False, arrows: str = "") -> str:
    """Return the sentences for the panel: the mode at amplitude zero, the displaced one, arrows.

    ``arrows`` is the sentence on arrows that do not show the mode.
    """
    cause = state.reference.causes[state.mode]
    color = COLORS[cause]
    mark = f'<span style="color: {color}">&#9632;</span>'
    known = meaning(state.reference, state.mode, seeking=seeking)
    moved = state.amplitude != 0.0 and cause not in TRIVIAL
    first = (
        f"{mark} {to_markup(f'At amplitude 0: {known[0].lower()}{known[1:]}' if moved else known)}"
    )
    where = f"At {state.amplitude:+.2f} Å" if state.amplitude else "At amplitude 0"
    if shown is None:
        second = f"{where}: the singular values are being computed. {WAITING}"
    elif shown.spectrum is None:
        second = f'<b class="sensitivity-trouble">{where}: {to_markup(shown.problem)}</b>'
    elif moved:
        now = _now(shown.spectrum, state.reference.modes[state.mode])
        second = f"{where}: {to_markup(f'{now} {shown.spectrum.status}')}"
    else:
        second = f"{where}: {to_markup(shown.spectrum.status)}"
    lines = [first, second, *([to_markup(arrows)] if arrows else [])]
    return f'<div style="line-height: 1.5">{"<br>".join(lines)}</div>'


def _now(spectrum: Spectrum, mode: Array) -> str:
    """Return a sentence on the visibility of the mode at the displaced structure."""
    parts = np.tensordot(spectrum.modes, mode, axes=2)  # [mode of the displaced structure]
    value = float(np.linalg.norm(spectrum.singular_values * parts))
    seen = "visible" if value > spectrum.zero_level else "invisible"
    change = f"Moving 0.01 Å further changes the features by {0.01 * value:.1e}"
    return f"{change}: the mode is {seen} here."


def _slope(value: float, *, step: float = 0.01) -> str:
    return f"The first {step} Å along it changes the features by {step * value:.1e}."


def _sensitive(mode: DiagnosedMode) -> str:
    relative, slope = mode.evidence.relative, _slope(mode.singular_value)
    times = f"{1 / relative:.3g} times as much" if relative else "infinitely more"
    if times.startswith("1 "):
        return f"the most visible of all. {slope}"
    hardly = 1e-3
    how = "barely visible" if relative < hardly else "visible"
    return f"{how}. {slope} The most visible mode changes them {times}."


def _invisible(diagnosis: Diagnosis, mode: DiagnosedMode) -> str:
    words, facts, distance = CAUSE_DESCRIPTIONS[mode.cause], mode.evidence, mode.distance
    label, reason, seen = words.label, words.explain(), None
    if mode.cause == "symmetry":
        groups = {group.symbol for group in diagnosis.groups.values()}
        label += f"{f' ({groups.pop()})' if len(groups) == 1 else ''}, as it must be"
        reason += ", so that the features cannot change to first order"
    elif mode.cause == "truncation":
        seen, reason = facts.larger_basis, explain_truncation([facts.larger_basis])
    elif mode.cause == "incompleteness":
        order, seen = diagnosis.order, facts.higher_order
        label += "" if order is None else f" of correlations of order {order}"
        lifting = None if facts.lifted_by is None else f"but order {facts.lifted_by} does"
        reason = explain_incompleteness(lifting, compared=facts.larger_basis is not None)
    elif distance is None:
        label = "too small to count as visible"
        reason = "no geometry within the tolerance shows the cause"
    shown = "" if seen is None else f" ({seen:.1e} of the largest singular value)"
    text = f"{label}: {reason}{shown}."
    if mode.cause == "undetermined" and (missing := _missing_tests(diagnosis)):
        text += f" {missing}"
    if words.spurious and distance is not None:
        text += " This is spurious: symmetry does not explain it."
    if words.spurious and distance and distance > Tolerance.EXACT:
        text += f" The nearest geometry at which it is exactly invisible is {distance:.1g} Å away."
    if facts.response is not None:
        text += f" Numerical check: feature change ∝ amplitude^{facts.response:.1f}."
    return text


def _missing_tests(diagnosis: Diagnosis) -> str:
    """Return a sentence on a descriptor that offers no test of the cause; else an empty text."""
    own = with_defaults(diagnosis.descriptor)
    if own.order is not None or own.larger_basis() is not None:
        return ""
    return f"{own.name} has neither a larger basis nor an order to test it."
