"""A network's arrays under PyTorch's names and in its layout, and back; torch is not needed for it.

    layers[1].weight                 (in, out)    1.weight                 (out, in)
    layers[2].branch.layers[0].bias  (1, D)       2.branch.0.bias          (D,)
    layers[3]/num_batches            ()           3.num_batches_tracked    ()

The names are those of nested `nn.Sequential`: a file of them is loaded there by `load_state_dict`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import ContractError, ShapeError
from clearprop.engine.graph import Node, join_path
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.kind_tables import LAYER_ROWS

_PLACE = re.compile(r"(?:\blayers)?\[(\d+)\]")


class TorchPlace(NamedTuple):
    """One array on both sides: its layer, our name, torch's whole name, torch's shape."""

    node: Node
    name: str
    torch: str
    shape: Shape


def torch_name(path: str) -> str:
    """What the module at one of our paths is called in PyTorch."""
    return _PLACE.sub(r".\1", path).lstrip(".").replace("..", ".")


def twin_of(node: Node) -> TorchTwin:
    """What is known of a layer in PyTorch. Raises ContractError for a layer without a twin."""
    kind = type(node.layer)
    if kind not in LAYER_ROWS:
        raise ContractError("torch_twin_missing", path=node.path, layer=kind.__name__)
    return LAYER_ROWS[kind].torch


def torch_places(network: Network) -> Iterator[TorchPlace]:
    """Every array of a network in the order of PyTorch's state dict."""
    for path, node in network.graph.nodes.items():
        twin = twin_of(node)
        shapes = {name: one.shape for name, one in node.layer.parameters().items()}
        states = {name: array.shape for name, array in network.start_state.get(path, {}).items()}
        for name, shape in (shapes | states).items():
            theirs = join_path(torch_name(path), twin.renamed.get(name, name))
            yield TorchPlace(node, name, theirs, _shape_there(twin, name, shape))


def to_torch_arrays(
    network: Network, params: Array, *, state: Tree | None = None
) -> dict[str, Array]:
    """Parameters (P,) and running statistics as PyTorch names and lays them out; copies.

    Raises ContractError for a layer without a twin and for several networks as one,
    ConfigurationError for running statistics that are missing.
    """
    params = np.asarray(params)
    if params.ndim != 1:
        raise ContractError("export_stacked", networks=len(params))
    layers = state_of(network.graph, params, network.start_state, state, training=False)
    views = network.named(params)
    found = {}
    for place in torch_places(network):
        path = place.node.path
        own = place.node.parameters
        array = np.asarray(
            views[own[place.name].path] if place.name in own else layers[path][place.name]
        )
        turned = array.T if place.name in twin_of(place.node).transposed else array
        found[place.torch] = turned.reshape(place.shape).copy(order="C")
    return found


def from_torch_arrays(network: Network, arrays: Mapping[str, Array]) -> tuple[Array, Tree]:
    """The parameters (P,) and the state in arrays that PyTorch names; where the names are others,
    as of a module with names of its own, by their order and shapes.

    Raises ShapeError where they are not this network's.
    """
    places = list(torch_places(network))
    named = {place.torch: place for place in places}
    if not set(arrays) >= {name for name, one in named.items() if one.shape or not _counts(one)}:
        arrays = _by_order(places, arrays)
    strange = [name for name in arrays if name not in named]
    if strange:
        raise ShapeError("state_dict_surplus", name=strange[0], known=", ".join(named))
    kept = [array.dtype for name, array in arrays.items() if not _counts(named[name])]
    dtype = working_dtype(*kept)
    params = np.zeros(network.size, dtype)
    views = network.named(params)
    state: dict[str, dict[str, Array]] = {}
    for place in places:
        path, name = place.node.path, place.name
        array = arrays.get(place.torch)
        if array is None:
            array = np.zeros((), np.int64)  # files of old leave the count of batches out
        if array.shape != place.shape:
            raise ShapeError(
                "state_dict_shape",
                name=place.torch,
                came=shape_text(array.shape),
                expected=shape_text(place.shape),
            )
        values = from_torch_layout(place.node.layer, name, array)
        if name in place.node.parameters:
            views[place.node.parameters[name].path][...] = values
        else:
            own = state.setdefault(path, {})
            own[name] = values.astype(dtype if values.dtype.kind == "f" else values.dtype)
    return params, state


def from_torch_layout(layer: Layer, name: str, array: Array) -> Array:
    """One array of a layer's, out of PyTorch's layout. Raises ShapeError for another size."""
    declared = layer.parameters()
    shape = declared[name].shape if name in declared else np.shape(layer.state()[name])
    if array.size != np.prod(shape, dtype=int):
        raise ShapeError(
            "state_dict_shape", name=name, came=shape_text(array.shape), expected=shape_text(shape)
        )
    turned = array.T if name in LAYER_ROWS[type(layer)].torch.transposed else array
    return np.array(turned.reshape(shape), order="C")


def working_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """What arrays that come in are computed in: float64 where any of them is, otherwise
    float32."""
    double = any(one == np.float64 for one in dtypes)
    return np.dtype(np.float64 if double else np.float32)


def _shape_there(twin: TorchTwin, name: str, shape: Shape) -> Shape:
    if name in twin.transposed:
        return shape[::-1]
    return shape if name in twin.tables or len(shape) != 2 else shape[1:]


def _counts(place: TorchPlace) -> bool:
    """Whether it is a count of batches, which changes nothing in use."""
    return place.name not in place.node.parameters and not place.shape


def _by_order(places: list[TorchPlace], arrays: Mapping[str, Array]) -> dict[str, Array]:
    if len(places) != len(arrays):
        raise ShapeError(
            "state_dict_count",
            came=", ".join(arrays),
            expected=", ".join(place.torch for place in places),
        )
    return {place.torch: array for place, array in zip(places, arrays.values(), strict=True)}


def array_of(tensor: Any) -> Array:
    """A tensor's numbers, copied; those of half precision as float32."""
    if isinstance(tensor, np.ndarray):
        return tensor
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    array: Array = tensor.numpy().copy()
    return array
