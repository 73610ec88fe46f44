"""Which encoding a file of text is likely to have, for the sentence that refuses another."""

import codecs
from pathlib import Path

from clearprop.base.code_pages import CODE_PAGES

# What is looked at, and how many of its bytes are 0 where two bytes make a character.
LOOKED_AT, NULS = 1 << 16, 0.02


def likely_encoding(path: Path, tried: str) -> str:
    """UTF-16, UTF-8 or a code page that the beginning of a file reads as, other than the encoding
    that was tried; cp950 where it reads as none."""
    with path.open("rb") as stream:
        begin = stream.read(LOOKED_AT)
    if begin.count(0) > NULS * len(begin):
        # Of commas, digits and line ends the upper byte is 0: the second, or the first.
        return "utf-16-le" if begin[1::2].count(0) >= begin[::2].count(0) else "utf-16-be"
    for encoding, reads in {"utf-8": bool, **CODE_PAGES}.items():
        try:
            # A character may be cut at the end of what is looked at.
            text = codecs.getincrementaldecoder(encoding)().decode(begin)
        except UnicodeError:
            continue
        if reads(text) and codecs.lookup(encoding) != codecs.lookup(tried):
            return encoding
    return "cp950"
