"""Mistakes at convolution and pooling: the layer's own backward with one thing put in the place of
another.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import (
    Alteration,
    Altered,
    AlteredStep,
    another_dx,
)
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.layer import Context
from clearprop.engine.layers.pooling import LargestUnder
from clearprop.engine.layers.windows import Window, samples_first, samples_last

# Of more places no loop is gone through.
MOST_PLACES = 64
# A mistake at one step: its key, the fields of its sentences, and the altered step.
ImageSlip = tuple[MistakeKind, dict[str, object], Alteration]


def image_slips(step: AlteredStep) -> Iterator[ImageSlip]:
    """The mistakes that can be made at one layer of images."""
    if isinstance(step.layer, Conv1d | Conv2d):
        yield from _convolution(step, step.layer)
    if isinstance(step.layer, LargestUnder):
        yield from _pooling(step.layer.window_on(step.input.shape[2:]))


def _convolution(step: AlteredStep, layer: Conv1d | Conv2d) -> Iterator[ImageSlip]:
    window, axes = layer.window_on(step.input.shape[2:]), tuple(range(-layer.axes, 0))
    if window.entries > 1:
        # ∂C/∂x as the correlation of dz with the kernel as it is, and ∂C/∂w turned around.
        yield MistakeKind.KERNEL_TURNED, {}, another_dx(_dx_with(lambda w: np.flip(w, axes)))
        yield MistakeKind.KERNEL_TURNED, {}, _weight(lambda s: np.flip(s.gradients["weight"], axes))
        if len(set(window.kernel)) == 1 and axes == (-2, -1):
            turned = another_dx(_dx_with(lambda w: w.swapaxes(-2, -1)))
            yield MistakeKind.KERNEL_TRANSPOSED, {}, turned
            mirrored = _weight(lambda s: s.gradients["weight"].swapaxes(-2, -1))
            yield MistakeKind.KERNEL_TRANSPOSED, {}, mirrored
    if layer.inputs == layer.outputs and layer.groups == 1 and layer.inputs > 1:
        yield MistakeKind.CHANNELS_SWAPPED, {}, another_dx(_dx_with(lambda w: w.swapaxes(0, 1)))
        swapped = _weight(lambda s: s.gradients["weight"].swapaxes(0, 1))
        yield MistakeKind.CHANNELS_SWAPPED, {}, swapped
    yield from _place_by_place(step)
    if any(map(any, window.padding)):
        yield MistakeKind.BORDER_KEPT, {}, another_dx(_not_taken_off)
        yield MistakeKind.BORDER_KEPT, {}, another_dx(partial(_not_taken_off, at_end=True))
    if set(window.stride) != {1}:
        yield MistakeKind.STRIDE_FORGOTTEN, {}, _at_stride_one
    if "bias" in step.gradients:
        places = int(np.prod(step.output.shape[2:]))
        if places > 1:
            yield MistakeKind.BIAS_AXES, {}, _bias(lambda s: s.gradients["bias"] / places)
            every = places * len(step.output)
            yield MistakeKind.BIAS_AXES, {}, _bias(lambda s: s.gradients["bias"] / every)
        for axis in range(2, step.output.ndim):
            if step.output.shape[axis] == layer.outputs:
                yield MistakeKind.BIAS_AXES, {}, _bias(_sum_along(axis))


def _place_by_place(step: AlteredStep) -> Iterator[ImageSlip]:
    """What a loop over the places gives that writes = where += belongs."""
    places = list(np.ndindex(*step.output.shape[2:]))
    if not 1 < len(places) <= MOST_PLACES:
        return
    yield MistakeKind.PLACES_OVERWRITTEN, {}, another_dx(_overwritten)
    for place in (places[0], places[-1]):
        for names in (("weight",), ("bias",), ("weight", "bias")):
            if names[-1] in step.gradients:
                values: dict[str, object] = {"place": ", ".join(map(str, place))}
                yield MistakeKind.ONE_PLACE, values, _of_place(place, names)


def _at_place(step: AlteredStep, place: tuple[int, ...]) -> Array:
    """∂C/∂z with 0 everywhere but at one place."""
    at_place = np.zeros(step.dy.shape[2:])
    at_place[place] = 1
    return step.dy * at_place


def _of_place(place: tuple[int, ...], names: tuple[str, ...]) -> Alteration:
    """The gradients of these parameters from one place alone."""

    def altered(step: AlteredStep) -> Altered:
        layer = step.layer
        if not isinstance(layer, Conv1d | Conv2d):
            return step.dx, step.gradients
        _, alone = _passed(step._replace(dy=_at_place(step, place)), layer, step.params)
        return step.dx, {**step.gradients, **{name: alone[name] for name in names}}

    return altered


def _overwritten(step: AlteredStep) -> Array:
    """∂C/∂x where each place writes over what the ones before it have written."""
    layer = step.layer
    found = np.zeros_like(step.input)
    if not isinstance(layer, Conv1d | Conv2d):
        return found
    ones = {**step.params, "weight": np.ones_like(step.params["weight"])}
    for place in np.ndindex(*step.output.shape[2:]):
        at_place = _at_place(step, place)
        under, _ = _passed(step._replace(dy=(at_place != 0) * 1.0), layer, ones)
        own, _ = _passed(step._replace(dy=at_place), layer, step.params)
        if under is not None and own is not None:
            found = np.where(under.any(axis=0, keepdims=True), own, found)
    return found


def _weight(function: Callable[[AlteredStep], Array]) -> Alteration:
    return lambda step: (step.dx, {**step.gradients, "weight": function(step)})


def _bias(function: Callable[[AlteredStep], Array]) -> Alteration:
    return lambda step: (step.dx, {**step.gradients, "bias": function(step)})


def _sum_along(axis: int) -> Callable[[AlteredStep], Array]:
    """The sum over everything but another axis than the channels', which is as long."""

    def summed(step: AlteredStep) -> Array:
        over = tuple(one for one in range(step.dy.ndim) if one != axis)
        total: Array = step.dy.sum(axis=over).reshape(1, -1)
        return total

    return summed


def _passed(step: AlteredStep, layer: Conv1d | Conv2d, params: Mapping[str, Array]) -> Altered:
    """Both gradients of a convolution with other settings or weights, at the step's own input."""
    _, cache, _ = layer.forward(params, step.input, Context())
    return layer.backward(params, cache, step.dy)


def _dx_with(change: Callable[[Array], Array]) -> Callable[[AlteredStep], Array]:
    """∂C/∂x with another weight."""

    def dx(step: AlteredStep) -> Array:
        layer = step.layer
        if not isinstance(layer, Conv1d | Conv2d):
            return np.zeros_like(step.input)
        params = {**step.params, "weight": np.ascontiguousarray(change(step.params["weight"]))}
        found, _ = _passed(step, layer, params)
        return np.zeros_like(step.input) if found is None else found

    return dx


def _not_taken_off(step: AlteredStep, *, at_end: bool = False) -> Array:
    """∂C/∂(x in its border), cut to x's size from the beginning, or from the end, instead of behind
    the border."""
    layer = step.layer
    if not isinstance(layer, Conv1d | Conv2d):
        return np.zeros_like(step.input)
    window = layer.window_on(step.input.shape[2:])
    bordered = samples_first(window.with_border(samples_last(step.input, 0)), 0)
    plain = replace(layer, padding=0)
    _, cache, _ = plain.forward(step.params, bordered, Context())
    whole, _ = plain.backward(step.params, cache, step.dy)
    cuts = tuple(slice(-size, None) if at_end else slice(size) for size in step.input.shape)
    return np.zeros_like(step.input) if whole is None else whole[cuts]


def _at_stride_one(step: AlteredStep) -> Altered:
    """As though the kernel had moved by one number from place to place."""
    layer = step.layer
    if not isinstance(layer, Conv1d | Conv2d):
        return step.dx, step.gradients
    window = layer.window_on(step.input.shape[2:])
    wide = replace(layer, stride=1, padding=window.padding)
    y, cache, _ = wide.forward(step.params, step.input, Context())
    dy = np.zeros_like(y)
    dy[tuple(slice(size) for size in step.dy.shape)] = step.dy
    return wide.backward(step.params, cache, dy)


def _pooling(window: Window) -> Iterator[ImageSlip]:
    if window.entries < 2:
        return
    yield MistakeKind.POOL_TIES, {}, another_dx(_shared(lambda hits: hits))
    yield MistakeKind.POOL_TIES, {}, another_dx(_shared(lambda hits: hits / hits.sum(axis=0)))
    yield MistakeKind.POOL_WINDOW, {}, another_dx(_shared(_last))
    yield MistakeKind.POOL_WINDOW, {}, another_dx(_shared(_first_entry))
    smallest = another_dx(_shared(lambda hits: hits, of_largest=False))
    yield MistakeKind.POOL_WINDOW, {}, smallest
    yield MistakeKind.POOL_SPREAD, {}, another_dx(_shared(np.ones_like))
    every = another_dx(_shared(lambda hits: np.full_like(hits, 1 / len(hits))))
    yield MistakeKind.POOL_SPREAD, {}, every


def _first_entry(hits: Array) -> Array:
    first = np.zeros_like(hits)
    first[0] = 1
    return first


def _last(hits: Array) -> Array:
    """The entry that lies opposite to the largest."""
    return hits[::-1]


def _shared(
    part: Callable[[Array], Array], *, of_largest: bool = True
) -> Callable[[AlteredStep], Array]:
    """∂C/∂x where every entry of the window gets its part: `hits` (entries, C, *places, N) is 1
    wherever an entry is the largest, or the smallest."""

    def dx(step: AlteredStep) -> Array:
        layer = step.layer
        if not isinstance(layer, LargestUnder):
            return np.zeros_like(step.input)
        window = layer.window_on(step.input.shape[2:])
        bordered = window.with_border(samples_last(step.input, 0), -np.inf)
        y, dy = samples_last(step.output, 0), samples_last(step.dy, 0)
        places = y.shape[1:-1]
        unders = np.stack([under for _, under in window.parts(bordered, places)])
        parts = part((unders == (y if of_largest else unders.min(axis=0))).astype(np.float64))
        found = np.zeros(bordered.shape)
        for (_, under), own in zip(window.parts(found, places), parts, strict=True):
            under += dy * own
        return samples_first(window.inside(found, step.input.shape[2:]), 0)

    return dx
