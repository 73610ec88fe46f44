"""Formulas as MathML: primes stand behind what they mark, and every sign is a sign."""

import re
from xml.etree import ElementTree

import pytest

from clearprop.reading.explanation.mathml import mathml

pytest.importorskip("latex2mathml")

PRIME = '<mo lspace="0em" rspace="0em">′</mo>'


def inside(latex: str) -> str:
    """What stands in the formula's outermost row."""
    found = re.fullmatch(r"<math [^>]*><mrow>(.*)</mrow></math>", mathml(latex))
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("a'", f"<mrow><mi>a</mi>{PRIME}</mrow>"),
        (r"\text{ReLU}'", f"<mrow><mtext>ReLU</mtext>{PRIME}</mrow>"),
        ("f''", f"<mrow><mi>f</mi>{PRIME.replace('′', '″')}</mrow>"),
        ("a_1'", f"<mrow><msub><mi>a</mi><mn>1</mn></msub>{PRIME}</mrow>"),
        ("a'_1", f"<mrow><msub><mi>a</mi><mn>1</mn></msub>{PRIME}</mrow>"),
        (r"a^{\prime}", f"<mrow><mi>a</mi>{PRIME}</mrow>"),
        (
            "w_1^{2}'",
            f"<mrow><msubsup><mi>w</mi><mn>1</mn><mrow><mn>2</mn></mrow></msubsup>{PRIME}</mrow>",
        ),
        (
            "a'^{2}",
            f"<msup><mrow><mi>a</mi>{PRIME}</mrow><mrow><mrow><mn>2</mn></mrow></mrow></msup>",
        ),
    ],
)
def test_a_prime_is_no_small_superscript(latex: str, expected: str) -> None:
    assert inside(latex) == expected


def test_other_superscripts_stay_where_they_are() -> None:
    assert inside("x^2") == "<msup><mi>x</mi><mn>2</mn></msup>"


def test_signs_of_markup_are_escaped() -> None:
    root = ElementTree.fromstring(mathml(r"\text{a < b \& c\_d} \le \eta"))
    texts = [one.strip().replace("\u00a0", " ") for one in root.itertext()]
    assert texts == ["a < b & c_d", "≤", "η"]
