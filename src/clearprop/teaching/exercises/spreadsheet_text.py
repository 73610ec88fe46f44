"""CSV as spreadsheets write it: commas, semicolons or tabs, in UTF-8, UTF-16, Big5 or Windows-1252.

Excel saves "CSV" in the encoding of its Windows: in Taiwan Big5, in Western countries Windows-1252.
"""

import re

DELIMITERS = ",;\t"


def decoded(content: bytes) -> str:
    """The text of a file that a spreadsheet wrote, without a byte order mark.

    Where nothing says so and it is not UTF-8, Chinese names stand two characters and more together,
    and letters with accents among others. Raises UnicodeError where neither is so.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        for encoding, is_likely in (("cp950", _reads_as_chinese), ("cp1252", _reads_as_western)):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if is_likely(text):
                return text
        raise problem


def delimiter_of(text: str) -> str:
    """What stands between the cells of the first line."""
    first = text.partition("\n")[0]
    return next((mark for mark in DELIMITERS if mark in first), DELIMITERS[0])


def _reads_as_chinese(text: str) -> bool:
    runs = re.findall(r"[A-Za-z]?[^\x00-\x7f]+[A-Za-z]?", text)
    return all(len(run) > 1 and not run[0].isascii() and not run[-1].isascii() for run in runs)


def _reads_as_western(text: str) -> bool:
    strange = [mark for mark in text if not mark.isascii()]
    return all(mark.isalpha() or mark in "’‘“”–—\xa0" for mark in strange) and all(
        len(run) == 1 for run in re.findall(r"[^\x00-\x7f]+", text)
    )
