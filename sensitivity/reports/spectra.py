"""A spectrum as a table or an object for JSON."""

from __future__ import annotations

from typing import Any

from sensitivity.descriptors import Descriptor
from sensitivity.reports.sources import Source, describe_input, head
from sensitivity.reports.tables import describe_moving, name_moving, pick, tabulate
from sensitivity.spectrum import Spectrum


def describe_spectrum(
    spectrum: Spectrum, descriptor: Descriptor, *, source: Source
) -> dict[str, Any]:
    """Return a spectrum as an object for JSON, with lengths in Å and no infinite number."""
    columns = zip(spectrum.singular_values.tolist(), spectrum.kinds, spectrum.visible, strict=True)
    return {
        **describe_input(source, descriptor),
        **pick(spectrum, "centers", "rank", "condition", "threshold", "scale", "status"),
        **pick(spectrum, "singular_values", "kinds"),
        "modes": [
            {"mode": mode, "singular_value": value, "kind": kind, "visible": visible}
            | describe_moving(spectrum.modes[mode])
            for mode, (value, kind, visible) in enumerate(columns)
        ],
    }


def tabulate_spectrum(spectrum: Spectrum, descriptor: Descriptor, *, source: Source) -> str:
    """Return a spectrum as a table: one line per mode, below a heading and the status."""
    columns = spectrum.singular_values, spectrum.relative, spectrum.kinds, spectrum.visible
    body = [
        [
            str(mode),
            f"{value:.3e}",
            f"{relative:.1e}",
            kind,
            "yes" if visible else "no",
            name_moving(spectrum.atoms, spectrum.modes[mode], shares=True),
        ]
        for mode, (value, relative, kind, visible) in enumerate(zip(*columns, strict=True))
    ]
    names = ["mode", "value 1/Å", "relative", "kind", "visible", "atoms that move most"]
    rule = (
        f"A mode is visible if its value is above {spectrum.threshold:.0e} of the scale, "
        f"{spectrum.scale:.3e} 1/Å."
    )
    heading = head(source, descriptor, spectrum.centers, spectrum.status, rule)
    return "\n".join([*heading, tabulate(names, body, right=(0, 1, 2))])
