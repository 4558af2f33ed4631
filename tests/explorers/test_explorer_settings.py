"""What is looked at, and what looks at it: names, files, descriptors, centers, and wrong ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from panel import (
    DESCRIPTOR,
    QUICK,
    SIMPLE,
    TOOLBAR,
    chosen_settings,
    drawn,
    heights,
    markers,
    message,
    sentence,
    upload,
    xyz,
)
from selection import mostly_slow

from sensitivity import DensityCorrelations, SphericalBessel, diagnose, spectrum, structures
from sensitivity.descriptors import Descriptor
from sensitivity.explorers import BasisExplorer, Explorer
from sensitivity.explorers.parts.inputs import MOST_ATOMS, refine

pytestmark = TOOLBAR

MANY = "n_max must be an integer from 1 to 15 with Gaussian-type orbitals, got"


class Foreign:
    """A descriptor of another library: it has what a descriptor needs, and no more."""

    cutoff, inversion_invariant = 3.0, True

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return SIMPLE.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return SIMPLE.gradients(atoms, centers=centers)


@dataclass(frozen=True)
class Shells(Descriptor):
    """A descriptor of one's own, which declares its settings."""

    count: int
    cutoff: float = 3.0
    inversion_invariant = True
    order = 1
    refinable = ("count",)
    limits = {"count": (2, 5), "cutoff": (1.0, 8.0)}  # noqa: RUF012

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return self._same().features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return self._same().gradients(atoms, centers=centers)

    def _same(self) -> DensityCorrelations:
        return replace(SIMPLE, n_max=self.count, cutoff=self.cutoff)


class Numbered(Shells):
    """The same with numbers of NumPy among settings and limits, and integer limits of a length."""

    limits = {"count": (np.int64(2), np.int64(5)), "cutoff": (np.int64(1), 5)}  # noqa: RUF012

    @property
    def settings(self) -> dict[str, Any]:
        return {"count": np.int64(self.count), "cutoff": np.float64(self.cutoff)}


def test_numbers_of_numpy_make_the_same_controls() -> None:
    explorer = Explorer("H2", Numbered(3))
    count, cutoff = (explorer.settings.of_descriptor[name] for name in ("count", "cutoff"))
    assert [type(each).__name__ for each in (count, cutoff)] == ["IntText", "FloatText"]
    count.value = 6
    assert message(explorer) == "Count must be from 2 to 5, got 6; give one of these."
    assert (count.value, explorer.descriptor) == (3, Numbered(3))
    count.value = 4
    assert explorer.descriptor == Numbered(4)
    cutoff.value = 2.5
    assert explorer.descriptor == Numbered(4, 2.5)
    assert "descriptor = Numbered(count=4, cutoff=2.5)\n" in explorer.code()


def test_the_basis_explorer_takes_numbers_of_numpy_and_integer_limits() -> None:
    view = BasisExplorer("H2", Numbered(3))
    view.wait()
    assert list(view.sliders) == ["count", "cutoff"]
    assert len(view.sliders["cutoff"].options) == 41
    assert view.settings == {"count": 3, "cutoff": 3.0}
    view.sliders["cutoff"].index = 15
    view.wait()
    assert view.descriptor == Numbered(3, 2.5)
    view.cutoff = 3
    view.wait()
    assert view.sliders["cutoff"].index == 20


def test_the_basis_explorer_takes_a_name_as_the_explorer_does() -> None:
    view = BasisExplorer("CH4", SIMPLE)
    view.cancel()
    assert view.reference.name == "CH4"
    assert view.reference.centers == (0,)
    with pytest.raises(ValueError, match="no structure named 'CH5'"):
        BasisExplorer("CH5", SIMPLE)


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("H2", SIMPLE)


def test_a_structure_by_name(explorer: Explorer) -> None:
    explorer.settings.structure.value = "X0"
    assert explorer.reference.name == "X0"
    assert (explorer.centers, explorer.settings.centers.value) == ((0,), "0")
    np.testing.assert_array_equal(explorer.structure.positions, structures.load("X0").positions)
    found = diagnose(structures.load("X0"), SIMPLE, centers=[0])
    values = [mode.singular_value for mode in found.modes]
    assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-9)


@pytest.mark.parametrize("name", ["nonsense", ""])
def test_a_name_that_does_not_exist_is_a_sentence(explorer: Explorer, name: str) -> None:
    before = explorer.reference, chosen_settings(explorer)
    explorer.attempt(setattr, explorer, "structure", name)
    assert f"There is no structure named '{name}'" in message(explorer)
    explorer.settings.structure.value = name
    assert (explorer.reference, chosen_settings(explorer)) == before


def test_the_largest_structure_is_not_refused_for_its_size() -> None:
    with pytest.raises(ValueError, match="at most 500"):
        Explorer(Atoms(f"H{MOST_ATOMS + 1}"), SIMPLE)
    explorer = Explorer("H2", SIMPLE)
    with pytest.raises(ValueError, match="at most 500"):
        explorer.structure = Atoms(f"H{MOST_ATOMS + 1}")


def test_one_atom(explorer: Explorer) -> None:
    upload(explorer, "one.xyz", xyz(Atoms("C", [[0, 0, 0]])))
    assert {cause for cause, _ in markers(explorer).values()} == {"translation"}
    explorer.amplitude = 0.2
    assert "Mode 0 is a translation of all atoms that the centers see" in sentence(explorer)
    assert "chosen centers see no internal displacement" in sentence(explorer)


def test_a_descriptor_that_sees_nothing(explorer: Explorer) -> None:
    explorer.structure = "CH4"
    explorer.settings.of_descriptor["cutoff"].value = 1.0
    assert "Mode 0 is outside the environments: it changes nothing" in sentence(explorer)
    assert {cause for cause, _ in markers(explorer).values()} == {
        "unseen",
        "rotation",
        "translation",
    }
    explorer.mode, explorer.amplitude = 3, 0.1
    explorer.settings.of_descriptor["cutoff"].value = 3.0
    assert markers(explorer)[0][0] == "sensitive"


@pytest.mark.slow
def test_orders_up_and_down() -> None:
    explorer = Explorer("H2O", replace(QUICK, order=1), centers=[0])
    order = explorer.settings.descriptor
    for value in (2, 3, 4, 2, 1):
        order.value = str(value)
        found = explorer.descriptor
        assert (found.order, order.value, message(explorer)) == (value, str(value), "")
        assert (found.contract_channels is None) == (value < 3)
        assert explorer.settings.of_descriptor["l_max"].value == found.l_max
        values = spectrum(explorer.structure, found, centers=[0]).singular_values
        assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("n_max", 16, f"{MANY} 16; more are linearly dependent in double precision, and"),
        ("n_max", 400, f"{MANY} 400; more are linearly dependent in double precision, and"),
        ("n_max", 0, f"{MANY} 0; more are linearly dependent"),
        ("n_max", -3, f"{MANY} -3; more are linearly dependent"),
        ("l_max", 33, "L_max must be an integer from 0 to 32, got 33."),
        ("cutoff", 50.0, "Cutoff must be from 1 to 12 Å, got 50; give one of these."),
        ("cutoff", -1.0, "Cutoff must be a positive, finite length in Å, got -1"),
        ("smearing", 2.5, "Smearing must be from 0 to 2 Å, got 2.5; give one of these."),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words_and_goes_back(
    explorer: Explorer, name: str, value: float, said: str
) -> None:
    control, before = explorer.settings.of_descriptor[name], explorer.descriptor
    old = control.value
    control.value = value
    assert message(explorer).lower().startswith(said.lower())
    assert control.value == old
    assert explorer.descriptor is before


@pytest.mark.parametrize("n_max", [13, 15])
def test_the_panel_takes_what_python_takes(explorer: Explorer, n_max: int) -> None:
    explorer.settings.of_descriptor["n_max"].value = n_max
    assert (explorer.descriptor, message(explorer)) == (replace(SIMPLE, n_max=n_max), "")


def test_the_limits_are_those_of_python_with_the_same_basis() -> None:
    bessel = replace(SIMPLE, order=2, basis=SphericalBessel())
    assert refine(bessel, "n_max", 13) == replace(bessel, n_max=13)
    assert refine(bessel, "l_max", 14) == replace(bessel, l_max=14)


@pytest.mark.parametrize(
    ("name", "better", "said"),
    [
        ("CH4", "larger_basis", "n_max 2 → 4, l_max 2 → 4: still invisible."),
        ("generic", "larger_basis", "1 of 1 invisible displacements is visible now."),
        ("H2", "larger_basis", "all internal displacements stay visible."),
        ("H", "larger_basis", "n_max 2 → 4, l_max 2 → 4: there are no internal displacements."),
        ("X0", "higher_order", "is visible now."),
        ("H2", "higher_order", "mixed channels none → 8: all internal displacements stay visible."),
    ],
)
def test_what_a_better_descriptor_sees_is_said(name: str, better: str, said: str) -> None:
    descriptor = QUICK if better == "larger_basis" else DESCRIPTOR
    explorer = Explorer(name, descriptor)
    {"larger_basis": explorer.enlarge_basis, "higher_order": explorer.raise_order}[better]()
    assert message(explorer).endswith(said)


@pytest.mark.parametrize("value", [5, 0])
def test_an_order_that_does_not_exist_is_refused(value: int) -> None:
    said = rf"^order must be from 1 to 4, got {value}; give one of these\.$"
    with pytest.raises(ValueError, match=said):
        refine(QUICK, "order", value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    mostly_slow(
        [("n_max", 5), ("l_max", 3), ("cutoff", 4.2), ("smearing", 0.5)],
        fast=[("l_max", 3), ("cutoff", 4.2)],
    ),
)
def test_a_setting_from_the_panel_is_the_one_from_python(
    explorer: Explorer, name: str, value: float
) -> None:
    explorer.settings.of_descriptor[name].value = value
    by_hand, shown = explorer.descriptor, drawn(explorer)
    assert getattr(by_hand, name) == value
    explorer.descriptor = SIMPLE
    assert explorer.settings.of_descriptor[name].value == getattr(SIMPLE, name)
    explorer.descriptor = by_hand
    assert explorer.settings.of_descriptor[name].value == value
    np.testing.assert_array_equal(drawn(explorer), shown)


def test_settings_beyond_what_is_offered_are_shown_as_they_are(explorer: Explorer) -> None:
    explorer.descriptor = DensityCorrelations(
        order=1, cutoff=0.9, n_max=14, l_max=0, smearing=2.5, basis=SphericalBessel()
    )
    values = {name: c.value for name, c in explorer.settings.of_descriptor.items()}
    assert values == {"n_max": 14, "l_max": 0, "cutoff": 0.9, "smearing": 2.5}


def test_a_setting_that_cannot_be_is_a_sentence_and_the_control_returns(
    explorer: Explorer,
) -> None:
    before = chosen_settings(explorer)
    explorer.settings.of_descriptor["n_max"].value = 11
    explorer.undo()
    explorer.attempt(explorer.refine, "n_max", 1000)
    assert message(explorer).startswith(f"{MANY} 1000")
    assert chosen_settings(explorer) == before
    explorer.attempt(explorer.refine, "basis", 3)
    assert "has no basis that can be set here" in message(explorer)


def test_showing_does_not_act(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(explorer._task, "start", lambda *_, **__: started.append(1))
    explorer.settings.show(explorer.reference.subject)
    explorer.presenter.show(explorer.state)
    explorer._enter(explorer.state)
    assert not started
    explorer.settings.of_descriptor["cutoff"].value = 4.0
    assert started == [1]


def test_wrong_centers_in_the_panel_are_a_sentence(explorer: Explorer) -> None:
    explorer.structure = "CH4"
    assert explorer.settings.centers.value == "0"
    explorer.settings.centers.value = "<b>"
    assert message(explorer).startswith(
        "Centers cannot be '<b>'; write 'all', elements of the structure (C, H)"
    )
    assert (explorer.settings.centers.value, explorer.centers) == ("0", (0,))
    explorer.settings.centers.value = "H"
    assert (explorer.settings.centers.value, explorer.centers) == ("1-4", (1, 2, 3, 4))
    by_hand = drawn(explorer)
    explorer.centers = None
    explorer.centers = (1, 2, 3, 4)
    np.testing.assert_array_equal(drawn(explorer), by_hand)


def test_a_larger_basis_that_is_none_is_refused(explorer: Explorer) -> None:
    """What a descriptor says of itself is checked here as everywhere."""

    class Same(Foreign):
        def larger_basis(self) -> Foreign:
            return self

    explorer.structure, explorer.descriptor = "H2O", Same()
    explorer.actions.tasks["enlarge_basis"].click()
    assert "Same must return a larger basis or None" in message(explorer)
    assert type(explorer.descriptor) is Same


def test_a_descriptor_of_another_library_has_no_settings(explorer: Explorer) -> None:
    explorer.structure = "H2O"
    explorer.descriptor = Foreign()
    assert explorer.settings.of_descriptor == {}
    assert {cause for cause, _ in markers(explorer).values()} == {
        "sensitive",
        "rotation",
        "translation",
    }
    explorer.attempt(explorer.refine, "n_max", 3)
    assert "A Foreign has no n_max that can be set here" in message(explorer)
    explorer.actions.tasks["enlarge_basis"].click()
    assert message(explorer) == "This descriptor has no larger basis."
    explorer.actions.tasks["raise_order"].click()
    assert message(explorer) == "This descriptor has no higher order."
    assert isinstance(explorer.descriptor, Foreign)
    explorer.descriptor = SIMPLE
    assert list(explorer.settings.of_descriptor) == [
        "n_max",
        "l_max",
        "cutoff",
        "smearing",
    ]
    explorer.settings.of_descriptor["n_max"].value = 3  # the new controls are connected
    assert explorer.descriptor.n_max == 3


def test_a_descriptor_gets_the_controls_that_it_declares(explorer: Explorer) -> None:
    explorer.descriptor = Shells(3)
    controls = explorer.settings.of_descriptor
    assert {name: control.value for name, control in controls.items()} == {
        "count": 3,
        "cutoff": 3.0,
    }
    assert [controls[name].description for name in controls] == ["count", "cutoff (Å)"]
    controls["count"].value = 4
    assert explorer.descriptor == Shells(4)
    assert "descriptor = Shells(count=4, cutoff=3.0)\n" in explorer.code()
    explorer.actions.tasks["enlarge_basis"].click()
    assert explorer.descriptor == Shells(5)
    assert controls["count"] is explorer.settings.of_descriptor["count"]
    assert markers(explorer)[0][0] == "sensitive"


def test_what_the_constructor_cannot_use_is_an_error() -> None:
    with pytest.raises(ValueError, match="no structure named"):
        Explorer("nonsense", SIMPLE)
    with pytest.raises(ValueError, match="center"):
        Explorer("H2", SIMPLE, centers=[7])
    with pytest.raises(TypeError, match="amplitude must be a number"):
        Explorer("H2", SIMPLE).amplitude = "far"
