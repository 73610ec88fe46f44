"""SVG: valid XML, text as text, nothing from elsewhere."""

import re
import xml.etree.ElementTree as ET

import pytest

from clearprop.drawing import COLOURS, DIAGRAMS, Circle, Path, Rectangle, Scene, Text, svg
from clearprop.drawing.pen.markup import plain
from tests.drawing.examples import PASSES

SVG = "{http://www.w3.org/2000/svg}"

ITEMS = (
    Circle(20, 20, 10, stroke="forward"),
    Rectangle(40, 10, 30, 20, corner=4),
    Path((0, 50), ((10, 50, 20, 60, 30, 60), (50, 60)), "backward", arrow=True, dashed=True),
    Path((0, 0), ((5, 0), (5, 5)), fill="accent", closed=True),
    Text(10, 80, "*w*_[1] < 2 & ^[(2)]", halo=True, bold=True),
    Text(10, 95, "a*b*", italic=True, anchor="end"),
)
SCENE = Scene(100, 100.5, ITEMS, 'A "title" <1>', "what & why\x00", "zh-TW")


def parsed(scene: Scene = SCENE, *, prefix: str = "cp", standalone: bool = False) -> ET.Element:
    return ET.fromstring(svg(scene, prefix=prefix, standalone=standalone))


def test_it_is_an_image_with_a_title_and_a_description() -> None:
    root = parsed(prefix="figure-1")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "figure-1-title figure-1-desc"
    assert root.get("viewBox") == "0 0 100 100.5"
    assert "max-width:100%" in root.get("style", "")
    assert root.get("lang") == "zh-TW"
    title, description = root[0], root[1]
    assert (title.get("id"), title.text) == ("figure-1-title", 'A "title" <1>')
    # XML cannot hold a NUL at all.
    assert (description.get("id"), description.text) == ("figure-1-desc", "what & why\ufffd")


def test_text_stays_text_with_its_indices_shifted_and_shifted_back() -> None:
    text = parsed().findall(f"{SVG}text")[0]
    assert "".join(text.itertext()) == "w1 < 2 & (2)"
    spans = text.findall(f"{SVG}tspan")
    assert spans[0].get("font-style") == "italic"
    shifts = [float(span.get("dy", 0)) for span in spans]
    sizes = [float(span.get("font-size", 13)) for span in spans]
    # w, its lowered index, the line itself, the raised index.
    assert shifts == pytest.approx([0, 2.6, -2.6, -4.68])
    assert sizes == pytest.approx([13, 9.36, 13, 9.36])
    assert text.get("font-weight") == "bold"
    assert text.get("paint-order") == "stroke"
    assert text.get("stroke") == COLOURS["paper"].light


def test_a_text_in_italics_marks_none_of_its_runs() -> None:
    text = parsed().findall(f"{SVG}text")[1]
    assert text.get("font-style") == "italic"
    assert text.get("text-anchor") == "end"
    assert not text.findall(f"{SVG}tspan")


def test_shapes_are_drawn_where_they_are() -> None:
    root = parsed()
    curve, triangle = root.findall(f"{SVG}path")
    assert curve.get("d") == "M0 50C10 50 20 60 30 60L45.5 60"
    assert curve.get("stroke-dasharray")
    assert curve.get("fill") == "none"
    assert triangle.get("d") == "M0 0L5 0L5 5Z"
    (head,) = root.findall(f"{SVG}polygon")
    assert head.get("points", "").startswith("50,60 ")
    (rectangle,) = root.findall(f"{SVG}rect")
    assert (rectangle.get("rx"), rectangle.get("width")) == ("4", "30")


def test_every_colour_has_a_light_fallback_and_a_custom_property() -> None:
    circle = parsed().find(f"{SVG}circle")
    assert circle is not None
    light = COLOURS["forward"].light
    assert circle.get("stroke") == light
    assert f"stroke:var(--cp-forward,{light})" in circle.get("style", "")


def test_a_file_of_its_own_brings_its_style_and_its_paper() -> None:
    text = svg(SCENE, standalone=True)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    root = parsed(standalone=True)
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")
    paper = root.findall(f"{SVG}rect")[0]
    assert paper.get("fill") == COLOURS["paper"].light
    assert paper.get("width") == "100"
    assert "<style" not in svg(SCENE)


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_every_diagram_is_valid_and_asks_for_nothing_from_elsewhere(
    name: str, language: str
) -> None:
    scene = DIAGRAMS[name](PASSES["worked example"], language=language)
    for standalone in (False, True):
        text = svg(scene, prefix=name, standalone=standalone)
        root = ET.fromstring(text)
        words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
        drawn = [item.content for item in scene.items if isinstance(item, Text)]
        assert len(words) == len(drawn)
        for written, content in zip(words, drawn, strict=True):
            assert written == re.sub(r"[_^]\[([^]]*)\]|\*", r"\1", content)
        assert plain(drawn[0])
        rest = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|href|url\(|<script|<image|@import", rest)


def test_many_pictures_share_a_page_without_sharing_an_id() -> None:
    page = "".join(
        svg(function(PASSES["worked example"]), prefix=f"figure-{name}")
        for name, function in DIAGRAMS.items()
    )
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 2 * len(DIAGRAMS)
