"""Generated exercises, solved by the engine and, for samples, by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from clearprop import SGD
from clearprop.base.configuration import decode, encode
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises import DECIMALS, LEVELS, Blank, Exercise, Given, exercise
from clearprop.teaching.exercises.expressions import EXPRESSIONS, evaluate
from clearprop.teaching.exercises.points import pre_activations
from clearprop.teaching.exercises.quantities import NetworkShape, upstream
from clearprop.teaching.exercises.small_network import SmallNetwork
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from tests.sweeps import quick_where

# What is asked of a program is tested with the programs.
CASES = [
    (topic, level) for topic in DENSE_TOPICS if topic not in ("bug", "slip") for level in LEVELS
]
KNOWN = {kind.__name__: kind for kind in (Exercise, Given, Blank, SmallNetwork)} | dict(EXPRESSIONS)


def solved(sheet: Exercise, shape: NetworkShape) -> Iterator[tuple[str, float]]:
    """Every number of the engine's own step, by the name that the sheet has for it."""
    step, naming = sheet.linear_layers.step(), shape.naming
    forward, backward = step.forward, step.backward
    optimizer, params = SGD(sheet.linear_layers.rate), forward.params
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
                if activation and activation != "softmax":
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
    if shape.has_classes:
        # The engine takes softmax in one with its loss: its shares come from the layer alone.
        shares = (
            sheet.linear_layers.network().forward(params, np.array(sheet.linear_layers.x)).output
        )
        for n in range(shape.samples):
            for j in range(shape.widths[-1]):
                yield shape.a(shape.last, j, n).name, shares[n, j]
    dx = backward["layers[0]"].input_gradient
    assert dx is not None
    for n in range(shape.samples):
        for i in range(shape.widths[0]):
            yield naming.derivative(naming.of_input("x", i, n)).name, dx[n, i]
        for j in range(0 if shape.has_classes else shape.widths[-1]):
            yield upstream(shape, j, n).name, backward.output_gradient[n, j]


@pytest.mark.parametrize(("topic", "level"), CASES)
@pytest.mark.parametrize("seed", quick_where(range(8), lambda _, seed: seed < 3))
def test_the_engine_finds_the_same_answers(topic: str, level: int, seed: int) -> None:
    sheet = exercise(topic, level, seed=seed)
    truth = dict(solved(sheet, DENSE_TOPICS[topic][level - 1].shape))
    compared = [blank for blank in sheet.blanks if blank.name in truth]
    for blank in compared:
        assert blank.value == pytest.approx(truth[blank.name], rel=1e-9, abs=1e-9), blank.name
    # What the engine has no name for is a product, an error or a slope; the rest goes through them.
    assert {b.kind for b in sheet.blanks if b not in compared} <= {"product", "error", "slope", "S"}
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
    smooth = {"sigmoid", "tanh", "softmax"} & set(DENSE_TOPICS[topic][level - 1].shape.activations)
    for seed in range(5):
        for blank in exercise(topic, level, seed=seed).blanks:
            # What a neuron on ReLU's zero side puts out and lets back is 0, and is asked for.
            off = blank.kind in ("a", "dz") and blank.value == 0
            assert off or all(abs(blank.value - v) > 0.01 for v in (-1, 0, 1)), blank.name
            if not smooth:
                assert abs(blank.value - round(blank.value, DECIMALS)) < 1e-9, blank.name


BENT = [
    (topic, level)
    for topic in DENSE_TOPICS
    for level in LEVELS
    if "relu" in DENSE_TOPICS[topic][level - 1].shape.activations[:-1]
]


@given_values(
    case=st.sampled_from(BENT), seed=st.integers(0, 10**6), key=st.sampled_from(["", "B1", "王"])
)
@settings(max_examples=25, deadline=None)
def test_where_relu_is_a_hidden_neuron_is_off_and_its_zeros_are_asked_for(
    case: tuple[str, int], seed: int, key: str
) -> None:
    topic, level = case
    sheet = exercise(topic, level, seed=seed, key=key)
    hidden = [z for activation, z in pre_activations(sheet.linear_layers) if activation == "relu"]
    off = sum(int((z < 0).sum()) for z in hidden)
    assert off == DENSE_TOPICS[topic][level - 1].dead >= 1
    assert all(np.abs(z).min() >= 0.1 for z in hidden)
    assert all((z > 0).any() for z in hidden)
    if topic != "bug":
        kinds = [blank.kind for blank in sheet.blanks if blank.value == 0]
        assert "a" in kinds
        assert ("dz" in kinds) == (topic != "slip")


def test_the_same_again() -> None:
    for topic, level in CASES:
        sheet = exercise(topic, level, seed=2, key="王小明")
        assert sheet == exercise(topic, level, seed=2, key="王小明")
        assert decode(encode(sheet), KNOWN) == sheet


def test_a_step_by_hand() -> None:
    # step, level 1: y = w1·x1 + w2·x2 + b, C = (y − t)², ∂C/∂y = 2(y − t), w ← w − 0.1·x·∂C/∂y
    sheet = exercise("step", 1, seed=1)
    given = {"x1": 1.0, "x2": -2.0, "w1": 0.8, "w2": 0.5, "b": 0.5, "t": 1.6, "eta": 0.1}
    assert sheet.given_values == given
    # 0.8 − 1 + 0.5 = 0.3; 1.3² = 1.69; 2·(−1.3) = −2.6; 1·(−2.6); −2·(−2.6) = 5.2;
    # 0.8 + 0.26 = 1.06; 0.5 − 0.52 = −0.02; 0.5 + 0.26 = 0.76
    answers = {"y": 0.3, "C": 1.69, "dC/dy": -2.6, "dC/dw1": -2.6, "dC/dw2": 5.2, "dC/db": -2.6}
    answers |= {"new w1": 1.06, "new w2": -0.02, "new b": 0.76}
    assert {blank.name: blank.value for blank in sheet.blanks} == answers


def test_a_chain_by_hand() -> None:
    # chain, level 1: x → two neurons z = w·x + b, a = ReLU(z) → y = w(2)·a + b(2)
    sheet = exercise("chain", 1, seed=1)
    given = {"x": 1.0, "w11(1)": 0.9, "w12(1)": -0.3, "b1(1)": 0.6, "b2(1)": -0.5}
    given |= {"w11(2)": 0.4, "w21(2)": 0.9, "b1(2)": 0.5, "t": 1.8}
    assert sheet.given_values == given
    # 0.9 + 0.6 = 1.5; −0.3 − 0.5 = −0.8, which ReLU makes 0; 0.4·1.5 + 0.5 = 1.1; 0.7² = 0.49;
    # 2·(−0.7) = −1.4; 1.5·(−1.4) = −2.1; 0.4·(−1.4) = −0.56, and 0 through the neuron that is off
    answers = {"z1(1)": 1.5, "a1(1)": 1.5, "z2(1)": -0.8, "a2(1)": 0.0, "y": 1.1, "C": 0.49}
    answers |= {"dC/dy": -1.4, "dC/dw11(2)": -2.1, "dC/dz1(1)": -0.56, "dC/dz2(1)": 0.0}
    assert {b.name: b.value for b in sheet.blanks} == {**answers, "dC/dw11(1)": -0.56}
    assert all(str(blank.value) != "-0.0" for blank in sheet.blanks)


def test_softmax_by_hand() -> None:
    sheet = exercise("softmax", 1, seed=0)
    given = {"x": -1.0, "w11": -0.4, "w12": 0.1, "w13": 0.9, "b1": 0.9, "b2": 0.2, "b3": 0.8}
    assert sheet.given_values == {**given, "t1": 1.0, "t2": 0.0, "t3": 0.0}
    # z = (0.4 + 0.9, −0.1 + 0.2, −0.9 + 0.8); e^1.3 = 3.6693, e^0.1 = 1.1052, e^−0.1 = 0.9048,
    # together 5.6793; 3.6693/5.6793 = 0.6461 and so on; p − t takes 1 off the first
    answers = {"z1": 1.3, "z2": 0.1, "z3": -0.1, "S": 5.6793, "p1": 0.6461, "p2": 0.1946}
    answers |= {"p3": 0.1593, "dC/dz1": -0.3539, "dC/dz2": 0.1946, "dC/dz3": 0.1593}
    assert {b.name: round(b.value, 4) for b in sheet.blanks} == answers


@given_values(level=st.sampled_from(LEVELS), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_every_class_has_weights_of_its_own(level: int, seed: int) -> None:
    # With equal weights the shares do not depend on the input, and there is nothing to practise.
    for row in exercise("softmax", level, seed=seed).linear_layers.weights[-1]:
        assert len(set(row)) == len(row)


def test_a_batch_by_hand() -> None:
    sheet = exercise("batch", 1, seed=0)
    given = {"x[0]": -2.0, "x[1]": 4.0, "w(1)": -0.8, "b(1)": 0.6, "w(2)": 0.1, "b(2)": 0.2}
    assert sheet.given_values == {**given, "t[0]": 1.7, "t[1]": 1.4}
    # z = 1.6 + 0.6 and −3.2 + 0.6; y = 0.22 + 0.2 and 0 + 0.2; ∂L/∂y = 2(y − t)/2 = −1.28, −1.2;
    # ∂L/∂w(2) = 2.2·(−1.28) + 0; 0.1·(−1.28), and 0 of sample 1; ∂L/∂w(1) = −2·(−0.128) + 0
    answers = {"z(1)[0]": 2.2, "a(1)[0]": 2.2, "z(1)[1]": -2.6, "a(1)[1]": 0.0}
    answers |= {"y[0]": 0.42, "y[1]": 0.2, "dL/dy[0]": -1.28, "dL/dy[1]": -1.2}
    answers |= {"dL/dw(2)": -2.816, "dL/dz(1)[0]": -0.128, "dL/dz(1)[1]": 0.0, "dL/dw(1)": 0.256}
    assert {blank.name: blank.value for blank in sheet.blanks} == answers


def test_a_sample_is_no_power() -> None:
    # x² is x times x: the number of a sample stands in brackets, in print as in the form.
    for topic, level in CASES:
        shape = DENSE_TOPICS[topic][level - 1].shape
        for n in range(shape.samples if shape.samples > 1 else 0):
            for label in (shape.source(0, 0, n), shape.z(0, 0, n), shape.a(shape.last, 0, n)):
                assert label.name.endswith(f"[{n}]")
                assert label.symbol.endswith(f"[{n}]")
                assert not label.symbol.endswith(f"^[{n}]")


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no topic 'chains'; choose one of neuron"):
        exercise("chains", 1)
    with pytest.raises(ConfigurationError, match="from 1 to 3, which 4 is not"):
        exercise("chain", 4)
    with pytest.raises(ConfigurationError):
        exercise("chain", 1, seed=-1)


def test_the_engine_would_see_a_wrong_formula() -> None:
    sheet = exercise("chain", 2, seed=0)
    truth = dict(solved(sheet, DENSE_TOPICS["chain"][1].shape))
    values = dict(sheet.given_values) | {blank.name: blank.value for blank in sheet.blanks}
    values["x1"], values["x2"] = values["x2"], values["x1"]
    for blank in sheet.blanks:
        if blank.name in ("dC/dw11(1)", "z1(1)"):
            planted = evaluate(blank.formula, values)
            assert planted != pytest.approx(truth[blank.name], rel=1e-3), blank.name
