"""Which convolution or pooling it is, told by the numbers; and what is none."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clearprop import AvgPool1d, AvgPool2d, Conv1d, Conv2d, GlobalAverage, MaxPool2d, Network
from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.image_recognition import convolution, pooling
from clearprop.checking.diagnosis.recording.recorded_forward import recorded

RANDOM = np.random.default_rng(5)


def run(layer: Any, shape: tuple[int, ...]) -> tuple[Array, dict[str, Array], Array]:
    """X, the parameters and y of a layer of ours."""
    network, x = Network(layer), RANDOM.normal(size=shape)
    params = network.initialize(seed=3)
    named = {name: array.copy() for name, array in network.named(params).items()}
    return x, named, np.asarray(network.forward(params, x).output)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_convolution_is_found_again(data: Any) -> None:
    sides = [data.draw(st.integers(1, 3), "kernel") for _ in range(2)]
    stride, padding, dilation = (
        tuple(data.draw(st.integers(low, 2), name) for _ in range(2))
        for low, name in ((1, "stride"), (0, "padding"), (1, "dilation"))
    )
    groups = data.draw(st.sampled_from([1, 2]))
    assume(max(sides) > 1)
    # A border as wide as the kernel is none that lies on the image.
    assume(all(p <= d * (k - 1) for p, d, k in zip(padding, dilation, sides, strict=True)))
    # Of several dilations along the axes nobody writes code.
    dilation = (dilation[0],) * 2
    assume(all(p <= d * (k - 1) for p, d, k in zip(padding, dilation, sides, strict=True)))
    layer = Conv2d(2, 4, tuple(sides), stride, padding, dilation, groups)
    x, params, y = run(layer, (2, 2, 7, 8))
    found = convolution(x, params["weight"], params["bias"], y)
    assert found is not None
    again = found.run([x, params["weight"], params["bias"]])
    np.testing.assert_allclose(again, y, rtol=0, atol=1e-12 * np.abs(y).max())


@pytest.mark.parametrize("weight", ["OIHW", "HWIO", "OHWI", "IOHW"])
@pytest.mark.parametrize("images", ["NCHW", "NHWC"])
@pytest.mark.parametrize("turned", [False, True])
def test_every_layout_is_found(weight: str, images: str, turned: bool) -> None:
    x, params, y = run(Conv2d(2, 3, (3, 2), padding=1), (2, 2, 5, 6))
    kernel = params["weight"].transpose(["OIHW".index(letter) for letter in weight])
    if turned:
        kernel = np.flip(kernel, (weight.index("H"), weight.index("W")))
    moved = [one.transpose(["NCHW".index(letter) for letter in images]) for one in (x, y)]
    found = convolution(moved[0], kernel, params["bias"], moved[1])
    assert found is not None
    assert (found.weight, found.x, found.y, found.turned) == (weight, images, images, turned)


def test_sequences_and_single_images_are_found() -> None:
    x, params, y = run(Conv1d(2, 3, 3, stride=2, padding=1), (2, 2, 9))
    found = convolution(x, params["weight"], params["bias"], y)
    assert found is not None
    assert isinstance(found.layer, Conv1d)
    one = convolution(x[0], params["weight"], params["bias"], y[0])
    assert one is not None
    assert one.x == "CL"
    image, kernel = RANDOM.normal(size=(5, 6)), RANDOM.normal(size=(2, 3))
    sums = [[np.sum(image[i : i + 2, j : j + 3] * kernel) for j in range(4)] for i in range(4)]
    assert convolution(image, kernel, None, np.array(sums)) is not None


def test_a_border_of_two_widths_is_found() -> None:
    x, params, _ = run(Conv2d(1, 2, 2), (2, 1, 4, 4))
    wide = np.pad(x, ((0, 0), (0, 0), (0, 1), (1, 0)))
    y = Network(Conv2d(1, 2, 2)).forward(Network(Conv2d(1, 2, 2)).initialize(seed=3), wide).output
    found = convolution(x, params["weight"], params["bias"], np.asarray(y))
    assert found is not None
    assert found.border == ((0, 1), (1, 0))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MaxPool2d(2), (2, 3, 4, 6)),
        (MaxPool2d((3, 2), (2, 1), 1), (2, 2, 7, 5)),
        (AvgPool2d(2), (2, 3, 4, 6)),
        (AvgPool2d(3, 2, 1, count_border=False), (2, 2, 7, 5)),
        (AvgPool1d(3), (2, 2, 9)),
        (GlobalAverage(), (2, 3, 4, 5)),
    ],
)
def test_every_pooling_is_found(layer: Any, shape: tuple[int, ...]) -> None:
    x, _, y = run(layer, shape)
    found = pooling(x, y)
    assert found is not None
    assert type(found.layer) is type(layer)
    np.testing.assert_allclose(found.run([x]), y, rtol=1e-12)


def test_what_is_no_window_is_not_taken_for_one() -> None:
    x, w = RANDOM.normal(size=(6, 4)), RANDOM.normal(size=(4, 3))
    gain = RANDOM.normal(size=4)
    assert convolution(x, w, None, x @ w) is None
    assert convolution(x, gain, None, x * gain) is None
    assert convolution(x, w[:, :1], None, x @ w[:, :1]) is None
    assert convolution(w[:, :1], x, None, x @ w[:, :1]) is None
    assert pooling(x, x.max(axis=1, keepdims=True)) is None
    assert pooling(x, x.mean(axis=1)) is None
    scores = RANDOM.normal(size=(2, 3, 5, 5))
    assert pooling(scores, scores.max(axis=-1, keepdims=True)) is None
    images = RANDOM.normal(size=(2, 3, 4, 4))
    assert pooling(images, images.copy()) is None
    assert pooling(images, images[:, :, ::2, ::2]) is None


def test_a_factor_is_no_pooling() -> None:
    # Two rows in a border: windows of two rows, two apart, hold one of them each; its mean is ½ x.
    x = np.random.default_rng(0).normal(size=(2, 5, 5))
    assert pooling(x, x / 2) is None
    assert pooling(x, x) is None


def of_a(function: Callable[[Array], Array]) -> Callable[[Mapping[str, Array]], Array]:
    return lambda given: function(given["a"])


def test_a_filled_array_and_a_view_by_strides_are_on_the_tape() -> None:
    x = RANDOM.normal(size=7)

    def filled(a: Array) -> Array:
        out = np.zeros(4)
        for i in range(4):
            out[i] = (a[i : i + 3] ** 2).sum()
        return np.maximum(out, 0.5)

    def strided(a: Array) -> Array:
        step = a.strides[0]
        windows = np.lib.stride_tricks.as_strided(a, (5, 3), (step, step))
        total: Array = (windows * windows).sum(axis=1)
        return total

    def added(a: Array) -> Array:
        out = np.zeros_like(a)
        for i in range(3):
            out[i : i + 5] += np.tanh(a[:5])
        return out * 2

    for function in (filled, strided, added):
        tape = recorded(of_a(function), {"a": x}, function(x))
        assert tape is not None
        back = tape.gradients(tape.back(np.ones(tape.wires[tape.output].value.shape)))["a"]
        step = 1e-6
        slopes = [
            (function(x + step * one).sum() - function(x - step * one).sum()) / (2 * step)
            for one in np.eye(7)
        ]
        np.testing.assert_allclose(back, slopes, atol=1e-8)


def test_numpy_is_itself_again_after_a_recording() -> None:
    makers: list[Any] = [np.zeros, np.empty, np.array, np.asarray]

    def failing(given: Any) -> Array:
        assert np.zeros is not makers[0]
        raise ValueError

    assert recorded(failing, {"a": np.ones(3)}, np.ones(3)) is None
    assert [np.zeros, np.empty, np.array, np.asarray] == makers
    assert type(np.zeros(3)) is np.ndarray
