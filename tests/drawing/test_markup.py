"""Numbers and markup."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.drawing.pen.markup import (
    SUBSCRIPT,
    SUPERSCRIPT,
    TextRun,
    factor_markup,
    number_markup,
    plain,
    runs,
    text_width,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.377512, "0.3775"),
        (0.05, "0.05"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "0"),
        (-0.5, "−0.5"),
        (100.0, "100"),
        (1234.567, "1235"),
        (9999.4, "9999"),
        (9999.96, "1×10^[4]"),
        (0.000438568, "0.0004386"),
        (0.000099996, "0.0001"),
        (0.00001, "1×10^[−5]"),
        (-12345.678, "−1.235×10^[4]"),
        (1.5e-300, "1.5×10^[−300]"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, written: str) -> None:
    assert number_markup(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_a_written_number_is_its_value_to_four_digits(value: float) -> None:
    written = number_markup(value)
    assert "-" not in written
    assert written != "−0"
    read = float(written.replace("−", "-").replace("×10^[", "e").replace("]", ""))
    assert read == pytest.approx(value, rel=5.01e-4, abs=1e-320)


def test_a_factor_stands_in_parentheses_where_it_could_be_misread() -> None:
    assert [factor_markup(v) for v in (0.5, -0.5, 1e5)] == ["0.5", "(−0.5)", "(1×10^[5])"]


def test_markup_is_taken_apart() -> None:
    assert runs("*z*_[1]^[(2)] = 3") == (
        TextRun("z", italic=True),
        TextRun("1", SUBSCRIPT),
        TextRun("(2)", SUPERSCRIPT),
        TextRun(" = 3"),
    )


def test_marks_without_a_partner_stand_for_themselves() -> None:
    assert plain("my_layer * 2 ^ n") == "my_layer * 2 ^ n"


def test_plain_text_keeps_indices_as_unicode() -> None:
    assert plain("*w*_[11]^[(2)] = −1×10^[−5]") == "w₁₁⁽²⁾ = −1×10⁻⁵"
    assert plain("x_[k]") == "xk"


def test_width_grows_with_size_weight_and_chinese() -> None:
    assert text_width("z = 1", 20) == pytest.approx(2 * text_width("z = 1", 10))
    assert text_width("z", 10, bold=True) > text_width("z", 10)
    assert text_width("x_[1]", 10) < text_width("x1", 10)
    assert text_width("權重", 10) == 20
    assert text_width("W", 10) > text_width("N", 10) > text_width("n", 10) > text_width("i", 10)
