"""Notes on the value under the pointer in a chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from sensitivity.numerics import Array


@dataclass(frozen=True)
class Note:
    """A text at a place in a figure, in pixels from the lower left."""

    place: tuple[float, float]
    text: str


def note_on_mode(
    event: Any,
    markers: Mapping[str, Line2D],
    values: Array,
    *,
    zero: float,
    unit: str = "1/Å",
    within: float = 10.0,
) -> Note | None:
    """Return the number, singular value and cause of the mode whose marker is under the pointer.

    ``markers`` has the markers of each cause, and ``values`` the singular values of all modes;
    values up to ``zero`` count as zero. ``within`` is in pixels.
    """
    found, nearest = None, within
    for cause, line in markers.items():
        if line.axes is not event.inaxes:
            continue
        points = np.asarray(line.get_xydata(), dtype=float)  # [marker, x/y]
        points = points[np.isfinite(points).all(axis=1)]
        for point, place in zip(points, line.get_transform().transform(points), strict=True):
            distance = float(np.hypot(*(place - (event.x, event.y))))
            if distance <= nearest:
                mode, nearest = round(point[0]), distance
                value = "0" if values[mode] <= zero else f"{values[mode]:.2g}"
                text = f"mode {mode}: {value} {unit}, {cause}"
                found = Note((float(place[0]), float(place[1])), text)
    return found
