"""Layers made of layers.

Sequential   y = fₖ(… f₂(f₁(x)))
             Backward: dyₖ = dy, dyᵢ₋₁ = backward of fᵢ at dyᵢ, dx = dy₀. One run from right to
             left; no path is ever followed on its own.

Residual     y = x + f(x)
             Backward: dx = dy + (backward of f at dy). x feeds two places, so the signals that come
             back from both are added.      He and others, "Deep residual learning", 2015

Cached       Each child's cache, and with records its input and output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError
from clearprop.engine.layers.layer import (
    Backward,
    ChildBackward,
    Combinator,
    CombinatorCache,
    CombinatorGradients,
    Context,
    Forward,
    Layer,
    Tree,
    require_layer,
)


@dataclass(frozen=True, init=False)
class Sequential(Combinator):
    """The layers one after another; each takes the output of the one before.

    Raises ConfigurationError for no layers, ContractError for something that is not a layer, and
    ShapeError where one layer's output cannot be the next one's input.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ConfigurationError("sequential_empty")
        for index, layer in enumerate(layers):
            require_layer(layer, f"Sequential.layers[{index}]")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(
            self, "_children", tuple((f"layers[{i}]", layer) for i, layer in enumerate(layers))
        )
        self.output_shape(None)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(*settings["layers"])

    def children(self) -> tuple[tuple[str, Layer], ...]:
        children: tuple[tuple[str, Layer], ...] = self.__dict__["_children"]
        return children

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        shape = input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        kept = []
        states = {}
        for name, layer in self.children():
            child, state, x = self.run_child(name, layer, params, x, context)
            kept.append(child)
            if state:
                states[name] = state
        return x, CombinatorCache(tuple(kept)), states

    def backward(self, params: Tree, cache: CombinatorCache, dy: Array) -> Backward:
        signals = []
        signal: Array | None = dy
        for child in reversed(cache.children):
            if signal is None:
                raise ContractError("signal_missing", path=child.name)
            dx, gradients = child.layer.backward(params[child.name], child.cache, signal)
            signals.append(ChildBackward(child.name, child.layer, signal, dx, gradients))
            signal = dx
        return signal, CombinatorGradients(tuple(reversed(signals)))


@dataclass(frozen=True)
class Residual(Combinator):
    """x + branch(x). Raises ShapeError where the branch does not keep the shape."""

    branch: Layer

    def __post_init__(self) -> None:
        require_layer(self.branch, "Residual.branch")
        self.output_shape(None)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return (("branch", self.branch),)

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        shape = self.branch.output_shape(input_shape)
        if input_shape is not None and shape is not None and shape != input_shape:
            raise _branch_changes_shape(("N", *input_shape), ("N", *shape))
        return shape

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        child, state, branch_output = self.run_child("branch", self.branch, params, x, context)
        if branch_output.shape[-x.ndim :] != x.shape:
            raise _branch_changes_shape(x.shape, branch_output.shape)
        states = {"branch": state} if state else {}
        return x + branch_output, CombinatorCache((child,)), states

    def backward(self, params: Tree, cache: CombinatorCache, dy: Array) -> Backward:
        child = cache.children[0]
        dx, gradients = self.branch.backward(params["branch"], child.cache, dy)
        if dx is None:
            raise ContractError("signal_missing", path="branch")
        signals = CombinatorGradients((ChildBackward("branch", self.branch, dy, dx, gradients),))
        return dy + dx, signals


def _branch_changes_shape(x: tuple[int | str, ...], y: tuple[int | str, ...]) -> ShapeError:
    return ShapeError("residual_shape", input=shape_text(x), output=shape_text(y))
