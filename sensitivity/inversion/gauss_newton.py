"""Steps towards a structure that has given features.

Gauss-Newton steps on |ξ(r) - ξ*|², within a trust region, in the internal displacements spanned by
the singular vectors of J. If no singular value is small, the features determine the structure, and
the error is squared at every step. If one vanishes, the features change quadratically along its
mode: the root is double, and the error is halved.

Levenberg, Quart. Appl. Math. 2, 164 (1944), doi 10.1090/qam/10666; Moré, Lecture Notes in
Mathematics 630, 105 (1978), doi 10.1007/BFb0067700.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sensitivity.inversion.inversion import NullMode, Stall
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.spectrum import decompose
from sensitivity.tolerances import Tolerance

# Keeps a quotient finite if everything vanishes by symmetry.
TINY = 1e-300
# Relative error of features in double precision; smaller residuals mean nothing.
PRECISION = 1e-15


@dataclass(frozen=True)
class Guess:
    """A structure, and the distance of its features from the target."""

    observed: Observation
    target: Array  # target features ξ*, (centers, features)
    norm: float  # |ξ*|

    def displaced(self, displacement: Array) -> Guess:
        """Return the guess after a displacement of the atoms, shape (N, 3)."""
        return replace(self, observed=self.observed.displaced(displacement))

    @property
    def longest_step(self) -> float:
        """Longest first step, in Å, root of the summed squares.

        Structures further apart than 0.3 Å, root mean square over the atoms, have other neighbours,
        and J of one does not describe the other.
        """
        return float(0.3 * np.sqrt(len(self.observed.atoms)))

    @cached_property
    def mismatch(self) -> Array:
        """ξ - ξ* over |ξ*|, shape (centers, features)."""
        return (self.observed.jacobian.features - self.target) / self.norm

    @cached_property
    def residual(self) -> float:
        """Norm of the mismatch."""
        return float(np.linalg.norm(self.mismatch))

    @cached_property
    def decomposition(self) -> tuple[Array, Array]:
        """Singular values (n,) of J/|ξ*|, and internal modes (n, N, 3)."""
        values, modes = decompose(self.observed.jacobian, self.observed.internal)
        return values / self.norm, modes

    @property
    def sees(self) -> bool:
        """True if a center sees a neighbour that can move."""
        return len(self.decomposition[0]) > 0

    def step(self, radius: float) -> tuple[Array, float]:
        """Return the step (N, 3), at most ``radius`` long, with the largest predicted decrease.

        The prediction is to first order in the features; also returns the decrease of the square.
        """
        values, modes = self.decomposition
        force = np.zeros(modes.shape[1:])
        for row, block in zip(self.mismatch, self.observed.jacobian.blocks, strict=True):
            force[block.atoms] -= np.tensordot(row, block.gradient, axes=1)
        forces = np.tensordot(modes, force, axes=2) / self.norm
        forces[values <= Tolerance.ROUNDING * values.max(initial=0)] = 0
        lengths = _shortened(values, forces, radius)
        promised = 2 * lengths @ forces - np.sum((values * lengths) ** 2)
        return np.tensordot(lengths, modes, axes=1), float(promised)

    def kick(self, rng: np.random.Generator) -> Array:
        """Return a random displacement (N, 3), mostly along soft modes.

        It is 0.3 Å, root mean square over the coordinates: half of the stalled attempts for the
        rattled G2 molecules then succeed at once; 0.2 Å and 0.4 Å give somewhat fewer. Amplitudes
        are inversely proportional to the singular value, with a lower bound of 1 % of the
        largest.
        """
        amplitude, softest = 0.3, 1e-2
        values, modes = self.decomposition
        least = softest * values.max() + TINY
        amounts = rng.normal(size=len(values)) / np.maximum(values / least, 1)
        amounts *= amplitude * np.sqrt(modes[0].size) / np.linalg.norm(amounts)
        return np.tensordot(amounts, modes, axes=1)


def _shortened(values: Array, forces: Array, radius: float) -> Array:
    """Minimise |ρ + J x|² within |x| <= radius: forces / (values² + the smallest damping)."""
    known = 1e-3  # relative accuracy of the step length
    moving = forces != 0
    steps = np.zeros_like(forces)
    squares, forces = values[moving] ** 2, forces[moving]
    low, high = 0.0, 0.0
    if np.linalg.norm(forces / squares) > radius:
        high = float(np.linalg.norm(forces)) / radius
    while high - low > known * high:
        middle = (low + high) / 2
        too_long = np.linalg.norm(forces / (squares + middle)) > radius
        low, high = (middle, high) if too_long else (low, middle)
    steps[moving] = forces / (squares + high)
    return steps


def search(
    first: Guess, *, tolerance: float, restarts: int, rng: np.random.Generator
) -> Iterator[tuple[int, Guess]]:
    """Yield the attempt number and the guess, for every guess."""
    best = start = first
    for attempt in range(restarts + 1):
        for guess in descend(start):
            yield attempt, guess
            best = guess if guess.residual < best.residual else best
        if best.residual <= tolerance or attempt == restarts:
            return
        origin = best if best.sees else first  # no descent starts where nothing is visible
        start = origin.displaced(origin.kick(rng))


def descend(here: Guess) -> Iterator[Guess]:
    """Yield steps that lower the residual, until no further decrease is possible.

    An attempt ends if three steps leave more than 97 % of the residual: a double root leaves 1/64
    of it.
    """
    shortest = 1e-13  # Å: a shorter step changes only rounding
    most_steps = 100  # halving an error of 1 Å down to rounding takes 27
    patience, idle = 3, 0.97
    yield here
    radius = here.longest_step
    residuals = [here.residual]
    for _ in range(most_steps):
        displacement, promised = here.step(radius)
        length = float(np.linalg.norm(displacement))
        if length < shortest:
            return
        there = here.displaced(displacement)
        yield there
        gained = here.residual**2 - there.residual**2
        if gained > 0.75 * promised:  # usual values for a trust region
            radius = max(radius, 2.0 * length)
        elif gained < 0.25 * promised:
            radius = 0.3 * length
        if there.residual < here.residual:
            here = there
            residuals.append(here.residual)
        stuck = len(residuals) > patience and residuals[-1] > idle * residuals[-1 - patience]
        if stuck or here.residual <= PRECISION:
            return


class SoftMode(NamedTuple):
    """The uncertainty due to the softest mode."""

    uncertainty: float  # Å, root of the summed squares
    null: NullMode | None  # the mode if it is null
    stall: Stall  # reason for a remaining residual


def examine_soft_mode(guess: Guess) -> SoftMode:
    """Examine the softest mode v.

    Images of other displacements compensate the part in their span, so only the rest of J v and of
    its derivative H[v] counts. The nearest zero of it is found to first order. Along v, |ξ - ξ*|²/2
    changes by |J v|² + (ξ - ξ*)·H[v, v] to second order. If the second term is larger, and ξ - ξ*
    is along H[v, v], the target is beyond a fold, and v counts as null too; if the sum is negative,
    the search ended on a saddle.
    """
    soft = 0.1  # of the largest singular value: modes above are not examined
    along_fold = 0.9  # smallest cosine of ξ - ξ* with H[v, v] at a fold
    values, modes = guess.decomposition
    if not guess.sees:
        return SoftMode(float("nan"), None, "nothing left")
    value, largest = float(values[-1]), float(values[0])
    unnoticed = max(guess.residual, PRECISION)
    if value > soft * largest:
        return SoftMode(unnoticed / value, None, _stall(guess))
    image, curved = _beyond_others(guess)
    # The undetected change is |J v| a + |H[v, v]| a² / 2.
    bend = float(np.linalg.norm(curved[:, -1]))
    answer = value + np.sqrt(value**2 + 2 * bend * unnoticed)
    distance = 0.0 if value <= Tolerance.ROUNDING * largest else _distance_to_zero(image, curved)
    null = NullMode(
        displacement=modes[-1].copy(),
        singular_value=value * guess.norm,
        condition=value / (largest + TINY),
        distance=distance,
    )
    held = float(guess.mismatch.ravel() @ curved[:, -1])
    folded = held > max(value**2, along_fold * bend * guess.residual)
    stall: Stall = "fold" if folded else "saddle" if held < -(value**2) else _stall(guess)
    is_null = folded or distance <= Tolerance.POSITIONS
    if answer == 0:
        return SoftMode(float("inf"), null, "blind")
    return SoftMode(2 * unnoticed / answer, null if is_null else None, stall)


def _stall(guess: Guess) -> Stall:
    _, promised = guess.step(guess.longest_step)
    return "unfinished" if promised > 0.1 * guess.residual**2 else "minimum"


def _beyond_others(guess: Guess) -> tuple[Array, Array]:
    """Return J v of the softest mode v, (rows,), and H[v] of all modes, without other images."""
    values, modes = guess.decomposition
    change = guess.observed.derivative(modes[-1])
    images = guess.observed.jacobian.apply(modes) / guess.norm  # [row, mode]
    others = np.flatnonzero(values[:-1] > Tolerance.ROUNDING * values[0])
    seen = images[:, others] / values[others]
    curved = change.apply(modes) / guess.norm
    return images[:, -1], curved - seen @ (seen.T @ curved)


def _distance_to_zero(image: Array, slopes: Array) -> float:
    """Return the length of the shortest x with image + slopes x = 0; infinite if impossible."""
    noise = 1e-6  # noise of finite differences, relative to the largest slope
    step, *_ = np.linalg.lstsq(slopes, -image, rcond=noise)
    left = np.linalg.norm(image + slopes @ step)
    return float(np.linalg.norm(step)) if left <= 0.5 * np.linalg.norm(image) else float("inf")
