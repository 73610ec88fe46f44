"""Pages measured by a real browser: what overlaps, what sticks out, how wide it is.

A script that measures is put into a copy of the page; Chromium runs it and prints the page with
what it found.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MEASURE = """
<script>
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
document.documentElement.setAttribute("data-found", JSON.stringify(found));
</script>
"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's command; the tests that ask for it are skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return pytest.skip("Chromium is not installed")


Measure = Callable[[str, int], dict[str, Any]]


@pytest.fixture
def measure(chromium: str, tmp_path: Path) -> Measure:
    """What the browser finds in a page's HTML, in a window of so many pixels."""

    def run(html: str, width: int) -> dict[str, Any]:
        page = tmp_path / "page.html"
        page.write_text(html.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        done = subprocess.run(
            [*command, f"--window-size={width},900", page.as_uri()],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        match = re.search(r'data-found="([^"]*)"', done.stdout)
        assert match, done.stderr[-2000:]
        result: dict[str, Any] = json.loads(match[1].replace("&quot;", '"').replace("&amp;", "&"))
        return result

    return run
