"""Real files: each is read as what it is, with a note where something was decided, or refused.

The same table goes through the three doors that a file can take: ``structures.read``, the command,
and the explorer.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from panel import SIMPLE, TOOLBAR, message

from sensitivity import structures
from sensitivity.cli.main import main
from sensitivity.explorers import Explorer
from sensitivity.explorers.parts.inputs import FORMATS
from sensitivity.limits import Limit
from sensitivity.progress import Cancelled, cancellable
from sensitivity.structures.files.elements import resolve
from sensitivity.structures.files.isolated import read_isolated
from sensitivity.structures.validation import NEAREST

pytestmark = TOOLBAR

FIELD = Path(__file__).parents[1] / "data" / "field"

CELL = "x\n1.0\n5 0 0\n0 5 0\n0 0 5\n"
WATER = "3\n{}\nO 0 0 0\nH 0 0.76 0.59\nH 0 -0.76 0.59\n"


@dataclass(frozen=True)
class Case:
    """A file, and what has to come of it.

    Attributes
    ----------
    name
        Of the file.
    content
        Of the file.
    index
        Of the frame that is asked for.
    symbols
        Of the structure that is read; empty if it is refused.
    words
        Of the note, or of the refusal; empty if there is nothing to be said.
    options
        More arguments of ``structures.read``.
    upload
        Whether an explorer reads it, too.
    """

    name: str
    content: bytes
    index: int
    symbols: str
    words: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    upload: bool = True


def field(name: str) -> bytes:
    return (FIELD / name).read_bytes()


def text(name: str) -> str:
    return field(name).decode()


def pdb(*rows: str, head: str = "", tail: str = "END\n") -> str:
    return head + "".join(f"{row}\n" for row in rows) + tail


def row(
    name: str, x: float, *, element: str = "", alternative: str = "", occupancy: float = 1.0
) -> str:
    """A line of a PDB file; a name of up to three letters begins in the second column."""
    label = f"{name:<4}" if len(name) > 3 else f" {name:<3}"
    place = f"{x:8.3f}{0.0:8.3f}{0.0:8.3f}{occupancy:6.2f}{0.0:6.2f}"
    return f"ATOM      1 {label}{alternative:1}ALA A   1    {place}          {element:>2}  "


def cif(*sites: str, columns: str = "", head: str = "", cell: str = "4 4 4 90 90 90") -> str:
    tags = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lengths = "".join(
        f"_cell_{tag} {value}\n" for tag, value in zip(tags, cell.split(), strict=True)
    )
    names = ("label", "fract_x", "fract_y", "fract_z", *columns.split())
    loop = "loop_\n" + "".join(f"_atom_site_{name}\n" for name in names)
    return f"data_a\n{lengths}{head}{loop}" + "".join(f"{site}\n" for site in sites)


def group(name: str, number: int) -> str:
    return f"_symmetry_space_group_name_H-M '{name}'\n_symmetry_Int_Tables_number {number}\n"


def models(*lengths: float, head: str = "", last: str = "ENDMDL\nEND\n") -> str:
    parts = [pdb(row("N", 0.0, element="N"), row("N", x, element="N"), tail="") for x in lengths]
    numbered = [f"MODEL {k:8}\n{part}" for k, part in enumerate(parts, 1)]
    return head + "ENDMDL\n".join(numbered) + last


def dump(*steps: str, columns: str = "id type x y z") -> str:
    head = "ITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\n"
    return "".join(
        f"ITEM: TIMESTEP\n{k}\n{head}ITEM: ATOMS {columns}\n{step}" for k, step in enumerate(steps)
    )


def written(form: str, atoms: Atoms, **keywords: Any) -> str:
    import io

    file: Any = io.BytesIO() if form == "cif" else io.StringIO()
    ase.io.write(file, atoms, format=form, **keywords)
    found = file.getvalue()
    return found.decode() if isinstance(found, bytes) else found


SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
SALT_SYMBOLS = 4 * "NaCl"
SALT_TYPES = (("types", {1: "Cl", 2: "Na"}),)
DUMP = dump("2 2 2 2 2\n1 1 0 0 0\n", "1 1 0 0 0\n2 2 2 2 1\n")
MAGNESIUM = "_symmetry_space_group_name_H-M 'P 63/m m c'\n_symmetry_Int_Tables_number 194\n"
HEXAGONAL = "3.209 3.209 5.211 90 90 120"
CRYSTAL = "CRYST1   30.000   30.000   30.000  90.00  90.00  90.00 P 1           1\n"
PLACEHOLDER = "CRYST1{0:9.3f}{0:9.3f}{0:9.3f}  90.00  90.00  90.00 P 1           1\n"
NO_CELL = "is a placeholder: read without a cell"
INCOMPLETE = "announces 2 atoms, and there are 1; is the file complete?"
OVERLAP = r"atoms overlap: atoms \d and \d are 0\.00\d* Å apart"
NUMBERED = "its species are numbered; give the elements of the types"
BILLION = "1000000000"

GRO = (
    "t\n2\n    1{:<5}{:>5}    1   0.000   0.000   0.000\n"
    "    2{:<5}{:>5}    2   0.100   0.000   0.000\n   3 3 3\n"
)
XSF = "ANIMSTEPS 3\nCRYSTAL\nPRIMVEC\n5 0 0\n0 5 0\n0 0 5\n" + "".join(
    f"PRIMCOORD {k}\n2 1\nNa 0.0 0.0 0.0\n{label} 2.0 2.0 2.{k}\n"
    for k, label in enumerate(("Cl", "Qq", "Cl"), 1)
)
INVERSION = "loop_\n_space_group_symop_operation_xyz\nx,y,z\n-x,-y,-z\n"

ONE_BAD = "1 of 2 frames can be read, not frame"
GOOD, BAD = "2\na\nN 0 0 0\nN 0 0 1.1\n", "2\nb\nN 0 0 0\n"
ODD = "2\nb\nQ1 0 0 0\nN 0 0 1.1\n"


def case(name: str, content: str | bytes, symbols: str, words: str = "", **more: Any) -> Case:
    data = content.encode() if isinstance(content, str) else content
    return Case(name, data, more.pop("index", 0), symbols, words, **more)


CASES = {
    # Good frames beside bad ones
    "cut": case("cut.xyz", field("cut.xyz"), "N2", f"{ONE_BAD} 1"),
    "cut, bad frame": case("cut.xyz", field("cut.xyz"), "", INCOMPLETE, index=1),
    "cut, from the end": case("cut.xyz", field("cut.xyz"), "", INCOMPLETE, index=-1),
    "cut, Windows": case("a.xyz", text("cut.xyz").replace("\n", "\r\n"), "N2", f"{ONE_BAD} 1"),
    "cut, Macintosh": case("a.xyz", text("cut.xyz").replace("\n", "\r"), "N2", f"{ONE_BAD} 1"),
    "cut, gzip": case(
        "a.xyz.gz", gzip.compress(field("cut.xyz")), "N2", f"{ONE_BAD} 1", upload=False
    ),
    "cut, bzip2": case(
        "a.xyz.bz2", bz2.compress(field("cut.xyz")), "N2", f"{ONE_BAD} 1", upload=False
    ),
    "cut, xz": case(
        "a.xyz.xz", lzma.compress(field("cut.xyz")), "N2", f"{ONE_BAD} 1", upload=False
    ),
    "cut first": case("a.xyz", BAD + GOOD, "N2", f"{ONE_BAD} 0", index=1),
    "cut in the middle": case(
        "a.xyz", GOOD + BAD + GOOD, "N2", "2 of 3 frames can be read, not frame 1", index=2
    ),
    "cut, blank lines": case("a.xyz", f"{GOOD}\n\n{GOOD}\n", "N2", index=1),
    "first bad, refused": case("a.xyz", ODD + GOOD, "", f"element; {ONE_BAD} 0", index=0),
    "remark": case("a.xyz", "1\nProperties of 'water, pbc: \"no\nH 0 0 0\n", "H"),
    "other ending": case("a.dat", GOOD, "N2"),
    "other ending, CIF": case("a.out", cif("Na 0 0 0"), "Na"),
    "no ending": case("structure", GOOD, "N2"),
    "mmCIF": case("a.cif", "data_a\nloop_\n_atom_site.Cartn_x\n0\n", "", "mmCIF is not read"),
    "one atom too many": case("a.xyz", f"{GOOD}N 0 0 2.2\n{GOOD}", "", "line 5 is one more"),
    "after one too many": case("a.xyz", f"{GOOD}N 0 0 2.2\n{GOOD}", "N2", f"{ONE_BAD} 0", index=1),
    "later bad": case("later_bad.xyz", field("later_bad.xyz"), "N2", f"{ONE_BAD} 1"),
    "later bad, bad frame": case(
        "later_bad.xyz", field("later_bad.xyz"), "", "line 7: 'Q1' is not the symbol", index=-1
    ),
    "bad first": case("a.extxyz", ODD + GOOD, "N2", f"{ONE_BAD} 0", index=-1),
    "bad number": case("a.xyz", f"{GOOD}1\n\nH 0 O 0\n", "", "line 7: expected a symbol", index=1),
    "damaged gzip": case(
        "a.xyz.gz",
        gzip.compress(("".join(WATER.format(k) for k in range(900))).encode())[:-400],
        "OH2",
        "frames can be read, not frame",
        upload=False,
    ),
    "third model cut": case(
        "a.pdb", models(1.1, 1.2, 1.3, last=""), "N2", "2 of 3 frames can be read, not frame 2"
    ),
    "bad block": case(
        "a.cif",
        cif("Na 0 0 0") + cif("Qq 0 0 0").replace("data_a", "data_b") + cif("K 0 0 0"),
        "K",
        "2 of 3 frames can be read, not frame 1",
        index=2,
    ),
    "configuration cut": case(
        "XDATCAR",
        f"{CELL}Na Cl\n1 1\n"
        + f"Direct configuration= {1}\n0 0 0\n.5 .5 .5\n"
        + "Direct configuration= 2\n0 0 0\n"
        + "Direct configuration= 3\n0 0 0\n.5 .5 .4\n",
        "NaCl",
        "2 of 3 frames can be read, not frame 1",
        index=-1,
    ),
    "molecule cut": case(
        "a.sdf",
        written("sdf", molecule("H2O")) + "\n\n\n  9  0  0     0  0            999 V2000\n$$$$\n",
        "OH2",
        f"{ONE_BAD} 1",
    ),
    "molecule with a bad label": case(
        "a.sdf",
        written("sdf", molecule("H2O")) + written("sdf", molecule("H2O")).replace(" O ", " Qq"),
        "",
        f"line {written('sdf', molecule('H2O')).count(chr(10)) + 5}: 'Qq' is not the symbol",
        index=1,
    ),
    "steps with a bad label": case(
        "a.xsf", XSF, "NaCl", "2 of 3 frames can be read, not frame 1", index=2
    ),
    "step with a bad label": case("a.xsf", XSF, "", "line 14: 'Qq' is not the symbol", index=1),
    "steps of a cut file": case(
        "a.xsf", XSF.replace("Qq", "Cl").replace("S 3", "S 4"), "NaCl", "3 of 4 frames", index=2
    ),
    "steps of a molecule": case(
        "a.xsf",
        "ANIMSTEPS 2\nATOMS 1\nN 0 0 0\nN 0 0 1.1\nATOMS 2\nN 0 0 0\nN 0 0 x\n",
        "N2",
        f"{ONE_BAD} 1",
    ),
    "snapshot cut": case(
        "a.dump", DUMP[:-8], "ClNa", f"{ONE_BAD} 1", options=SALT_TYPES, upload=False
    ),
    # Placeholder cells
    "placeholder": case("cell1.pdb", field("cell1.pdb"), "N2", NO_CELL),
    "placeholder, Windows": case("a.pdb", text("cell1.pdb").replace("\n", "\r\n"), "N2", NO_CELL),
    "placeholder, models": case(
        "a.pdb", models(1.1, 1.2, head=PLACEHOLDER.format(1)), "N2", NO_CELL, index=1
    ),
    "placeholder of zero": case(
        "a.pdb", models(1.1, head=PLACEHOLDER.format(0)), "N2", NO_CELL, index=0
    ),
    "placeholder, CIF": case(
        "a.cif", cif("N 0 0 0", "N 0 0 1.1", cell="1 1 1 90 90 90"), "N2", NO_CELL
    ),
    "cell of zero": case(
        "a.xyz", '1\nLattice="0 0 0 0 0 0 0 0 0" pbc="T T T"\nH 0 0 0\n', "H", "the cell is zero"
    ),
    # Atoms that are too near
    "near": case("near.xyz", field("near.xyz"), "", "atoms 0 and 1 are 0.003 Å apart"),
    "near, later frame": case("a.xyz", GOOD.encode() + field("near.xyz"), "", OVERLAP, index=1),
    "near, first frame": case("a.xyz", field("near.xyz") + GOOD.encode(), "N2", index=1),
    "near, gzip": case("a.xyz.gz", gzip.compress(field("near.xyz")), "", OVERLAP, upload=False),
    "near, POSCAR": case(
        "POSCAR", f"{CELL}N\n2\nDirect\n0 0 0\n0 0 .0006\n", "", "atoms 0 and 1 are 0.003 Å apart"
    ),
    "near, across the cell": case(
        "POSCAR", f"{CELL}N\n2\nDirect\n0 0 0\n0 0 .9994\n", "", "a periodic image, are 0.003 Å"
    ),
    "near image": case(
        "a.xyz", '1\nLattice="5 0 0 0 5 0 0 0 0.19"\nH 0 0 0\n', "", "image are 0.19 Å apart"
    ),
    "rounded thirds": case(
        "a.cif", cif("Mg 0.333 0.667 0.25", head=MAGNESIUM, cell=HEXAGONAL), "", OVERLAP
    ),
    "rounded thirds, more digits": case(
        "a.cif", cif("Mg 0.3333 0.6667 0.25", head=MAGNESIUM, cell=HEXAGONAL), "Mg2"
    ),
    # Occupancies and alternative locations
    "occupancy": case(
        "occ.cif", field("occ.cif"), "FeO", "the site of Fe1 0.5, Ni1 0.5 is read as"
    ),
    "occupancy, vacancy": case(
        "occ.cif", field("occ.cif"), "FeO", "site O1, occupied by 0.25, is read as full"
    ),
    "majority": case(
        "a.cif",
        cif("Fe1 0 0 0 .3", "Ni1 0 0 0 .7", columns="occupancy"),
        "Ni",
        "the site of Fe1 0.3, Ni1 0.7 is read as Ni1",
    ),
    "majority, across the cell": case(
        "a.cif",
        cif("Fe1 0 0 0 .3", "Ni1 1.0 0 -1 .7", columns="occupancy"),
        "Ni",
        "is read as Ni1",
    ),
    "disordered groups": case(
        "a.cif",
        cif(
            "C1 0 0 0 1 . .",
            "F1 .3 0 0 .4 A 1",
            "F2 0 .3 0 .6 A 2",
            columns="occupancy disorder_assembly disorder_group",
        ),
        "CF",
        "of disordered groups one alternative is read, without F1",
    ),
    "alternative locations": case(
        "a.pdb",
        pdb(
            row("N", 0, element="N"),
            row("CA", 1.4, element="C", alternative="A", occupancy=0.5),
            row("CA", 1.6, element="C", alternative="B", occupancy=0.5),
        ),
        "NC",
        "of alternative locations one is read: ALA A 1 CA (A)",
    ),
    "alternative locations, majority": case(
        "a.pdb",
        pdb(
            row("N", 0, element="N"),
            row("CA", 1.4, element="C", alternative="A", occupancy=0.4),
            row("CA", 1.6, element="C", alternative="B", occupancy=0.6),
            head=CRYSTAL,
        ),
        "NC",
        "one is read: ALA A 1 CA (B)",
    ),
    "alternative locations, models": case(
        "a.pdb",
        f"MODEL 1\n{row('N', 0, element='N')}\nENDMDL\nMODEL 2\n"
        + pdb(
            row("N", 0, element="N", alternative="A"),
            row("N", 1.2, element="N", alternative="B"),
            tail="ENDMDL\n",
        ),
        "N",
        "one is read: ALA A 1 N (A)",
        index=1,
    ),
    "occupied in part": case(
        "a.pdb", pdb(row("N", 0, element="N", occupancy=0.3)), "N", "ALA A 1 N (0.3)"
    ),
    # Encodings
    "mark": case("mark.xyz", field("mark.xyz"), "N2"),
    "mark, extxyz": case("a.extxyz", b"\xef\xbb\xbf" + GOOD.encode(), "N2"),
    "mark, POSCAR": case("POSCAR", f"\ufeff{CELL}He\n1\nDirect\n0 0 0\n", "He"),
    "mark, CIF": case("a.cif", "\ufeff" + cif("Na 0 0 0"), "Na"),
    "mark, PDB": case("a.pdb", "\ufeff" + models(1.1), "N2"),
    "mark, UTF-16": case("a.xyz", GOOD.encode("utf-16"), "N2"),
    "Latin": case("latin.xyz", field("latin.xyz"), "N2"),
    "Latin, later frame": case("a.xyz", GOOD.encode() + field("latin.xyz"), "N2", index=1),
    "Latin, CIF": case("a.cif", ("# für\n" + cif("Na 0 0 0")).encode("latin-1"), "Na"),
    "Latin, POSCAR": case("POSCAR", f"für{CELL[1:]}He\n1\nDirect\n0 0 0\n".encode("latin-1"), "He"),
    "Latin, Windows": case("a.xyz", field("latin.xyz").replace(b"\n", b"\r\n"), "N2"),
    # Isotopes and labels
    "deuterium": case("deuterium.xyz", field("deuterium.xyz"), "H2", "D read as H"),
    "tritium": case("a.xyz", text("deuterium.xyz").replace("D 0", "T 0"), "H2", "T read as H"),
    "deuterium, CIF": case("a.cif", cif("D1 0 0 0", "O1 .3 0 0"), "HO", "D1 read as H"),
    "deuterium, POSCAR": case("POSCAR", f"{CELL}D\n1\nDirect\n0 0 0\n", "H", "D read as H"),
    "deuterium, PDB": case("a.pdb", pdb(row("D1", 0, element="D")), "H", "D read as H"),
    "deuterium, gen": case("a.gen", "2 C\nD O\n1 1 0 0 0\n2 2 0 0 1\n", "HO", "D read as H"),
    "labels": case("labels.xyz", field("labels.xyz"), "N2", "N1, N2 read as N"),
    "labels, water": case("a.xyz", "2\n\nO1 0 0 0\nH2 0 0 1\n", "OH", "O1 read as O; H2 read as H"),
    "labels, force field": case(
        "a.xyz", "2\n\nOW 0 0 0\nHW1 0 0 1\n", "OH", "OW read as O; HW1 read as H"
    ),
    "labels, extxyz": case(
        "a.extxyz",
        '2\nProperties=pos:R:3:species:S:1:tag:I:1 pbc="F F F"\n0 0 0 O1 1\n0 0 1 H2 1\n',
        "OH",
        "O1 read as O",
    ),
    "labels, ions": case("POSCAR", f"{CELL}Fe_pv O2-\n1 1\nDirect\n0 0 0\n.5 0 0\n", "FeO", "O2-"),
    "labels, aims": case("geometry.in", "atom 0 0 0 O1\natom 0 0 1 H2\n", "OH", "O1 read as O"),
    "labels, capitals": case("a.xyz", "2\n\nNA 0 0 0\nCL 0 0 2\n", "", "'NA' could be N or Na"),
    "labels, alpha carbon": case("a.xyz", "1\n\nCA 0 0 0\n", "", "line 3: 'CA' could be C or Ca"),
    "labels, names of atoms": case(
        "a.pdb", pdb(row("N", 0), row("CA", 1.4), row("HA", 2.4)), "NCH", "77 and 78 are empty"
    ),
    "labels, group": case("a.xyz", "1\n\nCH3 0 0 0\n", "", "'CH3' could be C or H"),
    "numbers": case("a.xyz", "2\n\n8 0 0 0\n1 0 0 1\n", "OH", "8 read as O; 1 read as H"),
    # Models
    "models": case("a.pdb", models(1.1, 1.2, 1.3), "N2", index=-1),
    "models, first": case("a.pdb", models(1.1, 1.2, 1.3), "N2"),
    "models, too far": case("a.pdb", models(1.1, 1.2, 1.3), "", "has 3 frames", index=3),
    "models, Windows": case("a.pdb", models(1.1, 1.2).replace("\n", "\r\n"), "N2", index=-2),
    "models, no END": case("a.ent", models(1.1, 1.2, 1.3, last="ENDMDL\n"), "N2", index=2),
    "models, gzip": case(
        "a.pdb.gz", gzip.compress(models(1.1, 1.2, 1.3).encode()), "N2", index=-1, upload=False
    ),
    # LAMMPS
    "data": case(
        "a.data", written("lammps-data", SALT), SALT_SYMBOLS, options=SALT_TYPES, upload=False
    ),
    "data, format": case(
        "a.txt",
        written("lammps-data", SALT, atom_style="charge"),
        SALT_SYMBOLS,
        options=(("format", "lammps-data"), *SALT_TYPES),
        upload=False,
    ),
    "data, no types": case("a.data", written("lammps-data", SALT), "", NUMBERED, upload=False),
    "data, .lmp": case("a.lmp", written("lammps-data", SALT), "", NUMBERED, upload=False),
    "data, masses": case(
        "a.lmp", written("lammps-data", SALT, masses=True), "", "1=Cl,2=Na", upload=False
    ),
    "data, a type missing": case(
        "a.data",
        written("lammps-data", SALT),
        "",
        "type 2 has no element; add 2=SYMBOL",
        options=(("types", {1: "Cl"}),),
        upload=False,
    ),
    "dump": case("a.dump", DUMP, "ClNa", options=SALT_TYPES, index=-1, upload=False),
    "dump, no types": case("a.lammpstrj", DUMP, "", NUMBERED, upload=False),
    "dump, elements": case(
        "a.lammpstrj",
        dump("2 Cl 2 2 2\n1 Na 0 0 0\n", columns="id element x y z"),
        "NaCl",
        upload=False,
    ),
    "dump, gzip": case(
        "a.dump.gz", gzip.compress(DUMP.encode()), "ClNa", options=SALT_TYPES, upload=False
    ),
    # Headers
    "header": case("a.xyz", f"{BILLION}\n\nH 0 0 0\n", "", "and there are 1"),
    "header, sign": case("a.xyz", "+999_999_999\n\nH 0 0 0\n", "", "announces 999999999 atoms"),
    "header, white space": case("a.xyz", "\x0b999999999\x0c\n\nH 0 0 0\n", "", "and there are 1"),
    "header, columns": case(
        "a.xyz", f"1\nProperties=species:S:1:pos:R:3:w:R:{BILLION}\nH 0 0 0\n", "", "columns"
    ),
    "header, POSCAR": case("POSCAR", f"{CELL}H\n{BILLION}\nDirect\n0 0 0\n", "", "and there are 1"),
    "header, XDATCAR": case(
        "XDATCAR", f"{CELL}H\n{BILLION}\nDirect configuration= 1\n0 0 0\n", "", "and there are 1"
    ),
    "header, gen": case("a.gen", f"{BILLION} C\nH\n1 1 0 0 0\n", "", f"announces {BILLION} atoms"),
    "header, data": case(
        "a.data",
        written("lammps-data", SALT)
        .replace("8 \t atoms", f"{BILLION} atoms")
        .replace("8 atoms", f"{BILLION} atoms"),
        "",
        f"announces {BILLION} atoms, and there are 8",
        options=SALT_TYPES,
        upload=False,
    ),
    # Atoms that are none
    "Z = 119": case("a.xyz", "1\n\n119 0 0 0\n", "", "119 is not an atomic number from 1 to 118"),
    "Z = -1": case("a.xyz", "1\n\n-1 0 0 0\n", "", "-1 is not an atomic number"),
    "Z = 119, column": case(
        "a.xyz", "1\nProperties=Z:I:1:pos:R:3\n119 0 0 0\n", "", "119 is not an atomic number"
    ),
    "X": case("a.xyz", "2\n\nX 0 0 0\nH 0 0 1\n", "XH", "X is read as a dummy atom"),
    "X, POSCAR": case("POSCAR", f"{CELL}X\n1\nDirect\n0 0 0\n", "X", "X is read as a dummy atom"),
    "Xx": case("a.xyz", "1\n\nXx 0 0 0\n", "", "'Xx' is not the symbol of an element"),
    # Contradictions
    "no positions": case(
        "a.xyz", "1\nProperties=species:S:1:f:R:3\nH 0 0 0\n", "", "column of pos"
    ),
    "species and Z": case(
        "a.xyz", "1\nProperties=species:S:1:Z:I:1:pos:R:3\nH 8 0 0 0\n", "", "of two elements"
    ),
    "species and Z that agree": case(
        "a.xyz", "1\nProperties=species:S:1:Z:I:1:pos:R:3\nO 8 0 0 0\n", "O"
    ),
    "POSCAR, more symbols": case(
        "POSCAR", f"{CELL}Na Cl K\n1 1\nDirect\n0 0 0\n.5 0 0\n", "", "3 symbols and 2 numbers"
    ),
    "POSCAR, more rows": case(
        "POSCAR", f"{CELL}Na\n1\nDirect\n0 0 0\n.5 0 0\n", "", "announces 1 atoms, and there are 2"
    ),
    "POSCAR, remarks": case(
        "POSCAR",
        f"{CELL}Na Cl ! two\n1 1 # n\nDirect ! d d\n0 0 0 ! a\n.5 0 0\n\n1 1 1\n1 1 1\n",
        "NaCl",
    ),
    "sdf, more rows": case(
        "a.sdf",
        written("sdf", molecule("H2O")).replace("  3  0", "  2  0"),
        "",
        "announces 2 atoms",
    ),
    "espresso, more rows": case(
        "a.pwi",
        "&system\nibrav=0, nat=1, ntyp=1\n/\nATOMIC_SPECIES\nFe 55.8 Fe.upf\n"
        "CELL_PARAMETERS angstrom\n5 0 0\n0 5 0\n0 0 5\n"
        "ATOMIC_POSITIONS angstrom\nFe 0 0 0\nFe 1.0 2.0 2.0\n",
        "",
        "announces 1 atoms, and there are 2",
    ),
    "gen, sign": case("a.gen", "+999999999 C\nH\n1 1 0 0 0\n", "", "announces 999999999 atoms"),
    "cube, sign": case(
        "a.cube",
        "a\nb\n+9_9_9_9 0 0 0\n1 1 0 0\n1 0 1 0\n1 0 0 1\n1 0 0 0 0\n0\n",
        "",
        "announces 9999",
    ),
    "types without need": case(
        "a.xyz", GOOD, "", "types are for LAMMPS files", options=SALT_TYPES, upload=False
    ),
    # PDB
    "ENDROOT": case(
        "a.pdb",
        pdb(row("N", 0, element="N"), "ENDROOT", row("CA", 1.4, element="C"), "ENDBRANCH"),
        "NC",
    ),
    "models, no ENDMDL": case(
        "a.pdb", models(1.1, 1.2, last="END\n").replace("ENDMDL\n", ""), "N2", index=1
    ),
    "atoms before a model": case(
        "a.pdb", pdb(row("N", 0, element="N"), tail="") + models(1.1), "N"
    ),
    "symmetry not applied": case(
        "a.pdb",
        pdb(row("N", 0, element="N"), head=CRYSTAL.replace("P 1  ", "P 1 21/c 1")),
        "N",
        "the symmetry P 1 21/c 1 is not applied",
    ),
    "ion": case("a.pdb", pdb(row("NA", 0).replace("ALA", "NA ")), "Na", "77 and 78 are empty"),
    # Symmetry of CIF files
    "sites too near": case(
        "a.cif", cif("N1 .1 0 0", "N2 .1003 0 0", cell="10 10 10 90 90 90"), "", OVERLAP
    ),
    "two on one site": case(
        "a.cif", cif("Fe1 0 0 0 1", "Ni1 0 0 0 1", columns="occupancy"), "", "are 0 Å apart"
    ),
    "shared through symmetry": case(
        "a.cif",
        cif("Fe1 .1 .2 .3 .3", "Ni1 -.1 -.2 -.3 .7", columns="occupancy", head=INVERSION),
        "Ni2",
        "the site of Fe1 0.3, Ni1 0.7 is read as Ni1",
    ),
    "large cell": case("a.cif", cif("N .1 0 0", "O .1015 0 0", cell="900 900 900 90 90 90"), "NO"),
    "split site": case(
        "a.cif", cif("C1 0 0 0 .4", "C2 .1 0 0 .6", columns="occupancy"), "C", "is read as C2"
    ),
    "disorder about a center": case(
        "a.cif",
        cif("C1 .02 0 0 .5 -1", columns="occupancy disorder_group", head=INVERSION),
        "",
        "site C1, of disorder group -1, and its symmetry images exclude each other",
    ),
    "occupied in part, about a center": case(
        "a.cif", cif("C1 .02 0 0 .5", columns="occupancy", head=INVERSION), "", "exclude each other"
    ),
    "operations": case("a.cif", cif("C .1 .2 .3", head=INVERSION), "C2"),
    "operation that is none": case(
        "a.cif",
        cif("C .1 .2 .3", head=INVERSION.replace("-x,-y,-z", "foo")),
        "",
        "'foo' cannot be read",
    ),
    "setting": case(
        "a.cif", cif("C .1 .2 .3", head=group("P 1 21/a 1", 14)), "", "the setting P 1 21/a 1 of"
    ),
    "standard setting": case("a.cif", cif("C .1 .2 .3", head=group("P 1 21/c 1", 14)), "C4"),
    "rhombohedral cell": case(
        "a.cif",
        cif("Bi .234 .234 .234", head=group("R -3 m", 166), cell="4.7 4.7 4.7 57 57 57"),
        "Bi2",
    ),
    "Hall symbol": case(
        "a.cif", cif("C .1 .2 .3", head="_space_group_name_Hall '-P 2ybc'\n"), "", "Hall symbol"
    ),
    "magnetic": case(
        "a.cif",
        cif("C .1 .2 .3", head="_space_group_symop_magn_operation.xyz 'x,y,z,+1'\n"),
        "",
        "magnetic groups are not read",
    ),
    "moments": case(
        "a.cif", cif("Mn .1 .2 .3", "O .5 .5 .5") + "loop_\n_atom_site_moment_label\nMn\n", "MnO"
    ),
    "hydrogens left out": case(
        "a.cif", cif("O1 .1 .2 .3 2", columns="attached_hydrogens"), "O", "hydrogens of O1 are not"
    ),
    # Other programs
    "gro": case("a.gro", GRO.format("ALA", "CA", "NA", "NA"), "CNa", "CA read as C"),
    "gro, second frame": case(
        "a.gro", 2 * GRO.format("SOL", "OW", "SOL", "HW1"), "OH", index=1, words="OW"
    ),
    "gro, no box": case("a.gro", GRO.format("SOL", "OW", "SOL", "HW1")[:-9], "OH", "OW read"),
    "gro, cut": case("a.gro", GRO.format("SOL", "OW", "SOL", "HW1")[:-60], "", "and there are 1"),
    "commas": case(
        "a.xyz", "1\n\nH,0,0,0\n", "", "line 3: expected a symbol and three numbers bet"
    ),
    "gro, virtual site": case("a.gro", GRO.format("XXX", "MW", "SOL", "OW"), "", "'MW' is not the"),
    "turbomole, Å": case(
        "coord", "$coord angs\n0.0 0.0 0.0 h\n$end\n", "", "'$coord angs' is not read"
    ),
    "turbomole, cell": case(
        "coord", "$coord\n0.0 0.0 0.0 h\n$periodic 3\n$end\n", "", "'$periodic 3' is not read"
    ),
    "turbomole": case("coord", "$coord\n0.0 0.0 0.0 h\n0.0 0.0 1.5 cl\n$end\n", "HCl"),
    "data, 7 columns": case(
        "a.data",
        written("lammps-data", SALT, atom_style="full").replace("Atoms # full", "Atoms"),
        "",
        "7 columns can have several styles",
        options=SALT_TYPES,
        upload=False,
    ),
    "data, type labels": case(
        "a.data",
        "t\n\n1 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
        "Atom Type Labels\n\n1 Si\n\nAtoms # atomic\n\n1 Si 1 1 1\n",
        "Si",
        upload=False,
    ),
    "dump, units and time": case(
        "a.dump",
        "ITEM: UNITS\nmetal\n" + DUMP.replace("ITEM: TIMESTEP", "ITEM: TIME\n0.0\nITEM: TIMESTEP"),
        "ClNa",
        options=SALT_TYPES,
        index=1,
        upload=False,
    ),
    "dump, element and types": case(
        "a.dump",
        dump("2 Cl 2 2 2\n1 Na 0 0 0\n", columns="id element x y z"),
        "NaCl",
        options=SALT_TYPES,
        upload=False,
    ),
    "ghost": case("a.xyz", "1\n\nO-Bq 0 0 0\n", "", "'O-Bq' is a ghost atom"),
    "name of an element": case("a.xyz", "1\n\nCarbon 0 0 0\n", "", "'Carbon' is not the symbol"),
    "lower case": case("a.xyz", "1\n\nsi 0 0 0\n", "Si", "si read as Si"),
    "nameless, Macintosh": case("structure", GOOD.replace("\n", "\r"), "N2"),
    "nameless, UTF-16": case("structure", GOOD.encode("utf-16"), "N2"),
    # Gaussian
    "com": case(
        "a.com", "# hf\n\nt\n\n0 1\nO1 0.0 0.0 0.0\nD 0.0 0.0 1.0\n\n", "OH", "D read as H"
    ),
    "com, cell": case("a.com", written("gaussian-in", SALT), SALT_SYMBOLS),
}


def test_the_table_has_three_variants_of_every_row() -> None:
    """Its cases are named after the rows of the issue's table."""
    rows = ("cut", "later bad", "placeholder", "near", "rounded", "occupancy", "alternative")
    rows += ("mark", "Latin", "deuterium", "labels", "numbers", "models", "data", "dump", "header")
    assert all(any(name.startswith(row) for name in CASES) for row in rows)
    assert len(CASES) > 100


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer("H2", SIMPLE)


def matches(words: str, said: str) -> bool:
    return words in said or re.search(words, said) is not None


def put(found: Case, folder: Path) -> Path:
    path = folder / found.name
    path.write_bytes(found.content)
    return path


@pytest.mark.parametrize("name", CASES)
def test_from_python(name: str, tmp_path: Path) -> None:
    one = CASES[name]
    path = put(one, tmp_path)
    begin = time.process_time()  # on a busy machine a second passes without any work
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if one.symbols:
            atoms = structures.read(path, index=one.index, **dict(one.options))
            assert str(atoms.symbols) == str(Atoms(one.symbols).symbols)
        else:
            with pytest.raises(ValueError, match=r".") as refusal:
                structures.read(path, index=one.index, **dict(one.options))
            assert matches(one.words, str(refusal.value))
    assert time.process_time() - begin < 1.0
    notes = [each for each in caught if each.category is structures.StructureWarning]
    assert len(notes) == bool(one.symbols and one.words)
    assert all(matches(one.words, str(each.message)) for each in notes)
    assert all(each.filename == __file__ for each in notes)


@pytest.mark.parametrize("name", CASES)
def test_on_the_command_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = CASES[name]
    path, options = put(one, tmp_path), dict(one.options)
    types = ",".join(f"{number}={symbol}" for number, symbol in options.get("types", {}).items())
    given = [f"--format={options['format']}"] if "format" in options else []
    given += [f"--types={types}"] if types else []
    basis = ["--order=1", "--n-max=1", "--l-max=0"]
    status = main(["analyze", str(path), "--json", f"--index={one.index}", *given, *basis])
    out, err = capsys.readouterr()
    assert err.count("\n") == bool(one.words)
    assert matches(one.words, err)
    if one.symbols:
        assert status == 0
        found = json.loads(out)["structure"]
        assert found["symbols"] == list(Atoms(one.symbols).symbols)
        assert bool(found["notes"]) == bool(one.words)
        assert err == "" or err.startswith("sensitivity: note: ")
    else:
        assert (status, out) == (2, "")
        assert err.startswith("sensitivity: ")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in CASES.items() if one.upload])
def test_in_the_explorer(name: str, explorer: Explorer) -> None:
    one = CASES[name]
    before = explorer.reference
    if one.symbols:
        explorer.open(one.name, one.content, index=one.index)
        assert str(explorer.structure.symbols) == str(Atoms(one.symbols).symbols)
        assert matches(one.words, message(explorer)) if one.words else message(explorer) == ""
    else:
        with pytest.raises(ValueError, match=r".") as refusal:
            explorer.open(one.name, one.content, index=one.index)
        assert matches(one.words, str(refusal.value))
        assert explorer.reference is before
        assert matches(one.words.lower(), message(explorer).lower())


@pytest.mark.slow
def test_the_explorer_shows_the_first_frame_that_can_be_read(explorer: Explorer) -> None:
    explorer.open("a.xyz", (ODD + GOOD).encode())
    assert (explorer.settings.frame.value, explorer.settings.frames.value) == (1, "of 2")
    assert message(explorer) == f"a.xyz: {ONE_BAD} 0."
    explorer.settings.frame.value = 0
    assert "Cannot read frame 0 of the file a.xyz as a structure: line 3: 'Q1'" in message(explorer)
    assert explorer.settings.frame.value == 1


@pytest.mark.slow
def test_the_explorer_reads_fewer_formats(explorer: Explorer) -> None:
    for one in CASES.values():
        if not one.upload and one.name != "a.xyz":
            with pytest.raises(ValueError, match=r"is not read here|is compressed; unpack it"):
                explorer.open(one.name, one.content)
    assert "castep-cell" not in FORMATS  # its reader starts a program from PATH


def test_no_program_is_started_to_read_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, path = tmp_path / "castep", tmp_path / "a.cell"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path))
    lattice = "%BLOCK LATTICE_CART\n5 0 0\n0 5 0\n0 0 5\n%ENDBLOCK LATTICE_CART\n"
    path.write_text(f"{lattice}%BLOCK POSITIONS_FRAC\nNa 0 0 0\n%ENDBLOCK POSITIONS_FRAC\n")
    assert str(structures.read(path).symbols) == "Na"
    assert not (tmp_path / "started").exists()


def test_a_long_trajectory_is_not_parsed_to_reach_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.xyz"
    path.write_text("".join(WATER.format(k) for k in range(3000)))
    parsed: list[str] = []
    real = structures.files.xyz.parse

    def watch(*arguments: Any, **keywords: Any) -> Any:
        parsed.append("")
        return real(*arguments, **keywords)

    monkeypatch.setattr(structures.files.xyz, "parse", watch)
    structures.read(path, index=-1)
    assert len(parsed) == structures.files.reading.COUNTED + 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["cif", "proteindatabank", "sdf", "vasp"])
def test_a_pipe_tells_its_format(form: str) -> None:
    command = [sys.executable, "-m", "sensitivity", "analyze", "-", "--json", "--n-max=2"]
    done = subprocess.run(
        command, input=written(form, SALT).encode(), capture_output=True, timeout=60, check=True
    )
    found = json.loads(done.stdout)["structure"]
    assert (found["formula"], found["name"]) == ("Cl4Na4", "standard input")
    assert done.stderr == b""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "fifo"])
def test_pipes(name: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[field("cut.xyz")], daemon=True)
    if name == "fifo":
        name = str(fifo)
        writer.start()
    done = subprocess.run(
        [sys.executable, "-m", "sensitivity", "analyze", name, "--json", "--n-max=2"],
        input=field("cut.xyz"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)["structure"]
    assert (found["formula"], found["frames"]) == ("N2", 2)
    assert f"{ONE_BAD} 1" in done.stderr.decode()


def test_closed_and_empty_inputs_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in (("/dev/null", "is empty"), ("/dev/zero", "is a device; expected")):
        with pytest.raises(ValueError, match=words):
            structures.read(name)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match="standard input is closed; give the name of a file"):
        structures.read("-")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"format": "vsp"}, ValueError, "there is no format 'vsp'; did you mean vasp?"),
        ({"format": "png"}, ValueError, "the format 'png' holds no structure that can be read"),
        (
            {"types": {0: "H"}},
            ValueError,
            "a type must be an integer from 1, got 0; give e.g.",
        ),
        ({"types": {1: "Qq"}}, ValueError, "'Qq', for type 1, is not the symbol of an element"),
        ({"types": "1=Si"}, TypeError, "types must map types to symbols, got '1=Si'"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        structures.read(FIELD / "mark.xyz", **options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2H", "H"),
        ("13C", "C"),
        ("H(iso=2)", "H"),
        ("C-CA--0.25", "C"),
        ("Ow", "O"),
        ("SI", "Si"),
        ("si", "Si"),
        ("CB", "C"),
        ("118", "Og"),
        ("0", "0 is not an atomic number"),
        ("Wat", "'Wat' is not the symbol"),
        ("é1", "'é1' is not the symbol"),
        ("", "'' is not the symbol"),
        ("HG", "could be H or Hg"),
    ],
)
def test_labels(name: str, said: str) -> None:
    try:
        assert resolve(name) == said
    except ValueError as error:
        assert said in str(error)  # noqa: PT017


def test_positions_and_cell_of_later_models(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(models(1.1, 1.2, 1.3, head=CRYSTAL))
    atoms = structures.read(path, index=2)
    assert atoms.cell.lengths() == pytest.approx([30, 30, 30])
    assert atoms.get_distance(0, 1) == pytest.approx(1.3)


def test_types_before_masses_and_elements(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_text(dump("1 1 22.99 0 0 0\n2 2 35.45 2 2 2\n", columns="id type mass x y z"))
    assert str(structures.read(path, types={1: "K", 2: "Br"}).symbols) == "KBr"
    with pytest.raises(
        ValueError, match="the masses suggest --format lammps-dump-text --types 1=Na"
    ):
        structures.read(path)


def test_one_threshold_for_atoms_and_images() -> None:
    for gap, refused in ((0.99 * NEAREST, True), (1.01 * NEAREST, False)):
        pair = Atoms("H2", [[0, 0, 0], [0, 0, gap]])
        chain = Atoms("H", cell=[0, 0, gap], pbc=[False, False, True])
        for atoms in (pair, chain):
            if refused:
                with pytest.raises(ValueError, match="atoms overlap"):
                    structures.check(atoms)
            else:
                structures.check(atoms)


# Formats that ASE writes: what it reads back is what is read here.


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *(("a.cfg", "cfg"), ("a.cube", "cube"), ("a.gen", "gen"), ("a.gro", "gromacs")),
        *(("a.json", "json"), ("a.traj", "traj"), ("a.db", "db"), ("a.xsf", "xsf")),
        *(("a.res", "res"), ("coord", "turbomole"), ("a.g96", "gromos"), ("a.xsd", "xsd")),
        *(("a.com", "gaussian-in"), ("XDATCAR", "vasp-xdatcar"), ("a.car", "dmol-car")),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_as_ase_reads(name: str, form: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    ase.io.write(path, SALT, format=form)
    expected = ase.io.read(path, format=form)
    assert isinstance(expected, Atoms)
    if packed:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    found = structures.read(path)
    assert str(found.symbols) == str(expected.symbols)
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-12)
    np.testing.assert_allclose(found.cell, expected.cell, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sensitivity.structures.StructureWarning")  # no cell
@pytest.mark.parametrize("form", ["cfg", "gen", "gromacs", "vasp", "turbomole", "res", "sdf"])
def test_no_prefix_of_a_file_is_a_smaller_structure(form: str, tmp_path: Path) -> None:
    name = {"vasp": "POSCAR", "turbomole": "coord", "gromacs": "a.gro"}.get(form, f"a.{form}")
    ase.io.write(tmp_path / name, SALT, format=form)
    lines = (tmp_path / name).read_text().splitlines(keepends=True)
    for count in range(1, len(lines)):
        (tmp_path / name).write_text("".join(lines[:count]))
        try:
            found = structures.read(tmp_path / name)
        except ValueError:
            continue
        assert len(found) == len(SALT)


# Files of strangers


HARMFUL = {
    "a.com": b"# " + b"a(b=( " * 20_000 + b"\n\nt\n\n0 1\nH 0.0 0.0 0.0\n\n",
    "a.cif": cif(
        *(f"H{k} 0.{k:04} 0.{k * 7 % 997:03} 0.{k * 13 % 991:03}" for k in range(3000)),
        head="_symmetry_Int_Tables_number 225\n",
    ).encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMFUL)
def test_reading_ends_after_some_seconds(name: str) -> None:
    begin = time.monotonic()
    said = f"reading the file {name} takes more than {Limit.READING_SECONDS} s; give a smaller file"
    with pytest.raises(ValueError, match=f"{said}, or try again if the computer is busy"):
        read_isolated(name, HARMFUL[name], formats=FORMATS, most=10)
    assert time.monotonic() - begin < Limit.READING_SECONDS + 5


@pytest.mark.slow
def test_reading_is_bounded_in_memory() -> None:
    array = {"__ndarray__": [[999_999_999, 3], "float64", []]}
    numbers = {"__ndarray__": [[1], "int64", [1]]}
    content = json.dumps({"1": {"numbers": numbers, "positions": array}, "ids": [1], "nextid": 2})
    (frame,) = read_isolated("a.json", content.encode(), formats=("json",), most=10)
    assert (frame.atoms, frame.problem) == (None, "there is not enough memory for it")


def test_a_process_that_fails_is_named_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        ValueError, match=r"reading the file a.xyz failed \(status 1\), most likely"
    ):
        read_isolated("a.xyz", GOOD.encode(), formats=FORMATS, most=10)


def test_reading_can_be_cancelled() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled), cancellable(cancelled):
        read_isolated("a.com", HARMFUL["a.com"], formats=FORMATS, most=10)


def test_reading_in_a_process_of_its_own_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    atoms = molecule("CH3CH2OH")
    atoms.rattle(seed=1)
    ase.io.write(path, [atoms, SALT], format="extxyz")
    frames = read_isolated("a.xyz", path.read_bytes(), formats=("extxyz",), most=5)
    for frame, index in zip(frames, range(2), strict=True):
        expected = structures.read(path, index=index)
        assert frame.atoms is not None
        assert np.array_equal(frame.atoms.positions, expected.positions)
        assert np.array_equal(frame.atoms.cell, expected.cell)
        assert np.array_equal(frame.atoms.pbc, expected.pbc)


def test_more_is_read_in_isolation_than_a_pipe_holds(tmp_path: Path) -> None:
    """Of 64 KiB a pipe takes no more before they are read."""
    path = tmp_path / "ethanol.xyz"
    ase.io.write(path, [molecule("CH3CH2OH")] * 200, format="extxyz")
    assert path.stat().st_size > 2**16
    found = read_isolated(path.name, path.read_bytes(), formats=FORMATS, most=1000)
    assert len(found) == 200
