"""Rows of cells, and long sentences, as lines of text, for terminals and wherever every character
is of one width."""

import re
from collections.abc import Sequence

from clearprop.base.messages import display_width, pad

GAP = "  "

# A line breaks at spaces and between Chinese characters; not before what closes, and not behind
# what opens.
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
_OPENING, _CLOSING = "（「『〈《【", "、，。；：！？）」』〉》】"
_PIECES = re.compile(rf"\s+|[{_OPENING}]*(?:[^\s{_WIDE}]+|[{_WIDE}])[{_CLOSING}]*")


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


def fitted(rows: Sequence[Sequence[str]], width: int | None, *, left: int | None = 1) -> list[str]:
    """`aligned` where that is at most `width` columns wide; None takes any width. Otherwise every
    row stands by itself: its first cell, and below it the others with their heads, which are the
    first row."""
    lines = aligned(rows, left=left)
    if width is None or max(map(display_width, lines), default=0) <= width:
        return lines
    heads, *body = rows
    found: list[str] = []
    for first, *cells in body:
        pairs = [(head, cell) for head, cell in zip(heads[1:], cells, strict=True) if cell]
        named = f"{heads[0]} {first}" if first.isdigit() else first
        found += wrapped(named, width, GAP, "", break_words=True)
        found += [f"{GAP}{line}" for line in aligned(pairs)]
    return found


def ruled(rows: Sequence[Sequence[str]], *, left: int | None = 1) -> list[str]:
    """`aligned` with a rule below the first row, which is the head; as wide as the whole table."""
    head, *lines = aligned(rows, left=left)
    width = sum(max(map(display_width, column)) for column in zip(*rows, strict=True))
    return [head, "─" * (width + len(GAP) * (len(rows[0]) - 1)), *lines]


def shortened(sentence: str, width: int) -> str:
    """The sentence where it is at most `width` columns wide, otherwise its beginning and "…".
    Characters that cannot be shown, as the end of a line, stand as Python writes them."""
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in sentence)
    if display_width(shown) <= width:
        return shown
    while display_width(shown) > width - 1:
        shown = shown[:-1]
    return f"{shown.rstrip()}…"


def pad_left(sentence: str, width: int) -> str:
    """The sentence with spaces before it up to `width` columns."""
    return " " * (width - display_width(sentence)) + sentence


def wrapped(
    sentence: str,
    width: int,
    indent: str = "",
    first: str | None = None,
    *,
    break_words: bool = False,
) -> list[str]:
    """A sentence in lines of at most `width` columns, each with `indent` before it; the first one
    has `first` before it instead. A word that is longer than a line stands whole, or with
    `break_words` is broken where the line ends."""
    lines: list[str] = []
    before = line = indent if first is None else first
    for piece in _PIECES.findall(sentence):
        if display_width((line + piece).rstrip()) > width and line != before:
            lines.append(line.rstrip())
            before = line = indent
        if piece.isspace() and line == indent:
            continue
        for part in piece if break_words else [piece]:
            if break_words and display_width((line + part).rstrip()) > width and line != before:
                lines.append(line)
                before = line = indent
            line += part
    return [*lines, line.rstrip()]
