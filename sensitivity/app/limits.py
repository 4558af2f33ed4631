"""How much one visitor may ask for, and how many visitors there may be."""

from __future__ import annotations

MEGABYTE = 1_000_000

UPLOAD = 5 * MEGABYTE
"""Bytes of a file: 50 000 atoms as text, a hundred times what the explorer can show. The page
refuses a larger file before it is sent, in one sentence (``templates/page.js``)."""

MESSAGE = 2 * UPLOAD
"""Bytes of one message from a page. Only who goes around the page sends more, and the server hangs
up on him. The margin is for what a widget says beside the file."""

PARTS = 1000
"""Parts of a message: six, and one more for each array that comes with it."""

REQUEST = 100_000
"""Bytes of the body of a request, of which the page sends only one, when it is closed."""

VISITORS = 8
"""Each has a process, of about 250 MB."""

PATIENCE = 300
"""Seconds after which the process of a page that is no longer connected ends. Normally the page
ends it when it is closed; this is for a lost connection, which may come back."""

ROUND = 30
"""Seconds between two looks for such processes."""

BREATH = 5.0
"""Seconds between a visitor's arrival and the start of the process for the next one, so that his
page comes up first."""

LAST = 10.0
"""Seconds that the server waits at its end for processes that are being started."""
