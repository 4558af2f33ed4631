"""Work in the background: one piece at a time, the newest wins, and nothing hangs."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from panel import SOON
from waiting import Results, idle, interrupt_the_kernel, run, spin, until

from sensitivity.explorers.parts.background import Worker, interrupted, interrupts_held
from sensitivity.progress import Cancelled, checkpoint


def test_without_a_notebook_the_result_is_there_at_once() -> None:
    worker, results = Worker(), Results()
    results.start(worker, lambda _: threading.current_thread())
    assert results[0] is not threading.current_thread()
    assert not worker.busy


def test_an_exception_is_a_result() -> None:
    worker, results = Worker(), Results()
    results.start(worker, lambda _: 1 / 0)
    results.start(worker, lambda _: 2)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [2]


def test_slow_work_does_not_hold_up_a_notebook(gate: threading.Event) -> None:
    worker, results, told = Worker(), Results(), []

    def work(report: Callable[[Any], None]) -> str:
        report("half")
        gate.wait(SOON)
        return "whole"

    async def scenario() -> None:
        begun = time.perf_counter()
        results.start(worker, work, told=told.append, patience=0.01)
        assert time.perf_counter() - begun < SOON / 2
        await until(lambda: bool(told))
        assert (told, results, worker.busy) == (["half"], [], True)
        gate.set()
        await until(lambda: bool(results))
        assert (results, worker.busy) == (["whole"], False)

    run(scenario)


def test_the_newest_wins_and_what_was_dropped_is_never_delivered(gate: threading.Event) -> None:
    worker, results, ran = Worker(), Results(), []

    async def scenario() -> None:
        results.start(worker, spin(gate), patience=0.0)
        for number in range(100):

            def work(report: Callable[[Any], None], number: int = number) -> int:
                ran.append(number)
                report(-number)
                return number

            results.start(worker, work, told=results.append, patience=0.0)
        worker.wait()
        await idle(worker)

    run(scenario)
    assert results == [99]
    assert ran[-1] == 99
    assert len(ran) == len(set(ran))


def test_cancelled_work_says_so_and_the_thread_goes_on(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    async def scenario() -> None:
        results.start(worker, lambda _: threading.current_thread())
        await until(lambda: bool(results))
        results.start(worker, spin(gate), patience=0.02)
        worker.cancel()
        await until(lambda: len(results) == 2)
        results.start(worker, lambda _: threading.current_thread())
        await until(lambda: len(results) == 3)

    run(scenario)
    worker.cancel()  # with nothing to be cancelled
    thread, cancelled, later = results
    assert isinstance(cancelled, Cancelled)
    assert later is thread


def keeps_what_it_found(gate: threading.Event, begun: threading.Event) -> Callable[[Any], str]:
    """Work that returns something although it is cancelled."""

    def work(_: Any) -> str:
        begun.set()
        try:
            return spin(gate)(_)
        except Cancelled:
            return "as far as it came"

    return work


def test_what_cancelled_work_has_found_is_delivered(gate: threading.Event) -> None:
    worker, results, begun = Worker(), Results(), threading.Event()
    work = keeps_what_it_found(gate, begun)

    async def scenario() -> None:
        results.start(worker, work, patience=0.02)
        await until(begun.is_set)
        worker.cancel()
        await until(lambda: bool(results))

    run(scenario)
    assert results == ["as far as it came"]


def test_work_without_partial_results_is_abandoned_at_once(gate: threading.Event) -> None:
    worker, results, begun = Worker(), Results(), threading.Event()

    def compute(_: Any) -> str:  # without a checkpoint
        begun.set()
        gate.wait()
        return "too late"

    async def scenario() -> None:
        results.start(worker, compute, patience=0.0)
        await until(begun.is_set)
        worker.cancel(at_once=True)
        assert not worker.busy
        gate.set()
        results.start(worker, lambda _: "next", patience=0.0)
        await until(lambda: len(results) == 2)

    run(scenario)
    assert isinstance(results[0], Cancelled)
    assert results[1] == "next"


def test_a_report_stops_cancelled_work(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    def work(report: Callable[[Any], None]) -> None:
        while not gate.wait(0.002):
            report("on")

    async def scenario() -> None:
        results.start(worker, work, patience=0.02)
        worker.cancel()
        await until(lambda: bool(results))

    run(scenario)
    assert isinstance(results[0], Cancelled)


def test_work_that_does_not_notice_is_replaced_at_once(gate: threading.Event) -> None:
    worker, results, begun, ended = Worker(), Results(), [], []

    def deaf(_: Any) -> str:
        begun.append(1)
        gate.wait(SOON)
        ended.append(threading.current_thread())
        return "too late"

    async def scenario() -> None:
        results.start(worker, deaf, patience=0.0)
        await until(lambda: len(begun) == 1)
        for number in range(3):
            results.start(worker, lambda _, number=number: number, patience=0.0)
            await until(lambda number=number: number in results)
        results.start(worker, deaf, patience=0.0)
        await until(lambda: len(begun) == 2)
        worker.cancel()
        assert worker.busy
        worker.cancel()
        assert not worker.busy
        gate.set()
        await until(lambda: len(ended) == 2)

    run(scenario)
    assert results[:3] == [0, 1, 2]
    assert [type(each) for each in results[3:]] == [Cancelled]


def test_cancelling_at_any_moment_loses_nothing() -> None:
    rng = np.random.default_rng(1)
    worker, ran = Worker(), []

    def spend(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            checkpoint()
            time.sleep(0)

    async def scenario() -> None:
        for number in range(200):
            results = Results()

            def work(_: Any, number: int = number, length: float = rng.uniform(0, 1e-3)) -> int:
                ran.append(number)
                spend(length)
                return number

            results.start(worker, work, patience=0.0)
            spend(rng.uniform(0, 1e-3))
            worker.cancel()
            await until(lambda results=results: bool(results))
            assert results == [number] or isinstance(results[0], Cancelled)

    run(scenario)
    assert len(ran) == len(set(ran))


def test_busy_is_told_also_if_a_result_cannot_be_shown() -> None:
    told: list[bool] = []
    worker = Worker(changed=lambda: told.append(worker.busy))
    with pytest.raises(ZeroDivisionError):
        worker.start(lambda _: 0, then=lambda value: 1 / value, failed=lambda _: None)
    assert told == [False]


def test_an_interrupt_of_the_kernel_ends_the_work_and_is_raised(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    def work(_: Any) -> str:
        interrupt_the_kernel()
        return spin(gate)(_)

    with pytest.raises(KeyboardInterrupt):
        results.start(worker, work)
    assert [type(each) for each in results] == [Cancelled]
    assert not worker.busy


def test_an_interrupt_of_the_kernel_delivers_what_was_found(gate: threading.Event) -> None:
    worker, results, begun = Worker(), Results(), threading.Event()
    work = keeps_what_it_found(gate, begun)

    async def scenario() -> None:
        results.start(worker, work, patience=0.0)
        await until(begun.is_set)

    run(scenario)
    threading.Thread(target=interrupt_the_kernel).start()
    with pytest.raises(KeyboardInterrupt):
        worker.wait()
    assert results == ["as far as it came"]


def test_an_interrupt_of_the_kernel_leaves_work_that_does_not_notice(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    def deaf(_: Any) -> None:
        interrupt_the_kernel()
        gate.wait(SOON)

    with pytest.raises(KeyboardInterrupt):
        results.start(worker, deaf)
    assert [type(each) for each in results] == [Cancelled]
    results.start(worker, lambda _: "next")
    assert results[1:] == ["next"]


def test_an_interrupt_is_held_back_until_the_outermost_block_is_done() -> None:
    done = []

    @interrupts_held()
    def change() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append(interrupted())

    @interrupts_held()
    def outer() -> None:
        change()
        done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        outer()
    assert done == [True, "outer"]
    assert not interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_interrupt_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_notebook_that_has_gone_does_not_end_the_thread() -> None:
    worker, results, gate = Worker(), Results(), threading.Event()

    async def scenario() -> None:
        results.start(worker, spin(gate), patience=0.0)

    run(scenario)
    gate.set()
    worker.wait()
    results.start(worker, lambda _: "next")
    assert results == ["finished", "next"]


def test_a_thread_without_work_ends_and_another_takes_its_place() -> None:
    worker, results = Worker(idle=0.02), Results()
    results.start(worker, lambda _: threading.current_thread())
    results[0].join(SOON)
    assert not results[0].is_alive()
    results.start(worker, lambda _: threading.current_thread())
    assert results[1] is not results[0]


def test_work_that_was_to_begin_later_can_be_cancelled() -> None:
    worker, results, ran = Worker(), Results(), []

    async def scenario() -> None:
        results.start(worker, ran.append, delay=0.01)
        assert worker.busy
        worker.cancel()
        assert not worker.busy
        await asyncio.sleep(0.02)  # timers go off in their order, that of the work before this one

    run(scenario)
    assert [type(each) for each in results] == [Cancelled]
    assert ran == []
