"""The page as a browser lays it out: nothing sticks out, no label covers another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clearprop.base import messages
from tests.reports.browser import Measure


@pytest.fixture(params=messages.LANGUAGES)
def html(request: pytest.FixtureRequest, written: Callable[[str], Path]) -> str:
    return (written(request.param) / "report.html").read_text(encoding="utf-8")


def test_labels_neither_overlap_nor_stick_out(html: str, measure: Measure, figures: int) -> None:
    found = measure(html, 1000)
    assert found["figures"] == figures
    assert found["overlaps"] == []
    assert found["outside"] == []


def test_the_page_fits_a_phone(html: str, measure: Measure) -> None:
    # Chromium's window is at least 500 pixels wide.
    found = measure(html, 500)
    assert found["width"] <= found["window"]


def test_the_measuring_finds_what_is_wrong(measure: Measure) -> None:
    text = '<text x="{x}" y="40">{words}</text>'
    labels = text.format(x=20, words="weight") + text.format(x=30, words="bias")
    picture = f'<svg width="200" height="80">{labels}{text.format(x=190, words="cut off")}</svg>'
    html = (
        f'<!DOCTYPE html><html><body><figure id="f">{picture}</figure>'
        '<div style="width: 2000px">wide</div></body></html>'
    )
    found = measure(html, 500)
    assert found["overlaps"] == [["f", "weight", "bias"]]
    assert found["outside"] == [["f", "cut off"]]
    assert found["width"] > found["window"]
