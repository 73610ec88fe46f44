"""JAX as a witness: its gradients of functions, of our layers and of our losses.

JAX computes in float32 unless told otherwise; everything here runs with 64 bits allowed, and leaves
the setting as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ContractError
from clearprop.engine.graph import propagate
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.formats.jax_layers import layer_function


def is_function(target: object) -> bool:
    """Whether `target` is a jax.custom_vjp function; JAX is not imported for it."""
    kind = type(target)
    return kind.__module__.partition(".")[0] == "jax" and kind.__name__ == "custom_vjp"


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


def backward(pullback: Any, dy: Array) -> list[Array | None]:
    """The gradients of every array that the function took; None for integers."""
    jax = _jax()
    with jax.enable_x64(True):
        found = [np.array(gradient) for gradient in pullback(jax.numpy.asarray(dy))]
    return [gradient if gradient.dtype.kind == "f" else None for gradient in found]


def network_gradients(
    network: Network, params: Array, x: Array, dy: Array, *, training: bool = True
) -> tuple[Array, Array | None, Array]:
    """(y, ∂C/∂x, ∂C/∂θ flat) by JAX; layers with a state start from their first one.

    Raises ContractError for a layer that is not written here.
    """
    jax = _jax()
    functions = {
        path: layer_function(jax, node.layer, path, training=training)
        for path, node in network.graph.nodes.items()
    }

    def run(flat: Any, features: Any) -> Any:
        views = network.layout.views(flat)
        values = propagate(
            network.graph,
            features,
            lambda node, value: functions[node.path](views[node.path], value),
            concatenate=jax.numpy.concatenate,
        )
        return values[network.graph.output]

    y, pullback = forward(run, [params, x])
    gradient, dx = backward(pullback, dy)
    return y, dx, np.asarray(gradient)


def loss_function(loss: Loss) -> Callable[..., Any]:
    """A loss of ours, written in JAX. Raises ContractError for one that is not written here."""
    jax = _jax()
    jnp = jax.numpy
    one: Any = loss
    costs: Mapping[str, Callable[[Any, Any], Any]] = {
        "MSE": lambda y, t: (y - t) ** 2,
        "MAE": lambda y, t: jnp.abs(y - t),
        "Huber": lambda y, t: jnp.where(
            jnp.abs(y - t) <= one.delta,
            0.5 * (y - t) ** 2,
            one.delta * (jnp.abs(y - t) - 0.5 * one.delta),
        ),
        "BinaryCrossEntropy": lambda y, t: _binary(jax, one, y, t),
        "CrossEntropy": lambda y, t: _cross_entropy(jax, one, y, t),
        "PoissonNLL": lambda y, t: _poisson(jax, one, y, t),
    }
    name = type(loss).__name__
    if name not in costs or one.reduction == "none":
        raise ContractError("jax_twin_missing", path="loss", layer=name)

    def value(output: Any, target: Any) -> Any:
        entries = costs[name](output, target)
        if one.reduction == "sum":
            return entries.sum()
        if name == "CrossEntropy" and one.weight is not None and target.ndim == 1:
            return entries.sum() / jnp.asarray(one.weight)[target].sum()
        return entries.mean()

    return value


def _binary(jax: Any, one: Any, y: Any, t: Any) -> Any:
    positive = 1.0 if one.pos_weight is None else jax.numpy.asarray(one.pos_weight)
    weight = 1.0 if one.weight is None else jax.numpy.asarray(one.weight)
    log_sigmoid = jax.nn.log_sigmoid
    return -weight * (positive * t * log_sigmoid(y) + (1 - t) * log_sigmoid(-y))


def _cross_entropy(jax: Any, one: Any, y: Any, t: Any) -> Any:
    classes = y.shape[-1]
    weight = jax.numpy.ones(classes) if one.weight is None else jax.numpy.asarray(one.weight)
    shares = jax.nn.one_hot(t, classes, dtype=y.dtype) if t.ndim == 1 else t
    shares = shares * (1 - one.label_smoothing) + one.label_smoothing / classes
    return -(weight * shares * jax.nn.log_softmax(y)).sum(-1)


def _poisson(jax: Any, one: Any, y: Any, t: Any) -> Any:
    jnp = jax.numpy
    cost = jnp.exp(y) - t * y if one.log_input else y - t * jnp.log(y + one.eps)
    if one.full:
        above = jnp.where(t > 1, t, 2.0)
        stirling = above * jnp.log(above) - above + 0.5 * jnp.log(2 * jnp.pi * above)
        cost = cost + jnp.where(t > 1, stirling, 0.0)
    return cost


def _jax() -> Any:
    require("jax")
    import jax

    return jax
