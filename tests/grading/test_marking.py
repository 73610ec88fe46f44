"""Marks of blanks: right, partly right, right from a wrong number, and nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.teaching.exercises import LEVELS, TOPICS, exercise
from clearprop.teaching.grading import Marked, mark, read_number

# chain, level 1: x 2, w(1) 0.2, b(1) 0.8, w(2) −0.2, b(2) 0.1, t 0.8
SHEET = exercise("chain", 1, seed=1)
RIGHT: dict[str, object] = {
    "z(1)": "1.2",
    "a(1)": "1.2",
    "y": "-0.14",
    "C": "0.8836",
    "dC/dy": "-1.88",
    "dC/dw(2)": "-2.256",
    "dC/dz(1)": "0.376",
    "dC/dw(1)": "0.752",
}


def outcomes(marked: Marked) -> dict[str, str]:
    return {one.name: one.outcome for one in marked.blanks}


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("level", LEVELS)
def test_rounded_right_answers_have_all_points(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=4)
    for decimals in (3, 4, 12):
        answers = {blank.name: f"{blank.value:.{decimals}f}" for blank in sheet.blanks}
        assert mark(sheet, answers).points == sheet.points


def test_a_sign_lost_in_the_bias_costs_one_blank() -> None:
    # −0.24 − 0.1 = −0.34 for −0.14, and from there on rightly: 1.14² = 1.2996, 2·(−1.14) = −2.28,
    # 1.2·(−2.28) = −2.736, −0.2·(−2.28) = 0.456, 2·0.456 = 0.912
    wrong = {"y": "-0.34", "C": "1.2996", "dC/dy": "-2.28", "dC/dw(2)": "-2.736"}
    wrong |= {"dC/dz(1)": "0.456", "dC/dw(1)": "0.912"}
    marked = mark(SHEET, RIGHT | wrong)
    found = outcomes(marked)
    assert [found[name] for name in wrong] == ["wrong"] + ["follows"] * 5
    assert marked.points == SHEET.points - 1


def test_a_second_slip_is_not_excused_by_the_first() -> None:
    # y is wrong, and ∂C/∂y = −1.14 lacks its factor 2.
    found = outcomes(mark(SHEET, RIGHT | {"y": "-0.34", "dC/dy": "-1.14"}))
    assert found["y"] == "wrong"
    assert found["dC/dy"] == "wrong"
    # The rest was handed in as it is on the key, and is right.
    assert found["dC/dw(2)"] == "right"


def test_zeros_everywhere_earn_nothing() -> None:
    assert mark(SHEET, dict.fromkeys(RIGHT, "0")).points == 0


def test_a_zero_that_was_worked_out_counts() -> None:
    # 0.4 − 0.8 = −0.4 is a slip; ReLU gives 0 for it, and that follows.
    found = outcomes(mark(SHEET, RIGHT | {"z(1)": "-0.4", "a(1)": "0"}))
    assert (found["z(1)"], found["a(1)"]) == ("wrong", "follows")


def test_what_is_left_out_or_unreadable_is_taken_as_right_further_on() -> None:
    marked = mark(SHEET, {"y": "about 1.5", "dC/dy": "-1.88", "C": "", "more": "1"})
    found = outcomes(marked)
    assert found["y"] == "unreadable"
    assert found["C"] == found["z(1)"] == "missing"
    assert found["dC/dy"] == "right"
    assert marked.unknown == ("more",)
    assert marked.points == 1


@pytest.mark.parametrize(("offset", "counts"), [(0.001, True), (-0.001, True), (0.0012, False)])
def test_the_tolerance(offset: float, counts: bool) -> None:
    found = outcomes(mark(SHEET, RIGHT | {"dC/dz(1)": 0.376 + offset}))
    assert (found["dC/dz(1)"] == "right") is counts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        (" -0.5 ", -0.5),
        ("\u22120.5", -0.5),
        ("\uff0d\uff10\uff0e\uff15", -0.5),
        ("３／８", 0.375),
        ("-3/8", -0.375),
        ("+.25", 0.25),
        ("2e-3", 0.002),
        ("z1(1) = 1.8", 1.8),
        ("#4", 4.0),
        ("（４）", 4.0),
        ("(4", None),
        ("z =", None),
        ("1/0", None),
        ("0,5", None),
        ("1,234", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("=1+1", None),
        ("1" * 41, None),
        ("", None),
        (0.5, 0.5),
        (3, 3.0),
        (True, None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (["0.5"], None),
        ({"z": 1}, None),
    ],
)
def test_numbers_as_students_write_them(text: object, value: float | None) -> None:
    assert read_number(text) == value


def test_a_whole_number_of_thousands_of_digits_is_none() -> None:
    assert read_number(10**5000) is None


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none()))
def test_nothing_that_is_written_stops_the_marking(answer: object) -> None:
    marked = mark(SHEET, dict.fromkeys(RIGHT, answer))
    assert 0 <= marked.points <= SHEET.points
