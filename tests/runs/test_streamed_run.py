"""A table that is larger than its memory, trained on in blocks."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clearprop.base.errors import DataError, FileError
from clearprop.cli import main
from clearprop.data import read_table
from clearprop.runs.prediction import input_notes
from clearprop.runs.run_folder import open_run
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import plan_run, resumed, train_run
from tests.runs.small_tables import FAST, TARGETS, people

ROWS = 1600
MEMORY = "500KB"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("data") / "people.csv", rows=ROWS)


def settings(data: Path, target: str = "income", **more: object) -> RunSettings:
    drop = tuple(TARGETS[target].split(","))
    given = {"epochs": 6, "least_steps": 0, "networks": 2, "hidden": (16,), **more}
    return RunSettings(
        data=str(data), target=tuple(target.split(",")), drop=drop, memory=MEMORY, **given  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.thorough
def test_a_limit_is_kept_by_a_file_that_is_larger(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60_000, 6))
    y = x[:, 0] - 2 * x[:, 1] + random.normal(size=len(x)) / 10
    path = tmp_path / "large.parquet"
    columns = {f"x{k}": x[:, k] for k in range(6)} | {"y": y}
    parquet.write_table(pa.table(columns), path, row_group_size=10_000)
    limit = 3_200_000
    assert path.stat().st_size > limit
    del x, y, columns
    one = RunSettings(
        data=str(path), target=("y",), memory="3.2MB", epochs=1, least_steps=0, networks=1,
        hidden=(8,), batch_size=512, validation="none",
    )  # fmt: skip
    # What is loaded for the first time, for a file of this kind, is not the table's.
    few = tmp_path / "few.parquet"
    parquet.write_table(parquet.read_table(path).slice(0, 3_000), few, row_group_size=500)
    train_run(plan_run(replace(one, data=str(few), memory="160KB")), tmp_path / "one")
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        plan = plan_run(one)
        ended = train_run(plan, tmp_path / "run")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plan.blocks is not None
    assert plan.blocks.rows == 60_000
    assert peak < limit, peak
    assert pa.total_allocated_bytes() - before < limit
    # And something was learned: the noise is 0.1 of a deviation of 2.2.
    assert ended.run.history.rows[-1].loss < 0.2
    assert not [*(tmp_path / "run").glob(".*")]


@pytest.mark.parametrize("target", TARGETS)
def test_blocks_learn_what_the_whole_teaches(target: str, data: Path, tmp_path: Path) -> None:
    runs = {"blocks": train_run(plan_run(settings(data, target)), tmp_path / "blocks").run}
    whole = RunSettings(
        data=str(data), target=tuple(target.split(",")), drop=tuple(TARGETS[target].split(",")),
        epochs=6, least_steps=0, networks=2, hidden=(16,),
    )  # fmt: skip
    assert plan_run(whole).blocks is None
    runs["whole"] = train_run(plan_run(whole), tmp_path / "whole").run
    test = read_table(people(tmp_path / "test.csv", rows=500, seed=5))
    found = {}
    for name, run in runs.items():
        model = open_run(tmp_path / name).model
        if run.settings.task == "regression":
            said = model.predict(test)
            found[name] = float(np.sqrt(np.mean((said - test[target].numbers) ** 2)))
        elif run.settings.task == "classification":
            truth = test[target].values.astype(model.classes_.dtype)
            found[name] = float(np.mean(model.predict(test) != truth))
        else:
            truth = np.stack([test[name].numbers for name in target.split(",")], axis=1)
            found[name] = float(np.mean(model.predict(test) != truth))
    assert found["blocks"] < found["whole"] * 1.5 + 0.02
    assert [type(one) for one in runs["blocks"].model.preparation_.inputs] == [
        type(one) for one in runs["whole"].model.preparation_.inputs
    ]
    assert runs["blocks"].model.preparation_.features == runs["whole"].model.preparation_.features


def test_intervals_are_calibrated_on_what_was_held_out(data: Path, tmp_path: Path) -> None:
    model = train_run(plan_run(settings(data)), tmp_path / "run").run.model
    table = read_table(people(tmp_path / "test.csv", rows=500, seed=5))
    said = model.predict(table, interval=0.9)
    truth = table["income"].numbers
    assert 0.82 < np.mean((said.low <= truth) & (truth <= said.high)) < 0.97


def test_ranges_are_those_of_the_whole_file(tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    x = draws.normal(size=40_000)
    x[[7, 30_000]] = -50, 60
    path = tmp_path / "large.parquet"
    parquet.write_table(pa.table({"x": x, "y": 2 * x}), path, row_group_size=4_000)
    one = RunSettings(
        data=str(path), target=("y",), memory="300KB", epochs=1, least_steps=0, networks=1,
        hidden=(4,), batch_size=512, validation="none",
    )  # fmt: skip
    plan = plan_run(one)
    drawn = plan.training.inputs["x"].numbers
    assert (drawn.min(), drawn.max()) != (-50, 60)  # so the sample does not know
    model = train_run(plan, tmp_path / "run").run.model
    number, target = model.preparation_.inputs[0], model.learned_.target
    assert (number.low, number.high) == (-50, 60)
    assert (target.low, target.high) == ((-100,), (120,))
    new = tmp_path / "new.csv"
    new.write_text("x\n-49.5\n59.5\n")
    assert not input_notes(model.preparation_, read_table(new))


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_it_is_gone_on_with_to_the_bit(engine: str, data: Path, tmp_path: Path) -> None:
    one = settings(data, engine=engine, dropout=0.1, l2=0.001, class_weight=None)
    whole = train_run(plan_run(one), tmp_path / "whole")
    out = tmp_path / "run"
    train_run(plan_run(one), out, lambda row: row.epoch == 3)
    ended = train_run(resumed(out), out)
    assert ended.is_whole
    models = [folder / "model.safetensors" for folder in (out, tmp_path / "whole")]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert len(whole.run.history.rows) == len(ended.run.history.rows) == 6


def test_groups_times_weights_and_files_are_held_out_in_blocks_too(
    data: Path, tmp_path: Path
) -> None:
    for more in ({"group": "town"}, {"time": "day", "weights": "weight"}, {"weights": "weight"}):
        plan = plan_run(settings(data, "rich", class_weight="balanced", epochs=1, **more))
        assert plan.held_out is not None
        train_run(plan, tmp_path / "-".join(more))
        if "group" in more:
            assert not set(plan.held_out.groups) & set(plan.training.groups)  # type: ignore[arg-type]
    other = people(tmp_path / "other.csv", rows=300, seed=2)
    plan = plan_run(settings(data, "rich", validation=str(other), epochs=1))
    assert plan.held_out is not None
    assert len(plan.held_out) == 300
    train_run(plan, tmp_path / "file")


def test_the_command_says_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["train", str(data), "--target", "rating", *FAST, "--memory", MEMORY]
    assert main([*given, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "1,600 rows" in out
    assert "are read in blocks" in " ".join(out.split())


def test_a_fault_is_named_by_its_row_in_the_file(data: Path, tmp_path: Path) -> None:
    lines = data.read_text().splitlines()
    cells = lines[1500].split(",")
    cells[1] = "inf"
    lines[1500] = ",".join(cells)
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines) + "\n")
    plan = plan_run(settings(path))
    with pytest.raises(DataError) as problem:
        train_run(plan, tmp_path / "run")
    assert problem.value.key == "value_infinite"
    assert problem.value.values["row"] == 1499
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_a_sentence(data: Path, tmp_path: Path) -> None:
    plan = plan_run(settings(data))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".rows").symlink_to("/dev/full")
    with pytest.raises(FileError, match="No space left on device"):
        train_run(plan, tmp_path / "run")
    assert not [*(tmp_path / "run").iterdir()]


def test_rows_left_out_are_counted_of_the_sample_and_said_to_be(data: Path) -> None:
    plan = plan_run(settings(data, missing="drop"))
    (count,) = [
        values["count"] for key, values in plan.notes if key == "runs.notes.rows_dropped_sampled"
    ]
    assert plan.blocks is not None
    heights = plan.blocks.sample["height"].values
    assert count == int(np.isnan(heights.astype(float)).sum()) > 0
