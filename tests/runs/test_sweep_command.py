"""`clearprop sweep`: its words, its folder, its pictures, and how it is gone on with."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clearprop.cli import main
from clearprop.data import read_table
from clearprop.estimators import Range
from clearprop.runs import sweep_run
from clearprop.runs.run_settings import RunSettings, read_settings
from clearprop.runs.sweep_settings import SweepSettings, read_sweep, write_sweep
from tests.runs.small_tables import TARGETS, people

GRID = "hidden = [[4], [8, 4]]\nlearning_rate = [0.01, 0.03]\n"
FAST = ["--epochs", "2", "--engine", "numpy", "--folds", "3", "--jobs", "1", "--lang", "en"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "grid.toml").write_text(GRID)
    return people(folder / "people.csv", rows=120)


def words(data: Path, out: Path, *more: str, target: str = "income") -> list[str]:
    drop = ["--drop", TARGETS[target]]
    return ["sweep", str(data), "--target", target, *drop, "--out", str(out), *FAST, *more]


def grid(data: Path) -> list[str]:
    return ["--grid", str(data.with_name("grid.toml"))]


def rows(folder: Path) -> list[tuple[Any, ...]]:
    """The results, but for the time of day."""
    table = read_table(folder / "results.parquet")
    kept = [column.values.tolist() for column in table.columns if column.name != "seconds"]
    return list(zip(*kept, strict=True))


def test_a_grid_is_tried_and_its_folder_is_whole(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "swept"
    assert main(words(data, folder, *grid(data), "--seeds", "2")) == 0
    said = capsys.readouterr().out
    assert "all 4 combinations of hidden, learning_rate" in said
    assert "rmse on 3 folds, 2 seeds each: 12 trainings" in said
    assert {path.name for path in folder.iterdir()} == {
        "best.toml", "effect-hidden.svg", "effect-learning_rate.svg", "jobs", "results.parquet",
        "sweep.toml",
    }  # fmt: skip
    table = read_table(folder / "results.parquet")
    assert table.names == (
        "configuration", "seed", "fold", "score", "seconds", "problem", "hidden", "learning_rate"
    )  # fmt: skip
    assert table.rows == 24
    # An error, of which less is better, as the field writes it.
    scores = table["score"].values
    assert (scores > 0).all()
    means = [scores[table["configuration"].values == k].mean() for k in range(4)]
    best = read_settings(folder / "best.toml")
    chosen = means.index(min(means))
    assert (best.hidden, best.learning_rate) == [
        ((4,), 0.01), ((4,), 0.03), ((8, 4), 0.01), ((8, 4), 0.03)
    ][chosen]  # fmt: skip
    assert best.validation == 0.1
    for name in ("hidden", "learning_rate"):
        picture = ElementTree.parse(folder / f"effect-{name}.svg").getroot()
        assert picture.tag.endswith("svg")
    assert main(["train", "--config", str(folder / "best.toml"), "--out", str(tmp_path / "r")]) == 0


def test_a_sweep_that_was_ended_goes_on_and_repeats_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--random", "3", "--seed", "5"]
    assert main(words(data, tmp_path / "whole", *given)) == 0
    folder, keep = tmp_path / "swept", sweep_run.JobFiles.keep
    kept: list[str] = []

    def ends(self: sweep_run.JobFiles, key: str, found: Any) -> None:
        keep(self, key, found)
        kept.append(key)
        if len(kept) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep_run.JobFiles, "keep", ends)
    capsys.readouterr()
    assert main(words(data, folder, *given)) == 130
    said = capsys.readouterr().err
    assert f"are kept. To go on: clearprop sweep --resume {folder}" in said
    files = {path.name: path.read_bytes() for path in (folder / "jobs").iterdir()}
    assert len(files) == 4
    # A file that was damaged is as one that is not there.
    damaged = folder / "jobs" / f"{kept[0]}.json"
    damaged.write_text(damaged.read_text()[:20])
    kept.clear()
    kept.extend(["before"] * 10)
    assert main(["sweep", "--resume", str(folder), "--lang", "zh-TW", "--jobs", "1"]) == 0
    assert "9 次訓練中有 3 次先前已做完" in capsys.readouterr().out
    assert len(kept) == 10 + 6
    assert {name: (folder / "jobs" / name).read_bytes() for name in files} != {}
    assert rows(folder) == rows(tmp_path / "whole")


def test_a_sweep_is_not_gone_on_with_on_other_data(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder = tmp_path / "people.csv", tmp_path / "swept"
    shutil.copy(data, table)
    assert main(words(table, folder, "--random", "1")) == 0
    before = (folder / "results.parquet").read_bytes()
    first, *_, last = table.read_text().splitlines(keepends=True)
    table.write_text(first + 120 * last)
    assert main(["sweep", "--resume", str(folder)]) == 2
    assert "is not what it was when the sweep in" in capsys.readouterr().err
    assert (folder / "results.parquet").read_bytes() == before


def test_where_nothing_can_be_written_nothing_is_begun(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "deep"
    train = ["train", str(data), "--target", "income", "--out", str(out), "--lang", "en"]
    for given in (words(data, out, "--random", "1"), train):
        assert main(given) == 2
        told = capsys.readouterr()
        assert told.err == f"clearprop: '{out.parent}' is a file, where a folder was meant.\n"
        assert told.out == ""


def test_classes_are_judged_by_accuracy_or_as_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(data, tmp_path / "a", *grid(data), target="rich")) == 0
    assert "accuracy on 3 folds" in capsys.readouterr().out
    more = [*grid(data), "--metric", "log_loss", "--group", "town", "--networks", "2"]
    assert main(words(data, tmp_path / "b", *more, target="rich")) == 0
    assert "log_loss on 3 folds" in capsys.readouterr().out
    table = read_table(tmp_path / "b" / "results.parquet")
    assert (table["score"].values > 0).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "Say what is tried"),
        (["--random", "0"], "--random"),
        (["--random", "2", "--metric", "accuracy"], "accuracy"),
        (["--random", "2", "--metric", "loss"], "judged by a metric"),
        (["--random", "2", "--jobs", "0"], "--jobs"),
        (["--random", "2", "--backend", "nobody"], "no engine 'nobody'"),
        (["--random", "2", "--validation", "other.csv"], "not the file 'other.csv'"),
        (["--random", "2", "--memory", "1MB"], "no option --memory"),
        (["--grid", "none.toml"], "none.toml"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    more: list[str], said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(data, tmp_path / "swept", *more)) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.startswith("clearprop: ")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hiden = [[4]]", "no setting 'hiden'"),
        ("hidden = [[-4]]", "-4"),
        ("seed = [1]", "no setting 'seed'"),
        ("dropout = 0.1", "a list of values"),
        ("dropout = {low = 0.1}", "a list of values"),
        ("dropout = {low = 0.1, high = 0.2}", "--random"),
        ("dropout = {low = 0.3, high = 0.2}", "larger one"),
        ("dropout = [", "no TOML"),
        ("", "nothing to try"),
        ("loss = ['cross-entropy']", "CrossEntropy"),
    ],
)
def test_a_grid_that_cannot_be_is_one_sentence(
    text: str, said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grid.toml").write_text(text)
    assert main(words(data, tmp_path / "swept", "--grid", str(tmp_path / "grid.toml"))) == 2
    assert said in capsys.readouterr().err


def test_a_folder_is_never_written_over(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.toml").write_text("")
    assert main(words(data, tmp_path, "--random", "2")) == 2
    assert "a sweep in" in capsys.readouterr().err
    assert main(["sweep", "--resume", str(tmp_path / "none")]) == 2
    assert "no folder of clearprop sweep" in capsys.readouterr().err
    assert main(["sweep", "--resume", str(tmp_path), "--random", "3"]) == 2
    assert "--random" in capsys.readouterr().err


def test_a_sweep_in_which_nothing_succeeds_says_why(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grid.toml").write_text("learning_rate = [1e30, 1e31]")
    more = ["--grid", str(tmp_path / "grid.toml"), "--optimizer", "sgd"]
    assert main(words(data, tmp_path / "swept", *more)) == 2
    assert "No configuration was trained on all folds" in capsys.readouterr().err
    assert read_table(tmp_path / "swept" / "results.parquet").rows == 6
    assert not (tmp_path / "swept" / "best.toml").exists()


def test_settings_are_written_and_read_again(tmp_path: Path) -> None:
    given = SweepSettings(
        training=RunSettings(data="a.csv", target=("y",), validation=0.2, seed=3),
        space=(("hidden", ((4,), (8, 4))), ("dropout", Range(0.1, 0.5)), ("loss", ("mae", "mse"))),
        random=7,
        seeds=2,
        folds=4,
        metric="mae",
    )
    write_sweep(given, tmp_path / "sweep.toml")
    found = read_sweep(tmp_path / "sweep.toml")
    assert found.training == given.training
    assert (found.random, found.seeds, found.folds, found.metric) == (7, 2, 4, "mae")
    assert found.configurations() == [
        {**one, "hidden": list(one["hidden"])} for one in given.configurations()
    ]


def test_a_full_disk_keeps_what_was_done(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "swept"
    folder.mkdir()
    (folder / "results.parquet").mkdir()
    assert main(words(data, folder, "--random", "2")) == 2
    said = capsys.readouterr().err
    assert re.search(r"6 of 6 trainings are kept\. To go on: clearprop sweep --resume", said)
    assert all(json.loads(path.read_text()) for path in (folder / "jobs").iterdir())
