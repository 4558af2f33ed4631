"""All eigenvalues of a dense symmetric matrix, and the vectors of the smallest ones only.

Of a matrix of n rows, the reduction to a tridiagonal one takes 4/3 n³ multiplications, all
eigenvalues of that n², and k of its vectors, turned back, 2 n² k. All vectors would take 6 n³, and
the memory of three matrices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sensitivity.numerics import Array
from sensitivity.progress import checkpoint


def lowest_vectors(matrix: Array, *, count: Callable[[Array], int]) -> tuple[Array, Array]:
    """Return all eigenvalues, (n,), ascending, and orthonormal vectors of the first, (k, n).

    ``matrix``, (n, n), is symmetric, and overwritten; ``count`` returns k, given the eigenvalues.
    """
    from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal
    from scipy.linalg.lapack import dormqr, dsytrd, dsytrd_lwork

    size = len(matrix)
    work, _ = dsytrd_lwork(size, lower=1)
    # The transpose is the same matrix in the order of LAPACK.
    reflectors, diagonal, off, factors, _ = dsytrd(
        matrix.T, lower=1, lwork=int(work), overwrite_a=1
    )
    checkpoint()
    values = eigvalsh_tridiagonal(diagonal, off)
    last = count(values) - 1
    _, vectors = eigh_tridiagonal(diagonal, off, select="i", select_range=(0, last))
    checkpoint()
    lower = np.asfortranarray(reflectors[1:, :-1])
    turned, _, _ = dormqr("L", "N", lower, factors, vectors[1:], 64 * (last + 1))
    return values, np.concatenate([vectors[:1], turned]).T
