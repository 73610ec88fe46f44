"""A pass is data: what one forward and one backward pass computed, layer by layer.

Every array in a record is read-only. The records are made when they are first looked at: until then
a pass costs what the caches cost.

Which number is which: of a Linear layer the output is z, so its output gradient is ∂C/∂z. Of an
activation the input is z and the output a, so its output gradient is ∂C/∂a and its input gradient
∂C/∂z.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.layer import (
    ChildBackward,
    ChildForward,
    CombinatorCache,
    CombinatorGradients,
    Context,
    Layer,
    Tree,
)
from clearprop.engine.parameters import join, named_gradients, unknown_path

if TYPE_CHECKING:
    from clearprop.engine.network import Network


class ForwardRecord(NamedTuple):
    """What one layer did in a forward pass. `cache` is the layer's own named record of what its
    backward needs."""

    path: str
    layer: Layer
    input: Array
    output: Array
    cache: Any


class BackwardRecord(NamedTuple):
    """What one layer did in a backward pass.

    output_gradient  ∂C/∂(layer's output), what came from the right
    input_gradient   ∂C/∂(layer's input), what goes on to the left; None where the input is integers
    gradients        ∂C/∂p by parameter name
    """

    path: str
    layer: Layer
    output_gradient: Array
    input_gradient: Array | None
    gradients: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One forward pass of a network.

    params   the flat parameters that it used, (P,) or (K, P); backward uses the same
    input    x, (N, features), or (K, N, features)
    output   the network's output
    state    what the layers changed beside their output, as a tree
    """

    network: "Network"
    params: Array
    input: Array
    output: Array
    context: Context
    state: Tree
    tree: Tree = field(repr=False)
    cache: Any = field(repr=False)

    @cached_property
    def records(self) -> tuple[ForwardRecord, ...]:
        """Every layer that is not a combinator, in the order in which they ran.

        Raises ConfigurationError for a pass that was made without records.
        """
        return tuple(
            record for record in self._all.values() if not isinstance(record.cache, CombinatorCache)
        )

    def __getitem__(self, path: str) -> ForwardRecord:
        """The record of the layer at `path`, combinators too. Raises UnknownNameError."""
        if path not in self._all:
            raise unknown_path(path, self._all)
        return self._all[path]

    @cached_property
    def _all(self) -> Mapping[str, ForwardRecord]:
        if not self.context.records:
            raise ConfigurationError("pass_without_records")
        root = ChildForward("", self.network.layer, self.input, self.output, self.cache)
        return {path: _forward_record(path, child) for path, child in _walk_forward("", root)}


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """One backward pass of a network.

    forward          the forward pass that it went back through
    output_gradient  ∂C/∂output, where it started
    input_gradient   ∂C/∂x, where it ended; None where x is integers
    gradient         ∂C/∂θ, one flat array of the parameters' shape
    """

    forward: ForwardPass
    output_gradient: Array
    input_gradient: Array | None
    gradient: Array
    signals: Any = field(repr=False)

    @cached_property
    def records(self) -> tuple[BackwardRecord, ...]:
        """Every layer that is not a combinator, in the order in which they ran forward."""
        return tuple(
            record
            for record, gradients in self._all.values()
            if not isinstance(gradients, CombinatorGradients)
        )

    def __getitem__(self, path: str) -> BackwardRecord:
        """The record of the layer at `path`, combinators too. Raises UnknownNameError."""
        if path not in self._all:
            raise unknown_path(path, self._all)
        return self._all[path][0]

    def named(self) -> Mapping[str, Array]:
        """∂C/∂p of every parameter by its path, as views of `gradient`."""
        return self.forward.network.named(self.gradient)

    @cached_property
    def _all(self) -> Mapping[str, tuple[BackwardRecord, Any]]:
        root = ChildBackward(
            "", self.forward.network.layer, self.output_gradient, self.input_gradient, self.signals
        )
        return {
            path: (_backward_record(path, child), child.gradients)
            for path, child in _walk_backward("", root)
        }


def _walk_forward(path: str, child: ChildForward) -> Iterator[tuple[str, ChildForward]]:
    yield path, child
    if isinstance(child.cache, CombinatorCache):
        for inner in child.cache.children:
            yield from _walk_forward(join(path, inner.name), inner)


def _walk_backward(path: str, child: ChildBackward) -> Iterator[tuple[str, ChildBackward]]:
    yield path, child
    if isinstance(child.gradients, CombinatorGradients):
        for inner in child.gradients.children:
            yield from _walk_backward(join(path, inner.name), inner)


def _forward_record(path: str, child: ChildForward) -> ForwardRecord:
    # A pass with records has both arrays; only their type says that they may be missing.
    arrays = cast(tuple[Array, Array], (child.input, child.output))
    saved = child.cache if isinstance(child.cache, tuple) else ()
    for array in (*arrays, *saved):
        if isinstance(array, np.ndarray):
            freeze(array)
    return ForwardRecord(path, child.layer, *arrays, child.cache)


def _backward_record(path: str, child: ChildBackward) -> BackwardRecord:
    gradients = dict(named_gradients(child.gradients, ""))
    for array in (child.output_gradient, child.input_gradient, *gradients.values()):
        if array is not None:
            freeze(array)
    return BackwardRecord(path, child.layer, child.output_gradient, child.input_gradient, gradients)
