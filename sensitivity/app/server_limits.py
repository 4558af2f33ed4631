"""Limits on visitors of the page and on the resources of each."""

from __future__ import annotations

from sensitivity.limits import Limit


class ServerLimit:
    """Counts, bytes and seconds; ``Limit.UPLOAD`` applies to files."""

    VISITORS = 8  # each has a process, typically about 200 MB (resident)
    # Bytes that the process of a visitor may allocate. It uses 340 MB at the start, and 450 MB with
    # a crystal of 200 atoms at order 2.
    MEMORY = 1_000_000_000
    # Bytes of one message from a page. Only a client other than the page sends more; its connection
    # is closed. The margin is for the data that a widget sends beside a file.
    MESSAGE = 2 * Limit.UPLOAD
    PARTS = 1000  # of a message: six, and one more for each array
    # Bytes waiting for a page to read them (the largest image has 2 MB); with more, the connection
    # is closed.
    UNREAD = 50_000_000
    # Unanswered messages of a process. Moving a slider sends some per second.
    UNANSWERED = 10_000
    WEBSOCKETS = 4  # to one process: one page, and its next one while the first is being closed
    PING = 30  # seconds between two pings of a websocket, and for the answer to one
    # Connections that have not sent a request. A browser opens a few in advance; with more, the
    # oldest is closed.
    SILENT_CONNECTIONS = 100
    IDLE = 60  # seconds after which a connection without a request is closed
    FILES = 4096  # open files and connections of the server, if the system allows so many
    REQUEST = 100_000  # bytes of the body of a request; the page sends only one, when it is closed
    # Seconds after which the process of a disconnected page ends. Normally the page ends its
    # process when it is closed; this is for a lost connection, which may be restored.
    PATIENCE = 300
    # Seconds without a request after which a disconnected page counts as gone; it sends one every
    # two seconds (``templates/page.js``). If it never connected, its process ends. If it did, the
    # process ends when another visitor needs the place.
    SILENT = 10
    ROUND = 2  # seconds between two checks for such processes
    # Seconds between the arrival of a visitor and the start of the process for the next one, so
    # that the page of the first is not slowed down.
    DELAY = 5.0
    # Seconds that the server waits at shutdown for processes that are being started, and again for
    # all to end, before it kills them.
    STARTING = 2.0
    ENDING = 10.0  # seconds until the server exits after a signal, even if it is busy
