"""The flat parameter array: its layout, its views, ties, and the refusals of a wrong gradient."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from clearprop import (
    Constant,
    Context,
    Layer,
    Linear,
    Network,
    Parameter,
    ReLU,
    Residual,
    Sequential,
    Zeros,
    check,
    take_step,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError, UnknownNameError
from clearprop.engine.graph import join_path
from clearprop.engine.layers.layer import Backward, Forward, Tree
from clearprop.engine.parameters import Layout
from clearprop.engine.running import run_backward_into, run_forward
from clearprop.engine.wiring import graph_of
from clearprop.reading.explanation import explain_weight

NESTED = Sequential(Linear(2, 3), Residual(Sequential(ReLU(), Linear(3, 3, bias=False))), ReLU())


def test_paths_say_how_python_reaches_an_array() -> None:
    assert list(Layout(graph_of(NESTED)).slots) == [
        "layers[0].weight",
        "layers[0].bias",
        "layers[1].branch.layers[1].weight",
    ]
    assert eval("net.layers[1].branch.layers[1]", {"net": NESTED}) == Linear(3, 3, bias=False)
    assert list(graph_of(NESTED).nodes) == [
        "layers[0]",
        "layers[1].branch.layers[0]",
        "layers[1].branch.layers[1]",
        "layers[2]",
    ]
    assert join_path("", "weight") == "weight"
    assert join_path("layers[0]", "weight") == "layers[0].weight"


def test_slots_lie_one_after_another_without_gaps() -> None:
    layout = Layout(graph_of(NESTED))
    assert [(slot.start, slot.stop, slot.shape) for slot in layout.slots.values()] == [
        (0, 6, (2, 3)),
        (6, 9, (1, 3)),
        (9, 18, (3, 3)),
    ]
    assert layout.size == 18
    assert Layout(graph_of(ReLU())).size == 0


@pytest.mark.parametrize("order", ["C", "F"])
def test_views_share_memory_with_the_flat_array(order: Any) -> None:
    layout = Layout(graph_of(NESTED))
    for flat in (np.zeros(18), np.zeros(36)[::2], np.zeros((4, 18), order=order)):
        for path, slot in layout.slots.items():
            view = layout.view(flat, path)
            assert view.shape == (*flat.shape[:-1], *slot.shape)
            view[...] = 1
        assert (flat == 1).all()


def test_the_views_have_the_layers_own_names() -> None:
    flat = np.arange(18.0)
    views = Layout(graph_of(NESTED)).views(flat)
    np.testing.assert_array_equal(views["layers[0]"]["weight"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(views["layers[0]"]["bias"], [[6, 7, 8]])
    assert views["layers[2]"] == {}
    stacked = Layout(graph_of(NESTED)).views(np.stack([flat, -flat]))
    np.testing.assert_array_equal(stacked["layers[0]"]["bias"][1], [[-6, -7, -8]])


def test_a_tie_shares_the_slice() -> None:
    ties = {"layers[2].weight": "layers[0].weight"}
    layout = Layout(graph_of(Sequential(Linear(2, 2), ReLU(), Linear(2, 2)), ties))
    assert layout.size == 4 + 2 + 2
    # In the order of the layers, wherever a slot lies.
    assert list(layout.slots) == [
        "layers[0].weight",
        "layers[0].bias",
        "layers[2].weight",
        "layers[2].bias",
    ]
    flat = np.arange(8.0)
    assert np.shares_memory(
        layout.view(flat, "layers[0].weight"), layout.view(flat, "layers[2].weight")
    )


SQUARE = Sequential(Linear(2, 2), Linear(2, 2), Linear(2, 3))


@pytest.mark.parametrize(
    ("ties", "error"),
    [
        ({"layers[2].weight": "layers[0].weight"}, ConfigurationError),  # another shape
        ({"layers[0].weight": "layers[1].weight"}, ConfigurationError),  # a later one
        ({"layers[0].weight": "layers[0].weight"}, ConfigurationError),  # itself
        ({"layers[1].wieght": "layers[0].weight"}, UnknownNameError),
        ({"layers[1].weight": "layer[0].weight"}, UnknownNameError),
    ],
)
def test_a_tie_that_cannot_be_is_refused_with_the_network(
    ties: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"nearest names are|cannot share the values"):
        Network(SQUARE, tied=ties)


def test_a_chain_of_ties_is_refused_or_shares_the_same_slice() -> None:
    three = Sequential(Linear(2, 2), Linear(2, 2), Linear(2, 2))
    ties = {"layers[1].weight": "layers[0].weight", "layers[2].weight": "layers[1].weight"}
    for order in (ties, dict(reversed(ties.items()))):
        slots = Network(three, tied=order).layout.slots
        starts = {slots[f"layers[{i}].weight"].start for i in range(3)}
        assert starts == {0}


def test_editing_the_ties_afterwards_does_not_reach_the_network() -> None:
    ties = {"layers[1].weight": "layers[0].weight"}
    network = Network(SQUARE, tied=ties)
    ties.clear()
    assert network.tied == {"layers[1].weight": "layers[0].weight"}


def test_an_unknown_path_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'layers\[0\].wieght' .* layers\[0\].weight"):
        Layout(graph_of(NESTED)).slot("layers[0].wieght")
    # Where nothing is near, the first few.
    with pytest.raises(UnknownNameError, match=r"nearest names are layers\[0\].weight, layers\["):
        Layout(graph_of(NESTED)).view(np.zeros(18), "xyz")


@dataclass(frozen=True)
class Scale(Layer):
    """y = s·x, with a backward that can be told to be wrong."""

    wrong: str = ""
    stackable: ClassVar[bool] = True

    def parameters(self) -> dict[str, Parameter]:
        return {"scale": Parameter((1, 2), Zeros(), 1, 1)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return params["scale"] * x, x, EMPTY

    def backward(self, params: Tree, cache: Array, dy: Array) -> Backward:
        gradient = (cache * dy).sum(axis=-2, keepdims=True)
        gradients = {
            "": {"scale": gradient},
            "missing": {},
            "shape": {"scale": gradient[..., 0, :]},
            "transposed": {"scale": gradient.swapaxes(-1, -2)},
        }
        return params["scale"] * dy, gradients[self.wrong]


@pytest.mark.parametrize("lead", [(), (3,)])
def test_a_gradient_must_be_there_and_of_its_parameters_shape(lead: tuple[int, ...]) -> None:
    def gradient(wrong: str) -> Array:
        network = Network(Sequential(Scale(wrong), ReLU()))
        forward = network.forward(np.ones((*lead, 2)), np.ones((4, 2)))
        return network.backward(forward, forward.output).gradient

    np.testing.assert_array_equal(gradient(""), np.full((*lead, 2), 4))
    with pytest.raises(ContractError, match=r"layers\[0\].scale: backward returned no gradient"):
        gradient("missing")
    for wrong in ("shape", "transposed"):
        with pytest.raises(ShapeError, match=r"layers\[0\].scale: backward returned a gradient"):
            gradient(wrong)


SCALED = Parameter((1, 2), Constant(3.0), 1, 1)


@dataclass(frozen=True)
class ScaleBesideNothing(Scale):
    """The same, with a parameter before it that has no entries."""

    def parameters(self) -> dict[str, Parameter]:
        return {"nothing": Parameter((0, 2), Zeros(), 1, 1), "scale": SCALED}

    def backward(self, params: Tree, cache: Array, dy: Array) -> Backward:
        dx, gradients = super().backward(params, cache, dy)
        return dx, {**gradients, "nothing": np.zeros((*dy.shape[:-2], 0, 2))}


def test_a_parameter_without_entries_shares_nothing_with_the_next() -> None:
    # y = 3x at x = 2, dy = y = 6: ∂C/∂s = 6 · 2 in each of 4 samples.
    network = Network(ScaleBesideNothing())
    params, x = network.initialize(), np.full((4, 2), 2.0)
    np.testing.assert_array_equal(params, [3, 3])
    forward = network.forward(params, x)
    np.testing.assert_array_equal(network.backward(forward, forward.output).gradient, [48, 48])
    places = network.layout.gradient_places(params)
    places.flat[...] = np.nan
    run = run_forward(network.layout, params, x, Context(records=False))
    found = run_backward_into(network.graph, run, run.output, places)
    np.testing.assert_array_equal(found, [48, 48])
    step = take_step(network, params, x, np.zeros((4, 2)))
    # MSE over 4 · 2 entries: 4 · 2/8 · 6 · 2.
    explained = explain_weight(step, "scale[0,1]")
    assert (explained.gradient, explained.witness.outcome) == (12, "agrees")
    assert check(network, x, params=params).outcome == "right"
