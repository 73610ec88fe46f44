"""PyTorch as a witness of every loss, in every option, with its own reductions."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from clearprop import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, PoissonNLL
from clearprop.base.arrays import Array
from clearprop.kinds.entropy_loss_kinds import classes, probabilities, shares
from clearprop.kinds.poisson_loss_kinds import counts, rates
from clearprop.kinds.row import measurements

REDUCTIONS = ["mean", "sum", "none"]
SAMPLES, OUTPUTS = 7, 3
# Both in float64; what differs is the form of a few operations and the order of sums.
TOLERANCE: Any = {"rtol": 1e-12, "atol": 1e-13}

every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def draw(kind: Any, outputs: int = OUTPUTS) -> Array:
    array: Array = kind(np.random.default_rng(len(kind.__name__)), SAMPLES, outputs)
    return array


def tensor(torch: Any, values: Any) -> Any:
    return None if values is None else torch.tensor(np.asarray(values, float))


def compare(torch: Any, loss: Loss, y: Array, t: Array, function: Any, **ours: Any) -> None:
    there = torch.tensor(y, requires_grad=True)
    value = function(there, torch.tensor(t))
    value.backward(torch.ones_like(value))
    result = loss.evaluate(y, t, **ours)
    np.testing.assert_allclose(result.value, value.detach().numpy(), **TOLERANCE)
    np.testing.assert_allclose(result.gradient, there.grad.numpy(), **TOLERANCE)


@every_reduction
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("delta", [None, 0.5, 1.0, 3.0])
def test_errors(torch: Any, reduction: str, outputs: int, delta: float | None) -> None:
    y, t = draw(measurements, outputs), draw(rates, outputs)
    # On the kinks as well: at 0, and at an error of exactly δ.
    t[0], y[1], t[1] = y[0], (delta or 1.0), 0.0
    nn = torch.nn
    if delta is not None:
        there = nn.HuberLoss(reduction=reduction, delta=delta)
        compare(torch, Huber(delta, reduction), y, t, there)
        return
    compare(torch, MSE(reduction), y, t, nn.MSELoss(reduction=reduction))
    compare(torch, MAE(reduction), y, t, nn.L1Loss(reduction=reduction))


@every_reduction
def test_weighted_errors(torch: Any, reduction: str) -> None:
    y, t = draw(measurements), draw(rates)
    weights = np.linspace(0, 2, SAMPLES)
    whole = torch.tensor(np.repeat(weights[:, None], OUTPUTS, axis=1))
    functional = torch.nn.functional
    for loss, function in ((MSE, functional.mse_loss), (MAE, functional.l1_loss)):
        compare(
            torch,
            loss(reduction),
            y,
            t,
            lambda y, t, f=function: f(y, t, reduction=reduction, weight=whole),
            sample_weight=weights,
        )


def test_a_weighted_mean_of_huber_divides_by_the_weights_where_torch_divides_by_the_entries(
    torch: Any,
) -> None:
    y, t = draw(measurements), draw(rates)
    weights = np.linspace(0, 2, SAMPLES)[:, None].repeat(OUTPUTS, axis=1)
    there = torch.nn.functional.huber_loss(
        torch.tensor(y), torch.tensor(t), weight=torch.tensor(weights)
    )
    ours = Huber().evaluate(y, t, sample_weight=weights[:, 0])
    assert ours.total / y.size == pytest.approx(there.item(), rel=1e-14)
    assert ours.value == pytest.approx(there.item() * y.size / weights.sum(), rel=1e-14)


@every_reduction
@pytest.mark.parametrize("weight", [None, (1.0, 0.5, 2.0)])
@pytest.mark.parametrize("pos_weight", [None, (3.0, 1.0, 0.25)])
def test_binary_cross_entropy(torch: Any, reduction: str, weight: Any, pos_weight: Any) -> None:
    y, t = draw(measurements), draw(shares)
    y[0], y[1] = 1e4, -1e4
    there = torch.nn.BCEWithLogitsLoss(
        weight=tensor(torch, weight), pos_weight=tensor(torch, pos_weight), reduction=reduction
    )
    compare(torch, BinaryCrossEntropy(weight, pos_weight, reduction), y, t, there)


@every_reduction
@pytest.mark.parametrize("weight", [None, (1.0, 0.5, 2.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("target", [classes, probabilities])
def test_cross_entropy(
    torch: Any, reduction: str, weight: Any, smoothing: float, target: Any
) -> None:
    y, t = draw(measurements), draw(target)
    y[0], y[1] = [1e4, 0, -1e4], [-1e4, -1e4, 0]
    there = torch.nn.CrossEntropyLoss(
        weight=tensor(torch, weight), label_smoothing=smoothing, reduction=reduction
    )
    compare(torch, CrossEntropy(weight, smoothing, reduction=reduction), y, t, there)


@every_reduction
@pytest.mark.parametrize("ignored", [-100, 1, -1])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, (1.0, 0.5, 2.0)])
def test_ignored_classes(
    torch: Any, reduction: str, ignored: int, smoothing: float, weight: Any
) -> None:
    y, t = draw(measurements), draw(classes)
    t[[0, 3]] = ignored
    there = torch.nn.CrossEntropyLoss(
        weight=tensor(torch, weight),
        ignore_index=ignored,
        label_smoothing=smoothing,
        reduction=reduction,
    )
    compare(torch, CrossEntropy(weight, smoothing, ignored, reduction), y, t, there)


@every_reduction
@pytest.mark.parametrize(
    ("log_input", "full", "eps"), list(product([True, False], [True, False], [1e-8, 1e-3]))
)
def test_poisson(torch: Any, reduction: str, log_input: bool, full: bool, eps: float) -> None:
    y, t = draw(measurements if log_input else rates), draw(counts)
    t[0] = [0, 1, 25]
    there = torch.nn.PoissonNLLLoss(log_input=log_input, full=full, eps=eps, reduction=reduction)
    compare(torch, PoissonNLL(log_input, full, eps, reduction), y, t, there)


def test_torchs_weighted_binary_mean_is_ours_with_a_divisor(torch: Any) -> None:
    # torch divides the mean by the number of entries whatever their weights, which a divisor does.
    y, t, weights = draw(measurements), draw(shares), np.linspace(0.5, 2, SAMPLES)
    there = torch.tensor(y, requires_grad=True)
    value = torch.nn.functional.binary_cross_entropy_with_logits(
        there, torch.tensor(t), weight=torch.tensor(weights)[:, None]
    )
    value.backward()
    ours = BinaryCrossEntropy().evaluate(y, t, sample_weight=weights, divisor=y.size)
    np.testing.assert_allclose(ours.gradient, there.grad.numpy(), **TOLERANCE)
    assert ours.total / y.size == pytest.approx(value.item(), rel=1e-14)


def test_the_defaults_are_torchs(torch: Any) -> None:
    nn = torch.nn
    assert Huber().delta == nn.HuberLoss().delta
    assert CrossEntropy().label_smoothing == nn.CrossEntropyLoss().label_smoothing
    assert CrossEntropy().ignore_index == nn.CrossEntropyLoss().ignore_index
    there = nn.PoissonNLLLoss()
    assert PoissonNLL() == PoissonNLL(there.log_input, there.full, there.eps, there.reduction)
