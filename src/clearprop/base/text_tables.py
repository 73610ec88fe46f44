"""Rows of cells as lines of text, for terminals and wherever every character is of one width."""

from collections.abc import Sequence

from clearprop.base.messages import display_width, pad

GAP = "  "


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
