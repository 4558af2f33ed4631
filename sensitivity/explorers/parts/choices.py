"""What a person chooses of a structure: a mode, how far the atoms move along it, and the arrows."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import traitlets

from sensitivity.explorers.parts.mode_motion import ARROW_LENGTH, ARROW_LENGTHS, STEP, swing
from sensitivity.explorers.parts.reference import Reference
from sensitivity.explorers.parts.view import View


class Index(traitlets.Int):  # type: ignore[type-arg]
    """A whole number, also one of numpy; not a number that would have to be rounded."""

    def validate(self, obj: Any, value: Any) -> int:
        """Return the number."""
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{self.name} must be a whole number, got {value!r}; give e.g. 0.")
        return int(value)


class Length(traitlets.Float):  # type: ignore[type-arg]
    """A number, also one of numpy."""

    def validate(self, obj: Any, value: Any) -> float:
        """Return the number."""
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{self.name} must be a number in Å, got {value!r}; give e.g. 0.1.")
        return float(value)


class Share(traitlets.Float):  # type: ignore[type-arg]
    """A number from 0 to 1, also one of numpy."""

    def validate(self, obj: Any, value: Any) -> float:
        """Return the number."""
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{self.name} must be a number, got {value!r}; give e.g. 0.5.")
        if not 0.0 <= float(value) <= 1.0:
            raise ValueError(f"{self.name} must be from 0 to 1, got {value}; give e.g. 0.5.")
        return float(value)


class Switch(traitlets.Bool):  # type: ignore[type-arg]
    """True or false, also of numpy; not a word, which would be true whatever it says."""

    def validate(self, obj: Any, value: Any) -> bool:
        """Return which."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name} must be True or False, got {value!r}; give one of these.")
        return bool(value)


class Choices(View):
    """A view whose choices are attributes, refused with a sentence if there is no such.

    Attributes
    ----------
    mode
        Index of the mode, a row of ``reference.modes``.
    amplitude
        Å. Root of the summed squares of what the atoms moved.
    arrows, arrow_length
        Whether one arrow per atom shows the direction of motion, and the length of the longest, Å.
    """

    mode = Index()
    amplitude = Length()
    arrows = Switch(True)
    arrow_length = Length(ARROW_LENGTH)

    @property
    def reference(self) -> Reference:
        """The structure at amplitude zero, with its modes and their causes."""
        raise NotImplementedError

    def slide_to(self, amplitude: float) -> None:
        """Take the amplitude of the slider."""
        # It stands at the stop nearest to the amplitude, which may lie between two.
        if abs(amplitude - self.amplitude) > STEP / 2:
            self.amplitude = amplitude

    def swing_to(self, step: int) -> None:
        """Take the amplitude of one step of the motion back and forth."""
        self.amplitude = swing(step, reach=self.reference.reach)

    def set_near(self, amplitude: float) -> None:
        """Take an amplitude, or the end of the slider if it is beyond."""
        reach = self.reference.reach
        self.amplitude = round(float(np.clip(amplitude, -reach, reach)), 2)

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        mode, count = int(proposal["value"]), len(self.reference.causes)
        if not 0 <= mode < count:
            raise ValueError(
                f"mode must be one of 0 to {count - 1}, got {mode}; give one of these."
            )
        return mode

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        amplitude, reach = float(proposal["value"]), self.reference.reach
        if not abs(amplitude) <= reach:
            raise ValueError(
                f"amplitude must be between {-reach} and {reach} Å, got {amplitude}; take less."
            )
        return amplitude

    @traitlets.validate("arrow_length")
    def _validate_arrow_length(self, proposal: Any) -> float:
        length = float(proposal["value"])
        if length not in ARROW_LENGTHS:
            raise ValueError(
                f"arrow_length must be one of {ARROW_LENGTHS} Å, got {length}; give one of these."
            )
        return length
