"""A real Chromium, driven by playwright: for tests that look at a page, point and press keys."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# What a page's labels do: which two overlap, which stick out of their picture, and whether the page
# is wider than its window. Each is told with the id of the figure that it stands in.
MEASURE = """
() => {
  const found = {overlaps: [], outside: [], labels: 0};
  const overlap = (a, b) => {
    // Boxes hold the room above and below the glyphs as well: a fifth of a line is no overlap.
    const slack = 0.2 * Math.min(a.height, b.height) + 1;
    return Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  };
  for (const svg of document.querySelectorAll("svg")) {
    const figure = svg.closest("figure")?.id ?? "", frame = svg.getBoundingClientRect();
    const all = [...svg.querySelectorAll("text")]
      .map(text => ({words: text.textContent.trim(), box: text.getBoundingClientRect()}))
      .filter(one => one.words && one.box.width > 0);
    found.labels += all.length;
    all.forEach((one, i) => {
      const {left, right, top, bottom} = one.box;
      if (left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1
          || bottom > frame.bottom + 1) found.outside.push([figure, one.words]);
      for (const other of all.slice(i + 1))
        if (overlap(one.box, other.box)) found.overlaps.push([figure, one.words, other.words]);
    });
  }
  found.figures = document.querySelectorAll("figure svg").length;
  found.width = document.documentElement.scrollWidth;
  found.window = document.documentElement.clientWidth;
  return found;
}
"""

# What scrolls and has no hint above it that says so.
SILENT = """
() => [...document.querySelectorAll(".scroll, .picture, .equations, pre, math")]
  .filter(box => box.scrollWidth > box.clientWidth + 24)
  .filter(box => !box.previousElementSibling?.matches(".sideways"))
  .map(box => box.textContent.trim().slice(0, 40))
"""

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running browser. Skips the test where there is no playwright or no Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        # A container's user is root, for whom Chromium has no sandbox.
        running = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page's HTML; every request that is not for the page itself, and every error, is
    collected in `page.complaints`."""
    contexts = []

    def open_page(html: str, *, width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("request", lambda request: page.complaints.append(request.url))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda message: page.complaints.append(message.text))
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri())
        assert page.complaints.pop(0) == path.as_uri()
        return page

    yield open_page
    for context in contexts:
        context.close()
