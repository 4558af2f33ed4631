"""Sentences on one mode of a diagnosis: its visibility, its cause, and the evidence."""

from __future__ import annotations

from sensitivity.descriptors import with_defaults
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, DiagnosedMode, Diagnosis
from sensitivity.diagnosis.causes import Cause, explain_incompleteness, explain_truncation
from sensitivity.spectrum import TRIVIAL
from sensitivity.tolerances import Tolerance

TOO_SMALL = "too small to count as visible"
"""Stands for the label of a mode whose singular value is not zero and whose cause is not known."""

NO_SUCH_GEOMETRY = "no geometry within the tolerance shows the cause"
"""The reason why it is not known."""


def explain_mode(diagnosis: Diagnosis, number: int) -> str:
    """Return sentences on a mode, its visibility and the evidence."""
    mode = diagnosis.modes[number]
    if mode.cause in TRIVIAL:
        return explain_trivial(mode.cause, number)
    sensitive = mode.cause == "sensitive"
    return f"Mode {number} is {_sensitive(mode) if sensitive else _invisible(diagnosis, mode)}"


def explain_trivial(cause: Cause, number: int) -> str:
    """Return a sentence on a mode that is a rigid motion, or outside all environments."""
    words = CAUSE_DESCRIPTIONS[cause]
    return f"Mode {number} is {words.label}: {words.explain()}."


def describe_slope(value: float, *, step: float = 0.01) -> str:
    """Return a sentence on the change of the features along a mode of this singular value."""
    return f"The first {step} Å along it changes the features by {step * value:.1e}."


def _sensitive(mode: DiagnosedMode) -> str:
    relative, slope = mode.evidence.relative, describe_slope(mode.singular_value)
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
        label, reason = TOO_SMALL, NO_SUCH_GEOMETRY
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
