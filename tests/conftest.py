"""Settings of all tests, and of the kernels of the notebooks."""

from __future__ import annotations

import os

# Before numpy is imported, and handed down to the processes that tests start: with more threads
# than matrices of this size deserve, BLAS is slower, and several times slower on a busy machine.
for name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
):
    os.environ[name] = "1"
