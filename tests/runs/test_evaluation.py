"""Metrics beside scikit-learn's, with weights and ties; intervals that hold what they say."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as theirs

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.base.messages import LANGUAGES, display_width
from clearprop.runs.bootstrap import Estimate, draws_for, estimates
from clearprop.runs.evaluation import Groups, evaluate
from clearprop.runs.weighted_metrics import (
    CALIBRATION_BINS,
    class_measures,
    interval_measures,
    label_measures,
    number_measures,
)


def weights(kind: str, rows: int) -> Array:
    rng = np.random.default_rng(1)
    if kind == "counts":
        return rng.integers(0, 3, rows).astype(float)
    return np.ones(rows) if kind == "ones" else rng.uniform(0.1, 4, rows)


@pytest.mark.parametrize("kind", ["ones", "counts", "shares"])
def test_numbers_as_scikit_learn_has_them(kind: str) -> None:
    rng = np.random.default_rng(0)
    truth = 1e4 + rng.normal(size=201)
    said, w = truth + rng.normal(0.3, 1, 201), weights(kind, 201)
    found = number_measures(truth, said)(w[None])
    expected = {
        "r2": theirs.r2_score(truth, said, sample_weight=w),
        "rmse": theirs.root_mean_squared_error(truth, said, sample_weight=w),
        "mae": theirs.mean_absolute_error(truth, said, sample_weight=w),
        "bias": np.average(said - truth, weights=w),
        "correlation": np.cov(truth, said, aweights=w)[0, 1]
        / np.sqrt(np.prod(np.diag(np.cov(truth, said, aweights=w)))),
    }
    if kind != "shares":
        expected["median_error"] = np.median(np.repeat(np.abs(said - truth), w.astype(int)))
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, rel=1e-9), name


# Of many classes the areas are from pairs of rows, of few from sorted ones.
@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("kind", ["ones", "counts", "shares"])
def test_classes_as_scikit_learn_has_them(kind: str, classes: int) -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, classes, 160)
    # Rounded, so that many scores are equal.
    said = rng.dirichlet(np.ones(classes), 160).round(1) + 0.01
    said[np.arange(160), truth] += 0.2
    said /= said.sum(axis=1, keepdims=True)
    w, likeliest, every = weights(kind, 160), said.argmax(axis=1), list(range(classes))
    found = class_measures(truth, said)(w[None])
    scores = said[:, 1] if classes == 2 else said
    ids = truth if classes == 2 else np.eye(classes)[truth]
    expected = {
        "accuracy": theirs.accuracy_score(truth, likeliest, sample_weight=w),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, likeliest, sample_weight=w),
        "log_loss": theirs.log_loss(truth, said, sample_weight=w, labels=every),
        "brier": theirs.brier_score_loss(truth, scores, sample_weight=w, labels=every),
        "roc_auc": theirs.roc_auc_score(truth, scores, sample_weight=w, multi_class="ovr"),
        "average_precision": theirs.average_precision_score(ids, scores, sample_weight=w),
        "f1_macro": theirs.f1_score(truth, likeliest, sample_weight=w, average="macro"),
        "matthews": theirs.matthews_corrcoef(truth, likeliest, sample_weight=w),
        "calibration_error": calibration_error(
            said.max(axis=1), (likeliest == truth).astype(float), w
        ),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, rel=1e-9), name


def calibration_error(confidence: Array, right: Array, w: Array) -> float:
    total = 0.0
    for low in np.arange(CALIBRATION_BINS):
        inside = (confidence * CALIBRATION_BINS).astype(int) == low
        if w[inside].any():
            total += w[inside].sum() * abs(
                np.average(right[inside], weights=w[inside])
                - np.average(confidence[inside], weights=w[inside])
            )
    return total / float(w.sum())


@pytest.mark.parametrize("kind", ["ones", "counts", "shares"])
def test_labels_as_scikit_learn_has_them(kind: str) -> None:
    rng = np.random.default_rng(3)
    said = rng.uniform(size=(150, 3)).round(2)
    truth = (rng.uniform(size=(150, 3)) < said).astype(int)
    w, chosen = weights(kind, 150), said > 0.5
    found = label_measures(truth, said)(w[None])
    losses = [
        theirs.log_loss(truth[:, k], said[:, k], sample_weight=w, labels=[0, 1]) for k in range(3)
    ]
    squares = [theirs.brier_score_loss(truth[:, k], said[:, k], sample_weight=w) for k in range(3)]
    expected = {
        "exact_match": theirs.accuracy_score(truth, chosen, sample_weight=w),
        "hamming_loss": theirs.hamming_loss(truth, chosen, sample_weight=w),
        "log_loss": np.mean(losses),
        "brier": np.mean(squares),
        "roc_auc": theirs.roc_auc_score(truth, said, sample_weight=w),
        "average_precision": theirs.average_precision_score(truth, said, sample_weight=w),
        "f1_macro": theirs.f1_score(truth, chosen, sample_weight=w, average="macro"),
        "calibration_error": calibration_error(said.ravel(), truth.ravel(), np.repeat(w, 3)),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, rel=1e-9), name


def test_a_weight_is_so_many_rows() -> None:
    rng = np.random.default_rng(4)
    truth, said, w = rng.normal(size=40), rng.normal(size=40), rng.integers(0, 4, 40)
    weighed = number_measures(truth, said)(w[None].astype(float))
    repeated = number_measures(np.repeat(truth, w), np.repeat(said, w))(np.ones((1, w.sum())))
    for name, values in weighed.items():
        assert values[0] == pytest.approx(repeated[name][0], rel=1e-9), name


def test_what_is_not_defined_is_none() -> None:
    alone = estimates(class_measures(np.zeros(9, int), np.full((9, 2), 0.5)), np.ones(9))
    assert alone["roc_auc"] == Estimate(None, None, None)
    assert alone["accuracy"].value == 1
    constant = estimates(number_measures(np.full(9, 3.0), np.arange(9.0)), np.ones(9))
    assert constant["r2"].value is None
    one = estimates(number_measures(np.ones(1), np.zeros(1)), np.ones(1))
    assert one["rmse"] == Estimate(1.0, None, None)


def test_intervals_hold_what_they_say() -> None:
    rng = np.random.default_rng(5)
    truths, held = {"rmse": 1.0, "median_error": 0.6745, "bias": 0.0}, Counter[str]()
    for _ in range(60):
        values = rng.normal(size=60)
        found = estimates(number_measures(values, values * 0), np.ones(60), level=0.9)
        for name, truth in truths.items():
            _, low, high = found[name]
            assert low is not None
            assert high is not None
            held[name] += low <= truth <= high
    # Of 60 at 90 %: 54, and 2.3 more or less.
    assert all(47 <= held[name] <= 60 for name in truths), held


def test_the_same_rows_give_the_same_intervals_and_another_seed_others() -> None:
    rng = np.random.default_rng(6)
    measures = number_measures(rng.normal(size=50), rng.normal(size=50))
    assert estimates(measures, np.ones(50)) == estimates(measures, np.ones(50))
    assert estimates(measures, np.ones(50)) != estimates(measures, np.ones(50), seed=1)
    assert (draws_for(100), draws_for(10**7)) == (1000, 100)
    assert (draws_for(500, 150), draws_for(10_000, 10), draws_for(10_000, 50)) == (666, 500, 100)


def test_bounds_are_counted() -> None:
    found = interval_measures(np.array([1.0, 2, 3]), np.zeros(3), np.full(3, 2.0))(np.ones((1, 3)))
    assert found["coverage"][0] == pytest.approx(2 / 3)
    assert found["width"][0] == 2


def judged(task: str, **options: Any) -> Any:
    rng = np.random.default_rng(7)
    truth: Array
    if task == "regression":
        truth = rng.normal(size=(60, 2))
        return evaluate(task, truth, truth * 0.9, columns=("price", "重量"), **options)
    if task == "classification":
        truth = rng.integers(0, 3, 60)
        said = np.eye(3)[truth] * 0.4 + 0.2
        return evaluate(task, truth, said, columns=("kind",), **options)
    truth = rng.integers(0, 2, (60, 2))
    return evaluate(task, truth, truth * 0.6 + 0.2, columns=("a", "b"), **options)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("task", ["regression", "classification", "multilabel"])
def test_in_words_and_as_json(task: str, language: str) -> None:
    groups = Groups(np.array(["台北", "Tainan"] * 30), ("台北", "Tainan", "nobody"))
    found = judged(task, groups=groups, group="city", weight=np.arange(60.0))
    assert [one.target for one in found.targets] == {
        "regression": ["price", "重量"],
        "classification": ["kind"],
        "multilabel": ["a, b"],
    }[task]
    assert [one.group for one in found.targets[0].groups] == ["台北", "Tainan"]
    text = found.text(language)
    assert "台北" in text
    assert {"en": "the best constant", "zh-TW": "最好的常數"}[language] in text
    narrow = found.text(language, 40).splitlines()
    assert [line for line in narrow if display_width(line) > 40] == []
    document = json.loads(found.to_json())
    assert document["targets"][0]["metrics"][0]["value"] == found.targets[0].metrics[0].value


def test_the_baseline_is_the_best_constant() -> None:
    (price, _) = judged("regression").targets
    metrics = {one.name: one for one in price.metrics}
    assert metrics["r2"].baseline == pytest.approx(0)
    assert metrics["bias"].baseline == pytest.approx(0)
    truth = np.random.default_rng(7).normal(size=(60, 2))[:, 0]
    assert metrics["r2"].value == pytest.approx(1 - 0.01 * (truth**2).mean() / truth.var())
    (kind,) = judged("classification").targets
    shares = np.bincount(np.random.default_rng(7).integers(0, 3, 60)) / 60
    log_loss = {one.name: one for one in kind.metrics}["log_loss"]
    assert log_loss.baseline == pytest.approx(-(shares * np.log(shares)).sum())
    with pytest.raises(DataError, match="No row"):
        evaluate("regression", np.zeros((0, 1)), np.zeros((0, 1)), columns=("y",))
