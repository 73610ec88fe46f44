"""One training step of an LSTM (64 hidden, 32 steps, batch 32) in float32, on one core, beside a
careful NumPy script and eager PyTorch: sequences of 64 features, one output for every time, MSE,
and SGD."""

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
from benchmarks.steps_in_turns import rows_of_steps
from clearprop import LSTM, MSE, SGD, Linear, Network, Sequential
from clearprop.training import start, train

SAMPLES, TIMES, FEATURES, HIDDEN = 32, 32, 64, 64
RATE = 0.01
ROUNDS, CALLS = 60, 3


def network_and_start() -> tuple[Network, Any]:
    """The network and its start, which all three have."""
    network = Network(Sequential(LSTM(FEATURES, HIDDEN), Linear(HIDDEN, 1)))
    return network, network.initialize(seed=0, dtype="float32")


def own_step(x: Any, target: Any, engine: str = "numpy") -> Callable[[], float]:
    network, params = network_and_start()
    optimizer = SGD(RATE)
    events = train(
        network,
        start(network, params, optimizer),
        x,
        target,
        optimizer=optimizer,
        loss=MSE(),
        epochs=10 * ROUNDS * CALLS,
        engine=engine,
    )
    return step_of_training(events)


def numpy_step(x: Any, target: Any) -> Callable[[], float]:
    """One product for all inputs, one for each step, gates side by side, gradients of all times in
    one product: as somebody writes it who cares for speed, and for reading it again."""
    network, params = network_and_start()
    w, u, b, b_too, head, head_bias = (one.copy() for one in network.named(params).values())
    timed = np.ascontiguousarray(x.swapaxes(0, 1))
    wanted = np.ascontiguousarray(target.swapaxes(0, 1))

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    def step() -> float:
        a = (timed.reshape(-1, FEATURES) @ w + (b + b_too)).reshape(TIMES, SAMPLES, -1)
        h = np.zeros((TIMES + 1, SAMPLES, HIDDEN), np.float32)
        c, squashed = np.zeros_like(h), np.empty_like(h)
        gates = np.empty((TIMES, 4, SAMPLES, HIDDEN), np.float32)
        for t in range(TIMES):
            z = a[t] + h[t] @ u
            gates[t, :2] = sigmoid(z[:, : 2 * HIDDEN]).reshape(SAMPLES, 2, HIDDEN).swapaxes(0, 1)
            gates[t, 2] = np.tanh(z[:, 2 * HIDDEN : 3 * HIDDEN])
            gates[t, 3] = sigmoid(z[:, 3 * HIDDEN :])
            i, f, g, o = gates[t]
            c[t + 1] = f * c[t] + i * g
            squashed[t + 1] = np.tanh(c[t + 1])
            h[t + 1] = o * squashed[t + 1]
        rows = h[1:].reshape(-1, HIDDEN)
        y = rows @ head + head_bias
        off = y - wanted.reshape(-1, 1)
        loss = np.mean(off * off)
        dy = off * np.float32(2 / off.size)
        dh_of = (dy @ head.T).reshape(TIMES, SAMPLES, HIDDEN)
        dhead, dhead_bias = rows.T @ dy, dy.sum(0, keepdims=True)
        da = np.empty((TIMES, SAMPLES, 4 * HIDDEN), np.float32)
        dh_next = np.zeros((SAMPLES, HIDDEN), np.float32)
        dc_next = np.zeros_like(dh_next)
        for t in reversed(range(TIMES)):
            i, f, g, o = gates[t]
            dh = dh_of[t] + dh_next
            dc = dc_next + dh * o * (1 - squashed[t + 1] ** 2)
            da[t, :, :HIDDEN] = dc * g * i * (1 - i)
            da[t, :, HIDDEN : 2 * HIDDEN] = dc * c[t] * f * (1 - f)
            da[t, :, 2 * HIDDEN : 3 * HIDDEN] = dc * i * (1 - g * g)
            da[t, :, 3 * HIDDEN :] = dh * squashed[t + 1] * o * (1 - o)
            dh_next, dc_next = da[t] @ u.T, dc * f
        every = da.reshape(-1, 4 * HIDDEN)
        db = every.sum(0, keepdims=True)
        dw, du = timed.reshape(-1, FEATURES).T @ every, h[:-1].reshape(-1, HIDDEN).T @ every
        learned = (w, u, b, b_too, head, head_bias)
        for one, gradient in zip(learned, (dw, du, db, db, dhead, dhead_bias), strict=True):
            one -= np.float32(RATE) * gradient
        return float(loss)

    return step


def torch_step(x: Any, target: Any) -> Callable[[], float]:
    import torch

    from clearprop.formats.torch_twin import to_torch

    torch.set_num_threads(1)
    model = to_torch(*network_and_start())
    features, targets = torch.tensor(x), torch.tensor(target)
    criterion, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=RATE)
    return step_of_torch(model, criterion, optimizer, features, targets)


def data() -> tuple[Any, Any]:
    """Sequences, and a number for each of their times."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(SAMPLES, TIMES, FEATURES)).astype(np.float32)
    target = generator.normal(size=(SAMPLES, TIMES, 1)).astype(np.float32)
    return x, target


def measure() -> list[Row]:
    x, target = data()
    x.setflags(write=False)
    target.setflags(write=False)
    runs = {
        "own": own_step(x, target, "numpy"),
        "compiled": own_step(x, target, "compiled"),
        "numpy": numpy_step(x, target),
    }
    if torch_is_installed():
        runs["torch"] = torch_step(x, target)
    return rows_of_steps(
        "LSTM, 32 sequences of 32 times", runs, rounds=ROUNDS, calls=CALLS, over_torch=1.0
    )


if __name__ == "__main__":
    print_rows(measure())
