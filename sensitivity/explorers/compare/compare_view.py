"""A view of a comparison: structure, centers, descriptors and metric, all replaceable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from ase import Atoms

from sensitivity.comparison import Comparison
from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.compare.compare_chart import CompareChart
from sensitivity.explorers.compare.compare_inputs import (
    PLACES,
    Given,
    Inputs,
    Request,
    take_descriptors,
)
from sensitivity.explorers.compare.compare_sessions import Restored
from sensitivity.explorers.compare.compared import Compared
from sensitivity.explorers.parts.background import Report, interrupts_held
from sensitivity.explorers.parts.choices import Entered, check_name
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.inputs import read_centers, take_structure, usual_centers
from sensitivity.explorers.parts.saved_view import SavedView
from sensitivity.metrics import MetricName, Rattle
from sensitivity.progress import Cancelled
from sensitivity.session import ComparisonSession
from sensitivity.structures.validation import check_geometry

GIVE = "set explorer.structure to an ase.Atoms"
"""Remedy for a structure that the library lacks."""


class CompareView(SavedView):
    """The choice of what is compared, and the comparison; a subclass shows it with ``_learn``."""

    chart: CompareChart

    def __init__(
        self,
        atoms: Atoms | str,
        descriptors: Given,
        *,
        centers: Centers,
        metric: MetricName,
        structures: Iterable[Atoms] | Rattle,
    ) -> None:
        super().__init__()
        self._compared: Compared | None = None
        self._early = set[str]()  # traits set while there is no comparison, or another is computed
        structure, name, centers = take_structure(atoms, centers, otherwise=GIVE)
        check_geometry(structure)  # the view is chosen before the comparison is computed
        names, self._own = take_descriptors(descriptors)
        check_name(metric, "metric", get_args(MetricName))
        given = structures if isinstance(structures, Rattle) else tuple(structures)
        request = Request(structure.copy(), name, centers, (), metric, given)
        # What is asked for, and what is on the screen.
        self._request = self._entered = request.choose(names, self._own)
        self._updating = Entered()
        self._inputs = Inputs(self._updating, self.session)
        self.inputs = self._inputs.widgets
        for each, widget in self.inputs.items():
            widget.observe(partial(self._enter, partial(self._take, each)), "value")

    @property
    def comparison(self) -> Comparison | None:
        """The comparison; None until it is computed."""
        return None if self._compared is None else self._compared.found

    @property
    def structure(self) -> Atoms:
        """The structure that is not displaced; set it to another one, or to a library name."""
        atoms: Atoms = self._entered.atoms.copy()
        return atoms

    @structure.setter
    def structure(self, structure: Atoms | str) -> None:
        atoms, name, _ = take_structure(structure, otherwise=GIVE)
        centers = usual_centers(atoms, name=name)
        self._ask(replace(self._request, atoms=atoms.copy(), name=name, centers=centers))

    @property
    def centers(self) -> tuple[int, ...]:
        """The center atoms; set it to others, or to None for all."""
        centers = self._entered.centers
        return tuple(range(len(self._entered.atoms)) if centers is None else centers)

    @centers.setter
    def centers(self, centers: Centers) -> None:
        self._ask(replace(self._request, centers=centers))

    @property
    def metric(self) -> MetricName:
        """The scale of the features: "raw", "rattle" or "whitened"; set it to another one."""
        return self._entered.metric

    @metric.setter
    def metric(self, metric: MetricName) -> None:
        check_name(metric, "metric", get_args(MetricName))
        self._ask(replace(self._request, metric=metric))

    @property
    def descriptors(self) -> tuple[Descriptor, ...]:
        """The descriptors; set it to others, or to their names. Empty until they are compared."""
        return () if self._compared is None else self._compared.found.descriptors

    @descriptors.setter
    def descriptors(self, descriptors: Given) -> None:
        names, own = take_descriptors(descriptors)
        own = self._own | own
        request = self._request.choose(names, own)
        self._own = own
        self._ask(request)

    @property
    def _known(self) -> Compared:
        """The comparison on the screen; ValueError if there is none."""
        if self._compared is None:
            raise ValueError("the descriptors are not compared yet; try again when they are.")
        return self._compared

    def _enter(self, act: Callable[[Any], None], change: Any) -> None:
        if not self._updating:
            self.panel.forgive()
            self.attempt(act, change["new"])

    def _take(self, name: str, value: Any) -> None:
        """Take the value of an input."""
        if name == "structure":
            self.structure = value
        elif name == "centers":
            self.centers = read_centers(value, self._request.atoms)
        elif name == "metric":
            self.metric = value
        else:
            chosen = [self.inputs[place].value for place in PLACES]
            self._ask(self._request.choose(filter(None, chosen), self._own))

    @interrupts_held()
    def _ask(self, request: Request, wanted: Restored | None = None) -> None:
        """Compute another comparison and show it; if that fails, the present one stays.

        So does one that is still being computed. ``wanted`` are the choices of a session.
        """
        pending = self._request if self._task.busy else None
        if pending is None and self._compared is not None:
            self._early.clear()
        at_once, estimate = True, Estimate()
        own = self._own if wanted is None else self._own | wanted.own

        def fail(error: Exception) -> None:
            self._request = self._entered
            if pending is not None and not isinstance(error, Cancelled):
                with self.attempting:
                    self._ask(pending)
            elif self._compared is None:
                self.chart.write("no comparison")
            self._fail(error)
            if at_once and not self.attempting and not isinstance(error, Cancelled):
                raise error

        def work(report: Report) -> Compared:
            def tell(text: str) -> None:
                report(f"{estimate(text)} …")

            compared = Compared.of(request.compute(own, progress=tell))
            if wanted is not None:
                wanted.check(compared)
            return compared

        def learn(compared: Compared) -> None:
            self._own = own
            self._learn(request, compared)
            if wanted is not None:
                self._restore(wanted.session)

        self._request = request
        self._inputs.show(request, own)
        self.panel.tell("Comparing the descriptors …")
        self._task.start(work, then=learn, failed=fail, told=self.panel.report)
        at_once = False

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        self._inputs.show(self._request, self._own)

    def _learn(self, request: Request, compared: Compared) -> None:
        """Show a comparison."""
        raise NotImplementedError

    def _restore(self, session: ComparisonSession) -> None:
        """Restore the choices of a session, whose comparison is shown."""
        raise NotImplementedError
