"""Paths and twins as HTML files, in which a reader moves the atoms from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array
from sensitivity.paths import Path
from sensitivity.plots.axes import ROUNDING
from sensitivity.plots.palette import COLORS, SERIES
from sensitivity.reports.geometries import describe_path, describe_twin
from sensitivity.reports.tables import Json
from sensitivity.share.document import (
    check_size,
    make_document,
    markup,
    paragraph,
    read_part,
    settings_table,
)
from sensitivity.share.facts import list_settings
from sensitivity.share.motion import round_values
from sensitivity.share.scene import describe_scene
from sensitivity.singular import Twin, superpose
from sensitivity.structures import environment
from sensitivity.structures.extxyz import format_frame
from sensitivity.structures.files.reading import Source

SCRIPTS = ("viewer/3Dmol-min.js", "molecule.js", "charts.js", "elements.js", "frames.js")
STEPS = 20
"""Steps from the first structure of a twin to the second."""

_LEGEND = "Blue: the first structure. Orange: the second, superposed on it."  # as SERIES


def path_page(path: Path, descriptor: Descriptor, *, source: Source) -> str:
    """Return the page of a path: its frames, with singular values and distances.

    ValueError if it would be larger than 5 MB.
    """
    first, spectra = path.spectra[0], path.spectra
    columns = zip(path.length, path.net, path.condition, path.feature_distance, strict=True)
    sentences = [
        f"Length {length:.2f} Å, {net:.2f} Å from the start: smallest/largest singular value "
        f"{_number(condition)}; the features have changed by {_number(change)}."
        for length, net, condition, change in columns
    ]
    values = [round_values(each.singular_values[: each.internal]) for each in spectra]
    motion = path.frames[-1].positions - path.frames[0].positions
    scene = describe_scene(
        first.atoms,
        centers=first.centers,
        cutoff=descriptor.cutoff,
        motion=motion if motion.any() else path.modes[0],
    )
    largest = max(float(each.singular_values.max()) for each in spectra)
    data = {
        "scene": scene,
        "frames": [atoms.positions.tolist() for atoms in path.frames],
        "arrows": path.modes.tolist(),
        "labels": [f"{length:.2f} Å" for length in path.length],
        "slider": "Length",
        "sentences": sentences,
        "shown": 0,
        "coordinate": path.length.tolist(),
        "axis": "length (Å)",
        "trace": {"values": values},
        "line": COLORS["internal"],
        "rounding": ROUNDING * largest,
        "zero": max(each.zero_level for each in spectra),
        "facts": [],
        "structures": _write(path.frames),
    }
    report = describe_path(path, descriptor, source=source)
    return _make(f"{source.name}: path", path.status, data, report=report)


def twin_page(twin: Twin, descriptor: Descriptor, *, source: Source) -> str:
    """Return the page of a twin: the two environments, superposed, and how their features differ.

    ValueError if it would be larger than 5 MB.
    """
    one, second = (environment(atoms, twin.center, descriptor.cutoff) for atoms in twin.pair)
    other = superpose(second, one, center=0, inversion=descriptor.inversion_invariant).atoms
    difference = other.positions - one.positions
    shares = np.linspace(0, 1, STEPS + 1)
    data = {
        "scene": _overlay(one, other, motion=difference),
        "frames": [
            np.concatenate([one.positions, one.positions + share * difference]).tolist()
            for share in shares
        ],
        "arrows": [difference.tolist()] * len(shares),
        "labels": ["first", *(f"{share:.0%}" for share in shares[1:-1]), "second"],
        "slider": "First to second",
        "sentences": [_LEGEND] * len(shares),
        "shown": STEPS,
        "trace": None,
        "facts": list(_differences(twin)),
        "structures": _write(twin.pair),
    }
    report = describe_twin(twin, descriptor, source=source)
    return _make(f"{source.name}: two structures", twin.status, data, report=report)


def _overlay(one: Atoms, other: Atoms, *, motion: Array) -> Json:
    """Return the scene of two structures, in blue and vermilion."""
    both = [describe_scene(atoms, centers=(), cutoff=0, motion=motion) for atoms in (one, other)]
    scene, second = both
    bonds = [[len(one) + i, len(one) + j] for i, j in second["bonds"]]
    joined = {name: scene[name] + second[name] for name in ("elements", "positions", "radii")}
    colors = [color for color in SERIES[:2] for _ in range(len(one))]
    return {**scene, **joined, "bonds": scene["bonds"] + bonds, "colors": colors}


def _differences(twin: Twin) -> Iterator[tuple[str, str]]:
    """Yield what is equal and what differs, as in the table of the command."""
    lengths = {
        "from the singular point, root of summed squares": twin.amplitude,
        "after superposition, root mean square": twin.rmsd,
    }
    for name, length in lengths.items():
        yield f"distance {name}", f"{length:.4f} Å"
    features = {
        "these features": twin.residual,
        "a larger basis": twin.larger_basis,
        "a complete basis": twin.complete_basis,
        "the next order": twin.next_order,
    }
    for name, size in features.items():
        if size is not None:
            same = "equal" if size < 1e-10 else "different"  # as for the cause of a twin
            yield f"relative difference of {name}", f"{_number(size)}, {same}"


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _write(frames: Sequence[Atoms]) -> str:
    return "".join(format_frame(atoms, info={}) for atoms in frames)


def _make(title: str, status: str, data: Mapping[str, Any], *, report: Json) -> str:
    name = report["structure"]["name"]
    body = [
        f"<h1>{markup(name)}</h1>",
        paragraph(status),
        read_part("frames.html"),
        *settings_table(list_settings(report, centers=[report["center"]])),
    ]
    text = make_document(title, body, scripts=SCRIPTS, data={**data, "report": report})
    return check_size(text, atoms=len(report["structure"]["symbols"]))
