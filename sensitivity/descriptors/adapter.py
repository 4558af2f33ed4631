"""The base of adapters: descriptors that another code, or a function, computes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors.batches import Batch, Block, Centers, batches_from_blocks
from sensitivity.descriptors.differences import (
    EPS,
    Differences,
    Displaced,
    NotSmooth,
    central_differences,
    one_sided_differences,
)
from sensitivity.descriptors.probe import examine, examine_invariance
from sensitivity.descriptors.protocol import Descriptor
from sensitivity.descriptors.specimens import build_specimen
from sensitivity.descriptors.trust import Trust
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices, takes_center, takes_centers
from sensitivity.progress import Cancelled, checkpoint
from sensitivity.structures import check_centers, neighbor_pairs

_AT_ONCE = 64  # structures
_KINDS = {"b": "truth values", "i": "integers", "u": "integers", "c": "complex numbers"}


class Adapter(Descriptor):
    """A descriptor that another code computes; ``from_*.py`` has one for each code.

    A subclass has ``cutoff`` and ``_features``. Where its code has derivatives, it has
    ``_gradients``, too; else they are central differences, with an estimate of their error. On
    first use it is examined: see ``Trust``.

    Attributes
    ----------
    trust
        What was found on first use, and again for other compositions, centers, or numbers of
        neighbours, each time the worst; None before.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import spectrum, structures
    >>> from sensitivity.descriptors import Adapter
    >>> class Shells(Adapter):
    ...     cutoff = 6.0
    ...     def _features(self, atoms, centers):
    ...         lengths = atoms.get_all_distances()[list(centers)]
    ...         return np.stack([np.exp(-a * lengths**2).sum(axis=1) for a in (1, 3, 6, 9)], axis=1)
    ...
    >>> descriptor = Shells()
    >>> spectrum(structures.load("H2O"), descriptor, centers=[1]).rank
    2
    >>> descriptor.remarks
    ()
    """

    trust: Trust | None = None
    _whole = False  # one row for the whole structure
    # Elements, periodicity, centers, and, for differences, how many atoms each sees.
    _examined: frozenset[tuple[object, ...]] = frozenset()
    # What holds for all molecules of the same elements; None where a specimen is refused.
    _usual: Mapping[tuple[int, ...], Trust | None] = MappingProxyType({})
    _precision = EPS  # relative, of the numbers that the code returns

    @abstractmethod
    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        """Return the features of these centers, shape (centers, features)."""

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        """Return features and gradients; here by central differences."""
        return self.differentiate(atoms, centers)

    def _gradients_of_copies(
        self, copies: Sequence[Atoms], centers: tuple[int, ...]
    ) -> list[tuple[Batch, ...]]:
        """Return the same for displaced copies of a structure; a code may take many at once."""
        return [self._gradients(atoms, centers) for atoms in copies]

    def _checked_slopes(self, atoms: Atoms, direction: Array, center: int) -> Array:
        """Return the code's own derivatives along a direction; a ValueError for NaN."""
        with self._enough_memory():
            found = self._own_slopes(atoms, direction, center)
        self._check_derivatives(found)
        return found

    def _own_slopes(self, atoms: Atoms, direction: Array, center: int) -> Array:
        """Return the code's own derivatives of the features of a center along a direction."""
        (batch,) = self._gradients(atoms, (center,))
        own = np.einsum("qkx,kx->q", batch.gradient[0], direction[batch.atoms[0]])
        return np.asarray(own)

    @property
    def _differentiates(self) -> bool:
        """True if the code has derivatives of its own."""
        return type(self)._gradients is not Adapter._gradients

    @property
    def inversion_invariant(self) -> bool:
        """True for an O(3) descriptor; measured on first use."""
        return self.trust is None or self.trust.inversion_invariant

    @property
    def invariance(self) -> Literal["O(3)", "SO(3)", "none"]:
        """Rotations that change no feature; "none" if those, or permutations, do."""
        if self.trust is not None and not self.trust.invariant:
            return "none"
        return "O(3)" if self.inversion_invariant else "SO(3)"

    @property
    def smooth(self) -> bool:
        """False if a kink or a jump was found on first use."""
        return self.trust is None or self.trust.smooth

    @property
    def effort(self) -> float:
        """About the number of displaced structures for a Jacobian."""
        return 3.0 if self._differentiates else 60.0

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on what was found on first use."""
        return () if self.trust is None else self.trust.remarks

    @takes_centers
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the features, shape (centers, features); ``centers=None`` means every atom."""
        return self._answer(atoms, check_centers(atoms, centers))

    @takes_centers
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return features and gradients of every center, with an estimate of their error."""
        (found,) = self.gradients_of_copies([atoms], centers=centers)
        return found

    def gradients_of_copies(
        self, copies: Sequence[Atoms], *, centers: Centers = None
    ) -> list[tuple[Batch, ...]]:
        """Return what ``gradients`` does for each of some displaced copies of a structure."""
        chosen = check_centers(copies[0], centers)
        for atoms in copies:
            kind = self._what_is_examined(atoms, chosen)
            if self.trust is None or kind not in self._examined:
                self.examine(atoms, centers=chosen)
                self._examined |= {kind}
            self._check_reach(atoms, chosen)
        with self._enough_memory():
            found = self._gradients_of_copies(copies, chosen)
        for batch in chain.from_iterable(found):
            self._check_derivatives(batch.slopes)
        error = self.trust.gradient_error if self.trust and self._differentiates else 0.0
        if not error:
            return found
        return [tuple(_at_least(batch, error) for batch in batches) for batches in found]

    @takes_centers
    def examine(self, atoms: Atoms, *, centers: Centers = (0,)) -> Trust:
        """Measure ``trust`` on a structure, and keep the worst; done on first use.

        Raises
        ------
        ValueError
            If two calls with the same structure give other features, or the code's own derivatives
            are zero and the features change.
        """
        checkpoint("is the descriptor invariant and smooth?")
        found = examine(self, atoms, check_centers(atoms, centers))
        self.trust = found if self.trust is None else self.trust.worse(found)
        return self.trust

    @takes_centers
    def measured_on(self, atoms: Atoms, *, centers: Centers = None) -> Self:
        """Return a copy whose ``trust`` was measured for this structure, not the worst of all.

        In a molecule only the invariance is measured on the structure itself, and the rest once for
        all molecules of the same elements, on a specimen: this takes few calls of the code.

        Raises
        ------
        ValueError
            If two calls with the same structure give other features, or the code's own derivatives
            are zero and the features change.
        """
        chosen = check_centers(atoms, centers)
        own = self._unexamined()
        usual = None if atoms.pbc.any() else self._find_usual(atoms, chosen[0])
        if usual is None:
            own.examine(atoms, centers=chosen)
        else:
            own.trust = usual.with_invariance(examine_invariance(own, atoms, chosen, usual.noise))
        own._examined = frozenset({own._what_is_examined(atoms, chosen)})
        return own

    def _unexamined(self) -> Self:
        """Return a copy about which nothing is known."""
        own = object.__new__(type(self))
        vars(own).update(vars(self))  # the library's object is shared, which copy() would repeat
        own.trust, own._examined = None, frozenset()
        return own

    def _what_is_examined(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[object, ...]:
        """Return what structures have in common on which ``trust`` is measured once."""
        kind: tuple[object, ...] = atoms.numbers.tobytes(), tuple(atoms.pbc.tolist()), centers
        if self._differentiates:
            return kind
        return *kind, *(len(near) for near in self._near(atoms, centers))

    def _find_usual(self, atoms: Atoms, center: int) -> Trust | None:
        """Return the trust of a specimen with the elements of a molecule; None if it is refused."""
        species = sorted(set(np.delete(atoms.numbers, center).tolist()))
        kind = int(atoms.numbers[center]), *species
        if kind not in self._usual and species:
            specimen = build_specimen(kind[0], kind[1:], cutoff=self.cutoff)
            try:
                found: Trust | None = self._unexamined().examine(specimen)
            except Cancelled:
                raise
            except Exception:  # of the code, about atoms that it does not know, or their number
                found = None
            self._usual = {**self._usual, kind: found}
        return self._usual.get(kind)

    @takes_center
    def one_sided(self, atoms: Atoms, direction: Array, *, center: int) -> tuple[Array, Array]:
        """Return the derivatives of the features along a direction, forward and backward.

        They differ where the map has a kink. They are known to about 1e-9 of the slopes, if the map
        varies over 0.02 Å or more, and has double precision.

        Parameters
        ----------
        atoms
            The structure, N atoms.
        direction
            Shape (N, 3), displacements of the atoms.
        center
            Index of the center.

        Returns
        -------
        tuple
            Two arrays of shape (features,), in the unit of ``direction`` over Å: for positive and
            for negative multiples of ``direction``.

        Raises
        ------
        TypeError, ValueError
            If the structure, the center or the direction is unusable.

        Examples
        --------
        >>> import numpy as np
        >>> from sensitivity import structures
        >>> from sensitivity.descriptors.from_function import Function
        >>> nearest = Function(lambda atoms: [min(atoms.get_distances(0, [1, 2]))], cutoff=3.0)
        >>> stretch = np.zeros((3, 3))
        >>> stretch[1] = structures.load("H2O").positions[1] - structures.load("H2O").positions[0]
        >>> ahead, behind = nearest.one_sided(structures.load("H2O"), stretch, center=0)
        >>> ahead.round(2).item(), behind.round(2).item()
        (0.0, 0.97)
        """
        chosen = check_centers(atoms, (center,))
        values, moved = self._answer(atoms, chosen), np.asarray(direction, dtype=float)
        if moved.shape != atoms.positions.shape or not np.isfinite(moved).all():
            raise ValueError(
                f"direction must be finite numbers of shape ({len(atoms)}, 3), got shape "
                f"{moved.shape}; give one row for each atom."
            )
        displaced = self._line(atoms, moved, chosen)
        length = float(np.linalg.norm(moved)) or 1.0
        step = (1e-4 if self._precision <= EPS else 1e-2) / length
        ahead, behind = one_sided_differences(displaced, values.ravel(), step=step)
        nearer = one_sided_differences(displaced, values.ravel(), step=step / 8)
        for far, near in zip((ahead, behind), nearer, strict=True):
            if np.linalg.norm(near) > 4 * np.linalg.norm(far) > 0:
                raise NotSmooth("the features jump at this geometry along this direction.")
        return ahead, behind

    def differentiate(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        """Return gradients by central differences, with an estimate of their error.

        Atoms that no center sees together are displaced at the same time. One random displacement
        of all atoms tells whether that is right; if it is not, each atom is displaced alone.
        """
        seen, every = self._seen(atoms, centers), [np.arange(len(atoms))] * len(centers)
        found = self._by_groups(atoms, centers, seen)
        partial = any(len(near) < len(atoms) for near in seen)
        if partial and not self._explains(found, atoms, centers):
            found = self._by_groups(atoms, centers, every)
            self._note_outside(found, atoms, centers)
        return found

    def _explains(self, found: tuple[Batch, ...], atoms: Atoms, centers: tuple[int, ...]) -> bool:
        """Tell whether gradients agree with the slopes along a random displacement."""
        direction = np.random.default_rng(4).normal(size=atoms.positions.shape)
        direction /= np.linalg.norm(direction)
        values = self._answer(atoms, centers)
        along = self._along(atoms, direction, centers, values, precision=self._precision)
        slopes = along.slopes.reshape(values.shape)
        known_to = 3.0 * (float(along.error[0]) + max(batch.error for batch in found) * 2)
        place = {center: row for row, center in enumerate(centers)}
        for batch in found:
            ours = np.einsum("cqkx,ckx->cq", batch.gradient, direction[batch.atoms])
            rows = [place[center] for center in batch.centers.tolist()]
            if np.linalg.norm(slopes[rows] - ours) > known_to:
                return False
        return True

    def _note_outside(
        self, found: tuple[Batch, ...], atoms: Atoms, centers: tuple[int, ...]
    ) -> None:
        """Note in ``trust`` how much atoms outside the cutoff change features per 0.1 Å."""
        near = dict(zip(centers, self._near(atoms, centers), strict=True))
        for batch in found:
            for block in batch.blocks():
                outside = block.gradient[:, ~np.isin(block.atoms, near[block.center])]
                slope, size = np.linalg.norm(outside), float(np.linalg.norm(block.features)) or 1.0
                if self.trust and slope > block.error:
                    change = max(self.trust.locality or 0.0, 0.1 * float(slope) / size)
                    self.trust = replace(self.trust, locality=change)

    def _by_groups(
        self, atoms: Atoms, centers: tuple[int, ...], seen: list[Indices]
    ) -> tuple[Batch, ...]:
        """Return gradients with respect to the atoms that each center sees."""
        values, groups = self._answer(atoms, centers), group_atoms(seen)
        require_memory(
            6 * 8 * 3 * values.size * len(groups),
            purpose="finite differences of the features",
            remedy="choose fewer centers",
        )

        def displaced(columns: Indices, steps: Array) -> Array:
            positions = np.repeat(atoms.positions[None], len(columns), axis=0)
            for each, column, step in zip(positions, columns, steps, strict=True):
                each[groups[column // 3], column % 3] += step
            return self._at(atoms, positions, centers).reshape(len(columns), -1)

        where = atoms.positions[[group[0] for group in groups]]
        found = central_differences(
            displaced, values.ravel(), where.ravel(), precision=self._precision
        )
        slopes = found.slopes.reshape(*values.shape, len(groups), 3)
        group_of = np.empty(len(atoms), dtype=np.intp)
        for number, group in enumerate(groups):
            group_of[group] = number
        error = float(np.linalg.norm(found.error)) / np.sqrt(len(centers))
        return batches_from_blocks(
            Block(center, near, values[row], slopes[row][:, group_of[near]], error)
            for row, (center, near) in enumerate(zip(centers, seen, strict=True))
        )

    def _seen(self, atoms: Atoms, centers: tuple[int, ...]) -> list[Indices]:
        """Return the atoms on which the features of each center may depend.

        All, unless an atom outside the cutoff was seen to change nothing.
        """
        if self._whole or self.trust is None or not self.trust.local:
            return [np.arange(len(atoms))] * len(centers)
        return self._near(atoms, centers)

    def _near(self, atoms: Atoms, centers: tuple[int, ...]) -> list[Indices]:
        """Return each center with the atoms within its cutoff, ascending."""
        pairs = neighbor_pairs(atoms, self.cutoff)
        edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1))
        return [np.unique(np.append(pairs.j[edges[c] : edges[c + 1]], c)) for c in centers]

    def _check_reach(self, atoms: Atoms, centers: tuple[int, ...]) -> None:
        """Refuse a cutoff that a map of the whole structure does not have."""
        if not self._whole:
            return
        nearest = atoms.get_distances(centers[0], range(len(atoms)), mic=bool(atoms.pbc.any()))
        farthest = float(nearest.max())
        if farthest > self.cutoff:
            raise ValueError(
                f"{self.name} describes the whole structure, and atoms are up to {farthest:.2f} Å "
                f"from atom {centers[0]}; give a cutoff above that, got {self.cutoff:g} Å."
            )

    def _line(self, atoms: Atoms, direction: Array, centers: tuple[int, ...]) -> Displaced:
        """Return the function that gives features at steps along a direction, shape (N, 3)."""

        def displaced(_: Indices, steps: Array) -> Array:
            positions = atoms.positions + steps[:, None, None] * direction
            return self._at(atoms, positions, centers).reshape(len(steps), -1)

        return displaced

    def _along(
        self,
        atoms: Atoms,
        direction: Array,
        centers: tuple[int, ...],
        values: Array,
        *,
        precision: float = EPS,
    ) -> Differences:
        """Differentiate features, which have these values, along a direction, shape (N, 3)."""
        size = np.array([np.abs(atoms.positions).max()])
        displaced = self._line(atoms, direction, centers)
        return central_differences(displaced, values.ravel(), size, precision=precision)

    def _at(self, atoms: Atoms, positions: Array, centers: tuple[int, ...]) -> Array:
        """Return features at several positions, (m, N, 3): shape (m, centers, features)."""
        found = []
        for start in range(0, len(positions), _AT_ONCE):
            checkpoint(f"differences: {start} of {len(positions)} structures")
            found += self._stacked(atoms, positions[start : start + _AT_ONCE], centers)
        return np.array(found)

    def _stacked(self, atoms: Atoms, positions: Array, centers: tuple[int, ...]) -> list[Array]:
        """Return the checked features at each of a few positions."""
        copies = [atoms.copy() for _ in positions]
        for copy, there in zip(copies, positions, strict=True):
            copy.positions = there
        found = self._answers(copies, [centers] * len(copies))
        for each in found:
            self._check_size(found[0], each)
        return found

    def _answers(
        self, structures: Sequence[Atoms], centers: Sequence[tuple[int, ...]]
    ) -> list[Array]:
        """Return the checked features of centers of structures of the same elements."""
        return [self._answer(*pair) for pair in zip(structures, centers, strict=True)]

    def _answer(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        with self._enough_memory():
            found = self._features(atoms, centers)
        return self._checked(found, len(centers))

    def _checked(self, given: object, centers: int) -> Array:
        """Return features as an array of double precision, shape (centers, features)."""
        found: NDArray[Any] = self._array(given)
        if found.dtype.kind != "f":
            what = _KINDS.get(found.dtype.kind, f"an array of {found.dtype}")
            raise TypeError(
                f"{self.name} returns {what}, and a Jacobian needs real numbers; return an array "
                "of floating-point numbers."
            )
        if found.ndim != 2 or len(found) != centers or not found.size:
            raise ValueError(
                f"{self.name} must return an array of shape (centers, features), here ({centers}, "
                f"features), got {found.shape}."
            )
        if not np.isfinite(found).all():
            wrong = np.count_nonzero(~np.isfinite(found))
            raise ValueError(
                f"{self.name} returns {wrong} of {found.size} features that are NaN or infinite."
            )
        self._precision = max(EPS, float(np.finfo(found.dtype).eps))
        return np.asarray(found.astype(float))

    def _is_exhausted(self, error: Exception) -> bool:
        """Return True for an error that says that memory is exhausted."""
        return isinstance(error, MemoryError)

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        """Raise a ValueError if memory is exhausted in a block."""
        try:
            yield
        except Exception as error:
            if not self._is_exhausted(error):
                raise
            raise ValueError(
                f"{self.name} needs more memory than there is; choose fewer centers, or a smaller "
                "structure."
            ) from error

    def _check_derivatives(self, found: Array) -> None:
        """Raise a ValueError for derivatives that are NaN or infinite."""
        wrong = int(np.count_nonzero(~np.isfinite(found)))
        if wrong:
            raise ValueError(
                f"{self.name} has finite features, but {wrong} of {found.size} derivatives are NaN "
                "or infinite, as those of a square root at 0, or of an arccosine at 1; leave out "
                "what is 0 before the root is taken, such as distances of atoms to themselves."
            )

    def _array(self, given: object) -> Any:
        try:
            return np.asarray(given)
        except ValueError as error:
            raise ValueError(
                f"{self.name} must return an array of shape (centers, features), got rows of "
                "unequal length; return as many features of each center."
            ) from error

    def _check_size(self, first: Array, other: Array) -> None:
        if first.shape != other.shape:
            raise ValueError(
                f"{self.name} returns {first.shape[1]} features of a structure and "
                f"{other.shape[1]} after a small displacement; return the same number always, such "
                "as by filling up with zeros."
            )


def _at_least(batch: Batch, error: float) -> Batch:
    """Return a batch with an error of at least this fraction of its gradient."""
    return replace(batch, error=max(batch.error, error * float(np.linalg.norm(batch.gradient))))


def group_atoms(seen: list[Indices]) -> list[list[int]]:
    """Group the atoms of several environments so that no environment has two of a group."""
    around: dict[int, set[int]] = {}
    for row, atoms in enumerate(seen):
        for atom in atoms.tolist():
            around.setdefault(atom, set()).add(row)
    groups, taken = list[list[int]](), list[set[int]]()
    for atom, rows in sorted(around.items()):
        place = next((n for n, others in enumerate(taken) if others.isdisjoint(rows)), len(groups))
        if place == len(groups):
            groups.append([])
            taken.append(set())
        groups[place].append(atom)
        taken[place] |= rows
    return groups
