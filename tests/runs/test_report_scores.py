"""The scores of a report: simple models beside it, parts of the rows, and rows judged by folds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from clearprop.base.arrays import Array
from clearprop.estimators import NetworkClassifier, NetworkRegressor
from clearprop.estimators.table_targets import ClassTarget, LabelTarget, number_target
from clearprop.runs.report.error_breakdown import errors_by_group, errors_by_time, row_errors
from clearprop.runs.report.judged_rows import judged_rows, learned_rows
from clearprop.runs.report.model_scores import model_scores
from clearprop.runs.report.simple_models import LearningRows, SimpleModels, simple_models
from tests.runs.judged_tables import QUICK, RANDOM, ROWS, X, Y, rows_of

# Simple models


def test_simple_models_of_numbers() -> None:
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    target = number_target(Y[:, None], ("y",))
    weight = RANDOM.random(ROWS) + 0.5
    found = simple_models(target, LearningRows(X, Y[:, None], weight), X[:7])
    scaler = StandardScaler().fit(X, sample_weight=weight)
    ridge = RidgeCV(alphas=[10.0**k for k in range(-3, 5)])
    ridge.fit(scaler.transform(X), Y, sample_weight=weight)
    assert found.linear[:, 0] == pytest.approx(ridge.predict(scaler.transform(X[:7])))
    assert found.constant[:, 0] == pytest.approx(np.average(Y, weights=weight))
    assert found.converged


def test_simple_models_of_classes_and_labels() -> None:
    ids = np.arange(60) % 3
    x = np.eye(3)[ids]
    rows = LearningRows(x, ids, np.ones(60))
    found = simple_models(ClassTarget("c", ("a", "b", "c", "never")), rows, x)
    assert found.constant[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert (found.linear.argmax(axis=1) == ids).all()
    assert found.linear.sum(axis=1) == pytest.approx(1)
    labels = np.column_stack([ids == 0, np.ones(60)]).astype(int)
    found = simple_models(LabelTarget(("zero", "always")), LearningRows(x, labels, np.ones(60)), x)
    assert found.constant[0] == pytest.approx([1 / 3, 1])
    assert ((found.linear[:, 0] > 0.5) == (ids == 0)).all()
    assert found.linear[:, 1] == pytest.approx(1)


def test_each_fold_is_predicted_by_the_others() -> None:
    # The folds' means are 0 and 10: each is predicted by the mean of the other one.
    truth = np.repeat([0.0, 10.0], 10)[:, None]
    rows = LearningRows(np.zeros((20, 1)), truth, np.ones(20))
    target = number_target(truth, ("y",))
    found = simple_models(target, rows, rows.features, np.repeat([0, 1], 10))
    assert found.constant[:, 0].tolist() == [10.0] * 10 + [0.0] * 10
    assert found.linear[:, 0] == pytest.approx(found.constant[:, 0])


# Scores


def test_which_model_is_better_is_told_by_the_difference() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(300, 1))
    noise = generator.normal(size=(300, 1))
    target, weight = number_target(truth, ("y",)), np.ones(300)
    constant = np.zeros((300, 1))

    def verdict(network: Array, linear: Array) -> str:
        (scores,) = model_scores(
            target, truth, weight, network, SimpleModels(linear, constant, True)
        )
        return scores.verdict

    # The errors go together: intervals of 0.5 and 0.48 overlap, that of the difference has no 0.
    assert verdict(truth + 0.48 * noise, truth + 0.5 * noise) == "better"
    assert verdict(truth + 0.5 * noise, truth + 0.48 * noise) == "worse"
    assert verdict(truth + 0.5 * noise, truth + 0.5 * noise[::-1]) == "open"


def test_the_scores_of_each_model_stand_in_its_own_column() -> None:
    truth = np.array([[0.0], [2.0], [4.0]])
    said = SimpleModels(truth + 1, np.full((3, 1), 2.0), True)
    target = number_target(truth, ("y",))
    (scores,) = model_scores(target, truth, np.ones(3), truth, said)
    first = scores.rows[0]
    assert first.metric == "rmse"
    values = [first.network.value, first.linear.value, first.constant.value]
    assert values == pytest.approx([0, 1, (8 / 3) ** 0.5])


# Parts of the rows


def test_errors_by_group_by_hand() -> None:
    truth = np.zeros((5, 1))
    said = np.array([[3.0], [-3.0], [1.0], [1.0], [7.0]])
    errors = row_errors(number_target(truth, ("y",)), truth, said, np.ones(5))
    found = errors_by_group(errors, np.array(["a", "a", "b", "b", "b"]))
    assert [(one.group, one.rows) for one in found.groups] == [("b", 3), ("a", 2)]
    assert [one.error.value for one in found.groups] == pytest.approx([17**0.5, 3])
    assert (found.others, found.rest) == (0, None)


def test_small_groups_are_told_together() -> None:
    truth = np.zeros(60, int)
    said = np.tile([1.0, 0.0], (60, 1))
    errors = row_errors(ClassTarget("c", ("a", "b")), truth, said, np.ones(60))
    found = errors_by_group(errors, np.array([f"g{k % 30}" for k in range(60)]))
    assert (len(found.groups), found.others) == (20, 10)
    assert found.rest is not None
    assert (found.rest.rows, found.rest.error.value) == (20, 0)


def test_errors_of_several_numbers_and_of_labels() -> None:
    truth = np.array([[0.0, 0.0], [2.0, 200.0]])
    target = number_target(truth, ("a", "b"))
    # Each is off by one deviation of its own (1 and 100).
    errors = row_errors(target, truth, truth + np.array([1.0, 100.0]), np.ones(2))
    assert errors.metric == "rmse_deviations"
    assert errors.estimate(np.arange(2)).value == pytest.approx(1)
    said = np.array([[0.9, 0.9], [0.1, 0.9]])
    labels = row_errors(LabelTarget(("a", "b")), np.ones((2, 2)), said, np.array([1.0, 3.0]))
    # A quarter of the weight has no wrong label, three quarters have one of two.
    assert labels.estimate(np.arange(2)).value == pytest.approx(0.375)


def test_rows_of_one_moment_stay_together() -> None:
    truth = np.zeros((40, 1))
    errors = row_errors(number_target(truth, ("y",)), truth, truth, np.ones(40))
    found = errors_by_time(errors, np.r_[np.zeros(25), np.arange(15) + 1.0])
    assert sum(one.rows for one in found) == 40
    assert (found[0].first, found[0].last, found[0].rows) == (0, 0, 25)
    assert all(a.last < b.first for a, b in pairwise(found))


# Judged rows


def test_with_folds_each_row_is_asked_of_the_network_that_never_saw_it() -> None:
    model = NetworkRegressor(n_networks=3, **QUICK).fit(X, Y)
    data = rows_of(X, Y[:, None])
    judged = judged_rows(model, data, None)
    assert judged.judging == "folds"
    assert len(np.unique(judged.data.rows)) == len(judged) == 3 * (ROWS // 3)
    assert judged.owner is not None
    said = judged.predict(judged.features)
    for row in (0, 70, 180):
        member = judged.owner[row]
        assert judged.data.rows[row] in model.learned_.parts[member]
        alone = model.learned_.members(judged.features[[row]])[member, 0]
        assert said[row] == pytest.approx(alone, rel=1e-5)
    assert len(learned_rows(model.learned_, data)) == ROWS


def test_one_part_that_all_hold_out_is_not_learned_from() -> None:
    model = NetworkRegressor(n_networks=2, validation="share", **QUICK).fit(X, Y)
    data = rows_of(X, Y[:, None])
    judged = judged_rows(model, data, None)
    learned = learned_rows(model.learned_, data)
    assert (judged.judging, judged.owner) == ("held_out", None)
    assert not set(judged.data.rows) & set(learned.rows)
    assert len(judged) + len(learned) == ROWS


def test_rows_of_a_class_that_is_unknown_are_left_out_and_counted() -> None:
    classes = np.where(Y > 0, "up", "down")
    model = NetworkClassifier(n_networks=1, validation="none", **QUICK).fit(X, classes)
    training = rows_of(X, classes, "classification")
    assert judged_rows(model, training, None).judging == "training"
    new = replace(training, truth=np.where(X[:, 1] == 3, "sideways", classes))
    judged = judged_rows(model, training, new)
    assert judged.unseen == (X[:, 1] == 3).sum()
    assert len(judged) == judged.total == ROWS - judged.unseen
    assert set(judged.truth) == {0, 1}
