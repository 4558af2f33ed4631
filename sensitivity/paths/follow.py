"""Move along a singular vector.

The curve r(s) solves dr/ds = v(r), where v is a unit singular vector of the Jacobian at r, by the
midpoint rule, which is of second order in the step. Along a vector that is not seen, around a
spurious singular point, it draws the quasi-constant manifolds of Parsaeifard and Goedecker,
J. Chem. Phys. 156, 034302 (2022), doi 10.1063/5.0070488.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.paths.results import Path
from sensitivity.paths.returns import Returns
from sensitivity.paths.transport import Heading, carry, carry_across, head
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures import neighbor_pairs

Array = NDArray[np.float64]

# Å. The direction turns by no more than the step over this, in radians, from one evaluation to the
# next; the step is halved where it does. So the error of a curve with corners, where modes nearly
# cross, is of second order in the step, too.
RADIUS = 0.25
# A step is halved no more often than this: 0.05 Å down to 5e-5 Å. What turns within less is an
# exchange of two modes, and the direction is carried across it.
MOST_HALVINGS = 10
# Å. Nearer atoms than this are about to coalesce, which is no structure.
CLOSEST = 0.4
# More frames than this are a mistake in the units.
MOST_FRAMES = 10_000
# How a curve ends that meets no obstacle.
COMPLETE = "this is the length asked for"
RETURNED = "it is back at the start, after superposition"
LOST = "the direction is lost among modes that turn into each other"
INTERRUPTED = "interrupted from the keyboard"


@dataclass(frozen=True)
class _Place:
    """A spectrum, and the direction of the curve there."""

    spectrum: Spectrum
    heading: Heading


def follow(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    mode: int | Sequence[int],
    length: float = 1.0,
    step: float = 0.05,
    repeat: bool = False,
) -> Path:
    """Follow a singular vector from geometry to geometry.

    An isolated vector keeps its sign. Where singular values become equal, the direction is carried
    in the subspace of their vectors. Where two of them nearly cross, the curve turns with its
    vector, in steps as short as it takes, and may even turn back; if they come so near that the
    vectors are exchanged within a thousandth of the step, the direction goes straight on.

    The curve ends before ``length`` where it closes (it is back at the start, on the same way, up
    to rotation, permutation of like atoms and, for a descriptor that is invariant to it,
    inversion), where two atoms coalesce, where an atom crosses the cutoff, where the direction is
    lost among many vectors, or at an interrupt from the keyboard: what was found is returned, and
    the status names the reason.

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
        indices are followed as one subspace, the first of them giving the direction; so are modes
        whose singular values are equal at the start.
    length
        Of the curve, in Å, root of the summed squares; negative for the opposite direction.
    step
        Distance between frames, in Å.
    repeat
        Whether to go on where the curve closes.

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
    'Followed for 0.1 of 0.1 Å: this is the length asked for.'
    """
    _check_lengths(length, step)
    begin = spectrum(atoms, descriptor, centers=(center,))
    modes = _check_modes(mode, begin)
    count = max(1, round(abs(length) / step))
    size = abs(length) / count
    start = _Place(begin, head(begin, modes, sign=float(np.sign(length))))
    together = len(start.heading.together) > 1
    field = _Field(descriptor, center, fixed=together, largest_turn=size / RADIUS)
    returns = Returns(begin.atoms, start.heading.direction, descriptor, center, size)
    found, ending, closed = _walk(field, start, returns, count=count, repeat=repeat)
    covered: Array = size * np.arange(len(found), dtype=np.float64)
    return Path(
        spectra=tuple(place.spectrum for place in found),
        modes=np.array([place.heading.direction for place in found]),
        length=covered,
        together=tuple(place.heading.together for place in found),
        returned=closed,
        complete=ending == COMPLETE,
        status=f"Followed for {covered[-1]:.3g} of {abs(length):.3g} Å: {ending}.",
    )


def _walk(
    field: _Field, start: _Place, returns: Returns, *, count: int, repeat: bool
) -> tuple[list[_Place], str, bool]:
    """The places found, why there are no more, and whether the curve has closed."""
    found, closed = [start], False
    try:
        for frame in range(1, count + 1):
            place = _advance(field, found[-1], returns.step, halvings=MOST_HALVINGS)
            if place is None:
                return found, _obstacle(start, field.ahead(found[-1], returns.step)) or LOST, closed
            found.append(place)
            here = place.spectrum.atoms, place.heading.direction
            closed = closed or returns.closed(*here, frame=frame)
            if closed and not repeat:
                return found, RETURNED, closed
            obstacle = _obstacle(start, place.spectrum)
            if obstacle:
                return found, obstacle, closed
    except KeyboardInterrupt:
        return found, INTERRUPTED, closed
    return found, COMPLETE, closed


def _advance(field: _Field, here: _Place, size: float, *, halvings: int) -> _Place | None:
    """One step of the midpoint rule, or several shorter ones; None where the direction is lost."""
    middle = field.carry(here, here, size / 2)
    there = middle and field.carry(middle, here, size)
    if middle and there:
        turns = here.heading.angle(middle.heading), middle.heading.angle(there.heading)
        if max(turns) <= field.largest_turn:
            return there
    if halvings == 0:
        return field.carry_across(here, size)
    half = _advance(field, here, size / 2, halvings=halvings - 1)
    return half and _advance(field, half, size / 2, halvings=halvings - 1)


@dataclass(frozen=True)
class _Field:
    """The singular vectors as a function of the geometry.

    ``fixed`` says whether several are followed as one subspace; ``largest_turn`` by how much, in
    radians, the direction may turn between two evaluations.
    """

    descriptor: Descriptor
    center: int
    fixed: bool
    largest_turn: float

    def carry(self, place: _Place, base: _Place, size: float) -> _Place | None:
        """Go from a base, by the direction of a place, carrying it."""
        there = self._spectrum(base, size * place.heading.direction)
        heading = carry(place.heading, there, fixed=self.fixed)
        return None if heading is None else _Place(there, heading)

    def carry_across(self, place: _Place, size: float) -> _Place | None:
        """Go straight on, where a single direction can be carried so."""
        there = self.ahead(place, size)
        heading = None if self.fixed else carry_across(place.heading, there)
        return None if heading is None else _Place(there, heading)

    def ahead(self, place: _Place, size: float) -> Spectrum:
        """The spectrum straight ahead."""
        return self._spectrum(place, size * place.heading.direction)

    def _spectrum(self, base: _Place, displacement: Array) -> Spectrum:
        atoms = base.spectrum.atoms.copy()
        atoms.positions += displacement
        return spectrum(atoms, self.descriptor, centers=(self.center,))


def _obstacle(start: _Place, here: Spectrum) -> str:
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
