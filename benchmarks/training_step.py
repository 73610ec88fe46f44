"""One training step of 1-10-1 on 100 points, all records kept, beside NumPy and eager PyTorch.

The NumPy step does by hand what the tutorial's code does, operation for operation (with the
activation handed to layer 2's backward, where the tutorial's code hands the pre-activation; the
two cost the same). PyTorch runs `Sequential`, `MSELoss` and `SGD` on one thread. Everything runs
on one core, in one process, in turns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measuring import (
    Row,
    print_rows,
    step_of_torch,
    step_of_training,
    torch_is_installed,
)
from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential
from clearprop.bench.timing import cores, interleaved
from clearprop.training import start, train

LEARNING_RATE = 0.01
ROUNDS = 200
STEPS_PER_ROUND = 50


class NumpyLinear:
    """The tutorial's layer: weights of its own, drawn from U[0, 1)."""

    def __init__(self, generator: np.random.RandomState, inputs: int, outputs: int) -> None:
        self.weight = generator.rand(inputs, outputs)
        self.bias = generator.rand(1, outputs)

    def __call__(self, x: Any) -> Any:
        return x.dot(self.weight) + self.bias

    def backward(self, dz: Any, x: Any) -> Any:
        """Update in place, and return the signal for the layer before."""
        weight_gradient = x.T.dot(dz)
        bias_gradient = np.sum(dz, axis=0, keepdims=True)
        dx = dz.dot(self.weight.T)
        self.weight -= LEARNING_RATE * weight_gradient
        self.bias -= LEARNING_RATE * bias_gradient
        return dx


class NumpyReLU:
    """The tutorial's activation."""

    def __call__(self, z: Any) -> Any:
        return np.maximum(0, z)

    def derivative(self, z: Any) -> Any:
        return np.where(z > 0, np.ones_like(z), np.zeros_like(z))


def numpy_step(x: Any, target: Any) -> Callable[[], float]:
    generator = np.random.RandomState(0)
    first, relu, second = NumpyLinear(generator, 1, 10), NumpyReLU(), NumpyLinear(generator, 10, 1)

    def step() -> float:
        z = first(x)
        a = relu(z)
        y = second(a)
        loss = np.mean(np.square(y - target))
        dy = 2 * (y - target) / y.shape[0]
        dz = second.backward(dy, a)
        dz *= relu.derivative(z)
        first.backward(dz, x)
        return float(loss)

    return step


def network_and_start() -> tuple[Network, Any]:
    """1-10-1 with ReLU, from the same start as the NumPy step."""
    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    return network, np.random.RandomState(0).rand(network.size)


def public_api_step(x: Any, target: Any) -> Callable[[], float]:
    """The four calls that a user writes, records kept."""
    network, params = network_and_start()
    loss, optimizer = MSE(), SGD(LEARNING_RATE)
    state = optimizer.start(params)

    def step() -> float:
        nonlocal params, state
        forward = network.forward(params, x)
        result = loss.evaluate(forward.output, target)
        backward = network.backward(forward, result.gradient)
        params, state = optimizer.step(params, state, backward.gradient)
        return float(result.value)

    return step


def training_loop_step(x: Any, target: Any) -> Callable[[], float]:
    """One turn of `train`: a step event and an epoch event, whose passes nobody looks at."""
    network, params = network_and_start()
    optimizer = SGD(LEARNING_RATE)
    events = train(
        network,
        start(network, params, optimizer),
        x,
        target,
        optimizer=optimizer,
        epochs=10 * ROUNDS * STEPS_PER_ROUND,
        engine="numpy",
    )
    return step_of_training(events)


def torch_step(x: Any, target: Any, dtype: str) -> Callable[[], float]:
    import torch

    torch.set_num_threads(1)
    features = torch.tensor(x, dtype=getattr(torch, dtype))
    targets = torch.tensor(target, dtype=getattr(torch, dtype))
    model = torch.nn.Sequential(torch.nn.Linear(1, 10), torch.nn.ReLU(), torch.nn.Linear(10, 1))
    model.to(features.dtype)
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    return step_of_torch(model, criterion, optimizer, features, targets)


def measure() -> list[Row]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(100, 1))
    target = 27.6 * x + generator.normal(scale=10, size=x.shape)
    # Read-only data is shared by every pass; data that may change would be copied into each.
    x.setflags(write=False)
    target.setflags(write=False)
    runs = {
        "NumPy by hand": numpy_step(x, target),
        "clearprop": public_api_step(x, target),
        "clearprop train()": training_loop_step(x, target),
    }
    losses = [run() for run in runs.values()]
    if not np.allclose(losses, losses[0], rtol=1e-12, atol=0):
        raise SystemExit(f"The three steps do not compute the same loss: {losses}")
    if torch_is_installed():
        runs["PyTorch float64"] = torch_step(x, target, "float64")
        runs["PyTorch float32"] = torch_step(x, target, "float32")
    with cores(1):
        seconds = interleaved(runs, repeats=ROUNDS, calls=STEPS_PER_ROUND)
    rows = [Row(f"step, {name}", 1e6 * value, "µs") for name, value in seconds.items()]
    by_hand = seconds["NumPy by hand"]
    rows.append(Row("clearprop / NumPy by hand", seconds["clearprop"] / by_hand, "x", at_most=1.5))
    for peer in ("PyTorch float64", "PyTorch float32"):
        if peer in seconds:
            ratio = seconds[peer] / seconds["clearprop"]
            rows.append(Row(f"{peer} / clearprop", ratio, "x", at_least=3))
    # The loop's events and its guard against overflow warnings are no part of a step.
    rows.append(Row("train() / NumPy by hand", seconds["clearprop train()"] / by_hand, "x"))
    return rows


if __name__ == "__main__":
    print_rows(measure())
