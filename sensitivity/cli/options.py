"""The shared options of commands: structure, centers and descriptor."""

from __future__ import annotations

import os
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sensitivity.cli.descriptor_texts import descriptor_from, read_settings, split_settings

SEE_LIST = "see 'sensitivity structures'"
"""Remedy for an unknown name of a structure."""

ORDERS = ("1", "2", "3", "4")
"""Names of density correlations, by order."""

# Modules that import scipy are imported where they are used, so that --help is immediate.
if TYPE_CHECKING:
    from ase import Atoms

    from sensitivity.descriptors import Descriptor
    from sensitivity.structures.files.reading import Source


def add_command(
    commands: Any, name: str, text: str, run: Callable[[Namespace], int], *, details: str = "."
) -> ArgumentParser:
    """Add a command with a one-line help; the description adds ``details``."""
    # Not str.capitalize(), which changes "Jacobian" to "jacobian".
    described = f"{text[0].upper()}{text[1:]}{details}"
    command: ArgumentParser = commands.add_parser(name, help=text, description=described)
    command.set_defaults(command=name, run=run)
    return command


def add_subject(command: ArgumentParser, *, one_center: bool = False) -> None:
    """Add the options for a structure, its centers or its only center, and a descriptor."""
    add_structure(command)
    add_centers(command, one_center=one_center)
    add_descriptor(command)


def add_crystal(command: ArgumentParser) -> None:
    """Add the options for a structure, all of whose atoms are centers, and a descriptor."""
    add_structure(command)
    add_descriptor(command)


def add_descriptor(command: ArgumentParser) -> None:
    """Add the options for a descriptor."""
    group = command.add_argument_group("descriptor (density correlations)")
    text = "number of correlated neighbours: 1 (distances), 2 (pairs), 3 or 4"
    add_option(group, "--order", text, 2, int, None)
    add_settings(group)
    text = (
        "another descriptor, to which the options above do not apply: a name "
        "listed by 'sensitivity descriptors', or FILE.py:NAME: in FILE.py, NAME is a "
        "descriptor, or a function that takes a structure; a function needs a cutoff, as in "
        "'own.py:f cutoff=5'"
    )
    group.add_argument("--descriptor", metavar="NAME", help=text)
    text = (
        "setting of the descriptor, by the name that its package uses, such as r_cut=4 for "
        "dscribe-soap and cutoff=4 for featomic-power-spectrum; repeat for several"
    )
    _add_setting(group, text)
    command.set_defaults(build=build_descriptor)


def add_subjects(command: ArgumentParser) -> None:
    """Add the options for a structure, its centers, and several descriptors."""
    add_structure(command)
    add_centers(command)
    text = (
        "a descriptor; repeat for each, at least two. A name listed by 'sensitivity descriptors', "
        "or FILE.py:NAME, the descriptor or function NAME in this file; settings may follow in "
        'quotes: "2 n_max=8" is order 2 with n_max 8; a function needs a '
        'cutoff: "own.py:f cutoff=5"'
    )
    command.add_argument(
        "--descriptor",
        dest="descriptors",
        action="append",
        required=True,
        metavar="NAME",
        help=text,
    )
    text = "setting of every descriptor other than density correlations; repeat for several"
    _add_setting(command, text)
    add_settings(command.add_argument_group("settings of density correlations"))
    command.set_defaults(build=build_descriptors)


def _add_setting(group: Any, text: str) -> None:
    group.add_argument("--setting", metavar="NAME=VALUE", action="append", default=[], help=text)


def add_structure(command: ArgumentParser) -> None:
    """Add the options for a structure, and ``--json``."""
    text = "a name listed by 'sensitivity structures', a file that ASE reads, or - for standard "
    complete_names(command.add_argument("structure", metavar="STRUCTURE", help=f"{text}input"))
    add_option(command, "--index", "index of the frame in the file", "0, the first", int, None)
    text = "format of the file, as ASE names it"
    add_option(command, "--format", text, "detected", str, "NAME")
    text = "elements of the atom types of a LAMMPS file"
    command.add_argument("--types", metavar="1=Si,2=O", help=text)
    add_json(command)


def add_centers(command: ArgumentParser, *, one_center: bool = False) -> None:
    """Add the option for centers or the only center."""
    usual = " (default: 0, the first atom)" if one_center else "; repeat for several (default: all)"
    text = f"index, from 0, of a center: an atom whose features are used{usual}"
    command.add_argument("--center", type=_read_index, action="append", metavar="ATOM", help=text)


def add_settings(group: Any) -> None:
    """Add the settings of density correlations other than their order."""
    add_option(group, "--cutoff", "largest distance of a neighbour from its center, in Å", 3.5)
    add_option(group, "--n-max", "number of radial functions of the basis", 6, int, "N")
    text = "largest degree of the spherical harmonics of the basis"
    add_option(group, "--l-max", text, 6, int, "L")
    add_option(group, "--smearing", "width of the Gaussian that represents an atom, in Å", 0.3)
    text = "radial basis: Gaussian-type orbitals or spherical Bessel functions (default: gto)"
    group.add_argument("--basis", choices=("gto", "bessel"), help=text)
    text = "at order 3 or 4, add the features that change sign under inversion"
    group.add_argument("--parity-odd", action="store_true", default=None, help=text)
    text = (
        "replace the radial functions of all species by K linear combinations of them, with random "
        "coefficients that are always the same, for fewer features"
    )
    add_option(group, "--contract-channels", text, "no mixing", int, "K")


def _read_index(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        reason = f"must be the index of an atom, counted from 0, got {text!r}; labels are not read"
        raise ArgumentTypeError(reason) from None


def add_json(command: ArgumentParser) -> None:
    """Add ``--json``."""
    command.add_argument("--json", action="store_true", help="print one JSON object")


def add_server(command: ArgumentParser, text: str, usual: str) -> None:
    """Add the options of a command that serves pages."""
    add_option(command, "--port", text, usual, int, None)
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")


def add_option(
    command: Any, name: str, text: str, usual: Any, kind: type = float, metavar: str | None = "Å"
) -> None:
    """Add an option; the help names ``usual``, the default of the library."""
    text = f"{text} (default: {usual if isinstance(usual, str) else f'{usual:g}'})"
    command.add_argument(name, type=kind, metavar=metavar, help=text)


def complete_names(argument: Action) -> None:
    """Enable shell completion of the argument with names of structures and files."""

    def complete(prefix: str, **_: object) -> list[str]:
        from glob import escape, glob

        from sensitivity import structures

        return [*structures.names(), *glob(f"{escape(prefix)}*")]

    argument.completer = complete  # type: ignore[attr-defined]


def given(options: Namespace, *names: str) -> dict[str, Any]:
    """Return the given options; the library has the defaults of the others."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def load_source(
    name: str, *, index: int | None = None, form: str | None = None, types: str | None = None
) -> Source:
    """Return a named structure, or a frame of a file, the first by default; options as texts."""
    from sensitivity import structures
    from sensitivity.structures.files import reading as files
    from sensitivity.structures.files.lammps import parse_types

    elements = None if types is None else parse_types(types)
    if name in structures.names():
        of_files = {"--index": index, "--format": form, "--types": types}
        if option := next((key for key, value in of_files.items() if value is not None), ""):
            raise ValueError(
                f"{option} is for files, and {name} is a named structure; leave it out, or write "
                f"./{name} for the file."
            )
        return files.Source(name, structures.load(name))
    like_a_name = name == os.path.basename(name) and not os.path.splitext(name)[1]
    if name != "-" and like_a_name and not os.path.exists(name):
        found = structures.find_name(name, remedy=SEE_LIST)
        return files.Source(name, structures.load(found))
    source = files.choose(name, index=index or 0, format=form, types=elements)
    files.warn(source)
    return source


_SETTINGS = (
    *("cutoff", "n_max", "l_max", "smearing", "basis"),
    *("parity_odd", "contract_channels"),
)


def build_descriptor(options: Namespace, atoms: Atoms) -> Descriptor:
    """Return the descriptor selected by the options, for a structure."""
    settings, more = given(options, "order", *_SETTINGS), read_settings(options.setting)
    if twice := settings.keys() & more.keys():
        raise ValueError(
            f"{', '.join(sorted(twice))} is given twice, by an option and by --setting; leave one "
            "out."
        )
    if options.descriptor is None:
        return _native({**settings, **more})
    if settings:
        raise ValueError(
            f"--descriptor cannot be combined with {_names(settings)}; use --setting NAME=VALUE "
            "for settings of the descriptor."
        )
    return descriptor_from(options.descriptor, atoms, **more)


def build_descriptors(options: Namespace, atoms: Atoms) -> dict[str, Descriptor]:
    """Return the descriptors selected by the options of a comparison, by distinct names."""
    from sensitivity.descriptors.naming import name_descriptors

    settings, more = given(options, *_SETTINGS), read_settings(options.setting)
    names = [split_settings(text)[0] for text in options.descriptors]
    if more and all(name in ORDERS for name in names):
        raise ValueError(
            "--setting applies only to descriptors other than density correlations, and "
            "--descriptor names none; write it after a name, such as "
            f'"{names[0]} {options.setting[0]}".'
        )
    if settings and not any(name in ORDERS for name in names):
        raise ValueError(
            f"{_names(settings)} applies only to density correlations, and --descriptor names none;"
            f" leave it out, or add one of {', '.join(ORDERS)}."
        )
    return name_descriptors(
        [
            descriptor_from(text, atoms, **(_of_order(name, settings) if name in ORDERS else more))
            for name, text in zip(names, options.descriptors, strict=True)
        ]
    )


def _of_order(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that density correlations of this order have."""
    known = _with_basis(settings)
    return known if int(name) >= 3 else {k: v for k, v in known.items() if k != "parity_odd"}


def _native(settings: dict[str, Any]) -> Descriptor:
    from sensitivity import descriptors

    try:
        return descriptors.DensityCorrelations(**_with_basis(settings))
    except (KeyError, TypeError) as error:
        raise ValueError(f"--setting is unusable: {str(error).rstrip('.')}.") from error


def _with_basis(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the radial basis instead of its name."""
    from sensitivity import descriptors

    bases = {"bessel": descriptors.SphericalBessel, "gto": descriptors.GaussianTypeOrbitals}
    basis = settings.get("basis")
    return settings if basis is None else {**settings, "basis": bases[basis]()}


def _names(settings: dict[str, Any]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in settings)
