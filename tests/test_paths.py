"""Curves along singular vectors: as long as asked, smooth, of second order, and why they end."""

from __future__ import annotations

import sys
from functools import cache
from math import pi

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, Path, follow, locate, spectrum, structures
from sensitivity.motions import trivial_motions

DESCRIPTOR = DensityCorrelations(order=2)


def positions(path: Path) -> np.ndarray:
    return np.array([atoms.positions for atoms in path.frames])


@cache
def near_pair() -> Atoms:
    """The singular point nearest to X+(u = .725 π, v = .025 π)."""
    return locate(structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1), DESCRIPTOR, center=0).atoms


@cache
def quasi_constant() -> Path:
    return follow(near_pair(), DESCRIPTOR, center=0, mode=8, length=1.0, repeat=True)


def test_along_the_null_mode_of_a_singular_point_features_hardly_move() -> None:
    path = quasi_constant()
    assert path.complete
    assert path.length[-1] == pytest.approx(1.0)
    assert len(path.frames) == 21
    visible = path.spectra[0].singular_values[0] * path.length[-1]
    assert path.feature_distance.max() < 1e-3 * visible
    assert path.condition[0] < 1e-12
    assert path.condition[1:].min() > 1e-4
    assert path.condition.max() < 1e-2


def test_along_the_most_visible_mode_they_move() -> None:
    start = structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1)
    path = follow(start, DESCRIPTOR, center=0, mode=0, length=0.5)
    assert path.complete
    assert path.feature_distance[-1] > 0.3 * np.linalg.norm(path.spectra[0].features)


def test_directions_never_flip() -> None:
    path = quasi_constant()
    chords = np.diff(positions(path), axis=0)
    ahead = np.sum(chords * path.modes[:-1], axis=(1, 2))
    behind = np.sum(chords * path.modes[1:], axis=(1, 2))
    straight = np.linalg.norm(chords.reshape(len(chords), -1), axis=1) > 0.99 * 0.05
    assert straight.sum() > 5
    assert (ahead[straight] > 0).all()
    assert (behind[straight] > 0).all()


@pytest.mark.parametrize("mode", [0, 2, 8])
def test_second_order_in_the_step(mode: int) -> None:
    start = structures.load("generic")
    ends = []
    for step in (0.02, 0.01, 0.005):
        path = follow(start, DESCRIPTOR, center=0, mode=mode, length=0.2, step=step)
        assert path.complete
        ends.append(positions(path)[-1])
    coarse, fine = np.linalg.norm(ends[0] - ends[1]), np.linalg.norm(ends[1] - ends[2])
    assert fine > 1e-9
    assert coarse / fine > 3.5


def test_second_order_round_the_corners_of_a_null_mode() -> None:
    """Three singular values are below 0.01 of the largest here, and the softest mode turns by 1."""
    ends = [
        positions(follow(near_pair(), DESCRIPTOR, center=0, mode=8, length=0.15, step=step))[-1]
        for step in (0.05, 0.025, 0.0125)
    ]
    coarse, fine = np.linalg.norm(ends[0] - ends[1]), np.linalg.norm(ends[1] - ends[2])
    assert 1e-9 < fine < 1e-3
    assert coarse / fine > 3.5


def test_features_change_by_the_singular_value_times_the_length() -> None:
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=3, length=0.2, step=0.01)
    features = np.array([each.features[0] for each in path.spectra])
    moved = np.linalg.norm(np.diff(features, axis=0), axis=1)
    between = (path.response[1:] + path.response[:-1]) / 2
    assert moved / 0.01 == pytest.approx(between, rel=0.01)
    assert path.feature_distance[0] == 0
    alone = [len(together) for together in path.together]
    assert alone == [1] * len(path.frames)


def test_starts_either_way() -> None:
    start = structures.load("generic")
    mode = spectrum(start, DESCRIPTOR, centers=[0]).modes[0]
    for sign in (1, -1):
        path = follow(start, DESCRIPTOR, center=0, mode=0, length=0.04 * sign, step=0.01)
        assert (path.modes[0] == sign * mode).all()
        move = positions(path)[-1] - start.positions
        assert np.sum(move * mode) == pytest.approx(0.04 * sign, rel=0.01)
        assert path.length == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])


def test_one_neighbour_moves_along_the_bond() -> None:
    start = Atoms("CO", [[0, 0, 0], [0, 0, 1.1]])
    for length in (0.3, -0.3):
        path = follow(start, DESCRIPTOR, center=0, mode=0, length=length)
        ends = path.frames[-1]
        assert np.abs(ends.positions[:, :2]).max() < 1e-12
        change = ends.get_distance(0, 1) - 1.1
        assert abs(change) == pytest.approx(0.3 * np.sqrt(2), abs=1e-12)


def bent(angle: float) -> Atoms:
    """A center with neighbours at 1.0 and 1.7 Å."""
    return Atoms("CHF", [[0, 0, 0], [1.0, 0, 0], [1.7 * np.cos(angle), 1.7 * np.sin(angle), 0]])


def test_a_closed_orbit_is_recognised() -> None:
    """Order 1 sees two distances and no angle: the null mode turns one bond all the way round.

    Half way it is straight; then the start is passed as its mirror image, the other way round.
    """
    step, angles = 0.05, np.linspace(0, 2 * pi, 400, endpoint=False)
    whole = 0.0
    for angle in angles:
        move = np.zeros((3, 3))
        move[2] = 1.7 * np.array([-np.sin(angle), np.cos(angle), 0])
        internal = trivial_motions(bent(angle), cutoff=3.5, centers=[0]).internal()
        whole += np.linalg.norm(np.tensordot(internal, move, axes=2)) * 2 * pi / len(angles)
    descriptor = DensityCorrelations(order=1)
    path = follow(bent(1.9), descriptor, center=0, mode=2, length=20.0, step=step)
    assert path.returned
    assert not path.complete
    assert path.status.endswith("Å: it is back at the start, after superposition.")
    assert path.length[-1] == pytest.approx(whole, abs=step)
    assert path.feature_distance.max() < 1e-2 * np.linalg.norm(path.spectra[0].features)


def test_symmetry_is_kept_along_what_has_it() -> None:
    """Modes with other symmetries cross on the way, and do not mix in."""
    start = structures.load("C2v")
    for mode in range(4):
        path = follow(start, DESCRIPTOR, center=0, mode=mode, length=0.3, step=0.02, repeat=True)
        assert path.complete
        assert {each.rank for each in path.spectra} <= {1, 2, 3, 4}


def test_modes_of_equal_singular_value_go_together() -> None:
    """Eight directions of methane are not seen, and any of them will do."""
    path = follow(structures.load("Td"), DESCRIPTOR, center=0, mode=4, length=0.04, step=0.01)
    assert path.together[0] == tuple(range(1, 9))
    moved = positions(path)[1] - positions(path)[0]
    assert np.sum(moved * path.modes[0]) > 0.0098


def test_a_subspace_stays_one() -> None:
    start = structures.load("generic")
    path = follow(start, DESCRIPTOR, center=0, mode=(8, 7), length=0.2, step=0.01)
    assert path.complete
    assert {len(together) for together in path.together} == {2}
    for each, together, mode in zip(path.spectra, path.together, path.modes, strict=True):
        within = np.tensordot(each.modes[list(together)], mode, axes=2)
        assert np.linalg.norm(within) == pytest.approx(1, abs=1e-12)
    turns = np.sum(path.modes[1:] * path.modes[:-1], axis=(1, 2))
    assert turns.min() > 0.98


def test_ends_before_atoms_coalesce_and_at_the_cutoff() -> None:
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=0, length=2.0)
    reverse = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=0, length=-2.0)
    assert "two atoms are nearer than 0.4 Å" in path.status + reverse.status
    pair = Atoms("CO", [[0, 0, 0], [0, 0, 3.4]])
    ends = [follow(pair, DESCRIPTOR, center=0, mode=0, length=each) for each in (0.3, -0.3)]
    assert sum("an atom has crossed the cutoff" in path.status for path in ends) == 1
    assert sum(path.complete for path in ends) == 1


def test_an_interrupt_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupted(*args, **keywords):
        calls.append(args)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return spectrum(*args, **keywords)

    monkeypatch.setattr(sys.modules["sensitivity.paths.follow"], "spectrum", interrupted)
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=0, length=1.0, step=0.01)
    assert not path.complete
    assert len(path.frames) == 3
    assert path.status == "Followed for 0.02 of 1 Å: interrupted from the keyboard."


def test_the_result_and_the_start() -> None:
    start = structures.load("generic")
    before = start.positions.copy()
    path = follow(start, DESCRIPTOR, center=0, mode=0, length=0.02, step=0.01)
    assert (start.positions == before).all()
    assert path.modes.shape == (3, 5, 3)
    assert repr(path) == f"Path(CH4, frames=3: {path.status})"
    with pytest.raises(ValueError, match="read-only"):
        path.modes[0] = 0


def test_refuses_in_words_what_cannot_be_followed() -> None:
    start = structures.load("generic")
    far = start + Atoms("H", [[9, 9, 9]])
    bond = Atoms("CO", [[0, 0, 0], [0, 0, 1.1]])
    for atoms, mode, error, message in (
        (start, 9, ValueError, r"mode 9 is trivial \(rotation\), .* from 0 to 8"),
        (start, 14, ValueError, r"mode 14 is trivial \(translation\)"),
        (far, 9, ValueError, r"mode 9 is trivial \(unseen\)"),
        (start, 15, ValueError, "there is no mode 15 of 15; give an internal one, from 0 to 8"),
        (start, -1, ValueError, "there is no mode -1"),
        (start, "soft", TypeError, "mode must be the index of a mode, or several, got 'soft'"),
        (start, (3, 3), ValueError, "at least one mode, each once"),
        (start, (), ValueError, "at least one mode, each once"),
        (bond, 1, ValueError, "give 0, the distance to its only neighbour"),
        (Atoms("C"), 0, ValueError, "center 0 has no neighbour within the cutoff"),
    ):
        with pytest.raises(error, match=message):
            follow(atoms, DESCRIPTOR, center=0, mode=mode)
    for lengths, error, message in (
        ({"length": 0}, ValueError, "length must be other than zero"),
        ({"length": 1e9}, ValueError, "at most 10000 steps"),
        ({"length": np.nan}, ValueError, "length must be other than zero"),
        ({"step": -0.1}, ValueError, "step must be positive and finite"),
        ({"step": "a"}, TypeError, "step must be a number in Å, got 'a'"),
    ):
        with pytest.raises(error, match=message):
            follow(start, DESCRIPTOR, center=0, mode=0, **lengths)
