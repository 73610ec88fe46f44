"""The files of a run's folder, written and read again."""

from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base.errors import ClearpropError, DamagedFileError, FileError, NewerFileError
from clearprop.runs.run_folder import open_run
from clearprop.runs.run_history import HistoryRow, RunHistory, read_history, write_history
from clearprop.runs.run_settings import (
    RunSettings,
    memory_bytes,
    read_settings,
    settings_text,
    write_settings,
)

words = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip() != "")
sizes = st.integers(1, 1000)
rates = st.floats(1e-300, 1e300)
shares = st.floats(0, 0.99)
settings = st.builds(
    RunSettings,
    data=words,
    target=st.lists(words, min_size=1, max_size=3).map(tuple),
    task=st.sampled_from(["auto", "regression", "classification", "multilabel"]),
    hidden=st.lists(sizes, max_size=3).map(tuple),
    activation=st.lists(words, min_size=1, max_size=3).map(tuple),
    loss=st.none() | words,
    optimizer=st.sampled_from(["adam", "sgd", "lbfgs"]),
    learning_rate=st.none() | rates,
    schedule=st.sampled_from(["cosine", "constant"]),
    epochs=sizes,
    least_steps=st.integers(0, 10**9),
    dropout=shares,
    class_weight=st.none()
    | st.just("balanced")
    | st.dictionaries(words, st.floats(0, 1e9), min_size=1).map(lambda found: (*found.items(),)),
    validation=st.floats(0.01, 0.99) | words | st.sampled_from(["folds", "none"]),
    stop_on=words,
    patience=st.none() | sizes,
    tolerance=st.none() | shares,
    drop=st.lists(words, max_size=2).map(tuple),
    encoding=st.none() | words,
    weights=st.none() | words,
    group=st.none() | words,
    time=st.none() | words,
    soft_clip=st.none() | rates,
    input_scale=st.none() | rates,
    standardise=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
    memory=st.none() | st.sampled_from(["500MB", "1.5 gb"]),
)


@hypothesis.settings(max_examples=25)
@given(settings)
def test_settings_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, one: RunSettings
) -> None:
    path = tmp_path_factory.mktemp("run") / "config.toml"
    write_settings(one, path)
    assert read_settings(path) == one


def test_every_setting_stands_in_the_file() -> None:
    """Also those that were not given: a later version may have other defaults."""
    text = settings_text(RunSettings(data="a.csv", target=("y",), patience=None, soft_clip=None))
    for line in ('data = "a.csv"', 'target = ["y"]', "hidden = [64, 64]", 'patience = "none"'):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("data = ", "config_unreadable"),
        ('target = ["y"]', "config_lacks"),
        ('data = "a"\ntarget = ["y"]\nepoch = 3', "config_setting"),
        ('version = 2\ndata = "a"\ntarget = ["y"]', "config_newer"),
        ('data = "a"\ntarget = ["y"]\nepochs = "many"', "run_whole"),
        ('data = "a"\ntarget = ["y"]\nepochs = "none"', "run_whole"),
        ('data = "a"\ntarget = 3', "setting_words"),
        ('data = 3\ntarget = ["y"]', "setting_text"),
        ('data = "a"\ntarget = ["y"]\nhidden = [0]', "hidden_sizes"),
        ('data = "a"\ntarget = ["y"]\nvalidation = 1.5', "validation_unknown"),
        ('data = "a"\ntarget = ["y"]\nclass_weight = {yes = -1}', "class_weight_unknown"),
        ('data = "a"\ntarget = ["y"]\nmemory = "much"', "memory_unknown"),
        ('data = "a"\ntarget = ["y"]\nlearning_rate = nan', "run_number"),
    ],
)
def test_a_file_of_settings_that_cannot_be(tmp_path: Path, content: str, key: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(ClearpropError) as problem:
        read_settings(path)
    assert problem.value.key == key
    assert problem.value.message("zh-TW")


@pytest.mark.parametrize(
    ("text", "count"), [("500MB", 500_000_000), ("2 gb", 2_000_000_000), ("1.5KB", 1500)]
)
def test_a_limit_of_memory(text: str, count: int) -> None:
    assert memory_bytes(text) == count


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = (
        HistoryRow(0, 0.1 + 0.2, None, True, 0.005, 0.125),
        HistoryRow(1, float("inf"), 1 / 3, False, 1e-9, 12.5),
    )
    write_history(RunHistory(rows), tmp_path / "history.csv")
    assert read_history(tmp_path / "history.csv") == RunHistory(rows)
    assert RunHistory(rows).best == rows[0]


@pytest.mark.parametrize(
    "content", ["", "epoch,loss\n", "epoch,loss,score,best,rate,seconds\n1,2\n"]
)
def test_a_history_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "history.csv").write_text(content)
    with pytest.raises(DamagedFileError):
        read_history(tmp_path / "history.csv")


def _without(folder: Path) -> None:
    folder.rmdir()


def _as_file(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("")


def _unfinished(folder: Path) -> None:
    write_settings(RunSettings(data="a.csv", target=("y",)), folder / "config.toml")


def _newer(folder: Path) -> None:
    (folder / "config.toml").write_text("version = 99\n")


@pytest.mark.parametrize(
    ("make", "kind", "key"),
    [
        (_without, FileError, "folder_missing"),
        (_as_file, FileError, "path_not_folder"),
        (lambda folder: None, FileError, "run_missing"),
        (_unfinished, FileError, "run_unfinished"),
        (_newer, NewerFileError, "config_newer"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, make: Any, kind: Any, key: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    make(folder)
    with pytest.raises(kind) as problem:
        open_run(folder)
    assert problem.value.key == key
