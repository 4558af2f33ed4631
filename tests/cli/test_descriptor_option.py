"""A descriptor of one's own: ``--descriptor FILE:NAME``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from sensitivity import DensityCorrelations, spectrum, structures
from sensitivity.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_descriptor.py"
COMMANDS = {
    "analyze": "analyze X0 --center 0",
    "diagnose": "diagnose X0 --center 0",
    "locate": "locate X0",
    "twin": "twin X0",
    "follow": "follow X0 --length 0.1",
    "invert": "invert X0 --rattle 0.05 --center 0",
}
FILE = """from __future__ import annotations
from dataclasses import dataclass, field
import neighbour
from sensitivity import DensityCorrelations

@dataclass(frozen=True)
class Own:
    inner: DensityCorrelations = field(default_factory=lambda: DensityCorrelations(order=1))
    cutoff, inversion_invariant = 3.5, True
    def features(self, atoms, *, centers=None):
        return self.inner.features(atoms, centers=centers)
    def gradients(self, atoms, *, centers=None):
        return self.inner.gradients(atoms, centers=centers)

class Demanding(Own):
    def __init__(self, size): pass

class Failing(Own):
    def gradients(self, atoms, *, centers=None):
        return [][0]
    features = gradients

class Silent(Own):
    def gradients(self, atoms, *, centers=None):
        return None
    def features(self, atoms, *, centers=None):
        return None

class Unfinished:
    def gradients(self): pass

class Closed(Own):
    inner = property(lambda self: 1)

class Contradicting(Own):
    order = "2"

own, number, order3 = Own(), 3, DensityCorrelations(order=3, n_max=2, l_max=2)
"""


class Harmful:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("harm"),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "nowhere"))  # restores sys.path afterwards
    (tmp_path / "neighbour.py").write_text("")
    (tmp_path / "own.py").write_text(FILE)
    (tmp_path / "broken.py").write_text("x = 1\nx +\n")
    (tmp_path / "raising.py").write_text("import json\n\njson.loads('{')\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit()\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "binary.py").write_bytes(b"\0\xff")
    (tmp_path / "model.pt").write_bytes(pickle.dumps(Harmful()))
    with ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Harmful()))
    (tmp_path / "importing.py").write_text("\nimport broken\n")
    text = "from sensitivity import DensityCorrelations\nfrom sensitivity.descriptors import *\n"
    (tmp_path / "importing_only.py").write_text(text)
    (tmp_path / "numpy.py").write_text("own = 1")
    return tmp_path


@pytest.mark.parametrize("name", ["own", "Own"])
def test_an_object_or_a_class(name: str, folder: Path, capsys) -> None:
    words = ["analyze", "X0", "--center", "0", "--json", "--descriptor", f"own.py:{name}"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    expected = spectrum(structures.load("X0"), DensityCorrelations(order=1), centers=[0])
    assert np.allclose(found["singular_values"], expected.singular_values, rtol=1e-12)
    assert found["descriptor"]["name"] == "Own"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_file_prints_goes_to_standard_error(command: str, folder: Path, capsys) -> None:
    said = FILE.replace("        return self.inner", "        print(1)\n        return self.inner")
    said = said.replace("import neighbour", "print('loading')")
    (folder / "talking.py").write_text(said)
    words = [*COMMANDS[command].split(), "--json", "--descriptor", "talking.py:own"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["status"]
    assert out.count("\n") == 1
    assert err.startswith("loading\n1\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_works_in_every_command(command: str, capsys) -> None:
    words = [*COMMANDS[command].split(), "--descriptor", f"{EXAMPLE}:SymmetryFunctions"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "SymmetryFunctions: n 8, cutoff 3 Å; " in out
    assert err == ""
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["descriptor"]["name"] == "SymmetryFunctions"
    assert found["descriptor"]["n"] == 8
    assert found["status"]


def test_the_example_is_diagnosed_with_a_larger_basis_and_a_picture(tmp_path, capsys) -> None:
    words = ["diagnose", "CH4", "--descriptor", f"{EXAMPLE}:SymmetryFunctions"]
    assert main([*words, "--plot", str(tmp_path / "a.svg")]) == 0
    assert (tmp_path / "a.svg").stat().st_size > 5000


WRONG = {
    "own.py": "--descriptor: own.py needs a name after a colon; it has Own, Demanding, Failing",
    ":Own": "--descriptor must be FILE.py:NAME, got ':Own'",
    "own.py:": "--descriptor: own.py needs a name after a colon; it has Own, Demanding, Failing",
    "broken.py": "broken.py, line 2: SyntaxError: invalid syntax",
    "gone.py:Own": "--descriptor needs a Python file, and gone.py does not exist.",
    ".:Own": "--descriptor needs a Python file, and . is a folder.",
    "own.py:Owm": "--descriptor: there is no Owm in own.py; did you mean Own?",
    "own.py:DensityCorrelation": "there is no DensityCorrelation in own.py; it has Own, Demand",
    "importing_only.py:own": "there is no own in importing_only.py; it has no descriptor and",
    "empty.py:Own": "there is no Own in empty.py; it has no descriptor and no function.",
    "own.py:number": "--descriptor own.py:number: descriptor must be a descriptor such as",
    "own.py:dataclass": "--descriptor own.py:dataclass: a function needs the radius, in Å",
    "own.py:Unfinished": "Unfinished has no cutoff, inversion_invariant, features: add what",
    "own.py:Demanding": "--descriptor own.py:Demanding: Demanding.__init__() missing 1",
    "own.py:Failing": "own.py, line 20: IndexError: list index out of range",
    "own.py:Contradicting": "own.py:Contradicting: order of Contradicting must be None or an int",
    "own.py:Closed": "own.py:Closed: property 'inner' of 'Closed' object has no setter",
    "own.py:Silent": "gradients() of Silent must return a sequence of Batch, got NoneType; batches",
    "broken.py:Own": "broken.py, line 2: SyntaxError: invalid syntax",
    "binary.py:Own": "--descriptor needs a Python file, and binary.py is binary, as a saved model",
    "model.pt:model": "model.pt is binary, as a saved model is; reading it may run code, so write",
    "model.pth:model": "write a Python file that reads it, and give FILE.py:NAME.",
    "importing.py:Own": "importing.py, line 2: SyntaxError: invalid syntax",
    "numpy.py:own": "--descriptor numpy.py:own: descriptor must be a descriptor such as",
    "raising.py:Own": "raising.py, line 3: JSONDecodeError: Expecting property name enclosed in",
    "leaving.py:Own": "leaving.py, line 2: SystemExit",
    "own.py:own --order 3 --basis gto": "--descriptor cannot be combined with --order, --basis",
    "own.py:own --parity-odd": "--descriptor cannot be combined with --parity-odd",
    "own.py:own --center 7": "center 7 does not exist: the structure has 5 atoms",
}


@pytest.mark.parametrize("given", WRONG)
@pytest.mark.parametrize("command", ["analyze", "locate"])
def test_wrong_input_is_one_sentence(given: str, command: str, folder: Path, capsys) -> None:
    assert main([command, "X0", "--descriptor", *given.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sensitivity: ")
    assert WRONG[given] in err
    assert err.count("\n") == 1
    assert not (folder / "harm").exists()


FUNCTIONS = """
import numpy as np
from functools import partial
def shells(atoms, width=0.1):
    lengths = atoms.get_all_distances()[:, :, None] - np.linspace(0.5, 4.0, 12)
    return np.exp(-(lengths**2) / width).sum(axis=1)
def nearest(atoms): return np.sort(atoms.get_all_distances())[:, 1:3]
def pair(atoms, other): return shells(atoms)
class Shells:
    def __call__(self, atoms): return shells(atoms)
instance, bound = Shells(), partial(shells, width=0.1)
"""


@pytest.fixture
def functions(folder: Path) -> None:
    (folder / "functions.py").write_text(FUNCTIONS)


@pytest.mark.parametrize("name", ["Shells", "instance", "bound"])
def test_any_callable_is_a_function(name: str, functions, capsys) -> None:
    found = []
    for each in ("shells", name):
        given = f"functions.py:{each} cutoff=6"
        assert main(["analyze", "generic", "--center", "0", "--json", "--descriptor", given]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["rank"] == 4
    assert found[1]["singular_values"] == found[0]["singular_values"]


OF_FUNCTIONS = {
    "functions.py": "functions.py needs a name after a colon; it has shells, nearest, pair, inst",
    "functions.py:shell": "there is no shell in functions.py; did you mean shells",
    "functions.py:shells": 'add it after the name: --descriptor "functions.py:shells cutoff=5".',
    "functions.py:shells cutoff=6 k=3": "a function has no setting k; choose from cutoff, takes",
    "functions.py:pair cutoff=6": "functions.py:pair: a function of a structure takes one argument",
    "functions.py:shells cutoff=6,order=2": "is more than one setting; separate them by spaces.",
    "functions.py:shells cutoff=6 cutoff=7": "the setting cutoff is given twice; leave one out.",
}


@pytest.mark.parametrize("given", OF_FUNCTIONS)
def test_wrong_functions_are_named_in_one_line(given: str, functions, capsys) -> None:
    assert main(["analyze", "X0", "--descriptor", given]) == 2
    err = capsys.readouterr().err
    assert OF_FUNCTIONS[given] in err
    assert err.count("\n") == 1


def test_a_setting_with_a_colon_hides_no_file(folder: Path, capsys) -> None:
    assert main(["analyze", "X0", "--descriptor", "raising.py:Own size={1:2}"]) == 2
    assert "raising.py, line 3: JSONDecodeError" in capsys.readouterr().err


KINKS = "The features have kinks, as sorted or selected values do:"


@pytest.mark.parametrize("command", ["analyze", "diagnose", "compare", "follow", "invert"])
def test_remarks_are_printed_once(command: str, functions, capsys) -> None:
    words = [command, "generic", "--center", "0", "--descriptor", "functions.py:nearest cutoff=6"]
    more = {"compare": "--descriptor 1", "follow": "--length 0.1", "invert": "--rattle 0.01"}
    words += more.get(command, "").split()
    assert main(words) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.count(KINKS) == 1
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, *others = found.get("descriptors", [found])
    (remark,) = first["remarks"]
    assert remark.startswith(KINKS)
    assert all(other["remarks"] == [] for other in others)


@pytest.mark.parametrize("command", ["analyze", "locate --center 7"])
def test_a_terminal_obeys_no_name(command: str, folder: Path, capsys) -> None:
    """In a report and in a message it is shown by codes; JSON has the name as it is."""
    name = "two\nlines \x1b[31mred\x07\x9b \u202eleft"
    (folder / "named.py").write_text(FILE + f"\nclass Named(Own):\n    name = {name!r}\n")
    words = [*command.split(), "X0", "--descriptor", "named.py:Named"]
    status = main(words)
    out, err = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(out + err)
    if status == 0:
        assert r"two\u000alines \u001b[31mred\u0007\u009b \u202eleft: " in out
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["descriptor"]["name"] == name


def test_a_message_has_no_control_characters(folder: Path, capsys) -> None:
    (folder / "raising.py").write_text("raise RuntimeError('\x1b[2J\x9b1m')")
    assert main(["analyze", "X0", "--descriptor", "raising.py:own"]) == 2
    assert r"\u001b[2J\u009b1m" in capsys.readouterr().err


def test_a_message_names_the_file_that_was_typed(folder: Path, capsys) -> None:
    assert main(["analyze", "\x1b[1ma\x85\r.xyz"]) == 2
    assert r"\u001b[1ma\u0085\u000d.xyz" in capsys.readouterr().err


def test_a_file_that_was_written_is_named_in_one_line(folder: Path, capsys) -> None:
    assert main(["invert", "X0", "--rattle", "0.01", "--output", "a\nb.xyz"]) == 0
    assert capsys.readouterr().out.endswith("Wrote 1 structure to a\\u000ab.xyz.\n")
