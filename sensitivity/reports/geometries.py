"""Singular points, twins, curves and inversions in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.inversion import Inversion, NullMode
from sensitivity.numerics import Tolerance
from sensitivity.paths import Path
from sensitivity.reports.sources import Source, describe_descriptor, describe_source, head
from sensitivity.reports.tables import break_lines, find_moving, finite, tabulate
from sensitivity.singular import SingularPoint, Twin, superpose
from sensitivity.structures import environment

# Lines of a table of frames or steps; of more, so many are shown, evenly spaced.
_MOST_LINES = 11
# Å, root mean square. Structures further apart are not one that is known a little less well: along
# a null mode features that agree to 1e-10 fix the atoms to 1e-5 Å.
_ANOTHER = 1e-3
# What a condition means that is singular, though the search did not take it.
_AVOIDED = (
    "The geometry in the table is singular, but to be avoided: symmetry hides the invisible "
    "modes there, or atoms meet."
)


def describe_point(
    point: SingularPoint, descriptor: DensityCorrelations, *, source: Source
) -> dict[str, Any]:
    """Return a singular point as an object for JSON, with lengths in Å and no infinite number."""
    return {
        **_describe_input(source, descriptor),
        "center": point.center,
        "evaluations": point.evaluations,
        "interrupted": point.interrupted,
        **_describe_one(point),
        "others": [_describe_one(other) for other in point.others],
    }


def _describe_one(point: SingularPoint) -> dict[str, Any]:
    return {
        "status": point.status,
        "converged": point.converged,
        "condition": finite(point.condition),
        "moved": float(point.moved),
        "positions": point.atoms.positions.tolist(),
        "mode": point.mode.tolist(),
        "null": point.null.tolist(),
    }


def tabulate_point(point: SingularPoint, descriptor: DensityCorrelations, *, source: Source) -> str:
    """Return the same as a table: one line per point, the nearest first."""
    names = ["point", "moved (Å)", "condition", "invisible", "moving most in the softest mode"]
    body = [
        [
            str(number),
            f"{one.moved:.4f}",
            f"{one.condition:.1e}",
            str(len(one.null)) if one.converged else "-",
            _name_moving(one.atoms, one.mode),
        ]
        for number, one in enumerate((point, *point.others))
    ]
    text = [f"Jacobians that were computed: {point.evaluations}."]
    if not point.converged and point.condition <= Tolerance.SINGULAR:
        text.append(_AVOIDED)
    heading = _head(source, descriptor, [point.center], point.status, *text)
    return "\n".join([*heading, tabulate(names, body, right=(0, 1, 2, 3))])


def describe_twin(twin: Twin, descriptor: DensityCorrelations, *, source: Source) -> dict[str, Any]:
    """Return a pair as an object for JSON, with lengths in Å and no infinite number."""
    higher = None
    if isinstance(twin.next_descriptor, DensityCorrelations):
        higher = describe_descriptor(twin.next_descriptor, twin.pair[0])
    return {
        **_describe_input(source, descriptor),
        "center": twin.center,
        "status": twin.status,
        "found": twin.found,
        "interrupted": twin.interrupted,
        "amplitude": float(twin.amplitude),
        "residual": finite(twin.residual),
        "rmsd": finite(twin.rmsd),
        "larger_basis": None if twin.larger_basis is None else finite(twin.larger_basis),
        "next_order": None if twin.next_order is None else finite(twin.next_order),
        "next_descriptor": higher,
        "steps": twin.steps,
        "pair": [atoms.positions.tolist() for atoms in twin.pair],
        "point": _describe_one(twin.point),
    }


def tabulate_twin(twin: Twin, descriptor: DensityCorrelations, *, source: Source) -> str:
    """Return the same as a table of what proves that the two are twins."""
    heading = _head(source, descriptor, [twin.center], twin.status)
    if not twin.found and not (twin.interrupted and twin.amplitude > 0):
        return "\n".join(heading[:-1])
    body = [
        ["singular point, from the start (Å)", f"{twin.point.moved:.4f}"],
        ["each from the singular point (Å)", f"{twin.amplitude:.4f}"],
        ["the two after superposition, rmsd (Å)", f"{twin.rmsd:.4f}"],
        ["difference of their features, relative", f"{twin.residual:.1e}"],
    ]
    if twin.larger_basis is not None:
        body.append(["the same with a larger basis", f"{twin.larger_basis:.1e}"])
    if twin.next_order is not None:
        body.append(["the same at the next order", f"{twin.next_order:.1e}"])
        heading = [*heading[:-1], *break_lines([_name_next_order(twin.next_descriptor), ""])]
    return "\n".join([*heading, tabulate(["quantity", "value"], body, right=(1,))])


def _name_next_order(descriptor: Descriptor | None) -> str:
    if not isinstance(descriptor, DensityCorrelations):
        return f"The next order is that of {descriptor!r}."
    mixed = descriptor.contract_channels
    channels = "" if mixed is None else f", channels mixed to {mixed}"
    return (
        f"The next order uses another basis: order {descriptor.order}, n_max "
        f"{descriptor.n_max}, l_max {descriptor.l_max}{channels}."
    )


def describe_path(path: Path, descriptor: DensityCorrelations, *, source: Source) -> dict[str, Any]:
    """Return a curve as an object for JSON, with lengths in Å and no infinite number."""
    return {
        **_describe_input(source, descriptor),
        "center": int(path.spectra[0].centers[0]),
        "status": path.status,
        "complete": path.complete,
        "interrupted": path.interrupted,
        "returned": path.returned,
        "length": path.length.tolist(),
        "net": path.net.tolist(),
        "condition": [finite(value) for value in path.condition],
        "response": path.response.tolist(),
        "feature_distance": path.feature_distance.tolist(),
        "together": [list(modes) for modes in path.subspace],
        "singular_values": [each.singular_values.tolist() for each in path.spectra],
        "positions": [atoms.positions.tolist() for atoms in path.frames],
        "modes": path.modes.tolist(),
    }


def tabulate_path(path: Path, descriptor: DensityCorrelations, *, source: Source) -> str:
    """Return the same as a table of some of the frames, the first and the last among them."""
    columns = path.length, path.net, path.condition, path.response, path.feature_distance
    names = ["frame", "length (Å)", "net (Å)", "condition", "response (1/Å)"]
    names += ["features moved", "modes"]
    body = [
        [
            str(frame),
            *(f"{column[frame]:.3f}" for column in columns[:2]),
            *(f"{column[frame]:.2e}" for column in columns[2:]),
            " ".join(map(str, path.subspace[frame])),
        ]
        for frame in _choose(len(path.frames))
    ]
    heading = _head(source, descriptor, path.spectra[0].centers, path.status)
    return "\n".join([*heading, tabulate(names, body, right=(0, 1, 2, 3, 4, 5))])


def describe_inversion(
    result: Inversion, descriptor: DensityCorrelations, *, source: Source, start: Atoms
) -> dict[str, Any]:
    """Return an inversion as an object for JSON, with lengths in Å and no infinite number.

    ``distance`` and ``start_distance`` are those of the structure found and of the start from the
    target, root mean square after superposition; None where there is none (see ``measure``).
    """
    return {
        **_describe_input(source, descriptor),
        "centers": [int(center) for center in result.centers],
        "status": result.status,
        "converged": result.converged,
        "interrupted": result.interrupted,
        "residual": finite(result.residual),
        "residuals": [finite(residual) for residual in result.residuals],
        "steps": result.steps,
        "evaluations": result.evaluations,
        "attempts": result.attempts,
        "uncertainty": finite(result.uncertainty),
        "distance": measure(result.atoms, source.atoms, descriptor, centers=result.centers),
        "start_distance": measure(start, source.atoms, descriptor, centers=result.centers),
        "stalled_along": _describe_null(result.stalled_along),
        "stalled_by": result.stalled_by,
        "lack": result.missing_neighbors,
        "left": list(result.lost_atoms),
        "start": start.positions.tolist(),
        "positions": result.atoms.positions.tolist(),
    }


def _describe_null(null: NullMode | None) -> dict[str, Any] | None:
    if null is None:
        return None
    return {
        "singular_value": float(null.singular_value),
        "condition": finite(null.condition),
        "distance": finite(null.distance),
        "displacements": null.displacement.tolist(),
    }


def tabulate_inversion(
    result: Inversion, descriptor: DensityCorrelations, *, source: Source, start: Atoms
) -> str:
    """Return the same as a table of some of the steps, the first and the last among them."""
    text = []
    here, there = (
        measure(atoms, source.atoms, descriptor, centers=result.centers)
        for atoms in (result.atoms, start)
    )
    if here is not None and there is not None:
        text = [
            f"From the target, root mean square after superposition: the start {there:.1e} Å, the "
            f"structure found {here:.1e} Å."
        ]
        if result.converged and here > _ANOTHER:
            text.append("It is another structure with the features of the target.")
    if result.stalled_along is not None:
        moving = _name_moving(result.atoms, result.stalled_along.displacement)
        text.append(f"In the null mode move most: {moving}.")
    body = [[str(step), f"{result.residuals[step]:.1e}"] for step in _choose(result.steps + 1)]
    heading = _head(source, descriptor, result.centers, result.status, *text)
    return "\n".join([*heading, tabulate(["step", "residual"], body, right=(0, 1))])


def measure(
    atoms: Atoms, target: Atoms, descriptor: DensityCorrelations, *, centers: Sequence[int]
) -> float | None:
    """Return how far a structure is from another one with the same atoms, whatever its orientation.

    Root mean square distance in Å, after superposition of what one center sees, or of the whole
    molecule if there are several, the first center on itself. None for crystals with several
    centers, and where the center sees other atoms in the two.
    """
    center = int(centers[0])
    if len(centers) == 1:
        atoms, target = (
            environment(structure, center, descriptor.cutoff) for structure in (atoms, target)
        )
        center = 0
    if target.pbc.any() or sorted(atoms.numbers) != sorted(target.numbers):
        return None
    inversion = descriptor.inversion_invariant
    return superpose(atoms, target, center=center, inversion=inversion).rmsd


def _describe_input(source: Source, descriptor: DensityCorrelations) -> dict[str, Any]:
    return {
        "structure": describe_source(source),
        "descriptor": describe_descriptor(descriptor, source.atoms),
    }


def _head(
    source: Source, descriptor: DensityCorrelations, centers: Sequence[int], *text: str
) -> list[str]:
    """Lines above a table: the input, and sentences, no wider than a terminal."""
    return break_lines([*head(source, descriptor, centers=centers), "", *text, ""])


def _choose(count: int) -> list[int]:
    """Numbers of the lines that are shown, of so many."""
    chosen: NDArray[np.intp] = (
        np.linspace(0, count - 1, min(count, _MOST_LINES)).round().astype(int)
    )
    return [int(number) for number in chosen]


def _name_moving(atoms: Atoms, displacement: NDArray[np.float64]) -> str:
    return " ".join(f"{atoms.symbols[atom]}{atom}" for atom, _ in find_moving(displacement))
