"""Steps of networks of every kind, for pictures of them."""

from collections.abc import Mapping

import numpy as np

from clearprop import (
    MSE,
    SGD,
    BatchNorm,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.engine.step import Step, take_step
from clearprop.teaching.experiments.worked_example import INPUT, LEARNING_RATE, TARGET, WEIGHTS

AWKWARD = (-1.234e-05, 1e300, 0.0, float("nan"), 2.0, -1e300, 0.5)


def random_step(layer: Layer, *, samples: int = 6, ids: int = 0, seed: int = 0) -> Step:
    """A step from random parameters on random samples; of ids below `ids` where that is given."""
    generator = np.random.default_rng(seed)
    network = Network(layer)
    first = layer.layers[0] if isinstance(layer, Sequential) else layer
    x: Array
    if ids:
        x = generator.integers(0, ids, size=samples)
    else:
        assert isinstance(first, Linear)
        x = generator.normal(size=(samples, first.inputs))
    params = network.initialize(seed)
    target = generator.normal(size=network.forward(params, x).output.shape)
    return take_step(network, params, x, target, loss=MSE(), optimizer=SGD(0.01))


def worked_step() -> Step:
    """The worked 2-2-2 example."""
    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    params = network.replace(np.zeros(network.size), WEIGHTS)
    return take_step(network, params, INPUT, TARGET, optimizer=SGD(LEARNING_RATE))


def awkward_step() -> Step:
    """A step with numbers that are too large, too small, or none."""
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 2)))
    params = np.resize(np.array(AWKWARD), network.size)
    x, target = np.array([[1.0, -1.234e-05], [0.0, 3.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    with np.errstate(all="ignore"):
        return take_step(network, params, x, target, optimizer=SGD(0.1))


def wide() -> Sequential:
    """64-128-64-10."""
    return Sequential(Linear(64, 128), ReLU(), Linear(128, 64), Tanh(), Linear(64, 10))


def residual() -> Sequential:
    """Layers that are no Linear ones, and a way past two of them."""
    branch = Sequential(Linear(6, 6), Tanh())
    return Sequential(Linear(3, 6), BatchNorm(6), Residual(branch), Linear(6, 3), Softmax())


def embedding() -> Sequential:
    """Ids, which have no derivative, and a normalization behind them."""
    return Sequential(Embedding(20, 5), LayerNorm(5), Linear(5, 4), Sigmoid(), Linear(4, 2))


# Every step with the addresses of a parameter and of a neuron.
STEPS: Mapping[str, tuple[Step, str, str]] = {
    "worked example": (worked_step(), "layers[0].weight[0,0]", "layers[0][0]"),
    "1-10-1": (
        random_step(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)), samples=20),
        "layers[0].weight[0,3]",
        "layers[0][3]",
    ),
    "64-128-64-10": (random_step(wide()), "layers[0].weight[3,17]", "layers[2][5]"),
    "784-256-10": (
        random_step(Sequential(Linear(784, 256), ReLU(), Linear(256, 10)), samples=3),
        "layers[0].weight[300,3]",
        "layers[0][3]",
    ),
    "residual": (random_step(residual()), "layers[1].weight[2]", "layers[1][2]"),
    "embedding": (random_step(embedding(), ids=20), "layers[0].weight[17,2]", "layers[1][2]"),
    "awkward": (awkward_step(), "layers[0].weight[0,1]", "layers[0][1]"),
}
