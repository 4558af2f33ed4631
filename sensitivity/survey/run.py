"""The run of a survey: part by part, in this process, in several, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import closing, suppress
from itertools import accumulate, islice, repeat
from numbers import Real
from operator import mul
from typing import NamedTuple

from sensitivity.numerics import check_integer
from sensitivity.progress import checkpoint
from sensitivity.survey.analysis import Analyzed, Settings, analyze
from sensitivity.survey.cluster import Cluster, lost_cluster, lost_workers
from sensitivity.survey.frames import NumberedFrame, PackedFrames, batches, pack, unpack
from sensitivity.survey.pace import Pace
from sensitivity.survey.processes import Processes
from sensitivity.survey.remarks import distinct
from sensitivity.survey.rows import failed_frame

Batch = list[NumberedFrame]
Engine = Processes | Cluster

# Atoms of the frames of a part, at most: seconds of work, for environments that are analysed alone,
# and together. Of parts for a folder, or for several processes, the first are smaller, so that a
# survey that is stopped soon has rows, and all have work; the last keep the memory constant.
_PART = {True: 200, False: 5000}
_FIRST, _GROWTH, _LAST = 300, 1.3, 2500


class Part(NamedTuple):
    """Some successive frames, and their rows."""

    numbers: range  # of the frames
    before: str  # hash of all frames before them, if there is a folder
    analyzed: Analyzed


def check_workers(workers: object) -> object:
    """Return a number of processes, a Dask client, or the address of a scheduler."""
    if isinstance(workers, str) or hasattr(workers, "get_executor"):
        return workers
    if not isinstance(workers, Real):
        raise TypeError(
            "workers must be a number, a dask.distributed.Client, or the address of a Dask "
            f"scheduler, got {type(workers).__name__}; give e.g. 2."
        )
    return check_integer(workers, "workers", "at least 1", accepts=lambda n: n >= 1)


def analyze_parts(
    frames: Iterable[NumberedFrame],
    settings: Settings,
    *,
    known: Sequence[range] | None,
    again: range | None,
    workers: object,
) -> Generator[Part]:
    """Yield each part, in any order.

    Parts of ``known`` frames are left out; None without a folder. The frames ``again`` form one
    part, which is left out if not all of them come, and is yielded before any later part: if the
    survey is killed then, it is still the last one. Tells rate and time left after each part is
    taken.
    """
    growing = known is not None or workers != 1 or settings.strict
    sizes = _sizes(_PART[settings.slow], growing=growing)
    coming = batches(frames, sizes=sizes, known=known or (), again=again)
    pace = Pace()
    for batch, analyzed in _analyze_batches(coming, settings, workers, again):
        numbers = range(batch[0].number, batch[-1].number + 1)
        yield Part(numbers, batch[0].before, _mark_cut(batch[-1], analyzed))
        pace.add(frames=len(batch), environments=len(analyzed.environments), left=batch[-1].left)
        checkpoint(str(pace))


def _mark_cut(last: NumberedFrame, analyzed: Analyzed) -> Analyzed:
    """Return the rows with a remark if the last number of the file may be cut.

    The frame gets no fingerprint, so that it is analysed again when the survey continues.
    """
    if not last.cut:
        return analyzed
    remark = (
        f"The file has no line break at its end: the last number, of frame {last.number}, may be "
        "cut."
    )
    frames = [*analyzed.frames[:-1], {**analyzed.frames[-1], "fingerprint": ""}]
    return analyzed._replace(frames=frames, remarks=(*analyzed.remarks, remark))


def _sizes(most: int, *, growing: bool) -> Iterator[int]:
    if not growing:
        return repeat(most)
    powers = accumulate(repeat(_GROWTH), mul, initial=float(_FIRST))
    return (int(min(size, _LAST, most)) for size in powers)


def _analyze_batches(
    coming: Iterator[Batch], settings: Settings, workers: object, again: range | None
) -> Iterator[tuple[Batch, Analyzed]]:
    if workers == 1:
        yield from ((batch, analyze(batch, settings)) for batch in coming)
    else:
        engine = Processes(workers) if isinstance(workers, int) else Cluster(workers)
        with closing(engine):
            for batches_in_turn in (_up_to(again, coming), coming):
                yield from _elsewhere(batches_in_turn, settings, engine)


def _up_to(again: range | None, coming: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches up to that of the frames ``again``; all if it does not come."""
    for batch in coming:
        yield batch
        if again is not None and batch[0].number in again:
            return


def _elsewhere(
    coming: Iterator[Batch], settings: Settings, engine: Engine
) -> Iterator[tuple[Batch, Analyzed]]:
    """Yield parts as they are finished; few are elsewhere at a time, so that memory is constant.

    After a worker has died, the others finish their parts, and the lost ones are analysed alone.
    ValueError after the lost parts if no worker is left.
    """
    pending: dict[Future[Analyzed], Batch] = {}
    lost: list[Batch] = []
    while True:
        if not lost:
            for batch in islice(coming, max(0, engine.most - len(pending))):
                if engine.abandoned:
                    raise lost_workers()
                pending[_submit(batch, settings, engine)] = batch
        if pending:
            finished = _wait_for_one(pending, engine)
            if not finished:
                lost.extend(pending.values())
                for future in pending:
                    future.cancel()
                pending.clear()
            for future in finished:
                batch = pending.pop(future)
                if _has_died(future, engine):
                    lost.append(batch)
                else:
                    yield batch, future.result()
        elif lost:
            batch = lost.pop()
            yield batch, _analyze_alone(batch, settings, engine)
        else:
            return


def _wait_for_one(futures: Collection[Future[Analyzed]], engine: Engine) -> set[Future[Analyzed]]:
    """Return those that have ended; none if no worker is left.

    Can be cancelled, and tells what is missing.
    """
    seconds = 2.0
    while True:
        finished, _ = wait(futures, timeout=seconds, return_when=FIRST_COMPLETED)
        if finished:
            return finished
        checkpoint(engine.shortage)
        if engine.abandoned:
            return set()


def _has_died(future: Future[Analyzed], engine: Engine) -> bool:
    try:
        return isinstance(future.exception(), engine.died)
    except CancelledError as error:
        raise lost_cluster() from error


def _submit(batch: Batch, settings: Settings, engine: Engine) -> Future[Analyzed]:
    return engine.submit(_analyze_packed, pack(batch), settings)


def _analyze_packed(packed: PackedFrames, settings: Settings) -> Analyzed:
    return analyze(unpack(packed), settings)


def _analyze_alone(batch: Batch, settings: Settings, engine: Engine) -> Analyzed:
    """Analyse frames one after the other, to find the one that makes workers die.

    They go to a process of this machine if no worker is left.
    """
    with closing(Processes(1)) as spare:
        return _analyze_each(batch, settings, engine, spare)


def _analyze_each(batch: Batch, settings: Settings, engine: Engine, spare: Processes) -> Analyzed:
    analyzed = Analyzed([], [])
    remarks = list[str]()
    for frame in batch:
        found = _repeat(frame, settings, spare if engine.abandoned else engine)
        if found is None:
            reason = "its process died, also when repeated, probably for lack of memory"
            if settings.strict:
                raise ValueError(f"frame {frame.number}: {reason}.")
            row, of_frame = failed_frame(frame.number, reason, frame.atoms)
            found = Analyzed([row], [of_frame])
        analyzed.environments.extend(found.environments)
        analyzed.frames.extend(found.frames)
        remarks.extend(found.remarks)
        if not analyzed.features:
            analyzed = analyzed._replace(features=found.features)
    return analyzed._replace(remarks=distinct(remarks))


def _repeat(frame: NumberedFrame, settings: Settings, engine: Engine) -> Analyzed | None:
    """Return the rows of a frame; None if its process dies each time: once can be by chance."""
    for _ in range(engine.attempts):
        with suppress(engine.died):
            for future in _wait_for_one([_submit([frame], settings, engine)], engine):
                return future.result()
    return None
