"""A computation for the command: its input, progress, report and output files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sensitivity.cli.ctrl_c import STATUS, finishing, raising
from sensitivity.cli.options import add_command, add_subject, given, load_source
from sensitivity.cli.streams import report, tell, tell_progress
from sensitivity.notes import visible

# Large modules are imported where they are used, so that --help is immediate.
if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from sensitivity.structures.files.reading import Source

T = TypeVar("T")
Report = dict[str, Any] | str
Words = Callable[..., Report]
Analysed = tuple[Any, Report, int]


class Task(NamedTuple):
    """The options of a command, and the structure and the descriptor that they select."""

    options: Namespace
    source: Source
    descriptor: Any  # a Descriptor; for a comparison several, a mapping from names

    @property
    def center(self) -> int:
        """The only center; by default the first atom."""
        centers = self.options.center or [0]
        if len(centers) > 1:
            raise ValueError(f"this command takes one --center, got {len(centers)}; give one.")
        return int(centers[0])

    def compute(
        self, call: Callable[..., Any], subject: Any, *names: str, **settings: Any
    ) -> tuple[Any, int]:
        """Return a result and the exit status; 130 for partial results after Ctrl-C.

        Those of the options ``names`` that were given are settings, too; the library has the
        defaults of the others. ``call`` must already be imported, because an import may turn a
        KeyboardInterrupt into another error. For the same reason scipy, which searches import late,
        is loaded here.
        """
        import scipy.optimize  # noqa: F401

        from sensitivity.progress import Interrupted

        settings |= given(self.options, *names)
        try:
            with tell_progress(self.options.command) as progress, raising():
                return call(subject, self.descriptor, progress=progress, **settings), 0
        except Interrupted as interrupted:
            return interrupted.partial, STATUS

    def report(self, result: Any, describe: Words, tabulate: Words, **more: Any) -> Report:
        """Return the result as a table, or as an object for JSON with ``--json``."""
        words = describe if self.options.json else tabulate
        return words(result, self.descriptor, source=self.source, **more)


def hint_at_smallest(task: Task) -> None:
    """Name the faster command, if all singular values of a large structure are to be computed."""
    from sensitivity.spectrum import MANY

    if task.options.center is None and len(task.source.atoms) > MANY:
        tell(
            f"note: for more than {MANY} atoms this takes long; 'sensitivity smallest' finds the "
            "least visible displacements faster."
        )


class Found(NamedTuple):
    """The report of a search, its status, and the structures found, each with facts about it.

    ``result`` is for the page, if the command has one.
    """

    report: Report
    status: int
    frames: Sequence[tuple[Atoms, Mapping[str, Any]]]
    result: Any = None


def add_analysis(
    commands: Any,
    name: str,
    text: str,
    analyze: Callable[[Task], Analysed],
    *,
    details: str,
    subject: Callable[[ArgumentParser], None] = add_subject,
    picture: str = "the singular values and the least visible internal mode",
    paged: bool = False,
) -> ArgumentParser:
    """Add a command that analyses a structure; ``analyze`` returns result, report and status.

    ``subject`` adds the options for structure, centers and descriptor; ``picture`` is the content
    of the figure; a ``paged`` result has the option ``--page``.
    """

    def run(options: Namespace) -> int:
        path = check_path(options.plot, "--plot", (".png", ".pdf", ".svg"))
        page = check_page(options, options.structure) if paged else None
        (result, report, status), task = _run(analyze, options)
        try:
            show(report)
        finally:  # also if the report cannot be printed
            if path is not None:
                _draw(result, path)
            if page is not None:
                write_page(page, result, source=task.source)
        return status

    details += " If a file has the same name as a named structure, write ./FILE to read the file."
    command = add_command(commands, name, text, run, details=details)
    subject(command)
    command.add_argument("--plot", metavar="FILE", help=f"draw {picture} (.png, .pdf or .svg)")
    if paged:
        add_page(command)
    return command


def add_search(
    commands: Any,
    name: str,
    text: str,
    search: Callable[[Task], Found],
    *,
    output: str,
    details: str = ".",
    one_center: bool = True,
    paged: bool = False,
) -> ArgumentParser:
    """Add a command that moves atoms; ``output`` names the content of its output file.

    A ``paged`` result has the option ``--page``.
    """

    def run(options: Namespace) -> int:
        read = [name for name in (options.structure, options.start) if name is not None]
        path = check_path(options.output, "--output", (".extxyz", ".xyz"), *read)
        page = check_page(options, *read) if paged else None
        (found, task), written = _run(search, options), False
        try:
            written = write_frames(path, found.frames)
        finally:  # also if the structures could not be written
            show(_complete(found, path, written=written))
            if page is not None:
                about = {"descriptor": task.descriptor, "source": task.source}
                write_page(page, found.result, **about)
        return found.status

    details += " Ctrl-C stops and keeps the results so far."
    command = add_command(commands, name, text, run, details=details)
    add_subject(command, one_center=one_center)
    text = f"write {output} to this .extxyz or .xyz file"
    command.add_argument("--output", metavar="FILE", help=text)
    if paged:
        add_page(command)
    command.set_defaults(start=None)
    return command


def show(content: Report) -> None:
    """Print a text report unchanged, and an object as one line of JSON."""
    import json

    if not isinstance(content, str):
        content = json.dumps(content, allow_nan=False, ensure_ascii=False)
    with finishing():
        report(content)


def write_frames(path: Path | None, frames: Sequence[tuple[Atoms, Mapping[str, Any]]]) -> bool:
    """Write structures with only these facts as ``info``; return True if any were written."""
    from sensitivity.structures.extxyz import format_frame

    if path is None or not frames:
        return False
    text = "".join(format_frame(atoms, info=facts) for atoms, facts in frames)
    write_file(path, text.encode(), "--output")
    return True


def _run(act: Callable[[Task], T], options: Namespace) -> tuple[T, Task]:
    """Load the task and run it; return both.

    Output printed by a descriptor goes to standard error.
    """
    with redirect_stdout(sys.stderr):
        where = {"index": options.index, "form": options.format, "types": options.types}
        source = load_source(options.structure, **where)
        task = Task(options, source, options.build(options, source.atoms))
        return act(task), task


def _draw(result: Any, path: Path) -> None:
    from io import BytesIO

    from sensitivity.plots import save_overview

    picture = BytesIO()
    save_overview(result, picture, form=path.suffix.lower()[1:])
    write_file(path, picture.getvalue(), "--plot")


def add_page(command: ArgumentParser) -> None:
    """Add the option for a page."""
    text = "write the result as a self-contained interactive page to this .html file"
    command.add_argument("--page", metavar="FILE", help=text)


def check_page(options: Namespace, *inputs: str) -> Path | None:
    """Return the path of the page; ValueError if it cannot be written, or is an input."""
    return check_path(options.page, "--page", (".html",), *inputs)


def write_page(path: Path, result: Any, **about: Any) -> None:
    """Write the page of a result; ``about`` has further arguments of ``share.pages.make_page``."""
    from sensitivity.share.pages import make_page

    with tell_progress("page") as progress, redirect_stdout(sys.stderr):
        text = make_page(result, progress=progress, **about)
    write_file(path, text.encode(), "--page")


def write_file(path: Path, content: bytes, option: str) -> None:
    """Write a complete file; Ctrl-C waits until it is written."""
    from sensitivity.outputs import write_output

    with finishing():
        write_output(path, content, option=option)


def _complete(found: Found, path: Path | None, *, written: bool) -> Report:
    """Return the report with a note on the output file, if one was requested."""
    if isinstance(found.report, dict):
        return {**found.report, "output": str(path) if written else None}
    name = visible(str(path))
    if written:
        count = f"{len(found.frames)} structure{'s' if len(found.frames) > 1 else ''}"
        return f"{found.report}\n\nWrote {count} to {name}."
    if path is not None and not found.frames:
        return f"{found.report}\n\nFound nothing to write to {name}."
    return found.report


def check_path(name: str | None, option: str, endings: Sequence[str], *inputs: str) -> Path | None:
    """Return the path of a file; ValueError if it cannot be written, or is an input."""
    from pathlib import Path

    from sensitivity.outputs import check_output, is_special

    if name is None:
        return None
    path = Path(name)
    if path.suffix.lower() not in endings and path.name and not is_special(path):
        expected = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        remedy = "choose one of them" if len(endings) > 1 else f"give e.g. {path.stem}{endings[0]}"
        raise ValueError(f"{option} must end in {expected}, got {path}; {remedy}.")
    with finishing():  # the check writes a probe, and removes it
        check_output(path, option=option, inputs=inputs)
    return path
