"""Every default that the help of a command names is the one that Python's function has."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields

import pytest

from sensitivity import (
    DensityCorrelations,
    GaussianTypeOrbitals,
    diagnose,
    find_twin,
    follow,
    invert,
    locate,
    rattle,
    smallest,
    spectrum,
    survey,
)
from sensitivity.cli.main import build_parser

FUNCTIONS = {
    "analyze": spectrum,
    "diagnose": diagnose,
    "locate": locate,
    "twin": find_twin,
    "follow": follow,
    "invert": invert,
    "survey": survey,
    "rattle": rattle,
    "smallest": smallest,
}
DESCRIPTOR = {field.name: field.default for field in fields(DensityCorrelations)}
# What the help says of a default that is no number.
WORDS = {
    ("center", None): "all",
    ("contract_channels", None): "no mixing",
    ("bonds", None): "no bounds",
    ("limit", None): "no limit",
    ("species", None): "all",
    ("select", None): "all",
    ("timeout", None): "none",
    ("nearest", None): "no search",
}
# Options without a counterpart, with what they do if they are not given.
OF_THE_COMMAND = {
    "index": "0, the first",
    "format": "detected",
    "types": None,
    "json": None,
    "plot": None,
    "output": None,
    "help": None,
    "descriptor": None,
    "setting": None,
    "start": None,  # one of the two is required
    "rattle": None,
    "seed": "0",  # of the noise of --rattle
    "allow": "neither",  # what "avoid" leaves out
    "structure": None,
    "file": None,
    "page": None,
    "chemiscope": None,
    "dask": None,  # instead of --workers
    "no_causes": None,
    "complete": None,  # else the result of "smallest"
    # Required in Python, where the center or mode is known to who writes the call.
    "center": "0, the first atom",
    "mode": "the least visible internal mode",
    "amplitude": "0.1",  # of rattle
}


def commands() -> dict[str, argparse.ArgumentParser]:
    (group,) = build_parser()._subparsers._group_actions
    return group.choices


def shown_default(action: argparse.Action) -> str | None:
    found = re.search(r"\(default: (.*)\)$", action.help or "")
    return found and found[1]


@pytest.mark.parametrize("command", FUNCTIONS)
def test_defaults_are_those_of_python(command: str) -> None:
    defaults = {
        {"centers": "center"}.get(name, name): parameter.default
        for name, parameter in inspect.signature(FUNCTIONS[command]).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    compared = set()
    for action in commands()[command]._actions:
        name = action.dest
        if name in defaults or name in DESCRIPTOR:
            default = {**DESCRIPTOR, **defaults}[name]
            expected = WORDS.get((name, default), default)
            compared.add(name)
        else:
            expected = OF_THE_COMMAND[name]
        if name == "basis":
            assert isinstance(default, GaussianTypeOrbitals)
            expected = "gto"
        if default_is_flag := isinstance(expected, bool):
            assert (action.nargs, expected) == (0, False)
        elif isinstance(expected, int | float):
            assert float(shown_default(action)) == expected
        else:
            assert shown_default(action) == expected
        # It is Python's function that has the default, unless the option was given.
        assert default_is_flag or not action.default or name == "help"
    assert compared >= {"order", "cutoff", "n_max", "l_max", "smearing", "basis", "parity_odd"}
    own = {"diagnose": "tolerance", "locate": "reach", "twin": "amplitude", "follow": "step"}
    assert own.get(command, "order") in compared


def test_help_is_in_sentences_that_begin_with_a_capital_letter() -> None:
    for name, command in commands().items():
        assert command.description[0].isupper(), name
        assert "jacobian" not in command.format_help()
        assert "jupyterlab" not in command.format_help().replace("'jupyter lab'", "")


@pytest.mark.parametrize("command", [None, *commands()])
def test_help_fits_80_columns(command: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = commands()[command] if command else build_parser()
    assert max(map(len, parser.format_help().splitlines())) <= 80
