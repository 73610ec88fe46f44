"""Charts of numbers: curves, points, bars, named intervals and confusion matrices, as scenes."""

from clearprop.drawing.charts.chart import chart
from clearprop.drawing.charts.chart_axes import (
    ChartAxis,
    date_axis,
    date_text,
    log_axis,
    name_axis,
    number_axis,
    share_axis,
    short_number,
    whole_axis,
)
from clearprop.drawing.charts.chart_marks import Band, Cloud, Columns, Curve, Guide, Mark, Whiskers
from clearprop.drawing.charts.interval_chart import IntervalRow, interval_chart
from clearprop.drawing.charts.matrix_chart import matrix_chart
from clearprop.drawing.charts.sparkline import sparkline

__all__ = [
    "Band",
    "ChartAxis",
    "Cloud",
    "Columns",
    "Curve",
    "Guide",
    "IntervalRow",
    "Mark",
    "Whiskers",
    "chart",
    "date_axis",
    "date_text",
    "interval_chart",
    "log_axis",
    "matrix_chart",
    "name_axis",
    "number_axis",
    "share_axis",
    "short_number",
    "sparkline",
    "whole_axis",
]
