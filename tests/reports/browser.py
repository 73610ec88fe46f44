"""Pages measured by a real browser: what overlaps, what sticks out, how wide it is.

One browser is started for all of them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import launched

MEASURE = """
() => {
  function boxes(svg) {
    return [...svg.querySelectorAll("text")]
      .map(text => ({text: text.textContent.trim(), box: text.getBoundingClientRect()}))
      .filter(one => one.text && one.box.width > 0);
  }
  function overlap(a, b) {
    // Boxes hold the room above and below the glyphs as well: a fifth of a line is no overlap.
    const slack = 0.2 * Math.min(a.height, b.height) + 1;
    return Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  }
  const found = {overlaps: [], outside: []};
  for (const svg of document.querySelectorAll("figure svg")) {
    const name = svg.closest("figure").id, frame = svg.getBoundingClientRect(), all = boxes(svg);
    all.forEach((one, i) => {
      const {left, right, top, bottom} = one.box;
      if (left < frame.left - 2 || right > frame.right + 2 || top < frame.top - 2
          || bottom > frame.bottom + 2) found.outside.push([name, one.text]);
      for (const other of all.slice(i + 1))
        if (overlap(one.box, other.box)) found.overlaps.push([name, one.text, other.text]);
    });
  }
  found.width = document.documentElement.scrollWidth;
  found.window = innerWidth;
  found.figures = document.querySelectorAll("figure svg").length;
  return found;
}
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running browser; the tests that ask for it are skipped where there is none."""
    with launched() as running:
        yield running


Measure = Callable[[str, int], dict[str, Any]]


@pytest.fixture
def measure(browser: Any, tmp_path: Path) -> Measure:
    """What the browser finds in a page's HTML, in a window of so many pixels."""

    def run(html: str, width: int) -> dict[str, Any]:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        with browser.new_page(viewport={"width": width, "height": 900}) as page:
            page.goto(path.as_uri())
            result: dict[str, Any] = page.evaluate(MEASURE)
        return result

    return run
