"""`clearprop predict`: the same bits from every form of a table and into every form of a file."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.base.arrays import Array
from clearprop.cli import main
from clearprop.data.frames import table_of_frame
from clearprop.data.reading import read_as_written, read_table
from clearprop.data.table_writing import WRITERS, table_bytes
from clearprop.runs.run_folder import MODEL
from tests.runs.conftest import COLUMNS, Runs


def written(frame: pd.DataFrame, path: Path) -> Path:
    """The frame as a file of the kind that the name says."""
    writers: dict[str, Callable[[], Any]] = {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        ".txt": lambda: frame.to_csv(path, index=False, sep=";", encoding="utf-16"),
        ".parquet": lambda: frame.to_parquet(path, index=False),
        ".arrow": lambda: frame.to_feather(path),
        ".feather": lambda: frame.to_feather(path),
        ".npz": lambda: np.savez(path, allow_pickle=False, **columns_of(frame)),
    }
    writers[path.suffix]()
    return path


def columns_of(frame: pd.DataFrame) -> dict[str, Array]:
    return {
        str(name): column.to_numpy() if column.dtype.kind in "iufM" else column.to_numpy(str)
        for name, column in frame.items()
    }


def predicted(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[pd.DataFrame, str]:
    """What is printed, numbers read as Python reads them, and what is said."""
    assert main(["predict", *words, "--lang", "en"]) == 0
    said = capsys.readouterr()
    names, *rows = csv.reader(io.StringIO(said.out))
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    numeric = {
        name: [*map(float, cells)]
        for name, cells in columns.items()
        if name.startswith(("predicted", "probability")) and name != "predicted_sold"
    }
    return pd.DataFrame({**columns, **numeric}), said.err


@pytest.mark.parametrize("form", ["csv", "tsv", "txt", "parquet", "arrow", "feather", "npz"])
@pytest.mark.parametrize("task", ["regression", "classification", "multilabel"])
def test_a_saved_model_predicts_the_same_bits_from_every_form(
    tmp_path: Path, runs: Runs, task: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(runs.frame, tmp_path / f"table.{form}")
    found, said = predicted([str(runs.folders[task]), str(data)], capsys)
    model, table = runs.models[task], table_of_frame(runs.frame[list(COLUMNS)])
    assert said == ""
    if task == "regression":
        assert found.columns.tolist() == ["predicted_price"]
        np.testing.assert_array_equal(found["predicted_price"], model.predict(table))
    elif task == "classification":
        assert found.columns.tolist() == ["predicted_sold", "probability_no", "probability_yes"]
        assert found["predicted_sold"].tolist() == model.predict(table).tolist()
        np.testing.assert_array_equal(found.iloc[:, 1:], model.predict_proba(table))
    else:
        np.testing.assert_array_equal(found.iloc[:, ::2], model.predict(table))
        np.testing.assert_array_equal(found.iloc[:, 1::2], model.predict_proba(table))


@pytest.mark.parametrize("ending", WRITERS)
def test_into_every_form(
    tmp_path: Path, runs: Runs, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"said.{ending}"
    words = [str(runs.folders["regression"]), str(runs.table), "--interval", "0.8"]
    expected, _ = predicted([*words, "--keep", "燃料"], capsys)
    assert main(["predict", *words, "--keep", "燃料", "-o", str(out)]) == 0
    assert "150" in capsys.readouterr().out
    table = read_table(out)
    names = ("燃料", "predicted_price", "predicted_price_low", "predicted_price_high")
    assert table.names == names
    assert table["燃料"].values.tolist() == runs.frame["燃料"].tolist()
    for name in names[1:]:
        np.testing.assert_array_equal(table[name].values, expected[name])
    low, said, high = (table[names[k]].values for k in (2, 1, 3))
    assert (low < said).all()
    assert (said < high).all()


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
def test_columns_are_carried_along_as_they_are_written(
    tmp_path: Path, runs: Runs, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(runs.frame, tmp_path / f"table.{form}")
    words = [str(runs.folders["classification"]), str(data), "--keep", "id,code,id"]
    found, _ = predicted(words, capsys)
    assert found.columns.tolist()[:3] == ["id", "code", "predicted_sold"]
    assert found["id"].tolist() == [*map(str, runs.frame["id"])]
    assert found["code"].tolist() == runs.frame["code"].tolist()


def test_a_file_of_numbers_alone_may_hold_words(
    tmp_path: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of these rows every code looks like a number, and in training they were words.
    frame = runs.frame[runs.frame["code"] != "a"]
    found, said = predicted(
        [str(runs.folders["regression"]), str(written(frame, tmp_path / "t.csv"))], capsys
    )
    assert said == ""
    whole = runs.models["regression"].predict(table_of_frame(runs.frame[list(COLUMNS)]))
    # Products of another number of rows are summed in another order, in float32.
    expected = whole[runs.frame["code"] != "a"]
    np.testing.assert_allclose(found["predicted_price"], expected, rtol=1e-5)


def test_one_row_and_columns_in_any_order_with_others_between(
    tmp_path: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(runs.folders["regression"])
    whole, _ = predicted([folder, str(runs.table)], capsys)
    turned = runs.frame[runs.frame.columns[::-1]].assign(remark="x" * 50).iloc[[7]]
    one, _ = predicted([folder, str(written(turned, tmp_path / "one.csv")), "-o", "-"], capsys)
    assert one["predicted_price"].tolist() == pytest.approx([whole["predicted_price"][7]], rel=1e-5)
    alone, _ = predicted([f"{folder}/{MODEL}", str(runs.table)], capsys)
    assert alone.equals(whole)


def test_what_training_did_not_have_is_said(
    tmp_path: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = runs.frame.head(4).copy()
    frame["燃料"] = ["diesel", "電", "hydrogen", "電"]
    frame["km"] = [10.0, 900, np.nan, 50]
    frame["first"] = pd.to_datetime(["2016-01-01", "1970-01-02", "2017-01-01", None])
    data = written(frame, tmp_path / "new.csv")
    found, said = predicted([str(runs.folders["regression"]), str(data)], capsys)
    assert np.isfinite(found["predicted_price"]).all()
    assert "'燃料' has words that training did not have (電, hydrogen) in 3 of 4 rows" in said
    assert "'km' lies outside of what training had" in said
    assert "'first' lies outside of what training had (2015-" in said
    assert "'first' has no value in 1 of 4 rows" in said
    assert main(["predict", str(runs.folders["regression"]), str(data), "--lang", "zh-TW"]) == 0
    assert "訓練時沒有的" in capsys.readouterr().err


columns = st.one_of(
    st.lists(st.floats(allow_infinity=False, width=64), min_size=3, max_size=3).map(
        lambda values: np.array(values, np.float64)
    ),
    st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=3).map(
        lambda values: np.array(values, np.int64)
    ),
    st.lists(
        st.none() | st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1),
        min_size=3,
        max_size=3,
    ).map(lambda values: np.array([*values, None], object)[:3]),
)


@settings(max_examples=40)
@given(
    found=st.dictionaries(
        st.text("ab漢file", min_size=1, max_size=5), columns, min_size=1, max_size=4
    ),
    ending=st.sampled_from([one for one in WRITERS if one not in ("csv", "tsv")]),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, Array], ending: str
) -> None:
    path = tmp_path_factory.mktemp("written") / f"table.{ending}"
    path.write_bytes(table_bytes(found, ending))
    for name, values in read_as_written(path, list(found)).items():
        items = values.tolist() if isinstance(values, np.ndarray) else values.to_pylist()
        assert len(items) == 3
        for one, expected in zip(items, found[name].tolist(), strict=True):
            if isinstance(expected, float) and np.isnan(expected):
                assert one is None or np.isnan(one)
            else:
                assert one == (expected if expected is not None or ending != "npz" else "")


@settings(max_examples=40)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_text_has_all_digits(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], ending: str
) -> None:
    path = tmp_path_factory.mktemp("text") / f"table.{ending}"
    path.write_bytes(table_bytes({"a": np.array(values)}, ending))
    np.testing.assert_array_equal(read_table(path)["a"].values, values)
