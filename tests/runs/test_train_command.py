"""`clearprop train`, option by option: what it says, and what stands in the folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.data import read_table
from clearprop.data.preparation import CategoryInput, NumberInput
from clearprop.estimators.table_targets import ClassTarget, LabelTarget, NumberTarget
from clearprop.runs.run_data import read_run_table, run_data, split
from clearprop.runs.run_folder import open_run
from clearprop.runs.run_plan import estimator
from clearprop.runs.run_settings import RunSettings, read_settings
from clearprop.runs.run_training import plan_run, train_run
from clearprop.runs.stopping import stop_metric
from tests.runs.small_tables import people, trained, words


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("data") / "people.csv")


def test_two_words_train_and_everything_stands_in_the_folder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(data, tmp_path / "run")
    out = capsys.readouterr().out
    assert "200 rows, 5 go in: 3 of numbers, 1 of words, 1 of dates" in out
    assert "income, a number from" in out
    # Nobody has chosen it: few rows, and a number.
    assert "units with silu" in out
    assert run.settings.activation == ("silu",)
    assert "epoch 1/2  loss" in out
    assert "Written to" in out
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "checkpoints", "config.toml", "history.csv", "model.safetensors", "report.html",
    ]  # fmt: skip
    assert [row.epoch for row in run.history.rows] == [1, 2]
    assert run.settings.task == "regression"
    # What was chosen stands there as a number.
    assert run.settings.learning_rate == 0.005
    assert run.settings.engine == "numpy"
    target = run.model.learned_.target
    assert isinstance(target, NumberTarget)
    assert target.columns == ("income",)
    assert [type(one) for one in run.model.preparation_.inputs] == [
        NumberInput, NumberInput, CategoryInput, NumberInput, NumberInput,
    ]  # fmt: skip


def test_words_are_of_the_language(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(data, tmp_path / "run"), "--lang", "zh-TW"]) == 0
    out = capsys.readouterr().out
    assert "目標    income，從" in out
    assert "第 1/2 輪  損失" in out


@pytest.mark.parametrize(
    ("target", "task", "kind"),
    [
        ("rich", "classification", ClassTarget),
        ("rating", "classification", ClassTarget),
        ("tall,old", "multilabel", LabelTarget),
    ],
)
def test_the_task_is_what_the_target_looks_like(
    target: str, task: str, kind: Any, data: Path, tmp_path: Path
) -> None:
    run = trained(data, tmp_path / "run", target=target)
    assert run.settings.task == task
    found = run.model.learned_.target
    assert isinstance(found, kind)
    if isinstance(found, ClassTarget):
        assert found.column == target
        assert found.classes == (("no", "yes") if target == "rich" else (0, 1, 2, 3))


def test_every_layer_may_have_an_activation_of_its_own(data: Path, tmp_path: Path) -> None:
    run = trained(data, tmp_path / "run", "--hidden", "5,3", "--activation", "tanh,elu")
    kinds = [type(node.layer).__name__ for node in run.model.network_.graph.nodes.values()]
    assert kinds[-5:] == ["Linear", "Tanh", "Linear", "ELU", "Linear"]


def test_a_task_may_be_said(data: Path, tmp_path: Path) -> None:
    run = trained(data, tmp_path / "run", "--task", "regression", target="rating")
    assert isinstance(run.model.learned_.target, NumberTarget)


# What an option does: its words, the setting, and what the estimator is told.
OPTIONS = [
    (["--hidden", "5,3"], "hidden", (5, 3), "hidden_layer_sizes", (5, 3)),
    (["--activation", "tanh"], "activation", ("tanh",), "activation", "tanh"),
    (["--loss", "mae"], "loss", "mae", "loss", "mae"),
    (["--optimizer", "rmsprop"], "optimizer", "rmsprop", "solver", "rmsprop"),
    (["--optimizer", "lbfgs"], "optimizer", "lbfgs", "solver", "lbfgs"),
    (["--learning-rate", "0.01"], "learning_rate", 0.01, "learning_rate_init", 0.01),
    (["--schedule", "constant"], "schedule", "constant", "learning_rate", "constant"),
    (["--batch-size", "32"], "batch_size", 32, "batch_size", 32),
    (["--dropout", "0.2"], "dropout", 0.2, "dropout", 0.2),
    (["--weight-decay", "0.01"], "weight_decay", 0.01, "weight_decay", 0.01),
    (["--patience", "1"], "patience", 1, "n_iter_no_change", 1),
    (["--patience", "none"], "patience", None, "n_iter_no_change", None),
    (["--missing", "median"], "missing", "median", "missing", "median"),
    (["--seed", "7"], "seed", 7, "random_state", 7),
    (["--dtype", "float64"], "dtype", "float64", "dtype", "float64"),
    (["--stop-on", "mae"], "stop_on", "mae", "scoring", "neg_mean_absolute_error"),
    (["--validation", "none"], "validation", "none", "validation", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "setting", "value", "parameter", "told"), OPTIONS)
def test_an_option_reaches_the_training(
    given: list[str],
    setting: str,
    value: Any,
    parameter: str,
    told: Any,
    data: Path,
    tmp_path: Path,
) -> None:
    run = trained(data, tmp_path / "run", *given)
    assert getattr(run.settings, setting) == value
    plan = plan_run(run.settings)
    asked = estimator(plan, stop_metric(run.settings))
    assert asked.get_params()[parameter] == told
    # And the model that was saved was trained so; what is a function's name is not kept.
    if parameter != "scoring":
        kept = run.model.get_params()[parameter]
        assert (list(kept) if isinstance(told, list) else kept) == told


def test_columns_may_be_words_and_left_out(data: Path, tmp_path: Path) -> None:
    run = trained(data, tmp_path / "run", "--categories", "weight")
    inputs = {one.column: one for one in run.model.preparation_.inputs}
    assert isinstance(inputs["weight"], CategoryInput)
    assert "rich" not in inputs


def test_weights_count_and_are_not_learned_from(data: Path, tmp_path: Path) -> None:
    plain = trained(data, tmp_path / "plain", "--drop", "rich,tall,old,rating,weight")
    weighed = trained(data, tmp_path / "weighed", "--weights", "weight")
    assert plain.model.preparation_.columns == weighed.model.preparation_.columns
    assert not np.array_equal(plain.model.params_, weighed.model.params_)


def test_class_weights_count(data: Path, tmp_path: Path) -> None:
    runs = [
        trained(data, tmp_path / str(k), *more, target="rich")
        for k, more in enumerate([[], ["--class-weight", "yes=5"], ["--class-weight", "balanced"]])
    ]
    assert runs[1].settings.class_weight == (("yes", 5.0),)
    table = read_run_table(data, runs[0].settings)
    likely = [run.model.predict_proba(table)[:, 1].mean() for run in runs]
    assert likely[1] > likely[0]


def test_groups_are_held_out_whole(data: Path, tmp_path: Path) -> None:
    run = trained(data, tmp_path / "run", "--group", "town")
    assert "town" not in run.model.preparation_.columns
    groups = read_table(data)["town"].values
    # Two networks, three towns: each holds out towns of its own.
    plan = plan_run(replace(run.settings, validation=0.3))
    assert plan.held_out is not None
    assert not set(plan.held_out.groups) & set(plan.training.groups)  # type: ignore[arg-type]
    model = estimator(plan_run(run.settings), stop_metric(run.settings))
    again = plan_run(run.settings)
    model.fit_table(
        again.training.inputs, again.training.truth, ["income"], groups=again.training.groups
    )
    first, second = (set(groups[part]) for part in model.learned_.parts)
    assert not first & second
    assert first | second == set(groups)


def test_the_latest_rows_are_held_out(data: Path, tmp_path: Path) -> None:
    run = trained(data, tmp_path / "run", "--time", "day")
    assert run.settings.validation == 0.2
    assert "day" not in run.model.preparation_.columns
    plan = plan_run(run.settings)
    assert plan.held_out is not None
    assert plan.held_out.times is not None
    assert plan.training.times is not None
    assert plan.training.times.max() < plan.held_out.times.min()


def test_a_file_is_held_out(data: Path, tmp_path: Path) -> None:
    other = people(tmp_path / "other.csv", rows=80, seed=1)
    run = trained(data, tmp_path / "run", "--validation", str(other))
    said = run.model.predict(read_run_table(other, run.settings))
    table = read_table(other)
    target = run.model.learned_.target
    wrong = (said - table["income"].values) / target.deviation[0]
    # The best epoch of every network is averaged: as good as the best score, or better.
    assert np.mean(wrong**2) < min(row.score or np.inf for row in run.history.rows) * 1.05


def test_a_share_is_drawn_from_every_class(data: Path) -> None:
    settings = RunSettings(data=str(data), target=("rich",), validation=0.25, drop=("income",))
    rows = run_data(read_table(data), settings)
    training, held_out = split(rows, settings)
    assert held_out is not None
    assert len(held_out) == 50
    assert not set(training.rows) & set(held_out.rows)
    assert abs((held_out.truth == "yes").mean() - (training.truth == "yes").mean()) < 0.02


def test_plain_settings_are_those_of_scikit_learn(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["train", str(data), "--target", "income", "--drop", "rich,tall,old,rating,height"]
    assert main([*given, "--plain", "--epochs", "3", "--out", str(out)]) == 0
    model = open_run(out).model
    assert model.solver == "sklearn_adam"
    assert model.params_.shape[0] == 1
    assert [w.shape[1] for w in model.coefs_] == [100, 1]
    assert (
        model.network_.graph.nodes.keys()
        == type(model)
        .like_mlp(max_iter=1, batch_size=50)
        .fit(np.random.default_rng(0).normal(size=(99, 3)), np.arange(99.0))
        .network_.graph.nodes.keys()
    )


def test_config_repeats_the_run_to_the_bit(data: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert main([*words(data, first), "--optimizer", "sgd", "--dropout", "0.1"]) == 0
    config = str(first / "config.toml")
    assert main(["train", "--config", config, "--out", str(tmp_path / "second")]) == 0
    assert (first / "model.safetensors").read_bytes() == (
        tmp_path / "second" / "model.safetensors"
    ).read_bytes()
    assert (first / "config.toml").read_text() == (tmp_path / "second" / "config.toml").read_text()
    # What stands beside it counts.
    more = ["--epochs", "1", "--seed", "9", "--out", str(tmp_path / "third")]
    assert main(["train", "--config", config, *more]) == 0
    assert read_settings(tmp_path / "third" / "config.toml").seed == 9


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "feather", "npz"])
def test_a_saved_model_predicts_the_same_bits_from_every_format(
    ending: str, data: Path, tmp_path: Path
) -> None:
    import pandas

    frame = pandas.read_csv(data)[["age", "height", "weight", "income"]]
    path = tmp_path / f"table.{ending}"
    if ending in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="," if ending == "csv" else "\t")
    elif ending == "npz":
        np.savez(path, **{name: frame[name].to_numpy() for name in frame})
    else:
        getattr(frame, f"to_{ending}")(path)
    settings = RunSettings(
        data=str(path), target=("income",), epochs=2, least_steps=0, networks=2, hidden=(4,)
    )
    ended = train_run(plan_run(settings), tmp_path / "run")
    table = read_run_table(path, settings)
    before = ended.run.model.predict(table)
    after = open_run(tmp_path / "run").model.predict(table)
    np.testing.assert_array_equal(after, before)
    reference = open_run(tmp_path / "run").model.predict(frame[["age", "height", "weight"]])
    np.testing.assert_array_equal(reference, before)
