"""The small network of an exercise, as plain numbers, and the engine's own pass through it."""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.softmax import Softmax
from clearprop.engine.losses import MSE, CrossEntropy, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.engine.step import Step, take_step

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}
ACTIVATIONS["softmax"] = Softmax

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class SmallNetwork(Configurable):
    """Linear layers, each with an activation or none, and the samples that go through.

    activations  of every layer, a name in `ACTIVATIONS` or "" for none; softmax is the last one's
                 alone, and t holds 1 at the class of a sample and 0 elsewhere
    weights      of every layer as rows (in, out)
    biases       of every layer (out,)
    x, t         samples in rows: (N, in) and (N, out)
    rate         the learning rate η
    """

    activations: tuple[str, ...]
    weights: tuple[Rows, ...]
    biases: Rows
    x: Rows
    t: Rows
    rate: float

    @property
    def widths(self) -> tuple[int, ...]:
        """How many numbers go in, and how many neurons every layer has."""
        return (len(self.weights[0]), *(len(bias) for bias in self.biases))

    @property
    def samples(self) -> int:
        """How many samples there are, N."""
        return len(self.x)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """What stands behind the W and b of every layer in a program: nothing where there is one
        layer only."""
        count = len(self.weights)
        return ("",) if count == 1 else tuple(str(layer + 1) for layer in range(count))

    def network(self) -> Network:
        """The same network in the engine, as far as its outputs."""
        return Network(Sequential(*self._layers()))

    def _layers(self) -> list[Layer]:
        layers: list[Layer] = []
        for weight, bias, activation in zip(
            self.weights, self.biases, self.activations, strict=True
        ):
            layers.append(Linear(len(weight), len(bias)))
            if activation:
                layers.append(ACTIVATIONS[activation]())
        return layers

    def params(self) -> Array:
        """Its parameters as the engine's flat array."""
        pieces = [
            np.ravel(part)
            for weight, bias in zip(self.weights, self.biases, strict=True)
            for part in (weight, bias)
        ]
        return np.concatenate(pieces).astype(np.float64)

    def step(self) -> Step:
        """One step of SGD on the mean squared error, or on the cross-entropy of softmax, which the
        engine takes in one with its loss; recorded."""
        layers = self._layers()
        loss: Loss = MSE()
        if self.activations[-1] == "softmax":
            loss = CrossEntropy()
            layers.pop()
        return take_step(
            Network(Sequential(*layers)),
            self.params(),
            np.array(self.x, dtype=np.float64),
            np.array(self.t, dtype=np.float64),
            loss=loss,
            optimizer=SGD(self.rate),
        )
