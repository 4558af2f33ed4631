"""The worst environments of a survey with their softest modes, for its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ase import Atoms

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.jacobian import jacobian
from sensitivity.numerics import Array
from sensitivity.progress import checkpoint
from sensitivity.reports.sentences import NO_SUCH_GEOMETRY, TOO_SMALL
from sensitivity.share.modes_page import Subject, make_mode, make_scene, make_subject
from sensitivity.share.motion import amplitudes
from sensitivity.soft_modes import AllowedModes
from sensitivity.spectrum import decompose_jacobian
from sensitivity.survey import Survey
from sensitivity.survey.ranking import conditions, leading_causes
from sensitivity.survey.rows import Table
from sensitivity.survey.summary import by, describe_worst
from sensitivity.tolerances import Tolerance

SOFT = 3
"""Modes of each environment."""


class SoftModes(NamedTuple):
    """The least visible modes of an environment, of those that symmetry allows to be seen."""

    values: Array  # (k,), (feature)/Å, descending
    modes: Array  # (k, N, 3)
    scale: float  # (feature)/Å
    zero_level: float  # (feature)/Å; smaller values count as zero


def find_soft_modes(environment: Atoms, descriptor: Descriptor, survey: Survey) -> SoftModes:
    """Return up to three soft modes of an environment, whose center is the first atom.

    Without causes, displacements that symmetry hides count, as for the condition of the survey.
    """
    derivative = jacobian(environment, descriptor, centers=[0])
    found = decompose_jacobian(derivative, cutoff=descriptor.cutoff)
    values, modes = found.singular_values[: found.internal], found.modes[: found.internal]
    if survey.causes:
        tolerance = float(survey.settings["tolerance"])
        allowed = AllowedModes.of(derivative, descriptor, found, tolerance=tolerance)
        values, modes = allowed.values, allowed.modes
    return SoftModes(values[-SOFT:], modes[-SOFT:], found.scale, found.zero_level)


def make_subjects(
    survey: Survey, worst: Table, environments: Sequence[Atoms], descriptor: Descriptor
) -> Iterator[Subject]:
    """Yield the environments of the worst rows, each with its soft modes, the softest first.

    ValueError if the descriptor is another one than that of the survey.
    """
    check_descriptor_of(survey, descriptor)
    rows = zip(
        environments,
        describe_worst(worst),
        conditions(worst).tolist(),
        leading_causes(worst).tolist(),
        strict=True,
    )
    for number, (environment, (place, text, _), condition, cause) in enumerate(rows):
        checkpoint(f"page: {number} of {len(environments)} environments")
        soft = find_soft_modes(environment, descriptor, survey)
        if not len(soft.values):
            continue
        atoms = environment.copy()
        atoms.info = {}
        last = len(soft.values) - 1
        modes = [
            make_mode(
                last - k, cause, soft.modes[k], value=condition, **_describe(soft, k, place, cause)
            )
            for k in range(last, -1, -1)
        ]
        scene = make_scene(atoms, soft.modes[-1], center=0)
        about = {"first": 0, "cause": cause, "condition": condition}
        known = "all visible" if cause == "sensitive" else cause
        name, steps = f"{place}: {text}, {known}", amplitudes(len(atoms))
        yield make_subject(name, atoms, scene, modes, steps=steps, **about)


def check_descriptor_of(survey: Survey, descriptor: Descriptor) -> None:
    """Raise ValueError if a descriptor has another name or cutoff than that of a survey."""
    given = with_defaults(descriptor).name, descriptor.cutoff
    expected = survey.settings["descriptor"], survey.settings["cutoff"]
    if given != expected:
        raise ValueError(
            f"descriptor must be that of the survey, {expected[0]} with a cutoff of "
            f"{expected[1]:g} Å, got {given[0]} with {given[1]:g} Å; pass the same again."
        )


def _describe(soft: SoftModes, k: int, place: str, cause: str) -> dict[str, object]:
    """Return the texts of the k-th of the soft modes."""
    value, rank = float(soft.values[k]), len(soft.values) - k
    which = "softest" if rank == 1 else f"{rank}. softest"
    relative = value / (soft.scale or 1.0)
    share = f"{relative:.1e}" if relative > Tolerance.EXACT else "0"
    seen = "invisible" if value <= soft.zero_level else "visible"
    return {
        "name": f"{which}: {share}, {seen}",
        "title": f"{place}: {which} mode",
        "sentence": _explain(soft, k, cause),
        "facts": [
            ("singular value (1/Å)", "0" if share == "0" else f"{value:.3e}"),
            ("the same over the scale", share),
            ("invisible in this environment", "nothing" if cause == "sensitive" else by(cause)),
        ],
    }


def _explain(soft: SoftModes, k: int, cause: str) -> str:
    """Return sentences on the change of the features along the k-th of the soft modes."""
    value = float(soft.values[k])
    if value <= Tolerance.EXACT * (soft.scale or 1.0):
        return "The features of the center do not change along this displacement to first order."
    change = f"The first 0.01 Å along this displacement changes the features by {0.01 * value:.1e}"
    if value > soft.zero_level:
        return f"{change}."
    reason = f": {NO_SUCH_GEOMETRY}" if cause == "undetermined" else ""
    return f"{change}. It is {TOO_SMALL}{reason}."
