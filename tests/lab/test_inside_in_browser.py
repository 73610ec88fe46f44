"""What is inside a layer, in a browser: by keys, by pointer, and how it looks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("uvicorn")

from clearprop.base.messages import LANGUAGES
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.formats.network_file import save
from clearprop.lab.lab_recipe import problem_of
from clearprop.lab.opened_files import problem_of_file
from clearprop.lab.session import Session
from tests.lab.looks import bad_labels
from tests.lab.served import opened_lab, served
from tests.lab.test_page_in_browser import shows
from tests.lab.test_page_looks import inaccessible

pytestmark = pytest.mark.thorough

PRESETS = ("images", "recall", "marked")


@pytest.fixture(scope="module", params=PRESETS)
def link(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(lambda: Session(problem=problem_of({"preset": request.param}))) as found:
        yield found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_label_is_cut_in_any_stage(browser: Any, link: str, width: int, language: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page = opened_lab(context, link, language)
    bad = {"first": bad_labels(page)}
    page.keyboard.press(".")
    page.wait_for_selector("#inside-stage")
    count = page.locator("#inside-stage option").count()
    for stage in range(count):
        page.wait_for_function(
            "(stage) => document.querySelector('#inside-stage').value === stage", arg=str(stage)
        )
        bad[str(stage)] = bad_labels(page)
        page.keyboard.press(".")
    assert count > 8
    assert not any(bad.values()), bad
    assert page.complaints == []
    context.close()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh-TW", "dark")])
def test_axe_finds_nothing_inside(browser: Any, link: str, language: str, theme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    page = opened_lab(context, link, language)
    page.keyboard.press("5")
    page.wait_for_selector(".matrix")
    whole = inaccessible(page)
    page.keyboard.press(".")
    page.wait_for_selector("#inside-stage option:nth-child(2):checked", state="attached")
    page.locator("[data-number]").first.click()
    page.wait_for_selector("#why .why-steps")
    assert [*whole, *inaccessible(page)] == []
    context.close()


def test_numbers_are_gone_through_by_keys(browser: Any) -> None:
    with served(lambda: Session(problem=problem_of({"preset": "marked"}))) as link:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = opened_lab(context, link)
        page.keyboard.press("5")
        page.select_option("#inside-stage", label="forward: weights")
        page.wait_for_selector("[data-number='layers[1].heads[0].weights[0,0]']")
        page.focus("[data-number='layers[1].heads[0].weights[0,0]']")
        for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        shows(page, "#answer-title", "layers[1].heads[0].weights[1,1]")
        # A cell of a map in the drawing, by keys: the first cell, one to the right, one down.
        page.keyboard.press("n")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        for key in ("ArrowRight", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        shows(page, "#answer-title", "input[1,1]")
        assert page.complaints == []
        context.close()


def test_a_file_that_no_recipe_says_opens(browser: Any, tmp_path: Path) -> None:
    network = Network(Sequential(Embedding(5, 3), GRU(3, 4), Linear(4, 5)))
    ids = np.arange(12).reshape(2, 6) % 5
    path = tmp_path / "ids.safetensors"
    save(path, network, network.initialize(0), x=ids, target=ids, loss=CrossEntropy())
    with served(lambda: Session(problem=problem_of_file(path))) as link:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = opened_lab(context, link)
        assert "out of a file" in page.inner_text("#recipe")
        page.locator("[data-layer='layers[1]']").click()
        page.click("#look-inside")
        page.wait_for_selector("text=forward: the whole layer", state="attached")
        # And a map's cell, by pointer.
        page.locator(".maps").nth(1).click()
        shows(page, "#answer-title", "layers[")
        assert page.complaints == []
        context.close()
