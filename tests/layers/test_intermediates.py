"""What is inside a layer is data: values, gradients and addresses, right for every layer that
declares something."""

import numpy as np
import pytest

from clearprop import Layer, Linear, Network, ReLU, Sequential
from clearprop.base.errors import ClearpropError, ContractError, ShapeError, UnknownNameError
from clearprop.engine.addresses import Address, InnerAddress, number_address
from clearprop.engine.step import Step, take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample
from tests.gradient_checks import Point, assert_intermediates_right, draw_point
from tests.layers.inner_layers import Echo, EchoOfOneStep


def draw_of(example: LayerExample) -> Point:
    return draw_point(
        example.layer,
        example.input_shape,
        samples=2,
        ids=example.ids,
        training=example.training,
    )


CASES = [
    example
    for kind, examples in LAYER_EXAMPLES.items()
    if kind.intermediates is not Layer.intermediates
    for example in examples
]


@pytest.mark.parametrize("example", CASES, ids=lambda one: repr(one.layer))
def test_every_layer_with_something_inside(example: LayerExample) -> None:
    assert_intermediates_right(draw_of(example))


def test_a_layer_of_ones_own() -> None:
    assert_intermediates_right(draw_point(Echo(2), (3, 2), samples=2))


def test_a_gradient_that_is_cut_is_found() -> None:
    with pytest.raises(AssertionError, match="state"):
        assert_intermediates_right(draw_point(EchoOfOneStep(2), (3, 2), samples=2))


@pytest.fixture(scope="module")
def step() -> Step:
    network = Network(Sequential(Linear(2, 2), Echo(2), ReLU()))
    generator = np.random.default_rng(0)
    params = generator.normal(size=network.size)
    x = generator.normal(size=(2, 3, 2))
    return take_step(network, params, x, generator.normal(size=x.shape))


def test_values_by_hand() -> None:
    # r = 0.5, x = (1, 2, 4): s = 1, 2 + 0.5 = 2.5, 4 + 1.25 = 5.25. With ∂C/∂y = (0, 0, 1):
    # ∂C/∂s = 2 · 5.25 = 10.5 at the end, then 5.25, then 2.625.
    network = Network(Echo(1))
    forward = network.forward(np.array([0.5]), np.array([[[1.0], [2.0], [4.0]]]))
    backward = network.backward(forward, np.array([[[0.0], [0.0], [1.0]]]))
    inside = forward.inside("")["state"]
    np.testing.assert_array_equal(inside.values, [[[1.0], [2.5], [5.25]]])
    assert (inside.within, inside.axes) == (("time",), ("feature",))
    np.testing.assert_array_equal(backward.inside("")["state"], [[[2.625], [5.25], [10.5]]])
    assert not inside.values.flags.writeable


def test_an_address_points_inside(step: Step) -> None:
    address = number_address(step, "layers[1].time[2].state[1]")
    assert address == InnerAddress("layers[1]", "state", (("time", 2),), (1,))
    assert str(address) == "layers[1].time[2].state[1]"
    assert isinstance(address, InnerAddress)
    assert address.place == (2, 1)
    assert number_address(step, " layers[0][2,1] ") == Address("layers[0]", (2, 1))
    alone = take_step(Network(Echo(1)), np.ones(1), np.ones((1, 2, 1)), np.ones((1, 2, 1)))
    assert str(number_address(alone, "time[1].state[0]")) == "time[1].state[0]"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("layers[1].time[3].state[0]", ShapeError, "layers[1].time[2].state[0]"),
        ("layers[1].time[0].sate[1]", UnknownNameError, "layers[1].time[0].state[1]"),
        ("layers[1].time[0].state[2]", ShapeError, "its last entry is layers[1].time[0].state[1]"),
        ("layers[1].time[0].state", ShapeError, "as in layers[1].time[0].state[0]"),
        ("layers[2].time[0].state[0]", UnknownNameError, "layers[1].time[0].state[0]"),
    ],
)
def test_an_address_that_does_not_exist(
    step: Step, text: str, kind: type[ClearpropError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        number_address(step, text)
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW")


def test_nothing_is_computed_until_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError

    network = Network(Sequential(Linear(2, 2), Echo(2)))
    for name in ("intermediates", "intermediate_gradients"):
        monkeypatch.setattr(Echo, name, refused)
    x = np.ones((1, 3, 2))
    forward = network.forward(network.initialize(), x)
    backward = network.backward(forward, np.ones_like(x))
    assert backward.records
    assert forward.records
    with pytest.raises(AssertionError):
        forward.inside("layers[1]")
    assert not forward.inside("layers[0]")
    assert not forward.inside("")


def test_intermediates_without_their_output_are_refused() -> None:
    network = Network(Echo(1))
    record = network.forward(np.ones(1), np.ones((1, 2, 1))).records[0]
    with pytest.raises(ContractError, match="output_moved"):
        Layer.output_moved(record.layer, record.params, record.cache, {})
