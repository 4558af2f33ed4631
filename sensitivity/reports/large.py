"""Reports of the smallest singular values of large structures."""

from __future__ import annotations

from sensitivity.descriptors import Descriptor
from sensitivity.reports.sources import describe_input, head
from sensitivity.reports.tables import Json, describe_moving, name_moving, pick, tabulate
from sensitivity.smallest import Smallest
from sensitivity.spectrum import MANY
from sensitivity.structures.files.reading import Source


def describe_smallest(found: Smallest, descriptor: Descriptor, *, source: Source) -> Json:
    """Return the smallest singular values as an object for JSON, with lengths in Å."""
    values = zip(found.singular_values.tolist(), found.modes, strict=True)
    return {
        **describe_input(source, descriptor),
        **pick(found, "method", "internal", "null", "hidden", "first_visible", "largest", "scale"),
        **pick(found, "threshold", "zero_level", "status"),
        **pick(found, "singular_values", "errors", "residuals", "upper_bounds"),
        "modes": [{"singular_value": value, **describe_moving(mode)} for value, mode in values],
    }


def describe_partial(found: Smallest, descriptor: Descriptor, *, source: Source) -> Json:
    """Return the smallest singular values as an object for JSON, in place of a diagnosis."""
    marks: Json = {"partial": True, "note": _name_missing(found)}
    return {**describe_smallest(found, descriptor, source=source), **marks}


def tabulate_partial(found: Smallest, descriptor: Descriptor, *, source: Source) -> str:
    """Return the smallest singular values as a table, in place of a diagnosis."""
    return tabulate_smallest(found, descriptor, source=source, note=_name_missing(found))


def _name_missing(found: Smallest) -> str:
    """Return a sentence on what a diagnosis has and the smallest singular values have not."""
    return (
        f"Partial, because there are more than {MANY} atoms: the {len(found.singular_values)} "
        f"least visible of {3 * len(found.atoms)} displacements, at this geometry, as by "
        "'sensitivity smallest'. Of the causes only symmetry is known. With --complete all are "
        "examined, within the tolerance."
    )


def tabulate_smallest(
    found: Smallest, descriptor: Descriptor, *, source: Source, note: str = ""
) -> str:
    """Return the smallest singular values as a table, below a heading, a note and the status."""
    rule = (
        f"A displacement is visible if its value is above {found.zero_level:.1e} 1/Å, "
        f"{found.threshold:.0e} of the scale."
    )
    notes = [note] if note else []
    heading = head(source, descriptor, range(len(found.atoms)), *notes, found.status, rule)
    columns = found.singular_values, found.relative, found.errors, found.upper_bounds, found.modes
    body = [
        [
            f"{value:.3e}",
            f"{relative:.1e}",
            f"{error:.0e}",
            "no" if value <= found.zero_level else "upper bound" if bound else "yes",
            name_moving(found.atoms, mode, shares=True),
        ]
        for value, relative, error, bound, mode in zip(*columns, strict=True)
    ]
    names = ["value 1/Å", "relative", "error", "visible", "atoms that move most"]
    return heading + tabulate(names, body, right=(0, 1, 2))
