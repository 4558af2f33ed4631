"""Bands as one HTML file, in which a reader clicks on a wave and watches it in a supercell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from sensitivity.bands import Bands, Waves
from sensitivity.bands.supercell import find_supercell
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS
from sensitivity.numerics import Indices
from sensitivity.plots.bands_plot import (
    box_edges,
    box_height,
    choose_ticks,
    largest_value,
    name_causes,
    name_point,
    special_points,
    visible_lines,
    wave_heights,
)
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.reports.crystals import (
    describe_bands,
    describe_supercell,
    describe_wave,
    list_causes,
    name_wave_vector,
    tabulate_bands,
)
from sensitivity.reports.tables import Json, as_json, choose_lines
from sensitivity.share.document import markup, paragraph, preformatted, settings_table
from sensitivity.share.facts import list_settings
from sensitivity.share.modes_page import (
    Layout,
    Subject,
    looks_of,
    make_mode,
    make_modes_page,
    make_scene,
    make_subject,
)
from sensitivity.structures.files.reading import Source

LONGEST, STEP = 0.5, 0.02  # Å: amplitudes of the atom that moves furthest


def bands_page(bands: Bands, *, source: Source, progress: Progress | None = None) -> str:
    """Return the page of bands, with the waves of its special points and of the softest one.

    ValueError if it would be larger than 5 MB with a single wave.
    """
    report = describe_bands(bands, bands.descriptor, source=source)
    chosen = choose_wave_vectors(bands)
    subjects = list[Subject]()
    with telling(progress):
        for number, name in chosen.items():
            checkpoint(f"page: {len(subjects)} of {len(chosen)} wave vectors")
            subjects.append(_make_subject(bands, number, name))
    structure = report["structure"]
    facts = list_settings(report, centers=range(len(source.atoms)))
    table = tabulate_bands(bands, bands.descriptor, source=source)
    layout = Layout(
        above=[f"<h1>{markup(structure['name'])}</h1>", paragraph(report["status"])],
        below=[preformatted(table), *settings_table(facts)],
        scripts=("bands.js",),
        data={
            "report": report,
            "looks": looks_of(CAUSE_DESCRIPTIONS),  # of lines and boxes, too, whichever occur
            "chart": _describe_chart(bands),
            "separate": False,
        },
        words={
            "unit": "1/Å",
            "labels": {
                **{"subject-label": "Wave vector", "mode-label": "Wave"},
                **{"chart-title": "Bands", "value-label": "Singular value"},
                "hint": "Markers are waves that can be chosen. Amplitude: displacement of the atom "
                "that moves furthest.",
            },
        },
    )
    title = f"{structure['name']}: sensitivity bands"
    shown = _choose_first(bands, list(chosen), subjects)
    return make_modes_page(title, layout, subjects, shown=shown)


def choose_wave_vectors(bands: Bands) -> dict[int, str]:
    """Return numbers of wave vectors along the path, each with its name.

    They are those of the special points, each once, that at which most waves are missed that
    symmetry allows to be seen, and that of the softest visible wave, the lowest minimum between
    special points. Without special points they are evenly spaced.
    """
    special = [number for number, label in enumerate(bands.labels) if label]
    missed = _missed(bands)
    named = {
        **{number: "most missed" for number in [int(missed.argmax())] if missed.any()},
        **dict.fromkeys(_find_softest(bands, special), "softest"),
        **dict.fromkeys(special or choose_lines(len(bands.q)), ""),
        **{number: name_point(bands.labels[number]) for number in special},
    }
    first = dict[tuple[float, ...], int]()
    for number in sorted(named):
        first.setdefault(tuple(np.round(bands.q[number], 6).tolist()), number)
    return {number: named[number] for number in first.values()}


def _missed(bands: Bands) -> Indices:
    """Return the number of waves at each wave vector that are missed although symmetry allows."""
    return np.asarray(np.maximum(bands.predicted_rank - bands.rank, 0))


def _find_softest(bands: Bands, special: list[int]) -> list[int]:
    """Return the lowest minimum of the smallest visible value that is not beside a special point.

    There the number of visible waves changes, as at q = 0, from which values grow with q.
    """
    ranks = zip(bands.singular_values.tolist(), bands.rank.tolist(), strict=True)
    least = np.array([values[rank - 1] if rank else np.inf for values, rank in ranks])
    minima = [
        k
        for k in range(1, len(least) - 1)
        if least[k] < min(least[k - 1], least[k + 1]) and not {k - 1, k, k + 1} & {*special}
    ]
    return [min(minima, key=lambda k: float(least[k]))] if minima else []


def _choose_first(bands: Bands, chosen: list[int], subjects: Sequence[Subject]) -> int:
    """Return the place of the wave vector in sight first.

    It is that at which most is missed, or else that of the least visible wave that is no
    translation.
    """
    missed = _missed(bands)[chosen]
    if missed.any():
        return int(missed.argmax())
    return min(range(len(subjects)), key=lambda place: _visibility(subjects[place].modes[0]))


def _visibility(mode: Json) -> float:
    if CAUSE_DESCRIPTIONS[mode["cause"]].trivial:
        return np.inf
    return float(mode["value"]) if mode["cause"] == "sensitive" else 0.0


def _make_subject(bands: Bands, number: int, name: str) -> Subject:
    q, label = bands.q[number], bands.labels[number]
    waves = bands.waves(q)
    place = find_supercell(q, bands.atoms)
    near = waves if place.exact else bands.waves(place.q)
    moves = [place.displace(vectors) for vectors in near.vectors]
    text, order = name_wave_vector(q), _sort(waves)
    heights = wave_heights(bands)[number]
    modes = [
        make_mode(
            band,
            waves.causes[band],
            moves[band],
            **_describe(waves, band),
            height=float(heights[band]),
            sentence=f"{describe_wave(waves, band)}. {describe_supercell(place, near, band)}",
            facts=[],
        )
        for band in order
    ]
    same = np.abs(bands.q - q).max(axis=1) < 1e-6
    about: dict[str, Any] = {
        "short": name_point(label) or text,
        "at": bands.distance[same].tolist() if label else [float(bands.distance[number])],
        "first": order[0],
    }
    steps = np.round(np.arange(-LONGEST, LONGEST + STEP / 2, STEP), 2) + 0.0
    listed = f"{name} {text}" if label else f"{text}, {name}".removesuffix(", ")
    scene = make_scene(place.atoms, moves[order[0]])
    return make_subject(listed, place.atoms, scene, modes, steps=steps, **about)


def _sort(waves: Waves) -> list[int]:
    """Return the numbers of waves: spurious ones, others from the least visible, rigid motions."""

    def urgency(band: int) -> tuple[bool, bool, float]:
        words = CAUSE_DESCRIPTIONS[waves.causes[band]]
        return words.trivial, not words.spurious, float(waves.singular_values[band])

    return sorted(range(len(waves.causes)), key=urgency)


def _describe(waves: Waves, band: int) -> Json:
    cause, value = waves.causes[band], float(waves.singular_values[band])
    shown = f"{value:.2g}, visible" if cause == "sensitive" else f"invisible, {cause}"
    title = f"Wave {band}: {'visible' if cause == 'sensitive' else cause}"
    return {"name": f"{band}: {shown}", "title": title, "value": value}


def _describe_chart(bands: Bands) -> Json:
    """Return lines, boxes and ticks of the bands, as in ``plot_bands``."""
    places, heights = visible_lines(bands)
    row = box_height(bands)
    most = int((bands.singular_values.shape[1] - bands.rank).max(initial=0))
    return {
        "label": "Waves of the chosen wave vector",
        "unit": "singular value (1/Å)",
        "title": "wave vector" if any(bands.labels) else "wave vector, length of the path (1/Å)",
        "edges": box_edges(bands.distance).tolist(),
        "bottom": -row * (most + 1) if most else 0.0,
        "top": 1.05 * largest_value(bands),
        "row": row,
        "ticks": choose_ticks(bands),
        "points": list(special_points(bands).items()),
        "places": as_json(places),
        "lines": as_json(heights.T),
        "boxes": list(_find_boxes(bands)),
        "legend": list(name_causes(bands).items()),
    }


def _find_boxes(bands: Bands) -> Iterator[tuple[int, int, int, str]]:
    """Yield first and last edge, level below zero and cause of runs of invisible waves."""
    causes = list_causes(bands)
    hidden = [
        each[rank:] for each, rank in zip(causes, bands.rank.tolist(), strict=True)
    ]  # [q][level]
    for level in range(max(map(len, hidden), default=0)):
        row = [each[level] if level < len(each) else "" for each in hidden]
        starts = [
            number for number, _ in enumerate(row) if not number or row[number - 1] != row[number]
        ]
        for start, end in pairwise([*starts, len(row)]):
            if row[start]:
                yield start, end, level, row[start]
