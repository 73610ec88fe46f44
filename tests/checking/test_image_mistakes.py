"""Mistakes at convolution and pooling, in a layer of one's own that is one of ours but for its
backward: named, and nothing right is rejected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import Conv1d, Conv2d, Layer, MaxPool2d, Network, Sequential, Tanh, check
from clearprop.base.arrays import Array

ONE, TWO = Conv1d(2, 2, 3, padding=1), Conv2d(2, 2, (2, 3), padding=1)
STRIDED = Conv2d(1, 2, 2, stride=2)
SQUARE = Conv2d(1, 3, 3)


def own(layer: Layer) -> Any:
    """The layer of ours that it is made of."""
    return type(layer).__mro__[1]


def flipped_dx(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    turned = {**params, "weight": params["weight"][..., ::-1, ::-1].copy()}
    return own(layer).backward(layer, turned, cache, dy)[0], found[1]


def flipped_weight(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return found[0], {**found[1], "weight": found[1]["weight"][..., ::-1].copy()}


def channels(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    other = {**params, "weight": params["weight"].swapaxes(0, 1).copy()}
    return own(layer).backward(layer, other, cache, dy)[0], found[1]


def border(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    # The border is one wide; what stands one further on, and zeros at the end, is near enough to
    # the whole only where x's own border gets nothing: the cut is made as people make it.
    weight, size = params["weight"], found[0].shape[-1]
    wide = np.zeros((*found[0].shape[:-1], size + 2))
    for i in range(weight.shape[-1]):
        wide[..., i : i + size] += np.einsum("nop,oc->ncp", dy, weight[..., i])
    return wide[..., :size], found[1]


def bias_mean(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return found[0], {**found[1], "bias": dy.mean(axis=(2, 3)).sum(axis=0)[None]}


def bias_axis(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return found[0], {**found[1], "bias": dy.sum(axis=(0, 1, 2))[None]}


def spread(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return np.repeat(np.repeat(dy, 2, axis=2), 2, axis=3) / 4, found[1]


def corner(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    dx = np.zeros_like(found[0])
    dx[:, :, ::2, ::2] = dy
    return dx, found[1]


def transposed_weight(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return found[0], {**found[1], "weight": found[1]["weight"].swapaxes(2, 3)}


def overwritten(layer: Any, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    # At a stride of 1, without a border: = in the place of += in the loop over the places.
    dx, (high, wide) = np.zeros_like(found[0]), layer.kernel
    for i, j in np.ndindex(*dy.shape[2:]):
        own = np.einsum("no,ocuv->ncuv", dy[:, :, i, j], params["weight"])
        dx[:, :, i : i + high, j : j + wide] = own
    return dx, found[1]


def one_place(layer: Any, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    last = np.zeros_like(dy)
    last[..., -1, -1] = dy[..., -1, -1]
    honest: Any = type(layer).__mro__[1]
    alone = honest.backward(layer, params, cache, last)[1]
    return found[0], {**found[1], "weight": alone["weight"]}


def right(layer: Layer, params: Any, cache: Any, dy: Array, found: Any) -> Any:
    return found


def spoiled(layer: Layer, spoil: Callable[..., Any]) -> Layer:
    kind = type(layer)

    def backward(self: Layer, params: Any, cache: Any, dy: Array) -> Any:
        return spoil(self, params, cache, dy, kind.backward(self, params, cache, dy))

    made: Any = type(f"My{kind.__name__}", (kind,), {"backward": backward})
    return made.from_settings(layer.settings())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("layer", "shape", "spoil", "mistake"),
    [
        (Conv2d(1, 2, (2, 3)), (1, 4, 5), flipped_dx, "kernel_turned"),
        (ONE, (2, 5), flipped_weight, "kernel_turned"),
        (Conv2d(1, 2, 3), (1, 4, 5), transposed_weight, "kernel_transposed"),
        (Conv2d(1, 2, (2, 3)), (1, 4, 5), overwritten, "window_overwritten"),
        (STRIDED, (1, 4, 6), one_place, "window_overwritten"),
        (TWO, (2, 3, 4), channels, "channels_swapped"),
        (ONE, (2, 5), border, "border_kept"),
        (STRIDED, (1, 4, 6), bias_mean, "bias_axes"),
        (SQUARE, (1, 4, 5), bias_axis, "bias_axes"),
        (MaxPool2d(2), (2, 4, 4), spread, "pool_spread"),
        (MaxPool2d(2), (2, 4, 4), corner, "pool_window"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_mistake_is_named(
    layer: Layer, shape: tuple[int, ...], spoil: Callable[..., Any], mistake: str, inside: bool
) -> None:
    x = np.random.default_rng(3).normal(size=(3, *shape))
    wrong = spoiled(layer, spoil)
    target = Network(Sequential(Tanh(), wrong, Tanh())) if inside else wrong
    verdict = check(target, x=x, witnesses=())
    assert str(verdict.outcome) == "wrong"
    assert [str(one.key) for one in verdict.mistakes] == [mistake], verdict.text()
    assert verdict.text("zh-TW") != verdict.text("en")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(ONE, (2, 5)), (TWO, (2, 3, 4)), (STRIDED, (1, 4, 6)), (MaxPool2d(2), (2, 4, 4))],
)
def test_what_is_right_is_not_rejected(layer: Layer, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(4).normal(size=(3, *shape))
    assert str(check(spoiled(layer, right), x=x, witnesses=()).outcome) == "right"
