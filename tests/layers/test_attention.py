"""Attention and positions: values by hand, masks, refusals, and PyTorch's own layers of them."""

import numpy as np
import pytest

from clearprop import (
    Embedding,
    LearnedPositions,
    MultiheadAttention,
    Network,
    RotaryPositions,
    Sequential,
    SinusoidalPositions,
    SwiGLU,
    Unembedding,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DataError, ShapeError
from clearprop.checking.witnesses.finite_differences import central_differences
from tests.gradient_checks import (
    DIFFERENCES_ATOL,
    DIFFERENCES_RTOL,
    Point,
    differences_gradient,
    draw_point,
    own_gradient,
)


def plain(causal: bool = False) -> tuple[Network, Array]:
    """One head of one feature whose q, k, v and output are x itself."""
    network = Network(MultiheadAttention(1, 1, bias=False, causal=causal))
    return network, np.ones(network.size)


def test_two_positions_by_hand() -> None:
    # x = (0, ln 2), d = 1: the scores s_ij = x_i x_j are 0, 0 and 0, (ln 2)² = 0.4805.
    # The first row's weights are ½, ½; the second's 1/(1 + e^0.4805) = 1/2.6168 = 0.3821, 0.6179.
    # y = (½ ln 2, 0.6179 ln 2) = (0.3466, 0.4283).
    network, params = plain()
    x = np.array([[[0.0], [np.log(2)]]])
    forward = network.forward(params, x)
    weights = forward.inside("")["weights"].values[0, 0]
    np.testing.assert_allclose(weights, [[0.5, 0.5], [0.382145, 0.617855]], atol=1e-6)
    np.testing.assert_allclose(forward.output.ravel(), [0.346574, 0.428265], atol=1e-6)
    # With ∂C/∂y = (0, 1): ∂C/∂w of the second row is v = (0, 0.6931), the row takes
    # Σ w ∂C/∂w = 0.4283 from it, so ∂C/∂s = 0.3821 (0 − 0.4283) and 0.6179 (0.6931 − 0.4283).
    backward = network.backward(forward, np.array([[[0.0], [1.0]]]))
    scores = backward.inside("")["scores"][0, 0]
    np.testing.assert_allclose(scores, [[0.0, 0.0], [-0.163659, 0.163659]], atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("largest", [63.9, 64.1, 1e4])
def test_scores_of_any_size_give_the_softmax(largest: float, dtype: str, causal: bool) -> None:
    # With d = 1 and x = (−r, 1, r), r² the largest score, the scores are x_i x_j; beside them the
    # softmax as it is written, with the largest of each row taken off, in float64.
    network, params = plain(causal=causal)
    x = np.array([-(largest**0.5), 1, largest**0.5]).astype(dtype)
    forward = network.forward(params.astype(dtype), x.reshape(1, 3, 1))
    scores = np.outer(x, x).astype(float)
    if causal:
        scores[np.triu_indices(3, 1)] = -np.inf
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    expected = powers / powers.sum(axis=-1, keepdims=True)
    weights = forward.inside("")["weights"].values[0, 0]
    tolerance = 1e-5 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(weights, expected, rtol=tolerance, atol=tolerance * 1e-30)


def test_a_softcap_and_a_scale_by_hand() -> None:
    # x = (0, ln 2), scale 2, softcap 1: the second row's scores are 0 and 2 (ln 2)² = 0.9609, the
    # cap makes tanh 0.9609 = 0.7447 of it, and the weights are 1/(1 + e^0.7447) = 0.3220, 0.6780.
    network = Network(MultiheadAttention(1, 1, bias=False, scale=2.0, softcap=1.0))
    x = np.array([[[0.0], [np.log(2)]]])
    forward = network.forward(np.ones(network.size), x)
    inside = {name: one.values[0, 0] for name, one in forward.inside("").items()}
    np.testing.assert_allclose(inside["scores"][1], [0, 0.960906], atol=1e-6)
    np.testing.assert_allclose(inside["capped"][1], [0, 0.744681], atol=1e-6)
    np.testing.assert_allclose(inside["weights"][1], [0.321981, 0.678019], atol=1e-6)
    # ∂C/∂b = 0.3220 · 0.6780 · ln 2 = 0.1513 of the second, times the slope 1 − 0.7447² = 0.4455;
    # the first one's score is 0, where the slope is 1.
    found = network.backward(forward, np.array([[[0.0], [1.0]]])).inside("")
    np.testing.assert_allclose(found["capped"][0, 0, 1], [-0.151321, 0.151321], atol=1e-6)
    np.testing.assert_allclose(found["scores"][0, 0, 1], [-0.151321, 0.067406], atol=1e-6)


def test_shared_heads_are_those_of_a_layer_with_equal_columns() -> None:
    shared = Network(MultiheadAttention(8, 4, key_value_heads=2))
    params = shared.initialize(0) + 0.1
    whole = Network(MultiheadAttention(8, 4))
    own = shared.named(params)
    # Heads 0 and 1 look at the first one, columns 8 and 9; heads 2 and 3 at 10 and 11; then values.
    columns = [*range(8), 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 15, 14, 15]
    arrays = {
        name: array[:, columns] if "in_proj" in name else array for name, array in own.items()
    }
    wide = whole.replace(np.zeros(whole.size), arrays)
    x = np.random.default_rng(0).normal(size=(2, 3, 8))
    one, other = shared.forward(params, x), whole.forward(wide, x)
    np.testing.assert_allclose(one.output, other.output, rtol=1e-13)
    dy = np.random.default_rng(1).normal(size=x.shape)
    narrow = shared.backward(one, dy).named()["in_proj_weight"]
    wide_gradient = whole.backward(other, dy).named()["in_proj_weight"]
    expected = np.zeros_like(narrow)
    np.add.at(expected.T, columns, wide_gradient.T)
    np.testing.assert_allclose(narrow, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["booleans", "numbers", "of samples", "of heads"])
def test_who_may_look_where_by_finite_differences(kind: str) -> None:
    generator = np.random.default_rng(0)
    mask = {
        "booleans": np.triu(np.ones((3, 3), bool), 1),
        "numbers": generator.normal(size=(3, 3)),
        "of samples": generator.normal(size=(2, 3, 3)),
        "of heads": np.where(np.tri(3, dtype=bool), generator.normal(size=(2, 2, 3, 3)), -np.inf),
    }[kind]
    layer = MultiheadAttention(4, 2, softcap=2.0)
    point = draw_point(layer, (3, 4), samples=2)

    def projection(flat: Array) -> float:
        x, params = flat[: point.x.size].reshape(point.x.shape), flat[point.x.size :]
        return float(np.sum(point.dy * point.at(params, x, side_inputs={"attn_mask": mask}).output))

    forward = point.network.forward(point.params, point.x, side_inputs={"attn_mask": mask})
    back = point.network.backward(forward, point.dy)
    assert back.input_gradient is not None
    own = np.concatenate([back.input_gradient.ravel(), back.gradient])
    quotients = central_differences(projection, point.differentiable).gradient
    np.testing.assert_allclose(own, quotients, rtol=DIFFERENCES_RTOL, atol=DIFFERENCES_ATOL)
    if kind == "booleans":
        causal = Network(MultiheadAttention(4, 2, softcap=2.0, causal=True))
        np.testing.assert_allclose(
            forward.output, causal.predict(point.params, point.x), rtol=1e-14
        )


def test_masks_beside_many_networks_and_of_one_layer_alone() -> None:
    network = Network(Sequential(MultiheadAttention(4, 2), MultiheadAttention(4, 2, memory=2)))
    params = network.initialize([0, 1, 2])
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    masks = {
        "layers[0].key_padding_mask": np.array([[False] * 5, [False] * 4 + [True]]),
        "layers[1].key_padding_mask": np.array([[False, False], [False, True]]),
    }
    together = network.forward(params, x, side_inputs=masks)
    for number in range(3):
        alone = network.forward(params[number], x, side_inputs=masks).output
        np.testing.assert_allclose(together.output[number], alone, rtol=1e-13)
    assert not together.inside("layers[1]")["weights"].values[:, 1, :, :, 1].any()


def test_causal_positions_do_not_see_what_comes_later() -> None:
    network = Network(MultiheadAttention(4, 2, causal=True))
    params = network.initialize(0)
    x = np.random.default_rng(0).normal(size=(1, 5, 4))
    later = x.copy()
    later[:, 3:] += 1
    before, after = (network.predict(params, one) for one in (x, later))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])


def test_padding_is_seen_by_nobody_and_gets_nothing() -> None:
    point = draw_point(MultiheadAttention(4, 2), (3, 4), samples=2)
    mask = np.array([[False, False, True], [False, False, False]])

    def output(x: Array) -> Array:
        sides = {"key_padding_mask": mask}
        return point.network.forward(point.params, x, side_inputs=sides).output

    forward = point.network.forward(point.params, point.x, side_inputs={"key_padding_mask": mask})
    assert not forward.inside("")["weights"].values[0, :, :, 2].any()
    # The same as without that position, and nothing goes back to it through the others.
    short = point.network.predict(point.params, point.x[:1, :2])
    np.testing.assert_allclose(forward.output[:1, :2], short, rtol=1e-13)
    dy = point.dy.copy()
    dy[0, 2] = 0
    dx = point.network.backward(forward, dy).input_gradient
    assert dx is not None
    np.testing.assert_array_equal(dx[0, 2], 0)
    moved = point.x.copy()
    moved[1, 2, 0] += 1e-5
    moved_back = 2 * point.x - moved
    quotient = np.sum(dy * (output(moved) - output(moved_back))) / 2e-5
    np.testing.assert_allclose(dx[1, 2, 0], quotient, rtol=1e-6)


def test_dropout_is_drawn_by_seed_and_step_and_absent_in_use() -> None:
    network = Network(MultiheadAttention(4, 2, dropout=0.5))
    params = network.initialize(0)
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    first, same, other = (network.forward(params, x, step=s).output for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    whole = Network(MultiheadAttention(4, 2)).predict(params, x)
    np.testing.assert_array_equal(network.predict(params, x), whole)
    nothing = Network(MultiheadAttention(4, 2, dropout=1.0)).forward(params, x).output
    bias = network.named(params)["out_proj_bias"]
    np.testing.assert_array_equal(nothing, np.broadcast_to(bias, nothing.shape))


@pytest.mark.parametrize("rotary", [False, True])
def test_every_option_by_finite_differences(rotary: bool) -> None:
    for bias in (True, False):
        for more in (
            {"causal": True},
            {"memory": 2},
            {"dropout": 0.3},
            {"scale": 0.7, "softcap": 1.5, "causal": True},
            {"key_value_heads": 1, "memory": 1, "dropout": 0.3},
        ):
            layer = MultiheadAttention(4, 2, bias=bias, rotary=rotary, **more)
            point: Point = draw_point(layer, (4, 4), samples=2)
            np.testing.assert_allclose(
                own_gradient(point),
                differences_gradient(point),
                rtol=DIFFERENCES_RTOL,
                atol=DIFFERENCES_ATOL,
            )


def test_products_of_turned_vectors_depend_on_their_distance_alone() -> None:
    for interleaved in (False, True):
        network = Network(RotaryPositions(4, interleaved=interleaved))
        one = np.random.default_rng(0).normal(size=4)
        y = network.predict(np.empty(0), np.broadcast_to(one, (1, 6, 4)))[0]
        products = y @ y.T
        for distance in range(5):
            np.testing.assert_allclose(np.diag(products, distance), products[0, distance])
        # The first position is not turned.
        np.testing.assert_array_equal(y[0], one)


def test_sines_and_cosines_by_hand() -> None:
    table = SinusoidalPositions(4).table(3)
    np.testing.assert_array_equal(table[0], [0, 1, 0, 1])
    np.testing.assert_allclose(table[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])


def test_a_tied_table_gets_the_gradients_of_both_its_uses() -> None:
    network = Network(
        Sequential(Embedding(3, 2), Unembedding(3, 2)), {"layers[1].weight": "layers[0].weight"}
    )
    assert network.size == 6
    params, ids = np.arange(6.0), np.array([0, 2])
    forward = network.forward(params, ids)
    gradient = network.backward(forward, np.ones_like(forward.output)).gradient.reshape(3, 2)
    table = params.reshape(3, 2)
    # As a head every row gets Σ x = E₀ + E₂; as a table rows 0 and 2 get the sum of all rows.
    expected = np.tile(table[0] + table[2], (3, 1))
    expected[[0, 2]] += table.sum(0)
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MultiheadAttention(6, 4), "4 heads cannot share 6 features"),
        (lambda: MultiheadAttention(6, 2, rotary=True), "3 features, and turning by positions"),
        (lambda: MultiheadAttention(4, 2, causal=True, memory=2), "either causal"),
        (lambda: MultiheadAttention(4, 2, dropout=1.5), "dropout"),
        (lambda: MultiheadAttention(4, 0), "heads"),
        (lambda: MultiheadAttention(4, 2, key_value_heads=4), "2 heads cannot share 4 heads"),
        (lambda: MultiheadAttention(4, 2, softcap=0), "softcap"),
        (lambda: MultiheadAttention(4, 2, scale=float("inf")), "scale"),
        (lambda: RotaryPositions(6, 2), "in pairs"),
    ],
)
def test_settings_that_cannot_be(make: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        make()  # type: ignore[operator]
    assert caught.value.message("zh-TW").endswith("。")


@pytest.mark.parametrize(
    ("layer", "x", "said"),
    [
        (MultiheadAttention(4, 2), np.ones((2, 4)), r"takes sequences \(N, T, 4\)"),
        (MultiheadAttention(4, 2), np.ones((2, 3, 5)), r"takes sequences \(N, T, 4\)"),
        (MultiheadAttention(4, 2, memory=3), np.ones((2, 3, 4)), "needs at least 4"),
        (LearnedPositions(2, 3), np.ones((1, 4, 2)), "has 3 positions, and the sequence has 4"),
        (SwiGLU(), np.ones((2, 3)), "an even number of them"),
        (Unembedding(3, 2), np.ones((2, 3)), "takes 2 features"),
    ],
)
def test_inputs_that_do_not_fit(layer: object, x: Array, said: str) -> None:
    network = Network(layer)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=said) as caught:
        network.forward(network.initialize(0), x)
    assert caught.value.message("zh-TW")


def test_masks_that_cannot_be() -> None:
    for causal in (False, True):
        network = Network(MultiheadAttention(4, 2, causal=causal))
        params, x = network.initialize(0), np.ones((2, 3, 4))
        blind = np.zeros((2, 3), bool)
        blind[1, : 1 if causal else 3] = True
        with pytest.raises(DataError, match="sample 1 may look at nothing"):
            network.forward(params, x, side_inputs={"key_padding_mask": blind})
        with pytest.raises(ShapeError, match=r"array of booleans \(2, 3\)"):
            network.forward(params, x, side_inputs={"key_padding_mask": np.zeros((2, 3))})
        with pytest.raises(DataError, match="sample 0 may look at nothing"):
            network.forward(params, x, side_inputs={"attn_mask": np.ones((3, 3), bool)})
        for mask in (np.zeros((2, 2)), np.zeros((3, 3), int), np.zeros((3, 3, 3))):
            with pytest.raises(ShapeError, match=r"attn_mask is \(3, 3\), \(2, 3, 3\), \(2, 2"):
                network.forward(params, x, side_inputs={"attn_mask": mask})
        with pytest.raises(DataError, match="holds NaN"):
            network.forward(params, x, side_inputs={"attn_mask": np.full((3, 3), np.nan)})


def test_a_learned_key_and_one_of_0_by_hand() -> None:
    # One feature, W_in = 0: q = k = 0 and v = b = 2 at the one position, and every score is 0.
    # Beside it stand the learned pair (k, v) = (5, 8) and one of 0: each has a third.
    layer = MultiheadAttention(1, 1, add_bias_kv=True, add_zero_attn=True)
    network = Network(layer)
    values = {"in_proj_bias": [[0, 0, 2.0]], "bias_k": [[5.0]], "bias_v": [[8.0]]}
    named = {name: np.array(value) for name, value in values.items()}
    params = network.replace(np.zeros(network.size), {**named, "out_proj_weight": np.ones((1, 1))})
    forward = network.forward(params, np.ones((1, 1, 1)))
    np.testing.assert_allclose(forward.output, [[[(2 + 8 + 0) / 3]]], rtol=1e-15)
    inside = forward.inside("")
    np.testing.assert_array_equal(inside["k"].values.ravel(), [0, 5, 0])
    np.testing.assert_array_equal(inside["v"].values.ravel(), [2, 8, 0])
    # ∂C/∂v = w; ∂C/∂s = w (v − o) = ⅓ (8 − 10/3), and q = 0, so that nothing comes to b_k; of q
    # comes Σ ∂C/∂s k = 5 · ⅓ · 14/3.
    backward = network.backward(forward, np.ones((1, 1, 1)))
    gradients = backward.named()
    np.testing.assert_allclose(gradients["bias_v"], [[1 / 3]], rtol=1e-15)
    np.testing.assert_array_equal(gradients["bias_k"], [[0]])
    np.testing.assert_allclose(gradients["in_proj_bias"][0], [70 / 9, 0, 1 / 3], rtol=1e-14)


@pytest.mark.parametrize("causal", [False, True])
def test_where_everything_is_masked_the_learned_key_is_left(causal: bool) -> None:
    layer = MultiheadAttention(4, 2, causal=causal, add_bias_kv=True)
    network = Network(layer)
    generator = np.random.default_rng(0)
    params, x = generator.normal(size=network.size), generator.normal(size=(2, 3, 4))
    masks = {"key_padding_mask": np.ones((2, 3), bool)}
    forward = network.forward(params, x, side_inputs=masks)
    weights = forward.inside("")["weights"].values
    np.testing.assert_array_equal(weights[..., 3], 1)
    backward = network.backward(forward, np.ones_like(x))
    assert backward.input_gradient is not None
    assert not backward.input_gradient.any()
    # Without a mask no position looks ahead, and all look at what stands behind the sequence.
    weights = network.forward(params, x).inside("")["weights"].values
    assert bool((weights[..., 0, 1:3] == 0).all()) is causal
    assert (weights[..., 3] > 0).all()


def test_masks_and_more_keys_in_k_networks() -> None:
    layer = MultiheadAttention(4, 2, causal=True, add_bias_kv=True, add_zero_attn=True)
    network = Network(layer)
    generator = np.random.default_rng(0)
    params, x = generator.normal(size=(3, network.size)), generator.normal(size=(2, 3, 4))
    masks = {"attn_mask": generator.normal(size=(2, 3, 3))}
    forward = network.forward(params, x, side_inputs=masks)
    backward = network.backward(forward, np.ones_like(forward.output))
    for k in range(3):
        alone = network.forward(params[k], x, side_inputs=masks)
        back = network.backward(alone, np.ones_like(x))
        np.testing.assert_allclose(forward.output[k], alone.output, rtol=1e-12)
        np.testing.assert_allclose(backward.gradient[k], back.gradient, rtol=1e-11, atol=1e-13)
