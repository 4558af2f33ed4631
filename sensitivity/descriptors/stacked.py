"""Features of several descriptors, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms

from sensitivity.descriptors.batches import Batch, Block, Centers, batches_from_blocks
from sensitivity.descriptors.protocol import Descriptor, Label, with_defaults
from sensitivity.descriptors.self_description import check_descriptor
from sensitivity.numerics import Array, takes_centers
from sensitivity.structures import check_centers


@dataclass(frozen=True)
class Stacked(Descriptor):
    """The features of several descriptors, concatenated for each center.

    Attributes
    ----------
    descriptors
        One or more. The order of the features is theirs.

    Raises
    ------
    TypeError, ValueError
        If there is none, or one is no descriptor.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, spectrum, structures
    >>> from sensitivity.descriptors import Stacked
    >>> orders = Stacked([DensityCorrelations(order, 3.5, 4, 4) for order in (1, 2, 3)])
    >>> orders.order, orders.cutoff
    (3, 3.5)
    >>> spectrum(structures.load("X0"), orders, centers=[0]).rank
    9
    """

    descriptors: tuple[Descriptor, ...]

    def __post_init__(self) -> None:
        given: Any = self.descriptors
        if not isinstance(given, Iterable):
            raise TypeError(f"descriptors must be a sequence of descriptors, got {given!r}.")
        object.__setattr__(self, "descriptors", tuple(given))
        if not self.descriptors:
            raise ValueError("descriptors must have at least one descriptor, got none.")
        for each in self.descriptors:
            check_descriptor(each)

    @property
    def cutoff(self) -> float:
        """The largest cutoff, in Å."""
        return max(each.cutoff for each in self.descriptors)

    @property
    def inversion_invariant(self) -> bool:
        """True if a mirror image has the same features: of all descriptors."""
        return all(each.inversion_invariant for each in self.descriptors)

    @property
    def invariance(self) -> Literal["O(3)", "SO(3)", "none"]:
        """Rotations that change no feature of any descriptor."""
        found = {each.invariance for each in self._known}
        return "none" if "none" in found else "SO(3)" if "SO(3)" in found else "O(3)"

    @property
    def smooth(self) -> bool:
        """True if all descriptors are smooth."""
        return all(each.smooth for each in self._known)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks of all descriptors."""
        return tuple(dict.fromkeys(remark for each in self._known for remark in each.remarks))

    @property
    def order(self) -> int | None:
        """The largest order, if its descriptor sees all that the others see in a complete basis.

        None if an order is unknown, or the descriptor of the largest order has not the largest
        cutoff, or does not distinguish mirror images where another one does.
        """
        if any(each.order is None for each in self._known):
            return None
        most = self._leading
        same = most.cutoff, most.inversion_invariant
        return most.order if same == (self.cutoff, self.inversion_invariant) else None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The Python expressions of the descriptors; of those without one, their names."""
        texts = [(each.python()[1], each.name) for each in self._known]
        return {"descriptors": [name if text == "..." else text for text, name in texts]}

    def with_settings(self, **changes: Any) -> Stacked:
        """Refuse to change settings: change those of the descriptors, and stack them again."""
        raise TypeError(
            "Stacked has no setting that can be changed; change the descriptors, and stack them."
        )

    def larger_basis(self) -> Stacked | None:
        """Return the stack with a larger basis of each descriptor; None if none has one."""
        pairs = [(each, each.larger_basis()) for each in self._known]
        if all(larger is None for _, larger in pairs):
            return None
        return Stacked(tuple(each if larger is None else larger for each, larger in pairs))

    def higher_order(self) -> Stacked | None:
        """Return the stack with the next higher order of its largest one; None if not available."""
        higher = self._leading.higher_order() if self.order else None
        return None if higher is None else Stacked((*self.descriptors, higher))

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of a center."""
        return sum(each.count_features(atoms) for each in self._known)

    def measured_on(self, atoms: Atoms, *, centers: Centers = None) -> Stacked:
        """Return the stack with measured properties of this structure alone."""
        return Stacked(tuple(each.measured_on(atoms, centers=centers) for each in self._known))

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return the number of the descriptor, from 0, and its label, for each feature."""
        lists = [each.labels(atoms) for each in self._known]
        return tuple((number, label) for number, each in enumerate(lists) for label in each)

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression."""
        pairs = [each.python() for each in self._known]
        lines = ["from sensitivity.descriptors import Stacked", *(line for line, _ in pairs)]
        expression = f"Stacked([{', '.join(text for _, text in pairs)}])"
        if any(text == "..." for _, text in pairs):
            expression = "..."
        return "\n".join(dict.fromkeys("\n".join(lines).splitlines())), expression

    @takes_centers
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the features, shape (centers, features); errors are those of the descriptors."""
        chosen = check_centers(atoms, centers)
        return np.concatenate(
            [np.asarray(each.features(atoms, centers=chosen)) for each in self.descriptors], axis=1
        )

    @takes_centers
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return features and gradients of every center; errors are those of the descriptors."""
        chosen = check_centers(atoms, centers)
        blocks = [dict(_blocks(each, atoms, chosen)) for each in self.descriptors]
        return batches_from_blocks(_stack([of[center] for of in blocks]) for center in chosen)

    @property
    def _known(self) -> list[Descriptor]:
        return [with_defaults(each) for each in self.descriptors]

    @property
    def _leading(self) -> Descriptor:
        return max(self._known, key=lambda each: (each.order or 0, not each.inversion_invariant))


def _blocks(
    descriptor: Descriptor, atoms: Atoms, centers: tuple[int, ...]
) -> Iterator[tuple[int, Block]]:
    for batch in descriptor.gradients(atoms, centers=centers):
        yield from ((int(block.center), block) for block in batch.blocks())


def _stack(blocks: list[Block]) -> Block:
    """Return one block of all features of a center, with all atoms that any depends on."""
    atoms = np.unique(np.concatenate([block.atoms for block in blocks]))
    features = np.concatenate([block.features for block in blocks])
    gradient, start = np.zeros((len(features), len(atoms), 3)), 0
    for block in blocks:
        stop = start + len(block.features)
        gradient[start:stop, np.searchsorted(atoms, block.atoms)] = block.gradient
        start = stop
    error = float(np.linalg.norm([block.error for block in blocks]))
    return Block(blocks[0].center, atoms, features, gradient, error)
