"""The graph: who takes what, in which order; and combinators of a person's own in both passes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Concatenate,
    Context,
    Embedding,
    Linear,
    MultiheadAttention,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    check,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError, UnknownNameError
from clearprop.engine.graph import propagate
from clearprop.engine.joining import Concatenation, Sum
from clearprop.engine.layers.layer import Backward, Tree
from clearprop.engine.running import run_backward_into, run_forward
from clearprop.training import fit
from tests.gradient_checks import present
from tests.own_combinators import ADDED, CONCATENATED, Added, AsItIs, Concatenated

RESIDUAL = Network(Sequential(Linear(2, 3), Residual(Sequential(Tanh(), Linear(3, 3))), ReLU()))


def test_the_steps_are_in_the_order_of_the_forward_pass() -> None:
    graph = RESIDUAL.graph
    assert [(step.path, step.sources) for step in graph.steps] == [
        ("layers[0]", ("input",)),
        ("layers[1].branch.layers[0]", ("layers[0]",)),
        ("layers[1].branch.layers[1]", ("layers[1].branch.layers[0]",)),
        ("layers[1]", ("layers[0]", "layers[1].branch.layers[1]")),
        ("layers[2]", ("layers[1]",)),
    ]
    assert graph.output == "layers[2]"
    assert list(graph.joins) == ["layers[1]"]
    assert [step.path for step in graph.takers("layers[0]")] == [
        "layers[1].branch.layers[0]",
        "layers[1]",
    ]
    assert graph.takers("layers[2]") == ()


def test_a_combinator_is_known_by_the_wires_that_it_takes_and_puts_out() -> None:
    groups = RESIDUAL.graph.groups
    assert {path: (one.source, one.output) for path, one in groups.items()} == {
        "layers[1].branch": ("layers[0]", "layers[1].branch.layers[1]"),
        "layers[1]": ("layers[0]", "layers[1]"),
        "": ("input", "layers[2]"),
    }
    assert RESIDUAL.graph.wire("layers[1].branch") == "layers[1].branch.layers[1]"
    assert [step.path for step in RESIDUAL.graph.inside("layers[1]")] == [
        "layers[1].branch.layers[0]",
        "layers[1].branch.layers[1]",
        "layers[1]",
    ]
    with pytest.raises(UnknownNameError, match=r"nearest names are layers\[1\]"):
        RESIDUAL.graph.wire("layer[1]")


def test_the_combinator_of_a_step_is_the_innermost_around_it() -> None:
    of = {step.path: RESIDUAL.graph.combinator_of(step.path).path for step in RESIDUAL.graph.steps}
    assert of == {
        "layers[0]": "",
        "layers[1].branch.layers[0]": "layers[1].branch",
        "layers[1].branch.layers[1]": "layers[1].branch",
        "layers[1]": "layers[1]",  # the sum is the Residual's own
        "layers[2]": "",
    }


def test_a_node_knows_its_parameters_and_the_shapes_that_are_known() -> None:
    node = RESIDUAL.graph.nodes["layers[1].branch.layers[1]"]
    assert {name: (slot.path, slot.start, slot.stop) for name, slot in node.parameters.items()} == {
        "weight": ("layers[1].branch.layers[1].weight", 9, 18),
        "bias": ("layers[1].branch.layers[1].bias", 18, 21),
    }
    assert (node.input_shape, node.output_shape) == ((3,), (3,))
    assert RESIDUAL.graph.nodes["layers[0]"].input_shape is None
    assert RESIDUAL.graph.shapes((5, 2))["layers[2]"] == (5, 3)


def test_what_no_parameter_reaches_needs_no_signal_in_a_training() -> None:
    network = Network(Sequential(ReLU(), Residual(Tanh()), Linear(2, 1), Tanh()))
    assert network.graph.constant == {"input", "layers[0]", "layers[1].branch", "layers[1]"}
    params, x = network.initialize(), np.random.default_rng(0).normal(size=(4, 2))
    forward = network.forward(params, x)
    dy = np.ones((4, 1))
    ran = run_forward(network.layout, params, x, Context(records=False))
    places = network.layout.gradient_places(params)
    np.testing.assert_array_equal(
        run_backward_into(network.graph, ran, dy, places),
        network.backward(forward, dy).gradient,
    )


def test_two_branches_added_by_hand() -> None:
    # left: 2x + 1, right: ReLU. At x = 3: y = 7 + 3 = 10; at x = −1: y = −1 + 0 = −1.
    # dy = 1 and 10: dw = 3·1 − 1·10 = −7, db = 11; dx = 2·1 + 1 = 3 and 2·10 + 0 = 20.
    network = Network(Added(Linear(1, 1), ReLU()))
    forward = network.forward(np.array([2.0, 1]), np.array([[3.0], [-1]]))
    np.testing.assert_array_equal(forward.output, [[10], [-1]])
    backward = network.backward(forward, np.array([[1.0], [10]]))
    np.testing.assert_array_equal(backward.gradient, [-7, 11])
    np.testing.assert_array_equal(present(backward.input_gradient), [[3], [20]])
    assert list(forward[""].params) == ["left.weight", "left.bias"]
    np.testing.assert_array_equal(present(backward[""].input_gradient), [[3], [20]])


def test_two_branches_and_the_input_side_by_side_by_hand() -> None:
    # y = (2x + 1, ReLU(x), x). At x = 3: (7, 3, 3). dy = (1, 10, 100): dw = 3, db = 1,
    # dx = 2·1 + 10 + 100 = 112.
    network = Network(Concatenated(Linear(1, 1), ReLU()))
    forward = network.forward(np.array([2.0, 1]), np.array([[3.0]]))
    np.testing.assert_array_equal(forward.output, [[7, 3, 3]])
    backward = network.backward(forward, np.array([[1.0, 10, 100]]))
    np.testing.assert_array_equal(backward.gradient, [3, 1])
    np.testing.assert_array_equal(present(backward.input_gradient), [[112]])
    np.testing.assert_array_equal(present(backward.gradient_at("right")), [[10]])


@pytest.mark.parametrize("network", [ADDED, CONCATENATED], ids=["added", "concatenated"])
@pytest.mark.parametrize("networks", [None, 3])
def test_a_persons_combinator_agrees_with_the_complex_step(
    network: Network, networks: int | None
) -> None:
    generator = np.random.default_rng(1)
    lead = () if networks is None else (networks,)
    params = generator.normal(size=(*lead, network.size))
    x, dy = generator.normal(size=(5, 2)), generator.normal(size=(*lead, 5, 1))
    gradient = network.backward(network.forward(params, x), dy).gradient
    step = 1e-30
    for position in range(network.size):
        moved = params.astype(complex)
        moved[..., position] += 1j * step
        slope = (network.forward(moved, x).output.imag * dy).sum(axis=(-2, -1)) / step
        np.testing.assert_allclose(gradient[..., position], slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("network", [ADDED, CONCATENATED], ids=["added", "concatenated"])
def test_a_persons_combinator_is_trained_and_checked(network: Network) -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=(20, 2))
    t = np.sin(x.sum(axis=1, keepdims=True))
    trained = fit(network, network.initialize(), x, t, optimizer=SGD(0.1), epochs=200)
    assert trained.losses[-1] < 0.3 * trained.losses[0]
    assert check(network, x, params=trained.params).outcome == "right"


@pytest.mark.parametrize(
    ("shapes", "term", "index", "lands"),
    [
        ([(2,), (3,)], 0, (1,), (1,)),
        ([(2,), (3,)], 1, (1,), (3,)),
        ([(4, 2), (4, 3)], 1, (3, 0), (3, 2)),
    ],
)
def test_where_an_entry_goes_in_a_concatenation(
    shapes: Any, term: int, index: Any, lands: Any
) -> None:
    join = Concatenation("y", ("a", "b"))
    terms = [np.zeros((1, *shape)) for shape in shapes]
    terms[term][(0, *index)] = 1
    assert join.lands(term, index, shapes) == lands
    assert join.value(terms)[(0, *lands)] == 1
    assert Sum("y", ("a", "b")).lands(term, index, shapes) == index


@pytest.mark.parametrize(
    ("axis", "shapes", "term", "index", "lands"),
    [
        (-2, [(2, 3), (4, 3)], 1, (1, 2), (3, 2)),
        (-3, [(1, 2, 2), (3, 2, 2)], 1, (0, 1, 0), (1, 1, 0)),
    ],
)
def test_terms_stand_one_after_another_along_any_axis(
    axis: int, shapes: Any, term: int, index: Any, lands: Any
) -> None:
    join = Concatenation("y", ("a", "b"), axis)
    terms = [np.zeros((1, *shape)) for shape in shapes]
    terms[term][(0, *index)] = 1
    assert join.lands(term, index, shapes) == lands
    y = join.value(terms)
    assert y[(0, *lands)] == 1
    assert join.output_shape(shapes) == y.shape[1:]
    for share, one in zip(join.shares(y, terms), terms, strict=True):
        np.testing.assert_array_equal(share, one)


def test_cross_attention_takes_queries_and_context_from_two_branches() -> None:
    # Three times ask what a Linear makes of them; what they ask is made of the same x otherwise.
    query, context = Linear(4, 4), Sequential(Linear(4, 4), Tanh())
    network = Network(
        Sequential(Concatenate(query, context, axis=-2), MultiheadAttention(4, 2, memory=3))
    )
    params, x = network.initialize(0) + 0.1, np.random.default_rng(0).normal(size=(2, 3, 4))
    forward = network.forward(params, x)
    assert forward.output.shape == (2, 3, 4)
    arrays = network.named(params)
    alone = Network(MultiheadAttention(4, 2, memory=3))
    own = np.concatenate([a.ravel() for n, a in arrays.items() if n.startswith("layers[1]")])
    both = [forward.value(network.graph.wire(f"layers[0].branches[{i}]")) for i in range(2)]
    expected = alone.predict(own, np.concatenate(both, axis=1))
    np.testing.assert_array_equal(forward.output, expected)
    assert check(network, x, params=params).outcome == "right"


def test_an_axis_that_cannot_be_is_a_sentence() -> None:
    for axis in (0, 1, True, 1.5):
        with pytest.raises(ConfigurationError, match="counted from the end"):
            Concatenate(Tanh(), ReLU(), axis=axis)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"along axis -2 .* \(N, 3, 2\) and \(N, 3, 4\)"):
        Concatenation("y", ("a", "b"), -2).output_shape([(3, 2), (3, 4)])
    network = Network(Concatenate(Linear(2, 2), Tanh(), axis=-2))
    with pytest.raises(ShapeError, match="the first one being the samples'"):
        network.forward(network.initialize(0), np.ones((4, 2)))


def test_shapes_that_do_not_fit_are_refused_when_they_are_known_and_when_they_run() -> None:
    with pytest.raises(ShapeError, match=r"one shape, and these are \(N, 3\) and \(N, 2\)"):
        Network(Sequential(Linear(1, 3), Added(Linear(3, 3), Linear(3, 2))))
    network = Network(Added(Linear(2, 1), Tanh()))
    with pytest.raises(ShapeError, match=r"these are \(4, 1\) and \(4, 2\)"):
        network.forward(network.initialize(), np.ones((4, 2)))
    beside = Concatenation("y", ("a", "b"))
    with pytest.raises(ShapeError, match=r"last axis alone, and these are \(2, 1\) and \(3, 1\)"):
        beside.value([np.ones((2, 1)), np.ones((3, 1))])
    with pytest.raises(ShapeError, match=r"\(N, 4, 1\) and \(N, 5, 1\)"):
        beside.output_shape([(4, 1), (5, 1)])
    assert beside.output_shape([(4, 1), None]) is None


def test_a_graph_carries_any_librarys_arrays() -> None:
    # Words for arrays: what each layer is called, in the order in which it is applied.
    words = propagate(RESIDUAL.graph, Word("x"), lambda node, value: Word(f"{node.path}({value})"))
    first = "layers[0](x)"
    branch = f"layers[1].branch.layers[1](layers[1].branch.layers[0]({first}))"
    assert words["layers[2]"] == f"layers[2]({first} + {branch})"


class Word(str):
    shape = ()

    def __add__(self, other: str) -> "Word":
        return Word(f"{self} + {other}")


def test_a_network_is_hashable_and_equal_networks_have_one_hash() -> None:
    ties = {"layers[1].weight": "layers[0].weight"}
    layer = Sequential(Linear(2, 2), Linear(2, 2))
    assert len({Network(layer, ties), Network(layer, dict(ties)), Network(layer)}) == 2


def test_a_loss_of_the_whole() -> None:
    # The share of each branch in ∂C/∂x adds up to the whole.
    params, x = ADDED.initialize(), np.random.default_rng(3).normal(size=(4, 2))
    forward = ADDED.forward(params, x)
    backward = ADDED.backward(forward, MSE().evaluate(forward.output, np.zeros((4, 1))).gradient)
    shares = [backward[f"layers[1].{side}"].input_gradient for side in ("left", "right")]
    np.testing.assert_allclose(
        present(backward.gradient_at("layers[0]")), present(shares[0]) + present(shares[1])
    )


@dataclass(frozen=True)
class Doubled(Linear):
    """A Linear layer with twice the right weight gradient, and nothing said of a training."""

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, gradients = super().backward(params, cache, dy)
        return dx, {**gradients, "weight": 2 * gradients["weight"]}


def test_a_training_takes_a_layers_own_backward_not_an_inherited_one() -> None:
    # Linear writes its gradients in a way of its own, which a subclass must not inherit.
    network = Network(Sequential(Doubled(2, 3), ReLU(), Doubled(3, 1)))
    params, x = network.initialize(), np.random.default_rng(0).normal(size=(4, 2))
    dy = np.ones((4, 1))
    forward = network.forward(params, x)
    run = run_forward(network.layout, params, x, Context(records=False))
    places = network.layout.gradient_places(params)
    np.testing.assert_array_equal(
        run_backward_into(network.graph, run, dy, places), network.backward(forward, dy).gradient
    )


def test_who_uses_a_tied_parameter() -> None:
    three = Sequential(Linear(2, 2), Linear(2, 2), Linear(2, 2))
    graph = Network(three, tied={"layers[2].weight": "layers[0].weight"}).graph
    for path in ("layers[0].weight", "layers[2].weight"):
        users = [(node.path, name) for node, name in graph.users(path)]
        assert users == [("layers[0]", "weight"), ("layers[2]", "weight")]
    assert [(node.path, name) for node, name in graph.users("layers[1].bias")] == [
        ("layers[1]", "bias")
    ]


def test_a_combinator_that_hands_on_what_it_takes() -> None:
    network = Network(Sequential(AsItIs(), Linear(1, 1), AsItIs()))
    forward = network.forward(np.array([2.0, 1]), np.array([[3.0]]))
    backward = network.backward(forward, np.array([[10.0]]))
    assert (forward["layers[0]"].output.item(), forward["layers[2]"].input.item()) == (3, 7)
    ends = [backward[path].input_gradient for path in ("layers[0]", "layers[2]")]
    assert [present(end).item() for end in ends] == [20, 10]
    # Ids have no derivative, and the layer is there all the same.
    ids = Network(Sequential(AsItIs(), Embedding(3, 1)))
    forward = ids.forward(np.array([1.0, 2, 3]), np.array([2]))
    assert forward["layers[0]"].output.tolist() == [2]
    backward = ids.backward(forward, np.ones((1, 1)))
    with pytest.raises(DtypeError, match=r"The input is int64: ids have no derivative"):
        backward["layers[0]"]
