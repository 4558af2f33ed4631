"""Rows of a survey: one for each environment, and one for each frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import isnan
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.symbols import Symbols
from numpy.typing import NDArray

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CAUSES
from sensitivity.diagnosis.counting import CountedCauses
from sensitivity.numerics import Array
from sensitivity.survey.environments import Environment
from sensitivity.survey.frames import fingerprint
from sensitivity.survey.like import Spectra
from sensitivity.survey.sites import Site

Row = dict[str, Any]

NAN = float("nan")

# Columns, with the value where there is none: of every survey, of one with causes, and of frames.
ENVIRONMENT: dict[str, Any] = {
    "frame": -1,
    "center": -1,
    "species": "",
    "neighbors": -1,
    "gap": NAN,
    "equivalent_to": -1,
    "internal": -1,
    "rank": -1,
    "s_max": NAN,
    "s_min": NAN,
    "s_min_2": NAN,
    "s_min_3": NAN,
    "condition": NAN,
    "seconds": NAN,
    "error": "",
}
WITH_CAUSES: dict[str, Any] = {
    "group": "",
    "condition_without_symmetry": NAN,
    **dict.fromkeys(CAUSES, -1),
}
NEAREST: dict[str, Any] = {"distance": NAN, "nearest_cause": ""}
FRAME: dict[str, Any] = {
    "frame": -1,
    "formula": "",
    "atoms": -1,
    "environments": -1,
    "computed": -1,
    "failed": -1,
    "condition": NAN,
    "worst_center": -1,
    "fingerprint": "",
    "seconds": NAN,
    "error": "",
}


def columns_of(*, causes: bool, nearest: bool = False) -> dict[str, Any]:
    """Return the columns of environments, each with the value where there is none."""
    return ENVIRONMENT | (WITH_CAUSES if causes else {}) | (NEAREST if nearest else {})


def frame_columns(*, causes: bool, whole: bool = False) -> dict[str, Any]:
    """Return the columns of frames, each with the value where there is none."""
    return FRAME | (as_whole(columns_of(causes=causes)) if whole else {})


def as_whole(facts: Row) -> Row:
    """Return the results of a structure with all its centers as columns of its frame."""
    own = {"frame", "center", "species", "neighbors", "equivalent_to", "seconds", "error", "group"}
    return {f"whole_{name}": value for name, value in facts.items() if name not in own}


def rows_of(columns: Mapping[str, Iterable[Any]]) -> list[Row]:
    """Return one row for each value of the columns."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def row_of(environment: Environment, facts: Mapping[str, Any], *, seconds: float) -> Row:
    """Return the row of an environment with some results; an ``error`` is one of them."""
    return {
        "frame": environment.frame,
        "center": environment.center,
        "species": chemical_symbols[environment.numbers[0]],
        "neighbors": len(environment.numbers) - 1,
        "equivalent_to": environment.center,
        "seconds": seconds,
        **facts,
    }


def columns_of_spectra(found: Spectra) -> dict[str, Iterable[Any]]:
    """Return the columns that ``facts_of_values`` gives for one environment."""
    count, internal = found.values.shape
    smallest = zip(("s_min", "s_min_2", "s_min_3"), found.values.T[::-1], strict=False)
    largest = np.where(found.rank > 0, found.values[:, 0], np.inf)
    return {
        "internal": [internal] * count,
        "rank": found.rank.tolist(),
        "s_max": found.values[:, 0].tolist(),
        **{name: values.tolist() for name, values in smallest},
        "condition": (found.values[:, -1] / largest).tolist(),
    }


def columns_of_sites(found: Spectra) -> dict[str, Iterable[Any]]:
    """Return the columns of causes where the group is the only one."""
    count, internal = found.values.shape
    known = [site or Site("", 0) for site in found.sites]
    hidden = np.array([site.hidden for site in known])
    smallest = found.values[np.arange(count), internal - 1 - np.minimum(hidden, internal - 1)]
    beside = np.array([NAN if site.beside is None else site.beside for site in known])
    exact = np.isnan(beside)
    smallest = np.where(exact, smallest, beside)
    condition = np.where(hidden < internal, smallest / found.values[:, 0], NAN)
    visible = np.where(exact, found.rank, internal - hidden)
    causes = {
        "sensitive": visible.tolist(),
        "undetermined": (internal - hidden - visible).tolist(),
        "symmetry": hidden.tolist(),
        "rotation": [found.rotations] * count,
        "translation": [3] * count,
    }
    return {
        "group": [site.symbol for site in known],
        "condition_without_symmetry": condition.tolist(),
        **{str(cause): causes.get(cause, [0] * count) for cause in CAUSES},
    }


def facts_of_values(values: Array, *, rank: int) -> Row:
    """Return the columns from internal singular values, descending, and how many are visible."""
    if not len(values):
        return {"internal": 0, "rank": 0}
    smallest = dict(zip(("s_min", "s_min_2", "s_min_3"), values[::-1].tolist(), strict=False))
    largest = float(values[0])
    condition = smallest["s_min"] / largest if rank else 0.0
    return {
        "internal": len(values),
        "rank": rank,
        "s_max": largest,
        **smallest,
        "condition": condition,
    }


def facts_of_causes(found: CountedCauses) -> Row:
    """Return the group, the number of each cause, and the condition beside symmetry."""
    allowed = [
        values
        for cause, values in found.values.items()
        if cause != "symmetry" and not CAUSE_DESCRIPTIONS[cause].trivial
    ]
    smallest = min((float(values.min()) for values in allowed if len(values)), default=NAN)
    largest = float(found.spectrum.singular_values[0])
    condition = smallest / largest if found.spectrum.rank else NAN
    if sum(map(len, allowed)) == found.spectrum.internal:
        # Symmetry hides nothing, no atom is at the cutoff: a mode of one cause need not be a
        # singular vector.
        condition = found.spectrum.condition
    return {
        "group": found.sites[0].group.symbol,
        "condition_without_symmetry": condition,
        **{str(cause): number for cause, number in found.counts.items()},
    }


def failed_frame(frame: int, error: str, atoms: Atoms | None) -> tuple[Row, Row]:
    """Return the row of a frame that cannot be analysed, as one environment and as a frame."""
    facts = {"frame": frame, "error": error}
    known = "" if atoms is None else fingerprint(atoms)
    sums = {"environments": 0, "computed": 0, "failed": 0}
    return facts, {**facts, **sums, "fingerprint": known}


@lru_cache(maxsize=1024)
def _formula(numbers: tuple[int, ...]) -> str:
    return str(Symbols(np.array(numbers)).get_chemical_formula("hill"))


def _condition(row: Row) -> float:
    name = "condition_without_symmetry"
    return float(row.get(name if name in row else "condition", NAN))


def frame_row(frame: int, atoms: Atoms, rows: Sequence[Row]) -> Row:
    """Summarise the rows of the environments of a frame; zeros of symmetry do not count."""
    conditions = [_condition(row) for row in rows]
    known = [
        (value, row["center"])
        for value, row in zip(conditions, rows, strict=True)
        if not isnan(value)
    ]
    worst = min(known, default=(NAN, -1))
    return {
        "frame": frame,
        "formula": _formula(tuple(atoms.numbers.tolist())),
        "atoms": len(atoms),
        "environments": len(rows),
        "computed": sum(row["equivalent_to"] == row["center"] for row in rows),
        "failed": sum(bool(row.get("error")) for row in rows),
        "condition": worst[0],
        "worst_center": worst[1],
        "fingerprint": fingerprint(atoms),
        "seconds": sum(row["seconds"] for row in rows),
    }


Table = dict[str, NDArray[Any]]


def table_of(rows: Iterable[Row], columns: Mapping[str, Any]) -> Table:
    """Return the rows as one array per column; text has dtype object."""
    listed = list(rows)
    return {
        name: np.array(
            [row.get(name, missing) for row in listed],
            dtype=object if isinstance(missing, str) else type(missing),
        )
        for name, missing in columns.items()
    }


def join(tables: Sequence[Table], columns: Mapping[str, Any]) -> Table:
    """Return the rows of several tables in one, sorted by frame and center."""
    if not tables:
        return table_of([], columns)
    joined = {name: np.concatenate([table[name] for table in tables]) for name in columns}
    keys = [joined[name] for name in ("center", "frame") if name in joined]
    order = np.lexsort(keys)
    return {name: values[order] for name, values in joined.items()}
