"""The directive ``command-reference``: a section for every command, from its parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from docutils.nodes import Node
from sphinx.util.docutils import SphinxDirective

from sensitivity.cli.main import build_parser


class CommandReference(SphinxDirective):
    """Writes down what the parser of the command knows."""

    def run(self) -> list[Node]:
        """Return the sections."""
        text = "\n".join(_describe(build_parser()))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _describe(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Lines of reStructuredText on all commands of a parser."""
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    for name, command in commands.choices.items():
        yield from (name, "-" * len(name), "", command.description or "", "")
        yield from (".. code-block:: text", "", *_indent(command.format_usage()), "")
        yield from (f".. program:: {command.prog}", "")
        for group in filter(_is_shown, command._action_groups):
            yield from (f".. rubric:: {(group.title or '').capitalize()}", "")
            for action in filter(_is_told, group._group_actions):
                yield from (
                    f".. option:: {_name(action)}",
                    "",
                    *_indent(_help(command, action)),
                    "",
                )


def _is_shown(group: argparse._ArgumentGroup) -> bool:
    return any(map(_is_told, group._group_actions))


def _is_told(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._HelpAction)


def _name(action: argparse.Action) -> str:
    """Names of an option with what follows it, or what stands for an argument."""
    values = argparse.HelpFormatter("")._format_args(action, (action.dest or "").upper())
    if action.choices is not None and action.metavar is None:
        values = f"{{{','.join(map(str, action.choices))}}}"
    if not action.option_strings:
        return str(action.metavar or action.dest)
    return ", ".join(f"{option} {values}".strip() for option in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % (vars(action) | {"prog": parser.prog})


def _indent(text: str) -> list[str]:
    return [f"   {line}" for line in text.splitlines()]


def setup(app: Any) -> dict[str, Any]:
    """Make the directive known."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
