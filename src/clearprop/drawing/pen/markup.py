"""What a label says: numbers as people write them, and a small markup for indices.

    w_[11]^[(2)]    a subscript 11 and a superscript (2)
    *z*_[1]         an italic z with a subscript 1

Square brackets, because a message table fills fields in curly ones. A `_`, `^` or `*` without its
partner stands for itself; `literal` makes a person's own words stand for themselves.
"""

import math
import re
from typing import NamedTuple

MINUS = "\u2212"
# The size of an index, and how far it moves, as parts of the text's own size; down is positive.
INDEX_SIZE = 0.72
SUBSCRIPT, SUPERSCRIPT = 0.2, -0.36

# Stands before a sign that means nothing but itself; of Unicode's private use, as no text has it.
_ITSELF = "\ue000"
_TOKENS = re.compile(
    rf"([_^])\[([^\[\]]*)\]|\*([^*{_ITSELF}]+)\*|{_ITSELF}?([^_^*{_ITSELF}]+|[_^*])"
)
_RAISED = str.maketrans("0123456789+-\u2212=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
_LOWERED = str.maketrans("0123456789+-\u2212=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


class TextRun(NamedTuple):
    """A stretch of text in one style. `shift` is 0, SUBSCRIPT or SUPERSCRIPT."""

    text: str
    shift: float = 0.0
    italic: bool = False

    @property
    def scale(self) -> float:
        """The run's size as a part of the text's."""
        return INDEX_SIZE if self.shift else 1.0


def runs(content: str) -> tuple[TextRun, ...]:
    """The markup taken apart."""
    found = []
    for match in _TOKENS.finditer(content):
        mark, index, italic, literal = match.groups()
        if mark:
            found.append(TextRun(index, SUBSCRIPT if mark == "_" else SUPERSCRIPT))
        elif italic:
            found.append(TextRun(italic, italic=True))
        else:
            found.append(TextRun(literal))
    return tuple(found)


def literal(words: str) -> str:
    """Words that are no markup, a column's name for one, in markup that shows them as they are."""
    return re.sub(r"[_^*]", rf"{_ITSELF}\g<0>", words.replace(_ITSELF, ""))


def plain(content: str) -> str:
    """The markup as plain text, its indices as Unicode's own: `w₁₁⁽²⁾`."""
    parts = []
    for run in runs(content):
        if run.shift == 0:
            parts.append(run.text)
        else:
            parts.append(run.text.translate(_LOWERED if run.shift > 0 else _RAISED))
    return "".join(parts)


def number_markup(value: float, digits: int = 4) -> str:
    """`value` in markup, to `digits` significant digits: `0.3775`, `−1.235×10^[4]`.

    Powers of ten are split off below 10⁻⁴ and from 10⁴ on. A true minus sign, no trailing zeros,
    and never "−0".
    """
    value = float(value)
    if math.isnan(value):
        return "NaN"
    sign = MINUS if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    if size == 0:
        return "0"
    # The exponent is taken after rounding: 9999.96 is 1×10⁴.
    mantissa, power = f"{size:.{digits - 1}e}".split("e")
    exponent = int(power)
    if -4 <= exponent < 4:
        return sign + _trimmed(
            f"{float(f'{size:.{digits - 1}e}'):.{max(digits - 1 - exponent, 0)}f}"
        )
    return f"{sign}{_trimmed(mantissa)}×10^[{power_text(exponent)}]"


def factor_markup(value: float) -> str:
    """`number_markup(value)`, in parentheses where it could not stand after a dot or a plus."""
    text = number_markup(value)
    return f"({text})" if text.startswith(MINUS) or "×" in text else text


def power_text(exponent: int) -> str:
    """A whole number with a true minus sign."""
    return f"{MINUS if exponent < 0 else ''}{abs(exponent)}"


def text_width(content: str, size: float, *, bold: bool = False) -> float:
    """About how wide the text will be, on the wide side: the browser's font is not known here.

    The widths are those of DejaVu Sans, which is wider than nearly every system's own font.
    """
    em = sum(run.scale * sum(map(_character_width, run.text)) for run in runs(content))
    return em * size * (1.12 if bold else 1.0)


def _trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


_NARROW = {
    **dict.fromkeys("ijlI.,:;'|!· ′″‴", 0.34),
    **dict.fromkeys("ftr()/[]-", 0.42),
    **dict.fromkeys("mwWM", 0.98),
    **dict.fromkeys("=+\u2212×<>~→←⋯…∞", 0.86),
}


def _character_width(character: str) -> float:
    if character in _NARROW:
        return _NARROW[character]
    # Chinese characters and full-width signs fill a square.
    if ord(character) >= 0x2E80:
        return 1.0
    return 0.72 if character.isupper() else 0.64
