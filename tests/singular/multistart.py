"""Singular points by descents from many geometries, which know nothing of ``sensitivity.singular``.

Each descent solves J(r) v = 0 by Gauss-Newton steps with central differences of J along v, and then
goes to the geometry of its kind that is nearest to the start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity import DensityCorrelations, jacobian
from sensitivity.symmetry import site_symmetry

STEPS = 40
NUDGES = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Å: how far from the start descents begin."""

FAR = 1e-3
"""Smallest over largest singular value above which steps are damped."""


@dataclass
class Multistart:
    """A search around atom 0 of a molecule."""

    atoms: Atoms
    descriptor: DensityCorrelations

    def __post_init__(self) -> None:
        self.start = self.atoms.positions.ravel()
        self.internal = internal(self.start)

    def nearest(self, *, descents: int, rng: np.random.Generator) -> float:
        """Distance to the nearest point that is found, in Å; symmetric ones are left out."""
        best = np.inf
        for number in range(descents):
            nudge = rng.normal(size=self.internal.shape[1])
            nudge *= NUDGES[number % len(NUDGES)] / np.linalg.norm(nudge)
            end = self.descend(nudge, mode=-1 - number // len(NUDGES) % 4, within=best)
            if end is not None and self.counts(end):
                best = min(best, float(np.linalg.norm(end - self.start)))
        return best

    def descend(self, nudge: np.ndarray, *, mode: int, within: float) -> np.ndarray | None:
        """Where a descent ends; None if not at a zero, or further away than twice ``within``."""
        here = self.start + self.internal @ nudge
        vector = self.decompose(here)[2][:, mode]
        for _ in range(STEPS):
            images, values, modes = self.decompose(here)
            index = int(np.argmax(np.abs(modes.T @ vector)))
            vector, condition = modes[:, index], values[index] / values[0]
            slopes = self.curvature(here, vector)
            others = (np.arange(len(values)) != index) & (values > 1e-6 * values[0])
            slopes = slopes - images[:, others] @ (images[:, others].T @ slopes)
            before = self.internal.T @ (here - self.start)
            wanted = slopes @ before - values[index] * images[:, index]
            u, s, w = np.linalg.svd(slopes, full_matrices=False)
            damping = FAR * condition * s[0] ** 2 if condition > FAR else 0.0
            kept = s > (0 if condition > FAR else 1e-4) * s[0]
            after = w[kept].T @ ((s * (u.T @ wanted))[kept] / (s[kept] ** 2 + damping))
            length = float(np.linalg.norm(after - before))
            step = (after - before) * min(1.0, 0.2 / max(length, 0.2))
            here = here + self.internal @ step
            if np.linalg.norm(here - self.start) > min(2.0, 2 * within) or self.bars(here):
                return None
            if length < 1e-9:
                break
        values = self.decompose(here)[1]
        return here if values[-1] <= 1e-12 * values[0] else None

    def decompose(self, here: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        moves = internal(here)
        u, s, w = np.linalg.svd(self.look(here) @ moves, full_matrices=False)
        return u, s, moves @ w.T

    def curvature(self, here: np.ndarray, vector: np.ndarray) -> np.ndarray:
        step = 1e-4
        ahead, behind = (self.look(here + sign * step * vector) for sign in (1, -1))
        return np.asarray((ahead - behind) / (2 * step) @ self.internal)

    def look(self, here: np.ndarray) -> np.ndarray:
        return jacobian(self.moved(here), self.descriptor, centers=[0]).dense()

    def moved(self, here: np.ndarray) -> Atoms:
        atoms = self.atoms.copy()
        atoms.positions = here.reshape(-1, 3)
        return atoms

    def bars(self, here: np.ndarray) -> bool:
        """Atoms coalesce, or one is at the cutoff."""
        distances = self.moved(here).get_all_distances()
        gaps = distances[np.triu_indices(len(distances), k=1)]
        return bool(gaps.min() < 0.2 or distances[0].max() > self.descriptor.cutoff - 0.02)

    def counts(self, here: np.ndarray) -> bool:
        atoms = self.moved(here)
        site = site_symmetry(atoms, center=0, cutoff=self.descriptor.cutoff, tolerance=0.01)
        return site.group.symbol == "C1"


def internal(positions: np.ndarray) -> np.ndarray:
    """Orthonormal columns without translations and rotations."""
    arms = positions.reshape(-1, 3) - positions.reshape(-1, 3).mean(axis=0)
    trivial = [np.tile(axis, (len(arms), 1)).ravel() for axis in np.eye(3)]
    trivial += [np.cross(axis, arms).ravel() for axis in np.eye(3)]
    return np.linalg.svd(np.array(trivial).T)[0][:, 6:]
