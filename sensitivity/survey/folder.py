"""The folder of a survey: Parquet parts, each written completely or not at all, and a manifest.

    frames-000000000-000000099.parquet   rows of the environments of these frames
    _frames/...                          rows of the same frames, and what identifies the part
    _manifest.json                       settings and versions
    _partial/                            a file that is being written
    _lock                                held by the survey that writes

A part is there or not, so a survey that was killed continues after the parts that are there.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from sensitivity.descriptors import Descriptor
from sensitivity.outputs import part_file
from sensitivity.survey.frames import NumberedFrame, fingerprint
from sensitivity.survey.probes import Features, are_same
from sensitivity.survey.remarks import distinct
from sensitivity.survey.rows import FRAME, Table, table_of
from sensitivity.survey.run import Part

_NAME = re.compile(r"frames-(\d+)-(\d+)\.parquet")


_FACTS = b"survey"

# What decides the meaning of rows, of the settings in a manifest.
_NEEDED = (
    *("versions", "descriptor", "settings", "cutoff", "causes", "species"),
    *("whole", "nearest", "every", "select"),
)


def _name(first: int, last: int) -> str:
    return f"frames-{first:09d}-{last:09d}.parquet"


class Facts(NamedTuple):
    """Facts about a part, beside its rows."""

    frames: Sequence[int]  # first and last
    columns: Sequence[str]  # names, which no checksum of Parquet includes
    # Only in the file of the frames.
    before: str = ""  # hash of all frames before the first one
    features: Features = ()  # of some environments, to recognise the descriptor
    remarks: Sequence[str] = ()  # on the descriptor


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

    def write(self, part: Part) -> None:
        """Add a part; its rows count once its file in the folder itself is there.

        Raises ValueError if it cannot be written, for example because the disk is full.
        """
        numbers, analyzed = part.numbers, part.analyzed
        span = numbers.start, numbers.stop - 1
        name, own = _name(*span), Facts(span, [*self.columns])
        beside = part.before, analyzed.features, analyzed.remarks
        facts = Facts(span, [*self.frame_columns], *beside)
        frames = table_of(analyzed.frames, self.frame_columns)
        try:
            (self.path / name).unlink(missing_ok=True)  # of the same frames, cut off before
            self._put(self.path / "_frames" / name, frames, facts)
            self._put(self.path / name, table_of(analyzed.environments, self.columns), own)
        except OSError as error:
            raise ValueError(
                f"output cannot be written, got {self.path} ({error.strerror}); the parts in it "
                "are complete: remove the reason, then call again to continue."
            ) from error

    def _put(self, target: Path, table: Table, facts: Facts) -> None:
        with part_file(self.path / "_partial" / target.name, _parquet(table, facts)) as part:
            part.replace(target)

    def remarks(self) -> tuple[str, ...]:
        """Return the remarks of all parts, each kind once."""
        known = (read_facts(self._of_frames(path)) for _, path in self.parts())
        return distinct(remark for facts in known for remark in facts.remarks)

    def _of_frames(self, path: Path) -> Path:
        return self.path / "_frames" / path.name

    def compared(
        self,
        frames: Iterable[NumberedFrame],
        descriptor: Descriptor,
        *,
        timeout: float | None,
        remarks: list[str],
    ) -> Iterator[NumberedFrame]:
        """Yield the frames with a hash of those before them.

        After the last one, the ``remarks`` state that the folder has more, if so.

        ValueError at a frame that differs from that of the rows in the folder, after frames that
        differ where a part is missing, or if the descriptor gives other features.
        """
        parts, known, seen = deque(self.parts()), dict[int, str](), sha256()
        features: Features = ()
        complete, first, last = {path for _, path in parts}, 0, -1
        for frame in frames:
            while parts and parts[0][0].start <= frame.number:
                numbers, path = parts.popleft()
                facts, table = read_facts(self._of_frames(path)), read(self._of_frames(path))
                if facts.before not in ("", seen.hexdigest()):
                    self._remove(range(first, numbers.start), kept=complete)
                    raise self._other_frames(f"a frame before {numbers.start}")
                columns = (table[name].tolist() for name in ("frame", "fingerprint"))
                known, first = dict(zip(*columns, strict=True)), numbers.stop
                features = facts.features
            now = "" if frame.atoms is None else fingerprint(frame.atoms)
            expected = known.get(frame.number, "")  # "" if it could not be read, or may be cut
            if expected and now != expected:
                raise self._other_frames(f"its frame {frame.number}")
            if expected and not are_same(features, frame, descriptor, timeout=timeout):
                raise ValueError(
                    f"output {self.path} holds another survey: its features of frame "
                    f"{frame.number} differ from those of this descriptor; choose another folder."
                )
            yield replace(frame, before=seen.hexdigest())
            seen.update(now.encode())
            last = frame.number
        if parts or max(known, default=-1) > last:
            remarks.append(
                f"The folder also holds frames after frame {last}, of earlier calls: tables and "
                "sums have all of them."
            )

    def _other_frames(self, which: str) -> ValueError:
        return ValueError(
            f"output {self.path} holds a survey of other structures: {which} differs; choose "
            "another folder."
        )

    def _remove(self, numbers: range, *, kept: Set[Path]) -> None:
        """Remove parts that were written for a gap, where the frames are others."""
        for own, path in self.parts():
            if own.start in numbers and path not in kept:
                path.unlink()
                self._of_frames(path).unlink()

    def cut_off(self) -> range | None:
        """Return the frames of the last part if its last one could not be read.

        The file ended there, and may be longer now.
        """
        parts = self.parts()
        if not parts:
            return None
        numbers, path = parts[-1]
        frames = read(self._of_frames(path))
        return None if frames["fingerprint"][-1] else numbers

    def _clean(self) -> None:
        """Remove what a killed survey has left: partial files, and frames without a part."""
        complete = {path.name for _, path in self.parts()}
        for path in (self.path / "_partial").iterdir():
            path.unlink()
        for path in (self.path / "_frames").iterdir():
            if path.name not in complete:
                path.unlink()


@contextmanager
def open_folder(
    path: Path,
    *,
    columns: Mapping[str, Any],
    frame_columns: Mapping[str, Any],
    manifest: Mapping[str, Any],
) -> Iterator[Folder]:
    """Create the folder, or open it to continue the survey that it holds; no other may write then.

    Raises ValueError if it holds something else, or a survey with other settings, or if another
    survey is writing.
    """
    require_parquet()
    content = {**manifest, "versions": _versions()}
    folder = Folder(path, columns, frame_columns)
    with ExitStack() as opened:
        try:
            _create(path)
            opened.enter_context(_lock(path))
            _write_manifest(path, content)
            folder._clean()
        except OSError as error:
            raise ValueError(
                f"output cannot be written, got {path} ({error.strerror}); choose another folder."
            ) from error
        yield folder


def _create(path: Path) -> None:
    """Create the folder; ValueError if it holds other files."""
    own = {"_frames", "_partial", "_lock"}  # without a manifest, of a survey that was killed
    new = not (path / "_manifest.json").is_file() and path.is_dir()
    if new and _has_parts(path):
        raise _no_manifest(path)
    if new and {each.name for each in path.iterdir()} - own:
        raise ValueError(f"output needs a new folder, got {path}, which holds other files.")
    for each in (path, path / "_frames", path / "_partial"):
        each.mkdir(parents=True, exist_ok=True)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other surveys from writing, which would give rows twice; ValueError if one writes.

    The lock of a survey that was killed ends with it.
    """
    with (path / "_lock").open("w") as lock:
        with suppress(ModuleNotFoundError):  # on Windows
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"another survey is writing to output {path}; wait for its end, or choose "
                    "another folder."
                ) from None
        yield


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, or compare it with the one that is there."""
    file = path / "_manifest.json"
    if file.is_file():
        _check_same(_read_manifest(file), manifest, path)
    else:
        text = json.dumps(manifest, indent=1).encode()
        with part_file(path / "_partial" / file.name, text) as part:
            part.replace(file)


def _read_manifest(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError
        missing = [name for name in _NEEDED if name not in content]
        if missing or not isinstance(content["versions"], dict):
            raise ValueError(f"its {(missing or ['versions'])[0]} is missing")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the survey in {file.parent} has a damaged {file.name} ({_explain(error)}); restore "
            "this file, or choose another folder."
        ) from error
    return dict(content)


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | TypeError):
        return "it is no JSON object"
    return str(error)


def _has_parts(path: Path) -> bool:
    return any(_NAME.fullmatch(each.name) for each in path.glob("*.parquet"))


def _no_manifest(path: Path) -> ValueError:
    return ValueError(
        f"{path} holds parts of a survey, but not its _manifest.json with the settings; restore "
        "this file, or choose another folder."
    )


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the settings and versions of the survey in a folder; ValueError without one."""
    file = path / "_manifest.json"
    if not file.is_file() and _has_parts(path):
        raise _no_manifest(path)
    if not file.is_file():
        raise ValueError(f"there is no survey in {path}, which has no {file.name}.")
    return _read_manifest(file)


def _check_same(found: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))
    keys = [key for key in now if key != "versions" and found.get(key) != now[key]]
    if found["versions"].get("sensitivity") != now["versions"]["sensitivity"]:
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
    """Return the columns of a part; ValueError if it is missing, damaged, or another part."""
    from pyarrow import parquet

    facts = read_facts(path)
    with _told(path):
        file = parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        table = file.read(use_threads=False)
        columns = {name: table[name].to_numpy() for name in facts.columns}
        del file, table
    _release_memory()
    return columns


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise ValueError with a remedy where a file of a part cannot be read."""
    try:
        yield
    except Exception as error:  # of any kind, with long texts of pyarrow
        raise ValueError(
            f"the survey has a missing or damaged file, {path}; remove {path.name} from the folder "
            "itself, and call again to compute these rows."
        ) from error


def _release_memory() -> None:
    """Give memory back that pyarrow keeps for later, which grows with the number of parts."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _parquet(table: Table, facts: Facts) -> bytes:
    from pyarrow import parquet

    buffer, columns = BytesIO(), to_arrow(table)
    columns = columns.replace_schema_metadata({_FACTS: json.dumps(facts._asdict())})
    parquet.write_table(columns, buffer, write_page_checksum=True)
    del columns
    _release_memory()
    return buffer.getvalue()


def read_facts(path: Path) -> Facts:
    """Return what is known of a part; ValueError if the file is that of another part."""
    from pyarrow import parquet

    with _told(path):
        facts = Facts(**json.loads(parquet.read_metadata(path).metadata[_FACTS]))
        if _name(*facts.frames) != path.name:
            raise ValueError("it holds other frames")
    return facts
