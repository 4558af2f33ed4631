"""Reports of singular points, twins, paths and inversions."""

from __future__ import annotations

from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.descriptors.protocol import settings_of
from sensitivity.inversion import Inversion
from sensitivity.inversion.inversion import measure_recovery
from sensitivity.paths import Path
from sensitivity.reports import sources
from sensitivity.reports.sources import describe_input, head
from sensitivity.reports.tables import Json, choose_lines, name_moving, pick, tabulate
from sensitivity.singular import SingularPoint, Twin
from sensitivity.structures.files.reading import Source
from sensitivity.tolerances import Tolerance


def describe_point(point: SingularPoint, descriptor: Descriptor, *, source: Source) -> Json:
    """Return a singular point as an object for JSON, with lengths in Å and finite numbers."""
    return {
        **describe_input(source, descriptor),
        **pick(point, "center", "evaluations", "interrupted", "ending"),
        **_describe_one(point),
        "others": [_describe_one(other) for other in point.others],
    }


def _describe_one(point: SingularPoint) -> Json:
    facts = pick(point, "status", "converged", "cause", "condition", "moved", "mode", "null")
    return {**facts, "positions": point.atoms.positions.tolist()}


def tabulate_point(point: SingularPoint, descriptor: Descriptor, *, source: Source) -> str:
    """Return singular points as a table: one line per point, the nearest first."""
    names = ["point", "moved (Å)", "s_min/s_max", "invisible", "cause"]
    names += ["moving most in the softest mode"]
    body = []
    for number, one in enumerate((point, *point.others)):
        invisible = str(len(one.null)) if one.converged else "-"
        numbers = [str(number), f"{one.moved:.4f}", f"{one.condition:.1e}", invisible]
        body.append([*numbers, one.cause or "-", name_moving(one.atoms, one.mode)])
    text = [
        f"Computed Jacobians: {point.evaluations}.",
        "Moved: root of the summed squares of the displacements of all atoms.",
    ]
    if not point.converged and point.condition <= Tolerance.SINGULAR:
        text.append(
            "The geometry in the table is singular but not accepted: symmetry hides the "
            "invisible modes there, or atoms coincide."
        )
    heading = head(source, descriptor, [point.center], "", point.status, *text)
    return heading + tabulate(names, body, right=(0, 1, 2, 3))


def describe_twin(twin: Twin, descriptor: Descriptor, *, source: Source) -> Json:
    """Return a pair as an object for JSON, with lengths in Å and finite numbers."""
    higher = twin.next_descriptor
    return {
        **describe_input(source, descriptor),
        **pick(twin, "center", "status", "found", "cause", "interrupted", "ending"),
        **pick(twin, "amplitude", "residual", "rmsd", "steps"),
        **pick(twin, "larger_basis", "complete_basis", "next_order"),
        "next_descriptor": higher and sources.describe_descriptor(higher, twin.pair[0]),
        "pair": [atoms.positions.tolist() for atoms in twin.pair],
        "point": _describe_one(twin.point),
    }


def tabulate_twin(twin: Twin, descriptor: Descriptor, *, source: Source) -> str:
    """Return a pair as a table of the evidence that the two are twins."""
    text = [twin.status]
    if not twin.found and not (twin.interrupted and twin.amplitude > 0):
        return head(source, descriptor, [twin.center], "", *text).rstrip("\n")
    body = [
        ["singular point, from the start, root of summed squares (Å)", f"{twin.point.moved:.4f}"],
        ["each from the singular point, root of summed squares (Å)", f"{twin.amplitude:.4f}"],
        ["the two after superposition, rmsd (Å)", f"{twin.rmsd:.4f}"],
        ["difference of their features, relative", f"{twin.residual:.1e}"],
    ]
    if twin.larger_basis is not None:
        body.append(["the same with a larger basis", f"{twin.larger_basis:.1e}"])
    if twin.complete_basis is not None:
        body.append(["the same with a complete basis", f"{twin.complete_basis:.1e}"])
    if twin.next_order is not None:
        body.append(["the same at the next order", f"{twin.next_order:.1e}"])
        usual, higher = settings_of(descriptor), twin.next_descriptor
        settings = {} if higher is None else settings_of(higher)
        changed = {key: value for key, value in settings.items() if usual.get(key) != value}
        named = sources.name_settings(changed) if changed else repr(higher)
        text.append(f"The next order is computed with another basis: {named}.")
    heading = head(source, descriptor, [twin.center], "", *text)
    return heading + tabulate(["quantity", "value"], body, right=(1,))


def describe_path(path: Path, descriptor: Descriptor, *, source: Source) -> Json:
    """Return a path as an object for JSON, with lengths in Å and finite numbers."""
    return {
        **describe_input(source, descriptor),
        "center": int(path.spectra[0].centers[0]),
        **pick(path, "status", "complete", "interrupted", "ending", "returned", "error"),
        **pick(path, "length", "net", "condition", "response", "feature_distance", "modes"),
        **pick(path, together="subspace"),
        "singular_values": [each.singular_values.tolist() for each in path.spectra],
        "positions": [atoms.positions.tolist() for atoms in path.frames],
    }


def tabulate_path(path: Path, descriptor: Descriptor, *, source: Source) -> str:
    """Return a path as a table of some of its frames, including the first and the last."""
    columns = path.length, path.net, path.condition, path.response, path.feature_distance
    names = ["frame", "length (Å)", "net (Å)", "s_min/s_max", "response (1/Å)"]
    names += ["features moved", "modes"]
    row = "{} {:.3f} {:.3f} {:.2e} {:.2e} {:.2e}"
    body = [
        [*row.format(frame, *(column[frame] for column in columns)).split(), " ".join(modes)]
        for frame in choose_lines(len(path.frames))
        for modes in [map(str, path.subspace[frame])]
    ]
    convention = "Lengths are roots of the summed squares of the displacements of all atoms."
    heading = head(source, descriptor, path.spectra[0].centers, "", path.status, convention)
    return heading + tabulate(names, body, right=(0, 1, 2, 3, 4, 5))


def describe_inversion(
    result: Inversion, descriptor: Descriptor, *, source: Source, start: Atoms
) -> Json:
    """Return an inversion for JSON, with lengths in Å and distances of ``measure_recovery``."""
    found, began = measure_recovery(result, descriptor, target=source.atoms, start=start)
    null = result.stalled_along
    return {
        **describe_input(source, descriptor),
        **pick(result, "centers", "status", "converged", "interrupted", "ending"),
        **pick(result, "residual", "residuals", "steps", "evaluations", "attempts"),
        **pick(result, "uncertainty", "stalled_by", lack="missing_neighbors", left="lost_atoms"),
        **{"distance": found, "start_distance": began},
        "stalled_along": null
        and pick(null, "singular_value", "condition", "distance", displacements="displacement"),
        "start": start.positions.tolist(),
        "positions": result.atoms.positions.tolist(),
    }


def tabulate_inversion(
    result: Inversion, descriptor: Descriptor, *, source: Source, start: Atoms
) -> str:
    """Return an inversion as a table of some of its steps, including the first and the last."""
    text = []
    found, began = measure_recovery(result, descriptor, target=source.atoms, start=start)
    if found is not None and began is not None:
        text.append(
            "Distance from the target, root mean square after superposition: start "
            f"{began:.1e} Å, result {found:.1e} Å."
        )
        # Along a null mode features that agree to 1e-10 fix the atoms to 1e-5 Å.
        if result.converged and found > Tolerance.POSITIONS:
            text.append("The result is another structure with the features of the target.")
    if result.stalled_along is not None:
        moving = name_moving(result.atoms, result.stalled_along.displacement)
        text.append(f"Atoms that move most in the null mode: {moving}.")
    steps = choose_lines(result.steps + 1)
    body = [[str(step), f"{result.residuals[step]:.1e}"] for step in steps]
    heading = head(source, descriptor, result.centers, "", result.status, *text)
    return heading + tabulate(["step", "residual"], body, right=(0, 1))
