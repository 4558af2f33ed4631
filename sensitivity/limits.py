"""Limits on what one visitor can use, and on the number of visitors."""

from __future__ import annotations

MEGABYTE = 1_000_000

UPLOAD = 5 * MEGABYTE
"""Bytes of a file: 50 000 atoms as text, a hundred times what the explorer can show. The page
refuses a larger file before it is sent, in one sentence (``templates/page.js``)."""

MESSAGE = 2 * UPLOAD
"""Bytes of one message from a page. Only a client other than the page sends more, and its
connection is closed. The margin is for what a widget sends beside the file."""

PARTS = 1000
"""Parts of a message: six, and one more for each array that comes with it."""

UNREAD = 50 * MEGABYTE
"""Bytes that wait for a page to read them. The connection to a page that reads nothing is closed;
the largest picture has 2 MB."""

UNANSWERED = 10_000
"""Messages that a process has not answered yet. Moving a slider sends some per second."""

WEBSOCKETS = 4
"""Connections to one process: one page, and its next one while the first is being closed."""

SILENT_CONNECTIONS = 100
"""Connections that have not sent a request. A browser opens a few ahead; beyond these the oldest is
closed."""

IDLE = 60
"""Seconds after which a connection without a request is closed."""

FILES = 4096
"""Open files and connections of the server, if the system allows so many."""

REQUEST = 100_000
"""Bytes of the body of a request, of which the page sends only one, when it is closed."""

VISITORS = 8
"""Each has a process, of about 200 MB as a rule (resident)."""

MEMORY = 1000 * MEGABYTE
"""Bytes that the process of a visitor may allocate. It has 340 MB at the start, and 450 MB with a
crystal of 200 atoms at order 2."""

PING = 30
"""Seconds between two pings of a websocket, and for the answer to one."""

PATIENCE = 300
"""Seconds after which the process of a page that is no longer connected ends. Normally the page
ends it when it is closed; this is for a lost connection, which may come back."""

SILENT = 10
"""Seconds after which a page counts as gone that is not connected and does not ask for its process;
it asks every two seconds (``templates/page.js``). If it never connected, its process ends. If it
did, the process ends when another visitor needs the place."""

ROUND = 2
"""Seconds between two checks for such processes."""

DELAY = 5.0
"""Seconds between the arrival of a visitor and the start of the process for the next one, so that
the page of the first is not slowed down."""

STARTING = 5.0
"""Seconds that the server waits at its end for processes that are being started."""

ENDING = 10.0
"""Seconds after which a server that was told to end does so at once, whatever it is busy with."""
