"""Centers as a person writes them."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import molecule

from sensitivity import structures
from sensitivity.explorers.parts.inputs import read_centers, usual_centers, write_centers


@pytest.mark.parametrize(
    ("text", "centers", "shown"),
    [
        ("all", None, "all"),
        ("", None, "all"),
        (" ALL ", None, "all"),
        ("C", (0,), "0"),
        ("H", (1, 2, 3, 4), "1-4"),
        ("0, 2-4", (0, 2, 3, 4), "0, 2-4"),
        ("2-4 0", (2, 3, 4, 0), "0, 2-4"),
        ("1 1,1-2", (1, 2), "1-2"),
        ("C, H", (0, 1, 2, 3, 4), "all"),
        ("c", (0,), "0"),
        ("h", (1, 2, 3, 4), "1-4"),
        ("C 3", (0, 3), "0, 3"),
        ("3, c, 1 - 2", (3, 0, 1, 2), "0-3"),
        ("[0, 3]", (0, 3), "0, 3"),
        ("(0; 3–4)", (0, 3, 4), "0, 3-4"),
        ("[]", None, "all"),
    ],
)
def test_centers_are_read_and_written(
    text: str, centers: tuple[int, ...] | None, shown: str
) -> None:
    atoms = molecule("CH4")
    assert read_centers(text, atoms) == centers
    assert write_centers(range(5) if centers is None else centers, 5) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Xe", "the structure has no Xe to be a center"),
        ("5", "there are no atoms 5"),
        ("4-2", "there are no atoms 4-2"),
        ("-1", "centers cannot be '-1'"),
        ("0.5", "centers cannot be '0.5'"),
        ("C5", "centers cannot be 'C5'"),
        ("all C", "centers cannot be 'all'"),
        ("1-2-3", "centers cannot be '1-2-3'"),
    ],
)
def test_wrong_centers_are_refused(text: str, said: str) -> None:
    remedy = (
        r"write 'all', elements of the structure \(C, H\), numbers from 0 to 4, ranges "
        r"such as 0-4, or several of these with commas\.$"
    )
    with pytest.raises(ValueError, match=f"^{said}; {remedy}"):
        read_centers(text, molecule("CH4"))


def test_usual_centers() -> None:
    assert usual_centers(structures.load("CH4"), name="CH4") == (0,)
    assert usual_centers(structures.load("C6H6"), name="C6H6") is None
    line = Atoms("H21", [[k, 0, 0] for k in range(21)])
    assert usual_centers(line) == (10,)


@pytest.mark.parametrize("text", ["Si", "si", "SI", "sI"])
def test_elements_of_two_letters_are_read_in_any_case(text: str) -> None:
    atoms = Atoms("SiCSSi", [[k, 0, 0] for k in range(4)])
    assert read_centers(text, atoms) == (0, 3)
    assert read_centers(f"{text} s", atoms) == (0, 3, 2)


def test_of_a_single_atom_there_is_little_to_choose() -> None:
    with pytest.raises(
        ValueError, match=r"there are no atoms 1; there is only one atom; write 'all'"
    ):
        read_centers("1", Atoms("C"))
