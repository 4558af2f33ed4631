"""Move along a singular vector.

The curve r(s) goes along a direction t that turns towards a singular vector of the Jacobian (see
``transport``): dr/ds = t, in steps as long as their error allows (see ``steps``). Along a vector
that is not seen, around a spurious singular point, it draws the quasi-constant manifolds of
Parsaeifard and Goedecker, J. Chem. Phys. 156, 034302 (2022), doi 10.1063/5.0070488.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array
from sensitivity.paths.path import Path, net_displacements
from sensitivity.paths.returns import Returns
from sensitivity.paths.transport import depart
from sensitivity.paths.walk import COMPLETE, INTERRUPTED, Told, Walk
from sensitivity.progress import Progress, check_progress
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures.immobile import explain_stillness

Integers = NDArray[np.integer]

# More frames than this are a mistake in the units.
MOST_FRAMES = 10_000
# A status names so many lengths at most at which the same thing happens.
MOST_NAMED = 4


def follow(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    mode: int | Sequence[int] | Integers,
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
    and the status says where.

    The curve is integrated in steps whose length, up to 0.04 Å, is that at which their error is
    within 2e-3 Å per Å. Where curves from nearly the same start part fast, as those of soft modes
    around a singular point, errors grow: on the soft modes of X0 and the C3v structure the end
    after 0.4 Å is within 1e-3 Å of that of all finer steps, and further on it may be anywhere on
    the manifold; along other modes errors stay near 1e-4 Å. Within that, the curve does not depend
    on the distance of the frames. The status says where no step was short enough.

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
        indices, or an array of them, are followed as one subspace, the first of them giving the
        direction.
    length
        Of the curve, in Å, root of the summed squares; negative for the opposite direction.
    step
        Distance between frames, in Å; the last one of a curve that closes may be nearer. The curve
        itself has steps of its own.
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
    'Followed the full 0.1 Å; the end is 0.099 Å from the start.'
    """
    _check_lengths(length, step)
    begin = spectrum(atoms, descriptor, centers=(center,))
    modes = _check_modes(mode, begin, descriptor.cutoff)
    count = max(1, round(abs(length) / step))
    size = abs(length) / count
    start = depart(begin, modes, sign=float(np.sign(length)))
    field = Field(begin.atoms, descriptor, center)
    returns = Returns(begin.atoms, start.direction, descriptor, center)
    told = Told(check_progress(progress), abs(length))
    walk = Walk(field, returns, count, size, repeat, told, [(0.0, start)])
    ending = walk.run()
    found = [place for _, place in walk.found]
    covered = np.array([length for length, _ in walk.found])
    net = net_displacements([place.spectrum.atoms for place in found])
    return Path(
        spectra=tuple(place.spectrum for place in found),
        modes=np.array([place.direction for place in found]),
        length=covered,
        net=net,
        together=tuple(place.together for place in found),
        returned=walk.closed,
        complete=ending == COMPLETE,
        interrupted=ending == INTERRUPTED,
        status=_describe_end(covered[-1], abs(length), net[-1], ending) + _tell(walk.events),
    )


@dataclass(frozen=True)
class Field:
    """The spectrum as a function of the positions of the atoms."""

    atoms: Atoms
    descriptor: Descriptor
    center: int

    def __call__(self, positions: Array) -> Spectrum:
        """Compute it."""
        atoms = self.atoms.copy()
        atoms.positions = positions
        return spectrum(atoms, self.descriptor, centers=(self.center,))


def _describe_end(covered: float, length: float, net: float, ending: str) -> str:
    """Return a sentence that says how far the path goes, and why not further."""
    where = f"the end is {net:.2g} Å from the start"
    if ending == COMPLETE:
        return f"Followed the full {length:.3g} Å; {where}."
    return f"Followed {covered:.3g} of {length:.3g} Å; {where}: {ending}."


def _tell(events: list[tuple[str, float]]) -> str:
    """Return what happened as sentences, with the lengths at which it did."""
    lengths: dict[str, list[float]] = {}
    for event, length in events:
        lengths.setdefault(event, []).append(length)
    sentences = []
    for event, where in lengths.items():
        *most, last = [f"{length:.3g}" for length in where[:MOST_NAMED]]
        if len(where) > MOST_NAMED:
            more = len(where) - MOST_NAMED
            most, last = (
                [*most, last],
                f"{more} more place{'s' if more > 1 else ''} up to {where[-1]:.3g}",
            )
        sentences.append(f" {event} at {', '.join(most)}{' and ' if most else ''}{last} Å.")
    return "".join(sentences)


def _check_lengths(length: float, step: float) -> None:
    for name, value in (("length", length), ("step", step)):
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{name} must be a number in Å, got {value!r}; try 0.05.")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step must be positive and finite, in Å, got {step}; try 0.05.")
    if not (np.isfinite(length) and length != 0):
        raise ValueError(
            f"length must be other than zero and finite, in Å, got {length}; try 1.0, or -1.0 for "
            "the opposite direction."
        )
    if abs(length) / step > MOST_FRAMES:
        raise ValueError(
            f"length must be at most {MOST_FRAMES} steps, got {length} Å in steps of {step} Å; "
            "give a shorter length or a larger step."
        )


def _check_modes(
    mode: int | Sequence[int] | Integers, begin: Spectrum, cutoff: float
) -> tuple[int, ...]:
    """Return the indices of the modes to follow, if they are internal."""
    given = mode.tolist() if isinstance(mode, np.ndarray) else mode
    modes = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    if begin.internal == 0:
        (center,) = begin.centers
        raise ValueError(
            f"center {center} has nothing that could be followed: "
            f"{explain_stillness(begin.atoms, cutoff=cutoff, centers=(center,))}."
        )
    remedy = f"give an internal one, from 0 to {begin.internal - 1}"
    if begin.internal == 1:
        remedy = "give 0, the distance to its only neighbour, which is all that the center sees"
    for index in modes:
        if not isinstance(index, int | np.integer) or isinstance(index, bool):
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
