"""Layers made of layers. A combinator states its wiring, and the graph does the rest.

Sequential   y = fₖ(… f₂(f₁(x)))
             Backward: dyₖ = dy, dyᵢ₋₁ = backward of fᵢ at dyᵢ, dx = dy₀. One run from right to
             left; no path is ever followed on its own.

Residual     y = x + f(x)
             Backward: dx = dy + (backward of f at dy). x feeds two places, so the signals that come
             back from both are added.      He and others, "Deep residual learning", 2015

Add          y = f₁(x) + f₂(x) + …
             Backward: every branch gets dy, and dx is the sum of what comes back from them.

Concatenate  y = [f₁(x), f₂(x), …] one after another along an axis, the features as a rule
             Backward: every branch gets its own part of dy, and dx is the sum of what comes back.

Forward      Every layer in the order of the wiring, each at the wire that it takes.

Backward     Every layer once, in the opposite order; where a wire is taken by several, what comes
             back from them is added (`graph`).

Cached       The wires, of which joins need the shapes, and every layer's own cache.

A combinator of one's own is a frozen dataclass with `wire`:

    @dataclass(frozen=True)
    class Parallel(Combinator):
        left: Layer
        right: Layer

        def wire(self, wiring, source):
            left = wiring.layer("left", self.left, source)
            right = wiring.layer("right", self.right, source)
            return wiring.concatenate(left, right)
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.base.settings import settle_axis
from clearprop.engine.graph import INPUT, Graph, Node, backpropagate, propagate
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Layer,
    Parameter,
    Tree,
    Wiring,
    require_layer,
)
from clearprop.engine.wiring import graph_of


class CombinatorCache(NamedTuple):
    """The wires of the pass, and every layer's own cache by its path."""

    values: Mapping[str, Any]
    caches: Mapping[str, Any]


class Combinator(Layer):
    """A layer made of layers: `wire` is all that it says.

    It obeys the contract of a layer, so that networks nest: its parameters are those of all layers
    in it, by their paths from it (`layers[0].weight`), and its state is theirs. Raises
    ContractError for a subclass with passes of its own, which no network would run.
    """

    stackable: ClassVar[bool] = True

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name in ("forward", "backward"):
            if name in vars(cls):
                raise ContractError("combinator_with_passes", name=cls.__name__, method=name)

    @abstractmethod
    def wire(self, wiring: Wiring, source: str) -> str:
        """State which child takes what, from the wire `source` on; returns the wire put out."""

    @cached_property
    def graph(self) -> Graph:
        """The combinator's own graph."""
        return graph_of(self)

    def parameters(self) -> Mapping[str, Parameter]:
        return {path: slot.parameter for path, slot in self.graph.slots.items()}

    def state(self) -> Mapping[str, Any]:
        states = {path: node.layer.state() for path, node in self.graph.nodes.items()}
        return {path: state for path, state in states.items() if state}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return self.graph.shapes(input_shape)[self.graph.output]

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        caches, states = {}, {}

        def through(node: Node, value: Array) -> Array:
            y, caches[node.path], state = node.layer.forward(
                _own(params, node), value, context.child(node.path)
            )
            if state:
                states[node.path] = state
            return y

        values = propagate(self.graph, x, through)
        return values[self.graph.output], CombinatorCache(values, caches), states

    def backward(self, params: Tree, cache: CombinatorCache, dy: Array) -> Backward:
        gradients: dict[str, Array] = {}

        def through(node: Node, signal: Array) -> Array | None:
            dx, own = node.layer.backward(_own(params, node), cache.caches[node.path], signal)
            gradients.update({slot.path: own[name] for name, slot in node.parameters.items()})
            return dx

        signals = backpropagate(self.graph, dy, through, cache.values)
        return signals[INPUT], gradients


def _own(params: Tree, node: Node) -> Tree:
    return {name: params[slot.path] for name, slot in node.parameters.items()}


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
        self.output_shape(None)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(*settings["layers"])

    def wire(self, wiring: Wiring, source: str) -> str:
        for index, layer in enumerate(self.layers):
            source = wiring.layer(f"layers[{index}]", layer, source)
        return source


@dataclass(frozen=True)
class Residual(Combinator):
    """x + branch(x). Raises ShapeError where the branch does not keep the shape."""

    branch: Layer

    def __post_init__(self) -> None:
        require_layer(self.branch, "Residual.branch")
        self.output_shape(None)

    def wire(self, wiring: Wiring, source: str) -> str:
        branch = wiring.layer("branch", self.branch, source)
        return wiring.add(source, branch, refusal="residual_shape")


@dataclass(frozen=True, init=False)
class _Branches(Combinator):
    """Layers that all take the same wire."""

    branches: tuple[Layer, ...]

    def __init__(self, *branches: Layer) -> None:
        name = type(self).__name__
        if len(branches) < 2:
            raise ConfigurationError("branches_few", layer=name, came=len(branches))
        for index, branch in enumerate(branches):
            require_layer(branch, f"{name}.branches[{index}]")
        object.__setattr__(self, "branches", branches)
        self.output_shape(None)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(*settings["branches"])

    def _outputs(self, wiring: Wiring, source: str) -> list[str]:
        return [
            wiring.layer(f"branches[{index}]", branch, source)
            for index, branch in enumerate(self.branches)
        ]


class Add(_Branches):
    """The sum of what at least two branches make of x. Raises ConfigurationError for fewer, and
    ShapeError where they put out different shapes."""

    def wire(self, wiring: Wiring, source: str) -> str:
        return wiring.add(*self._outputs(wiring, source))


@dataclass(frozen=True, init=False)
class Concatenate(_Branches):
    """What at least two branches make of x, one branch after another along an axis, which is
    counted from the end: −1 are the features, −2 of sequences the times, −3 of images the channels.
    Raises ConfigurationError for fewer branches and another axis, and ShapeError where all else of
    their shapes differs."""

    axis: int = -1

    def __init__(self, *branches: Layer, axis: int = -1) -> None:
        object.__setattr__(self, "axis", axis)
        settle_axis(self)
        super().__init__(*branches)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(*settings["branches"], axis=settings.get("axis", -1))

    def wire(self, wiring: Wiring, source: str) -> str:
        return wiring.concatenate(*self._outputs(wiring, source), axis=self.axis)
