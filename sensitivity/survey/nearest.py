"""Distance of an environment to the nearest geometry at which it is singular."""

from __future__ import annotations

from sensitivity.descriptors import Descriptor
from sensitivity.progress import Cancelled
from sensitivity.singular import locate
from sensitivity.survey.environments import Environment
from sensitivity.survey.rows import Row


def find_nearest(environment: Environment, descriptor: Descriptor, *, reach: float) -> Row:
    """Return the columns of the nearest singular point within some Å; none without one."""
    if len(environment.numbers) == 1:  # has no displacement
        return {}
    found = locate(environment.atoms, descriptor, center=0, reach=reach)
    if found.interrupted:
        raise Cancelled
    return {"distance": found.moved, "nearest_cause": found.cause} if found.converged else {}
