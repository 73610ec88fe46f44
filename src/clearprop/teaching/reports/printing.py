"""A page as PDF, printed by a browser of the Chromium family that is installed: what lays out
mathematics, Chinese and pictures on a screen does it on paper as well."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from clearprop.base.errors import ConfigurationError

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
    "brave-browser",
)
# Where they stand that no search path names.
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    "C:/Program Files/Microsoft/Edge/Application/msedge.exe",
)
SECONDS = 120


def browser() -> str:
    """The browser that prints. Raises ConfigurationError where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    found = found or next((place for place in PLACES if Path(place).is_file()), None)
    if found is None:
        raise ConfigurationError("browser_missing")
    return found


def printed(page: str) -> bytes:
    """An HTML page that needs no network as the bytes of a PDF file.

    Raises ConfigurationError where there is no browser, and where it does not print.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="clearprop-") as folder:
        html, out = Path(folder, "page.html"), Path(folder, "page.pdf")
        html.write_text(page, encoding="utf-8")
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            *_without_sandbox(),
            f"--user-data-dir={Path(folder, 'profile')}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={out}",
            html.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            values = {"browser": program, "problem": problem}
            raise ConfigurationError("browser_failed", **values) from problem
        if not out.is_file():
            raise ConfigurationError(
                "browser_failed",
                browser=program,
                problem=done.stderr.decode(errors="replace").strip().rpartition("\n")[2],
            )
        return out.read_bytes()


def _without_sandbox() -> list[str]:
    """Root, as in a container, has no sandbox; the page is our own and asks for nothing."""
    is_root = os.name == "posix" and os.geteuid() == 0
    return ["--no-sandbox"] if is_root else []
