"""Convolution: a 3×3 kernel by hand, what its sums run over, and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    AdaptiveAvgPool2d,
    Add,
    AvgPool1d,
    ChannelBatchNorm,
    Concatenate,
    Context,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAverage,
    GroupNorm,
    Identity,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Pad,
    ReLU,
    Residual,
    Sequential,
)  # fmt: skip
from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError, ConfigurationError, ShapeError
from tests.gradient_checks import draw_point, own_gradient

KERNEL = np.array([[1.0, 0, 0], [0, 0, 2], [0, 3, 0]]).reshape(1, 1, 3, 3)
IMAGE = np.arange(16.0).reshape(1, 1, 4, 4)  # rows 0 1 2 3, 4 5 6 7, 8 9 10 11, 12 13 14 15


def passes(layer: Any, params: dict[str, Array], x: Array, dy: Array | None = None) -> Any:
    y, cache, _ = layer.forward(params, x, Context())
    return (y, *layer.backward(params, cache, np.ones_like(y) if dy is None else dy))


def test_a_kernel_of_three_by_three_by_hand() -> None:
    layer = Conv2d(1, 1, 3)
    y, dx, gradients = passes(layer, {"weight": KERNEL, "bias": np.array([[0.5]])}, IMAGE)
    # At the upper left place the kernel's 1 lies on 0, its 2 on 6 and its 3 on 9:
    # 0 + 12 + 27 + 0.5 = 39.5; a place further to the right or below every number is 1 or 4 more,
    # and z 6 or 24, since the kernel's numbers add up to 6.
    np.testing.assert_array_equal(y, [[[[39.5, 45.5], [63.5, 69.5]]]])
    # dz is 1 at all four places. w[0,0] lies on 0, 1, 4 and 5, which add up to 10; each entry
    # further to the right or below lies on four numbers that are 1 or 4 more.
    expected = [[10, 14, 18], [26, 30, 34], [42, 46, 50]]
    np.testing.assert_array_equal(gradients["weight"], np.reshape(expected, (1, 1, 3, 3)))
    np.testing.assert_array_equal(gradients["bias"], [[4.0]])
    # What each number of the image is multiplied with, over the four places: the corner with w[0,0]
    # alone; the 6 in row 1, column 2, with w[1,2], w[1,1], w[0,2] and w[0,1]: 2 + 0 + 0 + 0.
    np.testing.assert_array_equal(dx, [[[[1, 1, 0, 0], [1, 1, 2, 2], [0, 3, 5, 2], [0, 3, 3, 0]]]])


def test_the_kernel_is_not_turned_around() -> None:
    # Cross-correlation, as everywhere in this field: w[0] meets the number in front.
    weight = np.array([1.0, 10, 100]).reshape(1, 1, 3)
    x = np.array([[[1.0, 2, 3, 4]]])
    y, _, _ = passes(Conv1d(1, 1, 3, bias=False), {"weight": weight}, x)
    np.testing.assert_array_equal(y, [[[321.0, 432.0]]])


def test_a_border_takes_part_in_the_sums_but_has_no_gradient() -> None:
    weight = np.array([1.0, 10, 100]).reshape(1, 1, 3)
    x = np.array([[[1.0, 2, 3]]])
    y, dx, gradients = passes(Conv1d(1, 1, 3, padding=1, bias=False), {"weight": weight}, x)
    # 0 1 2 → 210; 1 2 3 → 321; 2 3 0 → 32
    np.testing.assert_array_equal(y, [[[210.0, 321.0, 32.0]]])
    np.testing.assert_array_equal(dx, [[[11.0, 111.0, 110.0]]])
    np.testing.assert_array_equal(gradients["weight"], [[[3.0, 6.0, 5.0]]])


def test_strides_and_dilation_leave_numbers_out() -> None:
    weight = np.array([1.0, 10]).reshape(1, 1, 2)
    x = np.arange(6.0).reshape(1, 1, 6)
    layer = Conv1d(1, 1, 2, stride=3, dilation=2, bias=False)
    # Places 0 and 3; the entries lie on 0 and 2, on 3 and 5.
    y, dx, gradients = passes(layer, {"weight": weight}, x)
    np.testing.assert_array_equal(y, [[[20.0, 53.0]]])
    np.testing.assert_array_equal(dx, [[[1.0, 0, 10, 1, 0, 10]]])
    np.testing.assert_array_equal(gradients["weight"], [[[3.0, 7.0]]])


def test_groups_see_their_own_channels_alone() -> None:
    weight = np.array([2.0, 3.0]).reshape(2, 1, 1)
    x = np.array([[[1.0, 10], [100, 1000]]])
    y, dx, gradients = passes(Conv1d(2, 2, 1, groups=2, bias=False), {"weight": weight}, x)
    np.testing.assert_array_equal(y, [[[2.0, 20], [300, 3000]]])
    np.testing.assert_array_equal(dx, [[[2.0, 2], [3, 3]]])
    np.testing.assert_array_equal(gradients["weight"].ravel(), [11.0, 1100.0])


@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.sampled_from([0, 1, 2, ((1, 0), (0, 2)), "same", "same_lower"]),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    samples=st.integers(0, 3),
)
def test_any_shape_is_the_sum_place_by_place(
    sizes: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    padding: Any,
    dilation: int,
    groups: int,
    samples: int,
) -> None:
    layer = Conv2d(2, 4, kernel, stride, padding, dilation, groups)
    if min(layer.window_on(sizes).places(sizes)) < 1:
        with pytest.raises(ShapeError, match="does not fit"):
            layer.output_shape((2, *sizes))
        return
    point = draw_point(layer, (2, *sizes), samples=samples)
    params = point.network.named(point.params)
    y = point.forward().output
    x = np.pad(point.x, ((0, 0), (0, 0), *layer.window_on(sizes).padding))
    for o, p, q in np.ndindex(*y.shape[1:]):
        own = slice(2 // groups * (o // (4 // groups)), None)
        rows = slice(stride * p, stride * p + dilation * (kernel[0] - 1) + 1, dilation)
        columns = slice(stride * q, stride * q + dilation * (kernel[1] - 1) + 1, dilation)
        under = x[:, own, rows, columns][:, : 2 // groups]
        expected = (under * params["weight"][o]).sum(axis=(1, 2, 3)) + params["bias"][0, o]
        np.testing.assert_allclose(y[:, o, p, q], expected, rtol=1e-12, atol=1e-13)
    assert np.isfinite(own_gradient(point)).all()


def test_a_patch_and_its_gradient_have_an_address() -> None:
    network = Network(Sequential(Conv2d(1, 1, 3), ReLU()))
    params = np.append(KERNEL.ravel(), 0.5)
    forward = network.forward(params, IMAGE)
    backward = network.backward(forward, np.ones((1, 1, 2, 2)))
    patch = forward.inside("layers[0]")["patch"]
    assert (patch.within, patch.axes) == (("row", "column"), ("channel", "row", "column"))
    # Under the kernel at row 1, column 0 lie 4 5 6, 8 9 10 and 12 13 14.
    np.testing.assert_array_equal(patch.values[0, 1, 0, 0, 2], [12.0, 13.0, 14.0])
    np.testing.assert_array_equal(backward.inside("layers[0]")["patch"][0, 1, 0], KERNEL[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((2, 4, 0), "kernel must be a whole number of at least 1"),
        ((2, 4, (3, 3, 3)), "or 2 of them"),
        ((2, 4, 2.5), "kernel must be a whole number"),
        ((2, 4, True), "kernel must be a whole number"),
        ((2, 4, 3, 0), "stride must be"),
        ((2, 4, 3, 1, -1), "padding must be"),
        ((2, 4, 3, 1, "full"), 'one of "same", "same_lower" and "valid"'),
        ((2, 4, 3, 1, (1, 1, 1)), "one for each of the 2 axes"),
        ((2, 4, 3, 1, ((1, 1, 1), (0, 0, 0))), "a pair (in front, behind) for each"),
        ((2, 4, 3, 1, ((1, -1), (0, 0))), "padding must be"),
        ((2, 4, 3, 1, ((1, 0.5), (0, 0))), "padding must be"),
        ((2, 4, 3, 1, 0, 0), "dilation must be"),
        ((2, 4, 3, 1, 0, 1, 4), "cannot divide 2 input and 4 output channels into 4 groups"),
        ((0, 4, 3), "inputs must be"),
        ((2, 4, 3, 1, 0, 1, 1, 2), "bias must be"),
    ],
)
def test_settings_that_cannot_be(settings: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Conv2d(*settings)
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((5, 4, 4), "takes (N, 2, H, W)"),
        ((5, 3, 4, 4), "takes (N, 2, H, W)"),
        ((5, 4, 4, 2), "x.transpose(0, 3, 1, 2)"),
        ((5, 2, 2, 9), "a window that spans 3 × 3 does not fit an image of 2 × 9"),
        ((5, 2, 0, 4), "does not fit an image of 0 × 4"),
        ((2, 4, 4), "one sample alone: use x[None]"),
        ((4, 4), "takes (N, 2, H, W)"),
    ],
)
def test_images_that_do_not_fit(shape: tuple[int, ...], said: str) -> None:
    network = Network(Conv2d(2, 1, 3))
    with pytest.raises(ShapeError) as caught:
        network.predict(network.initialize(), np.zeros(shape))
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


@pytest.mark.parametrize("layer", [Conv2d(1, 2, 3), MaxPool2d(2)])
def test_grey_images_without_their_axis_of_channels(layer: Layer) -> None:
    network = Network(layer)
    params, images = network.initialize(), np.ones((5, 6, 6))
    with pytest.raises(ShapeError, match=r"no axis of channels: .* use x\[:, None\]"):
        network.predict(params, images)
    assert network.predict(params, images[:, None]).shape[0] == 5


def test_ids_are_no_images_and_channels_are_held_against_the_layer_before() -> None:
    network = Network(Conv1d(1, 1, 1))
    with pytest.raises(ClearpropError, match="int64"):
        network.predict(network.initialize(), np.zeros((1, 1, 3), np.int64))
    with pytest.raises(ShapeError, match=r"takes \(N, 8, H, W\).*gives \(N, 4, 6, 6\)"):
        Conv2d(8, 2, 3).output_shape((4, 6, 6))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            (ReLU(), Dropout(0.5), Conv2d(8, 2, 3)),
            "Conv2d takes (N, 8, H, W), but Conv2d(1, 4) before it gives (N, 4, H, W)",
        ),
        ((MaxPool2d(2), Conv1d(4, 2, 3)), "Conv1d takes (N, 4, L), but Conv2d(1, 4)"),
        ((AvgPool1d(2),), "AvgPool1d takes (N, C, L), but Conv2d(1, 4)"),
        ((AdaptiveAvgPool2d(2), GroupNorm(2, 6)), "GroupNorm takes (N, 6, H, W)"),
        ((Pad((1, 1), mode="reflect"), ChannelBatchNorm(5)), "takes (N, 5, H, W)"),
        ((GlobalAverage(), Linear(5, 2)), "Linear(5, 2) takes (N, 5), but the layer before"),
        ((GlobalAverage(keep_axes=True), Conv2d(3, 2, 1)), "gives (N, 4, 1, 1)"),
        ((Residual(Conv2d(4, 6, 3, padding=1)),), "(N, 4, H, W) went in and (N, 6, H, W) came"),
        ((Add(Identity(), Conv1d(4, 6, 3)),), "Conv1d takes (N, 4, L)"),
        (
            (Concatenate(Conv2d(4, 3, 1), Conv2d(4, 5, 3, padding=1), axis=-3), Conv2d(5, 2, 1)),
            "gives (N, 8, H, W)",
        ),
    ],
)
def test_channels_that_do_not_fit_are_refused_where_a_network_is_made(
    layers: tuple[Layer, ...], said: str
) -> None:
    # Nobody has said how large the images are.
    with pytest.raises(ShapeError) as caught:
        Network(Sequential(Conv2d(1, 4, 3), *layers))
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


def test_what_nobody_can_know_yet_is_not_refused() -> None:
    around_channels = Pad((0, 0, 0, 0, 1, 1))
    for layers in (
        (Flatten(), Linear(7, 2)),
        (around_channels, Conv2d(6, 2, 3)),
        (Linear(9, 4), Conv2d(8, 2, 1)),
        (ChannelBatchNorm(4), Add(Conv2d(4, 3, 1), Conv2d(4, 3, 3, padding=1)), Conv2d(3, 1, 1)),
    ):
        network = Network(Sequential(Conv2d(1, 4, 3), *layers))
        assert network.graph.nodes["layers[0]"].output_shape is None


def test_a_border_may_differ_from_side_to_side_and_depend_on_the_image() -> None:
    weight = np.array([1.0, 10, 100]).reshape(1, 1, 3)
    x = np.array([[[1.0, 2, 3, 4]]])
    # Behind: 1 2 3 → 321, 2 3 4 → 432, 3 4 0 → 43, 4 0 0 → 4.
    y, dx, _ = passes(Conv1d(1, 1, 3, padding=((0, 2),), bias=False), {"weight": weight}, x)
    np.testing.assert_array_equal(y, [[[321.0, 432.0, 43.0, 4.0]]])
    np.testing.assert_array_equal(dx, [[[1.0, 11.0, 111.0, 111.0]]])
    # ⌈4/2⌉ = 2 places at 0 and 2, which span 5: one zero, behind or in front.
    for padding, expected in (("same", [321.0, 43.0]), ("same_lower", [210.0, 432.0])):
        layer = Conv1d(1, 1, 3, stride=2, padding=padding, bias=False)
        y, _, _ = passes(layer, {"weight": weight}, x)
        np.testing.assert_array_equal(y, [[expected]])


def test_one_number_and_a_pair_of_it_are_one_setting() -> None:
    assert Conv2d(1, 2, (3, 3), padding=[1, 1]) == Conv2d(1, 2, 3, padding=1)  # type: ignore[arg-type]
    assert Conv2d(1, 2, tuple(np.array([3, 2]))).kernel == (3, 2)
    assert Conv2d(1, 2, 3, padding=((1, 1), (2, 2))) == Conv2d(1, 2, 3, padding=(1, 2))
    assert Conv2d(1, 2, 3, padding="valid") == Conv2d(1, 2, 3)
    assert Conv1d(1, 2, 3, padding=[[0, np.int64(1)]]).padding == ((0, 1),)  # type: ignore[arg-type]
    assert hash(Conv2d(1, 2, 3)) == hash(Conv2d(1, 2, (3, 3)))
