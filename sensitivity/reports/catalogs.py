"""The descriptors that have a name, as a table and as JSON."""

from __future__ import annotations

from sensitivity.descriptors.catalog import CATALOG, Entry
from sensitivity.reports.tables import Json, tabulate


def tabulate_catalog() -> str:
    """Return a table of the descriptors, and how to bring another one."""
    body = [[name, entry.text, _where(entry)] for name, entry in CATALOG.items()]
    table = tabulate(["name", "descriptor", "installed"], body, right=())
    missing = {entry.package: entry.remedy for entry in CATALOG.values() if entry.installed is None}
    return "\n".join(
        [
            table,
            "",
            *(f"{package}: {remedy}" for package, remedy in missing.items()),
            "Others: --descriptor FILE.py:NAME, the descriptor or function NAME in this file.",
            'Settings: --setting NAME=VALUE, or after the name: --descriptor "2 n_max=8".',
        ]
    )


def _where(entry: Entry) -> str:
    if not entry.package:
        return "yes"
    return "no" if entry.installed is None else f"{entry.package} {entry.installed}"


def describe_catalog() -> Json:
    """Return the descriptors as JSON values."""
    return {
        "descriptors": [
            {
                "name": name,
                "text": entry.text,
                "package": entry.package or None,
                "extra": entry.extra or None,
                "installed": entry.installed is not None,
                "version": entry.installed or None,
                "known_to_work": entry.known_to_work or None,
            }
            for name, entry in CATALOG.items()
        ]
    }
