"""Numbers as people write them."""

import math

import pytest

from clearprop.base.numbers import general, number, percent


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (80.82090493, 4, "80.82"),
        (943.7147, 5, "943.71"),
        (-0.001234, 3, "−0.00123"),
        (5.27e-16, 2, "5.3 × 10⁻¹⁶"),
        (1234567.0, 3, "1.23 × 10⁶"),
        (123456.7, 4, "123457"),
        (9.9999, 3, "10.0"),
        (0.0, 4, "0"),
        (-0.0, 4, "0"),
        (math.inf, 4, "∞"),
        (-math.inf, 4, "−∞"),
        (math.nan, 4, "NaN"),
    ],
)
def test_number(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_percent() -> None:
    assert percent(0.7726) == "77 %"
    assert percent(math.nan) == "—"


def test_general() -> None:
    assert general(0.12345678) == "0.1234568"
    assert general(-1.23e-7, 2) == "-1.2e-07"
    assert general(None) == "—"
