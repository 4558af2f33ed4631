"""The nearest crystal whose environments have their groups exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from sensitivity.bloch import image_cells
from sensitivity.numerics import Array, Indices
from sensitivity.observation import Observation
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.hidden import square_of_zero
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance


def nearly_symmetric_sites(
    observation: Observation, *, cutoff: float, tolerance: float = Tolerance.POSITIONS
) -> list[SiteSymmetry]:
    """Return the environments with groups within a tolerance, Å: that of ``diagnose``.

    Neighbours within 1e-6 Å of the cutoff (Å) do not count.
    """
    return list(
        site_symmetries(
            observation.atoms,
            centers=observation.centers,
            cutoff=cutoff,
            tolerance=tolerance,
            edge=Tolerance.ONE_PLACE,
        )
    )


def idealize(
    observation: Observation, sites: list[SiteSymmetry]
) -> tuple[Observation, list[SiteSymmetry]]:
    """Return the nearest crystal whose groups are exact, and its sites, or one as near to it.

    The same observation if its groups are exact to rounding.
    """
    cutoff = observation.descriptor.cutoff
    while largest_deviation(sites) > Tolerance.EXACT:
        nearer = Observation.of(symmetrized(observation.atoms, sites), observation.descriptor)
        found = nearly_symmetric_sites(nearer, cutoff=cutoff)
        if largest_deviation(found) > largest_deviation(sites) / 2:
            break
        observation, sites = nearer, found
    return observation, sites


def largest_deviation(sites: list[SiteSymmetry]) -> float:
    """Return the largest deviation of an environment from its group, Å, root mean square."""
    return max(site.group.deviation for site in sites)


def largest_move(atoms: Atoms, ideal: Atoms) -> float:
    """Return the largest distance of an atom from its place in another crystal, Å."""
    return float(np.linalg.norm(ideal.positions - atoms.positions, axis=1).max())


def symmetrized(atoms: Atoms, sites: Sequence[SiteSymmetry]) -> Atoms:
    r"""Return a crystal that deviates from the groups of its environments to second order.

    Of positions and cell vectors y, environment i has the vectors x_i = X_i y. Its group, with the
    projector P_i onto what it leaves unchanged, is exact if (1 - P_i) x_i = 0. The group turns with
    the environment, so rotations of x_i do not count: T_i spans their part in the range of 1 - P_i.
    One step of the Gauss-Newton method, the shortest, minimises
    Σ ‖(1 - T_i T_iᵀ)(1 - P_i) X_i (y + δ)‖².
    """
    size = 3 * (len(atoms) + 3)
    square, slope = np.zeros((size, size)), np.zeros(size)
    for site in sites:
        columns, rows, rest = _residuals(atoms, site)
        square[np.ix_(columns, columns)] += rows @ rows.T
        slope[columns] += rows @ rest
    values, vectors = np.linalg.eigh(square)
    deviation = max(site.group.deviation for site in sites)
    bound = values > square_of_zero(deviation) * max(1.0, values[-1])
    step = -(vectors[:, bound] / values[bound]) @ (vectors[:, bound].T @ slope)
    moved: Atoms = atoms.copy()
    step = step.reshape(-1, 3)
    moved.cell = moved.cell.array + step[-3:]
    moved.positions += step[:-3]
    return moved


def _residuals(atoms: Atoms, site: SiteSymmetry) -> tuple[Indices, Array, Array]:
    """Return the k numbers that an environment depends on, (k, 3m) of them, and (3m,) of it."""
    places, count = site.atoms, len(atoms)
    links = np.zeros((len(places), count + 3))  # [image, (atom, cell vector)]
    links[np.arange(len(places)), places] = 1.0
    links[:, places[0]] -= 1.0
    links[:, count:] = image_cells(atoms, places, site.vectors) * atoms.pbc
    used = np.flatnonzero(links.any(axis=0))
    changes = links[:, used].T[:, None, :, None] * np.eye(3)[None, :, None]  # [y, xyz, image, xyz]
    turns = np.cross(np.eye(3)[:, None], site.vectors[None])  # [axis, image, xyz]
    every = np.concatenate([changes.reshape(-1, len(places), 3), turns, site.vectors[None]])
    every = (every - site.group.average(every)).reshape(len(every), -1)
    rows, turns, rest = every[:-4], every[-4:-1], every[-1]
    _, sizes, turns = np.linalg.svd(turns, full_matrices=False)
    # A group leaves an axis unchanged, to rounding and its deviation, or not at all.
    turns = turns[sizes > 0.1 * np.linalg.norm(site.vectors)]
    columns = (3 * used[:, None] + np.arange(3)).ravel()
    return columns, rows - (rows @ turns.T) @ turns, rest - (turns @ rest) @ turns
