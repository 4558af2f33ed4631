"""Write the gallery of the site: pages of results, made by ``sensitivity.share.page``.

Run it from anywhere: ``python docs/make_gallery.py``, which takes a minute, and writes pages to
``build/pages/gallery``, from which the site takes them. The page of the pretrained potential needs
the package chgnet, and is left out without it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sensitivity import (
    DensityCorrelations,
    bands,
    compare,
    diagnose,
    find_twin,
    follow,
    share,
    structures,
    survey,
)
from sensitivity.share.document import make_document

OUTPUT = Path(__file__).parents[1] / "build" / "pages" / "gallery"
USUAL = DensityCorrelations()
SMALL = DensityCorrelations(n_max=1, l_max=2)
MOLECULES = ("CH4", "X0", "S1", "CH3OH", "C2H6", "H2O", "NH3", "CO2", "C2H4", "BF3")
FRAMES = [structures.load(name) for name in MOLECULES]


def diagnosis(name: str, descriptor: Any = USUAL, **settings: Any) -> Callable[[], Any]:
    """Return a function that diagnoses a named structure."""
    return lambda: diagnose(structures.load(name), descriptor, **settings)


def make_survey() -> Any:
    """Return a survey of some molecules."""
    return survey(FRAMES, USUAL)


def make_comparison() -> Any:
    """Return a comparison of three orders."""
    orders = {f"order {order}": DensityCorrelations(order) for order in (1, 2, 3)}
    return compare(structures.load("X0"), orders, centers=[0])


def make_path() -> Any:
    """Return a path along which the features barely change."""
    return follow(structures.load("X0"), USUAL, center=0, mode=8, length=0.5, step=0.025)


def make_potential() -> Any:
    """Return a diagnosis of ethanol for the features of a pretrained potential."""
    from sensitivity.descriptors.from_chgnet import Chgnet

    return diagnose(structures.load("CH3CH2OH"), Chgnet(), centers=[0])


PAGES: dict[str, tuple[str, Callable[[], Any]]] = {
    "methane": (
        "Methane: symmetry hides 8 of 9 displacements",
        diagnosis("Td", centers=[0]),
    ),
    "X0": ("A geometry of CH4 that order 2 does not resolve", diagnosis("X0", centers=[0])),
    "S1": ("A singular geometry with two atoms on an axis", diagnosis("S1", centers=[0])),
    "S1-twin": (
        "Two structures with the same features of order 2",
        lambda: find_twin(structures.load("S1"), USUAL, center=0),
    ),
    "N3": ("Two rings and two apexes: order 3 is incomplete, too", diagnosis("N3", centers=[0])),
    "path": ("A path along which the features barely change", make_path),
    "truncation": ("A basis that is too small", diagnosis("generic", SMALL, centers=[0])),
    "benzene": ("Benzene, with all atoms as centers", diagnosis("C6H6")),
    "rock-salt": ("Rock salt: each atom is a center of inversion", diagnosis("NaCl-rocksalt")),
    "bands": (
        "Bands of diamond",
        lambda: bands(structures.load("C-diamond"), USUAL),
    ),
    "survey": ("A survey of ten molecules", make_survey),
    "comparison": ("Three orders on one structure", make_comparison),
    "potential": ("Ethanol and the features of CHGNet", make_potential),
}
"""Title and result of each page, by the name of its file."""


def main() -> None:
    """Write all pages, and an index."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    made = {name: page for name, page in PAGES.items() if name != "potential" or has_chgnet()}
    for name, (title, make) in made.items():
        start = time.monotonic()
        about = {"title": title, "descriptor": USUAL, "frames": FRAMES}
        share.page(make(), OUTPUT / f"{name}.html", **about)
        sys.stdout.write(f"{name} {time.monotonic() - start:.0f} s\n")
    links = (f'<li><a href="{name}.html">{escape(made[name][0])}</a></li>' for name in made)
    body = ["<h1>Gallery</h1>", "<ul>", *links, "</ul>"]
    (OUTPUT / "index.html").write_text(make_document("Gallery", body), encoding="utf-8")


def has_chgnet() -> bool:
    """Return True if the potential is installed; else say that its page is left out."""
    if find_spec("chgnet") is not None:
        return True
    sys.stdout.write("potential: left out, because chgnet is not installed\n")
    return False


if __name__ == "__main__":
    main()
