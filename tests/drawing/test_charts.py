"""Charts: where values stand, what is written at the axes, and pictures that are valid SVG."""

import math
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from clearprop.drawing import Dots, Path, Rectangle, Scene, Text, svg
from clearprop.drawing.charts import (
    Band,
    ChartAxis,
    Cloud,
    Columns,
    Curve,
    Guide,
    IntervalRow,
    Mark,
    Whiskers,
    chart,
    date_axis,
    date_text,
    interval_chart,
    log_axis,
    matrix_chart,
    name_axis,
    number_axis,
    share_axis,
    short_number,
    sparkline,
    whole_axis,
)
from clearprop.drawing.charts.chart import lines_of, shortened
from clearprop.drawing.pen.items import bounds
from clearprop.drawing.pen.markup import literal, plain, text_width

SAID: dict[str, Any] = {"title": "A title", "description": "What it shows", "language": "en"}


def written(axis: ChartAxis) -> list[str]:
    return [tick.written for tick in axis.ticks]


def test_ticks_are_round_numbers() -> None:
    assert written(number_axis([0.0, 1.0], "")) == ["0.0", "0.5", "1.0"]
    assert written(number_axis([-30, 60], "")) == ["−20", "0", "20", "40", "60"]
    assert written(number_axis([2e8, 7e8], "")) == ["2 × 10⁸", "4 × 10⁸", "6 × 10⁸"]
    assert written(log_axis([0.003, 200], "")) == ["0.01", "0.1", "1", "10", "100"]
    assert written(whole_axis(3, "")) == ["1", "2", "3"]
    assert written(name_axis(["a", "b"], "")) == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        ("2001-03-01", "2021-03-01", ["2005", "2009", "2013", "2017", "2021"]),
        ("2024-01-15", "2024-12-15", ["2024-04", "2024-07", "2024-10"]),
        ("2024-01-01", "2024-01-11", ["01-01", "01-04", "01-07", "01-10"]),
    ],
)
def test_dates_are_told_by_years_months_or_days(first: str, last: str, ticks: list[str]) -> None:
    days = [np.datetime64(day).astype(int) for day in (first, last)]
    assert written(date_axis(days, "")) == ticks


def test_a_date_is_told_as_exactly_as_the_span_asks_for() -> None:
    assert date_text(365.0, 30) == "1971-01-01"
    assert date_text(365.5, 1) == "01-01 12:00"


def test_where_a_value_stands() -> None:
    assert share_axis("").at(0.25) == 0.25
    assert log_axis([1, 100], "").at(10) == pytest.approx(0.5)
    assert number_axis([0, 4], "", from_zero=True).at(0) == 0
    # What lies beyond an end stands at the end.
    assert share_axis("").at(7.0) == 1
    assert log_axis([1, 100], "").at(-1) == 0


@pytest.mark.parametrize("values", [[], [math.nan], [5.0], [0.0], [math.inf, 3.0], [-2.0, -2.0]])
def test_values_that_make_no_range_still_make_an_axis(values: list[float]) -> None:
    for axis in (number_axis(values, ""), log_axis(values, ""), date_axis(values, "")):
        assert axis.low < axis.high
        assert all(0 <= axis.at(value) <= 1 for value in values if math.isfinite(value))


def test_short_numbers() -> None:
    numbers = (0, 0.5, 1200, 123456, 3e7, -2.5e-7, 1 / 3)
    assert list(map(short_number, numbers)) == [
        "0", "0.5", "1200", "123500", "3 × 10⁷", "−2.5 × 10⁻⁷", "0.3333",
    ]  # fmt: skip


def scenes() -> list[Scene]:
    x = np.arange(5.0)
    marks: list[Mark] = [
        Band(x, x - 1, x + 1),
        Curve(x, np.array([1, 2, np.nan, 4, 5]), "series2", "a <curve>"),
        Cloud(x, x, "series3", "points"),
        Whiskers(x, x, x - 1, x + 1, says=["one"] * 5),
        Guide((0, 0), (4, 4), name="a_[guide]*s*"),
    ]
    edges = np.arange(6) - 0.5
    names = ["diesel", "petrol", "a name that is much too long to stand there", "電動車", ""]
    rows = [IntervalRow("network", 0.5, 0.4, 0.6), IntervalRow("none", math.nan)]
    counts = np.array([[5, 1], [0, 0]])
    return [
        chart(number_axis(x, "x"), number_axis(x, "many words " + "y" * 90), marks, **SAID),
        chart(
            name_axis(names, "fuel"),
            number_axis([0, 9], "", from_zero=True),
            [Columns(edges, [1, 2, 0, 9, 3])],
            strip=Columns(edges, [1, 0, 2, 0, 4], "muted"),
            **SAID,
        ),
        interval_chart(number_axis([0, 1], "error"), rows, bars=True, **SAID),
        interval_chart(number_axis([0, 1], ""), rows, **SAID),
        matrix_chart(counts, ["yes", "no"], rows="true", columns="said", **SAID),
        matrix_chart(np.eye(20), [f"c{k}" for k in range(20)], rows="t", columns="s", **SAID),
        sparkline([0, 3, 1], **SAID),
        sparkline([], **SAID),
    ]


@pytest.mark.parametrize("scene", scenes())
def test_a_picture_is_valid_and_nothing_sticks_out(scene: Scene) -> None:
    ET.fromstring(svg(scene))
    around = bounds(scene.items)
    assert around.left >= 0
    assert around.top >= 0
    assert around.right <= scene.width + 1e-9
    assert around.bottom <= scene.height + 1e-9


def test_a_gap_in_a_curve_is_left_open() -> None:
    x = np.arange(5.0)
    axes = number_axis(x, ""), number_axis(x, "")
    y = np.array([1, 2, np.nan, 4, 5])
    scene = chart(*axes, [Curve(x, y)], **SAID)
    lines = [item for item in scene.items if isinstance(item, Path) and item.stroke == "series1"]
    assert len(lines) == 2


def test_bars_stand_on_0_and_are_as_high_as_their_numbers() -> None:
    axis = number_axis([0.0, 4.0], "", from_zero=True)
    scene = chart(number_axis([0, 3], ""), axis, [Columns([0, 1, 2, 3], [1, 4, 2])], **SAID)
    heights = [item.height for item in scene.items if isinstance(item, Rectangle)]
    assert np.array(heights) / heights[0] == pytest.approx([1, 4, 2])


def test_many_points_are_one_shape() -> None:
    x = np.linspace(0, 1, 300)
    scene = chart(share_axis(""), share_axis(""), [Cloud(x, x)], **SAID)
    (dots,) = [item for item in scene.items if isinstance(item, Dots)]
    assert len(dots.points) == 300
    assert svg(scene).count("<circle") == 0


def test_a_persons_words_are_no_markup() -> None:
    name = "*a*_[1] and x^[2]"
    assert plain(literal(name)) == name
    axes = number_axis([0, 1], name), number_axis([0, 1], "")
    scene = chart(*axes, [Curve([0, 1], [0, 1], name=name)], **{**SAID, "title": name})
    texts = [plain(item.content) for item in scene.items if isinstance(item, Text)]
    assert texts.count(name) == 3


def test_long_words_take_lines_or_are_cut() -> None:
    lines = lines_of("one two three four five six seven", 60, 12)
    assert len(lines) > 2
    assert all(text_width(line, 12) <= 60 for line in lines)
    assert " ".join(lines) == "one two three four five six seven"
    assert "".join(lines_of("一二三四五六七八九十", 60, 12)) == "一二三四五六七八九十"
    assert shortened("a long name", 40, 12).endswith("…")
    assert shortened("short", 400, 12) == "short"
