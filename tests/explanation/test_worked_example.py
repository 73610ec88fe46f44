"""The worked 2-2-2 example, line by line, against numbers worked out by hand.

x = (0.05, 0.10), t = (0.01, 0.99), sigmoids, C = ½ Σ (t − y)², which over one sample and two
outputs is MSE, η = 0.5

Forward   z_h1 = 0.15·0.05 + 0.20·0.10 + 0.35 = 0.0075 + 0.02 + 0.35 = 0.3775
          a_h1 = σ(0.3775) = 0.593269992
          z_h2 = 0.25·0.05 + 0.30·0.10 + 0.35 = 0.3925,  a_h2 = 0.596884378
          z_o1 = 0.40·0.593269992 + 0.45·0.596884378 + 0.60 = 1.105905967, y_1 = 0.751365070
          z_o2 = 0.50·0.593269992 + 0.55·0.596884378 + 0.60 = 1.224921404, y_2 = 0.772928465
Loss      ½ (0.741365070² + 0.217071535²) = 0.274811083 + 0.023560026 = 0.298371109
Case 1    ∂C/∂y_1 = y_1 − t_1 = 0.741365070, slope y_1 (1 − y_1) = 0.186815602
          ∂C/∂z_o1 = 0.138498562
          ∂C/∂y_2 = −0.217071535, slope 0.175510053, ∂C/∂z_o2 = −0.038098236
Case 2    Σ_k w_k ∂C/∂z_k = 0.40·0.138498562 + 0.50·(−0.038098236)
                          = 0.055399425 − 0.019049118 = 0.036350306
          slope a_h1 (1 − a_h1) = 0.241300709
          ∂C/∂z_h1 = 0.241300709 · 0.036350306 = 0.008771354
Product   ∂C/∂w1 = 0.05 · 0.008771354 = 0.000438568
Update    w1 ← 0.15 − 0.5 · 0.000438568 = 0.149780716
"""

import pytest

from clearprop import MSE, SGD
from clearprop.engine.step import Step
from clearprop.reading.explanation import (
    GradientExplanation,
    NeuronExplanation,
    Signal,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.teaching.experiments.worked_example import LEARNING_RATE, worked_example
from tests.explanation.lines import assert_gradient_adds_up, assert_neuron_adds_up


def near(value: float) -> object:
    """The hand-worked numbers have nine decimals, and were rounded on the way."""
    return pytest.approx(value, rel=0, abs=2e-9)


@pytest.fixture(scope="module")
def step() -> Step:
    worked = worked_example()
    return Step(worked.backward, worked.target, MSE(), SGD(LEARNING_RATE))


@pytest.fixture(scope="module")
def explained(step: Step) -> GradientExplanation:
    return explain_weight(step, "layers[0].weight[0,0]")


@pytest.fixture(scope="module")
def neuron(step: Step) -> NeuronExplanation:
    return explain_neuron(step, "layers[1][0]")


def only_signal(explained: GradientExplanation) -> Signal:
    (share,) = explained.shares
    (product,) = share.products
    return product.signal


def test_the_product(explained: GradientExplanation) -> None:
    assert explained.kind == "weight"
    assert explained.value == 0.15
    assert explained.loss == near(0.298371109)
    assert explained.gradient == near(0.000438568)
    (share,) = explained.shares
    assert (share.sample, share.share) == (0, 1.0)
    assert share.value == near(0.000438568)
    (product,) = share.products
    assert product.input == "input[0]"
    assert product.factor == 0.05
    assert product.signal.place == "layers[0][0]"
    assert product.signal.value == near(0.008771354)


def test_case_2(explained: GradientExplanation) -> None:
    signal = only_signal(explained)
    assert signal.case == 2
    assert signal.slope is not None
    assert (signal.slope.layer, signal.slope.name) == ("layers[1]", "Sigmoid")
    assert signal.slope.z == near(0.3775)
    assert signal.slope.a == near(0.593269992)
    assert signal.slope.value == near(0.241300709)
    assert signal.inner == near(0.036350306)
    first, second = signal.terms
    assert (first.kind, first.via, first.factor) == ("weight", "layers[2].weight[0,0]", 0.40)
    assert first.value == near(0.055399425)
    assert (second.via, second.factor) == ("layers[2].weight[0,1]", 0.50)
    assert second.value == near(-0.019049118)
    # 0.055399425 / (0.055399425 + 0.019049118): against the sum of the sizes, as they cancel.
    assert first.share == pytest.approx(0.744131, abs=1e-6)
    assert signal.rest.count == 0


def test_case_1(explained: GradientExplanation) -> None:
    first, second = (term.signal for term in only_signal(explained).terms)
    assert first is not None
    assert second is not None
    assert first.case == second.case == 1
    assert first.value == near(0.138498562)
    assert first.slope is not None
    assert first.slope.value == near(0.186815602)
    assert first.loss is not None
    assert first.loss.loss == "MSE"
    assert first.loss.output == near(0.751365070)
    assert first.loss.target == 0.01
    assert first.loss.value == near(0.741365070)
    assert second.value == near(-0.038098236)
    assert second.loss is not None
    assert second.loss.value == near(-0.217071535)


def test_the_update_and_the_witness(explained: GradientExplanation) -> None:
    update = explained.update
    assert update is not None
    assert (update.optimizer, update.learning_rate, update.before) == ("SGD", 0.5, 0.15)
    assert update.after == near(0.149780716)
    assert update.change == near(-0.000219284)
    assert explained.witness.outcome == "agrees"
    assert explained.witness.quotient == pytest.approx(explained.gradient, rel=0, abs=1e-10)
    assert explained.witness.below < explained.loss < explained.witness.above


def test_every_weight_and_bias(step: Step) -> None:
    # The widely printed weights after the step, of which those of layer 1 need the old ones.
    after = {
        "layers[0].weight[0,0]": 0.149780716,
        "layers[0].weight[1,0]": 0.199561432,
        "layers[0].weight[0,1]": 0.249751144,
        "layers[0].weight[1,1]": 0.299502287,
        "layers[2].weight[0,0]": 0.358916480,
        "layers[2].weight[1,0]": 0.408666186,
        "layers[2].weight[0,1]": 0.511301270,
        "layers[2].weight[1,1]": 0.561370121,
    }
    for address, value in after.items():
        explained = explain_weight(step, address)
        assert_gradient_adds_up(explained)
        assert explained.update is not None
        assert explained.update.after == near(value)
        assert explained.witness.outcome == "agrees"
    # ∂z/∂b = 1, so a bias's gradient is its neuron's signal.
    bias = explain_weight(step, "layers[0].bias[0]")
    assert (bias.kind, bias.address) == ("bias", "layers[0].bias[0,0]")
    assert bias.gradient == near(0.008771354)
    assert bias.shares[0].products[0].factor == 1
    # Nothing of what is told of a bias is by a w.
    told = [
        bias.words(),
        bias.table(),
        *(chain.left for one in bias.steps() for chain in one.chains),
    ]
    assert "∂z/∂b" in bias.table()
    assert not any("∂w" in one for one in told)
    assert not any(r"\partial w" in one or "(w" in one for one in bias.equations())
    assert "∂z/∂b = 1" in bias.svg()


def test_the_neuron(neuron: NeuronExplanation) -> None:
    assert_neuron_adds_up(neuron)
    # An activation's neuron is that of the layer before it.
    assert neuron.address == "layers[0][0]"
    assert neuron.z == near(0.3775)
    assert neuron.bias == 0.35
    assert neuron.adds_up
    # 0.20·0.10 = 0.02 is the larger of the two inputs.
    assert [one.source for one in neuron.inputs] == ["input[1]", "input[0]"]
    assert [one.value for one in neuron.inputs] == [near(0.02), near(0.0075)]
    assert neuron.inputs[0].share == pytest.approx(0.02 / 0.0275)
    assert neuron.signal.inner == near(0.036350306)
    assert neuron.silent == 0


def test_the_sample(step: Step) -> None:
    explained = explain_sample(step, 0)
    assert explained.cost == explained.loss == near(0.298371109)
    assert (explained.others, explained.share, explained.rank) == (0, 1, 1)
    assert explained.alignment == pytest.approx(1)
    # The larger ∂C/∂y first.
    assert [one.place for one in explained.outputs] == ["layers[3][0]", "layers[3][1]"]
    assert explained.outputs[0].loss.value == near(0.741365070)
    # ∂C/∂b_o1 = ∂C/∂z_o1 is the largest of all derivatives.
    assert explained.pulls[0].address == "layers[2].bias[0,0]"
    assert explained.pulls[0].value == near(0.138498562)
    # A bias is no w, and in a list of both kinds they are θ.
    assert [chain.left for chain in explained.steps()[2].chains] == ["∂C[0]/∂b", "∂L/∂b"]
    assert "parameter θ" in explained.table()
    assert "∂w" not in explained.table()


def test_depth_ends_where_the_caller_says(step: Step) -> None:
    shallow = only_signal(explain_weight(step, "layers[0].weight[0,0]", depth=0))
    assert not shallow.opened
    assert shallow.value == near(0.008771354)
    middle = only_signal(explain_weight(step, "layers[0].weight[0,0]", depth=1))
    assert [term.signal.opened for term in middle.terms if term.signal] == [False, False]
    deep = explain_weight(step, "layers[0].weight[0,0]", depth=2)
    assert deep == explain_weight(step, "layers[0].weight[0,0]", depth=9)


def test_what_is_not_listed_is_one_remainder(step: Step) -> None:
    signal = only_signal(explain_weight(step, "layers[0].weight[0,0]", most=1))
    assert len(signal.terms) == 1
    assert signal.rest.count == 1
    assert signal.rest.value == near(-0.019049118)
    assert signal.rest.size == near(0.019049118)
