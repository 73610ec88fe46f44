"""JAX as a witness: its gradients of functions and of our layers written once more.

JAX computes in float32 unless told otherwise; everything here runs with 64 bits allowed, and leaves
the setting as it was. The kinks follow our convention: jax.nn.relu has derivative 0 at 0 as well.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.arrays import Array
from clearprop.dependencies import require
from clearprop.errors import ContractError
from clearprop.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.layers.combinators import Residual, Sequential
from clearprop.layers.contract import Layer, Tree
from clearprop.layers.linear import Linear
from clearprop.losses import Loss
from clearprop.network import Network
from clearprop.parameters import join


def is_function(target: object) -> bool:
    """Whether `target` is a jax.custom_vjp function; JAX is not imported for it."""
    kind = type(target)
    return kind.__module__.partition(".")[0] == "jax" and kind.__name__ == "custom_vjp"


def forward(function: Callable[..., Any], arrays: Sequence[Array]) -> tuple[Array, Any]:
    """Y of a function of JAX arrays, and its pullback for `backward`."""
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
    network: Network, params: Array, x: Array, dy: Array
) -> tuple[Array, Array | None, Array]:
    """(y, ∂C/∂x, ∂C/∂θ flat) by JAX. Raises ContractError for a layer that is not written here."""
    function = _function(network.layer, "")

    def run(flat: Any, features: Any) -> Any:
        return function(network.layout.tree(flat), features)

    y, pullback = forward(run, [params, x])
    gradient, dx = backward(pullback, dy)
    return y, dx, np.asarray(gradient)


def loss_function(loss: Loss) -> Callable[..., Any]:
    """A loss of ours, written in JAX. Raises ContractError for one that is not written here."""
    jnp = _jax().numpy
    table: Mapping[str, Callable[..., Any]] = {
        "MSE": lambda output, target: jnp.mean((output - target) ** 2)
    }
    name = type(loss).__name__
    if name not in table:
        raise ContractError("jax_twin_missing", path="loss", layer=name)
    return table[name]


def _function(layer: Layer, path: str) -> Callable[[Tree, Any], Any]:
    nn = _jax().nn
    simple: Mapping[type[Layer], Callable[[Any], Any]] = {
        ReLU: nn.relu,
        Tanh: nn.tanh,
        Sigmoid: nn.sigmoid,
        Identity: lambda x: x,
    }
    if type(layer) in simple:
        return lambda params, x: simple[type(layer)](x)
    if isinstance(layer, Linear):
        return lambda params, x: x @ params["weight"] + params.get("bias", 0)
    if isinstance(layer, Residual):
        branch = _function(layer.branch, join(path, "branch"))
        return lambda params, x: x + branch(params["branch"], x)
    if isinstance(layer, Sequential):
        parts = [(name, _function(child, join(path, name))) for name, child in layer.children()]

        def chain(params: Tree, x: Any) -> Any:
            for name, part in parts:
                x = part(params[name], x)
            return x

        return chain
    raise ContractError("jax_twin_missing", path=path, layer=type(layer).__name__)


def _jax() -> Any:
    require("jax")
    import jax

    return jax
