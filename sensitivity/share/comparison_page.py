"""A comparison as one HTML file: the modes of each descriptor, and how much the others see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np

from sensitivity.comparison import Comparison, respond
from sensitivity.comparison.modes import explain_modes
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CauseDescription, Diagnosis
from sensitivity.numerics import Array
from sensitivity.plots.axes import ROUNDING
from sensitivity.plots.palette import SERIES
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.reports.comparisons import describe_comparison, tabulate_comparison
from sensitivity.share.document import markup, paragraph, preformatted, settings_table
from sensitivity.share.facts import list_versions
from sensitivity.share.modes_page import (
    UNKNOWN,
    Layout,
    Subject,
    looks_of,
    make_mode,
    make_modes_page,
    make_scene,
    make_subject,
)
from sensitivity.share.motion import amplitudes, round_values
from sensitivity.spectrum import TRIVIAL, Spectrum
from sensitivity.structures.files.reading import Source

_WORDS: dict[str, CauseDescription] = dict(CAUSE_DESCRIPTIONS.items())  # without that of UNKNOWN


def comparison_page(
    comparison: Comparison, *, source: Source, progress: Progress | None = None
) -> str:
    """Return the page of a comparison; ValueError if it would be larger than 5 MB."""
    named = dict(zip(comparison.names, comparison.descriptors, strict=True))
    report = describe_comparison(comparison, named, source=source)
    with telling(progress):
        subjects = _make_subjects(comparison)
    structure, causes = report["structure"], [c for each in subjects for c in each.data["causes"]]
    table = tabulate_comparison(comparison, named, source=source)
    layout = Layout(
        above=[f"<h1>{markup(structure['name'])}</h1>", paragraph(report["status"])],
        below=[
            preformatted(table),
            *settings_table({"structure": structure["formula"], **list_versions()}),
        ],
        scripts=("comparison.js",),
        data={
            "report": report,
            "looks": looks_of(causes),
            "series": list(islice(cycle(SERIES), len(subjects))),
            "chart": {
                "label": "Modes by singular value",
                "title": "mode",
                "unit": "singular value / scale",
                "rounding": ROUNDING,
                "level": max(_threshold(each) for each in comparison.spectra),
            },
            "separate": False,
        },
        words={
            "unit": "of the scale",
            "labels": {
                **{"subject-label": "Descriptor", "mode-label": "Mode"},
                **{"chart-title": "Singular values", "value-label": "Singular value"},
                "hint": "Dashes: change of the features of each other descriptor along the same "
                "mode, over its scale.",
            },
        },
    )
    title = f"{structure['name']}: comparison of descriptors"
    return make_modes_page(title, layout, subjects)


def _make_subjects(comparison: Comparison) -> list[Subject]:
    explained = [*comparison.diagnoses, *[None] * len(comparison.names)]
    found = [
        combine_by_cause(spectrum, diagnosis)
        for spectrum, diagnosis in zip(comparison.spectra, explained, strict=False)
    ]
    slopes = [
        np.array([[respond(each, mode).relative for mode in modes] for each in comparison.spectra])
        for modes, _ in found
    ]  # [descriptor][of whom, mode]
    order = [
        sorted(range(len(causes)), key=lambda k: _urgency(causes[k], float(own[number, k])))
        for number, ((_, causes), own) in enumerate(zip(found, slopes, strict=True))
    ]
    first = order[0][0]
    scene = make_scene(comparison.atoms, found[0][0][first])
    steps = amplitudes(len(comparison.atoms))
    subjects = []
    for number, name in enumerate(comparison.names):
        checkpoint(f"page: {number} of {len(comparison.names)} descriptors")
        (modes, causes), own = found[number], slopes[number]
        listed = [
            make_mode(k, causes[k], modes[k], **_describe(comparison, number, k, causes[k], own))
            for k in order[number]
        ]
        about = {
            "first": order[number][0],
            "causes": causes,
            "slopes": [round_values(row) for row in own],
        }
        subjects.append(make_subject(name, comparison.atoms, scene, listed, steps=steps, **about))
    return subjects


def combine_by_cause(spectrum: Spectrum, diagnosis: Diagnosis | None) -> tuple[Array, list[str]]:
    """Return the modes of a spectrum, (3N, N, 3), and the cause of each.

    Invisible modes are combined so that each has one cause, which is unknown if the diagnosis is
    missing.
    """
    known, trivial = explain_modes(spectrum, diagnosis), slice(spectrum.internal, None)
    causes = [UNKNOWN if cause == "internal" else cause for cause in known.causes]
    modes = np.concatenate([known.displacements, spectrum.modes[trivial]])
    return modes, [*causes, *spectrum.kinds[trivial]]


def _threshold(spectrum: Spectrum) -> float:
    return spectrum.zero_level / (spectrum.scale or 1.0)


def _urgency(cause: str, slope: float) -> tuple[bool, bool, float]:
    """Order modes: spurious ones, others from the least visible, trivial ones."""
    spurious = cause == UNKNOWN or (cause not in TRIVIAL and _WORDS[cause].spurious)
    return cause in TRIVIAL, not spurious, slope


def _describe(
    comparison: Comparison, number: int, mode: int, cause: str, slopes: Array
) -> dict[str, object]:
    name = comparison.names[number]
    texts = [_write(float(value)) for value in slopes[:, mode]]
    seen = "visible" if cause == "sensitive" else cause
    return {
        "name": f"{mode}: {texts[number]}, {seen}",
        "title": f"Mode {mode} of {name}: {seen}",
        "value": float(slopes[number, mode]),
        "sentence": " ".join(_explain(comparison, number, cause, slopes[:, mode])),
        "facts": [
            (f"{other}: change per Å over its scale", text)
            for other, text in zip(comparison.names, texts, strict=True)
        ],
    }


def _explain(comparison: Comparison, number: int, cause: str, slopes: Array) -> Iterator[str]:
    """Yield sentences on who sees a mode; ``slopes`` has that of each descriptor."""
    if cause in TRIVIAL:
        words = _WORDS[cause]
        yield f"{words.label[:1].upper()}{words.label[1:]}: {words.explain()}."
        return
    name = comparison.names[number]
    label = "invisible" if cause == UNKNOWN else _WORDS[cause].label
    yield f"This displacement is {'visible' if cause == 'sensitive' else label} for {name}."
    others = [
        f"{other} {'sees it' if slope > _threshold(spectrum) else 'does not see it'}"
        for other, spectrum, slope in zip(
            comparison.names, comparison.spectra, slopes.tolist(), strict=True
        )
        if other != name
    ]
    yield f"Others: {', '.join(others)}."


def _write(value: float) -> str:
    return f"{value:.1e}" if value > ROUNDING else "0"
