"""The result of a survey, in memory or in a folder, whose parts are read one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from ase import Atoms

from sensitivity.numerics import check_integer
from sensitivity.progress import Stoppable
from sensitivity.survey import folder as parquet
from sensitivity.survey.folder import Folder
from sensitivity.survey.frames import Frames
from sensitivity.survey.ranking import Totals, failed_rows, failed_whole, sum_rows, worst_rows
from sensitivity.survey.rows import Table, columns_of, frame_columns, join, table_of
from sensitivity.survey.sources import cut_out
from sensitivity.survey.summary import numbered, summarize


@dataclass(frozen=True, repr=False)
class Survey(Stoppable):
    """One row per environment of many structures, and one per structure.

    ``print`` shows the sums, the ten worst environments, and what to do. With ``output``, one part
    is in memory at a time.

    Attributes
    ----------
    settings
        Descriptor, its settings, and what else decides the rows, as in ``_manifest.json``.
    output
        The folder with the rows; None if they are in memory.
    parts
        The rows in memory, of environments and of frames, for each part; empty with ``output``.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the survey was stopped; else empty.
    remarks
        What was found about the descriptor, such as features that are not invariant, or a file that
        may be cut.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> from sensitivity.survey import survey
    >>> molecules = [structures.load(name) for name in ("CH4", "X0")]
    >>> print(survey(molecules, DensityCorrelations(), species=["C"]))
    2 environments of 2 frames, none failed.
    Invisible displacements: 8 by symmetry in 1 environment, 1 by incompleteness in
    1 environment.
    Smallest conditions (smallest/largest singular value not zero by symmetry):
      frame 1, C0: 0 incompleteness          frame 0, C0: 1.0e+00 none spurious
    Symmetry: nothing to do: no basis and no order sees them.
    Incompleteness: a higher order sees them; features of more centers may.
    """

    settings: Mapping[str, Any]
    output: Path | None
    parts: tuple[tuple[Table, Table], ...]
    ending: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def causes(self) -> bool:
        """True if the rows have groups and causes."""
        return bool(self.settings["causes"])

    def table(self) -> Table:
        """Return the rows of all environments as columns, in the order of frames and centers.

        ``frame`` and ``center`` are counted from 0; -1 for the center of a frame that could not
        be analysed, with the reason in ``error``. ``neighbors`` is the number of neighbours,
        ``gap`` the distance from the farthest one to the cutoff in Å, ``equivalent_to`` the center
        of the same frame that was computed in place of an equal one.
        ``internal`` is the number of internal displacements, ``rank`` that of visible ones;
        ``s_max`` and ``s_min``, ``s_min_2``, ``s_min_3`` are the largest and the three smallest
        internal singular values in (feature)/Å, and ``condition`` is s_min/s_max. With causes,
        ``group`` is the Schoenflies symbol, ``condition_without_symmetry`` the condition without
        displacements that symmetry hides, or of atoms within ``tolerance`` of the cutoff, and one
        column per cause its number. With ``nearest``,
        ``distance`` is that to the nearest singular geometry in Å, and ``nearest_cause`` its cause.
        """
        return join(list(self.read_environments()), self._columns)

    def frames(self) -> Table:
        """Return the rows of all frames as columns: sums, and the worst center of each.

        ``condition`` is the smallest of the frame, without symmetry in a survey with causes, as for
        ``worst``; ``fingerprint`` a hash of elements, positions and cell.

        With ``whole``, columns that begin with ``whole_`` are those of the frame as it is, with all
        its centers and its cell.
        """
        columns = frame_columns(causes=self.causes, whole=self.settings["whole"])
        return join(list(self.read_frames()), columns)

    def read_environments(self) -> Iterator[Table]:
        """Yield the rows of environments part by part, in no certain order."""
        for table, path in self._parts():
            yield parquet.read(path) if table is None else table[0]

    def read_frames(self) -> Iterator[Table]:
        """Yield the rows of frames part by part, in no certain order."""
        for table, path in self._parts():
            yield parquet.read(path.parent / "_frames" / path.name) if table is None else table[1]

    def worst(self, count: int = 10) -> Table:
        """Return the rows of the environments with the smallest condition, the smallest first.

        In a survey with causes it is ``condition_without_symmetry``, since zeros of symmetry are no
        fault of the descriptor. Of centers that symmetry makes equal, the first is listed.
        """
        return self._first(lambda tables, n: worst_rows(tables, count=n), count)

    def failures(self, count: int = 10) -> Table:
        """Return the first rows of frames and environments that could not be analysed.

        A frame, and one that failed as a whole, have no center: -1.
        """
        whole = (failed_whole(table, self._columns) for table in self.read_frames())
        return self._first(lambda tables, n: failed_rows(chain(tables, whole), count=n), count)

    def environments(self, frames: Frames, *, rows: Table | None = None) -> list[Atoms]:
        """Return the environments of some rows, the worst ones by default, with the center first.

        ``frames`` are those of the survey. The row is the ``info`` of each environment. Raises
        ValueError if the frames are others.
        """
        return cut_out(frames, self.worst() if rows is None else rows, self.settings)

    def to_pandas(self) -> Any:
        """Return the rows of all environments as a pandas.DataFrame; needs the extra survey."""
        parquet.require_parquet()
        import pandas as pd

        return pd.DataFrame(self.table())

    def to_arrow(self) -> Any:
        """Return the rows of all environments as a pyarrow.Table; needs the extra survey."""
        return parquet.to_arrow(self.table())

    @property
    def totals(self) -> Totals:
        """Sums over all rows: environments, those that failed, invisible displacements by cause."""
        return sum_rows(self.read_environments(), self.read_frames())

    @property
    def status(self) -> str:
        """One sentence: environments, frames, and those that failed."""
        found = sum_rows([], self.read_frames())
        problems = [f"{numbered(found.failed, 'environment')} failed"] * bool(found.failed)
        broken = f"{numbered(found.broken, 'frame')} could not be analysed"
        problems += [broken] * bool(found.broken)
        whole = f"{numbered(found.failed_whole, 'frame')} failed as a whole"
        problems += [whole] * bool(found.failed_whole)
        text = f"{numbered(found.environments, 'environment')} of {numbered(found.frames, 'frame')}"
        end = f" The survey was {self.ending}." if self.ending else ""
        if not found.environments and found.frames > found.broken:
            species = " or ".join(self.settings["species"] or [])
            end = f" No center is {species}.{end}" if species else end
        return f"{text}, {' and '.join(problems) or 'none failed'}.{end}"

    @property
    def summary(self) -> str:
        """About ten lines: sums, invisible displacements by cause, worst environments, remedies."""
        return summarize(self)

    def _first(self, select: Callable[[Iterable[Table], int], Table | None], count: int) -> Table:
        count = check_integer(count, "count", "at least 1", accepts=lambda n: n >= 1)
        found = select(self.read_environments(), count)
        return table_of([], self._columns) if found is None else found

    @property
    def _columns(self) -> dict[str, Any]:
        return columns_of(causes=self.causes, nearest=self.settings["nearest"] is not None)

    def _parts(self) -> Iterator[tuple[tuple[Table, Table] | None, Path]]:
        if self.output is None:
            yield from ((part, Path()) for part in self.parts)
        else:
            yield from ((None, path) for _, path in Folder(self.output, {}).parts())

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.summary)}</pre>"

    def __repr__(self) -> str:
        return f"Survey({self.status})"


def open_survey(path: str | os.PathLike[str]) -> Survey:
    """Return the survey in a folder, also one that is not finished.

    Parameters
    ----------
    path
        A folder that ``survey`` has written with ``output``.

    Raises
    ------
    ValueError
        If the folder holds no survey.
    ImportError
        Without pandas and pyarrow, the extra survey.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sensitivity import DensityCorrelations, open_survey, structures, survey
    >>> with TemporaryDirectory() as folder:
    ...     _ = survey([structures.load("X0")], DensityCorrelations(), output=folder)
    ...     print(open_survey(folder).status)
    ...
    5 environments of 1 frame, none failed.
    """
    parquet.require_parquet()
    folder = Path(path)
    manifest = parquet.read_manifest(folder)
    return Survey(manifest, folder, (), remarks=Folder(folder, {}).remarks())
