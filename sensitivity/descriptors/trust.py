"""Measured properties of a descriptor of another code: invariance, locality, smoothness, noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.descriptors.differences import (
    Differences,
    one_sided_differences,
)
from sensitivity.numerics import Array
from sensitivity.progress import Cancelled

if TYPE_CHECKING:
    from sensitivity.descriptors.adapter import Adapter

RANDOM = 1e-6  # of the norm of the features: more than this between two calls is no rounding
_BROKEN = 1e-9  # of the norm of the features: an invariance broken by more is mentioned
_KINK = 1e-3  # of the slope


class Invariance(NamedTuple):
    """The changes of ``Trust`` by a rotation, a permutation and an inversion."""

    rotation: float | None
    permutation: float | None
    inversion: float | None


@dataclass(frozen=True)
class Trust:
    """Measured invariance, locality, smoothness and noise of a descriptor, on one structure.

    Changes are relative to the norm of the features of one center. They are measured on a copy
    whose atoms are displaced at random by about 0.1 Å, so that no symmetry hides them. None: not
    tested, because the structure, or the code, did not allow it.

    Attributes
    ----------
    repetition
        Change between two calls with the same structure.
    noise
        Standard deviation of the features at neighbouring points, or the resolution of single
        precision if the features have it.
    translation, rotation
        Change when all atoms are moved, and when they are turned.
    permutation
        Change when like atoms exchange their places.
    inversion
        Change when all positions are inverted.
    locality
        Change when atoms outside the cutoff move; 0 for a map of the whole structure.
    edge
        Largest jump as one atom moves away from another, to beyond the cutoff.
    kink
        Difference of the slopes on both sides, relative to them, where three equal neighbours have
        equal distances.
    gradient
        Difference between the code's own derivative along a random displacement and central
        differences, relative to it; None if the code has no derivatives.
    gradient_error
        The same if it is more than the error of the differences, else 0.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors.from_function import Function
    >>> descriptor = Function(lambda atoms: atoms.positions[1] - atoms.positions[0], cutoff=3.0)
    >>> found = descriptor.examine(structures.load("H2O"))
    >>> bool(found.translation < 1e-12), bool(found.rotation > 0.1)
    (True, True)
    >>> print(found.remarks[0][:43])
    The features change when all atoms are turn
    """

    repetition: float
    noise: float
    translation: float | None
    rotation: float | None
    permutation: float | None
    inversion: float | None
    locality: float | None
    edge: float | None
    kink: float | None
    gradient: float | None
    gradient_error: float

    def worse(self, other: Trust) -> Trust:
        """Return the larger of both values of each property."""
        larger: dict[str, Any] = {}
        for name, value in vars(self).items():
            known = [each for each in (value, getattr(other, name)) if each is not None]
            larger[name] = max(known, default=None)
        return Trust(**larger)

    def with_invariance(self, found: Invariance) -> Trust:
        """Return it with the invariance that was measured on another structure."""
        return replace(
            self,
            rotation=found.rotation,
            permutation=found.permutation,
            inversion=found.inversion,
        )

    @property
    def untested(self) -> tuple[str, ...]:
        """Properties that were not tested, except that of derivatives, which a code may lack."""
        return tuple(
            name for name, value in vars(self).items() if value is None and name != "gradient"
        )

    @property
    def invariant(self) -> bool:
        """True unless a rotation, or an exchange of like atoms, changed the features."""
        return not self._exceeds("rotation", _BROKEN) and not self._exceeds("permutation", _BROKEN)

    @property
    def inversion_invariant(self) -> bool:
        """True unless inversion changed the features."""
        return not self._exceeds("inversion", _BROKEN)

    @property
    def local(self) -> bool:
        """True if atoms outside the cutoff were seen to change nothing."""
        return self.locality is not None and not self._exceeds("locality", _BROKEN)

    @property
    def smooth(self) -> bool:
        """True unless a kink or a jump was found."""
        return not self._exceeds("kink", _KINK) and not self._exceeds("edge", 1e-4)

    @property
    def remarks(self) -> tuple[str, ...]:
        """One sentence for each property that a descriptor should have and this one has not."""
        broken = {
            "translation": "change when all atoms are moved: by {:.1e} of their norm",
            "rotation": "change when all atoms are turned: by {:.1e} of their norm",
            "permutation": "depend on the order of like atoms: by {:.1e} of their norm",
            "locality": "depend on atoms outside the cutoff: by {:.1e} of their norm",
        }
        found = [
            text.format(getattr(self, name))
            for name, text in broken.items()
            if self._exceeds(name, _BROKEN)
        ]
        if self._exceeds("edge", 1e-4):
            found.append(
                f"jump by {self.edge:.1e} of their norm as an atom moves away, such as at a cutoff"
            )
        if self._exceeds("kink", _KINK):
            found.append(
                "have kinks, as sorted or selected values do: where distances are equal, slopes on "
                f"both sides differ by {self.kink:.1e} of themselves"
            )
        if self.noise > 1e-13:
            found.append(f"have a noise of {self.noise:.0e} of their norm")
        sentences = [f"The features {each}." for each in found]
        if self.gradient_error:
            sentences.append(
                f"The code's own gradient differs from central differences by {self.gradient:.1e}; "
                "singular values below that are not resolved."
            )
        if not {"kink", "edge"}.isdisjoint(self.untested):
            sentences.append(f"Not tested on this structure: {', '.join(self.untested)}.")
        return tuple(sentences)

    def _exceeds(self, name: str, most: float) -> bool:
        change = getattr(self, name)
        return change is not None and change > max(most, 30 * self.noise)


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
    """Measure the invariance, all at once unless it is broken; ``noise`` is that of ``Trust``."""
    probe = _Probe.of(descriptor, atoms, centers)
    image = probe.inverted(probe.turned(probe.atoms))
    together = probe.attempt(lambda: probe.permutation(image))
    if together is None:  # there are no like atoms
        together = probe.attempt(lambda: probe.change(image))
    if together is None or together > max(_BROKEN, 30 * noise):
        return probe.invariance()
    return Invariance(together, together, together)


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
        return None if other is None else self.difference(self.features, other, *self.centers)

    def difference(self, before: Array, other: Atoms, *centers: int) -> float:
        """Return the change from some features, relative to those of the structure."""
        after = self.descriptor._answer(other, centers)
        self.descriptor._check_size(before, after)
        size = float(np.linalg.norm(self.features)) or 1.0
        return float(np.linalg.norm(after - before)) / size

    def attempt(self, measure: Callable[[], float | None]) -> float | None:
        """Return what is measured; None if the code refuses the structure."""
        try:
            return measure()
        except Cancelled:
            raise
        except Exception:
            return None

    def noise(self) -> float:
        raw = np.asarray(self.descriptor._features(self.atoms, self.centers))
        size = float(np.linalg.norm(self.features)) or 1.0
        return float(np.finfo(raw.dtype).eps) if raw.dtype.itemsize < 8 else self._scatter() / size

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
        own = self.descriptor._own_slopes(self.atoms, self._direction, self.center)
        size, theirs = float(np.linalg.norm(own)) or 1.0, found.slopes[: len(own), 0]
        difference = float(np.linalg.norm(own - theirs)) / size
        known_to = float(found.error[0]) / size
        return difference, difference if difference > 3 * known_to else 0.0

    def translated(self) -> Atoms:
        moved: Atoms = self.atoms.copy()
        moved.positions += [0.317, -0.211, 0.143]
        return moved

    def invariance(self) -> Invariance:
        return Invariance(
            rotation=self.attempt(lambda: self.change(self.turned(self.atoms))),
            permutation=self.attempt(lambda: self.permutation(self.atoms)),
            inversion=self.attempt(lambda: self.change(self.inverted(self.atoms))),
        )

    def turned(self, atoms: Atoms) -> Atoms:
        rotation = _rotation([0.5, -0.9, 1.1])
        turned: Atoms = atoms.copy()
        turned.set_cell(atoms.cell.array @ rotation.T)
        turned.positions = atoms.positions @ rotation.T
        return turned

    def inverted(self, atoms: Atoms) -> Atoms:
        inverted: Atoms = atoms.copy()  # inversion maps every lattice onto itself
        inverted.positions = -atoms.positions
        return inverted

    def permutation(self, atoms: Atoms) -> float | None:
        """Return the change when like atoms exchange their places; None without such.

        Centers go with their atoms.
        """
        order = np.arange(len(atoms))
        for number in np.unique(atoms.numbers):
            like = np.flatnonzero(atoms.numbers == number)
            order[like] = np.roll(like, 1)
        if (order == np.arange(len(order))).all():
            return None
        centers = np.argsort(order)[list(self.centers)].tolist()
        return self.difference(self.features, atoms[order], *centers)

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
        return self.difference(self.features[:1], moved, self.center)

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
            self.atoms + Atoms(self._like, [here + length * cutoff * way]) for length in (1.02, 1.5)
        )
        return self.difference(self.descriptor._answer(near, (self.center,)), far, self.center)

    def edge(self) -> float:
        """Return the largest jump as one of two atoms moves away from the other.

        The largest changes over short distances, and that at the cutoff, are divided further, with
        the larger half each time: only that of a jump does not vanish.
        """

        def at(length: float) -> Array:
            pair = self._alone([[0.0, 0.0, 0.0], [0.0, 0.0, length]])
            return np.asarray(self.descriptor._answer(pair, (0,))[0])

        cutoff = self.descriptor.cutoff
        lengths = np.append(np.linspace(0.4, 0.999 * cutoff, 40), 1.001 * cutoff)
        found = np.array([at(length) for length in lengths])
        changes, jumps = np.linalg.norm(np.diff(found, axis=0), axis=1), list[float]()
        for place in {len(changes) - 1, *np.argsort(changes)[-3:].tolist()}:
            (low, high), (first, last) = lengths[place : place + 2], found[place : place + 2]
            for _ in range(24):
                middle, before = (low + high) / 2, last - first
                between = at(middle)
                if np.linalg.norm(between - first) > np.linalg.norm(last - between):
                    high, last = middle, between
                else:
                    low, first = middle, between
            # A slope contributes half as much to the last change as to that before. Features of two
            # atoms too close may be a million times those of the structure.
            jump = float(np.linalg.norm(2 * (last - first) - before))
            sizes = [float(np.linalg.norm(each)) for each in (self.features, first)]
            jumps.append(jump / (max(sizes) or 1.0))
        return max(jumps)

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
    def _like(self) -> str:
        """Element of a neighbour."""
        return str(self.atoms.symbols[(self.center + 1) % len(self.atoms)])

    def _pyramid(self) -> Atoms:
        angles = 2 * np.pi / 3 * np.arange(3)
        ring = np.stack([np.cos(angles), np.sin(angles), np.full(3, 0.4)], axis=1)
        ring *= min(1.3, 0.45 * self.descriptor.cutoff) / np.linalg.norm(ring[0])
        return self._alone([[0.0, 0.0, 0.0], *ring.tolist()])

    def _alone(self, positions: list[list[float]]) -> Atoms:
        """Return a center with other atoms, in a large cell if the structure is periodic."""
        elements = [self.atoms.symbols[self.center], *[self._like] * (len(positions) - 1)]
        built = Atoms(elements, np.array(positions) + np.array([0.1, 0.2, 0.3]))
        if self.atoms.pbc.any():
            built.set_cell(np.eye(3) * 3.5 * self.descriptor.cutoff)
            built.pbc = self.atoms.pbc
        return built
