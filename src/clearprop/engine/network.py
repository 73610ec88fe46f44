"""A network: one layer (usually a Sequential) with its graph and its flat parameter array, and its
two passes, which are data.

    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = network.initialize(seed=0)
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target)
    backward = network.backward(forward, loss.gradient)

A network holds no parameters and no state: everything that changes is passed in and returned. With
params (K, P) it runs K networks as one, each with the result that it has alone.

Records are made when they are first looked at: until then a pass costs what the caches cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.base.arrays import (
    EMPTY,
    Array,
    Shape,
    dtype_named,
    freeze,
    frozen,
    require_matching_dtype,
    require_seed,
    shape_text,
)
from clearprop.base.errors import ConfigurationError, ContractError, DtypeError, ShapeError
from clearprop.engine.graph import INPUT, Graph
from clearprop.engine.initializers import Initializer
from clearprop.engine.known_side_inputs import known_side_inputs, require_side_inputs
from clearprop.engine.layers.layer import Context, Intermediate, Layer, Tree, require_layer
from clearprop.engine.parameters import Layout, require_params
from clearprop.engine.records import (
    BackwardRecord,
    ForwardRecord,
    backward_group,
    backward_record,
    forward_group,
    forward_record,
    intermediate_gradients_of,
    intermediates_of,
)
from clearprop.engine.running import Run, run_backward, run_forward, settle_output_gradient
from clearprop.engine.state import start_state_of, state_beside, state_of
from clearprop.engine.summary import repr_short, summary_of
from clearprop.engine.wiring import graph_of


@dataclass(frozen=True)
class Network:
    """A layer, its graph, and the layout of its parameters.

    `tied` maps a parameter's path to the path of an earlier one whose slice of the flat array it
    shares. Raises UnknownNameError or ConfigurationError for a tie that cannot be, ContractError
    for a wiring that cannot be.
    """

    layer: Layer
    tied: Mapping[str, str] = field(default_factory=dict)
    graph: Graph = field(init=False, repr=False, compare=False)
    layout: Layout = field(init=False, repr=False, compare=False)

    def __new__(cls, *given: Any, **_: Any) -> "Network":
        if len(given) > 1 and isinstance(given[1], Layer):
            raise ContractError("network_of_layers", layers=", ".join(map(_called, given)))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        require_layer(self.layer, "Network.layer")
        object.__setattr__(self, "tied", dict(self.tied))
        object.__setattr__(self, "graph", graph_of(self.layer, self.tied))
        object.__setattr__(self, "layout", Layout(self.graph))

    def __hash__(self) -> int:
        return hash((self.layer, frozenset(self.tied.items())))

    @property
    def size(self) -> int:
        """The number of parameters, shared ones counted once."""
        return self.graph.size

    def initialize(
        self,
        seed: int | Sequence[int] | Array = 0,
        *,
        dtype: str | type[Any] | np.dtype[Any] = "float64",
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
        return self.layout.draw(require_seed(seed), kind, initializer)

    @cached_property
    def start_state(self) -> Tree:
        """The state that the layers declare, by their paths; empty for layers without any."""
        return start_state_of(self.graph)

    @cached_property
    def side_inputs(self) -> tuple[str, ...]:
        """The names of what the layers can be handed beside x: masks, lengths, first states."""
        return known_side_inputs(self.graph)

    def initial_state(self, params: Array) -> Tree:
        """The state that goes with `params` before the first pass: `start_state`, with a leading
        axis (K, ...) beside stacked parameters, and floating arrays in the parameters' dtype."""
        return state_beside(params, self.start_state)

    def named(self, params: Array) -> dict[str, Array]:
        """Every parameter array by its path, as views of `params`; of a flat gradient too."""
        require_params(self.graph, params)
        return {path: self.layout.view(params, path) for path in self.graph.slots}

    def replace(self, params: Array, values: Mapping[str, Array]) -> Array:
        """A copy of `params` in which the arrays named by path have new values.

        Raises UnknownNameError for a path that does not exist, ShapeError for a wrong shape.
        """
        require_params(self.graph, params)
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
        own_input: bool = False,
    ) -> "ForwardPass":
        """Run the network at x and keep what was computed.

        params       (P,), or (K, P) for K networks as one
        x            (N, features), or with any axes between: images, sequences, ids (N,)
        training     False where the network is used and not trained
        records      False keeps only what backward needs: for a training that nobody looks at
        seed, step   the key of random draws, with the layer's path
        side_inputs  masks, lengths, first states, by the names in `Network.side_inputs`
        state        what the last pass in training returned as `state` (of a training it is
                     `state.layers`). In training the initial one unless told otherwise; otherwise a
                     network with running statistics cannot go without
        own_input    of K networks: True where x has a leading axis K, an input for each network;
                     otherwise all of them share x

        The pass keeps read-only arrays. Where params or x can be written to, it keeps a copy, so
        that editing them later cannot change a record. Raises ShapeError, DtypeError, ContractError
        for a layer that cannot be stacked, and ConfigurationError for running statistics that are
        missing; UnknownNameError for a side input that no layer reads.
        """
        params, x = np.asarray(params), np.asarray(x)
        self.require_input(params, x, own_input=own_input)
        if side_inputs is not EMPTY:
            side_inputs = require_side_inputs(side_inputs, self.side_inputs)
            if records:
                side_inputs = {name: frozen(array) for name, array in side_inputs.items()}
        if records:
            params, x = frozen(params), frozen(x)
        state = state_of(self.graph, params, self.start_state, state, training=training)
        networks = len(params) if params.ndim == 2 else None
        context = Context(training, records, seed, step, "", state, side_inputs, networks)
        run = run_forward(self.layout, params, x, context, own_input=own_input)
        if records:
            freeze(run.output)
        elif np.may_share_memory(run.output, x):
            # Never the caller's own array.
            run = run._replace(output=run.output.copy())
        return ForwardPass(self, params, x, context, run)

    def require_input(self, params: Array, x: Array, *, own_input: bool = False) -> None:
        """Refuse what `forward` cannot run. Raises ShapeError, DtypeError and ContractError."""
        require_params(self.graph, params)
        if x.dtype.kind not in "fciu":
            raise DtypeError("input_not_numbers", came=x.dtype)
        require_matching_dtype(x, params, where="x")
        networks = len(params) if params.ndim == 2 else None
        if own_input and (networks is None or x.ndim < 2 or len(x) != networks):
            raise ShapeError("own_input", networks=networks or 1, came=shape_text(x.shape))

    def backward(self, forward: "ForwardPass", output_gradient: Array) -> "BackwardPass":
        """Run back through `forward`, from ∂C/∂output to ∂C/∂θ and ∂C/∂x.

        output_gradient has the output's shape and dtype (a loss returns it); the parameters are
        those that forward used. Raises ShapeError, DtypeError, and ContractError for the pass of
        another network.
        """
        if forward.network is not self and forward.network != self:
            raise ContractError("pass_of_another_network")
        dy = settle_output_gradient(output_gradient, forward.output, where="output_gradient")
        dy = frozen(dy) if forward.context.records else dy
        signals, returned = run_backward(self.graph, forward.run, dy)
        params = forward.params
        gradient = self.layout.flatten(returned, params.shape[:-1], params.dtype)
        return BackwardPass(forward, dy, freeze(gradient), signals, returned)

    def predict(
        self,
        params: Array,
        x: Array,
        *,
        state: Tree | None = None,
        side_inputs: Mapping[str, Array] = EMPTY,
        own_input: bool = False,
    ) -> Array:
        """The network's output at x, not in training and without records; the rest is as of
        `forward`."""
        return self.forward(
            params,
            x,
            training=False,
            records=False,
            state=state,
            side_inputs=side_inputs,
            own_input=own_input,
        ).output

    def summary(self, language: str = "en", *, input_shape: Shape | None = None) -> str:
        """A table of the layers, their output shapes and parameter counts, and the total. The first
        layers may leave open what they take, as an Embedding does: `input_shape` says it, of one
        sample, () of a single id. Raises ShapeError where the layers cannot take it."""
        return summary_of(self.graph, self.graph.shapes(input_shape), language)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One forward pass of a network.

    params   the flat parameters that it used, (P,) or (K, P); backward uses the same
    input    x, (N, ...); of K networks with an input each (K, N, ...)
    context  training or in use, the key of random draws, the state before
    run      what the pass left behind
    """

    network: Network
    params: Array
    input: Array
    context: Context
    run: Run = field(repr=False)

    @property
    def output(self) -> Array:
        """The network's output."""
        return self.run.output

    @property
    def state(self) -> Tree:
        """What the layers changed beside their output, by their paths."""
        return self.run.state

    @property
    def views(self) -> Mapping[str, Tree]:
        """Every layer's parameters by its path, as views of `params`."""
        return self.run.views

    @property
    def values(self) -> Mapping[str, Array]:
        """The numbers on every wire of the graph."""
        return self.run.values

    @property
    def caches(self) -> Mapping[str, Any]:
        """What every layer keeps for its backward, by its path."""
        return self.run.caches

    @cached_property
    def records(self) -> tuple[ForwardRecord, ...]:
        """Every layer that is not a combinator, in the order in which they ran.

        Raises ConfigurationError for a pass that was made without records.
        """
        return tuple(self._nodes.values())

    def __getitem__(self, path: str) -> ForwardRecord:
        """The record of the layer at `path`, combinators too. Raises UnknownNameError."""
        if path in self._nodes:
            return self._nodes[path]
        return forward_group(self.network.graph, path, self._nodes, self.run.values, self.context)

    def value(self, wire: str) -> Array:
        """The numbers on a wire, (N, ...): what the layer at that path puts out, or `input`.

        Raises UnknownNameError, and ConfigurationError for a pass that was made without records.
        """
        self._require_records()
        return freeze(self.run.values[self.network.graph.wire(wire)])

    def inside(self, path: str) -> Mapping[str, Intermediate]:
        """What the layer at `path` computed on its way, by name: heads, gates, patches; nothing for
        most layers and for combinators. Computed when it is asked for. Raises UnknownNameError."""
        return intermediates_of(self[path])

    @cached_property
    def _nodes(self) -> Mapping[str, ForwardRecord]:
        self._require_records()
        run = self.run
        return {
            path: forward_record(
                node, run.views[path], run.values, run.caches[path], self.context.child(path)
            )
            for path, node in self.network.graph.nodes.items()
        }

    def _require_records(self) -> None:
        if not self.context.records:
            raise ConfigurationError("pass_without_records")


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """One backward pass of a network.

    forward          the forward pass that it went back through
    output_gradient  ∂C/∂output, where it started
    gradient         ∂C/∂θ, one flat array of the parameters' shape
    signals          ∂C/∂(the numbers on every wire)
    returned         what every layer's backward returned
    """

    forward: ForwardPass
    output_gradient: Array
    gradient: Array
    signals: Mapping[str, Array | None] = field(repr=False)
    returned: Mapping[str, tuple[Array | None, Tree]] = field(repr=False)

    @property
    def input_gradient(self) -> Array | None:
        """∂C/∂x, where the pass ended; None where x is integers."""
        return self.signals.get(INPUT)

    @cached_property
    def records(self) -> tuple[BackwardRecord, ...]:
        """Every layer that is not a combinator, in the order in which they ran forward."""
        return tuple(self._nodes.values())

    def __getitem__(self, path: str) -> BackwardRecord:
        """The record of the layer at `path`, combinators too. Raises UnknownNameError, and
        DtypeError for a combinator that hands ids on as they are."""
        if path in self._nodes:
            return self._nodes[path]
        graph = self.forward.network.graph
        return backward_group(graph, path, self._nodes, self.signals, self.forward.run.values)

    def gradient_at(self, wire: str) -> Array | None:
        """∂C/∂(every number on a wire), (N, ...), over everything that takes it; None where it is
        an input of integers. Raises UnknownNameError."""
        signal = self.signals[self.forward.network.graph.wire(wire)]
        return None if signal is None else freeze(signal)

    def inside(self, path: str) -> Mapping[str, Array]:
        """∂C/∂(what the layer at `path` computed on its way), by the names of `ForwardPass.inside`.
        Raises UnknownNameError."""
        return intermediate_gradients_of(self.forward[path], self[path].output_gradient)

    def named(self) -> Mapping[str, Array]:
        """∂C/∂p of every parameter by its path, as views of `gradient`."""
        return self.forward.network.named(self.gradient)

    @cached_property
    def _nodes(self) -> Mapping[str, BackwardRecord]:
        return {
            path: backward_record(node, self.signals[path], *self.returned[path])  # type: ignore[arg-type]
            for path, node in self.forward.network.graph.nodes.items()
        }


def _called(layer: object) -> str:
    return repr_short(layer) if isinstance(layer, Layer) else repr(layer)
