"""One training step of the LeNet of `clearprop reproduce digits`, without its dropout: 128 images
of 8 × 8 in float32 with Adam, on one core, by both engines, beside eager PyTorch and a careful
script in NumPy.

The script has images with their channels behind the samples, patches by `sliding_window_view`, one
product for each of a convolution's three, and no loop over places.
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
from benchmarks.steps_in_turns import rows_of_steps
from clearprop import Adam, CrossEntropy
from clearprop.teaching.showpieces.digits_training import lenet
from clearprop.training import start, train

SAMPLES, ROUNDS, CALLS, RATE = 128, 40, 5, 1e-3


def own_step(x: Any, target: Any, engine: str = "numpy") -> Callable[[], float]:
    """One turn of `train`, whose passes nobody looks at."""
    network, optimizer = lenet(dropout=0.0), Adam(RATE)
    state = start(network, network.initialize(0, dtype="float32"), optimizer)
    events = train(
        network,
        state,
        x,
        target,
        loss=CrossEntropy(),
        optimizer=optimizer,
        epochs=10 * ROUNDS * CALLS,
        engine=engine,
        threads=1,
    )
    return step_of_training(events)


def torch_step(x: Any, target: Any) -> Callable[[], float]:
    import torch
    from torch import nn

    from clearprop.formats.torch_twin import to_torch

    torch.set_num_threads(1)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    network = lenet(dropout=0.0)
    begun = to_torch(network, network.initialize(0, dtype="float32"))
    # Ours has a Dropout more, which moves the names of what is behind it.
    starts = begun.state_dict().values()
    model.load_state_dict(dict(zip(model.state_dict(), starts, strict=True)))
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=RATE)
    images, classes = torch.tensor(x), torch.tensor(target)
    return step_of_torch(model, criterion, optimizer, images, classes)


def _patches(x: Any) -> Any:
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 9)


def _back_to_images(shares: Any, shape: tuple[int, ...]) -> Any:
    samples, channels, height, width = shape
    wide = np.zeros((samples, channels, height + 2, width + 2), shares.dtype)
    parts = shares.reshape(samples, height, width, channels, 3, 3).transpose(0, 3, 4, 5, 1, 2)
    for i in range(3):
        for j in range(3):
            wide[:, :, i : i + height, j : j + width] += parts[:, :, i, j]
    return wide[:, :, 1:-1, 1:-1]


def numpy_step(x: Any, target: Any) -> Callable[[], float]:
    """The same step as a script."""
    network = lenet(dropout=0.0)
    params = network.initialize(0, dtype="float32")
    p = {name: one.copy() for name, one in network.named(params).items()}
    memory = {name: (np.zeros_like(one), np.zeros_like(one)) for name, one in p.items()}
    rows, count = np.arange(len(x)), 0

    def convolved(images: Any, path: str) -> tuple[Any, Any]:
        patches, weight = _patches(images), p[f"{path}.weight"]
        z = patches @ weight.reshape(len(weight), -1).T + p[f"{path}.bias"]
        shape = (len(images), *images.shape[2:], len(weight))
        return z.reshape(shape).transpose(0, 3, 1, 2), patches

    def pooled(a: Any) -> tuple[Any, Any]:
        n, c, h, w = a.shape
        parts = a.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        parts = parts.reshape(n, c, h // 2, w // 2, 4)
        largest = parts.argmax(axis=-1)
        return np.take_along_axis(parts, largest[..., None], -1)[..., 0], largest

    def unpooled(dy: Any, largest: Any) -> Any:
        n, c, h, w = dy.shape
        parts = dy[..., None] * (largest[..., None] == np.arange(4))
        parts = parts.astype(dy.dtype).reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return parts.reshape(n, c, 2 * h, 2 * w)

    def convolution_back(dz: Any, patches: Any, path: str, found: dict[str, Any]) -> Any:
        weight = p[f"{path}.weight"]
        flat = dz.transpose(0, 2, 3, 1).reshape(-1, len(weight))
        found[f"{path}.weight"] = (flat.T @ patches).reshape(weight.shape)
        found[f"{path}.bias"] = flat.sum(axis=0, keepdims=True)
        return flat @ weight.reshape(len(weight), -1)

    def step() -> float:
        nonlocal count
        z1, patches1 = convolved(x, "layers[0]")
        pool1, largest1 = pooled(np.maximum(z1, 0))
        z2, patches2 = convolved(pool1, "layers[3]")
        pool2, largest2 = pooled(np.maximum(z2, 0))
        flat = pool2.reshape(len(x), -1)
        z3 = flat @ p["layers[8].weight"] + p["layers[8].bias"]
        a3 = np.maximum(z3, 0)
        y = a3 @ p["layers[10].weight"] + p["layers[10].bias"]
        powers = np.exp(y - y.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        loss = -np.log(shares[rows, target]).mean()
        dy = shares
        dy[rows, target] -= 1
        dy /= len(x)
        found = {"layers[10].weight": a3.T @ dy, "layers[10].bias": dy.sum(0, keepdims=True)}
        dz3 = (dy @ p["layers[10].weight"].T) * (z3 > 0)
        found |= {"layers[8].weight": flat.T @ dz3, "layers[8].bias": dz3.sum(0, keepdims=True)}
        dpool2 = (dz3 @ p["layers[8].weight"].T).reshape(pool2.shape)
        dz2 = unpooled(dpool2, largest2) * (z2 > 0)
        shares2 = convolution_back(dz2, patches2, "layers[3]", found)
        dz1 = unpooled(_back_to_images(shares2, pool1.shape), largest1) * (z1 > 0)
        convolution_back(dz1, patches1, "layers[0]", found)
        count += 1
        root = (1 - 0.999**count) ** 0.5
        rate, epsilon = RATE * root / (1 - 0.9**count), 1e-8 * root
        for name, gradient in found.items():
            first, second = memory[name]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient * gradient - second)
            p[name] -= (rate * first / (np.sqrt(second) + epsilon)).astype(np.float32)
        return float(loss)

    return step


def data() -> tuple[Any, Any]:
    """Images, and their classes."""
    generator = np.random.default_rng(5)
    x = generator.uniform(size=(SAMPLES, 1, 8, 8)).astype(np.float32)
    return x, generator.integers(10, size=SAMPLES)


def measure() -> list[Row]:
    x, target = data()
    runs = {
        "own": own_step(x, target, "numpy"),
        "compiled": own_step(x, target, "compiled"),
        "numpy": numpy_step(x, target),
    }
    if torch_is_installed():
        runs["torch"] = torch_step(x, target)
    return rows_of_steps("LeNet, 128 images", runs, rounds=ROUNDS, calls=CALLS, over_torch=1.3)


if __name__ == "__main__":
    print_rows(measure())
