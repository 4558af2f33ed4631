"""Results as pages: one HTML file that a reader opens without Python and without a network."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms

from sensitivity import paths
from sensitivity.bands import Bands
from sensitivity.comparison import Comparison
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import Diagnosis
from sensitivity.outputs import check_output, write_output
from sensitivity.progress import Progress
from sensitivity.share.bands_page import bands_page
from sensitivity.share.comparison_page import comparison_page
from sensitivity.share.diagnosis_page import diagnosis_page
from sensitivity.share.frames_page import path_page, twin_page
from sensitivity.share.survey_page import survey_page
from sensitivity.singular import Twin
from sensitivity.structures.files.reading import Source
from sensitivity.survey import Frames, Survey


def page(
    result: Any,
    path: str | PathLike[str],
    *,
    title: str | None = None,
    frames: Frames | None = None,
    descriptor: Descriptor | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a result as one self-contained HTML file, which connects to nothing.

    The page of a diagnosis has the structure in 3D, a chart of the singular values by cause, every
    mode with an amplitude, the singular values along it, the sentences, the evidence and the
    settings. That of a twin or a path has its structures as frames; that of bands has waves in
    supercells, that of a comparison the modes of each descriptor with what the others see of
    them, and that of a survey its worst environments with their softest modes. A page has at most
    5 MB: of a large structure it has the least visible modes.

    Parameters
    ----------
    result
        A ``Diagnosis``, ``Twin``, ``Path``, ``Bands``, ``Comparison`` or ``Survey``, or an
        explorer.
    path
        The file, which ends in .html.
    title
        Heading of the page; None for the formula of the structure, or for "Survey of environments".
    frames
        The frames of a survey, from which the worst environments are drawn; None leaves them out.
    descriptor
        The descriptor with which a ``Twin`` or ``Path`` was found, or a ``Survey`` made, whose
        environments have no modes without it; other results have theirs.
    progress
        Function called with a sentence on the current step. It may raise ``Cancelled``.

    Raises
    ------
    TypeError
        If the result has no page, or the descriptor is missing.
    ValueError
        If the file cannot be written, the page would be larger than 5 MB with a single mode, a
        number is not finite, the frames are others than those of the survey, or the explorer has no
        page.

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
        shown, stem = (file, file.stem.strip(".")) if file.name else ("no name of a file", "")
        raise ValueError(f"path must end in .html, got {shown}; give e.g. {stem or 'page'}.html.")
    if hasattr(result, "save"):  # an explorer, which knows its result
        result.save(file)
        return
    check_output(file, option="path")
    about: dict[str, Any] = {"descriptor": descriptor, "title": title, "frames": frames}
    text = make_page(result, **about, progress=progress)
    write_output(file, text.encode(), option="path")


def make_page(
    result: Any,
    *,
    descriptor: Descriptor | None = None,
    title: str | None = None,
    source: Source | None = None,
    frames: Frames | None = None,
    progress: Progress | None = None,
) -> str:
    """Return the page of a result; ``source`` has the structure and its origin."""
    if isinstance(result, Survey):
        about: dict[str, Any] = {"frames": frames, "descriptor": descriptor, "progress": progress}
        about |= {} if title is None else {"heading": title}
        return survey_page(result, file="" if source is None else source.name, **about)
    atoms = _structure_of(result)
    source = source or Source(title or atoms.get_chemical_formula(), atoms)
    if isinstance(result, Diagnosis):
        return diagnosis_page(result, source=source, progress=progress)
    if isinstance(result, Bands):
        return bands_page(result, source=source, progress=progress)
    if isinstance(result, Comparison):
        return comparison_page(result, source=source, progress=progress)
    if descriptor is None:
        raise TypeError(
            f"descriptor must be given for the page of a {type(result).__name__}, got None; pass "
            "the one with which it was found."
        )
    make = path_page if isinstance(result, paths.Path) else twin_page
    return make(result, descriptor, source=source)


def _structure_of(result: Any) -> Atoms:
    """Return the structure of a result; a TypeError if it has no page."""
    if isinstance(result, Diagnosis | Bands | Comparison):
        return result.atoms
    if isinstance(result, paths.Path):
        return result.frames[0]
    if isinstance(result, Twin):
        return result.pair[0]
    raise TypeError(
        "result must be a Diagnosis, Twin, Path, Bands, Comparison, Survey or explorer, got "
        f"{type(result).__name__}; pass the result of diagnose, find_twin, follow, bands, compare "
        "or survey."
    )
