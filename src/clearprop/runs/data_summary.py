"""A table's columns at a glance: what they hold, how often, and what to know before training."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, percent
from clearprop.base.text_tables import fitted, shortened, wrapped
from clearprop.data.column_notes import column_notes, row_notes
from clearprop.data.table import Column, Note, Table
from clearprop.data.typing_columns import date_text
from clearprop.reading.document import Document

# Bars of a picture, and their heights; a bar that is empty is a space.
BARS = 12
HEIGHTS = "▁▂▃▄▅▆▇█"
# Words that are named, and how wide a cell of them is.
MOST_WORDS = 5
VALUES_WIDTH = 44
NAME_WIDTH = 30

say = messages.within("data")


@dataclass(frozen=True)
class ColumnSummary:
    """One column.

    kind      "number", "date", "category", "text", or "other" of a type that no network takes
    missing   rows without a value; `distinct` counts the different values of the others
    low, high, mean, median  of numbers, and of dates as text but for the mean, which they lack
    words     the words of a category or text that stand there most often, and how often
    counts    the rows in bars of equal width from low to high, or of the words one by one
    """

    name: str
    kind: str
    missing: int
    distinct: int
    low: Any
    high: Any
    mean: float | None
    median: Any
    words: Mapping[str, int]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class DataSummary(Document):
    """A table: its columns, and what to know of them."""

    source: str
    rows: int
    columns: tuple[ColumnSummary, ...]
    notes: tuple[Note, ...]

    def text(self, language: str = "en", width: int | None = None) -> str:
        """The table and the sentences in `language`, at most `width` columns wide."""
        title = say(
            language,
            "title",
            source=self.source,
            rows=f"{self.rows:,}",
            columns=f"{len(self.columns):,}",
        )
        lines = _wrapped(title, width)
        names = ("column", "type", "values", "picture", "missing", "distinct")
        head = [say(language, f"head.{name}") for name in names]
        room = VALUES_WIDTH if width is None else min(VALUES_WIDTH, max(width - 14, 12))
        body = [_cells(column, self.rows, language, room) for column in self.columns]
        lines += ["", *fitted([head, *body], width, left=4)]
        notes = [_sentence(note, language) for note in self.notes]
        lines += [""] * bool(notes)
        for note in notes:
            lines += _wrapped(note, width, "- ")
        return "\n".join(lines)


def summarise(table: Table) -> DataSummary:
    """What stands in a table."""
    return DataSummary(
        source=table.source,
        rows=table.rows,
        columns=tuple(map(_summary, table.columns)),
        notes=(*table.notes, *column_notes(table), *row_notes(table)),
    )


def _summary(column: Column) -> ColumnSummary:
    there = column.take(~column.missing)
    missing = len(column.values) - len(there.values)
    if column.kind in ("category", "text", "other"):
        words = Counter(map(str, there.values)).most_common()
        counts = tuple(count for _, count in words[:BARS])
        return ColumnSummary(
            column.name, column.kind, missing, len(words), None, None, None, None,
            dict(words[:MOST_WORDS]), counts,
        )  # fmt: skip
    values = there.numbers
    finite = values[np.isfinite(values)]
    low: Any = None
    high: Any = None
    median: Any = None
    mean = None
    if len(finite) and column.kind == "date":
        days = np.sort(there.values)
        low, high, median = (date_text(days[place]) for place in (0, -1, len(days) // 2))
    elif len(finite):
        low, high, median = float(finite.min()), float(finite.max()), float(np.median(finite))
        mean = float(finite.mean())
    return ColumnSummary(
        column.name, column.kind, missing, len(np.unique(values)), low, high, mean, median,
        {}, _histogram(finite),
    )  # fmt: skip


def _histogram(values: Array) -> tuple[int, ...]:
    """Rows in bars of equal width; a bar for each value where they are few and whole."""
    if not len(values):
        return ()
    low, high = float(values.min()), float(values.max())
    # Halved, for the distance of two large numbers may be infinite.
    span = high / 2 - low / 2
    if span == 0:
        return (len(values),)
    whole = bool((values == np.round(values)).all()) and 2 * span < BARS
    bars = round(2 * span) + 1 if whole else BARS
    place = np.clip((values / 2 - low / 2) / span * (bars - 1 if whole else bars), 0, bars - 1)
    counts = np.bincount((np.round(place) if whole else place).astype(int), minlength=bars)
    return tuple(map(int, counts))


def _cells(column: ColumnSummary, rows: int, language: str, room: int) -> list[str]:
    missing = ""
    if column.missing:
        missing = f"{column.missing:,} ({percent(column.missing / rows)})"
    return [
        shortened(column.name, min(NAME_WIDTH, room)),
        say(language, f"kind.{column.kind}"),
        shortened(_values(column, rows - column.missing, language), room),
        _bars(column.counts),
        missing,
        "" if column.kind == "other" else f"{column.distinct:,}",
    ]


def _values(column: ColumnSummary, there: int, language: str) -> str:
    if column.words:
        named = [
            word if column.kind in ("text", "other") else f"{word} {percent(count / there)}"
            for word, count in column.words.items()
        ]
        more = " …" if column.distinct > len(named) else ""
        return messages.text(language, "cli.comma").join(named) + more
    if column.low is None:
        return "—"
    if column.low == column.high:
        return _shown(column.low)
    low, high, median = map(_shown, (column.low, column.high, column.median))
    return say(language, "range", low=low, high=high, median=median)


def _bars(counts: tuple[int, ...]) -> str:
    most = max(counts, default=0)
    # A bar that is not empty is seen, and the largest one is the full height.
    return "".join(
        HEIGHTS[-(-count * len(HEIGHTS) // most) - 1] if count else " " for count in counts
    )


def _shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    whole = value == round(value) and abs(value) < 1e12
    return f"{value:.0f}".replace("-", "−") if whole else brief(value)


def _sentence(note: Note, language: str) -> str:
    key, values = note
    told = {name: shortened(str(one), 60) for name, one in values.items()}
    return messages.text(language, key, **told)


def _wrapped(sentence: str, width: int | None, first: str = "") -> list[str]:
    if width is None:
        return [first + sentence]
    return wrapped(sentence, width, " " * len(first), first, break_words=True)
