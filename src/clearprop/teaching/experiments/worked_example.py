"""A worked example small enough for pencil and paper: 2-2-2 with sigmoids, one sample (S7 to S11).

The example is widely copied, and so is a mistake in it: going back through weights that were
updated already. What each way leads to is computed here.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import Sigmoid
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import MSE
from clearprop.engine.network import BackwardPass, Network
from clearprop.engine.optimizers import SGD, OptimizerState

WEIGHTS = {
    "layers[0].weight": np.array([[0.15, 0.25], [0.20, 0.30]]),
    "layers[0].bias": np.array([[0.35, 0.35]]),
    "layers[2].weight": np.array([[0.40, 0.50], [0.45, 0.55]]),
    "layers[2].bias": np.array([[0.60, 0.60]]),
}
INPUT = np.array([[0.05, 0.10]])
TARGET = np.array([[0.01, 0.99]])
LEARNING_RATE = 0.5


class WorkedExample(NamedTuple):
    """One step of the worked example.

    backward            the records of both passes
    target              (1, 2)
    loss                ½ Σ (t − y)² before the step; over one sample and two outputs, that is MSE
    loss_old_weights    after one step that went back through the weights forward had used
    loss_new_weights    after one step that went back through updated weights: the mistake
    """

    backward: BackwardPass
    target: Array
    loss: float
    loss_old_weights: float
    loss_new_weights: float


def worked_example() -> WorkedExample:
    """Forward, backward and one update of the weights (η = 0.5, biases left alone)."""
    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    params = network.replace(np.zeros(network.size), WEIGHTS)
    forward = network.forward(params, INPUT)
    loss = MSE().evaluate(forward.output, TARGET)
    backward = network.backward(forward, loss.gradient)
    right = _updated(network, params, backward.gradient)
    return WorkedExample(
        backward=backward,
        target=TARGET,
        loss=float(loss.value),
        loss_old_weights=_loss(network, right),
        loss_new_weights=_loss(
            network, _updated(network, params, _gradient_through_new_weights(backward, right))
        ),
    )


def _updated(network: Network, params: Array, gradient: Array) -> Array:
    """One step of the weights; the example leaves the biases alone."""
    stepped, _ = SGD(LEARNING_RATE).step(params, OptimizerState(), gradient)
    biases = {path: value for path, value in WEIGHTS.items() if path.endswith("bias")}
    return network.replace(stepped, biases)


def _gradient_through_new_weights(backward: BackwardPass, right: Array) -> Array:
    # The mistake: layer 2 is updated first, and the signal to layer 1 goes through its new weight.
    network = backward.forward.network
    new_weight = network.named(right)["layers[2].weight"]
    da = backward["layers[2]"].output_gradient @ new_weight.T
    a = backward.forward["layers[1]"].output
    wrong = INPUT.T @ (da * a * (1 - a))
    return network.replace(backward.gradient, {"layers[0].weight": wrong})


def _loss(network: Network, params: Array) -> float:
    return float(MSE().evaluate(network.predict(params, INPUT), TARGET).value)
