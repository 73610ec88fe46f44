"""What the entries of a moved window hand back, put where they belong, or where somebody put them.

Inside, images are (C, *S, N) as in `engine/layers/windows.py`; shares are (entries, C, *places, N),
one for every entry of the window at every place.
"""

import itertools
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.verdict.outcomes import PlainEnum
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.pooling import LargestUnder
from clearprop.engine.layers.windows import Window, samples_first, samples_last


class Manner(PlainEnum):
    """How shares that meet at one number are put together.

    ADDED         they are added up
    BY_PLACE      that of the last place is written over the others, with its whole window
    BY_ENTRY      that of the window's last entry is written over the others
    CHOSEN_ALONE  as by place, but an entry without a share writes nothing
    """

    ADDED = "added"
    BY_PLACE = "by place"
    BY_ENTRY = "by entry"
    CHOSEN_ALONE = "chosen alone"


def scattered(
    window: Window,
    size: Shape,
    shares: Array,
    manner: Manner = Manner.ADDED,
    *,
    bordered: bool = False,
) -> Array:
    """∂C/∂x (N, C, *S) of all shares, without its border unless that is asked for."""
    channels, places, samples = shares.shape[1], shares.shape[2:-1], shares.shape[-1]
    reached = tuple(
        max(side, s * (count - 1) + span)
        for side, s, count, span in zip(
            window.bordered(size), window.stride, places, window.span, strict=True
        )
    )
    found = np.zeros((channels, *reached, samples))
    if manner in (Manner.ADDED, Manner.BY_ENTRY):
        for (_, under), own in zip(window.parts(found, places), shares, strict=True):
            under[...] = under + own if manner is Manner.ADDED else own
    else:
        _write_by_place(window, found, shares, places, manner)
    found = found[(slice(None), *map(slice, window.bordered(size)))]
    return samples_first(found if bordered else window.inside(found, size), 0)


def _write_by_place(
    window: Window, found: Array, shares: Array, places: Shape, manner: Manner
) -> None:
    # (entries, C, *places, N) as (C, *kernel, *places, N), to be laid on the window as it is.
    laid = np.moveaxis(shares, 0, 1).reshape(shares.shape[1], *window.kernel, *shares.shape[2:])
    for place in itertools.product(*map(range, places)):
        under = tuple(
            slice(s * p, s * p + span, d)
            for s, p, span, d in zip(
                window.stride, place, window.span, window.dilation, strict=True
            )
        )
        spot: Any = (slice(None), *under)
        one: Any = (*(slice(None) for _ in range(1 + len(places))), *place)
        own = laid[one]
        keeps = manner is Manner.CHOSEN_ALONE
        found[spot] = np.where(own == 0, found[spot], own) if keeps else own


def largest(layer: LargestUnder, x: Array, y: Array) -> Array:
    """1 wherever an entry of a window is the largest, as shares are."""
    window = layer.window_on(x.shape[2:])
    bordered = window.with_border(samples_last(x, 0), -np.inf)
    values = samples_last(y, 0)
    unders = [under == values for _, under in window.parts(bordered, values.shape[1:-1])]
    return np.stack(unders).astype(np.float64)


def smallest(layer: LargestUnder, x: Array, y: Array) -> Array:
    """1 wherever an entry of a window is the smallest."""
    bordered = layer.window_on(x.shape[2:]).with_border(samples_last(x, 0), np.inf)
    parts = layer.window_on(x.shape[2:]).parts(bordered, samples_last(y, 0).shape[1:-1])
    unders = np.stack([under for _, under in parts])
    hits: Array = unders == unders.min(axis=0)
    return hits.astype(np.float64)


def equal_shares(layer: LargestUnder, x: Array, y: Array, dy: Array) -> Array:
    """∂C/∂x where every one of several largest entries gets the same, as differences see it."""
    hits = largest(layer, x, y)
    shares = samples_last(dy, 0) * hits / hits.sum(axis=0)
    return scattered(layer.window_on(x.shape[2:]), x.shape[2:], shares)


def of_kernel(layer: Conv1d | Conv2d, weight: Array, dy: Array, last: bool = False) -> Array:
    """The shares of a convolution, Σ over the output channels o of w[o, c, i] dz[o, p]; with
    `last` those of each group's last output channel alone."""
    groups = layer.groups
    signal = samples_last(dy, 0)
    grouped = signal.reshape(groups, layer.outputs // groups, *signal.shape[1:])
    kernel = weight.reshape(groups, layer.outputs // groups, -1, layer.entries)
    if last:
        grouped, kernel = grouped[:, -1:], kernel[:, -1:]
    shares = np.einsum("go...,goce->egc...", grouped, kernel)
    found: Array = shares.reshape(layer.entries, layer.inputs, *signal.shape[1:])
    return found
