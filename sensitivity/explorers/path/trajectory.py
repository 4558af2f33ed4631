"""A sequence of structures: a followed path or a linear interpolation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor, check_descriptor
from sensitivity.explorers.parts.state import try_spectrum
from sensitivity.geometry.superposition import check_molecules, rotate_onto
from sensitivity.numerics import Array, Indices, check_integer
from sensitivity.singular import superpose
from sensitivity.spectrum import Spectrum
from sensitivity.structures import check_centers
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Structures of the same N atoms along a path, with their spectra so far."""

    frames: tuple[Atoms, ...]
    coordinate: Array  # (frames,): path length up to each frame, Å, root of the summed squares
    directions: Array  # (frames, N, 3): direction of the path at each frame, of unit norm
    centers: tuple[int, ...]
    spectra: tuple[Spectrum | None, ...]  # of each frame; None where unknown
    problems: tuple[str, ...]  # for each frame, the reason why it has no spectrum
    status: str  # one sentence on the whole path
    descriptor: Descriptor | None = None  # for spectra that are not known yet

    @property
    def known(self) -> Indices:
        """The indices of the frames that have a spectrum."""
        return np.flatnonzero([each is not None for each in self.spectra])

    @property
    def complete(self) -> bool:
        """True if every frame has a spectrum or a problem."""
        return all(map(any, zip(self.spectra, self.problems, strict=True)))

    @cached_property
    def feature_distance(self) -> Array:
        """Shape (frames,): Euclidean distance of the features from the start; NaN if unknown."""
        start = self.spectra[0]
        found = np.full(len(self.frames), np.nan)
        for k, each in enumerate(self.spectra):
            if each is not None and start is not None:
                found[k] = np.linalg.norm(each.features - start.features)
        return found

    @cached_property
    def visible_distance(self) -> Array:
        """Shape (frames,): path length times the largest singular value of the start."""
        start = self.spectra[0]
        slope = np.nan if start is None else float(start.singular_values.max())
        return np.asarray(slope * self.coordinate)


def interpolate(
    first: Atoms, second: Atoms, descriptor: Descriptor, *, centers: Centers = None, count: int
) -> Trajectory:
    """Return a linear interpolation without spectra, for ``PathExplorer.between``."""
    most, remedy = 1000, "try 41"  # a slider has no more pixels
    expected = f"a number of frames from 2 to {most}"
    check_integer(count, "count", expected, accepts=lambda n: 2 <= n <= most, remedy=remedy)
    check_descriptor(descriptor)
    chosen = check_centers(first, centers)
    inversion = descriptor.inversion_invariant
    target, remark = _superpose(second, first, centers=chosen, inversion=inversion)
    change = target.positions - first.positions
    length = float(np.linalg.norm(change))
    rmsd = length / len(first) ** 0.5
    if rmsd < Tolerance.ONE_PLACE:
        raise ValueError(
            "first and second must be different structures, got two that are the same after "
            f"superposition, to {rmsd:.0e} Å; give two that differ."
        )
    shares = np.linspace(0.0, 1.0, count)
    return Trajectory(
        frames=tuple(_at(first, first.positions + share * change) for share in shares),
        coordinate=shares * length,
        directions=np.broadcast_to(change / length, (count, *change.shape)),
        centers=chosen,
        spectra=(None,) * count,
        problems=("",) * count,
        status=f"Linear interpolation between two structures that are {rmsd:.3g} Å (root mean "
        f"square) apart after superposition{remark}.",
        descriptor=descriptor,
    )


def follow_frames(
    frames: Sequence[Atoms], descriptor: Descriptor, *, centers: Centers = None
) -> Trajectory:
    """Return a path through given structures, with no spectrum known yet."""
    check_integer(
        len(frames), "the number of frames", "2 to 1000", accepts=range(2, 1001).__contains__
    )
    check_descriptor(descriptor)
    first = frames[0]
    for k, atoms in enumerate(frames):
        if atoms.numbers.tolist() != first.numbers.tolist():
            raise ValueError(
                f"frames must have the same atoms in the same order, got {first.symbols} and, as "
                f"frame {k}, {atoms.symbols}; sort the atoms."
            )
    steps = np.diff([atoms.positions for atoms in frames], axis=0)  # [step, atom, xyz]
    lengths = np.linalg.norm(steps, axis=(1, 2))
    if lengths.min() < Tolerance.ONE_PLACE:
        k = int(lengths.argmin())
        raise ValueError(f"frames {k} and {k + 1} are the same; leave one of them out.")
    directions = np.gradient(np.array([atoms.positions for atoms in frames]), axis=0)
    sizes = np.linalg.norm(directions, axis=(1, 2), keepdims=True)
    return Trajectory(
        frames=tuple(atoms.copy() for atoms in frames),
        coordinate=np.concatenate([[0.0], np.cumsum(lengths)]),
        directions=directions / np.where(sizes > 0, sizes, 1.0),
        centers=check_centers(first, centers),
        spectra=(None,) * len(frames),
        problems=("",) * len(frames),
        status=f"A path through {len(frames)} structures, {lengths.sum():.3g} Å long.",
        descriptor=descriptor,
    )


def examine(trajectory: Trajectory) -> Iterator[Trajectory]:
    """Yield the trajectory after each new spectrum, from coarse to fine sampling."""
    for frame in coarse_to_fine(len(trajectory.frames)):
        if trajectory.spectra[frame] is None:
            trajectory = _learn(trajectory, frame)
            yield trajectory


def _learn(trajectory: Trajectory, frame: int) -> Trajectory:
    assert trajectory.descriptor is not None
    atoms, spectra = trajectory.frames[frame], list(trajectory.spectra)
    problems = list(trajectory.problems)
    found = try_spectrum(atoms, trajectory.descriptor, centers=trajectory.centers)
    if isinstance(found, str):
        problems[frame] = found
    else:
        # The modes of all frames of a large structure would fill the memory; they are not shown.
        spectra[frame] = replace(found, modes=found.modes[:0].copy())
    return replace(trajectory, spectra=tuple(spectra), problems=tuple(problems))


def coarse_to_fine(count: int) -> list[int]:
    """Return indices in an order that samples the whole path coarsely, then in between."""
    strides = [2**k for k in reversed(range(count.bit_length()))]
    between = [frame for stride in strides for frame in range(0, count, stride)]
    return list(dict.fromkeys([0, count - 1, *between]))


def _at(atoms: Atoms, positions: Array) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions = positions
    return moved


def _superpose(
    atoms: Atoms, other: Atoms, *, centers: tuple[int, ...], inversion: bool
) -> tuple[Atoms, str]:
    check_molecules(atoms, other)
    if len(other) > 20:  # matching more atoms takes longer than a second or two
        if atoms.numbers.tolist() != other.numbers.tolist():
            raise ValueError(
                "structures of more than 20 atoms must have the same atoms in the same "
                f"order, got {atoms.symbols} and {other.symbols}; sort the atoms of one of them."
            )
        laid = _at(other, rotate_onto(atoms.positions, other.positions))
        return laid, ", atoms in the order in which they were given"
    if sorted(atoms.numbers) != sorted(other.numbers):
        raise ValueError(
            f"first and second must be two structures of the same atoms, got {other.symbols} and "
            f"{atoms.symbols}; give two of the same composition."
        )
    if len(centers) == 1:
        found = superpose(atoms, other, center=centers[0], inversion=inversion)
    else:  # with a dummy atom in the middle as the center, all like atoms can be exchanged
        found = superpose(_mark(atoms), _mark(other), center=0, inversion=inversion)
    remark = "" if found.exact else ", though not all exchanges of like atoms were tried"
    return found.atoms[-len(other) :], remark


def _mark(atoms: Atoms) -> Atoms:
    middle = Atoms(numbers=[0], positions=[atoms.positions.mean(axis=0)])
    marked: Atoms = middle + Atoms(numbers=atoms.numbers, positions=atoms.positions)
    return marked
