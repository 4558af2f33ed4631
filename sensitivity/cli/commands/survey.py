"""``sensitivity survey``: every environment of many structures."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import (
    Task,
    add_page,
    check_page,
    check_path,
    show,
    write_file,
    write_page,
)
from sensitivity.cli.options import (
    add_command,
    add_descriptor,
    add_json,
    add_option,
    given,
)
from sensitivity.cli.streams import tell

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from sensitivity.structures.files.reading import Source
    from sensitivity.survey import Survey

_NAMES = "limit", "every", "species", "select", "timeout", "tolerance", "nearest", "output"


def add(commands: Any) -> None:
    """Add the command."""
    text = "analyse every environment of many structures"
    details = (
        ". The report has the number of invisible displacements of each cause, the worst "
        "environments, and what to do. The worst have the smallest ratio of smallest to largest "
        "singular value, among the displacements that symmetry does not hide. Ctrl-C stops and "
        "keeps the results so far. With --output, a survey that was stopped or killed continues "
        "when the same command is called again."
    )
    command = add_command(commands, "survey", text, _run, details=details)
    text = "a trajectory or database that ASE reads, or - for standard input"
    command.add_argument("file", metavar="FILE", help=text)
    text = "write one row for each environment to this folder, as Parquet files"
    command.add_argument("--output", metavar="FOLDER", help=text)
    add_page(command)
    text = "write the environments and their structures for chemiscope.org to this .json file"
    command.add_argument("--chemiscope", metavar="FILE", help=text)
    _add_selection(command)
    group = command.add_mutually_exclusive_group()
    add_option(group, "--workers", "number of processes", 1, int, "N")
    text = "address of the scheduler of a Dask cluster, whose workers analyse the frames"
    group.add_argument("--dask", metavar="ADDRESS", help=text)
    text = "time limit for each environment, and for each frame that --whole analyses"
    add_option(command, "--timeout", text, "none", float, "SECONDS")
    text = "stop at the first frame or environment that cannot be analysed"
    command.add_argument("--strict", action="store_true", help=text)
    text = "leave out point groups and causes, which take most of the time"
    command.add_argument("--no-causes", action="store_true", help=text)
    text = (
        "search for the nearest geometry with an invisible displacement, up to this distance in Å "
        "(root of the summed squares); takes seconds for each environment"
    )
    add_option(command, "--nearest", text, "no search")
    text = "also analyse each frame as a whole, with all its atoms as centers and with its cell"
    command.add_argument("--whole", action="store_true", help=text)
    add_option(command, "--tolerance", "tolerance of the causes, in Å, as for diagnose", 0.001)
    add_json(command)
    add_descriptor(command)


def _add_selection(command: Any) -> None:
    group = command.add_argument_group("selection")
    add_option(group, "--limit", "largest number of frames", "no limit", int, "N")
    add_option(group, "--every", "take every N-th frame", 1, int, "N")
    text = "element of the centers; repeat for several (default: all)"
    group.add_argument("--species", metavar="ELEMENT", action="append", help=text)
    text = 'rows of an ASE database (.db), in ASE\'s syntax, such as "natoms<20" (default: all)'
    group.add_argument("--select", metavar="TEXT", help=text)


def _run(options: Namespace) -> int:
    from sensitivity.reports.surveys import describe_survey, tabulate_survey
    from sensitivity.survey import survey

    page = check_page(options, options.file)
    data = check_path(options.chemiscope, "--chemiscope", (".json",), options.file)
    if data is not None:  # before the computation
        from sensitivity.share.survey_chemiscope import require_chemiscope

        require_chemiscope()
    if page is not None and options.file == "-":
        tell(
            "note: the page will have no structures, because standard input cannot be read again; "
            "give a file for them"
        )
    with redirect_stdout(sys.stderr):  # a descriptor may print
        source = _source(options, twice=data is not None)
        task = Task(options, source, options.build(options, source.atoms))
        settings = {"causes": not options.no_causes}
        settings |= {"strict": options.strict, "whole": options.whole}
        settings |= {"workers": options.dask} if options.dask else given(options, "workers")
        found, status = task.compute(survey, options.file, *_NAMES, **settings)
        environments = _read_worst(found, options.file) if options.json else None
    try:
        if options.json:
            show(describe_survey(found, options.file, environments=environments))
        else:
            show(tabulate_survey(found, options.file))
    finally:  # also if the report cannot be printed
        if page is not None or data is not None:
            _share(found, task, page, data)
    return status


def _read_worst(found: Survey, file: str) -> list[Atoms] | None:
    """Return the worst environments; None if the frames cannot be read again."""
    if file == "-":
        return None
    try:
        return found.environments(file)
    except (OSError, ValueError) as error:
        tell(f"note: the worst environments cannot be read again: {error}")
        return None


def _share(found: Survey, task: Task, page: Path | None, data: Path | None) -> None:
    from sensitivity.share import survey_chemiscope

    file = task.options.file
    if page is not None:
        about = {"descriptor": task.descriptor, "source": task.source}
        write_page(page, found, frames=None if file == "-" else file, **about)
    if data is not None:
        write_file(data, survey_chemiscope(found, file), "--chemiscope")


def _source(options: Namespace, *, twice: bool) -> Source:
    """Return the file with its first structure, for whose species some descriptors are made.

    ValueError for standard input if it must be read ``twice``, or for such a descriptor.
    """
    from ase import Atoms

    from sensitivity.structures.files.reading import Source, read_frames

    if options.file == "-" and (twice or options.descriptor is not None):
        option = "--chemiscope" if twice else "--descriptor"
        raise ValueError(f"{option} needs a file that can be read twice, got standard input.")
    if options.descriptor is None:
        return Source(options.file, Atoms())
    readable = (frame.atoms for frame in read_frames(options.file) if frame.atoms is not None)
    return Source(options.file, next(readable, Atoms()))
