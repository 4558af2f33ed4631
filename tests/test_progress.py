"""Computations that are stopped leave nothing behind, and say how they ended."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest

from sensitivity import (
    DensityCorrelations,
    convergence,
    diagnose,
    find_twin,
    follow,
    invert,
    locate,
    spectrum,
    structures,
)
from sensitivity.progress import Cancelled, Interrupted, Stop


def test_an_interrupt_restores_what_numpy_does_on_errors() -> None:
    before, handler = np.geterr(), np.geterrcall()
    with (stop := Stop()):
        np.seterr(all="call")  # as numpy.linalg does, until it returns
        np.seterrcall(lambda *_: 1 // 0)
        raise KeyboardInterrupt
    assert (np.geterr(), np.geterrcall()) == (before, handler)
    with pytest.raises(Interrupted) as caught:
        stop.deliver("so far")
    assert caught.value.partial == "so far"


def test_an_error_after_a_stop_is_raised() -> None:
    with (stop := Stop()):
        raise Cancelled
    with pytest.raises(ValueError, match="wrong"), stop:
        raise ValueError("wrong")
    assert stop.ending == "cancelled"
    assert stop.deliver(1) == 1


@pytest.mark.parametrize("arguments", [(), ("stop pressed",)])
def test_what_stops_a_computation_can_be_pickled(arguments: tuple[str, ...]) -> None:
    """As between processes; a caller may add a reason."""
    copied = pickle.loads(pickle.dumps(Cancelled(*arguments)))
    assert type(copied) is Cancelled
    assert str(copied) == (arguments or ("cancelled",))[0]
    assert pickle.loads(pickle.dumps(Interrupted([1]))).partial == [1]


def test_every_result_says_alike_how_it_was_ended() -> None:
    """``ending`` says which of the two ways it was, and ``interrupted`` that it was one."""
    atoms, near = structures.load("X0"), structures.load("X0")
    near.positions[1] += 0.1
    descriptor = DensityCorrelations(n_max=2, l_max=2)
    search = {"center": 0}
    calls = [
        partial(diagnose, atoms, descriptor),
        partial(locate, atoms, descriptor, **search),
        partial(find_twin, atoms, descriptor, **search),
        partial(follow, atoms, descriptor, mode=8, length=0.1, **search),
        partial(invert, descriptor.features(atoms), descriptor, start=near),
        partial(convergence, atoms, descriptor, n_max=[2, 3]),
    ]
    for call in calls:
        for error, ending in ((Cancelled("now"), "cancelled"), (KeyboardInterrupt, "interrupted")):

            def stop(_: str, error: BaseException | type[BaseException] = error) -> None:
                raise error

            try:
                result = call(progress=stop)
            except Interrupted as interrupted:
                result = interrupted.partial
            assert (result.ending, result.interrupted) == (ending, True)
            assert ending in result.status.lower()


def test_a_progress_function_may_compute() -> None:
    """It is not told of what it computes, which would never end."""
    atoms, descriptor, said = structures.load("X0"), DensityCorrelations(n_max=2, l_max=2), []

    def compute(sentence: str) -> None:
        said.append(sentence)
        spectrum(atoms, descriptor)

    spectrum(atoms, descriptor, progress=compute)
    heard = list[str]()
    spectrum(atoms, descriptor, progress=heard.append)
    assert said == heard != []
