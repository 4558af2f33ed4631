"""The causes of an invisible displacement: labels, reasons, and thresholds that separate them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

Cause = Literal[
    "sensitive",
    "symmetry",
    "truncation",
    "incompleteness",
    "width",
    "undetermined",
    "unseen",
    "rotation",
    "translation",
]
"""Cause of a mode: visible, or the reason why it is invisible.

Examples
--------
>>> from typing import get_args
>>> from sensitivity.diagnosis import CAUSES, Cause
>>> get_args(Cause) == CAUSES
True
"""

CAUSES: tuple[Cause, ...] = get_args(Cause)
"""All causes, in the order of tables and legends.

Examples
--------
>>> from sensitivity.diagnosis import CAUSES
>>> CAUSES[:6]
('sensitive', 'symmetry', 'truncation', 'incompleteness', 'width', 'undetermined')
"""


@dataclass(frozen=True)
class CauseDescription:
    """Label and reason of one cause.

    Attributes
    ----------
    label
        Name of such a displacement; "invisible by symmetry" follows "it is" or "they are".
    reason
        Reason, as a clause; ``explain`` fills in the number.
    spurious
        True if symmetry allows the displacement to be seen.
    trivial
        True for rigid motions and for motions outside all environments.

    Examples
    --------
    >>> from sensitivity.diagnosis import CAUSE_DESCRIPTIONS
    >>> description = CAUSE_DESCRIPTIONS["truncation"]
    >>> description.label, description.spurious
    ('invisible by truncation of the basis', True)
    >>> description.explain(3)
    'a larger basis sees them'
    """

    label: str
    reason: str
    spurious: bool = False
    trivial: bool = False

    def explain(self, count: int = 1) -> str:
        """Return the reason for this number of displacements."""
        return self.reason.format(
            it="it" if count == 1 else "them",
            they="it" if count == 1 else "they",
            this="this motion" if count == 1 else "these motions",
            s="s" if count == 1 else "",
        )


CAUSE_DESCRIPTIONS: Mapping[Cause, CauseDescription] = MappingProxyType(
    {
        "sensitive": CauseDescription("visible", "the features change to first order"),
        "symmetry": CauseDescription(
            "invisible by symmetry", "averaged over the symmetry operations, {this} cancel{s}"
        ),
        "truncation": CauseDescription(
            "invisible by truncation of the basis", "a larger basis sees {it}", spurious=True
        ),
        "incompleteness": CauseDescription(
            "invisible by incompleteness",
            "no basis of this order sees {it}, but a higher order does",
            spurious=True,
        ),
        "width": CauseDescription(
            "invisible by width",
            "there are fewer features than displacements",
            spurious=True,
        ),
        "undetermined": CauseDescription(
            "invisible", "the evidence does not determine the cause", spurious=True
        ),
        "unseen": CauseDescription(
            "outside the environments",
            "{they} change{s} nothing within the cutoff of any chosen center",
            trivial=True,
        ),
        "rotation": CauseDescription(
            "a rotation of all atoms that the centers see",
            "features are invariant to rotations",
            trivial=True,
        ),
        "translation": CauseDescription(
            "a translation of all atoms that the centers see",
            "features are invariant to translations",
            trivial=True,
        ),
    }
)
"""Label and reason of each cause.

Examples
--------
>>> from sensitivity.diagnosis import CAUSE_DESCRIPTIONS
>>> CAUSE_DESCRIPTIONS["symmetry"].explain()
'averaged over the symmetry operations, this motion cancels'
"""


def explain_truncation(sizes: Sequence[float | None], *, order: int | None = None) -> str:
    """Return a sentence on the basis that sees truncated displacements.

    ``sizes`` are their singular values in the next larger basis, as fractions of its scale, one for
    each; None if the descriptor names no larger basis. A larger basis that is not larger in the
    relevant functions need not see them; a complete one does.
    """
    threshold, count = CRITERIA["larger basis"].threshold, len(sizes)
    seen, at = sum((size or 0.0) > threshold for size in sizes), order and f" order {order}"
    if seen == count:
        return CAUSE_DESCRIPTIONS["truncation"].explain(count) + (f" at{at}" if at else "")
    it = "it" if count == 1 else "them"
    complete = f"a complete basis{f' of{at}' if at else ''} sees {it}"
    if None in sizes:
        return f"{complete}, but no larger basis is available to compare"
    next_one = "the next larger one of this descriptor"
    return f"{complete}, but {next_one} {f'only {seen} of {it}' if seen else 'does not'}"


def explain_incompleteness(lifting: str | None, *, count: int = 1, compared: bool) -> str:
    """Say which basis does not see displacements, and which order does.

    ``lifting`` says the order, where it is known, so that a complete basis was compared. Else it
    was the next larger basis, if there is one: ``compared``.
    """
    it = "it" if count == 1 else "them"
    if lifting is not None:
        return f"no basis sees {it}, {lifting}"
    if compared:
        return f"the next larger basis does not see {it}, the next order does"
    return f"the next order sees {it}, and no larger basis is available to compare"


class Criterion(NamedTuple):
    """A null displacement has this cause if another description sees it above the threshold.

    Without a unit the threshold is a fraction of the scale of singular values.
    """

    cause: Cause
    threshold: float
    reason: str


CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {
        "larger basis": Criterion("truncation", 2e-5, "twice the threshold of visibility"),
        "complete basis of a higher order": Criterion(
            "incompleteness",
            1e-2,
            "Å² per Å: a displacement that a complete basis sees changes its invariants by more "
            "than ten times this in all structures of known rank; one that it does not see, by the "
            "error of the geometry",
        ),
        "larger basis, order unknown": Criterion(
            "truncation",
            1e-4,
            "ten times the threshold of visibility, since no complete basis confirms it",
        ),
        "higher order, order unknown": Criterion(
            "incompleteness",
            1e-4,
            "ten times the threshold of visibility, since no complete basis confirms it",
        ),
    }
)
"""For each cause, the description that must see a null displacement, and the threshold."""
