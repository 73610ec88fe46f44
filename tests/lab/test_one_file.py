"""The lab as one file, opened from disk in a browser: what can be read at once, how soon it lives,
that nothing leaves it, and that it says so where it cannot run.

Times are the processor's, which a busy machine does not change.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clearprop.lab.lab_opening import Opening, opened_lesson
from clearprop.lab.lesson_files import own_lesson
from clearprop.lab.one_file import one_file
from clearprop.lab.runtime import fetched_runtime
from tests.lab.fetch_runtime import is_there
from tests.lab.firefox import is_installed, running_firefox

pytestmark = pytest.mark.thorough

LESSON = "chain-rule"
TRACED = ["toplevel"]
# Milliseconds that are waited on a busy machine before something has failed.
PATIENCE = 120_000
# Another test runs beside these, on what may be the other half of the same core: a moment takes
# some times what it takes of a machine that does nothing else.
BUSY = 4
CODE = own_lesson("backward-by-hand").parts[5].code
RIGHT = (
    CODE.replace("da1 = ...", "da1 = dy @ W2.T")
    .replace("dz1 = ...", "dz1 = da1 * (z1 > 0)")
    .replace("dW1 = ...", "dW1 = x.T @ dz1")
)
# Pasted code that would tell somebody else.
ASK = """
import js
asked = js.XMLHttpRequest.new()
asked.open("GET", "http://127.0.0.1:{port}/", False)
try:
    asked.send()
except Exception:
    pass
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not is_there():
        pytest.skip("Pyodide is not in the cache: python -m tests.lab.fetch_runtime")
    runtime = fetched_runtime(lambda: pytest.fail("it is in the cache"))
    path = tmp_path_factory.mktemp("lab") / "lesson.html"
    path.write_text(one_file(Opening(lesson=opened_lesson(LESSON)), runtime, "en"), "utf-8")
    return path


class Opened:
    """The file in a page: what was asked of the network, what went wrong, and what it has cost."""

    def __init__(self, browser: Any, path: Path, before: str = "") -> None:
        # The file speaks the language that it was written in, whatever the browser's is.
        size = {"width": 1440, "height": 900}
        self.context = browser.new_context(viewport=size, locale="zh-TW")
        self.page = self.context.new_page()
        self.page.add_init_script(before)
        self.processes = browser.new_browser_cdp_session()
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda problem: self.faults.append(str(problem)))
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.before = self.cost()
        self.page.goto(path.as_uri(), wait_until="commit")

    def cost(self) -> float:
        """Seconds of the processor that pages have taken."""
        told = self.processes.send("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(one["cpuTime"] for one in told if one["type"] == "renderer"))

    def taken(self) -> float:
        return self.cost() - self.before


@pytest.fixture(scope="module")
def living(browser: Any, written: Path) -> Iterator[dict[str, Any]]:
    """The page from its first look to its life, and what was measured on the way."""
    opened = Opened(browser, written)
    browser.start_tracing(page=opened.page, categories=TRACED)
    page = opened.page
    page.wait_for_selector("#phases button", timeout=PATIENCE)
    found: dict[str, Any] = {"opened": opened, "page": page, "read": opened.taken()}
    page.get_by_role("button", name="Why does this weight have this gradient?").click()
    page.wait_for_selector("#why .why-steps", timeout=PATIENCE)
    found["early"] = page.locator("#why .why-steps").inner_text()
    found["early_live"] = page.locator("html[data-session=live]").count()
    page.wait_for_selector("html[data-session=live]", timeout=PATIENCE)
    found["live"] = opened.taken()
    found["trace"] = json.loads(browser.stop_tracing())
    yield found
    opened.context.close()


def test_it_is_one_file_of_a_size_that_can_be_mailed(written: Path) -> None:
    assert 5e6 < written.stat().st_size <= 15e6
    text = written.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text.split('id="recorded"')[0])


def test_there_is_something_to_read_at_once(living: dict[str, Any]) -> None:
    assert living["read"] <= 1.0 * BUSY
    assert "∂C" in living["early"]
    assert living["early_live"] == 0


def test_it_lives_soon(living: dict[str, Any]) -> None:
    assert living["live"] <= 15.0 * BUSY


def test_the_page_never_stands_still(living: dict[str, Any]) -> None:
    events = living["trace"]["traceEvents"]
    threads = {
        (one["pid"], one["tid"]): one["args"]["name"]
        for one in events
        if one["name"] == "thread_name"
    }
    tasks = [
        one["tdur"] / 1000
        for one in events
        if one["name"] == "ThreadControllerImpl::RunTask"
        and "tdur" in one
        and threads.get((one["pid"], one["tid"])) == "CrRendererMain"
    ]
    assert len(tasks) > 100
    assert max(tasks) <= 100.0 * BUSY


def test_what_was_recorded_is_what_the_session_says(living: dict[str, Any]) -> None:
    page = living["page"]
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Why does this weight have this gradient?").click()
    page.wait_for_selector("#why .why-steps")
    assert page.locator("#why .why-steps").inner_text() == living["early"]


def test_a_weight_is_explained_at_once(living: dict[str, Any]) -> None:
    opened, page = living["opened"], living["page"]
    ideas = ("How is the loss computed?", "Why does this weight have this gradient?")
    times, before = 6, opened.cost()
    for number in range(times):
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("button", name=ideas[number % 2]).click()
        page.wait_for_selector("#why .why-steps")
    assert (opened.cost() - before) / times <= 0.1 * BUSY


def test_a_run_goes_on_and_back(living: dict[str, Any]) -> None:
    page = living["page"]
    page.locator("#controls .play").click()
    now = page.locator("#controls .now")
    until = time.monotonic() + PATIENCE / 1000
    while int(re.findall(r"\d+", now.inner_text())[0]) < 20:
        assert time.monotonic() < until
        page.wait_for_timeout(20)
    page.locator("#controls .play").click()
    page.keyboard.press("Shift+ArrowLeft")


def test_a_lesson_is_marked_on_the_page(living: dict[str, Any]) -> None:
    page = living["page"]
    page.locator(".lesson-dot").nth(2).click()
    for text, outcome in (("two", "unreadable"), ("2", "wrong"), ("4", "right")):
        page.fill("#lesson-number", text)
        page.locator(".lesson-answer button").click()
        page.wait_for_selector(f"#lesson-room .mark.{outcome}")
    assert page.locator(".lesson-dot.done").count() == 1


def test_pasted_code_is_judged_and_stopped_where_it_loops(living: dict[str, Any]) -> None:
    page = living["page"]
    page.locator("#tab-check").click()
    page.locator("#own summary").click()

    def judged(code: str, found: str) -> str:
        page.fill("#own-code", code)
        page.locator("#judge-own").click()
        text: str = page.wait_for_selector(found, timeout=PATIENCE).inner_text()
        page.locator("#told button").evaluate_all("all => all.forEach(one => one.click())")
        return text

    assert judged(RIGHT, ".verdict.right")
    judged(RIGHT.replace("a1.T @ dy", "z1.T @ dy"), ".verdict.wrong")
    looping = RIGHT.replace("z1 = x", "while True: pass\n    z1 = x")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        code = ASK.format(port=listening.getsockname()[1]) + looping
        told = judged(code, "#told .error")
        with pytest.raises(BlockingIOError):  # nobody has come
            listening.accept()
    assert "did not finish within 2 seconds" in told
    # The lab is alive.
    page.get_by_role("button", name="How is the loss computed?").click()
    page.wait_for_selector("#why .why-steps")


def test_classes_are_learned_there_too(living: dict[str, Any]) -> None:
    page = living["page"]
    page.locator(".thumb").nth(4).click()
    page.wait_for_selector("#subject:has-text('Linear(8, 2)')", timeout=PATIENCE)
    page.locator("#tab-health").click()
    page.wait_for_selector("#tab .bar-row", timeout=PATIENCE)
    assert page.locator("#told .error").count() == 0


def test_nothing_went_wrong(living: dict[str, Any]) -> None:
    # But what the pasted code was told that tried to tell somebody.
    assert [one for one in living["opened"].faults if "127.0.0.1" not in one] == []


def test_nothing_was_asked_of_the_network(living: dict[str, Any], written: Path) -> None:
    asked = [one for one in living["opened"].requests if not one.startswith(("blob:", "data:"))]
    # Beside the file only what pasted code tried, and nobody heard.
    assert asked[:1] == [written.as_uri()]
    assert all(one.startswith("http://127.0.0.1:") for one in asked[1:])


@pytest.mark.parametrize(
    ("before", "damage", "told"),
    [
        ("delete globalThis.WebAssembly", None, "This browser has no WebAssembly"),
        ("", '<script type="text/plain" data-file="pyodide.js">', "Python could not start"),
    ],
)
def test_where_python_cannot_run_it_says_so_and_can_be_read(
    browser: Any, written: Path, tmp_path: Path, before: str, damage: str | None, told: str
) -> None:
    path = written
    if damage is not None:
        path = tmp_path / "damaged.html"
        text = written.read_text(encoding="utf-8")
        assert text.count(damage) == 1
        path.write_text(text.replace(damage, f"{damage}AAAA"), encoding="utf-8")
    opened = Opened(browser, path, before)
    page = opened.page
    assert told in page.wait_for_selector("#told .error", timeout=PATIENCE).inner_text()
    page.get_by_role("button", name="How is the loss computed?").click()
    page.wait_for_selector("#why .why-steps")
    opened.context.close()


def test_it_opens_in_firefox(written: Path, tmp_path: Path) -> None:
    if not is_installed():
        pytest.skip("Firefox is not installed")
    with running_firefox(tmp_path) as firefox:
        firefox.open(f"{written.as_uri()}?lang=zh-TW#s=weight:layers[2].weight[0,0]")
        live = "return document.documentElement.dataset.session === 'live'"
        firefox.wait(live, PATIENCE / 1000)
        why = "return document.querySelector('#why .why-steps')?.textContent ?? ''"
        assert "權重" in firefox.wait(why, PATIENCE / 1000)
        faults = "return [...document.querySelectorAll('#told .error')].map(one => one.textContent)"
        assert firefox.run(faults) == []
