"""Hand-ins of the exercises on convolution, time and attention: usual mistakes are named in answers
and in `backward.py`, and nothing right is called wrong."""

from pathlib import Path

import pytest

from clearprop.base import messages
from clearprop.teaching.exercises import LEVELS, Exercise, exercise
from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.expressions import evaluate
from clearprop.teaching.exercises.sheet import is_near
from clearprop.teaching.exercises.starter_code import solution
from clearprop.teaching.grading import mark
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.marked_handins import CodeMark
from tests.grading.layer_plantings import PLANTINGS, UNNAMED

CASES = [(topic, level) for topic in DESIGNS for level in LEVELS]


def marked_code(tmp_path: Path, sheet: Exercise, source: str) -> CodeMark:
    path = tmp_path / "backward.py"
    path.write_text(f"import numpy as np\n{source}", encoding="utf-8")
    return check_code(path, sheet.network)


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_a_usual_mistake_in_an_answer_is_named(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=8)
    right = {blank.name: str(blank.value) for blank in sheet.blanks}
    values = {**sheet.given_values, **{blank.name: blank.value for blank in sheet.blanks}}
    named = set()
    for blank in sheet.blanks:
        seen: list[float] = []
        for slip in blank.slips:
            wrong = evaluate(slip.formula, values)
            # Two mistakes with one number are told by the first; the right number is none.
            if any(is_near(wrong, one) for one in (blank.value, *seen)):
                continue
            seen.append(wrong)
            marks = mark(sheet, right | {blank.name: f"{wrong:.10f}"})
            (one,) = [found for found in marks.blanks if found.name == blank.name]
            assert one.outcome == "wrong", (blank.name, slip.mistake)
            assert one.mistake is not None
            assert one.mistake.value == slip.mistake, blank.name
            named.add(slip.mistake)
    assert named == {slip.mistake for blank in sheet.blanks for slip in blank.slips}


# Where ∂C/∂z is given z goes nowhere, and pooling takes another place than the first.
UNUSED = [("convolution", 1), ("convolution", 3)]


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_what_follows_from_a_wrong_answer_counts(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=8)
    own = dict(sheet.given_values)
    first = None
    for blank in sheet.blanks:
        own[blank.name] = evaluate(blank.formula, own)
        if first is None and blank.slips:
            slipped = evaluate(blank.slips[0].formula, own)
            if not is_near(slipped, blank.value):
                first, own[blank.name] = blank, slipped
    assert first is not None
    answers = {blank.name: f"{own[blank.name]:.8f}" for blank in sheet.blanks}
    marks = mark(sheet, answers)
    outcomes = {one.name: one.outcome for one in marks.blanks}
    assert outcomes.pop(first.name) == "wrong"
    assert set(outcomes.values()) <= {"right", "follows"}
    assert (topic, level) in UNUSED or "follows" in outcomes.values()
    assert marks.points == sheet.points - first.points


PLANTED = [
    (topic, level, planting)
    for topic, level in CASES
    for planting in PLANTINGS[topic]
    if planting[0] in solution(exercise(topic, level))
]
# Of every topic some in the fast run, the others in the thorough one.
PARAMETERS = [
    pytest.param(*one, marks=() if place % 20 == 0 else pytest.mark.thorough)
    for place, one in enumerate(PLANTED)
]


@pytest.mark.parametrize(("topic", "level", "planting"), PARAMETERS)
def test_a_mistake_planted_in_a_backward_is_found_and_named(
    tmp_path: Path, topic: str, level: int, planting: tuple[str, str, str]
) -> None:
    # Another seed for every one of them: no exercise's own numbers may let it pass.
    right, wrong, names = planting
    sheet = exercise(topic, level, seed=100 * level + PLANTINGS[topic].index(planting))
    found = marked_code(tmp_path, sheet, solution(sheet).replace(right, wrong))
    assert found.outcome == "wrong"
    assert found.verdict is not None
    mistakes = [one.key for one in found.verdict.mistakes]
    assert mistakes == [] if planting in UNNAMED else mistakes[0] in names.split()


def test_there_are_many_plantings_and_nearly_all_are_named() -> None:
    assert len(PLANTED) >= 150
    assert {one[0] for one in PLANTED} == set(DESIGNS)
    assert len(UNNAMED) <= 0.05 * len(PLANTED)


@pytest.mark.parametrize("seed", [2, pytest.param(31, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("topic", "level"), CASES)
def test_a_right_backward_is_right(tmp_path: Path, topic: str, level: int, seed: int) -> None:
    sheet = exercise(topic, level, seed=seed)
    found = marked_code(tmp_path, sheet, solution(sheet))
    assert list(found.sentences("en")) == ["backward.py is right."]


def test_the_same_written_otherwise_is_right(tmp_path: Path) -> None:
    # Convolution as one product over patches, and the gradients by name.
    source = """
def backward(dy, x, W, b):
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
    dW = np.einsum("nij,nijuv->uv", dy[:, 0], windows)[None, None]
    wide = np.pad(dy[:, 0], ((0, 0), (2, 2), (2, 2)))
    around = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(1, 2))
    dx = np.einsum("nijuv,uv->nij", around, W[0, 0, ::-1, ::-1])[:, None]
    return {"dx": dx, "dW": dW, "db": dy.sum((0, 2, 3))}
"""
    sheet = exercise("convolution", 1, seed=4)
    assert marked_code(tmp_path, sheet, source).outcome == "right"
    spoiled = marked_code(tmp_path, sheet, source.replace("[0, 0, ::-1, ::-1]", "[0, 0]"))
    assert spoiled.verdict is not None
    assert [one.key for one in spoiled.verdict.mistakes] == ["kernel_turned"]


def test_numbers_copied_from_the_sheet_are_wrong(tmp_path: Path) -> None:
    sheet = exercise("time", 1, seed=4)
    weight = sheet.given_values["u"]
    source = solution(sheet).replace("dz @ U.T", f"dz * {weight}")
    found = marked_code(tmp_path, sheet, source)
    assert found.outcome == "wrong"


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_name_is_told_in_either_language(tmp_path: Path, language: str) -> None:
    sheet = exercise("time", 2, seed=4)
    found = marked_code(tmp_path, sheet, solution(sheet).replace("dU += ", "dU = "))
    said = " ".join(found.sentences(language))
    assert {"en": "is wrong", "zh-TW": "有錯"}[language] in said
    found = marked_code(tmp_path, sheet, solution(sheet).replace("dh * (1", "later * (1"))
    assert "\n" not in " ".join(found.sentences(language))
