"""Saving and opening sessions, in files, in links, and over a reload of the page."""

from __future__ import annotations

import asyncio
from os import PathLike
from pathlib import Path
from typing import Any

from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.explorers.main.figures import Picture
from sensitivity.explorers.main.presenter import most_cells
from sensitivity.explorers.main.sessions import (
    VIEW,
    Restored,
    choose_subject,
    make_session,
    restore,
    write_session,
)
from sensitivity.explorers.main.structure_view import CHOICES, StructureView
from sensitivity.explorers.parts.background import Report, interrupts_held
from sensitivity.outputs import check_output, write_output
from sensitivity.session import LINK, Session, parse_session, parse_text, read_session

SETTLED = 0.2  # seconds without a change before the page gets the session


class SessionView(StructureView):
    """A structure view whose state can be saved and restored."""

    _keeping = False  # the page has the session, and gets its changes
    _timer: asyncio.TimerHandle | None = None

    def save_state(self, path: str | PathLike[str]) -> None:
        """Write the session to a file, as JSON: all choices, and the structure.

        ``load_state`` restores it. Of an own descriptor it has name and settings only. The other
        structures of an uploaded file are left out if they make the session too large.

        Raises
        ------
        ValueError
            If the file cannot be written, or the structure is still being analysed.
        """
        file = Path(path)
        check_output(file, option="path")
        write_output(file, write_session(self._picture()), option="path")

    def load_state(
        self,
        path: str | PathLike[str],
        *,
        descriptor: Descriptor | None = None,
        label: str | None = None,
    ) -> None:
        """Restore a session, or show the input of a result that ``--json`` printed.

        Parameters
        ----------
        path
            A file of ``save_state``, or the output of ``diagnose --json`` or of another command.
            Of a survey, its worst environments are the frames.
        descriptor
            The descriptor of the session, which is necessary if it is not offered here: a file is
            data, and no code is loaded from it.
        label
            Label of a descriptor of ``compare --json``; None for the first.

        Raises
        ------
        ImportError, TypeError, ValueError
            If the file is no session, or its descriptor is not offered.
        """
        if descriptor is not None:
            check_descriptor(descriptor)
        self._open_session(read_session(path, label=label), descriptor)

    def take_session(self, files: Any) -> None:
        """Restore the session in an uploaded file."""
        for file in files:
            self._open_session(parse_session(bytes(file["content"])))

    def keep_session(self) -> None:
        """Keep the session in the page: a reload restores it, and so does a link to it."""
        self.page.on_session(self._take_kept)
        self.actions.link.layout.display = None
        shown = [*CHOICES, *VIEW]
        self.observe(lambda _: self._note_change(), shown)
        self.molecule.widget.on_msg(lambda *_: self._note_change())  # the user has rotated it

    def copy_link(self) -> None:
        """Copy a link to the session; ValueError if it is too long for a link."""
        text = make_session(self._picture()).to_text()
        if len(text) > LINK:
            raise ValueError(
                f"a link to this session has {len(text) / 1000:.0f} kB, and at most "
                f"{LINK / 1000:.0f} kB are possible; click on Save session, and send the file."
            )
        self.page.copy_link(text)
        self.panel.tell("Copied the link. It opens where sensitivity app runs.")

    def _picture(self) -> Picture:
        """Return the current view; ValueError while the structure is being analysed."""
        if self.presenter.previewing:
            raise ValueError("the structure is still being analysed; save it when that is done.")
        how = {"columns": self.columns, "transparent": self.transparent, "cells": self.cells}
        return Picture(self.state, self.chart.traced, self.molecule.scene, **how)

    @interrupts_held()
    def _open_session(self, session: Session, descriptor: Descriptor | None = None) -> None:
        def work(report: Report) -> Restored:
            subject = choose_subject(session, self.offers, descriptor)  # may import a package
            return restore(session, subject, report=report)

        self._reader.drop()  # superseded
        self.panel.tell("Opening the session …")
        self._work(work, then=self._show_session)

    @interrupts_held()
    def _show_session(self, found: Restored) -> None:
        before = self.state
        self.controls.play.playing = False
        wanted = dict(found.view)
        self.cells = 1
        self._enter(found.state)
        self._remember(before)
        self._close_result()
        cells = wanted.pop("cells", 1)
        self.cells = max(1, min(cells, most_cells(self.structure)))
        for name, value in wanted.items():
            setattr(self, name, value)
        if found.camera is not None:
            self.molecule.look(found.camera)
        said = ["Opened the session.", *found.notes, self._new_remarks()]
        if cells != self.cells:
            said.append(f"The session has {cells} as cells, and {self.cells} can be drawn.")
        self.panel.report(" ".join(filter(None, said)))

    def _take_kept(self, text: str) -> None:
        """Restore the session that the page has, if any, and keep it from now on."""
        self._keeping = True
        if text:
            self.attempt(lambda: self._open_session(parse_text(text)))

    def _note_change(self) -> None:
        """Send the session to the page, as soon as it does not change any more."""
        if not self._keeping:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(SETTLED, self._send)

    def _send(self) -> None:
        if not self.presenter.previewing and self._awaited is None:
            self.page.keep(make_session(self._picture()).to_text())
