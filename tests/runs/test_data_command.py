"""`clearprop data`: what a table holds, in both languages, in terminals of any width."""

import codecs
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.base.messages import LANGUAGES, display_width
from clearprop.cli import main
from clearprop.data.table import Column, ColumnKind, Table
from clearprop.data.typing_columns import typed
from clearprop.runs.data_summary import BARS, HEIGHTS, summarise

ROWS = 40


def notes_of(path: Path, *words: str) -> list[str]:
    return [key.removeprefix("data.notes.") for key, _ in summarise(read(path, *words)).notes]


def read(path: Path, *words: str) -> Table:
    from clearprop.data.reading import read_table

    return read_table(path, categories=words)


def table(folder: Path) -> Path:
    lines = ["id,km,城市,born,fixed,none,remark,km2"]
    for k in range(ROWS):
        km = "" if k == 3 else 2.5 * k
        city = "Taipei" if k % 4 else "台南"
        born = f"20{k // 12:02}-{k % 12 + 1:02}-01"
        lines.append(f"{100 + k},{km},{city},{born},7,,note number {k},{km}")
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_table_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table(tmp_path)), "--lang", "en"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'table.csv'}: 40 rows, 8 columns"
    found = {line.split()[0]: line for line in lines[3:11]}
    assert "0 to 97.5, median 50" in found["km"]
    assert found["km"].split()[-4:] == ["1", "(2", "%)", "39"]
    assert "Taipei 75 %, 台南 25 %" in found["城市"]
    assert f"{HEIGHTS[-1]}{HEIGHTS[2]} " in found["城市"]
    assert "2000-01-01 to 2003-04-01, median 2001-09-01" in found["born"]
    notes = "\n".join(lines[11:])
    for said in (
        "'id' has another value in every row",
        "'born' holds dates",
        "'fixed' has the same value everywhere, 7",
        "'none' has no value at all",
        "'remark' has another value in every row",
        "'km2' has the same values as 'km'",
    ):
        assert said in notes


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table(tmp_path)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    km = found["columns"][1]
    assert (km["low"], km["high"], km["median"], km["missing"]) == (0, 97.5, 50, 1)
    assert km["mean"] == pytest.approx(sum(2.5 * k for k in range(ROWS) if k != 3) / 39)
    assert sum(km["counts"]) == 39
    assert len(km["counts"]) == BARS
    assert found["columns"][2]["words"] == {"Taipei": 30, "台南": 10}


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (b"a,b\n1,x\n2,y\n", []),
        (codecs.BOM_UTF8 + b"a,b\n1,x\n2,y\n", ["byte_order_mark"]),
        ("a,b\n1,x\n2,y\n".encode("utf-16"), ["encoding"]),
        (b"a;b\n1,5;x\n2;y\n", ["delimiter", "decimal_comma"]),
        (b"1,2\n3,4\n", ["no_header"]),
        (b"a,b\n1,inf\n2,3\n", ["infinite"]),
        (b"a,b\n" + b"".join(b"%d,%d\n" % (k, k % 7) for k in range(30)) + b"3,n/k\n", ["mixed"]),
        (b"a,b\n1,\n2,\n3,x\n4,y\n5,\n", ["mostly_missing"]),
    ],
)
def test_what_is_noticed(tmp_path: Path, content: bytes, notes: list[str]) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert notes_of(path) == notes


def test_texts_and_ids_are_told_apart(tmp_path: Path) -> None:
    rows = range(1000)
    many = "\n".join(f"w{k % 300},{k * 37 % 1000},{k * 0.1},{k * k}" for k in rows)
    path = tmp_path / "table.csv"
    path.write_text(f"word,shuffled,real,square\n{many}\n")
    columns = [values["column"] for _, values in summarise(read(path)).notes]
    assert notes_of(path) == ["text", "id_like", "id_like"]
    assert columns == ["word", "shuffled", "square"]


def test_pictures() -> None:
    def picture(values: list[float]) -> tuple[int, ...]:
        column = Column("c", "number", np.array(values))
        return summarise(Table((column,))).columns[0].counts

    # Few whole numbers have a bar each.
    assert picture([1, 1, 4, 2]) == (2, 1, 0, 1)
    assert picture([5, 5]) == (2,)
    assert picture([np.nan]) == ()
    assert sum(picture([-1e308, 1e308, 0.5])) == 3
    assert picture([0, 0.5, 1, np.inf])[-1] == 1


cells = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.none(),
)


@settings(max_examples=40)
@given(
    names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4, unique=True),
    rows=st.integers(1, 5),
    data=st.data(),
)
def test_any_table_is_shown_in_forty_columns(
    names: list[str], rows: int, data: st.DataObject
) -> None:
    columns = []
    for name in names:
        kind: ColumnKind = data.draw(st.sampled_from(["number", "category", "text"]))
        values = data.draw(st.lists(cells, min_size=rows, max_size=rows))
        if kind == "number":
            numbers = data.draw(st.lists(st.floats(), min_size=rows, max_size=rows))
            columns.append(Column(name, kind, np.array(numbers)))
        else:
            columns.append(Column(name, kind, typed(values, kind)))
    found = summarise(Table(tuple(columns), "table.csv"))
    json.loads(found.to_json())
    for language in LANGUAGES:
        lines = found.text(language, 40).split("\n")
        assert [line for line in lines if display_width(line) > 40] == []
        assert all(line.isprintable() for line in lines)
