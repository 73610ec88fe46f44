"""What was probably done wrong, found in a wrong answer."""

import pytest

from clearprop.base import messages
from clearprop.teaching.exercises import LEVELS, TOPICS, Exercise, exercise
from clearprop.teaching.grading import mark
from clearprop.teaching.grading.answer_mistakes import AnswerMistake

# x 1, w11(1) 0.9, w12(1) −0.3, b1(1) 0.6, b2(1) −0.5, w11(2) 0.4, w21(2) 0.9, b1(2) 0.5, t 1.8:
# z = 1.5 and −0.8, y = 1.1, ∂C/∂y = −1.4
CHAIN = exercise("chain", 1, seed=1)
# x[0] −2, x[1] 4, w(1) −0.8, b(1) 0.6, w(2) 0.1, b(2) 0.2, t 1.7 and 1.4: z = 2.2 and −2.6,
# ∂L/∂y = −1.28 and −1.2
BATCH = exercise("batch", 1, seed=0)
# x 1, −2, w 0.8, 0.5, b 0.5, t 1.6, η 0.1: ∂C/∂w = −2.6 and 5.2
STEP = exercise("step", 1, seed=1)


@pytest.mark.parametrize(
    ("sheet", "name", "answer", "mistake"),
    [
        # 0.9·1 without 0.6
        (CHAIN, "z1(1)", "0.9", "bias_missing"),
        # 0.4·1.5 + 0.9·(−0.8) + 0.5
        (CHAIN, "y", "0.38", "z_for_a"),
        (CHAIN, "a2(1)", "-0.8", None),
        # 1.1 − 1.8
        (CHAIN, "C", "-0.7", "not_squared"),
        (CHAIN, "dC/dy", "1.4", "sign"),
        (CHAIN, "dC/dy", "-0.7", "factor_half"),
        # 0.9·(−1.4) of the neuron that is off
        (CHAIN, "dC/dz2(1)", "-1.26", "derivative_missing"),
        (CHAIN, "dC/dz1(1)", "7", None),
        # 2.2·(−1.28) + (−2.6)·(−1.2), and the other sums over the two samples
        (BATCH, "dL/dw(2)", "0.304", "z_for_a"),
        (BATCH, "dL/dy[0]", "-2.56", "factor_two"),
        (BATCH, "dL/dw(1)", "0.128", "factor_half"),
        # −2·(−0.128) + 4·0.1·(−1.2) is right after the 2nd ∂L/∂z without ReLU'
        (BATCH, "dL/dz(1)[1]", "-0.12", "derivative_missing"),
        # 0.8 − 0.1·2.6
        (STEP, "new w1", "0.54", "ascent"),
        # 0.8·1 + 0.5 without 0.5·(−2)
        (STEP, "y", "1.3", "term_missing"),
    ],
)
def test_a_mistake_is_recognized(
    sheet: Exercise, name: str, answer: str, mistake: str | None
) -> None:
    answers = {blank.name: str(blank.value) for blank in sheet.blanks} | {name: answer}
    (one,) = [blank for blank in mark(sheet, answers).blanks if blank.name == name]
    assert one.outcome == "wrong"
    assert (one.mistake.value if one.mistake else None) == mistake


def test_a_sample_that_is_left_out_and_swapped_indices() -> None:
    sheet = exercise("linear", 2, seed=0)
    given = dict(sheet.given_values)
    # ∂L/∂w1 = x1[0]·∂L/∂z[0] + x1[1]·∂L/∂z[1], without sample 1
    wanted = next(blank for blank in sheet.blanks if blank.kind == "dw")
    only_first = given["x1[0]"] * given["dL/dz[0]"]
    answers = {blank.name: str(blank.value) for blank in sheet.blanks}
    marked = mark(sheet, answers | {wanted.name: str(only_first)})
    (one,) = [blank for blank in marked.blanks if blank.name == wanted.name]
    assert one.mistake is AnswerMistake.SAMPLE_MISSING
    square = exercise("linear", 1, seed=0)
    # z1 = w11·x1 + w21·x2 + b1, with w12 in the place of w21
    given = dict(square.given_values)
    swapped = given["w11"] * given["x1"] + given["w12"] * given["x2"] + given["b1"]
    answers = {blank.name: str(blank.value) for blank in square.blanks} | {"z1": str(swapped)}
    (one,) = [blank for blank in mark(square, answers).blanks if blank.name == "z1"]
    assert one.mistake is AnswerMistake.INDICES_SWAPPED


def test_a_slip_behind_another_is_recognized_by_the_right_numbers() -> None:
    # y = 0.6 without its bias, and then ∂C/∂y with the sign turned round, but from the right y.
    answers = {blank.name: str(blank.value) for blank in CHAIN.blanks}
    marked = mark(CHAIN, answers | {"y": "0.6", "dC/dy": "1.4"})
    found = {one.name: one.mistake for one in marked.blanks}
    assert found["y"] is AnswerMistake.BIAS_MISSING
    assert found["dC/dy"] is AnswerMistake.SIGN


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_right_answer_has_no_mistake_and_a_turned_sign_is_one(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=6)
    right = {blank.name: str(blank.value) for blank in sheet.blanks}
    assert all(one.mistake is None for one in mark(sheet, right).blanks)
    last = [blank for blank in sheet.blanks if blank.kind not in ("line",) and blank.value][-1]
    marked = mark(sheet, right | {last.name: str(-last.value)})
    (one,) = [blank for blank in marked.blanks if blank.name == last.name]
    assert one.outcome == "wrong"
    assert one.mistake is not None


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_mistake_has_its_words(language: str) -> None:
    words = {messages.text(language, f"grading.mistake.{one.value}") for one in AnswerMistake}
    assert len(words) == len(AnswerMistake)
