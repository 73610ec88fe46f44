"""Subjects from our own layers, losses and networks."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator, shape_text
from clearprop.base.errors import ClearpropError, ContractError
from clearprop.checking.subjects.moved_entries import graph_mover
from clearprop.checking.subjects.plain_functions import guarded
from clearprop.checking.subjects.subject import Mover, Subject
from clearprop.engine.graph import INPUT, Graph, Node, backpropagate, is_inside, propagate
from clearprop.engine.layers.layer import Context, Layer, Tree
from clearprop.engine.layers.recurrent_cells import RecurrentCell, before_name
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.summary import repr_short

SAMPLES = 4


def layer_subject(
    layer: Layer,
    x: Array | None,
    params: Array | None,
    dy: Array | None,
    context: Context,
    seed: int,
) -> Subject:
    """A layer at work on x; parameters are drawn from N(0, 1) unless given, and so are the states
    that a cell starts from, given as side inputs, whose gradients are checked too."""
    network = Network(layer)
    generator = keyed_generator(seed, path="check")
    if x is None:
        x = generator.normal(size=(SAMPLES, *input_shape(layer)))
    if params is None:
        params = generator.normal(size=network.size)
        params = params.astype(x.dtype) if x.dtype.kind == "f" else params
    x, states = np.asarray(x), {}
    if isinstance(layer, RecurrentCell):
        shape = (*x.shape[:-1], layer.hidden)
        drawn = {one: generator.normal(size=shape).astype(params.dtype) for one in layer.states}
        given = dict(context.side_inputs)
        states = {one: given.pop(one, value) for one, value in drawn.items()}
        context = context._replace(side_inputs=given)
    subject = _subject(network, params, x, context, None, None, compact(layer), states)
    return replace(subject, dy=dy)


def network_subject(
    network: Network,
    x: Array,
    target: Array | None,
    loss: Loss | None,
    params: Array | None,
    dy: Array | None,
    context: Context,
    seed: int,
) -> Subject:
    """A whole network, with its loss where there is one; params are its start unless given."""
    x = np.asarray(x)
    if params is None:
        params = network.initialize(seed, dtype="float32" if x.dtype == np.float32 else "float64")
    name = f"Network({compact(network.layer)})"
    target = None if target is None else np.asarray(target)
    subject = _subject(network, np.asarray(params), x, context, loss, target, name)
    return subject if dy is None else replace(subject, dy=dy)


def loss_subject(loss: Loss, output: Array | None, target: Array | None, seed: int) -> Subject:
    """A loss by its output: the value and the gradient that it returns together."""
    generator = keyed_generator(seed, path="check")
    if output is None:
        output = generator.normal(size=(SAMPLES, 3))
    if target is None:
        target = generator.normal(size=output.shape).astype(output.dtype)

    def run(arrays: Mapping[str, Array]) -> tuple[Array, Any]:
        result = loss.evaluate(arrays["output"], arrays["target"])
        return np.asarray(result.value), result.gradient

    def back(dy: Array, _arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        return {"output": dy * cache}

    arrays = {"output": np.asarray(output), "target": np.asarray(target)}
    one = np.ones((), arrays["output"].dtype)
    return Subject(
        name=_loss_name(loss),
        arrays=arrays,
        variables=("output",),
        run=run,
        back=back,
        dy=one,
        loss=loss,
    )


def _loss_name(loss: Loss) -> str:
    defaults = inspect.signature(type(loss)).parameters
    settings = ", ".join(
        f"{name}={value!r}"
        for name, value in loss.settings().items()
        if value != defaults[name].default
    )
    return f"{type(loss).__name__}({settings})"


def input_shape(layer: Layer) -> tuple[int, ...]:
    """A shape of one sample that the layer takes: the first of a few that it does not refuse."""
    network = Network(layer)
    sizes = [
        size
        for one in (layer, *(node.layer for node in network.graph.nodes.values()))
        for name in ("inputs", "features", "size")
        if isinstance(size := getattr(one, name, None), int)
    ]
    for size in (*sizes, 5):
        try:
            network.forward(network.initialize(), np.zeros((2, size)))
        except (ValueError, TypeError):
            continue
        return (size,)
    raise ContractError("check_needs_x", layer=compact(layer))


def compact(layer: Layer) -> str:
    """A layer with those that it is made of, without what stands at its default:
    `Sequential(Linear(2, 3), ReLU())`."""
    return _compact(Network(layer).graph, "")


def _compact(graph: Graph, path: str) -> str:
    if path in graph.nodes:
        return repr_short(graph.nodes[path].layer)
    places = (*graph.nodes, *graph.groups)
    below = [one for one in places if one != path and is_inside(path, one)]
    children = [
        one for one in below if not any(other != one and is_inside(other, one) for other in below)
    ]
    # In the order in which their first steps are taken.
    first = {child: graph.inside(child)[:1] for child in children}
    order = {step.path: place for place, step in enumerate(graph.steps)}
    children.sort(key=lambda child: order[first[child][0].path] if first[child] else len(order))
    inner = ", ".join(_compact(graph, child) for child in children)
    return f"{type(graph.groups[path].layer).__name__}({inner})"


# From (node, parameters, cache, dy) to ∂C/∂x and ∂C/∂p by name.
_Step = Callable[[Node, Tree, Any, Array], tuple[Array | None, Mapping[str, Any]]]


def _gradients(
    node: Node, params: Tree, cache: Any, dy: Array
) -> tuple[Array | None, Mapping[str, Any]]:
    found: tuple[Array | None, Mapping[str, Any]] = node.layer.backward(params, cache, dy)
    return found


def _gradients_of_training(
    node: Node, params: Tree, cache: Any, dy: Array
) -> tuple[Array | None, Mapping[str, Any]]:
    into = {name: np.zeros_like(array) for name, array in params.items()}
    layer, path = node.layer, node.path
    return layer.backward_into(params, cache, dy, into, path=path, input_gradient=True), into


def _back(
    network: Network,
    flat: Callable[[Mapping[str, Array]], Array],
    dy: Array,
    arrays: Mapping[str, Array],
    cache: Any,
    step: _Step,
) -> Mapping[str, Any]:
    """Back through a network, every node by `step`: the gradients by name."""
    values, caches, *gradient = cache
    point = flat(arrays)
    views = network.layout.views(point)
    found: dict[str, Any] = {}

    def through(node: Node, signal: Array) -> Array | None:
        title = _method(node, "backward")
        dx, returned = guarded(
            title,
            lambda: step(node, views[node.path], caches[node.path], signal),
            but=(ClearpropError,),
        )
        x = values[node.source]
        if node.source != INPUT and np.shape(dx) != x.shape:
            # The layer before could only say that what it was handed is of no use.
            problem = f"∂C/∂x {shape_text(np.shape(dx))} ≠ x {shape_text(x.shape)}"
            raise ContractError("check_raised", function=title, problem=problem)
        if isinstance(node.layer, RecurrentCell):
            inside = node.layer.intermediate_gradients(views[node.path], caches[node.path], signal)
            found.update(
                {one: inside[before_name(one)] for one in node.layer.states if one in arrays}
            )
        for name, slot in node.parameters.items():
            if name in returned:
                owner = network.graph.owners[slot.path]
                before = found.get(owner)
                found[owner] = returned[name] if before is None else before + returned[name]
        back: Array | None = dx
        return back

    upstream = dy * gradient[0] if gradient else dy
    signals = backpropagate(network.graph, upstream, through, values)
    for path in network.layout.slots:
        if path in arrays:
            # What a layer wrote into its parameters is seen by whoever handed them over.
            arrays[path][...] = network.layout.view(point, path)
    return {**({"x": signals[INPUT]} if values[INPUT].dtype.kind == "f" else {}), **found}


def _method(node: Node, name: str) -> str:
    """A method of the layer at a place, as a sentence calls it."""
    kind = type(node.layer).__name__
    return f"{node.path} ({kind}.{name})" if node.path else f"{kind}.{name}"


def _subject(
    network: Network,
    params: Array,
    x: Array,
    context: Context,
    loss: Loss | None,
    target: Array | None,
    name: str,
    states: Mapping[str, Array] = EMPTY,
) -> Subject:
    owned_arrays = {path: view.copy() for path, view in network.named(params).items()}
    arrays = {"x": x, **states, **owned_arrays}
    if target is not None:
        arrays["t"] = target
    owned = [path for path in network.layout.slots if path not in network.tied]
    variables = (*(["x"] if x.dtype.kind == "f" else []), *states, *owned)

    graph = network.graph

    def flat(arrays: Mapping[str, Array]) -> Array:
        # Where a state is complex, so is what the weights make of it.
        told = [arrays[name] for name in (*owned, *states)]
        dtype = np.result_type(*told) if told else arrays["x"].dtype
        return network.replace(
            np.zeros(network.size, dtype), {path: arrays[path] for path in owned}
        )

    def run(arrays: Mapping[str, Array]) -> tuple[Array, Any]:
        point = flat(arrays)
        views = network.layout.views(point)
        beside = {**context.side_inputs, **{name: arrays[name] for name in states}}
        own = context._replace(state=network.initial_state(point.real), side_inputs=beside)
        caches: dict[str, Any] = {}

        def through(node: Node, value: Array) -> Array:
            inside = own.child(node.path)
            y, caches[node.path], _ = guarded(
                _method(node, "forward"),
                lambda: node.layer.forward(views[node.path], value, inside),
                but=(ClearpropError,),
            )
            return np.asarray(y)

        values = propagate(graph, arrays["x"], through)
        for path in owned:
            # What a layer wrote into its parameters is seen by whoever handed them over.
            arrays[path][...] = network.layout.view(point, path)
        y = values[graph.output]
        if loss is None:
            return y, (values, caches)
        result = loss.evaluate(y, arrays["t"])
        return np.asarray(result.value), (values, caches, result.gradient)

    def back(dy: Array, arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        return _back(network, flat, dy, arrays, cache, _gradients)

    def train(dy: Array, arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        return _back(network, flat, dy, arrays, cache, _gradients_of_training)

    def structured(arrays: Mapping[str, Array]) -> Mover | None:
        point = flat(arrays)
        beside = {**context.side_inputs, **{name: arrays[name] for name in states}}
        own = context._replace(state=network.initial_state(point.real), side_inputs=beside)
        return graph_mover(network, point, arrays["x"], own, loss, arrays.get("t"))

    # Not x's dtype, which is that of ids where there are some.
    dy = None if loss is None else np.ones((), params.dtype)
    maker: Callable[[Mapping[str, Array]], Mover | None] = structured
    return Subject(
        name=name,
        arrays=arrays,
        variables=variables,
        run=run,
        back=back,
        train=train if owned else None,
        dy=dy,
        # Entries that are moved together stand in a batch of their own, without what is beside x.
        structured=None if context.side_inputs else maker,
        network=network,
        context=context,
        loss=loss,
    )
