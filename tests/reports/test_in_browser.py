"""The page as a browser lays it out: nothing sticks out, no label covers another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clearprop.base import messages
from tests.browser import MEASURE, Open


@pytest.fixture(params=messages.LANGUAGES)
def html(request: pytest.FixtureRequest, written: Callable[[str], Path]) -> str:
    return (written(request.param) / "report.html").read_text(encoding="utf-8")


def test_labels_neither_overlap_nor_stick_out(html: str, opened: Open, figures: int) -> None:
    found = opened(html, width=1000).evaluate(MEASURE)
    assert found["figures"] == figures
    assert found["overlaps"] == []
    assert found["outside"] == []


def test_the_page_fits_a_phone(html: str, opened: Open) -> None:
    found = opened(html, width=360).evaluate(MEASURE)
    assert found["window"] == 360
    assert found["width"] <= found["window"]


def test_the_measuring_finds_what_is_wrong(opened: Open) -> None:
    text = '<text x="{x}" y="40">{words}</text>'
    labels = text.format(x=20, words="weight") + text.format(x=30, words="bias")
    picture = f'<svg width="200" height="80">{labels}{text.format(x=190, words="cut off")}</svg>'
    html = (
        f'<!DOCTYPE html><html><body><figure id="f">{picture}</figure>'
        '<div style="width: 2000px">wide</div></body></html>'
    )
    found = opened(html, width=500).evaluate(MEASURE)
    assert found["overlaps"] == [["f", "weight", "bias"]]
    assert found["outside"] == [["f", "cut off"]]
    assert found["width"] > found["window"]
