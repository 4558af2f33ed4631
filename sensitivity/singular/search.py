"""The search for singular points: what is tried, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from ase import Atoms

from sensitivity.completeness.resolution import resolves, resolves_angles
from sensitivity.geometry.superposition import are_congruent
from sensitivity.numerics import Array
from sensitivity.progress import Progress
from sensitivity.singular.avoidance import Avoidance
from sensitivity.singular.candidates import Candidates, find_coincidences
from sensitivity.singular.descent import Descent, Look, descend, distance_to_zero, look
from sensitivity.singular.nearest_zeros import DescriptorView
from sensitivity.singular.order2_projection import Neighbors, complete, draft, find_neighbors
from sensitivity.structures import environment

# Condition that counts as singular: a thousand times the rounding of singular values.
SINGULAR = 1e-12
# Condition that is rounding: up to here no further step could tell more.
ROUNDING = 1e-14
# Å. A condition above rounding counts as singular if the zero that it leads to is so near, to first
# order: as near as coordinates are usually given. Values that fall as a square do so from 1e-6 Å,
# those that merely fade, as that of an atom that leaves, end 1e-2 Å and more from any zero.
AT_ZERO = 1e-6
# Condition at which a coincidence of a complete basis is next to a zero of the descriptor, which
# an atom near the cutoff can have moved.
NEXT_TO_ZERO = 1e-6
# Modes from which a descent begins, the softest first.
SOFTEST = 4
# Å, root of the summed squares: how far away descents look, one after the other.
WITHIN = (0.05, 0.4, 1.0)
# Å, root of the summed squares: from where else the search begins, if that fails.
NUDGES = (0.1, 0.2, 0.3, 0.4)
# A zero of one singular value asks for (features - modes + 1) conditions, where features are those
# that answer to any mode. Up to so many more features than modes, a small basis can be singular by
# truncation about as near as by coincidence.
FEW_FEATURES = 8
# Å, root mean square. Points that are nearer to each other are one.
DISTINCT = 1e-2
# Of so many neighbours order 2 and above, in a complete basis, see all that symmetry allows.
ALWAYS_SEEN = 3
# Jacobians of a search by descents: all of the usual descents from four neighbours; and numbers in
# all of these Jacobians, which bounds the time to some five seconds.
MOST_EVALUATIONS, MOST_NUMBERS = 600, 10**8
# So many Jacobians there are in any case, which is a descent or two.
FEWEST_EVALUATIONS = 24


@dataclass(frozen=True)
class Found:
    """A singular geometry that is not to be avoided.

    Attributes
    ----------
    look
        What is seen there.
    null
        Shape (m, N, 3): what is null, that which symmetry has least to do with first.
    path
        Displacements, shape (N, 3), on the way there.
    """

    look: Look
    null: Array
    path: tuple[Array, ...]


@dataclass
class Search:
    """A search, with what it has found and what it has turned down.

    Attributes
    ----------
    view
        What the descriptor sees of the structure from the center.
    moves
        Orthonormal, shape (k, N, 3): the internal displacements of the start.
    avoidance
        What a point shall not be.
    reach
        Å, root of the summed squares: how far the atoms may go.
    count
        How many points are wanted.
    progress
        Told what has been reached.
    found
        Points, in the order in which they were found.
    turned_down
        The nearest point for each reason why one was turned down: the symbol of a group, or
        "coalescence".
    evaluations
        Number of Jacobians.
    interrupted
        Whether Ctrl-C ended the search.
    exhausted
        Whether as many Jacobians were computed as a search may take.
    """

    view: DescriptorView
    moves: Array
    avoidance: Avoidance
    reach: float
    count: int
    progress: Progress
    found: list[Found] = field(default_factory=list)
    turned_down: dict[str, Look] = field(default_factory=dict)
    evaluations: int = 0
    interrupted: bool = False
    exhausted: bool = False

    @cached_property
    def start(self) -> Look:
        """What is seen at the start."""
        self.evaluations += 1
        return look(self.view, np.zeros(self.moves.shape[1:]), internal=self.moves)

    @cached_property
    def most_evaluations(self) -> int:
        """How many Jacobians descents may take in all."""
        affordable = MOST_NUMBERS // max(self.start.images.size, 1)
        return int(np.clip(affordable, FEWEST_EVALUATIONS, MOST_EVALUATIONS))

    @cached_property
    def neighbors(self) -> Neighbors:
        """The neighbours of the center."""
        avoidance, descriptor = self.avoidance, self.view.descriptor
        return find_neighbors(
            self.view.atoms,
            descriptor.cutoff,
            center=avoidance.center,
            moves=self.moves,
            bonds=np.array(avoidance.bonds),
        )

    @cached_property
    def candidates(self) -> Candidates:
        """Where pairs of neighbours may have the same shape."""
        small = not resolves_angles(self.view.descriptor, self.neighbors.numbers)
        return find_coincidences(self.neighbors, reach=self.reach, small_basis=small)

    @property
    def always_seen(self) -> bool:
        """Whether a complete basis sees all of such neighbours, but for what symmetry hides."""
        order = self.view.descriptor.order
        if order is None or order < 2:
            return False
        few = len(self.neighbors.vectors) <= max(order, ALWAYS_SEEN)
        return few or self.neighbors.all_unlike

    @property
    def resolved(self) -> bool:
        """Whether the basis sees such neighbours as a complete one does."""
        return resolves(self.view.descriptor, self.neighbors.numbers)

    @property
    def incomplete(self) -> bool:
        """Whether something was left untried, at which there may be another or a nearer point."""
        if self.exhausted and len(self.found) < self.count:
            return True
        nearest = self.found[0].look.moved if self.found else np.inf
        return self.view.descriptor.order == 2 and self.candidates.beyond < nearest

    def run(self, rng: np.random.Generator) -> None:
        """Try what is cheap and near first, and end as soon as that is enough."""
        try:
            self._tell(self.start)
            if not self._accept(self.start, ()) or self.count > 1:
                self._try_all(rng)
        except KeyboardInterrupt:
            self.interrupted = True
        self.found.sort(key=lambda found: found.look.moved)

    def _try_all(self, rng: np.random.Generator) -> None:
        nudges = list(self._nudges(rng))
        if self.view.descriptor.order == 2:
            here = [np.zeros(len(self.moves))]
            # From a singular start the nearest geometry often is itself.
            for starts in [here + nudges] if self.turned_down else [here, nudges]:
                self._try_coincidences(starts)
                if len(self.found) >= self.count:
                    break
        if self._needs_descents:
            self._try_descents(nudges)

    def _nudges(self, rng: np.random.Generator) -> Iterator[Array]:
        """Coordinates, shape (k,), of geometries at growing distance from the start."""
        for length in NUDGES:
            coordinates = rng.normal(size=len(self.moves))
            yield coordinates * length / np.linalg.norm(coordinates)

    def _try_coincidences(self, starts: list[Array]) -> None:
        """Take the nearest geometries at which pairs of neighbours have the same shape."""
        for displacement in self._coincidences(starts):
            if self.avoidance.permits(self.view.at(displacement)):
                self._accept(self._polish(displacement), ())
            if len(self.found) >= self.count:
                break

    def _coincidences(self, starts: list[Array]) -> Iterator[Array]:
        """Displacements, (N, 3), the shortest first; those of kinds that are far, only in time."""
        begun = [
            draft(self.neighbors, coincidences, start=start)
            for coincidences, start in product(self.candidates.coincidences, starts)
        ]
        begun.sort(key=lambda one: one.beyond, reverse=True)
        candidates: list[tuple[float, Array]] = []
        while begun or candidates:
            if begun and (not candidates or begun[-1].beyond < candidates[-1][0]):
                members = complete(self.neighbors, begun.pop(), reach=self.reach)
                candidates += zip(members.lengths.tolist(), members.displacements, strict=True)
                candidates.sort(key=lambda candidate: candidate[0], reverse=True)
            else:
                yield candidates.pop()[1]

    def _polish(self, displacement: Array) -> Look:
        """What is seen at a geometry, or at a singular one next to it."""
        there = self._look(displacement)
        if SINGULAR < there.condition < NEXT_TO_ZERO:
            there = self._descend(there, there.modes[-1], self.reach).best
        return there

    @property
    def _needs_descents(self) -> bool:
        """Whether the coincidences of a complete basis do not settle the matter."""
        if "symmetry" not in self.avoidance.avoid or self.view.descriptor.order is None:
            return True
        if self.always_seen:
            return not self.resolved
        answering = int(np.sum(self.start.images.any(axis=1)))
        return answering - len(self.moves) < FEW_FEATURES or len(self.found) < self.count

    def _try_descents(self, nudges: list[Array]) -> None:
        """Descend from the softest modes of the start, then of geometries nearby."""
        for here, within in self._beginnings(nudges):
            for mode in here.modes[: -SOFTEST - 1 : -1]:
                descent = self._descend(here, mode, min(within, self.reach))
                path = tuple(step.displacement for step in descent.looks[1:-1])
                self._accept(descent.best, path)
                self.exhausted = self.evaluations >= self.most_evaluations
                if self.exhausted:
                    return
            if len(self.found) >= self.count:
                return

    def _beginnings(self, nudges: list[Array]) -> Iterator[tuple[Look, float]]:
        """Where descents begin, and how far away they look, in Å."""
        if self.start.condition > SINGULAR:
            for within in WITHIN:
                yield self.start, within
        for nudge in nudges:
            displacement = np.tensordot(nudge, self.moves, axes=1)
            if self._admits(displacement):
                yield self._look(displacement), WITHIN[-1]

    def _look(self, displacement: Array) -> Look:
        self.evaluations += 1
        there = look(self.view, displacement)
        self._tell(there)
        return there

    def _descend(self, here: Look, mode: Array, within: float) -> Descent:
        return descend(
            self.view,
            here,
            mode=mode,
            moves=self.moves,
            zero=SINGULAR,
            within=within,
            admits=self._admits,
            tell=self._count_step,
        )

    def _count_step(self, there: Look) -> bool:
        """Count the Jacobians of a step; whether there may be more."""
        self.evaluations += 3
        self._tell(there)
        return self.evaluations < self.most_evaluations

    def _tell(self, there: Look) -> None:
        found = f", {len(self.found)} found" if self.found else ""
        count = f"{self.evaluations} Jacobian{'s' if self.evaluations > 1 else ''}"
        self.progress(
            f"{count}, condition {there.condition:.0e}, {there.moved:.2f} Å from the start{found}"
        )

    def _admits(self, displacement: Array) -> bool:
        """Whether a descent may go there, where the center must still see something move."""
        within = float(np.linalg.norm(displacement)) <= self.reach
        if not within or not self.avoidance.permits(self.view.at(displacement)):
            return False
        return len(self.view.internal(displacement)) > 0

    def _accept(self, there: Look, path: tuple[Array, ...]) -> bool:
        """Whether a geometry is singular, and neither to be avoided nor known; then keep it."""
        if there.condition > SINGULAR or there.moved > self.reach or not self._is_zero(there):
            return False
        atoms = self.view.at(there.displacement)
        if not self.avoidance.permits(atoms):
            return self._turn_down("coalescence", there)
        # The start counts as it stands; where a search leads nothing is to be hidden by symmetry.
        internal = there.modes if there.moved else None
        null, symbol = self.avoidance.sort(atoms, there.null(SINGULAR), internal=internal)
        if not len(null):
            return self._turn_down(symbol, there)
        if any(self._are_one(atoms, self.view.at(f.look.displacement)) for f in self.found):
            return False
        self.found.append(Found(there, null, path))
        return True

    def _is_zero(self, there: Look) -> bool:
        """Whether a small condition is, or leads to, a zero nearby, and does not merely fade."""
        if there.condition <= ROUNDING:
            return True
        self.evaluations += 2
        distance = distance_to_zero(self.view, there, self.moves, rounding=ROUNDING)
        return distance <= AT_ZERO

    def _turn_down(self, reason: str, there: Look) -> bool:
        known = self.turned_down.get(reason)
        if known is None or there.moved < known.moved:
            self.turned_down[reason] = there
        return False

    def _are_one(self, atoms: Atoms, other: Atoms) -> bool:
        """Whether two environments of the center are congruent."""
        descriptor = self.view.descriptor
        here, there = (
            environment(structure, self.avoidance.center, descriptor.cutoff)
            for structure in (atoms, other)
        )
        inversion = descriptor.inversion_invariant
        return are_congruent(here, there, center=0, inversion=inversion, within=DISTINCT)
