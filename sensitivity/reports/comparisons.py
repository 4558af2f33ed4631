"""Reports of comparisons of descriptors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isnan

from sensitivity.comparison import Comparison
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import CAUSES
from sensitivity.numerics import Array
from sensitivity.reports.sources import (
    describe_descriptor,
    describe_structure,
    head_of_several,
    remarks_on,
)
from sensitivity.reports.tables import Json, as_json, pick, tabulate
from sensitivity.structures.files.reading import Source
from sensitivity.tolerances import Tolerance

_SCALES = {
    "raw": "Singular values are those of the features as they are.",
    "rattle": "Features are divided by their standard deviation over {}.",
    "whitened": "Features are whitened over {}.",
}
_COLUMNS = 6  # of numbers that fit a terminal


def describe_comparison(
    comparison: Comparison, descriptors: Mapping[str, Descriptor], *, source: Source
) -> Json:
    """Return a comparison as an object for JSON, with lengths in Å and finite numbers."""
    counts = comparison.counts
    return {
        "structure": describe_structure(source),
        "descriptors": [
            {
                "label": name,
                "descriptor": describe_descriptor(descriptors[name], comparison.atoms),
                "remarks": remarks_on(descriptors[name]),
                **pick(spectrum, "rank", "internal", "singular_values", "kinds", "scale"),
                "condition": as_json(float(comparison.conditions[number])),
                "directions": int(comparison.directions[number]),
                "counts": dict(counts[name]) if name in counts else None,
            }
            for number, (name, spectrum) in enumerate(
                zip(comparison.names, comparison.spectra, strict=True)
            )
        ],
        **pick(comparison, "centers", "metric", "reference", "samples"),
        **pick(comparison, "soft", "angles", "reconstruction"),
        **pick(comparison, "status", "interrupted", "ending"),
    }


def tabulate_comparison(
    comparison: Comparison, descriptors: Mapping[str, Descriptor], *, source: Source
) -> str:
    """Return a comparison as tables with one column per descriptor, below a heading."""
    scale = describe_scale(comparison)
    remarks = (
        f"{name}: {remark}"
        for name, descriptor in descriptors.items()
        for remark in remarks_on(descriptor)
    )
    text = head_of_several(
        source, descriptors, comparison.centers, comparison.status, scale, *remarks
    )
    parts = [_table("", dict(_facts(comparison)))]
    title = "Reconstruction error of the descriptor of the row from that of the column"
    parts += [f"{title}:", _table("of", _rows(comparison.reconstruction, ".1e"))]
    if k := comparison.soft:
        title = f"Largest principal angle between the spans of the {k} softest modes"
        title = title if k > 1 else "Angle between the softest modes"
        parts += [f"{title}, in degrees:", _table("", _rows(comparison.angles[..., -1], ".1f"))]
    return text + "\n\n".join(parts)


def describe_scale(comparison: Comparison) -> str:
    """Return a sentence on the scale of the features."""
    return _SCALES[comparison.metric].format(comparison.reference)


def _facts(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    spectra, diagnosed = comparison.spectra, comparison.counts
    varying = "directions" if comparison.metric == "whitened" else "features that vary"
    name = "features" if comparison.metric == "raw" else varying
    yield name, [str(count) for count in comparison.directions.tolist()]
    yield "internal", [str(each.internal) for each in spectra]
    yield "rank", [str(each.rank) for each in spectra]
    yield "s_min/s_max", [_number(value, ".1e") for value in comparison.conditions.tolist()]
    for cause in CAUSES:
        counts = [
            diagnosed[each][cause] if each in diagnosed else None for each in comparison.names
        ]
        if any(counts):
            yield cause, ["?" if count is None else str(count) for count in counts]


def _rows(values: Array, form: str) -> dict[str, list[str]]:
    """Return the rows of a matrix, numbered from 1."""
    return {
        str(number): [_number(value, form) for value in row]
        for number, row in enumerate(values.tolist(), start=1)
    }


def _number(value: float, form: str) -> str:
    if isnan(value):
        return "none"
    return format(value, form) if value > Tolerance.EXACT else "0"


def _table(corner: str, rows: Mapping[str, list[str]]) -> str:
    """Return a table with numbered columns, a few at a time."""
    count = len(next(iter(rows.values())))
    tables = []
    for start in range(0, count, _COLUMNS):
        stop = min(start + _COLUMNS, count)
        head = [corner, *(str(number) for number in range(start + 1, stop + 1))]
        body = [[name, *values[start:stop]] for name, values in rows.items()]
        tables.append(tabulate(head, body, right=tuple(range(1, len(head)))))
    return "\n\n".join(tables)
