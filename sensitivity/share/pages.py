"""Results as pages: one HTML file that a reader opens without Python and without a network."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from sensitivity.diagnosis import Diagnosis
from sensitivity.outputs import check_output, write_output
from sensitivity.progress import Progress
from sensitivity.share.diagnosis_page import diagnosis_page
from sensitivity.share.survey_page import survey_page
from sensitivity.structures.files.reading import Source
from sensitivity.survey import Frames, Survey


def page(
    result: Any,
    path: str | PathLike[str],
    *,
    title: str | None = None,
    frames: Frames | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a result as one self-contained HTML file, which connects to nothing.

    The page of a diagnosis has the structure in 3D, a chart of the singular values by cause, every
    mode with an amplitude, the singular values along it, the sentences, the evidence and the
    settings. It has at most 5 MB: of a large structure it has the least visible modes.

    Parameters
    ----------
    result
        A ``Diagnosis``, a ``Survey``, or an explorer.
    path
        The file, which ends in .html.
    title
        Heading of the page of a diagnosis; None for the formula of the structure.
    frames
        The frames of a survey, from which the worst environments are drawn; None leaves the
        drawings out.
    progress
        Function called with a sentence on the current step. It may raise ``Cancelled``.

    Raises
    ------
    TypeError
        If the result has no page.
    ValueError
        If the file cannot be written, the page would be larger than 5 MB with a single mode, or the
        frames are others than those of the survey.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sensitivity import DensityCorrelations, diagnose, share, structures
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> file = Path(tempfile.mkdtemp()) / "X0.html"
    >>> share.page(found, file, title="Methane, distorted")
    >>> file.stat().st_size < 1_000_000
    True
    """
    file = Path(path)
    if file.suffix.lower() != ".html":
        raise ValueError(f"path must end in .html, got {file}; give e.g. {file.stem}.html.")
    if hasattr(result, "save"):  # an explorer, which knows its result
        result.save(file)
        return
    check_output(file, option="path")
    text = make_page(result, title=title, frames=frames, progress=progress)
    write_output(file, text.encode(), option="path")


def make_page(
    result: Any,
    *,
    title: str | None = None,
    source: Source | None = None,
    frames: Frames | None = None,
    progress: Progress | None = None,
) -> str:
    """Return the page of a result; ``source`` has the structure and its origin."""
    if isinstance(result, Survey):
        return survey_page(result, frames=frames)
    if isinstance(result, Diagnosis):
        name = title or result.atoms.get_chemical_formula()
        source = source or Source(name, result.atoms)
        return diagnosis_page(result, source=source, progress=progress)
    raise TypeError(
        f"result must be a Diagnosis or a Survey, got {type(result).__name__}; pass the result of "
        "diagnose or survey."
    )
