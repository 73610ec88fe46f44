"""The numbers of a report: worked out by hand, and beside scikit-learn's."""

import numpy as np
import pytest

from clearprop.base.arrays import Array
from clearprop.data.preparation import NumberInput, prepare
from clearprop.data.table import Column, Table
from clearprop.estimators import NetworkRegressor
from clearprop.estimators.intervals import Bounds
from clearprop.runs.report.column_dependence import column_dependence, grid_of
from clearprop.runs.report.column_importance import column_blocks, column_importances
from clearprop.runs.report.reliability import interval_coverage, reliability, wilson
from clearprop.runs.report.threshold_curves import threshold_curves
from tests.runs.judged_tables import QUICK, X, Y, rows_of

# Importance


def test_importance_of_a_model_that_reads_one_column() -> None:
    # Said is the first column, and so is the truth: the error grows from 0 to the mean of
    # (x[i] − x[shuffled i])², which is 2 · variance on average; the second column does nothing.
    features = np.column_stack([np.arange(400.0) % 2, np.arange(400.0)])
    truth = features[:, 0]
    found = column_importances(
        lambda x: x[:, :1],
        features,
        {"used": slice(0, 1), "unused": slice(1, 2)},
        lambda said: float(np.mean((said[:, 0] - truth) ** 2)),
        repeats=20,
    )
    used, unused = found
    assert (used.column, used.repeats) == ("used", 20)
    assert used.mean == pytest.approx(0.5, abs=0.02)
    assert 0 < used.spread < 0.05
    assert (unused.mean, unused.spread) == (0, 0)


def test_the_features_of_a_column_are_shuffled_together() -> None:
    # One-hot words: a row with two words, or with none, would be one that no table has.
    features = np.eye(2)[np.arange(100) % 2]

    def predict(x: Array) -> Array:
        assert (x.sum(axis=1) == 1).all()
        return x[:, :1]

    column_importances(predict, features, {"word": slice(0, 2)}, lambda said: 0.0)


def test_importance_beside_scikit_learns() -> None:
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score

    model = NetworkRegressor(n_networks=2, **QUICK).fit(X, Y)
    theirs = permutation_importance(model, X, Y, scoring="r2", n_repeats=40, random_state=0)
    features = model.preparation_.matrix(rows_of(X, Y[:, None]).inputs)
    ours = column_importances(
        model.learned_.mean,
        features,
        column_blocks(model.preparation_),
        lambda said: 1 - r2_score(Y, said[:, 0]),
        repeats=40,
    )
    for one in ours:
        column = int(one.column[1:])
        mean, spread = theirs.importances_mean[column], theirs.importances_std[column]
        assert one.mean == pytest.approx(mean, abs=4 * spread / 40**0.5 + 1e-3)
        assert one.spread == pytest.approx(spread, rel=0.5, abs=1e-3)


def test_of_very_many_columns_the_unimportant_ones_are_shuffled_once() -> None:
    features = np.random.default_rng(0).normal(size=(50, 40))
    blocks = {f"x{k}": slice(k, k + 1) for k in range(40)}
    found = column_importances(
        lambda x: x[:, 5:6],
        features,
        blocks,
        lambda said: float(np.mean((said - features[:, 5:6]) ** 2)),
    )
    assert found[0].column == "x5"
    assert sorted({one.repeats for one in found}) == [1, 5]
    assert all(np.isnan(one.spread) for one in found if one.repeats == 1)


# Dependence


def test_dependence_by_hand() -> None:
    # f(x, word) = 2 x + [word is b]: at x it is 2 x + the share of b, at a word 2 · mean x + [b].
    x, words = np.array([0.0, 1.0, 2.0, 5.0]), np.array(["a", "b", "b", "b"], object)
    table = Table((Column("x", "number", x), Column("word", "category", words)))
    prepared = prepare(table)
    number, word = prepared.inputs
    assert isinstance(number, NumberInput)
    features, blocks = prepared.matrix(table), column_blocks(prepared)

    def predict(f: Array) -> Array:
        return (2 * (f[:, 0] / number.factor + number.centre) + f[:, 2])[:, None]

    along = column_dependence(predict, features, blocks["x"], number, table["x"])
    assert along is not None
    assert along.values.tolist() == [0, 1, 2, 5]
    assert along.mean[:, 0] == pytest.approx([0.75, 2.75, 4.75, 10.75])
    assert along.counts.tolist() == [1, 1, 1, 0, 0, 1]
    at = column_dependence(predict, features, blocks["word"], word, table["word"])
    assert at is not None
    assert at.words == ("a", "b")
    assert at.mean[:, 0] == pytest.approx([4, 5])
    assert at.counts.tolist() == [1, 3]


def test_dependence_beside_scikit_learns() -> None:
    from sklearn.inspection import partial_dependence

    model = NetworkRegressor(n_networks=2, **QUICK).fit(X, Y)
    data = rows_of(X, Y[:, None])
    theirs = partial_dependence(model, X, [1], method="brute", kind="average", grid_resolution=50)
    ours = column_dependence(
        model.learned_.mean,
        model.preparation_.matrix(data.inputs),
        column_blocks(model.preparation_)["x1"],
        model.preparation_.inputs[1],
        data.inputs["x1"],
    )
    assert ours is not None
    assert ours.values == pytest.approx(theirs["grid_values"][0])
    assert ours.mean[:, 0] == pytest.approx(theirs["average"][0], rel=1e-5)


def test_dates_and_missing_values_have_curves_too() -> None:
    days = np.array(["2024-01-01", "2024-01-02", "NaT", "2024-03-01"], "datetime64[us]")
    words = np.array(["a", None, "a", None], object)
    table = Table((Column("day", "date", days), Column("word", "category", words)))
    prepared = prepare(table)
    features, blocks = prepared.matrix(table), column_blocks(prepared)
    day, word = (
        column_dependence(lambda f: f[:, :1], features, blocks[name], one, table[name])
        for name, one in zip(("day", "word"), prepared.inputs, strict=True)
    )
    assert day is not None
    assert word is not None
    assert day.kind == "date"
    assert day.values.tolist() == [19723, 19724, 19783]
    assert (np.diff(day.mean[:, 0]) > 0).all()
    assert (word.words, word.counts.tolist()) == (("", "a"), [2, 2])


def test_a_column_of_one_value_has_no_curve() -> None:
    table = Table((Column("x", "number", np.ones(5)),))
    prepared = prepare(table)
    features = prepared.matrix(table)
    found = column_dependence(lambda f: f, features, slice(0, 1), prepared.inputs[0], table["x"])
    assert found is None


def test_a_grid_of_many_values_leaves_out_the_extremes() -> None:
    grid = grid_of(np.arange(1001.0), 11)
    assert (grid[0], grid[-1], len(grid)) == (10, 990, 11)


# Reliability


def test_reliability_by_hand() -> None:
    said = np.repeat([0.2, 0.9], 10)
    truth = np.r_[np.arange(10) < 3, np.arange(10) < 8]
    low, high = reliability(said, truth, bins=2)
    assert (low.said, low.seen, low.rows) == pytest.approx((0.2, 0.3, 10))
    assert (high.said, high.seen, high.rows) == pytest.approx((0.9, 0.8, 10))
    # A row of weight 0 is not there.
    (only,) = reliability(said, truth, np.r_[np.ones(10), np.zeros(10)], bins=1)
    assert (only.said, only.seen) == pytest.approx((0.2, 0.3))


def test_wilsons_interval() -> None:
    # (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n) with p = 0.8, n = 10, z = 1.96.
    assert wilson(0.8, 10) == pytest.approx((0.4901, 0.9433), abs=1e-4)
    assert wilson(0.0, 10)[0] == 0
    assert wilson(1.0, 10)[1] == pytest.approx(1)


def test_intervals_hold_what_they_say_on_rows_that_they_did_not_learn_from() -> None:
    generator = np.random.default_rng(1)
    said = generator.normal(size=(2000, 2))
    truth = said + generator.normal(size=(2000, 2)) * (1 + said**2)
    bounds = Bounds(said, said, said, np.zeros_like(said))
    for column in interval_coverage(bounds, truth):
        assert [one.level for one in column] == [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
        for one in column:
            assert one.covered == pytest.approx(one.level, abs=0.03)
            assert one.low < one.covered < one.high
        assert (np.diff([one.width for one in column]) > 0).all()


def test_levels_that_few_rows_cannot_tell_are_left_out() -> None:
    said = np.zeros((20, 1))
    truth = np.random.default_rng(0).normal(size=(20, 1))
    (column,) = interval_coverage(Bounds(said, said, said, said), truth)
    assert [one.level for one in column] == [0.5, 0.6, 0.7, 0.8, 0.9]


# Thresholds


def test_threshold_curves_beside_scikit_learns() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    generator = np.random.default_rng(0)
    truth = generator.random(150) < 0.3
    said = np.round(np.clip(generator.random(150) * 0.6 + 0.3 * truth, 0, 1), 2)
    weight = generator.random(150)
    found = threshold_curves("yes", said, truth, weight)
    assert found is not None
    false, true, _ = roc_curve(truth, said, sample_weight=weight, drop_intermediate=False)
    assert found.false_alarms == pytest.approx(false)
    assert found.recall == pytest.approx(true)
    assert found.roc_auc == pytest.approx(roc_auc_score(truth, said, sample_weight=weight))
    average = average_precision_score(truth, said, sample_weight=weight)
    assert found.average_precision == pytest.approx(average)
    assert found.precision[-1] == pytest.approx(found.share)


def test_a_threshold_by_hand() -> None:
    said = np.array([0.9, 0.6, 0.4, 0.1])
    found = threshold_curves("yes", said, np.array([True, False, True, False]), np.ones(4))
    assert found is not None
    half = found.points[4]
    assert half == (0.5, 0.5, 0.5, 0.5)
    # Nothing is called positive there.
    assert np.isnan(threshold_curves("no", said / 2, said > 0.5, np.ones(4)).points[8].precision)  # type: ignore[union-attr]


def test_what_never_differs_has_no_curve() -> None:
    assert threshold_curves("yes", np.ones(5), np.ones(5, bool), np.ones(5)) is None
