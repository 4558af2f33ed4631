"""Motions that no descriptor can see: rigid motions, and motions outside all environments.

Atoms that a chosen center sees together, directly or through others, form a fragment. Moving a
fragment as a whole changes no distance within any environment. So the rigid motions of all
fragments are the trivial motions. They include those of the whole structure, and every
displacement of an atom that no center sees, which is a fragment by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Literal, cast

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices, ReadOnlyArrays, takes_centers
from sensitivity.structures import Pairs, check_centers, neighbor_pairs
from sensitivity.tolerances import Tolerance

Kind = Literal["internal", "unseen", "rotation", "translation"]


@dataclass(frozen=True)
class TrivialMotions(ReadOnlyArrays):
    """An orthonormal basis of the motions that no descriptor can see."""

    directions: Array  # (motions, N, 3)
    # "translation" and "rotation" of the whole structure, or of the only molecule in a periodic
    # cell; or "unseen".
    kinds: tuple[Kind, ...]

    def internal(self) -> Array:
        """Orthonormal basis of all other directions, shape (3N - motions, N, 3)."""
        return complement(self.directions)


@takes_centers
def trivial_motions(
    atoms: Atoms,
    *,
    cutoff: float,
    centers: Iterable[int] | None = None,
    rounding: float = Tolerance.COORDINATES,
) -> TrivialMotions:
    """Return the motions that no center sees through an environment of radius ``cutoff`` (Å).

    Atoms within ``rounding`` (Å, root mean square) of a common axis count as linear.

    A non-periodic structure can be rotated as a whole, and one that is periodic along one direction
    about this direction. In any periodic structure a single fragment, such as a molecule in a large
    box, can be rotated if it does not reach its own images, and a chain about its own direction. If
    several fragments, or atoms that no center sees, rotate against their images, the motion is
    "unseen". Environments that share only one or two atoms count as one rigid fragment, although
    they could rotate about these atoms.
    """
    n, fragments = len(atoms), _fragments(atoms, cutoff, check_centers(atoms, centers))
    whole = _Fragment(np.arange(n), atoms.positions, atoms.cell.array[atoms.pbc])
    turning = fragments[0] if len(whole.periods) and len(fragments) == 1 else whole
    translations, rotations = whole.translations(n), turning.rotations(n, rounding=rounding)
    rigid = np.concatenate([translations, rotations])
    if len(fragments) == 1 and len(fragments[0].members) == n:
        relative = np.empty((0, 3 * n))
    else:
        alone = np.ones(n, dtype=bool)
        for fragment in fragments:
            alone[fragment.members] = False
        separate = ((f.translations(n), f.rotations(n, rounding=rounding)) for f in fragments)
        motions = np.concatenate([*chain(*separate), np.eye(3 * n)[np.repeat(alone, 3)]])
        # The motions of fragments span those of the whole; the orthogonal complement are relative
        # ones.
        mixing, _ = np.linalg.qr(motions @ rigid.T, mode="complete")
        relative = mixing.T[len(rigid) :] @ motions
    counts = {"translation": len(translations), "rotation": len(rotations), "unseen": len(relative)}
    kinds = tuple(cast(Kind, kind) for kind, number in counts.items() for _ in range(number))
    return TrivialMotions(np.concatenate([rigid, relative]).reshape(-1, n, 3), kinds)


@dataclass(frozen=True)
class _Fragment:  # at least two atoms that are seen together, or the whole structure
    members: Indices  # (n,)
    positions: Array  # (n, 3), Å, of one connected copy
    # (periods, 3), Å: to images connected with an atom; parallel ones in a chain.
    periods: Array

    def translations(self, count: int) -> Array:
        motions = np.zeros((3, count, 3))
        motions[:, self.members] = np.eye(3)[:, None] / np.sqrt(len(self.members))
        return motions.reshape(3, 3 * count)

    def rotations(self, count: int, *, rounding: float) -> Array:
        """Orthonormal rotations about the centroid, shape (0 to 3, 3 count).

        A chain can only rotate about its own direction; a layer or a bulk fragment not at all.
        """
        arms = self.positions - self.positions.sum(axis=0) / len(self.positions)
        kept = rotational_motions(arms, axes=self._axes(), least=rounding * np.sqrt(len(arms)))
        motions = np.zeros((len(kept), count, 3))
        motions[:, self.members] = kept.reshape(len(kept), len(arms), 3)
        return motions.reshape(len(kept), 3 * count)

    def _axes(self) -> Array | None:  # (1 or 0, 3), orthonormal; None for all
        if len(self.periods) == 0:
            return None
        _, lengths, directions = np.linalg.svd(self.periods, full_matrices=False)
        independent = directions[lengths > Tolerance.COORDINATES]
        return independent if len(independent) == 1 else np.empty((0, 3))


def _fragments(atoms: Atoms, cutoff: float, centers: tuple[int, ...]) -> list[_Fragment]:
    pairs = neighbor_pairs(atoms, cutoff)
    if not atoms.pbc.any() and np.count_nonzero(pairs.i == centers[0]) == len(atoms) - 1:
        # One center sees all others, as in most molecules: this takes a fifth of the time.
        return [_Fragment(np.arange(len(atoms)), atoms.positions, np.empty((0, 3)))]
    if len(centers) < len(atoms):
        pairs = _of_centers(pairs, centers, count=len(atoms))
    waiting = np.zeros(len(atoms), dtype=bool)
    apart = pairs.i != pairs.j
    waiting[pairs.i[apart]] = waiting[pairs.j[apart]] = True
    place = atoms.positions.copy()
    fragments = []
    while waiting.any():
        members = _put_together(place, waiting, pairs)
        waiting &= ~members
        periods = np.empty((0, 3))
        if atoms.pbc.any():
            inside = members[pairs.i]
            i, j = pairs.i[inside], pairs.j[inside]
            gaps = place[i] + pairs.vectors[inside] - place[j]
            periods = gaps[np.linalg.norm(gaps, axis=1) > Tolerance.COORDINATES]
        fragments.append(_Fragment(np.flatnonzero(members), place[members], periods))
    return fragments


def _of_centers(pairs: Pairs, centers: tuple[int, ...], *, count: int) -> Pairs:
    """Return pairs from chosen centers out of ``count`` atoms, and, from several, to them."""
    chosen = np.zeros(count, dtype=bool)
    chosen[list(centers)] = True
    seen = chosen[pairs.i]
    i, j, vectors = pairs.i[seen], pairs.j[seen], pairs.vectors[seen]
    if len(centers) == 1:
        return Pairs(i, j, vectors)
    return Pairs(np.append(i, j), np.append(j, i), np.append(vectors, -vectors, axis=0))


def _put_together(place: Array, waiting: NDArray[np.bool_], pairs: Pairs) -> NDArray[np.bool_]:
    """Mark the fragment of the first waiting center, and move its atoms next to each other."""
    members = np.zeros_like(waiting)
    members[pairs.i[waiting[pairs.i].argmax()]] = True
    while not members.all() and len(step := np.flatnonzero(members[pairs.i] & ~members[pairs.j])):
        reached = pairs.j[step]
        place[reached] = place[pairs.i[step]] + pairs.vectors[step]
        members[reached] = True
    return members


def complement(
    known: Array, *, within: Array | None = None, angle: float = Tolerance.PARALLEL
) -> Array:
    """Return an orthonormal basis of displacements orthogonal to the known ones.

    Both have shape (n, N, 3) and orthonormal members; ``within`` spans the search space, by default
    all displacements. A sine of at most ``angle`` still counts as orthogonal.
    """
    atoms = known.shape[1]
    rows = known.reshape(len(known), 3 * atoms)
    if within is None:
        q, _ = np.linalg.qr(rows.T, mode="complete")
        return np.asarray(q.T[len(known) :].reshape(-1, atoms, 3))
    basis = within.reshape(len(within), 3 * atoms)
    mixing, cosines, _ = np.linalg.svd(basis @ rows.T)
    rank = int(np.sum(cosines > angle))
    left = mixing.T[rank:] @ basis
    left -= (left @ rows.T) @ rows  # removes the part allowed by the angle
    q, _ = np.linalg.qr(left.T)
    return np.asarray(q.T.reshape(-1, atoms, 3))


def rotational_motions(
    arms: Array, *, axes: Array | None = None, least: float = 0.0, fraction: float = 0.0
) -> Array:
    """Return orthonormal rotations of points (N, 3) about the origin, (0 to 3, 3N).

    ``axes``, (k, 3), are the axes of rotation, by default all. A rotation by one radian must
    displace the points by more than ``least`` (Å, root of the summed squares), and by more than a
    ``fraction`` of the most effective rotation: points on a line do not rotate about it.
    """
    x, y, z = arms.T
    turned = np.zeros((3, len(arms), 3))  # about x, y and z
    turned[0, :, 1], turned[0, :, 2] = -z, y
    turned[1, :, 2], turned[1, :, 0] = -x, z
    turned[2, :, 0], turned[2, :, 1] = -y, x
    generators = turned.reshape(3, arms.size)
    if axes is not None:
        generators = axes @ generators
    _, lengths, directions = np.linalg.svd(generators, full_matrices=False)
    return np.asarray(directions[lengths > max(least, fraction * lengths.max(initial=0.0))])
