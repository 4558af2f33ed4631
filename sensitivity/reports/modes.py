"""Reports of modes: singular values, and causes of invisible displacements."""

from __future__ import annotations

from dataclasses import asdict
from math import isinf

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.diagnosis import DiagnosedMode, Diagnosis
from sensitivity.reports.sources import describe_input, head
from sensitivity.reports.tables import Json, as_json, describe_moving, name_moving, pick, tabulate
from sensitivity.spectrum import Spectrum
from sensitivity.structures.files.reading import Source
from sensitivity.symmetry import PointGroup
from sensitivity.tolerances import Tolerance


def describe_spectrum(spectrum: Spectrum, descriptor: Descriptor, *, source: Source) -> Json:
    """Return a spectrum as an object for JSON, with lengths in Å and finite numbers."""
    columns = zip(spectrum.singular_values.tolist(), spectrum.kinds, spectrum.visible, strict=True)
    modes = [
        {"mode": mode, "singular_value": value, "kind": kind, "visible": visible}
        | describe_moving(spectrum.modes[mode])
        for mode, (value, kind, visible) in enumerate(columns)
    ]
    return {
        **describe_input(source, descriptor),
        **pick(spectrum, "centers", "rank", "condition", "threshold", "scale", "status"),
        **pick(spectrum, "singular_values", "kinds", "trivial_value"),
        "modes": modes,
    }


def tabulate_spectrum(spectrum: Spectrum, descriptor: Descriptor, *, source: Source) -> str:
    """Return a spectrum as a table: one line per mode, below a heading and the status."""
    moving = (name_moving(spectrum.atoms, mode, shares=True) for mode in spectrum.modes)
    seen = ("yes" if visible else "no" for visible in spectrum.visible)
    columns = spectrum.singular_values, spectrum.relative, spectrum.kinds, seen, moving
    body = [
        [str(mode), f"{value:.3e}", f"{relative:.1e}", *words]
        for mode, (value, relative, *words) in enumerate(zip(*columns, strict=True))
    ]
    names = ["mode", "value 1/Å", "relative", "kind", "visible", "atoms that move most"]
    rule = (
        f"A mode is visible if its value is above {spectrum.threshold:.0e} of the scale, "
        f"{spectrum.scale:.3e} 1/Å."
    )
    heading = head(source, descriptor, spectrum.centers, spectrum.status, rule)
    return heading + tabulate(names, body, right=(0, 1, 2))


def describe_diagnosis(diagnosis: Diagnosis, descriptor: Descriptor, *, source: Source) -> Json:
    """Return a diagnosis as an object for JSON, with lengths in Å and finite numbers."""
    return {
        **describe_input(source, descriptor),
        **pick(diagnosis, "centers", "tolerance", "status", "summary"),
        **pick(diagnosis, "interrupted", "ending", "unexamined"),
        "partial": False,
        "counts": dict(diagnosis.counts),
        "groups": [
            {
                "center": int(site.center),
                "element": str(diagnosis.atoms.symbols[site.center]),
                **_describe_group(site.group),
                "levels": [_describe_group(group) for group in site.levels],
                "next": site.next and _describe_group(site.next),
            }
            for site in diagnosis.sites
        ],
        "nearer": [asdict(other) for other in diagnosis.nearer],
        "nearer_bounded": diagnosis.bounded,
        **pick(diagnosis.spectrum, "singular_values"),
        "modes": [
            {"mode": number, **pick(mode, "singular_value", "cause", "distance")}
            | {"evidence": {key: as_json(fact) for key, fact in asdict(mode.evidence).items()}}
            | describe_moving(mode.displacement)
            for number, mode in enumerate(diagnosis.modes)
        ],
    }


def _describe_group(group: PointGroup) -> Json:
    order = None if isinf(group.order) else int(group.order)
    return {"symbol": group.symbol, "order": order, "deviation": float(group.deviation)}


def tabulate_diagnosis(diagnosis: Diagnosis, descriptor: Descriptor, *, source: Source) -> str:
    """Return a diagnosis as a table: one line per mode, below a heading and the summary."""
    names = ["mode", "value 1/Å", "relative", "cause", "rms (Å)", "evidence", "moving most"]
    body = []
    for number, mode in enumerate(diagnosis.modes):
        rms = "" if mode.distance is None else "0"
        if mode.distance is not None and mode.distance > Tolerance.EXACT:
            rms = f"{mode.distance:.1e}"
        numbers = [str(number), f"{mode.singular_value:.3e}", f"{mode.evidence.relative:.1e}"]
        evidence = _name_evidence(mode, diagnosis)
        moving = name_moving(diagnosis.atoms, mode.displacement)
        body.append([*numbers, mode.cause, rms, evidence, moving])
    text = ["", diagnosis.summary]
    if any(mode.distance is not None for mode in diagnosis.modes):
        text.append("rms: root mean square distance to where the mode is exactly invisible.")
    heading = head(source, descriptor, diagnosis.centers, *text, remarks=False)
    return heading + tabulate(names, body, right=(0, 1, 2, 4))


def _name_evidence(mode: DiagnosedMode, diagnosis: Diagnosis) -> str:
    """Return the strongest evidence for the cause, in a few words."""
    facts, order = mode.evidence, diagnosis.order
    if mode.cause == "truncation" and facts.larger_basis is not None:
        return f"larger basis {facts.larger_basis:.2g}"
    if mode.cause == "incompleteness" and order is not None:
        if facts.lifted_by in (None, order + 1) and facts.higher_order is not None:
            return f"order {order + 1}: {facts.higher_order:.2g}"
        if facts.lifted_by is not None:
            return f"seen at order {facts.lifted_by}"
    words = [_name_groups(diagnosis)] if mode.cause == "symmetry" else []
    words += [] if facts.response is None else [f"response {facts.response:.1f}"]
    return ", ".join(words)


def _name_groups(diagnosis: Diagnosis, *, most: int = 2) -> str:
    """Return the symmetry groups of the environments that bind the descriptor, each once."""
    invariance = with_defaults(diagnosis.descriptor).invariance
    groups = [site.group.binding(invariance) for site in diagnosis.sites]
    symbols = [symbol for symbol in dict.fromkeys(g.symbol for g in groups) if symbol != "C1"]
    return ", ".join([*symbols[:most], *["..."] * (len(symbols) > most)])
