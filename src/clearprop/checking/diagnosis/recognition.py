"""Networks that a plain function may be computing, guessed from the shapes of its arrays.

    (x)                          a layer without parameters
    (x, W) or (x, W, b)          a linear layer
    (x, W1, b1, W2, b2 …)        linear layers with one activation between them, with or without
                                 biases; after the last one nothing, an activation or a softmax
    (x, W …) with y like x       the same as the branch of a residual
    (x, t, W …), (x, W …, t)     any of these under a loss, where the output is one number

These are candidates and no more: each is run, and it is the function only where it gives the same
output and the same gradients.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clearprop.arrays import Array
from clearprop.layers.activations import Activation, Identity
from clearprop.layers.catalog import EXAMPLES
from clearprop.layers.combinators import Residual, Sequential
from clearprop.layers.contract import Combinator, Layer
from clearprop.layers.linear import Linear
from clearprop.layers.softmax import LogSoftmax, Softmax


class Sizes(NamedTuple):
    """The shape of one linear layer."""

    inputs: int
    outputs: int
    bias: bool


def candidates(arrays: Sequence[Array], output: Array) -> Iterator[Layer]:
    """The layers that take arrays of these shapes, x first, to an output of this shape."""
    x, *parameters = arrays
    if not parameters:
        yield from _without_parameters()
        return
    sizes = linear_sizes(x.shape, [array.shape for array in parameters])
    if sizes is None:
        return
    chains = list(_chains(sizes))
    yield from chains
    if x.shape == output.shape:
        yield from (Residual(chain) for chain in chains)


def linear_sizes(x: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> list[Sizes] | None:
    """The linear layers that have parameters of these shapes one after the other, or None."""
    if len(x) != 2:
        return None
    width = x[1]
    sizes: list[Sizes] = []
    for shape in shapes:
        if sizes and not sizes[-1].bias and shape in ((width,), (1, width)):
            sizes[-1] = sizes[-1]._replace(bias=True)
        elif len(shape) == 2 and shape[0] == width and shape[1] > 0:
            width = shape[1]
            sizes.append(Sizes(*shape, bias=False))
        else:
            return None
    return sizes or None


def _without_parameters() -> Iterator[Layer]:
    for examples in EXAMPLES.values():
        layer = examples[0].layer
        if not isinstance(layer, Combinator) and not layer.parameters():
            yield layer


def _chains(sizes: Sequence[Sizes]) -> Iterator[Layer]:
    linear = [Linear(one.inputs, one.outputs, bias=one.bias) for one in sizes]
    activations = [
        layer
        for layer in _without_parameters()
        if isinstance(layer, Activation) and not isinstance(layer, Identity)
    ]
    ends: list[Layer | None] = [None, *activations, Softmax(), LogSoftmax()]
    betweens: list[Layer | None] = [None, *activations] if len(linear) > 1 else [None]
    for between in betweens:
        for end in ends:
            chain: list[Layer] = [linear[0]]
            for layer in linear[1:]:
                chain += [layer] if between is None else [between, layer]
            if end is not None:
                chain.append(end)
            yield chain[0] if len(chain) == 1 else Sequential(*chain)
