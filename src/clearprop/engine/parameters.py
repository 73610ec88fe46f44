"""One flat array for all parameters, with named views; the same layout for the gradients.

A path says how Python reaches an array from the network's layer: `layers[0].weight`,
`layers[1].branch.layers[0].bias`. Two paths may share one slice (tied weights): both read it, and
their gradients are added into it. K networks have a leading axis: (K, size).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, keyed_generator, shape_text
from clearprop.base.errors import ContractError, DtypeError, ShapeError
from clearprop.engine.graph import Graph, Slot, unknown_path
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Tree, require_gradient


@dataclass(frozen=True, eq=False)
class Layout:
    """The places of a graph's parameters in one flat array of `size` entries."""

    graph: Graph

    @property
    def slots(self) -> Mapping[str, Slot]:
        """Every path's slot, in the order of the graph's steps."""
        return self.graph.slots

    @property
    def size(self) -> int:
        """The number of entries of the flat array."""
        return self.graph.size

    def slot(self, path: str) -> Slot:
        """The slot of `path`. Raises UnknownNameError with the nearest names that exist."""
        if path not in self.slots:
            raise unknown_path(path, self.slots)
        return self.slots[path]

    def draw(
        self, seed: int, dtype: np.dtype[Any], initializer: Initializer | None = None
    ) -> Array:
        """Starting parameters (size,): every array from its layer's initializer, or from the one
        given, with a generator keyed by the seed and the array's path."""
        flat = np.zeros(self.size, dtype)
        for path, slot in self.slots.items():
            # Of tied parameters the first is drawn.
            if self.graph.owners[path] == path:
                parameter = slot.parameter
                values = (initializer or parameter.initializer).draw(
                    keyed_generator(seed, path=path),
                    slot.shape,
                    parameter.fan_in,
                    parameter.fan_out,
                )
                flat[slot.start : slot.stop] = values.ravel()
        return flat

    def view(self, flat: Array, path: str) -> Array:
        """The array that `path` names, as a view of the flat one."""
        slot = self.slot(path)
        return flat[..., slot.start : slot.stop].reshape(*flat.shape[:-1], *slot.shape)

    def views(self, flat: Array) -> Mapping[str, Tree]:
        """Of every node, by its path, its parameters by the layer's own names, as views of the
        flat array (size,) or (K, size)."""
        views: dict[str, Tree] = dict.fromkeys(self.graph.nodes, EMPTY)
        if flat.ndim == 1:
            for path, places in self._places.items():
                views[path] = {name: flat[where].reshape(shape) for name, _, where, shape in places}
        else:
            for path, places in self._places.items():
                views[path] = {
                    name: flat[:, where].reshape(len(flat), *shape)
                    for name, _, where, shape in places
                }
        return views

    def flatten(
        self,
        returned: Mapping[str, tuple[Array | None, Tree]],
        leading: Shape,
        dtype: np.dtype[Any],
    ) -> Array:
        """∂C/∂p of all that the nodes' backwards returned, as one flat array (*leading, size).

        Raises ContractError for a parameter without a gradient, ShapeError and DtypeError for one
        whose shape or dtype is not its parameter's.
        """
        parts = []
        for node, places in self._places.items():
            gradients = returned[node][1]
            for name, path, _, shape in places:
                expected = (*leading, *shape) if leading else shape
                gradient = gradients.get(name)
                if gradient is None or gradient.shape != expected or gradient.dtype is not dtype:
                    gradient = require_gradient(gradient, expected, dtype, path)
                parts.append(gradient.reshape(*leading, -1) if leading else gradient.ravel())
        if parts and not self._shares:
            return np.concatenate(parts, axis=-1)
        flat = np.zeros((*leading, self.size), dtype)
        wheres = (place.where for places in self._places.values() for place in places)
        for where, part in zip(wheres, parts, strict=True):
            flat[..., where] += part
        return flat

    def gradient_places(self, params: Array) -> "GradientPlaces":
        """A new flat gradient like `params`, for the layers to write into."""
        flat = np.empty_like(params)
        into = self.views(flat)
        if not self._shares:
            return GradientPlaces(flat, into, ())
        apart = {path: dict(own) for path, own in into.items()}
        added: list[tuple[Array, Array]] = []
        for path, node in self.graph.nodes.items():
            for name, slot in node.parameters.items():
                if self.graph.owners[slot.path] != slot.path:
                    apart[path][name] = np.empty_like(into[path][name])
                    added.append((into[path][name], apart[path][name]))
        return GradientPlaces(flat, apart, tuple(added))

    @cached_property
    def _shares(self) -> bool:
        """Whether two paths share a slice, so that their gradients are added."""
        return any(owner != path for path, owner in self.graph.owners.items())

    @cached_property
    def _places(self) -> "Mapping[str, tuple[_Place, ...]]":
        return {
            path: tuple(
                _Place(name, slot.path, slice(slot.start, slot.stop), slot.shape)
                for name, slot in node.parameters.items()
            )
            for path, node in self.graph.nodes.items()
            if node.parameters
        }


class GradientPlaces(NamedTuple):
    """Where the layers of a training write their gradients.

    flat   the whole gradient
    into   its views by the layer's path and the parameter's name
    added  of tied parameters, pairs of a view and an array of its own that is to be added to it
    """

    flat: Array
    into: Mapping[str, Tree]
    added: tuple[tuple[Array, Array], ...]


class _Place(NamedTuple):
    """Where the parameter `name` of a node lies. Worked out once: every pass reads it."""

    name: str
    path: str
    where: slice
    shape: Shape


def require_params(graph: Graph, params: Array) -> None:
    """Refuse what is not the flat parameters (P,) of a graph, or (K, P) of K networks. Raises
    ShapeError, DtypeError, and ContractError for a layer that cannot be stacked."""
    if params.ndim not in (1, 2) or params.shape[-1] != graph.size:
        raise ShapeError(
            "params_shape", expected=shape_text((graph.size,)), came=shape_text(params.shape)
        )
    if params.dtype.char not in "dfDF":
        raise DtypeError("params_dtype", came=params.dtype)
    if params.ndim == 2:
        for path, node in graph.nodes.items():
            if not node.layer.stackable:
                raise ContractError(
                    "layer_not_stackable", path=path, layer=type(node.layer).__name__
                )
