"""The stages of a walk: as data, the same in every language, and as lines for a terminal."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array, shape_text
from clearprop.base.numbers import brief
from clearprop.base.text_tables import aligned, wrapped
from clearprop.reading.document import Document
from clearprop.reading.loss_lines import Divisor, WantedClass
from clearprop.reading.worked_lines import WorkedLine

INDENT = "  "
# Arrays of more rows or numbers than these are abbreviated, however much room there is.
MOST_ROWS, MOST_NUMBERS = 12, 60

say = messages.within("walk")


class ArrayRole(StrEnum):
    """What the first axis of an array counts: samples, or nothing of the kind."""

    SAMPLES = "samples"
    WHOLE = "whole"


class Part(StrEnum):
    """Which part of a step a stage is.

    SUM     forward, what went past a branch is added to what came through it; backward the sum is
            SPLIT, and where the two ways parted forward, they JOIN
    ADDED   forward, any other sum; backward its signal is HANDED_ON
    JOINED  forward, terms are put side by side; backward the signal is PARTED
    MET     backward, where the ways from one number meet
    INSIDE  forward, what happens inside the layer of the stage before; backward INSIDE_BACK
    FROZEN  what UPDATE is where nothing is updated
    AFTER   the same samples with the new parameters
    """

    FORWARD = "forward"
    SUM = "sum"
    ADDED = "added"
    JOINED = "joined"
    LOSS = "loss"
    BACKWARD = "backward"
    SPLIT = "split"
    HANDED_ON = "handed_on"
    PARTED = "parted"
    JOIN = "join"
    MET = "met"
    INSIDE = "inside"
    INSIDE_BACK = "inside_back"
    UPDATE = "update"
    FROZEN = "frozen"
    AFTER = "after"


@dataclass(frozen=True)
class LeftOut:
    """How many `times` or `places` of a layer are not walked through."""

    kind: str
    count: int

    def sentence(self, language: str) -> str:
        """What is left out, and what is shown instead."""
        return say(language, f"left_out.{self.kind}", count=self.count)


@dataclass(frozen=True)
class MaskedPairs:
    """How many pairs of a query and a key have no share in the softmax, of how many."""

    count: int
    pairs: int

    def sentence(self, language: str) -> str:
        """That they have none."""
        return say(language, "masked", count=self.count, pairs=self.pairs)


@dataclass(frozen=True, eq=False)
class StageArray:
    """An array that a stage takes or makes.

    name    its symbol in the stage's equations: `x`, `W`, `∂C/∂z`
    place   the wire or parameter that it belongs to: `layers[0]`, `layers[0].weight`, `input`
    """

    name: str
    place: str
    role: ArrayRole
    values: Array

    @property
    def rows(self) -> Array:
        """The values as a matrix: every axis but the last one counts rows."""
        values = np.atleast_1d(self.values)
        return values.reshape(-1, values.shape[-1])

    def rows_of(self, sample: int) -> Array:
        """The rows of one sample; of an array without samples, all of them."""
        if self.role != ArrayRole.SAMPLES:
            return self.rows
        return StageArray(self.name, self.place, ArrayRole.WHOLE, self.values[sample]).rows

    def whole(self, width: int) -> list[str] | None:
        """The array with every number; None where it is too large for that."""
        rows = self.rows
        if rows.shape[1] == 1:
            # A column lies down: its shape says that it is one, and a terminal is wider than high.
            rows = rows.T
        if len(rows) > MOST_ROWS or rows.size > MOST_NUMBERS:
            return None
        if len(rows) == 1:
            return [self._head, *_wrapped("  ".join(_numbers(rows[0])), width, INDENT)]
        # An empty first column, because `aligned` puts that one to the left.
        lines = aligned([["", *_numbers(row)] for row in rows]) if rows.size else []
        if any(messages.display_width(line) > width for line in lines):
            return None
        return [self._head, *lines]

    def abbreviated(self, sample: int, language: str, width: int) -> list[str]:
        """The array's least, mean and largest number, and the row of the worked sample, or the
        first one."""
        if self.values.size <= 1:
            return [f"{self._head}  {' '.join(_numbers(self.values.ravel()))}"]
        low, mean, high = _summary(self.values)
        head = say(language, "summary", head=self._head, low=low, mean=mean, high=high)
        row = self.rows_of(sample)[0]
        key = "row_of_sample" if self.role == ArrayRole.SAMPLES else "first_row"
        lead = INDENT + say(language, key, sample=sample)
        cells: list[str] = []
        for number in _numbers(row):
            if messages.display_width("  ".join([lead, *cells, number, "…"])) > width:
                cells.append("…")
                break
            cells.append(number)
        return [*_wrapped(head, width, ""), "  ".join([lead, *cells])]

    @property
    def _head(self) -> str:
        place = f"  {self.place}" if self.place else ""
        return f"{self.name} {shape_text(self.values.shape)}{place}"


@dataclass(frozen=True, eq=False)
class WalkStage:
    """One stage of a step.

    path       the layer's place; "" of the loss and of what comes after the update
    name       the layer with its settings, the loss or the optimizer
    equations  what is computed, in symbols
    worked     the same with the stage's own numbers, for one entry of one sample
    arrays     everything that the stage takes and makes
    notes      what else its symbols and numbers are: S of the loss, the class of the sample
    inside     of a stage inside a layer which one it is, as an address has it: `time[3]`
    """

    part: Part
    path: str
    name: str
    equations: tuple[str, ...]
    worked: tuple[WorkedLine, ...]
    arrays: tuple[StageArray, ...]
    notes: tuple[Divisor | WantedClass | LeftOut | MaskedPairs, ...] = ()
    inside: str = ""

    def title(self, position: int, count: int, language: str) -> str:
        """`3/11  Forward: layers[1] ReLU()`."""
        path = self.path or "—"
        named = say(language, f"title.{self.part}", path=path, name=self.name, inside=self.inside)
        return f"{position + 1}/{count}  {named}"

    def body(self, sample: int, language: str, width: int, height: int | None) -> list[str]:
        """The lines of a stage below its title."""
        lines = _wrapped(say(language, f"says.{self.part}"), width, "")
        for equation in self.equations:
            lines += _wrapped(equation, width, INDENT)
        for note in self.notes:
            lines += _wrapped(note.sentence(language), width, "")
        for of_sample in (True, False):
            worked = [one for one in self.worked if one.of_sample == of_sample]
            if worked:
                key = "worked" if of_sample else "worked_of_all"
                if self.part in (Part.UPDATE, Part.AFTER):
                    key = "worked_of_parameters"
                lines.append(say(language, key, sample=sample))
            for one in worked:
                lines += _wrapped(one.text(language), width, INDENT)
        left = None if height is None else height - len(lines)
        return lines + _arrays(self.arrays, sample, language, width, left)


@dataclass(frozen=True, eq=False)
class Walk(Document):
    """One training step, stage by stage.

    sample   the one whose numbers are worked out
    samples  how many took part
    loss     L before the update
    stages   in the order in which a training step computes them
    """

    sample: int
    samples: int
    loss: float
    stages: tuple[WalkStage, ...]

    def title(self, position: int, language: str = "en") -> str:
        """What a stage is, with its number."""
        return self.stages[position].title(position, len(self.stages), language)

    def body(
        self, position: int, language: str = "en", *, width: int = 80, height: int | None = None
    ) -> list[str]:
        """A stage as lines for a terminal: its equations, the same with numbers, its arrays.

        height  how many lines there are; large arrays, and where they do not fit small ones, are
                abbreviated. None is as many as it takes
        """
        return self.stages[position].body(self.sample, language, width, height)

    def text(self, language: str = "en") -> str:
        """Every stage, one after the other."""
        stages = [
            "\n".join([self.title(number, language), *self.body(number, language)])
            for number in range(len(self.stages))
        ]
        return "\n\n".join(stages)

    def __str__(self) -> str:
        return self.text()


def _arrays(
    arrays: tuple[StageArray, ...], sample: int, language: str, width: int, height: int | None
) -> list[str]:
    """Every array, whole where it is small and there is room, the first ones first."""
    short = [one.abbreviated(sample, language, width) for one in arrays]
    room = None if height is None else height - sum(map(len, short))
    lines = []
    for one, abbreviated in zip(arrays, short, strict=True):
        whole = one.whole(width)
        more = 0 if whole is None else len(whole) - len(abbreviated)
        if whole is None or (room is not None and more > room):
            lines += abbreviated
            continue
        if room is not None:
            room -= max(more, 0)
        lines += whole
    return lines


def _summary(values: Array) -> tuple[str, str, str]:
    with np.errstate(all="ignore"):
        found = (values.min(), values.mean(dtype=np.float64), values.max())
    low, mean, high = (brief(float(one)) for one in found)
    return low, mean, high


def _numbers(row: Array) -> list[str]:
    return [brief(float(one)) for one in row]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """`text` in lines of at most `width` columns; those behind the first are indented further."""
    return wrapped(text, width, indent + INDENT, indent, break_words=True)
