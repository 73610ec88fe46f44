"""The contract of a layer: immutable configuration and two pure functions.

    forward(params, x, context)   -> (y, cache, state)
    backward(params, cache, dy)   -> (dx, gradients)

`backward` is handed dy = ∂C/∂y and returns dx = ∂C/∂x and ∂C/∂p for every parameter p; it is linear
in dy. Neither function edits an array that it did not allocate, and neither keeps anything: what
backward needs of forward stands in `cache`, a NamedTuple whose fields say what is saved. A cache is
read together with the parameters that forward was given, never with updated ones.

Samples stand in rows: x is (N, features). Of many networks run as one, parameters have a leading
axis (K, ...), x is (K, N, features) or shared (N, features), and y is (K, N, features). Axes
counted from the end serve both. A layer that can do that sets `stackable = True`. An x with more
than two axes is each network's own then: (K, N, T, features), never a shared (N, T, features).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, keyed_generator
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ContractError, DtypeError
from clearprop.engine.initializers import Initializer

# A layer's arrays by name; a combinator's trees by child name.
Tree: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """What a layer declares of one parameter array: its shape, and how it starts."""

    shape: Shape
    initializer: Initializer
    fan_in: int
    fan_out: int


class Context(NamedTuple):
    """What a forward pass needs beside parameters and input.

    training      False where the network is used, not trained (dropout off)
    records       False where nobody will look at the layers' inputs and outputs
    seed, step    with `path`, the key of every random draw
    path          the layer's place in its network, as `layers[0]`
    state         what this layer returned as state the last time
    side_inputs   masks, lengths: what some layers need beside x
    networks      K where K networks run as one; None for one network
    """

    training: bool = True
    records: bool = True
    seed: int = 0
    step: int = 0
    path: str = ""
    state: Tree = EMPTY
    side_inputs: Mapping[str, Array] = EMPTY
    networks: int | None = None

    def child(self, name: str) -> "Context":
        """The context of the child layer `name`."""
        path = f"{self.path}.{name}" if self.path else name
        training, records, seed, step, _, states, side_inputs, networks = self
        state = EMPTY if states is EMPTY else states.get(name, EMPTY)
        return Context(training, records, seed, step, path, state, side_inputs, networks)

    def generator(self) -> "np.random.Generator":
        """The generator of this layer's draws in this step; every call makes the same one."""
        return keyed_generator(self.seed, self.step, self.path)


# What forward returns: the output, the cache, and the new state (EMPTY for most layers).
Forward: TypeAlias = tuple[Array, Any, Tree]
# What backward returns: ∂C/∂x (None where x is integers), and ∂C/∂p by parameter name.
Backward: TypeAlias = tuple[Array | None, Any]


class Layer(Configurable, ABC):
    """The base of every layer: a frozen dataclass that computes and differentiates one function."""

    stackable: ClassVar[bool] = False

    def parameters(self) -> Mapping[str, Parameter]:
        """The parameter arrays that the layer learns, by name, in the order of the flat array."""
        return {}

    def state(self) -> Mapping[str, Array]:
        """The starting value of every array that forward changes beside its output.

        As for one network in float64: `Network.initial_state` gives them the leading axis and the
        dtype of the parameters, before forward reads them as `context.state`.
        """
        return {}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        """The shape of one sample's output for one sample's input; None means not known yet.

        Raises ShapeError where the layer cannot take that input. By default the shape is kept.
        """
        return input_shape

    def kinks(self) -> tuple[float, ...]:
        """The inputs at which an entry's function has no derivative, or jumps: a convention decides
        there, and a difference quotient across one says nothing."""
        return ()

    @abstractmethod
    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        """The layer's value at x."""

    @abstractmethod
    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        """∂C/∂x and ∂C/∂p for every parameter, from dy = ∂C/∂y."""


def require_layer(value: object, where: str) -> None:
    """Refuse anything but a layer. Raises ContractError, which knows a class by its missing ()."""
    if not isinstance(value, Layer):
        is_class = isinstance(value, type) and issubclass(value, Layer)
        key = "layer_is_class" if is_class else "layer_expected"
        raise ContractError(key, where=where, came=getattr(value, "__name__", repr(value)))


def refuse_integers(layer: Layer, x: Array, context: Context) -> None:
    """For layers that take measurements: refuse ids and class numbers. Raises DtypeError."""
    if x.dtype.kind in "iu":
        name = type(layer).__name__
        raise DtypeError("integers_refused", path=context.path or name, layer=name, came=x.dtype)


class ChildForward(NamedTuple):
    """What a combinator keeps of one child's forward. `input` and `output` are None without
    records."""

    name: str
    layer: Layer
    input: Array | None
    output: Array | None
    cache: Any


class CombinatorCache(NamedTuple):
    """The cache of every combinator: its children in the order in which they ran."""

    children: tuple[ChildForward, ...]


class ChildBackward(NamedTuple):
    """What a combinator returns of one child's backward."""

    name: str
    layer: Layer
    output_gradient: Array
    input_gradient: Array | None
    gradients: Any


class CombinatorGradients(NamedTuple):
    """The gradients of every combinator: its children's, in the order in which they ran forward.

    They carry the signals between the children too, so that a network can lay the whole backward
    pass open without reaching into a layer.
    """

    children: tuple[ChildBackward, ...]


class Combinator(Layer):
    """A layer made of layers. It obeys the layers' contract, so networks nest."""

    @abstractmethod
    def children(self) -> tuple[tuple[str, Layer], ...]:
        """(name, layer) of every child; the name is how Python reaches it: `layers[0]`."""

    def run_child(
        self, name: str, layer: Layer, params: Tree, x: Array, context: Context
    ) -> tuple[ChildForward, Tree, Array]:
        """One child's forward: what the combinator keeps of it, its new state and its output."""
        y, cache, state = layer.forward(params[name], x, context.child(name))
        if context.records:
            return ChildForward(name, layer, x, y, cache), state, y
        return ChildForward(name, layer, None, None, cache), state, y
