"""Linear: worked by hand, its refusals, and its shapes over many sizes."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import Context, FanInUniform, Linear, Network, Uniform
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from tests.gradient_checks import present


def test_forward_and_backward_by_hand() -> None:
    # W = [[1, 2], [3, 4]], b = [10, 20]
    # x = [[1, 0], [2, 5]]     z₀ = [1·1 + 0·3 + 10, 1·2 + 0·4 + 20] = [11, 22]
    #                          z₁ = [2·1 + 5·3 + 10, 2·2 + 5·4 + 20] = [27, 44]
    # dz = [[1, −1], [2, 3]]
    # dW = xᵀ dz = [[1·1 + 2·2, 1·(−1) + 2·3], [0·1 + 5·2, 0·(−1) + 5·3]] = [[5, 5], [10, 15]]
    # db = [1 + 2, −1 + 3] = [3, 2]
    # dx = dz Wᵀ = [[1·1 − 1·2, 1·3 − 1·4], [2·1 + 3·2, 2·3 + 3·4]] = [[−1, −1], [8, 18]]
    tree = {"weight": np.array([[1.0, 2], [3, 4]]), "bias": np.array([[10.0, 20]])}
    layer = Linear(2, 2)
    z, cache, state = layer.forward(tree, np.array([[1.0, 0], [2, 5]]), Context())
    np.testing.assert_array_equal(z, [[11, 22], [27, 44]])
    assert cache._fields == ("x",)
    assert not state
    dx, gradients = layer.backward(tree, cache, np.array([[1.0, -1], [2, 3]]))
    np.testing.assert_array_equal(gradients["weight"], [[5, 5], [10, 15]])
    np.testing.assert_array_equal(gradients["bias"], [[3, 2]])
    np.testing.assert_array_equal(present(dx), [[-1, -1], [8, 18]])


def test_one_neuron_by_hand() -> None:
    # z = w1·x1 + w2·x2 + b = 2·3 + (−1)·4 + 0.5 = 2.5, and ∂z/∂w = (x1, x2), ∂z/∂b = 1,
    # ∂z/∂x = (w1, w2): what backward gives for dz = 1.
    network = Network(Linear(2, 1))
    values = {"weight": np.array([[2.0], [-1]]), "bias": np.array([[0.5]])}
    params = network.replace(np.zeros(3), values)
    forward = network.forward(params, np.array([[3.0, 4]]))
    assert forward.output.item() == 2.5
    backward = network.backward(forward, np.ones((1, 1)))
    np.testing.assert_array_equal(backward.gradient, [3, 4, 1])
    np.testing.assert_array_equal(present(backward.input_gradient), [[2, -1]])


def test_without_bias_there_is_no_bias() -> None:
    layer = Linear(2, 1, bias=False)
    assert list(layer.parameters()) == ["weight"]
    tree = {"weight": np.array([[2.0], [3]])}
    z, cache, _ = layer.forward(tree, np.array([[5.0, 7]]), Context())
    np.testing.assert_array_equal(z, [[31]])
    assert list(layer.backward(tree, cache, z)[1]) == ["weight"]


def test_both_parameters_have_the_fans_of_the_layer_and_start_as_in_pytorch() -> None:
    for parameter in Linear(3, 4).parameters().values():
        assert (parameter.fan_in, parameter.fan_out) == (3, 4)
        assert parameter.initializer == FanInUniform()
    own = Linear(3, 4, weight_initializer=Uniform(), bias_initializer=Uniform(0, 2))
    assert own.parameters()["weight"].initializer == Uniform()
    assert own.parameters()["bias"].initializer == Uniform(0, 2)


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True])
@pytest.mark.parametrize("name", ["inputs", "outputs"])
def test_a_size_must_be_a_whole_number_above_0(name: str, size: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"Linear's {name} must be a whole number"):
        Linear(**{"inputs": 1, "outputs": 1, name: size})


def test_a_numpy_size_becomes_an_int() -> None:
    layer = Linear(np.int64(2), np.int32(3))  # type: ignore[arg-type]
    assert layer == Linear(2, 3)
    assert type(layer.inputs) is int
    assert type(layer.outputs) is int


@pytest.mark.parametrize(
    ("shape", "came"),
    [
        ((3,), r"\(3,\); use x.reshape\(-1, 2\)"),
        ((), r"\(\)"),
        ((4, 3), r"\(4, 3\)"),
        ((4, 1), r"\(4, 1\)"),
        ((5, 4, 3), r"\(5, 4, 3\)"),
    ],
)
def test_an_input_of_another_shape_is_refused(shape: tuple[int, ...], came: str) -> None:
    network = Network(Linear(2, 3))
    with pytest.raises(ShapeError, match=r"^Linear: Linear\(2, 3\) takes .*" + came):
        network.forward(network.initialize(), np.ones(shape))


@pytest.mark.parametrize("networks", [1, 3])
def test_an_x_of_each_networks_own_needs_as_many_as_there_are_networks(networks: int) -> None:
    # One x of K = 1 would otherwise be broadcast, and its gradient would have another shape.
    network = Network(Linear(2, 3))
    x = np.ones((networks, 4, 2))
    with pytest.raises(ShapeError, match=rf"of which there are 2, and x is \({networks}, 4, 2\)"):
        network.forward(network.initialize(range(2)), x, own_input=True)
    with pytest.raises(ShapeError, match="of which there are 1, and x is"):
        network.forward(network.initialize(), x, own_input=True)


@pytest.mark.parametrize("networks", [None, 3])
@pytest.mark.parametrize("own_x", [False, True])
def test_axes_between_samples_and_features_are_rows(networks: int | None, own_x: bool) -> None:
    # A sequence (N, T, in) is N·T rows: the same numbers as those rows alone. Three networks share
    # it even where N = 3, unless they are told that they do not.
    if own_x and networks is None:
        return
    generator = np.random.default_rng(0)
    network = Network(Linear(2, 4))
    lead = () if networks is None else (networks,)
    params = generator.normal(size=(*lead, network.size))
    x = generator.normal(size=(*(lead if own_x else ()), 3, 5, 2))
    dz = generator.normal(size=(*lead, 3, 5, 4))
    forward = network.forward(params, x, own_input=own_x)
    backward = network.backward(forward, dz)
    rows = network.forward(params, x.reshape(*x.shape[:-3], 15, 2), own_input=own_x)
    back = network.backward(rows, dz.reshape(*lead, 15, 4))
    np.testing.assert_array_equal(forward.output.reshape(rows.output.shape), rows.output)
    np.testing.assert_array_equal(backward.gradient, back.gradient)
    np.testing.assert_array_equal(
        present(backward.input_gradient).reshape(*lead, 15, 2), present(back.input_gradient)
    )
    assert network.layer.output_shape((5, 2)) == (5, 4)


def test_integers_are_not_measurements() -> None:
    network = Network(Linear(2, 3))
    with pytest.raises(DtypeError, match=r"Linear takes measurements, and the input is int64"):
        network.forward(network.initialize(), np.ones((4, 2), np.int64))


@given(
    samples=st.integers(0, 6),
    inputs=st.integers(1, 6),
    outputs=st.integers(1, 6),
    bias=st.booleans(),
    networks=st.none() | st.integers(1, 3),
    own_x=st.booleans(),
)
def test_every_size_gives_what_the_sums_say(
    samples: int, inputs: int, outputs: int, bias: bool, networks: int | None, own_x: bool
) -> None:
    generator = np.random.default_rng([samples, inputs, outputs])
    lead = () if networks is None else (networks,)
    network = Network(Linear(inputs, outputs, bias=bias))
    params = generator.normal(size=(*lead, network.size))
    x = generator.normal(size=(*(lead if own_x else ()), samples, inputs))
    dz = generator.normal(size=(*lead, samples, outputs))
    own_input = own_x and networks is not None
    forward = network.forward(params, x, own_input=own_input)
    backward = network.backward(forward, dz)

    w = network.named(params)["weight"]
    b = network.named(params)["bias"] if bias else 0
    xs = np.broadcast_to(x, (*lead, samples, inputs))
    # einsum adds up entry by entry, another order than BLAS's.
    assert_close = partial(np.testing.assert_allclose, rtol=1e-13, atol=1e-13)
    assert_close(forward.output, np.einsum("...ni,...ij->...nj", xs, w) + b)
    assert_close(present(backward.input_gradient), np.einsum("...nj,...ij->...ni", dz, w))
    named = backward.named()
    assert_close(named["weight"], np.einsum("...ni,...nj->...ij", xs, dz))
    if bias:
        assert_close(named["bias"], dz.sum(axis=-2, keepdims=True))
