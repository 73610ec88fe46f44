"""What a run of the tutorial's experiments gives, measured over 200 starts and pinned.

Recipe: RandomState(seed).rand(31) for W1 (1, 10), b1 (1, 10), W2 (10, 1), b2 (1, 1), seeds 0 to
199, float64, 50 full-batch steps, the 50th loss, taken before its update.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential, Uniform
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Parameter, Tree
from clearprop.training import Training, fit

# Some of the tutorial's rates are too high, which is what is measured here.
pytestmark = pytest.mark.filterwarnings("ignore::clearprop.DivergenceWarning")

SEEDS = range(200)
LINEAR = Network(Sequential(Linear(1, 10), Linear(10, 1)))
WITH_RELU = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))

LEAST_SQUARES = 80.82090493
VARIANCE = 943.7147

Data = tuple[Array, Array]


@dataclass(frozen=True)
class ReLUThenLinear(Layer):
    """max(0, z) · W + b, with the tutorial's backward: z stands in the weight gradient, not a."""

    stackable: ClassVar[bool] = True

    def parameters(self) -> dict[str, Parameter]:
        return {name: Parameter((n, 1), Uniform(), 1, 1) for name, n in (("W", 10), ("b", 1))}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return np.maximum(x, 0) @ params["W"] + params["b"], x, EMPTY

    def backward(self, params: Tree, cache: Array, dy: Array) -> Backward:
        wrong = cache.swapaxes(-1, -2) @ dy
        dz = dy @ params["W"].swapaxes(-1, -2) * (cache > 0)
        return dz, {"W": wrong, "b": dy.sum(axis=-2, keepdims=True)}


@dataclass(frozen=True)
class Summary:
    """The 50th losses of all seeds, sorted into what became of the networks."""

    losses: Array
    dead: Array

    @property
    def overflowed(self) -> Array:
        return np.logical_not(np.isfinite(self.losses))


def starts() -> Array:
    return np.array([np.random.RandomState(seed).rand(31) for seed in SEEDS])


def run(network: Network, data: Data, rate: float) -> Training:
    x, t = data
    return fit(network, starts(), x, t, optimizer=SGD(rate), epochs=50)


def summary(network: Network, data: Data, rate: float) -> Summary:
    training = run(network, data, rate)
    with np.errstate(over="ignore", invalid="ignore"):
        forward = network.forward(training.params, data[0])
    hidden = forward["layers[1]"].output
    # Dead: finite, and no unit is above 0 for any sample.
    alive = (hidden > 0).any(axis=(1, 2))
    dead = np.isfinite(training.params).all(axis=1) & ~alive
    return Summary(training.losses[-1], np.asarray(dead))


def test_the_data(tutorial_data: Data) -> None:
    x, t = tutorial_data
    assert x.shape == t.shape == (100, 1)
    assert x.min() == pytest.approx(-2.916, abs=5e-4)
    assert x.max() == pytest.approx(2.158, abs=5e-4)
    # Four decimals, cut off and not rounded: 943.71477.
    assert np.floor(np.var(t) * 1e4) / 1e4 == VARIANCE


def test_least_squares_is_the_least_that_a_line_reaches(tutorial_data: Data) -> None:
    x, t = tutorial_data
    design = np.hstack([x, np.ones_like(x)])
    line, *_ = np.linalg.lstsq(design, t)
    np.testing.assert_allclose(line.ravel(), [27.60830665, -0.57726646], rtol=0, atol=5e-9)
    network = Network(Linear(1, 1))
    output = network.forward(line.ravel(), x).output
    assert MSE().evaluate(output, t).value == pytest.approx(LEAST_SQUARES, abs=5e-9)


def test_without_the_reshape_broadcasting_would_read_1806(tutorial_data: Data) -> None:
    x, t = tutorial_data
    line = Network(Linear(1, 1)).forward(np.array([27.60830665, -0.57726646]), x).output
    flat = t.ravel()
    assert (line - flat).shape == (100, 100)
    assert np.mean((line - flat) ** 2) == pytest.approx(1806.61, abs=5e-3)
    with pytest.raises(ShapeError, match=r"target.reshape\(-1, 1\)"):
        MSE().evaluate(line, flat)


def test_s12_without_activation_every_seed_ends_at_least_squares(tutorial_data: Data) -> None:
    losses = run(LINEAR, tutorial_data, 0.01).losses
    assert losses.shape == (50, 200)
    np.testing.assert_allclose(losses[-1], LEAST_SQUARES, rtol=0, atol=5e-8)
    # No network without activation goes below.
    assert (losses[-1] >= LEAST_SQUARES - 5e-9).all()


def test_s12_diverges_at_a_rate_of_0_03(tutorial_data: Data) -> None:
    losses = run(LINEAR, tutorial_data, 0.03).losses
    # By step 50 the steps of 183 of the 200 have grown beyond every number. The other 17 jump to
    # and fro; not one has come to rest at the line that a third of the rate finds in every seed.
    finite = np.isfinite(losses[-1])
    assert int((~finite).sum()) == 183
    assert (losses[-1, finite] > 85).all()


def test_s13_done_right(tutorial_data: Data) -> None:
    final = summary(WITH_RELU, tutorial_data, 0.01).losses
    figures = [final.min(), np.median(final), final.max()]
    np.testing.assert_allclose(figures, [82.22, 358.81, 366.73], rtol=0, atol=5e-3)


def test_s13_as_printed_is_no_better_than_the_mean(tutorial_data: Data) -> None:
    as_printed = Network(Sequential(Linear(1, 10), ReLUThenLinear()))
    final = run(as_printed, tutorial_data, 0.01).losses[-1]
    figures = [final.min(), np.median(final), final.max()]
    np.testing.assert_allclose(figures, [78.84, 944.27, 986.04], rtol=0, atol=5e-3)
    assert np.median(final) > VARIANCE


@pytest.mark.parametrize(("rate", "dead", "overflowed"), [(0.05, 195, 5), (0.1, 7, 193)])
def test_s13_at_higher_rates(tutorial_data: Data, rate: float, dead: int, overflowed: int) -> None:
    found = summary(WITH_RELU, tutorial_data, rate)
    assert int(found.dead.sum()) == dead
    assert int(found.overflowed.sum()) == overflowed
    # Each network met one of the two ends, none both.
    assert (found.dead ^ found.overflowed).all()


def test_a_dead_network_settles_at_the_variance(tutorial_data: Data) -> None:
    final = summary(WITH_RELU, tutorial_data, 0.05).losses
    assert int((np.abs(final - VARIANCE) < 0.005).sum()) == 152


def test_stacked_training_is_each_training_alone(tutorial_data: Data) -> None:
    x, t = tutorial_data
    together = run(WITH_RELU, tutorial_data, 0.01)
    for seed in (0, 7, 199):
        alone: Any = fit(WITH_RELU, starts()[seed], x, t, optimizer=SGD(0.01), epochs=50)
        # Sums in another order, carried through 50 steps.
        np.testing.assert_allclose(together.losses[:, seed], alone.losses, rtol=1e-12)
        np.testing.assert_allclose(together.params[seed], alone.params, rtol=1e-11, atol=1e-12)
