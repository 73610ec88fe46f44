"""Members: folds, held-out rows that are never learned from, and everyone's own best epoch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import MSE, SGD, Linear, Network
from clearprop.base.errors import DataError
from clearprop.engine.layers.activations import ReLU, Tanh
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.smooth_activations import SiLU
from clearprop.estimators import NetworkClassifier, NetworkRegressor, members
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.learning import Begun, learn
from clearprop.estimators.member_training import best_of, train_members
from clearprop.estimators.members import (
    MemberCourse,
    MemberEpoch,
    Members,
    Rows,
    folds,
    folds_of_groups,
    rows_of_members,
)
from clearprop.estimators.table_network import (
    InputForm,
    quantile_edges,
    table_network,
)
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.estimators.table_targets import number_target


@given(count=st.integers(2, 60), members=st.integers(1, 9), seed=st.integers(0, 5))
def test_folds_are_apart_and_alike(count: int, members: int, seed: int) -> None:
    parts = folds(count, members, seed)
    assert len(parts) == members
    if count >= members:
        chosen = np.concatenate(parts)
        assert len(set(chosen.tolist())) == len(chosen)
        assert {len(part) for part in parts} == {count // members}


def test_every_fold_has_its_share_of_each_class() -> None:
    classes = np.array([0] * 80 + [1] * 16)
    for part in folds(96, 8, 0, classes):
        assert np.bincount(classes[part]).tolist() == [10, 2]


def mean_squared(output: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    return float(np.average((output - target)[:, 0] ** 2, weights=weight))


def test_a_held_out_row_is_never_learned_from() -> None:
    # y = w x from x = 1. Member 0 does not see the target 10, member 1 not the target 0: by their
    # own rows w goes to 0 and to 10.
    network = Network(Linear(1, 1, bias=False))
    all_rows = Rows(np.ones((2, 1)), np.array([[0.0], [10.0]]), np.ones(2))
    parts = [np.array([1]), np.array([0])]
    held_out = [all_rows.take(part) for part in parts]
    rows = rows_of_members(all_rows, parts, 1, seed=0)
    course = MemberCourse(MSE(), SGD(0.1), epochs=100, batch_size=1)
    epochs: list[Any] = list(
        train_members(network, np.full((2, 1), 4.0), rows, held_out, course, mean_squared)
    )
    np.testing.assert_allclose(epochs[-1].state.params, [[0], [10]], atol=1e-6)
    # The first step alone: w − 0.1 · 2 (w − t), so 4 → 3.2 and 4 → 5.2; scores 6.8² and 5.2².
    np.testing.assert_allclose(epochs[0].state.params, [[3.2], [5.2]])
    np.testing.assert_allclose(epochs[0].scores, [46.24, 27.04])
    # Each goes away from what it holds out, so everyone's first epoch is the best.
    found = best_of(iter(epochs))
    assert found.epoch.tolist() == [0, 0]
    np.testing.assert_allclose(found.params, [[3.2], [5.2]])


@pytest.mark.parametrize("most_bytes", [1 << 29, 0])
def test_members_learn_from_all_but_their_part(
    monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    # Without room for copies the rows are shared, and a part has the weight 0.
    monkeypatch.setattr(members, "MOST_BYTES", most_bytes)
    rows = Rows(np.arange(200.0)[:, None], np.arange(200), np.full(200, 2.0))
    parts = folds(200, 4, 0)
    made = rows_of_members(rows, parts, 64, seed=0)
    for member, part in enumerate(parts):
        x = made.x[member] if "x" in made.own else made.x
        target = made.target[member] if "x" in made.own else made.target
        learned = made.weight[member] > 0
        assert sorted(x[learned, 0].tolist()) == sorted(set(range(200)) - set(part.tolist()))
        assert (target == x[:, 0]).all()
    assert ("x" in made.own) == bool(most_bytes)
    # Batches that could be held out whole are never shared.
    assert "x" in rows_of_members(rows, parts, 3, seed=0).own


def test_patience_ends_a_training_and_a_watcher_may() -> None:
    network = Network(Linear(1, 1, bias=False))
    all_rows = Rows(np.ones((2, 1)), np.array([[0.0], [10.0]]), np.ones(2))
    rows, held_out = all_rows.take(np.array([0])), [all_rows.take(np.array([1]))]
    course = MemberCourse(MSE(), SGD(0.1), epochs=100, batch_size=1, patience=3, least=0)
    start = np.full((1, 1), 4.0)
    ran = list(train_members(network, start, rows, held_out, course, mean_squared))
    # The first is the best; three are borne, as scikit-learn counts them, and the next ends it.
    assert len(ran) == 5
    seen: list[MemberEpoch] = []

    def stop(one: MemberEpoch, kept: Members) -> bool:
        seen.append(one)
        return len(seen) == 2

    best_of(train_members(network, start, rows, None, course, mean_squared), stop)
    assert [one.epoch for one in seen] == [0, 1]


def test_edges_hold_equally_many_rows() -> None:
    features = np.column_stack([np.arange(9.0), np.repeat([0.0, 1.0, 0.0], 3), np.arange(9.0)])
    edges = quantile_edges(features, np.array([True, True, False]), 4, np.ones(9))
    assert edges == ((0, 2, 4, 6, 8), (), ())


def test_bins_are_as_high_as_the_form_says() -> None:
    # Edges 0, 4, 8: 6 is through the first bin and half through the second, and counts a quarter.
    features = np.arange(9.0)[:, None]
    made = table_network(
        features,
        np.array([True]),
        1,
        weight=np.ones(9),
        form=InputForm(soft_clip=None, bins=2, bin_height=0.25),
        hidden=(),
        activations=(),
    )
    assert made.encode(np.array([[6.0]])).tolist() == [[6, 0.25, 0.125]]


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (3, 50, 16),
        (3, 271, 16),
        (3, 400, 25),
        (3, 2000, 32),
        (20, 2000, 19),
        (200, 2000, 6),
    ],
)
def test_few_rows_and_many_columns_have_fewer_bins(columns: int, rows: int, expected: int) -> None:
    assert InputForm().bins_of(np.ones(columns, bool), rows) == expected
    assert InputForm(bins=4).bins_of(np.ones(columns, bool), rows) == 4


@pytest.mark.parametrize(
    ("rows", "numbers", "expected"),
    [(599, True, SiLU()), (600, True, ReLU()), (599, False, ReLU()), (50, True, SiLU())],
)
def test_numbers_of_few_rows_are_learned_by_a_smooth_function(
    rows: int, numbers: bool, expected: Layer
) -> None:
    found = TableRecipe().for_rows(rows, numbers=numbers)
    assert found.activation_layers == (expected, expected)
    chosen = TableRecipe(activations=(Tanh(),)).for_rows(rows, numbers=numbers)
    assert chosen.activation_layers == (Tanh(), Tanh())


def test_an_estimator_chooses_its_activation_by_the_rows_and_the_task() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(120, 2)), random.normal(size=120)
    quick = {"n_networks": 2, "max_iter": 1, "min_steps": 0, "engine": "numpy"}
    for model, kind in (
        (NetworkRegressor(**quick).fit(X, y), SiLU),
        (NetworkRegressor(**quick, activation="relu").fit(X, y), ReLU),
        (NetworkRegressor(**quick).fit(np.tile(X, (5, 1)), np.tile(y, 5)), ReLU),
        (NetworkClassifier(**quick).fit(X, y > 0), ReLU),
        (NetworkRegressor.like_mlp(max_iter=1).fit(X, y), ReLU),
    ):
        layers = model.learned_.network.whole.layer.settings()["layers"]
        used = {type(layer) for layer in layers if isinstance(layer, SiLU | ReLU)}
        assert used == {kind}


def test_what_an_estimator_does_by_itself_is_the_recipe() -> None:
    ours, recipe = recipe_of(NetworkRegressor(), seed=0), TableRecipe()
    assert replace(ours, optimizer_settings=()) == recipe
    assert ours.optimizer_for(8) == recipe.optimizer_for(8)


@pytest.mark.parametrize(
    "form",
    [
        InputForm(),
        InputForm(soft_clip=None, bins=0, scale_rate=None),
        InputForm(bins=3, scale_rate=None),
    ],
)
def test_the_front_and_the_rest_are_the_whole(form: InputForm) -> None:
    features = np.random.default_rng(0).normal(size=(30, 3))
    bends = np.array([True, False, True])
    made = table_network(
        features,
        bends,
        2,
        weight=np.ones(30),
        form=form,
        hidden=(5, 4),
        activations=(ReLU(), ReLU()),
    )
    params = made.whole.initialize(0)
    assert made.whole.size == made.rest.size
    expected = made.whole.predict(params, features)
    found = made.rest.predict(params, made.encode(features))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_groups_are_held_out_whole_and_evenly() -> None:
    groups = np.repeat(np.arange(7), [50, 20, 20, 10, 10, 5, 5])
    parts = folds_of_groups(groups, 3, seed=0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(120))
    held = [set(groups[part]) for part in parts]
    assert not held[0] & held[1]
    assert not held[1] & held[2]
    # The largest stands alone, the others are even.
    assert sorted(map(len, parts)) == [35, 35, 50]
    # Fewer groups than members: some hold out the same.
    assert len({part.tobytes() for part in folds_of_groups(groups // 4, 3, seed=0)}) == 2
    with pytest.raises(DataError, match="one group"):
        folds_of_groups(np.zeros(5), 2, seed=0)


def test_parts_of_different_sizes_are_learned_from_once_each() -> None:
    rows = Rows(np.arange(100.0)[:, None], np.arange(100), np.full(100, 2.0))
    parts = [np.arange(10), np.arange(10, 60)]
    made = rows_of_members(rows, parts, 8, seed=0)
    assert made.x.shape == (2, 90, 1)
    for member, part in enumerate(parts):
        learned = made.weight[member] > 0
        assert sorted(made.target[member][learned]) == sorted({*range(100)} - {*part.tolist()})


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_a_training_goes_on_as_if_it_had_never_stopped(engine: str) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(120, 3))
    values = features[:, :1] - features[:, 1:2] ** 2
    recipe = TableRecipe(
        hidden=(6,), networks=3, epochs=12, least_steps=0, dropout=0.1, engine=engine
    )
    target = number_target(values, ("y",))
    given = (features, np.ones(3, bool), target, values, np.ones(120), recipe)
    stood: list[Begun] = []

    def stop(one: MemberEpoch, kept: Members) -> bool:
        if one.epoch == 4:
            stood.append(Begun(kept._replace(params=kept.params.copy()), losses))
        return one.epoch == 4

    whole = learn(*given)
    losses = whole.history._replace(
        losses=whole.history.losses[:5], scores=whole.history.scores[:5]
    )
    learn(*given, watch=stop)
    again = learn(*given, begun=stood[0])
    np.testing.assert_array_equal(again.params, whole.params)
    np.testing.assert_array_equal(again.epoch, whole.epoch)
    np.testing.assert_array_equal(again.history.losses, whole.history.losses)
    np.testing.assert_array_equal(again.history.scores, whole.history.scores)
