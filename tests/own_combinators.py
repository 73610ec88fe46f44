"""Combinators of a person's own, which no module of clearprop knows."""

from dataclasses import dataclass

from clearprop import Layer, Linear, Network, ReLU, Sequential, Tanh
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Wiring


@dataclass(frozen=True)
class Added(Combinator):
    """y = left(x) + right(x)."""

    left: Layer
    right: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        left = wiring.layer("left", self.left, source)
        return wiring.add(left, wiring.layer("right", self.right, source))


@dataclass(frozen=True)
class Concatenated(Combinator):
    """y = the features of left(x), then those of right(x), then those of x itself."""

    left: Layer
    right: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        left = wiring.layer("left", self.left, source)
        right = wiring.layer("right", self.right, source)
        return wiring.concatenate(left, right, source)


@dataclass(frozen=True)
class AsItIs(Combinator):
    """y = x."""

    def wire(self, wiring: Wiring, source: str) -> str:
        return source


ADDED = Network(
    Sequential(
        Linear(2, 3), Added(Sequential(Linear(3, 3), Tanh()), Linear(3, 3)), ReLU(), Linear(3, 1)
    )
)
CONCATENATED = Network(
    Sequential(Linear(2, 3), Concatenated(Sequential(Linear(3, 2), Tanh()), ReLU()), Linear(8, 1))
)
