"""The bound on how far singular values can fall."""

from __future__ import annotations

import numpy as np
import pytest

from sensitivity import DensityCorrelations, structures
from sensitivity.numerics import Array
from sensitivity.survey.margins import (
    Margins,
    Smallest,
    _norms_of_tensors,
    differentiation,
    variation,
)
from sensitivity.survey.relative import Neighbors, in_space, mix

# The second has the steepest of 525 bases.
BASES = [
    DensityCorrelations(),
    DensityCorrelations(cutoff=3.0, n_max=4, l_max=8, smearing=0.2, cutoff_width=0.3),
    DensityCorrelations(cutoff=5.0, n_max=10, l_max=10, smearing=0.15, cutoff_width=0.3),
    DensityCorrelations(cutoff=4.0, n_max=6, l_max=6, smearing=0.5, cutoff_width=0.5),
]


@pytest.mark.parametrize("descriptor", BASES)
def test_values_that_vanish_within_reach_are_changeable(descriptor: DensityCorrelations) -> None:
    """From X0, where a value vanishes, as far as a step may go along which it grows most."""
    margins = Margins(
        differentiation(descriptor, {1, 6}), 1e-3, variation(descriptor), descriptor.cutoff
    )
    rng, reach = np.random.default_rng(0), margins.reach(4)
    steps = rng.normal(size=(200, 15))
    steps *= reach / np.linalg.norm(steps, axis=1, keepdims=True)
    found, _ = _smallest_near_x0(margins, steps)
    # The square of the value is a quadratic form of the step.
    one, other = np.triu_indices(15)
    form = np.zeros((15, 15))
    form[one, other] = np.linalg.lstsq(
        steps[:, one] * steps[:, other], found.values[:, 0] ** 2, rcond=None
    )[0]
    _, axes = np.linalg.eigh(form + form.T)
    found, near = _smallest_near_x0(margins, reach * axes.T[[-1, -2]])
    assert found.values[0, 0] > 1.2 * found.values[1, 0] > 0
    assert margins._changeable(found, near)[0] == 1


def _smallest_near_x0(margins: Margins, steps: Array) -> tuple[Smallest, Neighbors]:
    """Return the smallest internal value after steps of all atoms of X0, (n, 15)."""
    positions = structures.load("X0").positions + steps.reshape(-1, 5, 3)
    vectors = positions[:, 1:] - positions[:, :1]
    near = Neighbors(vectors, np.ones(vectors.shape[:2], dtype=np.intp))
    ((_, gradients),) = margins.differentiate(near) or ()
    squares, modes = np.linalg.eigh(mix(gradients.gram, gradients.frames))
    first = in_space(modes, gradients.frames)[:, :, 3:4]  # after three rotations
    places = np.arange(len(steps))
    return Smallest(gradients, places, np.sqrt(squares[:, 3:4]), first), near


def test_norms_of_tensors_are_bounds() -> None:
    """No unit vectors give more, and those of a tensor of rank one give as much."""
    rng = np.random.default_rng(0)
    tensors = rng.normal(size=(20, 2, 9, 3))
    bounds = _norms_of_tensors(tensors)
    for _ in range(50):
        a, b, c = (rng.normal(size=(20, size)) for size in tensors.shape[1:])
        for _ in range(20):  # alternating maximization
            c = np.einsum("nijk,ni,nj->nk", tensors, a, b)
            c /= np.linalg.norm(c, axis=1)[:, None]
            b = np.einsum("nijk,ni,nk->nj", tensors, a, c)
            b /= np.linalg.norm(b, axis=1)[:, None]
            a = np.einsum("nijk,nj,nk->ni", tensors, b, c)
            a /= np.linalg.norm(a, axis=1)[:, None]
        assert (np.einsum("nijk,ni,nj,nk->n", tensors, a, b, c) <= bounds + 1e-12).all()
    alone = np.einsum("ni,nj,nk->nijk", a, b, c)
    np.testing.assert_allclose(_norms_of_tensors(alone), 1.0, rtol=1e-12)
    assert len(_norms_of_tensors(tensors[:0])) == 0
