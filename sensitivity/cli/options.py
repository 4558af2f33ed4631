"""What every command that looks at a structure takes: the structure, and the descriptor."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

# Whatever imports scipy is imported where it is used: --help is immediate.
if TYPE_CHECKING:
    from sensitivity.descriptors import DensityCorrelations
    from sensitivity.reports import Source


def capitalize_first(text: str) -> str:
    """Return a text with its first letter in upper case, and names such as Jacobian as they are."""
    return text[0].upper() + text[1:]


def add_structure(command: argparse.ArgumentParser, *, one_center: bool = False) -> None:
    """Add the arguments that choose a structure, and the centers in it or the only one."""
    command.add_argument(
        "structure", metavar="STRUCTURE", help="a name, a file, or - for standard input"
    )
    command.add_argument("--index", type=int, help="frame of the file (default: 0, the first)")
    command.add_argument(
        "--format",
        metavar="NAME",
        help="format of the file, as ASE names it (default: as it looks)",
    )
    command.add_argument(
        "--types",
        metavar="1=Si,2=O",
        help="elements of the types of a LAMMPS file, which numbers its species",
    )
    command.add_argument(
        "--center",
        type=int,
        action="append",
        metavar="ATOM",
        help="index of an atom whose environment counts, from 0"
        + (" (default: 0, the first atom)" if one_center else "; repeatable (default: all)"),
    )


def add_descriptor(command: argparse.ArgumentParser) -> None:
    """Add the options of the descriptor; their defaults are its own."""
    group = command.add_argument_group("descriptor (density correlations)")
    group.add_argument("--order", type=int, help="neighbours correlated: 1, 2, 3 or 4 (default: 2)")
    group.add_argument("--cutoff", type=float, metavar="Å", help="radius in Å (default: 3.5)")
    group.add_argument("--n-max", type=int, metavar="N", help="radial functions (default: 6)")
    group.add_argument("--l-max", type=int, metavar="L", help="largest degree (default: 6)")
    group.add_argument(
        "--smearing", type=float, metavar="Å", help="width of an atom in Å (default: 0.3)"
    )
    group.add_argument(
        "--basis",
        choices=("gto", "bessel"),
        default="gto",
        help="radial basis: Gaussian-type orbitals or spherical Bessel functions (default: gto)",
    )
    group.add_argument(
        "--parity-odd",
        action="store_true",
        default=None,
        help="at order 3 or 4, add the features that change sign under inversion",
    )
    group.add_argument(
        "--contract-channels",
        type=int,
        metavar="K",
        help="mix species and radial functions to K channels (default: as they are)",
    )


def load_source(
    name: str, *, index: int | None = None, form: str | None = None, types: str | None = None
) -> Source:
    """Return a named structure, or a frame of a file, by default the first.

    ``form`` is ASE's name of the format, ``types`` a text such as ``1=Si,2=O``.
    """
    from sensitivity import structures
    from sensitivity.reports import Source
    from sensitivity.structures import files
    from sensitivity.structures.files.lammps import parse_types

    elements = None if types is None else parse_types(types)
    if name in structures.names():
        given = {"--index": index, "--format": form, "--types": types}
        for option, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{option} is for files, and {name} is a named structure; leave it out, or "
                    f"give the file as ./{name}."
                )
        return Source(name, structures.load(name))
    path = Path(name)
    if name != "-" and not os.path.exists(name) and not path.suffix and path.name == name:
        structures.load(name)  # raises, and tells the nearest names
    chosen = files.choose(name, index=index or 0, format=form, types=elements)
    files.warn(name, chosen)
    return Source(
        files.show(name),
        chosen.atoms,
        index=chosen.index,
        frames=chosen.count,
        all_counted=chosen.complete,
        notes=chosen.notes,
    )


def build_descriptor(options: argparse.Namespace) -> DensityCorrelations:
    """Return the descriptor that the options ask for."""
    from sensitivity import descriptors

    names = ("order", "cutoff", "n_max", "l_max", "smearing", "parity_odd", "contract_channels")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.basis == "bessel":
        given["basis"] = descriptors.SphericalBessel()
    return descriptors.DensityCorrelations(**given)
