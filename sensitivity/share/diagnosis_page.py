"""A diagnosis as one HTML file, in which a reader chooses a mode and moves the atoms along it."""

from __future__ import annotations

from collections.abc import Iterator

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.plots.axes import ROUNDING
from sensitivity.plots.palette import COLORS, MARKERS, cause_color
from sensitivity.progress import Progress, checkpoint, telling
from sensitivity.reports.modes import describe_diagnosis
from sensitivity.reports.sentences import explain_mode
from sensitivity.reports.tables import Json
from sensitivity.share import document
from sensitivity.share.document import (
    check_size,
    embed,
    make_document,
    markup,
    paragraph,
    read_part,
    settings_table,
)
from sensitivity.share.facts import list_settings
from sensitivity.share.motion import affordable, amplitudes, trace
from sensitivity.share.scene import describe_scene
from sensitivity.structures.extxyz import format_frame
from sensitivity.structures.files.reading import Source
from sensitivity.tolerances import Tolerance

_SCRIPTS = (
    *("viewer/3Dmol-min.js", "molecule.js", "charts.js", "elements.js"),
    *("player.js", "diagnosis.js"),
)


def diagnosis_page(
    diagnosis: Diagnosis, *, source: Source, progress: Progress | None = None
) -> str:
    """Return the page of a diagnosis of the structure of ``source``.

    It has the least visible modes first, as many as fit.

    Raises
    ------
    ValueError
        If the page would be larger than 5 MB with a single mode.
    """
    report = describe_diagnosis(diagnosis, diagnosis.descriptor, source=source)
    order = sorted(range(len(diagnosis.modes)), key=lambda number: _urgency(diagnosis, number))
    about = _about(diagnosis, report, shown=order[0])
    title = f"{source.name}: invisible displacements"

    def make(data: Json, count: int) -> str:
        body = _body(diagnosis, report, count=count)
        return make_document(title, body, scripts=_SCRIPTS, data={**about, **data})

    frame = len(make({}, 0).encode())
    with telling(progress):
        modes = _fit(diagnosis, report, order, room=document.LARGEST - frame)
    kept = [mode for mode in report["modes"] if str(mode["mode"]) in modes]
    text = make({"report": {**report, "modes": kept}, "modes": modes}, len(kept))
    return check_size(text, atoms=len(diagnosis.atoms))


def _urgency(diagnosis: Diagnosis, number: int) -> tuple[bool, bool, float, int]:
    """Order modes: spurious ones, other internal ones from the least visible, trivial ones."""
    mode = diagnosis.modes[number]
    words = CAUSE_DESCRIPTIONS[mode.cause]
    return words.trivial, not words.spurious, mode.singular_value, number


def _fit(diagnosis: Diagnosis, report: Json, order: list[int], *, room: int) -> Json:
    """Return sentence and trace of as many modes as fit into so many bytes, by number."""
    steps = amplitudes(len(diagnosis.atoms)).tolist()
    few = affordable(diagnosis.spectrum, diagnosis.descriptor, steps=len(steps))
    said: Json = {}
    for count, number in enumerate(order):
        checkpoint(f"page: {count} of {len(order)} modes")
        mode = diagnosis.modes[number]
        traced = count < few and not CAUSE_DESCRIPTIONS[mode.cause].trivial
        content = {
            "sentence": explain_mode(diagnosis, number),
            "trace": trace(diagnosis, mode.displacement, steps) if traced else None,
        }
        room -= len(embed({**content, "mode": report["modes"][number]})) + 20
        if room < 0 and said:  # one is needed
            break
        said[str(number)] = content
    return said


def _about(diagnosis: Diagnosis, report: Json, *, shown: int) -> Json:
    """Return all data of the page but the modes."""
    atoms, found = diagnosis.atoms, diagnosis.spectrum
    largest = max(float(abs(found.features).max(initial=0.0)), float(found.singular_values.max()))
    looks = {
        cause: {"color": cause_color(cause), "marker": MARKERS[cause]}
        for cause, count in diagnosis.counts.items()
        if count
    }
    return {
        "report": {**report, "modes": []},
        "causes": [mode.cause for mode in diagnosis.modes],
        "looks": looks,
        "line": COLORS["internal"],
        "rounding": ROUNDING * largest,
        "zero": found.zero_level,
        "exact": Tolerance.EXACT,
        "amplitudes": amplitudes(len(atoms)).tolist(),
        "scene": describe_scene(
            atoms,
            centers=diagnosis.centers,
            cutoff=diagnosis.descriptor.cutoff,
            motion=diagnosis.modes[shown].displacement,
        ),
        "comment": format_frame(atoms, info={}).splitlines()[1],
        "shown": shown,
    }


def _body(diagnosis: Diagnosis, report: Json, *, count: int) -> Iterator[str]:
    yield f"<h1>{markup(report['structure']['name'])}</h1>"
    yield paragraph(diagnosis.summary)
    if count < len(diagnosis.modes):
        some = f"{count} of the {len(diagnosis.modes)} modes, the least visible ones"
        yield f"<p>This page has {some}.</p>"
    yield read_part("diagnosis.html")
    facts = list_settings(report, centers=diagnosis.centers)
    yield from settings_table({**facts, "tolerance": diagnosis.tolerance})
