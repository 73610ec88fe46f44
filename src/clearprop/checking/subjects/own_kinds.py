"""Subjects from our own layers, losses and networks."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ContractError
from clearprop.checking.subjects.moved_entries import chain_mover
from clearprop.checking.subjects.subject import Mover, Subject
from clearprop.engine.layers.layer import Combinator, Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network, repr_short
from clearprop.engine.parameters import named_gradients

SAMPLES = 4


def layer_subject(
    layer: Layer,
    x: Array | None,
    params: Array | None,
    dy: Array | None,
    context: Context,
    seed: int,
) -> Subject:
    """A layer at work on x; parameters are drawn from N(0, 1) unless given."""
    network = Network(layer)
    generator = keyed_generator(seed, path="check")
    if x is None:
        x = generator.normal(size=(SAMPLES, *input_shape(layer)))
    if params is None:
        params = generator.normal(size=network.size)
        params = params.astype(x.dtype) if x.dtype.kind == "f" else params
    subject = _subject(network, params, np.asarray(x), context, None, None, compact(layer))
    return replace(subject, dy=dy, layer=layer)


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
    return Subject(_loss_name(loss), arrays, ("output",), run, back, dy=one, loss=loss)


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
    known = [getattr(layer, name, None) for name in ("inputs", "features", "size")]
    sizes = [size for size in known if isinstance(size, int)]
    for child in getattr(layer, "children", tuple)():
        sizes += input_shape(child[1])[-1:]
    network = Network(layer)
    for size in (*sizes, 5):
        try:
            network.forward(network.initialize(), np.zeros((2, size)))
        except (ValueError, TypeError):
            continue
        return (size,)
    raise ContractError("check_needs_x", layer=compact(layer))


def compact(layer: Layer) -> str:
    """A layer with its children, without what stands at its default: `Sequential(Linear(2, 3),
    ReLU())`."""
    if isinstance(layer, Combinator):
        return f"{type(layer).__name__}({', '.join(compact(c) for _, c in layer.children())})"
    return repr_short(layer)


def _subject(
    network: Network,
    params: Array,
    x: Array,
    context: Context,
    loss: Loss | None,
    target: Array | None,
    name: str,
) -> Subject:
    arrays = {"x": x, **{path: view.copy() for path, view in network.named(params).items()}}
    if target is not None:
        arrays["t"] = target
    owned = [path for path in network.layout.slots if path not in network.tied]
    variables = (*(["x"] if x.dtype.kind == "f" else []), *owned)

    def flat(arrays: Mapping[str, Array]) -> Array:
        dtype = np.result_type(*(arrays[path] for path in owned)) if owned else arrays["x"].dtype
        return network.replace(
            np.zeros(network.size, dtype), {path: arrays[path] for path in owned}
        )

    def run(arrays: Mapping[str, Array]) -> tuple[Array, Any]:
        point = flat(arrays)
        tree = network.layout.tree(point)
        own = context._replace(state=network.initial_state(point.real))
        y, cache, _ = network.layer.forward(tree, arrays["x"], own)
        for path in owned:
            # What the layer wrote into its parameters is seen by whoever handed them over.
            arrays[path][...] = network.layout.view(point, path)
        if loss is None:
            return y, cache
        result = loss.evaluate(y, arrays["t"])
        return np.asarray(result.value), (cache, result.gradient)

    def back(dy: Array, arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        if loss is not None:
            cache, gradient = cache
            dy = dy * gradient
        point = flat(arrays)
        tree = network.layout.tree(point)
        dx, signals = network.layer.backward(tree, cache, dy)
        for path in owned:
            arrays[path][...] = network.layout.view(point, path)
        found: dict[str, Any] = {"x": dx} if "x" in variables else {}
        for path, gradient in named_gradients(signals, ""):
            owner = network.tied.get(path, path)
            found[owner] = gradient if owner not in found else found[owner] + gradient
        return found

    def structured(arrays: Mapping[str, Array]) -> Mover | None:
        point = flat(arrays)
        own = context._replace(state=network.initial_state(point.real))
        return chain_mover(network, point, arrays["x"], own, loss, arrays.get("t"))

    dy = None if loss is None else np.ones((), x.dtype)
    maker: Callable[[Mapping[str, Array]], Mover | None] = structured
    return Subject(
        name,
        arrays,
        variables,
        run,
        back,
        dy=dy,
        structured=maker,
        network=network,
        context=context,
        loss=loss,
    )
