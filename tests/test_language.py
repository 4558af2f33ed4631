"""The words that people read: docs, notebooks, docstrings, comments and messages are plain."""

from __future__ import annotations

import io
import json
import re
import runpy
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [*ROOT.glob("sensitivity/**/*.py"), *ROOT.glob("examples/*.py"), *ROOT.glob("docs/*.py")]
COPIES = runpy.run_path(str(ROOT / "docs/_extensions/repository.py"))["PAGES"].values()
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(
        path
        for path in ROOT.glob("docs/**/*.md")
        if "_build" not in path.parts and path.relative_to(ROOT).as_posix() not in COPIES
    ),
    *ROOT.glob("notebooks/**/*.md"),
    *ROOT.glob("benchmarks/*.md"),
]
NOTEBOOKS = [
    path for path in ROOT.glob("notebooks/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
]

INSTEAD = {
    r"take(s|n)? home": "download; summary",
    r"(?<!working )(?<!the )homes?(?! directory| page| folder)": "say what is meant",
    r"houses?|doors?|journeys?|souvenirs?|excuses?|thrift|dearly": "say what is meant",
    r"on (its|the|their) way|the way (of|to|from|along|back)|ways? out": "path; while it runs",
    r"swing": "oscillation",
    r"corners?(?! of (the|a|its) (cell|box))": "edge; case",
    r"(one|each|every|its|which) room|rooms": "module, package",
    r"minds": "depends on",
    r"mend(s|ed|ing)?": "fix",
    r"whoever|nobody|somebody|everybody|everyone's": "anyone; no one; users",
    r"his|hers": "their; the",
    r"call(s|ed) off": "cancel",
    r"look(s|ed) at": "analyse; use",
    r"tells? if": "says whether; raises if",
    r"of (one's|a person's|people's) own": "your own",
    r"shall": "must; should",
    r"whither|thereof|wherein|hither|lest|befall": "say it plainly",
    r"has a right to": "as it should",
    r"eyes": "centers",
}
"""Words of no technical text, and what to write instead."""

OPENING = re.compile(r"(What|Whether|How|Who|Whose|Which|Where|When)\b(?!.*\?)")


def texts_of_code(path: Path) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and messages, each with its line."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            said = token.type == tokenize.STRING and " " in token.string
            if said or token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def texts_of_notebook(path: Path) -> Iterator[tuple[int, str]]:
    """Markdown, and comments of code, each with the number of its cell."""
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield number, source
        else:
            tokens = tokenize.generate_tokens(io.StringIO(source).readline)
            yield from ((number, each.string) for each in tokens if each.type == tokenize.COMMENT)


def find_words(texts: Iterator[tuple[int, str]]) -> list[str]:
    """Words that should be others, each with its place and what to write."""
    found = []
    for place, text in texts:
        for words, better in INSTEAD.items():
            for match in re.finditer(rf"\b(?:{words})\b", text.replace("HOME", ""), re.IGNORECASE):
                around = text[max(0, match.start() - 30) : match.end() + 30].replace("\n", " ")
                found.append(f"{place}: …{around}… ({better})")
    return found


def test_words_are_found() -> None:
    texts = iter([(3, "What somebody\nlooks at"), (4, "home directory, corner of the cell")])
    assert find_words(texts) == [
        "3: …What somebody looks at… (anyone; no one; users)",
        "3: …What somebody looks at… (analyse; use)",
    ]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_of_code_are_plain(path: Path) -> None:
    assert find_words(texts_of_code(path)) == []
    openings = [
        f"{place}: {text}"
        for place, text in texts_of_code(path)
        if text.startswith('"""') and OPENING.match(text[3:])
    ]
    assert openings == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_plain(path: Path) -> None:
    assert find_words(enumerate(path.read_text().splitlines(), 1)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_notebooks_are_plain(path: Path) -> None:
    assert find_words(texts_of_notebook(path)) == []
