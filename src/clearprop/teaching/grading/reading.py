"""Numbers as students write them: 0.5, −0.5, 3/8, １．５, 2e-3, z1 = 0.5, #4."""

import re
import unicodedata
from fractions import Fraction

_DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,2})?"
_NUMBER = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL}))?", re.IGNORECASE)
# Dashes that are typed for a minus; NFKC leaves them as they are.
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014", "-"))
# A number in a form is short; a longer text is none, and is not worked on.
_LONGEST = 40


def read_number(answer: object) -> float | None:
    """The number that an answer is, or None where it is none.

    Read are decimals with a point, fractions, powers of ten (2e-3), full-width characters and the
    real minus sign, behind a name and = too, and the number of a line as #4 or (4). A decimal comma
    is not: in 1,234 it would be another number.
    """
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    if isinstance(answer, int) and abs(answer) >= 10**_LONGEST:
        return None  # Python refuses to write out a whole number of thousands of digits
    text = str(answer)
    if len(text) > _LONGEST:
        return None
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).translate(_MINUS))
    text = text.rpartition("=")[2].removeprefix("#")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    below = Fraction(match[2] or 1)
    return float(Fraction(match[1]) / below) if below else None
