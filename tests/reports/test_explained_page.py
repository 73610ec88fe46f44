"""Pages of explanations and diagrams, pointed at and tabbed through in a real browser."""

import re
from typing import Any

import pytest

from clearprop import LSTM, Conv1d, Conv2d, MultiheadAttention
from clearprop.base import messages
from clearprop.drawing import Scene, svg
from clearprop.engine.layers.layer import Layer
from clearprop.reading.explanation import explain_neuron, explain_sample, explain_weight
from clearprop.reading.explanation.named_diagrams import KINDS, OF_SOME_LAYERS, TEXTBOOK, draw
from clearprop.reading.explanation.readable import Readable
from clearprop.teaching.reports.explanation_pages import diagram_page, explanation_page
from tests.browser import MEASURE, SILENT, Open
from tests.explanation.networks import STEPS, random_step, worked_step
from tests.explanation.test_inside import step_of

pytestmark = pytest.mark.thorough


def explained(kind: str, name: str = "1-10-1") -> Readable:
    step, weight, neuron = STEPS[name]
    if kind == "weight":
        return explain_weight(step, weight, depth=3)
    return (
        explain_neuron(step, neuron) if kind == "neuron" else explain_sample(step, step.samples - 1)
    )


def page_of(kind: str = "weight", language: str = "en", name: str = "1-10-1") -> str:
    return explanation_page(explained(kind, name), STEPS[name][0], language)


def panel(page: Any) -> list[str]:
    return [line for line in page.inner_text("#panel").splitlines() if line]


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize(
    ("layer", "kind", "shape"),
    [
        (MultiheadAttention(4, 2), "inside", (5, 4)),
        (MultiheadAttention(8, 4), "inside", (8, 8)),
        (LSTM(3, 2), "inside", (5, 3)),
        (LSTM(3, 2), "unrolled", (5, 3)),
        (Conv2d(2, 3, 3, padding=1), "inside", (2, 5, 6)),
        (Conv2d(2, 3, 3, padding=1), "kernel", (2, 8, 8)),
        (Conv2d(2, 20, 3, stride=2, dilation=2), "kernel", (2, 80, 90)),
        (Conv1d(1, 3, 2), "kernel", (1, 12)),
        (Conv2d(2, 3, 2), "channels", (2, 6, 6)),
        (Conv2d(2, 20, 3), "channels", (2, 5, 5)),
        (Conv2d(1, 6, 3), "channels", (1, 90, 50)),
        (Conv1d(2, 3, 2), "channels", (2, 12)),
    ],
)
def test_no_label_of_what_is_inside_a_layer_covers_another(
    opened: Open, layer: Layer, kind: str, shape: tuple[int, ...], language: str
) -> None:
    step = step_of(layer, shape)
    picture = svg(draw(step, kind, language=language), prefix="p")
    html = f"<!DOCTYPE html><html><body>{picture}</body></html>"
    found = opened(html, width=2600).evaluate(MEASURE)
    assert found["labels"] > 5
    assert found["overlaps"] == []
    assert found["outside"] == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("name", STEPS)
def test_no_label_of_any_diagram_covers_another(opened: Open, name: str, language: str) -> None:
    step = STEPS[name][0]
    refused = (*OF_SOME_LAYERS, *(TEXTBOOK if name in ("residual", "embedding") else ()))
    scenes = [draw(step, kind, language=language) for kind in KINDS if kind not in refused]
    scenes += [explained(kind, name).picture(language) for kind in ("weight", "neuron", "sample")]
    pictures = "\n".join(svg(scene, prefix=f"p{k}") for k, scene in enumerate(scenes))
    found = opened(f"<!DOCTYPE html><html><body>{pictures}</body></html>", width=2600).evaluate(
        MEASURE
    )
    assert found["labels"] > 100
    assert found["overlaps"] == []
    assert found["outside"] == []


@pytest.mark.parametrize("kind", ["weight", "neuron", "sample"])
def test_what_is_wider_than_a_phone_says_that_it_scrolls(opened: Open, kind: str) -> None:
    page = opened(page_of(kind), width=390)
    assert page.evaluate(SILENT) == []
    # The columns of the numbers stay columns.
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('pre')).whiteSpace") == "pre"
    )


def test_the_measuring_finds_what_is_wrong(opened: Open) -> None:
    labels = '<text x="20" y="40">weight</text><text x="30" y="40">bias</text>'
    html = f'<svg width="200" height="80">{labels}<text x="190" y="40">cut off</text></svg>'
    found = opened(f'<!DOCTYPE html>{html}<div style="width:3000px">wide</div>').evaluate(MEASURE)
    assert found["overlaps"] == [["", "weight", "bias"]]
    assert found["outside"] == [["", "cut off"]]
    assert found["width"] > found["window"]


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("kind", ["weight", "neuron", "sample"])
def test_a_page_asks_for_nothing_and_fits_every_window(
    opened: Open, kind: str, language: str
) -> None:
    for width in (400, 1280):
        page = opened(page_of(kind, language), width=width)
        found = page.evaluate(MEASURE)
        assert found["width"] <= found["window"]
        assert found["overlaps"] == []
        assert page.complaints == []


def test_pointing_at_a_neuron_or_an_edge_shows_its_numbers(opened: Open) -> None:
    page = opened(page_of())
    assert panel(page) == []
    backward = STEPS["1-10-1"][0].backward
    assert backward.forward.input.shape == (20, 1)
    part = page.locator("#network-1 .cp-part", has_text=re.compile("z4")).first
    part.hover()
    lines = panel(page)
    assert lines[0] == "layers[0][3]"
    assert any(line.startswith("∂C/∂z₄⁽¹⁾ = ") for line in lines)
    page.locator("h1").hover()
    assert panel(page) == []
    edge = page.locator("#network-1 path").nth(3)
    edge.hover()
    assert panel(page)[0].startswith("layers[0].weight[0,")
    assert page.get_attribute("#panel", "aria-live") == "polite"


def test_a_keyboard_reaches_every_part(opened: Open) -> None:
    page = opened(explanation_page(explained("weight", "worked example"), worked_step(), "en"))
    page.keyboard.press("Tab")
    assert panel(page)[0] == "layers[0].weight[0,0]"
    first = panel(page)
    # One stop of Tab for a picture; the arrows move inside it.
    seen = [first[0]]
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        seen.append(panel(page)[0])
    assert len(set(seen)) > 3
    page.keyboard.press("Home")
    at_home = panel(page)[0]
    page.keyboard.press("End")
    assert panel(page)[0] != at_home
    page.keyboard.press("ArrowLeft")
    moved = panel(page)[0]
    page.keyboard.press("Tab")
    assert panel(page) == []
    page.keyboard.press("Shift+Tab")
    # The picture remembers where one was.
    assert panel(page)[0] == moved
    page.keyboard.press("Escape")
    assert panel(page) == []
    names = page.locator("#picture-0 .cp-part").evaluate_all(
        "parts => parts.map(part => [part.getAttribute('role'), part.getAttribute('aria-label')])"
    )
    assert all(role == "img" and name for role, name in names)
    assert page.locator("#picture-0 [tabindex='0']").count() == 1


def test_every_cell_can_be_reached_by_arrows(opened: Open) -> None:
    step = STEPS["64-128-64-10"][0]
    page = opened(diagram_page(draw(step, "network_forward"), "en"))
    page.keyboard.press("Tab")
    seen = {panel(page)[0]}
    for key in ["ArrowRight"] * 7 + ["ArrowDown"] * 7:
        page.keyboard.press(key)
        seen.add(panel(page)[0])
    assert seen == {f"input[{k}]" for k in (*range(8), *range(15, 64, 8))}


def test_without_javascript_the_page_reads_as_it_is(opened: Open) -> None:
    page = opened(page_of("weight"), java_script_enabled=False)
    assert page.locator("svg").count() == 3
    assert page.locator(".hint").is_hidden()
    assert page.locator("#panel").is_hidden()
    assert "A witness that evaluates the loss again agrees" in page.inner_text(".told")
    # Browsers show a part's title by themselves.
    titles = page.locator(".cp-part > title").all_inner_texts()
    assert len(titles) == page.locator(".cp-part").count() > 20


@pytest.mark.parametrize(("scheme", "paper"), [("light", "255, 255, 255"), ("dark", "20, 23, 27")])
def test_colours_follow_the_reader(opened: Open, scheme: str, paper: str) -> None:
    page = opened(page_of(), color_scheme=scheme)
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == f"rgb({paper})"
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_a_printed_page_has_neither_panel_nor_hint_and_cuts_no_picture(opened: Open) -> None:
    page = opened(page_of("weight", name="64-128-64-10"), width=700)
    page.locator("#picture-0 .cp-part").first.focus()
    page.emulate_media(media="print")
    assert page.locator("#panel").is_hidden()
    assert page.locator(".hint").is_hidden()
    widths = page.locator("svg").evaluate_all(
        "all => all.map(svg => [svg.getBoundingClientRect().right, document.body.clientWidth])"
    )
    assert all(right <= limit + 1 for right, limit in widths)
    assert page.pdf().startswith(b"%PDF")


def test_words_of_a_network_s_own_are_escaped(opened: Open) -> None:
    scene = Scene(10, 10, (), "<script>alert(1)</script>", 'a "quote" & <b>tag</b>')
    html = diagram_page(scene, "en")
    assert "<script>alert" not in html
    page = opened(html)
    assert page.inner_text("h1") == "<script>alert(1)</script>"
    page.locator("summary").click()
    assert page.inner_text("details p") == 'a "quote" & <b>tag</b>'
    assert page.complaints == []


def test_ids_are_unique_and_nothing_comes_from_elsewhere() -> None:
    html = page_of("neuron", name="residual")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    rest = html.replace("http://www.w3.org/2000/svg", "").replace(
        "http://www.w3.org/1998/Math/MathML", ""
    )
    assert not re.search(r"https?:|\bsrc=|<link|@import|url\((?!data:)", rest)


def test_a_page_of_a_weight_without_a_sample_that_pulls() -> None:
    step = random_step(STEPS["embedding"][0].forward.network.layer, ids=20)
    unused = next(k for k in range(20) if k not in step.forward.input)
    of = explain_weight(step, f"layers[0].weight[{unused},0]")
    assert of.gradient == 0
    assert "<svg" in explanation_page(of, step, "zh-TW")
