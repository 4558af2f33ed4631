"""Reports of sensitivity bands."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from sensitivity.bands import Bands
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import CAUSES
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
