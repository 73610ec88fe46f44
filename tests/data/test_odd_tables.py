"""Tables as other programs write them: types that no network takes, decimals with commas, offsets
from UTC, yes and no, streams of Arrow."""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from clearprop.base.errors import DataError, FileError
from clearprop.data.blocks import measure
from clearprop.data.column_notes import column_notes, row_notes
from clearprop.data.frames import table_of_frame
from clearprop.data.preparation import CategoryInput, prepare
from clearprop.data.reading import read_as_written, read_table
from clearprop.data.table import Column, Table
from clearprop.data.table_writing import table_bytes
from clearprop.data.typing_columns import typed
from clearprop.data.yes_or_no import spellings

TYPES = {
    "time": pa.array([datetime.time(1), None, datetime.time(3)]),
    "list": pa.array([[1.0], [2.0, 3.0], None]),
    "struct": pa.array([{"a": 1}, {"a": 2}, {"a": 3}]),
    "bytes": pa.array([b"a", b"b", b"c"]),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_type_that_no_network_takes_is_refused_where_it_is_used_alone(
    name: str, tmp_path: Path
) -> None:
    parquet.write_table(pa.table({"x": [1.0, 2.0, 4.0], name: TYPES[name]}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table[name].kind == "other"
    assert table[name].missing.tolist() == TYPES[name].is_null().to_pylist()
    assert prepare(table.without([name])).columns == ("x",)
    with pytest.raises(DataError, match=f"'{name}' is of the type .*--drop {name}"):
        prepare(table)
    blocks = measure(tmp_path / "t.parquet", block_bytes=1 << 16, sample_rows=10)
    assert [column.kind for column in blocks.columns] == ["number", "other"]


def test_all_columns_that_do_not_go_in_are_named_at_once() -> None:
    words = np.array([f"w{k}" for k in range(300)], object)
    table = Table((Column("a", "text", words), Column("b", "text", words[::-1])))
    with pytest.raises(DataError, match=r"--drop a,b"):
        prepare(table)


def test_columns_that_are_equal_are_two_and_names_that_are_equal_are_refused() -> None:
    for frame in (pa.table, pd.DataFrame, pl.DataFrame):
        assert table_of_frame(frame({"a": [1.0, 2.0], "b": [1.0, 2.0]})).names == ("a", "b")
    twice = (pa.table([[1.0], [2.0]], names=["a", "a"]), pd.DataFrame([[1, 2]], columns=["a", "a"]))
    for frame in twice:
        with pytest.raises(DataError, match="two columns called 'a'"):
            table_of_frame(frame, "X")


def test_a_duration_is_its_days(tmp_path: Path) -> None:
    spans = [datetime.timedelta(days=1, hours=12), None, datetime.timedelta(0)]
    parquet.write_table(pa.table({"d": spans}), tmp_path / "t.parquet")
    column = read_table(tmp_path / "t.parquet")["d"]
    assert column.kind == "number"
    np.testing.assert_array_equal(column.values, [1.5, np.nan, 0.0])


def test_dots_are_between_thousands_where_the_file_has_commas_before_decimals(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("count;share;version;whole\n5.094;0,25;1.5;7\n1.234.567;1,5;2.25;8\n")
    table = read_table(path)
    assert table["count"].values.tolist() == [5094, 1234567]
    assert table["version"].values.tolist() == [1.5, 2.25]
    assert ("data.notes.thousands", {"column": "count"}) in table.notes
    assert not any(values["column"] == "whole" for key, values in table.notes if "column" in values)
    sample = measure(path, block_bytes=1 << 16, sample_rows=10).sample
    for name in table.names:
        np.testing.assert_array_equal(sample[name].values, table[name].values)
    path.write_text("count;whole\n5.094;7\n1.234;8\n")
    assert read_table(path)["count"].values.tolist() == [5.094, 1.234]


def test_a_time_with_an_offset_is_counted_in_utc(tmp_path: Path) -> None:
    words = ["2020-01-01T00:30:00+08:00", "2020-01-01 00:30:00-0330", "2020-01-01T00:30:00Z", None]
    expected = ["2019-12-31T16:30", "2020-01-01T04:00", "2020-01-01T00:30", "NaT"]
    wanted = np.array(expected, "datetime64[us]")
    np.testing.assert_array_equal(typed(words, "date"), wanted)
    path = tmp_path / "t.csv"
    path.write_text("t,x\n" + "".join(f"{word or ''},1\n" for word in words))
    found = read_table(path)["t"]
    assert found.kind == "date"
    np.testing.assert_array_equal(found.values, wanted)
    zone = datetime.timezone(datetime.timedelta(hours=8))
    moment = datetime.datetime(2020, 1, 1, 0, 30, tzinfo=zone)
    stamps = pa.array([moment], pa.timestamp("us", tz="Asia/Taipei"))
    parquet.write_table(pa.table({"t": stamps}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["t"].values[0] == wanted[0]


def test_yes_and_no_are_the_same_however_they_are_written() -> None:
    flags = Column("f", "number", np.array([0.0, 1.0, np.nan, 1.0]))
    words = [
        Column("f", "category", np.array(one, object))
        for one in (["False", "True", None, "True"], ["false", "true", None, "true"])
    ]
    of_numbers = prepare(Table((flags,)))
    of_words = prepare(Table((words[0],)))
    digits = Column("f", "category", np.array(["0", "1", None, "1"], object))
    for column in words:
        np.testing.assert_array_equal(
            of_numbers.matrix(Table((column,))), of_numbers.matrix(Table((flags,)))
        )
        assert isinstance(of_words.inputs[0], CategoryInput)
        assert not of_words.inputs[0].unseen(column).any()
    for column in (words[1], digits):
        np.testing.assert_array_equal(
            of_words.matrix(Table((column,))), of_words.matrix(Table((words[0],)))
        )
    # A column that was of no flags keeps its meaning, and words that differ are told apart.
    with pytest.raises(DataError, match="held numbers"):
        prepare(Table((Column("f", "number", np.array([0.0, 2.0])),))).matrix(Table((words[0],)))
    assert spellings(["true", "TRUE"]) == {"true": "true", "TRUE": "TRUE"}
    assert spellings(["1", "true"]) == {"1": "1", "true": "true"}


def test_a_number_beyond_float32_is_a_feature_that_float32_has() -> None:
    prepared = prepare(Table((Column("x", "number", np.arange(100.0)),)))
    values = np.array([1e300, -1.7e308, 3.0])
    matrix = prepared.matrix(Table((Column("x", "number", values),)))
    assert matrix[:2, 0].tolist() == [1e30, -1e30]
    assert np.isfinite(matrix.astype(np.float32)).all()


def test_arrow_is_read_as_a_stream_as_well(tmp_path: Path) -> None:
    table = pa.table({"x": [1.0, 2.0, 3.0], "c": ["a", None, "b"]})
    path = tmp_path / "t.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    assert read_table(path)["x"].values.tolist() == [1, 2, 3]
    blocks = measure(path, block_bytes=1 << 16, sample_rows=10)
    assert [one["c"].values.tolist() for _, one in blocks.tables()] == [["a", None], ["b"]]
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FileError, match="cannot be read as arrow"):
        read_table(path)


def test_numbers_with_signs_are_told_from_words() -> None:
    def keys(*words: str | None) -> list[str]:
        return [
            key
            for key, _ in column_notes(Table((Column("c", "category", np.array(words, object)),)))
        ]

    for words in (("$1,234.50", "$5"), ("12.5%", "3 %"), ("NT$500", None, "NT$1"), ("1,234", "5")):
        assert keys(*words) == ["data.notes.dressed"]
    for words in (("1", "2"), ("a", "$5"), ("12,34,56", "5"), ("04/23/2023", "5"), ("+886 2", "1")):
        assert "data.notes.dressed" not in keys(*words)


def test_rows_that_stand_there_twice_are_counted_where_they_are_no_chance() -> None:
    x, words = np.arange(40.0), np.array(list("abcd") * 10, object)
    once = Table((Column("x", "number", x), Column("c", "category", words)))
    assert row_notes(once) == ()
    assert row_notes(once.take(np.arange(43) % 40)) == (
        ("data.notes.copies", {"count": "3", "rows": "43"}),
    )
    assert row_notes(once.take(np.arange(41) % 40)) == ()
    # Few different values come again.
    assert row_notes(Table((Column("x", "number", x % 3), Column("c", "category", words)))) == ()


def test_arrays_that_no_network_takes_are_refused_where_they_are_used_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(
        path, x=np.arange(3.0), image=np.zeros((3, 4, 5)), z=np.ones(3) * 1j, b=np.array([b"a"] * 3)
    )
    table = read_table(path)
    assert [column.kind for column in table.columns] == ["number", "other", "other", "other"]
    assert prepare(table.only(["x"])).columns == ("x",)
    with pytest.raises(DataError, match=r"'image' is of the type float64\[4, 5\]"):
        prepare(table.only(["image"]))


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_what_no_network_takes_is_carried_along(ending: str, tmp_path: Path) -> None:
    parquet.write_table(pa.table(TYPES), tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", image=np.zeros((3, 2, 2)), z=np.ones(3) * 1j)
    for file, columns in (("t.parquet", tuple(TYPES)), ("t.npz", ("image", "z"))):
        kept = read_as_written(tmp_path / file, columns)
        out = tmp_path / f"out.{ending}"
        out.write_bytes(table_bytes(kept, ending))
        assert read_table(out).rows == 3
        assert all(any(one.startswith(name) for one in read_table(out).names) for name in columns)
