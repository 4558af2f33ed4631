"""Singular values along modes, computed in advance for the amplitudes of a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensitivity.descriptors import with_defaults
from sensitivity.diagnosis import Diagnosis
from sensitivity.numerics import Array
from sensitivity.progress import checkpoint
from sensitivity.reports.tables import Json, as_json
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.survey.attempts import attempt, explain

WORK = 1e11
"""Multiplications that the traces of a page may take: about 10 s on one core."""

DECOMPOSITION = 5
"""Multiplications of a decomposition over the cube of the number of coordinates: measured for 64 to
512 atoms and one center."""


def amplitudes(atoms: int, *, most: int = 40) -> Array:
    """Return the amplitudes in Å of a structure, evenly spaced, with zero in the middle.

    The last is at most 0.3 Å per atom, root mean square: a third of a bond, so most structures stay
    recognizable. At most ``most`` are positive.
    """
    reach = 0.3 * np.sqrt(atoms)
    steps = (digit * 10.0**exponent for exponent in range(-2, 9) for digit in (1, 2, 5))
    step = next(step for step in steps if reach / step <= most)
    last = int(reach / step)
    return np.round(step * np.arange(-last, last + 1), 2)


def affordable(found: Spectrum, descriptor: object, *, steps: int) -> int:
    """Return the number of modes whose traces of so many steps are computed within ``WORK``."""
    effort = with_defaults(descriptor).effort  # type: ignore[arg-type]
    size = 3 * len(found.atoms)
    dense = found.features.size * size**2  # of JᵀJ
    each = effort * (dense + 1e7) + DECOMPOSITION * size**3  # 1e7: the rest of the time
    return int(WORK / (each * steps))


def trace(diagnosis: Diagnosis, displacement: Array, steps: Sequence[float]) -> Json:
    """Return the spectra of a structure that is moved along a mode.

    ``values`` has the singular values of the internal modes in 1/Å for each amplitude in Å,
    descending; ``ranks`` the number of visible ones; ``conditions`` the smallest over the largest
    value, 0 if none is visible; ``problems`` the reason where there is no
    spectrum, by the number of the amplitude.
    """
    values: list[list[float]] = []
    ranks: list[int | None] = []
    conditions: list[float | None] = []
    problems: dict[str, str] = {}
    for number, amplitude in enumerate(steps):
        checkpoint()
        found = _displaced(diagnosis, amplitude * displacement) if amplitude else diagnosis.spectrum
        if isinstance(found, str):
            problems[str(number)] = found
            values.append([])
            ranks.append(None)
            conditions.append(None)
        else:
            values.append(round_values(found.singular_values[: found.internal]))
            ranks.append(found.rank)
            conditions.append(as_json(found.condition))
    return {"values": values, "ranks": ranks, "conditions": conditions, "problems": problems}


def _displaced(diagnosis: Diagnosis, displacement: Array) -> Spectrum | str:
    """Return the spectrum of a displaced structure, or the reason why it has none."""
    atoms = diagnosis.atoms.copy()
    atoms.positions += displacement
    found = attempt(
        lambda: spectrum(atoms, diagnosis.descriptor, centers=diagnosis.centers), seconds=None
    )
    if isinstance(found, Exception):  # of any kind: code of others may not know this geometry
        return explain(found) or type(found).__name__
    if not np.all(np.isfinite(found.singular_values)):
        return "some singular values are not finite: the features are not smooth here"
    return found


def round_values(values: Array) -> list[float]:
    """Return four significant digits: more cannot be seen in a chart."""
    return [float(f"{value:.3e}") for value in values]
