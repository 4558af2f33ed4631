"""Time and memory of `sensitivity` compared with other packages, on one thread.

Importing this package sets the thread counts before numpy or a peer is loaded, because a thread
pool reads them once. Run the modules from the root of the repository, for example with
``python -m benchmarks.peers``.
"""

import os

THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
