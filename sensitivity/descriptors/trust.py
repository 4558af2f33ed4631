"""Measured properties of a descriptor of another code: invariance, locality, smoothness, noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from sensitivity.descriptors.differences import Differences, central_differences
from sensitivity.numerics import Array, Indices
from sensitivity.structures import neighbor_pairs

if TYPE_CHECKING:
    from sensitivity.descriptors.adapter import Adapter

_RANDOM = 1e-6  # of the norm of the features: more than this between two calls is no rounding
_BROKEN = 1e-9  # of the norm of the features: an invariance broken by more is mentioned
_KINK = 1e-3  # of the slope


@dataclass(frozen=True)
class Trust:
    """Measured invariance, locality, smoothness and noise of a descriptor, on one structure.

    Changes are relative to the norm of the features of one center. They are measured on a copy
    whose atoms are displaced at random by about 0.1 Å, so that no symmetry hides them. None: the
    structure, or the code, did not allow it.

    Attributes
    ----------
    repetition
        Change between two calls with the same structure.
    noise
        Standard deviation of the features at neighbouring points, or the resolution of single
        precision if the features have it.
    translation, rotation, permutation
        Change when all atoms are moved, are turned, and when the other atoms change their order.
    inversion
        Change when all positions are inverted.
    locality
        Change when an atom outside the cutoff moves.
    edge
        Change when an atom crosses the cutoff.
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

    @property
    def inversion_invariant(self) -> bool:
        """True unless inversion changed the features."""
        return not self._exceeds("inversion", _BROKEN)

    @property
    def local(self) -> bool:
        """True unless an atom outside the cutoff changed the features."""
        return not self._exceeds("locality", _BROKEN)

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
            "permutation": "depend on the order of the atoms: they change by {:.1e} of their norm",
            "locality": "depend on atoms outside the cutoff: they change by {:.1e} of their norm",
        }
        found = [
            text.format(getattr(self, name))
            for name, text in broken.items()
            if self._exceeds(name, _BROKEN)
        ]
        if self._exceeds("edge", 1e-4):
            found.append(f"jump by {self.edge:.1e} of their norm when an atom crosses the cutoff")
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
        return tuple(sentences)

    def _exceeds(self, name: str, most: float) -> bool:
        change = getattr(self, name)
        return change is not None and change > max(most, 30 * self.noise)


def examine(descriptor: Adapter, atoms: Atoms, center: int) -> Trust:
    """Measure the properties of a descriptor on a structure."""
    probe = _Probe.of(descriptor, atoms, center)
    repetition = probe.change(probe.atoms)
    if repetition > _RANDOM:
        raise ValueError(
            f"{descriptor.name} is random: two calls with the same structure differ by "
            f"{repetition:.1e} of the features; fix its seed, or switch its dropout off."
        )
    noise = max(repetition, probe.noise())
    gradient, error = probe.gradient(noise)
    return Trust(
        repetition=repetition,
        noise=noise,
        translation=probe.attempt(probe.translated),
        rotation=probe.attempt(probe.turned),
        permutation=probe.attempt(probe.reordered),
        inversion=probe.attempt(probe.inverted),
        locality=probe.attempt(probe.moved_outside) if atoms.pbc.any() else probe.far(1.02, 1.5),
        edge=probe.far(1 - 1e-6, 1 + 1e-6),
        kink=probe.kink(),
        gradient=gradient,
        gradient_error=error,
    )


@dataclass(frozen=True)
class _Probe:
    descriptor: Adapter
    atoms: Atoms  # displaced at random
    center: int
    features: Array
    rng: np.random.Generator

    @classmethod
    def of(cls, descriptor: Adapter, atoms: Atoms, center: int) -> _Probe:
        rng, moved = np.random.default_rng(0), atoms.copy()
        moved.positions += rng.normal(scale=0.06, size=moved.positions.shape)
        features = descriptor._answer(moved, (center,))
        return cls(descriptor, moved, center, features, rng)

    def change(self, other: Atoms, features: Array | None = None) -> float:
        """Return the relative change of the features of the center."""
        before = self.features if features is None else features
        after = self.descriptor._answer(other, (self.center,))
        self.descriptor._check_size(before, after)
        return float(np.linalg.norm(after - before) / (np.linalg.norm(before) or 1.0))

    def attempt(self, build: Callable[[], Atoms | None]) -> float | None:
        """Return the change for a structure; None if there is none, or the code refuses it."""
        other = build()
        if other is None:
            return None
        try:
            return self.change(other)
        except Exception:
            return None

    def noise(self) -> float:
        raw = np.asarray(self.descriptor._features(self.atoms, (self.center,)))
        size = float(np.linalg.norm(self.features)) or 1.0
        return float(np.finfo(raw.dtype).eps) if raw.dtype.itemsize < 8 else self._scatter() / size

    def _scatter(self) -> float:
        found = self._along(self._direction())
        return float(np.linalg.norm(found.noise))

    def _direction(self) -> Array:
        direction = np.random.default_rng(1).normal(size=self.atoms.positions.shape)
        return np.asarray(direction / np.linalg.norm(direction))

    def _along(self, direction: Array) -> Differences:
        def displaced(_: Indices, steps: Array) -> Array:
            positions = self.atoms.positions + steps[:, None, None] * direction
            found = self.descriptor._at(self.atoms, positions, (self.center,))
            return found.reshape(len(steps), -1)

        size = np.array([np.abs(self.atoms.positions).max()])
        return central_differences(displaced, self.features.ravel(), size)

    def gradient(self, noise: float) -> tuple[float | None, float]:
        """Return the difference of the code's own derivative, and that if it is an error."""
        if not self.descriptor._differentiates:
            return None, 0.0
        direction = self._direction()
        found = self._along(direction)
        (batch,) = self.descriptor._gradients(self.atoms, (self.center,))
        own = np.einsum("qkx,kx->q", batch.gradient[0], direction[batch.atoms[0]])
        size = float(np.linalg.norm(own)) or 1.0
        difference = float(np.linalg.norm(own - found.slopes[:, 0])) / size
        known_to = float(found.error[0]) / size
        return difference, difference if difference > 3 * known_to else 0.0

    def translated(self) -> Atoms:
        moved: Atoms = self.atoms.copy()
        moved.positions += [0.317, -0.211, 0.143]
        return moved

    def turned(self) -> Atoms:
        rotation = Rotation.from_rotvec([0.5, -0.9, 1.1]).as_matrix()
        turned: Atoms = self.atoms.copy()
        turned.set_cell(self.atoms.cell.array @ rotation.T)
        turned.positions = self.atoms.positions @ rotation.T
        return turned

    def inverted(self) -> Atoms:
        inverted: Atoms = self.atoms.copy()  # inversion maps every lattice onto itself
        inverted.positions = -self.atoms.positions
        return inverted

    def moved_outside(self) -> Atoms | None:
        """Return the structure with an atom moved that the center does not see; None without."""
        pairs = neighbor_pairs(self.atoms, self.descriptor.cutoff + 0.5)
        seen = {*pairs.j[pairs.i == self.center].tolist(), self.center}
        outside = [atom for atom in range(len(self.atoms)) if atom not in seen]
        if not outside:
            return None
        moved: Atoms = self.atoms.copy()
        moved.positions[outside[0]] += [0.1, -0.2, 0.15]
        return moved

    def reordered(self) -> Atoms | None:
        others = np.delete(np.arange(len(self.atoms)), self.center)
        if len(others) < 2:
            return None
        order = np.arange(len(self.atoms))
        order[others] = np.roll(others, 1)
        return self.atoms[order]

    def far(self, *fractions: float) -> float | None:
        """Return the change when an added atom moves between two distances, in cutoffs."""
        if self.atoms.pbc.any() or self.descriptor._whole:
            return None
        away = self.atoms.positions[self.center] - self.atoms.get_center_of_mass()
        length = float(np.linalg.norm(away))
        direction = away / length if length > 1e-3 else np.array([0.48, 0.6, 0.64])
        element = self.atoms.symbols[(self.center + 1) % len(self.atoms)]
        first, second = (
            self.atoms
            + Atoms(
                element,
                [self.atoms.positions[self.center] + f * direction * self.descriptor.cutoff],
            )
            for f in fractions
        )
        try:
            before = self.descriptor._answer(first, (self.center,))
            return self.change(second, before)
        except Exception:
            return None

    def kink(self) -> float | None:
        """Return the difference of both slopes where three neighbours are equivalent."""
        pyramid = self._pyramid()
        direction = np.random.default_rng(2).normal(size=(4, 3))
        try:
            ahead, behind = self.descriptor.one_sided(pyramid, direction, centers=[0])
        except Exception:
            return None
        size = max(float(np.linalg.norm(ahead)), float(np.linalg.norm(behind)))
        return float(np.linalg.norm(ahead - behind)) / size if size else 0.0

    def _pyramid(self) -> Atoms:
        others = np.delete(np.arange(len(self.atoms)), self.center)
        like = self.atoms.symbols[others[0]] if len(others) else self.atoms.symbols[self.center]
        length = min(1.3, 0.45 * self.descriptor.cutoff)
        angles = 2 * np.pi / 3 * np.arange(3)
        ring = np.stack([np.cos(angles), np.sin(angles), np.full(3, 0.4)], axis=1)
        ring *= length / np.linalg.norm(ring[0])
        pyramid = Atoms([self.atoms.symbols[self.center], *[like] * 3], [[0, 0, 0], *ring])
        if self.atoms.pbc.any():
            pyramid.set_cell(np.eye(3) * 2.5 * self.descriptor.cutoff)
            pyramid.pbc = self.atoms.pbc
        pyramid.positions += [0.1, 0.2, 0.3]
        return pyramid
