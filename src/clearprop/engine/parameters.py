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

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ContractError, DtypeError, ShapeError
from clearprop.engine.graph import Graph, Slot, unknown_path
from clearprop.engine.layers.layer import Tree


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

    def view(self, flat: Array, path: str) -> Array:
        """The array that `path` names, as a view of the flat one."""
        slot = self.slot(path)
        return flat[..., slot.start : slot.stop].reshape(*flat.shape[:-1], *slot.shape)

    def views(self, flat: Array) -> Mapping[str, Tree]:
        """Of every node, by its path, its parameters by the layer's own names, as views of the
        flat array (size,) or (K, size)."""
        leading = flat.shape[:-1]
        return {
            path: {
                name: flat[..., where].reshape(*leading, *shape) for name, _, where, shape in places
            }
            if places
            else EMPTY
            for path, places in self._places.items()
        }

    def flatten(self, gradients: Mapping[str, Tree], leading: Shape, dtype: np.dtype[Any]) -> Array:
        """What the nodes' backwards returned as ∂C/∂p, as one flat array (*leading, size).

        Raises ContractError for a parameter without a gradient, ShapeError and DtypeError for one
        whose shape or dtype is not its parameter's.
        """
        flat = (np.zeros if self._shares else np.empty)((*leading, self.size), dtype)
        for node, places in self._places.items():
            own = gradients[node] if places else EMPTY
            for name, path, where, shape in places:
                gradient = own.get(name)
                if gradient is None:
                    raise ContractError("gradient_missing", path=path)
                expected = (*leading, *shape) if leading else shape
                if gradient.shape != expected:
                    raise ShapeError(
                        "gradient_of_parameter",
                        path=path,
                        expected=shape_text(expected),
                        came=shape_text(gradient.shape),
                    )
                if gradient.dtype != dtype:
                    raise DtypeError(
                        "gradient_drifted", path=path, expected=dtype, came=gradient.dtype
                    )
                if self._shares:
                    flat[..., where] += gradient.reshape(*leading, -1)
                else:
                    flat[..., where] = gradient.reshape(*leading, -1)
        return flat

    @cached_property
    def _shares(self) -> bool:
        """Whether two paths share a slice, so that gradients are added."""
        return len({slot.start for slot in self.slots.values()}) < len(self.slots)

    @cached_property
    def _places(self) -> "Mapping[str, tuple[_Place, ...]]":
        return {
            path: tuple(
                _Place(name, slot.path, slice(slot.start, slot.stop), slot.shape)
                for name, slot in node.parameters.items()
            )
            for path, node in self.graph.nodes.items()
        }


class _Place(NamedTuple):
    """Where the parameter `name` of a node lies. Worked out once: every pass reads it."""

    name: str
    path: str
    where: slice
    shape: Shape
