"""Reports of structures displaced along null and soft modes."""

from __future__ import annotations

from collections.abc import Sequence

from sensitivity.descriptors import Descriptor
from sensitivity.reports.sources import describe_input, head
from sensitivity.reports.tables import Json, pick, tabulate
from sensitivity.spectrum import Spectrum
from sensitivity.structures.files.reading import Source

_FACTS = "rank", "internal", "condition"


def describe_rattled(
    before: Spectrum, descriptor: Descriptor, *, source: Source, moved: Sequence[Spectrum]
) -> Json:
    """Return spectra before and after, with the positions, as an object for JSON."""
    return {
        **describe_input(source, descriptor),
        **pick(before, "centers", "status", *_FACTS),
        "structures": [
            {**pick(each, *_FACTS), "positions": each.atoms.positions.tolist()} for each in moved
        ],
    }


def tabulate_rattled(
    before: Spectrum, descriptor: Descriptor, *, source: Source, moved: Sequence[Spectrum]
) -> str:
    """Return the visible displacements before and after as a table."""
    named = {"before": before, **{str(number): each for number, each in enumerate(moved)}}
    body = [
        [name, str(each.rank), str(each.internal), f"{each.condition:.1e}"]
        for name, each in named.items()
    ]
    names = ["structure", "visible", "internal", "s_min/s_max"]
    heading = head(source, descriptor, before.centers, "", before.status)
    return heading + tabulate(names, body, right=(1, 2, 3))
