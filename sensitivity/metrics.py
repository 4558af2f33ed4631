"""Metrics of feature space: scales on which the singular values of descriptors are comparable.

Features have no natural scale. A metric W, from samples of the features of many structures, turns
the Jacobian J into W J: each feature divided by its standard deviation, or features whitened, that
is decorrelated with unit variance. What does not vary has no scale and weighs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Batch, Descriptor, with_defaults
from sensitivity.descriptors.answers import observed_features
from sensitivity.jacobian import Jacobian, differentiate
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, check_integer, check_real
from sensitivity.progress import checkpoint
from sensitivity.structures import check_centers
from sensitivity.tolerances import Tolerance

MetricName = Literal["raw", "rattle", "whitened"]


@dataclass(frozen=True)
class Rattle:
    """Copies of a structure with normally distributed displacements of every coordinate.

    Attributes
    ----------
    copies
        Their number. None takes 50, or as many more as give twice as many samples as coordinates.
    amplitude
        Å: standard deviation of the displacement of each coordinate.
    seed
        Of the random displacements.

    Raises
    ------
    TypeError, ValueError
        If a setting has the wrong type or is out of range.

    Examples
    --------
    >>> from sensitivity import Rattle
    >>> Rattle(amplitude=0.1)
    Rattle(copies=None, amplitude=0.1, seed=0)
    """

    copies: int | None = None
    amplitude: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        where, accepts = "above 0 and at most 1 Å", lambda value: 0 < value <= 1
        check_real(self.amplitude, "amplitude", where, accepts=accepts, remedy="try 0.05")
        check_integer(self.seed, "seed", "an integer of at least 0", accepts=lambda x: x >= 0)
        if self.copies is not None:
            least = "an integer of at least 2"
            check_integer(self.copies, "copies", least, accepts=lambda x: x >= 2)

    def count(self, atoms: Atoms, centers: Sequence[int]) -> int:
        """Return the number of copies of a structure with these centers."""
        return self.copies or max(50, -(-6 * len(atoms) // len(centers)))

    def frames(self, atoms: Atoms, centers: Sequence[int]) -> list[Atoms]:
        """Return the copies."""
        rng, frames = np.random.default_rng(self.seed), []
        for _ in range(self.count(atoms, centers)):
            frame = atoms.copy()
            frame.positions += rng.normal(scale=self.amplitude, size=frame.positions.shape)
            frames.append(frame)
        return frames


RATTLE = Rattle()


@dataclass(frozen=True)
class Scale:
    """The scale of features: a kind of metric, and the samples that define it."""

    atoms: Atoms
    centers: tuple[int, ...]
    name: MetricName
    structures: tuple[Atoms, ...] | Rattle

    @classmethod
    def of(
        cls,
        atoms: Atoms,
        centers: tuple[int, ...],
        name: MetricName,
        structures: Iterable[Atoms] | Rattle,
    ) -> Scale:
        """Check the arguments, which are those of ``compare``."""
        if name not in (names := get_args(MetricName)):
            raise ValueError(f"metric must be one of {', '.join(names)}, got {name!r}.")
        if isinstance(structures, Rattle):
            return cls(atoms, centers, name, structures)
        if isinstance(structures, Atoms) or not isinstance(structures, Iterable):
            raise TypeError(
                f"structures must be a sequence of structures, or a Rattle, got {structures!r}."
            )
        if name == "raw":
            raise ValueError(
                "structures define the scale of features, which metric='raw' leaves as they are; "
                "leave them out, or choose metric='rattle' or 'whitened'."
            )
        frames = tuple(structures)
        for frame in frames:
            check_centers(frame, None)
        return cls(atoms, centers, name, frames)

    @property
    def reference(self) -> str:
        """The samples in words; empty for raw features."""
        if self.name == "raw":
            return ""
        if isinstance(self.structures, Rattle):
            count = self.structures.count(self.atoms, self.centers)
            how = f"{self.structures.amplitude:g} Å, seed {self.structures.seed}"
            return f"{count} copies of this structure, displaced at random by {how}"
        count = len(self.structures)
        return f"{count} given structure{'s' if count > 1 else ''}"

    @property
    def samples(self) -> int:
        """The number of samples of each feature; 0 for raw features."""
        if self.name == "raw":
            return 0
        if isinstance(self.structures, Rattle):
            return len(self.centers) * self.structures.count(self.atoms, self.centers)
        elements = _elements(self.atoms, self.centers)
        return sum(len(_places(frame, elements)) for frame in self.structures)

    def differentiate(self, descriptor: Descriptor) -> tuple[Jacobian, Metric | None]:
        """Return the Jacobian on this scale, and the metric that defines it; None for "raw".

        Features that vary by less than the error of their slopes over 0.1 Å, or over the amplitude
        of the copies, do not count.
        """
        derivative = differentiate(self.atoms, descriptor, centers=self.centers)
        if self.name == "raw":
            return derivative, None
        if isinstance(self.structures, Rattle):
            distance = self.structures.amplitude
            frames = self.structures.frames(self.atoms, self.centers)
            samples = sample_copies(descriptor, frames, self.centers)
        else:
            distance = Tolerance.OTHER_GEOMETRY
            samples = sample_structures(descriptor, self.structures, self.atoms, self.centers)
        build = standardizing if self.name == "rattle" else whitening
        metric = build(*samples, least=distance * derivative.error)
        return metric.apply(derivative), metric


@dataclass(frozen=True)
class Metric:
    """Features y = W (ξ - mean) of a center, in units of standard deviations."""

    weights: Array  # W: (features,) if it is diagonal, else (directions, features)
    means: Array  # (centers, features), in the order of the centers, or (1, features) for all

    @property
    def directions(self) -> int:
        """Number of features, or of directions among them, that vary."""
        return int(np.count_nonzero(self.weights.any(axis=-1) if self._mixes else self.weights))

    @property
    def _mixes(self) -> bool:
        return self.weights.ndim == 2

    def apply(self, derivative: Jacobian) -> Jacobian:
        """Return the Jacobian of the features y, with an estimate of its error.

        The errors of all features count as equal.
        """
        place = {center: row for row, center in enumerate(derivative.centers)}
        growth = float(np.linalg.norm(self.weights)) / max(1, self.weights.shape[-1]) ** 0.5
        means, batches = np.broadcast_to(self.means, derivative.features.shape), []
        for batch in derivative.batches:
            rows = [place[center] for center in batch.centers.tolist()]
            found = self._transform(batch, means[rows])
            batches.append(replace(found, error=growth * batch.error) if batch.error else found)
        return replace(derivative, batches=tuple(batches))

    def _transform(self, batch: Batch, means: Array) -> Batch:
        rows = slice(None) if batch.rows is None else batch.rows
        chosen, deviations = self.weights[..., rows], batch.features - means
        if not self._mixes:
            scaled = batch.slopes * chosen[:, None, None]
            return batch.with_values(deviations * self.weights, scaled)
        slopes = batch.slopes.reshape(*batch.slopes.shape[:2], -1)  # [center, feature, 3k]
        mixed = (chosen @ slopes).reshape(len(slopes), -1, *batch.slopes.shape[2:])
        return Batch(batch.centers, batch.atoms, deviations @ self.weights.T, mixed)


def standardizing(deviations: Array, means: Array, *, least: float) -> Metric:
    """Return the metric that divides each feature by its standard deviation.

    ``deviations``, (samples, features), are divided by the root of the number of independent ones.
    Features whose standard deviation is at most ``least``, or rounding of the largest, count
    as constant.
    """
    spread = np.linalg.norm(deviations, axis=0)
    varies = spread > max(least, Tolerance.ROUNDING * spread.max(initial=0.0))
    weights = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    return Metric(weights, means)


def whitening(deviations: Array, means: Array, *, least: float) -> Metric:
    """Return the metric of decorrelated features of unit variance: arguments as ``standardizing``.

    W = S⁻¹ Vᵀ, from the singular values and vectors of the deviations, U S Vᵀ. Only directions
    along which the features vary are kept, so that their number may be smaller than theirs.
    """
    _, spread, directions = np.linalg.svd(deviations, full_matrices=False)
    varies = spread > max(least, Tolerance.ROUNDING * spread.max(initial=0.0))
    return Metric(directions[varies] / spread[varies, None], means)


def sample_copies(
    descriptor: Descriptor, frames: Sequence[Atoms], centers: tuple[int, ...]
) -> tuple[Array, Array]:
    """Return deviations from the mean of each center, and these means, of copies of a structure.

    Deviations, (copies x centers, features), are divided by the root of their number less one for
    each center.
    """
    _require_memory(descriptor, frames[0], len(frames) * len(centers))
    samples = np.array(_observe(descriptor, [(frame, centers) for frame in frames]))
    means = samples.mean(axis=0)
    deviations = (samples - means).reshape(-1, samples.shape[2])
    return deviations / np.sqrt((len(frames) - 1) * len(centers)), means


def sample_structures(
    descriptor: Descriptor, frames: Sequence[Atoms], atoms: Atoms, centers: tuple[int, ...]
) -> tuple[Array, Array]:
    """Return deviations from the mean, and the mean, (1, features), over given structures.

    The environments of all atoms of the elements of the centers count.

    Raises
    ------
    ValueError
        If they are fewer than two, or the features of a structure are others.
    """
    elements = _elements(atoms, centers)
    chosen = [_places(frame, elements) for frame in frames]
    count = sum(map(len, chosen))
    if count < 2:
        raise ValueError(
            f"structures must have at least two atoms of the elements of the centers, got {count}; "
            "give more structures."
        )
    _check_labels(descriptor, frames, atoms)
    _require_memory(descriptor, atoms, count)
    pairs = [pair for pair in zip(frames, chosen, strict=True) if pair[1]]
    samples = np.concatenate(_observe(descriptor, pairs))
    mean = samples.mean(axis=0, keepdims=True)
    return (samples - mean) / np.sqrt(count - 1), mean


def _elements(atoms: Atoms, centers: tuple[int, ...]) -> set[int]:
    return set(atoms.numbers[list(centers)].tolist())


def _places(frame: Atoms, elements: set[int]) -> tuple[int, ...]:
    return tuple(i for i, number in enumerate(frame.numbers.tolist()) if number in elements)


def _observe(descriptor: Descriptor, pairs: Sequence[tuple[Atoms, tuple[int, ...]]]) -> list[Array]:
    """Return the features, (centers, features), of centers of each structure."""
    found = list[Array]()
    for frame, centers in pairs:
        checkpoint()
        found.append(observed_features(descriptor, frame, centers))
    if len(sizes := {each.shape[1] for each in found}) > 1:
        raise ValueError(
            f"{with_defaults(descriptor).name} must have the same number of features in all "
            f"samples, got from {min(sizes)} to {max(sizes)}; its features cannot be scaled: "
            "choose metric='raw'."
        )
    return found


def _check_labels(descriptor: Descriptor, frames: Sequence[Atoms], atoms: Atoms) -> None:
    known = with_defaults(descriptor)
    expected = known.labels(atoms)
    for numbers, frame in {frozenset(each.numbers.tolist()): each for each in frames}.items():
        if numbers != set(atoms.numbers.tolist()) and known.labels(frame) != expected:
            raise ValueError(
                f"structures must have the same features as the structure, but with {known.name} "
                f"{frame.symbols} has others; give the descriptor its species, such as "
                "species=('C', 'H'), or other structures."
            )


def _require_memory(descriptor: Descriptor, atoms: Atoms, samples: int) -> None:
    count = with_defaults(descriptor).count_features(atoms)
    purpose = f"{samples} samples of {count} features"
    remedy = "choose fewer centers, copies or structures, or a smaller basis"
    require_memory(3 * 8 * samples * count, purpose=purpose, remedy=remedy)
