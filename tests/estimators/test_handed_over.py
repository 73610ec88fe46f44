"""What people hand to an estimator: frames, labels, weights, settings; and what it says of them."""

import csv
import datetime
import importlib.util
import warnings
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, make_scorer, mean_absolute_error
from sklearn.pipeline import make_pipeline

from clearprop import GELU, MSE, Activation, Linear, Loss, Sequential
from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, DataError, UnknownNameError
from clearprop.cli import main
from clearprop.data.frames import table_of_frame
from clearprop.engine.losses import Huber
from clearprop.estimators import (
    LayerClassifier,
    LayerRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from clearprop.estimators.class_weights import class_weights
from clearprop.estimators.members import share_of_groups, share_of_rows

QUICK: dict[str, Any] = {"max_iter": 3, "min_steps": 0, "n_networks": 2, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = 80
X = RNG.normal(size=(ROWS, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=ROWS)
WHOLE = RNG.integers(0, 3, ROWS)
WORDS = np.array(["a", "b", "c"], object)[WHOLE]


def fitted(X: Any, y: Any = Y, kind: Any = NetworkRegressor, **settings: Any) -> Any:
    return kind(**{**QUICK, **settings}).fit(X, y)


@pytest.mark.parametrize(
    ("values", "same"),
    [
        (WHOLE.astype(object), WHOLE),
        ([None, *WHOLE[1:].tolist()], [np.nan, *WHOLE[1:]]),
        ([Decimal(int(one)) / 4 for one in WHOLE], WHOLE / 4),
        (pd.Series([pd.NA, *WHOLE[1:]], dtype=object), [np.nan, *WHOLE[1:]]),
        ((WHOLE > 1).astype(object), WHOLE > 1),
        (pd.arrays.SparseArray(WHOLE), WHOLE),
        (pd.to_timedelta(WHOLE * 36, unit="h"), WHOLE * 1.5),
        (
            [datetime.date(2020, 1, 1 + one) for one in WHOLE],
            np.datetime64("2020-01-01", "us") + WHOLE * np.timedelta64(1, "D"),
        ),
        (
            [datetime.datetime(2020, 1, 1 + one, tzinfo=datetime.UTC) for one in WHOLE],
            np.datetime64("2020-01-01", "us") + WHOLE * np.timedelta64(1, "D"),
        ),
    ],
    ids=["whole", "None", "Decimal", "NA", "flags", "sparse", "durations", "dates", "moments"],
)
def test_objects_are_what_their_values_are(values: Any, same: Any) -> None:
    found, plain = (
        table_of_frame(pd.DataFrame({"v": pd.Series(one, dtype=dtype)}))["v"]
        for one, dtype in ((values, getattr(values, "dtype", object)), (same, None))
    )
    assert found.kind == plain.kind
    np.testing.assert_array_equal(found.values, plain.values)


def test_categories_are_words_whatever_they_are() -> None:
    frame = pd.DataFrame({"x": Y, "cut": pd.cut(Y, 3)})
    model = fitted(frame)
    assert len(model.preparation_.features) == 4
    durations = pl.DataFrame({"d": [datetime.timedelta(days=1), None]})
    assert table_of_frame(durations)["d"].numbers[0] == 1.0


def test_words_of_training_stay_words_where_numbers_alone_come() -> None:
    frame = pd.DataFrame({"x": Y, "code": np.where(WHOLE > 0, WHOLE.astype(object), "none")})
    some = frame[frame["code"] != "none"]
    model = fitted(frame)
    rows = (frame["code"] != "none").to_numpy()
    np.testing.assert_allclose(model.predict(some), model.predict(frame)[rows], rtol=1e-5)
    # Steps that know no frames hand on arrays of objects, which are the same columns.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        np.testing.assert_array_equal(model.predict(some.to_numpy()), model.predict(some))


def test_arrays_and_lists_may_hold_words() -> None:
    frame = pd.DataFrame({"x": Y, "word": WORDS})
    told = fitted(frame).predict(frame)
    np.testing.assert_array_equal(fitted(frame.to_numpy()).predict(frame.to_numpy()), told)
    listed = frame.to_numpy().tolist()
    np.testing.assert_array_equal(fitted(listed).predict(listed), told)
    bag = BaggingClassifier(NetworkClassifier(**QUICK), n_estimators=2, random_state=0)
    assert bag.fit(frame, WORDS).score(frame, WORDS) > 0.8
    imputed = make_pipeline(SimpleImputer(strategy="most_frequent"), NetworkRegressor(**QUICK))
    assert imputed.fit(frame, Y).predict(frame).shape == (ROWS,)


def test_what_is_masked_is_missing() -> None:
    mask = X > 1
    np.testing.assert_array_equal(
        fitted(np.ma.array(X, mask=mask)).predict(X), fitted(np.where(mask, np.nan, X)).predict(X)
    )


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (pd.DataFrame(np.c_[Y, Y], columns=["a", "a"]), "X has two columns called 'a'"),
        (pd.DataFrame(index=range(ROWS)), "X has no columns"),
        (pd.DataFrame({"a": WORDS})[:0], "X has no rows"),
        (pl.DataFrame({"a": Y}).lazy(), r"X\.collect\(\)"),
        (np.array([["1", "b"]] * ROWS), "an array of text"),
        (pd.DataFrame({"a": [[1]] * ROWS}), "'a' is of the type list"),
        (pd.DataFrame({"a": [np.nan] * ROWS, "b": WORDS}), "no value at all; leave the column out"),
    ],
)
def test_what_is_no_table_is_one_sentence(X: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fitted(X)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ((WHOLE > 1).astype(object), np.array([False, True])),
        (WHOLE.astype(object), np.array([0, 1, 2])),
        (pd.Series(WHOLE, dtype="Int64"), np.array([0, 1, 2])),
        (pd.array(WHOLE > 1, dtype="boolean"), np.array([False, True])),
        (pd.Categorical(WORDS), np.array(["a", "b", "c"], object)),
        (pl.Series(WORDS.tolist(), dtype=pl.Categorical), np.array(["a", "b", "c"], object)),
        (pd.array(WORDS, dtype="string"), np.array(["a", "b", "c"], object)),
    ],
    ids=["flags", "whole", "Int64", "boolean", "Categorical", "polars", "string"],
)
def test_classes_are_of_the_kind_that_was_handed_over(labels: Any, classes: Any) -> None:
    layers = LayerClassifier(Sequential(Linear(2, len(classes))), max_iter=2, random_state=0)
    for model in (fitted(X, labels, NetworkClassifier), layers.fit(X, labels)):
        assert model.classes_.dtype == classes.dtype
        assert model.classes_.tolist() == classes.tolist()
        assert model.predict(X).dtype == classes.dtype
        assert model.score(X, labels) == np.mean(model.predict(X) == np.asarray(labels))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([None, *WORDS[1:]], "no label in row 0"),
        (pd.Series([pd.NA, *WORDS[1:]], dtype="string"), "no label in row 0"),
        ([1, *WORDS[1:]], "labels of several kinds"),
        (pd.date_range("2020", periods=2).repeat(ROWS // 2), "dates, such as 2020-01-01"),
        (np.array(["2020-01-01", "2020-01-02"] * (ROWS // 2), "datetime64[D]"), "dates, such as"),
    ],
)
def test_what_is_no_label_is_one_sentence(labels: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fitted(X, labels, NetworkClassifier)
    with pytest.raises(DataError, match=said):
        LayerClassifier(Sequential(Linear(2, 3)), max_iter=1).fit(X, labels)


def test_words_and_dates_are_no_numbers_to_predict() -> None:
    with pytest.raises(DataError, match="y holds dates, such as 2020-01-01"):
        fitted(X, pd.date_range("2020", periods=ROWS))
    with pytest.raises(DataError, match=r"y has the word '[abc]' in row 0"):
        fitted(X, WORDS)
    with pytest.raises(DataError, match=r"y has the word '[abc]' in row 0"):
        LayerRegressor(Sequential(Linear(2, 1)), max_iter=1).fit(X, WORDS)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 3, "b": 1, "c": 2}])
def test_a_row_of_weight_2_is_that_row_twice(solver: str, class_weight: Any) -> None:
    weight = RNG.integers(0, 4, ROWS)
    settings: dict[str, Any] = {"solver": solver, "alpha": 0.5, "class_weight": class_weight}
    plain = NetworkClassifier.like_mlp(
        **settings, hidden_layer_sizes=(4,), max_iter=8, batch_size=1000, random_state=0
    )
    weighted = plain.fit(X, WORDS, sample_weight=weight).predict_proba(X)
    repeated = plain.fit(np.repeat(X, weight, 0), np.repeat(WORDS, weight)).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)


def test_weights_are_of_any_size() -> None:
    plain = fitted(X).predict(X)
    for size in (1e300, 1e-300):
        model = NetworkRegressor(**QUICK).fit(X, Y, np.full(ROWS, size))
        np.testing.assert_allclose(model.predict(X), plain, rtol=1e-12)


def test_balanced_are_the_classes_that_have_rows() -> None:
    classes, weight = np.array(["a", "b", "c"]), np.array([2.0, 1, 1, 0])
    found = class_weights("balanced", classes, np.array([0, 0, 1, 2]), weight)
    np.testing.assert_allclose(found, [4 / (2 * 3), 4 / (2 * 1), 1])
    for value in (-1, np.nan, "much"):
        with pytest.raises(ConfigurationError, match="A class weight is a finite number"):
            fitted(X, WORDS, NetworkClassifier, class_weight={"a": value})


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3, 0.4, 0.9])
def test_so_many_rows_are_held_out_as_were_asked_for(share: float) -> None:
    classes = np.repeat([0, 1], [150, 50])
    for found in (share_of_rows(200, share, 0), share_of_rows(200, share, 0, classes)):
        assert len(set(found.tolist())) == len(found) == round(200 * share)
    assert abs(classes[found].mean() - 0.25) < 0.03
    groups = np.repeat(np.arange(20), 10)
    held = share_of_groups(groups, share, 0)
    assert set(groups[held]).isdisjoint(groups[np.setdiff1d(np.arange(200), held)])
    assert abs(len(held) / 200 - share) < 0.06
    model = fitted(X, validation="share", validation_fraction=share)
    assert len(model.learned_.parts[0]) == round(ROWS * share)


def test_scores_are_those_of_what_is_predicted_and_of_the_rows_weights() -> None:
    settings = {"validation": "share", "validation_fraction": 0.25, "n_networks": 1, "max_iter": 9}
    weight = RNG.uniform(0, 3, ROWS)
    number = NetworkRegressor(**{**QUICK, **settings}, scoring="neg_mean_absolute_error")
    number.fit(X, Y**3, weight)
    part = number.learned_.parts[0]
    said = -mean_absolute_error(Y[part] ** 3, number.predict(X[part]), sample_weight=weight[part])
    assert number.best_validation_score_ == pytest.approx(said, rel=1e-5)
    # Class weights are of the loss alone.
    named = NetworkClassifier(**{**QUICK, **settings}, scoring=make_scorer(accuracy_score))
    named.set_params(class_weight="balanced").fit(X, WORDS)
    part = named.learned_.parts[0]
    assert named.best_validation_score_ == pytest.approx(named.score(X[part], WORDS[part]))


@pytest.mark.parametrize("scoring", ["neg_log_loss", "d2_log_loss_score", "top_k_accuracy"])
def test_held_out_rows_without_a_class_are_judged(scoring: str) -> None:
    rare = np.where(np.arange(ROWS) == 0, "c", np.where(WHOLE > 1, "a", "b"))
    model = fitted(X, rare, NetworkClassifier, scoring=scoring, n_networks=4)
    assert np.isfinite(model.validation_scores_).all()


def test_columns_of_extreme_numbers_are_scaled() -> None:
    plain = fitted(X, scaling="standard").predict(X)
    for size in (1e-200, 1e200):
        far = fitted(X * size, scaling="standard").predict(X * size)
        np.testing.assert_allclose(far, plain, atol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(np.c_[X, RNG.normal(size=ROWS) * 1e-312])


@pytest.mark.parametrize("answer", [True, np.True_, np.bool_(1)])
def test_anything_true_ends_a_training(answer: Any) -> None:
    for callbacks in ([lambda epoch: answer], lambda epoch: answer):
        assert fitted(X, callbacks=callbacks).n_iter_ == 1
        layers = LayerRegressor(Sequential(Linear(2, 1)), max_iter=3, callbacks=callbacks)
        assert layers.fit(X, Y).n_iter_ == 1
    assert fitted(X, callbacks=None).n_iter_ == 3
    assert fitted(X, callbacks=[lambda epoch: 1, lambda epoch: np.False_]).n_iter_ == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": -1}, "NetworkRegressor: alpha must be a finite number with alpha >= 0"),
        ({"n_iter_no_change": 0}, "NetworkRegressor: n_iter_no_change must be a whole number"),
        ({"learning_rate": "slow"}, "NetworkRegressor: learning_rate must be one of cosine"),
        ({"learning_rate_init": 0}, "learning_rate_init must be .* learning_rate_init > 0"),
        ({"max_iter": 0}, "NetworkRegressor: max_iter must be"),
        ({"solver": None}, "NetworkRegressor: solver must be one of adam"),
        ({"epsilon": -1}, "NetworkRegressor: epsilon must be"),
        ({"beta_1": 1}, "NetworkRegressor: beta_1, beta_2 must be"),
        ({"soft_clip": 0}, "NetworkRegressor: soft_clip must be"),
        ({"input_scale": -1}, "NetworkRegressor: input_scale must be"),
        ({"missing": "x"}, "NetworkRegressor: missing must be one of error"),
        ({"scaling": "x"}, "NetworkRegressor: scaling must be one of robust"),
        ({"validation": "share", "validation_fraction": 0}, "0 < validation_fraction < 1"),
        ({"hidden_layer_sizes": "64"}, "whole numbers of at least 1; they are '64'"),
        ({"hidden_layer_sizes": 2.5}, "whole numbers of at least 1; they are 2.5"),
        ({"hidden_layer_sizes": (True,)}, "whole numbers of at least 1"),
        ({"callbacks": ["x"]}, "callbacks takes functions"),
        ({"solver": "lbfgs", "dropout": 0.1}, "lbfgs takes no steps, and dropout"),
        ({"solver": "lbfgs", "callbacks": [print]}, "lbfgs takes no steps, and callbacks"),
        ({"loss": "crossentropy"}, "give MSE, MAE, Huber, Pinball, or a loss of your own"),
        ({"loss": "poisson"}, "The loss PoissonNLL is not for the targets"),
    ],
)
def test_a_setting_is_refused_by_its_own_name(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        fitted(X, **settings)


@dataclass(frozen=True)
class OwnLoss(Loss):
    def evaluate(self, output: Any, target: Any, **more: Any) -> Any:
        return Huber(0.5).evaluate(output, target, **more)


@dataclass(frozen=True)
class OwnTanh(Activation):
    def value(self, z: Any) -> Any:
        return np.tanh(z)

    def derivative(self, z: Any, a: Any) -> Any:
        return 1 - a * a


def test_losses_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="give CrossEntropy, or a loss of your own"):
        fitted(X, WORDS, NetworkClassifier, loss="mse")
    with pytest.raises(ConfigurationError, match="give CrossEntropy, or a loss of your own"):
        LayerClassifier(Sequential(Linear(2, 3)), loss="mse", max_iter=1).fit(X, WORDS)


def test_ones_own_loss_and_activation_are_trained_saved_and_loaded(tmp_path: Path) -> None:
    model = fitted(X, loss=OwnLoss(), activation=OwnTanh())
    same = fitted(X, loss=Huber(0.5), activation="tanh")
    np.testing.assert_allclose(model.predict(X), same.predict(X), rtol=1e-4)
    model.save(tmp_path / "model.safetensors")
    again = NetworkRegressor.load(tmp_path / "model.safetensors", kinds=[OwnLoss, OwnTanh])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.get_params()["loss"] == OwnLoss()
    with pytest.raises(UnknownNameError, match="kinds="):
        NetworkRegressor.load(tmp_path / "model.safetensors")


def test_settings_may_be_spelled_as_scikit_learn_does() -> None:
    same = fitted(X).predict(X)
    for settings in (
        {"loss": "squared_error"},
        {"loss": MSE},
        {"n_iter_no_change": np.inf},
        {"dtype": np.float32},
    ):
        np.testing.assert_array_equal(fitted(X, **settings).predict(X), same)
    np.testing.assert_array_equal(
        fitted(X, batch_size="auto").predict(X), fitted(X, batch_size=200).predict(X)
    )
    np.testing.assert_array_equal(
        fitted(X, activation=GELU).predict(X), fitted(X, activation="gelu").predict(X)
    )


def test_numbers_beyond_float32_are_bounded_or_told_of() -> None:
    model = fitted(X)
    far = np.array([[1e6, 1e6], [1e308, 1e308]])
    bounded = model.predict(far)
    assert bounded[0] == pytest.approx(bounded[1], rel=1e-6)
    bare = fitted(X, soft_clip=None, bins=0, scaling="none")
    assert np.isfinite(bare.predict(far)).all()
    broken = replace(bare.learned_, params=bare.learned_.params * np.float32(1e20))
    with pytest.raises(DataError, match="What is predicted of row 0 is beyond the range of float"):
        broken.members(np.array([[0.0, 0.0], [1e30, 1e30]]))
    layers = LayerRegressor(Sequential(Linear(2, 1)), max_iter=1).fit(X, Y)
    with pytest.raises(DataError, match="A value in row 1 is too large for float32"):
        layers.predict(far)


def test_the_last_activation_is_called_as_scikit_learn_does() -> None:
    flags = WHOLE > 1
    assert fitted(X).out_activation_ == "identity"
    assert fitted(X, WORDS, NetworkClassifier).out_activation_ == "softmax"
    for y in (np.c_[flags, ~flags], flags):
        model = fitted(X, y, NetworkClassifier, single_logit=True)
        assert model.out_activation_ == "logistic"


def test_a_validation_set_is_a_pair() -> None:
    several: list[Any] = [X, (X, Y, Y)]
    for given in several:
        with pytest.raises(ConfigurationError, match="validation_set is a pair"):
            NetworkRegressor(**QUICK).fit(X, Y, validation_set=given)


def test_a_row_is_explained_for_a_class_by_its_name() -> None:
    model = fitted(X, WORDS, NetworkClassifier)
    assert model.explain_row(X, 0, output="b").output == "y = b"
    assert model.explain_row(X, 0, output=1).output == "y = b"
    for row, output, said in ((0, "z", "no output z"), (0.5, "b", "no row 0.5")):
        with pytest.raises(DataError, match=said):
            model.explain_row(X, row, output=output)
    with pytest.raises(ValueError, match="not fitted"):
        NetworkRegressor().explain_row(X)


def test_a_program_reads_words_and_flags_as_the_model_does(tmp_path: Path) -> None:
    said = ["x", "z,\"q'", "it's", "NA", "貓"]
    frame = pd.DataFrame(
        {"w": [said[k % 5] for k in range(ROWS)], "flag": WHOLE > 1, "x": X[:, 0], "y": X[:, 1]}
    )
    model = fitted(frame)
    model.save(tmp_path / "model.safetensors")
    assert (
        main(["export", str(tmp_path / "model.safetensors"), "-o", str(tmp_path / "told.py")]) == 0
    )
    told = importlib.util.spec_from_file_location("told", tmp_path / "told.py")
    assert told is not None
    assert told.loader is not None
    program = importlib.util.module_from_spec(told)
    told.loader.exec_module(program)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with (tmp_path / "rows.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_allclose(program.predict(rows)[:, 0], model.predict(frame), atol=1e-5)
    # A file spells flags as words.
    spelled = frame.astype({"flag": str})
    np.testing.assert_array_equal(model.predict(spelled), model.predict(frame))


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_sentence_without_fields_shows_no_doubled_braces(language: str) -> None:
    # It is not formatted, so that what stands there is what people read.
    for key, sentence in messages.table(language, "errors").items():
        if "{" not in sentence.replace("{{", ""):
            assert "{{" not in sentence, key
