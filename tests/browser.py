"""A real Chromium, driven by playwright: for tests that look at a page, point and press keys."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# What a page's labels do: which two overlap, which stick out of their picture, and whether the page
# is wider than its window.
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
    const frame = svg.getBoundingClientRect();
    const all = [...svg.querySelectorAll("text")]
      .map(text => ({words: text.textContent.trim(), box: text.getBoundingClientRect()}))
      .filter(one => one.words && one.box.width > 0);
    found.labels += all.length;
    all.forEach((one, i) => {
      const {left, right, top, bottom} = one.box;
      if (left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1
          || bottom > frame.bottom + 1) found.outside.push(one.words);
      for (const other of all.slice(i + 1))
        if (overlap(one.box, other.box)) found.overlaps.push([one.words, other.words]);
    });
  }
  found.width = document.documentElement.scrollWidth;
  found.window = document.documentElement.clientWidth;
  return found;
}
"""


@contextmanager
def launched() -> Iterator[Any]:
    """A running browser. Skips the test where there is no playwright or no Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        # A container's user is root, for whom Chromium has no sandbox.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
