"""Every public name has an example, and the examples of the documentation give what they say."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from doctest import DocTest, DocTestParser, DocTestRunner
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import matplotlib
import pytest

import sensitivity

# ipympl passes its toolbar an argument that traitlets does not know.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)

ROOT = Path(__file__).parents[1]
ROOMS = (
    "structures",
    "descriptors",
    "symmetry",
    "singular",
    "paths",
    "inversion",
    "diagnosis",
    "survey",
    "course",
)
SHOWN = ("plots", "share", "explorers")  # need matplotlib, and the libraries of notebooks

PUBLIC = [("sensitivity", name) for name in sensitivity.__all__]
PUBLIC += [
    (f"sensitivity.{room}", name)
    for room in (*ROOMS, *SHOWN)
    for name in import_module(f"sensitivity.{room}").__all__
    if name not in sensitivity.__all__
]
# They run in another environment.
ELSEWHERE = {
    name
    for table in tomllib.loads((ROOT / "tests/adapters/environments.toml").read_text()).values()
    for name in table["examples"]
}
PAGES = sorted(
    path
    for path in ROOT.glob("docs/**/*.md")
    if "_build" not in path.parts and "```pycon" in path.read_text()
)


def find_docstring(room: str, name: str) -> str:
    """Docstring of a name; of a constant, the string after its assignment."""
    found = getattr(import_module(room), name)
    if isinstance(found, ModuleType) or inspect.isclass(found) or inspect.isfunction(found):
        return inspect.getdoc(found) or ""
    package = ast.parse(Path(import_module(room).__file__).read_text())
    imports = [node for node in package.body if isinstance(node, ast.ImportFrom)]
    (module,) = {node.module for node in imports for alias in node.names if alias.name == name}
    body = ast.parse(Path(import_module(module).__file__).read_text()).body
    for node, after in pairwise(body):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if [getattr(target, "id", "") for target in targets] == [name]:
            return inspect.cleandoc(after.value.value)
    raise AssertionError(f"{name} is not assigned in {module}")


def run(text: str, name: str) -> None:
    """Run the examples of a text as one session."""
    examples = DocTestParser().get_examples(text)
    assert examples, f"{name} has no example"
    written = []
    runner = DocTestRunner(verbose=False)
    runner.run(DocTest(examples, {"__name__": "__main__"}, name, None, 0, text), out=written.append)
    assert not runner.failures, "".join(written)


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    """Figures are made, not shown, and gone after the test."""
    from matplotlib import pyplot

    matplotlib.use("Agg")
    yield
    pyplot.close("all")


@pytest.mark.parametrize(("room", "name"), PUBLIC, ids=lambda part: part)
def test_public_name_has_an_example_that_holds(room: str, name: str) -> None:
    docstring = find_docstring(room, name)
    _, heading, example = docstring.partition("\nExamples\n--------\n")
    assert heading, f"{name} has no section Examples"
    if name not in ELSEWHERE:
        run(example, name)


def list_section(docstring: str, heading: str) -> set[str]:
    """Names that a section of a docstring describes."""
    _, _, rest = docstring.partition(f"\n{heading}\n{len(heading) * '-'}\n")
    section = re.split(r"\n\n\w+\n-+\n", rest)[0]
    heads = re.findall(r"^\*{0,2}(\w[\w, ]*)$", section, re.MULTILINE)
    return {name for head in heads for name in head.split(", ")}


@pytest.mark.parametrize(("room", "name"), PUBLIC, ids=lambda part: part)
def test_parameters_and_fields_are_described(room: str, name: str) -> None:
    found, docstring = getattr(import_module(room), name), find_docstring(room, name)
    if inspect.isfunction(found):
        assert set(inspect.signature(found).parameters) == list_section(docstring, "Parameters")
    elif is_dataclass(found) and fields(found):
        assert {field.name for field in fields(found)} == list_section(docstring, "Attributes")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_a_page_hold(path: Path) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
    run("\n".join(blocks), path.name)


@pytest.mark.parametrize(("room", "name"), PUBLIC, ids=lambda part: part)
def test_public_name_is_in_the_reference(room: str, name: str) -> None:
    if (room, name) == ("sensitivity", "structures"):
        return
    page = "analyses" if room == "sensitivity" else room.rpartition(".")[2]
    text = (ROOT / f"docs/api/{page}.rst").read_text()
    assert re.search(rf"^   {name}$", text, re.MULTILINE)
