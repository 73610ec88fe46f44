"""Files as tables: every form, types, and what is refused, with the line."""

import codecs
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from clearprop.base.errors import ClearpropError, DataError, FileError
from clearprop.data import read_table
from clearprop.data.frames import table_of_frame

CSV = "height,city,born,smokes\n1.5,Taipei,2001-02-03,yes\n2,台南,1999/4/5,no\n,Taipei,,yes\n"


def written(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_by_hand(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, CSV))
    assert table.names == ("height", "city", "born", "smokes")
    assert [column.kind for column in table.columns] == ["number", "category", "date", "category"]
    np.testing.assert_array_equal(table["height"].values, [1.5, 2, np.nan])
    assert table["city"].values.tolist() == ["Taipei", "台南", "Taipei"]
    assert table["born"].missing.tolist() == [False, False, True]
    # 2001-02-03 is 11356 days after 1970-01-01: 31 years of 365, 8 leap days, 31 + 2 days.
    assert table["born"].numbers[0] == 31 * 365 + 8 + 31 + 2
    assert table["city"].distinct == ("Taipei", "台南")


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace(",", "\t"),
        CSV.replace(",", ";"),
        codecs.BOM_UTF8 + CSV.encode(),
        CSV.encode("utf-16"),
        CSV.replace("Taipei", '"Taipei"') + "\n\n",
        "\n" + CSV,
    ],
    ids=["plain", "windows", "tabs", "semicolons", "bom", "utf-16", "quotes", "blank lines"],
)
def test_however_it_is_written_it_is_the_same_table(tmp_path: Path, text: str | bytes) -> None:
    expected = read_table(written(tmp_path, CSV))
    found = read_table(written(tmp_path, text, "other.csv"))
    assert found.names == expected.names
    for name in expected.names:
        assert found[name].kind == expected[name].kind
        np.testing.assert_array_equal(found[name].values, expected[name].values)


def test_an_encoding_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, CSV.encode("cp950"))
    with pytest.raises(FileError, match="--encoding"):
        read_table(path)
    assert read_table(path, encoding="cp950")["city"].values[1] == "台南"
    with pytest.raises(FileError, match="no encoding"):
        read_table(path, encoding="martian")


def test_a_first_row_of_numbers_is_data(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "1,2\n3,4\n"))
    assert table.names == ("0", "1")
    assert table.rows == 2
    assert ("data.notes.no_header", {}) in table.notes


def test_decimal_commas(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "price;n\n1,5;2\n1.234,25;3\n-7;4\n"))
    assert table["price"].values.tolist() == [1.5, 1234.25, -7]
    assert table["n"].values.tolist() == [2, 3, 4]
    assert table.notes == (
        ("data.notes.delimiter", {"delimiter": "';'"}),
        ("data.notes.decimal_comma", {"column": "price"}),
    )


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("", "table_empty", "table"),
        ("\n\n", "table_empty", "table"),
        ("a,b\n", "table_empty", "table"),
        ("a,b\n1,2\n\n3,4,5\n", "table_ragged", "line 4"),
        ('a,b\n"x\ny",4\n1\n', "table_ragged", "line 4"),
        ("a,b,a\n1,2,3\n", "column_twice", "'a'"),
        ("a\n" + "1\n" * 60 + "oops\n" + "2\n" * 60, "value_not_number", "line 62"),
        ("a,b\n1,\xff\n".encode("latin-1"), "encoding_wrong", "--encoding cp1252"),
        ("naïve,b\n1,2\n".encode("cp1252"), "encoding_wrong", "--encoding cp1252"),
        ("年齡,b\n1,2\n".encode("cp950"), "encoding_wrong", "--encoding cp950"),
        ("年齡,b\n1,2\n".encode("utf-16-le"), "encoding_wrong", "--encoding utf-16-le"),
        ("年齡,b\n1,2\n".encode("utf-16-be"), "encoding_wrong", "--encoding utf-16-be"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, key: str, says: str) -> None:
    with pytest.raises((FileError, DataError)) as refused:
        read_table(written(tmp_path, text))
    assert refused.value.key == key
    assert says in str(refused.value)
    assert refused.value.message("zh-TW") != str(refused.value)


def test_a_wrong_encoding_is_answered_with_the_one_that_reads(tmp_path: Path) -> None:
    for tried, likely in (("big5", "utf-8"), ("ascii", "utf-8"), ("utf-8", "cp950")):
        text = "歲數,b\n1,2\n".encode(likely)
        with pytest.raises(FileError, match=f"--encoding {likely}"):
            read_table(written(tmp_path, text), encoding=tried)


def test_a_row_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.data.csv_text.BLOCK_BYTES", 1000)
    with pytest.raises(FileError, match="line of more than"):
        read_table(written(tmp_path, "a,b\n1,2\n" + "x" * 5000 + ",3\n"))


@pytest.mark.parametrize("name", ["no.csv", "", "table.xyz", "table.parquet", "table.npz"])
def test_files_that_are_none(tmp_path: Path, name: str) -> None:
    for kind in ("parquet", "npz"):
        written(tmp_path, "a,b\n1,2\n", f"table.{kind}")
    with pytest.raises(FileError):
        read_table(tmp_path / name)


@pytest.mark.parametrize("name", ["table.xlsx", "TABLE.XLS", "table.ods"])
def test_a_spreadsheet_is_told_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="save the sheet as CSV") as refused:
        read_table(written(tmp_path, b"PK", name))
    assert "另存成 CSV" in refused.value.message("zh-TW")


def test_what_is_no_npz_is_not_offered_to_be_unpickled(tmp_path: Path) -> None:
    path = written(tmp_path, "not an archive", "table.npz")
    with pytest.raises(FileError, match="no NPZ file") as refused:
        read_table(path)
    assert "pickle" not in str(refused.value)


def test_words_that_look_like_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "code,x\n1,2\n02,3\n,4\n")
    table = read_table(path, categories=("code",))
    assert table["code"].kind == "category"
    assert table["code"].values.tolist() == ["1", "02", None]
    with pytest.raises(DataError, match="no column 'zip'"):
        read_table(path, categories=("zip",))


def test_long_numbers_as_words_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"code": [1234567, 1234568, 2**53], "x": [0.1, 0.25, 1e-7]}).to_parquet(path)
    table = read_table(path, categories=("code", "x"))
    assert table["code"].values.tolist() == ["1234567", "1234568", "9007199254740992"]
    assert table["x"].values.tolist() == ["0.1", "0.25", "1e-07"]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "height": [1.5, 2, None],
            "count": [1, 2, 3],
            "flag": [True, False, True],
            "city": ["Taipei", "台南", None],
            "born": pd.to_datetime(["2001-02-03", "1999-04-05", None]),
        }
    )


@pytest.mark.parametrize("form", ["pandas", "polars", "parquet", "feather", "arrow"])
def test_every_form_is_the_same_table(tmp_path: Path, form: str) -> None:
    arrow = pa.Table.from_pandas(frame(), preserve_index=False)
    if form == "pandas":
        table = table_of_frame(frame())
    elif form == "polars":
        table = table_of_frame(pl.from_arrow(arrow))
    else:
        path = tmp_path / f"table.{form}"
        if form == "parquet":
            parquet.write_table(arrow, path)
        else:
            feather.write_feather(arrow, path)
        table = read_table(path)
    assert [one.kind for one in table.columns] == ["number"] * 3 + ["category", "date"]
    np.testing.assert_array_equal(table["height"].values, [1.5, 2, np.nan])
    assert table["flag"].values.tolist() == [1, 0, 1]
    assert table["city"].values.tolist() == ["Taipei", "台南", None]
    assert table["born"].numbers[0] == 11356
    assert table["born"].missing.tolist() == [False, False, True]


def test_arrays_of_an_npz(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    np.savez(
        path, x=np.arange(6.0).reshape(3, 2), t=np.array([1, 0, 1]), word=np.array(["a", "", "b"])
    )
    table = read_table(path)
    assert table.names == ("x_0", "x_1", "t", "word")
    assert table["x_1"].values.tolist() == [1, 3, 5]
    assert table["word"].values.tolist() == ["a", None, "b"]
    np.savez(path, x=np.zeros(3), y=np.zeros(4))
    with pytest.raises(FileError, match="different numbers of rows"):
        read_table(path)
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(FileError):
        read_table(path)


cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(
        st.text("abc漢字 _", min_size=1, max_size=5).map(str.strip).filter(bool),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    data=st.data(),
)
def test_generated_tables_are_read_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    rows = data.draw(
        st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), max_size=6)
    )
    path = tmp_path_factory.mktemp("generated") / "table.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    problem: ClearpropError | None = None
    try:
        table = read_table(path)
    except ClearpropError as refused:
        problem = refused
    if problem is not None:
        assert problem.message("en") != problem.message("zh-TW")
        return
    assert table.names == tuple(names)
    # A row of one empty cell is a blank line.
    assert table.rows == len(rows) or (len(names) == 1 and table.rows <= len(rows))
