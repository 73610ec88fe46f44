"""The page as a browser lays it out: nothing sticks out, no label covers another."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PageObject, PdfReader

from clearprop.base import messages
from clearprop.reading.explanation.mathml import mathml
from tests.browser import MEASURE, SILENT, Open

pytestmark = pytest.mark.thorough


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


def test_what_is_wider_than_a_phone_says_that_it_scrolls(html: str, opened: Open) -> None:
    # Formulas and programs fit; pictures and tables that do not have the hint above them.
    assert opened(html, width=390).evaluate(SILENT) == []


def test_no_printed_page_has_a_hole(html: str, opened: Open, tmp_path: Path) -> None:
    page = opened(html)
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, format="A4")
    fills = [_filled(one) for one in PdfReader(tmp_path / "report.pdf").pages]
    assert 12 <= len(fills) <= 22
    # The last page ends where the text ends.
    assert min(fills[:-1]) >= 2 / 3


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


def fonts_of_formulas(page: Any) -> dict[str, int]:
    """What the letters and signs of all formulas are drawn in, and how many of them each font
    draws."""
    page.evaluate(
        "() => Promise.all([...document.fonts].map(font => font.load())).then(() => true)"
    )
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")
    root = tools.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    query = {"nodeId": root, "selector": "mi, mn, mo, mtext"}
    fonts: Counter[str] = Counter()
    for node in tools.send("DOM.querySelectorAll", query)["nodeIds"]:
        for font in tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]:
            name = (
                font["familyName"] if font["isCustomFont"] else f"the reader's {font['familyName']}"
            )
            fonts[name] += int(font["glyphCount"])
    return dict(fonts)


def test_formulas_are_drawn_in_the_font_that_the_page_brings(html: str, opened: Open) -> None:
    assert list(fonts_of_formulas(opened(html))) == ["Clearprop Math"]


def test_the_asking_finds_a_sign_that_the_font_lacks(opened: Open) -> None:
    page = mathml("w").replace(">w<", ">Ж<")
    found = fonts_of_formulas(opened(f"<!DOCTYPE html><meta charset=utf-8>{page}"))
    assert [name.partition(" ")[0] for name in found] == ["the"]


def _filled(page: PageObject) -> float:
    """How much of the height between the margins (16 mm) is above the page's lowest text."""
    heights: list[float] = []

    def note(text: str, current: list[float], matrix: list[float], *_: object) -> None:
        if text.strip():
            # The text's own place, through the page's transformation.
            heights.append(current[1] * matrix[4] + current[3] * matrix[5] + current[5])

    page.extract_text(visitor_text=note)
    top, margin = float(page.mediabox.height), 16 / 25.4 * 72
    return (top - margin - min(heights)) / (top - 2 * margin)
