"""What there is to say about a mode, and about what it does to the structure."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from sensitivity.diagnosis import DiagnosedMode
from sensitivity.explorers.parts.state import Reference, Shown, State
from sensitivity.plots.palette import ARROW, COLORS
from sensitivity.spectrum import TRIVIAL, Spectrum


def labels(reference: Reference) -> list[str]:
    """Names of all modes in a list: number, singular value and cause."""
    zero = reference.spectrum.zero_level
    found = zip(reference.singular_values, reference.causes, strict=True)
    return [
        f"{mode}: {'0' if value <= zero else f'{value:.1e}'}, {cause}"
        for mode, (value, cause) in enumerate(found)
    ]


def kinds(spectrum: Spectrum) -> list[str]:
    """What is known of each singular value before its cause is: what is not zero is seen."""
    return [
        "sensitive" if kind == "internal" and value > spectrum.zero_level else kind
        for kind, value in zip(spectrum.kinds, spectrum.singular_values, strict=True)
    ]


def meaning(reference: Reference, mode: int, *, seeking: bool = False) -> str:
    """What this mode is, why it is visible or not, and the evidence.

    ``seeking`` says that the causes are being computed.
    """
    cause = reference.causes[mode]
    if cause == "unseen":
        return f"Mode {mode} is unseen: it changes nothing within the cutoff of any center."
    if cause in TRIVIAL:
        return (
            f"Mode {mode} is a {cause} of all that the centers see: features must not change along "
            "it."
        )
    if reference.diagnosis is None:
        kind = ": finding the cause …" if seeking else " is internal."
        return f"Mode {mode}{kind} {_slope(reference.singular_values[mode])}"
    return f"Mode {mode} is {SENTENCES[cause](reference, reference.diagnosis.modes[mode])}"


def to_html(state: State, shown: Shown | None, *, seeking: bool = False) -> str:
    """Two sentences for the panel: the mode, and the structure that is shown."""
    color = COLORS[state.reference.causes[state.mode]]
    mark = f'<span style="color: {color}">&#9632;</span>'
    first = f"{mark} {escape(meaning(state.reference, state.mode, seeking=seeking))}"
    where = f"At {state.amplitude:+.2f} Å"
    if shown is None:
        second = f"{where}: the singular values are being computed."
    elif shown.spectrum is None:
        second = f'<b style="color: {ARROW}">{where}: {escape(shown.problem)}</b>'
    else:
        second = f"{where}: {escape(shown.spectrum.status)}"
    return f'<div style="line-height: 1.5">{first}<br>{second}</div>'


def _slope(value: float, *, step: float = 0.01) -> str:
    return f"The first {step} Å along it changes the features by {step * value:.1e}."


def _sensitive(_: Reference, mode: DiagnosedMode, *, hardly: float = 1e-3) -> str:
    relative, slope = mode.evidence.relative, _slope(mode.singular_value)
    times = f"{1 / relative:.3g} times as much" if relative else "infinitely more"
    if times.startswith("1 "):
        return f"the most visible of all. {slope}"
    how = "visible, but hardly" if relative < hardly else "visible"
    return f"{how}. {slope} The most visible mode does {times}."


def _symmetry(reference: Reference, mode: DiagnosedMode) -> str:
    assert reference.diagnosis is not None
    groups = {group.symbol for group in reference.diagnosis.groups.values()}
    named = f" ({groups.pop()})" if len(groups) == 1 else ""
    return (
        f"invisible because of symmetry{named}, as it must be: averaged over the symmetry "
        "operations, this motion cancels, so that the features cannot change to first order."
        f"{_response(mode)}"
    )


def _truncation(_: Reference, mode: DiagnosedMode) -> str:
    larger = mode.evidence.larger_basis
    found = "" if larger is None else f" ({larger:.1e} of the largest singular value)"
    return (
        f"invisible because the basis is too small: a larger one sees it{found}. This is spurious."
        f"{_distance(mode)}{_response(mode)}"
    )


def _incompleteness(reference: Reference, mode: DiagnosedMode) -> str:
    evidence, order = mode.evidence, reference.descriptor.order
    of_order = "" if order is None else f" of order {order}"
    lifted = "the next order" if evidence.lifted_by is None else f"order {evidence.lifted_by}"
    higher = evidence.higher_order
    found = "" if higher is None else f" ({higher:.2g} of the largest singular value)"
    return (
        f"invisible because correlations{of_order} are incomplete: no basis sees it, but {lifted} "
        f"does{found}. This is spurious."
        f"{_distance(mode)}{_response(mode)}"
    )


def _undetermined(_: Reference, mode: DiagnosedMode) -> str:
    what = (
        "too small to count as visible, and no geometry within the tolerance shows the cause."
        if mode.distance is None
        else "invisible, for a reason that the evidence does not settle. This is spurious, since "
        "symmetry does not explain it."
    )
    return f"{what}{_distance(mode)}{_response(mode)}"


SENTENCES: dict[str, Callable[[Reference, DiagnosedMode], str]] = {
    "sensitive": _sensitive,
    "symmetry": _symmetry,
    "truncation": _truncation,
    "incompleteness": _incompleteness,
    "undetermined": _undetermined,
}
"""What is said of a mode, by its cause."""


def _distance(mode: DiagnosedMode, *, exact: float = 1e-12) -> str:
    distance = mode.distance
    return f" The exact point is {distance:.1g} Å away." if distance and distance > exact else ""


def _response(mode: DiagnosedMode) -> str:
    power = mode.evidence.response
    return "" if power is None else f" Numerical check: feature change ∝ amplitude^{power:.1f}."
