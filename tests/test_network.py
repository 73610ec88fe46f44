"""Network: starts, named arrays, dtypes, stacks, predictions and the summary."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    GELU,
    MSE,
    BatchNorm,
    Dropout,
    Embedding,
    FanInUniform,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    Uniform,
    Zeros,
)
from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import (
    ConfigurationError,
    ContractError,
    DtypeError,
    ShapeError,
    UnknownNameError,
)
from clearprop.checking.witnesses.finite_differences import network_differences

Samples = tuple[Array, Array]


def test_a_start_is_drawn_array_by_array_with_a_generator_of_its_path(network: Network) -> None:
    params = network.initialize(seed=4)
    for path, array in network.named(params).items():
        fan_in = 2 if path.startswith("layers[0]") else 3
        drawn = FanInUniform().draw(keyed_generator(4, path=path), array.shape, fan_in, 1)
        np.testing.assert_array_equal(array, drawn)


def test_a_start_depends_on_its_seed_alone(network: Network) -> None:
    alone = network.initialize(seed=3)
    np.testing.assert_array_equal(network.initialize(seed=3), alone)
    assert (network.initialize(seed=4) != alone).any()
    np.testing.assert_array_equal(network.initialize(range(5))[3], alone)
    np.testing.assert_array_equal(network.initialize(np.arange(3, 5))[0], alone)
    assert network.initialize([]).shape == (0, network.size)
    # A layer that is added behind does not change the ones before it.
    longer = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1), Linear(1, 1)))
    np.testing.assert_array_equal(longer.initialize(seed=3)[: network.size], alone)


def test_float32_starts_are_the_rounded_float64_ones(network: Network) -> None:
    single = network.initialize(seed=0, dtype="float32")
    np.testing.assert_array_equal(single, network.initialize(seed=0).astype("float32"))
    assert network.initialize([0, 1], dtype="float32").dtype == np.float32


def test_one_initializer_for_all() -> None:
    network = Network(Sequential(Linear(2, 3, weight_initializer=Zeros()), Linear(3, 1)))
    assert (network.named(network.initialize())["layers[0].weight"] == 0).all()
    params = network.initialize(initializer=Uniform(5, 6))
    assert ((params >= 5) & (params < 6)).all()


def test_tied_parameters_start_with_the_first_ones_values() -> None:
    layers = Sequential(Linear(2, 2), Linear(2, 2, weight_initializer=Zeros()))
    tied = Network(layers, tied={"layers[1].weight": "layers[0].weight"})
    named = tied.named(tied.initialize())
    np.testing.assert_array_equal(named["layers[1].weight"], named["layers[0].weight"])
    assert (named["layers[0].weight"] != 0).all()


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, True, [1, -1], "abc"])
def test_a_bad_seed_is_refused(network: Network, seed: Any) -> None:
    with pytest.raises(ConfigurationError, match="seed must be a whole number"):
        network.initialize(seed)


def test_a_bad_dtype_is_refused(network: Network) -> None:
    with pytest.raises(ConfigurationError, match="choose one of float64, float32"):
        network.initialize(dtype="float16")


def test_replace_changes_a_copy(network: Network, params: Array) -> None:
    before = params.copy()
    changed = network.replace(params, {"layers[2].bias": np.array([[7.0]])})
    np.testing.assert_array_equal(params, before)
    assert changed[-1] == 7
    np.testing.assert_array_equal(changed[:-1], before[:-1])
    with pytest.raises(ShapeError, match=r"layers\[2\].bias is \(1, 1\), and .* \(1,\)"):
        network.replace(params, {"layers[2].bias": np.zeros(1)})
    with pytest.raises(UnknownNameError, match=r"layers\[2\].bias"):
        network.replace(params, {"layers[2].bais": np.zeros((1, 1))})


@pytest.mark.parametrize("order", ["C", "F"])
def test_replace_in_a_stack(network: Network, order: Any) -> None:
    stack = np.asarray(network.initialize(range(3)), order=order)
    values = np.arange(3.0).reshape(3, 1, 1)
    changed = network.replace(stack, {"layers[2].bias": values})
    np.testing.assert_array_equal(changed[:, -1], [0, 1, 2])
    np.testing.assert_array_equal(changed[:, :-1], stack[:, :-1])


@pytest.mark.parametrize("shape", [(12,), (14,), (), (2, 12), (1, 2, 13)])
def test_parameters_of_another_network_are_refused(network: Network, shape: Any) -> None:
    for use in (network.named, lambda p: network.forward(p, np.ones((1, 2)))):
        with pytest.raises(ShapeError, match=r"takes parameters \(13,\), or a stack"):
            use(np.zeros(shape))


@pytest.mark.parametrize("dtype", ["int64", "float16", "bool", "longdouble", "object"])
def test_parameters_of_another_kind_are_refused(network: Network, dtype: str) -> None:
    with pytest.raises(DtypeError, match="Parameters are float64 or float32"):
        network.named(np.zeros(13, dtype))


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.ones((2, 2), "float32"), r"x is float32 .* x.astype\('float64'\)"),
        (np.ones((2, 2), "complex128"), "x is complex128"),
        (np.ones((2, 2), bool), "holds bool, and a network takes numbers"),
        (np.array([["a", "b"]]), "a network takes numbers"),
        (np.ones((2, 2), object), "holds object"),
        (np.ones((2, 2), "int64"), r"layers\[0\]: Linear takes measurements"),
    ],
)
def test_an_input_of_another_kind_is_refused(
    network: Network, params: Array, x: Array, sentence: str
) -> None:
    with pytest.raises(DtypeError, match=sentence):
        network.forward(params, x)


def test_an_output_gradient_must_be_of_the_output(
    network: Network, params: Array, samples: Samples
) -> None:
    forward = network.forward(params, samples[0])
    with pytest.raises(ShapeError, match=r"gradient is \(7,\) and the output is \(7, 1\)"):
        network.backward(forward, np.ones(7))
    with pytest.raises(DtypeError, match="output_gradient is float32"):
        network.backward(forward, np.ones((7, 1), "float32"))


def test_predict_is_the_output(network: Network, params: Array, samples: Samples) -> None:
    x, _ = samples
    np.testing.assert_array_equal(network.predict(params, x), network.forward(params, x).output)
    # Lists are read as arrays.
    np.testing.assert_array_equal(network.predict(params, x.tolist()), network.predict(params, x))


class Lonely(Tanh):
    """Not made for stacks."""

    stackable = False


def test_a_layer_that_cannot_be_stacked_says_so() -> None:
    network = Network(Sequential(Linear(2, 2), Residual(Lonely())))
    network.forward(network.initialize(), np.ones((1, 2)))
    with pytest.raises(ContractError, match=r"layers\[1\].branch: Lonely cannot run many"):
        network.forward(network.initialize(range(2)), np.ones((1, 2)))


def test_a_network_is_a_value() -> None:
    assert Network(Linear(1, 2)) == Network(Linear(1, 2))
    assert Network(Linear(1, 2)) != Network(Linear(1, 2, bias=False))
    tied = Network(Sequential(Linear(1, 1), Linear(1, 1)), {"layers[1].bias": "layers[0].bias"})
    assert tied != Network(tied.layer)
    assert tied == Network(tied.layer, dict(tied.tied))


def test_the_summary_by_hand() -> None:
    # 2·3 + 3 = 9, 3·3 = 9, 3·1 + 1 = 4: 22 parameters
    network = Network(
        Sequential(
            Linear(2, 3), Residual(Sequential(Tanh(), Linear(3, 3, bias=False))), Linear(3, 1)
        )
    )
    assert network.summary().splitlines() == [
        "path                        layer                     output  parameters",
        "────────────────────────────────────────────────────────────────────────",
        "layers[0]                   Linear(2, 3)              (N, 3)  9",
        "layers[1].branch.layers[0]  Tanh()                    (N, 3)  0",
        "layers[1].branch.layers[1]  Linear(3, 3, bias=False)  (N, 3)  9",
        "layers[2]                   Linear(3, 1)              (N, 1)  4",
        "22 parameters",
    ]


def test_the_summary_in_chinese_lines_up_in_columns() -> None:
    assert Network(Sequential(Linear(1, 1000), ReLU())).summary("zh-TW").splitlines() == [
        "路徑       層               輸出       參數個數",
        "───────────────────────────────────────────────",
        "layers[0]  Linear(1, 1000)  (N, 1000)  2,000",
        "layers[1]  ReLU()           (N, 1000)  0",
        "共 2,000 個參數",
    ]


def test_the_summary_of_one_layer_and_of_an_unknown_shape() -> None:
    assert Network(Sigmoid()).summary().splitlines()[2] == "—     Sigmoid()  ?       0"
    # A table of ids takes one id a sample, or T of them.
    table = Network(Embedding(7, 4))
    for shape, output in ((None, "?"), ((), "(N, 4)"), ((5,), "(N, 5, 4)")):
        assert output in table.summary(input_shape=shape).splitlines()[2]
    # A tied parameter is a layer's own count, and counts once in the total.
    tied = Network(Sequential(Linear(1, 1), Linear(1, 1)), {"layers[1].bias": "layers[0].bias"})
    lines = tied.summary().splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["2", "2"]
    assert lines[-1] == "3 parameters"


def test_the_summary_of_layers_with_settings() -> None:
    network = Network(
        Sequential(
            Embedding(7, 4),
            LayerNorm(4),
            Linear(4, 3),
            BatchNorm(3, momentum=None),
            PReLU(3),
            Dropout(0.1),
            GELU("tanh"),
            LogSoftmax(),
        )
    )
    assert network.summary().splitlines()[2:] == [
        "layers[0]  Embedding(7, 4)              ?       28",
        "layers[1]  LayerNorm(4)                 ?       8",
        "layers[2]  Linear(4, 3)                 (N, 3)  15",
        "layers[3]  BatchNorm(3, momentum=None)  (N, 3)  6",
        "layers[4]  PReLU(features=3)            (N, 3)  3",
        "layers[5]  Dropout(probability=0.1)     (N, 3)  0",
        "layers[6]  GELU(approximate=tanh)       (N, 3)  0",
        "layers[7]  LogSoftmax()                 (N, 3)  0",
        "60 parameters",
    ]


ACTIVATIONS: list[Layer] = [Tanh(), Sigmoid(), ReLU()]


@st.composite
def networks(draw: Any) -> tuple[Network, int]:
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    layers: list[Layer] = []
    for inputs, outputs in pairwise(widths):
        layers.append(Linear(inputs, outputs, bias=draw(st.booleans())))
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from(ACTIVATIONS)))
        if draw(st.booleans()):
            layers.append(Residual(Sequential(Linear(outputs, outputs), Tanh())))
    return Network(Sequential(*layers)), widths[0]


@given(drawn=networks(), samples=st.integers(1, 4), seed=st.integers(0, 100))
def test_any_network_has_the_gradient_of_its_loss(
    drawn: tuple[Network, int], samples: int, seed: int
) -> None:
    network, inputs = drawn
    params = network.initialize(seed)
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, inputs))
    forward = network.forward(params, x)
    t = generator.normal(size=forward.output.shape)
    backward = network.backward(forward, MSE().evaluate(forward.output, t).gradient)
    witness = network_differences(network, params, x, t, MSE())
    # Where a mask flips on the way, the quotient is a mean of two slopes and says nothing.
    said = ~witness.flipped
    np.testing.assert_allclose(
        backward.gradient[said], witness.gradient[said], rtol=1e-7, atol=1e-9
    )


def test_the_pass_of_another_network_is_refused(samples: tuple[Array, Array]) -> None:
    x, _ = samples
    one, other = Network(Linear(2, 1)), Network(Sequential(Linear(2, 1)))
    forward = one.forward(one.initialize(), x)
    with pytest.raises(ContractError, match="the forward pass of another network"):
        other.backward(forward, forward.output)
    # An equal network is the same network.
    assert Network(Linear(2, 1)).backward(forward, forward.output).gradient.shape == (3,)


def test_lists_are_taken_as_arrays() -> None:
    network = Network(Linear(1, 1))
    forward = network.forward([2.0, 1.0], [[3.0]])  # type: ignore[arg-type]
    assert forward.output.item() == 7.0
    assert MSE().evaluate(forward.output, [[5.0]]).value == 4.0  # type: ignore[arg-type]
