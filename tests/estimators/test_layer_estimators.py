"""A network of one's own as an estimator: sequences, ids and what stands beside them."""

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from clearprop import (
    GRU,
    LSTM,
    Embedding,
    Linear,
    MultiheadAttention,
    Network,
    ReLU,
    Sequential,
    TimeStep,
    fit,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError, DataError, ShapeError
from clearprop.engine.layers.layer import Layer
from clearprop.engine.optimizers import Adam
from clearprop.estimators import LayerClassifier, LayerRegressor
from clearprop.training import DivergenceWarning

LAST = Sequential(GRU(2, 8), TimeStep(), Linear(8, 2))


@dataclass(frozen=True)
class Small:
    """Makes a network for any rows; workers name the tests by it alike, as of no function."""

    hidden: int = 32

    def __call__(self, shape: tuple[int, ...], outputs: int) -> Layer:
        hidden = self.hidden
        return Sequential(Linear(shape[-1], hidden), ReLU(), Linear(hidden, outputs))


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        LayerClassifier(Small(), learning_rate_init=0.01, dtype="float64"),
        LayerRegressor(Small(), learning_rate_init=0.05, dtype="float64"),
    ]
)
def test_what_scikit_learn_asks_of_every_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def sequences(samples: int = 80, seed: int = 0) -> tuple[Array, Array, Array]:
    """Sequences whose class is told by the sign at their own last time; NaN behind it."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(samples, 5, 2))
    lengths = generator.integers(1, 6, samples)
    y = np.where(x[np.arange(samples), lengths - 1, 0] > 0, "up", "down")
    x[np.arange(5) >= lengths[:, None]] = np.nan
    return x, lengths, y


def test_sequences_of_different_lengths_are_learned_and_told() -> None:
    x, lengths, y = sequences()
    model = LayerClassifier(LAST, learning_rate_init=0.03, max_iter=40, random_state=0)
    assert model.fit(x, y, lengths=lengths).score(x, y, lengths=lengths) > 0.95
    shares = model.predict_proba(x, lengths=lengths)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    expected = model.classes_[shares.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(x, lengths=lengths), expected)
    # Other sizes of a batch of sequences are no other columns.
    longer = np.concatenate([x, x[:, :1]], axis=1)
    np.testing.assert_array_equal(model.predict(longer, lengths=lengths), expected)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(x, lengths=lengths), expected)


def test_it_is_the_training_of_fit() -> None:
    x, lengths, y = sequences()
    x = np.nan_to_num(x)
    model = LayerClassifier(LAST, max_iter=3, batch_size=30, random_state=4, dtype="float64")
    model.fit(x, y, lengths=lengths)
    network = Network(LAST)
    same = fit(
        network,
        network.initialize(4),
        x,
        (y == "up").astype(int),
        loss="cross_entropy",
        optimizer=Adam(),
        epochs=3,
        batch_size=30,
        side_inputs={"lengths": lengths},
        seed=4,
    )
    np.testing.assert_array_equal(model.params_, same.params)


def test_a_grid_search_slices_what_stands_beside_the_samples() -> None:
    x, lengths, y = sequences()
    with config_context(enable_metadata_routing=True):
        model = LayerClassifier(LAST, max_iter=8, random_state=0)
        model.set_fit_request(lengths=True).set_score_request(lengths=True)
        search = GridSearchCV(model, {"learning_rate_init": [1e-5, 0.03]}, cv=3)
        search.fit(x, y, lengths=lengths)
        assert search.best_params_ == {"learning_rate_init": 0.03}
        assert search.best_estimator_.score(x, y, lengths=lengths) > 0.7
        scores = cross_val_score(model, x, y, cv=3, params={"lengths": lengths})
    # Without the lengths of its own rows no fold would know where a sequence ends.
    assert scores.min() > 0.4


def test_a_class_for_every_position_counts_where_there_is_one() -> None:
    generator = np.random.default_rng(1)
    ids, lengths = generator.integers(6, size=(60, 4)), generator.integers(1, 5, 60)
    padding = np.arange(4) >= lengths[:, None]
    y = np.where(padding, -1, ids % 3)
    layers = Sequential(Embedding(6, 8), MultiheadAttention(8, 2), Linear(8, 3))
    model = LayerClassifier(layers, learning_rate_init=0.02, max_iter=40, random_state=0)
    later = ~np.tri(4, dtype=bool)
    beside: dict[str, Any] = {"key_padding_mask": padding, "attn_mask": later}
    model.fit(ids, y, **beside)
    assert model.classes_.tolist() == [0, 1, 2]
    said = model.predict(ids, **beside)
    assert model.score(ids, y, **beside) == (said == y)[~padding].mean() > 0.95
    own = {"layers[1].attn_mask": later}
    by_name = model.predict(ids, side_inputs=own, key_padding_mask=padding)
    np.testing.assert_array_equal(by_name, said)
    weight = np.arange(60.0)
    weighed = ((said == y) * weight[:, None])[~padding].sum() / (~padding * weight[:, None]).sum()
    assert model.score(ids, y, weight, **beside) == pytest.approx(weighed)
    with pytest.raises(DataError, match="whole numbers, and X has others"):
        model.predict(ids + 0.5, **beside)


def test_held_out_sequences_have_their_own_lengths() -> None:
    x, lengths, y = sequences(120)
    told: list[float] = []
    model = LayerClassifier(
        LAST,
        learning_rate_init=0.05,
        max_iter=60,
        n_iter_no_change=3,
        validation_fraction=0.25,
        callbacks=[lambda epoch: told.append(epoch.validation_loss)],
        random_state=0,
    ).fit(x, y, lengths=lengths)
    assert model.n_iter_ == len(told) < 60
    np.testing.assert_allclose(np.array(model.validation_scores_), np.negative(told))
    # Four epochs behind the best one it ended, and that one is what is kept.
    assert int(np.argmin(told)) <= len(told) - 4
    other = sequences(30, seed=9)
    judged = LayerClassifier(LAST, max_iter=2, random_state=0).fit(
        x, y, lengths=lengths, validation_set=(other[0], other[2], {"lengths": other[1]})
    )
    output = judged.predict_proba(other[0], lengths=other[1])
    ids = (other[2] == "up").astype(int)
    loss = -np.log(output[np.arange(30), ids]).mean()
    assert judged.validation_scores_ is not None
    assert -max(judged.validation_scores_) == pytest.approx(loss, rel=1e-5)


def test_partial_fit_goes_on_beside_lengths() -> None:
    x, lengths, y = sequences()
    whole = LayerClassifier(LAST, max_iter=2, batch_size=80, random_state=0)
    whole.fit(x, y, lengths=lengths)
    parts = LayerClassifier(LAST, batch_size=80, random_state=0)
    for _ in range(2):
        parts.partial_fit(x, y, classes=["up", "down"], lengths=lengths)
    np.testing.assert_allclose(parts.params_, whole.params_, rtol=1e-6)
    assert parts.n_iter_ == 2
    with pytest.raises(DataError, match="The class 'left'"):
        parts.partial_fit(x, np.where(y == "up", "left", y), lengths=lengths)


def test_numbers_of_sequences_and_of_every_time() -> None:
    generator = np.random.default_rng(2)
    x, lengths = generator.normal(size=(90, 4, 2)), generator.integers(1, 5, 90)
    y = np.array([one[:length, 0].sum() for one, length in zip(x, lengths, strict=True)])
    layers = Sequential(LSTM(2, 12), TimeStep(), Linear(12, 1))
    model = LayerRegressor(layers, learning_rate_init=0.03, max_iter=60, random_state=0)
    model.fit(x, y, lengths=lengths)
    assert model.predict(x, lengths=lengths).shape == (90,)
    assert model.score(x, y, lengths=lengths) > 0.9
    times = Sequential(GRU(2, 3), Linear(3, 2))
    every = LayerRegressor(times, max_iter=1, random_state=0).fit(x, x)
    assert every.predict(x).shape == x.shape
    with pytest.raises(DataError, match="can be left out of the cross-entropy"):
        every.fit(x, x, lengths=lengths)


def test_two_classes_take_one_output_or_two() -> None:
    x = np.random.default_rng(3).normal(size=(50, 3))
    y = x[:, 0] > 0
    one = LayerClassifier(Linear(3, 1), learning_rate_init=0.1, random_state=0).fit(x, y)
    assert one.predict_proba(x).shape == (50, 2)
    assert one.score(x, y) > 0.95


def test_what_does_not_fit_is_one_sentence() -> None:
    x, lengths, y = sequences(12)
    x = np.nan_to_num(x)
    three = np.arange(12) % 3
    with pytest.raises(DataError, match="puts out 2 numbers, and y asks for 3"):
        LayerClassifier(LAST).fit(x, three)
    with pytest.raises(ContractError, match="'lengths' must be an array"):
        LayerClassifier(LAST).fit(x, y, side_inputs={"lengths": "long"})
    with pytest.raises(ShapeError, match="each of the 12 samples"):
        LayerClassifier(LAST).fit(x, y, lengths=lengths[:5])
    with pytest.raises(ShapeError, match="a length is at most that"):
        LayerClassifier(LAST).fit(x, y, lengths=lengths + 9)
    with pytest.raises(ValueError, match="contains NaN"):
        LayerClassifier(LAST).fit(x + np.nan, y, lengths=lengths)
    with pytest.raises(ConfigurationError, match="a share of the 12 samples"):
        LayerClassifier(LAST, validation_fraction=1.5).fit(x, y)
    with pytest.raises(ContractError, match="Linear"):
        LayerClassifier(Linear).fit(x, y)
    with pytest.raises(DataError, match="pad them to one length"):
        LayerClassifier(LAST).fit([one[:n].tolist() for one, n in zip(x, lengths, strict=True)], y)


def test_a_training_that_runs_away_keeps_what_was_good() -> None:
    x = np.random.default_rng(5).normal(size=(20, 2))
    model = LayerRegressor(Linear(2, 2), solver="sgd", learning_rate_init=0.1, random_state=0)
    with pytest.raises(DataError, match="learning rate"):
        model.set_params(learning_rate_init=1e30).fit(x, x)
    model.set_params(learning_rate_init=30.0, max_iter=200)
    with pytest.warns(DivergenceWarning, match="learning rate"):
        model.fit(x, x)
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.predict(x)).all()
