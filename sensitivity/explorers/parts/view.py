"""What all views share: jobs in the background, errors as sentences, and no misspelt attributes."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

import traitlets

from sensitivity.explorers.parts.background import Failure, Report, Worker
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.explorers.parts.interrupts import interrupts_held
from sensitivity.explorers.parts.panel import Panel
from sensitivity.explorers.parts.programmatic_update import Entered
from sensitivity.progress import Cancelled, checkpoint

INVALID = (ValueError, TypeError, MemoryError, ModuleNotFoundError, OSError, traitlets.TraitError)
"""Errors of an input, which are said in the panel; others are faults of the program."""


def seldom(report: Report, *, pause: float = 1.0) -> Report:
    """Return a report that is called no more often than a figure can be drawn.

    Drawing takes up to a third of ``pause`` seconds, and would otherwise fall behind.
    """
    last = monotonic()

    def tell(value: Any) -> None:
        nonlocal last
        checkpoint()
        if monotonic() - last > pause:
            last = monotonic()
            report(value)

    return tell


class View(traitlets.HasTraits):
    """A widget with a panel, and with jobs in the background.

    Attributes
    ----------
    widget
        The widget that holds everything.
    panel
        The messages.
    """

    widget: Any

    _settable: ClassVar[tuple[str, ...]] = ()
    _built = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        members = {k: member for base in reversed(cls.__mro__) for k, member in vars(base).items()}
        cls._settable = tuple(
            sorted(
                name
                for name, member in members.items()
                if isinstance(member, traitlets.TraitType)
                or (isinstance(member, property) and member.fset)
            )
        )

    def __init__(self) -> None:
        super().__init__()
        self.panel = Panel()
        self.attempting = Entered()
        self._task = Worker(changed=lambda: self._show_busy(self._task.busy))
        self.panel.cancel.on_click(lambda _: self.cancel())

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt name would do nothing, silently, and a part replaced would break the others.
        # notify_change is set by traitlets, while it holds messages back.
        if name.startswith("_") or name == "notify_change" or not self._built:
            super().__setattr__(name, value)
            return
        if name not in self._settable:
            kind = "cannot be set" if hasattr(self, name) else "does not exist"
            raise AttributeError(
                f"{name!r} of {type(self).__name__} {kind}; what can be set is "
                f"{', '.join(self._settable)}."
            )
        with interrupts_held():
            super().__setattr__(name, value)

    @property
    def busy(self) -> bool:
        """True while a job goes on in the background."""
        return any(worker.busy for worker in self._workers)

    @interrupts_held()
    def wait(self) -> None:
        """Wait until no job goes on in the background. Ctrl-C cancels them."""
        while self.busy:
            for worker in self._workers:
                worker.wait()

    def cancel(self) -> None:
        """Stop what takes long and keep the results so far."""
        self._task.cancel()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return (self._task,)

    @interrupts_held()
    def attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do what a control asks for; the panel says what is wrong with it."""
        try:
            with self.attempting:
                act(*arguments)
        except INVALID as error:
            self._fail(error)

    def _fail(self, error: Failure) -> None:
        self.panel.tell(as_sentence(error), trouble=not isinstance(error, Cancelled))

    def _show_busy(self, busy: bool) -> None:
        self.panel.show_busy(busy)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)
