"""Change the basis, and see which displacements it was that hid them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.convergence import Convergence
from sensitivity.descriptors import Centers, DensityCorrelations
from sensitivity.explorers.basis.basis_charts import BasisMap, SpectrumChart
from sensitivity.explorers.basis.basis_map import (
    Grid,
    count_known,
    empty_map,
    fill_map,
    why_nothing,
)
from sensitivity.explorers.parts.background import Failure, Report, Worker
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.explorers.parts.layout import row, spread
from sensitivity.explorers.parts.reference import Reference, Subject, examine, explain
from sensitivity.explorers.parts.sliders import make_slider, offer_stops
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.explorers.parts.view import View, seldom
from sensitivity.progress import Cancelled

SMEARINGS = tuple(round(0.05 * k, 2) for k in range(21))
"""Å: from a delta function to densities that hardly tell one neighbour from another."""

CUTOFFS = tuple(round(0.1 * k, 1) for k in range(10, 81))
"""Å: from a bond to the third shell of neighbours."""


class BasisExplorer(View):
    """The singular values with one basis, and a map of what is seen with all of them.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.n_max = 3``, ``explorer.descriptor = ...``.

    The singular values are coloured by cause as soon as that is known; dashes are those of the
    basis before. The map is computed in the background: ``busy`` tells whether it is, ``wait()``
    waits for it, and ``cancel()`` ends it and keeps what is known.

    Parameters
    ----------
    atoms
        The structure. It is not changed.
    descriptor
        What looks at it.
    centers
        Indices of the center atoms; every atom by default.

    Attributes
    ----------
    reference
        What the descriptor sees of the structure.
    convergence
        The map, NaN where it is not known.

    Raises
    ------
    TypeError, ValueError
        If the descriptor is another one than ``DensityCorrelations``, whose basis is known here,
        or the structure or a center is unusable.
    """

    def __init__(
        self, atoms: Atoms, descriptor: DensityCorrelations, *, centers: Centers = None
    ) -> None:
        _check(descriptor)
        check_size(atoms)
        super().__init__()
        self._spectra, self._causes = Worker(), Worker()
        self._reference = examine(Subject(atoms, descriptor, centers))
        self._descriptor = descriptor
        self._before: NDArray[np.float64] | None = None
        self._own = False
        self._grid = Grid.around(descriptor)
        self.chart, self.map = SpectrumChart(), BasisMap()
        self._make_controls()
        self.widget = spread(
            self.chart.widget,
            self.map.widget,
            above=[self._arrange_sliders()],
            below=[self.panel.box],
            on_width=self._fit,
        )
        self._connect()
        self._enter(self.reference)
        self._built = True

    @property
    def reference(self) -> Reference:
        """What the descriptor sees of the structure."""
        return self._reference

    @property
    def convergence(self) -> Convergence:
        """The map, NaN where it is not known."""
        return self._convergence

    @property
    def descriptor(self) -> DensityCorrelations:
        """What looks at the structure; set it to another one."""
        return self._descriptor

    @descriptor.setter
    def descriptor(self, descriptor: DensityCorrelations) -> None:
        _check(descriptor)
        if descriptor == self._descriptor:
            return
        self._descriptor = descriptor
        atoms, centers = self.reference.atoms, self.reference.centers
        self._spectra.start(
            lambda _: examine(Subject(atoms, descriptor, centers)),
            then=self._enter,
            failed=self._stay,
        )

    @property
    def n_max(self) -> int:
        """Number of radial functions; set it to another one."""
        return self.descriptor.n_max

    @n_max.setter
    def n_max(self, n_max: int) -> None:
        self.descriptor = replace(self.descriptor, n_max=n_max)

    @property
    def l_max(self) -> int:
        """Largest degree of the spherical harmonics; set it to another one."""
        return self.descriptor.l_max

    @l_max.setter
    def l_max(self, l_max: int) -> None:
        self.descriptor = replace(self.descriptor, l_max=l_max)

    @property
    def smearing(self) -> float:
        """Width of an atom in the density, in Å; set it to another one."""
        return self.descriptor.smearing

    @smearing.setter
    def smearing(self, smearing: float) -> None:
        self.descriptor = replace(self.descriptor, smearing=smearing)

    @property
    def cutoff(self) -> float:
        """How far a center sees, in Å; set it to another distance."""
        return self.descriptor.cutoff

    @cutoff.setter
    def cutoff(self, cutoff: float) -> None:
        self.descriptor = replace(self.descriptor, cutoff=cutoff)

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._spectra, self._causes, self._task

    def _make_controls(self) -> None:
        self.n_slider = make_slider(
            "n_max",
            "Number of radial functions: how finely distances are told apart",
            stops=["1"],
            width="1 1 220px",
        )
        self.l_slider = make_slider(
            "l_max",
            "Largest degree of the spherical harmonics: how finely directions are told apart",
            stops=["0"],
            width="1 1 220px",
        )
        self.smearing_slider = make_slider(
            "smearing (Å)",
            "Width of an atom in the density: wide ones need fewer functions, and blur",
            stops=[f"{value:.2f}" for value in SMEARINGS],
            width="1 1 240px",
        )
        self.cutoff_slider = make_slider(
            "cutoff (Å)",
            "How far a center sees: more neighbours need more functions",
            stops=[f"{value:.1f}" for value in CUTOFFS],
            width="1 1 240px",
        )

    def _arrange_sliders(self) -> Any:
        """All four beside each other, or two and two."""
        pairs = (self.n_slider, self.l_slider), (self.smearing_slider, self.cutoff_slider)
        rows = [row(*pair) for pair in pairs]
        for pair in rows:
            pair.layout.flex = "1 1 460px"
        return row(*rows)

    def _fit(self, width: float) -> None:
        self.chart.fit(width)
        self.map.fit(width)

    def _connect(self) -> None:
        for name, slider in (
            ("n_max", self.n_slider),
            ("l_max", self.l_slider),
            ("smearing", self.smearing_slider),
            ("cutoff", self.cutoff_slider),
        ):
            slider.observe(lambda change, name=name: self._slide(name, change["new"]), "index")
        self.map.on_click(lambda n_max, l_max: self.attempt(self._choose, n_max, l_max))

    def _choose(self, n_max: int, l_max: int) -> None:
        self.descriptor = replace(self.descriptor, n_max=n_max, l_max=l_max)

    def _slide(self, name: str, stop: int) -> None:
        stops = self._stops(name)
        # A slider stands at the stop nearest to the value, which may lie between two.
        if not self._own and stop != _nearest(stops, getattr(self, name)):
            self.attempt(setattr, self, name, stops[stop])

    def _stops(self, name: str) -> Sequence[float]:
        grid = self._grid
        every = {"n_max": grid.n_max, "l_max": grid.l_max}
        return every.get(name) or {"smearing": SMEARINGS, "cutoff": CUTOFFS}[name]

    def _enter(self, reference: Reference) -> None:
        """Show what a descriptor sees, then why; and a map, if it is another one."""
        self._causes.drop()
        if reference is not self.reference:
            self._before = self.reference.singular_values
        self._reference = reference
        self._draw_map()
        self._show_controls()
        self._show(reference)
        self._causes.start(
            lambda _: explain(reference), then=self._show, failed=self._show_no_causes, patience=0.0
        )

    def _show(self, reference: Reference) -> None:
        self._reference = reference
        self.chart.load(reference, self._before)
        self._say()

    def _show_no_causes(self, error: Failure) -> None:
        if not isinstance(error, Cancelled):
            self.panel.tell(f"The causes are not known: {as_sentence(error)}", trouble=True)

    def _stay(self, error: Failure) -> None:
        """Go back to the descriptor before, which could look at the structure."""
        self._descriptor = self.reference.descriptor  # type: ignore[assignment]
        self._show_controls()
        self._fail(error)

    def _draw_map(self) -> None:
        """Mark the basis in the map; compute another map where anything else has changed."""
        descriptor = self.descriptor
        same = hasattr(
            self, "_convergence"
        ) and descriptor == self.convergence.descriptor.with_settings(
            n_max=descriptor.n_max, l_max=descriptor.l_max
        )
        if same and self._grid.holds(descriptor):
            self.map.show(*self._grid.place(descriptor))
            self._tell_of_map()
            return
        self._grid = Grid.around(descriptor)
        start = empty_map(
            self.reference.atoms, descriptor, centers=self.reference.centers, grid=self._grid
        )

        def work(report: Report) -> Convergence:
            found, tell = start, seldom(report)
            try:
                for found in fill_map(start):
                    tell(found)
            except Cancelled:  # what is known is shown
                pass
            return found

        self._show_map(start)
        self.panel.tell(f"The map: 0 of {self._grid.size} bases ...")
        self._task.start(
            work, then=self._show_map, failed=self._fail, told=self._show_map, patience=0.0
        )

    def _show_map(self, found: Convergence) -> None:
        self._convergence = found
        self.map.load(found, self._grid)
        self.map.show(*self._grid.place(self.descriptor))
        self._tell_of_map()

    def _tell_of_map(self) -> None:
        found, size = self.convergence, self._grid.size
        known = count_known(found)
        nothing = why_nothing(found)
        if nothing:
            self.panel.tell(f"The map is empty: {' '.join(nothing.split())}.")
        elif known == size:
            self.panel.tell(f"The map: {found.status}")
        elif self._task.busy:
            self.panel.tell(f"The map: {known} of {size} bases ...")
        else:
            self.panel.tell(f"Cancelled: {size - known} bases were not tried.")

    def _show_controls(self) -> None:
        """Let the sliders stand where they belong, without a sound."""
        self._own = True
        try:
            for name, slider in (("n_max", self.n_slider), ("l_max", self.l_slider)):
                options = [(f"{value:g}", k) for k, value in enumerate(self._stops(name))]
                if tuple(options) != tuple(slider.options):
                    offer_stops(slider, options)
                slider.index = _nearest(self._stops(name), getattr(self, name))
            self.l_slider.disabled = self.descriptor.order == 1
            self.smearing_slider.index = _nearest(SMEARINGS, self.smearing)
            self.cutoff_slider.index = _nearest(CUTOFFS, self.cutoff)
        finally:
            self._own = False

    def _say(self) -> None:
        self.panel.say(*describe_basis(self.reference))


def describe_basis(reference: Reference) -> list[str]:
    """Say what a basis is, and what is seen with it and why not more."""
    descriptor, found = reference.descriptor, reference.spectrum
    assert isinstance(descriptor, DensityCorrelations)
    basis = (
        f"Order {descriptor.order}, n_max = {descriptor.n_max}, l_max = {descriptor.l_max}, "
        f"smearing {descriptor.smearing:g} Å, cutoff {descriptor.cutoff:g} Å: "
        f"{found.features.shape[1]} features per center. {found.status}"
    )
    diagnosis = reference.diagnosis
    return [basis, "" if diagnosis is None else diagnosis.status]


def _nearest(stops: Sequence[float], value: float) -> int:
    return int(np.argmin(np.abs(np.array(stops) - value)))


def _check(descriptor: DensityCorrelations) -> None:
    if not isinstance(descriptor, DensityCorrelations):
        raise TypeError(
            f"descriptor must be DensityCorrelations, got {type(descriptor).__name__}; the bases "
            "of others are not known here, compare their spectra one by one."
        )
