"""How the page looks, measured: no label is cut or lies on another one, in both languages and at
the widths that people have, and axe-core finds nothing that keeps anybody out."""

from collections.abc import Iterator
from typing import Any

import pytest

from clearprop.base.messages import LANGUAGES
from clearprop.lab.lab_opening import Opening, opened_lesson
from tests.lab.looks import bad_labels

pytest.importorskip("uvicorn")

from tests.lab.served import opened_lab, served

pytestmark = pytest.mark.thorough

WIDTHS = (390, 768, 1440)
TABS = ("output", "health", "check", "exercise")


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    with served(Opening(lesson=opened_lesson("backward-by-hand")).session) as found:
        yield found


def inaccessible(page: Any) -> list[str]:
    """What axe-core finds wrong with a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_label_is_cut_or_lies_on_another(
    browser: Any, link: str, width: int, language: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = opened_lab(context, link, language)
    bad = {"": bad_labels(page)}
    for place in page.locator("#pages button:visible").all():
        place.click()
        bad[place.inner_text()] = bad_labels(page)
    if width == 1440:
        page.locator(".neuron").nth(2).click()
        page.wait_for_selector("#why .why-steps")
        for part in range(page.locator(".lesson-dot").count()):
            page.locator(".lesson-dot").nth(part).click()
            bad[f"part {part + 1}"] = bad_labels(page)
    assert not any(bad.values()), bad
    context.close()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh-TW", "dark")])
def test_axe_finds_nothing(browser: Any, link: str, language: str, theme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    page = opened_lab(context, link, language)
    page.locator(".neuron").nth(2).click()
    page.wait_for_selector("#why .why-steps")
    found = {}
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(100)
        found[tab] = inaccessible(page)
    assert not any(found.values()), found
    context.close()


def test_the_measure_sees_what_is_cut_and_what_overlaps(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(
        "<p id=cut style='width:40px;overflow:hidden;white-space:nowrap'>much longer than it is</p>"
        "<p style='position:absolute;top:200px'>one</p>"
        "<p style='position:absolute;top:203px'>other</p>"
        "<p style='width:40px;overflow:auto;white-space:nowrap'>may be scrolled to its end</p>"
    )
    assert bad_labels(page) == [["cut", "much longer than it is"], ["one", "other"]]
    page.set_content("<body style='margin:0'><div style='width:3000px'>wide</div>")
    assert bad_labels(page) == ["1720 px wider than its window"]
    page.close()
