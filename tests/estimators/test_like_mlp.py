"""scikit-learn's MLP, given its start and its batches, loss by loss."""

import warnings
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron

from clearprop.estimators import NetworkClassifier, NetworkRegressor
from clearprop.estimators.like_mlp import start_of
from clearprop.training.course import Course

ROWS, BATCH, EPOCHS = 120, 40, 6


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 4))
    value = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + 0.1 * rng.normal(size=ROWS)
    if not classes:
        return x, value
    return x, np.searchsorted(np.quantile(value, np.arange(1, classes) / classes), value)


def both(
    monkeypatch: pytest.MonkeyPatch, classes: int, solver: str, *, fits: int = 1, **settings: Any
) -> tuple[Any, Any]:
    """scikit-learn's and ours, trained from one start in one order, so many times."""
    x, y = data(classes)
    orders: list[np.ndarray] = []
    shuffle = _multilayer_perceptron.shuffle

    def noted(rows: np.ndarray, random_state: Any) -> np.ndarray:
        orders.append(shuffle(rows, random_state=random_state))
        return orders[-1]

    monkeypatch.setattr(_multilayer_perceptron, "shuffle", noted)
    shared: dict[str, Any] = {
        "hidden_layer_sizes": (7, 5),
        "alpha": 0.01,
        "batch_size": BATCH,
        "max_iter": EPOCHS,
        "learning_rate_init": 0.01,
        **settings,
    }
    mlp = (MLPClassifier if classes else MLPRegressor)(solver=solver, random_state=0, **shared)
    begun = (MLPClassifier if classes else MLPRegressor)(
        **{**mlp.get_params(), "max_iter": 1, "learning_rate_init": 1e-300, "solver": "sgd"}
    ).fit(x, y)
    orders.clear()
    for _ in range(fits):
        mlp.fit(x, y)
    left = cycle(list(orders))
    monkeypatch.setattr(Course, "order", lambda self, seed, epoch: next(left))
    kind = NetworkClassifier if classes else NetworkRegressor
    ours = kind.like_mlp(
        solver={"adam": "sklearn_adam"}.get(solver, solver),
        start=start_of(begun),
        **shared,
    )
    for _ in range(fits):
        ours.fit(x, y)
    return mlp, ours


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize(
    ("solver", "settings"),
    [
        ("adam", {}),
        ("adam", {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3, "activation": "tanh"}),
        ("sgd", {"nesterovs_momentum": True}),
        ("sgd", {"nesterovs_momentum": False, "momentum": 0.5, "activation": "logistic"}),
        ("sgd", {"momentum": 0.0}),
        ("sgd", {"learning_rate": "invscaling", "power_t": 0.3, "nesterovs_momentum": False}),
        ("sgd", {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 1.0}),
    ],
)
def test_losses_are_those_of_scikit_learn_after_each_epoch(
    monkeypatch: pytest.MonkeyPatch, classes: int, solver: str, settings: dict[str, Any]
) -> None:
    mlp, ours = both(monkeypatch, classes, solver, **settings)
    assert len(ours.loss_curve_) == EPOCHS
    np.testing.assert_allclose(ours.loss_curve_, mlp.loss_curve_, rtol=1e-10)
    for found, expected in zip(ours.coefs_, mlp.coefs_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
    x, _ = data(classes)
    if classes:
        np.testing.assert_allclose(ours.predict_proba(x), mlp.predict_proba(x), rtol=1e-8)
    else:
        np.testing.assert_allclose(ours.predict(x), mlp.predict(x), rtol=1e-8)


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("iterations", [1, 3, 8])
def test_lbfgs_is_that_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, classes: int, iterations: int
) -> None:
    mlp, ours = both(monkeypatch, classes, "lbfgs", max_iter=iterations, activation="tanh")
    np.testing.assert_allclose(ours.loss_, mlp.loss_, rtol=1e-10)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_end_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    mlp, ours = both(monkeypatch, classes, "adam", max_iter=300, n_iter_no_change=4, tol=0.02)
    assert mlp.n_iter_ < 300
    assert ours.n_iter_ == mlp.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, mlp.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_warm_start_is_that_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, classes: int, solver: str
) -> None:
    mlp, ours = both(monkeypatch, classes, solver, fits=2, warm_start=True)
    assert ours.n_iter_ == len(ours.loss_curve_) == 2 * EPOCHS
    np.testing.assert_allclose(ours.loss_curve_, mlp.loss_curve_, rtol=1e-10)


def test_another_epsilon_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tester tested: the usual Adam scales its ε, and the losses tell.
    mlp, ours = both(monkeypatch, 3, "adam", epsilon=1e-3)
    other = NetworkClassifier.like_mlp(**{**ours.get_params(), "solver": "adam"}).fit(*data(3))
    assert not np.allclose(other.loss_curve_, mlp.loss_curve_, rtol=1e-6)
