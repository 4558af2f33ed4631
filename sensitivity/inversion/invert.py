"""Search for the structure that has given features, from a start nearby."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

from sensitivity.descriptors import Centers, Descriptor, with_defaults
from sensitivity.inversion.gauss_newton import PRECISION, Guess, SoftMode, examine_soft_mode, search
from sensitivity.inversion.inversion import Inversion, count
from sensitivity.numerics import Array, check_integer, check_real, takes_centers
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, check_progress
from sensitivity.structures import neighbor_pairs
from sensitivity.structures.neighbors import explain_immobility
from sensitivity.tolerances import Tolerance


@takes_centers
def invert(
    features: ArrayLike,
    descriptor: Descriptor,
    *,
    start: Atoms,
    centers: Centers = None,
    tolerance: float = 1e-10,
    restarts: int = 10,
    rng: np.random.Generator | None = None,
    progress: Progress | None = None,
) -> Inversion:
    """Find the structure that has these features, from a start nearby.

    Minimises ‖ξ(r) - ξ*‖² over the positions, by Levenberg-Marquardt steps with the analytic
    Jacobian. If an attempt stalls before the target, the best structure so far is displaced at
    random, mostly along its softest modes, and tried again: near a flat molecule, for example,
    there is a local minimum for every choice of the side to which each atom is out of plane.

    Local invertibility is the subject of Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open
    Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1.

    Parameters
    ----------
    features
        Target features, shape (centers, features), as from ``descriptor.features``.
    descriptor
        Any descriptor.
    start
        A structure of the same atoms in the same order, N atoms.
    centers
        Indices of the centers to which the rows of ``features`` belong; None takes all atoms.
    tolerance
        Relative residual up to which the features count as reproduced. The search nevertheless
        continues to rounding; increase it for inexact features.
    restarts
        Largest number of further attempts.
    rng
        Source of the displacements of further attempts; None takes a generator of fixed seed.
    progress
        Called after each Jacobian with a short sentence, in the thread of the search. If it raises
        ``Cancelled``, the best structure so far is returned, and the status says so.

    Returns
    -------
    Inversion
        With the structure in the orientation reached from the start.

    Raises
    ------
    Interrupted
        On Ctrl-C: a KeyboardInterrupt whose ``partial`` is the result with the best structure so
        far. Before the first Jacobian is known, that of the start, Ctrl-C is a plain
        KeyboardInterrupt.
    Cancelled
        If it is cancelled before that.
    TypeError, ValueError
        If the features do not have the shape of those of the start, or are not finite, real
        numbers; if the start, a center or their combination with the descriptor is unusable; if no
        center sees a neighbour that can move relative to it; if ``tolerance`` or ``restarts`` is
        out of range.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, invert, structures
    >>> atoms, descriptor = structures.load("H2O"), DensityCorrelations(order=2)
    >>> wanted = descriptor.features(atoms)
    >>> atoms.rattle(0.05)
    >>> invert(wanted, descriptor, start=atoms).converged
    True
    """
    expected = "a number between 0 and 1"
    check_real(tolerance, "tolerance", expected, accepts=lambda x: 0 < x < 1, remedy="try 1e-10")
    check_integer(restarts, "restarts", "0 or more", accepts=lambda n: n >= 0, remedy="try 10")
    tell, generator = check_progress(progress), rng or np.random.default_rng(0)
    observed = Observation.of(start, descriptor, centers=centers)
    target = _check_features(features, observed)
    norm = float(np.linalg.norm(target)) or float(np.linalg.norm(observed.jacobian.features))
    first = Guess(observed, target, max(norm, PRECISION))
    trails: list[list[Guess]] = [[first]]
    evaluations, softest = 1, SoftMode(float("nan"), None, "minimum")
    with (stop := Stop()):
        if not first.sees:
            start, cutoff = first.observed.atoms, descriptor.cutoff
            reason = explain_immobility(start, cutoff=cutoff, centers=observed.centers)
            raise ValueError(f"no center of the start sees a neighbour that can move: {reason}.")
        for attempt, guess in search(first, tolerance=tolerance, restarts=restarts, rng=generator):
            residual = guess.residual
            evaluations += guess is not first
            if attempt == len(trails):
                trails.append([guess])
            elif residual < trails[attempt][-1].residual:
                trails[attempt].append(guess)
            off = f"features off by {_best(trails)[-1].residual:.0e}"
            tell(f"{count(evaluations, 'Jacobian')}, attempt {len(trails)}, {off}")
        softest = examine_soft_mode(_best(trails)[-1])
    result = _make_result(trails, softest, evaluations=evaluations, tolerance=tolerance, stop=stop)
    return stop.deliver(result)


def _make_result(
    trails: list[list[Guess]], softest: SoftMode, *, evaluations: int, tolerance: float, stop: Stop
) -> Inversion:
    first, best, missing, lost = trails[0][0], _best(trails), "", tuple[int, ...]()
    end, converged = best[-1].observed, best[-1].residual <= tolerance
    with stop:
        lost = _lost(first.observed, end)
        if not (converged or stop.stopped):
            atoms, centers = end.atoms, end.centers
            missing = missing_neighbors(first.target, end.descriptor, atoms=atoms, centers=centers)
    stalled = not (converged or stop.stopped)
    return Inversion(
        end.atoms,
        end.centers,
        converged,
        residuals=np.array([guess.residual for guess in best]),
        evaluations=evaluations,
        attempts=len(trails),
        uncertainty=softest.uncertainty,
        stalled_along=None if missing else softest.null,
        stalled_by=("composition" if missing else softest.stall) if stalled else None,
        missing_neighbors=missing,
        lost_atoms=lost,
        tolerance=tolerance,
        ending=stop.ending,
    )


def _lost(start: Observation, end: Observation) -> tuple[int, ...]:
    """Return atoms that a center saw at the start and none sees at the end, within the margin."""
    seen = []
    for observed in (start, end):
        pairs = neighbor_pairs(observed.atoms, start.descriptor.cutoff - Tolerance.FADING)
        seen.append(set(pairs.j[np.isin(pairs.i, start.centers)].tolist()))
    return tuple(sorted(seen[0] - seen[1] - set(start.centers)))


def _best(trails: list[list[Guess]]) -> list[Guess]:
    return min(trails, key=lambda trail: trail[-1].residual)


def _check_features(features: ArrayLike, start: Observation) -> Array:
    shape, given = start.jacobian.features.shape, type(features).__name__
    try:
        if np.iscomplexobj(features):
            given = "complex numbers"
            raise TypeError
        target = np.array(features, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"features must be an array of real numbers of shape {shape}, got {given}; give the "
            "result of descriptor.features."
        ) from None
    if target.shape != shape:
        raise ValueError(
            f"features must have the shape (centers, features) = {shape} of those of the start, "
            f"{start.atoms.symbols} with {count(len(start.centers), 'center')}, got "
            f"{target.shape}; give a start with the species and number of atoms, the centers "
            "and the descriptor of the features."
        )
    if wrong := int(np.sum(~np.isfinite(target))):
        raise ValueError(
            f"features must be finite numbers, got {wrong} of {target.size} that are not; "
            "compute them again."
        )
    largest = 1e150  # the sum of squares of larger numbers may overflow
    if np.abs(target).max(initial=0.0) > largest:
        raise ValueError(
            f"features must be numbers whose squares do not overflow, at most {largest:.0e}, "
            f"got {np.abs(target).max():.0e}; compute them again."
        )
    return target


def missing_neighbors(
    features: Array, descriptor: Descriptor, *, atoms: Atoms, centers: Sequence[int]
) -> str:
    """Return the neighbours that a center lacks for such features; empty if none are known.

    The part of degree 0 of the features is c_n = Σ_j γ_n(r_j), a sum over the neighbours of one
    species, each of which is on one curve γ(r). Sums with weights w(r) ≥ 0 in place of the
    neighbours are a convex set: if none of them with Σ w ≤ K comes near c, then K neighbours are
    too few. This is certain, unlike a failed search. Too many neighbours are never certain: they
    can leave. Columns are named by the species that the descriptor has for this structure, since
    features do not name their element.

    ``features``, shape (centers, features), are the target for the ``centers`` of ``atoms``, which
    do not have them. Nothing is known for descriptors without ``neighbor_densities``, which density
    correlations of order 1 and 2 have.
    """
    seen = with_defaults(descriptor)
    lengths = np.arange(0.05, descriptor.cutoff, 0.05)  # Å: the curve bends by 0.3 % between two
    numbers = atoms.numbers.tolist()
    known = [seen.neighbor_densities(row, numbers) or {} for row in features]
    curve = seen.neighbor_curve(lengths) if all(known) else None
    if curve is None:
        return ""
    for center, densities in zip(centers, known, strict=True):
        for number, content in densities.items():
            there = _count(atoms, center, number, descriptor.cutoff)
            needed = _fewest(content, curve, least=there)
            if needed > there:
                return (
                    f"the features of {atoms.symbols[center]}{center} need at least {needed} "
                    f"neighbour{'s' if needed > 1 else ''} within the cutoff in the columns of "
                    f"{chemical_symbols[number]}, but there {'is' if there == 1 else 'are'} {there}"
                )
    return ""


def _count(atoms: Atoms, center: int, number: int, cutoff: float) -> int:
    """Return the largest possible number of neighbours of a species; in a crystal the actual."""
    if not atoms.pbc.any():
        return int(np.sum(np.delete(atoms.numbers, center) == number))
    pairs = neighbor_pairs(atoms, cutoff)
    return int(np.sum(atoms.numbers[pairs.j[pairs.i == center]] == number))


def _fewest(content: Array, curve: Array, *, least: int) -> int:
    """Return the smallest number of neighbours, from ``least``, that fits; else ``least``."""
    length, longest = np.linalg.norm(content), np.linalg.norm(curve, axis=1).max()
    if length <= 1e-3 * longest:  # a neighbour that fades at the cutoff, or rounding
        return least
    # Weights may miss |c| by more than the grid spacing or inexact features cause, and by less than
    # one of fifty neighbours.
    missed, most_more = 0.01, 1000  # no environment lacks this many neighbours
    for target in (content / length, -content / length):
        if _misfit(target, curve / length) <= missed:
            numbers = range(least, least + most_more)
            misfits = partial(_misfit, target, curve / length)
            return least + bisect_left(numbers, True, key=lambda n: misfits(most=n) <= missed)
    return least


def _misfit(target: Array, curve: Array, *, most: int | None = None) -> float:
    """Return the distance from a target to the curve weighted with w ≥ 0, Σ w ≤ ``most``."""
    from scipy.optimize import nnls

    if most is None:
        return float(nnls(curve.T, target)[1])
    # The last weight, for no neighbour, completes the sum.
    held = 1e3  # weight of the sum relative to the misfit

    rows = np.block([[curve.T, np.zeros((len(target), 1))], [held * np.ones((1, len(curve) + 1))]])
    return float(nnls(rows, np.append(target, held * most))[1])
