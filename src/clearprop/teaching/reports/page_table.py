"""A table of a page: rows of text, as `page_parts.html.j2` shows them."""

from typing import NamedTuple


class PageTable(NamedTuple):
    """Head, rows, and which columns hold numbers (they are aligned at the right)."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
