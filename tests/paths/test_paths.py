"""Curves along singular vectors: as long as asked, smooth, accurate, and why they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import pi
from threading import Event

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from selection import mostly_slow

from sensitivity import (
    DensityCorrelations,
    Path,
    Spectrum,
    follow,
    locate,
    spectrum,
    structures,
)
from sensitivity.geometry.motions import trivial_motions
from sensitivity.observation import Observation
from sensitivity.paths import steps
from sensitivity.paths.follow import net_displacements
from sensitivity.paths.transport import depart
from sensitivity.progress import Cancelled, Interrupted, cancellable
from sensitivity.spectrum import decompose_jacobian

DESCRIPTOR = DensityCorrelations(order=2)


def positions(path: Path) -> np.ndarray:
    return np.array([atoms.positions for atoms in path.frames])


@cache
def near_pair() -> Atoms:
    """The singular point nearest to X+(u = .725 π, v = .025 π)."""
    return locate(structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1), DESCRIPTOR, center=0).atoms


@cache
def ring(step: float, sign: int = 1) -> Path:
    """1 Å along the null mode of that point."""
    return follow(near_pair(), DESCRIPTOR, center=0, mode=8, length=1.0 * sign, step=step)


def displaced(length: float) -> np.ndarray:
    """How far features move along the most visible mode, in a straight line, in both senses.

    At 1 Å it is 2.3 in one, and 1.0 in the other.
    """
    begin = ring(0.01).spectra[0]
    moved = []
    for sense in (1, -1):
        atoms = begin.atoms.copy()
        atoms.positions += sense * length * begin.modes[0]
        change = DESCRIPTOR.features(atoms, centers=[0]) - begin.features
        moved.append(np.linalg.norm(change))
    return np.sort(moved)[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1])
def test_along_the_null_mode_of_a_singular_point_features_hardly_move(sign: int) -> None:
    """The curve is a ring: features that are so constant allow for 0.33 Å, and no more.

    1 Å away from the start no geometry has features within 1.3 % of the norm of those at the
    start, which is 0.8 % of what the visible mode does. So features on the whole curve, 1 Å long,
    are compared with those 1 Å along that mode, and the structure across the ring, 0.3 Å away,
    with that at the same distance.

    Less than 0.1 % of the visible mode holds in one of its two senses, with 0.066 % and 0.068 % at
    most on the whole curve, and for their mean. In the other sense, in which that mode itself moves
    features by 1.0 instead of 2.3, it is 0.152 % and 0.157 %, and at the end 0.104 % and 0.110 %.
    """
    path = ring(0.01, sign)
    assert path.complete
    assert path.length[-1] == pytest.approx(1.0)
    one, other = displaced(1.0)
    assert path.feature_distance.max() < 0.7e-3 * one
    assert path.feature_distance.max() < 1e-3 * (one + other) / 2
    assert 1.5e-3 * other < path.feature_distance.max() < 1.6e-3 * other
    assert 1e-3 * other < path.feature_distance[-1] < 1.2e-3 * other
    assert path.condition[0] < 1e-12
    assert path.condition[1:].min() > 1e-4
    assert path.condition.max() < 1e-2
    assert 0.3 < path.net.max() < 0.34
    across = np.flatnonzero(path.net > 0.3)
    least = min(across, key=lambda frame: path.feature_distance[frame])
    assert path.feature_distance[least] < 1e-3 * displaced(path.net[least]).mean()
    assert path.net[-1] < 0.07


def test_along_the_most_visible_mode_they_move() -> None:
    start = structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1)
    path = follow(start, DESCRIPTOR, center=0, mode=0, length=0.5)
    assert path.complete
    assert path.feature_distance[-1] > 0.3 * np.linalg.norm(path.spectra[0].features)


@pytest.mark.slow
@pytest.mark.parametrize("sign", mostly_slow([1, -1], fast=[1]))
def test_directions_never_flip(sign: int) -> None:
    path = ring(0.01, sign)
    chords = np.diff(positions(path), axis=0)
    assert np.linalg.norm(chords, axis=(1, 2)) == pytest.approx(0.01, rel=0.05)
    ahead = np.sum(chords * path.modes[:-1], axis=(1, 2))
    behind = np.sum(chords * path.modes[1:], axis=(1, 2))
    assert ahead.min() > 0.7 * 0.01  # it turns by less than 45° within a frame
    assert behind.min() > 0.7 * 0.01


# Curves along soft modes: where they start, and the mode, as counted at the start.
SOFT = {"X0": ("X0", 8), "C3v": ("C3v", 7), "C3v, harder": ("C3v", 4), "near X+": ("", 8)}


@cache
def finer(name: str) -> Path:
    """0.4 Å with an eighth of the error that is allowed: steps are half as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "CONTROL", replace(steps.CONTROL, allowed=steps.CONTROL.allowed / 8))
        return soft.__wrapped__(name, step=0.1)


@cache
def soft(name: str, *, step: float) -> Path:
    kind, mode = SOFT[name]
    atoms = structures.load(kind) if kind else near_pair()
    return follow(atoms, DESCRIPTOR, center=0, mode=mode, length=0.4, step=step)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOFT)
def test_the_end_is_that_of_finer_steps(name: str) -> None:
    """In steps of 0.005 Å throughout they end up to 0.06 Å beside; errors grow on the way."""
    path = soft(name, step=0.1)
    assert path.complete
    ends = path.frames[-1].positions, finer(name).frames[-1].positions
    assert np.linalg.norm(ends[0] - ends[1]) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["X0", "near X+"])
def test_the_curve_does_not_depend_on_the_distance_of_frames(name: str) -> None:
    paths = soft(name, step=0.1), soft(name, step=0.04), finer(name)
    for path, every in ((paths[0], 2), (paths[1], 5)):
        apart = positions(path)[::every] - positions(paths[2])[::2]
        assert np.linalg.norm(apart, axis=(1, 2)).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0, 2, 5, 7, 8])
def test_the_error_of_a_step_is_known(mode: int) -> None:
    observed = Observation.of(structures.load("generic"), DESCRIPTOR, centers=[0])
    begin = depart(observed.spectrum, (mode,), sign=1)

    def see(positions: np.ndarray) -> Spectrum:
        return observed.at(positions).spectrum

    first, second = (steps.advance(see, begin, size) for size in (0.005, 0.0025))
    fine, left = begin, 0.005
    while left > 1e-12:
        stride = steps.advance(see, fine, min(left, 0.0005))
        assert stride is not None
        fine, left = stride.place, left - stride.size
    assert first is not None
    assert second is not None
    assert (first.size, second.size) == (0.005, 0.0025)
    assert first.error > 1.5 * second.error
    off = np.linalg.norm(first.place.spectrum.atoms.positions - fine.spectrum.atoms.positions)
    assert off < first.error < 1e-5


@pytest.mark.slow
def test_where_modes_nearly_cross_the_curve_goes_on_and_says_so() -> None:
    """The softest mode itself turns by 2 within 0.01 Å, 0.17 Å from the start, and goes back."""
    path = ring(0.01)
    turns = np.arccos(np.sum(path.modes[1:] * path.modes[:-1], axis=(1, 2)))
    assert turns[1:].max() < 0.5
    assert (
        "The singular value of mode 8 nearly met another, and the direction turned gradually, at "
        in path.status
    )
    parts = [
        np.sum(each.modes[8] * mode) ** 2
        for each, mode in zip(path.spectra, path.modes, strict=True)
    ]
    assert min(parts) < 0.5
    assert np.median(parts) > 0.98
    for part, modes in zip(parts, path.subspace, strict=True):
        assert (len(modes) > 1) == (part < 0.98)


def test_where_modes_cross_it_goes_on_with_its_own() -> None:
    """In a cross of two pairs order 1 sees the stretch of each pair for itself.

    The longer bonds are seen less: on the way the stretched pair becomes the longer one.
    """
    start = Atoms("CH2F2", [[0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0], [0, 1.4, 0], [0, -1.4, 0]])
    path = follow(start, DensityCorrelations(order=1), center=0, mode=0, length=0.4)
    assert path.complete
    assert path.subspace[0] == (0,)
    assert path.subspace[-1] == (1,)
    end, crossing = path.status.split(" Mode 0 became mode 1 at ")
    assert end.startswith("Followed the full 0.4 Å; the end is ")
    assert 0 <= float(crossing.removesuffix(" Å.")) - 0.2 * np.sqrt(2) < steps.CONTROL.longest
    stretch = np.zeros((5, 3))
    stretch[1:3, 0] = np.array([1, -1]) / np.sqrt(2)
    assert positions(path)[-1] - start.positions == pytest.approx(0.4 * stretch, abs=1e-12)


def test_stops_where_it_would_turn_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CONTROL", replace(steps.CONTROL, largest_turn=1e-9))
    path = follow(near_pair(), DESCRIPTOR, center=0, mode=8, length=0.1)
    assert not path.complete
    assert len(path.frames) == 1
    assert path.status.endswith("the direction is lost among modes that turn into each other.")


def test_says_where_no_step_is_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CONTROL", replace(steps.CONTROL, shortest=0.004))
    path = follow(structures.load("X0"), DESCRIPTOR, center=0, mode=8, length=0.05)
    assert path.complete
    assert "The path turned faster than the steps resolve at 0.0" in path.status


def test_a_path_is_followed_back() -> None:
    """Along a mode that stands alone it comes back; along a soft one of X0 it says how far off."""
    start = structures.load("X0")
    path = follow(start, DESCRIPTOR, center=0, mode=8, length=0.3)
    # The path has left mode 8: it goes back along the one that its end has most of.
    modes = spectrum(path.frames[-1], DESCRIPTOR, centers=[0]).modes
    parts = np.tensordot(modes, path.modes[-1], axes=2)
    mode = int(np.argmax(np.abs(parts)))
    length = -0.3 * np.sign(parts[mode])
    back = follow(path.frames[-1], DESCRIPTOR, center=0, mode=mode, length=length)
    ends = net_displacements([start, back.frames[-1]])
    assert path.error == pytest.approx(ends[1], rel=0.01)
    assert f"Followed back, the path ends {path.error:.2g} Å from the start." in path.status
    alone = generic_path(length=0.3)
    assert alone.error < 1e-4
    assert "back" not in alone.status


def test_net_is_what_remains_of_the_length_after_superposition() -> None:
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=3, length=0.3)
    plain = np.linalg.norm(positions(path) - positions(path)[0], axis=(1, 2))
    assert path.net[0] == pytest.approx(0, abs=1e-12)
    assert (path.net <= plain + 1e-12).all()
    assert (plain <= path.length + 1e-12).all()
    assert path.net[1] == pytest.approx(0.05, rel=0.05)
    assert f"the end is {path.net[-1]:.2g} Å from the start" in path.status
    turned = path.frames[0].copy()
    turned.rotate(70, (1, 2, 3))
    turned.positions += 1
    assert net_displacements([path.frames[0], turned])[1] < 1e-12


def test_features_change_by_the_singular_value_times_the_length() -> None:
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=3, length=0.2, step=0.01)
    features = np.array([each.features[0] for each in path.spectra])
    moved = np.linalg.norm(np.diff(features, axis=0), axis=1)
    between = (path.response[1:] + path.response[:-1]) / 2
    assert moved / 0.01 == pytest.approx(between, rel=0.01)
    assert path.feature_distance[0] == 0
    alone = [len(modes) for modes in path.subspace]
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


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.05, 0.3, 0.7, 1.5])
def test_a_closed_orbit_is_recognised(step: float) -> None:
    """Order 1 sees two distances and no angle: the null mode turns one bond all the way round.

    Half way it is straight; then the start is passed as its mirror image, the other way round.
    """
    angles = np.linspace(0, 2 * pi, 400, endpoint=False)
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
    assert path.status.endswith(
        "(root of the summed squares): it is back at the start, after superposition."
    )
    assert path.net[-1] < 2e-5
    assert path.length[-1] == pytest.approx(whole, abs=1e-4)
    between = np.diff(path.length)[:-1]
    assert between == pytest.approx(between[0])
    assert between[0] == pytest.approx(step, rel=0.05)  # 20 Å in equal parts
    assert path.feature_distance.max() < 1e-2 * np.linalg.norm(path.spectra[0].features)


@pytest.mark.slow
def test_goes_on_where_it_closes_if_wanted() -> None:
    descriptor = DensityCorrelations(order=1)
    path = follow(bent(1.9), descriptor, center=0, mode=2, length=5.0, step=0.5, repeat=True)
    assert path.returned
    assert path.complete
    assert path.net[-1] > 0.3


@pytest.mark.slow
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
    assert path.subspace[0] == tuple(range(1, 9))
    moved = positions(path)[1] - positions(path)[0]
    assert np.sum(moved * path.modes[0]) > 0.0098


def test_a_subspace_stays_one() -> None:
    start = structures.load("generic")
    path = follow(start, DESCRIPTOR, center=0, mode=(8, 7), length=0.2, step=0.01)
    assert path.complete
    assert {len(modes) for modes in path.subspace} == {2}
    for each, modes, mode in zip(path.spectra, path.subspace, path.modes, strict=True):
        assert set(modes) >= {7, 8}
        within = np.tensordot(each.modes[list(modes)], mode, axes=2)
        assert np.linalg.norm(within) == pytest.approx(1, abs=1e-3)
    turns = np.sum(path.modes[1:] * path.modes[:-1], axis=(1, 2))
    assert turns.min() > 0.98


def test_takes_an_array_of_modes() -> None:
    start = structures.load("generic")
    one, other = (
        follow(start, DESCRIPTOR, center=0, mode=modes, length=0.02)
        for modes in (np.array([7, 8]), (7, 8))
    )
    assert (positions(one) == positions(other)).all()
    for modes in (np.array([7.0, 8.0]), np.array([True]), np.array([[7, 8]])):
        with pytest.raises(TypeError, match="mode must be the index of a mode, or several"):
            follow(start, DESCRIPTOR, center=0, mode=modes)


def test_ends_before_atoms_coalesce_and_at_the_cutoff() -> None:
    path = follow(structures.load("generic"), DESCRIPTOR, center=0, mode=0, length=1.0)
    assert path.status.endswith("two atoms are nearer than 0.4 Å.")
    distances = path.frames[-1].get_all_distances()
    assert 0.4 < distances[np.triu_indices(5, k=1)].min() < 0.47
    pair = Atoms("CO", [[0, 0, 0], [0, 0, 3.4]])
    ends = [follow(pair, DESCRIPTOR, center=0, mode=0, length=each) for each in (0.3, -0.3)]
    assert sum("an atom has crossed the cutoff" in path.status for path in ends) == 1
    assert sum(path.complete for path in ends) == 1


def generic_path(**settings) -> Path:
    return follow(structures.load("generic"), DESCRIPTOR, center=0, mode=0, **settings)


def test_an_interrupt_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupted(*args, **keywords):
        calls.append(args)
        if len(calls) == 18:
            raise KeyboardInterrupt
        return decompose_jacobian(*args, **keywords)

    monkeypatch.setattr("sensitivity.observation.decompose_jacobian", interrupted)
    with pytest.raises(Interrupted) as caught:
        generic_path(length=1.0, step=0.01)
    path = caught.value.partial
    assert isinstance(path, Path)
    assert not path.complete
    assert len(path.frames) == 3
    assert path.interrupted
    assert path.status == (
        "Followed 0.02 of 1 Å; the end is 0.02 Å from the start (root of the summed squares): "
        "interrupted."
    )


def test_an_interrupt_before_the_first_spectrum_is_a_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sensitivity.observation.decompose_jacobian", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        generic_path()
    assert not isinstance(caught.value, Interrupted)


def stopping_after(number: int, reason: BaseException) -> Callable[[str], None]:
    said: list[str] = []

    def listen(sentence: str) -> None:
        said.append(sentence)
        if len(said) == number:
            raise reason

    return listen


def test_progress_is_told_and_can_cancel_the_curve() -> None:
    told: list[str] = []
    path = generic_path(length=0.15, progress=told.append)
    rows = zip(path.length, path.condition, strict=True)
    expected = [
        f"path length {length:.3g} of 0.15 Å, smallest/largest singular value {condition:.0e}"
        for length, condition in rows
    ]
    assert told[:3] == expected[1:]
    assert [sentence.split(",")[0] for sentence in told[3:]] == [
        f"back: path length {length} of 0.15 Å" for length in (0.05, 0.1, 0.15)
    ]
    path = generic_path(progress=stopping_after(3, Cancelled()))
    assert path.interrupted
    assert path.status.endswith(": cancelled.")
    assert path.length == pytest.approx([0, 0.05, 0.1, 0.15])


def test_an_event_cancels_the_curve() -> None:
    event = Event()
    with cancellable(event):
        path = generic_path(progress=lambda _: event.set())
        with pytest.raises(Cancelled):  # nothing is found yet
            generic_path()
    assert path.status.endswith(": cancelled.")
    assert len(path.frames) == 2


def test_one_interrupt_leaves_the_loop_of_a_user() -> None:
    begun = []

    def loop() -> None:
        for number in range(3):
            begun.append(number)
            generic_path(progress=stopping_after(2, KeyboardInterrupt()))

    with pytest.raises(Interrupted) as caught:
        loop()
    assert begun == [0]
    assert len(caught.value.partial.frames) == 3


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
        (start, 9, ValueError, r"mode 9 is trivial \(rotation\) .* from 0 to 8"),
        (start, 14, ValueError, r"mode 14 is trivial \(translation\)"),
        (far, 9, ValueError, r"mode 9 is trivial \(unseen\)"),
        (start, 15, ValueError, "there is no mode 15 of 15; give an internal one, from 0 to 8"),
        (start, -1, ValueError, "there is no mode -1"),
        (start, "soft", TypeError, "mode must be the index of a mode, or several, got 'soft'"),
        (start, (3, 3), ValueError, "at least one mode, each once"),
        (start, (), ValueError, "at least one mode, each once"),
        (bond, 1, ValueError, "give 0, the distance to its only neighbour"),
        (
            Atoms("C"),
            0,
            ValueError,
            "no displacement to follow: it has no neighbour within",
        ),
        (
            bulk("Cu", a=3.6),
            0,
            ValueError,
            "images of the center, and move with it; use a supercell",
        ),
    ):
        with pytest.raises(error, match=message):
            follow(atoms, DESCRIPTOR, center=0, mode=mode)
    for lengths, error, message in (
        ({"length": 0}, ValueError, "length must be other than zero"),
        ({"length": 1e9}, ValueError, "at most 10000 steps"),
        ({"length": np.nan}, ValueError, "length must be other than zero"),
        ({"step": -0.1}, ValueError, "step must be positive and finite"),
        ({"step": "a"}, TypeError, "step must be positive and finite, in Å, got 'a'"),
    ):
        with pytest.raises(error, match=message):
            follow(start, DESCRIPTOR, center=0, mode=0, **lengths)
