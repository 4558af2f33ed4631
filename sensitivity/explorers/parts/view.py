"""What all views share: work in the background, and errors as sentences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, TypeVar

import traitlets

from sensitivity.explorers.parts.background import Failure, Report, Worker
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.explorers.parts.panel import Panel
from sensitivity.explorers.parts.programmatic_update import Quiet

WRONG = (ValueError, TypeError, MemoryError, ModuleNotFoundError, OSError, traitlets.TraitError)
"""What a person can have asked for that cannot be done."""

PAUSE = 1.0
"""Seconds between two pictures of what is being computed: drawing takes up to a third of that, and
would otherwise fall behind."""

OWN = ("notify_change",)
"""What traitlets sets by itself, while it holds messages back."""


def seldom(report: Report) -> Report:
    """Return a report that tells no more often than can be drawn."""
    last = monotonic()

    def tell(value: Any) -> None:
        nonlocal last
        if monotonic() - last > PAUSE:
            last = monotonic()
            report(value)

    return tell


class View(traitlets.HasTraits):
    """A widget with a panel, and with work that goes on in the background.

    Attributes
    ----------
    widget
        The widget that holds everything.
    panel
        What it says.
    """

    widget: Any

    _built = False

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt name would do nothing, silently, and a part replaced would break the others.
        if self._built and not name.startswith("_") and name not in (*self._choices(), *OWN):
            kind = "cannot be set" if hasattr(self, name) else "does not exist"
            raise AttributeError(
                f"{name!r} of {type(self).__name__} {kind}; what can be set is "
                f"{', '.join(self._choices())}."
            )
        super().__setattr__(name, value)

    def _choices(self) -> list[str]:
        """Names of what a person can set."""
        members = inspect.getmembers_static(type(self), lambda each: isinstance(each, property))
        return sorted([*self.traits(), *(name for name, each in members if each.fset)])

    def __init__(self) -> None:
        super().__init__()
        self.panel = Panel()
        self.attempting = Quiet()
        self._task = Worker(changed=lambda: self._show_busy(self._task.busy))
        self.panel.cancel.on_click(lambda _: self.cancel())

    @property
    def busy(self) -> bool:
        """Whether something goes on in the background."""
        return any(worker.busy for worker in self._workers)

    def wait(self) -> None:
        """Wait until nothing goes on in the background."""
        while self.busy:
            for worker in self._workers:
                worker.wait()

    def cancel(self) -> None:
        """End what takes long, and keep what it has found."""
        self._task.cancel()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return (self._task,)

    def attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do what a person asks for; what is wrong with it is said in the panel."""
        try:
            with self.attempting:
                act(*arguments)
        except WRONG as error:
            self._fail(error)

    def _fail(self, error: Failure) -> None:
        self.panel.tell(as_sentence(error), trouble=not isinstance(error, KeyboardInterrupt))

    def _show_busy(self, busy: bool) -> None:
        self.panel.show_busy(busy)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def run_through(steps: Iterable[T], report: Report, *, start: T) -> T:
    """Return the last of the steps of a computation, or the last before it was cancelled.

    Each is a result of which more and more is known. They are reported now and then.
    """
    found, tell = start, seldom(report)
    with Stop():
        for found in steps:
            tell(found)
    return found
