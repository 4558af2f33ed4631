"""The start and range of a search for singular points, and the geometries that it accepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from sensitivity.completeness import CompleteView, Environments, resolves
from sensitivity.geometry.motions import rotational_motions
from sensitivity.geometry.superposition import are_congruent
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.progress import Progress, checkpoint
from sensitivity.singular.coincidences import MovableNeighbors, find_neighbors
from sensitivity.singular.local_modes import LocalModes, distance_to_zero, internal_modes
from sensitivity.spectrum import decompose
from sensitivity.structures import neighbor_pairs
from sensitivity.structures.validation import NEAREST
from sensitivity.symmetry import SiteSymmetry, site_symmetry
from sensitivity.tolerances import Tolerance

Avoided = Literal["symmetry", "coalescence"]

AVOIDABLE: tuple[Avoided, ...] = ("symmetry", "coalescence")

PointCause = Literal["symmetry", "incompleteness", "truncation", "undetermined"]

ALL_CAUSES = frozenset(get_args(PointCause))

# Causes that a search can be restricted to.
CAUSES: tuple[PointCause, ...] = ("symmetry", "incompleteness", "truncation")

# Symmetry hides a displacement if it allows at most this part of its norm to be seen.
HIDDEN = 0.5

# Å: bonds and distances that differ by less are equal at a converged point.
SAME = 1e-8

# Numbers in all Jacobians of a search without any result, and in all: some fifteen seconds.
MOST_NUMBERS_ALONE, MOST_NUMBERS = 15 * 10**7, 5 * 10**8

# Fraction of the largest slope of the dot products: a complete basis has no small values.
INVISIBLE = 1e-5


@dataclass(frozen=True)
class Avoidance:
    """Kinds of geometries to avoid."""

    avoid: frozenset[Avoided]
    bonds: tuple[float, float] = (0.0, np.inf)  # shortest and longest from the center, Å

    @property
    def closest(self) -> float:
        """Å. Atoms may come this close, but a descriptor may refuse coinciding atoms."""
        return NEAREST if "coalescence" in self.avoid else 1e-3

    def permits(self, observation: Observation) -> bool:
        """Return True if no atoms are too close, none fades at the cutoff, and bonds are valid."""
        atoms, cutoff = observation.atoms, observation.descriptor.cutoff
        gaps = atoms.get_all_distances(mic=bool(atoms.pbc.any()))[np.triu_indices(len(atoms), k=1)]
        if gaps.min(initial=np.inf) < self.closest:
            return False
        pairs = neighbor_pairs(atoms, cutoff)
        lengths = np.linalg.norm(pairs.vectors[pairs.i == observation.center], axis=1)
        if lengths.max(initial=0.0) > cutoff - Tolerance.FADING:
            return False
        low, high = self.bonds
        rounding = 1e-9 * lengths
        return bool(((lengths >= low - rounding) & (lengths <= high + rounding)).all())

    def select(
        self,
        observation: Observation,
        null: Array,
        *,
        site: SiteSymmetry,
        internal: Array | None = None,
    ) -> tuple[Array, str, bool]:
        """Select null displacements, (m, N, 3), that symmetry does not hide; return the group.

        The displacements least related to symmetry come first. If symmetry is not avoided, all are
        kept; if it is, none is kept where it hides any of the ``internal`` displacements,
        (k, N, 3). Also returns whether symmetry hides the first.
        """
        group = site.group.binding(observation.known.invariance)
        least = HIDDEN if "symmetry" in self.avoid else -1.0
        if internal is not None:
            _, _, span = np.linalg.svd(_shapes(site, internal), full_matrices=False)
            if np.linalg.svd(span @ group.projector(), compute_uv=False)[-1] <= least:
                return null[:0], group.symbol, True
        shapes = _shapes(site, null)
        lengths = np.linalg.norm(shapes, axis=1, keepdims=True)
        allowed = (shapes / np.maximum(lengths, np.finfo(float).tiny)) @ group.projector()
        mixing, shares, _ = np.linalg.svd(allowed)
        shares = np.pad(shares, (0, len(null) - len(shares)))
        kept = np.tensordot(mixing.T[shares > least], null, axes=1)
        return kept, group.symbol, bool(shares.max(initial=0.0) <= HIDDEN)


def find_site(observation: Observation) -> SiteSymmetry:
    """Return the symmetry that a search avoids: the nearest within ``Tolerance.NEARLY_EQUAL``."""
    cutoff, tolerance = observation.descriptor.cutoff, Tolerance.NEARLY_EQUAL
    center = observation.center
    return site_symmetry(observation.atoms, center=center, cutoff=cutoff, tolerance=tolerance)


def _shapes(site: SiteSymmetry, displacements: Array) -> Array:
    """Return displacements relative to the center, without rotations, (m, 3 atoms)."""
    moved = displacements[:, site.atoms] - displacements[:, site.atoms[:1]]
    moved = moved.reshape(len(displacements), 3 * len(site.atoms))
    turns = rotational_motions(site.vectors, least=Tolerance.NEARLY_EQUAL)
    return np.asarray(moved - (moved @ turns.T) @ turns)


def check_avoid(avoid: Iterable[str]) -> frozenset[Avoided]:
    """Return the kinds to avoid as a set, if these are "symmetry" and "coalescence"."""
    if isinstance(avoid, str) or not isinstance(avoid, Iterable):
        raise TypeError(f"avoid must be a sequence such as ('symmetry',), got {avoid!r}.")
    chosen = frozenset(avoid)
    if not chosen <= set(AVOIDABLE):
        raise ValueError(
            f"avoid must contain 'symmetry', 'coalescence', both or neither, got "
            f"{sorted(map(str, chosen))}; leave out the others."
        )
    return chosen  # type: ignore[return-value]


@dataclass(frozen=True)
class PointQuery:
    """The singular points to search for."""

    start: Observation  # the structure, the descriptor, and the center
    avoidance: Avoidance
    reach: float  # Å, root of the summed squares: largest displacement of the atoms
    count: int  # number of points to find
    cause: PointCause | None = None  # the only cause to accept

    @property
    def moves(self) -> Array:
        """Orthonormal, shape (k, N, 3): the internal displacements of the start."""
        return self.start.internal

    @cached_property
    def neighbors(self) -> MovableNeighbors:
        """Neighbours of the center."""
        return find_neighbors(
            self.start.atoms,
            self.start.descriptor.cutoff,
            center=self.start.center,
            moves=self.moves,
            bonds=np.array(self.avoidance.bonds),
        )

    @property
    def cannot_tell(self) -> bool:
        """True if the requested cause depends on the order, which is unknown."""
        wanted = self.cause in {"incompleteness", "truncation"}
        return wanted and self.start.known.order is None

    @property
    def always_seen(self) -> bool:
        """True if a complete basis sees all displacements of such neighbours that symmetry allows.

        From order 2 on, for at most three neighbours, as many as the order, or unlike ones.
        """
        order = self.start.known.order
        if order is None or order < 2:
            return False
        return len(self.neighbors.vectors) <= max(order, 3) or self.neighbors.all_unlike

    @property
    def resolved(self) -> bool:
        """True if the basis sees such neighbours as a complete basis does."""
        return resolves(self.start.descriptor, self.neighbors.numbers)

    def admits(self, there: Observation) -> bool:
        """Return True if a descent may go there: the center must still see some motion."""
        displacement = there.atoms.positions - self.start.atoms.positions
        if float(np.linalg.norm(displacement)) > self.reach:
            return False
        return self.avoidance.permits(there) and len(there.internal) > 0


@dataclass(frozen=True)
class FoundPoint:
    """An accepted singular geometry."""

    local: LocalModes
    null: Array  # (m, N, 3): the one least related to symmetry first
    cause: PointCause  # cause of the first


@dataclass
class Acceptance:
    """The geometries that a search has examined, and how the search has ended."""

    query: PointQuery
    progress: Progress  # called at each step
    start: LocalModes | None = None  # None until examined, which happens first
    found: list[FoundPoint] = field(default_factory=list)
    # Nearest point for each reason of rejection: the symbol of a group, "coalescence", or a cause
    # other than the requested one.
    rejected: dict[str, LocalModes] = field(default_factory=dict)
    # Coordinates, (k,), of zeros of descents that do not count.
    failed: list[Array] = field(default_factory=list)
    evaluations: int = 0  # Jacobians
    numbers: int = 0  # in all of these, times the effort of the descriptor
    patterns: int = 0  # of equal pairs of neighbours
    descents: int = 0  # that have ended
    ending: str = ""  # "cancelled" or "interrupted"

    @property
    def nearest_rejected(self) -> tuple[str, LocalModes | None]:
        """Rejected point nearest to a requested one, and the reason of rejection.

        One of another cause, or else a symmetric one, or else one with coinciding atoms.
        """
        kinds = ALL_CAUSES & set(self.rejected)
        symbols = set(self.rejected) - kinds - {"coalescence"}
        chosen = kinds or symbols or set(self.rejected)
        reason = min(chosen, key=lambda reason: self.rejected[reason].moved, default="")
        return reason, self.rejected.get(reason)

    @property
    def exhausted(self) -> bool:
        """True if no more Jacobians may be computed for descents."""
        return self.numbers >= (MOST_NUMBERS if self.found else MOST_NUMBERS_ALONE)

    @property
    def within(self) -> float:
        """Å, root of the summed squares: upper bound of the distance of further points."""
        lengths = sorted(found.local.moved for found in self.found)
        count = self.query.count
        return lengths[count - 1] if len(lengths) >= count else self.query.reach

    def examine(self, displacement: Array, *, internal: Array | None = None) -> LocalModes:
        """Decompose J after a displacement, shape (N, 3); see ``internal_modes``."""
        here = self.query.start.displaced(displacement)
        there = internal_modes(here, displacement, internal=internal)
        self.start = self.start or there
        self.tell(1, there.images.size, there.condition, there.moved)
        return there

    def tell(self, jacobians: int, size: int, condition: float, moved: float) -> None:
        """Count Jacobians of some size, report progress, and stop the search if cancelled."""
        self.evaluations += jacobians
        self.numbers += int(jacobians * size * self.query.start.known.effort)
        checkpoint()
        found = f", {len(self.found)} found" if self.found else ""
        count = f"{self.evaluations} Jacobian{'s' if self.evaluations > 1 else ''}"
        ratio = f"smallest/largest singular value {condition:.0e}"
        self.progress(f"{count}, {ratio}, moved {moved:.2f} Å{found}")

    def consider(self, there: LocalModes) -> bool:
        """Keep a geometry if it is singular, new, and not to be avoided."""
        query = self.query
        near = there.condition <= Tolerance.SINGULAR and there.moved <= self.within
        if not near or not self._is_zero(there):
            return False
        here = query.start.displaced(there.displacement)
        if not query.avoidance.permits(here):
            return self._reject("coalescence", there)
        # The start counts unchanged; elsewhere symmetry must not hide any displacement.
        internal = there.modes if there.moved else None
        site = find_site(here)
        null, symbol, hidden = query.avoidance.select(
            here, there.null(Tolerance.SINGULAR), site=site, internal=internal
        )
        if not len(null):
            return self._reject(symbol, there)
        cause: PointCause = "symmetry"
        if not hidden:
            cause, null = find_cause(here, null, site, seen=there)
        if query.cause not in {None, cause}:
            return self._reject(cause, there)
        if any(self._are_one(here, found) for found in self.found):
            return False
        self.found.append(FoundPoint(there, null, cause))
        return True

    def _is_zero(self, there: LocalModes) -> bool:
        """Return True if a small condition leads to a zero nearby, and does not merely fade.

        To first order the zero must be within 1e-6 Å, the usual accuracy of coordinates. Values
        that fall as a square are that small from there on; values that merely fade, such as those
        of an atom that leaves, end 1e-2 Å and more from any zero.
        """
        nearest = 1e-6  # Å
        if there.condition <= Tolerance.ROUNDED_CONDITION:
            return True
        query, rounding = self.query, Tolerance.ROUNDED_CONDITION
        distance = distance_to_zero(query.start, there, query.moves, rounding=rounding)
        self.tell(2, there.images.size, there.condition, there.moved)
        return distance <= nearest

    def _reject(self, reason: str, there: LocalModes) -> bool:
        known = self.rejected.setdefault(reason, there)
        self.rejected[reason] = min(known, there, key=lambda end: end.moved)
        return False

    def _are_one(self, here: Observation, found: FoundPoint) -> bool:
        there = self.query.start.displaced(found.local.displacement).environment
        inversion, within = here.descriptor.inversion_invariant, Tolerance.NEARLY_EQUAL
        return are_congruent(here.environment, there, center=0, inversion=inversion, within=within)


def find_cause(
    here: Observation, null: Array, site: SiteSymmetry, *, seen: LocalModes
) -> tuple[PointCause, Array]:
    """Return the cause of null displacements, (m, N, 3), not hidden by symmetry; and rotate them.

    Those that no basis sees come first; one of them suffices to call the point incomplete. ``seen``
    are the modes of the descriptor at this geometry.
    """
    known, descriptor = here.known, here.descriptor
    view = None
    if known.order is not None:
        odd = not descriptor.inversion_invariant
        environments = Environments((site,), here.atoms.numbers)
        view = environments.view(order=known.order, parity_odd=odd, same=SAME)
    if view is None or _sees_more(seen, view):
        return "undetermined", null
    _, values, mixing = np.linalg.svd(np.linalg.qr(view.slopes(null), mode="r"))
    largest = np.linalg.norm(view.slopes(here.internal), ord=2)
    complete = len(values) < len(null) or values[-1] <= INVISIBLE * largest
    return "incompleteness" if complete else "truncation", np.tensordot(mixing[::-1], null, axes=1)


def _sees_more(seen: LocalModes, view: CompleteView) -> bool:
    """Return True if the descriptor sees what no basis of its order can: that order is wrong."""
    values, modes = decompose(view, seen.modes)
    missed = modes[values <= INVISIBLE * values.max(initial=0.0)]
    parts = np.einsum("aix,bix->ab", seen.modes, missed) * seen.values[:, None]
    return bool(np.linalg.norm(parts, axis=0).max(initial=0.0) > Tolerance.RANK * seen.values[0])
