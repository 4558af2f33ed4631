"""Move along a singular vector.

The curve r(s) follows a direction t that rotates towards a singular vector of the Jacobian (see
``transport``): dr/ds = t, in steps limited by their error (see ``steps``). Along an invisible
vector, around a spurious singular point, it traces the quasi-constant manifolds of Parsaeifard and
Goedecker, J. Chem. Phys. 156, 034302 (2022), doi 10.1063/5.0070488.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import rotate_onto
from sensitivity.numerics import Array, ReadOnlyArrays, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.paths.steps import Returns, Walk
from sensitivity.paths.transport import depart
from sensitivity.progress import Progress, Stop, Stoppable, check_progress
from sensitivity.spectrum import Spectrum
from sensitivity.structures.neighbors import explain_immobility

Integers = NDArray[np.integer]

# Fraction of the path length: the status reports a return path that ends further from the start.
IRREVERSIBLE = 0.01


@takes_center
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

    The curve has the direction of the vector wherever its singular value is separate, and keeps the
    sign. Where singular values become equal, the direction is transported in the span of their
    vectors. At a crossing, the curve continues with its vector. At a near-crossing, where vectors
    rotate within a hundredth of an Å, the curve continues straight and turns gradually: it smooths
    the near-crossing, and the status says where.

    The curve is integrated in steps of up to 0.04 Å, chosen to keep the error within 2e-3 Å per Å.
    Where curves from nearly equal starts diverge fast, as those of soft modes around a singular
    point, errors grow: on the soft modes of X0 and the C3v structure the end after 0.4 Å is within
    1e-3 Å of that of all finer steps, and further on it may be anywhere on the manifold; along
    other modes errors stay near 1e-4 Å. Within that, the curve does not depend on the distance of
    the frames. The status says where no step was short enough.

    A smoothed direction does not determine where it came from, and where curves diverge fast the
    return path differs. The curve is therefore followed back, and the status gives the distance of
    its end from the start, if it exceeds 1 % of the length.

    Along the null mode of a singular point features stay almost constant, so the curve cannot go
    far: near ``structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1)`` it is a ring about 1 Å long,
    0.3 Å across.

    The curve ends before ``length`` if it closes (it is back at the start, in the same direction,
    up to rotation, permutation of like atoms and, for a descriptor that is invariant to it,
    inversion), before two atoms coalesce, before an atom crosses the cutoff, if the direction is
    lost, or if it is cancelled. The path so far is returned, and the status names the reason.

    Parameters
    ----------
    atoms, descriptor, center
        The start, N atoms; any descriptor; index of the center.
    mode
        Index of an internal mode of the spectrum at the start, in whose direction, including the
        sign, the path starts. Several
        indices, or an array of them, are followed as one subspace, in which the modes may mix; the
        path starts along the first one.
    length
        Length of the curve, in Å, root of the summed squares; negative for the opposite direction.
    step
        Distance between frames, in Å, root of the summed squares; the last one of a closed curve
        may be nearer. The integration steps of the curve are independent of it.
    repeat
        Continue where the curve closes.
    progress
        Called at each frame with a sentence such as "path length 0.35 of 1 Å, smallest/largest
        singular value 2e-03". If it raises ``Cancelled``, the path so far is returned.

    Raises
    ------
    Interrupted
        On Ctrl-C: a KeyboardInterrupt whose ``partial`` is the path so far. Before the spectrum at
        the start is known, which is computed first, Ctrl-C is a plain KeyboardInterrupt.
    Cancelled
        If it is cancelled before that.
    TypeError, ValueError
        If the structure, the center or their combination with the descriptor is unusable; if a
        mode is trivial or unseen, or does not exist; if the length or the step is out of range.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, follow, structures
    >>> path = follow(structures.load("S1"), DensityCorrelations(), center=0, mode=8, length=0.1)
    >>> path.status
    'Followed the full 0.1 Å; the end is 0.099 Å from the start (root of the summed squares).'
    """
    _check_lengths(length, step)
    observed = Observation.of(atoms, descriptor, centers=(center,))
    begin = observed.spectrum
    modes = _check_modes(mode, begin, descriptor.cutoff)
    count = max(1, round(abs(length) / step))
    start = depart(begin, modes, sign=float(np.sign(length)))
    walk = Walk(
        see=lambda positions: observed.at(positions).spectrum,
        returns=Returns(observed, start.direction),
        count=count,
        step=abs(length) / count,
        repeat=repeat,
        progress=check_progress(progress),
        found=[(0.0, start)],
    )
    obstacle, back = "", None
    with (stop := Stop()):
        obstacle = walk.run()
        back = walk.go_back()
    path = _make_path(walk, obstacle=stop.ending or obstacle, back=back, ending=stop.ending)
    return stop.deliver(path)


def _make_path(walk: Walk, *, obstacle: str, back: Array | None, ending: str) -> Path:
    found = [place for _, place in walk.found]
    covered = np.array([length for length, _ in walk.found])
    net = net_displacements([place.spectrum.atoms for place in found])
    where = f"the end is {net[-1]:.2g} Å from the start (root of the summed squares)"
    length = f"{walk.count * walk.step:.3g} Å; {where}"
    end = f"Followed the full {length}."
    events: dict[str, list[float]] = {}
    for event, at in walk.events:
        events.setdefault(event, []).append(at)
    if obstacle:
        end = f"Followed {covered[-1]:.3g} of {length}: {obstacle}."
    end += "".join(f" {event} at {_list(at)} Å." for event, at in events.items())
    error = np.nan
    if back is not None:
        returned = found[0].spectrum.atoms.copy()
        returned.positions = back
        error = float(net_displacements([found[0].spectrum.atoms, returned])[1])
        if covered[-1] and error > IRREVERSIBLE * covered[-1]:
            end += f" Followed back, the path ends {error:.2g} Å from the start."
    elif covered[-1] and not ending:
        end += " It could not be followed back."
    return Path(
        spectra=tuple(place.spectrum for place in found),
        modes=np.array([place.direction for place in found]),
        length=covered,
        net=net,
        subspace=tuple(place.subspace for place in found),
        returned=walk.closed,
        complete=not obstacle,
        ending=ending,
        error=error,
        status=end,
    )


def _list(lengths: list[float], *, most: int = 4) -> str:
    """Return lengths as "1, 2 and 3"; the rest beyond ``most`` as a number."""
    named = [f"{length:.3g}" for length in lengths[:most]]
    more = len(lengths) - most
    if more > 0:
        named.append(f"{more} more place{'s' if more > 1 else ''} up to {lengths[-1]:.3g}")
    *first, last = named
    return f"{', '.join(first)}{' and ' if first else ''}{last}"


def _check_lengths(length: float, step: float) -> None:
    expected, remedy = "positive and finite, in Å", "try 0.05"
    check_real(step, "step", expected, accepts=lambda x: 0 < x < np.inf, remedy=remedy)
    expected, remedy = "other than zero and finite, in Å", "try 1.0, or -1.0 to reverse it"
    check_real(length, "length", expected, accepts=lambda x: 0 < abs(x) < np.inf, remedy=remedy)
    most_frames = 10_000  # more indicate wrong units
    if abs(length) / step > most_frames:
        raise ValueError(
            f"length must be at most {most_frames} steps, got {length} Å in steps of {step} Å; "
            "give a shorter length or a larger step."
        )


def _check_modes(
    mode: int | Sequence[int] | Integers, begin: Spectrum, cutoff: float
) -> tuple[int, ...]:
    given = mode.tolist() if isinstance(mode, np.ndarray) else mode
    modes = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    if begin.internal == 0:
        (center,) = begin.centers
        raise ValueError(
            f"center {center} has no displacement to follow: "
            f"{explain_immobility(begin.atoms, cutoff=cutoff, centers=(center,))}."
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
                f"mode {index} is trivial ({begin.kinds[index]}) and cannot be followed; {remedy}."
            )
    if not modes or len(set(modes)) < len(modes):
        raise ValueError(f"mode must name at least one mode, each once, got {mode!r}; {remedy}.")
    return tuple(int(index) for index in modes)


@dataclass(frozen=True)
class Path(ReadOnlyArrays, Stoppable):
    """A curve along a singular vector.

    Attributes
    ----------
    spectra
        Spectrum at every frame, the start first.
    modes
        Shape (frames, N, 3): direction of the curve at every frame, of unit norm. It is the
        followed singular vector where its singular value is separate, and a combination of several
        vectors in near-crossings.
    length
        Shape (frames,): length of the curve up to each frame, in Å, root of the summed squares.
    net
        Shape (frames,): distance of each frame from the start, in Å, root of the summed squares
        after translation and rotation onto it (in a crystal, without superposition).
    subspace
        For every frame, the indices of the followed modes, of modes that with them hold 98 % of the
        square of the direction, and of others with equal singular values. More than one if several
        were requested, in degeneracies, and in near-crossings.
    returned
        True if the curve closes: it returned to the start, after superposition, in the same
        direction.
    complete
        True if it has the full length.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if it was stopped; else empty.
    error
        Å, root of the summed squares after superposition: distance from the start to the end of the
        return path, which follows the vector back from the last frame, as far as this path. NaN
        without a return path. ``status`` gives it if it exceeds 1 % of the length.
    status
        Sentences on why the path ends, and where near-crossings were smoothed.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, follow, structures
    >>> S1, descriptor = structures.load("S1"), DensityCorrelations()
    >>> path = follow(S1, descriptor, center=0, mode=8, length=0.1)
    >>> len(path.frames), path.length.round(2).tolist()
    (3, [0.0, 0.05, 0.1])
    >>> path.complete
    True
    """

    spectra: tuple[Spectrum, ...]
    modes: Array
    length: Array
    net: Array
    subspace: tuple[tuple[int, ...], ...]
    returned: bool
    complete: bool
    ending: str
    error: float
    status: str

    @property
    def frames(self) -> tuple[Atoms, ...]:
        """The structures."""
        return tuple(spectrum.atoms for spectrum in self.spectra)

    @cached_property
    def feature_distance(self) -> Array:
        """Shape (frames,): Euclidean distance of the features from those of the start."""
        start = self.spectra[0].features
        return np.array([np.linalg.norm(each.features - start) for each in self.spectra])

    @cached_property
    def response(self) -> Array:
        """Shape (frames,): ‖J v‖ along the direction v of the curve, in (feature)/Å."""
        # Along trivial motions they are zero.
        parts = [
            each.singular_values * np.tensordot(each.modes, mode, axes=2)
            for each, mode in zip(self.spectra, self.modes, strict=True)
        ]
        return np.asarray(np.linalg.norm(parts, axis=1))

    @cached_property
    def condition(self) -> Array:
        """Shape (frames,): smallest over largest internal singular value."""
        return np.array([each.condition for each in self.spectra])

    def __repr__(self) -> str:
        return f"Path({self.spectra[0].atoms.symbols}, frames={len(self.spectra)}: {self.status})"


def net_displacements(frames: Sequence[Atoms]) -> Array:
    """Return distances of structures from the first one, in Å: see ``Path.net``."""
    start, ends = frames[0].positions, [atoms.positions for atoms in frames]
    if not frames[0].pbc.any():
        ends = [rotate_onto(end, start) for end in ends]
    return np.array([np.linalg.norm(end - start) for end in ends])
