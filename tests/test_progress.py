"""A block that is stopped leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest

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
