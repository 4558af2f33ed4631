"""Measured properties of a descriptor of another code: invariance, locality, smoothness, noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

RANDOM = 1e-6  # of the norm of the features: more than this between two calls is no rounding
BROKEN = 1e-9  # of the norm of the features: an invariance broken by more is mentioned
_KINK = 1e-3  # of the slope


class Invariance(NamedTuple):
    """The changes of ``Trust`` by a rotation, a permutation and an inversion."""

    rotation: float | None
    permutation: float | None
    inversion: float | None


@dataclass(frozen=True)
class Trust:
    """Measured invariance, locality, smoothness and noise of a descriptor, on one structure.

    Changes are relative to the norm of the features of one center. They are measured on a copy
    whose atoms are displaced at random by about 0.1 Å, so that no symmetry hides them. None: not
    tested, because the structure, or the code, did not allow it.

    Attributes
    ----------
    repetition
        Change between two calls with the same structure.
    noise
        Standard deviation of the features at neighbouring points, or the resolution of single
        precision if the features have it.
    translation, rotation
        Change when all atoms are moved, and when they are turned.
    permutation
        Change when like atoms exchange their places.
    inversion
        Change when all positions are inverted.
    locality
        Change when atoms outside the cutoff move; 0 for a map of the whole structure.
    edge
        Largest jump as one atom moves away from another, to beyond the cutoff.
    kink
        Difference of the slopes on both sides, relative to them, where three equal neighbours have
        equal distances.
    gradient
        Difference between the code's own derivative along a random displacement and central
        differences, relative to it; None if the code has no derivatives.
    gradient_error
        The same if it is more than the error of the differences, else 0.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors.from_function import Function
    >>> descriptor = Function(lambda atoms: atoms.positions[1] - atoms.positions[0], cutoff=3.0)
    >>> found = descriptor.examine(structures.load("H2O"))
    >>> bool(found.translation < 1e-12), bool(found.rotation > 0.1)
    (True, True)
    >>> print(found.remarks[0][:43])
    The features change when all atoms are turn
    """

    repetition: float
    noise: float
    translation: float | None
    rotation: float | None
    permutation: float | None
    inversion: float | None
    locality: float | None
    edge: float | None
    kink: float | None
    gradient: float | None
    gradient_error: float

    def worse(self, other: Trust) -> Trust:
        """Return the larger of both values of each property."""
        larger: dict[str, Any] = {}
        for name, value in vars(self).items():
            known = [each for each in (value, getattr(other, name)) if each is not None]
            larger[name] = max(known, default=None)
        return Trust(**larger)

    def with_invariance(self, found: Invariance) -> Trust:
        """Return it with the invariance that was measured on another structure."""
        return replace(
            self,
            rotation=found.rotation,
            permutation=found.permutation,
            inversion=found.inversion,
        )

    @property
    def untested(self) -> tuple[str, ...]:
        """Properties that were not tested, except that of derivatives, which a code may lack."""
        return tuple(
            name for name, value in vars(self).items() if value is None and name != "gradient"
        )

    @property
    def invariant(self) -> bool:
        """True unless a rotation, or an exchange of like atoms, changed the features."""
        return not self._exceeds("rotation", BROKEN) and not self._exceeds("permutation", BROKEN)

    @property
    def inversion_invariant(self) -> bool:
        """True unless inversion changed the features."""
        return not self._exceeds("inversion", BROKEN)

    @property
    def local(self) -> bool:
        """True if atoms outside the cutoff were seen to change nothing."""
        return self.locality is not None and not self._exceeds("locality", BROKEN)

    @property
    def smooth(self) -> bool:
        """True unless a kink or a jump was found."""
        return not self._exceeds("kink", _KINK) and not self._exceeds("edge", 1e-4)

    @property
    def remarks(self) -> tuple[str, ...]:
        """One sentence for each property that a descriptor should have and this one has not."""
        broken = {
            "translation": "change when all atoms are moved: by {:.1e} of their norm",
            "rotation": "change when all atoms are turned: by {:.1e} of their norm",
            "permutation": "depend on the order of like atoms: by {:.1e} of their norm",
            "locality": "depend on atoms outside the cutoff: by {:.1e} of their norm",
        }
        found = [
            text.format(getattr(self, name))
            for name, text in broken.items()
            if self._exceeds(name, BROKEN)
        ]
        if self._exceeds("edge", 1e-4):
            found.append(
                f"jump by {self.edge:.1e} of their norm as an atom moves away, such as at a cutoff"
            )
        if self._exceeds("kink", _KINK):
            found.append(
                "have kinks, as sorted or selected values do: where distances are equal, slopes on "
                f"both sides differ by {self.kink:.1e} of themselves"
            )
        if self.noise > 1e-13:
            found.append(f"have a noise of {self.noise:.0e} of their norm")
        sentences = [f"The features {each}." for each in found]
        if self.gradient_error:
            sentences.append(
                f"The code's own gradient differs from central differences by {self.gradient:.1e}; "
                "singular values below that are not resolved."
            )
        if not {"kink", "edge"}.isdisjoint(self.untested):
            sentences.append(f"Not tested on this structure: {', '.join(self.untested)}.")
        return tuple(sentences)

    def _exceeds(self, name: str, most: float) -> bool:
        change = getattr(self, name)
        return change is not None and change > max(most, 30 * self.noise)
