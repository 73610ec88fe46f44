"""Embedding: worked by hand, against one-hot Linear, its ids, its refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import Context, Embedding, LayerNorm, Linear, Network, Normal, Sequential, Uniform
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError

TABLE = {"weight": np.array([[1.0, 2], [3, 4], [5, 6]])}


def test_by_hand() -> None:
    # Row 2 is taken twice and row 1 never: dW₂ = [1, 10] + [3, 30], dW₁ = 0, dW₀ = [2, 20].
    layer, ids = Embedding(3, 2), np.array([2, 0, 2])
    y, cache, state = layer.forward(TABLE, ids, Context())
    np.testing.assert_array_equal(y, [[5, 6], [1, 2], [5, 6]])
    assert cache._fields == ("ids",)
    assert cache.ids is ids
    assert not state
    dx, gradients = layer.backward(TABLE, cache, np.array([[1.0, 10], [2, 20], [3, 30]]))
    assert dx is None
    np.testing.assert_array_equal(gradients["weight"], [[2, 20], [0, 0], [4, 40]])


def test_several_ids_a_sample() -> None:
    y, cache, _ = Embedding(3, 2).forward(TABLE, np.array([[0, 1], [1, 1]], np.uint8), Context())
    np.testing.assert_array_equal(y, [[[1, 2], [3, 4]], [[3, 4], [3, 4]]])
    _, gradients = Embedding(3, 2).backward(TABLE, cache, np.ones((2, 2, 2)))
    np.testing.assert_array_equal(gradients["weight"], [[1, 1], [3, 3], [0, 0]])


@given(
    entries=st.integers(1, 5),
    features=st.integers(1, 3),
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=2),
    networks=st.none() | st.integers(1, 3),
    own_ids=st.booleans(),
    dtype=st.sampled_from(["int64", "int32", "uint8", "uint64"]),
)
def test_it_is_linear_at_a_one_hot_input(
    entries: int, features: int, shape: list[int], networks: int | None, own_ids: bool, dtype: str
) -> None:
    generator = np.random.default_rng([entries, features, *shape])
    lead = () if networks is None else (networks,)
    own = lead if own_ids and len(shape) == 2 else ()
    ids = generator.integers(entries, size=(*own, *shape)).astype(dtype)
    network = Network(Embedding(entries, features))
    params = generator.normal(size=(*lead, network.size))
    forward = network.forward(params, ids, own_input=bool(own))
    dy = generator.normal(size=forward.output.shape)
    backward = network.backward(forward, dy)
    assert backward.input_gradient is None

    one_hot = np.eye(entries)[np.broadcast_to(ids, (*lead, *shape)).astype(int)]
    rows = (*lead, int(np.prod(shape)))
    weight = network.named(params)["weight"]
    flat = one_hot.reshape(*rows, entries)
    np.testing.assert_array_equal(forward.output.reshape(*rows, features), flat @ weight)
    expected = np.swapaxes(flat, -1, -2) @ dy.reshape(*rows, features)
    # The two sum up in another order.
    np.testing.assert_allclose(backward.named()["weight"], expected, rtol=1e-13, atol=1e-13)


def test_the_table_starts_as_in_pytorch_unless_told_otherwise() -> None:
    parameter = Embedding(7, 3).parameters()["weight"]
    assert parameter.shape == (7, 3)
    assert parameter.initializer == Normal(0, 1)
    assert Embedding(7, 3, Uniform()).parameters()["weight"].initializer == Uniform()


def test_ids_pass_through_a_network_and_stop_at_the_table() -> None:
    network = Network(Sequential(Embedding(5, 3), LayerNorm(3), Linear(3, 1)))
    ids = np.array([4, 0, 4, 1])
    for params in (network.initialize(), network.initialize(range(2), dtype="float32")):
        forward = network.forward(params, ids)
        backward = network.backward(forward, np.ones_like(forward.output))
        assert backward.gradient.dtype == params.dtype
        assert backward["layers[0]"].input_gradient is None
        # Rows that no id named have no gradient.
        assert not backward.named()["layers[0].weight"][..., 2:4, :].any()


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([0, 3, 7], r"no row for the id 3 at \(1,\); Embedding\(3, 2\) has rows .* 0 to 2"),
        ([[0, 1], [-1, 2]], r"no row for the id -1 at \(1, 0\)"),
        (np.array([2**64 - 1], np.uint64), "no row for the id 18446744073709551615"),
    ],
)
def test_an_id_without_a_row_is_named(ids: Any, sentence: str) -> None:
    network = Network(Sequential(Embedding(3, 2)))
    with pytest.raises(ShapeError, match=r"layers\[0\]: there is " + sentence):
        network.forward(network.initialize(), np.asarray(ids))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_measurements_are_not_ids(dtype: str) -> None:
    network = Network(Embedding(3, 2))
    params = network.initialize(dtype=dtype)
    with pytest.raises(DtypeError, match=rf"takes ids, .* the input is {dtype}"):
        network.forward(params, np.ones(3, dtype))


def test_ids_of_other_shapes_are_refused() -> None:
    network = Network(Embedding(3, 2))
    for shape in ((), (2, 2, 2)):
        with pytest.raises(ShapeError, match=r"takes ids \(N,\) or \(N, T\), .* the input is \("):
            network.forward(network.initialize(), np.ones(shape, int))
    with pytest.raises(ShapeError, match=r"the input is \(3, 4, 2, 2\)"):
        network.forward(network.initialize(range(3)), np.ones((4, 2, 2), int))
    with pytest.raises(ShapeError, match=r"the input is \(N, 4, 2\)"):
        Embedding(3, 2).output_shape((4, 2))
    assert Embedding(3, 2).output_shape(None) is None
    assert Embedding(3, 2).output_shape((4,)) == (4, 2)


@pytest.mark.parametrize("name", ["entries", "features"])
@pytest.mark.parametrize("size", [0, 2.0, True, None])
def test_a_size_must_be_a_whole_number_above_0(name: str, size: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"Embedding's {name} must be a whole number"):
        Embedding(**{"entries": 1, "features": 1, name: size})
