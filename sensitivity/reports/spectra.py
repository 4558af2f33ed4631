"""A spectrum as a table or an object for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensitivity.descriptors import DensityCorrelations
from sensitivity.reports.sources import Source, describe_descriptor, describe_source, head
from sensitivity.reports.tables import find_moving, finite, tabulate
from sensitivity.spectrum import Spectrum


def describe_spectrum(
    spectrum: Spectrum, descriptor: DensityCorrelations, *, source: Source
) -> dict[str, Any]:
    """Return a spectrum as an object for JSON, with lengths in Å and no infinite number."""
    return {
        "structure": describe_source(source),
        "descriptor": describe_descriptor(descriptor, source.atoms),
        "centers": [int(center) for center in spectrum.centers],
        "rank": int(spectrum.rank),
        "condition": finite(spectrum.condition),
        "threshold": finite(spectrum.threshold),
        "scale": finite(spectrum.scale),
        "status": spectrum.status,
        "singular_values": np.asarray(spectrum.singular_values).tolist(),
        "kinds": list(spectrum.kinds),
        "modes": [_describe_mode(spectrum, mode) for mode in range(len(spectrum.kinds))],
    }


def _describe_mode(spectrum: Spectrum, mode: int) -> dict[str, Any]:
    displacements = np.asarray(spectrum.modes[mode])
    return {
        "mode": mode,
        "singular_value": float(spectrum.singular_values[mode]),
        "kind": spectrum.kinds[mode],
        "visible": spectrum.visible[mode],
        "displacements": displacements.tolist(),
        "atoms": [atom for atom, _ in find_moving(displacements)],
    }


def tabulate_spectrum(
    spectrum: Spectrum, descriptor: DensityCorrelations, *, source: Source
) -> str:
    """Return a spectrum as a table: one line per mode, below a heading and the status."""
    columns = spectrum.singular_values, spectrum.relative, spectrum.kinds, spectrum.visible
    body = [
        [
            str(mode),
            f"{value:.3e}",
            f"{relative:.1e}",
            kind,
            "yes" if visible else "no",
            _name_moving(spectrum, mode),
        ]
        for mode, (value, relative, kind, visible) in enumerate(zip(*columns, strict=True))
    ]
    names = ["mode", "value (1/Å)", "relative", "kind", "visible", "atoms that move most"]
    table = tabulate(names, body, right=(0, 1, 2))
    heading = head(source, descriptor, centers=spectrum.centers)
    rule = (
        f"A mode is visible if its value is above {spectrum.threshold:.0e} of the scale, "
        f"{spectrum.scale:.3e} 1/Å."
    )
    return "\n".join([*heading, spectrum.status, rule, "", table])


def _name_moving(spectrum: Spectrum, mode: int) -> str:
    moving = find_moving(np.asarray(spectrum.modes[mode]))
    return "  ".join(f"{spectrum.atoms.symbols[k]}{k} {share:.0%}" for k, share in moving)
