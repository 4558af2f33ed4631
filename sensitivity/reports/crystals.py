"""Reports of sensitivity bands."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from sensitivity.bands import Bands, Waves
from sensitivity.bands.supercell import MOST_CELLS, Supercell
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CAUSES
from sensitivity.numerics import Array
from sensitivity.reports.sources import describe_input, head
from sensitivity.reports.tables import Json, as_json, choose_lines, pick, tabulate
from sensitivity.structures.files.reading import Source


def describe_bands(bands: Bands, descriptor: Descriptor, *, source: Source) -> Json:
    """Return bands as an object for JSON, with lengths in Å and finite numbers."""
    return {
        **describe_input(source, descriptor),
        "cell": bands.atoms.cell.array.tolist(),
        "atoms_per_cell": len(bands.atoms),
        "primitive_cells": bands.cells,
        **pick(bands, "q", "distance", "labels", "singular_values", "rank", "predicted_rank"),
        **pick(bands, "nearly_hidden", "threshold", "scale", "zero_level"),
        "counts": {cause: count.tolist() for cause, count in bands.counts.items()},
        "shortfalls": [as_json(asdict(shortfall)) for shortfall in bands.shortfalls],
        **pick(bands, "status", "interrupted", "ending"),
    }


def tabulate_bands(bands: Bands, descriptor: Descriptor, *, source: Source) -> str:
    """Return bands as a table: one line per special point, below a heading and the status."""
    cell = f"{len(bands.atoms)} atom{'s' if len(bands.atoms) > 1 else ''}"
    rule = (
        f"Wave vectors refer to the cell with {cell}, in fractions of its reciprocal vectors. A "
        f"wave is visible if its value is above {bands.zero_level:.1e} 1/Å."
    )
    heading = head(source, descriptor, range(len(source.atoms)), bands.status, rule)
    rows = [number for number, label in enumerate(bands.labels) if label]
    columns = ["", "q", "rank", "allowed", "largest 1/Å", "smallest visible", "invisible by"]
    body = [_row(bands, number) for number in rows or choose_lines(len(bands.q))]
    return heading + tabulate(columns, body, right=(2, 3, 4, 5))


def _row(bands: Bands, number: int) -> list[str]:
    values, rank = bands.singular_values[number], int(bands.rank[number])
    hidden = (
        f"{cause} {count}"
        for cause in CAUSES
        if cause != "sensitive" and (count := int(bands.counts[cause][number]))
    )
    return [
        bands.labels[number],
        " ".join(f"{x:.3g}" for x in np.round(bands.q[number], 6) + 0.0),  # no -0
        str(rank),
        str(int(bands.predicted_rank[number])),
        f"{values[0]:.2e}" if rank else "0",
        f"{values[rank - 1]:.2e}" if rank else "none",
        ", ".join(hidden),
    ]


def list_causes(found: Bands) -> list[list[str]]:
    """Return the cause of each wave at each wave vector, in the order of ``Bands.waves``."""
    counts = found.counts
    return [
        [cause for cause, count in counts.items() for _ in range(int(count[number]))]
        for number in range(len(found.q))
    ]


def name_wave_vector(q: Array) -> str:
    """Return a wave vector as text, with three digits."""
    return f"({', '.join(f'{x:.3g}' for x in np.round(q, 6) + 0.0)})"  # no -0


def describe_wave(waves: Waves, band: int) -> str:
    """Return a clause on the value and the cause of a wave."""
    cause, value = waves.causes[band], waves.singular_values[band]
    words = CAUSE_DESCRIPTIONS[cause]
    where = f"q = {name_wave_vector(waves.q)}, band {band}"
    if cause == "sensitive":
        return f"{where}: visible, singular value {value:.2g} 1/Å"
    return f"{where}: {words.label}, singular value {value:.1e} 1/Å; {words.explain()}"


def describe_supercell(place: Supercell, waves: Waves, band: int) -> str:
    """Return a sentence on the supercell in which one of the waves that fit it is shown."""
    count = f"{len(place.cells)} cells, {len(place.atoms)} atoms"
    if place.exact:
        return f"It is shown in a supercell in which it is periodic: {count}."
    return (
        f"Shown is the nearest wave whose wave vector has a common denominator of at most "
        f"{MOST_CELLS}, in a supercell of {count}. There, {describe_wave(waves, band)}."
    )
