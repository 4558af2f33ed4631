"""A survey: the sensitivity of every environment of many structures, one row each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from sensitivity.descriptors import Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.numerics import check_integer, check_real
from sensitivity.progress import Progress, Stop, Stoppable, telling
from sensitivity.survey import folder as parquet
from sensitivity.survey.analysis import Settings
from sensitivity.survey.folder import Folder, open_folder
from sensitivity.survey.frames import Frames, NumberedFrame, number_frames
from sensitivity.survey.rows import FRAME, Table, columns_of, join, table_of
from sensitivity.survey.run import analyze_parts, check_workers
from sensitivity.tolerances import Tolerance

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, repr=False)
class Survey(Stoppable):
    """One row per environment of many structures, and one per structure.

    Attributes
    ----------
    descriptor
        The descriptor with which all environments were analysed.
    causes
        True if the rows have groups and causes.
    output
        The folder with the rows; None if they are in memory.
    parts
        The rows in memory, of environments and of frames, for each part; empty with ``output``.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the survey was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> from sensitivity.survey import survey
    >>> molecules = [structures.load(name) for name in ("CH4", "H2O")]
    >>> found = survey(molecules, DensityCorrelations(n_max=4, l_max=3), causes=False)
    >>> found.status
    '8 environments of 2 frames, none failed.'
    >>> found.table()["species"].tolist()
    ['C', 'H', 'H', 'H', 'H', 'O', 'H', 'H']
    """

    descriptor: Descriptor
    causes: bool
    output: Path | None
    parts: tuple[tuple[Table, Table], ...]
    ending: str = ""

    def table(self) -> Table:
        """Return the rows of all environments as columns, in the order of frames and centers.

        ``frame`` and ``center`` are counted from 0; -1 for the center of a frame that could not
        be analysed, with the reason in ``error``. ``neighbors`` is the number of neighbours,
        ``equivalent_to`` the center of the same frame that was computed in place of an equal one.
        ``internal`` is the number of internal displacements, ``rank`` that of visible ones;
        ``s_max`` and ``s_min``, ``s_min_2``, ``s_min_3`` are the largest and the three smallest
        internal singular values in (feature)/Å, and ``condition`` is s_min/s_max. With causes,
        ``group`` is the Schoenflies symbol, ``condition_without_symmetry`` the condition without
        displacements that symmetry hides, and one column per cause its number.
        """
        return join([table for table, _ in self._tables()], columns_of(causes=self.causes))

    def frames(self) -> Table:
        """Return the rows of all frames as columns: sums, and the worst center of each."""
        return join([table for _, table in self._tables()], FRAME)

    def to_pandas(self) -> Any:
        """Return the rows of all environments as a pandas.DataFrame; needs the extra survey."""
        parquet.require_parquet()
        import pandas as pd

        return pd.DataFrame(self.table())

    def to_arrow(self) -> Any:
        """Return the rows of all environments as a pyarrow.Table; needs the extra survey."""
        return parquet.to_arrow(self.table())

    @property
    def status(self) -> str:
        """One sentence: environments, frames, and those that failed."""
        frames = self.frames()
        broken = int((frames["error"] != "").sum())
        environments, failed = (int(frames[name].sum()) for name in ("environments", "failed"))
        problems = [f"{failed} environments failed"] * bool(failed)
        problems += [f"{broken} frames could not be analysed"] * bool(broken)
        text = f"{environments} environments of {len(frames['frame'])} frames"
        end = f" The survey was {self.ending}." if self.ending else ""
        return f"{text}, {' and '.join(problems) or 'none failed'}.{end}"

    def _tables(self) -> Iterable[tuple[Table, Table]]:
        if self.output is None:
            return self.parts
        folder = Folder(self.output, columns_of(causes=self.causes))
        paths = (path for _, path in folder.parts())
        return ((parquet.read(p), parquet.read(p.parent / "_frames" / p.name)) for p in paths)

    def __repr__(self) -> str:
        return f"Survey({self.status})"


def survey(  # noqa: PLR0913 - settings of the run, beside those of the analysis
    frames: Frames,
    descriptor: Descriptor,
    *,
    output: str | os.PathLike[str] | None = None,
    workers: int | str | Client = 1,
    causes: bool = True,
    limit: int | None = None,
    every: int = 1,
    species: Iterable[str] | None = None,
    tolerance: float = Tolerance.POSITIONS,
    timeout: float | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Survey:
    """Analyse every environment of many structures, each as a molecule of its own.

    The environment of a center is ``structures.environment``: every neighbour moves on its own.
    Centers of a frame that symmetry makes equal are computed once. A frame or environment that
    cannot be analysed gives a row with the reason.

    Parameters
    ----------
    frames
        A file that ASE or this package reads, or an iterable of structures.
    descriptor
        Any descriptor. Density correlations up to order 3 analyse environments of many frames at
        once.
    output
        A folder for the rows, as Parquet files; memory is then constant. A survey that was
        stopped, or killed, continues when it is called again with the same arguments.
    workers
        Number of processes; 1 for this one. They import the caller's main module, which must
        therefore start the survey within ``if __name__ == "__main__":``. Or a
        ``dask.distributed.Client``, or the address of a Dask scheduler (extra dask): Dask repeats
        the parts of a worker that dies. Its workers need this package, and are fastest with one
        thread each. A frame with which processes die repeatedly gives a row.
    causes
        False to leave out groups and causes, which take most of the time.
    limit
        Largest number of frames.
    every
        Take every n-th frame.
    species
        Symbols of the centers; None for all.
    tolerance
        Å, as for ``diagnose``.
    timeout
        Seconds for one environment, where they are analysed one by one.
    strict
        Raise a ValueError at the first frame or environment that cannot be analysed.
    progress
        Called after each part with a sentence; it may raise ``Cancelled``.

    Returns
    -------
    Survey
        If it is cancelled, with the rows of the finished parts.

    Raises
    ------
    TypeError, ValueError
        If an argument is unusable, or the folder holds another survey.
    ImportError
        If ``output`` is given without pandas and pyarrow, the extra survey.
    Interrupted
        On Ctrl-C; ``partial`` is the Survey that cancelling would return.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> from sensitivity.survey import survey
    >>> found = survey([structures.load("X0")], DensityCorrelations(), species=["C"])
    >>> table = found.table()
    >>> table["group"].tolist(), table["incompleteness"].tolist()
    (['C1'], [1])
    """
    check_descriptor(descriptor)
    every = check_integer(every, "every", "at least 1", accepts=lambda n: n >= 1)
    check_workers(workers)
    if limit is not None:
        limit = check_integer(limit, "limit", "at least 1", accepts=lambda n: n >= 1)
    if timeout is not None:
        check_real(timeout, "timeout", "a time above 0 s", accepts=lambda t: 0 < t < np.inf)
    settings = Settings(descriptor, causes, _check_species(species), tolerance, timeout, strict)
    coming = number_frames(frames, every=every, limit=limit)
    folder = None
    if output is not None:
        first = next(coming, None)
        manifest = {**_describe(settings), "every": every, "first_frame": _fingerprint(first)}
        columns = columns_of(causes=causes)
        folder = open_folder(Path(output), columns=columns, manifest=manifest)
        coming = chain([] if first is None else [first], coming)
    stop, parts = Stop(), list[tuple[Table, Table]]()
    with telling(progress), stop, nullcontext() if folder is None else folder.hold():
        known = [numbers for numbers, _ in folder.parts()] if folder else []
        found = analyze_parts(coming, settings, known=known, workers=workers)
        with closing(found):
            for numbers, analyzed in found:
                if folder is None:
                    tables = analyzed.environments, columns_of(causes=causes)
                    parts.append((table_of(*tables), table_of(analyzed.frames, FRAME)))
                else:
                    folder.write(numbers, analyzed.environments, analyzed.frames)
    where = None if folder is None else folder.path
    return stop.deliver(Survey(descriptor, causes, where, tuple(parts), stop.ending))


def _check_species(species: Iterable[str] | None) -> frozenset[int] | None:
    if species is None:
        return None
    symbols = [species] if isinstance(species, str) else list(species)
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown or not symbols:
        found = unknown[0] if unknown else "none"
        raise ValueError(f"species must be element symbols, got {found}; give e.g. ['C', 'H'].")
    return frozenset(atomic_numbers[symbol] for symbol in symbols)


def _describe(settings: Settings) -> dict[str, Any]:
    """Return what decides the rows, for the manifest."""
    chosen = settings.species
    return {
        "descriptor": with_defaults(settings.descriptor).name,
        "settings": settings_of(settings.descriptor),
        "causes": settings.causes,
        "species": None if chosen is None else [chemical_symbols[z] for z in sorted(chosen)],
        "tolerance": settings.tolerance,
    }


def _fingerprint(frame: NumberedFrame | None) -> str:
    """Return a hash of the first frame, by which other data are detected."""
    if frame is None or frame.atoms is None:
        return "none"
    atoms = frame.atoms
    content = atoms.numbers.tobytes() + atoms.positions.tobytes() + atoms.cell.array.tobytes()
    return sha256(content + atoms.pbc.tobytes()).hexdigest()[:16]
