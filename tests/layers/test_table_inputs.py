"""SoftClip, PiecewiseLinear and FeatureScale: values by hand, conventions, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import FeatureScale, Linear, Network, PiecewiseLinear, Sequential, SoftClip
from clearprop.base.arrays import EMPTY
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Context


def test_soft_clip_by_hand() -> None:
    # c = 3: z = 4 gives 4 / √(1 + 16/9) = 4 / (5/3) = 2.4; slope (25/9)^(−3/2) = 27/125 = 0.216.
    layer = SoftClip(3.0)
    z = np.array([[0.0, 4.0, -4.0]])
    a, cache, _ = layer.forward(EMPTY, z, Context())
    np.testing.assert_allclose(a, np.array([[0, 2.4, -2.4]]), rtol=1e-15)
    dz, _ = layer.backward(EMPTY, cache, np.array([[1.0, 1.0, 10.0]]))
    np.testing.assert_allclose(np.asarray(dz), np.array([[1, 0.216, 2.16]]), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_soft_clip_never_overflows(dtype: str) -> None:
    z = np.array([np.finfo(dtype).max, -np.finfo(dtype).max, np.inf], dtype)
    layer = SoftClip(2.0)
    a = layer.value(z[:2])
    assert a.dtype == dtype
    np.testing.assert_allclose(a, [2, -2], rtol=1e-6)
    assert layer.derivative(z, z).tolist() == [0, 0, 0]


def test_piecewise_linear_by_hand() -> None:
    # Feature 0 has bins [0, 2] and [2, 3], feature 1 none. x₀ = 1 is half through the first bin,
    # 2.25 a quarter through the second, −1 in front of both.
    layer = PiecewiseLinear(((0.0, 2.0, 3.0), ()))
    x = np.array([[1.0, 7.0], [2.25, 8.0], [-1.0, 9.0]])
    y, cache, _ = layer.forward(EMPTY, x, Context())
    assert y.tolist() == [[1, 7, 0.5, 0], [2.25, 8, 1, 0.25], [-1, 9, 0, 0]]
    # ∂C/∂x₀ = dy₀ + dh₁/2 in the first bin, dy₀ + dh₂/1 in the second, dy₀ outside.
    dy = np.array([[1.0, 2.0, 10.0, 100.0]] * 3)
    dx, _ = layer.backward(EMPTY, cache, dy)
    assert np.asarray(dx).tolist() == [[6, 2], [101, 2], [1, 2]]


def test_bins_grow_to_their_height_by_hand() -> None:
    # As above with t = ½: halves of the shares go on, and halves of their signals come back:
    # 1 + ½ · 10/2 = 3.5 and 1 + ½ · 100/1 = 51.
    layer = PiecewiseLinear(((0.0, 2.0, 3.0), ()), height=0.5)
    x = np.array([[1.0, 7.0], [2.25, 8.0], [-1.0, 9.0]])
    y, cache, _ = layer.forward(EMPTY, x, Context())
    assert y.tolist() == [[1, 7, 0.25, 0], [2.25, 8, 0.5, 0.125], [-1, 9, 0, 0]]
    dx, _ = layer.backward(EMPTY, cache, np.array([[1.0, 2.0, 10.0, 100.0]] * 3))
    assert np.asarray(dx).tolist() == [[3.5, 2], [51, 2], [1, 2]]


@pytest.mark.parametrize("height", [0.0, -1.0, np.inf, np.nan, "high"])
def test_a_height_that_is_none_is_refused(height: object) -> None:
    with pytest.raises(ConfigurationError, match="height"):
        PiecewiseLinear(((0.0, 1.0),), height)  # type: ignore[arg-type]


def test_at_an_edge_the_bin_that_begins_there_counts() -> None:
    layer = PiecewiseLinear(((0.0, 2.0, 3.0),))
    x = np.array([[0.0], [2.0], [3.0]])
    _, cache, _ = layer.forward(EMPTY, x, Context())
    dx, _ = layer.backward(EMPTY, cache, np.array([[0.0, 1.0, 1.0]] * 3))
    assert np.asarray(dx).tolist() == [[0.5], [1.0], [0.0]]


def test_feature_scale_by_hand() -> None:
    # r = 6 and w = (1/2, 2): y = (3 x₀, 12 x₁). With x = (1, 2) and (3, 4) and dy = 1 everywhere
    # ∂C/∂w = 6 (1 + 3, 2 + 4) = (24, 36), ∂C/∂x = (3, 12).
    layer = FeatureScale(2, rate=6.0)
    params = {"weight": np.array([[0.5, 2.0]])}
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    y, cache, _ = layer.forward(params, x, Context())
    assert y.tolist() == [[3, 24], [9, 48]]
    dx, gradients = layer.backward(params, cache, np.ones((2, 2)))
    assert np.asarray(dx).tolist() == [[3, 12], [3, 12]]
    assert gradients["weight"].tolist() == [[24, 36]]


@pytest.mark.parametrize("rate", [1.0, 6.0])
def test_feature_scale_starts_by_changing_nothing(rate: float) -> None:
    network = Network(FeatureScale(3, rate=rate))
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(network.predict(network.initialize(0), x), x, rtol=1e-15)


@pytest.mark.parametrize(
    "edges", [(), 3, ((0.0,),), ((1.0, 0.0),), ((0.0, 0.0),), ((0.0, np.inf),), (("a", "b"),)]
)
def test_edges_that_are_none_are_refused(edges: object) -> None:
    with pytest.raises(ConfigurationError, match="edges"):
        PiecewiseLinear(edges)  # type: ignore[arg-type]


def test_the_wrong_number_of_features_is_refused() -> None:
    layer = PiecewiseLinear(((0.0, 1.0), ()))
    with pytest.raises(ShapeError):
        layer.forward(EMPTY, np.ones((2, 3)), Context())
    with pytest.raises(ShapeError):
        Network(Sequential(Linear(1, 3), layer))


edges_of_a_feature = st.lists(
    st.floats(-100, 100).map(lambda number: round(number, 3)), max_size=5, unique=True
).map(lambda found: tuple(sorted(found)) if len(found) > 1 else ())


@given(
    edges=st.lists(edges_of_a_feature, min_size=1, max_size=4).map(tuple),
    rows=st.integers(1, 4),
    seed=st.integers(0, 100),
)
def test_shares_grow_with_the_feature_and_sum_to_its_place(
    edges: tuple[tuple[float, ...], ...], rows: int, seed: int
) -> None:
    layer = PiecewiseLinear(edges)
    x = np.random.default_rng(seed).uniform(-120, 120, (rows, len(edges)))
    y, _, _ = layer.forward(EMPTY, x, Context())
    assert y.shape == (rows, layer.output_shape((len(edges),))[-1])  # type: ignore[index]
    np.testing.assert_array_equal(y[:, : len(edges)], x)
    at = len(edges)
    for feature, ours in enumerate(edges):
        bins = max(len(ours) - 1, 0)
        shares = y[:, at : at + bins]
        at += bins
        if not bins:
            continue
        # The shares, weighted by the widths of their bins, are how far x is from the first edge.
        reached = shares @ np.diff(ours)
        held = np.clip(x[:, feature], ours[0], ours[-1]) - ours[0]
        np.testing.assert_allclose(reached, held, atol=1e-9)
        assert (np.diff(shares, axis=1) <= 0).all()
