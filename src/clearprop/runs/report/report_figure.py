"""A figure of the report: pictures beside one another, what they show, and their numbers."""

from collections.abc import Iterable
from typing import NamedTuple

from clearprop.base import messages
from clearprop.base.numbers import number, number_or_dash
from clearprop.drawing.pen.scene import Scene
from clearprop.runs.bootstrap import Estimate
from clearprop.teaching.reports.page_table import PageTable

say = messages.within("run_report")
metric_name = messages.within("evaluation.metric")

# Rows of a table of a curve's numbers.
MOST_NUMBERS = 12


class ReportFigure(NamedTuple):
    """name     its id in the page
    panels   pictures of half the page's width
    caption  the sentence under them
    numbers  what is in the pictures, as a table
    """

    name: str
    panels: tuple[Scene, ...]
    caption: str
    numbers: PageTable


def estimate_text(one: Estimate, language: str, digits: int = 3) -> str:
    """A metric with its interval, as text: 0.91 (0.88 to 0.93)."""
    if one.value is None:
        return "—"
    told = number(one.value, digits)
    if one.low is None or one.high is None:
        return told
    ends = messages.text(
        language, "evaluation.range", low=number(one.low, digits), high=number(one.high, digits)
    )
    return say(language, "with_interval", value=told, interval=ends)


def or_nan(value: float | None) -> float:
    """A metric that is not defined as NaN, which no chart draws."""
    return float("nan") if value is None else value


def cells(values: Iterable[float], digits: int = 4) -> tuple[str, ...]:
    """Numbers as a table writes them."""
    return tuple(number_or_dash(value, digits) for value in values)


def thinned(count: int) -> list[int]:
    """Places among so many that are told in a table: evenly, the first and the last included."""
    if count <= MOST_NUMBERS:
        return list(range(count))
    return sorted({round(k * (count - 1) / (MOST_NUMBERS - 1)) for k in range(MOST_NUMBERS)})
