"""The run of a survey: part by part, in this process or in several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from time import perf_counter

from sensitivity.progress import checkpoint
from sensitivity.survey.analysis import Analyzed, Settings, analyze
from sensitivity.survey.frames import NumberedFrame, batches
from sensitivity.survey.rows import failed_frame

Batch = list[NumberedFrame]

# Atoms of the frames of one part: seconds of work with and without causes.
_PART = {True: 200, False: 5000}

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def analyze_parts(
    frames: Iterable[NumberedFrame],
    settings: Settings,
    *,
    known: Sequence[range],
    workers: int,
) -> Iterator[tuple[range, Analyzed]]:
    """Yield the numbers of the frames of each part, and their rows, in any order.

    Parts of ``known`` frames are left out. Tells the rate after each part is taken.
    """
    coming = batches(frames, atoms=_PART[settings.causes], known=known)
    start, count, done = perf_counter(), 0, 0
    parts: Iterator[tuple[Batch, Analyzed]]
    if workers == 1:
        parts = ((batch, analyze(batch, settings)) for batch in coming)
    else:
        parts = _in_processes(coming, settings, workers=workers)
    for batch, analyzed in parts:
        yield range(batch[0].number, batch[-1].number + 1), analyzed
        count, done = count + len(batch), done + len(analyzed.environments)
        rate = done / (perf_counter() - start)
        checkpoint(f"{done} environments of {count} frames, {rate:.0f} per second")


def _in_processes(
    coming: Iterator[Batch], settings: Settings, *, workers: int
) -> Iterator[tuple[Batch, Analyzed]]:
    """Yield finished parts; those that a worker left when it died are tried again, one by one."""
    while True:
        pending: dict[Future[Analyzed], Batch] = {}
        try:
            with _pool(workers) as pool:
                while _submit(pool, coming, pending, settings, most=2 * workers):
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield pending[future], future.result()
                        del pending[future]
            return
        except BrokenProcessPool:
            left = list(pending.values())
        for batch in left:
            yield batch, _alone(batch, settings)


def _submit(
    pool: ProcessPoolExecutor,
    coming: Iterator[Batch],
    pending: dict[Future[Analyzed], Batch],
    settings: Settings,
    *,
    most: int,
) -> dict[Future[Analyzed], Batch]:
    """Add parts up to some number, so that few are in memory; return those that are pending."""
    for batch in islice(coming, most - len(pending)):
        light = [_without_results(frame) for frame in batch]
        try:
            pending[pool.submit(analyze, light, settings)] = batch
        except BrokenProcessPool:
            pending[Future()] = batch
            raise
    return pending


def _without_results(frame: NumberedFrame) -> NumberedFrame:
    """Return the frame without a calculator, which can be large or tied to this process."""
    return frame if frame.atoms is None else replace(frame, atoms=frame.atoms.copy())


def _alone(batch: Batch, settings: Settings) -> Analyzed:
    """Analyse frames after a worker has died, to find the one that was the reason."""
    analyzed = Analyzed([], [])
    for frame in batch:
        try:
            with _pool(1) as pool:
                found = pool.submit(analyze, [_without_results(frame)], settings).result()
        except BrokenProcessPool:
            reason = "its process died, probably for lack of memory"
            if settings.strict:
                raise ValueError(f"frame {frame.number}: {reason}.") from None
            row, of_frame = failed_frame(frame.number, reason)
            found = Analyzed([row], [of_frame])
        analyzed.environments.extend(found.environments)
        analyzed.frames.extend(found.frames)
    return analyzed


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes with one thread each: more are slower for small matrices."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
