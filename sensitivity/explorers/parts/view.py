"""The base class of all views: background jobs, error messages, and checked attribute names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from html import escape
from inspect import getattr_static
from time import monotonic
from typing import Any, TypeVar

import traitlets

from sensitivity.explorers.parts.background import Act, Report, Work, Worker, interrupts_held
from sensitivity.explorers.parts.choices import Entered, make_control
from sensitivity.explorers.parts.layout import Page, require, row
from sensitivity.progress import Cancelled, checkpoint

T = TypeVar("T")

INVALID = (ValueError, TypeError, MemoryError, ImportError, OSError, traitlets.TraitError)
"""Input errors, which are shown in the panel; other errors are bugs."""


class View(traitlets.HasTraits):
    """A ``widget`` with all content, a ``panel`` for messages, and background jobs.

    ``page`` communicates with the page around the widget.
    """

    widget: Any

    _built = False

    def __init__(self) -> None:
        super().__init__()
        self.panel, self.page = Panel(), Page()
        self.attempting = Entered()
        self._task = Worker(changed=self._show_busy)
        self._saver = Worker(changed=self._show_busy)
        self.panel.cancel.on_click(lambda _: self.cancel())
        self.page.on_typing(self.panel.forgive)

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt name would silently do nothing, and replacing a part would break the others.
        # traitlets sets notify_change while it holds notifications back.
        if name.startswith("_") or name == "notify_change" or not self._built:
            super().__setattr__(name, value)
            return
        if not self._can_set(name):
            kind = "cannot be set" if hasattr(self, name) else "does not exist"
            raise AttributeError(
                f"{name!r} of {type(self).__name__} {kind}; the attributes that can be set are "
                f"{', '.join(filter(self._can_set, dir(self)))}."
            )
        with interrupts_held():
            super().__setattr__(name, value)

    def _can_set(self, name: str) -> bool:
        member = getattr_static(type(self), name, None)
        return isinstance(member, traitlets.TraitType) or bool(getattr(member, "fset", None))

    def _save(self, file: str, make: Work, *, note: str = "") -> None:
        """Create a file in the background, and download it; the note is added to the report."""
        self.panel.tell(f"Creating {file} …")
        then = partial(self.download, file, note=note)
        self._saver.start(make, then=then, failed=self._complain, told=self.panel.report)

    def download(self, file: str, content: bytes, *, note: str = "") -> None:
        """Download a file, and report it in the panel, with a note on its content."""
        self.page.download(file, content)
        size = f"{len(content) / 1000:.3g} kB"
        self.panel.tell(f"Saved {', '.join(filter(None, (file, size, note)))}.")

    @property
    def busy(self) -> bool:
        """True while a background job is running."""
        return any(worker.busy for worker in self._workers)

    @interrupts_held()
    def wait(self) -> None:
        """Wait for all background jobs. Ctrl-C cancels them."""
        while self.busy:
            for worker in self._workers:
                worker.wait()

    def cancel(self) -> None:
        """Stop the background jobs and keep the results so far."""
        self._task.cancel()
        self._saver.cancel()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._task, self._saver

    @interrupts_held()
    def attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Execute the action of a control; the panel shows an input error."""
        try:
            with self.attempting:
                act(*arguments)
        except INVALID as error:
            self._fail(error)

    def _run_through(
        self, steps: Iterable[T], start: T, *, then: Act, told: Act, patience: float = 0.15
    ) -> None:
        """Run steps in the background; ``told`` gets some results, ``then`` the last."""

        def work(report: Report) -> T:
            found, last = start, monotonic()
            with suppress(Cancelled):
                for found in steps:
                    checkpoint()
                    if monotonic() - last > 1.0:  # drawing takes up to a third of a second
                        last = monotonic()
                        report(found)
            return found

        self._task.start(work, then=then, failed=self._fail, told=told, patience=patience)

    def _fail(self, error: Exception) -> None:
        self._complain(error)

    def _complain(self, error: Exception) -> None:
        self.panel.tell(as_sentence(error), trouble=not isinstance(error, Cancelled))

    def _show_busy(self) -> None:
        self.panel.show_busy(self._task.busy or self._saver.busy)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def as_sentence(error: BaseException) -> str:
    """Return the message of an error as a sentence."""
    if isinstance(error, MemoryError):
        return "There is not enough memory. Choose a smaller structure, basis or order."
    text = " ".join(str(error).split()) or type(error).__name__
    if text.split()[0].isalpha():  # the name of a file or of an argument is kept
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


_POWER = re.compile(r"[\d.]+e-\d+")


def to_markup(text: str) -> str:
    """Return a text as HTML, in which no line ends at the hyphen of a number such as 3e-18."""
    return _POWER.sub(r'<span class="sensitivity-number">\g<0></span>', escape(text))


def _colored(text: str) -> str:
    return f'<span class="sensitivity-trouble">{to_markup(text)}</span>'


class Panel:
    """Two lines of text, and a button that stops background jobs, in ``box``."""

    _busy = _inviting = False
    _trouble = ""  # an error that stays visible, as HTML

    def __init__(self) -> None:
        widgets = require("ipywidgets")
        self.sentence = widgets.HTML(layout={"margin": "4px 8px"})
        self.message = widgets.HTML(layout={"margin": "0 8px", "flex": "1 1 300px"})
        self.aside = widgets.HTML(layout={"margin": "0 8px", "display": "none"})
        look = {"icon": "stop", "button_style": "warning"}
        tooltip = "Stop and keep the results so far"
        self.cancel = make_control("Button", "auto", description="cancel", tooltip=tooltip, **look)
        height = "34px"  # the layout stays the same when the button appears
        progress = row(self.cancel, self.message, self.aside, min_height=height)
        self.box = widgets.VBox([self.sentence, progress])
        self._offer()

    def say(self, *sentences: str) -> None:
        """Show sentences on the current view, one per line."""
        lines = "<br>".join(to_markup(sentence) for sentence in sentences if sentence)
        self.sentence.value = f'<div style="line-height: 1.5">{lines}</div>'

    def invite(self, text: str) -> None:
        """Show a sentence on what to do first, until the first action."""
        self.tell(text)
        self._inviting = True

    def dismiss(self) -> None:
        """Remove the invitation, if it is still shown."""
        if self._inviting:
            self.tell("")

    def tell(self, text: str, *, trouble: bool = False) -> None:
        """Show a status sentence, in a signal colour if it is an error."""
        self._inviting, self._trouble = False, ""
        self.report(text, trouble=trouble)
        self._trouble = _colored(text) if trouble else ""

    def forgive(self) -> None:
        """Remove an error message, since the user is correcting its cause."""
        if self._trouble:
            self.tell("")

    def report(self, text: str, *, trouble: bool = False) -> None:
        """Show the progress of a job, after an error shown since it began."""
        said = _colored(text) if trouble else to_markup(text)
        both = " ".join(filter(None, (self._trouble, said)))
        self.message.value = f'<span role="status">{both}</span>'

    def show_busy(self, busy: bool) -> None:
        """Show the cancel button, or hide it."""
        self._busy = busy
        self._offer()

    def hint(self, text: str) -> None:
        """Show the current computation beside the message, in grey."""
        self.aside.value = f'<span class="sensitivity-pale">{escape(text)}</span>' if text else ""
        self.aside.layout.display = None if text else "none"
        self._offer()

    def _offer(self) -> None:
        self.cancel.layout.display = None if self._busy or self.aside.value else "none"
