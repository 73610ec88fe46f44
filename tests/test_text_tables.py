"""Rows of cells, and long sentences, as lines of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base.messages import display_width
from clearprop.base.text_tables import aligned, fitted, pad_left, ruled, wrapped

ROWS = [["層", "w", "x̂"], ["layer", "−1.5", "2"], ["z", "12", ""]]


def test_names_stand_to_the_left_and_numbers_to_the_right() -> None:
    assert aligned(ROWS) == ["層        w  x̂", "layer  −1.5  2", "z        12"]


def test_every_column_to_the_left() -> None:
    assert aligned(ROWS, left=None) == ["層     w     x̂", "layer  −1.5  2", "z      12"]
    assert aligned(ROWS, left=0)[2] == "    z    12"


def test_a_rule_is_as_wide_as_the_table() -> None:
    head, rule, *lines = ruled(ROWS)
    assert [head, *lines] == aligned(ROWS)
    assert rule == "─" * len("layer  −1.5  2")


def test_a_table_without_rows() -> None:
    assert aligned([]) == []
    assert aligned([[], []]) == ["", ""]


def test_rows_of_other_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        aligned([["a"], ["a", "b"]])


def test_pad_left_fills_up_to_the_width_in_columns() -> None:
    assert pad_left("層", 4) == "  層"
    assert pad_left("longer", 2) == "longer"


def test_a_sentence_is_broken_between_words_and_behind_chinese_marks() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("one two three", 9, "  ", "# ") == ["# one two", "  three"]
    assert wrapped("甲乙，丙丁。", 6) == ["甲乙，", "丙丁。"]


def test_a_word_that_is_too_long_stands_whole() -> None:
    assert wrapped("a extraordinary b", 4, " ") == [" a", " extraordinary", " b"]
    assert wrapped("extraordinary", 4) == ["extraordinary"]
    assert wrapped("", 4, "  ") == [""]


def test_a_table_that_is_too_wide_keeps_its_columns_below_each_other() -> None:
    rows = [["sample", "∂z/∂w", "share"], ["71", "1.334", "8 %"], ["其餘 2 個：", "", "2 %"]]
    assert fitted(rows, None) == fitted(rows, 30) == aligned(rows)
    assert fitted(rows, 20) == [
        "sample 71",
        "  ∂z/∂w  1.334",
        "  share    8 %",
        "其餘 2 個：",
        "  share  2 %",
    ]


def test_chinese_breaks_between_any_two_characters_but_not_before_a_stop() -> None:
    lines = wrapped("網路已收斂，梯度（layers[0]）是 0。", 12)
    assert lines == ["網路已收斂，", "梯度", "（layers[0]）", "是 0。"]
    assert all(display_width(line) <= 13 for line in lines)
    assert not any(line[0] in "，。）" for line in lines)


@given(st.text(st.sampled_from("ab 層網，。（）1"), max_size=60), st.integers(8, 30))
def test_broken_words_keep_every_line_to_its_width(sentence: str, width: int) -> None:
    lines = wrapped(sentence, width, "  ", "", break_words=True)
    assert all(display_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(sentence.split())
