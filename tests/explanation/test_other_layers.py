"""Layers that explanation knows nothing of answer through their own backward."""

import numpy as np
import pytest

from clearprop import Linear, Network, Residual, Sequential, Sigmoid, Tanh
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.probing import MOST_PROBES
from tests.explanation.lines import assert_gradient_adds_up, assert_neuron_adds_up
from tests.explanation.own_layers import (
    Center,
    ClassMargin,
    Doubtful,
    Lookup,
    Scale,
    Steep,
    drawn,
)


def step_of(network: Network, *, inputs: int, samples: int = 4) -> Step:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(samples, inputs))
    params = drawn(network)
    output = network.forward(params, x).output
    return take_step(network, params, x, generator.normal(size=output.shape))


def test_a_parameter_of_another_layer() -> None:
    step = step_of(Network(Sequential(Linear(2, 3), Scale(3), Linear(3, 2))), inputs=2)
    explained = explain_weight(step, "layers[1].my_factor[2]")
    assert explained.kind == "parameter"
    assert explained.witness.outcome == "agrees"
    assert assert_gradient_adds_up(explained) > 5
    # y_2 = s_2 x_2, and no other output has s_2 in it.
    for share in explained.shares:
        (product,) = share.products
        assert product.signal.place == "layers[1][2]"
        assert product.factor == step.forward["layers[1]"].input[share.sample, 2]
        assert share.rest.count == 0
    assert "from the layer's own backward" in explained.words()
    assert "由該層自己的 backward" in explained.words("zh-TW")
    assert r"my\_factor" in explained.latex()
    assert "<mtext>layers[1].my_factor[2]</mtext>" in explained.mathml()


def test_a_signal_through_another_layer() -> None:
    step = step_of(Network(Sequential(Linear(2, 3), Scale(3), Linear(3, 2))), inputs=2)
    explained = explain_weight(step, "layers[0].weight[1,2]", depth=3)
    assert_gradient_adds_up(explained)
    signal = explained.shares[0].products[0].signal
    (term,) = signal.terms
    assert (term.kind, term.via) == ("output", "layers[1][2]")
    assert term.factor == pytest.approx(
        step.forward.network.named(step.forward.params)["layers[1].my_factor"][2]
    )
    assert term.signal is not None
    assert {one.kind for one in term.signal.terms} == {"weight"}
    assert "whose derivative is" in explained.words()


def test_a_layer_that_mixes_the_samples() -> None:
    step = step_of(Network(Sequential(Linear(2, 3), Center(), Linear(3, 1))), inputs=2)
    explained = explain_weight(step, "layers[0].weight[0,1]", depth=2)
    assert_gradient_adds_up(explained)
    assert explained.witness.outcome == "agrees"
    terms = explained.shares[0].products[0].signal.terms
    assert {term.kind for term in terms} == {"output", "samples"}
    own = next(term for term in terms if term.kind == "output")
    assert own.factor == pytest.approx(1 - 1 / 4)
    for language in ("en", "zh-TW"):
        assert "layers[1]" in explained.text(language)
        assert explained.latex(language)
    neuron = explain_neuron(step, "layers[1][0]", sample=2)
    assert_neuron_adds_up(neuron)
    assert not neuron.adds_up
    assert neuron.inputs[0].factor == pytest.approx(1 - 1 / 4)
    assert "z answers to it" in neuron.words()


def test_the_larger_part_may_come_through_other_samples() -> None:
    # The second sample's error is a hundred times the first's.
    network = Network(Sequential(Linear(1, 1, bias=False), Center()))
    x, target = np.array([[1.0], [2.0]]), np.array([[-0.5], [100.0]])
    step = take_step(network, np.array([1.0]), x, target)
    explained = explain_weight(step, "layers[0].weight[0,0]", sample=0)
    assert explained.shares[0].products[0].signal.terms[0].kind == "samples"
    assert "through other samples" in explained.words()
    assert "經由其他樣本" in explained.words("zh-TW")


def test_ids_as_input() -> None:
    network = Network(Sequential(Lookup(3, 2), Linear(2, 1)))
    x, target = np.array([[0], [2], [2]]), np.array([[1.0], [2.0], [0.0]])
    step = take_step(network, drawn(network), x, target)
    explained = explain_weight(step, "layers[0].table[2,1]")
    assert_gradient_adds_up(explained)
    assert explained.witness.outcome == "agrees"
    assert {share.sample for share in explained.shares} == {1, 2}
    assert explained.rest.value == 0  # sample 0 has another id
    neuron = explain_neuron(step, "layers[0][1]")
    assert (neuron.inputs, neuron.adds_up) == ((), False)
    assert "z = " in neuron.table()


def test_tied_weights_have_a_product_for_every_place() -> None:
    network = Network(
        Sequential(Linear(2, 2), Tanh(), Linear(2, 2)),
        {"layers[2].weight": "layers[0].weight", "layers[2].bias": "layers[0].bias"},
    )
    step = step_of(network, inputs=2)
    for address in ("layers[0].weight[0,1]", "layers[2].weight[0,1]", "layers[0].bias[1]"):
        explained = explain_weight(step, address)
        assert_gradient_adds_up(explained)
        assert explained.witness.outcome == "agrees"
        products = explained.shares[0].products
        assert {one.signal.place for one in products} == {"layers[0][1]", "layers[2][1]"}
        # The sentence on the largest product is of the first.
        sizes = [abs(one.value) for one in products]
        assert sizes == sorted(sizes, reverse=True)
        assert explained.text("zh-TW")
    pulls = explain_sample(step, 0, most=3).pulls
    assert all(pull.address.startswith("layers[0]") for pull in pulls)


def test_more_outputs_than_are_asked_one_by_one() -> None:
    width = MOST_PROBES + 50
    network = Network(Sequential(Linear(1, width), Scale(width), Linear(width, 1)))
    step = step_of(network, inputs=1, samples=2)
    quiet = np.argsort(np.abs(step.backward["layers[1]"].output_gradient[0]))[0]
    for unit in (int(quiet), 0):
        # The signal goes on through one output alone, whether or not it was asked by itself.
        explained = explain_weight(step, f"layers[0].weight[0,{unit}]", sample=0)
        assert_gradient_adds_up(explained)
        assert_gradient_adds_up(explain_weight(step, f"layers[1].my_factor[{unit}]", sample=0))
    assert_gradient_adds_up(explain_input(step, "input[0]", depth=2))
    hidden = explain_weight(step, f"layers[1].my_factor[{quiet}]", sample=0).shares[0]
    assert hidden.products == ()
    assert hidden.rest.count == 50


def test_a_residual_sum() -> None:
    block = Residual(Sequential(Linear(2, 2), Tanh(), Linear(2, 2)))
    step = step_of(Network(Sequential(Linear(2, 2), block, Linear(2, 1))), inputs=2)
    explained = explain_weight(step, "layers[0].weight[0,0]", depth=4)
    assert_gradient_adds_up(explained)
    kinds = [term.kind for term in explained.shares[0].products[0].signal.terms]
    assert sorted(kinds) == ["skip", "weight", "weight"]
    neuron = explain_neuron(step, "layers[1][1]")
    assert_neuron_adds_up(neuron)
    assert {one.source for one in neuron.inputs} == {
        "layers[0][1]",
        "layers[1].branch.layers[2][1]",
    }
    assert [one.factor for one in neuron.inputs] == [1, 1]


def test_activations_in_a_row_and_beside_a_sum() -> None:
    layers = Sequential(Linear(1, 2), Tanh(), Sigmoid(), Residual(Tanh()), Linear(2, 1))
    step = step_of(Network(layers), inputs=1)
    explained = explain_weight(step, "layers[0].weight[0,0]", depth=6)
    assert_gradient_adds_up(explained)
    (term,) = explained.shares[0].products[0].signal.terms
    assert (term.kind, term.via) == ("slope", "layers[2]")
    assert term.signal is not None
    assert {one.kind for one in term.signal.terms} == {"slope", "skip"}
    for language in ("en", "zh-TW"):
        assert "layers[2]" in explained.text(language)
    # The second activation's z is the first one's a.
    neuron = explain_neuron(step, "layers[2][0]")
    assert neuron.address == "layers[1][0]"
    assert not neuron.adds_up


def test_a_linear_layer_over_sequences() -> None:
    network = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    generator = np.random.default_rng(3)
    x, target = generator.normal(size=(4, 5, 2)), generator.normal(size=(4, 5, 1))
    step = take_step(network, drawn(network), x, target)
    for address in ("layers[0].weight[1,2]", "layers[0].bias[0]", "layers[2].weight[2,0]"):
        explained = explain_weight(step, address, depth=3, most=3)
        assert assert_gradient_adds_up(explained) > 5
        assert explained.witness.outcome == "agrees"
        assert explained.kind == "parameter"
    # Of layers[0], ∂C[n]/∂w is Σ over the 5 places of the sequence, x times the signal of each.
    explained = explain_weight(step, "layers[0].weight[1,2]", most=9)
    signals = step.signals("layers[0]")[:, :, 2]
    for share in explained.shares:
        n = share.sample
        places = {one.signal.place: one for one in share.products}
        assert set(places) == {f"layers[0][{t},2]" for t in range(5)}
        for t in range(5):
            assert places[f"layers[0][{t},2]"].factor == pytest.approx(x[n, t, 1])
            assert places[f"layers[0][{t},2]"].signal.value == signals[n, t]
        assert share.value == pytest.approx(float(x[n, :, 1] @ signals[n]))
    neuron = explain_neuron(step, "layers[0][4,1]", sample=1, depth=3)
    assert_neuron_adds_up(neuron)
    assert neuron.z == step.forward.value("layers[0]")[1, 4, 1]
    assert_gradient_adds_up(explain_input(step, "input[4,0]", depth=3))
    for language in ("en", "zh-TW"):
        assert explained.text(language)
        assert neuron.text(language)


def test_a_network_that_is_one_layer() -> None:
    step = step_of(Network(Linear(2, 1)), inputs=2)
    explained = explain_weight(step, "weight[1,0]")
    assert_gradient_adds_up(explained)
    assert explained.shares[0].products[0].signal.place == "[0]"
    assert_neuron_adds_up(explain_neuron(step, "[0]"))
    assert_neuron_adds_up(explain_neuron(step, "input[1]"))


def test_a_loss_with_class_ids() -> None:
    network = Network(Linear(2, 3))
    x = np.random.default_rng(0).normal(size=(4, 2))
    step = take_step(network, drawn(network), x, np.array([0, 2, 1, 1]), loss=ClassMargin())
    explained = explain_weight(step, "weight[0,1]")
    assert_gradient_adds_up(explained)
    assert explained.witness.outcome == "agrees"
    loss = explained.shares[0].products[0].signal.loss
    assert loss is not None
    assert loss.target is None
    sample = explain_sample(step, 1)
    assert sample.outputs[0].loss.target is None
    for language in ("en", "zh-TW"):
        assert explained.text(language)
        assert sample.text(language)


def test_a_wrong_backward_is_found_by_the_witness() -> None:
    step = step_of(Network(Sequential(Doubtful(2, 2), Tanh(), Linear(2, 1))), inputs=2)
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert_gradient_adds_up(explained)  # every line as that backward computed it
    assert explained.witness.outcome == "disagrees"
    assert "A WITNESS DISAGREES" in explained.words()
    assert "獨立的方法結果不同" in explained.words("zh-TW")
    assert explain_weight(step, "layers[2].weight[0,0]").witness.outcome == "agrees"


def test_a_subclass_with_a_backward_of_its_own_is_asked_through_it() -> None:
    step = step_of(Network(Sequential(Linear(2, 2), Steep(), Linear(2, 1))), inputs=2)
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert_gradient_adds_up(explained)
    signal = explained.shares[0].products[0].signal
    assert signal.slope is None
    assert signal.terms[0].kind == "output"


def test_a_feature_through_another_layer() -> None:
    step = step_of(Network(Sequential(Scale(2), Linear(2, 1))), inputs=2)
    explained = explain_input(step, "input[1]")
    assert_gradient_adds_up(explained)
    assert explained.witness.outcome == "agrees"
    assert explained.update is None
