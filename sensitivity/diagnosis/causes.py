"""Displacements that are null although symmetry allows them to be seen, and the cause.

They are null by truncation if a complete basis of the same order sees them, and by incompleteness
if none does, but correlations of more neighbours do. Descriptors that are correlations of a known
order are compared with the complete basis itself; others, and environments of too many atoms for
that, with the larger basis and the higher order that they can name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sensitivity.completeness.environments import CompleteView, Environments
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.diagnosis import Cause
from sensitivity.diagnosis.evidence import relative_responses, relatives
from sensitivity.geometry.subspaces import complement
from sensitivity.numerics import Array, Tolerance
from sensitivity.singular import DescriptorView, NearestZeros, nearest_zeros
from sensitivity.spectrum import decompose_matrix
from sensitivity.symmetry import site_symmetry
from sensitivity.symmetry.hidden import hidden_by_symmetry

# Fraction of the largest slope up to which one counts as zero for the polynomials of a complete
# basis, which have no small values.
ZERO_OF_COMPLETE = 1e-5
# Fraction of the largest singular value: what a larger basis or a higher order sees of a mode.
SEEN_BY_OTHERS = 1e-4
# Fraction of the largest singular value that a larger basis must see, and by which factor more than
# this one does; and what is zero but for rounding.
SEEN_BY_LARGER, LIFTED, ROUNDING = 2e-5, 10.0, 1e-12
# Cosine of an angle above which a mode belongs to a subspace rather than to its complement.
HALF = 0.7
# A basis is enlarged so many times at most.
MOST_LARGER = 3
# Å² per Å. What a complete basis sees changes its invariants by more than ten times this in all
# structures of known rank; what it does not see, by the error of the geometry.
SEEN_BY_COMPLETE = 1e-2
# Tuples of equal shape are looked for within these fractions of the tolerance, since a coincidence
# that is out of reach hides those that are not.
WITHIN = (1.0, 0.7, 0.5, 0.3, 0.1, 0.01)
# At a singular geometry tuples are compared within this fraction of the tolerance: what a higher
# order tells apart there is not to be taken for equal.
EXACTLY = 0.01
# Correlations of at most so many more neighbours than the descriptor has are looked at.
MOST_MORE = 3


@dataclass(frozen=True)
class Null:
    """Displacements that are null at some geometry.

    Attributes
    ----------
    cause
        Why they are.
    modes
        Shape (n, N, 3), orthonormal.
    displacement
        Shape (N, 3), in Å: from the structure to the nearest geometry at which they are null.
    lifted_by
        The lowest order whose complete basis sees them, if it is known.
    """

    cause: Cause
    modes: Array
    displacement: Array
    lifted_by: int | None = None


@dataclass(frozen=True)
class Suspect:
    """What may be null without symmetry asking for it.

    Attributes
    ----------
    view
        What the descriptor sees of the structure.
    environments
        Of its centers.
    directions
        Orthonormal, shape (k, N, 3): what symmetry allows to be seen.
    moves
        Orthonormal, shape (n, N, 3): all internal displacements.
    tolerance, reach
        Å: of positions, root mean square over an environment; and the same as the root of the
        summed squares.
    """

    view: DescriptorView
    environments: Environments
    directions: Array
    moves: Array
    tolerance: float
    reach: float

    @property
    def descriptor(self) -> Descriptor:
        """What looks at the structure."""
        return self.view.descriptor

    def complete_view(
        self, displacement: Array, *, more: int, within: float
    ) -> CompleteView | None:
        """What a complete basis of the descriptor's order, or of ``more``, sees after a move."""
        if self.descriptor.order is None:
            return None
        return self.environments.moved(displacement).view(
            order=self.descriptor.order + more,
            parity_odd=not self.descriptor.inversion_invariant,
            same=within * self.tolerance,
        )


def find_null(suspect: Suspect, *, zero: float) -> Iterator[Null]:
    """Find what is null, within the tolerance, of the directions of a suspect.

    ``zero`` is the fraction of the largest singular value up to which one counts as zero.
    """
    directions = suspect.directions
    incomplete = _incomplete(suspect) if len(directions) else None
    if incomplete is not None and len(incomplete.modes):
        yield from _lift(suspect, incomplete)
        directions = complement(incomplete.modes, within=directions)
    if not len(directions):
        return
    exact = _exact_zeros(suspect, directions)
    directions = complement(exact.modes, within=directions)
    near = nearest_zeros(
        suspect.view, directions, moves=suspect.moves, reach=suspect.reach, zero=zero
    )
    if incomplete is None:
        for found in (exact, near):
            yield from _compare(suspect, found)
        return
    for found, modes in ((exact, exact.modes), (near, _truncated(suspect, near))):
        yield Null("truncation", modes, found.displacement, suspect.descriptor.order)


def _exact_zeros(suspect: Suspect, directions: Array) -> NearestZeros:
    """What is null as it stands: no geometry nearby at which others are as well takes it away."""
    here = np.zeros(directions.shape[1:])
    scale = decompose_matrix(suspect.view.slopes(here, suspect.moves))[0][0]
    values, mixing = decompose_matrix(suspect.view.slopes(here, directions), scale=scale)
    modes = np.tensordot(mixing[values <= ROUNDING * scale], directions, axes=1)
    return NearestZeros(here, modes, len(modes))


def _incomplete(suspect: Suspect) -> NearestZeros | None:
    """What a complete basis does not see; None if there is none to compare with."""
    start = np.zeros(suspect.directions.shape[1:])
    best, last = None, None
    for within in WITHIN:
        view = suspect.complete_view(start, more=0, within=within)
        if view is None:
            return None
        if last is not None and view.same_shapes(last):
            continue
        last = view
        found = nearest_zeros(
            view,
            suspect.directions,
            moves=suspect.moves,
            reach=suspect.reach,
            zero=ZERO_OF_COMPLETE,
        )
        if best is None or _is_better(found, best):
            best = found
        if len(best.modes) >= found.small and not best.displacement.any():
            break  # fewer coincidences hide no more, and nothing is nearer
    return best


def _is_better(found: NearestZeros, other: NearestZeros) -> bool:
    """Whether more is null, or as much at a nearer geometry."""
    distances = [float(np.linalg.norm(one.displacement)) for one in (found, other)]
    counts = [len(one.modes) for one in (found, other)]
    return counts[0] > counts[1] or (counts[0] == counts[1] and distances[0] < distances[1])


def _lift(suspect: Suspect, found: NearestZeros) -> Iterator[Null]:
    """Which higher orders see what no basis of the descriptor's order does."""
    remaining = found.modes
    for more in range(1, MOST_MORE + 1):
        view = suspect.complete_view(found.displacement, more=more, within=EXACTLY)
        if view is None or not len(remaining):
            break
        response = view.slopes(np.zeros_like(found.displacement), remaining)
        seen, remaining = _split(response, remaining, threshold=SEEN_BY_COMPLETE)
        order = (suspect.descriptor.order or 0) + more
        yield Null("incompleteness", seen, found.displacement, order)
    yield Null("undetermined", remaining, found.displacement)


def _truncated(suspect: Suspect, found: NearestZeros) -> Array:
    """Null displacements that a complete basis sees, without those that are only nearly hidden.

    Near a symmetry that is just out of reach the singular values of what it hides are as small as
    powers of the distance, in any basis; near a geometry where the order is incomplete they are
    small, too. A displacement is truncated only if it is exactly null in this basis, or if a larger
    one sees it; near a symmetry, much better than this one.
    """
    if not len(found.modes):
        return found.modes
    there = replace(
        suspect,
        environments=suspect.environments.moved(found.displacement),
        directions=found.modes,
    )
    incomplete = _incomplete(there)
    modes = found.modes
    if incomplete is not None and len(incomplete.modes):
        modes = complement(incomplete.modes, within=modes)
    hidden = _nearly_hidden(suspect).reshape(-1, found.modes[0].size)
    near, others = _split(hidden @ modes.reshape(len(modes), -1).T, modes, threshold=HALF)
    return np.concatenate(
        [
            _lifted(suspect, replace(found, modes=others), factor=0.0),
            _lifted(suspect, replace(found, modes=near), factor=LIFTED),
        ]
    )


def _nearly_hidden(suspect: Suspect) -> Array:
    """What symmetry hides of geometries in a wide neighbourhood, shape (n, N, 3)."""
    atoms, descriptor = suspect.view.atoms, suspect.descriptor
    sites = [
        site_symmetry(
            atoms, center=center, cutoff=descriptor.cutoff, tolerance=Tolerance.OTHER_GEOMETRY
        )
        for center in suspect.view.centers
    ]
    even = descriptor.inversion_invariant
    groups = [site.group.binding(inversion_invariant=even) for site in sites]
    return hidden_by_symmetry(sites, groups, count=len(atoms))


def _lifted(suspect: Suspect, found: NearestZeros, *, factor: float) -> Array:
    """Null displacements that are exactly null, or that a larger basis sees.

    It must see them better than this one by ``factor``.
    """
    if not len(found.modes):
        return found.modes
    atoms, centers = suspect.view.at(found.displacement), suspect.view.centers
    here = relative_responses(atoms, suspect.descriptor, found.modes, centers=centers)
    if here is None:
        return found.modes
    exact, rest = _split_null(here, found.modes)
    kept, larger = [exact], suspect.descriptor.larger_basis()
    threshold = max(SEEN_BY_LARGER, factor * float(np.linalg.norm(here, ord=2)))
    for _ in range(MOST_LARGER):
        response = relative_responses(atoms, larger, rest, centers=centers)
        if larger is None or response is None:
            break
        seen, rest = _split(response, rest, threshold=threshold)
        kept.append(seen)
        larger = larger.larger_basis()
    return np.concatenate(kept)


def _split_null(response: Array, modes: Array) -> tuple[Array, Array]:
    """What is null but for rounding, and the rest."""
    rest, null = _split(response, modes, threshold=ROUNDING)
    return null, rest


def _compare(suspect: Suspect, found: NearestZeros) -> Iterator[Null]:
    """Which other descriptors see what this one does not, without knowing the complete basis."""
    remaining = found.modes
    if not len(remaining):
        return
    atoms, centers = suspect.view.at(found.displacement), suspect.view.centers
    causes: tuple[Cause, ...] = ("truncation", "incompleteness")
    for cause, other in zip(causes, relatives(suspect.descriptor), strict=True):
        response = relative_responses(atoms, other, remaining, centers=centers)
        if response is not None:
            seen, remaining = _split(response, remaining, threshold=SEEN_BY_OTHERS)
            yield Null(cause, seen, found.displacement)
    yield Null("undetermined", remaining, found.displacement)


def _split(response: Array, modes: Array, *, threshold: float) -> tuple[Array, Array]:
    """Split modes, shape (k, N, 3), into those that a response, (rows, k), sees, and the rest."""
    # Through R of QR, because the full matrix of left vectors would be huge.
    _, values, mixing = np.linalg.svd(np.linalg.qr(response, mode="r"))
    rotated = np.tensordot(mixing, modes, axes=1)
    rank = int(np.sum(values > threshold))
    return rotated[:rank], rotated[rank:]
