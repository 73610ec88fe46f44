"""Runs on tables as other programs write them: what is left out, flags, rare classes, pipes."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from clearprop.cli import main
from clearprop.data.reading import read_table
from clearprop.runs.run_data import run_data, split
from clearprop.runs.run_settings import RunSettings
from tests.runs.small_tables import FAST


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One table of flags as CSV, where they are words, and as Parquet, with a column besides that
    no network takes; and a run on each."""
    folder = tmp_path_factory.mktemp("flags")
    even = [bool(k % 2) for k in range(80)]
    table = pa.table({"f": even, "x": np.arange(80.0), "y": even})
    found = {kind: folder / f"t.{kind}" for kind in ("csv", "parquet")}
    csv.write_csv(table, found["csv"])
    parquet.write_table(table.append_column("s", pa.array([[1.0]] * 80)), found["parquet"])
    for kind, path in found.items():
        words = ["train", str(path), "--target", "y", "--out", str(folder / kind), *FAST]
        assert main([*words, *(["--drop", "s"] if kind == "parquet" else [])]) == 0
    return found


@pytest.mark.parametrize("trained", ["csv", "parquet"])
def test_a_model_of_flags_says_the_same_of_every_file(
    flags: dict[str, Path], trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(flags["csv"].parent / trained)
    said = []
    for path in flags.values():
        for words in (["predict", run, str(path)], ["evaluate", run, str(path), "--json"]):
            capsys.readouterr()
            assert main(words) == 0
            printed = capsys.readouterr()
            assert "words that training did not have" not in printed.err
            said.append(printed.out.replace(str(path), ""))
    assert said[:2] == said[2:]
    assert {line.split(",")[0] for line in said[0].splitlines()[1:]} <= (
        {"false", "true"} if trained == "csv" else {"0", "1"}
    )


def test_a_class_of_one_row_is_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{k},{'rare' if k == 7 else 'ab'[k % 2]}" for k in range(50)]
    path.write_text("\n".join(["x,y", *lines]) + "\n")
    shares = []
    for seed in range(20):
        settings = RunSettings(data=str(path), target=("y",), validation=0.2, seed=seed)
        training, held_out = split(run_data(read_table(path), settings), settings)
        assert held_out is not None
        assert set(training.truth) == {"a", "b", "rare"}
        shares.append(len(held_out))
    assert set(shares) <= {9, 10}


def test_a_pipe_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    os.mkfifo(path)
    assert main(["data", str(path), "--lang", "en"]) == 2
    assert "is a pipe" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined"])
def test_an_encoding_without_letters_is_refused(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x\n1\n")
    assert main(["data", str(path), "--encoding", encoding, "--lang", "en"]) == 2
    assert "there is no encoding called" in capsys.readouterr().err


def test_a_slip_in_a_column_that_nothing_is_asked_of_is_no_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = tmp_path / "t.csv", tmp_path / "run"
    lines = [f"{k},{'oops' if k == 7 else k * k},{2 * k}" for k in range(80)]
    path.write_text("\n".join(["x,code,y", *lines]) + "\n")
    given = ["train", str(path), "--target", "y", "--out", str(run), *FAST]
    assert main(given) == 2
    assert "line 9: 'oops' in the column 'code'" in capsys.readouterr().err
    given += ["--drop", "code"]
    assert main(given) == 0
    given[given.index(str(run))] = str(tmp_path / "streamed")
    assert main([*given, "--memory", "1KB"]) == 0
    for words in (["predict"], ["predict", "--keep", "y"], ["evaluate"]):
        assert main([*words[:1], str(run), str(path), *words[1:]]) == 0
    assert main(["explain", str(run), "--row", "0", "--data", str(path)]) == 0
    assert main(["evaluate", str(run), str(path), "--group", "code", "--lang", "en"]) == 2


def test_a_held_out_file_has_the_words_of_the_training(tmp_path: Path) -> None:
    training, held_out = tmp_path / "t.csv", tmp_path / "v.csv"
    training.write_text("x,y\n" + "".join(f"{'abc'[k % 3]}{k % 2},{k % 4}a\n" for k in range(80)))
    training.write_text(training.read_text() + "1,1\n2,2\n")
    held_out.write_text("x,y\n1,1\n2,2\n1,1\n")
    words = ["train", str(training), "--target", "y", "--validation", str(held_out)]
    assert main([*words, "--out", str(tmp_path / "run"), *FAST]) == 0
