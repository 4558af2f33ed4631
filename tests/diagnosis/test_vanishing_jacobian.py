"""Crystals in which no displacement changes the features to first order.

In the cubic cells of rock salt and of a perovskite, every center is a center of inversion, which
maps each neighbour to an image of itself. What is left of the Jacobian is noise, and its largest
value is no scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from crystals import perovskite

from sensitivity import DensityCorrelations, diagnose, smallest, spectrum, structures
from sensitivity.cli.main import main
from sensitivity.descriptors import Batch
from sensitivity.descriptors.from_function import Function
from sensitivity.structures.neighbors import neighbor_pairs

CRYSTALS = {"rock salt": bulk("NaCl", "rocksalt", a=5.64, cubic=True), "perovskite": perovskite()}
CUTOFF = 5.0
NATIVE = DensityCorrelations(order=2, cutoff=CUTOFF, n_max=3, l_max=3)


class Noisy:
    """The native features, with gradients that are wrong by rounding."""

    cutoff = CUTOFF
    inversion_invariant = True

    def features(self, atoms: Atoms, *, centers: Sequence[int] | None = None) -> np.ndarray:
        return NATIVE.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Sequence[int] | None = None) -> tuple[Batch, ...]:
        rng = np.random.default_rng(0)
        return tuple(
            replace(each, gradient=each.gradient + 1e-15 * rng.normal(size=each.gradient.shape))
            for each in NATIVE.gradients(atoms, centers=centers)
        )


def dipoles(atoms: Atoms) -> np.ndarray:
    """Squares of sums of vectors to the neighbours, and of scalars, weighted by the element."""
    pairs = neighbor_pairs(atoms, CUTOFF)
    radii = np.linalg.norm(pairs.vectors, axis=1)
    fading = (1 - (radii / CUTOFF) ** 2) ** 3 * atoms.numbers[pairs.j]
    found = np.zeros((len(atoms), 4))
    np.add.at(found, pairs.i, fading[:, None] * np.append(pairs.vectors, radii[:, None], axis=1))
    return np.stack([np.sum(found[:, :3] ** 2, axis=1), found[:, 3]], axis=1)


def rounded(atoms: Atoms) -> np.ndarray:
    """The same in single precision, whose noise is larger than that of most models."""
    return dipoles(atoms).astype(np.float32)


DESCRIPTORS = {
    "native": NATIVE,
    "noisy": Noisy(),
    "function": Function(dipoles, cutoff=CUTOFF),
    "single precision": Function(rounded, cutoff=CUTOFF),
}
NONE = "internal displacements: to first order, no feature changes."


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
@pytest.mark.parametrize("crystal", CRYSTALS)
def test_nothing_is_visible(crystal: str, descriptor: str) -> None:
    atoms, seen = CRYSTALS[crystal], DESCRIPTORS[descriptor]
    internal = 3 * len(atoms) - 3
    found = spectrum(atoms, seen)
    assert found.rank == 0
    assert found.condition == 0
    assert found.status == f"Rank 0 of {internal} {NONE}"
    diagnosis = diagnose(atoms, seen)
    assert diagnosis.counts["symmetry"] == diagnosis.internal == internal
    assert (
        "To first order, no displacement changes the features: every center is a center of "
        "inversion." in diagnosis.summary
    )
    assert {mode.evidence.response for mode in diagnosis.of("symmetry")} != {None}
    for mode in diagnosis.of("symmetry"):
        assert mode.evidence.response is None or 1.9 < mode.evidence.response < 2.1


@pytest.mark.parametrize(("name", "rank"), [("native", 21), ("noisy", 21), ("function", 16)])
def test_a_small_displacement_is_enough(name: str, rank: int) -> None:
    """The noise hides nothing off the ideal positions; the function has two features per center."""
    atoms = CRYSTALS["rock salt"].copy()
    atoms.rattle(0.03, seed=1)
    assert spectrum(atoms, DESCRIPTORS[name]).rank == rank


def test_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("analyze", "diagnose"):
        assert main([command, "NaCl-rocksalt"]) == 0
        assert main([command, "NaCl-rocksalt", "--json"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert words.count(f"Rank 0 of 21 {NONE}") == 2
    assert words.count("To first order, no displacement changes the features: every center") == 2


def test_smallest_says_so() -> None:
    found = smallest(CRYSTALS["rock salt"], NATIVE)
    assert found.status == (
        "21 of 21 internal displacements are invisible, as many as symmetry hides. To first order, "
        "no displacement changes the features."
    )


@pytest.mark.parametrize("name", ["Td", "generic"])
def test_constant_features(name: str) -> None:
    """Zeros that symmetry does not explain are not searched for: no geometry differs."""
    constant = Function(lambda atoms: np.ones((len(atoms), 3)), cutoff=4.0)
    found = spectrum(structures.load(name), constant, centers=[0])
    assert found.status.startswith(f"Rank 0 of 9 {NONE}")
    diagnosis = diagnose(structures.load(name), constant, centers=[0])
    assert diagnosis.counts["sensitive"] == 0
    assert "center of inversion" not in diagnosis.summary
