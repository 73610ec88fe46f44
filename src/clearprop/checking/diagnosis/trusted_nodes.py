"""A layer whose forward alone is trusted, with a backward that knows nothing of its own.

A layer that is checked must not vouch for itself. What it computes says which layer of the
catalogue it is: one that gives the same output there has a backward to go by, and mistakes that
have names.
Of any other layer the derivative is measured: all ∂yⱼ/∂xᵢ and ∂yⱼ/∂pᵢ by central differences.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.hypotheses import Budget, difference
from clearprop.checking.diagnosis.recognition import TRIES, recognized
from clearprop.engine.combinators import Combinator
from clearprop.engine.graph import Node
from clearprop.engine.layers.layer import Context, Layer, Tree
from clearprop.engine.layers.recurrent_cells import RecurrentCell, before_name
from clearprop.kinds.kind_tables import LAYER_EXAMPLES

# Two layers that give the same numbers to this part of the largest are taken for one.
SAME = 1e-9
# Entries that a derivative is measured by, and numbers in all of ∂y/∂(them).
MEASURED, JACOBIAN = 2_000, 2_000_000

# From dy to ∂C/∂x (None where x is ids) and ∂C/∂p by name.
Back = Callable[[Array], tuple[Array | None, Mapping[str, Array]]]


class TrustedNode(NamedTuple):
    """One node of a pass, with a backward that can be trusted.

    kind    the layer of ours that it is; None where only its derivative is known
    names   what `kind` calls its parameters → what the node calls them
    params  its parameters as `kind` calls them
    forward its own forward, from its arrays by name and its input under ""; None where it is `kind`
    cache   what the forward of `kind` keeps for its backward
    """

    node: Node
    kind: Layer | None
    names: Mapping[str, str]
    params: Tree
    input: Array
    output: Array
    back: Back
    forward: Callable[[Mapping[str, Array]], Array] | None = None
    cache: Any = None


def recognized_node(node: Node, params: Tree, x: Array, context: Context) -> TrustedNode | None:
    """The node as a layer of the catalogue that gives the same output; measured where there is
    none.

    None where it cannot be measured either. Raises what the layer's forward raises.
    """
    y = node.layer.forward(params, x, context)[0]
    for kind, names in _kinds(node, params, x, y):
        own = {mine: params[theirs] for mine, theirs in names.items()}
        try:
            found, cache, _ = kind.forward(own, x, context)
        except (ClearpropError, ValueError, TypeError, IndexError, KeyError):
            continue
        if difference(np.asarray(found), np.asarray(y)) <= SAME:
            back: Back = partial(kind.backward, own, cache)
            if isinstance(kind, RecurrentCell):
                back = partial(_back_to_states, kind, own, cache)
            return TrustedNode(
                node=node,
                kind=kind,
                names=names,
                params=own,
                input=x,
                output=y,
                back=back,
                cache=cache,
            )
    return measured_node(node, params, x, context)


def _back_to_states(
    cell: RecurrentCell, params: Tree, cache: Any, dy: Array
) -> tuple[Array | None, Mapping[str, Array]]:
    """The gradients of a cell, those of the states that it started from among them."""
    dx, gradients = cell.backward(params, cache, dy)
    inside = cell.intermediate_gradients(params, cache, dy)
    return dx, {**gradients, **{name: inside[before_name(name)] for name in cell.states}}


def measured_node(node: Node, params: Tree, x: Array, context: Context) -> TrustedNode | None:
    """The node with a derivative from its forward alone; None where it has too many entries."""

    def forward(arrays: Mapping[str, Array]) -> Array:
        own = {name: array for name, array in arrays.items() if name in params}
        return np.asarray(node.layer.forward(own, arrays.get("", x), context)[0])

    y = forward(params)
    # The input stands under "", which no parameter is called.
    point = {**({"": x} if x.dtype.kind == "f" else {}), **params}
    entries = sum(array.size for array in point.values())
    if entries > MEASURED or entries * y.size > JACOBIAN:
        return None
    slopes = {name: _slopes(forward, point, name) for name in point}

    def back(dy: Array) -> tuple[Array | None, Mapping[str, Array]]:
        found = {
            name: (slope @ dy.ravel()).reshape(point[name].shape) for name, slope in slopes.items()
        }
        return found.pop("", None), found

    return TrustedNode(
        node=node,
        kind=None,
        names={name: name for name in params},
        params=params,
        input=x,
        output=y,
        back=back,
        forward=forward,
    )


def _slopes(
    forward: Callable[[Mapping[str, Array]], Array], point: Mapping[str, Array], name: str
) -> Array:
    """∂yⱼ/∂(entry i of an array), (entries, outputs)."""
    values = point[name]
    rows = []
    for index in range(values.size):
        ends: list[Any] = []
        for sign in (1.0, -1.0):
            moved = np.array(values)
            moved.flat[index] += (
                sign * np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(moved.flat[index]))
            )
            ends += [moved.flat[index], forward({**point, name: moved}).ravel()]
        right, above, left, below = ends
        rows.append((above - below) / (right - left))
    return np.stack(rows) if rows else np.zeros((0, forward(point).size))


def _kinds(
    node: Node, params: Tree, x: Array, y: Array
) -> Iterator[tuple[Layer, Mapping[str, str]]]:
    """Layers that the node may be, the likeliest first: what it is made from in the catalogue, then
    those that the numbers fit."""
    layer = node.layer
    same = {name: name for name in params}
    for kind in type(layer).__mro__:
        if kind in LAYER_EXAMPLES:
            made = _made_alike(kind, layer)
            if made is not None and set(made.parameters()) == set(params):
                yield made, same
    if len(params) > 2:
        return  # more than the weight and the bias of one layer
    arrays = {"": x, **params}
    for found in recognized(arrays, y, Budget(TRIES)):
        if not isinstance(found.layer, Combinator) and found.names["x"] == "":
            yield found.layer, {own: name for own, name in found.names.items() if own != "x"}


def _made_alike(kind: type[Layer], layer: Layer) -> Layer | None:
    """A layer of the catalogue with the settings that another one has as well."""
    if type(layer) is kind:
        return layer
    try:
        settings = layer.settings()
        taken = kind.__dataclass_fields__  # type: ignore[attr-defined]
        return kind.from_settings({name: settings[name] for name in taken if name in settings})
    except (ClearpropError, ValueError, TypeError, KeyError, AttributeError):
        return None
