"""The contract of every descriptor with a name, on one center, as the command makes it.

Those run whose package is installed. Each prints its name: CI compares the names of all
environments (``tests/adapters/environments.toml``) with those that the command lists.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from cases import rotate
from test_derivatives import relative

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.cli.main import main
from sensitivity.descriptors import Descriptor, NotSmooth, packages, with_defaults
from sensitivity.descriptors.catalog import CATALOG, listed_name, named_descriptor
from sensitivity.descriptors.protocol import is_json, settings_of
from sensitivity.reports.sources import describe_descriptor

EXACT = 1e-12  # relative to the largest feature
DIFFERENCE = 1e-9  # relative to the largest element of the gradient
WHOLE = {"dscribe-coulomb-matrix"}  # one row for a molecule
DISTANCES = {"1", "featomic-radial-spectrum"}
STEPS = {"chgnet-features": 1e-4}  # Å: it has learned high frequencies
# Displacements that symmetry allows to be seen; without parity, one breaks the mirrors alone.
VISIBLE = {"O(3)": {"Td": 1, "C2v": 4}, "SO(3)": {"Td": 1, "C2v": 5}}


def molecule() -> Atoms:
    """Chiral, three species, without symmetry, all within 3 Å of the first atom."""
    positions = [
        [0.0, 0.1, 0.2],
        [1.2, 0.4, -0.3],
        [-0.7, 0.8, 0.4],
        [0.2, -1.0, 0.6],
        [0.3, 0.5, 1.4],
    ]
    return Atoms("CNHHO", positions)


INSTALLED = [name for name, entry in CATALOG.items() if entry.installed is not None]


@pytest.fixture(params=INSTALLED)
def name(request: pytest.FixtureRequest) -> str:
    sys.stdout.write(f"contract: {request.param}\n")
    return str(request.param)


@pytest.fixture
def descriptor(name: str) -> Descriptor:
    return named_descriptor(name, molecule())


def features(descriptor: Descriptor, atoms: Atoms) -> np.ndarray:
    return descriptor.features(atoms, centers=[0])


def test_the_name_in_results_leads_back_to_the_catalog(name: str, descriptor: Descriptor) -> None:
    described = describe_descriptor(descriptor, molecule())
    assert listed_name(described["name"], described) == name


def test_invariance(descriptor: Descriptor) -> None:
    atoms, rng = molecule(), np.random.default_rng(5)
    here = features(descriptor, atoms)
    assert np.abs(here).max() > 0
    moved = atoms.copy()
    moved.positions += [0.3, -2.1, 0.7]
    assert relative(features(descriptor, moved), here) <= EXACT
    assert relative(features(descriptor, rotate(atoms, rng=rng)), here) <= EXACT
    mirrored = atoms.copy()
    mirrored.positions *= [1, 1, -1]
    change = relative(features(descriptor, mirrored), here)
    assert change <= EXACT if descriptor.inversion_invariant else change > 1e-6
    assert relative(features(descriptor, atoms[[0, 4, 3, 1, 2]]), here) <= EXACT


def test_gradients_are_those_of_the_features(name: str, descriptor: Descriptor) -> None:
    atoms, rng = molecule(), np.random.default_rng(6)
    derivative = jacobian(atoms, descriptor, centers=[0])
    for _ in range(3):
        direction = rng.normal(size=(len(atoms), 3))
        direction /= np.linalg.norm(direction)
        ours = derivative.apply(direction[None])[:, 0]
        for atom in range(len(atoms)):
            assert np.isfinite(derivative.dense()[:, 3 * atom]).all()
        step = STEPS.get(name, 2e-3)
        offsets = step * np.array([-3, -2, -1, 1, 2, 3])
        weights = np.array([-1, 9, -45, 45, -9, 1]) / (60 * step)
        values = []
        for offset in offsets:
            there = atoms.copy()
            there.positions += offset * direction
            values.append(features(descriptor, there)[0])
        theirs = weights @ np.array(values)
        assert np.abs(ours - theirs).max() <= max(
            DIFFERENCE * np.abs(derivative.dense()).max(), derivative.error
        )


def test_causes_on_known_structures(name: str) -> None:
    """Symmetry hides the same from all; distances see less, and equal eigenvalues have a kink."""
    if name in WHOLE:
        with pytest.raises(NotSmooth):
            diagnose(structures.load("Td"), named_descriptor(name, molecule()), centers=[0])
        return
    invariance = with_defaults(named_descriptor(name, molecule())).invariance
    for known, visible in VISIBLE[invariance].items():
        atoms = structures.load(known)
        counts = diagnose(atoms, named_descriptor(name, atoms), centers=[0]).counts
        allowed = 9 - counts["symmetry"]
        assert allowed == visible
        if name not in DISTANCES:
            assert counts["sensitive"] == visible
        assert sum(counts.values()) == 15


def test_rigid_motions_are_invisible(descriptor: Descriptor) -> None:
    found = spectrum(molecule(), descriptor, centers=[0])
    assert found.trivial_value <= max(3e-8 * found.scale, 3 * found.error)  # known to 1e-8
    assert found.broken_invariance == ""


def test_crystals_and_their_supercells(name: str) -> None:
    atoms = bulk("Si", cubic=True)
    descriptor = named_descriptor(name, atoms)
    if name in WHOLE:
        with pytest.raises(ValueError, match="does not see periodic images"):
            features(descriptor, atoms)
        return
    here = features(descriptor, atoms)
    assert relative(features(descriptor, atoms.repeat((2, 1, 1))), here) <= EXACT


def test_what_it_says_of_itself(descriptor: Descriptor) -> None:
    atoms, known = molecule(), with_defaults(descriptor)
    labels = known.labels(atoms)
    assert len(set(labels)) == len(labels) == features(descriptor, atoms).shape[1]
    assert all(is_json(value) for value in settings_of(descriptor).values())
    lines, expression = known.python()
    names: dict[str, object] = {}
    exec(lines, names)
    again = eval(expression, names)
    assert relative(features(again, atoms), features(descriptor, atoms)) <= EXACT
    larger = known.larger_basis()
    if known.refinable:
        assert larger is not None
        assert with_defaults(larger).count_features(atoms) > known.count_features(atoms)


def test_the_command_lists_and_takes_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["descriptors", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["descriptors"]
    assert [each["name"] for each in listed] == list(CATALOG)
    assert [each["name"] for each in listed if each["installed"]] == INSTALLED
    assert main(["analyze", "X0", "--center", "0", "--descriptor", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rank"] >= 1
    assert main(["descriptors"]) == 0
    assert name in capsys.readouterr().out


def not_found(package: str) -> str:
    raise PackageNotFoundError(package)


def broken(*arguments: object, **options: object) -> object:
    raise OSError("libfeatomic.so: undefined symbol")


def without_r_cut(species: list[str], rcut: float) -> None:
    """As the SOAP of an old dscribe."""


def test_a_package_that_fails_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {package: packages.installed_version(package) for package in ("dscribe", "featomic")}
    monkeypatch.setattr("dscribe.descriptors.SOAP", without_r_cut)
    monkeypatch.setattr(packages, "import_module", lambda name: name == "featomic" and broken())
    for name, problem in (
        ("dscribe-soap", "without_r_cut() got an unexpected keyword argument"),
        ("featomic-power-spectrum", "libfeatomic.so: undefined symbol"),
    ):
        package = name.split("-")[0]
        assert main(["analyze", "CH4", "--descriptor", name]) == 2
        said = capsys.readouterr().err
        assert f"{package} {known[package]} does not work ({problem}" in said
        assert f'pip install "atomic-sensitivity[{package}]"' in said
        assert f"(version {packages.KNOWN_TO_WORK[package]} is known to work)" in said
        assert said.count("\n") == 1


def test_a_package_that_fails_in_a_file_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    (tmp_path / "own.py").write_text(
        "from dscribe.descriptors import SOAP\n"
        "from sensitivity.descriptors import Dscribe\n"
        "own = Dscribe(SOAP(species=['H', 'C'], r_cut=4.0, n_max=2, l_max=2))\n"
    )
    monkeypatch.setitem(sys.modules, "dscribe.descriptors.descriptor", None)
    assert main(["analyze", "CH4", "--descriptor", f"{tmp_path}/own.py:own"]) == 2
    said = capsys.readouterr().err
    assert "does not work (import of dscribe.descriptors.descriptor halted" in said
    assert 'pip install "atomic-sensitivity[dscribe]"' in said
    assert said.count("\n") == 1


def test_one_row_of_many_centers_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "CH4", "--descriptor", "dscribe-coulomb-matrix"]) == 2
    said = capsys.readouterr().err
    assert "5 centers were chosen; choose one of them, such as atom 0." in said


def test_coincident_atoms_are_refused(
    descriptor: Descriptor, caplog: pytest.LogCaptureFixture
) -> None:
    """Also after the first use, which refuses them itself."""
    atoms = molecule()
    descriptor.gradients(atoms, centers=[0])
    atoms.positions[2] = atoms.positions[3]
    with pytest.raises(ValueError, match="atoms overlap: atoms 2 and 3 are 0 Å apart"):
        descriptor.gradients(atoms, centers=[0])
    assert caplog.text == ""


def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages.metadata, "version", not_found)
    for package in ("dscribe", "featomic"):
        monkeypatch.setitem(sys.modules, package, None)
    message = r'^dscribe is not installed; .*"atomic-sensitivity\[dscribe\]".*2\.1'
    with pytest.raises(ImportError, match=message):
        named_descriptor("dscribe-soap", molecule())
    assert main(["analyze", "CH4", "--descriptor", "featomic-power-spectrum"]) == 2
    said = capsys.readouterr().err
    assert 'pip install "atomic-sensitivity[featomic]"' in said
    assert said.count("\n") == 1
    assert main(["descriptors"]) == 0
    assert 'dscribe: pip install "atomic-sensitivity[dscribe]"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--descriptor", "overlap"], "did you mean overlap-matrix?"),
        (["--descriptor", "xyz"], "see 'sensitivity descriptors'"),
        (["--descriptor", "2", "--setting", "n_max"], "--setting must be NAME=VALUE, got 'n_max'"),
        (["--descriptor", "2", "--setting", "n=3"], "no setting n"),
        (["--descriptor", "2", "--n-max", "3"], "use --setting NAME=VALUE"),
        (["--n-max", "3", "--setting", "n_max=4"], "n_max is given twice, by an option and by"),
        (["--descriptor", "dscribe-soap n_max=all"], "n_max of dscribe-soap must be a number"),
        (
            ["--descriptor", "dscribe-soap species=4"],
            "dscribe-soap does not accept species=4: Plea",
        ),
        (["--descriptor", "featomic-power-spectrum l_max=4.5"], "does not accept l_max=4.5: json"),
        (["--descriptor", "overlap-matrix", "--setting", "orbitals=d"], 'orbitals must be "s"'),
    ],
)
def test_wrong_names_and_settings(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "CH4", *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_settings_reach_the_descriptor(capsys: pytest.CaptureFixture[str]) -> None:
    texts = (["--descriptor", "2", "--setting", "n_max=3"], ["--descriptor", "2 n_max=3"])
    for options in (*texts, ["--setting", "n_max=3"]):
        assert main(["analyze", "CH4", "--center", "0", *options, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["descriptor"]["n_max"] == 3


def test_a_function_in_a_file(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import numpy as np\n"
        "def histogram(atoms):\n"
        "    lengths = atoms.get_all_distances()[:, :, None] - np.linspace(0.5, 4.0, 12)\n"
        "    return np.exp(-(lengths**2) / 0.1).sum(axis=1)\n"
    )
    given = ["diagnose", "CH4", "--center", "0", "--descriptor", f"{file}:histogram"]
    assert main([*given, "--setting", "cutoff=6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["symmetry"] == 8
    assert found["descriptor"]["name"] == "histogram"
    assert main(given) == 2
    assert f'add it after the name: --descriptor "{file}:histogram cutoff=5"' in (
        capsys.readouterr().err
    )
