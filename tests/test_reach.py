"""The weight of each neighbour, against its distance."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from ase import Atoms
from matplotlib import pyplot

from sensitivity import DensityCorrelations, jacobian, reach, structures
from sensitivity.descriptors import Function
from sensitivity.plots import plot_reach

CUTOFF = 4.0
DESCRIPTOR = DensityCorrelations(n_max=3, l_max=3, cutoff=CUTOFF)


def with_neighbors(*lengths: float) -> Atoms:
    """A center, and neighbours in directions without symmetry."""
    directions = np.random.default_rng(3).normal(size=(len(lengths), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Atoms(f"CH{len(lengths)}", [[0, 0, 0], *(np.array(lengths)[:, None] * directions)])


def test_weights_of_a_molecule_are_the_norms_of_its_blocks() -> None:
    atoms = structures.load("ethanol")
    found = reach(atoms, DESCRIPTOR, center=2)
    blocks = jacobian(atoms, DESCRIPTOR, centers=[2]).dense().reshape(-1, len(atoms), 3)
    norms, lengths = np.linalg.norm(blocks, axis=(0, 2)), atoms.get_distances(2, range(len(atoms)))
    order = [each for each in np.argsort(lengths) if each != 2 and lengths[each] < CUTOFF]
    assert np.allclose(found.distances, lengths[order], rtol=1e-13)
    assert np.allclose(found.weights, norms[order], rtol=1e-12)
    assert found.numbers.tolist() == atoms.numbers[order].tolist()


def test_weights_vanish_at_the_cutoff() -> None:
    """As the slope of the cutoff function, which falls to zero linearly."""
    for gap in (1e-2, 1e-3, 1e-4):
        found = reach(with_neighbors(1.1, CUTOFF - gap), DESCRIPTOR, center=0)
        assert 0 < found.weights[1] < 30 * gap * found.weights[0]
        assert found.radius() == pytest.approx(1.1)
    assert len(reach(with_neighbors(1.1, CUTOFF + 1e-6), DESCRIPTOR, center=0).distances) == 1


def test_images_of_an_atom_are_neighbours_of_their_own() -> None:
    """Equal ones have equal weights, although the derivatives of a perfect crystal cancel."""
    crystal = structures.load("Al-fcc")
    found = reach(crystal, DESCRIPTOR, center=0)
    assert np.abs(jacobian(crystal, DESCRIPTOR).dense()).max() < 1e-12 * found.weights.max()
    nearest = np.isclose(found.distances, 4.05 / np.sqrt(2))
    assert nearest.sum() == 12
    assert np.ptp(found.weights[nearest]) < 1e-12 * found.weights.max()


def test_the_radius_is_that_of_a_share() -> None:
    def squares(atoms: Atoms) -> np.ndarray:
        lengths = atoms.get_distances(0, range(1, len(atoms)))
        return np.array([(lengths**2).sum()])  # its slopes are 2 r

    found = reach(with_neighbors(1.0, 2.0, 3.0), Function(squares, cutoff=5.0), center=0)
    assert found.weights == pytest.approx([2.0, 4.0, 6.0])
    for share, radius in ((1.0, 3.0), (5 / 14 + 1e-6, 3.0), (5 / 14 - 1e-6, 2.0), (0.05, 1.0)):
        assert found.radius(share) == pytest.approx(radius)
    start = "99 % of the squared Jacobian come from neighbours within 3.00 Å"
    assert found.status.startswith(start)
    with pytest.raises(ValueError, match="share must be above 0, up to 1, got 0"):
        found.radius(0.0)


def test_an_atom_alone_has_no_neighbours() -> None:
    found = reach(Atoms("C"), DESCRIPTOR, center=0)
    assert (len(found.weights), found.radius()) == (0, 0.0)
    assert found.status == "The features respond to no neighbour to first order."
    assert repr(found) == "Reach(neighbours=0, radius=0.00 Å)"


@pytest.mark.parametrize("atoms", [structures.load("ethanol"), Atoms("C")])
def test_the_figure_has_a_point_for_each_neighbour(atoms: Atoms) -> None:
    matplotlib.use("Agg")
    found = reach(atoms, DESCRIPTOR, center=0)
    ax = plot_reach(found)
    *points, cutoff = ax.lines
    symbols = set(Atoms(found.numbers).symbols)
    assert sorted(line.get_label() for line in points) == sorted(symbols)
    drawn = np.concatenate([line.get_xydata() for line in points] or [np.empty((0, 2))])
    known = np.stack([found.distances, found.weights], axis=1)
    assert np.array_equal(drawn[np.argsort(drawn[:, 0])][:, 0], np.sort(known[:, 0]))
    assert set(drawn[:, 1]) == set(known[:, 1])
    assert cutoff.get_xdata()[0] == CUTOFF
    pyplot.close("all")


def test_several_centers_are_refused() -> None:
    with pytest.raises(TypeError, match="reach takes center=, one index"):
        reach(structures.load("ethanol"), DESCRIPTOR, centers=[0])
