"""The estimators in scikit-learn's world: frames, pipelines, searches, weights, metrics, files."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clearprop import GELU, MAE, SGD, Huber, Pinball, Tanh
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    DataError,
    FileError,
)
from clearprop.estimators import NetworkClassifier, NetworkRegressor
from clearprop.estimators.members import MemberEpoch
from clearprop.training import DivergenceWarning

QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (12,),
    "max_iter": 12,
    "min_steps": 60,
    "n_networks": 2,
    "learning_rate_init": 0.02,
    "random_state": 0,
}


def frame(rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "length": rng.normal(10, 3, rows),
            "colour": pd.Categorical(rng.choice(["red", "green", "藍"], rows)),
            "day": pd.date_range("2024-01-01", periods=rows),
        }
    )
    made.loc[5, "length"] = np.nan
    made.loc[7, "colour"] = None
    return made


def numbers(made: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = (
        made["length"].fillna(10) + 4 * (made["colour"] == "red") + np.sin(np.arange(len(made)))
    ).to_numpy()
    return found


def words(made: pd.DataFrame) -> np.ndarray:
    return np.where(numbers(made) > 11, "long", "short")


def test_frames_with_categories_dates_and_missing_values_are_taken_as_they_are() -> None:
    X = frame()
    model = NetworkRegressor(**QUICK).fit(X, numbers(X))
    assert model.feature_names_in_.tolist() == ["length", "colour", "day"]
    assert model.n_features_in_ == 3
    assert model.score(X, numbers(X)) > 0.8
    other = NetworkRegressor(**QUICK).fit(pl.from_pandas(X), numbers(X))
    np.testing.assert_array_equal(other.predict(pl.from_pandas(X)), model.predict(X))
    # A word that was not seen belongs to none.
    unseen = X.assign(colour="violet")
    assert np.isfinite(model.predict(unseen)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"length": "width"}))


def test_pipelines_hand_frames_on() -> None:
    X = frame()
    scaled = ColumnTransformer(
        [("number", StandardScaler(), ["length"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = make_pipeline(scaled, NetworkClassifier(**QUICK)).fit(X, words(X))
    assert model[-1].feature_names_in_.tolist() == ["length", "colour", "day"]
    assert model.score(X, words(X)) > 0.8


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.thorough), "threading"])
def test_searches_and_scores_run_side_by_side(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    X = frame(120)
    search = GridSearchCV(
        NetworkClassifier(**QUICK), {"hidden_layer_sizes": [(4,), (8, 4)], "dropout": [0.1]}, cv=2
    )
    with joblib.parallel_backend(backend, n_jobs=2):
        search.fit(X, words(X))
        scores = cross_val_score(search.best_estimator_, X, words(X), cv=2)
    alone = cross_val_score(search.best_estimator_, X, words(X), cv=2)
    np.testing.assert_array_equal(scores, alone)
    assert search.best_params_["dropout"] == 0.1


def test_a_clone_is_untrained_and_equal() -> None:
    model = NetworkRegressor(**QUICK, activation=[Tanh()], loss=Huber(), solver=SGD(0.1))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "learned_")


@pytest.mark.parametrize("kind", ["pickle", "joblib", "file"])
@pytest.mark.parametrize("task", ["number", "class", "single", "labels", "quantiles"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_are_the_same_to_the_bit_after_saving(
    tmp_path: Path, kind: str, task: str, dtype: str
) -> None:
    X = frame(90)
    settings: dict[str, Any] = {**QUICK, "max_iter": 2, "min_steps": 0, "dtype": dtype}
    y: Any = numbers(X)
    model: Any = NetworkRegressor(**settings)
    if task == "quantiles":
        model.set_params(loss=Pinball((0.2, 0.8)))
    elif task != "number":
        y = words(X) if task != "labels" else np.column_stack([y > 10, y > 12]).astype(int)
        model = NetworkClassifier(**settings, single_logit=task == "single")
    model.fit(X, y)
    path = tmp_path / "model.safetensors"
    if kind == "file":
        model.save(path, X, y)
        again = type(model).load(path)
    elif kind == "joblib":
        joblib.dump(model, path)
        again = joblib.load(path)
    else:
        again = pickle.loads(pickle.dumps(model))
    assert again.get_params() == model.get_params()
    said = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    np.testing.assert_array_equal(getattr(again, said)(X), getattr(model, said)(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.predict(X).dtype == model.predict(X).dtype
    if task in ("number", "quantiles"):
        for found, expected in zip(
            again.predict(X, interval=0.5), model.predict(X, interval=0.5), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    X = frame(90)
    path = tmp_path / "model.safetensors"
    NetworkRegressor(**QUICK).fit(X, numbers(X)).save(path)
    with pytest.raises(FileError, match="NetworkClassifier"):
        NetworkClassifier.load(path)


def test_weights_of_rows_and_classes() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = (X[:, 0] + np.random.default_rng(1).normal(size=300) > 1.2).astype(int)
    plain = NetworkClassifier(**QUICK).fit(X, y)
    balanced = NetworkClassifier(**QUICK, class_weight="balanced").fit(X, y)
    assert balanced.predict(X).mean() > plain.predict(X).mean()
    # Weights that say the same give the same.
    by_class = NetworkClassifier(**QUICK, class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    by_row = NetworkClassifier(**QUICK).fit(X, y, sample_weight=np.where(y, 3.0, 1.0))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    # A row of weight 0 is not there.
    doubled = NetworkClassifier(**QUICK).fit(
        np.concatenate([X, X]), np.concatenate([y, 1 - y]), np.repeat([1.0, 0.0], 300)
    )
    np.testing.assert_array_equal(doubled.predict_proba(X), plain.predict_proba(X))


def test_several_columns_and_labels() -> None:
    X = frame()
    y = np.column_stack([numbers(X), -numbers(X)])
    model = NetworkRegressor(**QUICK).fit(X, y)
    assert model.predict(X).shape == (240, 2)
    assert model.score(X, y) > 0.8
    interval = model.predict(X, interval=0.8)
    assert (interval.low < interval.prediction).all()
    assert interval.high.shape == (240, 2)
    labels = (y > [11, -11]).astype(int)
    several = NetworkClassifier(**QUICK).fit(X, labels)
    assert several.predict(X).shape == (240, 2)
    assert several.score(X, labels) > 0.7
    with pytest.raises(DataError, match="1"):
        model.fit(X, y).partial_fit(X, y[:, 0])


def test_partial_fit_and_warm_start_go_on() -> None:
    X, y = frame(), words(frame())
    model = NetworkClassifier(**QUICK)
    model.partial_fit(X, y, classes=["long", "short", "other"])
    assert model.classes_.tolist() == ["long", "other", "short"]
    before = model.loss_
    for _ in range(15):
        model.partial_fit(X, y)
    assert model.loss_ < before
    assert len(model.loss_curve_) == 16
    with pytest.raises(DataError, match="medium"):
        model.partial_fit(X, np.where(y == "long", "medium", y))
    warm = NetworkRegressor(**QUICK, warm_start=True).fit(X, numbers(X))
    first = warm.loss_
    warm.fit(X, numbers(X))
    assert warm.loss_ < first
    assert warm.n_iter_ == len(warm.loss_curve_)


def test_any_metric_stops_and_the_best_weights_are_restored() -> None:
    X, y = frame(), numbers(frame())
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    model = NetworkRegressor(**{**QUICK, "max_iter": 400, "n_networks": 1})
    model.set_params(
        learning_rate_init=0.03,
        learning_rate="constant",
        scoring=scorer,
        validation="share",
        validation_fraction=0.25,
        n_iter_no_change=3,
    )
    model.fit(X, y)
    scores = model.validation_scores_
    assert model.n_iter_ == len(scores) < 400
    best = int(np.argmax(scores))
    assert model.learned_.epoch.tolist() == [best]
    assert best < len(scores) - 1
    # The score of the held-out rows once more, of what was restored.
    rows = model.learned_.parts[0]
    said = -mean_absolute_error(y[rows], model.predict(X.iloc[rows]))
    assert said == pytest.approx(scores[best], rel=1e-5)
    named = NetworkRegressor(**QUICK, scoring="neg_mean_absolute_error").fit(X, y)
    assert len(named.validation_scores_) == named.n_iter_


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss", "f1_macro"])
def test_metrics_of_classes_by_name(scoring: str) -> None:
    X, y = frame(), words(frame())
    model = NetworkClassifier(**QUICK, scoring=scoring).fit(X, y)
    assert model.validation_scores_[-1] > model.validation_scores_[0]


def test_ones_own_validation_set_and_callbacks() -> None:
    X, y = frame(), numbers(frame())
    told: list[MemberEpoch] = []

    def stop(epoch: MemberEpoch) -> bool:
        told.append(epoch)
        return epoch.epoch == 4

    model = NetworkRegressor(**QUICK, callbacks=[stop])
    model.fit(X.iloc[:160], y[:160], validation_set=(X.iloc[160:], y[160:]))
    assert model.n_iter_ == len(told) == 5
    assert told[0].scores.shape == (2,)
    # Outside the range of the training's targets the truth is still the truth.
    far = NetworkRegressor(**QUICK, scoring="r2")
    far.fit(X.iloc[:160], y[:160], validation_set=(X.iloc[160:], y[160:] + 100))
    assert max(far.validation_scores_) < -10
    interval = model.predict(X.iloc[160:], interval=0.8)
    inside = (y[160:] >= interval.low) & (y[160:] <= interval.high)
    assert inside.mean() >= 0.8


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": ["tanh", GELU()], "hidden_layer_sizes": (8, 6)},
        {"activation": "logistic", "dropout": 0.2},
        {"loss": "huber"},
        {"loss": MAE()},
        {"solver": "rmsprop", "weight_decay": 0.01},
        {"solver": "sgd", "learning_rate": "constant", "learning_rate_init": 0.01},
        {"solver": "lbfgs", "alpha": 0.01},
        {"solver": SGD(0.01, momentum=0.9)},
        {"soft_clip": None, "bins": 0, "input_scale": None, "scaling": "standard"},
        {"bins": 4, "bin_height": 1.0},
        {"dtype": "float64", "start": "glorot", "missing": "median"},
    ],
    ids=lambda settings: "-".join(map(str, settings)),
)
def test_every_setting_learns(settings: dict[str, Any]) -> None:
    X, y = frame(), numbers(frame())
    model = NetworkRegressor(**{**QUICK, "max_iter": 40, "min_steps": 300, **settings}).fit(X, y)
    assert model.score(X, y) > 0.7
    assert model.params_.dtype == settings.get("dtype", "float32")


@pytest.mark.parametrize(
    ("kind", "settings", "error", "words_of_it"),
    [
        (NetworkRegressor, {"class_weight": "balanced"}, ConfigurationError, "sample_weight"),
        (NetworkClassifier, {"scoring": "acuracy"}, ConfigurationError, "acuracy"),
        (NetworkClassifier, {"bin_height": 0}, ConfigurationError, "bin_height"),
        (NetworkClassifier, {"start": np.zeros(3)}, ClearpropError, "parameters"),
        (NetworkClassifier, {"start": "his"}, ConfigurationError, "glorot"),
        (NetworkClassifier, {"activation": "relux"}, ConfigurationError, "relux"),
        (NetworkClassifier, {"validation": "all"}, ConfigurationError, "folds"),
        (NetworkClassifier, {"hidden_layer_sizes": (0,)}, ConfigurationError, "at least 1"),
        (NetworkClassifier, {"n_networks": 0}, ConfigurationError, "n"),
    ],
)
def test_what_cannot_be_is_refused(
    kind: Any, settings: dict[str, Any], error: type[Exception], words_of_it: str
) -> None:
    X = frame(90)
    y = words(X) if kind is NetworkClassifier else numbers(X)
    with pytest.raises(error, match=words_of_it):
        kind(**{**QUICK, **settings}).fit(X, y)


def test_a_training_that_diverges_says_so() -> None:
    X = frame(90)
    settings = {**QUICK, "solver": "sgd", "learning_rate": "constant"}
    with pytest.raises(DataError, match="diverged"):
        NetworkRegressor(**{**settings, "learning_rate_init": 1e9}).fit(X, numbers(X))
    # Whether it diverges in the end or not, what is kept is finite.
    late = NetworkRegressor(**{**settings, "momentum": 0.99, "learning_rate_init": 0.03})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        assert np.isfinite(late.fit(X, numbers(X)).predict(X)).all()


def test_scores_that_say_nothing_are_refused() -> None:
    X = frame(90)
    with pytest.raises(DataError, match="scoring"):
        NetworkRegressor(**QUICK, scoring=lambda *_: np.nan).fit(X, numbers(X))


def test_one_class_and_missing_targets_are_refused() -> None:
    X = frame(90)
    with pytest.raises(DataError, match="only one class"):
        NetworkClassifier(**QUICK).fit(X, ["a"] * 90)
    with pytest.raises(DataError, match="every row"):
        NetworkRegressor(**QUICK).fit(X, np.zeros(89))
    with pytest.raises(ValueError, match=r"add up to 0|non-zero"):
        NetworkRegressor(**QUICK).fit(X, numbers(X), np.zeros(90))
    with pytest.raises(DataError, match="Several quantiles"):
        NetworkRegressor(**QUICK, loss=Pinball((0.1, 0.9))).fit(X, np.zeros((90, 2)))


def test_a_constant_target_and_a_constant_column_are_learned() -> None:
    X = frame(90).assign(same=3.0)
    model = NetworkRegressor(**QUICK).fit(X, np.full(90, 7.0))
    np.testing.assert_array_equal(model.predict(X), np.full(90, 7.0))


def test_nothing_is_said_while_it_works() -> None:
    X = frame(90)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkRegressor(**QUICK).fit(X, numbers(X)).predict(X, interval=0.9)
