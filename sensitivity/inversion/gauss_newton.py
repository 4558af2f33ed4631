"""Steps towards a structure that has given features.

Steps of Gauss and Newton on |ξ(r) - ξ*|², within a trust region, in the internal displacements
that the singular vectors of J span. Where no singular value is small the features fix the
structure, and the error is squared at every step. Where one vanishes the features change
quadratically along its mode: the root that is sought is a double one, and the error is halved.

Levenberg, Quart. Appl. Math. 2, 164 (1944), doi 10.1090/qam/10666; Moré, Lecture Notes in
Mathematics 630, 105 (1978), doi 10.1007/BFb0067700.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.motions import trivial_motions
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.numerics import Array
from sensitivity.spectrum import decompose

# Å, root mean square over the atoms: the longest first step. Structures that are further apart
# than this have other neighbours, and what J says of one is no guide to the other.
FIRST_STEP = 0.3
# Fractions of the promised decrease of |ξ - ξ*|². Below the first the trust region shrinks to this
# fraction of the step, above the second it grows to this multiple. Usual values.
DISAPPOINTING, SHRINK = 0.25, 0.3
AS_PROMISED, GROW = 0.75, 2.0
# The damping is found to this fraction: a step has to be about as long as allowed, no more.
DAMPING_KNOWN = 1e-3
# Å. A step shorter than this changes nothing but rounding.
SHORTEST_STEP = 1e-13
# No attempt needs so many: halving an error of 1 Å down to rounding takes 27.
MOST_STEPS = 100
# An attempt ends if so many steps leave more than this fraction of the residual. A double root
# leaves 1/64 of it.
PATIENCE, IDLE = 3, 0.97
# Relative error of features in double precision: nothing is gained below.
ROUNDING = 1e-15
# Relative to the largest, below this a singular value is too noisy to be divided by.
INVISIBLE = 1e-9
# Å, root mean square over the coordinates, by which a stalled attempt is displaced. It brings half
# of those over the rattled G2 molecules to success at once; 0.2 Å somewhat fewer, as 0.4 Å.
KICK = 0.3
# Modes are kicked in inverse proportion to their singular value, but as if none were below this
# fraction of the largest.
SOFTEST_KICKED = 1e-2
# Keeps a quotient finite where everything vanishes by symmetry.
TINY = 1e-300


@dataclass(frozen=True)
class Problem:
    """What does not change: the descriptor, the features wanted, and their norm."""

    descriptor: Descriptor
    target: Array
    norm: float

    def guess(self, derivative: Jacobian) -> Guess:
        """The structure of this Jacobian as a guess."""
        mismatch = (derivative.features - self.target) / self.norm
        return Guess(self, derivative, mismatch, float(np.linalg.norm(mismatch)))

    def displaced(self, guess: Guess, displacement: Array) -> Guess:
        """The guess after a displacement of its atoms, shape (N, 3)."""
        atoms = guess.atoms.copy()
        atoms.positions += displacement
        centers = guess.derivative.centers
        return self.guess(jacobian(atoms, self.descriptor, centers=centers))


@dataclass(frozen=True)
class Guess:
    """A structure and how far its features are from those wanted.

    Attributes
    ----------
    problem
        To which it may be the answer.
    derivative
        Its features and their Jacobian.
    mismatch
        Shape (centers, features): ξ - ξ* over |ξ*|.
    residual
        Norm of the mismatch.
    """

    problem: Problem
    derivative: Jacobian
    mismatch: Array
    residual: float

    @property
    def atoms(self) -> Atoms:
        """The structure."""
        return self.derivative.atoms

    @cached_property
    def decomposition(self) -> tuple[Array, Array]:
        """Singular values (n,) of J/|ξ*|, and modes (n, N, 3), of internal displacements."""
        cutoff = self.problem.descriptor.cutoff
        trivial = trivial_motions(self.atoms, cutoff=cutoff, centers=self.derivative.centers)
        values, modes = decompose(self.derivative, trivial.internal())
        return values / self.problem.norm, modes

    @property
    def sees(self) -> bool:
        """Whether a center sees a neighbour that can move."""
        return len(self.decomposition[0]) > 0

    def step(self, radius: float) -> tuple[Array, float]:
        """Displacement (N, 3) of at most this length that most decreases the residual.

        To first order of the features; and by how much it promises to decrease its square.
        """
        values, modes = self.decomposition
        force = np.zeros(self.atoms.positions.shape)
        for row, block in zip(self.mismatch, self.derivative.blocks, strict=True):
            force[block.atoms] -= np.tensordot(row, block.gradient, axes=1)
        forces = np.tensordot(modes, force, axes=2) / self.problem.norm
        forces[values <= INVISIBLE * values.max(initial=0)] = 0
        lengths = _shortened(values, forces, radius)
        promised = 2 * lengths @ forces - np.sum((values * lengths) ** 2)
        return np.tensordot(lengths, modes, axes=1), float(promised)

    def kick(self, rng: np.random.Generator) -> Array:
        """Random displacement (N, 3), mostly along soft modes."""
        values, modes = self.decomposition
        softest = SOFTEST_KICKED * values.max() + TINY
        amounts = rng.normal(size=len(values)) / np.maximum(values / softest, 1)
        amounts *= KICK * np.sqrt(self.atoms.positions.size) / np.linalg.norm(amounts)
        return np.tensordot(amounts, modes, axes=1)


def _shortened(values: Array, forces: Array, radius: float) -> Array:
    """Minimiser of |ρ + J x|² within |x| <= radius, along singular vectors, from -Jᵀρ along them.

    It is forces / (values² + damping), with the least damping that makes it short enough.
    """
    moving = forces != 0
    steps = np.zeros_like(forces)
    squares, forces = values[moving] ** 2, forces[moving]
    low, high = 0.0, 0.0
    if np.linalg.norm(forces / squares) > radius:
        high = float(np.linalg.norm(forces)) / radius
    while high - low > DAMPING_KNOWN * high:
        middle = (low + high) / 2
        too_long = np.linalg.norm(forces / (squares + middle)) > radius
        low, high = (middle, high) if too_long else (low, middle)
    steps[moving] = forces / (squares + high)
    return steps


def search(
    first: Guess, *, tolerance: float, restarts: int, rng: np.random.Generator
) -> Iterator[tuple[int, Guess]]:
    """Give the number of the attempt and the guess, for everything that is tried."""
    best = start = first
    for attempt in range(restarts + 1):
        for guess in descend(start):
            yield attempt, guess
            best = guess if guess.residual < best.residual else best
        if best.residual <= tolerance or attempt == restarts:
            return
        origin = best if best.sees else first  # nothing leads back from where nothing is seen
        start = first.problem.displaced(origin, origin.kick(rng))


def descend(here: Guess) -> Iterator[Guess]:
    """Try steps until there is nothing to gain; those count that lower the residual."""
    yield here
    radius = FIRST_STEP * np.sqrt(len(here.atoms))
    residuals = [here.residual]
    for _ in range(MOST_STEPS):
        displacement, promised = here.step(radius)
        length = float(np.linalg.norm(displacement))
        if length < SHORTEST_STEP:
            return
        there = here.problem.displaced(here, displacement)
        yield there
        gained = here.residual**2 - there.residual**2
        if gained > AS_PROMISED * promised:
            radius = max(radius, GROW * length)
        elif not gained >= DISAPPOINTING * promised:
            radius = SHRINK * length
        if there.residual < here.residual:
            here = there
            residuals.append(here.residual)
        idle = len(residuals) > PATIENCE and residuals[-1] > IDLE * residuals[-1 - PATIENCE]
        if idle or here.residual <= ROUNDING:
            return
