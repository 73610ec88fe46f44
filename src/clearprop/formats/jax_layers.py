"""Our layers written once more in JAX, from their formulas alone, for its automatic derivatives.

At a kink `where` gives the derivative of the branch that is taken, and the branches are ours.
"""

from collections.abc import Callable, Mapping
from typing import Any

from clearprop.base.errors import ContractError
from clearprop.engine.layers.layer import Layer, Tree

# (parameters, x) → y
Function = Callable[[Tree, Any], Any]


def layer_function(jax: Any, layer: Layer, path: str, *, training: bool) -> Function:
    """`layer` as a function of its parameters and its input, under jax's transformations.

    Raises ContractError for a layer that is not written here.
    """
    one: Any = layer
    name = type(layer).__name__
    simple = _activations(jax, one)
    if name in simple:
        return simple[name]
    if name == "Dropout" and not (training and one.probability):
        return lambda _, x: x
    if name == "BatchNorm" and one.running_statistics and not training:
        return lambda params, x: _affine(params, x / (1 + one.epsilon) ** 0.5)
    if name in ("BatchNorm", "LayerNorm", "RMSNorm"):
        return _normalization(jax, one, name)
    raise ContractError("jax_twin_missing", path=path, layer=name)


def _activations(jax: Any, one: Any) -> Mapping[str, Function]:
    """Every layer that is one expression."""
    nn, jnp = jax.nn, jax.numpy
    return {
        "Linear": lambda p, x: x @ p["weight"] + p.get("bias", 0.0),
        "Embedding": lambda p, x: p["weight"][x],
        "Identity": lambda _, x: x,
        "ReLU": lambda _, x: nn.relu(x),
        "Tanh": lambda _, x: jnp.tanh(x),
        "Sigmoid": lambda _, x: nn.sigmoid(x),
        "LeakyReLU": lambda _, x: jnp.where(x > 0, x, one.slope * x),
        "PReLU": lambda p, x: jnp.where(x > 0, x, p["weight"] * x),
        "ELU": lambda _, x: nn.elu(x, one.alpha),
        "SELU": lambda _, x: nn.selu(x),
        "Hardtanh": lambda _, x: jnp.where(
            x <= one.low, one.low, jnp.where(x >= one.high, one.high, x)
        ),
        "GELU": lambda _, x: nn.gelu(x, approximate=one.approximate == "tanh"),
        "SiLU": lambda _, x: nn.silu(x),
        "Softplus": lambda _, x: jnp.where(
            x * one.beta > one.threshold, x, nn.softplus(x * one.beta) / one.beta
        ),
        "Softmax": lambda _, x: nn.softmax(x, axis=one.axis),
        "LogSoftmax": lambda _, x: nn.log_softmax(x, axis=one.axis),
    }


def _normalization(jax: Any, one: Any, name: str) -> Function:
    jnp = jax.numpy

    def normalize(params: Tree, x: Any) -> Any:
        axes = tuple(range(x.ndim - 1)) if name == "BatchNorm" else (-1,)
        epsilon = one.epsilon
        if epsilon is None:
            epsilon = jnp.finfo(x.dtype).eps
        if name != "RMSNorm":
            x = x - x.mean(axes, keepdims=True)
        x = x / jnp.sqrt((x * x).mean(axes, keepdims=True) + epsilon)
        return _affine(params, x)

    return normalize


def _affine(params: Tree, x: Any) -> Any:
    return x * params.get("weight", 1.0) + params.get("bias", 0.0)
