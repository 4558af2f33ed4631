"""Null displacements that symmetry allows to be seen, and their cause.

They are null by truncation if a complete basis of the same order sees them, and by incompleteness
if it does not, but correlations of more neighbours do. Descriptors that are correlations of a known
order are compared with the complete basis itself. Others, and environments with too many atoms, are
compared with the larger basis and the higher order of the descriptor. Of what remains, as many are
null by width as there are fewer features than displacements that symmetry allows to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from ase import Atoms

from sensitivity.completeness import Environments
from sensitivity.diagnosis.causes import CRITERIA, Cause
from sensitivity.diagnosis.evidence import Case, relative_responses
from sensitivity.diagnosis.zeros import Budget, NearestZeros, nearest_zeros
from sensitivity.geometry.motions import complement
from sensitivity.numerics import Array
from sensitivity.spectrum import decompose, largest_singular_value
from sensitivity.symmetry.groups import Invariance
from sensitivity.symmetry.hidden import hidden_by_symmetry
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Subspace:
    """Displacements of one cause."""

    cause: Cause
    directions: Array  # (n, N, 3), orthonormal
    displacement: Array  # (N, 3), Å: to the nearest geometry at which they are null
    lifted_by: int | None = None  # the lowest order whose complete basis sees them, if known
    distance: float | None = None  # Å, root mean square: to that geometry, if they are null
    # Counted instead of these, which are null at a much nearer geometry; None to count these.
    instead_of: Subspace | None = None
    # True if the descriptor sees what no basis of the order that it states can see.
    wrong_order: bool = False


@dataclass(frozen=True)
class NullSearch:
    """A search for null displacements."""

    case: Case
    moves: Array  # (n, N, 3), orthonormal: all internal displacements
    bounded: bool = False  # True to use the budget of the case, and only the next order

    @property
    def zero(self) -> float:
        """Fraction of the largest singular value below which a singular value counts as zero.

        A deviation d from symmetry turns an exact zero into up to ten times d², relative, per Å².
        Below the error of the gradients nothing is resolved.
        """
        spectrum = self.case.observation.spectrum
        unresolved = spectrum.error / (spectrum.scale or 1.0)
        return max(Tolerance.RANK, 10.0 * self.case.deviation**2, unresolved)

    @property
    def budget(self) -> Budget | None:
        """Limit on the cost of the search."""
        return self.case.budget if self.bounded else None

    def find(self, directions: Array) -> Iterator[Subspace]:
        """Yield null subspaces within the tolerance, of orthonormal directions, shape (k, N, 3)."""
        incomplete = None
        if len(directions):
            incomplete = self._incomplete(self.case.environments, directions)
        if incomplete is not None and self._is_seen(incomplete):
            yield Subspace(
                "incompleteness", directions[:0], incomplete.displacement, wrong_order=True
            )
            incomplete = None
        if incomplete is not None and len(incomplete.modes):
            yield from self._lift(incomplete)
            directions = complement(incomplete.modes, within=directions)
        if not len(directions):
            return
        exact = self._exact_zeros(directions)
        directions = complement(exact.modes, within=directions)
        near = nearest_zeros(
            self.case.observation,
            directions,
            moves=self.moves,
            reach=self.case.tolerance * self.case.averaged,
            zero=self.zero,
            budget=self.budget,
        )
        if incomplete is None:
            if not len(exact.modes) + len(near.modes):
                return
            lacking = self._count_lacking(len(exact.modes) + len(directions))
            for null in chain(self._compare(exact), self._compare(near)):
                # What a larger basis or a higher order sees is lacking here, too.
                count, lacking = lacking, max(lacking - len(null.directions), 0)
                count = count if null.cause == "undetermined" else 0
                yield replace(null, cause="width", directions=null.directions[:count])
                yield replace(null, directions=null.directions[count:])
            return
        order = self.case.observation.known.order
        for found, modes in ((exact, exact.modes), (near, self._truncated(near))):
            yield Subspace("truncation", modes, found.displacement, order)

    def _exact_zeros(self, directions: Array) -> NearestZeros:
        observation, here = self.case.observation, np.zeros(directions.shape[1:])
        scale = largest_singular_value(observation, self.moves)
        values, modes = decompose(observation, directions, scale=scale)
        zero = max(Tolerance.SINGULAR * scale, observation.jacobian.error)
        if scale <= observation.spectrum.zero_level:  # nothing but rounding errors
            zero = scale
        null = modes[values <= zero]
        return NearestZeros(here, null, len(null))

    def _incomplete(self, environments: Environments, directions: Array) -> NearestZeros | None:
        """Find modes that a complete basis does not see; None if it cannot be compared."""
        best, last, preferred = None, None, (0, 0.0)
        reach = self.case.tolerance * self.case.averaged
        # A coincidence of tuples out of reach hides those within reach.
        for within in (1.0, 0.7, 0.5, 0.3, 0.1, 0.01):
            complete = self.case.complete(environments, within=within)
            if complete is None:
                return None
            if last is not None and complete.same_shapes(last):
                continue
            last = complete
            # A complete basis has no small values: up to 1e-5 of the largest slope is zero.
            found = nearest_zeros(
                complete,
                directions,
                moves=self.moves,
                reach=reach,
                zero=1e-5,
                budget=self.budget,
            )
            # More null modes are better; of equally many, the nearer geometry.
            preference = len(found.modes), -float(np.linalg.norm(found.displacement))
            if best is None or preference > preferred:
                best, preferred = found, preference
            if len(best.modes) >= found.small and not best.displacement.any():
                break  # fewer coincidences hide no more modes, and no geometry is nearer
        return best

    def _is_seen(self, found: NearestZeros) -> bool:
        """Tell whether the descriptor, or its larger basis, sees what no basis of its order does.

        Correlations of that order do not: in all structures of known rank at most 1e-8 of the scale
        is left. So these are correlations of more neighbours, or of other things.
        """
        there = self.case.observation.displaced(found.displacement)
        larger = CRITERIA["larger basis"].threshold
        for descriptor, least in ((there.descriptor, Tolerance.RANK), (there.larger_basis, larger)):
            response = relative_responses(there, descriptor, found.modes)
            if response is not None and np.linalg.norm(response, ord=2) > least:
                return True
        return False

    def _lift(self, found: NearestZeros) -> Iterator[Subspace]:
        """Split modes invisible in any basis of this order by the order that sees them."""
        remaining, order = found.modes, self.case.observation.known.order or 0
        environments = self.case.environments.displaced(found.displacement)
        criterion = CRITERIA["complete basis of a higher order"]
        for more in range(1, 2 if self.bounded else 4):
            # Exactly: tuples that a higher order distinguishes must not count as equal.
            complete = self.case.complete(environments, more=more, within=0.01)
            if complete is None or not len(remaining):
                break
            seen, remaining = _split(complete.slopes(remaining), remaining, criterion.threshold)
            yield Subspace(criterion.cause, seen, found.displacement, order + more)
        yield Subspace("undetermined", remaining, found.displacement)

    def _truncated(self, found: NearestZeros) -> Array:
        """Return null displacements that a complete basis sees, without the nearly hidden ones.

        Near a symmetry just out of reach, the singular values of the displacements that it hides
        are as small as powers of the distance, in any basis; near a geometry where the order is
        incomplete they are small, too. A displacement is truncated only if it is exactly null in
        this basis, or if a larger one sees it; near a symmetry, ten times better than this one.
        """
        if not len(found.modes):
            return found.modes
        environments = self.case.environments.displaced(found.displacement)
        incomplete, modes = self._incomplete(environments, found.modes), found.modes
        if incomplete is not None and len(incomplete.modes):
            modes = complement(incomplete.modes, within=modes)
        here, invariance = self.case.observation, self.case.observation.known.invariance
        cutoff = here.descriptor.cutoff
        hidden = nearly_hidden(here.atoms, here.centers, cutoff=cutoff, invariance=invariance)
        near, others = _split(_rows(hidden) @ _rows(modes).T, modes, COMMON)
        others, near = (
            self._lifted(replace(found, modes=part), factor=factor)
            for part, factor in ((others, 0.0), (near, NEARLY_HIDDEN))
        )
        return np.concatenate([others, near])

    def _lifted(self, found: NearestZeros, *, factor: float) -> Array:
        """Return null displacements, exactly null or seen ``factor`` better by a larger basis."""
        there = self.case.observation.displaced(found.displacement)
        here = relative_responses(there, there.descriptor, found.modes)
        if here is None:
            return found.modes
        rest, exact = _split(here, found.modes, Tolerance.SINGULAR)
        kept, larger = [exact], there.larger_basis
        least = factor * float(np.linalg.norm(here, ord=2))
        for _ in range(3):
            response = relative_responses(there, larger, rest)
            if larger is None or response is None:
                break
            threshold = max(CRITERIA["larger basis"].threshold, least)
            seen, rest = _split(response, rest, threshold)
            kept.append(seen)
            larger = there.by(larger).larger_basis
        return np.concatenate(kept)

    def _count_lacking(self, allowed: int) -> int:
        """Return how many displacements are null because there are too few features.

        Of the displacements that symmetry allows, as many as the features that vary can be seen.
        Which ones are null by this alone cannot be said, only how many.
        """
        here, rng = self.case.observation, np.random.default_rng(0)
        moves = rng.normal(scale=0.05, size=(2, *here.atoms.positions.shape))
        varying = max(here.displaced(move).jacobian.varying for move in moves)
        return max(allowed - varying, 0) if varying else 0

    def _compare(self, found: NearestZeros) -> Iterator[Subspace]:
        remaining = found.modes
        if not len(remaining):
            return
        there = self.case.observation.displaced(found.displacement)
        others = {
            "larger basis, order unknown": there.larger_basis,
            "higher order, order unknown": there.higher_order,
        }
        for name, other in others.items():
            response = relative_responses(there, other, remaining)
            if response is not None:
                seen, remaining = _split(response, remaining, CRITERIA[name].threshold)
                yield Subspace(CRITERIA[name].cause, seen, found.displacement)
        yield Subspace("undetermined", remaining, found.displacement)


# Cosine of an angle above which a mode belongs to a subspace, not to its complement.
COMMON = 0.7
# A larger basis must see nearly hidden displacements better by this factor to count as truncated.
NEARLY_HIDDEN = 10.0


def nearly_hidden(
    atoms: Atoms, centers: Sequence[int], *, cutoff: float, invariance: Invariance
) -> Array:
    """Return displacements, (n, N, 3), that a symmetry within 0.1 Å hides from all centers."""
    tolerance = Tolerance.OTHER_GEOMETRY
    sites = list(site_symmetries(atoms, centers=centers, cutoff=cutoff, tolerance=tolerance))
    groups = [site.group.binding(invariance) for site in sites]
    return hidden_by_symmetry(sites, groups, count=len(atoms))


def common(modes: Array, others: Array) -> Array:
    """Return the part of orthonormal modes, (k, N, 3), that is in the span of others, (m, N, 3)."""
    return _split(_rows(others) @ _rows(modes).T, modes, COMMON)[0]


def _rows(modes: Array) -> Array:
    return modes.reshape(len(modes), modes.shape[1] * 3)


def _split(response: Array, modes: Array, threshold: float) -> tuple[Array, Array]:
    """Split modes, (k, N, 3), into those seen by a response, (rows, k), and the rest."""
    # Uses R of QR, because the full matrix of left vectors can be huge.
    _, values, mixing = np.linalg.svd(np.linalg.qr(response, mode="r"))
    rotated = np.tensordot(mixing, modes, axes=1)
    rank = int(np.sum(values > threshold))
    return rotated[:rank], rotated[rank:]
