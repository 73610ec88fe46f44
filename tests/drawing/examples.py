"""The passes that the drawings are tried on."""

from collections.abc import Mapping

import numpy as np

from clearprop import BackwardPass, Layer, Linear, Network, ReLU, Sequential, Sigmoid, Tanh


def worked_example() -> BackwardPass:
    """The 2-2-2 sigmoid network that half the web works through, with dy = o − t."""
    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    params = np.array([0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60])
    forward = network.forward(params, np.array([[0.05, 0.10]]))
    return network.backward(forward, forward.output - np.array([[0.01, 0.99]]))


def random_pass(*layers: Layer, scale: float = 1.0, samples: int = 3) -> BackwardPass:
    """A pass of the layers with numbers of about the given scale, some of them negative."""
    network = Network(Sequential(*layers))
    first = layers[0]
    assert isinstance(first, Linear)
    rng = np.random.default_rng(1)
    params = rng.normal(size=network.size) * scale
    forward = network.forward(params, rng.normal(size=(samples, first.inputs)) * scale)
    return network.backward(forward, rng.normal(size=forward.output.shape) * scale)


PASSES: Mapping[str, BackwardPass] = {
    "worked example": worked_example(),
    "1-3-1": random_pass(Linear(1, 3), ReLU(), Linear(3, 1)),
    "2-3-2 large": random_pass(Linear(2, 3), ReLU(), Linear(3, 2), ReLU(), scale=1e4),
    "2-3-2 tiny": random_pass(Linear(2, 3), Tanh(), Linear(3, 2), Tanh(), scale=1e-5),
    "no bias": random_pass(Linear(1, 1, bias=False), Tanh(), Linear(1, 1, bias=False)),
    "4-4-4-4": random_pass(Linear(4, 4), Tanh(), Linear(4, 4), Linear(4, 4), Sigmoid()),
    "10-10-10-10": random_pass(
        Linear(10, 10), ReLU(), Linear(10, 10), Tanh(), Linear(10, 10), scale=-30.0
    ),
    "six layers": random_pass(*[Linear(2, 2) for _ in range(6)]),
}
