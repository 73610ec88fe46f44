"""What stands beside x: a layer must read it, for a misspelled mask would silently do nothing; and
it has an entry for every sample, or is shared by all of them."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, shape_text
from clearprop.base.errors import ContractError, ShapeError, UnknownNameError
from clearprop.engine.graph import Graph, join_path


class SideInputs(NamedTuple):
    """Side inputs by their names, and which of their axes counts the samples: None of one that all
    samples share, as a mask (T, T) of who may look where."""

    arrays: Mapping[str, Array] = EMPTY
    axes: Mapping[str, int | None] = EMPTY

    def take(self, rows: Any) -> Mapping[str, Array]:
        """Those of these samples, numbers or a slice; what all samples share as it is."""
        return {
            name: array if (axis := self.axes[name]) is None else _taken(array, rows, axis)
            for name, array in self.arrays.items()
        }


def known_side_inputs(graph: Graph) -> tuple[str, ...]:
    """The names that the layers of a graph read: of every kind for all layers, and of every layer
    with its path in front."""
    own = [
        (name, join_path(path, name))
        for path, node in graph.nodes.items()
        for name in node.layer.side_inputs()
    ]
    return tuple(dict.fromkeys([name for name, _ in own] + [name for _, name in own]))


def require_side_inputs(given: object, known: Collection[str]) -> dict[str, Array]:
    """The side inputs as arrays. Raises UnknownNameError for a name that no layer reads, with the
    nearest ones, and ContractError for what is no mapping of arrays."""
    if not isinstance(given, Mapping):
        raise ContractError("side_inputs_kind", came=type(given).__name__)
    for name in given:
        if name not in known:
            if not known:
                raise UnknownNameError("side_input_of_none", name=name)
            nearest = difflib.get_close_matches(str(name), known, n=3) or known
            raise UnknownNameError("side_input_unknown", name=name, known=", ".join(nearest))
    return {name: _array_of(name, value) for name, value in given.items()}


def side_inputs_of_samples(graph: Graph, given: object, samples: int) -> SideInputs:
    """The side inputs of so many samples, to be taken apart with them. Raises what
    `require_side_inputs` raises, and ShapeError for one that has not an entry for each sample."""
    arrays = require_side_inputs(given, known_side_inputs(graph))
    axes = {name: _samples_axis(graph, name, array.ndim) for name, array in arrays.items()}
    for name, axis in axes.items():
        shape = arrays[name].shape
        if axis is not None and shape[axis : axis + 1] != (samples,):
            raise ShapeError(
                "side_input_samples", name=name, came=shape_text(shape), samples=samples
            )
    return SideInputs(arrays, axes)


def _array_of(name: str, value: Any) -> Array:
    if value is None:
        raise ContractError("side_input_none", name=name)
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.array(None)
    if array.dtype.kind not in "biufc":
        raise ContractError("side_input_array", name=name, came=type(value).__name__)
    return array


def _samples_axis(graph: Graph, name: str, axes: int) -> int | None:
    """The axis of the samples. Raises ContractError where layers that read the same one differ."""
    told = {
        node.layer.samples_axis(own, axes): path or type(node.layer).__name__
        for path, node in graph.nodes.items()
        for own in node.layer.side_inputs()
        if name in (own, join_path(path, own))
    }
    if len(told) > 1:
        raise ContractError("side_input_shared", name=name, layers=", ".join(told.values()))
    return next(iter(told))


def _taken(array: Array, rows: Any, axis: int) -> Array:
    taken: Array = array[(slice(None),) * axis + (rows,)]
    return taken
