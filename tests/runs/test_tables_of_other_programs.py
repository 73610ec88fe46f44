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
