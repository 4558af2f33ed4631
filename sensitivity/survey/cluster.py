"""Workers of a Dask cluster for the parts of a survey."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from time import monotonic
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Cluster:
    """Workers of a ``dask.distributed.Client``, or of the scheduler at an address.

    When a worker dies, Dask repeats its calls on others; a call of which several workers have
    died raises ``died``. A call can also end all workers before.
    """

    patience = 60.0  # seconds for new workers, after all have ended

    def __init__(self, client: Any) -> None:
        try:
            from distributed import KilledWorker
        except ImportError as error:
            remedy = "install it with: pip install 'atomic-sensitivity[dask]'"
            raise ImportError(f"this needs dask.distributed; {remedy}.") from error
        self.died: type[Exception] = KilledWorker  # after several deaths
        self.attempts = 1
        self._own = isinstance(client, str)
        self._client = _connect(client) if self._own else client
        self._executor = self._client.get_executor(pure=False)
        self._had_workers = False
        self._lost_at: float | None = None

    @property
    def most(self) -> int:
        """Number of parts that keep all workers busy, as many as there are now."""
        return 2 * max(1, self._count_threads())

    @property
    def shortage(self) -> str:
        """Sentence about what the calls wait for; empty if they are being made."""
        return "" if self._count_threads() else "the Dask cluster has no worker: waiting for one"

    @property
    def abandoned(self) -> bool:
        """True if all workers have ended, and no other has come for a while."""
        self._count_threads()
        return self._lost_at is not None and monotonic() - self._lost_at > self.patience

    def _count_threads(self) -> int:
        self._require_scheduler()
        try:
            found = sum(map(int, self._client.nthreads().values()))
        except OSError as error:
            raise lost_cluster() from error
        self._had_workers |= found > 0
        if found or not self._had_workers:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = monotonic()
        return found

    def submit(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Future[Result]:
        """Call a function on one of the workers."""
        self._require_scheduler()
        future: Future[Result] = self._executor.submit(function, *arguments, **keywords)
        return future

    def _require_scheduler(self) -> None:
        if self._client.status != "running":
            raise lost_cluster()

    def close(self) -> None:
        """Cancel the calls that have not ended; the client stays open unless it was made here."""
        if self._client.status == "running":
            self._executor.shutdown(wait=False)
        if self._own:
            self._client.close()


def lost_cluster() -> ValueError:
    """Return the error of a scheduler that has ended."""
    return ValueError(
        "the Dask cluster was closed, or its scheduler cannot be reached; call again with another "
        "one: with output, the survey continues."
    )


def lost_workers() -> ValueError:
    """Return the error of a cluster of which all workers have ended."""
    return ValueError(
        "the Dask cluster has lost all its workers; start others, and call again: with output, the "
        "survey continues."
    )


def _connect(address: str) -> Any:
    distributed: Any = import_module("distributed")  # has types in part
    try:
        # A client of a wrong address takes a minute to close.
        distributed.comm.resolve_address(address)
        return distributed.Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"workers cannot connect to a Dask scheduler at {address} ({error}); give an address "
            "such as tcp://127.0.0.1:8786."
        ) from error
