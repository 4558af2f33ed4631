"""Survey of the environments of many structures, one row each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from sensitivity.descriptors import Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.numerics import check_integer, check_real
from sensitivity.progress import Progress, Stop, telling
from sensitivity.survey.analysis import Settings
from sensitivity.survey.folder import Folder, open_folder
from sensitivity.survey.frames import Frames, fingerprint, number_frames
from sensitivity.survey.remarks import distinct
from sensitivity.survey.results import Survey, open_survey
from sensitivity.survey.rows import Table, columns_of, frame_columns, table_of
from sensitivity.survey.run import analyze_parts, check_workers
from sensitivity.survey.sources import select_frames
from sensitivity.symmetry.sites import check_tolerance
from sensitivity.tolerances import Tolerance

if TYPE_CHECKING:
    from distributed import Client


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
    select: str | None = None,
    whole: bool = False,
    nearest: float | None = None,
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
        stopped, or killed, continues when it is called again with the same arguments. Rows of
        earlier calls stay: after a call for fewer frames, the result has all rows of the folder,
        and a remark.
    workers
        Number of processes; 1 for this one. They import the caller's main module, which must
        therefore be a file, and start the survey within ``if __name__ == "__main__":``. Or a
        ``dask.distributed.Client``, or the address of a Dask scheduler (extra dask): Dask repeats
        the parts of a worker that dies. Its workers need this package, and are fastest with one
        thread each. If they die repeatedly with the same frame, it becomes a row with an error. If
        all workers end and no other comes within a minute, the survey stops; call it again to go
        on.
    causes
        False to leave out groups and causes, which take most of the time.
    limit
        Largest number of frames.
    every
        Take every n-th frame.
    species
        Symbols of the centers; None for all.
    select
        Rows of an ASE database (.db), in ASE's syntax, such as "natoms<20"; None for all.
    whole
        True to analyse also each frame as it is, with all its centers and its cell: columns of
        ``frames`` that begin with ``whole_``. It takes about as long as ``spectrum``, or
        ``diagnose``, of each frame.
    nearest
        Å: search within this distance for the nearest geometry at which the center does not see
        some displacement, by ``locate``: columns ``distance`` and ``nearest_cause``. Takes seconds
        for an environment. None to leave it out.
    tolerance
        Å, as for ``diagnose``.
    timeout
        Seconds for each environment, and for each frame as a whole. Where many environments are
        analysed in one call that takes longer, and 0.01 s more for each, they are analysed one by
        one. A call of a library that does not return cannot be ended: end its process, and the
        frame gives a row.
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
        If an argument is unusable, or the folder holds another survey; if processes cannot start,
        or a Dask cluster ends.
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
    elsewhere = check_workers(workers)
    every = check_integer(every, "every", "at least 1", accepts=lambda n: n >= 1)
    if limit is not None:
        limit = check_integer(limit, "limit", "at least 1", accepts=lambda n: n >= 1)
    if timeout is not None:
        check_real(timeout, "timeout", "a time above 0 s", accepts=lambda t: 0 < t < np.inf)
    if nearest is not None:
        check_real(nearest, "nearest", "a distance above 0 Å", accepts=lambda x: 0 < x < np.inf)
    chosen = _check_species(species)
    settings = Settings(
        descriptor,
        causes=causes,
        species=chosen,
        tolerance=tolerance,
        timeout=timeout,
        strict=strict,
        whole=whole,
        nearest=nearest,
        probed=output is not None,
    )
    check_tolerance(tolerance)
    columns = columns_of(causes=causes, nearest=nearest is not None)
    of_frames = frame_columns(causes=causes, whole=whole)
    coming = number_frames(select_frames(frames, select), every=every, limit=limit)
    manifest = {**_describe(settings), "every": every, "select": select}
    opened: AbstractContextManager[Folder | None] = nullcontext()
    if output is not None:
        first = next(coming, None)
        atoms = None if first is None else first.atoms
        manifest["first_frame"] = "none" if atoms is None else fingerprint(atoms)
        coming = chain([] if first is None else [first], coming)
        opened = open_folder(
            Path(output), columns=columns, frame_columns=of_frames, manifest=manifest
        )
    stop, parts = Stop(), list[tuple[Table, Table]]()
    remarks = list[tuple[int, str]]()  # with the first frame of the part
    more = list[str]()  # on the folder
    with telling(progress), opened as folder, stop:
        known = again = None
        if folder is not None:
            known, again = [numbers for numbers, _ in folder.parts()], folder.cut_off()
            coming = folder.compared(coming, descriptor, timeout=timeout, remarks=more)
        found = analyze_parts(coming, settings, known=known, again=again, workers=elsewhere)
        with closing(found):
            for part in found:
                if folder is None:
                    table = table_of(part.analyzed.environments, columns)
                    parts.append((table, table_of(part.analyzed.frames, of_frames)))
                    remarks += ((part.numbers.start, each) for each in part.analyzed.remarks)
                else:
                    folder.write(part)
    if output is None:
        told = distinct(remark for _, remark in sorted(remarks, key=itemgetter(0)))
        return stop.deliver(Survey(manifest, None, tuple(parts), stop.ending, told))
    in_folder = open_survey(output)
    return stop.deliver(replace(in_folder, ending=stop.ending, remarks=(*in_folder.remarks, *more)))


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
        "cutoff": settings.descriptor.cutoff,
        "causes": settings.causes,
        "species": None if chosen is None else [chemical_symbols[z] for z in sorted(chosen)],
        "tolerance": settings.tolerance,
        "whole": settings.whole,
        "nearest": settings.nearest,
    }
