"""Steps along a curve from frame to frame, events on it, and the reason why it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from sensitivity.numerics import Tolerance
from sensitivity.paths.returns import Returns
from sensitivity.paths.steps import See, Stride, advance
from sensitivity.paths.transport import HALF, Place
from sensitivity.progress import Progress
from sensitivity.spectrum import Spectrum
from sensitivity.structures import neighbor_pairs

# Å. The first step that is tried; and how far ahead the reason is looked for why there is none.
_FIRST_STEP = 0.01


@dataclass
class Walk:
    """A curve that is being followed."""

    see: See
    returns: Returns
    count: int  # of frames after the first
    step: float  # Å, between frames
    repeat: bool  # go on where it closes
    progress: Progress
    found: list[tuple[float, Place]]  # length in Å and place of each frame, the start first
    events: list[tuple[str, float]] = field(default_factory=list)  # with lengths in Å
    closed: bool = False

    def run(self) -> str:
        """Go on to the end, and say what ends the curve before; nothing if it is complete."""
        size = min(_FIRST_STEP, self.step)
        for frame in range(1, self.count + 1):
            obstacle, size = self._next_frame(frame * self.step, size)
            if obstacle:
                return obstacle
        return ""

    def _next_frame(self, end: float, size: float) -> tuple[str, float]:
        """Go on to a length, in Å, by steps of about a size: why not, if so, and the next size."""
        start = self.found[0][1]
        covered, here = self.found[-1]
        rounding = Tolerance.ROUNDING
        while (left := end - covered) > rounding * self.step:
            part = left / ceil(left / size * (1 - rounding))
            stride = advance(self.see, here, part)
            obstacle = _obstacle(start, stride.place.spectrum if stride else self._ahead(here))
            if stride is None or obstacle:
                return (
                    obstacle or "the direction is lost among modes that turn into each other",
                    size,
                )
            covered = covered + stride.size if stride.size < left else end
            self.events += [(event, covered) for event in _happened(here, stride)]
            here, size = stride.place, stride.following
            closing = self._close(here, min(size, end - covered))
            if closing:
                self._keep(covered + closing.size, closing.place)
                return "it is back at the start, after superposition", size
        self._keep(end, here)
        return "", size

    def _close(self, here: Place, within: float) -> Stride | None:
        """The rest of a curve that ends where it closes, if it does so within so many Å."""
        if self.closed:
            return None
        closing = self.returns.close(self.see, here, within=within)
        self.closed = closing is not None
        return None if self.repeat else closing

    def _keep(self, covered: float, here: Place) -> None:
        self.found.append((covered, here))
        where = f"{covered:.3g} of {self.count * self.step:.3g} Å"
        self.progress(f"{where}, condition {here.spectrum.condition:.0e}")

    def _ahead(self, here: Place) -> Spectrum:
        """The spectrum straight ahead."""
        return self.see(here.spectrum.atoms.positions + _FIRST_STEP * here.direction)


def _happened(last: Place, stride: Stride) -> list[str]:
    """Events of the modes within one step, as the beginnings of sentences."""
    here = stride.place
    pairs = zip(last.followed, here.followed, strict=True)
    events = [f"Mode {old} became mode {new}" for old, new in pairs if old != new]
    if last.held >= HALF > here.held:
        followed = " and ".join(str(mode) for mode in here.followed)
        events.append(f"Near-crossings of mode {followed} were smoothed")
    if not stride.accurate:
        events.append("The path turned faster than the steps resolve")
    return events


def _obstacle(start: Place, here: Spectrum) -> str:
    """The reason why the curve cannot go on, if there is one."""
    closest = 0.4  # Å: nearer atoms are about to coalesce, which is no structure
    if len(neighbor_pairs(here.atoms, closest).i):
        return f"two atoms are nearer than {closest} Å"
    if here.kinds.count("unseen") != start.spectrum.kinds.count("unseen"):
        return "an atom has crossed the cutoff"
    return ""
