"""Move along a singular vector.

The curve r(s) goes along a direction t that turns towards a singular vector of the Jacobian (see
``transport``): dr/ds = t, in steps of second order. Along a vector that is not seen, around a
spurious singular point, it draws the quasi-constant manifolds of Parsaeifard and Goedecker,
J. Chem. Phys. 156, 034302 (2022), doi 10.1063/5.0070488.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from numbers import Integral, Real

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.paths.results import Path, net_displacements
from sensitivity.paths.returns import Returns
from sensitivity.paths.steps import advance
from sensitivity.paths.transport import Place, depart
from sensitivity.singular import Progress, check_progress
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures import neighbor_pairs

Array = NDArray[np.float64]

# Å. The curve is integrated in steps no longer than this, however far apart its frames are. At this
# length a curve of 1 Å around X+, with all its corners, is off by 1e-3 Å at its end.
LONGEST_STEP = 0.005
# A step may be longer than that by rounding.
ROUNDING = 1e-9
# Å. Nearer atoms than this are about to coalesce, which is no structure.
CLOSEST = 0.4
# More frames than this are a mistake in the units.
MOST_FRAMES = 10_000
# Squared part of the direction which the mode that is followed holds; with less the curve cuts a
# corner of it.
HELD = 0.5
# A status names so many lengths at most at which the same thing happens.
MOST_NAMED = 4
# How a curve ends that meets no obstacle.
COMPLETE = "this is the length asked for"
RETURNED = "it is back at the start, after superposition"
LOST = "the direction is lost among modes that turn into each other"
INTERRUPTED = "interrupted from the keyboard"


def follow(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    mode: int | Sequence[int],
    length: float = 1.0,
    step: float = 0.05,
    repeat: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Follow a singular vector from geometry to geometry.

    The curve has the direction of the vector wherever its singular value stands alone, and keeps
    the sign. Where singular values become equal, the direction is transported in the span of their
    vectors. Where they cross, it goes on with its vector. Where they nearly cross, and vectors turn
    within a hundredth of an Å, the curve goes straight on and turns gradually: it cuts a corner,
    and the status says where. The curve does not depend on the distance of the frames.

    Along the null mode of a singular point features stay almost constant, and so the curve cannot
    go far: around that near X+(0.725 π, 0.025 π) it is a ring about 1 Å long, 0.3 Å across.

    The curve ends before ``length`` where it closes (it is back at the start, on the same way, up
    to rotation, permutation of like atoms and, for a descriptor that is invariant to it,
    inversion), before two atoms coalesce, before an atom crosses the cutoff, where the direction is
    lost, or at an interrupt from the keyboard: what was found is returned, and the status names the
    reason.

    Parameters
    ----------
    atoms
        The start, N atoms.
    descriptor
        Any descriptor.
    center
        The center whose features are followed.
    mode
        Index of an internal mode of the spectrum at the start; its gauge gives the sign. Several
        indices are followed as one subspace, the first of them giving the direction.
    length
        Of the curve, in Å, root of the summed squares; negative for the opposite direction.
    step
        Distance between frames, in Å. The curve is integrated in steps of at most 0.005 Å.
    repeat
        Whether to go on where the curve closes.
    progress
        Called at each frame with a sentence such as "0.35 of 1 Å, condition 2e-03". If it raises
        KeyboardInterrupt, the curve ends as on Ctrl-C: so another thread can call it off.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center or their combination with the descriptor is unusable; if a
        mode is trivial or unseen, or does not exist; if the length or the step is out of range.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, follow, structures
    >>> path = follow(structures.load("S1"), DensityCorrelations(), center=0, mode=8, length=0.1)
    >>> path.status
    'Followed for 0.1 of 0.1 Å, 0.099 Å net: this is the length asked for.'
    """
    _check_lengths(length, step)
    begin = spectrum(atoms, descriptor, centers=(center,))
    modes = _check_modes(mode, begin)
    count = max(1, round(abs(length) / step))
    size = abs(length) / count
    start = depart(begin, modes, sign=float(np.sign(length)))
    field = _Field(begin.atoms, descriptor, center)
    returns = Returns(begin.atoms, start.direction, descriptor, center, size)
    told = _Told(check_progress(progress), abs(length))
    found, events, ending, closed = _walk(
        field, start, returns, count=count, repeat=repeat, told=told
    )
    covered: Array = size * np.arange(len(found), dtype=np.float64)
    net = net_displacements([place.spectrum.atoms for place in found])
    return Path(
        spectra=tuple(place.spectrum for place in found),
        modes=np.array([place.direction for place in found]),
        length=covered,
        net=net,
        together=tuple(place.together for place in found),
        returned=closed,
        complete=ending == COMPLETE,
        interrupted=ending == INTERRUPTED,
        status=f"Followed for {covered[-1]:.3g} of {abs(length):.3g} Å, {net[-1]:.2g} Å net: "
        f"{ending}.{_tell(events)}",
    )


@dataclass(frozen=True)
class _Field:
    """The spectrum as a function of the positions of the atoms."""

    atoms: Atoms
    descriptor: Descriptor
    center: int

    def __call__(self, positions: Array) -> Spectrum:
        atoms = self.atoms.copy()
        atoms.positions = positions
        return spectrum(atoms, self.descriptor, centers=(self.center,))


@dataclass(frozen=True)
class _Told:
    """Tells how far a curve of a length in Å has come."""

    progress: Progress
    length: float

    def __call__(self, covered: float, spectrum: Spectrum) -> None:
        where = f"{covered:.3g} of {self.length:.3g} Å"
        self.progress(f"{where}, condition {spectrum.condition:.0e}")


def _walk(
    field: _Field, start: Place, returns: Returns, *, count: int, repeat: bool, told: _Told
) -> tuple[list[Place], list[tuple[str, float]], str, bool]:
    """The places found, what happened, why there are no more, and whether the curve has closed."""
    found, events, closed = [start], list[tuple[str, float]](), False
    parts = ceil(returns.step / LONGEST_STEP * (1 - ROUNDING))
    try:
        for frame in range(1, count + 1):
            here = found[-1]
            for part in range(1, parts + 1):
                there = advance(field, here, returns.step / parts)
                obstacle = _obstacle(start, there.spectrum if there else _ahead(field, here))
                if there is None or obstacle:
                    return found, events, obstacle or LOST, closed
                length = (frame - 1 + part / parts) * returns.step
                events += [(event, length) for event in _happened(here, there)]
                here = there
            found.append(here)
            told(frame * returns.step, here.spectrum)
            closed = closed or returns.closed(here.spectrum.atoms, here.direction, frame=frame)
            if closed and not repeat:
                return found, events, RETURNED, closed
    except KeyboardInterrupt:
        return found, events, INTERRUPTED, closed
    return found, events, COMPLETE, closed


def _ahead(field: _Field, here: Place) -> Spectrum:
    """The spectrum straight ahead."""
    return field(here.spectrum.atoms.positions + LONGEST_STEP * here.direction)


def _happened(last: Place, here: Place) -> list[str]:
    """What became of the modes within one step, as the beginnings of sentences."""
    pairs = zip(last.followed, here.followed, strict=True)
    events = [f"Mode {old} became mode {new}" for old, new in pairs if old != new]
    if last.held >= HELD > here.held:
        followed = " and ".join(str(mode) for mode in here.followed)
        events.append(f"It cut a corner of mode {followed}")
    return events


def _tell(events: list[tuple[str, float]]) -> str:
    """Return what happened as sentences, with the lengths at which it did."""
    lengths: dict[str, list[float]] = {}
    for event, length in events:
        lengths.setdefault(event, []).append(length)
    sentences = []
    for event, where in lengths.items():
        *most, last = [f"{length:.3g}" for length in where[:MOST_NAMED]]
        if len(where) > MOST_NAMED:
            most, last = (
                [*most, last],
                f"{len(where) - MOST_NAMED} more places up to {where[-1]:.3g}",
            )
        sentences.append(f" {event} at {', '.join(most)}{' and ' if most else ''}{last} Å.")
    return "".join(sentences)


def _obstacle(start: Place, here: Spectrum) -> str:
    """Why the curve cannot go on, if so."""
    if len(neighbor_pairs(here.atoms, CLOSEST).i):
        return f"two atoms are nearer than {CLOSEST} Å"
    if here.kinds.count("unseen") != start.spectrum.kinds.count("unseen"):
        return "an atom has crossed the cutoff"
    return ""


def _check_lengths(length: float, step: float) -> None:
    for name, value in (("length", length), ("step", step)):
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{name} must be a number in Å, got {value!r}; try 0.05.")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step must be positive and finite, in Å, got {step}; try 0.05.")
    if not (np.isfinite(length) and 0 < abs(length) / step <= MOST_FRAMES):
        raise ValueError(
            f"length must be other than zero, in Å, and at most {MOST_FRAMES} steps of {step} Å, "
            f"got {length}; try 1.0, or -1.0 for the opposite direction."
        )


def _check_modes(mode: int | Sequence[int], begin: Spectrum) -> tuple[int, ...]:
    """Return the indices of the modes to follow, if they are internal."""
    modes = mode if isinstance(mode, Sequence) and not isinstance(mode, str) else (mode,)
    if begin.internal == 0:
        raise ValueError(
            f"center {begin.centers[0]} has no neighbour within the cutoff, so that there is "
            "nothing to follow; choose another center or a larger cutoff."
        )
    remedy = f"give an internal one, from 0 to {begin.internal - 1}"
    if begin.internal == 1:
        remedy = "give 0, the distance to its only neighbour, which is all that the center sees"
    for index in modes:
        if not isinstance(index, Integral) or isinstance(index, bool):
            raise TypeError(
                f"mode must be the index of a mode, or several, got {mode!r}; {remedy}."
            )
        if not 0 <= index < len(begin.kinds):
            raise ValueError(f"there is no mode {index} of {len(begin.kinds)}; {remedy}.")
        if begin.kinds[index] != "internal":
            raise ValueError(
                f"mode {index} is trivial ({begin.kinds[index]}), got it to be followed; {remedy}."
            )
    if not modes or len(set(modes)) < len(modes):
        raise ValueError(f"mode must name at least one mode, each once, got {mode!r}; {remedy}.")
    return tuple(int(index) for index in modes)
