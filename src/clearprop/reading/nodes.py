"""What the readers of a graph ask of its steps."""

from typing import TypeGuard

import numpy as np

from clearprop.drawing.diagrams.parts import symbol, weight_symbol
from clearprop.drawing.pen.markup import plain
from clearprop.engine.addresses import Address
from clearprop.engine.graph import INPUT, Graph, Index, Join, Node, Sum
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import ForwardPass


def is_linear(layer: Layer) -> TypeGuard[Linear]:
    """Whether a layer is Linear itself: a subclass may compute something else."""
    return type(layer) is Linear


def is_activation(layer: Layer) -> TypeGuard[Activation]:
    """Whether a layer is elementwise, with the backward that every activation has."""
    return isinstance(layer, Activation) and type(layer).backward is Activation.backward


def layer_name(node: Node) -> str:
    """What a node is called in a sentence: its path, or its class where it is the whole network."""
    return node.path or type(node.layer).__name__


def linear_number(graph: Graph, path: str) -> int | None:
    """The number of a Linear layer in formulas, from 1; None of another step, and in a network
    whose ways part, where the layers have no order."""
    linears = [one.path for one in graph.nodes.values() if is_linear(one.layer)]
    return None if graph.joins or path not in linears else linears.index(path) + 1


def neuron_symbol(graph: Graph, wire: str, index: Index) -> str:
    """What a neuron, or a feature of the input, is called in formulas: z₄⁽¹⁾ of the neuron 3 of
    the first Linear layer, x₁ of input[0]. "" where it has no name there."""
    if len(index) != 1 or graph.joins:
        return ""
    if wire == INPUT:
        return plain(symbol("x", index[0] + 1))
    number = linear_number(graph, wire)
    return "" if number is None else plain(symbol("z", index[0] + 1, number))


def parameter_symbol_at(graph: Graph, node: Node, name: str, index: Index) -> str:
    """What an entry of a Linear layer's parameter is called in formulas: w₁₄⁽¹⁾, b₄⁽¹⁾."""
    number = linear_number(graph, node.path)
    if number is None:
        return ""
    row, unit = index
    return plain(
        symbol("b", unit + 1, number) if name == "bias" else weight_symbol(row, unit, number)
    )


def terms_behind(join: Join, forward: ForwardPass, index: Index) -> list[Address]:
    """The entries of its terms that a join puts, with the factor 1, into the entry `index` of one
    sample of its output, in the order of its terms."""
    # What goes back from this entry alone goes back to these, and to no others.
    dy = np.zeros((1, *forward.value(join.path).shape[1:]))
    dy[(0, *index)] = 1
    shares = join.shares(dy, [forward.value(wire)[:1] for wire in join.sources])
    return [
        Address(wire, tuple(int(i) for i in place))
        for wire, share in zip(join.sources, shares, strict=True)
        for place in np.argwhere(share[0])
    ]


def is_skip(graph: Graph, join: Join) -> bool:
    """Whether a join adds what went past a branch to what came through it: one of its two terms is
    what its combinator takes."""
    source = graph.combinator_of(join.path).source
    return isinstance(join, Sum) and len(join.sources) == 2 and join.sources.count(source) == 1
