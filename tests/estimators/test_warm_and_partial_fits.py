"""`partial_fit` and `warm_start`: trainings that go on from another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Sequential
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.engine.optimizers import SGD
from clearprop.estimators import (
    LayerClassifier,
    LayerRegressor,
    NetworkClassifier,
    NetworkRegressor,
)

QUICK: dict[str, Any] = {"max_iter": 4, "min_steps": 0, "n_networks": 2, "random_state": 0}
X = np.random.default_rng(0).normal(size=(120, 3))
Y = X[:, 0] + np.sin(2 * X[:, 1])
WORDS = np.array(["low", "middle", "high"])[np.searchsorted([-0.5, 0.5], X[:, 0])]


@pytest.mark.parametrize(("first", "then"), [(120, 5), (5, 120)])
def test_few_rows_go_on_with_many_and_many_with_few(first: int, then: int) -> None:
    # Few rows by themselves are trained in float64.
    for model, y in ((NetworkRegressor(**QUICK), Y), (NetworkClassifier(**QUICK), WORDS)):
        model.fit(X[:first], y[:first])
        dtype = model.params_.dtype
        model.partial_fit(X[:then], y[:then])
        model.set_params(warm_start=True).fit(X[:then], y[:then])
        assert model.params_.dtype == dtype
        assert model.predict(X).shape == (120,)


def test_every_partial_fit_learns_at_the_rate_that_was_asked_for() -> None:
    # Of one batch each: a cosine whose steps are counted on would stand at 0 every second time.
    rate, model = 0.01, NetworkRegressor(**QUICK, solver=SGD(0.01), batch_size=120)
    named = NetworkRegressor(**QUICK, solver="sgd", momentum=0, learning_rate_init=rate)
    named.set_params(batch_size=120)
    for one in (model, named):
        for _ in range(4):
            one.partial_fit(X, Y)
    np.testing.assert_array_equal(named.params_, model.params_)
    assert (np.diff(named.loss_curve_) < 0).all()


def test_predictions_reach_the_numbers_that_came_later() -> None:
    model = NetworkRegressor(**QUICK, learning_rate_init=0.03).partial_fit(X, Y)
    for _ in range(40):
        model.partial_fit(X, 10 * Y)
    assert model.predict(X).max() > 3 * Y.max()
    assert model.predict(X).max() <= 10 * Y.max()


def test_the_curves_are_those_of_all_that_was_trained(tmp_path: Path) -> None:
    model = NetworkRegressor(**QUICK, warm_start=True).fit(X, Y)
    first, scores = model.loss_curve_, model.validation_scores_
    model.fit(X, Y).partial_fit(X, Y)
    assert model.loss_curve_[:4] == first
    assert model.validation_scores_[:4] == scores
    assert np.isnan(model.validation_scores_).tolist() == [False] * 8 + [True]
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.best_validation_score_ == max(model.validation_scores_[:8])
    model.save(tmp_path / "model.safetensors")
    again = NetworkRegressor.load(tmp_path / "model.safetensors")
    assert again.loss_curve_ == model.loss_curve_
    assert again.n_iter_ == 9


def test_another_optimizer_goes_on_without_the_memory_of_the_one_before() -> None:
    for warm in (True, False):
        model = NetworkRegressor(**QUICK, warm_start=warm).fit(X, Y)
        model.set_params(solver="sgd", learning_rate_init=1e-3)
        (model.fit if warm else model.partial_fit)(X, Y)
        assert np.isfinite(model.loss_curve_).all()
    layers = LayerRegressor(Sequential(Linear(3, 1)), max_iter=2, warm_start=True).fit(X, Y)
    assert layers.set_params(solver="sgd").fit(X, Y).partial_fit(X, Y).n_iter_ == 5


def test_networks_of_lbfgs_that_end_apart_have_losses_all_the_same() -> None:
    model = NetworkRegressor(**{**QUICK, "max_iter": 60, "n_networks": 3}, solver="lbfgs")
    model.set_params(hidden_layer_sizes=(2,), tol=0.05).fit(X, Y)
    assert len(set(model.learned_.epoch.tolist())) > 1
    assert np.isfinite(model.loss_curve_).all()
    assert (np.diff(model.loss_curve_) <= 0).all()


def test_other_networks_targets_and_classes_are_refused() -> None:
    warm = NetworkRegressor(**QUICK, warm_start=True).fit(X, Y)
    with pytest.raises(ConfigurationError, match=r"\(64, 64\) and this one asks for \(3,\)"):
        warm.set_params(hidden_layer_sizes=(3,)).fit(X, Y)
    with pytest.raises(ConfigurationError, match="ReLU"):
        warm.set_params(hidden_layer_sizes=(64, 64), activation="relu").fit(X, Y)
    with pytest.raises(ConfigurationError, match="2 networks and this one has 3"):
        warm.set_params(activation="auto", n_networks=3).fit(X, Y)
    labels = NetworkClassifier(**QUICK).partial_fit(X, X > 0)
    with pytest.raises(DataError, match="y has 2 columns and the network predicts 3"):
        labels.partial_fit(X, X[:, :2] > 0)
    for model in (
        NetworkClassifier(**QUICK),
        LayerClassifier(Sequential(Linear(3, 3)), max_iter=1, random_state=0),
    ):
        model.partial_fit(X, WORDS, classes=["low", "middle", "high"])
        with pytest.raises(DataError, match="The classes of the first call were high, low, mid"):
            model.partial_fit(X, WORDS, classes=["low", "high"])
    layers = LayerRegressor(Sequential(Linear(3, 1)), max_iter=1, warm_start=True).fit(X, Y)
    with pytest.raises(ConfigurationError, match="in float32 and this one asks for float64"):
        layers.set_params(dtype="float64").fit(X, Y)
    with pytest.raises(ConfigurationError, match="of another layer"):
        layers.set_params(dtype="float32", layer=Sequential(Linear(3, 1, bias=False))).fit(X, Y)


def test_a_fit_that_fails_leaves_the_estimator_as_it_was() -> None:
    def stops(epoch: Any) -> None:
        raise RuntimeError("enough")

    layers = LayerClassifier(Sequential(Linear(3, 3)), max_iter=2, random_state=0)
    for model in (NetworkClassifier(**QUICK), layers):
        told = model.fit(X, WORDS).predict_proba(X)
        model.set_params(callbacks=[stops])
        other = np.where(X[:, 0] > 0, "up", np.where(X[:, 1] > 0, "down", "even"))
        with pytest.raises(RuntimeError, match="enough"):
            model.fit(X * 100, other)
        np.testing.assert_array_equal(model.predict_proba(X), told)
        assert model.classes_.tolist() == ["high", "low", "middle"]
    unfitted = NetworkRegressor(**QUICK, callbacks=[stops])
    with pytest.raises(RuntimeError, match="enough"):
        unfitted.fit(X, Y)
    assert not hasattr(unfitted, "n_features_in_")


def test_a_seed_that_was_drawn_holds_out_the_same_rows_in_a_warm_start() -> None:
    model = NetworkRegressor(**{**QUICK, "random_state": None}, warm_start=True)
    parts = [model.fit(X, Y).learned_.parts for _ in range(2)]
    for first, second in zip(*parts, strict=True):
        np.testing.assert_array_equal(first, second)
    fresh = model.set_params(warm_start=False).fit(X, Y).learned_.parts
    assert not all(np.array_equal(*pair) for pair in zip(parts[0], fresh, strict=True))
