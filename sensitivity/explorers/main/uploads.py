"""Uploaded files: which are read, and what is said of the others."""

from __future__ import annotations

import re

from sensitivity.explorers.parts.reference import Upload
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.limits import Limit
from sensitivity.structures.files import no_frame, take
from sensitivity.structures.files.isolated import read_isolated

FORMATS = (
    *("extxyz", "xyz", "cif", "vasp", "vasp-xdatcar", "proteindatabank", "aims", "gen", "xsf"),
    *("gaussian-in", "espresso-in", "turbomole", "cube", "mol", "sdf", "res", "gromacs"),
)
"""Of uploaded files, as ASE names them: text. Readers of some other formats run code of the
file, or a program (castep-cell), and a visitor of the page is a stranger."""

MOST_FRAMES = 10_000
"""Structures of a file that are kept, each of some kB."""


def read_upload(name: str, content: bytes) -> Upload:
    """Return all structures of a file, the first of them chosen; they are not checked.

    Raises
    ------
    ValueError
        If it is too large, or holds no structure in a format of ``FORMATS``.
    """
    shown = shown_name(name)
    if len(content) > Limit.UPLOAD:
        raise ValueError(
            f"{shown} has {len(content) / 1e6:.1f} MB, and at most {Limit.UPLOAD / 1e6:.0f} MB can "
            "be read here; cut out what you need."
        )
    if not content:
        raise ValueError(f"the file {shown} is empty; give one with a structure.")
    frames = read_isolated(shown, content, formats=FORMATS, most=MOST_FRAMES)
    if len(frames) > MOST_FRAMES:
        raise ValueError(f"{shown} has more than {MOST_FRAMES} structures; cut out those you need.")
    return Upload(shown, frames)


def choose_frame(upload: Upload, index: int | None) -> Upload:
    """Return the upload with another of its structures chosen, from the end if it is negative.

    None chooses the first that can be read.

    Raises
    ------
    ValueError
        If there is no such structure, or it cannot be shown.
    """
    count = len(upload.frames)
    if index is None:
        good = (k for k, frame in enumerate(upload.frames) if frame.atoms is not None)
        index = next(good, 0)
    if not -count <= index < count:
        raise no_frame(upload.name, count, index)
    frame = upload.frames[index]
    if frame.atoms is not None:
        try:
            check_size(frame.atoms)
        except ValueError as error:
            raise ValueError(f"{upload.name}: {error}") from error
    take(upload.name, frame, number=index % count, count=count, others=upload.others)
    return Upload(upload.name, upload.frames, index % count)


def shown_name(name: str, *, longest: int = 60) -> str:
    """The name of a file without the folders of a path.

    Each of its ``longest`` characters may take four of the 255 bytes of a name.
    """
    # A browser gives no folders. Where there are < and >, a / is hardly one between folders.
    return re.sub(r"^([^<>/\\]*[/\\])+", "", name)[-longest:] or "The file"
