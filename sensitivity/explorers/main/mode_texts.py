"""What there is to say about a mode, and about what it does to the structure."""

from __future__ import annotations

from html import escape

from sensitivity.diagnosis import DiagnosedMode
from sensitivity.explorers.parts.reference import Reference
from sensitivity.explorers.parts.state import Shown, State
from sensitivity.plots.palette import ARROW, COLORS
from sensitivity.spectrum import TRIVIAL, Spectrum

FIRST_STEP = 0.01
"""Å: by how much a mode is moved when it is said what the features make of it."""

NEAR_ZERO = 1e-3
"""Of the largest singular value: what is seen less than this is hardly seen."""


def label(reference: Reference, mode: int) -> str:
    """Name of a mode in a list: its number, its singular value and its cause."""
    value = reference.singular_values[mode]
    vanishes = value <= reference.spectrum.zero_level
    return f"{mode}: {'0' if vanishes else f'{value:.1e}'}, {reference.causes[mode]}"


def labels(reference: Reference) -> list[str]:
    """Names of all modes in a list."""
    return [label(reference, mode) for mode in range(len(reference.causes))]


def kinds(spectrum: Spectrum) -> list[str]:
    """What is known of each singular value before its cause is: what is not zero is seen."""
    return [
        "sensitive" if kind == "internal" and value > spectrum.zero_level else kind
        for kind, value in zip(spectrum.kinds, spectrum.singular_values, strict=True)
    ]


def meaning(reference: Reference, mode: int) -> str:
    """What this mode is, why it is seen or not, and what speaks for that."""
    cause = reference.causes[mode]
    if cause == "unseen":
        return f"Mode {mode} is unseen: no chosen center has within its cutoff what this changes."
    if cause in TRIVIAL:
        return f"Mode {mode} is a {cause} of all that the centers see: features must not see it."
    if reference.diagnosis is None:
        return f"Mode {mode} is internal. {_slope(reference, mode)}"
    words = {
        "sensitive": _sensitive,
        "symmetry": _symmetry,
        "truncation": _truncation,
        "incompleteness": _incompleteness,
        "undetermined": _undetermined,
    }
    return f"Mode {mode} is {words[cause](reference, mode)}"


def to_html(state: State, shown: Shown | None) -> str:
    """Two sentences for the panel: the mode, and the structure that is shown."""
    color = COLORS[state.reference.causes[state.mode]]
    mark = f'<span style="color: {color}">&#9632;</span>'
    first = f"{mark} {escape(meaning(state.reference, state.mode))}"
    where = f"At {state.amplitude:+.2f} Å"
    if shown is None:
        second = f"{where}: the singular values are being computed."
    elif shown.spectrum is None:
        second = f'<b style="color: {ARROW}">{where}: {escape(shown.problem)}</b>'
    else:
        second = f"{where}: {escape(shown.spectrum.status)}"
    return f'<div style="line-height: 1.5">{first}<br>{second}</div>'


def _diagnosed(reference: Reference, mode: int) -> DiagnosedMode:
    assert reference.diagnosis is not None
    return reference.diagnosis.modes[mode]


def _slope(reference: Reference, mode: int) -> str:
    change = FIRST_STEP * reference.singular_values[mode]
    return f"The first {FIRST_STEP} Å along it changes the features by {change:.1e}."


def _sensitive(reference: Reference, mode: int) -> str:
    relative = _diagnosed(reference, mode).evidence.relative
    times = f"{1 / relative:.3g} times as much" if relative else "infinitely more"
    if times.startswith("1 "):
        return f"seen best of all. {_slope(reference, mode)}"
    how = "seen, but hardly" if relative < NEAR_ZERO else "seen"
    return f"{how}. {_slope(reference, mode)} The most visible mode does {times}."


def _symmetry(reference: Reference, mode: int) -> str:
    assert reference.diagnosis is not None
    groups = {group.symbol for group in reference.diagnosis.groups.values()}
    named = f" ({groups.pop()})" if len(groups) == 1 else ""
    return (
        f"not seen because of symmetry{named}, as it must be: what the operations of the "
        "environment make of this motion cancels on average, so that the features cannot change "
        "to first order."
        f"{_response(reference, mode)}"
    )


def _truncation(reference: Reference, mode: int) -> str:
    larger = _diagnosed(reference, mode).evidence.larger_basis
    found = "" if larger is None else f" ({larger:.1e} of the largest singular value)"
    return (
        f"not seen because the basis is too small: a larger one sees it{found}. This is spurious."
        f"{_distance(reference, mode)}{_response(reference, mode)}"
    )


def _incompleteness(reference: Reference, mode: int) -> str:
    evidence = _diagnosed(reference, mode).evidence
    order = reference.descriptor.order
    found = (
        ""
        if evidence.higher_order is None
        else (f" ({evidence.higher_order:.2g} of the largest singular value)")
    )
    lifted = "the next order" if evidence.lifted_by is None else f"order {evidence.lifted_by}"
    of_order = "" if order is None else f" of order {order}"
    return (
        f"not seen because correlations{of_order} are incomplete: no basis sees it, but {lifted} "
        f"does{found}. This is spurious."
        f"{_distance(reference, mode)}{_response(reference, mode)}"
    )


def _undetermined(reference: Reference, mode: int) -> str:
    if _diagnosed(reference, mode).distance is None:
        return (
            "too small to count as visible, and no geometry within the tolerance shows the cause."
            f"{_response(reference, mode)}"
        )
    return (
        "not seen, for a reason that the evidence does not settle. This is spurious, since "
        f"symmetry does not ask for it.{_distance(reference, mode)}{_response(reference, mode)}"
    )


def _distance(reference: Reference, mode: int) -> str:
    distance = _diagnosed(reference, mode).distance
    return f" The exact point is {distance:.1g} Å away." if distance and distance > 1e-12 else ""


def _response(reference: Reference, mode: int) -> str:
    response = _diagnosed(reference, mode).evidence.response
    return (
        ""
        if response is None
        else (f" Measured: the features change with the amplitude to the power {response:.1f}.")
    )
