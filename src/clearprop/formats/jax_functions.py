"""JAX as a witness: its gradients of functions, of our layers and of our losses.

JAX computes in float32 unless told otherwise; everything here runs with 64 bits allowed, and leaves
the setting as it was. What a layer and a loss are in JAX stands in their rows, written from their
formulas alone.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ContractError
from clearprop.engine.graph import Node, propagate
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.formats.jax_in_numpy import run_in_numpy
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS
from clearprop.kinds.row import InJax

# What JAX calls a function with a derivative of its own, and one that it has compiled.
FUNCTIONS = (("jax", "custom_vjp"), ("jax", "custom_jvp"), ("jaxlib", "PjitFunction"))


def is_function(target: object) -> bool:
    """Whether `target` is a jax.custom_vjp or jax.custom_jvp function, or a jitted one, which may
    be made of several of them; JAX is not imported for it."""
    kind = type(target)
    return (kind.__module__.partition(".")[0], kind.__name__) in FUNCTIONS


def forward(function: Callable[..., Any], arrays: Sequence[Array]) -> tuple[Array, Any]:
    """Y of a function of JAX arrays, and its pullback for `backward`.

    Raises ContractError where it returns something else than one array.
    """
    jax = _jax()
    with jax.enable_x64(True):
        y, pullback = jax.vjp(function, *map(jax.numpy.asarray, arrays))
        if not isinstance(y, jax.Array):
            raise ContractError("check_output_tensor", came=type(y).__name__)
        return np.array(y), pullback


def repeated_forward(
    function: Callable[..., Any], arrays: Sequence[Array]
) -> Callable[[Sequence[Array]], tuple[Array, Any]]:
    """`forward` of a function that is run many times: compiled, where both ways give the same as
    they do otherwise at these arrays. A function that is not pure stays what it is."""
    jax = _jax()
    ahead = jax.jit(lambda *given: jax.vjp(function, *given)[0])
    back = jax.jit(lambda dy, *given: jax.vjp(function, *given)[1](dy))

    def run(given: Sequence[Array]) -> tuple[Array, Any]:
        with jax.enable_x64(True):
            return np.array(ahead(*given)), lambda dy: back(dy, *given)

    def numbers(way: Callable[[Sequence[Array]], tuple[Array, Any]]) -> list[Array]:
        y, pullback = way(arrays)
        return [y, *(one for one in backward(pullback, np.ones_like(y)) if one is not None)]

    try:
        both = zip(numbers(run), numbers(partial(forward, function)), strict=True)
        is_same = all(np.allclose(one, other, equal_nan=True) for one, other in both)
    except Exception:  # the person's function: what it raises is said when it is run
        is_same = False
    return run if is_same else partial(forward, function)


def forward_in_numpy(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    """Y of a function of JAX arrays, computed in NumPy, so that the arrays see what is done with
    them. Raises ContractError for more than one array."""
    return run_in_numpy(_jax(), function, arrays)


def backward(pullback: Any, dy: Array) -> list[Array | None]:
    """The gradients of every array that the function took; None for integers."""
    jax = _jax()
    with jax.enable_x64(True):
        found = [np.array(gradient) for gradient in pullback(jax.numpy.asarray(dy))]
    return [gradient if gradient.dtype.kind == "f" else None for gradient in found]


def network_gradients(
    network: Network,
    params: Array,
    x: Array,
    dy: Array,
    *,
    training: bool = True,
    states: Mapping[str, Array] = EMPTY,
) -> tuple[Array, Array | None, Array, Mapping[str, Array]]:
    """(y, ∂C/∂x, ∂C/∂θ flat, ∂C/∂(each of `states`)) by JAX; layers with a state start from their
    first one, and those that start from states beside x from these, by their names.

    Raises ContractError for a layer that has no twin in JAX.
    """
    jax = _jax()

    def run(flat: Any, features: Any, *starts: Any) -> Any:
        views = network.layout.views(flat)
        beside = dict(zip(states, starts, strict=True))

        def through(node: Node, value: Any) -> Any:
            row = LAYER_ROWS.get(type(node.layer))
            place = InJax(jax, node.layer, views[node.path], training, beside)
            y = None if row is None else row.jax(place, value)
            if y is None:
                kind = type(node.layer).__name__
                raise ContractError("jax_twin_missing", path=node.path, layer=kind)
            return y

        concatenate = jax.numpy.concatenate
        values = propagate(network.graph, features, through, concatenate=concatenate)
        return values[network.graph.output]

    # One program is compiled in less time than its operations one by one.
    compiled = jax.jit(run)
    y, pullback = forward(compiled, [params, x, *states.values()])
    gradient, dx, *back = backward(pullback, dy)
    by_states = {name: np.asarray(one) for name, one in zip(states, back, strict=True)}
    return y, dx, np.asarray(gradient), by_states


def loss_function(loss: Loss) -> Callable[..., Any]:
    """A loss of ours, written in JAX. Raises ContractError for one that has no twin there."""
    jax = _jax()
    row = LOSS_ROWS.get(type(loss))
    if row is None or loss.reduction == "none":
        raise ContractError("jax_twin_missing", path="loss", layer=type(loss).__name__)
    return partial(row.jax, jax, loss)


def _jax() -> Any:
    require("jax")
    import jax

    return jax
