"""What the readers of a graph ask of its steps."""

from typing import TypeGuard

import numpy as np

from clearprop.base.arrays import Index
from clearprop.engine.addresses import Address
from clearprop.engine.graph import Graph, Node
from clearprop.engine.joining import Join, Sum
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
