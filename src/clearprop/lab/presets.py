"""The networks that the lab begins with, as recipes."""

from collections.abc import Mapping, Sequence
from typing import Any


def _layer(told: int | str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(told, int):
        return {"kind": "Linear", "units": told}
    return {"kind": told} if isinstance(told, str) else dict(told)


def _recipe(
    data: str,
    layers: Sequence[int | str | Mapping[str, Any]],
    loss: str,
    rate: float,
    *,
    optimizer: str = "SGD",
    batch: int | None = None,
    start: str = "own",
) -> dict[str, Any]:
    """A recipe of its layers: a number is a Linear layer of so many units, a name any other."""
    return {
        "layers": [_layer(one) for one in layers],
        "loss": {"kind": loss},
        "optimizer": {"kind": optimizer, "learning_rate": rate},
        "batch": batch,
        "start": {"kind": start},
        "seed": 0,
        "data": {"name": data},
    }


PRESETS: Mapping[str, dict[str, Any]] = {
    "tutorial": _recipe("line", [10, "ReLU", 1], "MSE", 0.01, start="tutorial"),
    "pair": _recipe("pair", [2, "Sigmoid", 2, "Sigmoid"], "MSE", 0.5, start="worked_example"),
    "xor": _recipe("xor", [4, "Tanh", 1], "BinaryCrossEntropy", 0.5),
    "spirals": _recipe(
        "spirals", [16, "Tanh", 16, "Tanh", 2], "CrossEntropy", 0.02, optimizer="Adam"
    ),
    "moons": _recipe("moons", [8, "ReLU", 2], "CrossEntropy", 0.3),
    "sine": _recipe("sine", [16, "Tanh", 1], "MSE", 0.02, optimizer="Adam"),
    "digits": _recipe("digits", [32, "ReLU", 10], "CrossEntropy", 0.3, batch=50),
    "images": _recipe(
        "images",
        [{"kind": "Conv2d", "channels": 4}, "ReLU", "MaxPool2d", "Flatten", 10],
        "CrossEntropy",
        0.01,
        optimizer="Adam",
        batch=50,
    ),
    "recall": _recipe("recall", [{"kind": "LSTM", "units": 6}, 1], "MSE", 0.02, optimizer="Adam"),
    "marked": _recipe(
        "marked",
        [8, {"kind": "MultiheadAttention", "heads": 2}, 1],
        "MSE",
        0.02,
        optimizer="Adam",
    ),
}
