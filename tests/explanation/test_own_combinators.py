"""Combinators that no module knows are explained and walked by the graph that they state."""

from dataclasses import dataclass

import numpy as np
import pytest

from clearprop import MSE, SGD, Identity, Layer, Linear, Network, ReLU, Sequential, Tanh
from clearprop.base.messages import LANGUAGES
from clearprop.base.numbers import brief
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Wiring
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import (
    WayKind,
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.explanation.named_diagrams import draw
from clearprop.reading.walk import StageArray, WalkStage, walk_step
from tests.explanation.lines import assert_close, assert_gradient_adds_up, assert_neuron_adds_up
from tests.explanation.own_layers import drawn
from tests.own_combinators import ADDED, CONCATENATED, Added


@dataclass(frozen=True)
class Doubled(Combinator):
    """y = h + h + g(h) with h = f(x): a wire that is taken twice by one sum, and by a layer."""

    f: Layer
    g: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        h = wiring.layer("f", self.f, source)
        return wiring.add(h, h, wiring.layer("g", self.g, h))


DOUBLED = Network(Sequential(Linear(2, 3), Doubled(Tanh(), Linear(3, 3)), Linear(3, 1)))
NETWORKS = {"added": ADDED, "concatenated": CONCATENATED, "doubled": DOUBLED}


def step_of(network: Network, samples: int = 4) -> Step:
    generator = np.random.default_rng(5)
    x, target = generator.normal(size=(samples, 2)), generator.normal(size=(samples, 1))
    return take_step(network, drawn(network), x, target, loss=MSE(), optimizer=SGD(0.1))


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_adds_up(name: str) -> None:
    step = step_of(NETWORKS[name])
    graph = step.forward.network.graph
    for path, slot in graph.slots.items():
        last = ",".join(str(size - 1) for size in slot.shape)
        explained = explain_weight(step, f"{path}[{last}]", depth=5)
        assert_gradient_adds_up(explained)
        assert explained.kind in ("weight", "bias")
        assert explained.witness.outcome == "agrees"
        assert explained.gradient == step.backward.named()[path].ravel()[-1]
        for language in LANGUAGES:
            assert explained.text(language)
            assert explained.latex(language)
            assert explained.svg(language)
    for wire in ("input", *graph.nodes, *graph.joins, *graph.groups):
        for column in range(step.forward.value(wire).shape[1]):
            neuron = explain_neuron(step, f"{wire}[{column}]", depth=4)
            assert_neuron_adds_up(neuron)
            for language in LANGUAGES:
                assert neuron.text(language)
                assert neuron.reversed_picture(language)
                assert neuron.paths_picture(language)
    feature = explain_input(step, "input[1]", depth=5)
    assert_gradient_adds_up(feature)
    assert feature.witness.outcome == "agrees"
    costs = [explain_sample(step, n) for n in range(step.samples)]
    assert_close(step.value, [one.cost for one in costs])
    for kind in ("neuron", "paths", "sample"):
        assert draw(step, kind)


def test_two_branches_that_are_added() -> None:
    step = step_of(ADDED)
    # layers[0] goes into both branches: three weights of each.
    explained = explain_weight(step, "layers[0].weight[1,2]", depth=4, most=6, sample=1)
    signal = explained.shares[0].products[0].signal
    params = step.forward.network.named(step.forward.params)
    branches = ("layers[1].left.layers[0]", "layers[1].right")
    expected = sum(float(params[f"{path}.weight"][2] @ step.signals(path)[1]) for path in branches)
    assert signal.value == pytest.approx(expected, rel=1e-12)
    ways = {
        f"{path}.weight[2,{unit}]": params[f"{path}.weight"][2, unit] * step.signals(path)[1, unit]
        for path in branches
        for unit in range(3)
    }
    # What the ReLU behind the sum lets through is a term.
    assert {one.via: one.value for one in signal.terms} == {
        via: value for via, value in ways.items() if value
    }
    assert {via.partition(".weight")[0] for via, value in ways.items() if value} == set(branches)
    # Both branches' outputs go on as they are, into the sum.
    for path in ("layers[1].left.layers[1]", "layers[1].right"):
        (term,) = explain_neuron(step, f"{path}[0]", sample=1, depth=2).signal.terms
        assert (term.kind, term.via, term.factor) == ("skip", "layers[1]", 1.0)
        assert term.value == step.signals("layers[1]")[1, 0]
    total = explain_neuron(step, "layers[1][0]", sample=1)
    assert {one.source: one.value for one in total.inputs} == {
        "layers[1].left.layers[1][0]": step.forward.value("layers[1].left")[1, 0],
        "layers[1].right[0]": step.forward.value("layers[1].right")[1, 0],
    }
    assert (total.adds_up, total.bias) == (True, None)


def test_two_branches_and_the_input_put_side_by_side() -> None:
    step = step_of(CONCATENATED)
    # left has 2 features, right and the input 3 each: entry 1 of right is entry 3 of the output.
    (term,) = explain_neuron(step, "layers[1].left.layers[1][1]", depth=1).signal.terms
    assert (term.kind, term.via, term.factor) == ("joined", "layers[1]", 1.0)
    # The activation's neuron is that of the layer before it, whose slope comes first.
    neuron = explain_neuron(step, "layers[1].left.layers[1][1]", sample=0, depth=2)
    (term,) = neuron.signal.terms
    assert term.signal is not None
    assert term.signal.place == "layers[1][1]"
    assert term.value == step.signals("layers[1]")[0, 1]
    # What layers[0] puts out goes on through a Linear layer, an activation and as it is.
    signal = explain_neuron(step, "layers[0][1]", sample=2, depth=3, most=9).signal
    kinds = {one.kind: one for one in signal.terms}
    assert set(kinds) <= {"weight", "slope", "joined"}
    beside = kinds[WayKind.JOINED]
    assert beside.signal is not None
    assert beside.signal.place == "layers[1][6]"
    assert beside.value == step.signals("layers[1]")[2, 6]
    # An entry of the output is one entry of one term.
    for entry, source in ((0, "layers[1].left.layers[1][0]"), (3, "layers[1].right[1]")):
        neuron = explain_neuron(step, f"layers[1][{entry}]", sample=0)
        (one,) = neuron.inputs
        assert (one.source, one.factor, one.value) == (source, 1.0, neuron.z)
        assert f"It is {source} = " in neuron.words()
        assert f"它就是 {source} = " in neuron.words("zh-TW")
    words = explain_weight(step, "layers[0].weight[0,1]", depth=3, sample=2)
    assert "beside others in layers[1]: " in words.table()
    assert "在 layers[1] 中與其他數字並排：" in words.table("zh-TW")


def test_the_words_of_a_number_that_stands_beside_others() -> None:
    network = Network(Sequential(Added(Identity(), Identity()), Linear(2, 1, bias=False)))
    step = take_step(network, np.array([2.0, 3.0]), np.ones((1, 2)), np.zeros((1, 1)))
    # y = 2·(1 + 1) + 3·(1 + 1) = 10, ∂C/∂y = 20; ∂C/∂input[0] = 2 · (2 · 20).
    assert explain_input(step, "input[0]").gradient == 80.0
    step = step_of(CONCATENATED)
    said = explain_neuron(step, "layers[1].left.layers[1][1]", depth=2)
    assert "through layers[1], where it stands beside others as it is" in said.words()
    assert "它在那裡與其他數字並排，原樣通過" in said.words("zh-TW")


def test_a_number_that_is_two_terms_of_one_sum() -> None:
    step = step_of(DOUBLED)
    signal = explain_neuron(step, "layers[1].f[0]", sample=0, depth=2, most=9).signal
    assert signal.slope is not None  # the neuron is that of layers[0], before Tanh
    skips = [one for one in signal.terms if one.kind == "skip"]
    assert [one.value for one in skips] == [step.signals("layers[1]")[0, 0]] * 2
    assert len(signal.terms) == 2 + 3
    total = explain_neuron(step, "layers[1][2]", sample=0)
    sources = sorted(one.source for one in total.inputs)
    assert sources == ["layers[1].f[2]", "layers[1].f[2]", "layers[1].g[2]"]


def stages(step: Step) -> list[WalkStage]:
    return list(walk_step(step, sample=1).stages)


def array(stage: WalkStage, name: str) -> StageArray:
    return next(one for one in stage.arrays if one.name == name)


def named(found: list[WalkStage], part: str) -> WalkStage:
    (stage,) = [one for one in found if one.part == part]
    return stage


def test_a_walk_through_branches_that_are_added() -> None:
    step = step_of(ADDED)
    found = stages(step)
    assert [(one.part, one.path) for one in found[:6]] == [
        ("forward", "layers[0]"),
        ("forward", "layers[1].left.layers[0]"),
        ("forward", "layers[1].left.layers[1]"),
        ("forward", "layers[1].right"),
        ("added", "layers[1]"),
        ("forward", "layers[2]"),
    ]
    assert [(one.part, one.path) for one in found[10:16]] == [
        ("handed_on", "layers[1]"),
        ("backward", "layers[1].right"),
        ("backward", "layers[1].left.layers[1]"),
        ("backward", "layers[1].left.layers[0]"),
        ("met", "layers[1]"),
        ("backward", "layers[0]"),
    ]
    added, handed, met = found[4], found[10], found[14]
    assert added.name == handed.name == met.name == "Added"
    assert added.equations == ("y = f₁(x) + f₂(x)",)
    left, right = array(added, "f₁(x)").values, array(added, "f₂(x)").values
    np.testing.assert_array_equal(array(added, "y").values, left + right)
    assert added.worked[0].value == left[1, 0] + right[1, 0]
    assert handed.equations == ("∂C/∂f₁ = ∂C/∂y,  ∂C/∂f₂ = ∂C/∂y",)
    assert handed.worked[0].left == "∂C/∂f₁[1,0] = ∂C/∂f₂[1,0]"
    assert handed.worked[0].value == step.signals("layers[1]")[1, 0]
    assert met.equations == ("∂C/∂x = ∂C/∂x through left + ∂C/∂x through right",)
    ways = [array(met, f"∂C/∂x through {name}").values for name in ("left", "right")]
    np.testing.assert_array_equal(array(met, "∂C/∂x").values, ways[0] + ways[1])
    np.testing.assert_array_equal(array(met, "∂C/∂x").values, step.signals("layers[0]"))


def test_a_walk_through_terms_side_by_side() -> None:
    step = step_of(CONCATENATED)
    found = stages(step)
    joined, parted, met = (named(found, part) for part in ("joined", "parted", "met"))
    assert {one.path for one in (joined, parted, met)} == {"layers[1]"}
    assert joined.equations == ("y = [f₁(x), f₂(x), x]",)
    assert joined.worked[0].left == "y[1,0] = f₁(x)[1,0]"
    assert joined.worked[0].value == step.forward.value("layers[1].left")[1, 0]
    assert parted.equations == ("[∂C/∂f₁, ∂C/∂f₂, ∂C/∂x] = ∂C/∂y",)
    signals = step.signals("layers[1]")
    np.testing.assert_array_equal(array(parted, "∂C/∂f₂").values, signals[:, 2:5])
    # Three ways from layers[0]: through both branches, and straight into the output.
    assert met.equations == ("∂C/∂x = ∂C/∂x through left + ∂C/∂x through right + ∂C/∂x through y",)
    np.testing.assert_array_equal(array(met, "∂C/∂x through y").values, signals[:, 5:])
    np.testing.assert_allclose(
        array(met, "∂C/∂x").values, step.signals("layers[0]"), rtol=1e-14, atol=1e-15
    )


def test_a_walk_where_ways_part_inside_a_combinator() -> None:
    step = step_of(DOUBLED)
    met = named(stages(step), "met")
    assert met.path == "layers[1].f"
    assert met.equations == ("∂C/∂v = ∂C/∂v through g + ∂C/∂v through y + ∂C/∂v through y",)
    np.testing.assert_allclose(
        array(met, "∂C/∂v").values, step.signals("layers[1].f"), rtol=1e-14, atol=1e-15
    )


@dataclass(frozen=True)
class Past(Combinator):
    """y = f(x) + x, as a sum with a name of its own; or x + x without a branch."""

    branch: Layer | None

    def wire(self, wiring: Wiring, source: str) -> str:
        if self.branch is None:
            return wiring.add(source, source)
        return wiring.add(wiring.layer("branch", self.branch, source), source, name="total")


def test_a_walk_past_a_branch_in_any_order() -> None:
    step = step_of(Network(Sequential(Linear(2, 3), Past(Tanh()), Linear(3, 1))))
    found = stages(step)
    total, split, join = (named(found, part) for part in ("sum", "split", "join"))
    assert total.path == split.path == "layers[1].total"
    assert join.path == "layers[1]"
    assert total.equations == ("y = f(x) + x",)
    assert split.equations == ("∂C/∂f = ∂C/∂y,  ∂C/∂x = ∂C/∂y on the way past f",)
    past, through = step.signals("layers[1].total"), step.backward["layers[1].branch"]
    np.testing.assert_array_equal(array(join, "∂C/∂y").values, past)
    np.testing.assert_allclose(
        array(join, "∂C/∂x").values, past + np.asarray(through.input_gradient), rtol=1e-15
    )
    assert join.worked[0].right[0] == brief(past[1, 0])


def test_a_walk_through_a_sum_of_the_same_number_twice() -> None:
    step = step_of(Network(Sequential(Linear(2, 3), Past(None), Linear(3, 1))))
    found = stages(step)
    added, handed, met = (named(found, part) for part in ("added", "handed_on", "met"))
    assert added.equations == ("y = x + x",)
    assert handed.equations == ("∂C/∂x = ∂C/∂y",)
    assert met.equations == ("∂C/∂x = ∂C/∂x through y + ∂C/∂x through y",)
    np.testing.assert_array_equal(array(met, "∂C/∂x").values, 2 * step.signals("layers[1]"))
    assert_gradient_adds_up(explain_weight(step, "layers[0].weight[0,0]", depth=3))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_walk_is_read_in_both_languages(name: str, language: str) -> None:
    walk = walk_step(step_of(NETWORKS[name]))
    text = walk.text(language)
    assert "{" not in text
    said = {
        "en": "The signals that came back on all ways are added.",
        "zh-TW": "從各條路傳回來的訊號相加。",
    }
    assert said[language] in text


def test_a_relu_before_a_sum_still_blocks() -> None:
    network = Network(Sequential(Linear(1, 2), Added(ReLU(), Tanh()), Linear(2, 1)))
    step = take_step(network, drawn(network), np.array([[0.4], [-2.0]]), np.zeros((2, 1)))
    explained = explain_weight(step, "layers[0].weight[0,0]", depth=4)
    assert_gradient_adds_up(explained)
    signal = explained.shares[0].products[0].signal
    # Two activations take it, so that no slope is its own: each is a term.
    assert signal.slope is None
    assert {one.kind for one in signal.terms} <= {"slope"}
