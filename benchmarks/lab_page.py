"""The lab, served to Chromium: how soon it is usable, how soon a message is seen, how many pictures
and steps a second a run has.

Measured where playwright and Chromium are installed. Headless Chromium paints without a graphics
card, which costs pictures.
"""

import re
import shutil
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measuring import Row, fresh_environment, print_rows

# From the press of a key until the second frame behind the answer: by then it has been painted.
TO_PAINT = """
(phase) => new Promise((done) => {
  const title = document.getElementById("phase-title");
  const begin = performance.now();
  const seen = new MutationObserver(() => {
    seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
  });
  seen.observe(title, {childList: true, characterData: true, subtree: true});
  document.querySelector(`[data-phase="${phase}"]`).click();
})
"""
# Pictures of a run: how often the step that is shown changes.
PICTURES = """
() => new Promise((done) => {
  const now = document.getElementById("now");
  let pictures = 0;
  const seen = new MutationObserver(() => { pictures += 1; });
  seen.observe(now, {childList: true});
  const begin = performance.now();
  setTimeout(() => {
    seen.disconnect();
    done(1000 * pictures / (performance.now() - begin));
  }, 3000);
})
"""
STEPS = "() => Number(document.getElementById('scrub').getAttribute('aria-valuemax'))"


def measure() -> list[Row]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if find_spec("playwright") is None or chromium is None:
        return []
    from playwright.sync_api import sync_playwright

    program = str(Path(sys.executable).with_name("clearprop"))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        begin = time.perf_counter()
        server = subprocess.Popen(
            [program, "lab", "--no-browser"],
            stdout=subprocess.PIPE,
            env=fresh_environment(),
            encoding="utf-8",
        )
        try:
            rows = _of_page(page, _link(server), begin)
        finally:
            server.terminate()
            server.wait()
            browser.close()
    return rows


def _link(server: Any) -> str:
    for line in server.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise RuntimeError("the lab did not say where it is served")


def _of_page(page: Any, link: str, begin: float) -> list[Row]:
    page.goto(link)
    page.wait_for_selector(".neuron.exists text")
    usable = time.perf_counter() - begin
    page.wait_for_timeout(1000)
    paints = [page.evaluate(TO_PAINT, 1 + turn % 9) for turn in range(30)]
    page.click("#time-play")
    page.wait_for_timeout(500)
    steps, since = page.evaluate(STEPS), time.perf_counter()
    pictures = page.evaluate(PICTURES)
    rate = (page.evaluate(STEPS) - steps) / (time.perf_counter() - since)
    return [
        Row("lab, from the command until it is usable", usable, "s", at_most=1),
        Row("lab, message to paint", statistics.median(paints), "ms", at_most=50),
        Row("lab, pictures of a run of 1-10-1", pictures, "/s", at_least=30),
        Row("lab, steps of it meanwhile", rate, "/s", at_least=1000),
    ]


if __name__ == "__main__":
    print_rows(measure())
