"""Sequential and Residual: worked by hand, nested, and what they refuse."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import Context, Layer, Linear, Network, ReLU, Residual, Sequential, Tanh
from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError
from clearprop.engine.combinators import Combinator, CombinatorCache
from clearprop.engine.layers.layer import Backward, Forward, Tree, Wiring
from tests.gradient_checks import present


def test_sequential_by_hand() -> None:
    # f₁: z = 2x + 1, f₂: a = max(0, z), f₃: y = −3a + 5, at x = 4 and x = −2.
    # x = 4:   z = 9,  a = 9, y = −22.   dy = 1: da = −3, dw₃ = 9, db₃ = 1;
    #          dz = −3·1 = −3, dw₁ = 4·(−3) = −12, db₁ = −3, dx = 2·(−3) = −6
    # x = −2:  z = −3, a = 0, y = 5.     dy = 1: da = −3, dw₃ = 0, db₃ = 1;
    #          dz = −3·0 = 0, so nothing reaches layer 1 or x
    network = Network(Sequential(Linear(1, 1), ReLU(), Linear(1, 1)))
    params = np.array([2.0, 1, -3, 5])
    forward = network.forward(params, np.array([[4.0], [-2]]))
    np.testing.assert_array_equal(forward.output, [[-22], [5]])
    backward = network.backward(forward, np.ones((2, 1)))
    np.testing.assert_array_equal(backward.gradient, [-12, -3, 9, 2])
    np.testing.assert_array_equal(present(backward.input_gradient), [[-6], [0]])


def test_residual_by_hand() -> None:
    # y = x + (3x + 1) at x = 2: y = 9. dy = 10: the branch gives back 30 and x itself 10;
    # dw = 2·10 = 20, db = 10.
    network = Network(Residual(Linear(1, 1)))
    forward = network.forward(np.array([3.0, 1]), np.array([[2.0]]))
    assert forward.output.item() == 9
    backward = network.backward(forward, np.array([[10.0]]))
    np.testing.assert_array_equal(present(backward.input_gradient), [[40]])
    np.testing.assert_array_equal(backward.gradient, [20, 10])


def test_a_layer_used_twice_has_two_places() -> None:
    # The same object twice is two layers with equal settings; tying is what shares parameters.
    layer = Linear(1, 1)
    network = Network(Sequential(layer, layer))
    assert network.size == 4
    # y = 3·(2x + 1) + 1 at x = 1: h = 3, y = 10; dw₁ = x·3 = 3, db₁ = 3, dw₂ = h = 3, db₂ = 1
    forward = network.forward(np.array([2.0, 1, 3, 1]), np.ones((1, 1)))
    np.testing.assert_array_equal(network.backward(forward, np.ones((1, 1))).gradient, [3, 3, 3, 1])


def test_tied_layers_sum_their_gradients() -> None:
    # y = w(wx + b) + b at w = 2, b = 1, x = 1: h = 3, y = 7.
    # ∂y/∂w = (∂y/∂w)₂ + (∂y/∂w)₁ = h + w·x = 3 + 2 = 5; ∂y/∂b = 1 + w = 3
    ties = {"layers[1].weight": "layers[0].weight", "layers[1].bias": "layers[0].bias"}
    network = Network(Sequential(Linear(1, 1), Linear(1, 1)), tied=ties)
    forward = network.forward(np.array([2.0, 1]), np.ones((1, 1)))
    assert forward.output.item() == 7
    backward = network.backward(forward, np.ones((1, 1)))
    np.testing.assert_array_equal(backward.gradient, [5, 3])
    # Each layer's own share stands in its record.
    assert backward["layers[0]"].gradients["weight"].item() == 2
    assert backward["layers[1]"].gradients["weight"].item() == 3


def test_a_nested_network_is_the_flat_one() -> None:
    flat = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    nested = Network(Sequential(Sequential(Sequential(Linear(2, 3)), Tanh()), Linear(3, 1)))
    params = flat.initialize(seed=1)
    x = np.random.default_rng(0).normal(size=(5, 2))
    one, other = flat.forward(params, x), nested.forward(params, x)
    np.testing.assert_array_equal(one.output, other.output)
    dy = np.ones((5, 1))
    np.testing.assert_array_equal(
        flat.backward(one, dy).gradient, nested.backward(other, dy).gradient
    )


def test_a_combinator_is_a_layer_with_the_parameters_of_all_its_layers() -> None:
    # z = x·W + b with W = 1 and b = 0 is (1, 1) for every x = 1, and ReLU keeps it. dy = 1 gives
    # dW = Σₙ 1·1 = 3 and db = 3 for each of the two, and dx = 1 + 1.
    layer = Sequential(Linear(1, 2), ReLU())
    params = {"layers[0].weight": np.ones((1, 2)), "layers[0].bias": np.zeros((1, 2))}
    assert list(layer.parameters()) == list(params)
    y, cache, state = layer.forward(params, np.ones((3, 1)), Context())
    assert isinstance(cache, CombinatorCache)
    assert list(cache.values) == ["input", "layers[0]", "layers[1]"]
    assert state == {}
    np.testing.assert_array_equal(y, np.ones((3, 2)))
    dx, gradients = layer.backward(params, cache, np.ones((3, 2)))
    np.testing.assert_array_equal(present(dx), [[2], [2], [2]])
    np.testing.assert_array_equal(gradients["layers[0].weight"], [[3, 3]])
    np.testing.assert_array_equal(gradients["layers[0].bias"], [[3, 3]])


def test_a_combinator_with_passes_of_its_own_is_refused() -> None:
    # No network would run them: a mistake planted there would go unseen.
    with pytest.raises(ContractError, match="Mine is a combinator and defines backward"):

        class Mine(Sequential):
            def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
                return dy, {}


@dataclass(frozen=True)
class Wired(Combinator):
    """A combinator that is told what to state."""

    mistake: str

    def wire(self, wiring: Wiring, source: str) -> str:
        left = wiring.layer("left", Linear(2, 2), source)
        match self.mistake:
            case "name":
                return wiring.layer("left", Tanh(), left)
            case "wire":
                return wiring.add(left, "right")
            case "nothing":
                return wiring.add()
            case "join":
                return wiring.add(wiring.add(left, source), source)
            case "unused":
                return source
        return "elsewhere"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("name", "left: this name is taken"),
        ("wire", "the wiring names 'right'"),
        ("nothing", "the wiring names ''"),
        ("join", "this name is taken"),
        ("unused", "left: nothing takes what this layer puts out"),
        ("output", "the wiring names 'elsewhere'"),
    ],
)
def test_a_wiring_that_cannot_be_is_refused(mistake: str, sentence: str) -> None:
    with pytest.raises(ContractError, match=sentence):
        Network(Sequential(Linear(2, 2), Wired(mistake)))


# Not typed: these are the mistakes that a type checker would have found.
MISTAKES: list[tuple[Any, tuple[Any, ...], type[Exception], str]] = [
    (Sequential, (), ConfigurationError, "at least one layer"),
    (Sequential, (Linear(1, 1), ReLU), ContractError, r"layers\[1\] is the class ReLU"),
    (Sequential, (np.tanh,), ContractError, r"layers\[0\] takes a layer, and tanh"),
    (Sequential, ([ReLU()],), ContractError, r"takes a layer, and \[ReLU\(\)\] is none"),
    (Residual, (5,), ContractError, r"Residual.branch takes a layer, and 5 is none"),
    (Residual, (Tanh,), ContractError, r"as in Tanh\(...\)"),
    (Network, (Tanh,), ContractError, r"Network.layer is the class Tanh"),
    (Network, ("Tanh",), ContractError, r"Network.layer takes a layer"),
    (
        Sequential,
        (Linear(1, 3), ReLU(), Linear(2, 1)),
        ShapeError,
        r"Linear\(2, 1\) takes \(N, 2\), but the layer before it gives \(N, 3\)",
    ),
    (
        Sequential,
        (Linear(1, 3), Residual(Linear(3, 2))),
        ShapeError,
        r"\(N, 3\) went in and \(N, 2\) came out",
    ),
]


@pytest.mark.parametrize(("kind", "layers", "error", "sentence"), MISTAKES)
def test_what_cannot_be_built_is_refused(
    kind: Any, layers: tuple[Any, ...], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        kind(*layers)


def test_a_branch_that_changes_the_shape_is_refused_when_it_runs() -> None:
    # Residual alone cannot know what will come in; broadcasting (4, 1) with (4, 3) would hide it.
    network = Network(Residual(Linear(1, 3)))
    with pytest.raises(ShapeError, match=r"\(4, 1\) went in and \(4, 3\) came out"):
        network.forward(network.initialize(), np.ones((4, 1)))


@dataclass(frozen=True)
class Lookup(Layer):
    """Takes ids and has no gradient of its input, as an embedding."""

    stackable: ClassVar[bool] = False

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return (1,)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return x.astype(float), None, EMPTY

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        return None, EMPTY


def test_a_layer_without_an_input_gradient_stands_first_or_the_next_says_so() -> None:
    ids = np.array([[1], [2]])
    first = Network(Sequential(Lookup(), Linear(1, 1)))
    backward = first.backward(first.forward(np.array([2.0, 0]), ids), np.ones((2, 1)))
    assert backward.input_gradient is None
    assert backward["layers[0]"].input_gradient is None
    np.testing.assert_array_equal(backward.gradient, [3, 2])

    after = Network(Sequential(Linear(1, 1), Lookup()))
    forward = after.forward(np.array([2.0, 0]), np.ones((2, 1)))
    with pytest.raises(ContractError, match=r"layers\[1\]: backward returned no gradient"):
        after.backward(forward, np.ones((2, 1)))

    inside = Network(Residual(Lookup()))
    with pytest.raises(ContractError, match="branch: backward returned no gradient"):
        inside.backward(inside.forward(np.empty(0), np.ones((2, 1))), np.ones((2, 1)))


@given(widths=st.lists(st.integers(1, 4), min_size=2, max_size=6), samples=st.integers(0, 3))
def test_any_depth_and_width_is_the_product_of_its_matrices(
    widths: list[int], samples: int
) -> None:
    layers = [Linear(i, o, bias=False) for i, o in pairwise(widths)]
    network = Network(Sequential(*layers))
    params = network.initialize(seed=0)
    product = np.linalg.multi_dot([np.eye(widths[0]), *network.named(params).values()])
    x = np.random.default_rng(0).normal(size=(samples, widths[0]))
    forward = network.forward(params, x)
    backward = network.backward(forward, np.ones((samples, widths[-1])))
    # Products of at most five small matrices in two orders.
    np.testing.assert_allclose(forward.output, x @ product, rtol=1e-12, atol=1e-14)
    expected = np.ones((samples, widths[-1])) @ product.T
    np.testing.assert_allclose(present(backward.input_gradient), expected, rtol=1e-12, atol=1e-14)
