"""Rank and smallest singular value of a descriptor as its basis grows.

Symmetry alone determines how many displacements can be seen. A basis that is too small sees fewer,
and barely resolves some of them. The basis has converged where the number no longer grows and the
smallest singular value no longer changes; a larger basis then sees no more displacements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Centers, Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.jacobian import jacobian
from sensitivity.numerics import Array, Indices, ReadOnlyArrays, is_number, takes_centers
from sensitivity.progress import Progress, Stop, Stoppable, check_progress
from sensitivity.spectrum import decompose, natural_scale
from sensitivity.structures import check_centers
from sensitivity.symmetry.subspaces import allowed_displacements
from sensitivity.tolerances import Tolerance

Point = tuple[int, ...]

_NOT_REACHED = "not computed, because the computation was stopped"


@dataclass(frozen=True)
class Convergence(ReadOnlyArrays, Stoppable):
    """Rank and smallest singular value over a grid of parameters of a descriptor.

    The grid has one axis for each varied parameter, in the order of ``parameters``; all arrays have
    its shape. Points that cannot be computed are NaN.

    Attributes
    ----------
    atoms
        The structure (a copy), N atoms.
    descriptor
        Descriptor with the values of all parameters that are not varied.
    centers
        The centers whose features are stacked.
    parameters
        Values of each varied parameter.
    smallest
        Smallest singular value over the largest one, within the displacements that symmetry allows
        to be seen. Zero if none is seen, NaN if symmetry allows none.
    rank
        Number of singular values of these displacements that are nonzero, as ``Spectrum.rank``
        counts them; numbers, or NaN.
    internal
        Integers: number of internal displacements, which the cutoff can change; 0 where the
        computation was stopped before the number was known.
    visible
        Integers: number of internal displacements that symmetry allows to be seen, the largest
        possible rank; 0 where ``internal`` is 0.
    failures
        Reason for each point that could not be computed, by its indices.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the computation was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, convergence, structures
    >>> generic = structures.load("generic")
    >>> descriptor = DensityCorrelations()
    >>> found = convergence(generic, descriptor, centers=[0], n_max=[1, 2, 4], l_max=[2, 6])
    >>> found.rank
    array([[3., 7.],
           [8., 9.],
           [9., 9.]])
    >>> found.full
    array([[False, False],
           [False,  True],
           [ True,  True]])
    """

    atoms: Atoms
    descriptor: Descriptor
    centers: tuple[int, ...]
    parameters: Mapping[str, tuple[float, ...]]
    smallest: Array
    rank: Array
    internal: Indices
    visible: Indices
    failures: Mapping[Point, str]
    ending: str = ""

    @property
    def full(self) -> NDArray[np.bool_]:
        """True where the rank is the largest that symmetry allows."""
        return np.asarray(self.rank == self.visible)

    @property
    def converged(self) -> Point | None:
        """Indices of the smallest values at which the basis has converged; None if it has not.

        At all points with these or larger values the rank is the same, and so is the smallest
        singular value, within 10 % or as zero. At least two values of each varied parameter must
        lie there. Points that cannot be computed do not count.
        """
        if self.rank.size == 1:
            return None
        points = sorted(np.ndindex(self.rank.shape), key=lambda point: (sum(point), point))
        return next((point for point in points if self._settled(point)), None)

    @property
    def converged_basis(self) -> dict[str, float] | None:
        """Settings at ``converged``; None if there are none.

        On a grid of several parameters this basis need not be the only smallest one. Of those at
        which nothing changes any more, it has the smallest sum of indices; of several with that,
        the smallest value of the first parameter.
        """
        if (point := self.converged) is None:
            return None
        chosen = zip(self.parameters.items(), point, strict=True)
        return {name: values[index] for (name, values), index in chosen}

    @property
    def status(self) -> str:
        """One sentence: where the basis has converged, or what is missing."""
        if self.ending:
            left = sum(reason == _NOT_REACHED for reason in self.failures.values())
            return (
                f"{self.ending.capitalize()}: {left} of {self.rank.size} points "
                f"{'was' if left == 1 else 'were'} not computed, so convergence of the basis "
                "is unknown."
            )
        if self.rank.size == 1:
            return "Nothing to compare: one point does not show convergence; give two values."
        failed = f"; of {self.rank.size} points {len(self.failures)} could not be computed"
        point, failed = self.converged, failed if self.failures else ""
        if point is not None:
            return f"Converged: from {self._name(point)} on, {self._describe(point)}{failed}."
        return f"Not converged: {self._change()}; add larger values{failed}."

    def _settled(self, start: Point) -> bool:
        further = tuple(slice(index, None) for index in start)
        rank, smallest = self.rank[further], self.smallest[further]
        known = ~np.isnan(rank)
        # Each axis with several points has a known later point.
        compared = all(
            size == 1 or indices.any()
            for size, indices in zip(self.rank.shape, np.nonzero(known), strict=True)
        )
        return bool(known.flat[0]) and compared and _alike(rank[known], smallest[known])

    def _describe(self, point: Point) -> str:
        value = self.smallest[point]
        if not self.internal[point]:
            return "the chosen centers see no internal displacement"
        if np.isnan(value):
            return "symmetry hides all displacements"
        rank = f"the rank stays {self.rank[point]:.0f} (symmetry allows {self.visible[point]})"
        if value <= Tolerance.RANK:
            return f"{rank}, the smallest singular value zero"
        smallest = f"the smallest value, {value:.1e} of the largest"
        return f"{rank}, and {smallest}, changes by less than 10 %"

    def _change(self) -> str:
        """Return the step to the last point that changes the result most, and the change."""
        end = tuple(size - 1 for size in self.rank.shape)
        if end in self.failures:
            return f"{self._name(end)} could not be computed"
        for axis, (name, values) in enumerate(self.parameters.items()):
            if len(values) == 1:
                continue
            start = (*end[:axis], end[axis] - 1, *end[axis + 1 :])
            step = f"with {name} from {values[-2]:g} to {values[-1]:g}"
            if start in self.failures:
                return f"{step} nothing can be compared, because the first could not be computed"
            both = tuple(zip(start, end, strict=True))
            rank, smallest = self.rank[both], self.smallest[both]
            if rank[0] != rank[1]:
                return "{} the rank goes from {:.0f} to {:.0f}".format(step, *rank)
            if not _alike(rank, smallest):
                change = "the smallest value goes from {:.1e} to {:.1e} of the largest"
                return f"{step} {change.format(*smallest)}"
        return "single steps change little, but several together do"

    def _name(self, point: Point) -> str:
        chosen = zip(self.parameters.items(), point, strict=True)
        return ", ".join(f"{name} = {values[index]:g}" for (name, values), index in chosen)

    def __repr__(self) -> str:
        return f"Convergence({self.atoms.symbols}, {', '.join(self.parameters)}: {self.status})"


@takes_centers
def convergence(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: Centers = None,
    progress: Progress | None = None,
    **values: Iterable[float],
) -> Convergence:
    """Compute rank and smallest singular value for every combination of the given values.

    Displacements that symmetry hides, within 1e-3 Å (root mean square over the atoms of an
    environment), as for a diagnosis, are left out, so that a larger basis can raise the smallest
    singular value.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    descriptor
        With ``settings``; settings without values stay unchanged.
    centers
        Indices of the centers whose features are stacked; None takes all atoms.
    progress
        Called with one sentence before each combination. If it raises ``Cancelled``, the results
        so far are returned.
    **values
        Values of settings to combine, each from coarse to fine, lengths in Å. Settings of
        ``DensityCorrelations`` are n_max, l_max, smearing, cutoff and order. Settings that
        enlarge the basis (``refinable``) come first in ``parameters``.

    Raises
    ------
    TypeError, ValueError
        If the descriptor has no such setting, the values are not a sequence of different numbers,
        no combination can be computed, or the structure or a center is unusable.
    Interrupted
        On Ctrl-C; ``partial`` is the Convergence so far, which is NaN everywhere before the first
        Jacobian is known. While the arguments are checked, Ctrl-C is a plain
        KeyboardInterrupt.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, convergence, structures
    >>> generic = structures.load("generic")
    >>> found = convergence(generic, DensityCorrelations(), centers=[0], l_max=[1, 2, 4, 6])
    >>> found.rank
    array([7., 9., 9., 9.])
    >>> bool(found.full[-1]), found.converged
    (True, None)
    """
    check_descriptor(descriptor)
    tell, stop = check_progress(progress), Stop()
    chosen = check_centers(atoms, centers)
    parameters = _check_parameters(descriptor, values)
    steps = grow(atoms, descriptor, centers=chosen, parameters=parameters, progress=tell)
    found = next(steps)
    with stop:
        for more in steps:
            found = more
        if len(found.failures) == found.rank.size:
            reason = next(iter(found.failures.values()))
            raise ValueError(f"no combination can be computed: {reason}")
    unknown = [point for point, rank in np.ndenumerate(found.rank) if np.isnan(rank)]
    failures = {**dict.fromkeys(unknown, _NOT_REACHED), **found.failures}
    return stop.deliver(replace(found, failures=failures, ending=stop.ending))


def grow(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: tuple[int, ...],
    parameters: Mapping[str, tuple[float, ...]],
    progress: Progress = lambda _: None,
) -> Iterator[Convergence]:
    """Yield an empty study, then one with one more combination each time; values are checked."""
    shape = tuple(map(len, parameters.values()))
    nan, zero = np.full(shape, np.nan), np.zeros(shape, dtype=np.intp)
    known = Convergence(atoms.copy(), descriptor, centers, parameters, nan, nan, zero, zero, {})
    yield known
    subspaces: dict[float, tuple[Array, Array]] = {}
    for point, values in zip(np.ndindex(shape), product(*parameters.values()), strict=True):
        settings = dict(zip(parameters, values, strict=True))
        radius = settings.get("cutoff", descriptor.cutoff)
        if radius not in subspaces:
            subspaces[radius] = allowed_displacements(
                atoms,
                cutoff=radius,
                centers=centers,
                invariance=with_defaults(descriptor).invariance,
            )
        progress(", ".join(f"{name} = {value:g}" for name, value in settings.items()))
        smallest, rank = known.smallest.copy(), known.rank.copy()
        internal, visible = known.internal.copy(), known.visible.copy()
        internal[point], visible[point] = map(len, subspaces[radius])
        failures = known.failures
        try:
            changed = with_defaults(descriptor).with_settings(**settings)
            seen = subspaces[radius][1]
            smallest[point], rank[point] = _measure(atoms, changed, seen, centers=centers)
        except ValueError as error:
            failures = {**failures, point: str(error)}
        facts = (smallest, rank, internal, visible, failures)
        known = Convergence(known.atoms, descriptor, centers, parameters, *facts)
        yield known


def _check_parameters(
    descriptor: Descriptor, given: Mapping[str, Iterable[float]]
) -> dict[str, tuple[float, ...]]:
    """Return the settings that have values, those that enlarge the basis first."""
    known, present = with_defaults(descriptor), settings_of(descriptor)
    numbers = [name for name, value in present.items() if value is None or is_number(value)]
    settings = dict.fromkeys((*known.refinable, *numbers))
    usual = [name for name in settings if name in (*known.refinable, *known.limits)]
    if not (settings if given else usual):
        raise TypeError(f"{known.name} has no setting to vary; compare spectra one by one.")
    if wrong := ", ".join(sorted(set(given) - set(settings))):
        raise TypeError(
            f"{known.name} has no numerical setting {wrong}; choose from {', '.join(settings)}."
        )
    first = [name for name in known.refinable if name in given]
    checked = {
        name: _check_values(name, given[name], known, whole=isinstance(present.get(name), int))
        for name in dict.fromkeys([*first, *given])
    }
    parameters = {name: values for name, values in checked.items() if values}
    if not parameters:
        raise ValueError(
            f"one of {', '.join(usual or settings)} must have values, got none; give e.g. "
            f"{_example(next(iter(usual or settings)), known)}."
        )
    return parameters


def _example(name: str, descriptor: Descriptor) -> str:
    """Return values of a setting, within its limits, as the argument of a call."""
    low, high = descriptor.limits.get(name, (4, 8))
    middle = (low + high) // 2 if isinstance(low, int) else (low + high) / 2
    values = (4, 6, 8) if low <= 4 and high >= 8 else (low, middle, high)
    return f"{name}=[{', '.join(f'{value:g}' for value in values)}]"


def _check_values(
    name: str, values: Iterable[float], descriptor: Descriptor, *, whole: bool
) -> tuple[float, ...]:
    """Return values of a setting; of one that is an integer they have to be ``whole``."""
    array = np.asarray(list(values) if isinstance(values, Iterable) else values)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise TypeError(
            f"{name} must be a sequence of numbers, got {values!r}; give e.g. "
            f"{_example(name, descriptor)}."
        )
    if whole and not (np.isfinite(array) & (np.trunc(array) == array)).all():
        raise TypeError(f"{name} must be whole numbers, got {array.tolist()}; round them.")
    found = tuple((array.astype(int) if whole else array).tolist())
    if len(set(found)) < len(found):
        raise ValueError(
            f"{name} must have different values, got {list(found)}; remove the repetition."
        )
    return found


def _measure(
    atoms: Atoms, descriptor: Descriptor, directions: Array, *, centers: tuple[int, ...]
) -> tuple[float, int]:
    """Return smallest over largest singular value within directions, (n, N, 3), and the rank."""
    derivative = jacobian(atoms, descriptor, centers=centers)
    if not len(directions):
        return np.nan, 0
    values, _ = decompose(derivative, directions)
    scale = natural_scale(float(values[0]), derivative.features, cutoff=descriptor.cutoff)
    rank = int(np.sum(values > Tolerance.RANK * scale))
    return (float(values[-1] / values[0]) if rank else 0.0), rank


def _alike(rank: Array, smallest: Array) -> bool:
    """Return True if several points agree, within 10 %."""
    if np.ptp(rank) or np.isnan(smallest).all():
        return not np.ptp(rank)
    largest = float(smallest.max())
    return largest <= Tolerance.RANK or bool(np.ptp(smallest) <= 0.1 * largest)
