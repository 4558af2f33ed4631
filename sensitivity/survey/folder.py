"""The folder of a survey: Parquet parts, each written completely or not at all, and a manifest.

    frames-000000000-000000099.parquet   rows of the environments of these frames
    _frames/...                          rows of the same frames
    _manifest.json                       settings and versions
    _partial/                            a file that is being written
    _lock                                held by the survey that writes

A part is there or not, so a survey that was killed continues after the parts that are there.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from sensitivity.outputs import part_file
from sensitivity.survey.frames import NumberedFrame, fingerprint
from sensitivity.survey.rows import FRAME, Row, Table, table_of

_NAME = re.compile(r"frames-(\d+)-(\d+)\.parquet")


@dataclass(frozen=True)
class Folder:
    """A folder of parts; ``open_folder`` checks that it is one of this survey."""

    path: Path
    columns: Mapping[str, Any]  # of the rows of environments
    frame_columns: Mapping[str, Any] = field(default_factory=lambda: FRAME)

    def parts(self) -> list[tuple[range, Path]]:
        """Return the complete parts and their frames, in order."""
        matches = ((_NAME.fullmatch(path.name), path) for path in self.path.iterdir())
        found = [(range(int(m[1]), int(m[2]) + 1), path) for m, path in matches if m]
        return sorted(found, key=lambda part: part[0].start)

    def write(self, numbers: range, environments: Sequence[Row], frames: Sequence[Row]) -> None:
        """Add a part; its rows count once its file in the folder itself is there.

        Raises ValueError if it cannot be written, for example because the disk is full.
        """
        name = f"frames-{numbers.start:09d}-{numbers.stop - 1:09d}.parquet"
        try:
            self._put(self.path / "_frames" / name, table_of(frames, self.frame_columns))
            self._put(self.path / name, table_of(environments, self.columns))
        except OSError as error:
            raise ValueError(
                f"output cannot be written, got {self.path} ({error.strerror}); the parts in it "
                "are complete: remove the reason, then call again to continue."
            ) from error

    def _put(self, target: Path, table: Table) -> None:
        with part_file(self.path / "_partial" / target.name, _parquet(table)) as part:
            part.replace(target)

    def compared(self, frames: Iterable[NumberedFrame]) -> Iterator[NumberedFrame]:
        """Yield the frames; ValueError at one that differs from that of the rows in the folder."""
        parts = deque(self.parts())
        known: dict[int, str] = {}
        for frame in frames:
            while parts and parts[0][0].start <= frame.number:
                table = read(self.path / "_frames" / parts.popleft()[1].name)
                columns = (table[name].tolist() for name in ("frame", "fingerprint"))
                known = dict(zip(*columns, strict=True))
            expected = known.get(frame.number, "")
            if expected and (frame.atoms is None or fingerprint(frame.atoms) != expected):
                raise ValueError(
                    f"output {self.path} holds a survey of other structures: its frame "
                    f"{frame.number} differs; choose another folder."
                )
            yield frame

    def cut_off(self) -> range | None:
        """Return the frames of the last part if its last one could not be read.

        The file ended there, and may be longer now.
        """
        parts = self.parts()
        if not parts:
            return None
        numbers, path = parts[-1]
        frames = read(self.path / "_frames" / path.name)
        return None if frames["fingerprint"][-1] else numbers

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other surveys from writing, which would give rows twice; ValueError if one writes.

        The lock of a survey that was killed ends with it.
        """
        with (self.path / "_lock").open("w") as lock:
            with suppress(ModuleNotFoundError):  # on Windows
                import fcntl

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise ValueError(
                        f"another survey is writing to output {self.path}; wait for its end, or "
                        "choose another folder."
                    ) from None
            self._clean()
            yield

    def _clean(self) -> None:
        """Remove what a killed survey has left: partial files, and frames without a part."""
        complete = {path.name for _, path in self.parts()}
        for path in (self.path / "_partial").iterdir():
            path.unlink()
        for path in (self.path / "_frames").iterdir():
            if path.name not in complete:
                path.unlink()


def open_folder(
    path: Path,
    *,
    columns: Mapping[str, Any],
    frame_columns: Mapping[str, Any],
    manifest: Mapping[str, Any],
) -> Folder:
    """Create the folder, or open it to continue the survey that it holds.

    Raises ValueError if it holds something else, or a survey with other settings.
    """
    require_parquet()
    content = {**manifest, "versions": _versions()}
    try:
        _prepare(path, content)
    except OSError as error:
        raise ValueError(
            f"output cannot be written, got {path} ({error.strerror}); choose another folder."
        ) from error
    return Folder(path, columns, frame_columns)


def _prepare(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, or compare it with the one that is there."""
    file = path / "_manifest.json"
    own = {"_frames", "_partial"}  # without a manifest, of a survey that was killed at once
    if not file.is_file() and path.is_dir() and {each.name for each in path.iterdir()} - own:
        raise ValueError(f"output needs a new folder, got {path}, which holds other files.")
    for folder in (path, path / "_frames", path / "_partial"):
        folder.mkdir(parents=True, exist_ok=True)
    if file.is_file():
        _check_same(_read_manifest(file), manifest, path)
    else:
        text = json.dumps(manifest, indent=1).encode()
        with part_file(path / "_partial" / file.name, text) as part:
            part.replace(file)


def _read_manifest(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the survey in {file.parent} has a damaged {file.name} ({error}); choose another "
            "folder."
        ) from error
    return content


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the settings and versions of the survey in a folder; ValueError without one."""
    file = path / "_manifest.json"
    if not file.is_file():
        raise ValueError(f"there is no survey in {path}, which has no {file.name}.")
    return _read_manifest(file)


def _check_same(found: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))
    features, others = "features", [key for key in now if key not in ("features", "versions")]
    keys = [key for key in others if found.get(key) != now[key]]
    if (before := found.get(features)) and not np.allclose(
        before, now[features] or 0.0, rtol=1e-6, atol=0.0
    ):
        keys.append(features)
    if found.get("versions", {}).get("sensitivity") != now["versions"]["sensitivity"]:
        keys.append("versions")
    if keys:
        key = keys[0]
        raise ValueError(
            f"output {path} holds another survey: its {key} is {found.get(key)}, here it is "
            f"{now[key]}; choose another folder, or the settings in its _manifest.json."
        )


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = {"sensitivity": "atomic-sensitivity", "numpy": "numpy", "pyarrow": "pyarrow"}
    return {name: version(package) for name, package in names.items()}


def require_parquet() -> None:
    """Raise ImportError that names the extra if Parquet cannot be written."""
    for name in ("pandas", "pyarrow"):
        try:
            import_module(name)
        except ImportError as error:
            remedy = "install it with: pip install 'atomic-sensitivity[survey]'"
            raise ImportError(f"this needs {name}; {remedy}.") from error


def to_arrow(table: Table) -> Any:
    """Return the columns as a pyarrow.Table."""
    require_parquet()
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(values, type=pa.string() if values.dtype == object else None)
            for name, values in table.items()
        }
    )


def read(path: Path) -> Table:
    """Return the columns of a part."""
    from pyarrow import parquet

    table = parquet.ParquetFile(path).read()
    return {name: table[name].to_numpy() for name in table.column_names}


def count(path: Path) -> int:
    """Return the number of rows of a part, without reading them."""
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def _parquet(table: Table) -> bytes:
    from pyarrow import parquet

    buffer = BytesIO()
    parquet.write_table(to_arrow(table), buffer)
    return buffer.getvalue()
