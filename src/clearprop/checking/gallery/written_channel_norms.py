"""Norms of images as people write them: over every channel, over groups of channels, over a whole
image; and the mistakes that are made in their backward pass."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm

EPSILON = 1e-5


class NormLayout(NamedTuple):
    """How a norm of images is laid out.

    axes    what the means are taken over, of x as `grouped` has it
    others  what somebody takes them over by mistake
    summed  what γ and β are summed over
    gain    from γ or β to what stands beside x
    grouped, whole  to the groups and back to the shape of x
    """

    axes: tuple[int, ...]
    others: tuple[int, ...]
    summed: tuple[int, ...]
    gain: Callable[[Array], Array]
    grouped: Callable[[Array], Array]
    whole: Callable[[Array, Shape], Array]


def _hat(layout: NormLayout, x: Array) -> tuple[Array, Array]:
    rows = layout.grouped(x)
    mean = rows.mean(axis=layout.axes, keepdims=True)
    inverse = 1 / np.sqrt(rows.var(axis=layout.axes, keepdims=True) + EPSILON)
    return layout.whole((rows - mean) * inverse, x.shape), inverse


def _forward(layout: NormLayout, a: Arrays) -> Array:
    hat, _ = _hat(layout, a["x"])
    return layout.gain(a["gamma"]) * hat + layout.gain(a["beta"])


def _backward(layout: NormLayout, mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x = a["x"]
    hat, inverse = _hat(layout, x)
    rows = layout.grouped(hat)
    g = dy if mistake == "norm_gain_missing" else dy * layout.gain(a["gamma"])
    g = layout.grouped(g)
    axes = layout.others if mistake == "norm_axes" else layout.axes
    shift = g.mean(axis=axes, keepdims=True)
    along = rows * (g * rows).mean(axis=axes, keepdims=True)
    if mistake in ("norm_constant", "norm_mean_constant"):
        shift = np.zeros_like(shift)
    if mistake in ("norm_constant", "norm_variance_constant"):
        along = np.zeros_like(along)
    if mistake == "norm_path_factor":
        # Divided by the number of samples alone.
        count = np.prod([rows.shape[axis] for axis in layout.axes]) / len(x)
        shift, along = shift * count, along * count
    dx = layout.whole(inverse * (g - shift - along), x.shape)
    d_gamma = (dy * hat).sum(axis=layout.summed)
    d_beta = dy.sum(axis=layout.summed)
    if mistake == "bias_axes":
        d_beta = dy.sum(axis=layout.summed[1:])
    if mistake == "bias_axes, in gamma":
        d_gamma = (dy * hat).sum(axis=0)
    if mistake == "bias_axes, a mean":
        d_gamma, d_beta = (dy * hat).mean(axis=layout.summed), dy.mean(axis=layout.summed)
    if mistake == "norm_gain_from_input":
        d_gamma = (dy * x).sum(axis=layout.summed)
    if mistake == STRANGER:
        dx = dx * (1 + 0.3 * hat**2)
    return {"x": dx, "gamma": d_gamma, "beta": d_beta}


def _as_it_is(x: Array) -> Array:
    return x


def _second(array: Array) -> Array:
    return array.reshape(1, -1, 1, 1)


def _groups(x: Array) -> Array:
    return x.reshape(len(x), 2, -1)


def _blocks(x: Array) -> Array:
    n, c, height, width = x.shape
    return x.reshape(n, 2, c // 2, height, width)


def _shaped(rows: Array, shape: Shape) -> Array:
    return rows.reshape(shape)


LAYOUTS = {
    "batch norm over channels": NormLayout((0, 2, 3), (0,), (0, 2, 3), _second, _as_it_is, _shaped),
    "batch norm, channels last": NormLayout(
        (0, 1, 2), (0,), (0, 1, 2), _as_it_is, _as_it_is, _shaped
    ),
    "group norm by rows": NormLayout((2,), (1, 2), (0, 2, 3), _second, _groups, _shaped),
    "group norm by blocks": NormLayout((2, 3, 4), (3, 4), (0, 2, 3), _second, _blocks, _shaped),
    "instance norm": NormLayout((2, 3), (3,), (0, 2, 3), _second, _as_it_is, _shaped),
}
_OF_ALL = (
    "norm_axes",
    "norm_constant",
    "norm_mean_constant",
    "norm_variance_constant",
    "norm_gain_missing",
    "norm_gain_from_input",
    "bias_axes",
    "bias_axes, in gamma",
    "bias_axes, a mean",
)
CHANNEL_NORMS = tuple(
    ImageForm(
        name,
        {
            "x": (3, 2, 3, 4) if "last" in name else (3, 4, 2, 3),
            "gamma": (4,),
            "beta": (4,),
        },
        partial(_forward, layout),
        partial(_backward, layout),
        (*_OF_ALL, *(("norm_path_factor",) if "batch" in name else ())),
    )
    for name, layout in LAYOUTS.items()
)
