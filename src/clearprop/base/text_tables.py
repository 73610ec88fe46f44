"""Rows of cells, and long sentences, as lines of text, for terminals and wherever every character
is of one width."""

import re
from collections.abc import Sequence

from clearprop.base.messages import display_width, pad

GAP = "  "

# Between words, and behind a Chinese comma or stop.
_BREAKS = re.compile(r"(?<=[ 、，。；：])")


def aligned(rows: Sequence[Sequence[str]], *, left: int | None = 1) -> list[str]:
    """Rows of equally many cells as lines of equally wide columns, two spaces apart, none at the
    end of a line. The first `left` columns stand to the left (None: all of them), the others,
    which are numbers as a rule, to the right."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(
            pad(cell, width) if left is None or position < left else pad_left(cell, width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def ruled(rows: Sequence[Sequence[str]], *, left: int | None = 1) -> list[str]:
    """`aligned` with a rule below the first row, which is the head; as wide as the whole table."""
    head, *lines = aligned(rows, left=left)
    width = sum(max(map(display_width, column)) for column in zip(*rows, strict=True))
    return [head, "─" * (width + len(GAP) * (len(rows[0]) - 1)), *lines]


def pad_left(sentence: str, width: int) -> str:
    """The sentence with spaces before it up to `width` columns."""
    return " " * (width - display_width(sentence)) + sentence


def wrapped(sentence: str, width: int, indent: str = "", first: str = "") -> list[str]:
    """A sentence in lines of at most `width` columns, each with `indent` before it; the first one
    has `first` before it instead."""
    lines: list[str] = []
    before = line = first or indent
    for word in _BREAKS.split(sentence):
        if display_width((line + word).rstrip()) > width and line != before:
            lines.append(line.rstrip())
            before = line = indent
        line += word
    return [*lines, line.rstrip()]
