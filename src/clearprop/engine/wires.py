"""Who takes what: the numbers that flow through a network, and the layers that take each of them.

A wire is an array that one layer puts out and others take. It is named by the path of the layer (or
Residual) that puts it out, `layers[0]`, and the network's own input is `input`. The backward pass
needs the takers of a wire: ∂C/∂v of a number v is the sum over everything that takes it,

    ∂C/∂v = Σ_takers ∂(taker's output)/∂v · ∂C/∂(taker's output)

A Sequential and a Residual are taken apart. Any other combinator counts as one layer, whose own
backward answers for what is inside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from clearprop.base.arrays import Array
from clearprop.base.errors import DtypeError
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.combinators import Residual, Sequential
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.parameters import join, leaves
from clearprop.engine.passes import BackwardPass

INPUT = "input"


@dataclass(frozen=True, eq=False)
class Node:
    """One layer that is not taken apart: the wire that it takes, and its parameters as a tree.

    It puts out the wire that is named as its own `path`.
    """

    path: str
    layer: Layer
    source: str
    tree: Tree


@dataclass(frozen=True)
class Sum:
    """A Residual's sum of its input and its branch's output; `path` names the wire it puts out."""

    path: str
    terms: tuple[str, str]


@dataclass(frozen=True, eq=False)
class Wiring:
    """The wires of one pass.

    nodes    every layer that is not taken apart, by its path
    sums     every Residual, by its path
    aliases  path → wire, of the Sequentials, whose output is their last layer's
    output   the wire that the loss takes
    """

    backward: BackwardPass
    nodes: Mapping[str, Node]
    sums: Mapping[str, Sum]
    aliases: Mapping[str, str]
    output: str

    def takers(self, wire: str) -> list[Node | Sum]:
        """Everything that takes `wire`; nothing takes the output but the loss."""
        nodes = [node for node in self.nodes.values() if node.source == wire]
        return [*nodes, *(one for one in self.sums.values() if wire in one.terms)]

    def values(self, wire: str) -> Array:
        """The numbers on a wire: (N, ...)."""
        forward = self.backward.forward
        return forward.input if wire == INPUT else forward[wire].output

    def has_gradients(self, wire: str) -> bool:
        """Whether a wire holds measurements: an input of integers has no derivative."""
        return wire != INPUT or self.backward.input_gradient is not None

    def gradients(self, wire: str) -> Array:
        """∂C/∂(every number on a wire), (N, ...). Raises DtypeError for an input of integers."""
        if wire != INPUT:
            return self.backward[wire].output_gradient
        if self.backward.input_gradient is None:
            raise DtypeError("explain_integers", came=self.backward.forward.input.dtype)
        return self.backward.input_gradient

    def names(self) -> list[str]:
        """Every wire that has a name of its own, the input first."""
        return [INPUT, *self.nodes, *self.sums, *self.aliases]


def wire_up(backward: BackwardPass) -> Wiring:
    """The wires of the network that `backward` went through."""
    nodes: dict[str, Node] = {}
    sums: dict[str, Sum] = {}
    aliases: dict[str, str] = {}

    def walk(path: str, layer: Layer, source: str, tree: Tree) -> str:
        """Enter a layer that takes the wire `source`; returns the wire that it puts out."""
        if isinstance(layer, Sequential):
            for name, child in layer.children():
                source = walk(join(path, name), child, source, tree[name])
            aliases[path] = source
            return source
        if isinstance(layer, Residual):
            branch = walk(join(path, "branch"), layer.branch, source, tree["branch"])
            sums[path] = Sum(path, (source, branch))
            return path
        nodes[path] = Node(path, layer, source, tree)
        return path

    forward = backward.forward
    output = walk("", forward.network.layer, INPUT, forward.tree)
    return Wiring(backward, nodes, sums, aliases, output)


def is_linear(layer: Layer) -> TypeGuard[Linear]:
    """Whether a layer is Linear itself: a subclass may compute something else."""
    return type(layer) is Linear


def is_activation(layer: Layer) -> TypeGuard[Activation]:
    """Whether a layer is elementwise, with the backward that every activation has."""
    return isinstance(layer, Activation) and type(layer).backward is Activation.backward


def parameters_of(node: Node) -> list[str]:
    """The paths of a node's parameters, those inside a combinator as well."""
    return [
        join(path, name)
        for path, leaf in leaves(node.layer, node.path)
        for name in leaf.parameters()
    ]
