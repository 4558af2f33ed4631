"""The course: the form of its notebooks, the tables of its README, and claims that could fail."""

from __future__ import annotations

import ast
import builtins
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
README = (FOLDER / "README.md").read_text()
MAIN = sorted(FOLDER.glob("[0-9]*.ipynb"), key=lambda path: int(path.stem.split("-")[0]))
APPENDICES = sorted((FOLDER / "appendix").glob("*.ipynb"))

HEADINGS = ("## Goals", "## Theory in short", "## Exercises", "## Summary")
"""What a notebook of the main course has, in this order."""

LEVELS = ("Warm-up", "On paper", "Project")
"""Of exercises, in this order; projects have no answers."""

DOI = "10.12688/openreseurope.14156.1"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")

COUNTEREXAMPLES = {
    "check-centers": "together = ideal",
    "check-slope": "slopes[1] = slopes[0]",
    "check-smoothness": "rates = power",
    "check-desirable": "outward['invariant'] = outward['with odd part']",
    "check-spurious": "by_pairs[20] = by_pairs[19]",
    "check-second": "right = right + 1e-6",
    "check-twins": "differences[1] = differences[2]",
    "check-cause": "diagnosis = diagnose(structures.load('C3v'), pairs, centers=[0])",
    "check-truncation": "causes['generic', 4] = causes['generic', 2]",
    "check-orders": "ranks[1] = ranks[2]",
    "check-two-structures": "triples = pairs",
    "check-g2": "hidden['C6H6'] = 0",
    "check-defect-rank": "vacancy = cube",
}
"""Code before the cell of a claim with which the claim would be wrong, and the cell has to fail."""

STATEMENTS = {
    "2-symmetry": {
        "check-mirror-images": "flat = flat.copy(); flat.positions[0, 2] = 0.1",
        "check-narrow-gap": "del left_and_seen['C2H6SO', 1]",
    },
    "3-incompleteness": {"check-dips": "walk = walk[::-1]"},
    "5-singular-points": {
        "check-smearing": "import types; point = types.SimpleNamespace(atoms=start)",
        "check-larger-family": "pairs = DensityCorrelations(order=3, n_max=4, l_max=4)",
        "check-dips": "soft = soft[::-1]",
    },
    "6-twins-and-inversion": {
        "check-near-methane-features": "close = [[one, 1.01 * other] for one, other in close]",
        "check-steps": "results['Td'] = results['X0']",
        "check-undamped": "results['Td'] = results['X0']",
    },
    "7-symmetry-in-matter": {
        "check-first-shell": "shell = DensityCorrelations(order=3, cutoff=3.5, n_max=4, l_max=4)",
        "check-unrelaxed": "cube = cube.copy(); cube.positions[1:] = vacancy.positions",
        "check-unrelaxed-causes": "cube = cube.copy(); cube.positions[1:] = vacancy.positions",
    },
    "8-cutoff": {
        "check-superheated": "bulk = lambda *_, **__: frames['melt'].copy()",
        "check-sites": "hot[25] = frames['melt']",
        "check-edge": "frames['melt'] = frames['300 K']",
        "check-new-edge": "edges = [(edges[2][0], edges[0][1])]",
        "check-medians": "frames['melt'] = frames['300 K']",
        "check-gaps": "frames['melt'] = frames['300 K']",
        "check-cut-again": "frames['melt'] = around['melt'][0]",
    },
    "9-choosing-a-representation": {
        "check-independent-noise": "ethanol = structures.load('CH3CH2OH')",
    },
    "10-survey": {
        "check-shares": "share['melt'] = share['S22']",
        "check-causes": "number['symmetry'] = number['truncation']",
        "check-worst": "gaps = gaps + 0.01",
        "check-remedy": "gain['larger cutoff'] = gain['larger basis']",
        "check-crystal": "worst = worst[:1] + worst[2:]",
        "check-planted": "planted = sets['G2'][-1]",
        "check-remedies": "soft['all centers'] = soft['as it is']; left['all centers'] = [117]",
        "check-which-remedy": "left['rattle'] = left['larger basis']",
        "check-melt-errors": "errors = 1 / conditions",
        "check-errors": "missed['four-body', 2] = missed['four-body', 3]",
        "check-exercises": "condition = 0.1 * condition",
    },
    "11-crystals": {
        "check-silicon": (
            "small = DensityCorrelations(cutoff=4.5, n_max=1, l_max=2)\n"
            "of_silicon = bands(silicon, small, path='GXWKGL')"
        ),
        "check-gamma": "at_rest['quartz'] = 27",
        "check-general": "elsewhere['copper'] = 2",
        "check-long-waves": "powers['silicon'] = powers['rock salt']",
        "check-energy": "growth = growth[::-1]",
        "check-phonons": "energy = energy**2",
        "check-small-basis": "lost['silicon'] = lost['silicon'][::-1]",
        "check-rattled": "rattled[512] = rattled[64]",
        "check-glass": "soft['glass'] = soft['crystal']",
        "check-exercises": "silicon = bulk('Cu')",
    },
    "12-potentials": {
        "check-materials": "ranks['rock salt'] = ranks['silicon']",
        "check-displaced": "ranks_rattled = ranks",
        "check-reconstruction": "errors = errors.T",
        "check-trust": "from dataclasses import replace; trust = replace(trust, kink=1.0)",
        "check-special": "special['S1'] = special['generic']",
        "check-pair": "apart['messages'] = apart['order 2']",
        "check-mirror": "seen['flat'] = seen['twofold']",
        "check-sorted": "rates['messages'] = rates['sorted']",
        "check-reach": "radius['order 2'] = 4.5",
        "check-exercises": "polar = materials['perovskite']",
    },
}
"""Counterexamples of statements that are not in the table of claims, by notebook and cell."""

# Runs in the kernel before a notebook. Every `check` is called without a guess, which must not
# tell the answer, and with the answer as the guess, in the form that the notebook proposes.
_RIGHT_GUESSES = """
from sensitivity import course as _course

def _fill(guess, answer):
    if isinstance(guess, dict):
        assert set(guess) == set(answer), (guess, answer)
        return {key: _fill(guess[key], answer[key]) for key in guess}
    if isinstance(guess, list | tuple):
        return [_fill(*pair) for pair in zip(guess, answer, strict=True)]
    assert guess is ...
    return answer

def _check(guess, answer, *, within=0.0, _compare=_course.check):
    assert _compare(_fill(guess, answer), answer, within=within).right
    assert _compare(guess, answer, within=within).right is None

_course.check = _check
"""

# Runs after the cell of a claim: the same with a counterexample, in copies of all variables.
_COUNTEREXAMPLE = """
import copy as _copy

_changed = {{
    name: _copy.copy(value) if type(value).__name__ in ("list", "dict", "ndarray") else value
    for name, value in globals().items()
}}
exec({counterexample!r}, _changed)
try:
    exec({source!r}, _changed)
except AssertionError:
    pass
else:
    raise RuntimeError("the claim of this cell cannot fail")
"""

every_notebook = pytest.mark.parametrize("path", [*MAIN, *APPENDICES], ids=lambda path: path.stem)
every_main_notebook = pytest.mark.parametrize("path", MAIN, ids=lambda path: path.stem)


def cells(path: Path) -> list[dict[str, Any]]:
    """Cells of a notebook, with whole sources."""
    found = json.loads(path.read_text())["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found]


def text_of(path: Path) -> str:
    return "\n\n".join(cell["source"] for cell in cells(path) if cell["cell_type"] == "markdown")


def code_of(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def is_check(cell: dict[str, Any]) -> bool:
    """Tell whether a cell checks what the text says, with its source hidden."""
    return "check" in cell["metadata"].get("tags", [])


def rows(heading: str) -> list[list[str]]:
    """Rows of the table of the README whose first column has this heading."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[- |]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[entry.strip() for entry in row.strip("|").split("|")] for row in table.splitlines()]


def linked(entry: str) -> Path:
    """The notebook to which an entry of a table links, by its own name."""
    name, file = re.fullmatch(r"\[(.+)\]\((.+)\)", entry).groups()
    assert Path(file).name == f"{name}.ipynb"
    return FOLDER / file


def counterexamples_of(path: Path) -> dict[str, str]:
    """Counterexamples of the claims of the README in this notebook, and of other statements."""
    claims = [row[3].strip("`") for row in rows("claim") if linked(row[1]) == path]
    return {name: COUNTEREXAMPLES[name] for name in claims} | STATEMENTS.get(path.stem, {})


def claimed_cell(row: list[str]) -> dict[str, Any]:
    (cell,) = [cell for cell in code_of(linked(row[1])) if cell["id"] == row[3].strip("`")]
    return cell


# The README


def test_course_lists_every_notebook():
    assert [linked(row[0]) for row in rows("notebook")] == MAIN
    assert [linked(row[0]) for row in rows("appendix")] == APPENDICES
    assert [path.stem.split("-")[0] for path in MAIN] == [str(k + 1) for k in range(len(MAIN))]


def test_the_minutes_are_those_of_the_notebooks():
    for row in [*rows("notebook"), *rows("appendix")]:
        (minutes,) = re.findall(r"takes about (\d+) minutes", text_of(linked(row[0])))
        assert minutes == row[-1]


@pytest.mark.parametrize("day", ["core path, 90 minutes", "one day, 6 hours"])
def test_a_path_has_the_length_it_says(day):
    number, unit = re.search(r", (\d+) (minutes|hours)", day).groups()
    minutes = sum(int(row[-1]) for row in rows(re.escape(day)))
    assert minutes <= int(number) * (60 if unit == "hours" else 1)
    assert minutes >= 0.9 * int(number) * (60 if unit == "hours" else 1)


@pytest.mark.parametrize("row", rows("claim"), ids=lambda row: row[3])
def test_claim_is_an_assertion_about_its_number(row):
    cell = claimed_cell(row)
    assert is_check(cell)
    asserted = [
        node.test for node in ast.walk(ast.parse(cell["source"])) if type(node) is ast.Assert
    ]
    parts = [part for test in asserted if has_names(test) for part in ast.walk(test)]
    constants = {part.value for part in parts if isinstance(part, ast.Constant)}
    numbers = [float(number) for number in NUMBER.findall(row[2])]
    assert numbers
    assert constants >= set(numbers)


def has_names(node: ast.AST) -> bool:
    """Tell whether an expression depends on what the notebook has computed."""
    return any(isinstance(part, ast.Name) for part in ast.walk(node))


def test_every_claim_has_a_counterexample():
    claimed = [row[3].strip("`") for row in rows("claim")]
    assert sorted(claimed) == sorted(COUNTEREXAMPLES)
    assert len({row[1] for row in rows("claim")}) >= 6


def test_counterexamples_of_other_statements_belong_to_checks():
    for name, counterexamples in STATEMENTS.items():
        checks = {cell["id"] for cell in code_of(FOLDER / f"{name}.ipynb") if is_check(cell)}
        assert set(counterexamples) <= checks


# The notebooks


@pytest.mark.slow
@every_notebook
def test_guesses_can_be_right_and_claims_can_fail(path):
    """In a kernel, as a student runs it."""
    notebook = nbformat.read(path, as_version=4)
    sources = [_RIGHT_GUESSES]
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        sources.append(cell.source)
        if cell.id in counterexamples_of(path):
            wrong = {"source": cell.source, "counterexample": counterexamples_of(path)[cell.id]}
            sources.append(_COUNTEREXAMPLE.format(**wrong))
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, timeout=300).execute()


@every_main_notebook
def test_notebook_has_every_part(path):
    text = text_of(path)
    places = [[m.start() for m in re.finditer(f"^{h}$", text, re.MULTILINE)] for h in HEADINGS]
    assert [len(found) for found in places] == len(HEADINGS) * [1]
    assert places == sorted(places)
    assert DOI in text


@every_main_notebook
def test_exercises_have_three_levels_and_folded_answers(path):
    section = text_of(path).split("\n## Exercises\n")[1].split("\n## Summary\n")[0]
    places = [section.index(level) for level in LEVELS]
    assert places == sorted(places)
    exercises = re.findall(r"^\*\*(\d+)\.", section, re.MULTILINE)
    assert exercises == [str(k + 1) for k in range(len(exercises))]
    solved = re.sub(r"\*\*\d+\. $", "", section[: places[2]])
    answers = re.findall(
        r"<details><summary>Answer</summary>\n\n.+?\n</details>", solved, re.DOTALL
    )
    assert len(answers) == len(re.findall(r"^\*\*\d+\.", solved, re.MULTILINE)) >= 2


@every_notebook
def test_a_guess_comes_before_each_answer(path):
    steps = re.findall(r"^(guess = |.*\bcheck\(guess, )", source_of(path), re.MULTILINE)
    assert [step.startswith("guess") for step in steps] == len(steps) // 2 * [True, False]
    assert steps
    assert text_of(path).count("**Guess.**") == len(steps) // 2


def source_of(path: Path) -> str:
    return "\n".join(cell["source"] for cell in code_of(path))


@every_notebook
def test_cells_are_short_and_simple(path):
    code = code_of(path)
    assert all(len(cell["source"].splitlines()) <= 10 for cell in code)
    assert not re.search(r"^\s*class ", source_of(path), re.MULTILINE)
    assert len(re.findall(r"^\s*def ", source_of(path), re.MULTILINE)) <= 3
    visible = "\n".join(cell["source"] for cell in code if not is_check(cell))
    assert len(re.findall(r"^\s*assert ", visible, re.MULTILINE)) <= 3


@every_notebook
def test_checks_are_hidden_and_say_what_they_check(path):
    checks = [cell for cell in code_of(path) if is_check(cell)]
    assert checks
    for cell in checks:
        assert cell["metadata"]["jupyter"] == {"source_hidden": True}
        assert "hide-input" in cell["metadata"]["tags"]
        assert cell["id"].startswith("check-")
        # The first line of a hidden source is shown: it must not give an answer away.
        assert re.match(r"# Check: [^\d\n]+\.\n", cell["source"])
        assert "\nassert " in cell["source"] or "\n    assert " in cell["source"]


def names_of(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell defines, and names that it uses."""
    nodes = list(ast.walk(ast.parse(re.sub(r"^%.*$", "", source, flags=re.MULTILINE))))
    named = [node for node in nodes if isinstance(node, ast.Name)]
    defined = {node.id for node in named if isinstance(node.ctx, ast.Store)}
    defined |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    aliases = [alias for node in imports for alias in node.names]
    defined |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
    return defined, {node.id for node in named if isinstance(node.ctx, ast.Load)}


@every_notebook
def test_visible_cells_depend_on_visible_cells_only(path):
    """A student can leave out every cell with a hidden source."""
    known, hidden = set(dir(builtins)), set()
    for cell in code_of(path):
        defined, used = names_of(cell["source"])
        if is_check(cell):
            hidden |= defined
        else:
            assert used <= known | defined, cell["id"]
            assert not (used - defined) & hidden, cell["id"]
            known, hidden = known | defined, hidden - defined


@every_notebook
def test_notebooks_use_public_names_only(path):
    tree = ast.parse(re.sub(r"^%.*$", "", source_of(path), flags=re.MULTILINE))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in (node for node in imports if (node.module or "").startswith("sensitivity")):
        module = import_module(node.module)
        public = getattr(module, "__all__", dir(module))
        assert {alias.name for alias in node.names} <= set(public)
        assert not re.search(r"\._", node.module)
    attributes = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert not [name for name in attributes if name.startswith("_")]
