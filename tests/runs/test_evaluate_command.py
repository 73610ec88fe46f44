"""`clearprop evaluate`: the metrics of a model on a table, and what is refused of it, which
`clearprop predict` refuses likewise."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

from clearprop.cli import main
from clearprop.data.frames import table_of_frame
from clearprop.data.table import Column, Table
from clearprop.runs.judging_models import MOST_GROUPS, groups_of
from clearprop.runs.run_data import run_data
from clearprop.runs.run_folder import MODEL, SETTINGS
from clearprop.runs.run_settings import RunSettings
from tests.runs.conftest import COLUMNS, TARGETS, Runs


def evaluated(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], dict[str, float], str]:
    """The whole answer, the values of its first target's metrics, and what is said besides."""
    assert main(["evaluate", *words, "--json", "--lang", "en"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    values = {one["name"]: one["value"] for one in found["targets"][0]["metrics"]}
    return found, values, said.err


@pytest.mark.parametrize("task", TARGETS)
def test_the_metrics_are_those_of_the_model(
    tmp_path: Path, runs: Runs, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = runs.frame.iloc[::2]
    data = tmp_path / "new.parquet"
    frame.to_parquet(data, index=False)
    words = [str(runs.folders[task]), str(data), "--weights", "weight", "--group", "燃料"]
    found, values, said = evaluated(words, capsys)
    assert said == ""
    assert (found["task"], found["rows"], found["weighted"]) == (task, 75, True)
    model, table = runs.models[task], table_of_frame(frame[list(COLUMNS)])
    target, w = list(TARGETS[task]), frame["weight"]
    truth = frame[target if len(target) > 1 else target[0]]
    name, metric = {
        "regression": ("rmse", theirs.root_mean_squared_error),
        "classification": ("accuracy", theirs.accuracy_score),
        "multilabel": ("hamming_loss", theirs.hamming_loss),
    }[task]
    expected = metric(truth, model.predict(table), sample_weight=w)
    assert values[name] == pytest.approx(expected, rel=1e-6)
    groups = found["targets"][0]["groups"]
    assert [(one["group"], one["rows"]) for one in groups] == [
        (group, int((frame["燃料"] == group).sum())) for group in ("diesel", "汽油")
    ]
    again, *_ = evaluated(words, capsys)
    assert again == found


def test_intervals_are_judged(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(runs.folders["regression"]), str(runs.table)]
    _, values, said = evaluated([*words, "--interval", "0.8"], capsys)
    assert "coverage" in values
    # On the rows that they were calibrated on, and that is said.
    assert values["coverage"] == pytest.approx(0.8, abs=0.1)
    assert "has learned from" in said
    assert main(["evaluate", *words, "--interval", "0.8", "--lang", "zh-TW"]) == 0
    assert "實際值落在 80 % 區間內" in capsys.readouterr().out


def test_rows_without_a_truth_are_left_out(
    tmp_path: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = runs.frame.copy()
    frame.loc[:9, "price"] = np.nan
    data = tmp_path / "new.csv"
    frame.rename(columns={"price": "preis"}).to_csv(data, index=False)
    words = [str(runs.folders["regression"]), str(data), "--target", "preis"]
    found, _, said = evaluated(words, capsys)
    assert found["rows"] == 140
    assert found["targets"][0]["target"] == "preis"
    assert "for lack of a value in the target (preis): 10 rows." in said


def test_groups() -> None:
    def found(kind: Any, values: Any, dtype: Any = None) -> tuple[list[str], tuple[str, ...]]:
        names, order = groups_of(Column("c", kind, np.array(values, dtype)))
        return names.tolist(), order

    assert found("category", ["b", None, "a"], object) == (["b", "—", "a"], ("a", "b", "—"))
    assert found("number", [2.0, 1, np.nan, 2]) == (["2", "1", "—", "2"], ("1", "2", "—"))
    names, order = found("number", np.arange(100.0))
    assert order == ("0 … 19.8", "19.8 … 39.6", "39.6 … 59.4", "59.4 … 79.2", "79.2 … 99")
    assert [names.count(name) for name in order] == [20] * 5
    days = np.datetime64("2020-01-01") + np.arange(100)
    assert found("date", days, "datetime64[us]")[1][0] == "2020-01-01 … 2020-01-20"
    words = [f"w{k:02}" for k in range(50)] * 2 + ["w49"]
    names, order = found("category", words, object)
    assert len(order) == MOST_GROUPS
    assert "w49" in order
    assert names.count("…") == 2 * (50 - MOST_GROUPS + 1)


# What is done to a good table, and the beginning of the sentence.
Spoil = Callable[[pd.DataFrame], pd.DataFrame]
BAD_TABLES: dict[str, tuple[Spoil, str]] = {
    "a column is missing": (
        lambda f: f.drop(columns=["km", "code"]),
        "These columns of the training are missing: km, code.",
    ),
    "words where numbers were": (
        lambda f: f.assign(km=["far"] * len(f)),
        "The column 'km' held numbers in training; row 0 has 'far'",
    ),
    "one word where numbers were": (
        lambda f: f.assign(km=["oops", *map(str, f["km"][1:])]),
        "{path}, line 2: 'oops' in the column 'km' is not a number",
    ),
    "numbers where dates were": (
        lambda f: f.assign(first=range(len(f))),
        "The column 'first' held dates in training and holds numbers here.",
    ),
    "dates where numbers were": (
        lambda f: f.assign(km=f["first"]),
        "The column 'km' held numbers in training and holds dates here.",
    ),
    "words where dates were": (
        lambda f: f.assign(first="last week"),
        "The column 'first' held dates in training; row 0 has the word 'last week'",
    ),
    "an infinity": (
        lambda f: f.assign(km=[np.inf, *f["km"][1:]]),
        "The column 'km' is infinite in row 0",
    ),
    "no row": (lambda f: f.head(0), "'{path}' holds no line of numbers."),
    "a column twice": (
        lambda f: pd.concat([f, f[["km"]]], axis=1),
        "{path} has several columns called 'km'",
    ),
}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("name", BAD_TABLES)
def test_tables_that_are_refused(
    tmp_path: Path, runs: Runs, name: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, sentence = BAD_TABLES[name]
    path = tmp_path / "new.csv"
    spoil(runs.frame).to_csv(path, index=False)
    refused([command, str(runs.folders["regression"]), str(path)], sentence, capsys, path=path)


def refused(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], **values: object
) -> None:
    """Refused in one sentence, in both languages, and nothing is printed."""
    assert main([*words, "--lang", "en"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"clearprop: {sentence.format(**values)}"), said.err
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert main([*words, "--lang", "zh-TW"]) == 2
    chinese = capsys.readouterr().err
    assert chinese != said.err
    assert any("一" <= letter <= "鿿" for letter in chinese)


# Of a good table; MODEL, REGRESSION, CLASSES and TABLE stand for paths.
BAD_REQUESTS = [
    (["predict"], "No model was given"),
    (["predict", "REGRESSION"], "No data was given"),
    (["evaluate"], "No model was given"),
    (["evaluate", "REGRESSION"], "No data was given"),
    (["evaluate", "REGRESSION", "TABLE", "x"], "The command has no place for 'x'"),
    (["predict", "REGRESSION", "nope.csv"], "There is no file 'nope.csv'"),
    (["predict", "nope", "TABLE"], "There is no file 'nope'"),
    (["predict", "EMPTY", "TABLE"], "'{EMPTY}' is no run of clearprop train"),
    (["evaluate", "TABLE", "TABLE"], "'{TABLE}' is"),
    (["predict", "REGRESSION", "MODEL"], "{MODEL}: the ending says"),
    (["predict", "REGRESSION", "TABLE", "--interval", "1"], "--interval takes a number between"),
    (["predict", "REGRESSION", "TABLE", "--interval", "x"], "--interval takes"),
    (["predict", "REGRESSION", "TABLE", "--interval", "0.9999"], "An interval of 0.9999 takes"),
    (["predict", "CLASSES", "TABLE", "--interval", "0.9"], "An interval is around a number"),
    (["evaluate", "CLASSES", "TABLE", "--interval", "0.9"], "An interval is around a number"),
    (["predict", "REGRESSION", "TABLE", "--keep", "id,nope"], "{TABLE} has no column 'nope'"),
    (["predict", "REGRESSION", "TABLE", "--keep", ","], "--keep needs a name"),
    (["predict", "REGRESSION", "TABLE", "-o", "said.xlsx"], "'said.xlsx' ends in .xlsx"),
    (["predict", "REGRESSION", "TABLE", "-o", "TABLE"], "'{TABLE}' is"),
    (["evaluate", "REGRESSION", "TABLE", "--group", "nope"], "{TABLE} has no column 'nope'"),
    (["evaluate", "REGRESSION", "TABLE", "--weights", "nope"], "{TABLE} has no column 'nope'"),
    (["evaluate", "REGRESSION", "TABLE", "--weights", "sold"], "The weights 'sold' must be"),
    (["evaluate", "REGRESSION", "TABLE", "--target", "nope"], "{TABLE} has no column 'nope'"),
    (["evaluate", "REGRESSION", "TABLE", "--target", "a,b"], "2 columns were named as the target"),
    (["evaluate", "REGRESSION", "TABLE", "--target", "sold"], "The target 'sold' has the word"),
    (["evaluate", "CLASSES", "TABLE", "--target", "燃料"], "The class '汽油' in the column '燃料'"),
    (["evaluate", "REGRESSION", "TABLE", "--encoding", "martian"], "{TABLE}: there is no encoding"),
    (["data"], "No file was given"),
    (["data", "nope.csv"], "There is no file 'nope.csv'"),
    (["data", "MODEL"], "{MODEL}: the ending says"),
    (["data", "TABLE", "--categories", "nope"], "{TABLE} has no column 'nope'"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD_REQUESTS, ids=lambda value: " ".join(value))
def test_requests_that_are_refused(
    tmp_path: Path,
    runs: Runs,
    words: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = {
        "REGRESSION": runs.folders["regression"],
        "CLASSES": runs.folders["classification"],
        "MODEL": runs.folders["regression"] / MODEL,
        "TABLE": runs.table,
        "EMPTY": tmp_path,
    }
    before = runs.table.read_bytes()
    refused([str(paths.get(word, word)) for word in words], sentence, capsys, **paths)
    assert runs.table.read_bytes() == before
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain", "show"])
def test_folders_that_are_refused(
    tmp_path: Path, runs: Runs, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = runs.folders["regression"]
    words = [command, str(tmp_path)]
    words += {"explain": ["--row", "0"], "show": []}.get(command, [str(runs.table)])
    settings = (whole / SETTINGS).read_text()
    (tmp_path / SETTINGS).write_text(settings)
    refused(words, "The run in '{path}' has not ended", capsys, path=tmp_path)
    model = (whole / MODEL).read_bytes()
    (tmp_path / MODEL).write_bytes(model[:-100])
    refused(words, f"'{tmp_path / MODEL}' is damaged", capsys)
    (tmp_path / MODEL).write_bytes(model)
    (tmp_path / SETTINGS).write_text(settings.replace("version = 1", "version = 99"))
    refused(words, f"{tmp_path / SETTINGS} was written by a newer version", capsys)


def test_long_numbers_of_groups_stay_apart() -> None:
    codes = np.array([1234567.0, 1234568, 1234567])
    table = Table(tuple(Column(name, "number", codes) for name in ("g", "x", "y")))
    settings = RunSettings(data="t.csv", target=("y",), task="regression", group="g")
    found = run_data(table, settings).groups
    assert found is not None
    assert found.tolist() == ["1234567", "1234568", "1234567"]
