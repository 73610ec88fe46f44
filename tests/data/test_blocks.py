"""A file read in blocks: the same types and rows as the whole, and a sample from all of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base.errors import DataError, FileError
from clearprop.data import block_reading, read_table
from clearprop.data.block_reading import bytes_per_row, content_bytes
from clearprop.data.blocks import measure, measure_part, of_parts
from clearprop.data.typing_columns import TypeCounts, type_of
from tests.runs.small_tables import people

WORDS = st.sampled_from(["1", "-2.5", "3,5", "2024-01-02", "inf", "x", "", "long word"])


@given(st.lists(st.none() | WORDS, max_size=120), st.sampled_from(",;"), st.integers(1, 9))
def test_types_do_not_depend_on_where_blocks_end(
    values: list[Any], delimiter: str, size: int
) -> None:
    counts = TypeCounts(delimiter)
    for first in range(0, len(values), size):
        counts.add(values[first : first + size])
    assert counts.type() == type_of(values, delimiter=delimiter)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_reading, "LEAST_BLOCK", 2000)


def written(path: Path) -> Path:
    """The same table in the format of the path's ending."""
    import pandas

    source = people(path.with_name("source.csv"))
    if path.suffix == ".csv":
        return source
    frame = pandas.read_csv(source, parse_dates=["day"])
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=64)
    else:
        frame.to_feather(path, compression="uncompressed")
    return path


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_blocks_are_the_rows_of_the_whole(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"table.{ending}")
    found = measure(path, block_bytes=1, sample_rows=50, categories=("weight",))
    whole = read_table(path, categories=("weight",))
    tables = [table for _, table in found.tables()]
    assert len(tables) > 2
    assert found.rows == whole.rows == sum(table.rows for table in tables)
    for column in whole.columns:
        parts = [table[column.name] for table in tables]
        assert {part.kind for part in parts} == {column.kind}
        joined = np.concatenate([part.values for part in parts])
        if column.kind == "category":
            assert joined.tolist() == column.values.tolist()
            assert found[column.name].distinct == column.distinct
        else:
            np.testing.assert_array_equal(joined, column.values)
        assert found[column.name].missing == column.missing.any()
    # The sample's rows stand where it says.
    assert found.sample.rows == 50
    assert (np.diff(found.places) > 0).all()
    np.testing.assert_array_equal(
        found.sample["income"].values, whole["income"].values[found.places]
    )
    assert found.places[0] < 40 < 160 < found.places[-1]


def test_a_sample_is_drawn_by_its_seed(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv")
    drawn = [measure(path, block_bytes=1, sample_rows=20, seed=seed).places for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_sizes_are_those_of_the_content(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv")
    assert content_bytes(path) == path.stat().st_size
    assert abs(bytes_per_row(path) - path.stat().st_size / 201) < 1
    parquet = written(tmp_path / "table.parquet")
    assert content_bytes(parquet) > 200 * 8
    assert bytes_per_row(parquet) == content_bytes(parquet) // 200


@pytest.mark.parametrize(
    ("name", "content", "kind", "key"),
    [
        ("a.csv", "", FileError, "table_empty"),
        ("a.csv", "a,b\n", FileError, "table_empty"),
        ("a.csv", "a,b\n1,2\n3\n", FileError, "table_ragged"),
        ("a.csv", "a\n" + "1\n" * 100 + "x\n", DataError, "value_not_number"),
        ("a.parquet", "none", FileError, "table_damaged"),
        ("a.feather", "none", FileError, "table_damaged"),
    ],
)
def test_a_file_that_cannot_be_read(
    name: str, content: str, kind: Any, key: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(kind) as problem:
        measure(path, block_bytes=1, sample_rows=10)
    assert problem.value.key == key
    if key == "value_not_number":
        assert problem.value.values["line"] == 102
        assert problem.value.values["value"] == "x"


def test_a_category_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv")
    with pytest.raises(DataError, match="no column 'shoe'"):
        measure(path, block_bytes=1, sample_rows=10, categories=("shoe",))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_parts_that_are_measured_apart_say_what_the_whole_does(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"table.{ending}")
    given: dict[str, Any] = {"block_bytes": 1, "sample_rows": 50, "categories": ("weight",)}
    whole = measure(path, seed=3, **given)
    for parts in (2, 3, 40):
        measured = [
            measure_part(path, part=part, parts=parts, seed=3, **given) for part in range(parts)
        ]
        found = of_parts(measured, path, **given)
        assert [vars(one) for one in found.columns] == [vars(one) for one in whole.columns]
        assert found.rows == whole.rows
        np.testing.assert_array_equal(found.places, whole.places)
        for one, other in zip(found.sample.columns, whole.sample.columns, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
    # Some of the rows, wherever blocks end.
    some = list(whole.tables(range(37, 151)))
    assert some[0][0] == 37
    assert sum(table.rows for _, table in some) == 114
    ages = np.concatenate([table["age"].values for _, table in some])
    np.testing.assert_array_equal(ages, read_table(path)["age"].values[37:151])
