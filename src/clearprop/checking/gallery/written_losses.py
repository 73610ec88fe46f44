"""Losses with the gradients that people write for them."""

from collections.abc import Callable, Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import Code, Specimen, always
from clearprop.engine.losses import MSE, Loss
from clearprop.kinds.kind_tables import LOSSES

# Three outputs of five samples, so that no two of the numbers people divide by are the same.
SHAPE = (5, 3)
Gradient = Callable[[Array, Array], Array]

SQUARES: dict[str, Gradient] = {
    "": lambda y, t: 2 * (y - t) / y.size,
    "sign": lambda y, t: 2 * (t - y) / y.size,
    "factor_half": lambda y, t: (y - t) / y.size,
    "factor_outputs": lambda y, t: 2 * (y - t) / len(y),
    "summed_for_mean": lambda y, t: 2 * (y - t),
    "mean_for_sum": lambda y, t: 2 * (y - t) / y.size / len(y),
}


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    p: Array = e / e.sum(1, keepdims=True)
    return p


def _cross_entropy(z: Array, t: Array) -> float:
    return float(-np.sum(t * np.log(_softmax(z))) / len(z))


CROSS_ENTROPY: dict[str, Gradient] = {
    "": lambda z, t: (_softmax(z) - t) / len(z),
    "sign": lambda z, t: (t - _softmax(z)) / len(z),
    "summed_for_mean": lambda z, t: _softmax(z) - t,
    "mean_for_sum": lambda z, t: (_softmax(z) - t) / len(z) ** 2,
    "factor_two": lambda z, t: 2 * (_softmax(z) - t) / len(z),
}


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every loss, every mistake, every point."""
    for seed in seeds:
        generator = np.random.default_rng([seed, 5])
        output = generator.normal(size=SHAPE)
        target = generator.normal(size=SHAPE)
        one_hot = np.eye(SHAPE[1])[generator.integers(0, SHAPE[1], size=SHAPE[0])]
        yield from _of_loss(
            "mean squared error", SQUARES, output, target, lambda y, t: float(np.mean((y - t) ** 2))
        )
        yield from _of_loss("softmax cross-entropy", CROSS_ENTROPY, output, one_hot, _cross_entropy)


def _of_loss(
    subject: str,
    gradients: dict[str, Gradient],
    output: Array,
    target: Array,
    value: Callable[[Array, Array], float],
) -> Iterator[Specimen]:
    arrays = {"output": output, "target": target}
    loss: Loss = MSE()
    if subject != "mean squared error" and "SoftmaxCrossEntropy" in LOSSES:
        loss = LOSSES["SoftmaxCrossEntropy"]()
    for mistake, gradient in gradients.items():
        yield Specimen(
            subject=subject,
            mistake=mistake,
            arrays=arrays,
            dy=np.ones(()),
            forward=lambda a: np.array(value(a["output"], a["target"])),
            start=always(_backward(gradient)),
            loss=loss,
        )


def _backward(gradient: Gradient) -> Code:
    return lambda dy, a: {"output": gradient(a["output"], a["target"])}
