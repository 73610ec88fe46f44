"""What forms of PyTorch and of JAX share: mistakes, numbers, and the backward of scores."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.base.arrays import Array

# (framework, mistake) → what is checked, and the arrays
Form = Callable[[Any, str], tuple[Any, list[Array]]]
STRANGER = "(stranger)"

OF_SCORES = (
    "attention_scale_missing", "attention_scale_twice", "softmax_diagonal", "softmax_sum",
    "attention_columns", "attention_mask", "attention_rows", "path_forgotten", STRANGER,
)  # fmt: skip
OF_CELLS = ("time_stops", "time_cut", "one_time", "state_after", "gate_slope_missing", STRANGER)


def normal(*shapes: tuple[int, ...], scale: float = 0.7, seed: int = 3) -> list[Array]:
    random = np.random.default_rng(seed)
    return [scale * random.normal(size=shape) for shape in shapes]


def squashed(xp: Any, one: Any) -> Any:
    return xp.tanh(2 * one)


# The backward of a softmax's scores, which is written alike in both


def of_scores(xp: Any, w: Any, dw: Any, whole: Any, scale: float, mistake: str) -> Any:
    taken = (w * dw).sum(-1, keepdims=True)
    if mistake == "softmax_diagonal":
        taken = w * dw
    if mistake == "softmax_sum":
        taken = 0.0
    if mistake == "attention_columns":
        taken = (w * dw).sum(-2, keepdims=True)
    if mistake == STRANGER:
        taken = taken**2
    if mistake == "attention_mask":
        ds = whole * (dw - (whole * dw).sum(-1, keepdims=True)) * (w > 0)
    else:
        ds = w * (dw - taken)
    power = {"attention_scale_missing": 0, "attention_scale_twice": 2}.get(mistake, 1)
    return ds * scale**power
