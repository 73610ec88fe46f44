"""Pooling, padding, flattening and normalization of images: by hand, at ties, and what is
refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    ChannelBatchNorm,
    Context,
    Flatten,
    GlobalAverage,
    GroupNorm,
    Layer,
    MaxPool1d,
    MaxPool2d,
    Network,
    Pad,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ShapeError

X = np.array([[[[1.0, 5, 2, 0], [3, 4, 8, 6]]]])


def passes(layer: Layer, x: Array, dy: Any) -> tuple[Array, Array | None]:
    y, cache, _ = layer.forward({}, x, Context())
    dx, _ = layer.backward({}, cache, np.array(dy, float).reshape(y.shape))
    return y, dx


def test_the_largest_number_gets_the_signal() -> None:
    y, dx = passes(MaxPool2d(2), X, [10, 20])
    np.testing.assert_array_equal(y, [[[[5.0, 8.0]]]])
    np.testing.assert_array_equal(dx, [[[[0, 10, 0, 0], [0, 0, 20, 0]]]])


def test_a_number_that_is_the_largest_at_several_places_collects_from_all() -> None:
    y, dx = passes(MaxPool1d(2, stride=1), np.array([[[1.0, 7, 3, 4]]]), [1, 10, 100])
    np.testing.assert_array_equal(y, [[[7.0, 7.0, 4.0]]])
    np.testing.assert_array_equal(dx, [[[0, 11, 0, 100]]])


def test_of_several_largest_the_first_row_by_row_gets_all(torch: Any) -> None:
    x = np.array([[[[2.0, 9, 0], [9, 1, 9], [0, 9, 9]]]])
    y, dx = passes(MaxPool2d(2, stride=1), x, [1, 10, 100, 1000])
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), 9.0))
    # Upper left window 2 9 / 9 1: the 9 of its first row. Lower left 9 1 / 0 9: its first 9.
    expected = [[[[0, 11, 0], [100, 0, 1000], [0, 0, 0]]]]
    np.testing.assert_array_equal(dx, expected)
    there = torch.tensor(x, requires_grad=True)
    signal = torch.tensor([[[[1.0, 10], [100, 1000]]]], dtype=torch.float64)
    torch.nn.MaxPool2d(2, 1)(there).backward(signal)
    np.testing.assert_array_equal(dx, there.grad.numpy())


def test_a_border_is_never_the_largest_and_nan_stays() -> None:
    y, dx = passes(MaxPool1d(3, padding=1), np.array([[[-5.0, -7, -9, -1]]]), [1, 1])
    np.testing.assert_array_equal(y, [[[-5.0, -1.0]]])
    np.testing.assert_array_equal(dx, [[[1, 0, 0, 1]]])
    y, _ = passes(MaxPool1d(2), np.array([[[np.nan, 1, 2, 3]]]), [1, 1])
    np.testing.assert_array_equal(y, [[[np.nan, 3]]])


def test_a_mean_shares_its_signal_out() -> None:
    y, dx = passes(AvgPool2d(2), X, [4, 8])
    np.testing.assert_array_equal(y, [[[[3.25, 4.0]]]])
    np.testing.assert_array_equal(dx, [[[[1, 1, 2, 2], [1, 1, 2, 2]]]])


def test_a_border_counts_or_does_not() -> None:
    x = np.array([[[6.0, 3, 9]]])
    y, dx = passes(AvgPool1d(3, stride=2, padding=1), x, [3, 6])
    np.testing.assert_array_equal(y, [[[3.0, 4.0]]])
    np.testing.assert_array_equal(dx, [[[1, 3, 2]]])
    y, dx = passes(AvgPool1d(3, stride=2, padding=1, count_border=False), x, [4, 6])
    np.testing.assert_array_equal(y, [[[4.5, 6.0]]])
    np.testing.assert_array_equal(dx, [[[2, 5, 3]]])


def test_the_last_window_may_end_behind_the_border() -> None:
    x = np.array([[[6.0, 3, 9]]])
    y, dx = passes(MaxPool1d(2, ceil_mode=True), x, [1, 10])
    np.testing.assert_array_equal(y, [[[6.0, 9.0]]])
    np.testing.assert_array_equal(dx, [[[1, 0, 10]]])
    # A number behind the border is no number at all: 9 is the mean of one.
    y, dx = passes(AvgPool1d(2, ceil_mode=True), x, [4, 10])
    np.testing.assert_array_equal(y, [[[4.5, 9.0]]])
    np.testing.assert_array_equal(dx, [[[2, 2, 10]]])
    # Places at −1, 1 and 3, and none behind the image, at 5: 0 6 3, 3 9 – and no third.
    y, _ = passes(AvgPool1d(3, stride=2, padding=1, ceil_mode=True), x, [1, 1])
    np.testing.assert_array_equal(y, [[[3.0, 4.0]]])


def test_a_mean_of_numbers_that_are_apart() -> None:
    y, dx = passes(AvgPool1d(2, stride=1, dilation=2), np.array([[[1.0, 2, 5, 8]]]), [2, 4])
    np.testing.assert_array_equal(y, [[[3.0, 5.0]]])
    np.testing.assert_array_equal(dx, [[[1, 2, 1, 2]]])
    # A window whose entries both lie beside the image has no number, and no mean.
    y, dx = passes(AvgPool1d(2, padding=1, dilation=2, count_border=False), np.ones((1, 1, 1)), [5])
    np.testing.assert_array_equal(y, [[[0.0]]])
    np.testing.assert_array_equal(dx, [[[0.0]]])


def test_so_many_places_as_are_asked_for() -> None:
    x = np.array([[[1.0, 2, 3, 5, 4, 6]]])
    y, dx = passes(AdaptiveAvgPool1d(3), x, [2, 4, 6])
    np.testing.assert_array_equal(y, [[[1.5, 4.0, 5.0]]])
    np.testing.assert_array_equal(dx, [[[1, 1, 2, 2, 3, 3]]])
    # Two places on five numbers: 1 2 3 and 3 5 4.
    y, dx = passes(AdaptiveMaxPool1d(2), x[..., :5], [1, 10])
    np.testing.assert_array_equal(y, [[[3.0, 5.0]]])
    np.testing.assert_array_equal(dx, [[[0, 0, 1, 10, 0]]])


def test_places_whose_windows_have_several_lengths() -> None:
    # Three places on eight numbers: 0 … 2, 2 … 5 and 5 … 7, of three, four and three numbers.
    x = np.array([[[1.0, 2, 3, 5, 4, 8, 0, 7]]])
    y, dx = passes(AdaptiveAvgPool1d(3), x, [3, 4, 6])
    np.testing.assert_array_equal(y, [[[2.0, 5.0, 5.0]]])
    np.testing.assert_array_equal(dx, [[[1, 1, 2, 1, 1, 3, 2, 2]]])
    # The number 8 is the largest of two of them, and collects from both.
    y, dx = passes(AdaptiveMaxPool1d(3), x, [1, 10, 100])
    np.testing.assert_array_equal(y, [[[3.0, 8.0, 8.0]]])
    np.testing.assert_array_equal(dx, [[[0, 0, 1, 0, 0, 110, 0, 0]]])
    # More places than numbers: 0, 0 … 1, 1 … 2 and 2.
    y, dx = passes(AdaptiveAvgPool1d(4), x[..., :3], [1, 10, 100, 1000])
    np.testing.assert_array_equal(y, [[[1.0, 1.5, 2.5, 3.0]]])
    np.testing.assert_array_equal(dx, [[[6, 55, 1050]]])
    # Three places on one number are that number three times.
    y, dx = passes(AdaptiveMaxPool1d(3), x[..., :1], [1, 10, 100])
    np.testing.assert_array_equal(y, [[[1.0, 1.0, 1.0]]])
    np.testing.assert_array_equal(dx, [[[111]]])
    # Of several largest ones the first gets the signal, also behind a shorter window.
    y, dx = passes(AdaptiveMaxPool1d(3), -np.ones((1, 1, 8)), [1, 10, 100])
    np.testing.assert_array_equal(dx, [[[1, 0, 10, 0, 0, 100, 0, 0]]])


@pytest.mark.parametrize(
    ("mode", "bordered", "back"),
    [
        # x = 1 2 3 with two numbers in front and one behind; dy = 1 10 100 1000 10⁴ 10⁵.
        ("reflect", [3, 2, 1, 2, 3, 2], [100, 101010, 10001]),
        ("replicate", [1, 1, 1, 2, 3, 3], [111, 1000, 110000]),
        ("circular", [2, 3, 1, 2, 3, 1], [100100, 1001, 10010]),
    ],
)
def test_a_border_of_the_images_own_numbers(mode: str, bordered: Any, back: Any) -> None:
    layer = Pad((2, 1), mode=mode)
    y, dx = passes(layer, np.array([[[1.0, 2, 3]]]), [1, 10, 100, 1000, 10**4, 10**5])
    np.testing.assert_array_equal(y, [[bordered]])
    np.testing.assert_array_equal(dx, [[back]])


@given(
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 1),
    dilation=st.integers(1, 2),
    flags=st.tuples(st.booleans(), st.booleans()),
    size=st.integers(1, 7),
)
@settings(deadline=None)
def test_any_window_is_pytorchs(
    torch: Any,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    flags: tuple[bool, bool],
    size: int,
) -> None:
    functional, padding = torch.nn.functional, min(padding, kernel // 2)
    x = np.random.default_rng(size).normal(size=(2, 2, size))
    pairs: dict[Layer, Any] = {
        MaxPool1d(kernel, stride, padding, dilation, flags[0]): lambda t: functional.max_pool1d(
            t, kernel, stride, padding, dilation, flags[0]
        ),
        AvgPool1d(kernel, stride, padding, flags[1], ceil_mode=flags[0]): (
            lambda t: functional.avg_pool1d(t, kernel, stride, padding, *flags)
        ),
    }
    for layer, theirs in pairs.items():
        t = torch.tensor(x, requires_grad=True)
        try:
            expected = theirs(t)
        except RuntimeError:  # which it says of a window that is larger than the image
            with pytest.raises(ShapeError):
                layer.output_shape((2, size))
            continue
        y, cache, _ = layer.forward({}, x, Context())
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-14)
        if np.isfinite(y).all():
            expected.backward(torch.ones_like(expected))
            dx, _ = layer.backward({}, cache, np.ones_like(y))
            assert dx is not None
            np.testing.assert_allclose(dx, t.grad.numpy(), rtol=1e-14)


def test_a_global_mean_of_every_channel() -> None:
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    y, dx = passes(GlobalAverage(), x, [6, 12])
    np.testing.assert_array_equal(y, [[2.5, 8.5]])
    np.testing.assert_array_equal(dx, np.repeat([1.0, 2.0], 6).reshape(x.shape))
    assert passes(GlobalAverage(keep_axes=True), x, [6, 12])[0].shape == (1, 2, 1, 1)


def test_flattening_is_row_by_row_and_padding_goes_around() -> None:
    x = np.arange(6.0).reshape(1, 2, 3)
    y, dx = passes(Flatten(), x, np.arange(6))
    np.testing.assert_array_equal(y, [np.arange(6.0)])
    np.testing.assert_array_equal(dx, x)
    y, dx = passes(Pad((1, 0, 0, 2), value=7), x[None], np.arange(16))
    # (left, right, top, bottom): one column in front, two rows below.
    expected = [[7, 0, 1, 2], [7, 3, 4, 5], [7, 7, 7, 7], [7, 7, 7, 7]]
    np.testing.assert_array_equal(y, [[expected]])
    np.testing.assert_array_equal(dx, [[[[1, 2, 3], [5, 6, 7]]]])


def test_channels_are_normalized_over_samples_and_places_groups_within_a_sample() -> None:
    x = np.array([[[1.0, 3], [10, 10]], [[5, 7], [10, 30]]])
    network = Network(ChannelBatchNorm(2, epsilon=1e-12))
    params = network.initialize()
    y = network.forward(params, x, state=network.initial_state(params)).output
    # Channel 0: 1 3 5 7, mean 4, variance 5. Channel 1: 10 10 10 30, mean 15, variance 75.
    np.testing.assert_allclose(y[:, 0].ravel(), np.array([-3, -1, 1, 3]) / 5**0.5)
    np.testing.assert_allclose(y[:, 1].ravel(), np.array([-5, -5, -5, 15]) / 75**0.5)
    network = Network(GroupNorm(1, 2, epsilon=1e-12))
    y = network.forward(network.initialize(), x).output
    # Sample 0: 1 3 10 10, mean 6, variance 16.5.
    np.testing.assert_allclose(y[0].ravel(), np.array([-5, -3, 4, 4]) / 16.5**0.5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MaxPool2d(0), "kernel must be"),
        (lambda: MaxPool1d(2, stride=(1, 1)), "stride must be"),
        (lambda: MaxPool2d(2, padding=2), "smaller than its window, which spans 2 × 2"),
        (lambda: AvgPool1d(2, padding=((0, 2),)), "it was given padding=((0, 2),)"),
        (lambda: AvgPool1d(2, padding="same", ceil_mode=True), "leave ceil_mode out"),
        (lambda: MaxPool2d.from_settings({"kernel": 2, "ceil_mode": 1}), "ceil_mode must be"),
        (lambda: AdaptiveAvgPool2d(0), "output_size must be"),
        (lambda: AdaptiveMaxPool1d((1, 2)), "output_size must be"),
        (lambda: AdaptiveMaxPool2d((None, 0)), "output_size must be"),
        (lambda: AdaptiveMaxPool2d((None, 2, 2)), "output_size must be"),
        (lambda: Pad((1, 1), mode="mirror"), "constant, reflect, replicate, circular"),
        (lambda: Pad((1, 1), 2.0, "reflect"), "is for the mode"),
        (lambda: MaxPool2d(2, dilation=0), "dilation must be"),
        (lambda: AvgPool1d.from_settings({"kernel": 2, "count_border": 1}), "count_border must be"),
        (lambda: GlobalAverage.from_settings({"keep_axes": 1}), "keep_axes must be"),
        (lambda: Pad.from_settings({"padding": 1}), "pairs of whole numbers"),
        (lambda: Pad((1, -1)), "pairs of whole numbers"),
        (lambda: Pad((1, 1), value=float("nan")), "finite number"),
        (lambda: GroupNorm(2, 3), "cannot divide 3 channels into 2 groups"),
        (lambda: ChannelBatchNorm(0), "features must be"),
    ],
)
def test_settings_that_cannot_be(make: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (MaxPool2d(2), (3, 4, 4), "takes (N, C, H, W)"),
        (MaxPool1d(5), (3, 2, 4), "does not fit an image of 4"),
        (GlobalAverage(), (3, 4), "takes images (N, C, H, W)"),
        (GlobalAverage(), (3, 4, 0), "that have numbers"),
        (Pad((1, 1, 1, 1)), (3, 4), "the last 2 axes"),
        (Pad((0, 4), mode="reflect"), (3, 4), "3 is the most it can be there"),
        (Pad((5, 0, 0, 0), mode="circular"), (3, 2, 4), "4 is the most it can be there"),
        (Pad((1, 0), mode="replicate"), (3, 2, 0), "too wide for an axis of 0"),
        (AdaptiveAvgPool1d(3), (1, 2, 0), "does not fit an image of 0"),
        (MaxPool1d(3, dilation=2), (1, 2, 4), "a window that spans 5 does not fit an image of 4"),
        (AvgPool2d(3, padding="same"), (1, 2, 0, 4), "does not fit an image of 0 × 4"),
        (ChannelBatchNorm(3), (3, 4, 3), "takes 3 channels"),
        (ChannelBatchNorm(3), (1, 3), "at least two"),
        (GroupNorm(1, 3), (3,), "takes 3 channels"),
    ],
)
def test_images_that_do_not_fit(layer: Layer, shape: tuple[int, ...], said: str) -> None:
    network = Network(layer)
    params = network.initialize()
    with pytest.raises(ShapeError) as caught:
        network.forward(params, np.zeros(shape), state=network.initial_state(params))
    assert said in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")
