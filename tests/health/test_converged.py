"""A network that has converged is told so, and nothing else; one that only looks so is not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MAE,
    SGD,
    Adam,
    BatchNorm,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Linear,
    Network,
    ReLU,
    Sequential,
    Tanh,
    fit,
)
from clearprop.base.arrays import Array
from clearprop.engine.losses import MSE, Loss
from clearprop.engine.step import Step, take_step
from clearprop.reading.health import Examination, Severity, examine
from clearprop.reading.health.rounding import rounding_of
from tests.health.steps import kinds, the

DTYPES = (np.float64, np.float32)
GENERATOR = np.random.default_rng(4)
X = GENERATOR.normal(size=(80, 2))
NOISE = GENERATOR.normal(size=(80, 1))
LINE = X @ np.array([[2.0], [-1.0]]) + 0.5 + 0.3 * NOISE
CLASSES = (X[:, 0] + NOISE[:, 0] > 0).astype(np.int64)


def trained(
    network: Network,
    target: Array,
    *,
    loss: Loss | None = None,
    rate: float = 0.2,
    epochs: int = 1500,
    dtype: Any = np.float64,
    x: Array = X,
) -> Step:
    loss = MSE() if loss is None else loss
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    start, x = network.initialize(0).astype(dtype), x.astype(dtype)
    optimizer = SGD(rate)
    with np.errstate(all="ignore"):
        done = fit(network, start, x, target, loss=loss, optimizer=optimizer, epochs=epochs)
        return take_step(
            network,
            done.params,
            x,
            target,
            loss=loss,
            optimizer=optimizer,
            state=done.state.optimizer,
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("network", "target", "loss"),
    [
        (Network(Linear(2, 1)), LINE, MSE()),
        (Network(Linear(2, 1)), LINE, MSE(reduction="sum")),
        (Network(Linear(2, 1)), LINE, Huber()),
        (Network(Sequential(Linear(2, 3), Linear(3, 1))), LINE, MSE()),
        (Network(Linear(2, 2)), CLASSES, CrossEntropy()),
        (Network(Linear(2, 1)), CLASSES[:, None].astype(float), BinaryCrossEntropy()),
    ],
    ids=["mean", "sum", "huber", "deep", "classes", "binary"],
)
def test_converged(network: Network, target: Array, loss: Loss, dtype: Any) -> None:
    rate = 0.2 / 80 if loss.reduction == "sum" else 0.2
    step = trained(network, target, loss=loss, dtype=dtype, rate=rate, epochs=3000)
    found = examine(step)
    assert kinds(found) in (["converged"], ["converged_to_digits"])
    assert found.healthy
    (note,) = found.findings
    assert the(found, note.kind).severity == Severity.NOTE
    assert found.convergence is not None
    assert found.convergence.reached


def test_it_stands_at_the_line() -> None:
    found = examine(trained(Network(Linear(2, 1)), LINE))
    with_bias = np.column_stack([X, np.ones(80)])
    residual = np.linalg.lstsq(with_bias, LINE, rcond=None)[1]
    mean, line = found.baselines
    assert line.loss == pytest.approx(float(residual[0]) / 80)
    assert mean.loss == pytest.approx(LINE.var())
    assert found.loss == pytest.approx(line.loss)
    assert (
        "nothing" in the(found, "converged").sentence()
        or "0 but for rounding" in the(found, "converged").sentence()
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_still_on_its_way_has_not_converged(dtype: Any) -> None:
    for epochs in (1, 10, 60):
        found = examine(trained(Network(Linear(2, 1)), LINE, epochs=epochs, rate=0.02, dtype=dtype))
        assert not any(kind.startswith(("converged", "unmoved")) for kind in kinds(found))
        assert found.convergence is not None
        assert not found.convergence.reached


def test_a_rate_that_is_too_small_to_move_anything_is_still_named() -> None:
    step = trained(Network(Linear(2, 1)), LINE, epochs=20)
    stuck = take_step(step.forward.network, step.forward.params, X, LINE, optimizer=SGD(1e-18))
    found = examine(stuck)
    assert kinds(found) == ["unmoved_optimizer", "unmoved_optimizer"]
    assert not found.healthy


def test_a_line_that_is_flat_is_what_was_learned() -> None:
    """x and x² have no correlation on [−1, 1]: the best line is the mean, and no unit is dead."""
    x = np.linspace(-1, 1, 51)[:, None]
    found = examine(trained(Network(Linear(1, 1)), x**2, x=x))
    assert kinds(found) == ["constant_best", "converged"]
    assert found.healthy


def test_a_saddle_is_no_end() -> None:
    """With all weights 0 and the mean as last bias, no first derivative is left; but L falls along
    w₁ w₂ > 0, whose second derivative is −2 mean(x t)."""
    network = Network(Sequential(Linear(2, 2), Tanh(), Linear(2, 1)))
    params = network.initialize(0) * 0
    params[-1] = LINE.mean()
    found = examine(take_step(network, params, X, LINE, optimizer=SGD(0.1)))
    assert the(found, "saddle").severity == Severity.WARNING
    assert not any(kind.startswith("converged") for kind in kinds(found))
    # H has ∂²L/∂w₁ᵢ∂w₂ⱼ = −2 mean(xᵢ (t − mean t)) for each unit: λmin = −2 ‖cov‖.
    covariance = X.T @ (LINE - LINE.mean()) / 80
    values = the(found, "saddle").values
    assert values["curvature"] == pytest.approx(-2 * np.linalg.norm(covariance), rel=1e-4)


def test_a_dead_network_has_converged_to_nothing_good() -> None:
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
    params = network.replace(
        network.initialize(0),
        {"layers[0].bias": np.full((1, 3), -50.0), "layers[2].bias": LINE.mean(keepdims=True)},
    )
    found = examine(take_step(network, params, X, LINE, optimizer=SGD(0.1)))
    assert {"dead_layer", "constant_squared", "worse_than_line"} <= set(kinds(found))
    assert kinds(found)[-1] == "converged_all_the_same"
    assert the(found, "worse_than_line").severity == Severity.WARNING
    assert not found.healthy


def test_a_perfect_fit_has_no_signals_to_compare() -> None:
    """What is left of the signals is rounding, whatever its sizes are."""
    for dtype in DTYPES:
        target = X @ np.array([[2.0], [-1.0]])
        found = examine(trained(Network(Linear(2, 1)), target, dtype=dtype, epochs=4000))
        assert kinds(found) in (["converged"], ["unmoved_flat"])
        assert found.healthy


def test_a_rate_above_the_bound_is_no_matter_any_more() -> None:
    step = trained(Network(Linear(2, 1)), LINE)
    found = examine(step, learning_rate=50.0)
    assert the(found, "rate_end").severity == Severity.NOTE
    assert found.healthy


def test_with_normalization_and_adam_nothing_breaks() -> None:
    network = Network(Sequential(Linear(2, 4), BatchNorm(4), ReLU(), Linear(4, 1)))
    step = take_step(network, network.initialize(1), X, LINE, loss=MAE(), optimizer=Adam())
    found = examine(step)
    assert found.convergence is not None
    assert not found.convergence.reached


# The rounding that it is measured against


def differences(make: Callable[[], Step], count: int = 20) -> Array:
    """How far a float32 gradient is from that of the same numbers in float64."""
    found = []
    for _ in range(count):
        step = make()
        wide = step.forward.network.forward(
            step.forward.params.astype(np.float64), step.forward.input.astype(np.float64)
        )
        target = step.target.astype(np.float64)
        exact = step.forward.network.backward(
            wide, step.loss.evaluate(wide.output, target).gradient
        ).gradient
        found.append(np.abs(step.backward.gradient - exact) / rounding_of(step).gradient)
    return np.array(found)


@pytest.mark.parametrize("samples", [5, 500, 20_000])
def test_the_rounding_is_at_least_what_is_measured_and_not_much_more(samples: int) -> None:
    network = Network(Sequential(Linear(3, 6), Tanh(), Linear(6, 1)))
    generator = np.random.default_rng(1)

    def make() -> Step:
        params = network.initialize(int(generator.integers(1000))).astype(np.float32)
        x = generator.normal(size=(samples, 3)).astype(np.float32)
        target = generator.normal(size=(samples, 1)).astype(np.float32)
        return take_step(network, params, x, target)

    ratios = differences(make, 5)
    assert ratios.max() < 1
    # λ is 8, and √n a bound that NumPy's sums do not reach: still within a few thousand.
    assert np.median(ratios) > 1e-4


def test_baselines_of_classes() -> None:
    found = examine(trained(Network(Linear(2, 2)), CLASSES, loss=CrossEntropy(), epochs=1))
    (shares,) = found.baselines
    p = CLASSES.mean()
    assert shares.loss == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p))
    assert "shares of the classes" in found.text()
    assert "各類別的比例" in found.text("zh-TW")


def test_no_line_through_fewer_samples_than_it_takes() -> None:
    step = take_step(Network(Linear(2, 1)), np.zeros(3), X[:3], LINE[:3])
    assert [one.kind for one in examine(step).baselines] == ["mean"]


def test_an_own_loss_has_no_baseline() -> None:
    class Own(MSE):
        pass

    found: Examination = examine(take_step(Network(Linear(2, 1)), np.ones(3), X, LINE, loss=Own()))
    assert found.baselines == ()


def test_weights_of_zero_are_told_to_start_from_random_ones() -> None:
    network = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    step = take_step(network, np.zeros(network.size), X, LINE, optimizer=SGD(0.1))
    found = examine(step)
    assert "constant_zero" in kinds(found)
    assert "constant_squared" not in kinds(found)
    assert "random" in found.text()


def test_a_rate_above_its_bound_is_not_told_to_train_longer() -> None:
    # L = mean of (w x − t)²: 2/λmax = 1 / mean of x² is below 100 by far.
    network = Network(Linear(2, 1))
    params = 50.0 + network.initialize(0)
    step = take_step(network, params, X, LINE, optimizer=SGD(100.0))
    found = examine(step, start=network.initialize(0))
    assert "rate_end" in kinds(found)
    assert "worse_than_line" not in kinds(found)
    assert "worse_than_constant" not in kinds(found)
    # The same network at a rate that is safe.
    calm = take_step(network, params, X, LINE, optimizer=SGD(0.01))
    assert "worse_than_line" in kinds(examine(calm, start=network.initialize(0)))
