"""The structures that have a name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sensitivity import structures
from sensitivity.reports.tables import tabulate


def describe_library(names: Iterable[str]) -> dict[str, Any]:
    """Return name, formula, number of atoms and summary of named structures."""
    rows = [(name, structures.load(name)) for name in names]
    return {
        "structures": [
            {
                "name": name,
                "formula": atoms.get_chemical_formula(),
                "atoms": len(atoms),
                "periodic": atoms.pbc.tolist(),
                "summary": structures.summarize(name),
            }
            for name, atoms in rows
        ]
    }


def tabulate_library(names: Iterable[str]) -> str:
    """Return the same as a table."""
    rows = describe_library(names)["structures"]
    body = [[row["name"], row["formula"], str(row["atoms"]), row["summary"]] for row in rows]
    return tabulate(["name", "formula", "atoms", ""], body, right=(2,))
