"""A pass is data: its numbers are what the definitions say, and they stay what they were."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    BackwardPass,
    ForwardPass,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, UnknownNameError

DEEP = Network(Sequential(Linear(2, 3), Sigmoid(), Linear(3, 3), ReLU(), Linear(3, 2), Tanh()))


def both(network: Network = DEEP, *, seed: int = 0, samples: int = 4) -> Any:
    """A forward and a backward pass, and what went into them."""
    generator = np.random.default_rng(seed)
    params = network.initialize(seed)
    x = generator.normal(size=(samples, 2))
    forward = network.forward(params, x)
    t = generator.normal(size=forward.output.shape)
    loss = MSE().evaluate(forward.output, t)
    return forward, network.backward(forward, loss.gradient), params, x, t


def slope(name: str, z: float) -> float:
    """a'(z), from the functions' definitions."""
    sigma = 1 / (1 + np.exp(-z))
    return float({"σ": sigma * (1 - sigma), "ReLU": z > 0, "tanh": 1 - np.tanh(z) ** 2}[name])


def test_forward_records_are_the_neurons_numbers() -> None:
    # z_j = Σᵢ wᵢⱼ xᵢ + bⱼ, neuron by neuron, and a = f(z).
    forward, _, params, x, _ = both()
    named = DEEP.named(params)
    functions: dict[int, Any] = {
        1: lambda z: 1 / (1 + np.exp(-z)),
        3: lambda z: max(z, 0.0),
        5: np.tanh,
    }
    signal = x
    for index in (0, 2, 4):
        w, b = named[f"layers[{index}].weight"], named[f"layers[{index}].bias"]
        z = np.array(
            [
                [
                    sum(w[i, j] * row[i] for i in range(len(row))) + b[0, j]
                    for j in range(w.shape[1])
                ]
                for row in signal
            ]
        )
        a = np.array([[functions[index + 1](value) for value in row] for row in z])
        linear, activation = forward[f"layers[{index}]"], forward[f"layers[{index + 1}]"]
        np.testing.assert_allclose(linear.output, z, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(activation.input, linear.output)
        np.testing.assert_allclose(activation.output, a, rtol=0, atol=1e-15)
        signal = activation.output
    assert forward.output is forward["layers[5]"].output


def test_backward_records_are_the_reversed_neurons_numbers() -> None:
    # Case 1, the output layer: ∂C/∂z = ∂y/∂z · ∂C/∂y.  Case 2: ∂C/∂z = a'(z) Σ_k w_k ∂C/∂z'_k.
    forward, backward, params, _, t = both()
    named = DEEP.named(params)
    y = forward.output
    dz: Any = None
    for index, name in ((4, "tanh"), (2, "ReLU"), (0, "σ")):
        z = forward[f"layers[{index}]"].output
        after = dz
        dz = np.empty_like(z)
        for n, j in np.ndindex(z.shape):
            if after is None:
                upstream = 2 * (y[n, j] - t[n, j]) / y.size
            else:
                w = named[f"layers[{index + 2}].weight"]
                upstream = sum(w[j, k] * after[n, k] for k in range(w.shape[1]))
            dz[n, j] = slope(name, z[n, j]) * upstream
        record = backward[f"layers[{index}]"]
        np.testing.assert_allclose(record.output_gradient, dz, rtol=0, atol=1e-15)
        activation = backward[f"layers[{index + 1}]"]
        np.testing.assert_array_equal(activation.input_gradient, record.output_gradient)
        # ∂L/∂w = Σ_n ∂z/∂w · ∂C/∂z, and ∂z/∂w is the input that the weight multiplies.
        x = forward[f"layers[{index}]"].input
        dw = np.array(
            [
                [sum(x[n, i] * dz[n, j] for n in range(len(x))) for j in range(z.shape[1])]
                for i in range(x.shape[1])
            ]
        )
        np.testing.assert_allclose(record.gradients["weight"], dw, rtol=0, atol=1e-15)
        np.testing.assert_allclose(record.gradients["bias"][0], dz.sum(0), rtol=0, atol=1e-15)
        np.testing.assert_array_equal(
            backward.named()[f"layers[{index}].weight"], record.gradients["weight"]
        )


def test_signals_are_handed_from_layer_to_layer() -> None:
    forward, backward, *_ = both()
    paths = [f"layers[{index}]" for index in range(6)]
    assert [record.path for record in forward.records] == paths
    assert [record.path for record in backward.records] == paths
    for left, right in zip(forward.records[:-1], forward.records[1:], strict=True):
        assert left.output is right.input
    for left, right in zip(backward.records[:-1], backward.records[1:], strict=True):
        assert left.output_gradient is right.input_gradient
    np.testing.assert_array_equal(backward.records[0].input_gradient, backward.input_gradient)
    np.testing.assert_array_equal(backward.records[-1].output_gradient, backward.output_gradient)


def all_arrays(forward: ForwardPass, backward: BackwardPass) -> list[Array]:
    arrays = [forward.params, forward.input, forward.output]
    for record in forward.records:
        arrays += [record.input, record.output, *(one for one in record.cache if one is not None)]
    gradients = [backward.gradient, backward.output_gradient, backward.input_gradient]
    gradients += backward.named().values()
    for back in backward.records:
        gradients += [back.output_gradient, back.input_gradient, *back.gradients.values()]
    return arrays + [gradient for gradient in gradients if gradient is not None]


def test_every_array_of_both_passes_is_read_only() -> None:
    forward, backward, *_ = both()
    found = all_arrays(forward, backward)
    assert len(found) > 40
    for array in found:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_output_is_read_only_before_any_record_is_looked_at() -> None:
    forward, backward, *_ = both()
    for array in (forward.output, backward.gradient):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize("read_only_view", [False, True])
def test_editing_what_went_in_does_not_change_what_was_recorded(read_only_view: bool) -> None:
    generator = np.random.default_rng(0)
    mine = [DEEP.initialize(0), generator.normal(size=(4, 2)), generator.normal(size=(4, 2))]
    given = [array[...] for array in mine]
    for view in given:
        view.setflags(write=not read_only_view)
    forward = DEEP.forward(given[0], given[1])
    backward = DEEP.backward(forward, given[2])
    before = [array.copy() for array in all_arrays(forward, backward)]
    for array in mine:
        array[...] = 99
    after = all_arrays(forward, backward)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    # And a backward that is made only now uses the parameters that forward used.
    again = DEEP.backward(forward, backward.output_gradient)
    np.testing.assert_array_equal(again.gradient, backward.gradient)


def test_what_the_caller_handed_over_stays_writable_and_as_it_was() -> None:
    params, x = DEEP.initialize(0), np.ones((3, 2))
    dy = np.ones((3, 2))
    before = [array.copy() for array in (params, x, dy)]
    forward = DEEP.forward(params, x)
    all_arrays(forward, DEEP.backward(forward, dy))
    for array, copy in zip((params, x, dy), before, strict=True):
        assert array.flags.writeable
        np.testing.assert_array_equal(array, copy)


def test_without_records_there_are_none_and_a_sentence() -> None:
    _, with_records, params, x, t = both()
    forward = DEEP.forward(params, x, records=False)
    for look in (lambda: forward.records, lambda: forward["layers[0]"]):
        with pytest.raises(ConfigurationError, match="again with records=True"):
            look()
    gradient = MSE().evaluate(forward.output, t).gradient
    backward = DEEP.backward(forward, gradient)
    np.testing.assert_array_equal(backward.gradient, with_records.gradient)


def test_an_unknown_path_offers_the_nearest() -> None:
    forward, backward, *_ = both()
    for look in (forward.__getitem__, backward.__getitem__):
        with pytest.raises(UnknownNameError, match=r"'layer\[3\]' .* layers\[3\]"):
            look("layer[3]")


def test_combinators_are_reached_by_path() -> None:
    inner = Sequential(Tanh(), Linear(2, 2))
    network = Network(Sequential(Linear(2, 2), Residual(inner)))
    forward, backward, *_ = both(network)
    assert forward["layers[1]"].layer == Residual(inner)
    assert list(forward["layers[1].branch"].params) == ["layers[1].weight", "layers[1].bias"]
    assert forward[""].layer is network.layer
    # What comes out of a residual is what went in, and its branch's output.
    residual, branch = forward["layers[1]"], forward["layers[1].branch"]
    np.testing.assert_array_equal(residual.output, residual.input + branch.output)
    back, back_branch = backward["layers[1]"], backward["layers[1].branch"]
    assert back_branch.input_gradient is not None
    np.testing.assert_array_equal(
        back.input_gradient, back.output_gradient + back_branch.input_gradient
    )
    # A combinator's record names the gradients of everything in it.
    assert list(back_branch.gradients) == ["layers[1].weight", "layers[1].bias"]
    # `records` lists the layers and not their combinators.
    leaves = ["layers[0]", "layers[1].branch.layers[0]", "layers[1].branch.layers[1]"]
    assert [record.path for record in forward.records] == leaves
    assert [record.path for record in backward.records] == leaves


def test_a_network_of_one_layer_has_one_record_and_no_path() -> None:
    forward, backward, *_ = both(Network(Linear(2, 1)))
    assert [record.path for record in forward.records] == [""]
    assert forward[""] is forward.records[0]
    assert list(backward.records[0].gradients) == ["weight", "bias"]


def test_records_are_made_once() -> None:
    forward, backward, *_ = both()
    assert forward.records is forward.records
    assert backward.records is backward.records


def test_a_stacked_pass_has_the_records_of_each_network() -> None:
    x = np.random.default_rng(0).normal(size=(4, 2))
    stack = DEEP.forward(DEEP.initialize(range(3)), x)
    for k in range(3):
        alone = DEEP.forward(DEEP.initialize(k), x)
        for together, single in zip(stack.records[1:], alone.records[1:], strict=True):
            # dot and matmul may add up in another order.
            np.testing.assert_allclose(together.input[k], single.input, rtol=0, atol=1e-15)
