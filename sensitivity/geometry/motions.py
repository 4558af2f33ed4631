"""Motions that no descriptor can see: rigid ones, and those outside every environment.

Atoms that a chosen center sees together, directly or through others, form a fragment. Moving a
fragment as a whole changes no distance within any environment. So the rigid motions of all
fragments are the trivial motions: among them those of the whole structure, and every displacement
of an atom that no center sees, which is a fragment by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices, ReadOnlyArrays, takes_centers
from sensitivity.structures import check_centers, neighbor_pairs
from sensitivity.tolerances import Tolerance

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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

    Atoms that are as near to a common axis as ``rounding`` (Å, root mean square) count as linear.

    A structure that is not periodic can be rotated as a whole, and one that is periodic along one
    direction about that. In any periodic structure a single fragment, as a molecule in a large
    box, can be rotated if it does not reach its own images, and a chain about its own direction.
    Where several fragments, or atoms that no center sees, turn against their images, the motion is
    "unseen". Environments that share a single atom or two count as one rigid fragment, although
    they could turn about what they share.
    """
    fragments = _fragments(atoms, cutoff, check_centers(atoms, centers))
    n = len(atoms)
    whole = _Fragment(np.arange(n), atoms.positions, atoms.cell.array[atoms.pbc])
    translations = whole.translations(n)
    several = [fragment for fragment in fragments if len(fragment.members) > 1]
    turning = several[0] if len(whole.periods) and len(several) == 1 else whole
    rotations = turning.rotations(n, rounding=rounding)
    rigid = np.concatenate([translations, rotations])
    of_fragments = np.concatenate(
        [m for f in fragments for m in (f.translations(n), f.rotations(n, rounding=rounding))]
    )
    # The motions of fragments span those of the whole; what is orthogonal to these is relative.
    mixing, _ = np.linalg.qr(of_fragments @ rigid.T, mode="complete")
    relative = mixing.T[len(rigid) :] @ of_fragments
    counts = {"translation": len(translations), "rotation": len(rotations), "unseen": len(relative)}
    kinds = tuple(cast(Kind, kind) for kind, number in counts.items() for _ in range(number))
    return TrivialMotions(np.concatenate([rigid, relative]).reshape(-1, n, 3), kinds)


@dataclass(frozen=True)
class _Fragment:  # atoms that are seen together
    members: Indices  # (n,)
    positions: Array  # (n, 3), Å, of one connected copy
    # (periods, 3), Å: to images that an atom is connected with; parallel ones in a chain.
    periods: Array

    def translations(self, count: int) -> Array:
        motions = np.zeros((3, count, 3))
        motions[:, self.members] = np.eye(3)[:, None] / np.sqrt(len(self.members))
        return motions.reshape(3, 3 * count)

    def rotations(self, count: int, *, rounding: float) -> Array:
        """Orthonormal rotations about the centroid, shape (0 to 3, 3 count).

        A chain can only turn about its own direction; what extends further not at all.
        """
        arms = self.positions - self.positions.mean(axis=0)
        kept = rotational_motions(arms, axes=self._axes(), least=rounding * np.sqrt(len(arms)))
        motions = np.zeros((len(kept), count, 3))
        motions[:, self.members] = kept.reshape(len(kept), len(arms), 3)
        return motions.reshape(len(kept), 3 * count)

    def _axes(self) -> Array:  # (3, 1 or 0, 3), orthonormal
        if len(self.periods) == 0:
            return np.eye(3)
        _, lengths, directions = np.linalg.svd(self.periods, full_matrices=False)
        independent = directions[lengths > Tolerance.COORDINATES]
        return independent if len(independent) == 1 else np.empty((0, 3))


def _fragments(atoms: Atoms, cutoff: float, centers: tuple[int, ...]) -> list[_Fragment]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    i, j, vectors = neighbor_pairs(atoms, cutoff)
    if len(centers) < len(atoms):
        seen = np.isin(i, centers)
        i, j, vectors = i[seen], j[seen], vectors[seen]
    starts = np.searchsorted(i, np.arange(len(atoms) + 1))
    graph = csr_array((np.ones(len(i)), j, starts), shape=(len(atoms), len(atoms)))
    count, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1])
    if not atoms.pbc.any():
        none = np.empty((0, 3))
        return [_Fragment(members, atoms.positions[members], none) for members in groups]
    unwrapped = _unwrap(atoms, graph, (i, j, vectors), [members[0] for members in groups])
    gaps = unwrapped[i] + vectors - unwrapped[j]
    closed = np.linalg.norm(gaps, axis=1) > Tolerance.COORDINATES  # around a period
    return [
        _Fragment(members, unwrapped[members], gaps[closed & (label[i] == number)])
        for number, members in enumerate(groups)
    ]


def _unwrap(
    atoms: Atoms, graph: csr_array, pairs: tuple[Indices, Indices, Array], roots: list[np.intp]
) -> Array:
    """Positions, shape (N, 3), with every fragment put together from its first atom."""
    from scipy.sparse.csgraph import breadth_first_order

    vector = {}
    for i, j, step in zip(*pairs, strict=True):
        vector[i, j], vector[j, i] = step, -step
    unwrapped: Array = atoms.positions.copy()
    for root in roots:
        visited, parents = breadth_first_order(graph, root, directed=False)
        for atom in visited[1:]:
            unwrapped[atom] = unwrapped[parents[atom]] + vector[parents[atom], atom]
    return unwrapped


def complement(
    known: Array, *, within: Array | None = None, angle: float = Tolerance.PARALLEL
) -> Array:
    """Orthonormal basis of the displacements that are orthogonal to the known ones.

    Both have shape (n, N, 3) and orthonormal members; ``within`` spans where to look, all
    displacements by default. A sine of at most ``angle`` still counts as orthogonal.
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
    left -= (left @ rows.T) @ rows  # what the angle allowed for
    q, _ = np.linalg.qr(left.T)
    return np.asarray(q.T.reshape(-1, atoms, 3))


def rotational_motions(
    arms: Array, *, axes: Array | None = None, least: float = 0.0, fraction: float = 0.0
) -> Array:
    """Orthonormal displacements that rotate points (N, 3) about the origin, (0 to 3, 3N).

    ``axes``, (k, 3), are those of rotation, all by default. A rotation by one radian has to
    displace the points by more than ``least`` (Å, root of the summed squares), and by more than a
    ``fraction`` of what the most effective one does: points on a line do not turn about it.
    """
    about = np.eye(3) if axes is None else axes
    generators = np.cross(about[:, None], arms).reshape(len(about), arms.size)
    _, lengths, directions = np.linalg.svd(generators, full_matrices=False)
    return np.asarray(directions[lengths > max(least, fraction * lengths.max(initial=0.0))])
