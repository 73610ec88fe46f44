"""Whether text that was read in a code page of Windows reads as if it had been written in it.

Excel saves "CSV" in the code page of its Windows: in Taiwan cp950 (Big5), in Western countries
cp1252. Nearly any bytes can be read in either: Chinese words stand two characters and more
together, letters with accents among others.
"""

import re
from collections.abc import Callable, Mapping


def reads_as_chinese(text: str) -> bool:
    """Whether what is not ASCII stands in runs of two and more, beside no letters."""
    runs = re.findall(r"[A-Za-z]?[^\x00-\x7f]+[A-Za-z]?", text)
    return all(len(run) > 1 and not run[0].isascii() and not run[-1].isascii() for run in runs)


def reads_as_western(text: str) -> bool:
    """Whether what is not ASCII are single letters, quotes and dashes."""
    strange = [mark for mark in text if not mark.isascii()]
    return all(mark.isalpha() or mark in "’‘“”–—\xa0" for mark in strange) and all(
        len(run) == 1 for run in re.findall(r"[^\x00-\x7f]+", text)
    )


# In the order in which they are tried.
CODE_PAGES: Mapping[str, Callable[[str], bool]] = {
    "cp950": reads_as_chinese,
    "cp1252": reads_as_western,
}
