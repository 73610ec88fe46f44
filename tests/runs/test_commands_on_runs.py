"""The commands that take a saved network take the folder of a run, and its table as data."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.base.messages import LANGUAGES, display_width
from clearprop.cli import main, terminal
from clearprop.formats import network_file
from clearprop.runs.prediction import open_model, table_for
from clearprop.runs.run_folder import MODEL
from tests.runs.conftest import COLUMNS, TARGETS, Runs

COMMANDS = {
    "show": [],
    "explain": ["--sample", "2"],
    "diagram": ["--kind", "neuron"],
    "step": ["--all"],
    "health": [],
    "write": [],
}


@pytest.mark.parametrize(
    ("command", "with_data"),
    [(name, data) for name in COMMANDS for data in (False, True) if (name, data) != ("show", True)],
)
def test_every_command_takes_a_folder(
    tmp_path: Path,
    runs: Runs,
    command: str,
    with_data: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = ["--data", str(runs.table)] if with_data else []
    said: list[Any] = []
    for what in (runs.folders["classification"], runs.folders["classification"] / MODEL):
        words = [command, str(what), *COMMANDS[command], *data, "--lang", "en"]
        if command == "write":
            # A program of more than a thousand numbers has a file for them.
            folder = tmp_path / str(len(said))
            folder.mkdir()
            words += ["-o", str(folder / "program.py")]
        assert main(words) in (0, 1)
        said.append(capsys.readouterr())
    names = (str(runs.folders["classification"]), f"/{MODEL}", f"{tmp_path}/0", f"{tmp_path}/1")
    for name in names:
        said = [one._replace(out=one.out.replace(name, "")) for one in said]
    assert said[0] == said[1]
    assert said[0].err == ""


def test_a_folder_is_exported_as_its_model(tmp_path: Path, runs: Runs) -> None:
    folder = runs.folders["classification"]
    made = []
    for name, what in (("one.safetensors", folder), ("other.safetensors", folder / MODEL)):
        words = ["export", str(what), "--to", "safetensors", "-o", str(tmp_path / name)]
        assert main(words) == 0
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("task", TARGETS)
def test_a_table_reaches_the_network_as_its_model_prepares_it(
    runs: Runs, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # All rows of the table are those that are kept: the step on them is the same.
    steps = []
    for data in ([], ["--data", str(runs.table)]):
        assert main(["step", str(runs.folders[task]), *data, "--json"]) == 0
        steps.append(json.loads(capsys.readouterr().out))
    assert steps[0] == steps[1]


def test_a_program_of_a_table(
    tmp_path: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.py"
    words = ["write", str(runs.folders["regression"]), "--data", str(runs.table), "--epochs", "1"]
    assert main([*words, "-o", str(program)]) == 0
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert "loss" in done.stdout


@pytest.mark.parametrize("task", TARGETS)
def test_kept_rows_are_the_tables(runs: Runs, task: str) -> None:
    model = open_model(runs.folders[task])
    kept = network_file.load(runs.folders[task] / MODEL).x
    assert kept is not None
    found, table = model.preparation_.table_of(kept), table_for(model, runs.table)
    assert found.names == COLUMNS
    np.testing.assert_allclose(found["km"].values, table["km"].values, rtol=0, atol=1e-4)
    for name in ("燃料", "code", "first"):
        assert found[name].values.tolist() == table[name].values.tolist()


@pytest.mark.parametrize(("task", "output"), [("regression", "price"), ("multilabel", "far")])
def test_a_row_in_the_tables_units(
    runs: Runs, task: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", str(runs.folders[task]), "--row", "7", "--output", output, "--format"]
    found = []
    for data in ([], ["--data", str(runs.table)]):
        assert main([*words, "json", *data]) == 0
        found.append(json.loads(capsys.readouterr().out))
    kept, given = found
    assert given["output"] == output
    assert kept["prediction"] == pytest.approx(given["prediction"], rel=1e-5)
    values = {one["column"]: one["value"] for one in given["columns"]}
    row = runs.frame.iloc[7]
    assert values["燃料"] == row["燃料"]
    assert values["first"] == f"{row['first']:%Y-%m-%d}"
    assert float(values["km"]) == pytest.approx(row["km"], rel=1e-3)
    total = sum(one["share"] for one in given["columns"])
    assert total + given["rest"] == pytest.approx(given["prediction"] - given["average"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", ["txt", "svg", "html", "json"])
def test_a_row_into_a_file(
    tmp_path: Path, runs: Runs, form: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"row.{form}"
    words = ["explain", str(runs.folders["classification"]), "--row", "1", "--lang", language]
    assert main([*words, "-o", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    assert "燃料" in text
    if form != "json":
        assert {"en": "Above all", "zh-TW": "主要是"}[language] in text
    if form == "html":
        # The picture has bars, and the page speaks of them.
        assert {"en": "Point at a bar", "zh-TW": "指向長條"}[language] in text
        assert {"en": "a neuron", "zh-TW": "神經元"}[language] not in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--row", "150"], "There is no row 150; there are 150, counted from 0."),
        (["--row", "-1"], "--row takes a whole number"),
        (["--row", "1", "--output", "maybe"], "The model predicts no 'maybe'; it predicts no, yes"),
        (["--row", "1", "--sample", "1"], "--row explains a prediction"),
        (["--row", "1", "--format", "latex"], "A row is explained by its columns' shares"),
        (["--output", "yes", "--sample", "1"], "--output names what --row explains"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused_of_a_row(
    runs: Runs, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for language in LANGUAGES:
        command = ["explain", str(runs.folders["classification"]), *words, "--lang", language]
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"clearprop: {sentence}") == (language == "en"), said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", ["evaluate", "data", "explain"])
def test_forty_columns(
    runs: Runs,
    command: str,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(runs.table.parent)
    monkeypatch.setattr(terminal, "width_of_output", lambda: 40)
    words = {
        "evaluate": ["regression", "cars.csv", "--group", "km", "--interval", "0.5"],
        "data": ["cars.csv"],
        "explain": ["regression", "--row", "3"],
    }[command]
    assert main([command, *words, "--lang", language]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert [line for line in lines if display_width(line) > 40] == []


def test_the_sentence_of_a_model_in_show(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(runs.folders["classification"]), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "sold: no, yes" in said
    assert "km (number), 燃料 (2 words), first (date), code (3 words)" in said
    assert "table_model" not in said
    assert "PiecewiseLinear((…)" in said
