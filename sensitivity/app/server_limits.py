"""Limits on visitors of the page, and on what one of them can use."""

from __future__ import annotations

from sensitivity.limits import Limit


class ServerLimit:
    """Numbers of things, bytes, and seconds; ``Limit.UPLOAD`` holds for files."""

    VISITORS = 8  # each has a process, of about 200 MB as a rule (resident)
    # Bytes that the process of a visitor may allocate. It has 340 MB at the start, and 450 MB with
    # a crystal of 200 atoms at order 2.
    MEMORY = 1_000_000_000
    # Bytes of one message from a page. Only a client other than the page sends more, and its
    # connection is closed. The margin is for what a widget sends beside a file.
    MESSAGE = 2 * Limit.UPLOAD
    PARTS = 1000  # of a message: six, and one more for each array that comes with it
    # Bytes that wait for a page to read them, of which the largest picture has 2 MB; beyond, the
    # connection is closed.
    UNREAD = 50_000_000
    # Messages that a process has not answered yet. Moving a slider sends some per second.
    UNANSWERED = 10_000
    WEBSOCKETS = 4  # to one process: one page, and its next one while the first is being closed
    PING = 30  # seconds between two pings of a websocket, and for the answer to one
    # Connections that have not sent a request. A browser opens a few ahead; beyond these the
    # oldest is closed.
    SILENT_CONNECTIONS = 100
    IDLE = 60  # seconds after which a connection without a request is closed
    FILES = 4096  # open files and connections of the server, if the system allows so many
    REQUEST = 100_000  # bytes of the body of a request; the page sends only one, when it is closed
    # Seconds after which the process of a page that is no longer connected ends. Normally the page
    # ends it when it is closed; this is for a lost connection, which may come back.
    PATIENCE = 300
    # Seconds after which a page counts as gone that is not connected and does not ask for its
    # process; it asks every two seconds (``templates/page.js``). If it never connected, its process
    # ends. If it did, the process ends when another visitor needs the place.
    SILENT = 10
    ROUND = 2  # seconds between two checks for such processes
    # Seconds between the arrival of a visitor and the start of the process for the next one, so
    # that the page of the first is not slowed down.
    DELAY = 5.0
    # Seconds that the server waits at its end for processes that are being started, and as many for
    # all to end, before it kills them.
    STARTING = 2.0
    ENDING = 10.0  # seconds after which a server that was told to end does so, even if it is busy
