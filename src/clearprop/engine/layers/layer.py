"""The contract of a layer: immutable configuration and two pure functions.

    forward(params, x, context)   -> (y, cache, state)
    backward(params, cache, dy)   -> (dx, gradients)

`backward` is handed dy = ∂C/∂y and returns dx = ∂C/∂x and ∂C/∂p for every parameter p; it is linear
in dy. Neither function edits an array that it did not allocate, and neither keeps anything: what
backward needs of forward stands in `cache`, a NamedTuple whose fields say what is saved. A cache is
read together with the parameters that forward was given, never with updated ones.

Samples stand in rows: x is (N, features), or (N, ..., features) with any axes between. Of many
networks run as one, parameters, x and y have a leading axis: (K, ...), (K, N, ..., features), and
`context.networks` is K; where the networks share their input, x is a view of it along that axis.
A layer that can do that sets `stackable = True`; axes counted from the end serve both.

What happens inside a layer is data too. One that computes more than a single step declares its
named intermediates by three pure functions, which nobody calls in a training:

    intermediates(params, cache)               -> {name: Intermediate}       their values
    intermediate_gradients(params, cache, dy)  -> {name: ∂C/∂intermediate}
    output_moved(params, cache, added)         -> y

The forward pass saves nothing for them: what is not in the cache is computed again from it. ∂C/∂v
is over everything that v has an influence on inside the layer, later times too: it is the
derivative of C by a number that is added to v where v is computed. `output_moved` is the layer's
output with such numbers added, so that a test compares the two for every layer, and an explanation
has its witness.
An intermediate has the addresses that its axes spell (`engine.addresses`):

    Intermediate(values, ("query", "key"), within=("heads",))     values (N, heads, T, S)
    as "weights" of layers[2]:       layers[2].heads[1].weights[4,2]

    Intermediate(values, ("unit",), within=("time",))             values (N, T, H)
    as "forget" of layers[0]:        layers[0].time[3].forget[5]
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, keyed_generator, shape_text
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ContractError, DtypeError, ShapeError
from clearprop.engine.initializers import Initializer

# A layer's arrays by name. Of a combinator: its layers' parameters by their paths
# (`layers[0].weight`), and the trees of their states by theirs.
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
        """The context of the layer at the path `name` from here; its state is its own."""
        training, records, seed, step, above, states, side_inputs, networks = self
        path = f"{above}.{name}" if above and name else above or name
        state = EMPTY if states is EMPTY else states.get(name, EMPTY)
        # A named tuple's own constructor takes twice as long, and every layer of a step has one.
        return tuple.__new__(
            Context, (training, records, seed, step, path, state, side_inputs, networks)
        )

    def side_input(self, name: str) -> Array | None:
        """The side input of that name for this layer alone, with its path in front
        (`layers[2].attn_mask`), otherwise the one for all layers; None where there is neither."""
        if not self.side_inputs:
            return None
        own = self.side_inputs.get(f"{self.path}.{name}")
        found = self.side_inputs.get(name) if own is None else own
        return None if found is None else np.asarray(found)

    def generator(self) -> "np.random.Generator":
        """The generator of this layer's draws in this step; every call makes the same one."""
        return keyed_generator(self.seed, self.step, self.path)


class Intermediate(NamedTuple):
    """What a layer computes on the way from its input to its output, under one name.

    values  (N, *within, *axes), of K networks (K, N, ...)
    axes    what the axes in the last brackets of its address are called
    within  what the axes before its name are called, as they are written: `heads`, `time`
    """

    values: Array
    axes: tuple[str, ...]
    within: tuple[str, ...] = ()


class OpenShape(tuple[int, ...]):
    """(features,) of a sample whose other axes nobody has told yet: what a Linear puts out for an
    input of which nothing is known may be rows (N, features) as well as sequences."""

    __slots__ = ()


class OpenImage(NamedTuple):
    """What is known of one sample of images whose size nobody has told yet.

    channels, axes  how many there are; axes are those beside the channels
    source          the layer that says so, as people write it
    """

    channels: int
    axes: int
    source: str

    @property
    def text(self) -> str:
        """The shape of a batch, as it is written: (N, 3, H, W)."""
        return image_text(self.axes, self.channels)


def image_text(axes: int, channels: int | str = "C") -> str:
    """The shape of a batch of images, as it is written: (N, 3, H, W)."""
    return shape_text(("N", channels, *{1: ("L",), 2: ("H", "W")}.get(axes, ("…",))))


def known_shape(shape: Shape | None) -> Shape | None:
    """The shape where all of its axes are known, for layers that look at other than the last."""
    return None if isinstance(shape, OpenShape) else shape


def with_features(shape: Shape | None, features: int) -> Shape:
    """The shape with another number of features, its last axis; what is not known stays open."""
    if shape is None or isinstance(shape, OpenShape):
        return OpenShape((features,))
    return (*shape[:-1], features)


# What forward returns: the output, the cache, and the new state (EMPTY for most layers).
Forward: TypeAlias = tuple[Array, Any, Tree]
# What backward returns: ∂C/∂x (None where x is integers), and ∂C/∂p by parameter name.
Backward: TypeAlias = tuple[Array | None, Any]


class Wiring(Protocol):
    """What a layer is handed to state its wiring (`Layer.wire`): the names of wires go in, and that
    of the wire which is put out comes back. A wire is an array that one step puts out and others
    take.

    Every method raises ContractError for a wire that there is not and for a name that is taken.
    """

    def node(self, layer: "Layer", source: str) -> str:
        """The layer itself as one step, which takes `source`."""

    def layer(self, name: str, layer: "Layer", source: str) -> str:
        """The child `layer`, which takes `source`; `name` is how Python reaches it: `layers[0]`."""

    def add(self, *terms: str, name: str = "", refusal: str = "sum_shapes") -> str:
        """The sum of wires, entry by entry. `name` tells several joins apart; `refusal` is the key
        of the sentence for terms of different shapes."""

    def concatenate(self, *terms: str, name: str = "", axis: int = -1) -> str:
        """Wires one after another along an axis, counted from the end: −1 are the features, −2 of
        sequences the times, −3 of images the channels."""


class Layer(Configurable, ABC):
    """The base of every layer: a frozen dataclass that computes and differentiates one function."""

    stackable: ClassVar[bool] = False
    # Whether x is images: samples, channels, and then the places of each.
    images: ClassVar[bool] = False

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        # What a training calls belongs to the backward beside it: a class with a backward of its
        # own must not inherit another's.
        if "backward" in vars(cls) and "backward_into" not in vars(cls):
            cls.backward_into = Layer.backward_into  # type: ignore[method-assign]

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

    def images_after(self, before: OpenImage | None) -> OpenImage | Shape | None:
        """What is known of the output where a sample's shape is not: the images that it is, or the
        shape that it has whatever the size of the images before; by default nothing.

        Raises ShapeError where the layer cannot take such images.
        """
        return None

    def wire(self, wiring: Wiring, source: str) -> str:
        """State the layer's part of a network's graph, from the wire `source` on; returns the wire
        that it puts out. A layer is one step, unless it is made of layers."""
        return wiring.node(self, source)

    def side_inputs(self) -> Collection[str]:
        """The names of what the layer reads beside x (`Context.side_input`); a pass refuses side
        inputs that no layer reads."""
        return ()

    def samples_axis(self, name: str, axes: int) -> int | None:
        """Which axis of a side input with so many axes counts the samples, the first unless a layer
        says otherwise; None of one that all samples share. Batches are taken along it."""
        return 0

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

    def intermediates(self, params: Tree, cache: Any) -> Mapping[str, Intermediate]:
        """What the layer computed on its way, by name, in that order; nothing for most layers."""
        return EMPTY

    def intermediate_gradients(self, params: Tree, cache: Any, dy: Array) -> Mapping[str, Array]:
        """∂C/∂v of every intermediate v, of its shape, from dy = ∂C/∂y; linear in dy."""
        return EMPTY

    def output_moved(self, params: Tree, cache: Any, added: Mapping[str, Array]) -> Array:
        """The output where `added` is added to the intermediates of these names as they are
        computed, and everything behind them follows. Raises ContractError for a layer with
        intermediates that lacks this method."""
        raise ContractError("output_moved_missing", layer=type(self).__name__)

    def backward_into(
        self,
        params: Tree,
        cache: Any,
        dy: Array,
        into: Tree,
        *,
        path: str,
        input_gradient: bool,
    ) -> Array | None:
        """`backward` for a training: every ∂C/∂p is written into the array of its name in `into`,
        and ∂C/∂x returned, or None where nobody asks for the `input_gradient`. The numbers are
        those of `backward` to the bit; a layer of one's own need not have this method. `path` is
        the layer's place.

        Raises ContractError for a parameter without a gradient, ShapeError and DtypeError for one
        whose shape or dtype is not its parameter's.
        """
        dx, gradients = self.backward(params, cache, dy)
        for name, place in into.items():
            where = f"{path}.{name}" if path else name
            place[...] = require_gradient(gradients.get(name), place.shape, place.dtype, where)
        return dx


def require_layer(value: object, where: str) -> None:
    """Refuse anything but a layer. Raises ContractError, which knows a class by its missing ()."""
    if not isinstance(value, Layer):
        is_class = isinstance(value, type) and issubclass(value, Layer)
        key = "layer_is_class" if is_class else "layer_expected"
        raise ContractError(key, where=where, came=getattr(value, "__name__", repr(value)))


def require_output(layer: Layer, path: str, y: Array, dtype: "np.dtype[Any]") -> None:
    """Refuse an output that is not of the parameters' dtype; real numbers pass beside complex
    parameters, as x does. Raises DtypeError, which names the layer."""
    if y.dtype == dtype or (dtype.kind == "c" and y.dtype.kind == "f"):
        return
    name = type(layer).__name__
    raise DtypeError("output_drifted", path=path or name, layer=name, came=y.dtype, expected=dtype)


def require_signal(path: str, dx: Array, x: Array, dy: Array) -> None:
    """Refuse a ∂C/∂x that is not of x's shape and ∂C/∂y's dtype. Raises ShapeError and DtypeError,
    which name the layer."""
    if dx.shape != x.shape:
        # Adding it to what comes back through another branch would broadcast it.
        expected, came = shape_text(x.shape), shape_text(dx.shape)
        raise ShapeError("signal_shape", path=path or "layer", expected=expected, came=came)
    if dx.dtype != dy.dtype:
        raise DtypeError("signal_drifted", path=path or "layer", came=dx.dtype, expected=dy.dtype)


def require_gradient(
    gradient: Array | None, shape: Shape, dtype: "np.dtype[Any]", path: str
) -> Array:
    """The gradient itself. Raises ContractError where there is none for the parameter at `path`,
    ShapeError and DtypeError where its shape or dtype is not the parameter's."""
    if gradient is None:
        raise ContractError("gradient_missing", path=path)
    if gradient.shape != shape:
        expected, came = shape_text(shape), shape_text(gradient.shape)
        raise ShapeError("gradient_of_parameter", path=path, expected=expected, came=came)
    if gradient.dtype != dtype:
        raise DtypeError("gradient_drifted", path=path, expected=dtype, came=gradient.dtype)
    return gradient


def refuse_integers(layer: Layer, x: Array, context: Context) -> None:
    """For layers that take measurements: refuse ids and class numbers. Raises DtypeError."""
    if x.dtype.kind in "iu":
        name = type(layer).__name__
        raise DtypeError("integers_refused", path=context.path or name, layer=name, came=x.dtype)
