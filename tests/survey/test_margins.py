"""The bound on how far singular values can fall."""

from __future__ import annotations

import numpy as np

from sensitivity.survey.margins import _norms_of_tensors


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
