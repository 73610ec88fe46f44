"""Which columns made one row's prediction: as data, in words, and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.base import messages
from clearprop.base.numbers import number
from clearprop.base.text_tables import fitted, ruled, shortened, wrapped
from clearprop.drawing.diagrams.bar_chart import Bar, bars
from clearprop.drawing.pen.scene import Scene, framed, svg
from clearprop.reading.document import Document

# What is named first makes up this part of all shares, in at most so many columns.
MAIN_PART = 0.8
MOST_MAIN = 3
# Columns that are told one by one; the others are added up.
MOST_COLUMNS = 20
NAME_WIDTH = 36

say = messages.within("estimators")


@dataclass(frozen=True)
class ColumnShare:
    """What one column did.

    value    what stands in the row, as text; None where it is missing
    share    how much of the prediction's difference to the average row's is the column's
    slope    how much the prediction changes for one unit more, of a date for one day; None for a
             category, and at a missing value
    witness  the slope once more, by a difference
    bends    whether the network bends at this value, so that the slope is that of one side
    """

    column: str
    value: str | None
    share: float
    slope: float | None
    witness: float | None
    bends: bool = False

    def told_value(self, language: str) -> str:
        """The value, or that it is missing."""
        return say(language, "row.missing") if self.value is None else self.value

    def told(self, language: str) -> str:
        """The column and its value."""
        return f"{self.column} = {self.told_value(language)}"


@dataclass(frozen=True)
class RowExplanation(Document):
    """One prediction in its columns' shares, the largest first.

    output      what is predicted: the target's column, or "column = class"
    prediction  f(x); `average` is f(b)
    rest        f(x) − f(b) less the shares: what the sum over the way is off by
    """

    row: int
    output: str
    prediction: float
    average: float
    columns: tuple[ColumnShare, ...]
    rest: float
    is_probability: bool

    def sentences(self, language: str = "en") -> tuple[str, ...]:
        """What is predicted, what made it so, and what the witnesses say."""
        kind = "probability" if self.is_probability else "number"
        found = [
            say(
                language,
                f"row.{kind}",
                row=self.row,
                output=self.output,
                prediction=number(self.prediction),
                average=number(self.average),
            )
        ]
        if main := self._main():
            told = [
                say(
                    language,
                    "row.adds" if one.share > 0 else "row.takes",
                    column=shortened(one.told(language), NAME_WIDTH),
                    share=number(abs(one.share)),
                )
                for one in main
            ]
            found.append(say(language, "row.main", told=say(language, "row.then").join(told)))
        checked = [
            abs(one.slope - one.witness)
            for one in self.columns
            if one.slope is not None and one.witness is not None
        ]
        found.append(say(language, "row.sum", rest=number(self.rest)))
        if checked:
            worst = number(max(checked))
            found.append(say(language, "row.witness", count=len(checked), worst=worst))
        if bent := [shortened(one.told(language), NAME_WIDTH) for one in self.columns if one.bends]:
            named = say(language, "row.then").join(bent[:MOST_COLUMNS])
            found.append(say(language, "row.bends", columns=named))
        return tuple(found)

    def table(self, language: str = "en", width: int | None = None) -> str:
        """The columns with their values, shares and slopes."""
        names = ("column", "value", "share", "slope")
        rows = [[say(language, f"row.head.{name}") for name in names]]
        rows += [
            [
                shortened(one.column, NAME_WIDTH),
                shortened(one.told_value(language), NAME_WIDTH),
                _signed(one.share),
                "—" if one.slope is None else _signed(one.slope),
            ]
            for one in self.columns[:MOST_COLUMNS]
        ]
        if others := self.columns[MOST_COLUMNS:]:
            rows.append([self._others(language), "", _signed(_sum(others)), ""])
        return "\n".join(ruled(rows, left=2) if width is None else fitted(rows, width, left=2))

    def text(self, language: str = "en", width: int | None = None) -> str:
        """The explanation in words, in `language` ("en" or "zh-TW"), and the table."""
        first, *others = (
            [one] if width is None else wrapped(one, width, break_words=True)
            for one in self.sentences(language)
        )
        made = others[:1] if self._main() else []
        return "\n".join(
            [
                *first,
                *(line for lines in made for line in lines),
                "",
                self.table(language, width),
                "",
                *(line for lines in others[len(made) :] for line in lines),
            ]
        )

    def picture(self, language: str = "en") -> Scene:
        """The shares as bars."""
        shown = [(one.told(language), one.share) for one in self.columns[:MOST_COLUMNS]]
        if others := self.columns[MOST_COLUMNS:]:
            shown.append((self._others(language), _sum(others)))
        drawn = [
            Bar(shortened(name, NAME_WIDTH), share, _signed(share), f"{name}: {_signed(share)}")
            for name, share in shown
        ]
        heading = say(
            language,
            "row.heading",
            output=self.output,
            average=number(self.average),
            prediction=number(self.prediction),
        )
        return framed(
            bars(drawn, heading),
            title=self.title(language),
            description="\n".join(self.sentences(language)),
            language=language,
        )

    def title(self, language: str = "en") -> str:
        """What the explanation is of."""
        return say(language, "row.title", row=self.row, output=self.output)

    def svg(self, language: str = "en") -> str:
        """The picture as an SVG file of its own."""
        return svg(self.picture(language), standalone=True)

    def _main(self) -> Sequence[ColumnShare]:
        """The columns that made most of it."""
        every = sum(abs(one.share) for one in self.columns)
        found: list[ColumnShare] = []
        for one in self.columns[:MOST_MAIN]:
            if one.share and sum(abs(main.share) for main in found) < MAIN_PART * every:
                found.append(one)
        return found

    def _others(self, language: str) -> str:
        return say(language, "row.others", count=len(self.columns) - MOST_COLUMNS)


def _sum(columns: Sequence[ColumnShare]) -> float:
    return sum(one.share for one in columns)


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)
