"""Settings of all tests, and of the kernels of the notebooks; and what several tests begin with."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from ase import Atoms
    from panel import Post

    from sensitivity.explorers import Explorer
    from sensitivity.explorers.parts.state import State

# Before numpy is imported, and handed down to the processes that tests start: with more threads
# than matrices of this size deserve, BLAS is slower, and several times slower on a busy machine.
for name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
):
    os.environ[name] = "1"

# What runs in the background of a shell ignores Ctrl-C, and so do the processes that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


Report = TypeVar("Report", pytest.CollectReport, pytest.TestReport)

WHOLLY_SLOW = "\npytestmark = pytest.mark.slow\n"

# Of the collector of cycles: among modules and collected tests, which stay, it finds nothing.
SELDOM = (20_000, 20, 50)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what needs another environment, and, of the fast run, what is slow as a whole.

    Neither is imported: browser and server take a second of imports in each process. What is named
    on the command line is collected, and deselected, as usual.
    """
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if collection_path.name == "adapters":  # see environments.toml there
        named = any("adapters" in Path(each.partition("::")[0]).parts for each in config.args)
        return None if named else True
    if not everything or "not slow" not in config.option.markexpr:
        return None
    if collection_path.is_dir():
        return True if collection_path.name == "browser" else None
    wholly = collection_path.suffix == ".py" and WHOLLY_SLOW in collection_path.read_text("utf-8")
    return True if wholly else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return refuse_to_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return refuse_to_skip((yield))


def refuse_to_skip(report: Report) -> Report:
    """Let what is skipped in CI fail: something that is needed there is missing."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


@pytest.fixture
def methane() -> Atoms:
    from ase.build import molecule

    return molecule("CH4")


@pytest.fixture(scope="module")
def shared() -> Explorer:
    """One explorer for a whole module, since it takes a second to make; a module may have another.

    Tests take ``explorer``, which is this one as it was at the start.
    """
    from ase.build import molecule
    from panel import DESCRIPTOR

    from sensitivity.explorers import Explorer

    return Explorer(molecule("CH4"), DESCRIPTOR, centers=[0])


@pytest.fixture(scope="module")
def beginning(shared: Explorer) -> State:
    return shared.state


@pytest.fixture
def explorer(shared: Explorer, beginning: State) -> Explorer:
    if shared.reference is not beginning.reference:
        shared._enter(beginning)
    shared.reset()
    return shared


@pytest.fixture
def post(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> Post:
    """What the molecule of the explorer sends from now on."""
    from panel import Post

    post = Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
    return post


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Slow work waits for it; it is open at the end, so that no thread is left behind."""
    gate = threading.Event()
    yield gate
    gate.set()
