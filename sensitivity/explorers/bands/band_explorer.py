"""The explorer of bands: choose a wave of a crystal and watch it in a supercell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import traitlets
from ase import Atoms
from ase.dft.kpoints import BandPath
from numpy.typing import ArrayLike

from sensitivity.bands import Bands, Waves, bands
from sensitivity.bands.supercell import Supercell, find_supercell
from sensitivity.bands.wave_vectors import check_crystal, choose_wave_vectors
from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.explorers.bands.band_chart import BandChart
from sensitivity.explorers.parts.background import Report, Work
from sensitivity.explorers.parts.choices import Index, Length, check_index, make_slider
from sensitivity.explorers.parts.downloads import ATOMS, FIGURES, PAGE
from sensitivity.explorers.parts.inputs import take_structure
from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.motion_view import MotionView, Texts
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.numerics import Array, check_real
from sensitivity.plots.camera import choose_view
from sensitivity.progress import Cancelled
from sensitivity.reports.crystals import describe_supercell, describe_wave
from sensitivity.share.pages import make_page
from sensitivity.structures.files.reading import Source

LONGEST = 0.5  # Å
STOPS = np.linspace(-LONGEST, LONGEST, 101)


class BandExplorer(MotionView):
    """The sensitivity bands of a crystal, and one of its waves in a supercell.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.wave_vector = 7``, ``explorer.band = 2``, ``explorer.amplitude = 0.3``.

    The bands are computed in the background: ``busy`` is true meanwhile, ``wait()`` waits for them,
    and ``cancel()`` stops and keeps the wave vectors so far.

    A wave is shown in a supercell in which it is periodic, if the numbers of its wave vector are
    fractions with a common denominator of at most 24. Otherwise the nearest such wave is shown,
    and the text says so.

    Parameters
    ----------
    crystal
        A structure that is periodic in one, two or three directions, or its name in the library.
        It is not changed.
    descriptor, path, points
        As for ``bands``.

    Attributes
    ----------
    wave_vector
        Index of the wave vector on the path.
    band
        Index of the wave at this wave vector: the visible ones, by descending singular value, then
        the invisible ones, by cause.
    amplitude
        Displacement in Å of the atom that moves furthest.
    arrows
        Whether one arrow per atom shows the direction in which it moves.

    Raises
    ------
    TypeError, ValueError
        As for ``bands``, or if the structure is too large.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.explorers import BandExplorer
    >>> explorer = BandExplorer("C-diamond", DensityCorrelations(), path="GX", points=5)
    >>> explorer.wait()
    >>> explorer.wave_vector, explorer.band = 4, 0
    >>> explorer.waves.q.tolist(), explorer.waves.causes[0]
    ([0.5, 0.0, 0.5], 'sensitive')
    """

    wave_vector, band = Index().tag(kept=True), Index().tag(kept=True)
    amplitude = Length()
    moved, per_stop, rest = "amplitude", 0.01, 50

    files = ATOMS | FIGURES | PAGE

    texts = Texts(
        label="amplitude (Å)",
        slider="Displacement of the atom that moves furthest; the arrow keys change it by 0.01 Å",
        film="Move the atoms along the wave, forth and back",
        arrows="Show the direction in which each atom moves",
        reset="Return to the perfect crystal and the initial view",
        file="bands",
    )
    chart: BandChart

    def __init__(
        self,
        crystal: Atoms | str,
        descriptor: Descriptor,
        *,
        path: str | BandPath | ArrayLike | None = None,
        points: int = 100,
    ) -> None:
        super().__init__()
        structure, name, _ = take_structure(crystal, otherwise="pass an ase.Atoms")
        self._source = Source(name or structure.get_chemical_formula(), structure)
        check_crystal(structure)
        check_descriptor(descriptor)
        self._chosen = choose_wave_vectors(structure, path, points=points)
        self._bands: Bands | None = None
        self._waves: Waves | None = None  # of the chosen wave vector
        self._near: Waves | None = None  # of the one that is shown
        self._supercell, self._pattern = self._settle()
        self._make_sliders()
        chart, body = BandChart(), Body(self._supercell.atoms)
        legend = (row(self.sliders["wave_vector"], self.sliders["band"], flex="1 1 100%"),)
        self._build(chart, body, stops=[f"{stop:.2f}" for stop in STOPS], legend=legend)
        self.observe(lambda _: self._choose(), ["wave_vector", "band"])
        chart.on_click(lambda number, band: self.attempt(self.select, number, band))
        self.panel.tell("Computing the bands …")

        def compute(report: Report) -> Bands:
            def tell(text: str) -> None:
                report(f"Bands: {text} …")

            return bands(structure, descriptor, path=path, points=points, progress=tell)

        told = self.panel.report
        self._task.start(compute, then=self._learn, failed=self._fail, told=told)
        self._built = True

    @property
    def bands(self) -> Bands | None:
        """The bands; None until they are computed."""
        return self._bands

    @property
    def waves(self) -> Waves | None:
        """The waves of the chosen wave vector; None until the bands are computed."""
        return self._waves

    @property
    def supercell(self) -> Supercell:
        """The supercell in which the wave is shown, and its wave vector."""
        return self._supercell

    def select(self, wave_vector: int, band: int) -> None:
        """Show a wave: the index of a wave vector on the path, and that of one of its waves."""
        wave_vector = self._check("wave_vector", wave_vector)
        band = self._check("band", band)
        with self.hold_trait_notifications():
            self.wave_vector, self.band = wave_vector, band

    def frames(self) -> list[Atoms]:
        """Return the supercell at 21 amplitudes from end to end, with notes on the wave."""
        found = []
        for stop in STOPS[::5].tolist():
            atoms = self._supercell.atoms.copy()
            atoms.positions = self._place(stop)[0][0]
            atoms.info |= {**self._notes[0], "amplitude": stop}
            found.append(atoms)
        return found

    def _page(self) -> Work:
        found, source = self._bands, self._source
        if found is None or not len(found.q):
            raise ValueError("the bands are not known yet; share them when they are computed.")
        return lambda report: make_page(found, source=source, progress=report).encode()

    @property
    def _notes(self) -> list[dict[str, Any]]:
        notes: dict[str, Any] = {"q": self._supercell.q.tolist(), "band": self.band}
        if self._near is not None:
            value = float(self._near.singular_values[self.band])
            notes |= {"singular_value": value, "cause": self._near.causes[self.band]}
        return [{**notes, "amplitude": self.amplitude}]

    def _make_sliders(self) -> None:
        names = [
            f"{number} ({'Γ' if label == 'G' else label})" if label else f"{number}"
            for number, label in enumerate(self._chosen.labels)
        ]
        bands = [f"{band}" for band in range(3 * len(self._chosen.atoms))]
        tooltips = {
            "wave_vector": "Wave vector on the path; a click on the chart selects one",
            "band": "Visible waves by descending singular value, then the invisible ones by cause",
        }
        self.sliders = {
            name: make_slider(name.replace("_", " "), tooltips[name], stops=stops)
            for name, stops in (("wave_vector", names), ("band", bands))
        }
        for name, slider in self.sliders.items():
            slider.observe(partial(self._turn, name), "index")

    def _turn(self, name: str, change: Any) -> None:
        setattr(self, name, change["new"])

    def _learn(self, found: Bands) -> None:
        self._bands = found
        self.chart.load(found, (self.wave_vector, self.band))
        self.panel.tell(f"{found.status}" if found.ending else "")
        if len(found.q):
            self.select(*_most_telling(found))
        self._choose()
        self._move()
        self.look()

    def _fail(self, error: Exception) -> None:
        if not self._built and not isinstance(error, Cancelled):
            raise error  # before the explorer is shown
        super()._fail(error)
        if self._bands is None:
            self.chart.write("no bands")

    def _settle(self) -> tuple[Supercell, Array]:
        """Return the supercell of the chosen wave vector, and the displacements of the wave."""
        q = self._chosen.q[self.wave_vector]
        place = find_supercell(q, self._chosen.atoms)
        if self._bands is None:
            return place, np.zeros_like(place.atoms.positions)
        if self._waves is None or self._near is None or not np.array_equal(self._waves.q, q):
            self._waves = self._bands.waves(q)
            self._near = self._waves if place.exact else self._bands.waves(place.q)
        return place, place.displace(self._near.vectors[self.band])

    def _choose(self) -> None:
        """Show the chosen wave, in another supercell if needed."""
        before = self._supercell
        self._supercell, self._pattern = self._settle()
        if not _same_atoms(before, self._supercell):
            self._bodies = (Body(self._supercell.atoms),)
            self.molecule.load(*self._bodies, camera=self._turned())

    def _turned(self) -> Camera:
        """Return a camera on the supercell, in the direction that the user has chosen."""
        camera = self.molecule.camera
        assert camera is not None
        return Camera.around(self._supercell.atoms.positions, view=camera.view)

    def _camera(self) -> Camera:
        atoms = self._supercell.atoms
        return Camera.around(atoms.positions, view=choose_view(atoms, self._pattern))

    def _place(self, at: float) -> tuple[Sequence[Array], Array]:
        return [self._supercell.atoms.positions + at * self._pattern], self._pattern

    def _move(self) -> None:
        super()._move()
        for name, slider in self.sliders.items():
            slider.index = getattr(self, name)
        self.chart.show((self.wave_vector, self.band))
        if self._bands is not None and self._waves is not None and self._near is not None:
            wave = f"{describe_wave(self._waves, self.band)}."
            place = describe_supercell(self._supercell, self._near, self.band)
            self.panel.say(wave, place, self._bands.status)

    @traitlets.validate("wave_vector", "band")
    def _validate_choice(self, proposal: Any) -> int:
        return self._check(proposal["trait"].name, proposal["value"])

    def _check(self, name: str, number: int) -> int:
        count = len(self._chosen.q) if name == "wave_vector" else 3 * len(self._chosen.atoms)
        return check_index(number, name, count=count)

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        expected = f"a number from {-LONGEST} to {LONGEST} Å"
        accepts, remedy = (lambda x: abs(x) <= LONGEST), "give e.g. 0.2"
        return check_real(proposal["value"], "amplitude", expected, accepts=accepts, remedy=remedy)


def _most_telling(found: Bands) -> tuple[int, int]:
    """Return the wave vector with the largest value, and its first invisible wave, if any."""
    number = int(found.singular_values.max(axis=1).argmax())
    return number, int(found.rank[number]) % found.singular_values.shape[1]


def _same_atoms(one: Supercell, other: Supercell) -> bool:
    return one.cells.shape == other.cells.shape and bool(np.all(one.cells == other.cells))
