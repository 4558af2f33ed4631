"""What people meet first: the README, what an import loads, and files that must agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import requires, version
from inspect import isfunction, signature
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from selection import mostly_slow

import sensitivity

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

LARGE = ("matplotlib", "ipywidgets", "nglview", "ipympl", "IPython", "featomic", "torch", "jax")

VANISHED = 1e-12
"""Below this a singular value is rounding, and its digits differ from machine to machine."""

NUMBER = re.compile(r"(?<![A-Za-z\d_])\d+(?:\.\d+)?(?:e[-+]\d+)?%?(?![A-Za-z\d])")


GUIDE = (ROOT / "docs/guides/reading-a-diagnosis.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    """Contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Commands of the README and of a guide, and the output that is shown there."""
    found = []
    for block in [*blocks("console"), *blocks("console", GUIDE)]:
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = entry.partition("\n")
            found.append((command, output))
    return found


def loaded(code: str, *names: str) -> list[str]:
    """Which of these modules a new process has loaded after the code."""
    program = f"import sys\n{code}\nprint([n for n in {names!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1].replace("'", '"'))


# Import


def test_public_names_exist():
    assert sorted(sensitivity.__all__) == list(sensitivity.__all__)
    for name in sensitivity.__all__:
        assert getattr(sensitivity, name) is not None


def test_public_functions_take_few_arguments_by_position():
    rooms = ("descriptors", "diagnosis", "plots", "share", "structures", "survey", "symmetry")
    modules = [sensitivity, *(import_module(f"sensitivity.{room}") for room in rooms)]
    called = [getattr(module, name) for module in modules for name in module.__all__]
    for function in filter(isfunction, called):
        kinds = [parameter.kind for parameter in signature(function).parameters.values()]
        assert sum(kind.name.startswith("POSITIONAL") for kind in kinds) <= 3, function


def test_public_names_are_loaded_when_they_are_asked_for():
    assert loaded("import sensitivity", "numpy", "scipy", "ase") == []
    assert set(sensitivity.__all__) <= set(dir(sensitivity))
    code = "import sensitivity\nfrom sensitivity import *\nassert locate is sensitivity.locate"
    assert loaded(code, "numpy") == ["numpy"]


@pytest.mark.parametrize(
    "name", mostly_slow(["bands", "convergence", "jacobian", "spectrum"], fast=["jacobian"])
)
def test_a_function_is_not_hidden_by_its_module(name):
    code = (
        f"import sensitivity.{name}, sensitivity\nfrom sensitivity import {name}\n"
        f"assert callable({name}) and {name} is sensitivity.{name}"
    )
    assert loaded(code) == []


def test_modules_are_found_and_other_names_are_not():
    assert loaded("import sensitivity\nsensitivity.symmetry.site_symmetry", *LARGE) == []
    assert not hasattr(sensitivity, "__wrapped__")
    with pytest.raises(AttributeError, match="module 'sensitivity' has no attribute 'locates'"):
        _ = sensitivity.locates


def test_a_missing_library_is_not_taken_for_a_missing_name():
    """Of a module that is there."""
    code = (
        "import sys, sensitivity\nsys.modules['matplotlib'] = None\n"
        "try: sensitivity.plots\n"
        "except ModuleNotFoundError as error: assert 'matplotlib' in str(error)\n"
        "else: raise AssertionError"
    )
    assert loaded(code) == []


def test_import_loads_no_optional_library():
    assert loaded("import sensitivity", *LARGE) == []


def test_all_public_names_load_no_optional_library():
    assert loaded("from sensitivity import *", *LARGE) == []


@pytest.mark.slow
def test_plots_load_nothing_of_the_notebook():
    assert loaded("import sensitivity.plots", *(set(LARGE) - {"matplotlib"})) == []


def test_help_loads_neither_matplotlib_nor_scipy():
    code = (
        "from sensitivity.cli.main import main\ntry: main(['--help'])\nexcept SystemExit as end:"
        " assert end.code == 0"
    )
    assert loaded(code, "matplotlib", "scipy") == []


@pytest.mark.slow
def test_module_is_the_command():
    words = [sys.executable, "-m", "sensitivity", "analyze", "nothing"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("sensitivity: there is no structure named 'nothing'")


# README


def test_example_in_python():
    (code,), (expected,) = blocks("python"), blocks("text")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == expected


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("command", "expected"), examples(), ids=[command for command, _ in examples()]
)
def test_example_of_the_command(command, expected, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == (2 if expected.startswith("sensitivity: ") else 0)
    assert_same_text(done.stdout, expected)
    named = re.findall(r"\S+\.(?:png|json)", command)
    assert {path.name for path in tmp_path.iterdir()} == set(named)


def test_examples_of_commands_are_found():
    assert len(examples()) >= 4


def assert_same_text(found: str, expected: str) -> None:
    """Same words, and same numbers: to the digits shown, or vanished in both."""
    # The modes of equal values, here those of the trivial motions, are any basis of their subspace.
    text, wanted = (re.sub(r"(rotation|translation) .*", r"\1", x) for x in (found, expected))
    assert NUMBER.sub("#", text).split() == NUMBER.sub("#", wanted).split()
    for one, other in zip(NUMBER.findall(text), NUMBER.findall(wanted), strict=True):
        values = [float(number.rstrip("%")) for number in (one, other)]
        close = abs(values[0] - values[1]) < 1.5 * last_digit(other)
        assert one == other or close or max(values) < VANISHED, f"{one} is not {other}"


def last_digit(number: str) -> float:
    """Worth of the last digit of a rounded number, which may go either way; 0 for a count."""
    if number.isdigit():
        return 0.0
    mantissa, _, exponent = number.rstrip("%").partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def test_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert "docs/pictures/explorer.gif" in links
    for link in links:
        assert (ROOT / link).is_file()


# Files that must agree


def test_versions_agree():
    citation = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert PROJECT["version"] == version("atomic-sensitivity") == citation[1]
    assert PROJECT["version"] in (ROOT / "CHANGELOG.md").read_text()


def required(requirements: Iterable[str], *extras: str) -> Iterator[Requirement]:
    """Requirements that apply on the Python of Binder."""
    python = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    known = {"python_version": python, "python_full_version": f"{python}.0"}
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if not marker or any(marker.evaluate(known | {"extra": each}) for each in ("", *extras)):
            yield requirement


def test_binder_pins_everything_that_is_needed():
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    *pins, package = [line for line in lines if not line.startswith("#")]
    assert package == ".[lab]"
    pinned = {canonicalize_name(name): pin for name, pin in (line.split("==") for line in pins)}
    needed = list(required([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]]))
    seen = set()
    while needed:
        requirement = needed.pop()
        name = canonicalize_name(requirement.name)
        assert pinned[name] in requirement.specifier, requirement
        # Another version than the one that is pinned may require something else.
        if str(requirement) not in seen and version(name) == pinned[name]:
            seen.add(str(requirement))
            needed += required(requires(name) or [], *requirement.extras)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda p: p.stem
)
def test_notebooks_hold_no_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_changelog_is_in_order():
    releases = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == "Unreleased"
    numbers = [tuple(map(int, release.split("."))) for release in releases[1:]]
    assert all(later > earlier for later, earlier in pairwise(numbers))
