"""The explorer of bases: change the basis of a descriptor and see what becomes visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.convergence import Convergence, grow
from sensitivity.descriptors import Centers, Descriptor, check_descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers.basis import basis_map
from sensitivity.explorers.basis.basis_map import BasisMap, find_basis
from sensitivity.explorers.parts.background import Worker
from sensitivity.explorers.parts.choices import Entered, make_slider, offer_stops
from sensitivity.explorers.parts.downloads import CHART, make_downloads
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone, fit_markers
from sensitivity.explorers.parts.inputs import SETTINGS, is_length, take_structure
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.notes import Note, note_on_mode
from sensitivity.explorers.parts.state import Reference, Subject, examine, explain
from sensitivity.explorers.parts.view import View, as_sentence
from sensitivity.numerics import Array, takes_centers
from sensitivity.plots.singular_values import draw_causes, scale_values
from sensitivity.progress import Cancelled

FILES = {"chart": "singular values", "map": "map"}
"""Figures that can be downloaded, and their names."""


class SpectrumChart(FigureWidget):
    """The singular values, coloured by cause, with those of the previous basis as dashes."""

    def __init__(self) -> None:
        super().__init__(column=97)
        self.watch_pointer(self._describe)

    @alone
    def load(self, reference: Reference, before: Array | None) -> None:
        """Show the singular values of a reference, and those of the previous one."""
        self.clear()
        axes = self.figure.subplots()
        values = reference.singular_values
        every = values if before is None else np.concatenate([values, before])
        axis = scale_values(axes, every, spectra=[reference.spectrum])
        self._shown, self._zero = values, axis.zero
        self.values = draw_causes(axes, values, reference.causes, axis=axis)
        self.before = None
        if before is not None:
            style: dict[str, Any] = {"color": "gray", "ls": "none", "marker": "_", "ms": 12}
            heights = axis.heights(before)
            (self.before,) = axes.plot(heights, label="before", clip_on=False, **style)
        self.rearrange()

    def rearrange(self) -> None:
        """Set the size of the markers so that they do not overlap."""
        self.finish()
        fit_markers(*self.values.values(), count=len(self._shown), largest=5.5)

    def _describe(self, event: Any) -> Note | None:
        return note_on_mode(event, self.values, self._shown, zero=self._zero)


def _setting(name: str) -> property:
    return property(
        lambda view: view.settings[name],
        lambda view, value: view.change(**{name: value}),
        doc="{}. {}.".format(*SETTINGS[name][::2]),
    )


class BasisExplorer(View):
    """The singular values with one basis, and a map of the ranks over all bases.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.n_max = 3``, ``explorer.change(n_max=3)``, ``explorer.descriptor = ...``.

    The singular values are coloured by cause as soon as that is known; dashes show the previous
    basis. The map is computed in the background: ``busy`` is true meanwhile, ``wait()`` waits for
    it, and ``cancel()`` stops and keeps the results so far.

    Parameters
    ----------
    atoms
        The structure, or its name in the library. It is not changed.
    descriptor
        A descriptor with one or two settings that enlarge its basis (``refinable``).
    centers
        Indices of the center atoms; every atom by default. For a name from the library, the default
        is that of ``Explorer``.

    Raises
    ------
    TypeError, ValueError
        If the descriptor has no such settings, or the structure or a center is unusable.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.explorers import BasisExplorer
    >>> explorer = BasisExplorer("generic", DensityCorrelations(n_max=4, l_max=4))
    >>> explorer.change(n_max=1)
    >>> explorer.cancel()
    >>> explorer.reference.spectrum.rank, explorer.settings["n_max"]
    (5, 1)
    """

    n_max, l_max, smearing, cutoff = map(_setting, ("n_max", "l_max", "smearing", "cutoff"))

    @takes_centers
    def __init__(
        self, atoms: Atoms | str, descriptor: Descriptor, *, centers: Centers = None
    ) -> None:
        _check(descriptor)
        structure, name, centers = take_structure(atoms, centers, otherwise="pass an ase.Atoms")
        super().__init__()
        self._spectra, self._causes = Worker(), Worker()
        self._reference = examine(Subject(structure, descriptor, centers, name=name))
        self._descriptor = descriptor
        self._before: Array | None = None
        self._quiet = Entered()
        self._bases: Mapping[str, tuple[float, ...]] = basis_map.usual_bases(descriptor)
        self.chart, self.map = SpectrumChart(), BasisMap()
        self.sliders = {name: _make_slider(name) for name in self._stops()}
        sliders = list(self.sliders.values())
        pairs = [row(*sliders[k : k + 2], flex="1 1 460px") for k in range(0, len(sliders), 2)]
        save = {name: partial(self.attempt, self.export, name) for name in FILES}
        downloads = [
            make_downloads(CHART, save[name], label=f"Download {label}")
            for name, label in FILES.items()
        ]
        self.widget = arrange(
            self.page,
            above=[row(*pairs)],
            left=[self.chart.pane, self.panel.box, downloads[0]],
            right=[self.map.pane, downloads[1]],
            charts=[self.chart, self.map],
        )
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._slide(name, change["new"]), "index")
        self.map.on_click(lambda basis: self.attempt(lambda: self.change(**basis)))
        self._enter(self.reference)
        self._built = True

    @property
    def reference(self) -> Reference:
        """The singular values and causes of the structure."""
        return self._reference

    @property
    def convergence(self) -> Convergence:
        """The map; NaN where it is unknown."""
        return self._convergence

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the descriptor."""
        return settings_of(self._descriptor)

    def change(self, **settings: Any) -> None:
        """Change settings of the descriptor."""
        self.descriptor = with_defaults(self._descriptor).with_settings(**settings)

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor; set it to one with other settings."""
        return self._descriptor

    @descriptor.setter
    def descriptor(self, descriptor: Descriptor) -> None:
        _check(descriptor, self._descriptor)
        if descriptor == self._descriptor:
            return
        self._descriptor = descriptor
        subject = Subject(self.reference.atoms, descriptor, self.reference.centers)
        self._spectra.start(lambda _: examine(subject), then=self._enter, failed=self._stay)

    def export(self, name: str, form: str) -> None:
        """Download the chart or the map as png, pdf or svg."""
        if name not in FILES or form not in CHART:
            raise ValueError(
                f"name must be one of {[*FILES]} and form one of {[*CHART]}, got {name!r} and "
                f"{form!r}; give e.g. 'map', 'pdf'."
            )
        drawn, file = getattr(self, name), f"{FILES[name].replace(' ', '-')}.{form}"
        self.download(file, drawn.draw_file(form))

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._spectra, self._causes, *super()._workers

    def _slide(self, name: str, stop: int) -> None:
        stops = self._stops()[name]
        # A slider is at the stop nearest to the value, which may lie between two stops.
        if not self._quiet and stop != _nearest(stops, self.settings[name]):
            self.attempt(lambda: self.change(**{name: stops[stop]}))

    def _stops(self) -> dict[str, Sequence[float]]:
        """Return the values of each slider."""
        return {**self._bases, **_lengths(self._descriptor)}

    def _enter(self, reference: Reference) -> None:
        """Show the singular values of a reference, then the causes; update the map if needed."""
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
        self.panel.say(*describe_basis(reference))

    def _show_no_causes(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            self.panel.tell(f"The causes are unknown: {as_sentence(error)}", trouble=True)

    def _stay(self, error: Exception) -> None:
        """Return to the previous descriptor after an error."""
        self._descriptor = self.reference.descriptor
        self._show_controls()
        self._fail(error)

    def _draw_map(self) -> None:
        """Mark the basis in the map; compute a new map if any other setting has changed."""
        descriptor, basis = self.descriptor, find_basis(self.descriptor)
        known = all(basis[name] in values for name, values in self._bases.items())
        if known and hasattr(self, "_convergence"):
            other = with_defaults(self.convergence.descriptor)
            if descriptor == other.with_settings(**basis):
                self.map.show(basis)
                self._tell_of_map()
                return
        bases = self._bases = basis_map.usual_bases(descriptor)
        atoms, centers = self.reference.atoms, self.reference.centers
        maps = grow(atoms, descriptor, centers=centers, parameters=bases)
        start = next(maps)
        self._show_map(start)
        self.panel.tell(f"The map: 0 of {start.rank.size} bases ...")
        show = self._show_map
        self._run_through(maps, start, then=show, told=show, patience=0.0)

    def _show_map(self, found: Convergence) -> None:
        self._convergence = found
        self.map.load(found)
        self.map.show(find_basis(self.descriptor))
        self._tell_of_map()

    def _tell_of_map(self) -> None:
        found, size = self.convergence, self.convergence.rank.size
        known = int(np.sum(~np.isnan(found.rank))) + len(found.failures)
        if nothing := basis_map.why_nothing(found):
            self.panel.tell(f"The map is empty: {' '.join(nothing.split())}.")
        elif known == size:
            self.panel.tell(f"The map: {found.status}")
        elif self._task.busy:
            self.panel.tell(f"The map: {known} of {size} bases ...")
        else:
            self.panel.tell(f"Cancelled: {size - known} bases were not computed.")

    def _show_controls(self) -> None:
        """Set the sliders to the settings, without acting as if the user had moved them."""
        with self._quiet:
            for name, stops in self._stops().items():
                slider = self.sliders[name]
                labels = [f"{stop:{'.2f' if isinstance(stop, float) else 'd'}}" for stop in stops]
                options = [(label, k) for k, label in enumerate(labels)]
                if tuple(options) != tuple(slider.options):
                    offer_stops(slider, options)
                slider.index = _nearest(stops, self.settings[name])
                slider.disabled = len(stops) == 1


def describe_basis(reference: Reference) -> list[str]:
    """Return sentences on a basis, its rank, and the causes of invisible displacements."""
    known, found = with_defaults(reference.descriptor), reference.spectrum
    settings = [] if known.order is None else [f"order {known.order}"]
    settings += [f"{name} = {value}" for name, value in find_basis(reference.descriptor).items()]
    lengths = _lengths(reference.descriptor)
    settings += [f"{name} = {settings_of(known)[name]:g} Å" for name in lengths]
    count = found.features.shape[1]
    basis = f"{known.name}, {', '.join(settings)}: {count} features per center. {found.status}"
    return [basis, "" if reference.diagnosis is None else reference.diagnosis.status]


def _lengths(descriptor: Descriptor) -> dict[str, list[float]]:
    """Return the slider values of the settings that are lengths."""
    found, known, settings = {}, with_defaults(descriptor), settings_of(descriptor)
    for name, (low, high) in known.limits.items():
        if name in settings and name not in known.refinable and is_length(name, low, high):
            step = 0.05 if high - low <= 2.0 else 0.1
            count = round((high - low) / step) + 1
            found[name] = [round(float(low + k * step), 2) for k in range(count)]
    return found


def _make_slider(name: str) -> Any:
    label, _, tooltip = SETTINGS.get(name, (name, 0, f"Change {name}"))
    return make_slider(label, tooltip, stops=["0"], width="1 1 220px")


def _nearest(stops: Sequence[float], value: float) -> int:
    return int(np.argmin(np.abs(np.array(stops) - value)))


def _check(descriptor: Descriptor, before: Descriptor | None = None) -> None:
    check_descriptor(descriptor)
    known = with_defaults(descriptor)
    if len(known.refinable) not in (1, 2):
        raise TypeError(
            "descriptor must have one or two settings that enlarge its basis, got "
            f"{known.name} with {', '.join(known.refinable) or 'none'}; name them in refinable."
        )
    if before is not None and known.refinable != with_defaults(before).refinable:
        names = ", ".join(with_defaults(before).refinable)
        raise TypeError(
            f"descriptor must have the settings {names}, got {known.name} with "
            f"{', '.join(known.refinable)}; make another BasisExplorer for it."
        )
