"""One HTML file with all its text, data, scripts and styles, which loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sensitivity.notes import visible

FOLDER = Path(__file__).parent


def read_part(name: str) -> str:
    """Return a script, style or piece of markup from the folder of this package."""
    return (FOLDER / name).read_text(encoding="utf-8")


def make_document(
    title: str,
    body: Iterable[str],
    *,
    styles: Sequence[str] = ("page.css",),
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> str:
    """Return a self-contained HTML page, which follows the light or dark mode of the reader.

    The browser runs only the ``scripts`` and uses only the ``styles``, named files of this package,
    and connects to nothing: the security policy of the page has their hashes. ``body`` is markup,
    in which all other text is already escaped; ``data`` is for the scripts, as JSON.
    """
    style, code = ("\n".join(map(read_part, names)) for names in (styles, scripts))
    policy = (
        f"default-src 'none'; script-src {_hash(code)}; style-src {_hash(style)}; img-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    content = "" if data is None else f'<script type="application/json" id="data">{embed(data)}'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{markup(title)}</title><style>{style}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main>\n"
        + (f"{content}</script>\n<script>{code}</script>\n" if content else "")
        + "</body></html>\n"
    )


def markup(text: str) -> str:
    r"""Return text of any origin as markup, with escapes such as \u202e for characters that hide.

    Names of files may contain such characters, and halves of surrogate pairs.
    """
    return escape(visible(text.encode("utf-8", "backslashreplace").decode()))


_NUMBER = re.compile(r"[\d.]+e[-+]\d+(?: 1/Å)?")


def paragraph(text: str) -> str:
    """Return a paragraph of escaped text, in which no line ends within a number such as 3e-18."""
    whole = _NUMBER.sub(r'<span class="whole">\g<0></span>', markup(text))
    return f"<p>{whole}</p>"


def embed(data: Any) -> str:
    """Return JSON in ASCII that cannot end the script element that holds it, or start another.

    ValueError for numbers that are not finite.
    """
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise ValueError(
            "a page needs finite numbers, and some of this result are not, such as squares of very "
            "large features; divide the features by a constant."
        ) from error
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


LARGEST = 5_000_000
"""Bytes of a page: what a mail takes."""


def check_size(text: str, *, atoms: int) -> str:
    """Return a page; ValueError with its size if it is larger than 5 MB."""
    size = len(text.encode())
    if size > LARGEST:
        raise ValueError(
            f"a page has at most {LARGEST / 1e6:g} MB, and that of {atoms} atoms would have at "
            f"least {size / 1e6:.1f} MB; take fewer atoms, such as the environment of one center, "
            "structures.environment."
        )
    return text


_FEW = 3  # columns, which fit a narrow screen


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int]) -> str:
    """Return a table of escaped texts; the columns ``numbers`` are right-aligned.

    Its columns are rows on a narrow screen, each below its heading. Roles keep it a table for
    screen readers then.
    """

    def line(cells: Sequence[object], tag: str, role: str) -> str:
        kinds = (' class="number"' if k in numbers else "" for k in range(len(cells)))
        parts = (
            f'<{tag}{kind} role="{role}" data-head="{markup(name)}">{markup(str(cell))}</{tag}>'
            for kind, name, cell in zip(kinds, head, cells, strict=True)
        )
        return f'<tr role="row">{"".join(parts)}</tr>'

    top = f'<thead role="rowgroup">{line(head, "th", "columnheader")}</thead>'
    body = "".join(line(row, "td", "cell") for row in rows)
    kind = ' class="many"' if len(head) > _FEW else ""
    content = f'<table role="table"{kind}>{top}<tbody role="rowgroup">{body}</tbody></table>'
    return f'<div class="wide" tabindex="0">{content}</div>'  # scrolls with the keyboard, too


def preformatted(text: str) -> str:
    """Return lines of text as they are, for a terminal."""
    return f'<pre class="wide" tabindex="0">{chr(10).join(map(markup, text.splitlines()))}</pre>'


LENGTHS = ("cutoff", "smearing", "tolerance")
"""Settings in Å."""


def settings_table(settings: Mapping[str, object]) -> Iterable[str]:
    """Return heading and table of settings and versions, without nested ones; lengths in Å."""
    yield "<h2>Settings and versions</h2>"
    rows = [
        (f"{name} (Å)" if name in LENGTHS else name, "not set" if value is None else value)
        for name, value in settings.items()
        if not isinstance(value, Mapping)
    ]
    yield table(("setting", "value"), rows, numbers=())
