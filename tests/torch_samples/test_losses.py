"""Our losses on the samples of their twins in PyTorch's own tests: values and gradients.

How many ran is printed at the end of a run. SmoothL1Loss with its β of 1 is Huber's; NLLLoss takes
logarithms of probabilities, and is our cross-entropy after a log-softmax.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from clearprop import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, PoissonNLL
from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from tests.torch_samples.samples import Sample, collect


def classes_last(array: Array) -> Array:
    """Logits and probabilities (N, C, ...) to (N·..., C); those of one sample are (C,) there."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


def entries(array: Array) -> Array:
    return array.reshape(1, -1) if array.ndim < 2 else array


def error(kind: Callable[..., Loss]) -> Callable[[Any], Loss]:
    return lambda module: kind(reduction=module.reduction)


def binary(module: Any) -> Loss:
    """torch broadcasts a weight of one number, ours has one for each output."""
    weight = None if module.weight is None else tuple(module.weight.broadcast_to(10).tolist())
    return BinaryCrossEntropy(weight, reduction=module.reduction)


def cross_entropy(module: Any) -> Loss:
    return CrossEntropy(
        weight=None if module.weight is None else tuple(module.weight.tolist()),
        label_smoothing=getattr(module, "label_smoothing", 0.0),
        ignore_index=module.ignore_index,
        reduction=module.reduction,
    )


def poisson(module: Any) -> Loss:
    return PoissonNLL(
        log_input=module.log_input, full=module.full, eps=module.eps, reduction=module.reduction
    )


TWINS: Mapping[str, Callable[[Any], Loss]] = {
    "MSELoss": error(MSE),
    "L1Loss": error(MAE),
    "HuberLoss": error(Huber),
    "SmoothL1Loss": error(Huber),
    "BCEWithLogitsLoss": binary,
    "CrossEntropyLoss": cross_entropy,
    "NLLLoss": cross_entropy,
    "PoissonNLLLoss": poisson,
}

# All of them run.
RUN = {
    "MSELoss": 8,
    "L1Loss": 5,
    "HuberLoss": 4,
    "SmoothL1Loss": 8,
    "BCEWithLogitsLoss": 6,
    "CrossEntropyLoss": 105,
    "NLLLoss": 28,
    "PoissonNLLLoss": 7,
}

TOLERANCE: Any = {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.parametrize("kind", TWINS)
def test_samples(torch: Any, kind: str, record_property: Any) -> None:
    samples = collect(torch, kind)
    for sample in samples:
        compare(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == RUN[kind]


def compare(torch: Any, sample: Sample) -> None:
    module = sample.module(torch)
    y, t = (tensor.detach().clone() for tensor in sample.inputs)
    y.requires_grad_()
    value = module(y.log_softmax(1) if sample.kind == "NLLLoss" else y, t)
    value.backward(torch.ones_like(value))

    rows = classes_last if TWINS[sample.kind] is cross_entropy else entries
    output, target = rows(y.detach().numpy()), t.numpy()
    target = rows(target) if target.dtype.kind == "f" else target.reshape(-1)
    loss = TWINS[sample.kind](module)
    if value.isnan().any():
        # Every sample is of the class that does not count: torch's mean is 0/0, ours is refused.
        assert (t == module.ignore_index).all()
        with pytest.raises(DataError):
            loss.evaluate(output, target)
        return
    result = loss.evaluate(output, target)
    # torch's entries have the targets' axes, ours are in rows.
    there = value.detach().numpy().reshape(np.shape(result.value))
    np.testing.assert_allclose(result.value, there, **TOLERANCE, err_msg=sample.name)
    np.testing.assert_allclose(
        result.gradient, rows(y.grad.numpy()), **TOLERANCE, err_msg=sample.name
    )
