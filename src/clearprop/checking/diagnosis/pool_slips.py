"""Mistakes at pooling: what the entries of a window get of its signal, and where it is put."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import Alteration, AlteredStep, another_dx
from clearprop.checking.diagnosis.window_shares import Manner, largest, scattered, smallest
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.global_average import GlobalAverage
from clearprop.engine.layers.pooling import AvgPool1d, AvgPool2d, LargestUnder, MeanUnder
from clearprop.engine.layers.windows import Window, samples_last

PoolSlip = tuple[MistakeKind, dict[str, object], Alteration]
# From 1 wherever an entry is the largest to what every entry gets: (entries, C, *places, N).
Part = Callable[[Array], Array]


def pool_slips(step: AlteredStep) -> Iterator[PoolSlip]:
    """The mistakes that can be made at one pooling."""
    if isinstance(step.layer, LargestUnder):
        yield from _of_maximum(step, step.layer.window_on(step.input.shape[2:]))
    if isinstance(step.layer, MeanUnder):
        yield from _of_mean(step.layer, step.layer.window_on(step.input.shape[2:]))
    if isinstance(step.layer, GlobalAverage):
        size = step.input.shape[2:]
        for divided in dict.fromkeys((1, *size, prod(size) ** 2, len(step.dy) * prod(size))):
            yield _divided(prod(size), divided)


def _of_maximum(step: AlteredStep, window: Window) -> Iterator[PoolSlip]:
    if window.entries < 2:
        return
    yield MistakeKind.POOL_TIES, {}, _handed(lambda hits: hits)
    yield MistakeKind.POOL_TIES, {}, _handed(lambda hits: hits / hits.sum(axis=0))
    # The first, the last, that opposite to the largest, and that with rows and columns exchanged.
    for part in (_first, lambda hits: _first(hits)[::-1], lambda hits: _one(hits)[::-1]):
        yield MistakeKind.POOL_WINDOW, {}, _handed(part)
    if len(set(window.kernel)) == 1 and len(window.kernel) == 2:
        yield MistakeKind.POOL_WINDOW, {}, _handed(_crossed)
    for axis in range(2, step.output.ndim):
        for by in (1, -1):
            if step.output.shape[axis] > 1:
                yield MistakeKind.POOL_WINDOW, {}, _of_neighbours(axis, by)
    yield MistakeKind.POOL_WINDOW, {}, _handed(lambda hits: hits, of=smallest)
    yield MistakeKind.POOL_SPREAD, {}, _handed(np.ones_like)
    yield MistakeKind.POOL_SPREAD, {}, _handed(lambda hits: np.full_like(hits, 1 / len(hits)))
    for manner in (Manner.BY_PLACE, Manner.BY_ENTRY, Manner.CHOSEN_ALONE):
        yield MistakeKind.WINDOW_OVERWRITTEN, {}, _handed(_one, manner)
    for stride in _other_strides(window):
        yield MistakeKind.STRIDE_FORGOTTEN, {}, _handed(_one, stride=stride)
    if any(map(any, window.padding)):
        for from_end in (False, True):
            yield MistakeKind.BORDER_KEPT, {}, _handed(_one, border_end=from_end)


def _of_mean(layer: MeanUnder, window: Window) -> Iterator[PoolSlip]:
    if window.entries < 2:
        return
    for divided in dict.fromkeys((1, *window.kernel, window.entries**2)):
        yield _divided(window.entries, divided)
    if any(map(any, window.padding)) and isinstance(layer, AvgPool1d | AvgPool2d):
        other = replace(layer, count_border=not layer.count_border)
        spread = _spread()
        border = another_dx(lambda step: spread(step._replace(layer=other)))
        yield MistakeKind.AVERAGE_BORDER, {}, border
        for from_end in (False, True):
            yield MistakeKind.BORDER_KEPT, {}, another_dx(_spread(border_end=from_end))
    for manner in (Manner.BY_PLACE, Manner.BY_ENTRY):
        yield MistakeKind.WINDOW_OVERWRITTEN, {}, another_dx(_spread(manner))
    for stride in _other_strides(window):
        yield MistakeKind.STRIDE_FORGOTTEN, {}, another_dx(_spread(stride=stride))


def _other_strides(window: Window) -> Iterator[tuple[int, ...]]:
    """1 along every axis that has another stride, and along one of them."""
    own = window.stride
    every = [tuple(1 for _ in own)]
    every += [(*own[:axis], 1, *own[axis + 1 :]) for axis in range(len(own))]
    yield from (one for one in dict.fromkeys(every) if one != own)


def _divided(count: int, divided: int) -> PoolSlip:
    """∂C/∂y divided by another number than forward has."""

    def dx(step: AlteredStep) -> Array:
        right: Array = np.zeros_like(step.input) if step.dx is None else step.dx
        return right * (count / divided)

    return MistakeKind.AVERAGE_FACTOR, {"count": count, "divided": divided}, another_dx(dx)


def _first(hits: Array) -> Array:
    first = np.zeros_like(hits)
    first[0] = 1
    return first


def _one(hits: Array) -> Array:
    """Of several largest the first."""
    before = np.cumsum(hits, axis=0) - hits
    first: Array = hits * (before == 0)
    return first


def _crossed(hits: Array) -> Array:
    side = round(len(hits) ** 0.5)
    tiles: Array = hits.reshape(side, side, *hits.shape[1:]).swapaxes(0, 1)
    return tiles.reshape(hits.shape)


def _placed(
    step: AlteredStep,
    window: Window,
    shares: Array,
    manner: Manner,
    stride: tuple[int, ...] | None,
    border_end: bool | None,
) -> Array:
    """The shares put together, with another stride or with the border taken off at one side."""
    size = step.input.shape[2:]
    if stride is not None:
        window = window._replace(stride=stride)
    if border_end is None:
        return scattered(window, size, shares, manner)
    whole = scattered(window, size, shares, manner, bordered=True)
    cuts = (slice(-n, None) if border_end else slice(n) for n in size)
    return whole[(slice(None), slice(None), *cuts)]


def _handed(
    part: Part,
    manner: Manner = Manner.ADDED,
    *,
    of: Callable[[LargestUnder, Array, Array], Array] = largest,
    stride: tuple[int, ...] | None = None,
    border_end: bool | None = None,
) -> Alteration:
    """∂C/∂x where every entry of a maximum's window gets its part."""

    def dx(step: AlteredStep) -> Array:
        layer = step.layer
        assert isinstance(layer, LargestUnder)
        shares = samples_last(step.dy, 0) * part(of(layer, step.input, step.output))
        window = layer.window_on(step.input.shape[2:])
        return _placed(step, window, shares, manner, stride, border_end)

    return another_dx(dx)


def _of_neighbours(axis: int, by: int) -> Alteration:
    """Every maximum gets the signal of the next place or of the one before."""

    def dx(step: AlteredStep) -> Array:
        found, _ = step.back(np.roll(step.dy, by, axis))
        return np.zeros_like(step.input) if found is None else found

    return another_dx(dx)


def _spread(
    manner: Manner = Manner.ADDED,
    *,
    stride: tuple[int, ...] | None = None,
    border_end: bool | None = None,
) -> Callable[[AlteredStep], Array]:
    """∂C/∂x of a mean, whose shares are put elsewhere."""

    def dx(step: AlteredStep) -> Array:
        layer = step.layer
        assert isinstance(layer, MeanUnder)
        window = layer.window_on(step.input.shape[2:])
        own = samples_last(step.dy, 0) / layer.counts(step.input.shape[2:], step.dy.dtype)
        shares = np.broadcast_to(own, (window.entries, *own.shape))
        return _placed(step, window, shares, manner, stride, border_end)

    return dx
