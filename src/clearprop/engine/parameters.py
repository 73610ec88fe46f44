"""One flat array for all parameters, with named views; the same layout for the gradients.

A path says how Python reaches an array from the network's layer: `layers[0].weight`,
`layers[1].branch.layers[0].bias`. Two paths may share one slice (tied weights): both read it, and
their gradients are added into it. K stacked networks have a leading axis: (K, size).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError, UnknownNameError
from clearprop.engine.layers.layer import Combinator, CombinatorGradients, Layer, Parameter, Tree


class Slot(NamedTuple):
    """Where one named parameter array lies in the flat array."""

    path: str
    parameter: Parameter
    start: int
    stop: int

    @property
    def shape(self) -> Shape:
        """The shape of the array that the path names, without the axis of networks."""
        return self.parameter.shape


def join(prefix: str, name: str) -> str:
    """The path of `name` under `prefix`."""
    return f"{prefix}.{name}" if prefix else name


def leaves(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """(path, layer) of every layer that is not a combinator, in order."""
    if isinstance(layer, Combinator):
        for name, child in layer.children():
            yield from leaves(child, join(path, name))
    else:
        yield path, layer


@dataclass(frozen=True)
class Layout:
    """The places of a layer's parameters in one flat array of `size` entries.

    `tied` maps a path to the path whose slice it shares. Raises UnknownNameError for a path that
    does not exist, ConfigurationError for two that cannot share.
    """

    layer: Layer
    tied: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def slots(self) -> Mapping[str, Slot]:
        """Every path's slot, in the order of the layers."""
        declared = {
            join(path, name): parameter
            for path, layer in leaves(self.layer)
            for name, parameter in layer.parameters().items()
        }
        for path, source in self.tied.items():
            self._check_tie(path, source, declared)
        slots: dict[str, Slot] = {}
        position = 0
        for path, parameter in declared.items():
            if path in self.tied:
                # The owner comes before, and may be tied itself.
                owner = slots[self.tied[path]]
                slots[path] = Slot(path, parameter, owner.start, owner.stop)
            else:
                stop = position + int(np.prod(parameter.shape))
                slots[path] = Slot(path, parameter, position, stop)
                position = stop
        return slots

    @cached_property
    def size(self) -> int:
        """The number of entries of the flat array."""
        return max((slot.stop for slot in self.slots.values()), default=0)

    def slot(self, path: str) -> Slot:
        """The slot of `path`. Raises UnknownNameError with the nearest names that exist."""
        if path not in self.slots:
            raise unknown_path(path, self.slots)
        return self.slots[path]

    def view(self, flat: Array, path: str) -> Array:
        """The array that `path` names, as a view of the flat one."""
        slot = self.slot(path)
        return flat[..., slot.start : slot.stop].reshape(*flat.shape[:-1], *slot.shape)

    def tree(self, flat: Array) -> Tree:
        """Views of the flat array as the layer's own tree of names."""
        leading = flat.shape[:-1]
        tree: Tree = _build(self._plan, flat, leading)
        return tree

    def flatten(self, gradients: Any, leading: Shape, dtype: np.dtype[Any]) -> Array:
        """The gradient tree that a backward returned, as one flat array (*leading, size).

        Raises ContractError for a parameter without a gradient, ShapeError for one of a shape
        that is not its parameter's.
        """
        parts: list[tuple[slice, Array]] = []
        _collect(self._plan, gradients, leading, parts)
        if not self.tied and parts:
            return np.concatenate([part for _, part in parts], axis=-1)
        flat = np.zeros((*leading, self.size), dtype)
        for where, part in parts:
            flat[..., where] += part
        return flat

    @cached_property
    def _plan(self) -> Any:
        return self._plan_of(self.layer, "")

    def _plan_of(self, layer: Layer, path: str) -> Any:
        if isinstance(layer, Combinator):
            children = layer.children()
            return [(name, self._plan_of(child, join(path, name))) for name, child in children]
        slots = [(name, self.slots[join(path, name)]) for name in layer.parameters()]
        return tuple(
            _Place(name, slot.path, slice(slot.start, slot.stop), slot.shape)
            for name, slot in slots
        )

    @staticmethod
    def _check_tie(path: str, source: str, declared: Mapping[str, Parameter]) -> None:
        for name in (path, source):
            if name not in declared:
                raise unknown_path(name, declared)
        same = declared[path].shape == declared[source].shape
        comes_first = list(declared).index(source) < list(declared).index(path)
        if not (same and comes_first):
            raise ConfigurationError("tie_impossible", path=path, source=source)


def unknown_path(path: str, known: Mapping[str, object]) -> UnknownNameError:
    """The error for a path that does not exist, with the nearest ones that do."""
    import difflib  # only a mistake needs it

    nearest = difflib.get_close_matches(path, known, n=3, cutoff=0.3) or list(known)[:3]
    return UnknownNameError("path_unknown", path=path, nearest=", ".join(nearest))


class _Place(NamedTuple):
    """One entry of a leaf's plan: where the parameter `name` of the layer lies."""

    name: str
    path: str
    where: slice
    shape: Shape


# A plan is a list of (name, plan) for a combinator and a tuple of places for a leaf. It is worked
# out once, because the two functions that follow it run in every pass.


def _build(plan: Any, flat: Array, leading: Shape) -> Any:
    if isinstance(plan, list):
        return {name: _build(child, flat, leading) for name, child in plan}
    if not plan:
        return EMPTY
    if not leading:
        return {name: flat[where].reshape(shape) for name, _, where, shape in plan}
    return {name: flat[:, where].reshape(*leading, *shape) for name, _, where, shape in plan}


def _collect(plan: Any, gradients: Any, leading: Shape, parts: list[tuple[slice, Array]]) -> None:
    if isinstance(plan, list):
        for (_, child), returned in zip(plan, gradients.children, strict=True):
            if child:
                _collect(child, returned.gradients, leading, parts)
        return
    for name, path, where, shape in plan:
        gradient = gradients.get(name)
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
        parts.append((where, gradient.reshape(*leading, -1) if leading else gradient.ravel()))


def named_gradients(gradients: Any, path: str) -> Iterator[tuple[str, Array]]:
    """(path, gradient) of every parameter in what a layer's backward returned."""
    if isinstance(gradients, CombinatorGradients):
        for child in gradients.children:
            yield from named_gradients(child.gradients, join(path, child.name))
    else:
        for name, gradient in gradients.items():
            yield join(path, name), gradient
