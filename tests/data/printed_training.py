"""A 1-10-1 network with ReLU, its backward pass as the tutorial prints it.

Layer 2 is handed the pre-activation where its input, the activation, belongs.
"""

import numpy as np

from clearprop import Linear, Network, ReLU, Sequential
from clearprop.base.arrays import Array

reference = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))

_random = np.random.RandomState(0)
inputs = (
    np.random.default_rng(3).normal(size=(20, 1)),
    _random.rand(1, 10),
    _random.rand(1, 10),
    _random.rand(10, 1),
    _random.rand(1, 1),
)


def forward(x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    z1 = x.dot(W1) + b1
    a1 = np.maximum(0, z1)
    y: Array = a1.dot(W2) + b2
    return y


def layer_backward(dz: Array, weight: Array, layer_input: Array) -> tuple[Array, Array, Array]:
    return layer_input.T.dot(dz), dz.sum(axis=0, keepdims=True), dz.dot(weight.T)


def backward(dy: Array, x: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, ...]:
    z1 = x.dot(W1) + b1
    gW2, gb2, dz1 = layer_backward(dy, W2, z1)
    dz1 = dz1 * np.where(z1 > 0, 1.0, 0.0)
    gW1, gb1, dx = layer_backward(dz1, W1, x)
    return dx, gW1, gb1, gW2, gb2
