"""A reference beside the person's code: a network or a layer of ours, or functions that they trust.

A network's or a layer's arrays meet the person's by their order: x, the parameters in the order of
the network, and with a loss the target. Where a parameter has one axis fewer than ours, as a bias
(out,) beside (1, out), it is reshaped.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.subjects import plain_functions
from clearprop.checking.subjects.own_kinds import network_subject
from clearprop.checking.subjects.subject import Subject, Twin
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, Network


class Reference(NamedTuple):
    """A computation that the person trusts: its twin, and of a network its backward pass, with
    the path of every array of the person's."""

    twin: Twin
    backward: Callable[[Array], BackwardPass] | None = None
    paths: Mapping[str, str] = EMPTY


def reference_for(subject: Subject, against: Any, loss: Loss | None, seed: int) -> Reference:
    """The reference of one subject. Raises ConfigurationError where their arrays do not match."""
    if isinstance(against, type) and issubclass(against, Layer):
        against = _made(against)
    if isinstance(against, Layer):
        against = Network(against)
    if isinstance(against, Network):
        return _network_reference(subject, against, loss, seed)
    pair = against if isinstance(against, tuple) else (against,)
    if not (1 <= len(pair) <= 2 and all(callable(one) for one in pair)):
        raise ConfigurationError("check_against", came=plain_functions.described(against))
    return _function_reference(subject, *pair)


def _made(kind: type[Layer]) -> Layer:
    """A layer of a class that needs no settings. Raises ContractError for one that does."""
    try:
        return kind()
    except (TypeError, ConfigurationError) as problem:
        raise ContractError("layer_is_class", where="against", came=kind.__name__) from problem


def _network_reference(
    subject: Subject, network: Network, loss: Loss | None, seed: int
) -> Reference:
    slots = network.layout.slots
    expected = ["x", *slots, *(["t"] if loss else [])]
    names = list(subject.arrays)
    sizes = {path: slots[path].shape for path in slots}
    matching = len(names) == len(expected) and all(
        subject.arrays[name].size == int(np.prod(sizes[path]))
        for name, path in zip(names, expected, strict=True)
        if path in sizes
    )
    if not matching:
        raise ConfigurationError(
            "check_reference_arrays", expected=", ".join(expected), came=", ".join(names)
        )
    paths = dict(zip(names, expected, strict=True))
    own = {path: name for name, path in paths.items()}
    beside = subject.context.side_inputs

    def twin(arrays: Mapping[str, Array], dy: Array) -> tuple[Array, Mapping[str, Array]]:
        made = _as_subject(network, arrays, own, sizes, loss, seed, beside)
        gradients = made.gradients(made.arrays, dy.reshape(made.output.shape))
        return made.output.reshape(dy.shape), {
            name: np.asarray(gradients[path]).reshape(arrays[name].shape)
            for name, path in paths.items()
            if path in gradients
        }

    def backward(dy: Array) -> BackwardPass:
        made = _as_subject(network, subject.arrays, own, sizes, loss, seed, beside)
        values = {path: made.arrays[path] for path in slots}
        params = network.replace(np.zeros(network.size, made.arrays["x"].dtype), values)
        forward = network.forward(params, made.arrays["x"], side_inputs=beside or EMPTY)
        if loss is None:
            return network.backward(forward, dy.reshape(forward.output.shape))
        gradient = loss.evaluate(forward.output, made.arrays["t"]).gradient
        return network.backward(forward, gradient)

    return Reference(twin, backward, paths)


def _as_subject(
    network: Network,
    arrays: Mapping[str, Array],
    own: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
    loss: Loss | None,
    seed: int,
    beside: Mapping[str, Array],
) -> Subject:
    values = {path: arrays[own[path]].reshape(shape) for path, shape in shapes.items()}
    x = arrays[own["x"]]
    params = network.replace(np.zeros(network.size, x.dtype), values)
    target = arrays[own["t"]] if loss is not None else None
    return network_subject(
        network, x, target, loss, params, None, Context(side_inputs=beside), seed
    )


def _function_reference(subject: Subject, forward: Any, backward: Any = None) -> Reference:
    names = list(subject.arrays)

    def twin(arrays: Mapping[str, Array], dy: Array) -> tuple[Array, Mapping[str, Array]]:
        values = [arrays[name] for name in names]
        if backward is None:
            returned = plain_functions.call(forward, values)
            y = returned[0] if isinstance(returned, tuple) else returned
            return np.asarray(y), {}
        made = plain_functions.function_subject(
            forward, backward, values, wrt=subject.variables, names=names
        )
        return made.output, made.gradients(made.arrays, dy)

    return Reference(twin)
