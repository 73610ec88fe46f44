"""A run of `clearprop train` in several processes, which are threads here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest

from clearprop.base.errors import ConfigurationError, DataError, FileError
from clearprop.cli import main
from clearprop.distributed import OneProcess, sharded_run
from clearprop.distributed.sharded_run import (
    follow,
    plan_with_ranks,
    resumed_with_ranks,
    train_with_ranks,
)
from clearprop.runs.run_folder import open_run
from clearprop.runs.run_plan import RunPlan
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import EndedRun
from tests.distributed.thread_ranks import in_threads
from tests.runs.small_tables import TARGETS, people

SHARDS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("data") / "people.csv", rows=400)


def settings(data: Path, target: str = "income", **more: Any) -> RunSettings:
    drop = tuple(TARGETS[target].split(","))
    given = {"epochs": 3, "least_steps": 0, "networks": 2, "hidden": (8,), "shards": SHARDS, **more}
    return RunSettings(data=str(data), target=tuple(target.split(",")), drop=drop, **given)


def take_part(
    ranks: Any, plan: RunPlan, folder: Path, asked_after: dict[int, int] | None = None
) -> EndedRun | None:
    """What one process does: the first one writes. `asked_after` says in which one Ctrl-C is
    pressed, after how many looks."""
    looks = 0

    def is_asked() -> bool:
        nonlocal looks
        looks += 1
        return looks > (asked_after or {}).get(ranks.number, 1000)

    if ranks.number:
        return follow(ranks, plan, is_asked)  # type: ignore[func-returns-value]
    return train_with_ranks(ranks, plan, folder, lambda row: None, is_asked)


def trained(ranks: Any, given: RunSettings, folder: Path, **more: Any) -> EndedRun | None:
    return take_part(ranks, plan_with_ranks(ranks, given), folder, **more)


def model(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("income", {"validation": "none", "optimizer": "sgd", "l2": 0.01}),
        ("rich", {"class_weight": "balanced", "engine": "compiled", "dropout": 0.2}),
        ("tall,old", {"weights": "weight", "group": "town", "validation": 0.3}),
    ],
)
def test_any_number_of_processes_ends_with_the_same_file(
    target: str, more: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    given = settings(data, target, **more)
    trained(OneProcess(), given, tmp_path / "one")
    for count in (2, 5):
        ended = in_threads(count, lambda ranks: trained(ranks, given, tmp_path / str(ranks.count)))
        assert ended[0].is_whole
        assert ended[1:] == [None] * (count - 1)
        assert model(tmp_path / str(count)) == model(tmp_path / "one")


def test_a_typed_file_in_many_blocks_is_measured_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clearprop.data import block_reading
    from clearprop.distributed import shard_reading

    monkeypatch.setattr(block_reading, "LEAST_BLOCK", 1000)
    monkeypatch.setattr(shard_reading, "BLOCK_BYTES", 1000)
    path = tmp_path / "people.parquet"
    pandas.read_csv(data, parse_dates=["day"]).to_parquet(path, row_group_size=70)
    given = settings(path)
    trained(OneProcess(), given, tmp_path / "one")
    in_threads(3, lambda ranks: trained(ranks, given, tmp_path / "three"))
    assert model(tmp_path / "three") == model(tmp_path / "one")


def test_ctrl_c_in_one_process_ends_all_and_others_go_on(data: Path, tmp_path: Path) -> None:
    given = settings(data)
    trained(OneProcess(), given, tmp_path / "whole")
    folder = tmp_path / "run"
    ended = in_threads(3, lambda ranks: trained(ranks, given, folder, asked_after={2: 0}))
    assert not ended[0].is_whole
    assert len(ended[0].run.history.rows) == 1

    def go_on(ranks: Any) -> Any:
        return take_part(ranks, resumed_with_ranks(ranks, folder), folder)

    assert in_threads(2, go_on)[0].is_whole
    assert model(folder) == model(tmp_path / "whole")


def test_a_full_disk_in_the_first_process_is_everybodys(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "checkpoints").write_text("in the way")
    for problem in in_threads(2, lambda ranks: trained(ranks, settings(data), folder)):
        assert isinstance(problem, FileError)
        assert "checkpoints" in str(problem)


def test_processes_that_are_not_alike_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_rank(given: Any) -> list[Any]:
        return in_threads(2, lambda ranks: plan_with_ranks(ranks, given(ranks.number)))

    seeds = of_rank(lambda number: settings(data, seed=number))
    other = people(tmp_path / "people.csv", rows=400, seed=1)
    monkeypatch.chdir(tmp_path)
    files = of_rank(lambda number: settings((data, other)[number]))
    missing = of_rank(lambda number: settings((data, tmp_path / "no.csv")[number]))
    found = iter(["a", "b"])
    monkeypatch.setattr(sharded_run, "code_checksum", lambda: next(found))
    code = of_rank(lambda number: settings(data))
    for problems, said in (
        (seeds, "other settings than process 0 (seed = 1, and seed = 0 there)"),
        (files, "other settings than process 0"),
        (missing, "Process 1: There is no file"),
        (code, "runs other code than process 0"),
    ):
        for problem in problems:
            assert isinstance(problem, ConfigurationError)
            assert said in str(problem)
            assert "行程" in problem.message("zh-TW")


def test_data_that_differ_under_one_name_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(["1a2b", "3c4d"])
    monkeypatch.setattr(sharded_run, "checksum", lambda *paths: next(found))
    for problem in in_threads(2, lambda ranks: plan_with_ranks(ranks, settings(data))):
        assert "reads other data than process 0" in str(problem)


def test_numbers_that_drift_apart_are_noticed(data: Path, tmp_path: Path) -> None:
    from clearprop.distributed.ranks import Ranks

    class Drifting:
        """A process that is handed another sum than the others."""

        def __init__(self, ranks: Ranks) -> None:
            self._ranks = ranks
            self.number, self.count = ranks.number, ranks.count

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ranks, name)

        def joined(self, own: Any, ends: Any) -> Any:
            return self._ranks.joined(own, ends) * (1 + 1e-6 * (self.number == 1))

    problems = in_threads(2, lambda ranks: trained(Drifting(ranks), settings(data), tmp_path / "r"))
    for problem in problems:
        assert isinstance(problem, DataError)
        assert "Process 1 has computed other numbers" in str(problem)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"batch_size": 3}, "A batch of 3 rows cannot be shared by 5 shards"),
        ({"memory": "2KB"}, "more than the 2KB that --memory says"),
        ({"optimizer": "lbfgs"}, "lbfgs"),
        ({"target": ("no",)}, "no column 'no'"),
        ({"learning_rate": 1e30, "engine": "numpy", "optimizer": "sgd"}, "broke"),
    ],
)
def test_what_cannot_be_is_said_by_all(
    more: dict[str, Any], said: str, data: Path, tmp_path: Path
) -> None:
    given = replace(settings(data), **more)
    for problem in in_threads(2, lambda ranks: trained(ranks, given, tmp_path / "run")):
        assert said in str(problem), problem


def test_the_command_trains_in_shards_alone_too(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["train", str(data), "--target", "income", "--drop", TARGETS["income"]]
    given += ["--epochs", "3", "--networks", "2", "--hidden", "8", "--lang", "zh-TW"]
    assert main([*given, "--shards", "5", "--out", str(tmp_path / "run")]) == 0
    assert "400 列分成 5 個分片" in capsys.readouterr().out
    trained(OneProcess(), settings(data), tmp_path / "one")
    assert model(tmp_path / "run") == model(tmp_path / "one")
    assert open_run(tmp_path / "run").settings.shards == 5
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0


def test_a_run_of_one_process_is_joined_by_none(data: Path, tmp_path: Path) -> None:
    from clearprop.runs.run_settings import write_settings

    write_settings(settings(data, shards=None), tmp_path / "config.toml")
    with pytest.raises(ConfigurationError, match="begun by one process"):
        resumed_with_ranks(OneProcess(), tmp_path)
