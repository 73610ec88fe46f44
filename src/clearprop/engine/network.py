"""A network: one layer (usually a Sequential) together with the layout of its flat parameter array.

    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = network.initialize(seed=0)
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target)
    backward = network.backward(forward, loss.gradient)

A network holds no parameters and no state: everything that changes is passed in and returned. With
params (K, P) it runs K networks as one, each with the result that it has alone.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import (
    EMPTY,
    Array,
    dtype_named,
    freeze,
    frozen,
    keyed_generator,
    require_matching_dtype,
    require_seed,
    shape_text,
)
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ContractError, DtypeError, ShapeError
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Combinator, Context, Layer, Tree, require_layer
from clearprop.engine.parameters import Layout, leaves
from clearprop.engine.passes import BackwardPass, ForwardPass


@dataclass(frozen=True)
class Network:
    """A layer and the layout of its parameters.

    `tied` maps a parameter's path to the path of an earlier one whose slice of the flat array it
    shares. Raises UnknownNameError or ConfigurationError for a tie that cannot be.
    """

    layer: Layer
    tied: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_layer(self.layer, "Network.layer")
        object.__setattr__(self, "tied", dict(self.tied))
        object.__setattr__(self, "layout", Layout(self.layer, self.tied))
        # A layout is worked out when it is first used; a tie that cannot be is refused here.
        _ = self.layout.slots

    @property
    def size(self) -> int:
        """The number of parameters, shared ones counted once."""
        return self.layout.size

    def initialize(
        self,
        seed: int | Sequence[int] | Array = 0,
        *,
        dtype: str = "float64",
        initializer: Initializer | None = None,
    ) -> Array:
        """Starting parameters (P,), or (K, P) for a sequence of K seeds.

        Every array is drawn from its layer's initializer, or from `initializer` if one is given,
        with a generator keyed by the seed and the array's path: a network has the same start
        alone and among others. Raises ConfigurationError for a bad seed or dtype.
        """
        kind = dtype_named(dtype)
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            starts = [self.initialize(s, dtype=dtype, initializer=initializer) for s in seed]
            return np.array(starts, kind).reshape(len(starts), self.size)
        seed = require_seed(seed)
        params = np.zeros(self.size, kind)
        for path, slot in self.layout.slots.items():
            if path in self.tied:
                continue
            parameter = slot.parameter
            values = (initializer or parameter.initializer).draw(
                keyed_generator(seed, path=path), slot.shape, parameter.fan_in, parameter.fan_out
            )
            params[slot.start : slot.stop] = values.ravel()
        return params

    @cached_property
    def start_state(self) -> Tree:
        """The state that the layers declare, as a tree; empty for layers without any."""
        return _state_of(self.layer)

    def initial_state(self, params: Array) -> Tree:
        """The state that goes with `params` before the first pass: `start_state`, with a leading
        axis (K, ...) beside stacked parameters, and floating arrays in the parameters' dtype."""
        start = self.start_state
        return EMPTY if start is EMPTY else _state_beside(params, start)

    def named(self, params: Array) -> dict[str, Array]:
        """Every parameter array by its path, as views of `params`; of a flat gradient too."""
        self._check_params(params)
        return {path: self.layout.view(params, path) for path in self.layout.slots}

    def replace(self, params: Array, values: Mapping[str, Array]) -> Array:
        """A copy of `params` in which the arrays named by path have new values.

        Raises UnknownNameError for a path that does not exist, ShapeError for a wrong shape.
        """
        self._check_params(params)
        changed = params.copy()
        for path, value in values.items():
            view = self.layout.view(changed, path)
            if np.shape(value) != view.shape:
                raise ShapeError(
                    "parameter_shape",
                    path=path,
                    expected=shape_text(view.shape),
                    came=shape_text(np.shape(value)),
                )
            view[...] = value
        return changed

    def forward(
        self,
        params: Array,
        x: Array,
        *,
        training: bool = True,
        records: bool = True,
        seed: int = 0,
        step: int = 0,
        state: Tree | None = None,
        side_inputs: Mapping[str, Array] = EMPTY,
    ) -> ForwardPass:
        """Run the network at x and keep what was computed.

        params       (P,), or (K, P) for K networks as one
        x            (N, features), or (K, N, features) where every network has its own; beside
                     stacked params, every x of more than two axes is taken as such
        training     False where the network is used and not trained
        records      False keeps only what backward needs: for training that nobody looks at
        seed, step   the key of random draws, with the layer's path
        state        what the last pass returned as `state`; the initial one unless told otherwise

        The pass keeps read-only arrays. Where params or x can be written to, it keeps a copy, so
        that editing them later cannot change a record. Raises ShapeError, DtypeError, and
        ContractError for a layer that cannot be stacked.
        """
        params, x = np.asarray(params), np.asarray(x)
        self._check_params(params)
        if x.dtype.kind not in "fciu":
            raise DtypeError("input_not_numbers", came=x.dtype)
        require_matching_dtype(x, params, where="x")
        if records:
            params, x = frozen(params), frozen(x)
        if state is None:
            state = self.initial_state(params)
        networks = len(params) if params.ndim == 2 else None
        context = Context(training, records, seed, step, "", state, side_inputs, networks)
        tree = self.layout.tree(params)
        output, cache, new_state = self.layer.forward(tree, x, context)
        if records:
            freeze(output)
        return ForwardPass(self, params, x, output, context, new_state, tree, cache)

    def backward(self, forward: ForwardPass, output_gradient: Array) -> BackwardPass:
        """Run back through `forward`, from ∂C/∂output to ∂C/∂θ and ∂C/∂x.

        output_gradient has the output's shape and dtype (a loss returns it); the parameters are
        those that forward used. Raises ShapeError, DtypeError, and ContractError for the pass of
        another network.
        """
        if forward.network is not self and forward.network != self:
            raise ContractError("pass_of_another_network")
        if output_gradient.shape != forward.output.shape:
            raise ShapeError(
                "output_gradient_shape",
                expected=shape_text(forward.output.shape),
                came=shape_text(output_gradient.shape),
            )
        require_matching_dtype(output_gradient, forward.output, where="output_gradient")
        dy = frozen(output_gradient) if forward.context.records else output_gradient
        dx, signals = self.layer.backward(forward.tree, forward.cache, dy)
        params = forward.params
        gradient = self.layout.flatten(signals, params.shape[:-1], params.dtype)
        return BackwardPass(forward, dy, dx, freeze(gradient), signals)

    def predict(self, params: Array, x: Array, *, state: Tree | None = None) -> Array:
        """The network's output at x, not in training and without records."""
        return self.forward(params, x, training=False, records=False, state=state).output

    def summary(self, language: str = "en") -> str:
        """A table of the layers, their output shapes and parameter counts, and the total."""
        head = [
            messages.text(language, f"network.{name}")
            for name in ("path", "layer", "output", "parameters")
        ]
        rows = [head]
        shape = None
        for path, layer in leaves(self.layer):
            shape = layer.output_shape(shape)
            count = sum(int(np.prod(p.shape)) for p in layer.parameters().values())
            output = "?" if shape is None else shape_text(("N", *shape))
            rows.append([path or "—", repr_short(layer), output, f"{count:,}"])
        widths = [max(map(messages.display_width, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(messages.pad(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        lines.insert(1, "─" * messages.display_width(lines[0]))
        total = messages.text(language, "network.total", count=f"{self.size:,}")
        return "\n".join([*(line.rstrip() for line in lines), total])

    def _check_params(self, params: Array) -> None:
        if params.ndim not in (1, 2) or params.shape[-1] != self.size:
            raise ShapeError(
                "params_shape", expected=shape_text((self.size,)), came=shape_text(params.shape)
            )
        if params.dtype.char not in "dfDF":
            raise DtypeError("params_dtype", came=params.dtype)
        if params.ndim == 2:
            for path, layer in leaves(self.layer):
                if not layer.stackable:
                    raise ContractError(
                        "layer_not_stackable", path=path, layer=type(layer).__name__
                    )


def repr_short(layer: Configurable) -> str:
    """A layer, loss or optimizer with the settings that differ from their defaults:
    `Linear(1, 10)`."""
    defaults = {
        name: item.default for name, item in inspect.signature(type(layer)).parameters.items()
    }
    parts = []
    for name, value in layer.settings().items():
        default = defaults.get(name, inspect.Parameter.empty)
        if default is inspect.Parameter.empty:
            parts.append(f"{value}")
        elif value != default:
            parts.append(f"{name}={value}")
    return f"{type(layer).__name__}({', '.join(parts)})"


def _state_of(layer: Layer) -> Tree:
    if isinstance(layer, Combinator):
        states = {name: _state_of(child) for name, child in layer.children()}
        return {name: state for name, state in states.items() if state} or EMPTY
    return {name: frozen(np.asarray(array)) for name, array in layer.state().items()} or EMPTY


def _state_beside(params: Array, state: Tree) -> Tree:
    return {
        name: _state_beside(params, part)
        if isinstance(part, Mapping)
        else _array_beside(params, part)
        for name, part in state.items()
    }


def _array_beside(params: Array, array: Array) -> Array:
    dtype = params.dtype if array.dtype.kind == "f" else array.dtype
    stacked = np.broadcast_to(array, (*params.shape[:-1], *array.shape))
    return freeze(stacked.astype(dtype, order="C"))
