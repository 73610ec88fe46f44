"""CSV as spreadsheets write it: commas, semicolons or tabs, in UTF-8, UTF-16 or a code page."""

from clearprop.base.code_pages import CODE_PAGES

DELIMITERS = ",;\t"


def decoded(content: bytes) -> str:
    """The text of a file that a spreadsheet wrote, without a byte order mark.

    Where nothing says so and it is not UTF-8, it is the code page that it reads as. Raises
    UnicodeError where it reads as none.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        for encoding, is_likely in CODE_PAGES.items():
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
