"""The command ``sensitivity``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

# Everything that imports scipy or matplotlib is imported where it is used: --help is immediate.
if TYPE_CHECKING:
    from ase import Atoms

    from sensitivity.descriptors import DensityCorrelations
    from sensitivity.spectrum import Spectrum

WRONG_INPUT, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
PLOT_FORMATS = (".png", ".pdf", ".svg")
FRAMES_COUNTED = 1000  # a long trajectory is not read to its end to learn how long it is
MOVING = 0.9  # the atoms listed for a mode carry this fraction of its squared displacement
MOST_ATOMS = 4  # but they are at most so many


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_INPUT, f"sensitivity: {message}; see '{self.prog} --help'.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 2 for wrong input, 130 for Ctrl-C."""
    try:
        options = _build_parser().parse_args(arguments)
        with warnings.catch_warnings(record=True) as caught:
            status = _run(options.run, options)
        for message in dict.fromkeys(str(one.message) for one in caught):
            print(f"sensitivity: note: {_one_line(message)}", file=sys.stderr)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python flushes once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (ValueError, OSError, ImportError) as error:
        print(f"sensitivity: {_one_line(str(error))}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def _one_line(text: str) -> str:
    return " ".join(text.split())
