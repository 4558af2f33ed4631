"""Guesses of the course: what is right, what is told, and what is not told without a guess."""

from __future__ import annotations

import numpy as np
import pytest

from sensitivity.course import FIRST, check


@pytest.mark.parametrize(
    ("guess", "answer"),
    [
        (7, 7),
        (7.0, np.int64(7)),
        (True, np.True_),
        (" Symmetry", "symmetry"),
        ((1, 3), [1, 3]),
        ([1, 3], np.array([1, 3])),
        ({"b": 2, "a": (1, "x")}, {"a": (1, "X"), "b": 2}),
    ],
)
def test_right_guess_repeats_the_answer(guess, answer):
    found = check(guess, answer)
    assert found.right is True
    assert str(found).startswith("Right: ")


def test_wrong_guess_tells_both():
    assert str(check(3, 7)) == "You guessed 3; it is 7."
    assert check(3, 7).right is False
    assert str(check("noise", "symmetry")) == "You guessed noise; it is symmetry."
    assert str(check(False, True)) == "You guessed False; it is True."


def test_entries_of_wrong_guesses_are_counted():
    assert str(check([1, 2, 4], [1, 3, 4])) == (
        "You guessed (1, 2, 4); it is (1, 3, 4). 2 of 3 are right."
    )
    wrong = check({"Td": 1, "Cs": 5}, {"Td": 1, "Cs": 6})
    assert str(wrong) == "You guessed Td: 1, Cs: 5; it is Td: 1, Cs: 6. 1 of 2 are right."


def test_numbers_are_compared_within_an_absolute_tolerance():
    assert check(2.0, 2.0491, within=0.05).right is True
    assert str(check(2.0, 2.0491, within=0.05)) == "Right: 2.049."
    assert check(2.0, 2.0491, within=0.04).right is False
    assert check([1, 2.0], [1, 2.0491], within=0.05).right is True
    assert check(float("nan"), 1.0, within=1.0).right is False


@pytest.mark.parametrize("guess", [..., [1, ...], {"a": ...}, (1, (2, ...))])
def test_no_guess_does_not_tell_the_answer(guess):
    found = check(guess, 123456789)
    assert found.right is None
    assert str(found) == FIRST
    assert "123456789" not in repr(found) + found._repr_html_()


def test_html_is_the_text_whatever_is_in_it():
    assert "&lt;b&gt;" in check("<b>", "a")._repr_html_()
    assert "<b>" not in check("<b>", "a")._repr_html_()
    assert "<code>guess = ...</code>" in check(..., 1)._repr_html_()


@pytest.mark.parametrize(
    ("guess", "answer", "message"),
    [
        ("987", 987, "This guess is a text in quotes; expected is a number."),
        (1, True, "This guess is a number; expected is `True` or `False`."),
        ("yes", True, "This guess is a text in quotes; expected is `True` or `False`."),
        ([987], 987, "This guess is a list; expected is a number."),
        ([1], {"a": 987}, "This guess is a list; expected is a dict."),
        (None, 987, "This guess is None; expected is a number."),
        ([1, "b"], [1, 987], "This guess is a text in quotes; expected is a number."),
        ({"a": 1}, {"a": True}, "This guess is a number; expected is `True` or `False`."),
        ([1], [1, 987], "The number of entries of this guess is 1; expected: 2."),
        ({"x": 1}, {"a": 987}, "This guess has the keys ['x']; expected are ['a']."),
    ],
)
def test_guess_of_another_kind_is_told_what_is_expected_and_no_answer(guess, answer, message):
    found = check(guess, answer)
    assert found.right is None
    assert str(found) == f"{message} Change `guess = ...`, and run both cells again."


def test_answer_has_the_order_of_the_guess():
    wrong = check({"b": 1, "a": 2}, {"a": 3, "b": 1})
    assert str(wrong) == "You guessed b: 1, a: 2; it is b: 1, a: 3. 1 of 2 are right."


@pytest.mark.parametrize("within", [-0.1, float("nan"), float("inf")])
def test_tolerance_has_to_be_a_length(within):
    with pytest.raises(ValueError, match="within must be a number of at least 0"):
        check(1, 1, within=within)
