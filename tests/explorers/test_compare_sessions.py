"""A session of a comparison comes back, and a hostile one changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import molecule
from hostile_states import COMPARED, HARMLESS, States
from panel import TOOLBAR, chosen, message

from sensitivity import DensityCorrelations, Rattle
from sensitivity.descriptors import Function, OverlapMatrix
from sensitivity.explorers import CompareExplorer, Explorer
from sensitivity.session import parse_comparison

pytestmark = TOOLBAR

ONE = DensityCorrelations(1, 3.0, 2, 0)
TWO = DensityCorrelations(2, 3.0, 2, 2)
OWN = {"distances": ONE, "power spectrum": TWO}


def distances(positions: Any) -> Any:
    vectors = positions[1:] - positions[0]
    squares = (vectors**2).sum(axis=1)
    return np.array([[squares.sum(), squares.prod()]])


def quick(**settings: Any) -> CompareExplorer:
    return CompareExplorer("H2O", OWN, centers=[0], **settings)


@pytest.fixture(scope="module")
def shared() -> CompareExplorer:
    return quick()


def changed_view() -> CompareExplorer:
    view = CompareExplorer(molecule("NH3"), OWN, centers=[0, 2], structures=Rattle(20, 0.1, 3))
    view.select("power spectrum", 3)
    view.amplitude = 0.17
    view.arrows, view.arrow_length = False, 2.0
    view.labels, view.atom_size = "element and index", 1.5
    view.columns, view.transparent = 1, True
    view.look("y")
    return view


def choices(view: CompareExplorer) -> list[Any]:
    assert view.molecule.camera is not None
    assert view.comparison is not None
    return [
        *(view.of, view.mode, view.amplitude, view.arrows, view.arrow_length, view.labels),
        *(view.atom_size, view.columns, view.transparent, view.structure, view.centers),
        *(view.metric, view.descriptors, view.comparison.names, view._entered.name),
        *(view._entered.structures, view.molecule.camera.view.tolist()),
        *(view.inputs[name].value for name in view.inputs),
    ]


def test_all_choices_come_back(tmp_path: Path) -> None:
    view, other = changed_view(), quick(metric="raw")
    view.save_state(tmp_path / "a.session.json")
    other.load_state(tmp_path / "a.session.json")
    other.wait()
    assert choices(other) == choices(view)
    assert message(other) == "Opened the session."
    assert view.shown is not None
    assert other.shown is not None
    for one, two in zip(other.shown.relative, view.shown.relative, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(
        other.molecule.scene.positions[0], view.molecule.scene.positions[0]
    )


def test_the_buttons_save_and_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view, files = changed_view(), dict[str, bytes]()
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    view.more["session"].click()
    view.wait()
    view.save_state(tmp_path / "a.json")
    view.save(tmp_path / "b.session.json")
    content = files["comparison.session.json"]
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.session.json").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == content
    other = quick()
    for _ in range(2):  # the same file can be chosen again
        other.amplitude = 0.0
        other.session.value = (chosen("a.json", content),)
        other.wait()
        assert choices(other) == choices(view)


NEW_KERNEL = """
import sys, json
from sensitivity.explorers import CompareExplorer
explorer = CompareExplorer()
explorer.load_state(sys.argv[1])
explorer.wait()
print(json.dumps([each.tolist() for each in explorer.shown.relative]))
print(json.dumps(explorer.molecule.scene.positions[0].tolist()))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_kernel_has_the_same_numbers(tmp_path: Path) -> None:
    view = CompareExplorer("NH3", ["1", "overlap-matrix"], metric="whitened")
    view.select("overlap-matrix", 4)
    view.amplitude = 0.11
    view.wait()
    view.save_state(tmp_path / "a.session.json")
    line = [sys.executable, "-W", "ignore", "-c", NEW_KERNEL, str(tmp_path / "a.session.json")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    values, positions = map(json.loads, done.stdout.splitlines()[-2:])
    assert view.shown is not None
    for found, expected in zip(values, view.shown.relative, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(positions, view.molecule.scene.positions[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("samples", [Rattle(30, 0.2, 7), [molecule("H2O"), molecule("H2O")]])
def test_the_samples_of_the_scale_come_back(tmp_path: Path, samples: Any) -> None:
    if isinstance(samples, list):
        samples[1].rattle(0.05, seed=2)
    view, other = quick(structures=samples), quick(metric="raw")
    view.save_state(tmp_path / "a.json")
    other.load_state(tmp_path / "a.json")
    assert other._entered.structures == view._entered.structures
    assert other.comparison is not None
    assert view.comparison is not None
    for one, two in zip(other.comparison.spectra, view.comparison.spectra, strict=True):
        np.testing.assert_array_equal(one.singular_values, two.singular_values)


def test_a_descriptor_of_another_package_has_to_be_passed_again(tmp_path: Path) -> None:
    own = Function(distances, cutoff=5.0, takes="positions")
    view = CompareExplorer("H2O", {"mine": own, "two": TWO}, centers=[0])
    view.save_state(tmp_path / "a.json")
    other = quick()
    before = other.comparison
    said = r"contains no code; pass it, as in explorer.load_state\(path, descriptors=\{'mine'"
    with pytest.raises(ValueError, match=said):
        other.load_state(tmp_path / "a.json")
    with pytest.raises(TypeError, match="descriptor must be a descriptor"):
        other.load_state(tmp_path / "a.json", descriptors={"mine": "2"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"has no descriptor 'yours', but mine, two; give these"):
        other.load_state(tmp_path / "a.json", descriptors={"yours": own})
    assert other.comparison is before
    other.load_state(tmp_path / "a.json", descriptors={"mine": own})
    assert (other.descriptors[0], other.descriptors[1].n_max) == (own, 2)
    assert message(other).startswith("Opened the session.")
    other.load_state(tmp_path / "a.json")  # this explorer has it now
    assert other.descriptors[0] is own
    other.load_state(tmp_path / "a.json", descriptors={"mine": OverlapMatrix()})
    assert "mine: The session was saved with" in message(other)


def test_what_differs_is_said(tmp_path: Path) -> None:
    view, path = quick(), tmp_path / "a.json"
    view.save_state(path)
    data = json.loads(path.read_text())
    count = len(data["singular_values"][0])
    for key, value, said in (
        ("singular_values", [[0.5] * count] * 2, "differ from the saved ones"),
        ("displacement", [[1.0, 0, 0], [0, 0, 0], [0, 0, 0]], "is another displacement"),
    ):
        path.write_text(json.dumps(data | {key: value}))
        view.load_state(path)
        assert said in message(view)


def test_a_mode_of_the_other_sign_moves_the_atoms_the_same_way(tmp_path: Path) -> None:
    view, path = changed_view(), tmp_path / "a.json"
    view.save_state(path)
    data, positions = json.loads(path.read_text()), view.molecule.scene.positions[0]
    turned = (-np.array(data["displacement"])).tolist()
    path.write_text(json.dumps(data | {"displacement": turned, "amplitude": -data["amplitude"]}))
    view.load_state(path)
    np.testing.assert_allclose(view.molecule.scene.positions[0], positions, rtol=0, atol=1e-15)


def test_sessions_of_the_other_explorer_are_refused(tmp_path: Path) -> None:
    view, explorer = quick(), Explorer("H2", ONE)
    view.save_state(tmp_path / "compared.json")
    explorer.save_state(tmp_path / "explorer.json")
    with pytest.raises(ValueError, match="has the format 'sensitivity compare session', not"):
        explorer.load_state(tmp_path / "compared.json")
    with pytest.raises(ValueError, match="no session of a comparison: it has the format"):
        view.load_state(tmp_path / "explorer.json")


def test_a_failed_session_leaves_the_descriptors_of_the_explorer(tmp_path: Path) -> None:
    view, path = quick(), tmp_path / "a.json"
    view.save_state(path)
    data = json.loads(path.read_text())
    data["descriptors"][0]["settings"]["n_max"] = 3
    data["mode"] = 8
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="mode of distances"):
        view.load_state(path)
    view.centers = [0, 1]
    assert view.descriptors[0] == ONE


# Hostile sessions

STATES = States(COMPARED)
FIRST = "descriptors.0."
OPTIONAL = ("camera", "singular_values", "displacement", "copies")

HOSTILE: dict[str, bytes] = {
    **STATES.broken(),
    **{
        name: each
        for name, each in STATES.missing().items()
        if not name.endswith(OPTIONAL)  # these are optional
    },
    **STATES.wrong(free=("view",)),  # unknown choices are ignored
    **STATES.numbers(
        (
            *("mode", "amplitude", "structure.positions.1.2", "samples.copies", "centers.0"),
            *("samples.amplitude", "samples.seed", FIRST + "settings.cutoff"),
            *(FIRST + "settings.n_max", "view.atom_size"),
        )
    ),
    "one descriptor": STATES.changed("descriptors", COMPARED["descriptors"][:1]),
    "four descriptors": STATES.changed("descriptors", COMPARED["descriptors"] * 2),
    "twice the same label": STATES.changed(FIRST + "label", "b"),
    "twice the same": STATES.changed("descriptors.0", COMPARED["descriptors"][1] | {"label": "c"}),
    "an unknown name": STATES.changed(FIRST + "name", "os.system"),
    "a file of code": STATES.changed(FIRST + "name", "/tmp/evil.py:run"),
    "not listed": STATES.changed(FIRST + "listed", False),
    "listed as text": STATES.changed(FIRST + "listed", "yes"),
    "an unknown setting": STATES.changed(FIRST + "settings.__class__", "os.system"),
    "a huge basis": STATES.changed(FIRST + "settings.n_max", 10**8),
    "a huge degree": STATES.changed("descriptors.1.settings.l_max", 10**6),
    "a huge cutoff": STATES.changed(FIRST + "settings.cutoff", 1e6),
    "deep settings": STATES.changed(FIRST + "settings.basis", [[[[[[[[[[1]]]]]]]]]]),
    "an unknown basis": STATES.changed(FIRST + "settings.basis", "__import__('os')"),
    "a package that is missing": STATES.changed(FIRST + "label", "sevennet-features"),
    "an unknown metric": STATES.changed("metric", "<script>window.ran=1</script>"),
    "million samples": STATES.changed("samples.copies", 10**6),
    "samples without end": STATES.changed("samples", [{}] * 20_000),
    "samples of nothing": STATES.changed("samples", [None]),
    "no samples": STATES.changed("samples", []),
    "a far amplitude of samples": STATES.changed("samples.amplitude", 5.0),
    "negative seed": STATES.changed("samples.seed", -1),
    "mode of none": STATES.changed("of", "c"),
    "mode too large": STATES.changed("mode", 8),
    "mode negative": STATES.changed("mode", -1),
    "amplitude too large": STATES.changed("amplitude", 0.51),
    "overlapping atoms": STATES.changed("structure.positions", [[0.0] * 3] * 3),
    "million atoms": STATES.changed("structure.symbols", ["H"] * 1_000_000),
    "unknown element": STATES.changed("structure.symbols", ["O", "H", "</script>"]),
    "far positions": STATES.changed("structure.positions", [[0, 0, 0], [0, 0, 1e6], [1, 0, 0]]),
    "center too large": STATES.changed("centers", [3]),
    "no centers": STATES.changed("centers", []),
    "a label that is a script": STATES.changed("view.labels", "<script>window.ran=1</script>"),
    "arrow length": STATES.changed("view.arrow_length", 1e6),
    "columns": STATES.changed("view.columns", 17),
    "a camera that distorts": STATES.changed(
        "camera", {"view": [[9.0, 0, 0]] * 3, "center": [0, 0, 0], "radius": 1.0}
    ),
    "few lists of values": STATES.changed("singular_values", [[1.0]]),
    "many values": STATES.changed("singular_values", [[1.0] * 10] * 2),
    "displacement of another shape": STATES.changed("displacement", [[0, 0, 1]]),
}


def test_the_good_session_opens() -> None:
    assert len(HOSTILE) >= 60
    view = quick()
    view.session.value = (chosen("a.json", json.dumps(COMPARED).encode()),)
    view.wait()
    assert message(view) == "Opened the session."
    assert (view.of, view.mode, view.amplitude) == ("b", 1, 0.1)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_session_changes_nothing(shared: CompareExplorer, name: str) -> None:
    before = shared.of, shared.mode, shared.amplitude, shared._own
    comparison = shared.comparison
    shared.session.value = (chosen("a.json", HOSTILE[name]),)
    shared.wait()
    assert (shared.of, shared.mode, shared.amplitude, shared._own) == before
    assert shared.comparison is comparison
    said = shared.panel.message.value
    assert "sensitivity-trouble" in said
    assert "<script" not in said
    assert message(shared).endswith((".", "!", "?"))
    assert len(message(shared)) < 500


@pytest.mark.parametrize("name", HARMLESS)
def test_a_hostile_name_is_only_a_text(name: str) -> None:
    view = quick()
    data = json.loads(STATES.changed("descriptors.1.label", name))
    content = json.dumps(data | {"of": name}).encode()
    view.session.value = (chosen("a.json", content),)
    view.wait()
    assert view.of == parse_comparison(content).of
    shown = (view.panel.message, view.panel.sentence, view.table)
    assert all(HARMLESS[name](each.value) for each in shown)
