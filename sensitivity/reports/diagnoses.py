"""A diagnosis as a table or an object for JSON: what is invisible, the cause, the evidence."""

from __future__ import annotations

from dataclasses import asdict
from math import isinf
from typing import Any

import numpy as np

from sensitivity.descriptors import DensityCorrelations
from sensitivity.diagnosis import DiagnosedMode, Diagnosis
from sensitivity.reports.sources import Source, describe_descriptor, describe_source, head
from sensitivity.reports.tables import break_lines, find_moving, finite, tabulate
from sensitivity.symmetry import PointGroup, SiteSymmetry

# Å. Distances below this are rounding of coordinates near 1 Å.
_ROUNDING = 1e-12
# So many kinds of groups are named in a line.
_MOST_GROUPS = 2


def describe_diagnosis(
    diagnosis: Diagnosis, descriptor: DensityCorrelations, *, source: Source
) -> dict[str, Any]:
    """Return a diagnosis as an object for JSON, with lengths in Å and no infinite number."""
    spectrum = diagnosis.spectrum
    return {
        "structure": describe_source(source),
        "descriptor": describe_descriptor(descriptor, source.atoms),
        "centers": [int(center) for center in diagnosis.centers],
        "tolerance": diagnosis.tolerance,
        "status": diagnosis.status,
        "summary": diagnosis.summary,
        "counts": dict(diagnosis.counts),
        "groups": [_describe_site(site, diagnosis) for site in diagnosis.sites],
        "singular_values": np.asarray(spectrum.singular_values).tolist(),
        "modes": [_describe_mode(mode, number=k) for k, mode in enumerate(diagnosis.modes)],
    }


def _describe_site(site: SiteSymmetry, diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "center": int(site.center),
        "element": str(diagnosis.atoms.symbols[site.center]),
        **_describe_group(site.group),
        "levels": [_describe_group(group) for group in site.levels],
        "next": None if site.next is None else _describe_group(site.next),
    }


def _describe_group(group: PointGroup) -> dict[str, Any]:
    return {
        "symbol": group.symbol,
        "order": None if isinf(group.order) else int(group.order),
        "deviation": float(group.deviation),
    }


def _describe_mode(mode: DiagnosedMode, *, number: int) -> dict[str, Any]:
    facts = asdict(mode.evidence)
    return {
        "mode": number,
        "singular_value": float(mode.singular_value),
        "cause": mode.cause,
        "distance": None if mode.distance is None else float(mode.distance),
        "evidence": {k: finite(v) if isinstance(v, float) else v for k, v in facts.items()},
        "displacements": mode.displacement.tolist(),
        "atoms": [atom for atom, _ in find_moving(mode.displacement)],
    }


def tabulate_diagnosis(
    diagnosis: Diagnosis, descriptor: DensityCorrelations, *, source: Source
) -> str:
    """Return a diagnosis as a table: one line per mode, below a heading and the summary."""
    lines = [*head(source, descriptor, centers=diagnosis.centers), "", diagnosis.summary, ""]
    names = ["mode", "value (1/Å)", "relative", "cause", "distance (Å)", "evidence", "moving most"]
    body = [
        [
            str(number),
            f"{mode.singular_value:.3e}",
            f"{mode.evidence.relative:.1e}",
            mode.cause,
            _name_distance(mode.distance),
            _name_evidence(mode, diagnosis),
            _name_moving(mode, diagnosis),
        ]
        for number, mode in enumerate(diagnosis.modes)
    ]
    return "\n".join([*break_lines(lines), tabulate(names, body, right=(0, 1, 2, 4))])


def _name_distance(distance: float | None) -> str:
    if distance is None:
        return ""
    return f"{distance:.1e}" if distance > _ROUNDING else "0"


def _name_evidence(mode: DiagnosedMode, diagnosis: Diagnosis) -> str:
    """What speaks most for the cause, in a few words."""
    facts, order = mode.evidence, diagnosis.descriptor.order
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


def _name_groups(diagnosis: Diagnosis) -> str:
    """Groups of the environments, those that the descriptor is bound by, without repetition."""
    groups = [site.group for site in diagnosis.sites]
    if not diagnosis.descriptor.inversion_invariant:
        groups = [group.rotations() for group in groups]
    symbols = [symbol for symbol in dict.fromkeys(g.symbol for g in groups) if symbol != "C1"]
    return ", ".join([*symbols[:_MOST_GROUPS], *["..."] * (len(symbols) > _MOST_GROUPS)])


def _name_moving(mode: DiagnosedMode, diagnosis: Diagnosis) -> str:
    symbols = diagnosis.atoms.symbols
    return " ".join(f"{symbols[atom]}{atom}" for atom, _ in find_moving(mode.displacement))
