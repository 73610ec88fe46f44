"""The page in a browser, with a session behind it: every function by keyboard alone, and what holds
between its panels."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from clearprop.lab.lab_recipe import encoded_link
from tests.lab.served import opened_lab, served

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def opened_once(browser: Any, link: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield opened_lab(context, link)
    context.close()


@pytest.fixture
def lab(opened_once: Any) -> Iterator[Any]:
    """The page as it is when it is opened, with the tutorial's network before its first step."""
    page = opened_once
    yield page
    assert page.complaints == []
    if page.is_checked("#predict"):
        page.click("#predict-switch")
    page.evaluate("() => document.getElementById('dialog').close()")
    page.evaluate("() => document.getElementById('told').replaceChildren()")
    press(page, "Escape", "1")
    # The moment of the new network is told; what was told before is taken away.
    page.evaluate("() => document.getElementById('live').replaceChildren()")
    page.click("#preset-tutorial")
    page.wait_for_selector("#live span", state="attached")
    shows(page, "#now", "step 0 of 0")
    page.evaluate(
        "() => { document.activeElement.blur(); sessionStorage.removeItem('clearprop-lab-code'); }"
    )


def title(page: Any) -> str:
    return str(page.inner_text("#phase-title"))


def shows(page: Any, selector: str, text: str) -> None:
    """Wait until the element has the text somewhere in it."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
        arg=[selector, text],
    )


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Any, selector: str) -> None:
    """Go on with Tab until the element has the focus."""
    page.wait_for_selector(selector, state="attached")
    for _ in range(120):
        if page.evaluate("(one) => document.activeElement?.matches(one)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def test_time_is_gone_through_by_keys(lab: Any) -> None:
    press(lab, "ArrowLeft")
    shows(lab, "#phase-title", "9/10")
    press(lab, "Shift+ArrowRight")
    shows(lab, "#now", "step 1 of 1")
    assert title(lab).startswith("9/10")
    press(lab, "Space")
    lab.wait_for_function("() => Number(document.getElementById('scrub').ariaValueMax) > 50")
    press(lab, "Space")
    lab.wait_for_selector("#time-play[aria-label=Play]")
    tab_to(lab, "#scrub")
    press(lab, "Home")
    shows(lab, "#now", "step 0 of")
    press(lab, "PageUp", "ArrowLeft")
    lab.wait_for_function("() => Number(document.getElementById('scrub').ariaValueNow) > 0")
    tab_to(lab, "#branch-new")
    press(lab, "Enter")
    lab.keyboard.type("0.002")
    press(lab, "Enter")
    lab.wait_for_selector("#branch-choice select")


def test_a_step_back_shows_the_numbers_that_were_there(lab: Any) -> None:
    first = lab.text_content("#neurons")
    press(lab, "Shift+ArrowRight")
    shows(lab, "#now", "step 1 of 1")
    assert lab.text_content("#neurons") != first
    press(lab, "Shift+ArrowLeft")
    shows(lab, "#now", "step 0 of 1")
    assert lab.text_content("#neurons") == first


def test_before_a_phase_its_numbers_are_not_there(lab: Any) -> None:
    lab.click("[data-phase='1']")
    shows(lab, "#phase-title", "1/10")
    told = lab.text_content("#neurons")
    assert "z 0.8744" in told.replace("\n", " ")
    assert "∂C" not in told
    assert "L" not in lab.text_content("#unit-loss").split()
    lab.click("[data-phase='8']")
    shows(lab, "#phase-title", "8/10")
    # In the update the old and the new weight stand beside each other.
    assert "→" in lab.text_content("#edge-labels")


def test_the_network_is_walked_along_its_edges_and_asked_by_keys(lab: Any) -> None:
    press(lab, "n", "ArrowRight")
    shows(lab, "#live", "layers[0].weight[0,0]")
    press(lab, "ArrowDown", "Enter")
    shows(lab, "#answer-title", "layers[0].weight[0,1]")
    assert lab.url.endswith("#s=weight%3Alayers%5B0%5D.weight%5B0%2C1%5D")
    press(lab, "ArrowRight", "Enter")
    shows(lab, "#answer-title", "layers[0][1]")
    press(lab, "b")
    shows(lab, "#answer-title", "layers[0].bias[0,1]")
    press(lab, "ArrowRight", "ArrowRight", "ArrowRight", "Enter")
    shows(lab, "#answer-title", "Loss")
    press(lab, "Escape")
    shows(lab, "#answer-title", "Why?")
    assert "#s" not in lab.url


def test_a_weight_is_dragged_by_keys_and_the_run_goes_on_from_there(lab: Any) -> None:
    press(lab, "n", "ArrowRight", "Enter")
    shows(lab, "#answer-title", "layers[0].weight[0,0]")
    tab_to(lab, ".drag summary")
    press(lab, "Enter")
    tab_to(lab, "#drag")
    press(lab, "ArrowRight")
    shows(lab, "#drag-says", "predicted")
    tab_to(lab, "#drag-back")
    press(lab, "Enter")
    shows(lab, "#drag-says", "Move it")
    press(lab, "ArrowRight", "ArrowRight")
    shows(lab, "#drag-says", "true")
    tab_to(lab, "#drag-settle")
    press(lab, "Enter")
    lab.wait_for_selector("#branch-choice select")


def test_a_term_and_its_edge_light_up_both_ways(lab: Any) -> None:
    lab.mouse.move(*edge_place(lab))
    lab.wait_for_function("() => document.querySelectorAll('.neuron.pointed').length >= 1")
    lab.mouse.click(*edge_place(lab))
    shows(lab, "#answer-title", "weight[")
    line = lab.locator(".why-steps .lights").nth(2)
    line.hover()
    lab.wait_for_selector(".neuron.pointed")
    lab.hover("#unit-1-0")
    lab.wait_for_selector(".why-steps .lit, .terms .lit")


def edge_place(page: Any) -> tuple[float, float]:
    """The middle of the edge from the only input to the first neuron: beside it stands its name."""
    first = page.locator("#edge-labels text").first
    first.wait_for()
    box = first.bounding_box()
    return box["x"] + 10, box["y"] + box["height"] / 2


def test_everything_is_built_by_keys(lab: Any) -> None:
    tab_to(lab, "#preset-xor")
    press(lab, "Enter")
    shows(lab, "#subject", "Linear(2, 4)")
    tab_to(lab, "#recipe-layer-0")
    press(lab, "Enter")
    tab_to(lab, "#recipe-set-0-units")
    press(lab, "Control+A")
    lab.keyboard.type("6")
    press(lab, "Enter")
    shows(lab, "#subject", "Linear(2, 6)")
    tab_to(lab, "#recipe-add")
    press(lab, "Enter")
    tab_to(lab, "#recipe-add-kind")
    lab.keyboard.type("Dropout")
    tab_to(lab, "#recipe-add-go")
    press(lab, "Enter")
    shows(lab, "#subject", "Dropout")
    tab_to(lab, "#recipe-rate")
    press(lab, "Control+A")
    lab.keyboard.type("0.25")
    press(lab, "Enter")
    lab.wait_for_function("() => document.getElementById('recipe-rate').value === '0.25'")
    tab_to(lab, "#recipe-seed")
    press(lab, "Control+A")
    lab.keyboard.type("nonsense")
    press(lab, "Enter")
    lab.wait_for_selector(".note.error")


def test_a_table_of_ones_own_is_taken_and_its_columns_are_chosen(lab: Any) -> None:
    rows = "\n".join(f"{n},{2 * n},{3 * n + 1}" for n in range(12))
    content = f"a,b,c\n{rows}\n".encode()
    lab.set_input_files(
        "#data-file", {"name": "own.csv", "mimeType": "text/csv", "buffer": content}
    )
    shows(lab, "#data", "own.csv")
    shows(lab, "#subject", "Linear(2")
    lab.locator(".columns select").nth(1).select_option("unused")
    shows(lab, "#subject", "Linear(1")
    lab.set_input_files(
        "#data-file", {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1\n2,3,4\n"}
    )
    lab.wait_for_selector(".note.error")
    assert "Linear(1" in lab.inner_text("#subject")


def test_a_number_is_predicted_before_it_is_seen(lab: Any) -> None:
    press(lab, "p", "ArrowLeft")
    lab.click("[data-phase='1']")
    lab.wait_for_selector("#blank-0")
    tab_to(lab, "#blank-0")
    lab.keyboard.type("99")
    press(lab, "Enter")
    lab.wait_for_selector("#tab .mark")
    assert "0 of 1 right" in lab.inner_text("#tab")


def test_a_mistake_is_planted_found_and_judged_by_keys(lab: Any) -> None:
    press(lab, "3")
    tab_to(lab, "#plant")
    press(lab, "Enter")
    tab_to(lab, "#find")
    press(lab, "Enter")
    lab.wait_for_selector("#tab .planted .mark")
    tab_to(lab, "#judge")
    press(lab, "Enter")
    lab.wait_for_selector("#tab .verdict.wrong", timeout=20_000)
    tab_to(lab, "#own summary")
    press(lab, "Enter")
    tab_to(lab, "#own-code")
    press(lab, "Control+A")
    lab.keyboard.insert_text("def backward(*all):\n    return 1 / 0\n")
    press(lab, "Control+Enter")
    shows(lab, "#told", "ZeroDivisionError")


def test_the_output_is_looked_at_and_a_point_is_moved_by_keys(lab: Any) -> None:
    lab.wait_for_selector("#output-picture[aria-label*='Output']")
    tab_to(lab, "#output-picture")
    press(lab, "ArrowRight")
    shows(lab, "#sample", "sample 1")
    press(lab, "Shift+ArrowUp")
    lab.wait_for_selector("#branch-choice select")
    tab_to(lab, "#sample-next")
    press(lab, "Enter")
    shows(lab, "#sample", "sample 2")


def test_what_is_rounded_or_left_out_stands_in_one_table(lab: Any) -> None:
    lab.click("#preset-digits")
    shows(lab, "#subject", "Linear(64, 32)")
    lab.wait_for_selector(".neuron.exists text")
    tab_to(lab, "#honesty")
    press(lab, "Enter")
    told = lab.inner_text(".honest-table")
    assert "four significant digits" in told
    assert "too many to write each one" in told


def test_what_is_taken_away_comes_as_a_file(lab: Any) -> None:
    press(lab, "t")
    tab_to(lab, "#take-program")
    with lab.expect_download() as download:
        press(lab, "Enter")
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith(('"""', "#", "import"))
    tab_to(lab, "#take-link")
    press(lab, "Enter")
    lab.wait_for_selector("#link")
    assert "#r=" in lab.input_value("#link")


def test_the_language_and_the_theme_change_in_place(lab: Any) -> None:
    lab.click("#language")
    shows(lab, "#answer-title", "為什麼？")
    assert lab.get_attribute("html", "lang") == "zh-TW"
    before = lab.evaluate("getComputedStyle(document.body).color")
    lab.click("#theme")
    assert lab.evaluate("getComputedStyle(document.body).color") != before
    assert lab.title() == "clearprop 實驗室"
    lab.click("#theme")
    lab.click("#language")
    shows(lab, "#answer-title", "Why?")


def test_a_run_that_diverges_says_where_and_offers_the_rate_that_holds(lab: Any) -> None:
    lab.fill("#recipe-rate", "5")
    press(lab, "Enter")
    shows(lab, "#safe-rate", "above")
    lab.click("#time-play")
    lab.wait_for_selector("#diverged")
    lab.click("#diverged .strong")
    lab.wait_for_selector("#diverged", state="detached")
    assert float(lab.input_value("#recipe-rate")) < 1


def test_another_link_is_another_session_and_one_that_cannot_be_read_says_so(
    browser: Any, link: str
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = opened_lab(context, link)
    for recipe, subject in (({"preset": "xor"}, "Linear(2, 4)"), ({"layers": 3}, "Linear(1, 10)")):
        text = encoded_link(recipe)
        page.evaluate("(text) => { location.hash = `r=${text}`; }", text)
        shows(page, "#subject", subject)
    page.wait_for_selector(".note.error")
    assert page.complaints == []
    context.close()


def test_a_reload_goes_on_from_where_it_was(lab: Any) -> None:
    press(lab, "Shift+ArrowRight")
    shows(lab, "#now", "step 1 of 1")
    press(lab, "n", "ArrowRight", "Enter")
    shows(lab, "#answer-title", "layers[0].weight[0,0]")
    lab.reload()
    shows(lab, "#now", "step 1 of 1")
    shows(lab, "#answer-title", "layers[0].weight[0,0]")


@pytest.mark.parametrize("width", [390, 700])
def test_a_small_screen_shows_one_page_with_time_in_reach(
    browser: Any, link: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=True)
    page = opened_lab(context, link, "zh-TW")
    for place, panel in (("build", "#recipe"), ("answers", "#answer"), ("network", "#network")):
        page.tap(f"[data-to={place}]")
        assert page.is_visible(panel)
        assert page.is_visible("#time-play")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.tap(".neuron >> nth=2")
    shows(page, "#answer-title", "layers[0]")
    page.wait_for_selector("#pages .fresh[data-to=answers]")
    assert page.complaints == []
    context.close()
