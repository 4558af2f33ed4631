"""CHGNet and SevenNet: what both have in common."""

from __future__ import annotations

import pickle
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import chgnet
import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.spacegroup import crystal
from known import STRUCTURES, rigid_motions, visible_rank

from sensitivity import DensityCorrelations, diagnose, jacobian, spectrum, structures
from sensitivity.cli.main import main
from sensitivity.descriptors import Adapter, Chgnet, SevenNet, from_chgnet, from_sevennet, packages
from sensitivity.descriptors.catalog import named_descriptor

ROUNDING = 1e-14  # of the largest singular value
PACKAGES = {"chgnet": Chgnet, "sevenn": SevenNet}
FILES = {"chgnet": from_chgnet, "sevenn": from_sevennet}


@pytest.fixture(scope="module", params=PACKAGES)
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def descriptor(package: str) -> Adapter:
    return PACKAGES[package]()


@pytest.mark.parametrize("name", STRUCTURES)
def test_it_sees_what_symmetry_allows(name: str, descriptor: Adapter) -> None:
    atoms = STRUCTURES[name]
    for centers in (None, [0]):
        found = spectrum(atoms, descriptor, centers=centers)
        assert found.rank == visible_rank(atoms, descriptor.invariance, centers=centers)
        rigid = jacobian(atoms, descriptor, centers=centers).apply(rigid_motions(atoms))
        assert np.linalg.norm(rigid, 2) <= ROUNDING * found.scale
        assert found.broken_invariance == ""
    assert descriptor.trust.smooth
    assert (descriptor.trust.locality or 0.0) < ROUNDING  # None: a crystal has nothing outside
    assert descriptor.trust.gradient_error == 0
    assert descriptor.trust.noise < ROUNDING


def test_chgnet_misses_two_displacements_of_chalcopyrite() -> None:
    places = [(0, 0, 0), (0, 0, 0.5), (0.2574, 0.25, 0.125)]  # Hall and Stewart 1973
    size = [5.289, 5.289, 10.423, 90, 90, 90]
    atoms = crystal("CuFeS", places, spacegroup=122, cellpar=size, primitive_cell=True)
    ranks = [spectrum(atoms, make()).rank for make in (Chgnet, SevenNet)]
    assert ranks == [16, 21]
    assert [visible_rank(atoms, kind) for kind in ("O(3)", "SO(3)")] == [18, 21]
    near, far = (DensityCorrelations(2, cutoff=cutoff) for cutoff in (3.0, 4.0))
    assert spectrum(atoms, near).rank < spectrum(atoms, far).rank == 18


@pytest.mark.parametrize("name", ["rock salt", "perovskite"])
def test_it_sees_nothing_where_symmetry_hides_everything(name: str, descriptor: Adapter) -> None:
    found = spectrum(STRUCTURES[name], descriptor)
    assert found.rank == 0
    assert found.singular_values.max() <= ROUNDING * found.scale


@pytest.mark.parametrize("centers", [None, [0]])
@pytest.mark.parametrize("name", ["S1", "X0", "X+", "X-"])
def test_it_sees_what_order_two_does_not(name: str, centers, descriptor: Adapter) -> None:
    """Of S1 and X0 the power spectrum of carbon sees 8, of X+ and X- 9 like message passing."""
    found = spectrum(structures.load(name), descriptor, centers=centers)
    assert found.rank == 9
    assert found.relative[8] > 0.01


def test_it_tells_the_members_of_a_pair_apart(descriptor: Adapter) -> None:
    """Neither does the power spectrum of carbon; see ``tests/cases.py``."""
    plus, minus = (structures.ch4_pair(0.8 * np.pi, 0.0, sign=sign) for sign in (1, -1))
    here, there = (descriptor.features(atoms, centers=[0])[0] for atoms in (plus, minus))
    assert np.linalg.norm(here - there) > 0.01 * np.linalg.norm(here)


def test_symmetry_explains_each_zero_of_a_molecule(descriptor: Adapter) -> None:
    counts = diagnose(molecule("CH4"), descriptor, centers=[0]).counts
    assert (counts["sensitive"], counts["symmetry"]) == (1, 8)


def test_atoms_without_neighbours_have_constant_features(descriptor: Adapter) -> None:
    alone = Atoms("Si")
    assert np.linalg.norm(jacobian(alone, descriptor).dense()) == 0
    here = descriptor.features(alone)[0]
    assert np.linalg.norm(here) > 0
    far = Atoms("SiOHe", [[0, 0, 0], [0, 0, 1.6], [0, 0, 40]])
    found = descriptor.features(far)
    assert np.abs(found[:2] - descriptor.features(far[:2])).max() <= 1e-12
    assert np.abs(found[0] - here).max() > 0.1


def test_directions_that_are_not_periodic_need_no_cell(descriptor: Adapter) -> None:
    slab = fcc111("Al", size=(1, 1, 3))
    here = descriptor.features(slab)
    slab.center(vacuum=20.0, axis=2)
    slab.pbc = True
    there = descriptor.features(slab)
    assert np.abs(here - there).max() <= 1e-12 * np.abs(here).max()
    alone = molecule("CH3CH2OH")
    here = descriptor.features(alone)
    alone.set_cell([40, 42, 44])
    alone.pbc = True
    assert np.abs(descriptor.features(alone) - here).max() <= 1e-12 * np.abs(here).max()


def test_elements_that_it_does_not_know_are_named(descriptor: Adapter) -> None:
    with pytest.raises(ValueError, match=r"was trained on \d+ elements, without Cm; choose a str"):
        descriptor.features(Atoms("CmO", [[0, 0, 0], [0, 0, 2.0]]))


def test_atoms_at_one_place_are_refused(descriptor: Adapter) -> None:
    with pytest.raises(ValueError, match="atoms overlap"):
        descriptor.features(Atoms("H2", np.zeros((2, 3))))


def test_its_expression_text_and_copy(descriptor: Adapter) -> None:
    line, expression = descriptor.python()
    names: dict[str, object] = {}
    exec(line, names)
    water, again = molecule("H2O"), eval(expression, names)
    assert repr(again) == repr(descriptor) == expression
    copy = pickle.loads(pickle.dumps(descriptor))
    for other in (again, copy, descriptor.with_settings()):
        assert (other.features(water) == descriptor.features(water)).all()
    assert descriptor.name.startswith(type(descriptor).__name__)


def test_other_models_by_name(descriptor: Adapter) -> None:
    last = descriptor.models[-1]
    other = descriptor.with_settings(model=last)
    assert other.settings == {"model": last}
    assert spectrum(molecule("H2O"), other).rank == 3
    with pytest.raises(ValueError, match=r"has the models .*, got 'large'"):
        descriptor.with_settings(model="large")
    with pytest.raises(TypeError, match="has no setting n_max"):
        descriptor.with_settings(n_max=3)


def test_a_missing_package_is_named_with_its_extra(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = packages.extra(package)
    name = f"{extra}-features"

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(packages.metadata, "version", missing)
    for each in [package, *sys.modules]:
        if each.split(".")[0] == package:
            monkeypatch.setitem(sys.modules, each, None)
    FILES[package]._load.cache_clear()
    message = rf'^{package} is not installed; pip install "atomic-sensitivity\[{extra}\]"'
    with pytest.raises(ImportError, match=message):
        PACKAGES[package]()
    with pytest.raises(ImportError, match=message):
        named_descriptor(name, molecule("H2O"))
    assert main(["diagnose", "H2O", "--descriptor", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_weights_are_named(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FILES[package]._load.cache_clear()
    if package == "chgnet":
        import chgnet.model.model as place

        monkeypatch.setattr(place, "module_dir", "/nowhere")
    else:
        monkeypatch.setattr(Path, "is_file", lambda self: False)
    model = PACKAGES[package].models[0]
    check_weights(package, f"contains no weights of {model}", capsys)


def test_weights_that_cannot_be_read_are_named(
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An installation that was interrupted, or a file that is none of torch."""
    for content in (b"", b"no file of torch", b"PK\x03\x04" + bytes(100)):
        replace_weights(package, content, tmp_path, monkeypatch)
        FILES[package]._load.cache_clear()
        check_weights(package, r"cannot read its weights \([^()]+\) of", capsys)


def replace_weights(
    package: str, content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a package find a file with this content instead of its weights."""
    if package == "chgnet":
        import chgnet.model.model as place

        installed = Path(chgnet.__file__).parent
        (weights,) = installed.glob("pretrained/0.3.0/*.tar")
        copy = folder / weights.relative_to(installed)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        (folder / "model").mkdir(exist_ok=True)
        monkeypatch.setattr(place, "module_dir", str(folder / "model"))
    else:
        from sevenn import _const

        (folder / "weights.pth").write_bytes(content)
        monkeypatch.setattr(_const, "SEVENNET_0_11Jul2024", str(folder / "weights.pth"))


def check_weights(package: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that each way to use them gives one sentence with the command that repairs them."""
    remedy = r"install it again: pip install --force-reinstall --no-deps"
    message = rf"^{package} [\d.]+ {problem}[^;]*; {remedy} {package}==[\d.]+\.$"
    with pytest.raises(ImportError, match=message):
        PACKAGES[package]()
    name = f"{packages.extra(package)}-features"
    with pytest.raises(ImportError, match=message):
        named_descriptor(name, molecule("H2O"))
    assert main(["diagnose", "H2O", "--descriptor", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
