"""A network's arrays as Keras and Flax name them, and back: dictionaries of arrays, layer by layer.

Keras   {"dense": {"kernel": (in, out), "bias": (out,)}, "dense_1": ..., "batch_normalization": ...}
Flax    {"params": {"Dense_0": {"kernel": ..., "bias": ...}}, "batch_stats": {"BatchNorm_0": ...}}

The names are those that Keras gives to layers without one, and Flax to modules in a `compact` call.
What comes in is taken by these names; where the layers have others, in their order. Neither package
is needed for it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.errors import ContractError, ShapeError
from clearprop.engine.graph import Node
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.torch_arrays import twin_of, working_dtype
from clearprop.kinds.counterparts import ArrayNames
from clearprop.kinds.kind_tables import LAYER_ROWS

Named = Mapping[str, Mapping[str, Any]]


class _Group(NamedTuple):
    """A layer with arrays: what the library calls it, and them."""

    name: str
    node: Node
    arrays: ArrayNames


def to_keras(network: Network, params: Array, *, state: Tree | None = None) -> dict[str, Any]:
    """The arrays by Keras's names; copies. `layer.set_weights(list(found[name].values()))` hands
    them over.

    Raises ContractError for a layer with arrays that Keras has not, ConfigurationError for running
    statistics that are missing.
    """
    found: dict[str, dict[str, Array]] = {}
    for group, parameters, statistics in _written(network, params, state, "keras"):
        found[group.name] = parameters | statistics
    return found


def from_keras(network: Network, arrays: Named) -> SavedNetwork:
    """The network with arrays that Keras names.

    Raises ContractError for a layer with arrays that Keras has not, ShapeError for arrays that are
    another network's.
    """
    return _read(network, arrays, arrays, "keras")


def to_flax(network: Network, params: Array, *, state: Tree | None = None) -> dict[str, Any]:
    """The variables of a Flax module with the same layers; copies. What is raised is that of
    `to_keras`."""
    found: dict[str, dict[str, Any]] = {"params": {}, "batch_stats": {}}
    for group, parameters, statistics in _written(network, params, state, "flax"):
        if parameters:
            found["params"][group.name] = parameters
        if statistics:
            found["batch_stats"][group.name] = statistics
    return {kind: arrays for kind, arrays in found.items() if arrays}


def from_flax(network: Network, variables: Mapping[str, Named]) -> SavedNetwork:
    """The network with the variables of a Flax module. What is raised is that of `from_keras`."""
    if not isinstance(variables, Mapping) or "params" not in variables:
        raise ContractError("flax_variables", came=_names(variables))
    return _read(network, variables["params"], variables.get("batch_stats", {}), "flax")


def _written(
    network: Network, params: Array, state: Tree | None, library: str
) -> Iterator[tuple[_Group, dict[str, Array], dict[str, Array]]]:
    params = np.asarray(params)
    if params.ndim != 1:
        raise ContractError("export_stacked", networks=len(params))
    layers = state_of(network.graph, params, network.start_state, state, training=False)
    views = network.named(params)
    for group in _groups(network, library):
        node, names = group.node, group.arrays
        own = {name: views[slot.path] for name, slot in node.parameters.items()}
        kept = layers.get(node.path, {})
        yield (
            group,
            {names.parameters[name]: _there(node, name, array) for name, array in own.items()},
            {theirs: _there(node, ours, kept[ours]) for ours, theirs in _state_names(group)},
        )


def _state_names(group: _Group) -> Iterator[tuple[str, str]]:
    declared = group.node.layer.state()
    return ((ours, theirs) for ours, theirs in group.arrays.state.items() if ours in declared)


def _read(network: Network, arrays: Named, statistics: Named, library: str) -> SavedNetwork:
    groups = list(_groups(network, library))
    together = statistics is arrays
    learned = [group.name for group in groups if together or group.node.parameters]
    arrays = _by_name_or_order(learned, arrays)
    counted = [group.name for group in groups if dict(_state_names(group))]
    statistics = arrays if together else _by_name_or_order(counted, statistics)
    found: dict[str, Array] = {}
    state: dict[str, dict[str, Array]] = {}
    for group in groups:
        node, names = group.node, group.arrays
        for name, slot in node.parameters.items():
            found[slot.path] = _here(group, names.parameters[name], arrays, slot.shape)
        declared = node.layer.state()
        own = {
            ours: _here(group, theirs, statistics, declared[ours].shape)
            for ours, theirs in _state_names(group)
        }
        if own:
            state[node.path] = {**declared, **own}
    dtype = working_dtype(*(array.dtype for array in found.values()))
    params = network.replace(np.zeros(network.size, dtype), found)
    settled = {
        path: {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in own.items()}
        for path, own in state.items()
    }
    return SavedNetwork(network=network, params=params, state=settled)


def _here(group: _Group, name: str, arrays: Named, shape: tuple[int, ...]) -> Array:
    own = arrays.get(group.name, {})
    whole = f"{group.name}/{name}"
    if name not in own:
        raise ShapeError("named_array_missing", name=whole, known=_names(own))
    array = np.asarray(own[name])
    if array.size != np.prod(shape, dtype=int) or array.dtype.kind not in "fiu":
        raise ShapeError(
            "state_dict_shape",
            name=whole,
            came=shape_text(array.shape),
            expected=shape_text(shape),
        )
    return array.reshape(shape)


def _by_name_or_order(names: Iterable[str], arrays: Named) -> Named:
    names = list(names)
    if not isinstance(arrays, Mapping) or len(arrays) != len(names):
        raise ShapeError(
            "named_arrays_count", came=_names(arrays), expected=", ".join(names) or "—"
        )
    if set(names) == set(arrays):
        return arrays
    return dict(zip(names, arrays.values(), strict=True))


def _groups(network: Network, library: str) -> Iterator[_Group]:
    counts: Counter[str] = Counter()
    for path, node in network.graph.nodes.items():
        kind = type(node.layer)
        if not node.parameters and not node.layer.state():
            continue
        names = getattr(LAYER_ROWS[kind], library) if kind in LAYER_ROWS else None
        if names is None:
            known = [row.kind.__name__ for row in LAYER_ROWS.values() if getattr(row, library)]
            raise ContractError(
                "named_arrays_unknown",
                path=path or kind.__name__,
                layer=kind.__name__,
                library=library.capitalize(),
                known=", ".join(known),
            )
        count = counts[names.kind]
        counts[names.kind] += 1
        yield _Group(_called(names.kind, count, library), node, names)


def _called(kind: str, count: int, library: str) -> str:
    if library == "flax":
        return f"{kind}_{count}"
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind))
    return words.lower() if count == 0 else f"{words.lower()}_{count}"


def _there(node: Node, name: str, array: Array) -> Array:
    """An array as both libraries lay it out: a vector where ours is a row."""
    twin = twin_of(node)
    is_matrix = name in twin.transposed | twin.tables
    return np.array(array if is_matrix else array.reshape(array.shape[1:]), order="C")


def _names(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(map(str, value)) or "—"
    return type(value).__name__
