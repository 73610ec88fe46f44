"""Numbers as people write them: a few digits, a real minus sign, powers of ten in superscript."""

import math

# For `str.translate`: into small figures above and below the line, and back from those above.
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FROM_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def number(value: float, digits: int = 4) -> str:
    """`value` with `digits` significant digits: 80.82, −0.001234, 5.3 × 10⁻¹⁶, ∞, NaN."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 6:
        text = f"{value:.{max(digits - 1 - power, 0)}f}"
    else:
        text = f"{mantissa} × 10{str(power).translate(SUPERSCRIPTS)}"
    return text.replace("-", "−")


def brief(value: float) -> str:
    """`number` with four digits, or fewer where those are the whole number: 0.15, 1, 0.01."""
    value = float(value)
    if value == 0 or not 1e-4 <= abs(value) < 1e6 or float(f"{value:.4g}") != value:
        return number(value)
    return f"{value:.10f}".rstrip("0").rstrip(".").replace("-", "−")


def bracketed(value: float) -> str:
    """`brief` behind another sign: a negative number stands in brackets."""
    text = brief(value)
    return f"({text})" if text[0] == "−" else text


def product_text(*factors: float) -> str:
    """`2.16 × (−1.49)`: a negative factor behind the first stands in brackets."""
    first, *others = factors
    return " × ".join([brief(first), *map(bracketed, others)])


def number_or_dash(value: float, digits: int = 4) -> str:
    """`number`, or a dash where there is none: NaN."""
    return "—" if math.isnan(value) else number(value, digits)


def general(value: float | None, digits: int = 7) -> str:
    """`value` as Python writes it with `digits` significant digits, 1.2e-07; a dash for None."""
    return "—" if value is None else f"{value:.{digits}g}"


def percent(share: float, decimals: int = 0) -> str:
    """A share as a percentage; a dash where there is none: NaN."""
    return "—" if math.isnan(share) else f"{100 * share:.{decimals}f} %"


def reads_as_number(text: str) -> bool:
    """Whether Python reads the text as a number, NaN and infinities included."""
    try:
        float(text)
    except ValueError:
        return False
    return True
