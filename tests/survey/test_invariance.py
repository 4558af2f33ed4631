"""Equal environments are those that the descriptor cannot tell apart, also if this is measured."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from sensitivity import DensityCorrelations, spectrum, structures, survey
from sensitivity.descriptors import Descriptor
from sensitivity.descriptors.from_function import Function


def handed(atoms: Atoms) -> np.ndarray:
    """Return features that change sign in a mirror, and others; invariant to rotations."""
    rows = []
    for place in atoms.positions:
        arms = atoms.positions - place
        r = np.linalg.norm(arms, axis=1)
        near = (r > 0) & (r < 3.0)
        arms, r = arms[near], r[near]
        faded = np.cos(np.pi * r / 6.0) ** 4
        w = np.stack([(faded * r**n) @ arms for n in range(3)])
        volume = np.linalg.det(w)
        rows.append([faded @ r, faded @ r**2, volume, volume * (faded @ r)])
    return np.array(rows)


def directed(atoms: Atoms) -> np.ndarray:
    """Return features that depend on the axes."""
    rows = []
    for place in atoms.positions:
        x, y, z = (atoms.positions - place).T
        rows.append([np.sum(x**2), np.sum(y * z), np.sum(x**2 + y**2 + z**2), np.sum(z**4)])
    return np.array(rows)


def assert_rows_are_those_of_spectra(found, frames: list[Atoms], descriptor: Descriptor) -> None:
    table = found.table()
    for frame, center, value in zip(table["frame"], table["center"], table["s_max"], strict=True):
        alone = structures.environment(frames[frame], center, descriptor.cutoff)
        expected = spectrum(alone, descriptor, centers=[0]).singular_values[0]
        assert np.isclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_mirror_images_differ_for_a_function_that_distinguishes_them(workers: int) -> None:
    atoms = structures.load("generic")
    mirrored = atoms.copy()
    mirrored.positions[:, 0] *= -1
    mirrored.positions[:, 0] += 20
    frames = [atoms + mirrored]
    descriptor = Function(handed, cutoff=3.0)
    found = survey(frames, descriptor, causes=False, workers=workers)
    assert found.table()["equivalent_to"].tolist() == list(range(10))
    assert_rows_are_those_of_spectra(found, frames, Function(handed, cutoff=3.0))


def test_no_center_stands_for_another_if_the_features_are_not_invariant() -> None:
    methane = molecule("CH4")
    methane.rotate(33, (1, 2, 0.5))
    found = survey([methane], Function(directed, cutoff=3.0), causes=False)
    assert found.table()["equivalent_to"].tolist() == list(range(5))
    assert_rows_are_those_of_spectra(found, [methane], Function(directed, cutoff=3.0))
    assert any("when all atoms are turned" in remark for remark in found.remarks)
    assert "when all atoms are turned" in " ".join(str(found).split())


def test_zeros_of_symmetry_do_not_decide_the_worst_center_of_a_frame() -> None:
    pair = structures.load("CH4") + structures.load("X0")
    pair.positions[5:] += [30.0, 0.0, 0.0]
    frames = survey([pair], DensityCorrelations(), species=["C"]).frames()
    assert frames["worst_center"].tolist() == [5]
    assert frames["condition"][0] < 1e-12


@pytest.mark.parametrize("tolerance", [0.0, 0.5, -1.0, float("nan"), "a", None])
def test_an_unusable_tolerance_is_refused(tolerance: object) -> None:
    with pytest.raises((TypeError, ValueError), match="tolerance"):
        survey([structures.load("CH4")], DensityCorrelations(), tolerance=tolerance)


@pytest.mark.parametrize("frames", [structures.load("CH4"), None, 3])
def test_frames_that_are_not_structures_are_refused(frames: object) -> None:
    with pytest.raises(TypeError, match="frames must be a file or structures"):
        survey(frames, DensityCorrelations())


def test_the_summary_gives_the_first_reason_of_a_failure() -> None:
    broken = structures.load("CH4")
    broken.positions[1] = np.nan
    text = " ".join(str(survey([broken], DensityCorrelations())).split())
    assert "First failure: frame 0:" in text
