"""Going along a curve from frame to frame, what happens on the way, and why it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from sensitivity.paths.returns import Returns
from sensitivity.paths.steps import See, Stride, advance
from sensitivity.paths.transport import Place
from sensitivity.progress import Progress
from sensitivity.spectrum import Spectrum
from sensitivity.structures import neighbor_pairs

# Å. The first step that is tried; and how far ahead the reason is looked for why there is none.
FIRST_STEP = 0.01
# Of the distance between frames: what is left of it after the last step is rounding.
ROUNDING = 1e-9
# Å. Nearer atoms than this are about to coalesce, which is no structure.
CLOSEST = 0.4
# Squared part of the direction which the mode that is followed holds; with less the curve cuts a
# corner of it.
HELD = 0.5
# How a curve ends that meets no obstacle.
COMPLETE = "complete"
RETURNED = "it is back at the start, after superposition"
LOST = "the direction is lost among modes that turn into each other"
INTERRUPTED = "interrupted from the keyboard"


@dataclass(frozen=True)
class Told:
    """Tells how far a curve of a length in Å has come."""

    progress: Progress
    length: float

    def __call__(self, covered: float, spectrum: Spectrum) -> None:
        """Tell it."""
        where = f"{covered:.3g} of {self.length:.3g} Å"
        self.progress(f"{where}, condition {spectrum.condition:.0e}")


@dataclass
class Walk:
    """A curve that is being followed.

    Attributes
    ----------
    see
        Gives the spectrum at any positions.
    returns
        Tells where the curve closes.
    count, step
        Number of frames after the first, and the distance between them in Å.
    repeat
        Whether to go on where it closes.
    told
        Told at each frame.
    found
        Length in Å and place of each frame, the start first.
    events
        What happened on the way, and at which length in Å.
    closed
        Whether it has closed.
    """

    see: See
    returns: Returns
    count: int
    step: float
    repeat: bool
    told: Told
    found: list[tuple[float, Place]]
    events: list[tuple[str, float]] = field(default_factory=list)
    closed: bool = False

    def run(self) -> str:
        """Go on to the end, and say why it is the end."""
        size = min(FIRST_STEP, self.step)
        try:
            for frame in range(1, self.count + 1):
                ending, size = self._next_frame(frame * self.step, size)
                if ending:
                    return ending
        except KeyboardInterrupt:
            return INTERRUPTED
        return COMPLETE

    def _next_frame(self, end: float, size: float) -> tuple[str, float]:
        """Go on to a length, in Å, by steps of about a size: why not, if so, and the next size."""
        start = self.found[0][1]
        covered, here = self.found[-1]
        while (left := end - covered) > ROUNDING * self.step:
            part = left / ceil(left / size * (1 - ROUNDING))
            stride = advance(self.see, here, part)
            obstacle = _obstacle(start, stride.place.spectrum if stride else self._ahead(here))
            if stride is None or obstacle:
                return obstacle or LOST, size
            covered = covered + stride.size if stride.size < left else end
            self.events += [(event, covered) for event in _happened(here, stride)]
            here, size = stride.place, stride.following
            closing = self._close(here, min(size, end - covered))
            if closing:
                self._keep(covered + closing.size, closing.place)
                return RETURNED, size
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
        self.told(covered, here.spectrum)

    def _ahead(self, here: Place) -> Spectrum:
        """The spectrum straight ahead."""
        return self.see(here.spectrum.atoms.positions + FIRST_STEP * here.direction)


def _happened(last: Place, stride: Stride) -> list[str]:
    """What became of the modes within one step, as the beginnings of sentences."""
    here = stride.place
    pairs = zip(last.followed, here.followed, strict=True)
    events = [f"Mode {old} became mode {new}" for old, new in pairs if old != new]
    if last.held >= HELD > here.held:
        followed = " and ".join(str(mode) for mode in here.followed)
        events.append(f"Near-crossings of mode {followed} were smoothed")
    if not stride.accurate:
        events.append("The path turned faster than the steps resolve")
    return events


def _obstacle(start: Place, here: Spectrum) -> str:
    """Why the curve cannot go on, if so."""
    if len(neighbor_pairs(here.atoms, CLOSEST).i):
        return f"two atoms are nearer than {CLOSEST} Å"
    if here.kinds.count("unseen") != start.spectrum.kinds.count("unseen"):
        return "an atom has crossed the cutoff"
    return ""
