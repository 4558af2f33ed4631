"""Measurement of the invariance, locality, smoothness and noise of a descriptor of another code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from ase import Atoms

from sensitivity.descriptors.differences import EPS, Differences, one_sided_differences
from sensitivity.descriptors.trust import BROKEN, RANDOM, Invariance, Trust
from sensitivity.numerics import Array, Indices
from sensitivity.progress import Cancelled

if TYPE_CHECKING:
    from sensitivity.descriptors.adapter import Adapter

Result = TypeVar("Result")

_Placed = tuple[Atoms, tuple[int, ...]]
"""A structure and the centers in it."""


def examine(descriptor: Adapter, atoms: Atoms, centers: tuple[int, ...]) -> Trust:
    """Measure the properties of a descriptor on a structure."""
    probe = _Probe.of(descriptor, atoms, centers)
    repetition = probe.change(probe.atoms) or 0.0
    if repetition > RANDOM:
        raise ValueError(
            f"{descriptor.name} is random: two calls with the same structure differ by "
            f"{repetition:.1e} of the features; fix its seed, or switch its dropout off."
        )
    noise = max(repetition, probe.noise())
    gradient, error = probe.gradient(noise)
    return Trust(
        repetition=repetition,
        noise=noise,
        translation=probe.attempt(lambda: probe.change(probe.translated())),
        **probe.invariance()._asdict(),
        locality=probe.locality(),
        edge=probe.attempt(probe.edge),
        kink=probe.attempt(probe.kink),
        gradient=gradient,
        gradient_error=error,
    )


def examine_invariance(
    descriptor: Adapter, atoms: Atoms, centers: tuple[int, ...], noise: float
) -> Invariance:
    """Measure the invariance in few calls; ``noise`` is that of ``Trust``.

    A rotation and a permutation are made in one call: their effects do not cancel, since no power
    of this rotation is a permutation. Inversion and the exchanges of two like atoms have calls of
    their own: a triple product changes its sign by both.
    """
    probe = _Probe.of(descriptor, atoms, centers)
    turned = probe.reordered(probe.turned(probe.atoms), probe.cycles)
    together, inverted, *exchanged = probe.changes([turned, probe.inverted(), *probe.exchanged()])
    if together is None or together > max(BROKEN, 30 * noise):
        return probe.invariance()
    return Invariance(together, _largest(exchanged), inverted)


def _largest(changes: list[float | None]) -> float | None:
    """Return the largest change; None without any, or if one is not known."""
    known = [change for change in changes if change is not None]
    return max(known, default=None) if len(known) == len(changes) else None


def _rotation(vector: list[float]) -> Array:
    """Return the matrix of a rotation by a vector, by the formula of Rodrigues.

    ``scipy.spatial.transform`` takes a fifth of the start of each process of a survey.
    """
    angle = float(np.linalg.norm(vector))
    cross = np.cross(np.eye(3), np.array(vector) / angle)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


@dataclass(frozen=True)
class _Probe:
    descriptor: Adapter
    atoms: Atoms  # displaced at random
    centers: tuple[int, ...]
    features: Array  # of all centers

    @property
    def center(self) -> int:
        """The first center."""
        return self.centers[0]

    @classmethod
    def of(cls, descriptor: Adapter, atoms: Atoms, centers: tuple[int, ...]) -> _Probe:
        rng, moved = np.random.default_rng(0), atoms.copy()
        moved.positions += rng.normal(scale=0.06, size=moved.positions.shape)
        features = descriptor._answer(moved, centers)
        return cls(descriptor, moved, centers, features)

    def change(self, other: Atoms | None) -> float | None:
        """Return the relative change of the features of the center; None without a structure."""
        return None if other is None else self.difference(self.features, other, self.centers)

    def changes(self, others: list[_Placed]) -> list[float | None]:
        """Return the change for each of several structures; None where the code refuses it."""

        def alone(other: _Placed) -> float | None:
            return self.attempt(lambda: self.difference(self.features, *other))

        structures, centers = zip(*others, strict=True)
        together = self.attempt(lambda: self.descriptor._answers(structures, centers))
        if together is None:
            return list(map(alone, others))
        return [self.attempt(partial(self.compare, self.features, each)) for each in together]

    def difference(self, before: Array, other: Atoms, centers: tuple[int, ...]) -> float:
        """Return the change from some features, relative to those of the structure."""
        return self.compare(before, self.descriptor._answer(other, centers))

    def compare(self, before: Array, after: Array) -> float:
        """Return the change between features, relative to those of the structure."""
        self.descriptor._check_size(before, after)
        size = float(np.linalg.norm(self.features)) or 1.0
        return float(np.linalg.norm(after - before)) / size

    def attempt(self, measure: Callable[[], Result]) -> Result | None:
        """Return what is measured; None if the code refuses the structure."""
        try:
            return measure()
        except Cancelled:
            raise
        except Exception:
            return None

    def noise(self) -> float:
        if self.descriptor._precision > EPS:
            return self.descriptor._precision
        return self._scatter() / (float(np.linalg.norm(self.features)) or 1.0)

    def _scatter(self) -> float:
        return float(np.linalg.norm(self._along.noise))

    @cached_property
    def _direction(self) -> Array:
        direction = np.random.default_rng(1).normal(size=self.atoms.positions.shape)
        return np.asarray(direction / np.linalg.norm(direction))

    @cached_property
    def _along(self) -> Differences:
        return self.descriptor._along(self.atoms, self._direction, self.centers, self.features)

    def gradient(self, noise: float) -> tuple[float | None, float]:
        """Return the difference of the code's own derivative, and that if it is an error."""
        if not self.descriptor._differentiates:
            return None, 0.0
        found = self._along
        own = self.descriptor._checked_slopes(self.atoms, self._direction, self.center)
        size, theirs = float(np.linalg.norm(own)) or 1.0, found.slopes[: len(own), 0]
        change = max(3 * float(found.error[0]), RANDOM * float(np.linalg.norm(self.features)))
        if not own.any() and np.linalg.norm(theirs) > change:
            raise ValueError(
                f"{self.descriptor.name} changes with the positions, but its own derivatives are "
                "zero: positions are detached from them, as by detach, torch.tensor, "
                "stop_gradient, NumPy or rounding; leave that out, or use Function, which takes "
                "differences."
            )
        difference = float(np.linalg.norm(own - theirs)) / size
        known_to = float(found.error[0]) / size
        return difference, difference if difference > 3 * known_to else 0.0

    def translated(self) -> Atoms:
        moved: Atoms = self.atoms.copy()
        moved.positions += [0.317, -0.211, 0.143]
        return moved

    def invariance(self) -> Invariance:
        exchanged = self.exchanged()
        if exchanged:
            exchanged.append(self.reordered(self.atoms, self.cycles))
        turned = self.turned(self.atoms), self.centers
        rotation, inversion, *permutation = self.changes([turned, self.inverted(), *exchanged])
        return Invariance(rotation, _largest(permutation), inversion)

    def turned(self, atoms: Atoms) -> Atoms:
        rotation = _rotation([0.5, -0.9, 1.1])
        turned: Atoms = atoms.copy()
        turned.set_cell(atoms.cell.array @ rotation.T)
        turned.positions = atoms.positions @ rotation.T
        return turned

    def inverted(self) -> _Placed:
        inverted: Atoms = self.atoms.copy()  # inversion maps every lattice onto itself
        inverted.positions = -self.atoms.positions
        return inverted, self.centers

    @property
    def _like(self) -> list[Indices]:
        """Return the atoms of each element that has two or more."""
        numbers = self.atoms.numbers
        every = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
        return [like for like in every if len(like) > 1]

    @property
    def cycles(self) -> Indices:
        """Return the order in which the like atoms of every element take the next one's place."""
        order = np.arange(len(self.atoms))
        for like in self._like:
            order[like] = np.roll(like, 1)
        return order

    def reordered(self, atoms: Atoms, order: Indices) -> _Placed:
        """Return atoms in another order; centers go with their atoms."""
        return atoms[order], tuple(np.argsort(order)[list(self.centers)].tolist())

    def exchanged(self) -> list[_Placed]:
        """Return structures in which two like atoms of one element exchange their places.

        Together with the cycles these exchanges generate all permutations. A cycle of three, and
        exchanges of two elements at once, do not change the sign of an antisymmetric function.
        """
        found = list[_Placed]()
        for one, other, *_ in self._like:
            order = np.arange(len(self.atoms))
            order[[one, other]] = other, one
            found.append(self.reordered(self.atoms, order))
        return found

    def locality(self) -> float | None:
        """Return the largest change when atoms outside the cutoff move, own and added ones."""
        if self.descriptor._whole:
            return 0.0
        tests = [self.attempt(self._moved_outside)]
        if not self.atoms.pbc.any():
            tests += [self.attempt(partial(self._moved_added, way)) for way in self._ways()]
        return max((found for found in tests if found is not None), default=None)

    def _moved_outside(self) -> float | None:
        """Return the change for the first center when all atoms that it does not see move."""
        (seen,) = self.descriptor._near(self.atoms, (self.center,))
        outside = np.delete(np.arange(len(self.atoms)), seen)
        if not len(outside):
            return None
        moved: Atoms = self.atoms.copy()
        rng = np.random.default_rng(3)
        moved.positions[outside] += rng.normal(scale=0.1, size=(len(outside), 3))
        (seen_now,) = self.descriptor._near(moved, (self.center,))
        if not np.array_equal(seen, seen_now):
            return None
        return self.difference(self.features[:1], moved, (self.center,))

    def _ways(self) -> list[Array]:
        """Return directions from the center: away from the atoms, and to the farthest it sees."""
        arms = self.atoms.positions - self.atoms.positions[self.center]
        (seen,) = self.descriptor._near(self.atoms, (self.center,))
        farthest = arms[seen[np.argmax(np.linalg.norm(arms[seen], axis=1))]]
        ways = [-arms.mean(axis=0), farthest]
        lengths = [float(np.linalg.norm(way)) for way in ways]
        usual = np.array([0.48, 0.6, 0.64])
        return [way / x if x > 1e-3 else usual for way, x in zip(ways, lengths, strict=True)]

    def _moved_added(self, way: Array) -> float:
        """Return the change when an added atom moves, outside the cutoff in a direction."""
        here, cutoff = self.atoms.positions[self.center], self.descriptor.cutoff
        near, far = (
            self.atoms + Atoms(self._neighbor, [here + length * cutoff * way])
            for length in (1.02, 1.5)
        )
        own = (self.center,)
        return self.difference(self.descriptor._answer(near, own), far, own)

    def edge(self) -> float:
        """Return the largest jump as one of two atoms moves away from the other.

        The largest changes over short distances, and that at the cutoff, are divided further, with
        the larger half each time: only that of a jump does not vanish.
        """
        pair = self._alone([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        away = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

        def at(lengths: Array) -> Array:
            positions = pair.positions + lengths[:, None, None] * away
            return self.descriptor._at(pair, positions, (0,))[:, 0]

        cutoff = self.descriptor.cutoff
        lengths = np.append(np.linspace(0.4, 0.999 * cutoff, 40), 1.001 * cutoff)
        found = at(lengths)
        changes = np.linalg.norm(np.diff(found, axis=0), axis=1)
        places = np.unique([len(changes) - 1, *np.argsort(changes)[-3:]])
        low, high, first, last = (
            lengths[places],
            lengths[places + 1],
            found[places],
            found[places + 1],
        )
        for _ in range(24):
            middle, before = (low + high) / 2, last - first
            between = at(middle)
            left, right = (np.linalg.norm(x, axis=1) for x in (between - first, last - between))
            lower = left > right  # where the larger change is
            low, high = np.where(lower, low, middle), np.where(lower, middle, high)
            first, last = (
                np.where(lower[:, None], *ends) for ends in ((first, between), (between, last))
            )
        # A slope contributes half as much to the last change as to that before. Features of two
        # atoms too close may be a million times those of the structure.
        jumps = np.linalg.norm(2 * (last - first) - before, axis=1)
        sizes = np.maximum(np.linalg.norm(first, axis=1), np.linalg.norm(self.features))
        return float((jumps / np.where(sizes > 0, sizes, 1.0)).max())

    def kink(self) -> float:
        """Return the difference of both slopes where three neighbours are equivalent.

        That of a kink does not fall with the step.
        """
        pyramid, found = self._pyramid(), []
        direction = np.random.default_rng(2).normal(size=(4, 3))
        values = self.descriptor._answer(pyramid, (0,)).ravel()
        displaced = self.descriptor._line(pyramid, direction, (0,))
        for step in (1e-2, 1e-3, 1e-4):
            ahead, behind = one_sided_differences(displaced, values, step=step)
            size = max(float(np.linalg.norm(ahead)), float(np.linalg.norm(behind))) or 1.0
            found.append(float(np.linalg.norm(ahead - behind)) / size)
        return min(found)

    @property
    def _neighbor(self) -> str:
        """Element of a neighbour."""
        return str(self.atoms.symbols[(self.center + 1) % len(self.atoms)])

    def _pyramid(self) -> Atoms:
        angles = 2 * np.pi / 3 * np.arange(3)
        ring = np.stack([np.cos(angles), np.sin(angles), np.full(3, 0.4)], axis=1)
        ring *= min(1.3, 0.45 * self.descriptor.cutoff) / np.linalg.norm(ring[0])
        return self._alone([[0.0, 0.0, 0.0], *ring.tolist()])

    def _alone(self, positions: list[list[float]]) -> Atoms:
        """Return a center with other atoms, in a large cell if the structure is periodic."""
        elements = [self.atoms.symbols[self.center], *[self._neighbor] * (len(positions) - 1)]
        built = Atoms(elements, np.array(positions) + np.array([0.1, 0.2, 0.3]))
        if self.atoms.pbc.any():
            built.set_cell(np.eye(3) * 3.5 * self.descriptor.cutoff)
            built.pbc = self.atoms.pbc
        return built
