"""The tutorial's first half: a neuron, the straight line, activations, the bent line, descent.

S1 one neuron; S2 a linear layer; S4 activations; S5 the bent line; S6 gradient descent.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.combinators import Sequential
from clearprop.engine.initializers import Uniform
from clearprop.engine.layers.activations import Activation, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import MSE
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.teaching.experiments.data import RegressionData
from clearprop.training import StepEvent, start, train


class Response(NamedTuple):
    """A network with random weights, and its output on the data, sorted by x."""

    network: Network
    params: Array
    x: Array
    output: Array


class Curve(NamedTuple):
    """An activation and its derivative over a range of z."""

    name: str
    z: Array
    value: Array
    derivative: Array


class Descent(NamedTuple):
    """Gradient descent of a line's two parameters: its way (steps + 1, 2) of (w, b), and the loss
    before each step."""

    path: Array
    losses: Array


def straight_line(data: RegressionData) -> Response:
    """Linear(1, 1) with weights from U[0, 1): whatever they are, its output is a line."""
    return _response(Network(Linear(1, 1)), data)


def bent_line(data: RegressionData) -> Response:
    """Linear(1, 5), ReLU, Linear(5, 1) with weights from U[0, 1): the line bends."""
    return _response(Network(Sequential(Linear(1, 5), ReLU(), Linear(5, 1))), data)


def activation_curves() -> tuple[Curve, ...]:
    """ReLU, tanh and sigmoid with their derivatives on [−5, 5]."""
    z = np.linspace(-5, 5, 401)
    activations: tuple[Activation, ...] = (ReLU(), Tanh(), Sigmoid())
    curves = []
    for activation in activations:
        value = activation.value(z)
        derivative = np.asarray(activation.derivative(z, value), np.float64)
        curves.append(Curve(type(activation).__name__, z, value, derivative))
    return tuple(curves)


def descent(data: RegressionData, *, learning_rate: float, steps: int) -> Descent:
    """Linear(1, 1) trained on the data, with every step of its two parameters."""
    network, optimizer = Network(Linear(1, 1)), SGD(learning_rate)
    state = start(network, _uniform(network, data), optimizer)
    path, losses = [state.params], []
    for event in train(
        network, state, data.x, data.target, loss=MSE(), optimizer=optimizer, epochs=steps
    ):
        if isinstance(event, StepEvent):
            path.append(event.state.params)
            losses.append(event.loss)
    return Descent(np.array(path), np.array(losses))


def _response(network: Network, data: RegressionData) -> Response:
    params = _uniform(network, data)
    x = np.sort(data.x, axis=0)
    return Response(network, params, x, network.predict(params, x))


def _uniform(network: Network, data: RegressionData) -> Array:
    return network.initialize(0, dtype=data.x.dtype.name, initializer=Uniform(0, 1))
