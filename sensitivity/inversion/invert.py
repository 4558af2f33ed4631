"""Find the structure that has given features, from a start nearby."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.inversion.feasibility import find_lack
from sensitivity.inversion.gauss_newton import ROUNDING, Guess, Problem, search
from sensitivity.inversion.inversion import Inversion, count
from sensitivity.inversion.soft_mode import Softness, soften
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.numerics import Array, Tolerance
from sensitivity.progress import Progress, check_progress
from sensitivity.structures import check_centers, neighbor_pairs
from sensitivity.structures.immobile import explain_stillness

# The sum of the squares of larger numbers may overflow.
LARGEST = 1e150


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

    Minimises |ξ(r) - ξ*|² over the positions, by Levenberg-Marquardt steps with the analytic
    Jacobian. Where an attempt stalls, short of the features, the best structure so far is
    displaced at random, mostly along its softest modes, and tried again: near a flat molecule, for
    one, there is a local minimum for every choice of the side to which each atom is out of plane.

    An interrupt from the keyboard ends the search. The best structure so far is then returned, and
    its status says so.

    Local invertibility is the subject of Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open
    Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1.

    Parameters
    ----------
    features
        Those wanted, shape (centers, features), as ``descriptor.features`` gives them.
    descriptor
        Any descriptor.
    start
        A structure of the same atoms in the same order, N atoms.
    centers
        Indices of the centers to which the rows of ``features`` belong; None takes all atoms.
    tolerance
        Relative residual up to which the features count as reproduced. The search goes on to
        rounding nevertheless; raise it for features that are not exact.
    restarts
        How many more attempts there may be.
    rng
        For the displacements of further attempts; None takes a generator of fixed seed.
    progress
        Called after each Jacobian with a short sentence, in the thread of the search. If it raises
        KeyboardInterrupt, the search ends as on Ctrl-C: so another thread can call it off.

    Returns
    -------
    Inversion, with the structure in the orientation that it has after moving from the start.

    Raises
    ------
    TypeError, ValueError
        If the features do not have the shape of those of the start, or are not finite, real
        numbers; if the start, a center or their combination with the descriptor is unusable; if no
        center sees a neighbour that can move against it; if ``tolerance`` or ``restarts`` is out of
        range.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, invert, structures
    >>> atoms, descriptor = structures.load("H2O"), DensityCorrelations(order=2)
    >>> wanted = descriptor.features(atoms)
    >>> atoms.rattle(0.05)
    >>> invert(wanted, descriptor, start=atoms).converged
    True
    """
    _check_settings(tolerance, restarts)
    derivative = jacobian(start, descriptor, centers=check_centers(start, centers))
    target = _check_features(features, derivative)
    norm = float(np.linalg.norm(target)) or float(np.linalg.norm(derivative.features))
    first = Problem(descriptor, target, max(norm, ROUNDING)).guess(derivative)
    _check_neighbors(first)
    told = check_progress(progress)
    generator = np.random.default_rng(0) if rng is None else rng
    trails: list[list[Guess]] = [[first]]
    evaluations, softness, interrupted = 1, Softness(float("nan"), None, "minimum"), False
    try:
        for attempt, guess in search(first, tolerance=tolerance, restarts=restarts, rng=generator):
            evaluations += guess is not first
            if attempt == len(trails):
                trails.append([guess])
            elif guess.residual < trails[attempt][-1].residual:
                trails[attempt].append(guess)
            told(_say(evaluations, trails))
        softness = soften(_best(trails)[-1])
    except KeyboardInterrupt:
        interrupted = True
    trail = _best(trails)
    end, converged = trail[-1].atoms, trail[-1].residual <= tolerance
    stalled = not (converged or interrupted)
    lack = find_lack(target, descriptor, atoms=end, centers=derivative.centers) if stalled else ""
    return Inversion(
        atoms=end,
        centers=derivative.centers,
        converged=converged,
        residuals=np.array([guess.residual for guess in trail]),
        evaluations=evaluations,
        attempts=len(trails),
        uncertainty=softness.uncertainty,
        stalled_along=None if lack else softness.null,
        stalled_by=("composition" if lack else softness.stall) if stalled else None,
        lack=lack,
        left=_left(start, end, descriptor.cutoff, derivative.centers),
        tolerance=tolerance,
        interrupted=interrupted,
    )


def _say(evaluations: int, trails: list[list[Guess]]) -> str:
    """How far the search has come."""
    off = _best(trails)[-1].residual
    return f"{count(evaluations, 'Jacobian')}, attempt {len(trails)}, features off by {off:.0e}"


def _left(start: Atoms, end: Atoms, cutoff: float, centers: tuple[int, ...]) -> tuple[int, ...]:
    """Atoms that a center saw at the start, and at the end none does, but for what fades."""
    seen = []
    for atoms in (start, end):
        pairs = neighbor_pairs(atoms, cutoff - Tolerance.FADING)
        seen.append({int(j) for i, j in zip(pairs.i, pairs.j, strict=True) if i in centers})
    return tuple(sorted(seen[0] - seen[1] - set(centers)))


def _best(trails: list[list[Guess]]) -> list[Guess]:
    return min(trails, key=lambda trail: trail[-1].residual)


def _check_settings(tolerance: float, restarts: int) -> None:
    if not isinstance(tolerance, Real) or isinstance(tolerance, bool):
        raise TypeError(f"tolerance must be a number, got {tolerance!r}; try 1e-10.")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be between 0 and 1, got {tolerance}; try 1e-10.")
    if not isinstance(restarts, Integral) or isinstance(restarts, bool):
        raise TypeError(f"restarts must be an integer, got {restarts!r}; try 10.")
    if restarts < 0:
        raise ValueError(f"restarts must be 0 or more, got {restarts}; try 10.")


def _check_features(features: ArrayLike, start: Jacobian) -> Array:
    """Return the features wanted as an array, if it has the shape of those of the start."""
    try:
        if np.iscomplexobj(features):
            raise TypeError
        target = np.array(features, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"features must be an array of real numbers of shape {start.features.shape}, got "
            f"{_name_kind(features)}; give what descriptor.features returns."
        ) from None
    if target.shape != start.features.shape:
        raise ValueError(
            f"features must have the shape (centers, features) = {start.features.shape} of those "
            f"of the start, {start.atoms.symbols} with {count(len(start.centers), 'center')}, got "
            f"{target.shape}; give a start with the species and number of atoms, and the centers "
            "and the descriptor, that the features belong to."
        )
    if not np.isfinite(target).all():
        wrong = int(np.sum(~np.isfinite(target)))
        raise ValueError(
            f"features must be finite numbers, got {wrong} of {target.size} that are not; "
            "compute them again."
        )
    if np.abs(target).max(initial=0.0) > LARGEST:
        raise ValueError(
            f"features must be numbers of which squares can be computed, at most {LARGEST:.0e}, "
            f"got {np.abs(target).max():.0e}; compute them again."
        )
    return target


def _name_kind(features: ArrayLike) -> str:
    return "complex numbers" if np.iscomplexobj(features) else type(features).__name__


def _check_neighbors(guess: Guess) -> None:
    cutoff, centers = guess.problem.descriptor.cutoff, guess.derivative.centers
    if not guess.sees:
        raise ValueError(
            "no center of the start sees anything that can move against it: "
            f"{explain_stillness(guess.atoms, cutoff=cutoff, centers=centers)}."
        )
