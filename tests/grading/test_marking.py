"""Marks of blanks: right, partly right, right from a wrong number, and nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.teaching.exercises import LEVELS, TOPICS, exercise
from clearprop.teaching.grading import Marked, mark, read_number

# chain, level 1: x 1, w11(1) 0.9, w12(1) −0.3, b1(1) 0.6, b2(1) −0.5, w11(2) 0.4, w21(2) 0.9,
# b1(2) 0.5, t 1.8; neuron 2 is off
SHEET = exercise("chain", 1, seed=1)
RIGHT: dict[str, object] = {
    "z1(1)": "1.5",
    "a1(1)": "1.5",
    "z2(1)": "-0.8",
    "a2(1)": "0",
    "y": "1.1",
    "C": "0.49",
    "dC/dy": "-1.4",
    "dC/dw11(2)": "-2.1",
    "dC/dz1(1)": "-0.56",
    "dC/dz2(1)": "0",
    "dC/dw11(1)": "-0.56",
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
    # 0.6 − 0.5 = 0.1 for 1.1, and from there on rightly: 1.7² = 2.89, 2·(−1.7) = −3.4,
    # 1.5·(−3.4) = −5.1, 0.4·(−3.4) = −1.36, 1·(−1.36) = −1.36
    wrong = {"y": "0.1", "C": "2.89", "dC/dy": "-3.4", "dC/dw11(2)": "-5.1"}
    wrong |= {"dC/dz1(1)": "-1.36", "dC/dw11(1)": "-1.36"}
    marked = mark(SHEET, RIGHT | wrong)
    found = outcomes(marked)
    assert [found[name] for name in wrong] == ["wrong"] + ["follows"] * 5
    assert marked.points == SHEET.points - 1


def test_a_second_slip_is_not_excused_by_the_first() -> None:
    # y is wrong, and ∂C/∂y = −1.7 lacks its factor 2.
    found = outcomes(mark(SHEET, RIGHT | {"y": "0.1", "dC/dy": "-1.7"}))
    assert found["y"] == "wrong"
    assert found["dC/dy"] == "wrong"
    # The rest was handed in as it is on the key, and is right.
    assert found["dC/dw11(2)"] == "right"


@pytest.mark.parametrize("topic", ["chain", "step", "softmax", "batch", "slip"])
@pytest.mark.parametrize("level", LEVELS)
def test_zeros_everywhere_earn_nothing(topic: str, level: int) -> None:
    # Not even where 0 is right, of a neuron that is off: it comes from z = 0, which is wrong.
    for seed in range(3):
        sheet = exercise(topic, level, seed=seed)
        assert mark(sheet, {blank.name: "0" for blank in sheet.blanks}).points == 0


def test_a_zero_of_a_neuron_that_is_off_counts() -> None:
    found = outcomes(mark(SHEET, RIGHT | {"z2(1)": "-0.7"}))
    assert (found["z2(1)"], found["a2(1)"], found["dC/dz2(1)"]) == ("wrong", "right", "right")
    # 0.4·(−1.4) without ReLU' of a neuron with z < 0
    assert outcomes(mark(SHEET, RIGHT | {"dC/dz2(1)": "-1.26"}))["dC/dz2(1)"] == "wrong"


def test_numbers_that_have_no_logarithm_are_no_reason_to_stop() -> None:
    sheet = exercise("softmax", 2)
    right = {blank.name: str(blank.value) for blank in sheet.blanks}
    for wild in ("-5", "0", "1e99"):
        answers = right | {"z1": wild, "S": wild, "p1": wild, "p2": wild, "p3": wild, "C": "3"}
        assert outcomes(mark(sheet, answers))["C"] == "wrong"


def test_a_zero_that_was_worked_out_counts() -> None:
    # 0.6 − 0.9 = −0.3 is a slip; ReLU gives 0 for it, and that follows.
    found = outcomes(mark(SHEET, RIGHT | {"z1(1)": "-0.3", "a1(1)": "0"}))
    assert (found["z1(1)"], found["a1(1)"]) == ("wrong", "follows")


def test_what_is_left_out_or_unreadable_is_taken_as_right_further_on() -> None:
    marked = mark(SHEET, {"y": "about 1.5", "dC/dy": "-1.4", "C": "", "more": "1"})
    found = outcomes(marked)
    assert found["y"] == "unreadable"
    assert found["C"] == found["z1(1)"] == "missing"
    assert found["dC/dy"] == "right"
    assert marked.unknown == ("more",)
    assert marked.points == 1


@pytest.mark.parametrize(("offset", "counts"), [(0.001, True), (-0.001, True), (0.0012, False)])
def test_the_tolerance(offset: float, counts: bool) -> None:
    found = outcomes(mark(SHEET, RIGHT | {"dC/dz1(1)": -0.56 + offset}))
    assert (found["dC/dz1(1)"] == "right") is counts


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
