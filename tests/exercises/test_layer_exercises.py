"""Exercises on convolution, time and attention: the engine's answers, solved again by finite
differences of the forward formulas and, for samples, by hand."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises import DECIMALS, LEVELS, Exercise, LayerNetwork, exercise
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.expressions import evaluate
from clearprop.teaching.exercises.layer_points import at_other_parameters, with_further_samples
from clearprop.teaching.exercises.starter_code import solution, unfilled
from clearprop.teaching.grading.answer_mistakes import AnswerMistake

CASES = [(topic, level) for topic in DESIGNS for level in LEVELS]
STEP = 1e-5
# The weights of a time, which its part of their gradients is said of, and the number that meets
# them there.
PARTS = {"w": "z", "u": "z"}


def design_of(sheet: Exercise) -> LayerDesign:
    assert isinstance(sheet.network, LayerNetwork)
    return sheet.network.design


def cost(sheet: Exercise, moved: str = "", by: float = 0.0, only: str = "") -> float:
    """C by the forward formulas alone, where one number is moved; `only` names the number in whose
    formula it is. Where ∂C/∂y is given, C is the sum of every y times its own."""
    values = dict(sheet.given_values)
    if not only and moved in values:
        values[moved] += by
    for one in design_of(sheet).numbers:
        name = one.label.name
        if name.startswith("dC/d"):
            continue
        known: Mapping[str, float] = values
        if only == name:
            known = {**values, moved: values[moved] + by}
        values[name] = evaluate(one.formula, known)
        if name == moved and not only:
            values[name] += by
    if "C" in values:
        return values["C"]
    given = {name: value for name, value in sheet.given_values.items() if name.startswith("dC/d")}
    return sum(value * values[name.removeprefix("dC/d")] for name, value in given.items())


def slope(sheet: Exercise, name: str) -> float | None:
    """∂C/∂(a number) by central differences; None of one that is no number of the forward pass."""
    if name not in {**sheet.given_values, **_forward(sheet)}:
        letter, time = name[:-1], name[-1]
        if letter not in PARTS or not time.isdigit():
            return _pre_activation_slope(sheet, name)
        only = f"{PARTS[letter]}{time}"
        ends = [cost(sheet, letter, sign * STEP, only) for sign in (1, -1)]
    else:
        ends = [cost(sheet, name, sign * STEP) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * STEP)


def _forward(sheet: Exercise) -> Mapping[str, float]:
    names = (one.label.name for one in design_of(sheet).numbers)
    return dict.fromkeys((name for name in names if not name.startswith("dC/d")), 0.0)


def _pre_activation_slope(sheet: Exercise, name: str) -> float | None:
    """∂C/∂z of a gate: its bias moved at one time alone moves z by as much."""
    if not name.startswith("z"):
        return None
    gate, time = name[1], name[2]
    ends = [cost(sheet, f"b{gate}", sign * STEP, f"{gate}{time}") for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * STEP)


def derivatives(sheet: Exercise) -> Iterator[tuple[str, float]]:
    """The answers that are derivatives, by the name of what C is differentiated by."""
    for blank in sheet.blanks:
        if blank.name.startswith("dC/d"):
            yield blank.name.removeprefix("dC/d"), blank.value


@given_values(
    case=st.sampled_from(CASES), seed=st.integers(0, 10**6), key=st.sampled_from(["", "B1"])
)
@settings(max_examples=25, deadline=None)
def test_finite_differences_find_the_same_derivatives(
    case: tuple[str, int], seed: int, key: str
) -> None:
    sheet = exercise(*case, seed=seed, key=key)
    for name, value in derivatives(sheet):
        found = slope(sheet, name)
        assert found is not None, name
        assert found == pytest.approx(value, rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_the_witness_sees_a_wrong_answer(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=1)
    name, value = list(derivatives(sheet))[-1]
    assert slope(sheet, name) != pytest.approx(-value, abs=1e-3)


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_a_blank_follows_from_what_stands_before_it_and_its_slips_do_not(
    topic: str, level: int
) -> None:
    for seed in range(4):
        sheet = exercise(topic, level, seed=seed)
        values = dict(sheet.given_values)
        shown: set[str] = set()
        for blank in sheet.blanks:
            assert blank.rests_on <= set(values), blank.name
            values[blank.name] = evaluate(blank.formula, values)
            # The value is the engine's.
            assert values[blank.name] == pytest.approx(blank.value, rel=1e-9, abs=1e-9)
            for slip in blank.slips:
                if abs(evaluate(slip.formula, values) - blank.value) > 0.005:
                    shown.add(slip.mistake)
        assert shown == {slip.mistake for blank in sheet.blanks for slip in blank.slips}
        assert shown <= {one.value for one in AnswerMistake}
        assert len(shown) >= 3


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_every_key_gives_another_variant_of_the_same_difficulty(topic: str, level: int) -> None:
    first = exercise(topic, level, seed=5)
    others = [exercise(topic, level, seed=5, key=f"B{k}") for k in range(4)]
    assert len({one.variant for one in (first, *others)}) == 5
    assert len({one.givens for one in (first, *others)}) == 5
    for one in others:
        assert [blank.name for blank in one.blanks] == [blank.name for blank in first.blanks]
        assert one.points == first.points
        assert abs(one.digits - first.digits) <= max(1, 0.15 * first.digits)
        assert sum(g.value < 0 for g in one.givens) == sum(g.value < 0 for g in first.givens)


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_answers_are_pleasant(topic: str, level: int) -> None:
    for seed in range(4):
        sheet = exercise(topic, level, seed=seed)
        design = design_of(sheet)
        may = {one.label.name: one.may for one in design.numbers}
        for blank in sheet.blanks:
            trivial = any(abs(blank.value - value) <= 0.01 for value in (-1, 0, 1))
            assert not trivial or blank.value in may[blank.name], blank.name
            if design.exact:
                assert abs(blank.value - round(blank.value, DECIMALS)) < 1e-9, blank.name


def answers_of(topic: str, givens: Mapping[str, float]) -> Mapping[str, float]:
    """The answers of level 1 with seed 1, to four decimals."""
    sheet = exercise(topic, 1, seed=1)
    assert dict(sheet.given_values) == givens
    return {blank.name: round(blank.value, 4) for blank in sheet.blanks}


def test_a_kernel_by_hand() -> None:
    image = {"x11": 2.0, "x12": 3.0, "x13": 2.0, "x14": 3.0, "x21": 3.0, "x22": 2.0, "x23": 2.0}
    image |= {"x24": 2.0, "x31": 2.0, "x32": 2.0, "x33": 3.0, "x34": 1.0, "x41": 1.0, "x42": 0.0}
    image |= {"x43": 1.0, "x44": 2.0}
    kernel = {"w11": 1.0, "w12": -2.0, "w13": -2.0, "w21": 2.0, "w22": 0.0, "w23": -2.0}
    kernel |= {"w31": 2.0, "w32": 1.0, "w33": -1.0, "b": -2.0}
    back = {"dC/dz11": 0.5, "dC/dz12": 1.4, "dC/dz21": 1.5, "dC/dz22": 0.6}
    found = answers_of("convolution", image | kernel | back)
    # z11: 2 − 6 − 4, 6 + 0 − 4 and 4 + 2 − 3 of the three rows, and −2. ∂C/∂w11 = 2·0.5 + 3·1.4 +
    # 3·1.5 + 2·0.6; ∂C/∂w32 = 2·0.5 + 3·1.4 + 0·1.5 + 1·0.6; ∂C/∂x11 = 1·0.5; ∂C/∂x12 = −2·0.5 +
    # 1·1.4; ∂C/∂x33 = −1·0.5 + 1·1.4 − 2·1.5 + 0·0.6
    answers = {"z11": -5.0, "z12": -3.0, "z21": -8.0, "z22": -7.0, "dC/dw11": 10.9, "dC/dw13": 9.4}
    answers |= {"dC/dw32": 5.8, "dC/db": 4.0, "dC/dx11": 0.5, "dC/dx12": 0.4, "dC/dx33": -2.1}
    assert found == answers


def test_two_times_by_hand() -> None:
    givens = {"x1": 1.5, "x2": -1.0, "w": 0.3, "u": 0.8, "b": -0.7, "t": 0.5}
    # z1 = 0.45 − 0.7; z2 = −0.3 + 0.8·(−0.2449) − 0.7; C = 1.3324²; ∂C/∂h2 = 2·(−1.3324);
    # ∂C/∂z2 = (1 − 0.6929)·(−2.6648); ∂C/∂h1 = 0.8·(−0.8183); ∂C/∂z1 = (1 − 0.06)·(−0.6547);
    # ∂C/∂w = 1.5·(−0.6154) − 1·(−0.8183); ∂C/∂u = −0.2449·(−0.8183); ∂C/∂b = −0.6154 − 0.8183
    answers = {"z1": -0.25, "h1": -0.2449, "z2": -1.1959, "h2": -0.8324, "C": 1.7753}
    answers |= {"dC/dh2": -2.6648, "dC/dz2": -0.8183, "dC/dh1": -0.6547, "dC/dz1": -0.6154}
    answers |= {"dC/dw1": -0.9231, "dC/dw2": 0.8183, "dC/dw": -0.1048, "dC/du": 0.2004}
    assert answers_of("time", givens) == {**answers, "dC/db": -1.4338}


def test_a_head_by_hand() -> None:
    givens = {"q11": -1.0, "q12": -1.0, "q21": -2.0, "q22": 1.0, "k11": 1.0, "k12": 0.5, "k21": 1.0}
    givens |= {"k22": -2.0, "v11": 0.5, "v12": 1.0, "v21": -2.0, "v22": -2.0, "dC/dy11": 0.4}
    found = answers_of("attention", givens | {"dC/dy12": 0.2, "dC/dy21": 1.9, "dC/dy22": 0.9})
    # s = (−1.5, 1)/√2 in the first row, (−1.5, −4)/√2 in the second; e^−1.0607 = 0.3462 and
    # e^0.7071 = 2.0281 together 2.3743; y11 = 0.1458·0.5 − 0.8542·2
    first = {"s11": -1.0607, "s12": 0.7071, "s21": -1.0607, "s22": -2.8284}
    first |= {"a11": 0.1458, "a12": 0.8542, "a21": 0.8542, "a22": 0.1458}
    first |= {"y11": -1.6354, "y12": -1.5625, "y21": 0.1354, "y22": 0.5625}
    # ∂C/∂a11 = 0.4·0.5 + 0.2·1, ∂C/∂a12 = −0.8 − 0.4; ∂C/∂s11 = 0.1458·(0.4 − (0.0583 − 1.025));
    # ∂C/∂v11 = 0.1458·0.4 + 0.8542·1.9
    back = {"dC/da11": 0.4, "dC/da12": -1.2, "dC/da21": 1.85, "dC/da22": -5.6}
    back |= {"dC/ds11": 0.1993, "dC/ds12": -0.1993, "dC/ds21": 0.9279, "dC/ds22": -0.9279}
    back |= {"dC/dv11": 1.6813, "dC/dv12": 0.7979, "dC/dv21": 0.6187, "dC/dv22": 0.3021}
    assert found == first | back


def test_a_network_without_a_design_is_refused() -> None:
    numbers = exercise("time", 1).network
    assert isinstance(numbers, LayerNetwork)
    with pytest.raises(ConfigurationError, match="no topic 'chain'"):
        LayerNetwork("chain", 1, numbers.numbers)
    with pytest.raises(ConfigurationError, match="from 1 to 3, which 4 is not"):
        LayerNetwork("time", 4, numbers.numbers)
    with pytest.raises(ConfigurationError, match="has 6 given numbers, not 5"):
        LayerNetwork("time", 1, numbers.numbers[:-1])
    with pytest.raises(ConfigurationError, match="time has no network of linear layers"):
        _ = exercise("time", 1).linear_layers


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_the_program_is_the_network_and_its_solution_the_sheets_answers(
    topic: str, level: int
) -> None:
    sheet = exercise(topic, level, seed=2)
    design = design_of(sheet)
    assert isinstance(sheet.network, LayerNetwork)
    known: dict[str, object] = {}
    exec(unfilled(sheet, "en").decode(), known)
    exec(solution(sheet), known)
    forward, backward = known["forward"], known["backward"]
    assert callable(forward)
    assert callable(backward)
    own = design.arrays(sheet.network.values)
    step = sheet.network.step()
    y = forward(*own.values())
    assert np.asarray(y) == pytest.approx(step.forward.output.reshape(y.shape))
    returned = backward(step.backward.output_gradient.reshape(y.shape), *own.values())
    gradients = dict(zip(own, returned, strict=True))
    # Every given number stands in one of the arrays: marked by its place, its gradient is found.
    marks = {name: float(place) for place, name in enumerate(sheet.given_values)}
    for name, value in derivatives(sheet):
        if name in marks:
            (found,) = [
                float(gradients[array][where == marks[name]].item())
                for array, where in design.arrays(marks).items()
                if (where == marks[name]).any()
            ]
            assert found == pytest.approx(value, abs=1e-9), name
    with_others = with_further_samples(sheet.network)
    inputs = known["inputs"]
    assert isinstance(inputs, dict)
    assert list(inputs) == list(design.program.arrays)
    for name, array in with_others.items():
        assert np.array_equal(inputs[name], array)
        assert np.array_equal(array[:1], own[name][:1])


@given_values(case=st.sampled_from(CASES), seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_there_are_points_that_exercise_everything(case: tuple[str, int], seed: int) -> None:
    sheet = exercise(*case, seed=seed)
    assert isinstance(sheet.network, LayerNetwork)
    design = sheet.network.design
    for points in (with_further_samples(sheet.network), at_other_parameters(design, seed)):
        assert design.tells(points)
        assert min(len(points[name]) for name in design.program.samples) >= 5
