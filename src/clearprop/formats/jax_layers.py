"""Our layers written once more in JAX, from their formulas alone, for its automatic derivatives.

At a kink `where` gives the derivative of the branch that is taken, and the branches are ours.
"""

from collections.abc import Callable
from typing import Any

from clearprop.base.errors import ContractError
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.parameters import join
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.row import InJax

# (parameters, x) → y
Function = Callable[[Tree, Any], Any]


def layer_function(jax: Any, layer: Layer, path: str, *, training: bool) -> Function:
    """`layer` as a function of its parameters and its input, under jax's transformations.

    Raises ContractError for a layer that is not written here.
    """
    one: Any = layer
    name = type(layer).__name__
    if name == "Sequential":
        parts = [
            (child, layer_function(jax, inner, join(path, child), training=training))
            for child, inner in one.children()
        ]

        def chain(params: Tree, x: Any) -> Any:
            for child, part in parts:
                x = part(params[child], x)
            return x

        return chain
    if name == "Residual":
        branch = layer_function(jax, one.branch, join(path, "branch"), training=training)
        return lambda params, x: x + branch(params["branch"], x)
    row = LAYER_ROWS.get(type(layer))

    def leaf(params: Tree, x: Any) -> Any:
        y = None if row is None else row.jax(InJax(jax, layer, params, training), x)
        if y is None:
            raise ContractError("jax_twin_missing", path=path, layer=name)
        return y

    return leaf
