"""A learning rate that was not told: sound for what it is found for."""

from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network, Sequential
from clearprop.engine.losses import MSE
from clearprop.estimators import NetworkRegressor
from clearprop.estimators.finding_rate import USUAL, found_rate
from clearprop.estimators.members import Rows
from clearprop.estimators.table_recipe import TableRecipe


def rows_of(slope: float, size: float) -> Rows:
    x = np.random.default_rng(0).normal(size=(256, 1)) * size
    return Rows(x, slope * x, np.ones(256))


@pytest.mark.parametrize("size", [0.3, 3.0, 30.0])
def test_plain_descent_gets_half_of_what_is_stable(size: float) -> None:
    # L = mean (w x − t)², so L'' = 2 mean x² and the bound 2/L'' is 1 / mean x²: half of it, and no
    # more than 1.
    network, rows = Network(Sequential(Linear(1, 1, bias=False))), rows_of(2.0, size)
    recipe = TableRecipe(optimizer="sgd", learning_rate=None)
    found = found_rate(network, np.zeros((1, 1)), rows, MSE(), recipe, 256)
    expected = min(0.5 / float((rows.x**2).mean()), 1.0)
    assert 0.9 * expected < found <= expected


def test_momentum_has_its_own_bound() -> None:
    network, rows = Network(Sequential(Linear(1, 1, bias=False))), rows_of(2.0, 3.0)
    found = [
        found_rate(
            network, np.zeros((1, 1)), rows, MSE(),
            TableRecipe(optimizer="sgd", learning_rate=None, optimizer_settings=settings), 256,
        )
        for settings in ((), (("momentum", 0.9),))
    ]  # fmt: skip
    assert found[1] == pytest.approx(1.9 * found[0], rel=0.1)


def test_adam_keeps_the_usual_rate_unless_it_is_too_high() -> None:
    network = Network(Sequential(Linear(1, 1, bias=False)))
    recipe = TableRecipe(learning_rate=None)
    assert found_rate(network, np.zeros((1, 1)), rows_of(2.0, 1.0), MSE(), recipe, 64) == USUAL
    # A weight that is right already but for less than a step: 0.005 overshoots.
    near = np.full((1, 1), 2.00001)
    assert found_rate(network, near, rows_of(2.0, 1.0), MSE(), recipe, 64) < USUAL


def test_an_estimator_finds_its_rate() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    settings: dict[str, Any] = {"max_iter": 5, "min_steps": 0, "random_state": 0, "n_networks": 2}
    auto = NetworkRegressor(solver="sgd", learning_rate_init="auto", **settings).fit(x, x[:, 0])
    rate = auto.learned_.rate
    assert rate is not None
    told = NetworkRegressor(solver="sgd", learning_rate_init=rate, **settings).fit(x, x[:, 0])
    np.testing.assert_array_equal(auto.params_, told.params_)
