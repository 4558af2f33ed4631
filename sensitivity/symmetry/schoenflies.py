"""The Schoenflies symbol of a finite set of rotations and reflections."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array

_POLYHEDRAL = {(12, 3): "T", (24, 4): "O", (60, 5): "I"}  # (proper operations, highest order)


def schoenflies(matrices: Array) -> str:
    """Return the Schoenflies symbol of a finite point group, such as "C2v", "Td" or "S6".

    The proper rotations are cyclic, dihedral or those of a polyhedron, which their number and the
    highest order of an axis tell apart; the number of mirror planes tells the rest.

    Parameters
    ----------
    matrices
        Shape (g, 3, 3): every operation once.

    Raises
    ------
    ValueError
        If these are not the operations of a point group.
    """
    proper = np.linalg.det(matrices) > 0
    count = int(proper.sum())
    orders = [_order(matrix, limit=count) for matrix in matrices[proper]]
    order = max(orders, default=0)
    polyhedron = _POLYHEDRAL.get((count, order))
    closed = len(matrices) in (count, 2 * count) and orders.count(1) == 1 and 0 not in orders
    if not closed or (polyhedron is None and count not in (order, 2 * order)):
        raise ValueError(
            f"matrices must be all operations of a point group, each once, got {len(matrices)} "
            "that are not; complete them by their products."
        )
    traces = np.trace(matrices[~proper], axis1=1, axis2=2)
    # Traces of reflections and of the inversion are whole numbers; those of other improper
    # operations differ from them by 0.004 even at order 100.
    whole = 1e-4
    mirrors = int((np.abs(traces - 1) < whole).sum()) if len(traces) else None
    if count == order:
        return _cyclic(order, mirrors)
    if count == 2 * order:
        kind = "" if mirrors is None else "h" if mirrors > order else "d"
        return f"D{order}{kind}"
    kind = "" if mirrors is None else "d" if (polyhedron, mirrors) == ("T", 6) else "h"
    return f"{polyhedron}{kind}"


def _order(rotation: Array, *, limit: int) -> int:
    """Number of repetitions of a rotation that give the identity; 0 if beyond the limit."""
    turn = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)) / (2 * np.pi)
    turns = turn * np.arange(1, limit + 1)
    # Angles near zero and a half turn come from a cosine and have lost half their digits, 1e-8.
    same = 1e-5
    whole = np.abs(turns - np.round(turns)) < same
    return int(np.argmax(whole)) + 1 if whole.any() else 0


def _cyclic(order: int, mirrors: int | None) -> str:
    if mirrors is None:
        return f"C{order}"
    if mirrors == 0:
        return "Ci" if order == 1 else f"S{2 * order}"
    if order == 1:
        return "Cs"
    return f"C{order}h" if mirrors == 1 else f"C{order}v"
