"""What `clearprop train` says of tables and settings that cannot be, or that one should know of.

Of files that no reader takes there are more in tests/data/test_reading_tables.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.base.writing import write_whole
from clearprop.cli import main
from clearprop.runs.run_folder import open_run
from tests.runs.small_tables import FAST, people

Made = Callable[[Path], object]


def rows(head: str, *lines: str, times: int = 1) -> Made:
    """A file of these lines."""
    text = "\n".join([head, *(line for _ in range(times) for line in lines)]) + "\n"
    return lambda path: path.write_text(text, encoding="utf-8")


def counted(head: str, line: Callable[[int], str], count: int = 100) -> Made:
    """A file of lines that are made from their numbers."""
    return rows(head, *(line(k) for k in range(count)))


def in_encoding(encoding: str) -> Made:
    text = "名稱,y\n" + "".join(f"{k},{k % 7}.5\n" for k in range(100))
    return lambda path: path.write_bytes(text.encode(encoding))


# The file, the words behind it, what is said of it in both languages, and nothing is trained.
REFUSED: dict[str, tuple[Made, list[str], str, str]] = {
    "an empty file": (
        lambda path: path.write_text(""), [], "holds no line of numbers", "table.csv"
    ),
    "a header alone": (rows("a,y"), [], "holds no line of numbers", "table.csv"),
    "a target that is not there": (rows("a,b", "1,2"), [], "no column 'y'", "沒有欄位「y」"),
    "a target alone": (rows("y", "1", "2"), [], "no column left", "沒有剩下任何"),
    "a target without a value": (rows("a,y", "1,", "2,"), [], "nothing to learn", "沒有東西可學"),
    "one class": (
        counted("a,y", lambda k: f"{k},yes"), [], "is 'yes' in every row", "每一列都是「yes」"
    ),
    "a column all missing": (
        counted("a,b,y", lambda k: f"{k},,{k % 7}.5"), [], "'b' has no value at all", "完全沒有值"
    ),
    "infinities": (
        counted("a,y", lambda k: f"{'inf' if k == 3 else k},{k % 7}.5"), [],
        "infinite in row 3", "第 3 列是無限大",
    ),
    "an infinite target": (
        counted("a,y", lambda k: f"{k},{'inf' if k == 3 else k % 7 + 0.5}"), [],
        "infinite in row 3", "第 3 列是無限大",
    ),
    "a column twice": (rows("a,a,y", "1,2,3"), [], "several columns called 'a'", "都叫「a」"),
    "a million categories": (
        counted("a,word,y", lambda k: f"{k},w{k},{k % 7}.5", 1000), [],
        "1000 different words", "1000 種不同的",
    ),
    "a million classes": (
        counted("a,y", lambda k: f"{k},w{k}", 1000), [], "1000 different values", "1000 種不同的值"
    ),
    "missing values that are refused": (
        counted("a,y", lambda k: f"{'' if k == 5 else k},{k % 7}.5"), ["--missing", "error"],
        "no value in row 5", "第 5 列沒有值",
    ),
    "a metric of another task": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--stop-on", "auc"],
        "'auc' does not judge a regression", "不能評定",
    ),
    "weights of classes where there are numbers": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--class-weight", "balanced"],
        "is for the classes of one target, which the target (y) is not", "適用於單一目標的類別",
    ),
    "a loss of another task": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--loss", "cross_entropy"],
        "CrossEntropy is not for a regression", "不適用於",
    ),
    "weights of words": (
        counted("a,w,y", lambda k: f"{k},x,{k % 7}.5"), ["--weights", "w"],
        "'w' must be numbers", "必須是數字",
    ),
    "negative weights": (
        counted("a,w,y", lambda k: f"{k},{k - 3},{k % 7}.5"), ["--weights", "w"],
        "at least 0, and -3.0 in row 0", "大於或等於 0",
    ),
    "a time of words": (
        counted("a,t,y", lambda k: f"{k},x,{k % 7}.5"), ["--time", "t"],
        "must be dates or numbers", "必須是日期或數字",
    ),
    "a time that is missing": (
        counted("a,t,y", lambda k: f"{k},{'' if k == 8 else k},{k % 7}.5"), ["--time", "t"],
        "no value in row 8", "第 8 列沒有值",
    ),
    "one group": (
        counted("a,g,y", lambda k: f"{k},x,{k % 7}.5"), ["--group", "g"],
        "all rows are of one group", "同一組",
    ),
    "the target set aside": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--weights", "y"],
        "cannot be the target and be set aside", "不能既是目標",
    ),
    "a share of everything": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--validation", "1.5"],
        "a share of the rows between 0 and 1", "0 到 1 之間的比例",
    ),
    "a held-out file that is not there": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--validation", "nothere.csv"],
        "no file 'nothere.csv'", "沒有檔案「nothere.csv」",
    ),
    "a word to regress": (
        counted("a,y", lambda k: f"{k},w{k % 3}"), ["--task", "regression"],
        "--task classification predicts words", "--task classification",
    ),
    "halves as classes": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--task", "classification"],
        "numbers as classes are whole", "必須是整數",
    ),
    "a weight of a class below 0": (
        counted("a,y", lambda k: f"{k},{'no' if k % 2 else 'yes'}"), ["--class-weight", "yes=-1"],
        "classes, as yes=5,no=1, and 'yes=-1' is not", "'yes=-1' 不是",
    ),
    "UTF-16 without its mark": (
        in_encoding("utf-16-le"), [],
        "--encoding utf-16-le reads it", "--encoding utf-16-le 就能讀取",
    ),
    "a NUL": (
        counted("a,b,y", lambda k: f"{k},{chr(0) if k == 5 else 'x'},1"), [],
        "a NUL character in line 7", "第 7 行有 NUL 字元",
    ),
    "labels that are none": (
        counted("a,y", lambda k: f"{k},{k % 7}.5"), ["--task", "multilabel"],
        "something else than 0 and 1", "以外的值",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing_behind(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, more, english, chinese = REFUSED[case]
    data, out = tmp_path / "table.csv", tmp_path / "run"
    make(data)
    for language, sentence in (("en", english), ("zh-TW", chinese)):
        given = ["train", str(data), "--target", "y", *FAST, *more, "--out", str(out)]
        assert main([*given, "--lang", language]) == 2
        err = capsys.readouterr().err
        assert sentence.lower() in err.lower()
        assert len(err.splitlines()) == 1
        assert not out.exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["train"], "Give the file of a table"),
        (["train", "a.csv"], "Say which column is predicted"),
        (["train", "a.csv", "--target", "y", "--hidden", "8,x"], "hidden layers"),
        (["train", "a.csv", "--target", "y", "--activation", "swoosh"], "no file"),
        (["train", "a.csv", "--target", "y", "--dropout", "half"], "--dropout takes a number"),
        (["train", "a.csv", "--target", "y", "--dropout", "1"], "dropout"),
        (["train", "a.csv", "--target", "y", "--epochs", "0"], "--epochs takes a whole number"),
        (["train", "a.csv", "--target", "y", "--networks", "none"], "--networks takes a whole"),
        (["train", "a.csv", "--target", "y", "--class-weight", "yes"], "Class weights are"),
        (["train", "a.csv", "--target", "y", "--memory", "lots"], "as 500MB or 2GB"),
        (["train", "a.csv", "--target", "y", "--optimizer", "magic"], "optimizer must be one of"),
        (["train", "a.csv", "--target", "y", "--learning-rate", "-1"], "--learning-rate takes"),
        (["train", "--config", "nothere.toml"], "no file 'nothere.toml'"),
        (["train", "--resume", "nothere"], "no folder 'nothere'"),
        (["train", "a.xlsx", "--target", "y"], "a.xlsx"),
    ],
)
def test_words_that_cannot_be(
    given: list[str], sentence: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*given, "--lang", "en"]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert not [*tmp_path.iterdir()]


# The file, the words behind it, and what is said beside the training.
SAID: dict[str, tuple[Made, list[str], str]] = {
    "a constant target": (
        counted("a,b,y", lambda k: f"{k % 13},{k % 7},3.5"), [], "'y' is 3.5 in every row"
    ),
    "a constant feature": (
        counted("a,b,y", lambda k: f"{k % 13},1,{k % 7}.5"),
        [],
        "'b' has the same value everywhere, 1",
    ),
    "one row": (rows("a,y", "1,2.5"), [], "every step takes all of them"),
    "few rows": (counted("a,y", lambda k: f"{k % 5},{k % 7}.5", 30), [], "every step takes all"),
    "few rows, of which none is held out": (
        counted("a,y", lambda k: f"{k % 5},{k % 7}.5", 30), [], "none, so the last epoch counts"
    ),
    "no hidden layer": (
        counted("a,y", lambda k: f"{k % 5},{k % 7}.5"), ["--hidden", ""],
        "2 networks without a hidden layer",
    ),
    "a batch larger than the data": (
        counted("a,y", lambda k: f"{k % 5},{k % 7}.5"), ["--batch-size", "4096"],
        "A batch of 4096 is larger than the 100 rows",
    ),
    "equal columns": (
        counted("a,b,y", lambda k: f"{k % 9},{k % 9},{k % 7}.5"),
        [],
        "'b' has the same values as 'a'",
    ),
    "the target among the features": (
        counted("a,copy,y", lambda k: f"{k % 9},{k * k + 1},{k * k}.5"), [],
        "'copy' alone tells 'y' exactly",
    ),
    "a class among the features": (
        counted("a,copy,y", lambda k: f"{k % 9},{'JN'[k % 2]},{['no', 'yes'][k % 2]}"), [],
        "'copy' alone tells 'y' exactly",
    ),
    "an id that leaks": (
        counted("id,a,y", lambda k: f"{k},{k % 9},{'yes' if k < 40 else 'no'}"), [],
        "'id' alone tells 'y' exactly",
    ),
    "an id": (
        counted("id,a,y", lambda k: f"{k},{k % 9},{k % 7}.5"),
        [],
        "'id' has another value in every row",
    ),
    "a name in Chinese and a mark": (in_encoding("utf-8-sig"), [], "名稱"),
    "UTF-16": (in_encoding("utf-16"), [], "名稱"),
    "Big5": (in_encoding("big5"), ["--encoding", "big5"], "名稱"),
    "decimal commas": (
        rows("a;y", *(f"{k % 9},25;{k % 7},5" for k in range(100))), [],
        "commas before its decimals",
    ),
    "rows without a target": (
        counted("a,y", lambda k: f"{k % 9},{'' if k < 7 else k % 7 + 0.5}"), [],
        "lack of a value in the target (y): 7 rows.",
    ),
    "rows that are dropped": (
        counted("a,y", lambda k: f"{'' if k < 7 else k},{k % 7}.5"), ["--missing", "drop"],
        "Left out for lack of a value: 7 rows.",
    ),
    "one word among numbers": (
        counted("a,y", lambda k: f"{k % 9 if k else 'n/k'},{k % 7}.5", 30), [],
        "holds numbers but for 1 of 30 values, such as 'n/k'",
    ),
    "the area of three classes by scikit-learn's name": (
        counted("a,y", lambda k: f"{k % 9},{'abc'[k % 3]}"), ["--stop-on", "roc_auc"], ""
    ),
    "large numbers": (counted("a,y", lambda k: f"{k % 9}e35,{k % 7}e36"), [], ""),
    "larger than float32": (counted("a,y", lambda k: f"{k % 9}e250,{k % 7}e250"), [], ""),
    "classes of one row": (
        counted("a,y", lambda k: f"{k % 9},{'rare' if k == 9 else 'ab'[k % 2]}"), [], "rare 1 %"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_what_a_person_should_know_is_said(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, more, sentence = SAID[case]
    data, out = tmp_path / "table.csv", tmp_path / "run"
    make(data)
    assert main(["train", str(data), "--target", "y", *FAST, *more, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    if sentence == "名稱":
        assert open_run(out).model.preparation_.columns == ("名稱",)
    else:
        assert sentence in " ".join(said.split("\n"))
    model = open_run(out).model
    assert np.isfinite(model.params_).all()
    assert model.learned_.params.shape[0] == 2


def test_a_class_that_was_not_there_in_training_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = people(tmp_path / "a.csv"), tmp_path / "b.csv"
    other.write_text(people(tmp_path / "c.csv").read_text().replace(",yes,", ",maybe,"))
    given = ["train", str(data), "--target", "rich", *FAST, "--validation", str(other)]
    assert main([*given, "--out", str(tmp_path / "run")]) == 2
    assert "'maybe' in the column 'rich' was not there in training" in capsys.readouterr().err


def test_a_folder_of_a_newer_version_is_refused_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_whole(folder / "config.toml", b"version = 99\n")
    assert main(["train", "--resume", str(folder), "--lang", "en"]) == 2
    assert "newer version (format 99)" in capsys.readouterr().err
    assert (folder / "config.toml").read_bytes() == b"version = 99\n"
