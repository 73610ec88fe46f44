"""Programs with one planted mistake."""

import numpy as np
import pytest

from clearprop.teaching.exercises import LEVELS, TOLERANCE, TOPICS, exercise
from clearprop.teaching.exercises.bugs import PROGRAMS, correction, run
from clearprop.teaching.exercises.expressions import evaluate
from clearprop.teaching.exercises.generator import worked
from clearprop.teaching.exercises.small_network import SmallNetwork
from clearprop.teaching.grading import mark

MISTAKES = [(level, k) for level in LEVELS for k in range(len(PROGRAMS[level - 1].mistakes))]
SMALL = SmallNetwork(
    ("relu", ""),
    (((0.2, 0.5), (0.1, -0.1)), ((0.4,), (-0.3,))),
    ((0.1, 0.1), (0.1,)),
    ((1.0, 2.0),),
    ((-0.5,),),
    0.1,
)


def test_the_right_program_by_hand() -> None:
    # z1 = (0.2 + 0.2 + 0.1, 0.5 − 0.2 + 0.1) = (0.5, 0.4); y = 0.2 − 0.12 + 0.1 = 0.18
    # dy = 2·(0.18 + 0.5) = 1.36; dW2 = (0.5, 0.4)·1.36 = (0.68, 0.544)
    # dz1 = 1.36·(0.4, −0.3) = (0.544, −0.408); dW1 = (1, 2)ᵀ·dz1; dx = dz1·W1ᵀ
    arrays = run(PROGRAMS[1].statements, SMALL)
    assert arrays["z1"] == pytest.approx(np.array([[0.5, 0.4]]))
    assert arrays["y"] == pytest.approx(np.array([[0.18]]))
    assert arrays["dW2"] == pytest.approx(np.array([[0.68], [0.544]]))
    assert arrays["dW1"] == pytest.approx(np.array([[0.544, -0.408], [1.088, -0.816]]))
    assert arrays["dx"] == pytest.approx(np.array([[-0.0952, 0.0952]]))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(10))
def test_the_program_agrees_with_the_engine_but_for_its_one_mistake(level: int, seed: int) -> None:
    sheet = exercise("bug", level, seed=seed, key="B1")
    step, small = sheet.linear_layers.step(), sheet.linear_layers
    line, wrong, right = correction(sheet)
    statements = [text.partition("#")[0].rstrip() for text in sheet.program.splitlines()]
    assert [text.rpartition("# ")[2] for text in sheet.program.splitlines()] == [
        f"({k + 1})" for k in range(len(statements))
    ]
    assert statements[line - 1] == wrong != right
    statements[line - 1] = right
    arrays = run(tuple(statements), small)
    for path, gradient in step.backward.named().items():
        place, _, kind = path.partition("].")
        number = small.layer_names[int(place.removeprefix("layers[")) // 2]
        name = f"d{'W' if kind == 'weight' else 'b'}{number}"
        assert arrays[name].ravel() == pytest.approx(gradient.ravel(), abs=1e-9), name


@pytest.mark.parametrize(("level", "which"), MISTAKES)
def test_every_mistake_is_planted_in_some_variant_and_spoils_what_is_asked(
    level: int, which: int
) -> None:
    mistake = PROGRAMS[level - 1].mistakes[which]
    for key in range(200):
        sheet = exercise("bug", level, key=str(key))
        line, wrong, _ = correction(sheet)
        if (line, wrong) == (mistake.line, mistake.instead):
            break
    else:
        pytest.fail(f"never planted: {mistake}")
    _, asked = sheet.blanks
    statements = tuple(text.partition("#")[0].rstrip() for text in sheet.program.splitlines())
    spoiled = run(statements, sheet.linear_layers)
    # No gradient of the wrong program at a place of that name has the right value.
    matrix = asked.name.removeprefix("dC/d")
    name, index = ("dx", 0) if matrix.startswith("x") else ("dW", 0)
    if name == "dW" and "(" in matrix:
        name += matrix.partition("(")[2].rstrip(")")
    digits = [int(digit) - 1 for digit in matrix.partition("(")[0] if digit.isdigit()]
    place = (0, digits[0]) if name == "dx" else (digits[0], digits[1] if digits[1:] else index)
    assert abs(spoiled[name][place] - asked.value) > 5 * TOLERANCE


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_asked_follows_from_the_givens_and_is_marked(level: int) -> None:
    assert "bug" in TOPICS
    sheet = exercise("bug", level, seed=4)
    line, asked = sheet.blanks
    assert line.name == "line"
    assert line.value == round(line.value) > 1
    assert asked.rests_on <= set(sheet.given_values)
    assert evaluate(asked.formula, sheet.given_values) == pytest.approx(asked.value)
    assert asked.name in {blank.name for blank in worked(sheet).blanks}
    right = {"line": str(int(line.value)), asked.name: str(asked.value)}
    assert mark(sheet, right).points == sheet.points == 4
    assert mark(sheet, {**right, "line": str(int(line.value) + 1)}).points == 2
    assert mark(sheet, {**right, asked.name: str(asked.value + 0.5)}).points == 2


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(5))
def test_the_tutorials_slip_shows_at_the_neuron_that_is_off(level: int, seed: int) -> None:
    sheet = exercise("slip", level, seed=seed)
    line, wrong, right = correction(sheet)
    assert (line, wrong, right) == (5, "dW2 = z1.T @ dy", "dW2 = a1.T @ dy")
    statements = [text.partition("#")[0].rstrip() for text in sheet.program.splitlines()]
    printed = run(tuple(statements), sheet.linear_layers)
    statements[line - 1] = right
    arrays = run(tuple(statements), sheet.linear_layers)
    gradient = sheet.linear_layers.step().backward.named()["layers[2].weight"]
    assert arrays["dW2"] == pytest.approx(gradient)
    off = int(np.argmin(arrays["z1"]))
    program, truth, line_number = sheet.blanks[-3:]
    # z·dy of a neuron with z < 0, where a·dy is 0; every other entry of the two is the same.
    assert program.name == f"program {truth.name}"
    assert program.value == pytest.approx(printed["dW2"][off, 0])
    assert program.value == pytest.approx(float(arrays["z1"][0, off] * arrays["dy"][0, 0]))
    assert truth.value == arrays["dW2"][off, 0] == 0
    assert line_number.value == 5
    assert (printed["dW2"] != arrays["dW2"]).any(axis=1).sum() == 1
