"""Work in the background: one piece at a time, the newest wins, and nothing hangs."""

from __future__ import annotations

import asyncio
import ctypes
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from panel import SOON
from waiting import Results, idle, interrupt_the_kernel, run, spin, until

from sensitivity.explorers.parts import background
from sensitivity.explorers.parts.background import Worker


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
        results.start(worker, spin(gate), patience=0.02)
        thread = worker._thread
        worker.cancel()
        await until(lambda: bool(results))
        assert isinstance(results[0], KeyboardInterrupt)
        results.start(worker, lambda _: "next")
        await until(lambda: len(results) == 2)
        assert worker._thread is thread

    run(scenario)
    worker.cancel()  # with nothing to be cancelled
    assert results[1:] == ["next"]


def test_what_cancelled_work_has_found_is_delivered(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    def work(_: Any) -> str:
        try:
            return spin(gate)(_)
        except KeyboardInterrupt:
            return "as far as it came"

    async def scenario() -> None:
        results.start(worker, work, patience=0.02)
        worker.cancel()
        await until(lambda: bool(results))

    run(scenario)
    assert results == ["as far as it came"]


def test_an_interrupt_that_comes_as_the_work_ends_does_not_repeat_it(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, results, ran = Worker(), Results(), []
    real = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def late(*arguments: Any) -> Any:
        gate.set()
        assert worker._thread is not None
        while sys._current_frames()[worker._thread.ident].f_code is not background._close.__code__:
            time.sleep(0.001)  # until the work has ended, and waits to say so
        return real(*arguments)

    slow = SimpleNamespace(PyThreadState_SetAsyncExc=late)
    names = SimpleNamespace(pythonapi=slow, c_ulong=ctypes.c_ulong, py_object=ctypes.py_object)

    def work(_: Any) -> str:
        ran.append(1)
        gate.wait(SOON)
        return "finished"

    async def scenario() -> None:
        results.start(worker, work, patience=0.02)
        with monkeypatch.context() as patch:
            patch.setattr(background, "ctypes", names)
            worker.cancel()
        await until(lambda: bool(results))
        results.start(worker, lambda _: "next")
        await until(lambda: len(results) == 2)

    run(scenario)
    assert ran == [1]
    assert results == ["finished", "next"]


def test_interrupts_at_any_moment_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    worker, ran = Worker(), []

    def spend(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
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
            assert results == [number] or isinstance(results[0], KeyboardInterrupt)

    run(scenario)
    assert len(ran) == len(set(ran))


def test_busy_is_told_also_if_a_result_cannot_be_shown() -> None:
    told: list[bool] = []
    worker = Worker(changed=lambda: told.append(worker.busy))
    with pytest.raises(ZeroDivisionError):
        worker.start(lambda _: 0, then=lambda value: 1 / value, failed=lambda _: None)
    assert told == [False]


def test_an_interrupt_of_the_kernel_ends_the_work(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    def work(_: Any) -> str:
        interrupt_the_kernel()
        return spin(gate)(_)

    results.start(worker, work)
    assert [type(each) for each in results] == [KeyboardInterrupt]
    assert not worker.busy


def test_an_interrupt_of_the_kernel_while_it_waits_ends_the_work(gate: threading.Event) -> None:
    worker, results = Worker(), Results()

    async def scenario() -> None:
        results.start(worker, spin(gate), patience=0.0)

    run(scenario)
    threading.Thread(target=interrupt_the_kernel).start()
    worker.wait()
    assert [type(each) for each in results] == [KeyboardInterrupt]
    assert not worker.busy


def test_a_notebook_that_has_gone_does_not_end_the_thread() -> None:
    worker, results, gate = Worker(), Results(), threading.Event()

    async def scenario() -> None:
        results.start(worker, spin(gate), patience=0.0)

    run(scenario)
    gate.set()
    worker.wait()
    results.start(worker, lambda _: "next")
    assert results == ["finished", "next"]


def test_a_thread_without_work_ends_and_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "IDLE", 0.02)
    worker, results = Worker(), Results()
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
    assert [type(each) for each in results] == [KeyboardInterrupt]
    assert ran == []
