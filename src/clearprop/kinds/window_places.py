"""Which number of an image meets which: what a kernel's entry reads at every place, and through
which places a number of the image goes on.

The sums of the passes, taken apart: Σ over places and samples of a kernel's gradient, and Σ over
the places of the window that cover a number of its own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.engine.layers.layer import Tree


class ParameterEntry(NamedTuple):
    """One entry of a parameter of a layer, and the pass that it took part in: `name` and `at`
    say which; `input` (N, C, *S) is what the layer took."""

    layer: Any
    params: Tree
    input: Array
    cache: Any
    name: str
    at: Index


class Met(NamedTuple):
    """Where an entry w of a parameter is used: ∂L/∂w = Σₙ Σ_p factors[n,p] · ∂C/∂y[n,c,p].

    channel  c, the channel of the output in which it is used, and in no other
    factors  (N, *places) ∂y/∂w: what it multiplies there
    reads    from a place to the entry of the input's sample that it multiplies; None on the border
             of an image, and of a bias
    letter   what that number is called: x̂ where it is normalized first
    """

    channel: int
    factors: Array
    reads: Callable[[Index], Index | None]
    letter: str = "x"


class InputEntry(NamedTuple):
    """One number of what a layer takes, which stands `at` in a sample: `input` is that sample, and
    `places` how many places the layer's output has along every axis."""

    layer: Any
    params: Tree
    input: Array
    places: Index
    at: Index


class Onward(NamedTuple):
    """One number of the output that a number of the input goes into.

    output   its index in the sample
    factor   ∂(it)/∂(the number)
    weight   the entry of the layer's weight that is the factor; None where it is none
    largest  of a maximum, the index of the number that it is
    """

    output: Index
    factor: float
    weight: Index | None = None
    largest: Index | None = None


def kernel_places(entry: ParameterEntry) -> Met:
    """Where an entry of a convolution's weight or bias is used."""
    layer, (unit, *rest) = entry.layer, entry.at
    axes = layer.axes
    if entry.name == "bias":
        # (1, O): the channel stands last.
        return _alone(entry, entry.at[1], entry.cache.patches.shape[axes + 1 : -1])
    own, *kernel = rest
    channel = unit // (layer.outputs // layer.groups) * (layer.inputs // layer.groups) + own
    under: Any = (channel, *kernel)
    size = entry.input.shape[2:]
    window = layer.window_on(size)

    def reads(place: Index) -> Index | None:
        at = window.lies_on(place, tuple(kernel), size)
        return None if at is None else (channel, *at)

    return Met(unit, np.moveaxis(entry.cache.patches[under], -1, 0), reads)


def norm_places(entry: ParameterEntry) -> Met:
    """Where γ or β of a channel is used: at every place of it, where γ multiplies x̂."""
    channel, size = entry.at[1], entry.input.shape[2:]
    if entry.name == "bias":
        return _alone(entry, channel, size)
    # Of ChannelBatchNorm (places · N, C), of GroupNorm (G, C/G · places, N).
    kept = entry.cache.x_hat
    if kept.ndim == 2:
        kept = kept.mT
    normalized = kept.reshape(entry.input.shape[1], *size, len(entry.input))[channel]
    return Met(channel, np.moveaxis(normalized, -1, 0), lambda place: (channel, *place), "x̂")


def _alone(entry: ParameterEntry, channel: int, places: Index) -> Met:
    factors = np.ones((len(entry.input), *places), entry.input.dtype)
    return Met(channel, factors, lambda _: None)


def kernel_ways(entry: InputEntry) -> tuple[Onward, ...]:
    """Through a convolution: at every place that covers the number, into every channel of its
    group, with another entry of the weight each."""
    layer, (channel, *at) = entry.layer, entry.at
    weight = entry.params["weight"]
    group, own = divmod(channel, layer.inputs // layer.groups)
    outputs, size = layer.outputs // layer.groups, entry.input.shape[1:]
    window = layer.window_on(size)
    return tuple(
        Onward((unit, *place), float(weight[(unit, own, *kernel)]), (unit, own, *kernel))
        for unit in range(group * outputs, (group + 1) * outputs)
        for place, kernel in window.covering(tuple(at), size, entry.places)
    )


def largest_ways(entry: InputEntry) -> tuple[Onward, ...]:
    """Through a maximum: all of it where it is the first largest under the window, otherwise
    nothing."""
    channel, *at = entry.at
    image = entry.input[channel]
    window = entry.layer.window_on(image.shape)
    found = []
    for place, _ in window.covering(tuple(at), image.shape, entry.places):
        under = [one for one in window.numbers(place, image.shape) if one is not None]
        first = max(under, key=lambda one: float(image[one]))
        factor = float(first == tuple(at))
        found.append(Onward((channel, *place), factor, largest=(channel, *first)))
    return tuple(found)


def average_ways(entry: InputEntry) -> tuple[Onward, ...]:
    """Through a mean: its share at every place that covers it."""
    layer, (channel, *at) = entry.layer, entry.at
    size = entry.input.shape[1:]
    shares = 1 / layer.counts(size, np.dtype(np.float64))
    of_places = np.broadcast_to(shares, (*entry.places, 1))[..., 0]
    return tuple(
        Onward((channel, *place), float(of_places[place]))
        for place, _ in layer.window_on(size).covering(tuple(at), size, entry.places)
    )
