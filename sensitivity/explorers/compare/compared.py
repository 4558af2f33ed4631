"""Numbers and texts of a comparison, at any amplitude along one of the modes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np

from sensitivity.comparison import Comparison, Response, respond
from sensitivity.comparison.modes import ComparedModes, most_telling, name_kinds
from sensitivity.descriptors import with_defaults
from sensitivity.explorers.parts.inputs import freeze
from sensitivity.explorers.parts.state import FEW
from sensitivity.numerics import Array
from sensitivity.reports.differences import (
    PAIRS,
    explain_compared_mode,
    explain_differences,
    list_pairs,
)

Choice = tuple[int, int]
"""Number of a descriptor and of one of its modes."""

CAPTION = (
    "What the descriptor sees and the other one misses at amplitude 0. missed: number of "
    "displacements; error: norm of its Jacobian along displacements that the other does not "
    "see, relative to the whole; angles: principal angles between the least visible modes of both "
    "that symmetry does not hide"
)


@dataclass(frozen=True, eq=False)
class Values:
    """Values of each of n descriptors at one amplitude, and the chosen mode."""

    relative: tuple[Array, ...]  # singular values of the m internal modes over the scale
    causes: tuple[tuple[str, ...], ...]
    responses: tuple[Response, ...]  # to the chosen mode; empty if there is none
    choice: Choice  # of the structure that is not displaced
    amplitude: float  # Å


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison with its modes, and the texts on all of it; read-only."""

    found: Comparison
    modes: dict[str, ComparedModes]
    first: tuple[str, int]  # descriptor and mode that are shown first
    differences: tuple[str, ...]
    pairs: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, found: Comparison) -> Compared:
        """Return the modes and texts of a comparison."""
        freeze(found.atoms)
        modes = {name: found.modes(name) for name in found.names}
        number, mode = most_telling([*modes.values()])
        texts = tuple(explain_differences(found)), tuple(list_pairs(found))
        return cls(found, modes, (found.names[number], mode), *texts)

    @property
    def quick(self) -> bool:
        """True if spectra take little time: few atoms, and descriptors with derivatives."""
        efforts = [with_defaults(each).effort for each in self.found.descriptors]
        return len(self.found.atoms) * max(efforts) <= FEW

    def displacement(self, of: str, mode: int) -> Array:
        """Return a mode of a descriptor, of unit norm; zero if it has none."""
        known = self.modes[of].displacements
        return known[mode] if mode < len(known) else np.zeros_like(self.found.atoms.positions)

    def pattern(self, of: str, mode: int) -> Array:
        """Return a mode in which the atom that moves furthest moves by 1."""
        displacement = self.displacement(of, mode)
        furthest = float(np.linalg.norm(displacement, axis=1).max())
        return np.asarray(displacement / (furthest or 1.0))


@lru_cache(maxsize=256)
def compute(compared: Compared, of: str, mode: int, amplitude: float) -> Values:
    """Return the values at an amplitude in Å; ValueError if the features have none there."""
    found, displacement = compared.found, compared.displacement(of, mode)
    spectra, modes = found.spectra, compared.modes.values()
    values = tuple(each.relative for each in modes)
    causes: tuple[tuple[str, ...], ...] = tuple(each.causes for each in modes)
    if amplitude:
        atoms = found.atoms.copy()
        atoms.positions += amplitude * compared.pattern(of, mode)
        spectra = found.spectra_at(atoms)
        values = tuple(each.relative[: each.internal] for each in spectra)
        causes = tuple(map(name_kinds, spectra))
    responses = tuple(respond(each, displacement) for each in spectra) if displacement.any() else ()
    return Values(values, causes, responses, (found.names.index(of), mode), amplitude)


@lru_cache(maxsize=256)
def explain(compared: Compared, of: str, mode: int) -> str:
    """Return sentences on a mode of a descriptor, and on what the others see of it."""
    if mode >= len(compared.modes[of].causes):
        return f"{of} has no internal modes: its centers see no displacement."
    return " ".join(explain_compared_mode(compared.found, of, mode))


def at_rest(text: str, *, names: Iterable[str]) -> str:
    """Return sentences as those of the structure that is not displaced.

    The first word gets a small letter, unless it belongs to one of the names.
    """
    kept = text.startswith(tuple(names))
    return f"At amplitude 0: {text if kept else text[:1].lower() + text[1:]}"


def write_table(pairs: Sequence[Sequence[str]]) -> str:
    """Return the table of pairs as HTML."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in PAIRS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in line)}</tr>" for line in pairs
    )
    region = (
        'role="region" aria-label="Pairs of descriptors" tabindex="0"'  # the keyboard scrolls it
    )
    return (
        f'<div class="sensitivity-scroll" {region}>'
        f'<table class="sensitivity-table"><caption>{escape(CAPTION)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
