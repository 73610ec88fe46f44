"""λmax of the Hessian: by hand, against PyTorch's Hessian, and against finite differences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    BinaryCrossEntropy,
    Clipped,
    CrossEntropy,
    Dropout,
    Linear,
    Loss,
    LossResult,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.engine.schedules import ExponentialDecay
from clearprop.engine.step import Step, take_step
from clearprop.reading.health import Examination, curvature, examine
from clearprop.teaching.experiments.data import regression_data
from clearprop.teaching.experiments.tutorial_networks import tutorial_start, with_relu


@dataclass(frozen=True)
class Bowl(Loss):
    """½ Σ cᵢ yᵢ², whose Hessian by y is the diagonal of c."""

    factors: tuple[float, ...]

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        factors = np.array(self.factors)
        return LossResult((factors * output**2).sum() / 2, 1, factors * output)


def bowl(*factors: float) -> Step:
    """L = ½ Σ cᵢ wᵢ² at a random w."""
    size = len(factors)
    network = Network(Linear(1, size, bias=False))
    params = np.random.default_rng(0).normal(size=size)
    return take_step(network, params, np.ones((1, 1)), np.zeros((1, size)), loss=Bowl(factors))


def hessian(step: Step) -> Array:
    """The Hessian by central differences of the gradient, every column by itself."""
    params, h = step.forward.params, 1e-5

    def gradient(point: Array) -> Array:
        forward, result = step.again(point)
        return step.forward.network.backward(forward, result.gradient).gradient

    columns = [
        (gradient(params + h * unit) - gradient(params - h * unit)) / (2 * h)
        for unit in np.eye(len(params))
    ]
    found = np.array(columns)
    return (found + found.T) / 2


def largest(matrix: Array) -> float:
    return float(np.linalg.eigvalsh(matrix)[-1])


def test_by_hand() -> None:
    # L = (w − t)² at one sample: d²L/dw² = 2, so the bound is 2/2 = 1.
    step = take_step(
        Network(Linear(1, 1, bias=False)), np.ones(1), np.ones((1, 1)), np.zeros((1, 1))
    )
    found = curvature(step)
    assert found.largest == pytest.approx(2, rel=1e-8)
    assert found.bound == pytest.approx(1, rel=1e-8)
    assert found.converged
    # L = 1/N Σ (w·x + b − t)²: the Hessian is 2/N Σ (x, 1)(x, 1)ᵀ. For x = 1, 3: 2/2 [[10, 4],
    # [4, 2]], whose eigenvalues are 6 ± √(16 + 16) = 6 ± 4√2.
    step = take_step(Network(Linear(1, 1)), np.ones(2), np.array([[1.0], [3.0]]), np.zeros((2, 1)))
    assert curvature(step).largest == pytest.approx(6 + 4 * np.sqrt(2), rel=1e-6)


def test_a_known_spectrum() -> None:
    assert curvature(bowl(1.0, 5.0, 3.0)).largest == pytest.approx(5, rel=1e-5)


def test_the_largest_and_not_the_largest_by_size() -> None:
    # −10 is the largest by size; what bounds the rate is 1.
    found = curvature(bowl(-10.0, 1.0, -3.0))
    assert found.largest == pytest.approx(1, rel=1e-4)
    assert found.bound == pytest.approx(2, rel=1e-4)


def test_two_of_opposite_sign_and_equal_size() -> None:
    # A saddle: L = (w₂ w₁ − t)² at w = 0 has the Hessian [[0, −2t], [−2t, 0]], eigenvalues ±2t.
    network = Network(Sequential(Linear(1, 1, bias=False), Linear(1, 1, bias=False)))
    step = take_step(network, np.zeros(2), np.ones((1, 1)), np.full((1, 1), 3.0))
    assert curvature(step).largest == pytest.approx(6, rel=1e-4)
    assert curvature(bowl(4.0, -4.0, 1.0)).largest == pytest.approx(4, rel=1e-4)


def test_curved_downwards_everywhere_and_flat() -> None:
    found = curvature(bowl(-2.0, -7.0))
    assert found.largest == pytest.approx(-2, rel=1e-3)
    assert found.bound == np.inf
    assert curvature(bowl(0.0, 0.0)).largest == 0
    assert curvature(bowl(0.0, 0.0)).bound == np.inf
    found_all = examine(bowl(-2.0, -7.0), learning_rate=100.0)
    assert found_all.healthy
    assert "upwards in no direction" in found_all.text()
    assert "沒有任何往上彎的方向" in found_all.text("zh-TW")


CASES: list[tuple[Any, Any, int]] = [
    (Sequential(Linear(3, 5), Tanh(), Linear(5, 2)), MSE(), 0),
    (Sequential(Linear(3, 5), ReLU(), Linear(5, 2)), MSE(), 1),
    (Sequential(Linear(3, 4), Sigmoid(), Linear(4, 3)), CrossEntropy(), 2),
    (Sequential(Linear(3, 4), BatchNorm(4), Tanh(), Linear(4, 2)), BinaryCrossEntropy(), 3),
    (Sequential(Linear(3, 3), Residual(Tanh()), Dropout(0.3), Linear(3, 2)), MSE(), 4),
]


@pytest.mark.parametrize(("body", "loss", "seed"), CASES)
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_against_the_eigenvalues_of_a_hessian_by_finite_differences(
    body: Any, loss: Any, seed: int, scale: float
) -> None:
    generator = np.random.default_rng(seed)
    network = Network(body)
    x = generator.normal(size=(12, 3))
    target: Array = generator.normal(size=(12, 2))
    if isinstance(loss, CrossEntropy):
        target = generator.integers(3, size=12)
    if isinstance(loss, BinaryCrossEntropy):
        target = generator.uniform(size=(12, 2))
    step = take_step(network, scale * generator.normal(size=network.size), x, target, loss=loss)
    found = curvature(step)
    expected = largest(hessian(step))
    assert found.largest == pytest.approx(expected, rel=1e-5)
    # A Rayleigh quotient is never above the largest eigenvalue.
    assert found.largest <= expected * (1 + 1e-7)


def test_against_torch(torch: Any) -> None:
    data = regression_data()
    params = tutorial_start(range(1))[0]
    x, t = torch.tensor(data.x.copy()), torch.tensor(data.target.copy())

    def loss(flat: Any) -> Any:
        w1, b1, w2, b2 = flat[:10][None], flat[10:20][None], flat[20:30][:, None], flat[30]
        return ((torch.relu(x @ w1 + b1) @ w2 + b2 - t) ** 2).mean()

    exact = torch.autograd.functional.hessian(loss, torch.tensor(params))
    expected = float(torch.linalg.eigvalsh(exact)[-1])
    step = take_step(with_relu(), params, data.x, data.target, optimizer=SGD(0.05))
    found = curvature(step)
    assert found.largest == pytest.approx(expected, rel=1e-4)
    # About 0.038 at the tutorial's start, as is known.
    assert found.bound == pytest.approx(0.038, abs=0.0005)


def test_it_is_the_same_every_time_and_seeded() -> None:
    step = bowl(1.0, 5.0, 3.0)
    assert curvature(step) == curvature(step)
    other = curvature(step, seed=1)
    assert other != curvature(step)
    assert other.largest == pytest.approx(5, rel=1e-5)


def test_a_network_in_float32_is_worked_out_in_float64() -> None:
    generator = np.random.default_rng(0)
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))
    params = network.initialize(0)
    x, t = generator.normal(size=(20, 3)), generator.normal(size=(20, 1))
    wide = curvature(take_step(network, params, x, t)).largest
    narrow = curvature(
        take_step(network, params.astype("float32"), x.astype("float32"), t.astype("float32"))
    ).largest
    assert narrow == pytest.approx(wide, rel=1e-5)


def test_a_kink_in_between_is_kept_out_or_said() -> None:
    # z = w stands 1e-7 above the kink: a step of 6e-6 would cross it, one of 6e-8 does not.
    network = Network(Sequential(Linear(1, 1, bias=False), ReLU()))
    one = np.ones((1, 1))
    near = curvature(take_step(network, np.array([1e-7]), one, one))
    assert near.largest == pytest.approx(2, rel=1e-6)
    assert not near.kinked
    on = take_step(network, np.array([0.0]), one, one)
    assert curvature(on).kinked
    assert "not to be trusted" in examine(on).text()
    assert "這個值不可靠" in examine(on).text("zh-TW")


# The rate against the bound


def lines_of(optimizer: Any, rate: float | None = None, **how: Any) -> Examination:
    # λmax = 2 and the bound 1, as above.
    network = Network(Linear(1, 1, bias=False))
    one = np.ones((1, 1))
    step = take_step(network, np.ones(1), one, np.zeros((1, 1)), optimizer=optimizer, **how)
    return examine(step, learning_rate=rate)


def test_a_rate_above_the_bound_is_found() -> None:
    found = lines_of(SGD(1.5))
    (one,) = found.findings
    assert (one.kind, one.severity) == ("rate_here", "warning")
    assert one.values["bound"] == pytest.approx(1)
    assert not found.healthy
    # Gradient descent on w² at η = 1.5: w ← w − 1.5 · 2w = −2w, which grows.
    for language in LANGUAGES:
        assert "1.5" in one.sentence(language)
        assert one.sentence(language) in found.text(language)
    assert lines_of(SGD(0.9)).findings == ()
    assert "The rate 0.9 is below it." in lines_of(SGD(0.9)).text()


def test_another_rate_than_the_trainings() -> None:
    assert [one.kind for one in lines_of(SGD(0.1), rate=1.5).findings] == ["rate_here"]
    assert [one.kind for one in lines_of(None, rate=1.5).findings] == ["rate_here"]
    assert lines_of(None).stability[0].rate is None


def test_a_schedules_rate_is_that_of_its_step() -> None:
    optimizer = SGD(ExponentialDecay(4.0, gamma=0.5))
    state = optimizer.start(np.ones(1))._replace(step=3)
    # 4 · ½³ = 0.5.
    found = lines_of(optimizer, state=state, number=3)
    assert found.stability[0].rate == 0.5
    assert found.stability[0].when == "end"
    assert "the start of the training, which the file does not hold" in found.text()


def test_momentum_and_rules_that_scale_every_parameter() -> None:
    # With momentum 0.9 the bound is 2 · 1.9 / 2 = 1.9.
    momentum = lines_of(SGD(1.5, momentum=0.9))
    assert momentum.stability[0].bound == pytest.approx(1.9)
    assert momentum.findings == ()
    assert "with the momentum of this training" in momentum.text()
    assert "有動量時的界限" in momentum.text("zh-TW")
    adaptive = lines_of(Adam(1.5))
    assert adaptive.findings == ()
    assert "this optimizer scales every parameter by itself" in adaptive.text()
    assert "這個最佳化器會分別縮放每個參數" in adaptive.text("zh-TW")
    clipped = lines_of(Clipped(SGD(1.5), norm=1.0))
    assert (clipped.stability[0].rule, clipped.stability[0].rate) == ("plain", 1.5)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.5},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.6, "weight_decay": 0.5},
    ],
)
def test_the_bound_is_where_it_begins_to_grow(settings: dict[str, Any]) -> None:
    """The optimizer itself, on L = w²: just below the bound it settles, just above it grows."""
    bound = lines_of(SGD(0.1, **settings)).stability[0].bound

    def end(rate: float) -> float:
        optimizer = SGD(rate, **settings)
        w = np.ones(1)
        state = optimizer.start(w)
        for _ in range(2000):
            w, state = optimizer.step(w, state, 2 * w)
        return float(abs(w[0]))

    assert end(0.97 * bound) < 1e-3
    assert end(1.03 * bound) > 1e3


def test_start_and_end() -> None:
    network = Network(Sequential(Linear(1, 1, bias=False), Linear(1, 1, bias=False)))
    one = np.ones((1, 1))
    optimizer = SGD(0.3)
    state = optimizer.start(np.ones(2))._replace(step=5)
    step = take_step(network, np.array([0.1, 0.1]), one, one, optimizer=optimizer, state=state)
    found = examine(step, start=np.array([2.0, 2.0]))
    assert [one.when for one in found.stability] == ["start", "end"]
    # L = (w₂w₁ − 1)². At (2, 2): [[2w₂², 4w₁w₂ − 2], …] = [[8, 14], [14, 8]], λmax = 22.
    assert found.stability[0].curvature == pytest.approx(22, rel=1e-5)
    # At (0.1, 0.1): [[0.02, −1.96], [−1.96, 0.02]], λmax = 1.98.
    assert found.stability[1].curvature == pytest.approx(1.98, rel=1e-3)
    # And the loss, (0.01 − 1)², is above that of the constant 1, which is 0.
    assert [one.kind for one in found.findings] == ["rate_start", "worse_than_constant"]
    assert found.findings[0].values["bound"] == pytest.approx(2 / 22, rel=1e-5)
