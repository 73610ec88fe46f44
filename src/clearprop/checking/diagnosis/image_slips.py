"""Mistakes at convolution: the layer's own backward with one thing put in the place of another."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import (
    Alteration,
    Altered,
    AlteredStep,
    another_dx,
)
from clearprop.checking.diagnosis.pool_slips import pool_slips
from clearprop.checking.diagnosis.window_shares import Manner, of_kernel, scattered
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.layer import Context
from clearprop.engine.layers.windows import Window, sides_of

# A mistake at one step: its key, the fields of its sentences, and the altered step.
ImageSlip = tuple[MistakeKind, dict[str, object], Alteration]
Convolution = Conv1d | Conv2d


def image_slips(step: AlteredStep) -> Iterator[ImageSlip]:
    """The mistakes that can be made at one layer of images."""
    if isinstance(step.layer, Conv1d | Conv2d):
        yield from _kernel(step.layer)
        yield from _window(step.layer.window_on(step.input.shape[2:]))
        yield from _axes(step, step.layer)
    yield from pool_slips(step)


def _kernel(layer: Convolution) -> Iterator[ImageSlip]:
    """About what the kernel is: turned around, with its channels mixed up, in groups."""
    axes = tuple(range(-layer.axes, 0))
    if layer.entries > 1:
        # ∂C/∂x as the correlation of dz with the kernel as it is, and ∂C/∂w turned around.
        turned = _dx_with(lambda w: np.flip(w, axes))
        weight = _weight(lambda s: np.flip(s.gradients["weight"], axes))
        for alteration in (another_dx(turned), weight, _both(another_dx(turned), weight)):
            yield MistakeKind.KERNEL_TURNED, {}, alteration
        if len(set(sides_of(layer.kernel, layer.axes))) == 1 and layer.axes == 2:
            crossed = another_dx(_dx_with(lambda w: w.swapaxes(-2, -1)))
            mirrored = _weight(lambda s: s.gradients["weight"].swapaxes(-2, -1))
            for alteration in (crossed, mirrored, _both(crossed, mirrored)):
                yield MistakeKind.KERNEL_TRANSPOSED, {}, alteration
    if layer.groups == 1 and layer.inputs * layer.outputs > 1:
        for exchange in (_exchanged, _read_exchanged):
            other = another_dx(_dx_with(exchange))
            yield MistakeKind.CHANNELS_SWAPPED, {}, other
        for weight in (
            _weight(lambda s: s.gradients["weight"].swapaxes(0, 1)),
            _weight(lambda s: _read_exchanged(s.gradients["weight"])),
        ):
            yield MistakeKind.CHANNELS_SWAPPED, {}, weight
    if layer.groups > 1:
        for order in (_first_group, _spread_groups):
            yield from _of_settings(MistakeKind.GROUPS_FORGOTTEN, _regrouped(order))


def _window(window: Window) -> Iterator[ImageSlip]:
    """About where the kernel lies: stride, dilation, border, and places that it shares."""
    if set(window.stride) != {1}:
        yield from _of_settings(MistakeKind.STRIDE_FORGOTTEN, _at_stride_one)
    if set(window.dilation) != {1} and window.entries > 1:
        yield from _of_settings(MistakeKind.DILATION_FORGOTTEN, _without_dilation)
    if any(map(any, window.padding)):
        for cut in (_from_the_beginning, _from_the_end, _not_at_all):
            yield MistakeKind.BORDER_KEPT, {}, another_dx(_in_its_border(cut))
        yield MistakeKind.BORDER_KEPT, {}, _of_bare_input
    for manner in (Manner.BY_PLACE, Manner.BY_ENTRY):
        for last in (False, True):
            yield MistakeKind.WINDOW_OVERWRITTEN, {}, another_dx(_overwritten(manner, last))
    yield MistakeKind.WINDOW_OVERWRITTEN, {}, another_dx(_overwritten(Manner.ADDED, True))
    first = ", ".join("0" for _ in window.kernel)
    for names in (("weight",), ("bias",), ("weight", "bias")):
        # The last place stays where a loop writes over the others, of all samples or of the last.
        for samples in (slice(None), slice(-1, None)):
            yield MistakeKind.WINDOW_OVERWRITTEN, {}, _of_place(-1, names, samples)
        yield MistakeKind.ONE_PLACE, {"place": first}, _of_place(0, names)


def _axes(step: AlteredStep, layer: Convolution) -> Iterator[ImageSlip]:
    """About axes: reshaped where they have to be moved, and summed over others."""
    for order in (_channels_last, _channels_first):
        for names in (("x", "weight", "bias"), ("weight", "bias"), ("weight",), ("x",)):
            yield MistakeKind.RESHAPE_ORDER, {}, _with_signal(order, names)
    yield MistakeKind.RESHAPE_ORDER, {}, _weight(lambda s: _read_turned(s.gradients["weight"]))
    if "bias" not in step.gradients:
        return
    places = int(np.prod(step.output.shape[2:]))
    behind = tuple(range(2, step.output.ndim))
    changes: list[Callable[[AlteredStep], Array]] = [
        lambda s: np.full_like(s.gradients["bias"], s.dy.sum()),
    ]
    for count in range(1, 1 + len(behind)):
        for over in combinations((0, *behind), count):
            changes += [_summed(over), _averaged(over)]
    if places > 1:
        changes.append(lambda s: s.gradients["bias"] / places)
        changes.append(lambda s: s.gradients["bias"] / places / len(s.dy))
    changes += [
        _sum_along(axis) for axis in (0, *behind) if step.output.shape[axis] == layer.outputs
    ]
    for change in changes:
        yield MistakeKind.BIAS_AXES, {}, _changed("bias", change)


def _both(one: Alteration, other: Alteration) -> Alteration:
    """∂C/∂x of the one, the gradients of the other."""
    return lambda step: (one(step)[0], other(step)[1])


def _changed(name: str, function: Callable[[AlteredStep], Array]) -> Alteration:
    return lambda step: (step.dx, {**step.gradients, name: function(step)})


def _weight(function: Callable[[AlteredStep], Array]) -> Alteration:
    return _changed("weight", function)


def _of_settings(kind: MistakeKind, alteration: Alteration) -> Iterator[ImageSlip]:
    """Of ∂C/∂x and ∂C/∂w together, and of each alone."""
    yield kind, {}, alteration
    yield kind, {}, lambda step: (alteration(step)[0], step.gradients)
    yield kind, {}, lambda step: (step.dx, alteration(step)[1])


def _summed(over: tuple[int, ...]) -> Callable[[AlteredStep], Array]:
    """The sum over some axes, which leaves more than the channels."""
    return lambda step: np.asarray(step.dy.sum(axis=over))


def _averaged(over: tuple[int, ...]) -> Callable[[AlteredStep], Array]:
    return lambda step: np.asarray(step.dy.mean(axis=over))


def _sum_along(axis: int) -> Callable[[AlteredStep], Array]:
    """The sum over everything but another axis than the channels', which is as long."""

    def summed(step: AlteredStep) -> Array:
        over = tuple(one for one in range(step.dy.ndim) if one != axis)
        total: Array = step.dy.sum(axis=over).reshape(1, -1)
        return total

    return summed


def _layer_of(step: AlteredStep) -> Convolution:
    assert isinstance(step.layer, Conv1d | Conv2d)
    return step.layer


# The kernel


def _exchanged(weight: Array) -> Array:
    """The first two axes exchanged, where that leaves the shape."""
    return weight.swapaxes(0, 1) if weight.shape[0] == weight.shape[1] else weight


def _read_exchanged(weight: Array) -> Array:
    """The first two axes exchanged, and read again in the old shape."""
    return weight.swapaxes(0, 1).reshape(weight.shape)


def _read_turned(weight: Array) -> Array:
    """The matrix (O, I·k) turned round, and read again in the shape of the weight."""
    return weight.reshape(len(weight), -1).T.reshape(weight.shape)


def _dx_with(change: Callable[[Array], Array]) -> Callable[[AlteredStep], Array]:
    """∂C/∂x with another weight."""

    def dx(step: AlteredStep) -> Array:
        params = {**step.params, "weight": np.ascontiguousarray(change(step.params["weight"]))}
        layer = _layer_of(step)
        _, cache, _ = layer.forward(params, step.input, Context())
        found, _ = layer.backward(params, cache, step.dy)
        return np.zeros_like(step.input) if found is None else found

    return dx


def _first_group(layer: Convolution) -> Array:
    """The input channels of every output channel, had all those of the first group."""
    own = layer.inputs // layer.groups
    return np.tile(np.arange(own), (layer.outputs, 1))


def _spread_groups(layer: Convolution) -> Array:
    """The same, had every group each G-th channel."""
    own = layer.inputs // layer.groups
    groups = np.arange(layer.outputs) % layer.groups
    return groups[:, None] * own + np.arange(own)


def _regrouped(order: Callable[[Convolution], Array]) -> Alteration:
    """A convolution without groups whose weight is 0 but for other input channels."""

    def changed(step: AlteredStep) -> Altered:
        layer = _layer_of(step)
        taken, outputs = order(layer), np.arange(layer.outputs)[:, None]
        weight = step.params["weight"]
        wide = np.zeros((layer.outputs, layer.inputs, *weight.shape[2:]))
        wide[outputs, taken] = weight
        whole = replace(layer, groups=1)
        params = {**step.params, "weight": wide}
        _, cache, _ = whole.forward(params, step.input, Context())
        dx, gradients = whole.backward(params, cache, step.dy)
        return dx, {**gradients, "weight": gradients["weight"][outputs, taken]}

    return changed


# Where it lies


def _at_stride_one(step: AlteredStep) -> Altered:
    """As though the kernel had moved by one number from place to place."""
    layer = _layer_of(step)
    padding = layer.window_on(step.input.shape[2:]).padding
    return _at_other_places(step, replace(layer, stride=1, padding=padding))


def _without_dilation(step: AlteredStep) -> Altered:
    layer = _layer_of(step)
    padding = layer.window_on(step.input.shape[2:]).padding
    return _at_other_places(step, replace(layer, dilation=1, padding=padding))


def _at_other_places(step: AlteredStep, other: Convolution) -> Altered:
    """Both gradients of a convolution that has at least as many places, of which the first get the
    signals."""
    y, cache, _ = other.forward(step.params, step.input, Context())
    dy = np.zeros_like(y)
    dy[tuple(slice(size) for size in step.dy.shape)] = step.dy
    return other.backward(step.params, cache, dy)


def _in_its_border(
    cut: Callable[[Array, tuple[int, ...]], Array],
) -> Callable[[AlteredStep], Array]:
    """∂C/∂(x in its border), cut to x's size in another way than behind the border."""

    def dx(step: AlteredStep) -> Array:
        layer = _layer_of(step)
        shares = of_kernel(layer, step.params["weight"], step.dy)
        size = step.input.shape[2:]
        return cut(scattered(layer.window_on(size), size, shares, bordered=True), size)

    return dx


def _from_the_beginning(whole: Array, size: tuple[int, ...]) -> Array:
    cuts: Any = (..., *map(slice, size))
    return np.asarray(whole[cuts])


def _from_the_end(whole: Array, size: tuple[int, ...]) -> Array:
    cuts: Any = (..., *(slice(-one, None) for one in size))
    return np.asarray(whole[cuts])


def _not_at_all(whole: Array, _: tuple[int, ...]) -> Array:
    return whole


def _of_bare_input(step: AlteredStep) -> Altered:
    """∂C/∂w as though x began where its border does."""
    bare = replace(_layer_of(step), padding=0)
    window = _layer_of(step).window_on(step.input.shape[2:])
    behind = [(0, sum(sides)) for sides in window.padding]
    moved = np.pad(step.input, ((0, 0), (0, 0), *behind))
    _, cache, _ = bare.forward(step.params, moved, Context())
    weight = bare.backward(step.params, cache, step.dy)[1]["weight"]
    return step.dx, {**step.gradients, "weight": weight}


def _overwritten(manner: Manner, last: bool) -> Callable[[AlteredStep], Array]:
    """∂C/∂x where the shares of several places, of several entries or of all output channels but
    the last are lost."""

    def dx(step: AlteredStep) -> Array:
        layer = _layer_of(step)
        shares = of_kernel(layer, step.params["weight"], step.dy, last)
        size = step.input.shape[2:]
        return scattered(layer.window_on(size), size, shares, manner)

    return dx


def _of_place(place: int, names: tuple[str, ...], samples: slice = slice(None)) -> Alteration:
    """The gradients of some parameters from the first or the last place alone."""

    def changed(step: AlteredStep) -> Altered:
        alone = np.zeros_like(step.dy)
        there: Any = (samples, slice(None), *(place for _ in step.dy.shape[2:]))
        alone[there] = step.dy[there]
        own = step.back(alone)[1]
        mixed = {n: own[n] if n in names else right for n, right in step.gradients.items()}
        return step.dx, mixed

    return changed


# Axes


def _channels_last(dy: Array) -> Array:
    """∂C/∂z read as though its channels came last."""
    shape = (len(dy), *dy.shape[2:], dy.shape[1])
    return np.moveaxis(dy.reshape(shape), -1, 1)


def _channels_first(dy: Array) -> Array:
    """∂C/∂z read as though its channels came first of all."""
    return dy.reshape(dy.shape[1], len(dy), *dy.shape[2:]).swapaxes(0, 1)


def _with_signal(change: Callable[[Array], Array], names: tuple[str, ...]) -> Alteration:
    """Some of the gradients from a changed ∂C/∂z."""

    def changed(step: AlteredStep) -> Altered:
        dx, gradients = step.back(np.ascontiguousarray(change(step.dy)))
        mixed: Mapping[str, Array] = {
            name: gradients[name] if name in names else right
            for name, right in step.gradients.items()
        }
        return dx if "x" in names else step.dx, mixed

    return changed
