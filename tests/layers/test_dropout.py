"""Dropout: worked by hand, its key, its expectation, its extremes."""

from typing import Any

import numpy as np
import pytest

from clearprop import SGD, Context, Dropout, Linear, Network, Sequential
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError
from clearprop.training import fit
from tests.gradient_checks import present

X = np.random.default_rng(0).normal(size=(4, 6))
CONTEXT = Context(seed=1, step=2, path="layers[3]")


def mask_of(layer: Dropout, context: Context = CONTEXT, x: Array = X) -> Any:
    return layer.forward({}, x, context)[1].mask


def test_by_hand() -> None:
    # p = 0.75: what is kept is multiplied by 1/(1 − 0.75) = 4, in both directions.
    layer = Dropout(0.75)
    y, cache, state = layer.forward({}, np.ones((4, 6)), CONTEXT)
    assert cache._fields == ("mask",)
    assert set(np.unique(y)) == {0, 4}
    np.testing.assert_array_equal(cache.mask, y)
    assert not state
    dx, gradients = layer.backward({}, cache, np.full((4, 6), 0.5))
    np.testing.assert_array_equal(present(dx), y / 2)
    assert not gradients


def test_the_same_key_draws_the_same_mask_and_every_part_of_it_counts() -> None:
    layer = Dropout()
    mask = mask_of(layer)
    np.testing.assert_array_equal(mask_of(layer), mask)
    for change in ({"seed": 2}, {"step": 3}, {"path": "layers[4]"}):
        assert (mask_of(layer, CONTEXT._replace(**change)) != mask).any()
    # What is left out does not depend on the dtype or on x.
    other = mask_of(layer, x=np.full((4, 6), 1e3, "float32"))
    assert other.dtype == np.float32
    np.testing.assert_array_equal(other, mask)


def test_in_use_it_does_nothing() -> None:
    layer = Dropout(0.9)
    y, cache, _ = layer.forward({}, X, CONTEXT._replace(training=False))
    assert y is X
    assert cache.mask is None
    assert layer.backward({}, cache, X)[0] is X


def test_the_two_ends() -> None:
    y, cache, _ = Dropout(0).forward({}, X, CONTEXT)
    assert y is X
    assert cache.mask is None
    y, cache, _ = Dropout(1).forward({}, X, CONTEXT)
    np.testing.assert_array_equal(y, np.zeros_like(X))
    np.testing.assert_array_equal(present(Dropout(1).backward({}, cache, X)[0]), np.zeros_like(X))
    assert type(Dropout(1).probability) is float


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_the_share_left_out_is_p_and_the_expectation_stays(probability: float) -> None:
    mask = mask_of(Dropout(probability), x=np.ones((500, 400)))
    # 200 000 draws, five standard errors of each.
    error = 5 * np.sqrt(probability * (1 - probability) / 200_000)
    assert np.mean(mask == 0) == pytest.approx(probability, abs=error)
    assert mask.mean() == pytest.approx(1, abs=error / (1 - probability))


def test_stacked_networks_draw_what_each_draws_alone() -> None:
    network = Network(Sequential(Dropout(0.4), Linear(6, 5), Dropout(0.4), Linear(5, 1)))
    params = network.initialize(range(3))
    together = network.forward(params, X, seed=5)
    own = network.forward(params, np.stack([X] * 3), seed=5, own_input=True)
    np.testing.assert_array_equal(own.output, together.output)
    for k in range(3):
        alone = network.forward(params[k], X, seed=5)
        np.testing.assert_allclose(together.output[k], alone.output, rtol=1e-14)
    # Beside one network, an axis between samples and features is drawn like any other.
    mask = mask_of(Dropout(), x=np.ones((4, 3, 6)))
    assert mask.shape == (4, 3, 6)
    assert (mask[:, 0] != mask[:, 1]).any()


def test_training_draws_anew_every_step_and_prediction_draws_nothing() -> None:
    network = Network(Sequential(Linear(6, 8), Dropout(), Linear(8, 1)))
    params, t = network.initialize(), np.zeros((4, 1))
    still = fit(network, params, X, t, optimizer=SGD(1e-12), epochs=6)
    assert len(np.unique(still.losses)) == 6
    np.testing.assert_array_equal(network.predict(params, X), network.predict(params, X))


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), "half", None, True])
def test_a_probability_that_cannot_be_is_refused(probability: Any) -> None:
    with pytest.raises(ConfigurationError, match="Dropout's probability must be a number from 0"):
        Dropout(probability)


def test_integers_are_not_measurements() -> None:
    with pytest.raises(DtypeError, match="Dropout takes measurements"):
        Network(Dropout()).forward(np.empty(0), np.ones((2, 2), int))
