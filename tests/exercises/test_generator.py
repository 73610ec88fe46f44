"""Generated exercises, solved by the engine and, for samples, by hand."""

from collections.abc import Iterator

import numpy as np
import pytest

from clearprop import SGD
from clearprop.configuration import decode, encode
from clearprop.errors import ConfigurationError
from clearprop.exercises import DECIMALS, LEVELS, TOPICS, Blank, Exercise, Given, exercise
from clearprop.exercises.expressions import EXPRESSIONS, evaluate
from clearprop.exercises.networks import SmallNetwork
from clearprop.exercises.quantities import Shape, upstream

CASES = [(topic, level) for topic in TOPICS for level in LEVELS]
KNOWN = {kind.__name__: kind for kind in (Exercise, Given, Blank, SmallNetwork)} | dict(EXPRESSIONS)


def solved(sheet: Exercise, shape: Shape) -> Iterator[tuple[str, float]]:
    """Every number of the engine's own step, by the name that the sheet has for it."""
    step, naming = sheet.network.step(), shape.naming
    forward, backward = step.forward, step.backward
    optimizer, params = SGD(sheet.network.rate), forward.params
    after, _ = optimizer.step(params, optimizer.start(params), backward.gradient)
    moved = forward.network.named(after)
    gradients = backward.named()
    yield naming.cost, step.value
    place = 0
    for layer, activation in enumerate(shape.activations):
        path = f"layers[{place}]"
        for n in range(shape.samples):
            for j in range(shape.widths[layer + 1]):
                z = shape.z(layer, j, n)
                yield z.name, forward[path].output[n, j]
                yield naming.derivative(z).name, backward[path].output_gradient[n, j]
                if activation:
                    a, bent = shape.a(layer, j, n), f"layers[{place + 1}]"
                    yield a.name, forward[bent].output[n, j]
                    yield naming.derivative(a).name, backward[bent].output_gradient[n, j]
        for j in range(shape.widths[layer + 1]):
            for i in range(shape.widths[layer]):
                w = naming.weight(layer, i, j)
                yield naming.derivative(w).name, gradients[f"{path}.weight"][i, j]
                yield f"new {w.name}", moved[f"{path}.weight"][i, j]
            b = naming.of_unit("b", layer, j)
            yield naming.derivative(b).name, gradients[f"{path}.bias"][0, j]
            yield f"new {b.name}", moved[f"{path}.bias"][0, j]
        place += 2 if activation else 1
    dx = backward["layers[0]"].input_gradient
    assert dx is not None
    for n in range(shape.samples):
        for i in range(shape.widths[0]):
            yield naming.derivative(naming.of_input("x", i, n)).name, dx[n, i]
        for j in range(shape.widths[-1]):
            yield upstream(shape, j, n).name, backward.output_gradient[n, j]


@pytest.mark.parametrize(("topic", "level"), CASES)
@pytest.mark.parametrize("seed", range(8))
def test_the_engine_finds_the_same_answers(topic: str, level: int, seed: int) -> None:
    sheet = exercise(topic, level, seed=seed)
    truth = dict(solved(sheet, TOPICS[topic][level - 1].shape))
    compared = [blank for blank in sheet.blanks if blank.name in truth]
    for blank in compared:
        assert blank.value == pytest.approx(truth[blank.name], rel=1e-9, abs=1e-9), blank.name
    # What the engine has no name for is a product, an error or a slope; the rest goes through them.
    assert {b.kind for b in sheet.blanks if b not in compared} <= {"product", "error", "slope"}
    assert len(compared) >= 2


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_a_blank_follows_from_what_stands_before_it(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=3)
    values = dict(sheet.given_values)
    for blank in sheet.blanks:
        assert blank.rests_on <= set(values), blank.name
        values[blank.name] = evaluate(blank.formula, values)
        assert values[blank.name] == pytest.approx(blank.value, abs=1e-9)


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_every_key_gives_another_variant_of_the_same_difficulty(topic: str, level: int) -> None:
    first = exercise(topic, level, seed=5)
    others = [exercise(topic, level, seed=5, key=f"B{k}") for k in range(6)]
    assert len({one.variant for one in (first, *others)}) == 7
    assert len({one.givens for one in (first, *others)}) > 3
    for one in others:
        assert len(one.blanks) == len(first.blanks)
        assert sorted(b.kind for b in one.blanks) == sorted(b.kind for b in first.blanks)
        assert one.points == first.points
        assert abs(one.digits - first.digits) <= max(1, 0.15 * first.digits)
        assert sum(g.value < 0 for g in one.givens) == sum(g.value < 0 for g in first.givens)


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_no_answer_is_trivial_or_endless(topic: str, level: int) -> None:
    smooth = {"sigmoid", "tanh"} & set(TOPICS[topic][level - 1].shape.activations)
    for seed in range(5):
        for blank in exercise(topic, level, seed=seed).blanks:
            assert all(abs(blank.value - v) > 0.01 for v in (-1, 0, 1)), blank.name
            if not smooth:
                assert abs(blank.value - round(blank.value, DECIMALS)) < 1e-9, blank.name


def test_the_same_again() -> None:
    for topic, level in CASES:
        sheet = exercise(topic, level, seed=2, key="王小明")
        assert sheet == exercise(topic, level, seed=2, key="王小明")
        assert decode(encode(sheet), KNOWN) == sheet


def test_a_step_by_hand() -> None:
    # step, level 1: y = w1·x1 + w2·x2 + b, C = (y − t)², ∂C/∂y = 2(y − t), w ← w − 0.1·x·∂C/∂y
    sheet = exercise("step", 1, seed=1)
    given = {"x1": 5.0, "x2": 4.0, "w1": 0.1, "w2": 0.7, "b": -0.8, "t": 1.8, "eta": 0.1}
    assert sheet.given_values == given
    # 0.5 + 2.8 − 0.8 = 2.5; 0.7² = 0.49; 2·0.7 = 1.4; 5·1.4 = 7; 4·1.4 = 5.6; 0.1 − 0.7 = −0.6;
    # 0.7 − 0.56 = 0.14; −0.8 − 0.14 = −0.94
    answers = {"y": 2.5, "C": 0.49, "dC/dy": 1.4, "dC/dw1": 7.0, "dC/dw2": 5.6, "dC/db": 1.4}
    answers |= {"new w1": -0.6, "new w2": 0.14, "new b": -0.94}
    assert {blank.name: blank.value for blank in sheet.blanks} == answers


def test_a_chain_by_hand() -> None:
    # chain, level 1: x → z = w·x + b → a = ReLU(z) → y = w(2)·a + b(2)
    sheet = exercise("chain", 1, seed=1)
    given = {"x": 2.0, "w(1)": 0.8, "b(1)": 0.8, "w(2)": 0.9, "b(2)": -0.6, "t": 1.1}
    assert sheet.given_values == given
    # 1.6 + 0.8 = 2.4; 2.16 − 0.6 = 1.56; 0.46² = 0.2116; 2·0.46 = 0.92; 2.4·0.92 = 2.208;
    # 0.9·0.92 = 0.828; 2·0.828 = 1.656
    answers = {"z(1)": 2.4, "a(1)": 2.4, "y": 1.56, "C": 0.2116, "dC/dy": 0.92}
    answers |= {"dC/dw(2)": 2.208, "dC/dz(1)": 0.828, "dC/dw(1)": 1.656}
    assert {blank.name: blank.value for blank in sheet.blanks} == answers


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no topic 'chains'; choose one of neuron"):
        exercise("chains", 1)
    with pytest.raises(ConfigurationError, match="from 1 to 3, which 4 is not"):
        exercise("chain", 4)
    with pytest.raises(ConfigurationError):
        exercise("chain", 1, seed=-1)


def test_the_engine_would_see_a_wrong_formula() -> None:
    sheet = exercise("chain", 2, seed=0)
    truth = dict(solved(sheet, TOPICS["chain"][1].shape))
    assert truth["dC/dw11(1)"] != pytest.approx(truth["dC/dw21(1)"])
    assert np.isfinite(list(truth.values())).all()
