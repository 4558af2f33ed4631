"""A computation for the command: its input, its progress, and what remains of it after Ctrl-C."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sensitivity.cli.ctrl_c import STATUS, finishing, raising
from sensitivity.cli.options import build_descriptor, given, load_source
from sensitivity.cli.progress_line import tell_progress
from sensitivity.cli.streams import report

# Whatever is large is imported where it is used: --help is immediate.
if TYPE_CHECKING:
    from pathlib import Path

    from sensitivity.descriptors import Descriptor
    from sensitivity.reports import Source

Report = dict[str, Any] | str


class Task(NamedTuple):
    """The options of a command, and the structure and the descriptor that they ask for."""

    options: Namespace
    source: Source
    descriptor: Descriptor

    @property
    def center(self) -> int:
        """The only center; the first atom if none is given."""
        centers = self.options.center or [0]
        if len(centers) > 1:
            raise ValueError(f"this command takes one --center, got {len(centers)}; give one.")
        return int(centers[0])

    def given(self, *names: str) -> dict[str, Any]:
        """Return the options that were given; the library has the defaults of the others."""
        return given(self.options, *names)

    def compute(self, call: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """Return a result and the exit status, 130 if Ctrl-C has left what was found so far.

        ``call`` has to be imported before: an import may turn a KeyboardInterrupt into another
        error. So scipy, parts of which searches import late, is loaded here.
        """
        import scipy.optimize  # noqa: F401

        from sensitivity.progress import Interrupted

        try:
            with tell_progress(self.options.command) as progress, raising():
                return call(*arguments, self.descriptor, progress=progress, **settings), 0
        except Interrupted as interrupted:
            return interrupted.partial, STATUS


def load_task(options: Namespace) -> Task:
    """Read the structure and build the descriptor."""
    source = load_source(
        options.structure, index=options.index, form=options.format, types=options.types
    )
    return Task(options, source, build_descriptor(options))


def show(content: Report) -> None:
    """Print a report for a terminal as it is, and an object as a line of JSON."""
    import json

    if not isinstance(content, str):
        content = json.dumps(content, allow_nan=False, ensure_ascii=False)
    with finishing():
        report(content)


def check_path(name: str | None, option: str, endings: Sequence[str], *inputs: str) -> Path | None:
    """Return the path of a file to write; refuse it, before anything is computed, if it cannot be.

    Nor may it be one of the inputs.
    """
    from pathlib import Path

    from sensitivity.outputs import check_output, is_special

    if name is None:
        return None
    path = Path(name)
    if path.suffix.lower() not in endings and path.name and not is_special(path):
        expected = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise ValueError(f"{option} must end in {expected}, got {path}; choose one of them.")
    check_output(path, option=option, inputs=inputs)
    return path
