"""Settings and versions that produced the numbers of a page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from sensitivity.reports.tables import Json


def list_settings(report: Json, *, centers: Sequence[int]) -> dict[str, object]:
    """Return structure, centers, descriptor and versions, from the JSON of a result."""
    structure, descriptor = report["structure"], dict(report["descriptor"])
    symbols = structure["symbols"]
    return {
        "structure": structure["formula"],
        "frame": structure["index"],
        "centers": ", ".join(f"{symbols[k]}{k}" for k in centers),
        "descriptor": descriptor.pop("name"),
        **descriptor,
        **list_versions(),
    }


def list_versions() -> dict[str, object]:
    """Return the versions of the packages."""
    return {"sensitivity": version("atomic-sensitivity"), "numpy": version("numpy")}
