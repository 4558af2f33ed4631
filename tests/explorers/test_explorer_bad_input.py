"""What cannot be done is one sentence, from Python and in the panel, and the explorer goes on."""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from panel import QUICK, SIMPLE, TOOLBAR, chosen_settings, markers, message, sentence
from waiting import interrupt_the_kernel, run, spin, until

from sensitivity.explorers import Explorer
from sensitivity.explorers.parts import state

pytestmark = TOOLBAR

REMEDY = (
    "choose one from the list (small molecules, crystals of elements), or upload a file such as "
    "xyz or cif."
)

LOST = molecule("H2O")
LOST.positions[1] = np.nan

STRUCTURES = {
    "no atoms": (Atoms(), "the structure has no atoms"),
    "one place": (Atoms("H2"), "atoms overlap: atoms 0 and 1 are 0 Å apart"),
    "no position": (LOST, "positions must be finite numbers"),
    "infinite": (Atoms("H2", [[0, 0, 0], [0, 0, np.inf]]), "positions must be finite numbers"),
    "flat cell": (Atoms("H", cell=[1, 1, 0], pbc=True), "a structure periodic along a, b, c needs"),
    "far away": (Atoms("H", [[0, 0, 1e300]]), "positions and periodic cell must be within 10000 Å"),
    "wide cell": (Atoms("H", cell=[5, 5, 1e5], pbc=True), "positions and periodic cell must be wi"),
    "tiny cell": (
        Atoms("H", cell=[1e-3] * 3, pbc=True),
        "atoms overlap: atom 0 and its periodic image are",
    ),
    "nothing": (None, "a structure must be ase.Atoms or a name"),
}


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("H2O", SIMPLE)


@pytest.mark.parametrize(("atoms", "said"), STRUCTURES.values(), ids=STRUCTURES)
def test_a_structure_that_cannot_be(explorer: Explorer, atoms: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        Explorer(atoms, SIMPLE)
    before = explorer.reference, chosen_settings(explorer)
    with pytest.raises((ValueError, TypeError), match=said):
        explorer.structure = atoms
    explorer.attempt(setattr, explorer, "structure", atoms)
    assert message(explorer).startswith(said[:1].upper() + said[1:])
    assert (explorer.reference, chosen_settings(explorer)) == before
    assert not explorer.busy


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amplitude", np.inf, "amplitude must be between"),
        ("amplitude", np.nan, "amplitude must be between"),
        ("amplitude", "far", "amplitude must be a number in Å, got 'far'; give e.g. 0.1"),
        ("amplitude", None, "amplitude must be a number in Å, got None"),
        ("amplitude", True, "amplitude must be a number in Å, got True"),
        ("mode", 1.5, "mode must be a whole number, got 1.5"),
        ("mode", "soft", "mode must be a whole number, got 'soft'"),
        ("mode", 9, "mode must be one of 0 to 8, got 9"),
        ("mode", -1, "mode must be one of 0 to 8, got -1"),
        ("arrow_length", "long", "arrow_length must be a number in Å"),
        ("arrow_length", 0.7, "arrow_length must be one of"),
        ("arrows", "no", "arrows must be True or False, got 'no'; give one of these"),
        ("arrows", 1, "arrows must be True or False, got 1"),
        ("centers", [99], "center 99 does not exist"),
        ("centers", [], "centers must name at least one atom"),
        ("centers", "O", "centers must be a sequence of atom indices"),
        ("descriptor", None, "descriptor must be a descriptor such as"),
        ("descriptor", replace(QUICK, order=4, n_max=12, l_max=12), "more than 1000000"),
    ],
)
def test_a_choice_that_cannot_be(explorer: Explorer, name: str, value: Any, said: str) -> None:
    before = explorer.state, chosen_settings(explorer)
    with pytest.raises((ValueError, TypeError), match=said):
        setattr(explorer, name, value)
    explorer.attempt(setattr, explorer, name, value)
    assert said in message(explorer)[:1].lower() + message(explorer)[1:]
    assert (explorer.state, chosen_settings(explorer)) == before


@pytest.mark.parametrize(
    ("act", "name", "said"),
    [
        ("export", "foo", r"an export must be one of geometry, .*, got 'foo'; give one of these\."),
        ("export", "trajectry", r"an export must be .*; did you mean 'trajectory'\?"),
        ("show_example", "foo", "an example must be one of symmetry, incompleteness, twin, got"),
        ("show_example", "Twin", r"did you mean 'twin'\?"),
        ("look", "w", "axis must be one of x, y, z, got 'w'"),
    ],
)
def test_a_name_that_there_is_not(explorer: Explorer, act: str, name: str, said: str) -> None:
    before = explorer.state
    with pytest.raises(ValueError, match=said):
        getattr(explorer, act)(name)
    with pytest.raises((TypeError, ValueError), match="must be"):
        getattr(explorer, act)(["png"])
    explorer.attempt(getattr(explorer, act), name)
    assert re.search(said[1:], message(explorer))
    assert explorer.state == before


WORDS_OF_PROGRAMS = re.compile(r"\w\(|--\w|\bsensitivity\b|structures\.|Python|contract_channels")

WRONG_IN_THE_PANEL = {
    "name": lambda e: e.settings.structure.set_trait("value", "glucose"),
    "nearly a name": lambda e: e.settings.structure.set_trait("value", "aspirine"),
    "formula": lambda e: e.settings.structure.set_trait("value", "C2H6O"),
    "centers": lambda e: e.settings.centers.set_trait("value", "Xe"),
    "many atoms": lambda e: e.attempt(setattr, e, "structure", bulk("Si", cubic=True) * (4, 4, 4)),
    "far away": lambda e: e.attempt(setattr, e, "structure", Atoms("H", [[0, 0, 1e9]])),
    "n_max": lambda e: e.settings.of_descriptor["n_max"].set_trait("value", 20),
    "l_max": lambda e: e.settings.of_descriptor["l_max"].set_trait("value", 40),
    "smearing": lambda e: e.settings.of_descriptor["smearing"].set_trait("value", 1e-9),
    "cutoff": lambda e: e.settings.of_descriptor["cutoff"].set_trait("value", 0.0),
    "too many features": lambda e: e.attempt(
        setattr, e, "descriptor", replace(QUICK, order=4, n_max=12, l_max=12)
    ),
    "several centers": lambda e: e.actions.tasks["locate"].click(),
    "a crystal": lambda e: (
        e.settings.structure.set_trait("value", "Al-fcc"),
        e.actions.tasks["find_twin"].click(),
    ),
}


@pytest.mark.parametrize("act", WRONG_IN_THE_PANEL.values(), ids=WRONG_IN_THE_PANEL)
def test_advice_in_the_panel_names_no_program(act: Any) -> None:
    explorer = Explorer("H2O", SIMPLE)
    act(explorer)
    assert message(explorer)
    assert not WORDS_OF_PROGRAMS.search(message(explorer))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("glucose", f"named 'glucose'; {REMEDY}"),
        ("aspirine", f"? Otherwise {REMEDY}"),
    ],
)
def test_a_structure_that_the_library_lacks_can_be_uploaded(
    explorer: Explorer, typed: str, said: str
) -> None:
    explorer.settings.structure.value = typed
    assert message(explorer).endswith(said)
    explorer.settings.structure.value = "c2h5oh"
    assert explorer.reference.name == explorer.settings.structure.value == "CH3CH2OH"


def test_what_cannot_be_shown_leaves_no_trace(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, past = explorer.state, list(explorer.history)

    def fail(*_: object) -> None:
        raise ValueError("there is no view")

    monkeypatch.setattr("sensitivity.explorers.main.presenter.choose_view", fail)
    for _ in range(2):
        with pytest.raises(ValueError, match="there is no view"):
            explorer.structure = "CO"
    assert (explorer.state, list(explorer.history)) == (before, past)
    assert explorer._wanted.name == before.reference.name
    monkeypatch.undo()
    explorer.amplitude = 0.1
    assert explorer.shown.atoms.get_chemical_formula() == "H2O"


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", [0.0, 0.1])
@pytest.mark.parametrize("order", [1, 2])
def test_what_is_known_cannot_be_written_over(amplitude: float, order: int) -> None:
    explorer = Explorer("H2O", replace(SIMPLE, order=order))
    explorer.amplitude = amplitude
    reference, shown = explorer.state.reference, explorer.shown
    assert reference.diagnosis is not None
    assert shown.spectrum is not None
    arrays = [reference.modes, reference.singular_values, *vars(reference.spectrum).values()]
    arrays += vars(shown.spectrum).values()
    arrays += [mode.displacement for mode in reference.diagnosis.modes]
    for atoms in (reference.atoms, shown.atoms, shown.spectrum.atoms, reference.diagnosis.atoms):
        arrays += [atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc]
    for array in arrays:
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    with pytest.raises(ValueError, match="read-only"):
        reference.atoms.rattle()
    explorer.structure.positions[:] = 5.0  # a copy
    reference.subject.atoms.positions[:] = 5.0
    assert np.ptp(explorer.structure.positions) > 1


def test_numbers_of_numpy_are_numbers(explorer: Explorer) -> None:
    explorer.mode, explorer.amplitude = np.int64(1), np.float32(0.25)
    assert (explorer.mode, explorer.amplitude) == (1, 0.25)
    explorer.amplitude = 0
    assert explorer.state.amplitude == 0.0
    explorer.arrows = np.False_
    assert explorer.state.arrows is False


@pytest.mark.parametrize("name", ["widget", "panel", "chart", "molecule", "below", "presenter"])
def test_the_parts_stay(explorer: Explorer, name: str) -> None:
    part = getattr(explorer, name)
    said = (
        f"'{name}' of Explorer cannot be set; the attributes that can be set are amplitude, "
        "arrow_length, arrows, atom_size, cells, centers, columns, descriptor, feature, "
        "labels, mode, structure, transparent."
    )
    with pytest.raises(AttributeError, match=re.escape(said)):
        setattr(explorer, name, 3)
    assert getattr(explorer, name) is part


def test_dummy_atoms_are_atoms(explorer: Explorer) -> None:
    explorer.structure = Atoms("XCH", [[0, 0, 0], [0, 0, 1], [0, 1, 1]])
    assert "Rank" in sentence(explorer)
    assert len(markers(explorer)) == 9


def test_a_file_needs_a_name_and_its_bytes(explorer: Explorer) -> None:
    with pytest.raises(TypeError, match="name and the content of a file, got str and str; give"):
        explorer.open("a.xyz", "1\n\nH 0 0 0")  # type: ignore[arg-type]


def test_without_chemiscope_the_rest_works(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chemiscope", None)
    explorer.actions.exports["chemiscope"].click()
    assert "is not installed, and the explorers need it; run: pip" in message(explorer)
    explorer.actions.exports["geometry"].click()
    assert message(explorer).startswith("Saved geometry.extxyz, ")


def test_the_kernel_is_interrupted_while_a_structure_is_examined(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    real = state.examine

    def slow(subject: state.Subject) -> state.Reference:
        interrupt_the_kernel()
        spin(gate)(None)
        return real(subject)

    with monkeypatch.context() as patch:
        patch.setattr("sensitivity.explorers.main.structure_view.examine", slow)
        with pytest.raises(KeyboardInterrupt):
            explorer.structure = "CO"
    assert message(explorer) == "Cancelled."
    assert explorer.reference.name == explorer.settings.structure.value == "H2O"
    explorer.structure = "CO"
    assert explorer.reference.name == "CO"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("it <cannot> be"), "It <cannot> be."),
        (MemoryError(), "There is not enough memory. Choose a smaller structure, basis or order."),
    ],
    ids=["wrong", "memory"],
)
def test_what_is_wrong_later_is_a_sentence(
    explorer: Explorer,
    monkeypatch: pytest.MonkeyPatch,
    gate: threading.Event,
    error: Exception,
    words: str,
) -> None:
    def slow(_: state.Subject) -> state.Reference:
        spin(gate)(None)
        raise error

    monkeypatch.setattr("sensitivity.explorers.main.structure_view.examine", slow)

    async def scenario() -> None:
        explorer.structure = "CO"
        assert explorer.busy
        gate.set()
        await until(lambda: not explorer.busy)

    run(scenario)
    assert message(explorer) == words
    assert explorer.settings.structure.value == "H2O"


WRONG = {
    "cutoff": (
        lambda e: e.settings.of_descriptor["cutoff"],
        1e9,
        3.5,
        "smearing=0.3 Å is too narrow",
    ),
    "n_max": (lambda e: e.settings.of_descriptor["n_max"], -3, 1, "n_max must be"),
    "structure": (lambda e: e.settings.structure, "benzen", "H2", "There is no structure"),
    "centers": (lambda e: e.settings.centers, "17", "1", "There are no atoms 17"),
}


@pytest.mark.parametrize(("control", "wrong", "right", "said"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("typing", [False, True])
def test_an_error_goes_away_with_its_cause(
    explorer: Explorer, control: Any, wrong: Any, right: Any, said: str, typing: bool
) -> None:
    """As soon as something else is typed, which may be what was there before, or nothing."""
    control(explorer).value = wrong
    assert message(explorer).startswith(said)
    if typing:
        explorer.page.widget._handle_custom_msg({"typing": True}, [])
    else:
        control(explorer).value = right
    assert message(explorer) == ""
    explorer.panel.tell("Saved.")
    explorer.page.widget._handle_custom_msg({"typing": True}, [])
    assert message(explorer) == "Saved."


def test_a_number_is_not_broken_at_its_hyphen(explorer: Explorer) -> None:
    explorer.panel.say("condition 3.1e-18, <C-H>")
    expected = 'condition <span class="sensitivity-number">3.1e-18</span>, &lt;C-H&gt;'
    assert expected in explorer.panel.sentence.value
