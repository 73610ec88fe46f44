"""Intervals: by hand, that they hold what they promise, and quantiles."""

import numpy as np
import pytest

from clearprop import Pinball
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.estimators import NetworkRegressor
from clearprop.estimators.intervals import Bounds, calibrate


def bounds(prediction: np.ndarray, spread: float | np.ndarray = 0.0) -> Bounds:
    column = prediction[:, None]
    return Bounds(column, column, column, np.zeros_like(column) + spread)


def test_by_hand() -> None:
    # Six rows, errors 1, 2, 3, 4, 5, 6; two neighbours. Without a spread σ of a row is the error
    # of its one neighbour in the window and the floor 0.2 · 3.5 = 0.7: windows are (1, 2) twice,
    # then (2, 3), (3, 4), (4, 5), (5, 6).
    said = bounds(np.arange(6.0))
    found = calibrate(said, (np.arange(6.0) + np.arange(1.0, 7.0))[:, None])
    scales = np.array([2, 1, 2, 3, 4, 5]) + 0.7
    np.testing.assert_allclose(found.score[:, 0], np.arange(1, 7) / scales)
    # Level ½: the ⌈3.5⌉ = 4th smallest score, times σ of the new row: (5 + 6) / 2 + 0.7 at 9.
    reach = np.sort(np.arange(1, 7) / scales)[3] * 6.2
    interval = found.interval(bounds(np.array([9.0])), 0.5)
    np.testing.assert_allclose([interval.low[0, 0], interval.high[0, 0]], [9 - reach, 9 + reach])


def test_what_cannot_be_told_is_refused() -> None:
    found = calibrate(bounds(np.arange(6.0)), np.zeros((6, 1)))
    with pytest.raises(DataError, match="at least 9"):
        found.interval(bounds(np.zeros(1)), 0.9)
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        found.interval(bounds(np.zeros(1)), 90)
    model = NetworkRegressor(max_iter=1, min_steps=0).fit(np.arange(20.0)[:, None], np.arange(20.0))
    with pytest.raises(DataError, match="held out"):
        model.predict(np.zeros((1, 1)), interval=0.9)


@pytest.mark.parametrize("loss", [None, Pinball((0.05, 0.5, 0.95))])
def test_new_rows_lie_within_as_often_as_promised(loss: Pinball | None) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (3000, 1))
    # The noise grows tenfold from left to right.
    y = np.sin(3 * X[:, 0]) + (0.55 + 0.45 * X[:, 0]) * rng.normal(size=3000)
    model = NetworkRegressor(
        hidden_layer_sizes=(16,), max_iter=30, n_networks=4, loss=loss, random_state=0
    ).fit(X[:1000], y[:1000])
    new, truth = X[1000:], y[1000:]
    low, high = model.predict(new, interval=0.9)[1:]
    inside = (truth >= low) & (truth <= high)
    # 2,000 rows: a standard deviation of 0.7 %, and the calibration's own of 0.9 %.
    assert 0.87 < inside.mean() < 0.93
    assert (high - low)[new[:, 0] > 0.5].mean() > 1.3 * (high - low)[new[:, 0] < -0.5].mean()
    wide = model.predict(new, interval=0.98)
    assert (wide.high >= high).all()


def test_quantiles_are_outputs_in_order() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = X[:, 0] + rng.normal(size=600)
    model = NetworkRegressor(
        hidden_layer_sizes=(8,), max_iter=40, n_networks=2, loss=Pinball((0.9, 0.1)), random_state=0
    ).fit(X, y)
    said = model.predict(X)
    assert said.shape == (600, 2)
    assert (said[:, 0] >= said[:, 1]).all()
    below = (y[:, None] < said).mean(axis=0)
    np.testing.assert_allclose(below, [0.9, 0.1], atol=0.05)
    assert 0 < model.score(X, y) < 1


def test_mean_and_spread() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    model = NetworkRegressor(max_iter=8, n_networks=3, random_state=0).fit(X, X[:, 0] ** 2)
    mean, spread = model.predict(X, return_std=True)
    members = model.learned_members(X)[:, :, 0]
    np.testing.assert_allclose(mean, members.mean(axis=0))
    np.testing.assert_allclose(spread, members.std(axis=0))
    with pytest.raises(ConfigurationError, match="not for both"):
        model.predict(X, interval=0.5, return_std=True)
